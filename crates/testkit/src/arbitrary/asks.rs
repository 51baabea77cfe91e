//! Whose addresses are whose, and packets that ask for them or say so.

use super::station;
use crate::discovery::{
    ALL_NODES, Arp, Neighbour, ROUTER, ROUTER_LINK_LOCAL, echo_v4, echo_v6, group_mac, link_layer, solicited_node,
};
use crate::packets::Ipv4;
use crate::{Bound, Mac, Network};
use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const V4: [Ipv4Addr; 5] = [
    Ipv4Addr::new(10, 1, 0, 1),
    Ipv4Addr::new(10, 1, 0, 2),
    Ipv4Addr::new(10, 1, 0, 3),
    Ipv4Addr::new(10, 1, 0, 4),
    Ipv4Addr::new(10, 1, 0, 5),
];
const V6: [Ipv6Addr; 5] = [
    ROUTER_LINK_LOCAL,
    Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2),
    Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 3),
    Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 1, 3),
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 9),
];

/// For each of the ten addresses in a network: nobody's, the gateway's, an instance's.
pub(super) fn holders() -> impl Strategy<Value = Vec<Option<Option<Mac>>>> {
    vec(prop_oneof![1 => Just(None), 1 => Just(Some(None)), 2 => station().prop_map(|mac| Some(Some(mac)))], 10)
}

/// Only a network with a gateway has bindings.
pub(super) fn bind(net: &mut Network, network: usize, holders: Vec<Option<Option<Mac>>>) {
    let addresses = V4.map(IpAddr::from).into_iter().chain(V6.map(IpAddr::from));
    let bound = addresses.zip(holders).filter_map(|(address, mac)| Some(Bound { network, address, mac: mac? }));
    net.bindings.extend(bound.filter(|_| net.networks[network].gateway));
}

/// A packet that says who sends it: what it is, and what is not as it should be.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    kind: Kind,
    /// Whom it names instead of its sender.
    mac: Option<Mac>,
    place: Option<(Index, u8)>,
    cut: Option<Index>,
    /// Octets behind its end.
    trailer: usize,
    to_gateway: bool,
}

#[derive(Debug, Clone)]
enum Kind {
    Arp { operation: u16, sender: Ipv4Addr, target: Ipv4Addr },
    Neighbour { kind: u8, flags: u8, source: Ipv6Addr, target: Ipv6Addr, elsewhere: Option<Ipv6Addr>, options: Options },
    EchoV4 { source: Ipv4Addr, destination: Ipv4Addr, fragment: u16, data: Vec<u8> },
    EchoV6 { source: Ipv6Addr, destination: Ipv6Addr, data: Vec<u8> },
}

/// Whether the usual option is there, and another in front of it.
type Options = (bool, Option<Vec<u8>>);

fn v4() -> impl Strategy<Value = Ipv4Addr> {
    prop_oneof![8 => select(&V4[..]), 2 => Just(Ipv4Addr::UNSPECIFIED), 1 => any::<[u8; 4]>().prop_map(Ipv4Addr::from)]
}

fn v6() -> impl Strategy<Value = Ipv6Addr> {
    prop_oneof![
        8 => select(&V6[..]),
        2 => Just(Ipv6Addr::UNSPECIFIED),
        1 => any::<[u8; 16]>().prop_map(Ipv6Addr::from),
        1 => Just(ALL_NODES),
    ]
}

fn kind() -> impl Strategy<Value = Kind> {
    let arp = (prop_oneof![6 => Just(1u16), 3 => Just(2), 1 => any::<u16>()], v4(), v4());
    let option = vec(any::<u8>(), 0..24).prop_map(|mut option| {
        option.resize(option.len() / 8 * 8 + 8, 0x17);
        option[1] = (option.len() / 8) as u8;
        option
    });
    let options = (weighted(0.7, Just(())), weighted(0.2, option)).prop_map(|(usual, other)| (usual.is_some(), other));
    let kind = prop_oneof![5 => Just(135u8), 3 => Just(136), 1 => 133u8..138];
    let flags = prop_oneof![3 => Just(0x20u8), 1 => any::<u8>()];
    let neighbour = (kind, flags, v6(), v6(), weighted(0.3, v6()), options);
    let fragment = prop_oneof![6 => Just(0x4000u16), 1 => Just(0), 1 => any::<u16>()];
    let data = || vec(any::<u8>(), 0..80);
    prop_oneof![
        3 => arp.prop_map(|(operation, sender, target)| Kind::Arp { operation, sender, target }),
        3 => neighbour.prop_map(|(kind, flags, source, target, elsewhere, options)| {
            Kind::Neighbour { kind, flags, source, target, elsewhere, options }
        }),
        1 => (v4(), v4(), fragment, data()).prop_map(|(source, destination, fragment, data)| {
            Kind::EchoV4 { source, destination, fragment, data }
        }),
        1 => (v6(), v6(), data()).prop_map(|(source, destination, data)| Kind::EchoV6 { source, destination, data }),
    ]
}

pub(super) fn ask() -> impl Strategy<Value = Ask> {
    let place = weighted(0.15, any::<(Index, u8)>());
    let trailer = prop_oneof![3 => Just(0usize), 2 => 0usize..30, 1 => 100usize..300];
    (kind(), weighted(0.1, station()), place, weighted(0.05, any::<Index>()), trailer, any::<bool>())
        .prop_map(|(kind, mac, place, cut, trailer, to_gateway)| Ask { kind, mac, place, cut, trailer, to_gateway })
}

impl Ask {
    /// The frame's destination, its type and its packet, if this station sends it.
    pub(super) fn packet(&self, source: Mac) -> (Mac, u16, Vec<u8>) {
        let mac = self.mac.unwrap_or(source);
        let (group, ether_type, mut octets) = match &self.kind {
            Kind::Arp { operation, sender, target } => {
                let packet = Arp { operation: *operation, ..Arp::request(mac, *sender, *target) };
                ([0xff; 6], 0x0806, packet.octets())
            }
            Kind::Neighbour { kind, flags, source, target, elsewhere, options: (usual, other) } => {
                let destination = elsewhere.unwrap_or(if *kind == 136 { ALL_NODES } else { solicited_node(*target) });
                let mut options = other.clone().unwrap_or_default();
                if *usual && !(*kind == 135 && source.is_unspecified() && self.mac.is_none()) {
                    options.extend(link_layer(if *kind == 136 { 2 } else { 1 }, mac));
                }
                let packet = Neighbour::solicitation(mac, *source, *target);
                let packet = Neighbour { kind: *kind, flags: *flags, destination, options, ..packet };
                (group_mac(destination), 0x86dd, packet.octets())
            }
            Kind::EchoV4 { source, destination, fragment, data } => {
                let (source, destination) = (*source, *destination);
                let ip = Ipv4 { source, destination, flags_and_offset: *fragment, ..Ipv4::default() };
                ([0xff; 6], 0x0800, echo_v4(&ip, 7, 1, data))
            }
            Kind::EchoV6 { source, destination, data } => {
                ([0x33, 0x33, 0, 0, 0, 1], 0x86dd, echo_v6(*source, *destination, 7, 1, data))
            }
        };
        octets.extend(vec![0xee; self.trailer]);
        if let Some((at, value)) = &self.place {
            let at = at.index(octets.len().min(80));
            octets[at] = *value;
        }
        if let Some(at) = &self.cut {
            octets.truncate(at.index(octets.len()));
        }
        let is_echo = matches!(self.kind, Kind::EchoV4 { .. } | Kind::EchoV6 { .. });
        (if self.to_gateway || is_echo { ROUTER } else { group }, ether_type, octets)
    }
}
