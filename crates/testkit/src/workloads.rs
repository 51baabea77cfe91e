//! What the gate on instructions counts: named networks and frames, the same in every run, and what becomes of them.
//!
//! Each workload is one network and a list of frames that is given to a worker a burst at a time, all of a burst by one
//! port. The names are those of the benchmarks where both do the same.

use crate::discovery::{Arp, Neighbour, group_mac};
use crate::packets::{Overlay, ethernet, udp_in_ipv4};
use crate::{Access, Bound, Fabric, Mac, Network, Reach, VirtualNetwork, Vmi, Vtep};
use fib::{Builder, LearnedId, Snapshot, VifIndex};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use wire::Encapsulation::{self, MplsOverGre, MplsOverUdp, Vxlan};
use wire::MacAddr;

/// The access port of every workload.
pub const ACCESS: usize = 0;
/// The fabric port of every workload.
pub const FABRIC: usize = 1;
/// Frames of a workload: 64 VLANs, 64 flows each.
pub const FRAMES: usize = 4096;
/// Copies of a flooded frame.
const MEMBERS: usize = 8;

const VLANS: usize = 64;
const FIRST_VLAN: u16 = 100;
/// A second VMI of network 0, for frames that stay on the access port.
const NEIGHBOUR_VLAN: u16 = 90;
const NEIGHBOUR: Mac = [2, 0, 0, 0, 0x11, 0];
const FIRST_NUMBER: u32 = 5000;
const ROUTER: Mac = [2, 0xfa, 0, 0, 0, 2];
const VTEP: Ipv4Addr = Ipv4Addr::new(172, 16, 0, 2);
const VTEP6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2);
const BROADCAST: Mac = [0xff; 6];
const SHORT: usize = 18;
/// Longer than what flooding copies.
const LONG: usize = 400;

/// One named list of frames.
pub struct Workload {
    /// Direction, encapsulation, what is special.
    pub name: String,
    /// What the gateway serves.
    pub network: Network,
    /// The port that all frames come in by.
    pub port: usize,
    /// [`FRAMES`] frames, in order.
    pub frames: Vec<Vec<u8>>,
    /// Frames that leave by ports when each was handled once, copies included.
    pub sent: u64,
    /// Frames that are dropped then.
    pub dropped: u64,
    /// Learned stations, each behind a VMI, by its place in the network; every VMI learns if there are any.
    pub learned: Vec<(usize, Mac)>,
}

impl Workload {
    /// The tables that stand for its network and what was learned.
    pub fn tables(&self) -> Snapshot {
        let snapshot = self.network.snapshot().expect("a workload's network is consistent");
        if self.learned.is_empty() {
            return snapshot;
        }
        let mut builder = Builder::amend(&snapshot);
        let vif = |n| VifIndex::new(n).expect("a workload's network is small");
        for n in 0..self.network.vmis.len() {
            builder.set_learns(vif(n)).expect("each VMI has a VLAN of its own");
        }
        for (row, (at, mac)) in self.learned.iter().enumerate() {
            let row = LearnedId::new(row).expect("a workload learns little");
            builder.learn(vif(*at), MacAddr::new(*mac), row).expect("its VMI learns");
        }
        builder.finish()
    }
}

/// All of them, in the order in which they are reported.
pub fn all() -> Vec<Workload> {
    let plain = [Vxlan, MplsOverUdp, MplsOverGre];
    let to = plain.map(|by| to_fabric(short_name(by), "64-vlans", network(|_| (by, 0)), request));
    let from = plain.map(|by| from_fabric(short_name(by), "64-vlans", by, VTEP.into()));
    let mut all: Vec<Workload> = to.into_iter().chain(from).collect();
    all.push(to_fabric("vxlan", "ipv6-inner", network(|_| (Vxlan, 0)), request_v6));
    all.push(to_fabric("vxlan", "ipv6-underlay", network(|_| (Vxlan, 1)), request));
    all.push(from_fabric("vxlan", "ipv6-underlay", Vxlan, VTEP6.into()));
    all.push(to_fabric("vxlan", "mac-demux", on_one_vlan(), |n| tagged(FIRST_VLAN, n, local(n), remote(n), SHORT)));
    all.push(to_fabric("vxlan", "qinq", behind_one_tag(), doubly_tagged));
    all.extend([flood_to_fabric("flood-8", SHORT), flood_to_fabric("flood-8-long", LONG), flood_from_fabric()]);
    all.extend([mixed_to_fabric(), mixed_from_fabric()]);
    all.extend([arp_answered(), nd_answered()]);
    let mut lost = to_fabric("vxlan", "unknown-vlan", network(|_| (Vxlan, 0)), |n| {
        tagged(3000 + site(n) as u16, n, local(n), remote(n), SHORT)
    });
    (lost.sent, lost.dropped) = (0, FRAMES as u64);
    all.push(lost);
    all.push(learned_sources());
    all
}

