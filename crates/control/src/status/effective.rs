//! The configuration in force, every default filled in, in the words of the files.

use super::{View, finding};
use crate::config::{MacLimit, NetworkModel, NodeModel, PortModel, StormControl, VirtualNetwork};
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
            "address": fabric.address.map(|(address, length)| format!("{address}/{length}")),
            "address_v6": fabric.address_v6.map(|(address, length)| format!("{address}/{length}")),
            "host_interface": fabric.host_interface.as_ref().map(|name| name.as_str()),
            "vlan": fabric.vlan.map(|vlan| vlan.value()),
            "routes": fabric.routes.iter().map(route).collect::<Vec<_>>(),
            "dont_fragment": fabric.dont_fragment,
            "source_check": fabric.source_check.to_string(),
            "udp6_zero_checksum_tx": fabric.udp6_zero_checksum_tx,
            "udp6_zero_checksum_rx": fabric.udp6_zero_checksum_rx,
            "dscp": fabric.dscp,
        },
        "api": { "socket": node.api.socket, "group": node.api.group.as_str() },
        "limits": { "vmis": node.limits.vmis, "learned_macs": node.limits.learned_macs },
        "uplink_tracking": {
            "enabled": node.uplink_tracking.enabled,
            "hold_down_ms": node.uplink_tracking.hold_down.as_millis() as u64,
        },
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
        "queues": port.queues,
        "tpid": port.tpid.to_string(),
        "host_interface": port.host_interface.as_ref().map(|name| name.as_str()),
        "address": port.addresses.iter().map(|(address, length)| format!("{address}/{length}")).collect::<Vec<_>>(),
    })
}

/// What of the network concerns this node: its interfaces, their networks, and what lies behind the fabric.
fn network(network: &NetworkModel) -> Value {
    let vif = |served: &crate::config::ServedVmi| {
        let (vmi, interface) = (&network[served.vmi], &network[served.logical_interface]);
        json!({
            "logical_interface": interface.name.as_str(),
            "logical_interface_vlan_tag": served.vlan.value(),
            "logical_interface_inner_vlan_tag": served.inner_vlan.map(|vlan| vlan.value()),
            "physical_interface": network[interface.physical_interface].name.as_str(),
            "virtual_machine_interface": vmi.name.as_str(),
            "virtual_network": network[vmi.virtual_network].name.as_str(),
            "mac_address": vmi.mac.to_string(),
            "allowed_address_pairs": vmi.allowed_address_pairs.iter().map(|pair| pair.mac.to_string()).collect::<Vec<_>>(),
            "enable": vmi.enabled,
            "storm_control": storm_control(&vmi.storm_control),
            "mac_limit_control": mac_limit(vmi.mac_limit),
        })
    };
    let reachability = |entry: &crate::config::StaticReachability| {
        let plain = entry.stations.iter().filter(|station| station.label.is_none());
        let labelled = entry
            .stations
            .iter()
            .filter_map(|station| Some(json!({ "mac": station.mac.to_string(), "label": station.label?.value() })));
        json!({
            "virtual_network": network[entry.virtual_network].name.as_str(),
            "vtep": entry.vtep,
            "flood": entry.flood,
            "encapsulation": entry.encapsulation.name(),
            "mpls_label": entry.label.map(|label| label.value()),
            "mac_addresses": plain.map(|station| station.mac.to_string()).collect::<Vec<_>>(),
            "mac_labels": labelled.collect::<Vec<_>>(),
        })
    };
    let priorities = network.global.encapsulation_priorities.iter().map(|e| e.name());
    json!({
        "version": 1,
        "global_vrouter_config": {
            "encapsulation_priorities": priorities.collect::<Vec<_>>(),
            "vxlan_network_identifier_mode": network.global.vxlan_network_identifier_mode.to_string(),
        },
        "virtual_networks": network.virtual_networks.iter().map(virtual_network).collect::<Vec<_>>(),
        "interfaces": network.served.iter().map(vif).collect::<Vec<_>>(),
        "static_reachability": network.reachability_here().map(reachability).collect::<Vec<_>>(),
    })
}

fn virtual_network(n: &VirtualNetwork) -> Value {
    json!({
        "name": n.name.as_str(),
        "vxlan_network_identifier": n.vni.value(),
        "virtual_network_network_id": n.virtual_network_network_id,
        "flood_unknown_unicast": n.flood_unknown_unicast,
        "layer2_control_word": n.layer2_control_word,
        "mpls_label": n.mpls_label.map(|label| label.value()),
        "bpdu_network": n.bpdu.is_some(),
        "bpdu_groups": n.bpdu.map(|bpdu| bpdu.groups().map(|group| group.to_string()).collect::<Vec<_>>()),
        "bpdu_pvst": n.bpdu.map(|bpdu| bpdu.pvst),
        "transparent": n.bpdu.map(|bpdu| bpdu.transparent),
        "storm_control": storm_control(&n.storm_control),
        "mac_learning_enabled": n.mac_learning.enabled,
        "mac_aging_time": n.mac_learning.aging_time_s,
        "mac_limit_control": mac_limit(n.mac_learning.limit),
        "mac_move_control": {
            "mac_move_limit": n.mac_learning.moves.most,
            "mac_move_time_window": n.mac_learning.moves.window_s,
            "mac_move_limit_action": n.mac_learning.moves.action.name(),
        },
    })
}

fn storm_control(control: &StormControl) -> Value {
    let rate = |rate: Option<u32>| rate.map_or_else(|| json!("off"), |rate| json!(rate));
    json!({
        "broadcast_pps": rate(control.broadcast_pps),
        "unknown_unicast_pps": rate(control.unknown_unicast_pps),
        "multicast_pps": rate(control.multicast_pps),
    })
}

fn mac_limit(limit: MacLimit) -> Value {
    json!({ "mac_limit": limit.most, "mac_limit_action": limit.action.name() })
}
