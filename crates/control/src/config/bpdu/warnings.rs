//! What keeps switches behind several gateways from hearing each other: legal, and a loop or worse if nobody meant it.

use hashbrown::{HashMap, HashSet};

use super::super::network_model::{
    LogicalInterface, NetworkModel, PhysicalRouterIndex, VirtualNetwork, VirtualNetworkIndex, VmiIndex,
};
use super::super::node_model::{NodeModel, PortIndex};
use super::super::warning::{Concern, Warning};

/// Of a network that this node, whose router is `own`, serves.
pub(in crate::config) fn warnings(network: &NetworkModel, node: &NodeModel, own: PhysicalRouterIndex) -> Vec<Warning> {
    let mut warnings = unprotected(network, node, own);
    for (position, of) in network.virtual_networks.iter().enumerate().filter(|(_, of)| of.bpdu.is_some()) {
        let concern = unconnected(network, VirtualNetworkIndex::at(position), of, own);
        warnings.extend(concern.map(|concern| Warning { place: of.place.clone(), concern }));
    }
    warnings
}

/// Ports with instances that another gateway serves too, and that are in no BPDU network; only the first, if none is.
fn unprotected(network: &NetworkModel, node: &NodeModel, own: PhysicalRouterIndex) -> Vec<Warning> {
    let mut elsewhere: HashMap<VmiIndex, &LogicalInterface> = HashMap::new();
    for interface in network.logical_interfaces.iter().filter(|interface| router(network, interface) != own) {
        for vmi in interface.vmis.iter().filter(|vmi| !network.is_bpdu(**vmi)) {
            elsewhere.entry(*vmi).or_insert(interface);
        }
    }
    let members = network.served.iter().filter(|served| network.is_bpdu(served.vmi)).map(|served| served.port);
    let members: HashSet<PortIndex> = members.collect();
    let mut warned: HashSet<PortIndex> = HashSet::new();
    let mut warnings = Vec::new();
    for served in network.served.iter().filter(|served| !members.contains(&served.port)) {
        let Some(there) = elsewhere.get(&served.vmi) else { continue };
        if !warned.insert(served.port) {
            continue;
        }
        let concern = Concern::NoBpduNetwork {
            port: node[served.port].name.clone(),
            vmi: network[served.vmi].name.clone(),
            router: network[router(network, there)].name.clone(),
            there: there.place.clone(),
        };
        warnings.push(Warning { place: network[served.logical_interface].place.clone(), concern });
    }
    if members.is_empty() {
        warnings.truncate(1);
    }
    warnings
}

/// A BPDU network of this node's whose members do not hear anybody.
fn unconnected(
    network: &NetworkModel,
    index: VirtualNetworkIndex,
    of: &VirtualNetwork,
    own: PhysicalRouterIndex,
) -> Option<Concern> {
    let is_of = |interface: &&LogicalInterface| interface.vmis.iter().any(|vmi| network[*vmi].virtual_network == index);
    let members = || network.logical_interfaces.iter().filter(is_of);
    members().find(|interface| router(network, interface) == own)?;
    let name = of.name.clone();
    let floods = network.reachability_here().any(|entry| entry.virtual_network == index && entry.flood);
    match members().find(|interface| router(network, interface) != own) {
        _ if floods => None,
        Some(there) => {
            let router = network[router(network, there)].name.clone();
            Some(Concern::BpduNotFlooded { name, router, there: there.place.clone() })
        }
        None => (members().count() == 1).then_some(Concern::BpduAlone { name }),
    }
}

fn router(network: &NetworkModel, interface: &LogicalInterface) -> PhysicalRouterIndex {
    network[interface.physical_interface].physical_router
}