fn short_name(by: Encapsulation) -> &'static str {
    match by {
        Vxlan => "vxlan",
        MplsOverUdp => "mplsoudp",
        MplsOverGre => "mplsogre",
    }
}

/// Which of the 64 networks frame `n` is of.
fn site(n: usize) -> usize {
    n % VLANS
}

fn local(n: usize) -> Mac {
    [2, 0, 0, 0, 0x10, site(n) as u8]
}

fn remote(n: usize) -> Mac {
    [2, 0, 0, 0, 0x20, site(n) as u8]
}

fn vlan(n: usize) -> u16 {
    FIRST_VLAN + site(n) as u16
}

/// 64 networks with one VMI here and one station behind a VTEP, which `by` says how to reach: the encapsulation, and
/// whether by IPv4 (0) or IPv6 (1).
fn network(by: impl Fn(usize) -> (Encapsulation, usize)) -> Network {
    let virtual_network =
        |n| VirtualNetwork { label: Some(FIRST_NUMBER + n as u32), ..VirtualNetwork::new(FIRST_NUMBER + n as u32) };
    let vmi = |n| Vmi { network: n, port: ACCESS, vlan: vlan(n), inner: None, label: None, macs: vec![local(n)] };
    let reach = |n| {
        let (encapsulation, vtep) = by(n);
        Reach { network: n, vtep, encapsulation, label: None, flood: true, macs: vec![remote(n)] }
    };
    let vtep = |address: IpAddr| Vtep { address, paths: vec![(0, ROUTER)] };
    Network {
        fabric: Fabric::default(),
        access: vec![Access::trunk(1500)],
        networks: (0..VLANS).map(virtual_network).collect(),
        vmis: (0..VLANS).map(vmi).collect(),
        vteps: vec![vtep(VTEP.into()), vtep(VTEP6.into())],
        reach: (0..VLANS).map(reach).collect(),
        bindings: vec![],
    }
}

/// All VMIs of one network, on one VLAN that they share.
fn on_one_vlan() -> Network {
    let mut network = network(|_| (Vxlan, 0));
    network.vmis.iter_mut().for_each(|vmi| (vmi.network, vmi.vlan) = (0, FIRST_VLAN));
    network.reach.iter_mut().for_each(|reach| reach.network = 0);
    network
}

/// The VMIs behind a second tag, all under one outer VLAN.
fn behind_one_tag() -> Network {
    let mut network = network(|_| (Vxlan, 0));
    network.vmis.iter_mut().for_each(|vmi| (vmi.vlan, vmi.inner) = (FIRST_VLAN, Some(vmi.vlan)));
    network
}

/// One network: a VMI and so many VTEPs, or so many VMIs and a VTEP.
fn crowd(vmis: usize, vteps: usize) -> Network {
    let mut network = network(|_| (Vxlan, 0));
    network.vmis.truncate(vmis);
    network.vmis.iter_mut().for_each(|vmi| vmi.network = 0);
    network.reach.truncate(vteps);
    for (n, reach) in network.reach.iter_mut().enumerate() {
        (reach.network, reach.vtep) = (0, 2 + n);
        let address = Ipv4Addr::from_bits(VTEP.to_bits() + 1 + n as u32);
        network.vteps.push(Vtep { address: address.into(), paths: vec![(0, ROUTER)] });
    }
    network
}

