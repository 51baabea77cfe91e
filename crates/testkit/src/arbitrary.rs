//! Random networks, and random frames that mostly mean something in them.

mod asks;
mod overlay;

use crate::discovery::ROUTER;
use crate::packets::{ethernet_with, internet_checksum, pseudo_header, udp_in_ipv4};
use crate::{Access, Arrival, Bpdu, Fabric, Link, Mac, Network, Path, Reach, SourceCheck, VirtualNetwork, Vmi, Vtep};
use memory::Layout;
use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use wire::{Encapsulation, Tpid};

const VLANS: [u16; 6] = [0, 1, 100, 200, 300, 4094];
const INNER_VLANS: [u16; 4] = [1, 7, 100, 4094];
const LABELS: [u32; 8] = [16, 17, 18, 100, 299, 4096, 0xf_fffe, 0xf_ffff];
const TAG_TYPES: [u16; 5] = [0x8100, 0x88a8, 0x9100, 0x9200, 0x9300];

/// One of twelve stations.
fn station() -> impl Strategy<Value = Mac> {
    (0u8..12).prop_map(|n| [2, 0, 0, 0, 0x10, n])
}

/// The address of the VTEP in this place: every third is IPv6.
fn vtep_address(n: usize) -> IpAddr {
    let last = 10 + n as u8;
    if n % 3 == 1 {
        Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, u16::from(last)).into()
    } else {
        Ipv4Addr::new(172, 16, 0, last).into()
    }
}

/// A small gateway: up to two access and two fabric ports, three networks, ten instances, four VTEPs.
pub fn network() -> impl Strategy<Value = Network> {
    some(true)
}

/// The same without BPDU networks: a VLAN of a port is one network's.
pub fn network_of_instances() -> impl Strategy<Value = Network> {
    some(false)
}

fn some(bpdu_networks: bool) -> impl Strategy<Value = Network> {
    let label = || weighted(0.7, select(&LABELS[..]));
    let bpdu = (prop_oneof![Just(1 | 1 << 8), any::<u16>()], any::<bool>(), any::<bool>());
    let bpdu = bpdu.prop_map(|(groups, pvst, transparent)| Bpdu { groups, pvst, transparent });
    let floods = (any::<bool>(), any::<bool>());
    let vni = (
        select(vec![1, 5100, 0x0001_0000, 0x00ff_ffff]),
        label(),
        floods,
        weighted(0.3, bpdu).prop_map(move |bpdu| bpdu.filter(|_| bpdu_networks)),
        weighted(0.8, asks::holders()),
    );
    let inner = weighted(0.3, select(&INNER_VLANS[..]));
    let vmi = (any::<Index>(), any::<Index>(), (select(&VLANS[..]), inner), label(), vec(station(), 1..5));
    let hop = (any::<Index>(), (2u8..5).prop_map(|n| [0x02, 0xfa, 0, 0, 0, n]));
    let vtep = prop_oneof![1 => Just(vec![]), 3 => vec(hop.clone(), 1..2), 2 => vec(hop, 2..4)];
    let encapsulation = select(&Encapsulation::ALL[..]);
    let reach =
        (any::<Index>(), any::<Index>(), (encapsulation, label()), weighted(0.7, Just(())), vec(station(), 0..3));
    let access = (select(vec![1500u16, 1400, 576]), select(vec![Tpid::Customer, Tpid::Customer, Tpid::Service]));
    let ports = vec(access.prop_map(|(mtu, tpid)| Access { mtu, tpid, closed: false }), 1..3);
    (fabric(), ports, vec(vni, 1..4), vec(vmi, 1..11), vec(vtep, 0..5), vec(reach, 0..8)).prop_map(
        |(fabric, access, networks, vmis, vteps, reach)| {
            let path = |(link, hop): (Index, Mac)| -> Path { (link.index(fabric.links.len()), hop) };
            let vteps = vteps.into_iter().map(|hops| hops.into_iter().map(path).collect()).enumerate();
            let vteps = vteps.map(|(n, paths)| Vtep { address: vtep_address(n), paths }).collect();
            let mut net =
                Network { fabric, access, networks: vec![], vmis: vec![], vteps, reach: vec![], bindings: vec![] };
            populate(&mut net, networks, vmis, reach);
            net
        },
    )
}

