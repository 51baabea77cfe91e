//! Packets for the fabric ports: each encapsulation over each family, mostly with one thing that is wrong.

use super::{LABELS, destination, layout, load, station, vtep_address};
use crate::packets::{Carrier, Ip, Overlay, Shim, Sum, entry, ethernet};
use crate::{Arrival, Mac, Network};
use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use wire::Encapsulation;

/// One thing that is wrong, or at least unusual. What does not apply to a packet changes nothing.
#[derive(Debug, Clone)]
enum Oddity {
    Nothing,
    OuterMac(Mac),
    EtherType(u16),
    Tags(Vec<u16>),
    Source(IpAddr),
    Destination(IpAddr),
    V4(u8, u16, u8),
    V6(u8, Option<u16>, Option<u8>),
    Extensions(Vec<(u8, Vec<u8>)>),
    UdpPort(u16),
    UdpLength(u16),
    Sum(Sum),
    Gre(u16, Option<Sum>, Option<u32>, Option<u16>),
    Vxlan(u8, [u8; 3], u8),
    Number(u32),
    Stack(Vec<u32>, Vec<u32>, Option<(Index, u32)>),
    ControlWord(Option<u32>),
    Trailer(Vec<u8>),
    Cut(Index),
}

fn address() -> impl Strategy<Value = IpAddr> {
    let v4 = select(vec![[0, 0, 0, 0], [127, 0, 0, 1], [224, 0, 0, 5], [255; 4], [172, 16, 0, 1], [9, 9, 9, 9]]);
    let v6 = select(vec![
        Ipv6Addr::UNSPECIFIED,
        Ipv6Addr::LOCALHOST,
        Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1),
        Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1),
        Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 9),
    ]);
    prop_oneof![v4.prop_map(|v4| Ipv4Addr::from(v4).into()), v6.prop_map(IpAddr::from)]
}

/// Extension headers of legal lengths, or nearly: hop-by-hop, routing, fragment, authentication, destination options.
fn extensions() -> impl Strategy<Value = Vec<(u8, Vec<u8>)>> {
    let body = |units: std::ops::Range<usize>| units.prop_flat_map(|n| vec(any::<u8>(), n * 8 - 2));
    let fragment =
        prop_oneof![any::<u32>().prop_map(|id| [&[0, 1][..], &id.to_be_bytes()].concat()), vec(any::<u8>(), 6),];
    let one = prop_oneof![
        4 => (select(vec![0u8, 43, 60]), body(1..3)),
        2 => (Just(44), fragment),
        1 => (Just(51), body(2..4)),
        1 => (select(vec![50u8, 59, 135]), body(1..2)),
    ];
    vec(one, 1..4)
}

/// Entries around the service label: explicit nulls, entropy pairs, and what has no business there.
fn entries() -> impl Strategy<Value = Vec<u32>> {
    let ttl = || prop_oneof![8 => Just(64u8), 1 => 0u8..4];
    let one = prop_oneof![
        3 => (select(vec![0, 2]), 0u8..8, ttl()).prop_map(|(label, class, ttl)| vec![entry(label, class, false, ttl)]),
        3 => (any::<u32>(), any::<u8>())
            .prop_map(|(label, ttl)| vec![entry(7, 0, false, ttl), entry(label & 0xf_ffff, 0, false, 0)]),
        1 => (0u32..20, ttl()).prop_map(|(label, ttl)| vec![entry(label, 0, false, ttl)]),
    ];
    vec(one, 0..5).prop_map(|all| all.concat())
}

fn stack() -> impl Strategy<Value = Oddity> {
    let bit = select(vec![1u32 << 8, 0xff, 0x3f, 0xffff_f000, 7 << 9]);
    (entries(), entries(), weighted(0.4, (any::<Index>(), bit)))
        .prop_map(|(before, behind, wrong)| Oddity::Stack(before, behind, wrong))
}

