//! The instances behind the access ports: what control sends to them, and what it makes of what workers hear.

use super::*;
use api::{EventsQuery, ReachabilityQuery, ReachabilityState};
use telemetry::notices::{Heard, HeardHow, Notice};
use telemetry::slots::Way;

impl Bench {
    /// Turns for so long; returns what control has sent meanwhile, by interface.
    fn pass(&mut self, time: Duration) -> Vec<(VifIndex, Vec<u8>)> {
        let (end, mut sent) = (self.now + time, Vec::new());
        while self.now < end {
            self.turn();
            sent.extend(std::iter::from_fn(|| {
                self.originated.receive(|slot| match slot.way() {
                    Way::Vif(vif) => (vif, slot.octets().to_vec()),
                    Way::Port(port) => panic!("control names port {port}"),
                })
            }));
        }
        sent
    }

    fn reachability(&mut self) -> Vec<api::AddressReachability> {
        let show = Show::Reachability(ReachabilityQuery::default());
        let Response::Reachability(document) = self.show(show) else { panic!("reachability was asked for") };
        assert_eq!(document.total, document.addresses.len() as u64);
        document.addresses
    }

    fn events(&mut self, query: EventsQuery) -> api::EventsDocument {
        let Response::Events(document) = self.show(Show::Events(query)) else { panic!("events were asked for") };
        document
    }

    fn hear(&mut self, vif: VifIndex, address: &str) {
        self.notices.tick(0, self.control_generation());
        let address = address.parse().expect("an address");
        let heard = Heard { vif, address, mac: MacAddr::new([2, 0, 0, 0, 0x10, 0x64]), how: HeardHow::Reply };
        assert!(self.notices.send(&self.telemetry.notices, Notice::Heard(heard)));
    }

    fn control_generation(&self) -> u64 {
        self.worker.generation()
    }
}

#[test]
fn probes_go_to_every_address_and_an_answer_makes_it_reachable() {
    let mut bench = Bench::new("probes");
    let sent = bench.pass(Duration::from_secs(6));
    let asked: Vec<VifIndex> = sent.iter().filter(|(_, frame)| frame[12..14] == [8, 6]).map(|(vif, _)| *vif).collect();
    assert!((5..=7).contains(&asked.len()), "two addresses, each every two seconds: {asked:?}");
    let (_, frame) = sent.iter().find(|(_, frame)| frame[38..42] == [10, 1, 0, 2]).expect("blue's server is asked");
    assert_eq!(frame[..12], [2, 0, 0, 0, 0x10, 0x64, 0, 0, 0x5e, 0, 1, 0]);
    let states = |bench: &mut Bench| bench.reachability().iter().map(|one| one.state).collect::<Vec<_>>();
    assert_eq!(states(&mut bench), [ReachabilityState::Unknown; 2]);

    let blue = sent.iter().find(|(_, frame)| frame[38..42] == [10, 1, 0, 2]).expect("as above").0;
    bench.hear(blue, "10.1.0.2");
    bench.turn();
    bench.pass(Duration::from_secs(4));
    assert_eq!(states(&mut bench), [ReachabilityState::Reachable, ReachabilityState::Unreachable]);
    bench.pass(Duration::from_secs(8));
    assert_eq!(states(&mut bench), [ReachabilityState::Unreachable; 2]);
    let known = &bench.reachability()[0];
    assert_eq!((known.vmi.as_str(), known.port.as_str(), known.vlan), ("blue-server", "access0", 100));
    assert_eq!(known.mac.as_deref(), Some("02:00:00:00:10:64"));

    let events = bench.events(EventsQuery::default());
    let texts: Vec<(u64, &str, &str, &str)> =
        events.events.iter().map(|event| (event.number, &*event.kind, &*event.about, &*event.what)).collect();
    assert_eq!(
        texts,
        [
            (1, "reachability", "blue-server 10.1.0.2", "reachable"),
            (2, "reachability", "blue-server 10.1.0.2", "unreachable: 3 probes in a row without an answer")
        ]
    );
    let last = bench.events(EventsQuery { last: Some(1), ..EventsQuery::default() });
    assert_eq!((last.events[0].number, last.total, last.first_kept, last.latest), (2, 2, 1, 2));
    assert!(bench.events(EventsQuery { kind: Some("link".into()), ..EventsQuery::default() }).events.is_empty());
    let refusal = bench.refusal(Show::Events(EventsQuery { kind: Some("weather".into()), ..EventsQuery::default() }));
    assert!(refusal.message.contains("expected one of link, access, reachability"), "{refusal}");
}

#[test]
fn reachability_is_narrowed_down_by_network_name_and_state() {
    let mut bench = Bench::new("reachability-query");
    let mut count = |query: ReachabilityQuery| {
        let Response::Reachability(document) = bench.show(Show::Reachability(query)) else { panic!("as asked for") };
        document.total
    };
    let all = ReachabilityQuery::default;
    assert_eq!(count(all()), 2);
    assert_eq!(count(ReachabilityQuery { network: Some("blue".into()), ..all() }), 1);
    assert_eq!(count(ReachabilityQuery { name: Some("g*".into()), ..all() }), 1);
    assert_eq!(count(ReachabilityQuery { state: Some(ReachabilityState::Reachable), ..all() }), 0);
    let refusal = bench.refusal(Show::Reachability(ReachabilityQuery { network: Some("puce".into()), ..all() }));
    assert_eq!(refusal.code, ErrorCode::NotFound);
}

