use super::*;
use wire::bpdu::{PortRole, Version};

const HUB: &str = "stp";
const DESIGNATED: u8 = 0x3c;
const ALTERNATE: u8 = 0x04;

/// A clock, the state and its log.
struct Bench {
    start: Instant,
    now: Duration,
    stp: Stp,
    log: EventLog,
}

impl Bench {
    fn new() -> Self {
        Self { start: Instant::now(), now: Duration::ZERO, stp: Stp::default(), log: EventLog::default() }
    }

    /// Time passes in steps of 100 ms, as control turns.
    fn pass(&mut self, seconds: f64) {
        let until = self.now + Duration::from_secs_f64(seconds);
        while self.now < until {
            self.now += Duration::from_millis(100);
            self.stp.tick(self.start + self.now, &mut self.log);
        }
    }

    fn hear(&mut self, member: &Member, frame: &[u8]) {
        self.stp.hear(self.start + self.now, HUB, member.clone(), frame, &mut self.log);
    }

    fn tree(&self) -> &Tree {
        &self.stp.hub(HUB).expect("the hub was heard").trees[&None]
    }

    fn events(&self) -> Vec<String> {
        self.log.events().map(|event| event.what.clone()).collect()
    }

    fn said(&self, what: &str) -> usize {
        self.log.events().filter(|event| event.what.contains(what)).count()
    }
}

fn access(n: u8) -> Member {
    Member::Port(format!("access{n}"))
}

fn vtep() -> Member {
    Member::Vtep(IpAddr::from([172, 16, 0, 2]))
}

/// A message of rapid spanning tree (or, without a version, of legacy) of bridge 02::`bridge`, port `port`.
fn frame(version: u8, flags: u8, (root, bridge, port): (u8, u8, u8)) -> Vec<u8> {
    let id = |n: u8| [0x80, 0, 2, 0, 0, 0, 0, n];
    let mut octets = vec![1, 0x80, 0xc2, 0, 0, 0, 2, 0, 0, 0, bridge, port, 0, 39, 0x42, 0x42, 3, 0, 0, version];
    octets.push(if version == 0 { 0 } else { 2 });
    octets.push(flags);
    octets.extend(id(root));
    octets.extend([0, 0, 0, if root == bridge { 0 } else { 20 }]);
    octets.extend(id(bridge));
    octets.extend([0x80, port, 0, 0, 20, 0, 2, 0, 15, 0, 0]);
    octets.resize(60, 0);
    octets
}

fn rapid(flags: u8, who: (u8, u8, u8)) -> Vec<u8> {
    frame(2, flags, who)
}

#[test]
fn who_is_designated_and_root_is_told_once() {
    let mut bench = Bench::new();
    for _ in 0..10 {
        bench.hear(&access(0), &rapid(DESIGNATED, (1, 1, 3)));
        bench.pass(2.0);
    }
    let sender = "port 128.3 of bridge 32768.02:00:00:00:00:01, by port access0";
    assert_eq!(bench.events(), [format!("designated is {sender} (rstp)"), "root is 32768.02:00:00:00:00:01".into()]);
    let (_, heard) = bench.tree().senders().next().expect("one");
    assert_eq!((heard.role(), heard.forwards(), heard.bpdus), (PortRole::Designated, Some(true), 10));
    assert!(!bench.tree().is_dual_active());
}

/// One port takes over from another: no moment of it is two ports that forward.
#[test]
fn a_switch_over_is_told_and_is_no_danger() {
    let mut bench = Bench::new();
    for _ in 0..5 {
        bench.hear(&access(0), &rapid(DESIGNATED, (1, 1, 1)));
        bench.pass(2.0);
    }
    for _ in 0..10 {
        bench.hear(&vtep(), &rapid(DESIGNATED, (1, 1, 2)));
        bench.pass(2.0);
        assert!(!bench.tree().is_dual_active());
    }
    assert_eq!(bench.tree().designated().map(|sender| sender.member.clone()), Some(vtep()));
    assert_eq!((bench.said("nothing more is heard from port 128.1"), bench.said("designated is")), (1, 2));
    assert_eq!(bench.said("danger"), 0);
}

#[test]
fn two_ports_that_go_on_being_designated_are_a_danger_until_one_stops() {
    let mut bench = Bench::new();
    for n in 0..20 {
        bench.hear(&access(0), &rapid(DESIGNATED, (1, 1, 1)));
        bench.pass(1.0);
        if n >= 5 {
            bench.hear(&vtep(), &rapid(DESIGNATED, (1, 2, 2)));
        }
        bench.pass(1.0);
        // The second one has been sending for three hello times from the ninth round on.
        assert_eq!(bench.tree().is_dual_active(), n >= 8, "{n}");
    }
    for n in 0..5 {
        bench.hear(&access(0), &rapid(DESIGNATED, (1, 1, 1)));
        bench.hear(&vtep(), &rapid(ALTERNATE, (1, 2, 2)));
        bench.pass(2.0);
        assert!(!bench.tree().is_dual_active(), "{n}");
    }
    assert_eq!((bench.said("danger of a loop"), bench.said("no more than one")), (1, 1));
}