type Holders = Vec<Option<Option<Mac>>>;
type NetworkSeed = (u32, Option<u32>, (bool, bool), Option<Bpdu>, Option<Holders>);
type VmiSeed = (Index, Index, (u16, Option<u16>), Option<u32>, Vec<Mac>);
type ReachSeed = (Index, Index, (Encapsulation, Option<u32>), Option<()>, Vec<Mac>);

/// Adds what does not contradict what is there: a VNI or label stands for one thing, a VLAN is one network's, a MAC is in
/// one place of its network, and a VTEP floods once in it.
fn populate(net: &mut Network, networks: Vec<NetworkSeed>, vmis: Vec<VmiSeed>, reach: Vec<ReachSeed>) {
    let (mut vnis, mut labels, mut segments) = (HashSet::new(), HashSet::new(), HashMap::new());
    let (mut places, mut pairs, mut members) = (HashSet::new(), HashSet::new(), HashSet::new());
    for (vni, label, (control_word, flood_unknown_unicast), bpdu, holders) in networks {
        if vnis.insert(vni) {
            let label = label.filter(|label| labels.insert(*label));
            // A BPDU network is nobody's gateway.
            let holders = holders.filter(|_| bpdu.is_none());
            let gateway = holders.is_some();
            net.networks.push(VirtualNetwork {
                label,
                control_word,
                flood_unknown_unicast,
                bpdu,
                gateway,
                ..VirtualNetwork::new(vni)
            });
            asks::bind(net, net.networks.len() - 1, holders.unwrap_or_default());
        }
    }
    for (network, port, (vlan, inner), label, mut macs) in vmis {
        let (port, network) = (port.index(net.access.len()), network.index(net.networks.len()));
        if net.networks[network].bpdu.is_some() {
            if members.insert(port) {
                net.vmis.push(Vmi { network, port, vlan: 0, inner: None, label: None, macs });
            }
            continue;
        }
        // Untagged frames have no second tag.
        let inner = inner.filter(|_| vlan != 0);
        let network = *segments.entry((port, vlan, inner)).or_insert(network);
        macs.retain(|mac| places.insert((network, *mac)));
        let label = label.filter(|label| labels.insert(*label));
        net.vmis.push(Vmi { network, port, vlan, inner, label, macs });
    }
    for (network, vtep, (encapsulation, label), flood, mut macs) in reach.into_iter().filter(|_| !net.vteps.is_empty())
    {
        let (network, vtep) = (network.index(net.networks.len()), vtep.index(net.vteps.len()));
        let has_label = label.or(net.networks[network].label).is_some();
        let encapsulation = if has_label { encapsulation } else { Encapsulation::Vxlan };
        macs.retain(|mac| places.insert((network, *mac)));
        let flood = flood.is_some() && pairs.insert((network, vtep));
        net.reach.push(Reach { network, vtep, encapsulation, label, flood, macs });
    }
}

fn fabric() -> impl Strategy<Value = Fabric> {
    let check = select(vec![SourceCheck::Strict, SourceCheck::Known, SourceCheck::Any]);
    let mtu = || select(vec![1600u16, 1550, 1500, 3000]);
    let links = (mtu(), weighted(0.4, mtu()));
    let families = select(vec![(true, true), (true, true), (true, true), (true, false), (false, true)]);
    let dscp = prop_oneof![Just([0; 16]), any::<[u8; 16]>().prop_map(|dscp| dscp.map(|dscp| dscp & 0x3f))];
    let vlan = select(vec![None, None, Some(100u16), Some(1)]);
    (vlan, links, check, (any::<bool>(), any::<bool>(), any::<bool>()), families, dscp).prop_map(
        |(vlan, (mtu, second), source_check, (dont_fragment, tx, rx), (v4, v6), dscp)| {
            let default = Fabric::default();
            let first = Link { mac: [0x02, 0xfa, 0, 0, 0, 1], mtu };
            Fabric {
                links: [first]
                    .into_iter()
                    .chain(second.map(|mtu| Link { mac: [0x02, 0xfa, 0, 0, 1, 1], mtu }))
                    .collect(),
                vlan,
                address: default.address.filter(|_| v4),
                address_v6: default.address_v6.filter(|_| v6),
                source_check,
                dont_fragment,
                udp6_zero_checksum_tx: tx,
                udp6_zero_checksum_rx: rx,
                dscp,
            }
        },
    )
}

