use super::*;
use crate::config::MacLimitAction::{Alarm, Drop, Log, Shutdown};
use fib::{Builder, Fabric, NetworkId, NetworkSpec, Snapshot, SourceCheck, VifSpec};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use wire::VlanId;

const OWN: MacAddr = MacAddr::new([2, 0, 0, 0, 0x10, 0]);
const VIFS: usize = 3;

fn vif(n: usize) -> VifIndex {
    VifIndex::new(n).expect("a row")
}

fn vni() -> Vni {
    Vni::try_from(5100).expect("a legal VNI")
}

fn mac(n: u8) -> MacAddr {
    MacAddr::new([2, 0, 0, 0, 0x30, n])
}

/// Three interfaces of one network that learns; the first owns [`OWN`].
fn tables() -> Snapshot {
    let fabric = Fabric {
        links: vec![],
        vlan: None,
        address: None,
        address_v6: None,
        dont_fragment: true,
        source_check: SourceCheck::Known,
        udp6_zero_checksum_tx: false,
        udp6_zero_checksum_rx: false,
        dscp: [0; 16],
    };
    let (mut builder, network) = (Builder::new(fabric, 7), NetworkId::new(0).expect("a row"));
    builder.add_network(network, NetworkSpec::new(vni())).expect("free");
    for n in 0..VIFS {
        let own = [MacAddr::new([2, 0, 0, 0, 0x10, n as u8])];
        let vlan = VlanId::try_from(100 + n as u32).expect("legal");
        let port = PortIndex::new(n).expect("a row");
        let spec = VifSpec { network, port, vlan, inner: None, sources: &own, max_payload: 1500, label: None };
        builder.add_vif(vif(n), spec).expect("free");
        assert_eq!(builder.set_learns(vif(n)), Ok(true));
    }
    builder.finish()
}

/// Learning with its clock, and the tables that it has made so far.
struct Scene {
    learning: Learning,
    tables: Snapshot,
    generation: u64,
    log: Arc<EventLog>,
    now: Instant,
    /// Of a worker.
    marks: BTreeSet<LearnedId>,
}

impl Scene {
    fn new(of_vif: MacLimit, of_network: MacLimit, moves: MacMove) -> Self {
        let mut scene = Self {
            learning: Learning::new(64),
            tables: tables(),
            generation: 1,
            log: Arc::default(),
            now: Instant::now(),
            marks: BTreeSet::new(),
        };
        scene.configure(of_vif, of_network, moves, 0..VIFS);
        scene
    }

    fn free() -> Self {
        Self::new(MacLimit::NONE, MacLimit::NONE, MacMove::DEFAULT)
    }

    fn configure(&mut self, of_vif: MacLimit, of_network: MacLimit, moves: MacMove, vifs: std::ops::Range<usize>) {
        let rules = |n: usize| {
            let (name, port) = (format!("vmi{n}"), PortIndex::new(n).expect("a row"));
            (vif(n), VifRules { name, network: vni(), port, since: 0, limit: of_vif })
        };
        let ageing = Some(Duration::from_secs(300));
        let network = NetworkRules { name: "blue".into(), ageing, limit: of_network, moves };
        self.generation += 1;
        self.learning.configure(vifs.map(rules).collect(), [(vni(), network)].into(), self.generation);
        self.tables = self.learning.restore(tables(), self.generation);
    }