#[test]
fn a_port_that_says_that_it_discards_is_no_danger_and_one_that_two_members_bring_neither() {
    let mut bench = Bench::new();
    for _ in 0..10 {
        bench.hear(&access(0), &rapid(DESIGNATED, (1, 1, 1)));
        bench.hear(&access(1), &rapid(DESIGNATED, (1, 1, 1)));
        bench.hear(&vtep(), &rapid(0x0e, (1, 2, 2)));
        bench.pass(2.0);
    }
    assert!(!bench.tree().is_dual_active());
    assert_eq!(bench.tree().senders().count(), 3);
}

#[test]
fn legacy_ports_are_designated_whenever_they_send() {
    let mut bench = Bench::new();
    for _ in 0..10 {
        bench.hear(&access(0), &frame(0, 0, (1, 1, 1)));
        bench.hear(&access(1), &frame(0, 0, (2, 2, 1)));
        bench.pass(2.0);
    }
    let (_, heard) = bench.tree().senders().next().expect("one");
    assert_eq!((heard.version, heard.role(), heard.forwards()), (Version::Stp, PortRole::Designated, None));
    assert!(bench.tree().is_dual_active());
}

#[test]
fn topology_changes_are_counted_when_they_begin() {
    let mut bench = Bench::new();
    let notification = [&frame(0, 0, (1, 1, 1))[..17], &[0, 0, 0, 0x80]].concat();
    for flags in [0, 1, 1, 1, 0, 1] {
        bench.hear(&access(0), &rapid(DESIGNATED | flags, (1, 1, 1)));
        bench.pass(1.0);
    }
    bench.hear(&access(1), &notification);
    let hub = bench.stp.hub(HUB).expect("heard");
    assert_eq!((hub.members[&access(0)].topology_changes, hub.members[&access(1)].topology_changes), (2, 1));
    assert_eq!(bench.said("topology change from port 128.1 of bridge"), 2);
    assert_eq!(bench.said("topology change from port access1"), 1);
}

#[test]
fn trees_of_vlans_are_apart() {
    let mut bench = Bench::new();
    let plain = rapid(DESIGNATED, (1, 1, 1));
    let pvst = |vlan: u8| {
        let mut octets = vec![1, 0, 0x0c, 0xcc, 0xcc, 0xcd, 2, 0, 0, 0, 0, 1, 0x81, 0, 0, vlan, 0, 50];
        octets.extend([0xaa, 0xaa, 3, 0, 0, 0x0c, 1, 0x0b]);
        octets.extend(&plain[17..53]);
        octets.extend([0, 0, 0, 2, 0, vlan]);
        octets
    };
    bench.hear(&access(0), &plain);
    bench.hear(&access(0), &pvst(10));
    bench.hear(&vtep(), &pvst(20));
    let hub = bench.stp.hub(HUB).expect("heard");
    assert_eq!(hub.trees.keys().copied().collect::<Vec<_>>(), [None, Some(10), Some(20)]);
    assert!(hub.trees[&Some(10)].senders().all(|(_, heard)| heard.pvst));
    assert_eq!(bench.said("VLAN 20: designated is"), 1);
}

#[test]
fn what_flaps_does_not_fill_the_log_and_what_is_made_up_not_the_memory() {
    let mut bench = Bench::new();
    for n in 0..5000u16 {
        let mut forged = rapid(DESIGNATED | 1, (1, 1, 1));
        forged[26..28].copy_from_slice(&n.to_be_bytes());
        forged[40..42].copy_from_slice(&n.to_be_bytes());
        bench.hear(&access(0), &forged);
        bench.hear(&access(0), &[0; 60]);
    }
    let hub = bench.stp.hub(HUB).expect("heard");
    assert_eq!((hub.members[&access(0)].bpdus, hub.members[&access(0)].others), (5000, 5000));
    assert_eq!(bench.tree().senders().count(), MOST_SENDERS);
    assert!(bench.events().len() <= EVENTS.0 as usize, "{}", bench.events().len());
    bench.pass(11.0);
    bench.hear(&access(0), &rapid(DESIGNATED, (1, 1, 1)));
    assert_eq!(bench.said("were not logged"), 1);
    bench.pass(700.0);
    assert!(bench.stp.is_quiet() && bench.stp.hub(HUB).is_some_and(|hub| hub.trees.is_empty()));
}

#[test]
fn a_network_that_is_gone_is_forgotten() {
    let mut bench = Bench::new();
    bench.hear(&access(0), &rapid(DESIGNATED, (1, 1, 1)));
    bench.stp.retain(|network| network != HUB);
    assert!(bench.stp.hub(HUB).is_none() && bench.stp.is_quiet());
}
