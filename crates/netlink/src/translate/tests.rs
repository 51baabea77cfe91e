use super::*;
use netlink_packet_route::route::RouteVia;

const FAR: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 0));
const ROUTER: IpAddr = IpAddr::V4(Ipv4Addr::new(172, 16, 0, 254));
const MAC: [u8; 6] = [2, 0, 0, 0, 0, 9];

fn route_message() -> RouteMessage {
    let mut message = RouteMessage::default();
    message.header.address_family = AddressFamily::Inet;
    message.header.table = RouteHeader::RT_TABLE_MAIN;
    message.header.kind = RouteType::Unicast;
    message.header.destination_prefix_length = 8;
    message.attributes.push(RouteAttribute::Destination(FAR.into()));
    message
}

fn by_router() -> RouteMessage {
    let mut message = route_message();
    message.attributes.push(RouteAttribute::Oif(7));
    message.attributes.push(RouteAttribute::Gateway(ROUTER.into()));
    message
}

fn link_message(flags: LinkFlags) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.header.index = 7;
    message.header.flags = flags;
    message.attributes.push(LinkAttribute::IfName("cw-host0".into()));
    message.attributes.push(LinkAttribute::Mtu(1600));
    message.attributes.push(LinkAttribute::Address(MAC.to_vec()));
    message
}

fn neighbour_message(state: Nud) -> NeighbourMessage {
    let mut message = NeighbourMessage::default();
    message.header.family = AddressFamily::Inet;
    message.header.ifindex = 7;
    message.header.state = state;
    message.attributes.push(NeighbourAttribute::Destination(NeighbourAddress::Inet(Ipv4Addr::new(172, 16, 0, 254))));
    message.attributes.push(NeighbourAttribute::LinkLayerAddress(MAC.to_vec()));
    message
}

fn heard(message: RouteNetlinkMessage) -> Translation {
    translate(&message, 0, false)
}

#[test]
fn a_route_by_a_router_has_one_hop() {
    let hops = vec![Hop { interface: InterfaceIndex(7), via: Some(ROUTER) }];
    let destination = IpPrefix::covering(FAR, 8).expect("8 is legal");
    let expected = KernelRoute { destination, metric: 0, hops };
    let message = RouteNetlinkMessage::NewRoute(by_router());
    for (flags, listed, change) in [
        (0x400, false, RouteChange::Added),
        (NLM_F_REPLACE, false, RouteChange::Replaced),
        (NLM_F_APPEND, false, RouteChange::Appended),
        (2, true, RouteChange::Appended),
    ] {
        let event = translate(&message, flags, listed).event;
        assert_eq!(event, Some(KernelEvent::Route(change, expected.clone())));
    }
    let removed = heard(RouteNetlinkMessage::DelRoute(by_router()));
    assert_eq!(removed, Translation { event: Some(KernelEvent::Route(RouteChange::Removed, expected)), relist: false });
}

#[test]
fn a_route_on_the_link_has_no_router_and_a_default_route_no_destination() {
    let mut message = route_message();
    message.header.destination_prefix_length = 0;
    message.attributes = vec![RouteAttribute::Oif(7), RouteAttribute::Priority(20), RouteAttribute::Table(254)];
    message.header.table = 252;
    let route = route(&message).expect("it is in the main table by its wide number");
    assert_eq!(route.destination.to_string(), "0.0.0.0/0");
    assert_eq!(route.metric, 20);
    assert_eq!(route.hops, [Hop { interface: InterfaceIndex(7), via: None }]);
}

#[test]
fn routes_of_other_tables_families_sources_and_types_of_service_are_not_ours() {
    let mut local_table = by_router();
    local_table.header.table = 255;
    let mut wide_table = by_router();
    wide_table.attributes.push(RouteAttribute::Table(1000));
    let mut with_tos = by_router();
    with_tos.header.tos = 0x10;
    let mut mpls = by_router();
    mpls.header.address_family = AddressFamily::Mpls;
    let mut by_source = by_router();
    by_source.header.source_prefix_length = 64;
    let mut local = by_router();
    local.header.kind = RouteType::Local;
    for message in [local_table, wide_table, with_tos, mpls, by_source, local] {
        assert_eq!(route(&message), None, "{message:?}");
    }
}

#[test]
fn a_route_that_refuses_has_no_hops() {
    for kind in [RouteType::BlackHole, RouteType::Unreachable, RouteType::Prohibit, RouteType::Throw] {
        let mut message = route_message();
        message.header.kind = kind;
        assert_eq!(route(&message).map(|route| route.hops), Some(vec![]));
    }
}

#[test]
fn a_router_known_by_its_ipv6_address_only_is_a_way_out_and_one_that_the_kernel_encapsulates_for_is_none() {
    let mut message = route_message();
    message.attributes.push(RouteAttribute::Oif(7));
    message.attributes.push(RouteAttribute::Via(RouteVia::Inet6("fe80::1".parse().expect("an address"))));
    let hop = Hop { interface: InterfaceIndex(7), via: Some("fe80::1".parse().expect("an address")) };
    assert_eq!(route(&message).map(|route| route.hops), Some(vec![hop]));
    message.attributes.push(RouteAttribute::Encap(vec![]));
    assert_eq!(route(&message).map(|route| route.hops), Some(vec![]));
}

