use super::*;
use std::net::Ipv4Addr;
use std::time::Duration;

mod oracle;
mod two_ports;

const HOST: InterfaceIndex = InterfaceIndex(7);
const OTHER: InterfaceIndex = InterfaceIndex(2);
const VTEP: IpAddr = v4(172, 16, 0, 9);
const ROUTER: IpAddr = v4(172, 16, 0, 254);
const MAC: MacAddr = MacAddr::new([2, 0, 0, 0, 0, 9]);
/// What a poll asks for that asks for nothing.
const NOBODY: [IpAddr; 0] = [];
const OTHER_MAC: MacAddr = MacAddr::new([2, 0, 0, 0, 0, 10]);

const fn v4(a: u8, b: u8, c: u8, d: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(a, b, c, d))
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn prefix(text: &str) -> IpPrefix {
    let (address, len) = text.split_once('/').expect("a prefix has a slash");
    IpPrefix::covering(ip(address), len.parse().expect("a length is a number")).expect("a legal length")
}

fn link(up: bool) -> KernelEvent {
    KernelEvent::Link(KernelLink { index: HOST, name: "cw-host0".into(), up, mtu: 1600, mac: Some(MAC) })
}

fn hop(interface: InterfaceIndex, via: Option<IpAddr>) -> Hop {
    Hop { interface, via }
}

fn route(change: RouteChange, destination: &str, metric: u32, hops: &[Hop]) -> KernelEvent {
    KernelEvent::Route(change, KernelRoute { destination: prefix(destination), metric, hops: hops.to_vec() })
}

fn neighbour(address: IpAddr, mac: Option<MacAddr>, state: NeighbourState) -> KernelEvent {
    KernelEvent::Neighbour(KernelNeighbour { address, interface: HOST, mac, state })
}

/// The host interface is up and 172.16.0.0/24 is on it.
fn connected() -> Underlay {
    let mut underlay = Underlay::new(["cw-host0"]);
    assert!(underlay.apply(link(true)));
    assert!(underlay.apply(route(RouteChange::Added, "172.16.0.0/24", 0, &[hop(HOST, None)])));
    underlay
}

fn resolved(next_hop: IpAddr, mac: MacAddr) -> Resolution {
    Resolution::Resolved { paths: [Path { next_hop, mac, interface: 0 }].into_iter().collect() }
}

/// The next hops that one poll asks for.
fn asked(underlay: &mut Underlay, now: Instant) -> Vec<IpAddr> {
    let address = |request| match request {
        KernelRequest::Resolve { address, interface } => {
            assert_eq!(interface, HOST);
            address
        }
        KernelRequest::PutRoute { .. } => panic!("no route was lost: {request:?}"),
    };
    let mut asked: Vec<_> = underlay.poll(now).into_iter().map(address).collect();
    asked.sort();
    asked
}

#[test]
fn configured_routes_are_put_back_once_when_the_host_interface_comes_up_again() {
    let (to, now) = (prefix("192.0.2.0/24"), Instant::now());
    let routes = vec![ConfiguredRoute { to, via: ROUTER, interface: 0 }];
    let mut underlay = Underlay::new(["cw-host0"]).with_routes(routes);
    underlay.apply(link(true));
    assert_eq!(underlay.poll(now), [], "they were set before we began to follow");
    underlay.apply(link(false));
    assert_eq!(underlay.poll(now), [], "not while it is down");
    underlay.apply(link(true));
    assert_eq!(underlay.poll(now), [KernelRequest::PutRoute { to, hops: vec![hop(HOST, Some(ROUTER))] }]);
    assert_eq!(underlay.poll(now), []);
}

#[test]
fn before_the_kernel_has_spoken_the_host_interface_counts_as_down() {
    assert_eq!(Underlay::new(["cw-host0"]).resolve(VTEP), Resolution::HostInterfaceDown);
}

#[test]
fn a_vtep_on_the_link_is_its_own_next_hop() {
    let mut underlay = connected();
    assert_eq!(underlay.resolve(VTEP), Resolution::Unresolved { next_hop: VTEP });
    assert!(underlay.apply(neighbour(VTEP, Some(MAC), NeighbourState::Reachable)));
    assert_eq!(underlay.resolve(VTEP), resolved(VTEP, MAC));
}

