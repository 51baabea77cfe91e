//! What a gateway answers by itself: ARP, neighbour discovery and echo, from the access side.

#![allow(clippy::disallowed_macros, reason = "what is banned from the packet path may serve to test it")]

use proptest::collection::vec;
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use telemetry::DropReason::{self, *};
use telemetry::Service;
use telemetry::notices::{Heard, HeardHow, Notice};
use testkit::discovery::*;
use testkit::example::*;
use testkit::memory::Layout;
use testkit::oracle::Told;
use testkit::packets::{Ipv4, ethernet, ethernet_with, internet_checksum, pseudo_header};
use testkit::{Arrival, Gateway, Mac, Network, Outcome, arbitrary, disagreement, oracle};

const ARP: u16 = 0x0806;
const IPV6: u16 = 0x86dd;
/// A as the tests' instances have it: on VLAN 100, with priority 5.
const TAG: u16 = 100 | 5 << 13;

fn told(notice: &Notice) -> Option<Told> {
    match notice {
        Notice::Heard(Heard { address, mac, how, .. }) => Some((*address, mac.octets(), *how)),
        _ => None,
    }
}

fn v4(mac: Mac) -> Ipv4Addr {
    addresses(0, mac).0
}

fn v6(mac: Mac) -> Ipv6Addr {
    addresses(0, mac).1
}

/// A frame of A.
fn of_a(to: Mac, ether_type: u16, packet: &[u8]) -> Vec<u8> {
    ethernet(to, A, &[TAG], ether_type, packet)
}

/// The same padded to the least that an Ethernet frame has.
fn padded(mut frame: Vec<u8>) -> Vec<u8> {
    frame.resize(frame.len().max(60), 0);
    frame
}

fn request(target: Ipv4Addr) -> Vec<u8> {
    of_a(BROADCAST, ARP, &Arp::request(A, v4(A), target).octets())
}

fn solicitation(target: Ipv6Addr) -> Vec<u8> {
    of_a(group_mac(solicited_node(target)), IPV6, &Neighbour::solicitation(A, v6(A), target).octets())
}

/// What comes out for one frame of an instance, and what control is told.
fn pass(net: &Network, frame: impl Into<Arrival>) -> (Outcome, Vec<Told>) {
    let mut gateway = Gateway::new(net);
    let outcome = gateway.pass(ACCESS, frame);
    gateway.settle();
    (outcome, gateway.notices().iter().filter_map(told).collect())
}

fn dropped_for(net: &Network, frame: impl Into<Arrival>, reason: DropReason) {
    let (outcome, told) = pass(net, frame);
    assert_eq!((outcome.drops.into_iter().collect(), outcome.sent, told), (vec![(reason, 1)], vec![], vec![]));
}

/// Flooded: as a copy to B, and one to the VTEP that takes part.
fn is_flooded(outcome: &Outcome) -> bool {
    let ports: Vec<usize> = outcome.sent.iter().map(|(port, _)| *port).collect();
    outcome.drops.is_empty() && ports == [ACCESS, FABRIC]
}

#[test]
fn a_request_for_a_known_instance_is_answered_with_its_own_mac_wherever_it_is() {
    for owner in [B, REMOTE] {
        let (outcome, told) = pass(&served(), request(v4(owner)));
        let reply = Arp::reply(owner, v4(owner), A, v4(A)).octets();
        assert_eq!(outcome.sent, [(ACCESS, padded(ethernet(A, owner, &[TAG], ARP, &reply)))]);
        assert_eq!(told, [], "only who says that it is there is reported");
    }
}

#[test]
fn the_gateways_addresses_are_answered_with_the_virtual_routers_mac() {
    for (address, to) in [(GATEWAY, BROADCAST), (SERVICES, BROADCAST), (GATEWAY, ROUTER)] {
        let (outcome, _) = pass(&served(), of_a(to, ARP, &Arp::request(A, v4(A), address).octets()));
        let reply = Arp::reply(ROUTER, address, A, v4(A)).octets();
        assert_eq!(outcome.sent, [(ACCESS, padded(ethernet(A, ROUTER, &[TAG], ARP, &reply)))]);
    }
}

