//! What a reload cannot change.

use super::node_model::{NodeModel, PortModel};

/// The keys of the node file whose change takes effect only after a restart, in the file's words (`ports[fabric0].mtu`).
///
/// Empty if a reload suffices. What a reload can change is `mode`, `uplink_tracking`, and of `fabric`: `dont_fragment`, `source_check`, `dscp`
/// and the two `udp6_zero_checksum`; `fabric.routes` is not judged here, since it depends on who installs the routes.
pub fn restart_needed(old: &NodeModel, new: &NodeModel) -> Vec<String> {
    let mut keys = Vec::new();
    let mut compare = |key: &str, same: bool| {
        if !same {
            keys.push(key.to_owned());
        }
    };
    compare("name", old.name == new.name);
    compare("cores.workers", old.workers == new.workers);
    compare("cores.polling", old.polling == new.polling);
    compare("memory.hugepages", old.memory.hugepages == new.memory.hugepages);
    compare("memory.size_mb", old.memory.size_mb == new.memory.size_mb);
    compare("memory.mbufs", old.memory.mbufs == new.memory.mbufs);
    compare("memory.file_prefix", old.memory.file_prefix == new.memory.file_prefix);
    let order = |node: &NodeModel| node.ports.iter().map(|port| port.name.clone()).collect::<Vec<_>>();
    compare("ports", order(old) == order(new));
    compare("fabric.address", old.fabric.address == new.fabric.address);
    compare("fabric.address_v6", old.fabric.address_v6 == new.fabric.address_v6);
    compare("fabric.host_interface", old.fabric.host_interface == new.fabric.host_interface);
    let routes = |node: &NodeModel| node.fabric.routes.iter().map(|r| (r.to, r.to_len, r.via)).collect::<Vec<_>>();
    compare("fabric.routes", routes(old) == routes(new));
    compare("fabric.vlan", old.fabric.vlan == new.fabric.vlan);
    compare("api.socket", old.api.socket == new.api.socket);
    compare("api.group", old.api.group == new.api.group);
    compare("limits.vmis", old.limits.vmis == new.limits.vmis);
    compare("limits.learned_macs", old.limits.learned_macs == new.limits.learned_macs);
    for port in &new.ports {
        if let Some((_, old)) = old.port(port.name.as_str()) {
            keys.extend(changed_of_port(old, port).map(|key| format!("ports[{}].{key}", port.name)));
        }
    }
    keys
}

fn changed_of_port(old: &PortModel, new: &PortModel) -> impl Iterator<Item = &'static str> {
    [
        ("role", old.role == new.role),
        ("device", old.device == new.device),
        ("mtu", old.mtu == new.mtu),
        ("rx_descriptors", old.rx_descriptors == new.rx_descriptors),
        ("tx_descriptors", old.tx_descriptors == new.tx_descriptors),
        ("queues", old.queues == new.queues),
        ("tpid", old.tpid == new.tpid),
        ("host_interface", old.host_interface == new.host_interface),
        ("address", old.addresses == new.addresses),
    ]
    .into_iter()
    .filter_map(|(key, same)| (!same).then_some(key))
}
