//! IPv6, and two host interfaces.

use super::*;

const SECOND: InterfaceIndex = InterfaceIndex(8);

fn link_of(index: InterfaceIndex, name: &str, up: bool) -> KernelEvent {
    KernelEvent::Link(KernelLink { index, name: name.into(), up, mtu: 1600, mac: Some(MAC) })
}

fn neighbour_on(interface: InterfaceIndex, address: IpAddr, mac: MacAddr) -> KernelEvent {
    let state = NeighbourState::Reachable;
    KernelEvent::Neighbour(KernelNeighbour { address, interface, mac: Some(mac), state })
}

/// Two host interfaces, both up, without routes.
fn two_ports() -> Underlay {
    let mut underlay = Underlay::new(["cw-host0", "cw-host1"]);
    underlay.apply(link_of(HOST, "cw-host0", true));
    underlay.apply(link_of(SECOND, "cw-host1", true));
    underlay
}

fn paths(of: &[(IpAddr, MacAddr, usize)]) -> Resolution {
    let path = |&(next_hop, mac, interface)| Path { next_hop, mac, interface };
    Resolution::Resolved { paths: of.iter().map(path).collect() }
}

#[test]
fn a_vtep_is_looked_up_in_its_own_family_only() {
    let mut underlay = connected();
    underlay.apply(route(RouteChange::Added, "0.0.0.0/0", 0, &[hop(HOST, Some(ROUTER))]));
    assert_eq!(underlay.resolve(ip("fd00::9")), Resolution::NoRoute(NoRoute::NotCovered));
    underlay.apply(route(RouteChange::Added, "fd00::/64", 256, &[hop(HOST, None)]));
    assert_eq!(underlay.resolve(ip("fd00::9")), Resolution::Unresolved { next_hop: ip("fd00::9") });
    underlay.apply(neighbour(ip("fd00::9"), Some(MAC), NeighbourState::Reachable));
    assert_eq!(underlay.resolve(ip("fd00::9")), resolved(ip("fd00::9"), MAC));
    underlay.apply(route(RouteChange::Removed, "0.0.0.0/0", 0, &[hop(HOST, Some(ROUTER))]));
    underlay.apply(route(RouteChange::Added, "::/0", 1024, &[hop(HOST, Some(ip("fe80::1")))]));
    assert_eq!(underlay.resolve(v4(8, 8, 8, 8)), Resolution::NoRoute(NoRoute::NotCovered));
    assert_eq!(underlay.resolve(ip("2001:db8::1")), Resolution::Unresolved { next_hop: ip("fe80::1") });
}

#[test]
fn a_link_local_router_is_another_one_on_each_link() {
    let (mut underlay, router) = (two_ports(), ip("fe80::1"));
    underlay.apply(route(RouteChange::Added, "::/0", 1024, &[hop(HOST, Some(router)), hop(SECOND, Some(router))]));
    underlay.apply(neighbour_on(HOST, router, MAC));
    assert_eq!(underlay.resolve(ip("fd00::9")), paths(&[(router, MAC, 0)]));
    underlay.apply(neighbour_on(SECOND, router, OTHER_MAC));
    assert_eq!(underlay.resolve(ip("fd00::9")), paths(&[(router, MAC, 0), (router, OTHER_MAC, 1)]));
    underlay.apply(KernelEvent::NeighbourGone { address: router, interface: HOST });
    assert_eq!(underlay.resolve(ip("fd00::9")), paths(&[(router, OTHER_MAC, 1)]));
}

#[test]
fn an_ipv4_route_by_an_ipv6_router_takes_the_router_s_mac() {
    let (mut underlay, router) = (two_ports(), ip("fe80::1"));
    underlay.apply(route(RouteChange::Added, "10.0.0.0/8", 20, &[hop(SECOND, Some(router))]));
    underlay.apply(neighbour_on(SECOND, router, OTHER_MAC));
    assert_eq!(underlay.resolve(v4(10, 0, 0, 1)), paths(&[(router, OTHER_MAC, 1)]));
}

#[test]
fn both_hops_on_both_links_are_asked_for_each_on_its_own() {
    let (mut underlay, router) = (two_ports(), ip("fe80::1"));
    underlay.apply(route(RouteChange::Added, "::/0", 1024, &[hop(HOST, Some(router)), hop(SECOND, Some(router))]));
    underlay.track([ip("fd00::9")]);
    let mut asked = underlay.poll(Instant::now());
    asked.sort_by_key(|request| matches!(request, KernelRequest::Resolve { interface: SECOND, .. }));
    let resolve = |interface| KernelRequest::Resolve { address: router, interface };
    assert_eq!(asked, [resolve(HOST), resolve(SECOND)]);
}