/// A frame, and the port by which it comes.
pub fn arrival(net: &Network) -> BoxedStrategy<(usize, Arrival)> {
    let changed = |frame: BoxedStrategy<(usize, Arrival)>| (frame, changes(), any::<bool>()).prop_map(change);
    prop_oneof![
        5 => access(net),
        7 => overlay::packet(net),
        1 => changed(access(net)),
        3 => changed(overlay::packet(net)),
        1 => (0..net.ports(), vec(any::<u8>(), 0..200)).prop_map(|(port, octets)| (port, octets.into())),
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
    let control = prop_oneof![
        3 => select(vec![0u8, 8]).prop_map(|n| [1, 0x80, 0xc2, 0, 0, n]),
        2 => (0u8..18).prop_map(|n| [1, 0x80, 0xc2, 0, 0, n]),
        3 => Just([1, 0, 0x0c, 0xcc, 0xcc, 0xcd]),
    ];
    // Half of what comes to a BPDU network is its business, a little of it comes anywhere.
    let weight = if net.networks[network].bpdu.is_some() { 11 } else { 1 };
    prop_oneof![
        6 => known,
        weight => control,
        2 => Just([0xff; 6]),
        1 => Just([0x33, 0x33, 0, 0, 0, 1]),
        1 => Just(ROUTER),
        1 => station(),
        1 => any::<Mac>(),
    ]
    .boxed()
}

/// What a frame carries: something, or something that depends on its sender, and then where it goes.
#[derive(Debug, Clone)]
enum Load {
    Plain(u16, Vec<u8>),
    Ask(asks::Ask),
}

fn load() -> impl Strategy<Value = Load> {
    prop_oneof![
        2 => content().prop_map(|(kind, octets)| Load::Plain(kind, octets)),
        1 => asks::ask().prop_map(Load::Ask),
    ]
}

impl Load {
    /// Destination, type and packet of a frame of this source that would go `to` there.
    fn packet(self, source: Mac, to: Mac) -> (Mac, u16, Vec<u8>) {
        match self {
            Self::Plain(kind, octets) => (to, kind, octets),
            Self::Ask(ask) => ask.packet(source),
        }
    }
}

/// What an instance's frame carries, from its type on: type and payload.
fn content() -> impl Strategy<Value = (u16, Vec<u8>)> {
    let octets = prop_oneof![4 => vec(any::<u8>(), 0..100), 2 => vec(any::<u8>(), 200..1600)];
    let size = prop_oneof![4 => 0usize..64, 2 => 200usize..520, 2 => 1340usize..1560];
    let tag = prop_oneof![3 => Just(0x8100), 1 => select(&TAG_TYPES[..])];
    prop_oneof![
        4 => (any::<[u8; 4]>(), any::<(u16, u16)>(), size).prop_map(|(a, ports, n)| {
            (0x0800, udp_in_ipv4(a.into(), Ipv4Addr::new(10, 1, 0, 2), ports, &vec![0x5a; n]))
        }),
        1 => octets.prop_map(|o| (0x88b5, o)),
        1 => (select(vec![39u16, 0x8808, 0x8809, 0x888e, 0x88cc]), vec(any::<u8>(), 30..120)),
        1 => vec(any::<u8>(), 46..1600).prop_map(|o| (0x86dd, o)),
        1 => (tag, vec(any::<u8>(), 2..1560)),
        1 => (select(&INNER_VLANS[..]), vec(any::<u8>(), 2..100))
            .prop_map(|(vlan, o)| (0x8100, [&vlan.to_be_bytes()[..], &o].concat())),
    ]
}

/// What is not as it should be in an instance's frame.
type Wrong = (Option<usize>, Option<u16>, Option<Mac>, Option<u16>, Option<Option<u16>>);

fn wrong(ports: usize) -> impl Strategy<Value = Wrong> {
    (
        weighted(0.06, 0..ports),
        weighted(0.06, prop_oneof![select(&VLANS[..]), 0u16..4096]),
        weighted(0.1, prop_oneof![station(), Just([0; 6]), any::<Mac>()]),
        weighted(0.06, select(&TAG_TYPES[..])),
        weighted(0.1, weighted(0.8, prop_oneof![Just(0u16), select(&INNER_VLANS[..]), 0u16..4096])),
    )
}

/// A frame of an instance that asks for an address, says that it has one, or is an echo request: as it should be, but perhaps
/// in what it says.
pub fn asking(net: &Network) -> BoxedStrategy<(usize, Arrival)> {
    sent_by_instance(net, Just((None, None, None, None, None)), asks::ask().prop_map(Load::Ask))
}

fn access(net: &Network) -> BoxedStrategy<(usize, Arrival)> {
    sent_by_instance(net, wrong(net.access.len()), load())
}

fn sent_by_instance(
    net: &Network,
    wrong: impl Strategy<Value = Wrong> + 'static,
    load: impl Strategy<Value = Load> + 'static,
) -> BoxedStrategy<(usize, Arrival)> {
    let own = (0..net.vmis.len()).prop_flat_map({
        let net = net.clone();
        move |n| (Just(n), destination(&net, net.vmis[n].network), any::<Index>())
    });
    let net = net.clone();
    let tags = (0u16..16, 0u16..16, any::<bool>(), any::<bool>());
    (own, wrong, load, tags, layout())
        .prop_map(move |((n, to, mac), (port, vlan, source, tpid, inner), load, tags, layout)| {
            let vmi = &net.vmis[n];
            let (port, vlan, inner) = (port.unwrap_or(vmi.port), vlan.unwrap_or(vmi.vlan), inner.unwrap_or(vmi.inner));
            let own = if vmi.macs.is_empty() { [2, 0, 0, 0, 0x10, 99] } else { vmi.macs[mac.index(vmi.macs.len())] };
            let (pcp, inner_pcp, strip, priority) = tags;
            let outer = (vlan != 0 || priority || tpid.is_some()).then_some(vlan | pcp << 12);
            let (in_frame, stripped) = if strip && tpid.is_none() { (None, outer) } else { (outer, None) };
            let tpid = tpid.unwrap_or(net.access[port].tpid.value());
            let in_frame = in_frame.map(|tci| (tpid, tci));
            let inner = inner.map(|vlan| (0x8100, vlan | inner_pcp << 12));
            let tags: Vec<(u16, u16)> = in_frame.into_iter().chain(inner).collect();
            let source = source.unwrap_or(own);
            let (to, kind, payload) = load.packet(source, to);
            let octets = ethernet_with(to, source, &tags, kind, &payload);
            (port, Arrival { octets, stripped, verified: false, layout })
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

/// Most flips in a long frame hit its payload: half of them are aimed at the first 100 octets.
fn change(((port, mut arrival), changes, repair): ((usize, Arrival), Vec<Change>, bool)) -> (usize, Arrival) {
    let octets = &mut arrival.octets;
    for change in changes {
        let len = octets.len();
        let aimed = |at: Index| at.index(if len > 100 && at.index(2) == 0 { 100 } else { len.max(1) });
        match change {
            Change::Flip(at, bit) if len > 0 => octets[aimed(at)] ^= 1 << bit,
            Change::Set(at, value) if len > 0 => octets[aimed(at)] = value,
            Change::Cut(at) => octets.truncate(aimed(at)),
            Change::Extend(more) => octets.extend(more),
            Change::Flip(..) | Change::Set(..) => {}
        }
    }
    if repair {
        repair_outer_checksums(octets);
    }
    (port, arrival)
}

fn set_sum(octets: &mut [u8], at: usize, pseudo: &[u8]) {
    octets[at..at + 2].fill(0);
    let sum = internet_checksum(&[pseudo, octets].concat());
    octets[at..at + 2].copy_from_slice(&sum.to_be_bytes());
}

/// Makes the outer checksums right again, so that changes behind them are reached: of IPv4, of UDP in IPv6, of GRE.
pub fn repair_outer_checksums(octets: &mut [u8]) {
    let ip = if octets.get(12..14) == Some(&[0x81, 0]) { 18 } else { 14 };
    let v6 = octets.get(ip - 2..ip) == Some(&[0x86, 0xdd]);
    let Some(header) = octets.get_mut(ip..ip + if v6 { 40 } else { 20 }) else { return };
    if !v6 {
        set_sum(header, 10, &[]);
    }
    let length = |at: usize| usize::from(header[at]) * 256 + usize::from(header[at + 1]);
    let (protocol, start, end) = if v6 { (header[6], 40, length(4) + 40) } else { (header[9], 20, length(2)) };
    let pseudo = pseudo_header(&header[8..], &[], 17, end.saturating_sub(40));
    match (protocol, octets.get_mut(ip + start..ip + end)) {
        (17, Some(udp)) if v6 && udp.len() >= 8 => set_sum(udp, 6, &pseudo),
        (47, Some(gre)) if gre.len() >= 8 && gre[0] & 0x80 != 0 => set_sum(gre, 4, &[]),
        _ => {}
    }
}
