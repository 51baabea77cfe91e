//! One small network that the named tests share: two VMIs of "blue", one of "green" and a crowd of "red" behind one access
//! port; behind the fabric, stations in every encapsulation and family.

use crate::packets::{Overlay, ethernet, udp_in_ipv4};
use crate::{Access, Bound, Fabric, Link, Mac, Network, Path, Reach, VirtualNetwork, Vmi, Vtep, discovery};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use wire::{Encapsulation, Tpid};

/// The access port.
pub const ACCESS: usize = 0;
/// The fabric port.
pub const FABRIC: usize = 1;
/// The VNI of "blue".
pub const BLUE: u32 = 5100;
/// The label of "blue".
pub const BLUE_LABEL: u32 = 100;
/// The VNI of "green", the smallest one.
pub const GREEN: u32 = 1;
/// The label of "green", the smallest one.
pub const GREEN_LABEL: u32 = 16;
/// The VNI of "red", the largest one.
pub const RED: u32 = 0xff_ffff;
/// The label of "red", the largest one. A control word follows it.
pub const RED_LABEL: u32 = 0xf_ffff;
/// The own label of [`A`].
pub const A_LABEL: u32 = 300;
/// The own label of [`G`]. A control word follows it.
pub const G_LABEL: u32 = 301;
/// The VMI of blue on VLAN 100.
pub const A: Mac = [2, 0, 0, 0, 0x10, 0x64];
/// The VMI of blue on VLAN 101.
pub const B: Mac = [2, 0, 0, 0, 0x10, 0x65];
/// The VMI of green on VLAN 200.
pub const C: Mac = [2, 0, 0, 0, 0x10, 0xc8];
/// A VMI of red on VLAN 300, which it shares with [`E`].
pub const D: Mac = [2, 0, 0, 0, 0x10, 0xd0];
/// A VMI of red on VLAN 300, which it shares with [`D`].
pub const E: Mac = [2, 0, 0, 0, 0x10, 0xe0];
/// The VMI of red on VLAN 400.
pub const F: Mac = [2, 0, 0, 0, 0x10, 0xf0];
/// The VMI of red on VLAN 400, inner VLAN 7.
pub const G: Mac = [2, 0, 0, 0, 0x10, 0xf7];
/// The VMI of red on VLAN 400, inner VLAN 8.
pub const H: Mac = [2, 0, 0, 0, 0x10, 0xf8];
/// A station of blue behind [`VTEP`].
pub const REMOTE: Mac = [2, 0, 0, 0, 0x20, 0x64];
/// A station of blue behind [`QUIET`].
pub const REMOTE_QUIET: Mac = [2, 0, 0, 0, 0x20, 0x65];
/// A station of blue behind a VTEP without a resolved next hop.
pub const REMOTE_UNRESOLVED: Mac = [2, 0, 0, 0, 0x20, 0x66];
/// A VTEP that takes part in all networks' flooding.
pub const VTEP: Ipv4Addr = Ipv4Addr::new(172, 16, 0, 2);
/// A VTEP of blue only, that takes no part in flooding.
pub const QUIET: Ipv4Addr = Ipv4Addr::new(172, 16, 0, 3);
/// A VTEP that takes part in red's flooding.
pub const VTEP6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2);
/// Everybody.
pub const BROADCAST: Mac = [0xff; 6];

/// Every encapsulation over each family: by the address of the VTEP.
pub fn forms() -> impl Iterator<Item = (Encapsulation, IpAddr)> {
    [IpAddr::V4(VTEP), IpAddr::V6(VTEP6)].into_iter().flat_map(|vtep| Encapsulation::ALL.map(|e| (e, vtep)))
}

/// A station of blue (network 0) or red (network 2) that is reached in this encapsulation, behind [`VTEP`] or [`VTEP6`].
pub fn station(network: usize, encapsulation: Encapsulation, vtep: IpAddr) -> Mac {
    [2, 0, 0, network as u8, 0x30 + u8::from(vtep.is_ipv6()), encapsulation as u8]
}

/// The VNI or label of a network in an encapsulation.
pub fn number(net: &Network, network: usize, encapsulation: Encapsulation) -> u32 {
    let VirtualNetwork { vni, label, .. } = net.networks[network];
    if encapsulation.is_mpls() { label.expect("every network of the example has one") } else { vni }
}

/// The network. Its three networks are blue, green and red.
pub fn network() -> Network {
    let vmi = |network, vlan, inner, label, mac| Vmi { network, port: ACCESS, vlan, inner, label, macs: vec![mac] };
    let paths: Vec<Path> = vec![(0, [2, 0xfa, 0, 0, 0, 2])];
    let vtep = |address, paths: &[Path]| Vtep { address, paths: paths.to_vec() };
    let reach = |network, vtep, flood, mac| Reach {
        network,
        vtep,
        encapsulation: Encapsulation::Vxlan,
        label: None,
        flood,
        macs: vec![mac],
    };
    let network =
        |vni, label, control_word| VirtualNetwork { label: Some(label), control_word, ..VirtualNetwork::new(vni) };
    let mut all = Network {
        fabric: Fabric::default(),
        access: vec![Access::trunk(1500)],
        networks: vec![
            network(BLUE, BLUE_LABEL, false),
            network(GREEN, GREEN_LABEL, false),
            network(RED, RED_LABEL, true),
        ],
        vmis: vec![
            vmi(0, 100, None, Some(A_LABEL), A),
            vmi(0, 101, None, None, B),
            vmi(1, 200, None, None, C),
            vmi(2, 300, None, None, D),
            vmi(2, 300, None, None, E),
            vmi(2, 400, None, None, F),
            vmi(2, 400, Some(7), Some(G_LABEL), G),
            vmi(2, 400, Some(8), None, H),
        ],
        vteps: vec![
            vtep(VTEP.into(), &paths),
            vtep(QUIET.into(), &paths),
            vtep(Ipv4Addr::new(172, 16, 0, 4).into(), &[]),
            vtep(VTEP6.into(), &paths),
        ],
        reach: vec![
            reach(0, 0, true, REMOTE),
            reach(0, 1, false, REMOTE_QUIET),
            reach(0, 2, false, REMOTE_UNRESOLVED),
            reach(1, 0, true, [2, 0, 0, 0, 0x20, 0xc8]),
        ],
        bindings: vec![],
    };
    for (network, (encapsulation, vtep)) in [0, 2].into_iter().flat_map(|network| forms().map(move |f| (network, f))) {
        let macs = vec![station(network, encapsulation, vtep)];
        let row = if vtep.is_ipv4() { 0 } else { 3 };
        all.reach.push(Reach { network, vtep: row, encapsulation, label: None, flood: network == 2, macs });
    }
    all
}