/// The packet of flow `n`, `payload` octets of UDP.
fn packet(n: usize, payload: usize) -> Vec<u8> {
    let (here, there) = (Ipv4Addr::new(10, 1, site(n) as u8, 2), Ipv4Addr::new(10, 1, site(n) as u8, 3));
    udp_in_ipv4(here, there, (1024 + n as u16, 5001), &vec![b'x'; payload])
}

fn tagged(vlan: u16, n: usize, source: Mac, destination: Mac, payload: usize) -> Vec<u8> {
    ethernet(destination, source, &[vlan], 0x0800, &packet(n, payload))
}

fn request(n: usize) -> Vec<u8> {
    tagged(vlan(n), n, local(n), remote(n), SHORT)
}

fn doubly_tagged(n: usize) -> Vec<u8> {
    ethernet(remote(n), local(n), &[FIRST_VLAN, vlan(n)], 0x0800, &packet(n, SHORT))
}

fn request_v6(n: usize) -> Vec<u8> {
    let address = |host| Ipv6Addr::new(0xfd01, 0, 0, site(n) as u16, 0, 0, 0, host);
    let ip = crate::packets::Ipv6 { source: address(2), destination: address(3), ..Default::default() };
    let udp = crate::packets::Udp { source: 1024 + n as u16, destination: 5001, ..Default::default() };
    let addresses = [ip.source.octets(), ip.destination.octets()].concat();
    ethernet(remote(n), local(n), &[vlan(n)], 0x86dd, &ip.around(17, &udp.around(&addresses, &[b'x'; SHORT])))
}

/// The answer to flow `n`, or a frame for everybody, in a tunnel.
fn answer(by: Encapsulation, vtep: IpAddr, n: usize, destination: Mac) -> Vec<u8> {
    let inner = ethernet(destination, remote(n), &[], 0x0800, &packet(n, SHORT));
    let mut packet = Overlay::new(&Fabric::default(), vtep, by, FIRST_NUMBER + site(n) as u32, inner);
    if by != MplsOverGre {
        packet.udp().source = 49_152 + (n as u16 * 7) % 16_384;
    }
    packet.octets()
}

fn workload(name: String, network: Network, port: usize, frame: impl Fn(usize) -> Vec<u8>) -> Workload {
    let frames = (0..FRAMES).map(frame).collect();
    Workload { name, network, port, frames, sent: FRAMES as u64, dropped: 0, learned: Vec::new() }
}

/// The usual frames, each from a station that was learned behind its VMI.
fn learned_sources() -> Workload {
    let station = |n| [2, 0, 0, 0, 0x50, site(n) as u8];
    let frame = |n| tagged(vlan(n), n, station(n), remote(n), SHORT);
    let learned = (0..VLANS).map(|n| (n, station(n))).collect();
    Workload { learned, ..to_fabric("vxlan", "learned-sources", network(|_| (Vxlan, 0)), frame) }
}

fn to_fabric(by: &str, special: &str, network: Network, frame: impl Fn(usize) -> Vec<u8>) -> Workload {
    workload(format!("to-fabric/{by}/{special}"), network, ACCESS, frame)
}

fn from_fabric(name: &str, special: &str, by: Encapsulation, vtep: IpAddr) -> Workload {
    let special = format!("from-fabric/{name}/{special}");
    let network = network(|_| (by, usize::from(vtep.is_ipv6())));
    workload(special, network, FABRIC, |n| answer(by, vtep, n, local(n)))
}

/// The networks, each with a gateway, to whose addresses requests go, and with its station behind the fabric known by address.
fn served() -> Network {
    let mut network = network(|_| (Vxlan, 0));
    network.networks.iter_mut().for_each(|network| network.gateway = true);
    network.bindings = (0..VLANS).flat_map(bound).collect();
    network
}

fn bound(n: usize) -> [Bound; 2] {
    let bound = |address, mac| Bound { network: n, address, mac };
    [bound(Ipv4Addr::new(10, 1, n as u8, 1).into(), None), bound(there_v6(n).into(), Some(remote(n)))]
}

fn there_v6(n: usize) -> Ipv6Addr {
    Ipv6Addr::new(0xfd01, 0, 0, site(n) as u16, 0, 0, 0, 3)
}