/// The tag as the port may leave it, one taken out, none, two, and what is behind the packet.
#[test]
fn an_answer_has_the_tags_of_its_interface_in_every_form_and_nothing_of_the_requests_padding() {
    let mut net = served();
    let ask = |mac: Mac, target: Ipv4Addr| Arp::request(mac, Ipv4Addr::new(10, 9, 0, 9), target).octets();
    let answer = |mac: Mac, by: Mac, target| Arp::reply(by, target, mac, Ipv4Addr::new(10, 9, 0, 9)).octets();
    let same = |net: &Network, arrival: Arrival, expected: Vec<u8>| {
        let (outcome, _) = pass(net, arrival);
        assert_eq!(outcome.sent, [(ACCESS, padded(expected))]);
    };
    let blue = answer(A, B, v4(B));
    for trailer in [0, 10, 18, 40, 90] {
        let packet = [ask(A, v4(B)), vec![0xee; trailer]].concat();
        same(&net, of_a(BROADCAST, ARP, &packet).into(), ethernet(A, B, &[TAG], ARP, &blue));
        let stripped = Some(TAG);
        let octets = ethernet(BROADCAST, A, &[], ARP, &packet);
        same(&net, Arrival { octets, stripped, ..Arrival::default() }, ethernet(A, B, &[TAG], ARP, &blue));
    }
    let (f, packet) = (addresses(2, F).0, |mac| ask(mac, addresses(2, F).0));
    let red = |mac| answer(mac, F, f);
    same(&net, ethernet(BROADCAST, D, &[300], ARP, &packet(D)).into(), ethernet(D, F, &[300], ARP, &red(D)));
    let tags = [400, 7 | 3 << 13];
    same(&net, ethernet(BROADCAST, G, &tags, ARP, &packet(G)).into(), ethernet(G, F, &[400, 7], ARP, &red(G)));
    net.vmis[0].vlan = 0;
    same(&net, ethernet(BROADCAST, A, &[], ARP, &ask(A, v4(B))).into(), ethernet(A, B, &[], ARP, &blue));
    same(&net, ethernet(BROADCAST, A, &[5 << 13], ARP, &ask(A, v4(B))).into(), ethernet(A, B, &[], ARP, &blue));
    same(
        &net,
        ethernet(BROADCAST, A, &[], ARP, &ask(A, GATEWAY)).into(),
        ethernet(A, ROUTER, &[], ARP, &answer(A, ROUTER, GATEWAY)),
    );
}

#[test]
fn who_is_unknown_or_out_of_reach_is_asked_by_everybody() {
    for target in [Ipv4Addr::new(10, 1, 0, 77), v4(GONE), Ipv4Addr::new(192, 0, 2, 1)] {
        let (outcome, told) = pass(&served(), request(target));
        assert!(is_flooded(&outcome), "{target}: {outcome:02x?}");
        assert_eq!(told, []);
    }
    let target = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 0x77);
    assert!(is_flooded(&pass(&served(), solicitation(target)).0));
}

#[test]
fn an_owner_on_the_requesters_own_vlan_answers_himself() {
    let net = served();
    let (e, d) = (addresses(2, E), addresses(2, D));
    let arp = Arp::request(D, d.0, e.0).octets();
    let nd = Neighbour::solicitation(D, d.1, e.1).octets();
    for (to, kind, packet) in [(BROADCAST, ARP, arp), (group_mac(solicited_node(e.1)), IPV6, nd)] {
        let (outcome, _) = pass(&net, ethernet(to, D, &[300], kind, &packet));
        let mut here = outcome.sent.iter().filter(|(port, _)| *port == ACCESS);
        assert!(outcome.sent.len() > 5 && here.all(|(_, frame)| frame[..6] == to), "{outcome:02x?}");
    }
}

