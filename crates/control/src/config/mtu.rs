//! Whether full frames of the access ports fit through the fabric, in every encapsulation that is in use.

use std::net::IpAddr;

use hashbrown::HashSet;
use wire::{Encapsulation, Tpid};

use super::network_model::NetworkModel;
use super::node_model::{NodeModel, PortIndex, PortModel, PortRole};
use super::warning::{Concern, Warning};

/// The inner Ethernet header.
const ETHERNET: u32 = 14;
/// A tag: the fabric VLAN's, which some drivers count as payload, or one that stays in the inner frame.
const TAG: u32 = 4;
/// Outer IPv4 and IPv6 headers.
const IPV4: u32 = 20;
const IPV6: u32 = 40;
const UDP: u32 = 8;
const VXLAN: u32 = 8;
const GRE: u32 = 4;
/// A label stack entry, and the control word behind it.
const LABEL: u32 = 4;
const CONTROL_WORD: u32 = 4;

/// A way through the fabric.
#[derive(Debug, Clone, Copy)]
struct Way {
    encapsulation: Encapsulation,
    is_ipv6: bool,
    has_control_word: bool,
}

impl Way {
    /// What stands between the fabric's Ethernet header and the inner frame.
    fn octets(self) -> u32 {
        let word = if self.has_control_word { CONTROL_WORD } else { 0 };
        let ip = if self.is_ipv6 { IPV6 } else { IPV4 };
        ip + match self.encapsulation {
            Encapsulation::Vxlan => UDP + VXLAN,
            Encapsulation::MplsOverUdp => UDP + LABEL + word,
            Encapsulation::MplsOverGre => GRE + LABEL + word,
        }
    }
}

/// One for each fabric port that is too narrow.
pub(super) fn warnings(network: &NetworkModel, node: &NodeModel) -> Vec<Warning> {
    let Some((access, frame)) = largest_frame(network, node) else { return Vec::new() };
    let way = largest_way(network, node);
    let tag = if node.fabric.vlan.is_some() { TAG } else { 0 };
    let needed = frame + way.octets() + tag;
    let narrow = node.fabric_ports.iter().map(|port| &node[*port]).filter(|port| u32::from(port.mtu) < needed);
    narrow
        .map(|port| Warning {
            place: port.place.clone(),
            concern: Concern::FabricMtu {
                mtu: port.mtu,
                needed,
                access: access.name.clone(),
                access_mtu: access.mtu,
                encapsulation: way.encapsulation,
                is_ipv6: way.is_ipv6,
            },
        })
        .collect()
}

/// The access port whose full frames are the largest inside the fabric's headers, and how large they are.
///
/// A port's MTU does not count tags. One stays in the inner frame where a provider's VLAN carries customers' tags: a port
/// with service tags, and a logical interface that takes the outer one alone.
fn largest_frame<'n>(network: &NetworkModel, node: &'n NodeModel) -> Option<(&'n PortModel, u32)> {
    let plain: HashSet<PortIndex> =
        network.served.iter().filter(|served| served.inner_vlan.is_none()).map(|served| served.port).collect();
    let size = |(position, port): (usize, &'n PortModel)| {
        let keeps_tag = port.tpid == Tpid::Service && plain.contains(&PortIndex::at(position));
        (port, u32::from(port.mtu) + ETHERNET + if keeps_tag { TAG } else { 0 })
    };
    let access = node.ports.iter().enumerate().filter(|(_, port)| port.role == PortRole::Access);
    access.map(size).max_by_key(|(_, octets)| *octets)
}

/// The way that takes the most octets among those to the VTEPs of networks that are here. Without any, what a routing
/// protocol will most likely bring.
fn largest_way(network: &NetworkModel, node: &NodeModel) -> Way {
    let here: HashSet<_> = network.served.iter().map(|served| network[served.vmi].virtual_network).collect();
    let ways = network.reachability_here().filter(|entry| here.contains(&entry.virtual_network)).map(|entry| Way {
        encapsulation: entry.encapsulation,
        is_ipv6: matches!(entry.vtep, IpAddr::V6(_)),
        has_control_word: network[entry.virtual_network].layer2_control_word,
    });
    let is_ipv6 = node.fabric.address.is_none();
    let usual = Way { encapsulation: Encapsulation::Vxlan, is_ipv6, has_control_word: false };
    ways.max_by_key(|way| way.octets()).unwrap_or(usual)
}