fn arp_answered() -> Workload {
    let request =
        |n| Arp::request(local(n), Ipv4Addr::new(10, 1, site(n) as u8, 2), Ipv4Addr::new(10, 1, site(n) as u8, 1));
    let frame =
        |n| ethernet(BROADCAST, local(n), &[vlan(n)], 0x0806, &[&request(n).octets()[..], &[0; SHORT]].concat());
    workload("to-gateway/arp-answered".into(), served(), ACCESS, frame)
}

fn nd_answered() -> Workload {
    let here = |n| Ipv6Addr::new(0xfd01, 0, 0, site(n) as u16, 0, 0, 0, 2);
    let ask = |n| Neighbour::solicitation(local(n), here(n), there_v6(n));
    let frame = |n| ethernet(group_mac(ask(n).destination), local(n), &[vlan(n)], 0x86dd, &ask(n).octets());
    workload("to-gateway/nd-answered".into(), served(), ACCESS, frame)
}

fn flood_to_fabric(special: &str, payload: usize) -> Workload {
    let frame = |n| tagged(FIRST_VLAN, n, local(0), BROADCAST, payload);
    let flood = to_fabric("vxlan", special, crowd(1, MEMBERS), frame);
    Workload { sent: (MEMBERS * FRAMES) as u64, ..flood }
}

fn flood_from_fabric() -> Workload {
    let network = crowd(MEMBERS, 1);
    let vtep = network.vteps[2].address;
    let inner = |n| ethernet(BROADCAST, remote(0), &[], 0x0800, &packet(n, SHORT));
    let frame = |n| Overlay::new(&network.fabric, vtep, Vxlan, FIRST_NUMBER, inner(n)).octets();
    let flood = workload("from-fabric/vxlan/flood-8".into(), network.clone(), FABRIC, frame);
    Workload { sent: (MEMBERS * FRAMES) as u64, ..flood }
}

/// In each burst IPv4 in the three encapsulations, IPv6, ARP to everybody, an unknown VLAN, a frame for a neighbour.
fn mixed_to_fabric() -> Workload {
    let mut network = network(|n| (Encapsulation::ALL[n % 3], 0));
    let neighbour = Vmi { vlan: NEIGHBOUR_VLAN, macs: vec![NEIGHBOUR], ..network.vmis[0].clone() };
    network.vmis.push(neighbour);
    let mixed = to_fabric("vxlan", "mixed-burst", network, |n| match n % 8 {
        0 => tagged(FIRST_VLAN, n, local(0), NEIGHBOUR, SHORT),
        1 => ethernet(BROADCAST, local(n), &[vlan(n)], 0x0806, &[0; 46]),
        2 => tagged(3000, n, local(n), remote(n), SHORT),
        3 => request_v6(n),
        _ => request(n),
    });
    let unknown = FRAMES as u64 / 8;
    Workload { sent: FRAMES as u64 - unknown, dropped: unknown, ..mixed }
}

/// In each burst the three encapsulations, IPv6 outside, a frame for everybody, an unknown VNI, a stranger.
fn mixed_from_fabric() -> Workload {
    let network = network(|n| (Encapsulation::ALL[n % 3], 0));
    let mixed = workload("from-fabric/vxlan/mixed-burst".into(), network, FABRIC, |n| match n % 8 {
        0 => answer(Vxlan, VTEP.into(), n, BROADCAST),
        1 => answer(Vxlan, Ipv4Addr::new(172, 16, 9, 9).into(), n, local(n)),
        2 => {
            let inner = ethernet(local(n), remote(n), &[], 0x0800, &packet(n, SHORT));
            Overlay::new(&Fabric::default(), VTEP.into(), Vxlan, 77, inner).octets()
        }
        3 => answer(Vxlan, VTEP6.into(), n, local(n)),
        lane => answer(Encapsulation::ALL[lane % 3], VTEP.into(), n, local(n)),
    });
    let lost = FRAMES as u64 / 8 * 2;
    Workload { sent: FRAMES as u64 - lost, dropped: lost, ..mixed }
}