fn oddity() -> impl Strategy<Value = Oddity> {
    let sum = || select(vec![Sum::Right, Sum::Right, Sum::Zero, Sum::Value(1), Sum::Value(0xffff)]);
    let flags = prop_oneof![4 => Just(0u16), 1 => (0u32..16).prop_map(|bit| 1 << bit), 1 => any::<u16>()];
    let gre = (flags, weighted(0.5, sum()), weighted(0.5, any::<u32>()), weighted(0.1, any::<u16>()));
    let frame = prop_oneof![
        1 => prop_oneof![Just([0xff; 6]), any::<Mac>()].prop_map(Oddity::OuterMac),
        1 => select(vec![0x0800u16, 0x86dd, 0x0806, 0x8847, 0x8100]).prop_map(Oddity::EtherType),
        1 => vec(select(vec![0u16, 1, 100, 0x2064, 4095]), 0..3).prop_map(Oddity::Tags),
        1 => vec(any::<u8>(), 1..40).prop_map(Oddity::Trailer),
        2 => any::<Index>().prop_map(Oddity::Cut),
    ];
    let ip = prop_oneof![
        2 => address().prop_map(Oddity::Source),
        1 => address().prop_map(Oddity::Destination),
        3 => any::<(u8, u16, u8)>().prop_map(|(what, value, octet)| Oddity::V4(what % 6, value, octet)),
        1 => (prop_oneof![3 => Just(6u8), 1 => 0u8..16], weighted(0.6, any::<u16>()), weighted(0.4, any::<u8>()))
            .prop_map(|(version, length, next)| Oddity::V6(version, length, next)),
        4 => extensions().prop_map(Oddity::Extensions),
    ];
    let carrier = prop_oneof![
        1 => prop_oneof![select(vec![4789u16, 6635, 51234, 6636]), any::<u16>()].prop_map(Oddity::UdpPort),
        1 => any::<u16>().prop_map(Oddity::UdpLength),
        2 => sum().prop_map(Oddity::Sum),
        4 => gre.prop_map(|(flags, sum, key, protocol)| Oddity::Gre(flags, sum, key, protocol)),
    ];
    let shim = prop_oneof![
        2 => any::<(u8, [u8; 3], u8)>().prop_map(|(flags, reserved, last)| Oddity::Vxlan(flags, reserved, last)),
        1 => prop_oneof![0u32..1 << 20, select(&LABELS[..]), 0u32..1 << 24].prop_map(Oddity::Number),
        4 => stack(),
        2 => prop_oneof![Just(None), Just(Some(0)), any::<u32>().prop_map(Some)].prop_map(Oddity::ControlWord),
    ];
    prop_oneof![12 => Just(Oddity::Nothing), 2 => frame, 4 => ip, 3 => carrier, 4 => shim]
}

impl Oddity {
    fn apply(self, packet: &mut Overlay) {
        match (self, &mut packet.ip, &mut packet.carrier, &mut packet.shim) {
            (Self::OuterMac(mac), ..) => packet.outer_destination = mac,
            (Self::EtherType(ether_type), ..) => packet.ether_type = Some(ether_type),
            (Self::Tags(tags), ..) => packet.tags = tags,
            (Self::Source(IpAddr::V4(source)), Ip::V4(ip), ..) => ip.source = source,
            (Self::Source(IpAddr::V6(source)), Ip::V6(ip), ..) => ip.source = source,
            (Self::Destination(IpAddr::V4(destination)), Ip::V4(ip), ..) => ip.destination = destination,
            (Self::Destination(IpAddr::V6(destination)), Ip::V6(ip), ..) => ip.destination = destination,
            (Self::V4(0, value, octet), Ip::V4(ip), ..) => (ip.ihl, ip.total) = (Some(octet & 15), Some(value)),
            (Self::V4(1, _, octet), Ip::V4(ip), ..) => ip.options = vec![1; 4 * usize::from(octet % 11)],
            (Self::V4(2, value, octet), Ip::V4(ip), ..) => (ip.ihl, ip.checksum) = (Some(octet & 15), Some(value)),
            (Self::V4(3, _, octet), Ip::V4(ip), ..) => ip.flags_and_offset = u16::from(octet) << 8,
            (Self::V4(4, value, _), Ip::V4(ip), ..) => ip.checksum = Some(value),
            (Self::V4(_, value, octet), Ip::V4(ip), ..) => (ip.protocol, ip.version) = (Some(octet), value as u8 & 7),
            (Self::V6(version, length, next), Ip::V6(ip), ..) => {
                (ip.version, ip.length, ip.protocol) = (version, length, next);
            }
            (Self::Extensions(extensions), Ip::V6(ip), ..) => ip.extensions = extensions,
            (Self::UdpPort(port), _, Carrier::Udp(udp), _) => udp.destination = port,
            (Self::UdpLength(length), _, Carrier::Udp(udp), _) => udp.length = Some(length),
            (Self::Sum(sum), _, Carrier::Udp(udp), _) => udp.sum = sum,
            (Self::Gre(flags, checksum, key, protocol), _, Carrier::Gre(gre), _) => {
                (gre.flags, gre.checksum, gre.key) = (flags, checksum, key);
                gre.protocol = protocol.unwrap_or(gre.protocol);
            }
            (Self::Vxlan(flags, reserved, last), _, _, Shim::Vxlan(vxlan)) => {
                (vxlan.flags, vxlan.reserved, vxlan.last_reserved) = (flags, reserved, last);
            }
            (Self::Number(number), _, _, Shim::Vxlan(vxlan)) => vxlan.vni = number & 0xff_ffff,
            (Self::Number(number), _, _, Shim::Mpls(stack, _)) => stack[0] = entry(number & 0xf_ffff, 0, true, 64),
            (Self::Stack(before, behind, wrong), _, _, Shim::Mpls(stack, _)) => {
                *stack = around(stack[0], before, behind, wrong);
            }
            (Self::ControlWord(word), _, _, Shim::Mpls(_, control_word)) => *control_word = word,
            (Self::Trailer(octets), ..) => packet.trailer = octets,
            (Self::Cut(at), ..) => packet.inner.truncate(at.index(packet.inner.len().clamp(1, 40))),
            _ => {}
        }
    }
}