#[test]
fn gratuitous_arp_announcements_and_probes_reach_everybody_and_are_reported() {
    let probe = Arp::request(A, Ipv4Addr::UNSPECIFIED, v4(B));
    for (arp, expected) in [
        (Arp::request(A, v4(A), v4(A)), (v4(A), HeardHow::Announcement)),
        (Arp::reply(A, v4(A), [0xff; 6], v4(A)), (v4(A), HeardHow::Announcement)),
        (Arp::reply(A, v4(A), B, v4(B)), (v4(A), HeardHow::Announcement)),
        (probe, (v4(B), HeardHow::Probe)),
        (Arp::request(A, GATEWAY, GATEWAY), (GATEWAY, HeardHow::Announcement)),
    ] {
        let (outcome, told) = pass(&served(), of_a(BROADCAST, ARP, &arp.octets()));
        assert!(is_flooded(&outcome), "{arp:?}");
        assert_eq!(told, [(expected.0.into(), A, expected.1)], "{arp:?}");
    }
}

#[test]
fn duplicate_address_detection_and_unsolicited_advertisements_reach_everybody_and_are_reported() {
    let dad = Neighbour::solicitation(A, Ipv6Addr::UNSPECIFIED, v6(B));
    let unsolicited = Neighbour::advertisement(A, v6(A), ALL_NODES, 0x20);
    for (packet, expected) in [(dad, (v6(B), HeardHow::Probe)), (unsolicited, (v6(A), HeardHow::Announcement))] {
        let (outcome, told) = pass(&served(), of_a(group_mac(packet.destination), IPV6, &packet.octets()));
        assert!(is_flooded(&outcome), "{packet:?}");
        assert_eq!(told, [(expected.0.into(), A, expected.1)]);
    }
}

/// RFC 5227 section 2.1.1 and RFC 4862 section 5.4.3: the owner tells whoever looks for a duplicate, and that is this node.
#[test]
fn the_gateway_defends_its_own_addresses() {
    let probe = Arp::request(A, Ipv4Addr::UNSPECIFIED, GATEWAY).octets();
    let (outcome, told) = pass(&served(), of_a(BROADCAST, ARP, &probe));
    let reply = Arp::reply(ROUTER, GATEWAY, A, Ipv4Addr::UNSPECIFIED).octets();
    assert_eq!(outcome.sent, [(ACCESS, padded(ethernet(A, ROUTER, &[TAG], ARP, &reply)))]);
    assert_eq!(told, []);
    let dad = Neighbour::solicitation(A, Ipv6Addr::UNSPECIFIED, GATEWAY6);
    let (outcome, told) = pass(&served(), of_a(group_mac(dad.destination), IPV6, &dad.octets()));
    // Router and override, not solicited: to all nodes, but on that VLAN alone.
    let defence = Neighbour::advertisement(ROUTER, GATEWAY6, ALL_NODES, 0xa0).octets();
    assert_eq!(outcome.sent, [(ACCESS, ethernet(group_mac(ALL_NODES), ROUTER, &[TAG], IPV6, &defence))]);
    assert_eq!(told, []);
}

#[test]
fn solicitations_are_answered_by_the_owners_mac_and_the_gateways_as_a_router() {
    for (target, mac, flags) in
        [(v6(B), B, 0x60), (v6(REMOTE), REMOTE, 0x60), (GATEWAY6, ROUTER, 0xe0), (ROUTER_LINK_LOCAL, ROUTER, 0xe0)]
    {
        let mut without_option = Neighbour::solicitation(A, v6(A), target);
        without_option.options = vec![];
        let with_nonce = [link_layer(1, A), vec![14, 1, 1, 2, 3, 4, 5, 6]].concat();
        let with_nonce = Neighbour { options: with_nonce, ..Neighbour::solicitation(A, v6(A), target) };
        for ask in [Neighbour::solicitation(A, v6(A), target), without_option, with_nonce] {
            for to in [group_mac(solicited_node(target)), ROUTER] {
                let (outcome, told) = pass(&served(), of_a(to, IPV6, &ask.octets()));
                let answer = Neighbour::advertisement(mac, target, v6(A), flags).octets();
                assert_eq!(outcome.sent, [(ACCESS, ethernet(A, mac, &[TAG], IPV6, &answer))], "{target}");
                assert_eq!(told, []);
            }
        }
    }
}

