//! Random networks, and random frames that mostly mean something in them.

use crate::memory::Layout;
use crate::packets::{Ipv4, UdpSum, Vxlan, ethernet, internet_checksum, udp_in_ipv4};
use crate::{Arrival, Fabric, Mac, Network, Reach, SourceCheck, Vmi, Vni, Vtep};
use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use std::collections::HashSet;
use std::net::Ipv4Addr;

const FABRIC_MAC: Mac = [0x02, 0xfa, 0, 0, 0, 1];
const ADDRESS: Ipv4Addr = Ipv4Addr::new(172, 16, 0, 1);
const VLANS: [u16; 6] = [0, 1, 100, 200, 300, 4094];

/// One of twelve stations.
fn station() -> impl Strategy<Value = Mac> {
    (0u8..12).prop_map(|n| [2, 0, 0, 0, 0x10, n])
}

fn vtep_address(n: usize) -> Ipv4Addr {
    Ipv4Addr::new(172, 16, 0, 10 + n as u8)
}

/// A small gateway: up to two access ports, three networks, eight instances, three VTEPs.
pub fn network() -> impl Strategy<Value = Network> {
    let vni = (select(vec![1, 5100, 0x0001_0000, 0x00ff_ffff]), any::<bool>());
    let vmi = (any::<Index>(), any::<Index>(), select(&VLANS[..]), vec(station(), 1..7));
    let vtep = weighted(0.85, Just([0x02, 0xfa, 0, 0, 0, 2]));
    let reach = (any::<Index>(), any::<Index>(), weighted(0.7, Just(())), vec(station(), 0..3));
    let mtus = vec(select(vec![1500u16, 1400, 576]), 1..3);
    (fabric(), mtus, vec(vni, 1..4), vec(vmi, 1..9), vec(vtep, 0..4), vec(reach, 0..7)).prop_map(
        |(fabric, access_mtus, vnis, vmis, vteps, reach)| {
            let mut seen = HashSet::new();
            let vnis = vnis.into_iter().filter(|(vni, _)| seen.insert(*vni));
            let networks = vnis.map(|(vni, flood_unknown_unicast)| Vni { vni, flood_unknown_unicast }).collect();
            let vteps = vteps.into_iter().enumerate();
            let vteps = vteps.map(|(n, next_hop)| Vtep { address: vtep_address(n), next_hop }).collect();
            let mut net = Network { fabric, access_mtus, networks, vmis: vec![], vteps, reach: vec![] };
            populate(&mut net, vmis, reach);
            net
        },
    )
}

type VmiSeed = (Index, Index, u16, Vec<Mac>);
type ReachSeed = (Index, Index, Option<()>, Vec<Mac>);

/// Adds what does not contradict what is there: a VLAN is one VMI's, a MAC is in one place of its network.
fn populate(net: &mut Network, vmis: Vec<VmiSeed>, reach: Vec<ReachSeed>) {
    let (mut vlans, mut places, mut pairs) = (HashSet::new(), HashSet::new(), HashSet::new());
    for (network, port, vlan, mut macs) in vmis {
        let (network, port) = (network.index(net.networks.len()), port.index(net.access_mtus.len()));
        if vlans.insert((port, vlan)) {
            macs.retain(|mac| places.insert((network, *mac)));
            net.vmis.push(Vmi { network, port, vlan, macs });
        }
    }
    for (network, vtep, flood, mut macs) in reach.into_iter().filter(|_| !net.vteps.is_empty()) {
        let (network, vtep) = (network.index(net.networks.len()), vtep.index(net.vteps.len()));
        if pairs.insert((network, vtep)) {
            macs.retain(|mac| places.insert((network, *mac)));
            net.reach.push(Reach { network, vtep, flood: flood.is_some(), macs });
        }
    }
}

fn fabric() -> impl Strategy<Value = Fabric> {
    let check = select(vec![SourceCheck::Strict, SourceCheck::Known, SourceCheck::Any]);
    let vlan = select(vec![None, None, Some(100u16), Some(1)]);
    (vlan, select(vec![1600u16, 1550, 1500, 3000]), check, any::<bool>()).prop_map(
        |(vlan, mtu, source_check, dont_fragment)| Fabric {
            mac: FABRIC_MAC,
            vlan,
            address: ADDRESS,
            mtu,
            source_check,
            dont_fragment,
        },
    )
}

/// A frame, and the port by which it comes.
pub fn arrival(net: &Network) -> BoxedStrategy<(usize, Arrival)> {
    let changed = |frame: BoxedStrategy<(usize, Arrival)>| (frame, changes(), any::<bool>()).prop_map(change);
    prop_oneof![
        5 => access(net),
        5 => from_fabric(net),
        1 => changed(access(net)),
        2 => changed(from_fabric(net)),
        1 => (0..=net.fabric_port(), vec(any::<u8>(), 0..200)).prop_map(|(port, octets)| (port, octets.into())),
    ]
    .boxed()
}