/// A stack with the S bit where it should be, then one entry changed.
fn around(service: u32, before: Vec<u32>, behind: Vec<u32>, wrong: Option<(Index, u32)>) -> Vec<u32> {
    let mut stack = [before, vec![service & !(1 << 8)], behind].concat();
    if let Some(last) = stack.last_mut() {
        *last |= 1 << 8;
    }
    if let Some((at, bits)) = wrong {
        let at = at.index(stack.len());
        stack[at] ^= bits;
    }
    stack
}

/// A packet for a network, by its VNI or label or by a VMI's own label.
fn good(net: &Network) -> impl Strategy<Value = Overlay> + use<> {
    let own = net.clone();
    let network = (0..net.networks.len(), weighted(0.3, 0..net.vmis.len())).prop_flat_map(move |(n, vmi)| {
        let vmi = vmi.map(|vmi| own.vmis[vmi].clone()).filter(|vmi| vmi.label.is_some());
        let n = vmi.as_ref().map_or(n, |vmi| vmi.network);
        let to = match vmi.iter().flat_map(|vmi| vmi.macs.first()).next() {
            Some(mac) => prop_oneof![4 => Just(*mac), 1 => destination(&own, n)].boxed(),
            None => destination(&own, n),
        };
        (Just(n), Just(vmi.and_then(|vmi| vmi.label)), to)
    });
    let source = (
        prop_oneof![6 => Just(None), 1 => station().prop_map(Some), 1 => any::<Mac>().prop_map(Some)],
        prop_oneof![8 => 0..net.vteps.len().max(1), 1 => Just(net.vteps.len())],
    );
    let bits = (any::<u8>(), 0u8..8, any::<bool>(), any::<u32>());
    let net = net.clone();
    (network, source, load(), select(&Encapsulation::ALL[..]), bits, any::<Index>()).prop_map(
        move |((n, own_label, to), (by, vtep), load, encapsulation, bits, link)| {
            let (traffic_class, class, legacy, flow_label) = bits;
            let network = net.networks[n];
            let label = own_label.or(network.label).unwrap_or(21);
            let number = if encapsulation.is_mpls() { label } else { network.vni };
            let by = by.unwrap_or([2, 0, 0, 0, 0x20, 1]);
            let (to, kind, payload) = load.packet(by, to);
            let inner = ethernet(to, by, &[], kind, &payload);
            let mut packet = Overlay::new(&net.fabric, vtep_address(vtep), encapsulation, number, inner);
            packet.outer_destination = net.fabric.links[link.index(net.fabric.links.len())].mac;
            match &mut packet.ip {
                Ip::V4(ip) => ip.tos = traffic_class,
                Ip::V6(ip) => (ip.traffic_class, ip.flow_label) = (traffic_class, flow_label),
            }
            if encapsulation.is_mpls() {
                packet.set_mpls(&[entry(label, class, true, 64)], network.control_word.then_some(0));
            }
            if encapsulation == Encapsulation::MplsOverUdp && legacy {
                packet.udp().destination = 51234;
            }
            packet
        },
    )
}

/// A packet, and the fabric port by which it comes.
pub(super) fn packet(net: &Network) -> BoxedStrategy<(usize, Arrival)> {
    let net_too = net.clone();
    let odd =
        (good(net), vec(oddity(), 1..3), (any::<bool>(), weighted(0.1, Just(())), weighted(0.05, any::<Index>())));
    (odd, layout())
        .prop_map(move |((mut packet, oddities, (strip, verified, port)), layout)| {
            let of_mac = net_too.fabric.links.iter().position(|link| link.mac == packet.outer_destination).unwrap_or(0);
            let link = port.map_or(of_mac, |port| port.index(net_too.fabric.links.len()));
            oddities.into_iter().for_each(|oddity| oddity.apply(&mut packet));
            let stripped = if strip && !packet.tags.is_empty() { Some(packet.tags.remove(0)) } else { None };
            let arrival = Arrival { octets: packet.octets(), stripped, verified: verified.is_some(), layout };
            (net_too.fabric_port() + link, arrival)
        })
        .boxed()
}
