//! What this node serves of the network, and what it probably should but does not.

use hashbrown::{HashMap, HashSet};

use super::bpdu;
use super::errors::Problems;
use super::mtu;
use super::network_model::{
    LogicalInterface, LogicalInterfaceIndex, NetworkModel, PhysicalRouterIndex, ServedVmi, VirtualNetworkIndex,
    VmiIndex,
};
use super::node_model::{GatewayMode, NodeModel, PortRole};
use super::place::Place;
use super::problem::Problem;
use super::warning::{Concern, Warning};

/// Completes a network with what this node does with it.
pub(super) fn resolve(mut network: NetworkModel, node: &NodeModel, problems: &mut Problems) -> NetworkModel {
    let own = network.physical_routers.iter().position(|router| router.name == node.name);
    if node.mode == GatewayMode::Server {
        network.own_router = own.map(PhysicalRouterIndex::at);
    }
    network.served = served(&network, node);
    let (found, limit) = (network.served.len(), node.limits.vmis);
    if let Some(router) = network.own_router.filter(|_| found > limit as usize) {
        let node = node.place.clone();
        problems.add(network[router].place.clone(), Problem::TooManyVmis { found, limit, node });
    }
    network
}

fn served(network: &NetworkModel, node: &NodeModel) -> Vec<ServedVmi> {
    let mut served = Vec::new();
    for (position, interface) in network.logical_interfaces.iter().enumerate() {
        let parent = &network[interface.physical_interface];
        if Some(parent.physical_router) != network.own_router {
            continue;
        }
        let Some((port, _)) = node.port(parent.name.as_str()) else { continue };
        let logical_interface = LogicalInterfaceIndex::at(position);
        let (vlan, inner_vlan) = (interface.vlan, interface.inner_vlan);
        served.extend(interface.vmis.iter().map(|&vmi| ServedVmi { port, vlan, inner_vlan, vmi, logical_interface }));
    }
    served
}

/// What is legal in a network file and probably not meant, as this node sees it.
pub(super) fn warnings(network: &NetworkModel, node: &NodeModel, start: Place) -> Vec<Warning> {
    if node.mode != GatewayMode::Server {
        return vec![Warning { place: node.place.clone(), concern: Concern::NotAServer { mode: node.mode } }];
    }
    let Some(own) = network.own_router else {
        let concern = Concern::NoOwnRouter { name: node.name.clone(), node: node.place.clone() };
        return vec![Warning { place: start, concern }];
    };
    let mut warnings = Vec::new();
    let mut warn = |place: &Place, concern| warnings.push(Warning { place: place.clone(), concern });
    if network.served.is_empty() {
        let router = &network[own];
        warn(&router.place, Concern::NothingServed { name: router.name.clone() });
    }
    let mut here = network.physical_interfaces.iter().filter(|interface| interface.physical_router == own);
    let used: HashSet<&str> = here.by_ref().map(|interface| interface.name.as_str()).collect();
    for port in node.ports.iter().filter(|port| port.role == PortRole::Access && !used.contains(port.name.as_str())) {
        warn(&port.place, Concern::UnusedPort { name: port.name.clone() });
    }
    for interface in &network.logical_interfaces {
        if interface.vmis.is_empty() && network[interface.physical_interface].physical_router == own {
            warn(&interface.place, Concern::NoVmi { name: interface.name.clone() });
        }
    }
    let vmis = || network.served.iter().map(|served| &network[served.vmi]);
    for vmi in vmis().filter(|vmi| !vmi.enabled) {
        warn(&vmi.place, Concern::DisabledVmi { name: vmi.name.clone() });
    }
    let networks: HashSet<VirtualNetworkIndex> = vmis().map(|vmi| vmi.virtual_network).collect();
    for (position, virtual_network) in network.virtual_networks.iter().enumerate() {
        if !networks.contains(&VirtualNetworkIndex::at(position)) {
            warn(&virtual_network.place, Concern::NetworkNotHere { name: virtual_network.name.clone() });
        }
    }
    for virtual_network in &network.virtual_networks {
        let (name, vni) = (virtual_network.name.clone(), virtual_network.vni);
        if let Some(given) = virtual_network.vxlan_network_identifier.filter(|given| *given != vni) {
            warn(&virtual_network.place, Concern::VniNotUsed { name, given, vni });
        }
    }
    for (here, there) in shared_vlans(network, own) {
        let (Some(vmi), Some(other)) = (only_in(network, here, there), only_in(network, there, here)) else { continue };
        let (vmi, other) = (&network[vmi], &network[other]);
        let router = &network[network[there.physical_interface].physical_router];
        let concern = Concern::SharedVlan {
            vlan: here.vlan,
            vmi: vmi.name.clone(),
            other: other.name.clone(),
            router: router.name.clone(),
            there: there.place.clone(),
        };
        warn(&here.place, concern);
    }
    for entry in network.reachability_here().filter(|entry| !networks.contains(&entry.virtual_network)) {
        let name = network[entry.virtual_network].name.clone();
        warn(&entry.place, Concern::ReachabilityNotHere { network: name, vtep: entry.vtep });
    }
    warnings.extend(bpdu::warnings(network, node, own).into_iter().chain(mtu::warnings(network, node)));
    warnings
}

/// The first VMI of a logical interface that is not on the other one too; its very first if all are.
fn only_in(network: &NetworkModel, one: &LogicalInterface, other: &LogicalInterface) -> Option<VmiIndex> {
    let instances = || one.vmis.iter().copied().filter(|vmi| !network.is_bpdu(*vmi));
    instances().find(|vmi| !other.vmis.contains(vmi)).or(instances().next())
}

/// Pairs of logical interfaces, one here and one of another gateway, whose tags are the same and stand for different VMIs of
/// one network. If both ports are on one LAN, each gateway takes for its own VMI's what the other delivers: a broadcast circles.
fn shared_vlans(
    network: &NetworkModel,
    own: PhysicalRouterIndex,
) -> impl Iterator<Item = (&LogicalInterface, &LogicalInterface)> {
    let key = |interface: &LogicalInterface| {
        let first = interface.vmis.iter().find(|vmi| !network.is_bpdu(**vmi))?;
        Some((interface.vlan, interface.inner_vlan, network[*first].virtual_network))
    };
    let is_instance = move |vmi: &VmiIndex| !network.is_bpdu(*vmi);
    let vmis =
        move |interface: &LogicalInterface| interface.vmis.iter().copied().filter(is_instance).collect::<HashSet<_>>();
    let is_here = move |interface: &LogicalInterface| network[interface.physical_interface].physical_router == own;
    let here = network.logical_interfaces.iter().filter(move |interface| is_here(interface));
    let by_vlan: HashMap<_, _> = here.filter_map(|interface| Some((key(interface)?, interface))).collect();
    let elsewhere = network.logical_interfaces.iter().filter(move |interface| !is_here(interface));
    elsewhere.filter_map(move |there| {
        let here = *by_vlan.get(&key(there)?)?;
        (vmis(here) != vmis(there)).then_some((here, there))
    })
}