#[test]
fn replies_and_advertisements_to_the_gateway_end_here_and_are_reported() {
    let arp = of_a(ROUTER, ARP, &Arp::reply(A, v4(A), ROUTER, GATEWAY).octets());
    let nd = of_a(ROUTER, IPV6, &Neighbour::advertisement(A, v6(A), ROUTER_LINK_LOCAL, 0x60).octets());
    let net = served();
    let mut gateway = Gateway::new(&net);
    for (frame, address) in [(arp, IpAddr::from(v4(A))), (nd, v6(A).into())] {
        let outcome = gateway.pass(ACCESS, frame);
        assert_eq!((outcome.sent, outcome.drops.len()), (vec![], 0));
        let told: Vec<Told> = gateway.notices().iter().filter_map(told).collect();
        assert_eq!(told, [(address, A, HeardHow::Reply)]);
    }
    assert_eq!(gateway.settle().consumed, 2);
}

#[test]
fn what_an_instance_tags_itself_is_flooded_as_it_is() {
    let arp = Arp::request(A, v4(A), v4(B)).octets();
    let gratuitous = Arp::request(A, v4(A), v4(A)).octets();
    let gateway = Arp::request(A, v4(A), GATEWAY).octets();
    let nd = Neighbour::solicitation(A, v6(A), v6(B)).octets();
    for (kind, packet) in [(ARP, arp), (ARP, gratuitous), (ARP, gateway), (IPV6, nd)] {
        let (outcome, told) = pass(&served(), ethernet(BROADCAST, A, &[TAG, 7], kind, &packet));
        let copy = ethernet(BROADCAST, A, &[101 | 5 << 13, 7], kind, &packet);
        assert!(is_flooded(&outcome) && told.is_empty());
        assert_eq!(outcome.sent[0].1[..copy.len()], copy);
    }
}

#[test]
fn malformed_arp_is_dropped_and_counted() {
    let right = Arp::request(A, v4(A), v4(B));
    for wrong in [
        Arp { hardware: 6, ..right.clone() },
        Arp { protocol: 0x86dd, ..right.clone() },
        Arp { lengths: [8, 4], ..right.clone() },
        Arp { lengths: [6, 16], ..right.clone() },
    ] {
        for to in [BROADCAST, ROUTER] {
            dropped_for(&served(), of_a(to, ARP, &wrong.octets()), MalformedArp);
        }
    }
    for octets in [0, 1, 8, 27] {
        dropped_for(&served(), of_a(BROADCAST, ARP, &right.octets()[..octets]), MalformedArp);
    }
    let net = served();
    let mut gateway = Gateway::new(&net);
    gateway.pass(ACCESS, of_a(BROADCAST, ARP, &right.octets()[..9]));
    let counted = gateway.telemetry().vif(fib::VifIndex::new(0).unwrap()).read();
    assert_eq!((counted.rx_frames, counted.drops, counted.tx_frames), (1, 1, 0));
}

