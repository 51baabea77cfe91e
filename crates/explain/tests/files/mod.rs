//! The files that say what a testkit network says.

use control::config::{self, Loaded};
use std::collections::BTreeMap;
use testkit::{Mac, Network, SourceCheck};
use wire::MacAddr;

/// The name of a port.
pub(crate) fn port_name(net: &Network, port: usize) -> String {
    if net.link(port).is_some() { format!("fabric{}", port - net.fabric_port()) } else { format!("access{port}") }
}

/// The files, if they are legal: some networks that tables can hold are not.
pub(crate) fn loaded(net: &Network) -> Option<Loaded> {
    let text = node_file(net);
    let node = config::parse_node(&text, "node.yaml").unwrap_or_else(|errors| panic!("{errors}\n{text}"));
    let network = config::parse_network(&network_file(net), "network.yaml", &node.model).ok()?;
    Some(Loaded { node: node.model, network: network.model, warnings: vec![] })
}

fn mac(mac: Mac) -> MacAddr {
    MacAddr::new(mac)
}

fn node_file(net: &Network) -> String {
    let fabric = &net.fabric;
    let access = net.access.iter().enumerate().map(|(n, access)| {
        let (name, mtu, tpid) = (port_name(net, n), access.mtu, access.tpid.value());
        format!(
            "  - {{ name: {name}, role: access, device: 'net_tap{n},iface=t{n}', mtu: {mtu}, tpid: 0x{tpid:04x} }}\n"
        )
    });
    let links = fabric.links.iter().zip(net.fabric_port()..).map(|(link, n)| {
        let (name, mtu, mac) = (port_name(net, n), link.mtu, mac(link.mac));
        let two = fabric.links.len() > 1;
        let own = if two { format!(", host_interface: h{n}, address: 10.99.{n}.1/24") } else { String::new() };
        format!("  - {{ name: {name}, role: fabric, device: 'net_tap{n},iface=t{n},mac={mac}', mtu: {mtu}{own} }}\n")
    });
    let check = match fabric.source_check {
        SourceCheck::Strict => "strict",
        SourceCheck::Known => "known",
        SourceCheck::Any => "any",
    };
    let own = [
        (fabric.links.len() == 1).then(|| "host_interface: h0".to_owned()),
        fabric.address.map(|address| format!("address: {address}/24")),
        fabric.address_v6.map(|address| format!("address_v6: '{address}/64'")),
        fabric.vlan.map(|vlan| format!("vlan: {vlan}")),
        Some(format!("dont_fragment: {}", fabric.dont_fragment)),
        Some(format!("source_check: {check}")),
        Some(format!("dscp: {:?}", fabric.dscp)),
        Some(format!("udp6_zero_checksum_tx: {}", fabric.udp6_zero_checksum_tx)),
        Some(format!("udp6_zero_checksum_rx: {}", fabric.udp6_zero_checksum_rx)),
    ];
    let ports: String = access.chain(links).collect();
    let own: String = own.into_iter().flatten().map(|line| format!("  {line}\n")).collect();
    format!("version: 1\nname: gw1\nmode: server\ncores: {{ workers: [1] }}\nports:\n{ports}fabric:\n{own}")
}

fn network_file(net: &Network) -> String {
    let ports: String = (0..net.access.len())
        .map(|n| format!("  - {{ name: {}, physical_router: gw1 }}\n", port_name(net, n)))
        .collect();
    let sections = [
        ("physical_interfaces", ports),
        ("virtual_networks", virtual_networks(net)),
        ("virtual_machine_interfaces", vmis(net)),
        ("logical_interfaces", logical_interfaces(net)),
        ("static_reachability", reachability(net)),
    ];
    let filled = sections.into_iter().filter(|(_, items)| !items.is_empty());
    let sections: String = filled.map(|(name, items)| format!("{name}:\n{items}")).collect();
    format!("version: 1\nphysical_routers: [{{ name: gw1 }}]\n{sections}")
}

fn virtual_networks(net: &Network) -> String {
    let network = |(n, network): (usize, &testkit::VirtualNetwork)| {
        let (vni, label) = (network.vni, network.label.expect("a network in a file has a label"));
        let (flood, word) = (network.flood_unknown_unicast, network.control_word);
        format!(
            "  - {{ name: n{n}, vxlan_network_identifier: {vni}, mpls_label: {label}, flood_unknown_unicast: {flood}, \
             layer2_control_word: {word}, forwarding_mode: l2 }}\n"
        )
    };
    net.networks.iter().enumerate().map(network).collect()
}

fn vmis(net: &Network) -> String {
    let vmi = |(n, vmi): (usize, &testkit::Vmi)| {
        let pairs: Vec<String> = vmi.macs[1..].iter().map(|pair| format!("{{ mac: '{}' }}", mac(*pair))).collect();
        let (own, network, pairs) = (mac(vmi.macs[0]), vmi.network, pairs.join(", "));
        format!(
            "  - {{ name: v{n}, virtual_network: n{network}, mac_address: '{own}', allowed_address_pairs: [{pairs}] }}\n"
        )
    };
    net.vmis.iter().enumerate().map(vmi).collect()
}

fn logical_interfaces(net: &Network) -> String {
    let mut segments: BTreeMap<_, Vec<String>> = BTreeMap::new();
    for (n, vmi) in net.vmis.iter().enumerate() {
        segments.entry(vmi.segment()).or_default().push(format!("v{n}"));
    }
    let mut text = String::new();
    for (n, ((port, vlan, inner), vmis)) in segments.iter().enumerate() {
        let inner = inner.map_or_else(String::new, |inner| format!(", logical_interface_inner_vlan_tag: {inner}"));
        let (port, vmis) = (port_name(net, *port), vmis.join(", "));
        text += &format!(
            "  - {{ name: l{n}, physical_interface: 'gw1:{port}', logical_interface_vlan_tag: {vlan}{inner}, \
             virtual_machine_interfaces: [{vmis}] }}\n"
        );
    }
    text
}

fn reachability(net: &Network) -> String {
    let entry = |entry: &testkit::Reach| {
        let macs: Vec<String> = entry.macs.iter().map(|one| format!("'{}'", mac(*one))).collect();
        let is_mpls = entry.encapsulation.is_mpls();
        let label = if is_mpls { format!(", mpls_label: {}", net.label(entry)) } else { String::new() };
        let (vtep, network, macs) = (net.vteps[entry.vtep].address, entry.network, macs.join(", "));
        let (flood, by) = (entry.flood, entry.encapsulation);
        format!(
            "  - {{ virtual_network: n{network}, vtep: '{vtep}', flood: {flood}, encapsulations: [{by}], \
             mac_addresses: [{macs}]{label} }}\n"
        )
    };
    net.reach.iter().map(entry).collect()
}