#[test]
fn a_vtep_behind_a_router_takes_the_router_s_mac() {
    let mut underlay = connected();
    let far = v4(192, 0, 2, 1);
    assert_eq!(underlay.resolve(far), Resolution::NoRoute(NoRoute::NotCovered));
    assert!(underlay.apply(route(RouteChange::Added, "0.0.0.0/0", 0, &[hop(HOST, Some(ROUTER))])));
    assert_eq!(underlay.resolve(far), Resolution::Unresolved { next_hop: ROUTER });
    underlay.apply(neighbour(ROUTER, Some(MAC), NeighbourState::Permanent));
    assert_eq!(underlay.resolve(far), resolved(ROUTER, MAC));
}

#[test]
fn a_more_specific_route_by_another_interface_means_no_route_by_ours() {
    let mut underlay = connected();
    assert!(underlay.apply(route(RouteChange::Added, "172.16.0.8/29", 0, &[hop(OTHER, None)])));
    assert_eq!(underlay.resolve(VTEP), Resolution::NoRoute(NoRoute::OtherInterface(OTHER)));
    assert!(underlay.apply(route(RouteChange::Removed, "172.16.0.8/29", 0, &[hop(OTHER, None)])));
    assert_eq!(underlay.resolve(VTEP), Resolution::Unresolved { next_hop: VTEP });
}

#[test]
fn a_route_that_refuses_hides_the_shorter_prefixes() {
    let mut underlay = connected();
    underlay.apply(route(RouteChange::Added, "172.16.0.9/32", 0, &[]));
    assert_eq!(underlay.resolve(VTEP), Resolution::NoRoute(NoRoute::Refused));
}

#[test]
fn the_least_metric_wins_and_its_removal_uncovers_the_next() {
    let mut underlay = connected();
    let better = [hop(HOST, Some(ROUTER))];
    underlay.apply(route(RouteChange::Added, "172.16.0.0/24", 100, &better));
    assert_eq!(underlay.resolve(VTEP), Resolution::Unresolved { next_hop: VTEP }, "a worse route changes nothing");
    assert!(underlay.apply(route(RouteChange::Removed, "172.16.0.0/24", 0, &[hop(HOST, None)])));
    assert_eq!(underlay.resolve(VTEP), Resolution::Unresolved { next_hop: ROUTER });
}

#[test]
fn a_replaced_route_does_not_linger_though_the_kernel_never_announces_its_removal() {
    let mut underlay = connected();
    underlay.apply(route(RouteChange::Added, "0.0.0.0/0", 0, &[hop(HOST, Some(ROUTER))]));
    let new = v4(172, 16, 0, 253);
    assert!(underlay.apply(route(RouteChange::Replaced, "0.0.0.0/0", 0, &[hop(HOST, Some(new))])));
    assert!(underlay.apply(route(RouteChange::Removed, "0.0.0.0/0", 0, &[hop(HOST, Some(new))])));
    assert_eq!(underlay.resolve(v4(8, 8, 8, 8)), Resolution::NoRoute(NoRoute::NotCovered));
}

#[test]
fn a_removal_with_fewer_hops_than_were_announced_still_removes_the_route() {
    let mut underlay = connected();
    let both = [hop(HOST, Some(ROUTER)), hop(OTHER, None)];
    underlay.apply(route(RouteChange::Added, "0.0.0.0/0", 5, &both));
    assert!(underlay.apply(route(RouteChange::Removed, "0.0.0.0/0", 5, &both[..1])));
    assert_eq!(underlay.resolve(v4(8, 8, 8, 8)), Resolution::NoRoute(NoRoute::NotCovered));
}

#[test]
fn a_multipath_route_s_paths_are_all_hops_that_have_a_mac() {
    let mut underlay = connected();
    let (spare, far) = (v4(172, 16, 0, 253), v4(10, 0, 0, 1));
    let hops = [hop(OTHER, None), hop(HOST, Some(ROUTER)), hop(HOST, Some(spare))];
    underlay.apply(route(RouteChange::Added, "10.0.0.0/8", 0, &hops));
    assert_eq!(underlay.resolve(far), Resolution::Unresolved { next_hop: spare });
    underlay.apply(neighbour(ROUTER, Some(MAC), NeighbourState::Reachable));
    assert_eq!(underlay.resolve(far), resolved(ROUTER, MAC));
    underlay.apply(neighbour(spare, Some(OTHER_MAC), NeighbourState::Reachable));
    let path = |next_hop, mac| Path { next_hop, mac, interface: 0 };
    let paths = [path(spare, OTHER_MAC), path(ROUTER, MAC)].into_iter().collect();
    assert_eq!(underlay.resolve(far), Resolution::Resolved { paths });
    let reversed: Vec<_> = hops.iter().rev().copied().collect();
    assert!(
        !underlay.apply(route(RouteChange::Replaced, "10.0.0.0/8", 0, &reversed)),
        "the order of hops is no change"
    );
}