#[test]
fn malformed_neighbour_discovery_is_dropped_and_counted() {
    let ask = Neighbour::solicitation(A, v6(A), v6(B));
    let dad = Neighbour::solicitation(A, Ipv6Addr::UNSPECIFIED, v6(B));
    let told = Neighbour::advertisement(A, v6(A), ALL_NODES, 0x20);
    for wrong in [
        Neighbour { hop_limit: 254, ..ask.clone() },
        Neighbour { code: 1, ..ask.clone() },
        Neighbour { checksum: Some(0x1234), ..ask.clone() },
        Neighbour { target: ALL_NODES, ..ask.clone() },
        Neighbour { options: vec![1, 0, 0, 0, 0, 0, 0, 0], ..ask.clone() },
        Neighbour { options: vec![1, 2, 0, 0, 0, 0, 0, 0], ..ask.clone() },
        Neighbour { options: vec![1], ..ask.clone() },
        Neighbour { options: link_layer(1, A), ..dad.clone() },
        Neighbour { destination: ALL_NODES, ..dad.clone() },
        Neighbour { flags: 0x60, ..told.clone() },
        Neighbour { hop_limit: 64, ..told.clone() },
    ] {
        let frame = of_a(group_mac(wrong.destination), IPV6, &wrong.octets());
        dropped_for(&served(), frame, MalformedNd);
    }
    for octets in [41, 50, 63, 71] {
        dropped_for(&served(), of_a(group_mac(ask.destination), IPV6, &ask.octets()[..octets]), MalformedNd);
    }
}

#[test]
fn a_sender_that_is_not_the_frames_source_is_neither_answered_nor_believed() {
    let other = Arp::request(B, v4(A), v4(REMOTE)).octets();
    let gratuitous = Arp::request(B, v4(B), v4(B)).octets();
    let nd = Neighbour::solicitation(B, v6(A), v6(REMOTE)).octets();
    let advertisement = Neighbour::advertisement(B, v6(B), ALL_NODES, 0x20).octets();
    for (kind, packet) in [(ARP, &other), (ARP, &gratuitous), (IPV6, &nd), (IPV6, &advertisement)] {
        let to = if kind == ARP { BROADCAST } else { group_mac(ALL_NODES) };
        let (outcome, told) = pass(&served(), of_a(to, kind, packet));
        assert!(is_flooded(&outcome) && told.is_empty());
    }
    dropped_for(&served(), of_a(ROUTER, ARP, &Arp::reply(B, v4(B), ROUTER, GATEWAY).octets()), MalformedArp);
    dropped_for(&served(), of_a(ROUTER, IPV6, &advertisement), MalformedNd);
}

#[test]
fn what_a_router_or_a_server_would_answer_is_flooded() {
    let solicit = Neighbour { kind: 133, options: vec![], ..Neighbour::solicitation(A, v6(A), v6(B)) };
    let router = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);
    let solicit = Neighbour { destination: router, ..solicit }.octets();
    let discover = testkit::packets::udp_in_ipv4(Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST, (68, 67), &[1; 240]);
    assert!(is_flooded(&pass(&served(), of_a(group_mac(router), IPV6, &solicit)).0));
    assert!(is_flooded(&pass(&served(), of_a(BROADCAST, 0x0800, &discover)).0));
}

#[test]
fn a_network_of_mode_l2_has_no_gateway_answers_nothing_and_refuses_nothing() {
    let mut net = served();
    net.networks.iter_mut().for_each(|network| network.gateway = false);
    net.bindings.clear();
    let cut = of_a(BROADCAST, ARP, &[0; 9]);
    let bad = Neighbour { hop_limit: 1, ..Neighbour::solicitation(A, v6(A), v6(B)) };
    let bad = of_a(group_mac(bad.destination), IPV6, &bad.octets());
    for frame in [request(v4(B)), request(GATEWAY), solicitation(v6(B)), solicitation(GATEWAY6), cut, bad] {
        assert!(is_flooded(&pass(&net, frame).0));
    }
    let gratuitous = of_a(BROADCAST, ARP, &Arp::request(A, v4(A), v4(A)).octets());
    assert_eq!(pass(&net, gratuitous).1, [(v4(A).into(), A, HeardHow::Announcement)]);
    dropped_for(&net, of_a(ROUTER, 0x0800, &datagram(20)), UnknownUnicast);
}

