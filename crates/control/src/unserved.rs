//! What the configuration can say and the tables cannot do yet: refused by name, not carried out by half.

use crate::config::{Loaded, NetworkModel, NodeModel, Place};
use wire::{Encapsulation, Tpid};

/// Something of the configuration that is not served yet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {what} is not served yet")]
pub struct Unserved {
    /// Where it stands.
    pub place: Place,
    /// What it is.
    pub what: &'static str,
}

/// The first thing that is not served yet, if there is any. Linear in the configuration.
///
/// # Errors
/// If there is one.
pub fn check(loaded: &Loaded) -> Result<(), Unserved> {
    let found = of_node(&loaded.node).or_else(|| of_network(&loaded.network));
    found.map_or(Ok(()), |(what, place)| Err(Unserved { place: place.clone(), what }))
}

fn of_node(node: &NodeModel) -> Option<(&'static str, &Place)> {
    let fabric = &node.fabric;
    if let Some(second) = node.fabric_ports.get(1) {
        return Some(("a second fabric port", &node[*second].place));
    }
    if fabric.address_v6.is_some() {
        return Some(("an IPv6 address of the fabric", &fabric.place_v6));
    }
    if fabric.dscp.iter().any(|dscp| *dscp != 0) {
        return Some(("a table of DSCPs", &fabric.place_dscp));
    }
    let port = |what: &'static str, has: fn(&crate::config::PortModel) -> bool| {
        node.ports.iter().find(|port| has(port)).map(|port| (what, &port.place))
    };
    port("a fabric port's own address", |port| !port.addresses.is_empty())
        .or_else(|| port("tpid 0x88a8", |port| port.tpid != Tpid::Customer))
}

fn of_network(network: &NetworkModel) -> Option<(&'static str, &Place)> {
    let mut before = None;
    for served in &network.served {
        let place = &network[served.logical_interface].place;
        if served.inner_vlan.is_some() {
            return Some(("an inner VLAN", place));
        }
        if before.replace(served.logical_interface) == Some(served.logical_interface) {
            return Some(("a logical interface with several VMIs", place));
        }
    }
    for entry in network.reachability_here() {
        if entry.encapsulation != Encapsulation::Vxlan {
            return Some(("MPLS to a VTEP", &entry.place));
        }
        if entry.vtep.is_ipv6() {
            return Some(("a VTEP's IPv6 address", &entry.place));
        }
    }
    None
}