#[test]
fn of_more_hops_than_there_are_paths_the_first_that_have_a_mac_are_taken() {
    let mut underlay = connected();
    let router = |n: u8| v4(172, 16, 0, 100 + n);
    let hops: Vec<_> = (0..20).map(|n| hop(HOST, Some(router(n)))).collect();
    underlay.apply(route(RouteChange::Added, "10.0.0.0/8", 0, &hops));
    for n in (0..20).filter(|n| *n != 3) {
        underlay.apply(neighbour(router(n), Some(MAC), NeighbourState::Reachable));
    }
    let Resolution::Resolved { paths } = underlay.resolve(v4(10, 0, 0, 1)) else { panic!("hops are resolved") };
    let next_hops: Vec<_> = paths.iter().map(|path| path.next_hop).collect();
    assert_eq!(next_hops, [0, 1, 2, 4, 5, 6, 7, 8].map(router));
}

#[test]
fn a_failed_or_deleted_neighbour_is_unresolved() {
    for gone in [
        neighbour(VTEP, None, NeighbourState::Failed),
        neighbour(VTEP, Some(MAC), NeighbourState::Failed),
        neighbour(VTEP, None, NeighbourState::Incomplete),
        KernelEvent::NeighbourGone { address: VTEP, interface: HOST },
    ] {
        let mut underlay = connected();
        underlay.apply(neighbour(VTEP, Some(MAC), NeighbourState::Reachable));
        assert!(underlay.apply(gone));
        assert_eq!(underlay.resolve(VTEP), Resolution::Unresolved { next_hop: VTEP });
    }
}

#[test]
fn a_new_mac_is_a_change_and_a_new_state_alone_is_none() {
    let mut underlay = connected();
    underlay.apply(neighbour(VTEP, Some(MAC), NeighbourState::Reachable));
    for state in [NeighbourState::Stale, NeighbourState::Delay, NeighbourState::Probe, NeighbourState::Reachable] {
        assert!(!underlay.apply(neighbour(VTEP, Some(MAC), state)));
    }
    assert!(underlay.apply(neighbour(VTEP, Some(OTHER_MAC), NeighbourState::Reachable)));
    assert_eq!(underlay.resolve(VTEP), resolved(VTEP, OTHER_MAC));
}

#[test]
fn a_group_or_zero_mac_resolves_nothing() {
    for mac in [MacAddr::BROADCAST, MacAddr::ZERO] {
        let mut underlay = connected();
        assert!(!underlay.apply(neighbour(VTEP, Some(mac), NeighbourState::NoArp)));
        assert_eq!(underlay.resolve(VTEP), Resolution::Unresolved { next_hop: VTEP });
    }
}

#[test]
fn a_neighbour_of_another_interface_is_not_ours() {
    let mut underlay = connected();
    let told = KernelNeighbour { address: VTEP, interface: OTHER, mac: Some(MAC), state: NeighbourState::Reachable };
    assert!(!underlay.apply(KernelEvent::Neighbour(told)));
    assert_eq!(underlay.resolve(VTEP), Resolution::Unresolved { next_hop: VTEP });
}

#[test]
fn nothing_resolves_while_the_host_interface_is_down_gone_or_renamed() {
    let renamed = KernelLink { index: HOST, name: "eth9".into(), up: true, mtu: 1600, mac: Some(MAC) };
    for event in [link(false), KernelEvent::LinkGone(HOST), KernelEvent::Link(renamed)] {
        let mut underlay = connected();
        underlay.track([VTEP]);
        assert!(underlay.apply(event));
        assert_eq!(underlay.resolve(VTEP), Resolution::HostInterfaceDown);
        assert_eq!(underlay.poll(Instant::now()), []);
    }
}

#[test]
fn a_host_interface_made_anew_starts_without_the_old_one_s_neighbours() {
    let mut underlay = connected();
    underlay.apply(neighbour(VTEP, Some(MAC), NeighbourState::Reachable));
    let index = InterfaceIndex(8);
    underlay.apply(KernelEvent::Link(KernelLink { index, name: "cw-host0".into(), up: true, mtu: 1600, mac: None }));
    underlay.apply(route(RouteChange::Replaced, "172.16.0.0/24", 0, &[hop(index, None)]));
    assert_eq!(underlay.resolve(VTEP), Resolution::Unresolved { next_hop: VTEP });
}