#[test]
fn from_the_fabric_the_gateway_is_not_answered_for_and_the_rest_is_flooded() {
    let net = served();
    let from = |inner: Vec<u8>| {
        Gateway::new(&net).pass(FABRIC, overlay((wire::Encapsulation::Vxlan, VTEP.into()), 0, inner).octets())
    };
    let arp = |target| ethernet(BROADCAST, REMOTE, &[], ARP, &Arp::request(REMOTE, v4(REMOTE), target).octets());
    let nd = |target| {
        let ask = Neighbour::solicitation(REMOTE, v6(REMOTE), target);
        ethernet(group_mac(ask.destination), REMOTE, &[], IPV6, &ask.octets())
    };
    let to_gateway = ethernet(ROUTER, REMOTE, &[], 0x0800, &datagram(20));
    for frame in [arp(GATEWAY), arp(SERVICES), nd(GATEWAY6), nd(ROUTER_LINK_LOCAL), to_gateway] {
        let outcome = from(frame);
        assert_eq!((outcome.sent.len(), outcome.drops.into_iter().collect()), (0, vec![(GatewayFromFabric, 1)]));
    }
    for frame in [arp(v4(A)), nd(v6(A)), arp(Ipv4Addr::new(10, 1, 0, 99))] {
        let outcome = from(frame);
        assert_eq!((outcome.sent.len(), outcome.drops.len()), (2, 0), "a copy to A and one to B");
    }
}

fn ping(source: Ipv4Addr, destination: Ipv4Addr, data: &[u8]) -> Vec<u8> {
    echo_v4(&Ipv4 { source, destination, ttl: 3, tos: 0x2e, ..Ipv4::default() }, 0xbeef, 7, data)
}

#[test]
fn echo_to_the_gateways_addresses_is_answered() {
    let data: Vec<u8> = (0..=255).collect();
    for (address, octets) in [(GATEWAY, 0), (GATEWAY, 1), (SERVICES, 56), (GATEWAY, 256)] {
        let (outcome, _) = pass(&served(), of_a(ROUTER, 0x0800, &ping(v4(A), address, &data[..octets])));
        let [(ACCESS, frame)] = &outcome.sent[..] else { panic!("{outcome:02x?}") };
        assert_eq!(frame[..18], ethernet(A, ROUTER, &[TAG], 0x0800, &[]));
        let reply = &frame[18..18 + 28 + octets];
        assert_eq!((reply[0], reply[1], &reply[4..8], reply[8], reply[9]), (0x45, 0x2e, &[0, 0, 0x40, 0][..], 64, 1));
        assert_eq!([&reply[12..16], &reply[16..20]], [address.octets(), v4(A).octets()]);
        assert_eq!((internet_checksum(&reply[..20]), internet_checksum(&reply[20..])), (0, 0));
        assert_eq!((reply[20], &reply[24..28], &reply[28..]), (0, &[0xbe, 0xef, 0, 7][..], &data[..octets]));
        assert!(frame[18 + 28 + octets..].iter().all(|octet| *octet == 0) && frame.len() >= 60);
    }
    for address in [GATEWAY6, ROUTER_LINK_LOCAL] {
        let (outcome, _) = pass(&served(), of_a(ROUTER, IPV6, &echo_v6(v6(A), address, 0xbeef, 7, &data)));
        let [(ACCESS, frame)] = &outcome.sent[..] else { panic!("{outcome:02x?}") };
        let reply = &frame[18..];
        assert_eq!((frame[..14].to_vec(), reply[7], reply[40]), (ethernet(A, ROUTER, &[], 0x8100, &[]), 64, 129));
        assert_eq!([&reply[8..24], &reply[24..40]], [address.octets(), v6(A).octets()]);
        let pseudo = pseudo_header(&reply[8..24], &reply[24..40], 58, reply.len() - 40);
        assert_eq!((internet_checksum(&[&pseudo, &reply[40..]].concat()), &reply[48..]), (0, &data[..]));
    }
}