/// The same behind two fabric ports with a VLAN, several ways to each VTEP, and an access port whose outer tags are of type
/// 0x88a8.
pub fn wide_network() -> Network {
    let mut wide = network();
    wide.access[ACCESS].tpid = Tpid::Service;
    wide.fabric.links.push(Link { mac: [2, 0xfa, 0, 0, 1, 1], mtu: 1600 });
    wide.fabric.vlan = Some(100);
    wide.fabric.dont_fragment = false;
    wide.fabric.dscp = std::array::from_fn(|place| 63 - 2 * place as u8);
    for vtep in wide.vteps.iter_mut().filter(|vtep| !vtep.paths.is_empty()) {
        vtep.paths = vec![(0, [2, 0xfa, 0, 0, 0, 2]), (1, [2, 0xfa, 0, 0, 1, 2]), (1, [2, 0xfa, 0, 0, 1, 3])];
    }
    wide
}

/// An instance's frame of `payload` octets of UDP, with the tag of `vlan`.
pub fn tagged(vlan: u16, destination: Mac, source: Mac, payload: usize) -> Vec<u8> {
    ethernet(destination, source, &[vlan], 0x0800, &datagram(payload))
}

/// The same without a tag, as it lies in a tunnel.
pub fn untagged(destination: Mac, source: Mac, payload: usize) -> Vec<u8> {
    ethernet(destination, source, &[], 0x0800, &datagram(payload))
}

/// An IPv4 packet with `payload` octets of UDP in it.
pub fn datagram(payload: usize) -> Vec<u8> {
    let octets: Vec<u8> = (0..payload).map(|n| n as u8).collect();
    udp_in_ipv4(Ipv4Addr::new(10, 1, 0, 2), Ipv4Addr::new(10, 1, 0, 3), (40_000, 5001), &octets)
}

/// A good VXLAN packet of blue from [`VTEP`].
pub fn vxlan(inner: Vec<u8>) -> Overlay {
    overlay((Encapsulation::Vxlan, VTEP.into()), 0, inner)
}

/// A good packet of one of the networks in one of the [`forms`], with a control word if the network has it.
pub fn overlay((encapsulation, vtep): (Encapsulation, IpAddr), of: usize, inner: Vec<u8>) -> Overlay {
    let net = network();
    let mut packet = Overlay::new(&net.fabric, vtep, encapsulation, number(&net, of, encapsulation), inner);
    if encapsulation.is_mpls() && net.networks[of].control_word {
        packet.set_mpls(&[crate::packets::entry(number(&net, of, encapsulation), 0, true, 64)], Some(0));
    }
    packet
}

/// The gateway's IPv4 addresses in blue: its own and its services'.
pub const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 1);
/// See [`GATEWAY`].
pub const SERVICES: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 2);
/// The gateway's IPv6 address in blue.
pub const GATEWAY6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 1);
/// A MAC of blue that is bound to an address, but nowhere.
pub const GONE: Mac = [2, 0, 0, 0, 0x20, 0x99];

/// The addresses of a station in [`served`]: of the network's subnets, by its last two octets.
pub fn addresses(network: usize, mac: Mac) -> (Ipv4Addr, Ipv6Addr) {
    let (n, [.., a, b]) = (network as u8 + 1, mac);
    (Ipv4Addr::new(10, n, a, b), Ipv6Addr::new(0x2001, 0xdb8, n.into(), 0, 0, 0, 0, u16::from_be_bytes([a, b])))
}

/// The network, with this node as gateway of all three networks, and everybody's addresses known: [`addresses`]. Of blue,
/// whose gateway has [`GATEWAY`], [`SERVICES`], [`GATEWAY6`] and a link-local address, also those of [`GONE`].
pub fn served() -> Network {
    let mut net = network();
    net.networks.iter_mut().for_each(|network| network.gateway = true);
    let known = net.vmis.iter().map(|vmi| (vmi.network, vmi.macs[0]));
    let known = known.chain([(0, REMOTE), (0, GONE), (2, station(2, Encapsulation::Vxlan, VTEP.into()))]);
    let both = known.flat_map(|(network, mac)| {
        let (v4, v6) = addresses(network, mac);
        [IpAddr::from(v4), v6.into()].map(|address| Bound { network, address, mac: Some(mac) })
    });
    let gateway = [GATEWAY.into(), SERVICES.into(), GATEWAY6.into(), discovery::ROUTER_LINK_LOCAL.into()];
    let gateway = gateway.map(|address: IpAddr| Bound { network: 0, address, mac: None });
    let red = Bound { network: 2, address: Ipv4Addr::new(10, 3, 0, 1).into(), mac: None };
    net.bindings = both.chain(gateway).chain([red]).collect();
    net
}