#[test]
fn a_listing_that_repeats_everything_changes_nothing() {
    let mut underlay = connected();
    underlay.apply(neighbour(VTEP, Some(MAC), NeighbourState::Reachable));
    let listing = [
        KernelEvent::ResyncBegin,
        link(true),
        route(RouteChange::Appended, "172.16.0.0/24", 0, &[hop(HOST, None)]),
        neighbour(VTEP, Some(MAC), NeighbourState::Stale),
        KernelEvent::ResyncEnd,
    ];
    for event in listing {
        assert!(!underlay.apply(event.clone()), "{event:?}");
    }
    assert_eq!(underlay.resolve(VTEP), resolved(VTEP, MAC));
}

#[test]
fn what_a_listing_does_not_mention_is_gone_at_its_end() {
    let mut underlay = connected();
    underlay.apply(route(RouteChange::Added, "10.0.0.0/8", 0, &[hop(HOST, Some(ROUTER))]));
    underlay.apply(neighbour(VTEP, Some(MAC), NeighbourState::Reachable));
    let far = v4(10, 1, 1, 1);
    underlay.apply(KernelEvent::ResyncBegin);
    underlay.apply(link(true));
    underlay.apply(route(RouteChange::Appended, "172.16.0.0/24", 0, &[hop(HOST, None)]));
    assert_eq!(underlay.resolve(VTEP), resolved(VTEP, MAC), "nothing is forgotten before the end");
    assert_eq!(underlay.resolve(far), Resolution::Unresolved { next_hop: ROUTER });
    assert!(underlay.apply(KernelEvent::ResyncEnd));
    assert_eq!(underlay.resolve(VTEP), Resolution::Unresolved { next_hop: VTEP });
    assert_eq!(underlay.resolve(far), Resolution::NoRoute(NoRoute::NotCovered));
    underlay.apply(KernelEvent::ResyncBegin);
    assert!(underlay.apply(KernelEvent::ResyncEnd));
    assert_eq!(underlay.resolve(VTEP), Resolution::HostInterfaceDown);
}

#[test]
fn an_unresolved_next_hop_is_asked_for_at_once_then_after_1_2_4_8_8_seconds() {
    let mut underlay = connected();
    underlay.track([VTEP]);
    let start = Instant::now();
    let step = Duration::from_millis(50);
    let mut times = Vec::new();
    for tick in 0..1_000 {
        if !asked(&mut underlay, start + step * tick).is_empty() {
            times.push(f64::from(tick) * 0.05);
        }
    }
    let waits: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(times[0], 0.0);
    for (wait, expected) in waits.iter().zip([1.0, 2.0, 4.0, 8.0, 8.0, 8.0]) {
        assert!(
            (wait / expected - 1.0).abs() <= 0.125 + 0.05,
            "waited {wait} s, expected about {expected} s: {waits:?}"
        );
    }
}

#[test]
fn a_stale_next_hop_is_poked_and_one_being_verified_is_left_alone() {
    let mut underlay = connected();
    underlay.track([VTEP]);
    let start = Instant::now();
    assert_eq!(asked(&mut underlay, start), [VTEP]);
    underlay.apply(neighbour(VTEP, Some(MAC), NeighbourState::Reachable));
    assert_eq!(asked(&mut underlay, start + Duration::from_secs(10)), NOBODY);
    underlay.apply(neighbour(VTEP, Some(MAC), NeighbourState::Stale));
    assert_eq!(asked(&mut underlay, start + Duration::from_secs(20)), [VTEP]);
    assert_eq!(asked(&mut underlay, start + Duration::from_millis(20_500)), NOBODY, "not twice within its wait");
    for state in [NeighbourState::Delay, NeighbourState::Probe] {
        underlay.apply(neighbour(VTEP, Some(MAC), state));
        assert_eq!(asked(&mut underlay, start + Duration::from_secs(40)), NOBODY);
    }
    underlay.apply(neighbour(VTEP, None, NeighbourState::Failed));
    assert_eq!(asked(&mut underlay, start + Duration::from_secs(60)), [VTEP]);
}