impl Bench {
    /// Whether the access port is closed to the worker.
    fn is_closed(&self) -> bool {
        self.worker.snapshot().vlans.is_closed(fib::PortIndex::new(0).expect("the access port"))
    }

    fn link(&mut self, port: &str, up: bool) {
        self.links.send((port.into(), up)).expect("control listens");
        // What is decided in one turn is published in the next, if not in this.
        self.turn();
        self.turn();
    }

    fn why_closed(&mut self) -> Option<String> {
        let Response::Ports(document) = self.show(Show::Ports) else { panic!("ports were asked for") };
        assert_eq!(document.ports[1].closed, None, "a fabric port is never closed");
        document.ports[0].closed.clone()
    }

    fn wanted(&self) -> Vec<bool> {
        self.ports.wanted.lock().expect("nobody panics").clone()
    }
}

#[test]
fn access_ports_open_when_the_fabric_is_up_and_every_vtep_is_reached_and_close_when_it_is_lost() {
    let mut bench = Bench::new("uplink");
    bench.turn();
    assert!(bench.is_closed());
    assert_eq!(bench.why_closed().as_deref(), Some("no fabric port has a link and a host interface that is up"));
    bench.link("access0", true);
    bench.link("fabric0", true);
    assert!(bench.is_closed(), "the host interface is not up yet");
    bench.kernel_says(NeighbourState::Incomplete, None);
    bench.pass(PUBLISH_EVERY * 3);
    assert!(bench.is_closed());
    assert_eq!(bench.why_closed().as_deref(), Some("not all VTEPs are reached yet, and the hold-down is not over"));
    bench.kernel_says(NeighbourState::Reachable, Some(ROUTER_MAC));
    bench.pass(PUBLISH_EVERY * 3);
    assert!(!bench.is_closed() && bench.why_closed().is_none());
    bench.link("fabric0", false);
    assert!(bench.is_closed());
    bench.link("fabric0", true);
    assert!(!bench.is_closed(), "the VTEP is still reached");
    assert_eq!(bench.wanted(), [false, true], "the link stays at a start that is quick, and goes with a loss");

    let events = bench.events(EventsQuery { kind: Some("access".into()), ..EventsQuery::default() });
    let texts: Vec<&str> = events.events.iter().map(|event| event.what.as_str()).collect();
    let (opened, closed) = (
        "opened: the fabric is up and every VTEP is reached",
        "closed: no fabric port has a link and a host interface that is up",
    );
    assert_eq!(texts, [opened, closed, opened]);
    let links = bench.events(EventsQuery { kind: Some("link".into()), ..EventsQuery::default() });
    let texts: Vec<(&str, &str)> = links.events.iter().map(|event| (&*event.about, &*event.what)).collect();
    assert_eq!(texts, [("access0", "up"), ("fabric0", "up"), ("fabric0", "down"), ("fabric0", "up")]);
}

#[test]
fn a_vtep_that_is_never_reached_keeps_access_ports_closed_for_the_hold_down_alone() {
    let mut bench = Bench::new("hold-down");
    bench.link("fabric0", true);
    bench.kernel_says(NeighbourState::Incomplete, None);
    bench.pass(Duration::from_secs(9));
    assert!(bench.is_closed());
    bench.pass(Duration::from_secs(2));
    assert!(!bench.is_closed());
}

#[test]
fn a_reload_keeps_closed_ports_closed_and_can_turn_tracking_off() {
    let mut bench = Bench::new("uplink-reload");
    bench.write_network(&NETWORK.replace("vlan_tag: 100", "vlan_tag: 101"));
    bench.reload().expect("a legal file");
    assert!(bench.is_closed());
    let node = format!("{NODE}\nuplink_tracking: {{ enabled: false }}\n");
    std::fs::write(bench.directory.join("node.yaml"), node).expect("writable");
    assert!(bench.reload().expect("a legal file").changed);
    bench.pass(PUBLISH_EVERY * 3);
    assert!(!bench.is_closed());
}

#[test]
fn when_its_port_can_be_used_again_a_vlan_hears_where_everybody_is() {
    let mut bench = Bench::new("announce");
    bench.link("access0", true);
    bench.link("fabric0", true);
    bench.kernel_says(NeighbourState::Reachable, Some(ROUTER_MAC));
    let is_member = |(_, frame): &&(VifIndex, Vec<u8>)| frame[12..14] == [0x80, 0x35];
    let sent = bench.pass(Duration::from_secs(3));
    let told: Vec<&[u8]> = sent.iter().filter(is_member).map(|(_, frame)| &frame[6..12]).collect();
    assert_eq!(told, [REMOTE.octets(), [2, 0, 0, 0, 0x20, 0xc8]]);
    bench.link("access0", false);
    assert!(bench.reachability().iter().all(|one| one.state == ReachabilityState::PortDown));
    assert!(bench.pass(Duration::from_secs(5)).is_empty(), "nothing is sent into a port without a link");
    bench.link("access0", true);
    assert_eq!(bench.pass(Duration::from_secs(3)).iter().filter(is_member).count(), 2);
}