/// Where in memory: nearly always as a driver delivers, sometimes in two buffers.
fn layout() -> impl Strategy<Value = Layout> {
    let first = prop_oneof![8 => Just(None), 2 => (128usize..400).prop_map(Some), 1 => (0usize..128).prop_map(Some)];
    first.prop_map(|first| Layout { first, ..Layout::default() })
}

fn destination(net: &Network, network: usize) -> BoxedStrategy<Mac> {
    let here = net.vmis.iter().filter(|vmi| vmi.network == network).flat_map(|vmi| vmi.macs.clone());
    let there = net.reach.iter().filter(|r| r.network == network).flat_map(|r| r.macs.clone());
    let known: Vec<Mac> = here.chain(there).collect();
    let known = if known.is_empty() { station().boxed() } else { select(known).boxed() };
    prop_oneof![
        6 => known,
        2 => Just([0xff; 6]),
        1 => Just([0x33, 0x33, 0, 0, 0, 1]),
        1 => station(),
        1 => any::<Mac>(),
    ]
    .boxed()
}

/// What an instance's frame carries, from its type on: type and payload.
fn content() -> impl Strategy<Value = (u16, Vec<u8>)> {
    let octets = prop_oneof![4 => vec(any::<u8>(), 0..100), 2 => vec(any::<u8>(), 200..1600)];
    let size = prop_oneof![4 => 0usize..64, 2 => 200usize..520, 2 => 1340usize..1560];
    prop_oneof![
        4 => (any::<[u8; 4]>(), any::<(u16, u16)>(), size).prop_map(|(a, ports, n)| {
            (0x0800, udp_in_ipv4(a.into(), Ipv4Addr::new(10, 1, 0, 2), ports, &vec![0x5a; n]))
        }),
        1 => octets.prop_map(|o| (0x88b5, o)),
        1 => vec(any::<u8>(), 46..1600).prop_map(|o| (0x86dd, o)),
        1 => vec(any::<u8>(), 2..1560).prop_map(|o| (0x8100, o)),
    ]
}

fn access(net: &Network) -> BoxedStrategy<(usize, Arrival)> {
    let (ports, vmis) = (net.access_mtus.len(), net.vmis.clone());
    let own = (0..vmis.len()).prop_flat_map({
        let net = net.clone();
        move |n| (Just(n), destination(&net, net.vmis[n].network), any::<Index>())
    });
    let wrong = (
        weighted(0.08, 0..ports),
        weighted(0.08, prop_oneof![select(&VLANS[..]), 0u16..4096]),
        weighted(0.1, prop_oneof![station(), Just([0; 6]), any::<Mac>()]),
    );
    (own, wrong, content(), (0u16..16, any::<bool>(), any::<bool>()), layout())
        .prop_map(move |((n, to, mac), (port, vlan, source), (kind, payload), (pcp, strip, priority), layout)| {
            let vmi = &vmis[n];
            let (port, vlan) = (port.unwrap_or(vmi.port), vlan.unwrap_or(vmi.vlan));
            let own = if vmi.macs.is_empty() { [2, 0, 0, 0, 0x10, 99] } else { vmi.macs[mac.index(vmi.macs.len())] };
            let tag = (vlan != 0 || priority).then_some(vlan | pcp << 12);
            let (in_frame, stripped) = if strip { (None, tag) } else { (tag, None) };
            let tags: Vec<u16> = in_frame.into_iter().collect();
            let octets = ethernet(to, source.unwrap_or(own), &tags, kind, &payload);
            (port, Arrival { octets, stripped, verified: false, layout })
        })
        .boxed()
}

/// One thing that is wrong, or at least unusual, with a VXLAN packet.
#[derive(Debug, Clone)]
enum Oddity {
    Nothing,
    OuterMac(Mac),
    Tags(Vec<u16>),
    Ip(Box<Ipv4>),
    UdpPort(u16),
    UdpLength(u16),
    UdpSum(UdpSum),
    Flags(u8, [u8; 3], u8),
    Vni(u32),
    Trailer(Vec<u8>),
    Cut(Index),
}

fn oddity() -> impl Strategy<Value = Oddity> {
    let address = select(vec![[0, 0, 0, 0], [127, 0, 0, 1], [224, 0, 0, 5], [255; 4], [172, 16, 0, 1], [9, 9, 9, 9]]);
    let ip = (address, 0u8..6, weighted(0.3, any::<u16>()), any::<u8>()).prop_map(|(address, what, value, octet)| {
        let mut ip = Ipv4 { source: vtep_address(0), destination: ADDRESS, ..Ipv4::default() };
        match what {
            0 => ip.source = address.into(),
            1 => ip.destination = address.into(),
            2 => ip.options = vec![1; 4 * usize::from(octet % 11)],
            3 => (ip.ihl, ip.total) = (Some(octet & 15), value),
            4 => (ip.flags_and_offset, ip.checksum) = (u16::from(octet) << 8, value),
            _ => (ip.protocol, ip.version) = (octet, octet & 7),
        }
        Oddity::Ip(Box::new(ip))
    });
    prop_oneof![
        12 => Just(Oddity::Nothing),
        1 => prop_oneof![Just([0xff; 6]), any::<Mac>()].prop_map(Oddity::OuterMac),
        1 => vec(select(vec![0u16, 1, 100, 0x2064, 4095]), 0..3).prop_map(Oddity::Tags),
        6 => ip,
        1 => any::<u16>().prop_map(Oddity::UdpPort),
        1 => any::<u16>().prop_map(Oddity::UdpLength),
        2 => select(vec![UdpSum::Right, UdpSum::Value(1), UdpSum::Value(0xffff)]).prop_map(Oddity::UdpSum),
        2 => any::<(u8, [u8; 3], u8)>().prop_map(|(flags, reserved, last)| Oddity::Flags(flags, reserved, last)),
        1 => (0u32..1 << 24).prop_map(Oddity::Vni),
        1 => vec(any::<u8>(), 1..40).prop_map(Oddity::Trailer),
        1 => any::<Index>().prop_map(Oddity::Cut),
    ]
}