#[test]
fn an_echo_with_a_wrong_checksum_is_answered_with_one_as_wrong() {
    let mut packet = ping(v4(A), GATEWAY, b"damaged on its way");
    packet[30] ^= 1;
    let (outcome, _) = pass(&served(), of_a(ROUTER, 0x0800, &packet));
    assert_ne!(internet_checksum(&outcome.sent[0].1[38..]), 0);
}

#[test]
fn a_large_echo_in_several_buffers_is_answered_too() {
    let octets = of_a(ROUTER, 0x0800, &ping(v4(A), GATEWAY, &[0x5a; 1400]));
    let layout = Layout { first: Some(300), ..Layout::default() };
    let (outcome, _) = pass(&served(), Arrival { octets, layout, ..Arrival::default() });
    assert_eq!((outcome.sent.len(), internet_checksum(&outcome.sent[0].1[38..])), (1, 0));
}

#[test]
fn anything_else_to_the_gateways_mac_is_dropped_since_nothing_is_routed_yet() {
    let ip = |ip: Ipv4| echo_v4(&Ipv4 { source: v4(A), destination: GATEWAY, ..ip }, 1, 1, b"x");
    let mut wrong_sum = ip(Ipv4::default());
    wrong_sum[10] ^= 1;
    let mut reply = ip(Ipv4::default());
    reply[20] = 0;
    for packet in [
        ip(Ipv4 { flags_and_offset: 0x2000, ..Ipv4::default() }),
        ip(Ipv4 { flags_and_offset: 3, ..Ipv4::default() }),
        ip(Ipv4 { options: vec![1; 4], ..Ipv4::default() }),
        ip(Ipv4 { total: Some(4000), ..Ipv4::default() }),
        ping(v4(A), v4(B), b"elsewhere"),
        ping(Ipv4Addr::new(224, 0, 0, 1), GATEWAY, b"nobody's"),
        ping(Ipv4Addr::UNSPECIFIED, GATEWAY, b"nobody's"),
        wrong_sum,
        reply,
        datagram(40),
        vec![],
    ] {
        dropped_for(&served(), of_a(ROUTER, 0x0800, &packet), NotRouted);
    }
    for packet in [echo_v6(Ipv6Addr::UNSPECIFIED, GATEWAY6, 1, 1, b"x"), echo_v6(v6(A), v6(B), 1, 1, b"x")] {
        dropped_for(&served(), of_a(ROUTER, IPV6, &packet), NotRouted);
    }
    for (kind, packet) in [(ARP, Arp::request(A, v4(A), v4(GONE)).octets()), (0x88b5, vec![0; 60])] {
        dropped_for(&served(), of_a(ROUTER, kind, &packet), NotRouted);
    }
}

#[test]
fn each_instance_has_a_rate_of_its_own_for_addresses_and_for_echoes() {
    let net = served();
    let mut gateway = Gateway::new(&net);
    let ping = of_a(ROUTER, 0x0800, &ping(v4(A), GATEWAY, b"x"));
    let mut answered = |frame: &Vec<u8>, times| {
        let outcomes = (0..times).map(|_| gateway.pass(ACCESS, frame.clone()));
        let outcomes: Vec<Outcome> = outcomes.collect();
        assert!(outcomes.iter().all(|outcome| outcome.sent.len() + outcome.drops.len() == 1));
        let policed = outcomes.iter().filter(|outcome| outcome.drops.contains_key(&ServicePoliced)).count();
        outcomes.len() - policed
    };
    assert_eq!(answered(&request(v4(B)), 300), 254);
    assert_eq!(answered(&solicitation(v6(B)), 10), 0, "of one budget with ARP");
    assert_eq!(answered(&ping, 100), 50);
    let of_b = ethernet(BROADCAST, B, &[101], ARP, &Arp::request(B, v4(B), v4(A)).octets());
    assert_eq!(answered(&of_b, 10), 10, "another's is untouched");
    gateway.clock().advance(1_000_000_000);
    let answers = gateway.telemetry().answers.each_ref().map(telemetry::Counter::read);
    assert_eq!(answers, [264, 0, 50], "{:?}", Service::ALL);
    assert_eq!(gateway.pass(ACCESS, solicitation(v6(B))).sent.len(), 1);
    gateway.settle();
}