#[test]
fn the_hops_of_a_port_that_is_down_are_no_paths_and_come_back_with_it() {
    let mut underlay = two_ports();
    let second_router = v4(172, 16, 1, 254);
    let hops = [hop(HOST, Some(ROUTER)), hop(SECOND, Some(second_router))];
    underlay.apply(route(RouteChange::Added, "10.0.0.0/8", 0, &hops));
    underlay.apply(neighbour_on(HOST, ROUTER, MAC));
    underlay.apply(neighbour_on(SECOND, second_router, OTHER_MAC));
    let both = paths(&[(ROUTER, MAC, 0), (second_router, OTHER_MAC, 1)]);
    let far = v4(10, 0, 0, 1);
    assert_eq!(underlay.resolve(far), both);
    assert!(underlay.apply(link_of(HOST, "cw-host0", false)));
    assert_eq!(underlay.resolve(far), paths(&[(second_router, OTHER_MAC, 1)]));
    assert!(underlay.apply(link_of(HOST, "cw-host0", true)));
    assert_eq!(underlay.resolve(far), both);
    underlay.apply(link_of(HOST, "cw-host0", false));
    underlay.apply(KernelEvent::LinkGone(SECOND));
    assert_eq!(underlay.resolve(far), Resolution::HostInterfaceDown);
}

#[test]
fn a_route_by_a_port_that_is_down_gives_way_to_a_worse_metric_and_to_a_shorter_prefix() {
    for (destination, metric) in [("10.0.0.0/8", 100), ("0.0.0.0/0", 0)] {
        let mut underlay = two_ports();
        underlay.apply(route(RouteChange::Added, "10.0.0.0/8", 0, &[hop(HOST, Some(ROUTER))]));
        underlay.apply(route(RouteChange::Added, destination, metric, &[hop(SECOND, Some(VTEP))]));
        let far = v4(10, 0, 0, 1);
        assert_eq!(underlay.resolve(far), Resolution::Unresolved { next_hop: ROUTER });
        underlay.apply(link_of(HOST, "cw-host0", false));
        assert_eq!(underlay.resolve(far), Resolution::Unresolved { next_hop: VTEP }, "{destination}");
    }
}

#[test]
fn a_route_by_a_port_that_is_down_and_nothing_else_names_the_interface() {
    let mut underlay = two_ports();
    underlay.apply(route(RouteChange::Added, "10.0.0.0/8", 0, &[hop(HOST, Some(ROUTER))]));
    underlay.apply(link_of(HOST, "cw-host0", false));
    assert_eq!(underlay.resolve(v4(10, 0, 0, 1)), Resolution::NoRoute(NoRoute::InterfaceDown(HOST)));
}

#[test]
fn an_ipv6_route_gains_and_loses_hops_one_by_one() {
    let mut underlay = two_ports();
    let (one, two) = (hop(HOST, Some(ip("fe80::1"))), hop(SECOND, Some(ip("fe80::2"))));
    underlay.apply(neighbour_on(HOST, ip("fe80::1"), MAC));
    underlay.apply(neighbour_on(SECOND, ip("fe80::2"), OTHER_MAC));
    let both = paths(&[(ip("fe80::1"), MAC, 0), (ip("fe80::2"), OTHER_MAC, 1)]);
    let far = ip("fd00::9");
    underlay.apply(route(RouteChange::Added, "fd00::/16", 1024, &[one]));
    assert!(underlay.apply(route(RouteChange::Appended, "fd00::/16", 1024, &[one, two])));
    assert_eq!(underlay.resolve(far), both);
    assert!(underlay.apply(route(RouteChange::Removed, "fd00::/16", 1024, &[one])));
    assert_eq!(underlay.resolve(far), paths(&[(ip("fe80::2"), OTHER_MAC, 1)]));
    assert!(underlay.apply(route(RouteChange::Replaced, "fd00::/16", 1024, &[one, two])));
    assert_eq!(underlay.resolve(far), both);
    assert!(underlay.apply(route(RouteChange::Removed, "fd00::/16", 1024, &[one, two])));
    assert_eq!(underlay.resolve(far), Resolution::NoRoute(NoRoute::NotCovered));
}

#[test]
fn ipv6_routes_of_one_metric_that_share_no_hop_stay_apart_in_the_order_of_their_coming() {
    let mut underlay = two_ports();
    let (one, two) = (hop(HOST, None), hop(SECOND, None));
    let far = ip("fd00::9");
    underlay.apply(neighbour_on(HOST, far, MAC));
    underlay.apply(neighbour_on(SECOND, far, OTHER_MAC));
    underlay.apply(route(RouteChange::Added, "fd00::/64", 256, &[one]));
    underlay.apply(route(RouteChange::Added, "fd00::/64", 256, &[two]));
    assert_eq!(underlay.resolve(far), paths(&[(far, MAC, 0)]));
    underlay.apply(route(RouteChange::Removed, "fd00::/64", 256, &[one]));
    assert_eq!(underlay.resolve(far), paths(&[(far, OTHER_MAC, 1)]));
}