#[test]
fn an_ipv6_route_is_as_an_ipv4_route() {
    let mut message = RouteMessage::default();
    message.header.address_family = AddressFamily::Inet6;
    message.header.table = RouteHeader::RT_TABLE_MAIN;
    message.header.kind = RouteType::Unicast;
    message.attributes = vec![RouteAttribute::Oif(7), RouteAttribute::Priority(1024)];
    assert_eq!(route(&message).expect("a route").destination.to_string(), "::/0");
    let router: IpAddr = "fe80::1".parse().expect("an address");
    let to: IpAddr = "fd00:1::".parse().expect("an address");
    message.header.destination_prefix_length = 32;
    message.attributes.extend([RouteAttribute::Destination(to.into()), RouteAttribute::Gateway(router.into())]);
    let found = route(&message).expect("a route");
    assert_eq!((found.destination.to_string().as_str(), found.metric), ("fd00:1::/32", 1024));
    assert_eq!(found.hops, [Hop { interface: InterfaceIndex(7), via: Some(router) }]);
}

#[test]
fn the_hops_of_a_multipath_route_that_are_alive_are_all_there() {
    let mut hops = Vec::new();
    for (index, flags) in
        [(7, RouteNextHopFlags::empty()), (8, RouteNextHopFlags::Dead), (9, RouteNextHopFlags::empty())]
    {
        let mut hop = RouteNextHop::default();
        hop.interface_index = index;
        hop.flags = flags;
        hop.attributes.push(RouteAttribute::Gateway(ROUTER.into()));
        hops.push(hop);
    }
    let mut message = route_message();
    message.attributes.push(RouteAttribute::MultiPath(hops));
    let found = route(&message).expect("a route").hops;
    assert_eq!(found.iter().map(|hop| hop.interface.0).collect::<Vec<_>>(), [7, 9]);
}

#[test]
fn a_link_is_up_with_carrier_only() {
    for (flags, up) in [(LinkFlags::Up | LinkFlags::LowerUp, true), (LinkFlags::Up, false), (LinkFlags::LowerUp, false)]
    {
        let Translation { event: Some(KernelEvent::Link(link)), relist } =
            heard(RouteNetlinkMessage::NewLink(link_message(flags)))
        else {
            panic!("a link message is a link event");
        };
        assert_eq!((link.name.as_str(), link.mtu, link.mac, link.up), ("cw-host0", 1600, Some(MacAddr::new(MAC)), up));
        assert!(relist, "routes vanish silently with the interface, and hops live again");
    }
}

#[test]
fn a_bridge_s_word_that_a_port_left_it_is_not_taken_for_the_interface_s_end() {
    let mut message = link_message(LinkFlags::Up);
    message.header.interface_family = AddressFamily::Bridge;
    assert_eq!(heard(RouteNetlinkMessage::DelLink(message)), Translation::default());
    let gone = heard(RouteNetlinkMessage::DelLink(link_message(LinkFlags::Up)));
    assert_eq!(gone, Translation { event: Some(KernelEvent::LinkGone(InterfaceIndex(7))), relist: true });
}

#[test]
fn a_neighbour_s_states_are_the_kernel_s() {
    for (nud, state) in [
        (Nud::Incomplete, NeighbourState::Incomplete),
        (Nud::Reachable, NeighbourState::Reachable),
        (Nud::Stale, NeighbourState::Stale),
        (Nud::Delay, NeighbourState::Delay),
        (Nud::Probe, NeighbourState::Probe),
        (Nud::Failed, NeighbourState::Failed),
        (Nud::Permanent, NeighbourState::Permanent),
        (Nud::Noarp, NeighbourState::NoArp),
        (Nud::None, NeighbourState::Incomplete),
        (Nud::Other(0x4000), NeighbourState::Incomplete),
    ] {
        let expected =
            KernelNeighbour { address: ROUTER, interface: InterfaceIndex(7), mac: Some(MacAddr::new(MAC)), state };
        assert_eq!(neighbour(&neighbour_message(nud)), Some(expected));
    }
}

#[test]
fn proxy_entries_are_not_ours_and_ipv6_neighbours_are() {
    let mut proxy = neighbour_message(Nud::Permanent);
    proxy.header.flags = NeighbourFlags::Proxy;
    assert_eq!(neighbour(&proxy), None);
    let mut ipv6 = neighbour_message(Nud::Reachable);
    ipv6.header.family = AddressFamily::Inet6;
    ipv6.attributes[0] = NeighbourAttribute::Destination(NeighbourAddress::Inet6("fe80::9".parse().expect("legal")));
    let expected = KernelNeighbour {
        address: "fe80::9".parse().expect("legal"),
        interface: InterfaceIndex(7),
        mac: Some(MacAddr::new(MAC)),
        state: NeighbourState::Reachable,
    };
    assert_eq!(neighbour(&ipv6), Some(expected));
}

#[test]
fn a_removed_address_asks_for_a_listing() {
    assert!(heard(RouteNetlinkMessage::DelAddress(Default::default())).relist);
}
