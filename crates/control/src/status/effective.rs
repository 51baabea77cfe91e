//! The configuration in force, every default filled in, in the words of the files.

use super::{View, finding};
use crate::config::{NetworkModel, NodeModel, PortModel};
use api::ConfigDocument;
use serde_json::{Value, json};

impl View {
    pub(super) fn config(&self) -> ConfigDocument {
        ConfigDocument {
            node_name: self.loaded.node.name.to_string(),
            generation: self.sources.generation,
            loaded_at: self.sources.loaded_at,
            files: self.sources.files.clone(),
            warnings: self.loaded.warnings.iter().map(finding).collect(),
            node: node(&self.loaded.node),
            network: network(&self.loaded.network),
        }
    }
}

fn node(node: &NodeModel) -> Value {
    let fabric = &node.fabric;
    let route = |r: &crate::config::FabricRoute| json!({ "to": format!("{}/{}", r.to, r.to_len), "via": r.via });
    json!({
        "version": 1,
        "name": node.name.as_str(),
        "mode": node.mode.to_string(),
        "cores": {
            "workers": node.workers.iter().map(|core| core.value()).collect::<Vec<_>>(),
            "polling": node.polling.to_string(),
        },
        "memory": {
            "hugepages": node.memory.hugepages,
            "size_mb": node.memory.size_mb,
            "mbufs": node.memory.mbufs,
            "file_prefix": node.memory.file_prefix.as_str(),
        },
        "ports": node.ports.iter().map(port).collect::<Vec<_>>(),
        "fabric": {
            "address": format!("{}/{}", fabric.address, fabric.prefix_len),
            "host_interface": fabric.host_interface.as_str(),
            "vlan": fabric.vlan.map(|vlan| vlan.value()),
            "routes": fabric.routes.iter().map(route).collect::<Vec<_>>(),
            "dont_fragment": fabric.dont_fragment,
            "source_check": fabric.source_check.to_string(),
        },
        "api": { "socket": node.api.socket, "group": node.api.group.as_str() },
        "limits": { "vmis": node.limits.vmis },
    })
}

fn port(port: &PortModel) -> Value {
    json!({
        "name": port.name.as_str(),
        "role": port.role.to_string(),
        "device": port.device.to_string(),
        "mtu": port.mtu,
        "rx_descriptors": port.rx_descriptors,
        "tx_descriptors": port.tx_descriptors,
    })
}

/// What of the network concerns this node: its interfaces, their networks, and what lies behind the fabric.
fn network(network: &NetworkModel) -> Value {
    let vif = |served: &crate::config::ServedVmi| {
        let (vmi, interface) = (&network[served.vmi], &network[served.logical_interface]);
        json!({
            "logical_interface": interface.name.as_str(),
            "logical_interface_vlan_tag": served.vlan.value(),
            "physical_interface": network[interface.physical_interface].name.as_str(),
            "virtual_machine_interface": vmi.name.as_str(),
            "virtual_network": network[vmi.virtual_network].name.as_str(),
            "mac_address": vmi.mac.to_string(),
            "allowed_address_pairs": vmi.allowed_address_pairs.iter().map(|pair| pair.mac.to_string()).collect::<Vec<_>>(),
            "enable": vmi.enabled,
        })
    };
    let virtual_network = |n: &crate::config::VirtualNetwork| {
        json!({
            "name": n.name.as_str(),
            "vxlan_network_identifier": n.vni.value(),
            "flood_unknown_unicast": n.flood_unknown_unicast,
        })
    };
    let reachability = |entry: &crate::config::StaticReachability| {
        json!({
            "virtual_network": network[entry.virtual_network].name.as_str(),
            "vtep": entry.vtep,
            "flood": entry.flood,
            "mac_addresses": entry.mac_addresses.iter().map(|mac| mac.to_string()).collect::<Vec<_>>(),
        })
    };
    json!({
        "version": 1,
        "virtual_networks": network.virtual_networks.iter().map(virtual_network).collect::<Vec<_>>(),
        "interfaces": network.served.iter().map(vif).collect::<Vec<_>>(),
        "static_reachability": network.reachability_here().map(reachability).collect::<Vec<_>>(),
    })
}