#[test]
fn an_answer_that_finds_no_room_is_dropped_for_that() {
    let net = served();
    let packet = Neighbour { options: vec![], ..Neighbour::solicitation(A, v6(A), v6(B)) }.octets();
    let octets = of_a(group_mac(solicited_node(v6(B))), IPV6, &packet);
    let layout = Layout { tailroom: 7, ..Layout::default() };
    dropped_for(&net, Arrival { octets, layout, ..Arrival::default() }, NoTailroom);
    let octets = ethernet_with(BROADCAST, A, &[], ARP, &Arp::request(A, v4(A), v4(B)).octets());
    let layout = Layout { headroom: 3, ..Layout::default() };
    dropped_for(&net, Arrival { octets, layout, stripped: Some(TAG), ..Arrival::default() }, NoHeadroom);
}

fn network_and_asks() -> impl Strategy<Value = (Network, Vec<(usize, Arrival)>)> {
    arbitrary::network_of_instances().prop_flat_map(|mut net| {
        net.networks.iter_mut().for_each(|network| network.gateway = true);
        (Just(net.clone()), vec(arbitrary::asking(&net), 1..24))
    })
}

/// The VLAN tags of an access frame, as the port's interfaces have them: VLAN, and the one behind it.
fn tags(net: &Network, port: usize, frame: &[u8]) -> (u16, Option<u16>) {
    let word = |at: usize| u16::from_be_bytes([frame[at], frame[at + 1]]);
    if word(12) != net.access[port].tpid.value() {
        return (0, None);
    }
    let vlan = word(14) & 0xfff;
    let inner = (word(16) == 0x8100).then(|| word(18) & 0xfff);
    (vlan, inner.filter(|inner| net.vmis.iter().any(|vmi| vmi.segment() == (port, vlan, Some(*inner)))))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_asked_is_answered_as_it_has_to_be((net, asks) in network_and_asks()) {
        let mut gateway = Gateway::new(&net);
        for (port, ask) in asks {
            let expected = oracle::expect(&net, port, &ask);
            let outcome = gateway.pass(port, ask.clone());
            let told: Vec<Told> = gateway.notices().iter().filter_map(told).collect();
            prop_assert_eq!(told, oracle::told(&net, port, &ask).into_iter().collect::<Vec<_>>(), "{:02x?}", ask);
            if let Some(difference) = disagreement(&net, &expected, &outcome) {
                prop_assert!(false, "port {port}, {ask:02x?}\n{difference}");
            }
        }
        gateway.settle();
    }

    /// A switch would learn the station at the gateway's port, and send it nothing any more.
    #[test]
    fn no_frame_whose_source_is_at_home_on_a_vlan_goes_there((net, asks) in network_and_asks()) {
        let mut gateway = Gateway::new(&net);
        for (port, ask) in asks {
            for (to, frame) in gateway.pass(port, ask.clone()).sent.iter().filter(|(to, _)| *to < net.access.len()) {
                let (vlan, inner) = tags(&net, *to, frame);
                let mut home = net.vmis.iter().filter(|vmi| vmi.segment() == (*to, vlan, inner));
                let is_home = home.any(|vmi| vmi.macs.iter().any(|mac| mac[..] == frame[6..12]));
                prop_assert!(!is_home, "{ask:02x?} became {frame:02x?} on port {to}");
            }
        }
    }
}