#[test]
fn the_waits_start_over_once_a_next_hop_was_resolved() {
    let mut underlay = connected();
    underlay.track([VTEP]);
    let mut now = Instant::now();
    for _ in 0..6 {
        assert_eq!(asked(&mut underlay, now), [VTEP]);
        now += Duration::from_secs(10);
    }
    underlay.apply(neighbour(VTEP, Some(MAC), NeighbourState::Reachable));
    assert_eq!(asked(&mut underlay, now), NOBODY);
    underlay.apply(KernelEvent::NeighbourGone { address: VTEP, interface: HOST });
    assert_eq!(asked(&mut underlay, now), [VTEP]);
    assert_eq!(asked(&mut underlay, now + Duration::from_millis(1_200)), [VTEP]);
}

#[test]
fn many_vteps_behind_one_router_ask_for_one_next_hop() {
    let mut underlay = connected();
    underlay.apply(route(RouteChange::Added, "10.0.0.0/8", 0, &[hop(HOST, Some(ROUTER))]));
    underlay.track((0..1_000u32).map(|n| Ipv4Addr::from(0x0a00_0000 + n).into()));
    assert_eq!(asked(&mut underlay, Instant::now()), [ROUTER]);
}

#[test]
fn the_spare_hops_of_a_multipath_route_are_kept_fresh_too() {
    let mut underlay = connected();
    let spare = v4(172, 16, 0, 253);
    let hops = [hop(HOST, Some(ROUTER)), hop(HOST, Some(spare)), hop(OTHER, Some(VTEP))];
    underlay.apply(route(RouteChange::Added, "10.0.0.0/8", 0, &hops));
    underlay.track([v4(10, 1, 1, 1)]);
    assert_eq!(asked(&mut underlay, Instant::now()), [spare, ROUTER], "not those of another interface");
}

#[test]
fn one_poll_asks_for_a_bounded_number_and_the_next_ones_for_the_rest() {
    let mut underlay = connected();
    let vteps: Vec<_> = (1..=200u8).map(|n| v4(172, 16, 0, n)).collect();
    underlay.track(vteps.iter().copied());
    let now = Instant::now();
    let mut all = Vec::new();
    for expected in [64, 64, 64, 8, 0] {
        let some = asked(&mut underlay, now);
        assert_eq!(some.len(), expected);
        all.extend(some);
    }
    all.sort();
    assert_eq!(all, vteps);
}

#[test]
fn a_vtep_that_is_no_longer_tracked_is_no_longer_asked_for() {
    let mut underlay = connected();
    let start = Instant::now();
    underlay.track([VTEP]);
    assert_eq!(asked(&mut underlay, start), [VTEP]);
    underlay.track([]);
    assert_eq!(asked(&mut underlay, start + Duration::from_secs(60)), NOBODY);
}

#[test]
fn neighbours_beyond_the_limit_are_counted_and_not_kept() {
    let mut underlay = connected();
    let address = |n: usize| Ipv4Addr::from(0x0a00_0000 + n as u32).into();
    for n in 0..MAX_NEIGHBOURS + 3 {
        underlay.apply(neighbour(address(n), Some(MAC), NeighbourState::Reachable));
    }
    assert_eq!(underlay.ignored(), 3);
    assert!(underlay.apply(neighbour(address(0), Some(OTHER_MAC), NeighbourState::Reachable)), "known ones still move");
}

#[test]
fn routes_beyond_the_limit_are_counted_and_not_kept() {
    let mut underlay = connected();
    let host_route = |n: usize| KernelRoute {
        destination: IpPrefix::covering(Ipv4Addr::from(0x0a00_0000 + n as u32), 32).expect("32 is legal"),
        metric: 0,
        hops: vec![hop(OTHER, None)],
    };
    for n in 0..MAX_ROUTES + 2 {
        underlay.apply(KernelEvent::Route(RouteChange::Added, host_route(n)));
    }
    assert_eq!(underlay.ignored(), 3, "one route was there before");
    underlay.apply(KernelEvent::Route(RouteChange::Removed, host_route(0)));
    assert!(underlay.apply(KernelEvent::Route(RouteChange::Added, host_route(MAX_ROUTES))));
}

#[test]
fn a_prefix_longer_than_an_address_is_refused_with_its_length() {
    let error = IpPrefix::covering(VTEP, 33).expect_err("33 is too long");
    assert_eq!(error.to_string(), "prefix length 33: expected 0 to 32");
    let error = IpPrefix::covering(ip("fd00::1"), 129).expect_err("129 is too long");
    assert_eq!(error.to_string(), "prefix length 129: expected 0 to 128");
}