#[test]
fn configured_routes_of_one_prefix_are_put_back_as_one_with_the_hops_that_are_up() {
    let (to, only_second) = (prefix("fd01::/16"), prefix("192.0.2.0/24"));
    let (one, two) = (ip("fd00:1::fe"), ip("fd00:2::fe"));
    let configured = [(to, one, 0), (only_second, VTEP, 1), (to, two, 1)];
    let configured = configured.map(|(to, via, interface)| ConfiguredRoute { to, via, interface }).to_vec();
    let mut underlay = two_ports().with_routes(configured);
    let now = Instant::now();
    for (index, name) in [(HOST, "cw-host0"), (SECOND, "cw-host1")] {
        underlay.apply(link_of(index, name, false));
    }
    underlay.apply(link_of(HOST, "cw-host0", true));
    assert_eq!(underlay.poll(now), [KernelRequest::PutRoute { to, hops: vec![hop(HOST, Some(one))] }]);
    underlay.apply(link_of(SECOND, "cw-host1", true));
    let both = vec![hop(HOST, Some(one)), hop(SECOND, Some(two))];
    let second = KernelRequest::PutRoute { to: only_second, hops: vec![hop(SECOND, Some(VTEP))] };
    assert_eq!(underlay.poll(now), [KernelRequest::PutRoute { to, hops: both }, second]);
    assert_eq!(underlay.poll(now), []);
}

#[test]
fn a_port_that_a_listing_does_not_mention_is_gone_and_the_other_stays() {
    let mut underlay = two_ports();
    underlay.apply(route(RouteChange::Added, "10.0.0.0/8", 0, &[hop(HOST, Some(ROUTER)), hop(SECOND, Some(VTEP))]));
    underlay.apply(neighbour_on(HOST, ROUTER, MAC));
    underlay.apply(KernelEvent::ResyncBegin);
    underlay.apply(link_of(SECOND, "cw-host1", true));
    underlay.apply(neighbour_on(SECOND, VTEP, OTHER_MAC));
    let known: Vec<_> = underlay.host_links().map(|(name, link)| (name.to_owned(), link.is_some())).collect();
    assert_eq!(known, [("cw-host0".into(), true), ("cw-host1".into(), true)], "nothing is forgotten before the end");
    underlay.apply(route(RouteChange::Appended, "10.0.0.0/8", 0, &[hop(SECOND, Some(VTEP))]));
    assert!(underlay.apply(KernelEvent::ResyncEnd));
    assert_eq!(underlay.resolve(v4(10, 0, 0, 1)), paths(&[(VTEP, OTHER_MAC, 1)]));
    assert_eq!(underlay.host_links().map(|(_, link)| link.is_some()).collect::<Vec<_>>(), [false, true]);
}

#[test]
fn a_configured_route_is_by_the_host_interface_on_whose_subnet_its_router_is() {
    let text = "\
version: 1
name: gw1
mode: server
cores: { workers: [0] }
ports:
  - { name: access0, role: access, device: 'net_tap0,iface=a0' }
  - { name: fabric0, role: fabric, device: '3b:00.1', host_interface: h0, address: [10.0.0.1/16, 'fd00::1/64'] }
  - { name: fabric1, role: fabric, device: '3b:00.2', host_interface: h1, address: [10.0.1.1/24, 'fd01::1/64'] }
fabric:
  address: 192.0.2.1/32
  address_v6: 2001:db8::1/128
  routes:
    - { to: 0.0.0.0/0, via: 10.0.0.2 }
    - { to: 0.0.0.0/0, via: 10.0.1.2 }
    - { to: '::/0', via: 'fd01::2' }
    - { to: '::/0', via: 'fd00::2' }
";
    let node = crate::config::parse_node(text, "node.yaml").unwrap_or_else(|errors| panic!("{errors}")).model;
    let route = |to: &str, via: &str, interface| ConfiguredRoute { to: prefix(to), via: ip(via), interface };
    let expected = [
        route("0.0.0.0/0", "10.0.0.2", 0),
        route("0.0.0.0/0", "10.0.1.2", 1),
        route("::/0", "fd01::2", 1),
        route("::/0", "fd00::2", 0),
    ];
    assert_eq!(ConfiguredRoute::of(&node), expected);
}