    fn turn<R>(&mut self, act: impl FnOnce(&mut Learning, &mut Turn<'_>) -> R) -> R {
        let tables = InForce { current: &self.tables, next: self.generation + 1, oldest_in_use: self.generation };
        act(&mut self.learning, &mut Turn { now: self.now, tables, log: &mut self.log })
    }

    /// A worker tells of a source; the tables follow.
    fn hear(&mut self, n: usize, mac: MacAddr) {
        let generation = self.generation;
        self.turn(|learning, turn| learning.hear(turn, generation, Learn { vif: vif(n), mac }));
        self.publish();
    }

    fn publish(&mut self) {
        if let Some(next) = self.learning.amend(&self.tables, self.generation + 1, |_, _| None) {
            self.generation += 1;
            self.tables = next;
        }
    }

    /// Time passes, in which these are seen all the time.
    fn pass(&mut self, seconds: u64, seen: &[MacAddr]) {
        for _ in 0..seconds {
            self.now += Duration::from_secs(1);
            let stations = Arc::clone(&self.learning.known().stations);
            let mut marks = std::mem::take(&mut self.marks);
            marks.extend(seen.iter().filter_map(|mac| Some(stations.get(&(vni(), *mac))?.row)));
            self.turn(|learning, turn| learning.sweep(turn, |row| marks.remove(&row)));
            self.marks = marks;
            self.publish();
        }
    }

    /// Where the tables and the books say that a station is.
    fn home(&self, mac: MacAddr) -> Option<usize> {
        let station = self.learning.known().stations.get(&(vni(), mac)).map(|station| station.vif);
        let learned = (0..VIFS).map(vif).find(|vif| self.tables.is_learned(*vif, mac.to_bits()));
        assert_eq!(station, learned, "{mac}: the books on the left, the tables on the right");
        station.map(VifIndex::row)
    }

    fn said(&self) -> Vec<(String, String)> {
        self.log.events().map(|event| (event.about.clone(), event.what.clone())).collect()
    }
}

fn limit(most: u32, action: MacLimitAction) -> MacLimit {
    MacLimit { most, action }
}

#[test]
fn a_source_is_learned_where_it_is_heard_and_forgotten_when_it_has_been_silent_for_long() {
    let mut scene = Scene::free();
    scene.hear(1, mac(1));
    scene.hear(2, mac(2));
    assert_eq!([scene.home(mac(1)), scene.home(mac(2))], [Some(1), Some(2)]);
    scene.pass(299, &[mac(2)]);
    assert_eq!(scene.home(mac(1)), Some(1), "not before its time");
    scene.pass(60, &[mac(2)]);
    assert_eq!([scene.home(mac(1)), scene.home(mac(2))], [None, Some(2)]);
    scene.pass(400, &[]);
    assert_eq!(scene.tables.learned.len(), 0);
    scene.hear(0, mac(1));
    assert_eq!(scene.home(mac(1)), Some(0), "it may come back");
}

#[test]
fn what_is_configured_and_what_is_no_station_is_not_learned() {
    let mut scene = Scene::free();
    for mac in [OWN, MacAddr::VIRTUAL_ROUTER, MacAddr::BROADCAST, MacAddr::ZERO, MacAddr::new([1, 0, 0, 0, 0, 1])] {
        scene.hear(1, mac);
        assert_eq!(scene.home(mac), None, "{mac}");
    }
    assert!(scene.learning.known().stations.is_empty() && scene.tables.learned.is_empty());
}

#[test]
fn a_notice_from_before_the_interface_was_this_one_is_nobodys() {
    let mut scene = Scene::free();
    Arc::make_mut(&mut scene.learning.known.vifs).get_mut(&vif(1)).expect("there").rules.since = 9;
    scene.turn(|learning, turn| learning.hear(turn, 8, Learn { vif: vif(1), mac: mac(1) }));
    assert!(!scene.learning.has_changes());
    scene.turn(|learning, turn| learning.hear(turn, 9, Learn { vif: vif(1), mac: mac(1) }));
    assert!(scene.learning.has_changes());
}

#[test]
fn a_limit_keeps_the_next_station_out_and_tells_once_until_there_is_room() {
    for action in [Log, Alarm] {
        let mut scene = Scene::new(limit(2, action), MacLimit::NONE, MacMove::DEFAULT);
        (1..=5).for_each(|n| scene.hear(0, mac(n)));
        assert_eq!((scene.home(mac(2)), scene.home(mac(3))), (Some(0), None));
        scene.hear(1, mac(3));
        assert_eq!(scene.home(mac(3)), Some(1), "another interface has its own limit");
        assert_eq!(scene.said().len(), 1, "{:?}", scene.said());
        assert!(scene.said()[0].1.starts_with("02:00:00:00:30:03 is more than the 2 MACs"), "{:?}", scene.said());
        assert!(!scene.tables.takes_no_stations(vif(0)), "frames pass");
        scene.pass(400, &[mac(1)]);
        scene.hear(0, mac(9));
        assert_eq!(scene.home(mac(9)), Some(0), "there is room again");
    }
}

#[test]
fn at_a_limit_that_drops_the_tables_say_so_until_there_is_room() {
    let mut scene = Scene::new(MacLimit::NONE, limit(2, Drop), MacMove::DEFAULT);
    (1..=3).for_each(|n| scene.hear(usize::from(n) % VIFS, mac(n)));
    assert_eq!(scene.home(mac(3)), None);
    assert!((0..VIFS).all(|n| scene.tables.takes_no_stations(vif(n))), "the network's limit is all its interfaces'");
    scene.configure(MacLimit::NONE, limit(2, Drop), MacMove::DEFAULT, 0..VIFS);
    scene.hear(0, mac(3));
    assert!(scene.tables.takes_no_stations(vif(0)));
    scene.pass(400, &[mac(1)]);
    assert!((0..VIFS).all(|n| !scene.tables.takes_no_stations(vif(n))));
    scene.hear(0, mac(3));
    assert_eq!(scene.home(mac(3)), Some(0));
}

#[test]
fn a_vmi_is_shut_down_at_its_limit_and_reopened_by_hand() {
    let mut scene = Scene::new(limit(1, Shutdown), MacLimit::NONE, MacMove::DEFAULT);
    scene.hear(2, mac(1));
    assert!(!scene.learning.take_newly_shut());
    scene.hear(2, mac(2));
    assert!(scene.learning.take_newly_shut() && !scene.learning.take_newly_shut());
    assert!(scene.learning.known().shut.contains("vmi2"));
    assert_eq!((scene.learning.reopen(Some("vmi1")), scene.learning.reopen(Some("vmi2"))), (0, 1));
    assert_eq!(scene.learning.reopen(None), 0);
}

#[test]
fn a_station_moves_with_its_counts_and_is_held_when_it_moves_too_often() {
    let moves = MacMove { most: 2, window_s: 10, action: Log };
    let mut scene = Scene::new(MacLimit::NONE, MacLimit::NONE, moves);
    scene.hear(0, mac(1));
    for to in [1, 2] {
        scene.hear(to, mac(1));
        assert_eq!(scene.home(mac(1)), Some(to));
    }
    let counts = |scene: &Scene| (0..VIFS).map(|n| scene.learning.known().vifs[&vif(n)].fill.count).collect::<Vec<_>>();
    assert_eq!(counts(&scene), [0, 0, 1]);
    (0..5).for_each(|_| scene.hear(0, mac(1)));
    assert_eq!(scene.home(mac(1)), Some(2), "it stays");
    let held =
        scene.said().iter().filter(|(_, what)| what.contains("more than 2 times in 10 s: it stays at vmi2")).count();
    assert_eq!((held, scene.said().len()), (1, 3), "{:?}", scene.said());
    scene.pass(10, &[mac(1)]);
    scene.hear(0, mac(1));
    assert_eq!(scene.home(mac(1)), Some(0), "the window is over");
}

#[test]
fn a_station_that_moves_too_often_is_blocked_where_it_moved_to_while_that_is_the_rule() {
    let moves = MacMove { most: 1, window_s: 10, action: Drop };
    let mut scene = Scene::new(MacLimit::NONE, MacLimit::NONE, moves);
    [0, 1, 0].into_iter().for_each(|to| scene.hear(to, mac(1)));
    assert_eq!(scene.home(mac(1)), Some(1));
    assert_eq!(scene.tables.learned_at(vif(0), mac(1).to_bits()), Some(fib::Learned::Blocked));
    scene.pass(11, &[mac(1)]);
    assert_eq!(scene.tables.learned_at(vif(0), mac(1).to_bits()), None);
    let moves = MacMove { action: Shutdown, ..moves };
    let mut scene = Scene::new(MacLimit::NONE, MacLimit::NONE, moves);
    [0, 1, 0].into_iter().for_each(|to| scene.hear(to, mac(1)));
    assert!(scene.learning.known().shut.contains("vmi0"));
}

#[test]
fn other_rules_keep_what_still_has_its_interface_and_forget_the_rest() {
    let mut scene = Scene::free();
    scene.hear(0, mac(1));
    scene.hear(2, mac(2));
    scene.configure(MacLimit::NONE, MacLimit::NONE, MacMove::DEFAULT, 0..2);
    assert_eq!(scene.learning.known().stations.len(), 1);
    assert_eq!(scene.home(mac(1)), Some(0));
    assert_eq!(scene.learning.known().networks[&vni()].fill.count, 1);
    scene.turn(|learning, turn| learning.flush_port(turn, PortIndex::new(0).expect("a row")));
    scene.publish();
    assert_eq!(scene.home(mac(1)), None, "its port has lost its link");
}

#[test]
fn the_node_s_limit_is_told_and_rows_come_back() {
    let mut scene = Scene::free();
    (0..70).for_each(|n| scene.hear(0, mac(n)));
    assert_eq!(scene.learning.known().stations.len(), 64);
    assert!(scene.said().iter().any(|(_, what)| what.contains("limits.learned_macs")), "{:?}", scene.said());
    scene.pass(400, &[]);
    (70..134).for_each(|n| scene.hear(0, mac(n)));
    assert_eq!(scene.learning.known().stations.len(), 64);
}

#[test]
fn a_loop_of_many_stations_does_not_fill_the_log() {
    let mut scene = Scene::free();
    for to in [0, 1, 2, 0, 1] {
        (0..60).for_each(|n| scene.hear(to, mac(n)));
    }
    assert!(scene.said().len() <= 21, "{}", scene.said().len());
    scene.pass(2, &[]);
    assert!(scene.said().iter().any(|(_, what)| what.contains("more events of learning")), "{:?}", scene.said());
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Hear(usize, u8),
    Pass(u64, u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..VIFS, 0u8..8).prop_map(|(vif, mac)| Step::Hear(vif, mac)),
        1 => (1u64..120, any::<u8>()).prop_map(|(seconds, seen)| Step::Pass(seconds, seen)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// The oracle is a plain map of stations by the time at which they were last seen. It does not know sweeps: what has been
    /// silent for less than 300 s is there, for more than 300 s and two sweeps is not, and between the two either may be: a mark
    /// says no more than that the station was seen since the sweep before, and a station ages at a sweep.
    #[test]
    fn stations_are_where_they_were_heard_last_for_as_long_as_they_are_seen(
        steps in proptest::collection::vec(step(), 1..60), most in 0u32..5,
    ) {
        let moves = MacMove { most: 0, window_s: 10, action: Log };
        let mut scene = Scene::new(limit(most, Log), MacLimit::NONE, moves);
        let mut oracle: BTreeMap<MacAddr, (usize, u64)> = BTreeMap::new();
        let mut now = 0;
        for step in steps {
            match step {
                Step::Hear(n, m) => {
                    let behind = oracle.iter().filter(|(of, (at, _))| *at == n && **of != mac(m)).count() as u32;
                    let is_here = oracle.get(&mac(m)).is_some_and(|(at, _)| *at == n);
                    scene.hear(n, mac(m));
                    if !is_here && (most == 0 || behind < most) {
                        oracle.insert(mac(m), (n, now));
                    }
                }
                Step::Pass(seconds, seen) => {
                    let seen: BTreeSet<MacAddr> = (0..8).filter(|n| seen >> n & 1 == 1).map(mac).collect();
                    scene.pass(seconds, &seen.iter().copied().collect::<Vec<_>>());
                    now += seconds;
                    for (_, last) in oracle.iter_mut().filter(|(of, _)| seen.contains(of)).map(|(of, (_, at))| (of, at)) {
                        *last = now;
                    }
                }
            }
            // What the oracle leaves open is as it is.
            oracle.retain(|of, (_, last)| now - *last < 300 || scene.home(*of).is_some());
            for m in 0..8 {
                let home = scene.home(mac(m));
                prop_assert_eq!(home, oracle.get(&mac(m)).map(|(at, _)| *at), "{}", mac(m));
            }
            for (of, (_, last)) in &oracle {
                prop_assert!(now - last <= 300 + 2 * 30 + 2, "{} is kept for too long", of);
            }
        }
    }
}
