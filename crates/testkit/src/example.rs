//! One small network that the named tests share: two VMIs of "blue" and one of "green" behind one access port.

use crate::packets::{Vxlan, ethernet, udp_in_ipv4};
use crate::{Fabric, Mac, Network, Reach, SourceCheck, Vmi, Vni, Vtep};
use std::net::Ipv4Addr;

/// The access port.
pub const ACCESS: usize = 0;
/// The fabric port.
pub const FABRIC: usize = 1;
/// The VNI of "blue".
pub const BLUE: u32 = 5100;
/// The VNI of "green".
pub const GREEN: u32 = 5200;
/// The VMI of blue on VLAN 100.
pub const A: Mac = [2, 0, 0, 0, 0x10, 0x64];
/// The VMI of blue on VLAN 101.
pub const B: Mac = [2, 0, 0, 0, 0x10, 0x65];
/// The VMI of green on VLAN 200.
pub const C: Mac = [2, 0, 0, 0, 0x10, 0xc8];
/// A station of blue behind [`VTEP`].
pub const REMOTE: Mac = [2, 0, 0, 0, 0x20, 0x64];
/// A station of blue behind [`QUIET`].
pub const REMOTE_QUIET: Mac = [2, 0, 0, 0, 0x20, 0x65];
/// A station of blue behind a VTEP without a resolved next hop.
pub const REMOTE_UNRESOLVED: Mac = [2, 0, 0, 0, 0x20, 0x66];
/// A VTEP that takes part in both networks' flooding.
pub const VTEP: Ipv4Addr = Ipv4Addr::new(172, 16, 0, 2);
/// A VTEP of blue only, that takes no part in flooding.
pub const QUIET: Ipv4Addr = Ipv4Addr::new(172, 16, 0, 3);
/// Everybody.
pub const BROADCAST: Mac = [0xff; 6];

/// The network.
pub fn network() -> Network {
    let vmi = |network, vlan, mac| Vmi { network, port: ACCESS, vlan, macs: vec![mac] };
    let next_hop = Some([2, 0xfa, 0, 0, 0, 2]);
    let reach = |network, vtep, flood, mac| Reach { network, vtep, flood, macs: vec![mac] };
    Network {
        fabric: Fabric {
            mac: [2, 0xfa, 0, 0, 0, 1],
            vlan: None,
            address: Ipv4Addr::new(172, 16, 0, 1),
            mtu: 1600,
            source_check: SourceCheck::Known,
            dont_fragment: true,
        },
        access_mtus: vec![1500],
        networks: [BLUE, GREEN].map(|vni| Vni { vni, flood_unknown_unicast: false }).into(),
        vmis: vec![vmi(0, 100, A), vmi(0, 101, B), vmi(1, 200, C)],
        vteps: vec![
            Vtep { address: VTEP, next_hop },
            Vtep { address: QUIET, next_hop },
            Vtep { address: Ipv4Addr::new(172, 16, 0, 4), next_hop: None },
        ],
        reach: vec![
            reach(0, 0, true, REMOTE),
            reach(0, 1, false, REMOTE_QUIET),
            reach(0, 2, false, REMOTE_UNRESOLVED),
            reach(1, 0, true, [2, 0, 0, 0, 0x20, 0xc8]),
        ],
    }
}

/// An instance's frame of `payload` octets of UDP, with the tag of `vlan`.
pub fn tagged(vlan: u16, destination: Mac, source: Mac, payload: usize) -> Vec<u8> {
    ethernet(destination, source, &[vlan], 0x0800, &datagram(payload))
}

/// The same without a tag, as it lies in a VXLAN packet.
pub fn untagged(destination: Mac, source: Mac, payload: usize) -> Vec<u8> {
    ethernet(destination, source, &[], 0x0800, &datagram(payload))
}

/// An IPv4 packet with `payload` octets of UDP in it.
pub fn datagram(payload: usize) -> Vec<u8> {
    let octets: Vec<u8> = (0..payload).map(|n| n as u8).collect();
    udp_in_ipv4(Ipv4Addr::new(10, 1, 0, 2), Ipv4Addr::new(10, 1, 0, 3), (40_000, 5001), &octets)
}

/// A good VXLAN packet of blue from [`VTEP`].
pub fn vxlan(inner: Vec<u8>) -> Vxlan {
    Vxlan::new(&network().fabric, VTEP, BLUE, inner)
}