impl Oddity {
    fn apply(self, packet: &mut Vxlan) {
        match self {
            Self::Nothing => {}
            Self::OuterMac(mac) => packet.outer_destination = mac,
            Self::Tags(tags) => packet.tags = tags,
            Self::Ip(ip) => packet.ip = *ip,
            Self::UdpPort(port) => packet.udp.destination = port,
            Self::UdpLength(length) => packet.udp.length = Some(length),
            Self::UdpSum(sum) => packet.udp_sum = sum,
            Self::Flags(flags, reserved, last) => {
                (packet.flags, packet.reserved, packet.last_reserved) = (flags, reserved, last);
            }
            Self::Vni(vni) => packet.vni = vni,
            Self::Trailer(octets) => packet.trailer = octets,
            Self::Cut(at) => packet.inner.truncate(at.index(packet.inner.len().max(1))),
        }
    }
}

fn from_fabric(net: &Network) -> BoxedStrategy<(usize, Arrival)> {
    let network = (0..net.networks.len()).prop_flat_map({
        let net = net.clone();
        move |n| (Just(n), destination(&net, n))
    });
    let (net, vteps) = (net.clone(), net.vteps.len());
    let source = (
        prop_oneof![6 => Just(None), 1 => station().prop_map(Some), 1 => any::<Mac>().prop_map(Some)],
        prop_oneof![8 => 0..vteps.max(1), 1 => Just(vteps)],
    );
    (network, source, content(), oddity(), (any::<bool>(), weighted(0.1, Just(()))), layout())
        .prop_map(move |((n, to), (by, vtep), (kind, payload), oddity, (strip, verified), layout)| {
            let inner = ethernet(to, by.unwrap_or([2, 0, 0, 0, 0x20, 1]), &[], kind, &payload);
            let mut packet = Vxlan::new(&net.fabric, vtep_address(vtep), net.networks[n].vni, inner);
            oddity.apply(&mut packet);
            let stripped = if strip && !packet.tags.is_empty() { Some(packet.tags.remove(0)) } else { None };
            let arrival = Arrival { octets: packet.octets(), stripped, verified: verified.is_some(), layout };
            (net.fabric_port(), arrival)
        })
        .boxed()
}

/// What may happen to octets on their way.
#[derive(Debug, Clone)]
enum Change {
    Flip(Index, u8),
    Set(Index, u8),
    Cut(Index),
    Extend(Vec<u8>),
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let change = prop_oneof![
        4 => (any::<Index>(), 0u8..8).prop_map(|(at, bit)| Change::Flip(at, bit)),
        2 => any::<(Index, u8)>().prop_map(|(at, value)| Change::Set(at, value)),
        1 => any::<Index>().prop_map(Change::Cut),
        1 => vec(any::<u8>(), 1..60).prop_map(Change::Extend),
    ];
    vec(change, 1..4)
}

/// Most flips in a long frame hit its payload: half of them are aimed at the first 80 octets.
fn change(((port, mut arrival), changes, repair): ((usize, Arrival), Vec<Change>, bool)) -> (usize, Arrival) {
    let octets = &mut arrival.octets;
    for change in changes {
        let len = octets.len();
        let aimed = |at: Index| at.index(if len > 80 && at.index(2) == 0 { 80 } else { len.max(1) });
        match change {
            Change::Flip(at, bit) if len > 0 => octets[aimed(at)] ^= 1 << bit,
            Change::Set(at, value) if len > 0 => octets[aimed(at)] = value,
            Change::Cut(at) => octets.truncate(aimed(at)),
            Change::Extend(more) => octets.extend(more),
            Change::Flip(..) | Change::Set(..) => {}
        }
    }
    if repair {
        repair_outer_checksum(octets);
    }
    (port, arrival)
}

/// Makes the outer IPv4 header checksum right again, so that changes behind it are reached.
pub fn repair_outer_checksum(octets: &mut [u8]) {
    let ip = if octets.get(12..14) == Some(&[0x81, 0]) { 18 } else { 14 };
    if let Some(header) = octets.get_mut(ip..ip + 20) {
        header[10..12].fill(0);
        let sum = internet_checksum(header);
        header[10..12].copy_from_slice(&sum.to_be_bytes());
    }
}
