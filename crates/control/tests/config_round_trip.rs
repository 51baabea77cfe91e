//! What is written is what is read: generated configurations through YAML into models and back.

use std::fmt::Write as _;

use control::config::{NetworkModel, NodeModel, parse_network, parse_node};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

/// A node file's values, as texts; the fabric port comes last.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Node {
    name: String,
    mode: String,
    workers: Vec<u16>,
    polling: String,
    memory: (bool, u32, u32, String),
    ports: Vec<Port>,
    address: String,
    host_interface: String,
    vlan: Option<u16>,
    routes: Vec<String>,
    dont_fragment: bool,
    source_check: String,
    vmis: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Port {
    device: String,
    mtu: u16,
    rx_descriptors: Option<u16>,
    tx_descriptors: Option<u16>,
}

fn choice(values: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::sample::select(values).prop_map(str::to_owned)
}

fn port() -> impl Strategy<Value = Port> {
    let kind = choice(&["ring", "memif", "null", "pci", "tap"]);
    (kind, 68u16..=9600, option::of(32u16..=16_384), option::of(32u16..=16_384))
        .prop_map(|(device, mtu, rx_descriptors, tx_descriptors)| Port { device, mtu, rx_descriptors, tx_descriptors })
}

/// Numbers the ports, so that devices differ.
fn device(kind: &str, n: usize) -> String {
    match kind {
        "pci" => format!("0000:{n:02x}:00.0"),
        "tap" => format!("net_tap{n},iface=t{n}"),
        kind => format!("net_{kind}{n}"),
    }
}

fn node() -> impl Strategy<Value = Node> {
    let cores = (prop::collection::btree_set(0u16..=1023, 1..5), choice(&["busy", "adaptive"]));
    let memory = (any::<bool>(), 64u32..=1 << 20, 1024u32..=4 << 20, "[a-z0-9_][a-z0-9._-]{0,20}");
    let fabric = (2u8..=254, "[a-z]{3,15}", option::of(1u16..=4094), vec(0u8..=255, 0..3), any::<bool>());
    let others = ("[a-zA-Z0-9_][a-zA-Z0-9._-]{0,40}", choice(&["server", "none"]), choice(&["strict", "known", "any"]));
    (cores, memory, vec(port(), 1..6), fabric, others, 1u32..=65_536).prop_map(
        |(
            (workers, polling),
            memory,
            mut ports,
            (host, host_interface, vlan, routes, dont_fragment),
            (name, mode, source_check),
            vmis,
        )| {
            for (n, port) in ports.iter_mut().enumerate() {
                port.device = device(&port.device, n);
            }
            let routes = routes.iter().enumerate().map(|(n, b)| format!("10.{n}.{b}.0/24 via 172.16.0.1")).collect();
            let address = format!("172.16.0.{host}/24");
            let workers = workers.into_iter().rev().collect();
            Node {
                name,
                mode,
                workers,
                polling,
                memory,
                ports,
                address,
                host_interface,
                vlan,
                routes,
                dont_fragment,
                source_check,
                vmis,
            }
        },
    )
}

/// The YAML of a node; `quote` goes around every scalar where YAML lets it.
fn node_text(node: &Node, quote: &str) -> Result<String, std::fmt::Error> {
    let q = |value: &dyn std::fmt::Display| format!("{quote}{value}{quote}");
    let mut text = format!("name: {}\nversion: {}\nmode: {}\n", q(&node.name), q(&1), q(&node.mode));
    let workers: Vec<String> = node.workers.iter().map(|core| q(core)).collect();
    writeln!(text, "cores: {{ workers: [{}], polling: {} }}", workers.join(", "), q(&node.polling))?;
    let (hugepages, size_mb, mbufs, prefix) = &node.memory;
    writeln!(
        text,
        "memory:\n  hugepages: {hugepages}\n  size_mb: {}\n  mbufs: {mbufs}\n  file_prefix: {}",
        q(size_mb),
        q(prefix)
    )?;
    writeln!(text, "ports:")?;
    for (n, port) in node.ports.iter().enumerate() {
        let role = if n + 1 == node.ports.len() { "fabric" } else { "access" };
        writeln!(
            text,
            "- device: '{}'\n  name: {}\n  role: {role}\n  mtu: {}",
            port.device,
            q(&format!("p/{n}")),
            q(&port.mtu)
        )?;
        for (key, value) in [("rx_descriptors", port.rx_descriptors), ("tx_descriptors", port.tx_descriptors)] {
            value.map_or(Ok(()), |value| writeln!(text, "  {key}: {}", q(&value)))?;
        }
    }
    writeln!(text, "limits: {{ vmis: {} }}\nfabric:\n  address: {}", node.vmis, q(&node.address))?;
    writeln!(text, "  host_interface: {}\n  dont_fragment: {}", q(&node.host_interface), node.dont_fragment)?;
    writeln!(text, "  source_check: {}\n  routes:", q(&node.source_check))?;
    for (to, via) in node.routes.iter().filter_map(|route| route.split_once(" via ")) {
        writeln!(text, "    - {{ to: {}, via: {} }}", q(&to), q(&via))?;
    }
    node.vlan.map_or(Ok(()), |vlan| writeln!(text, "  vlan: {}", q(&vlan)))?;
    Ok(text)
}

fn node_of(model: &NodeModel) -> Node {
    let memory = &model.memory;
    Node {
        name: model.name.to_string(),
        mode: model.mode.to_string(),
        workers: model.workers.iter().map(|core| core.value()).collect(),
        polling: model.polling.to_string(),
        memory: (memory.hugepages, memory.size_mb, memory.mbufs, memory.file_prefix.to_string()),
        ports: model
            .ports
            .iter()
            .map(|port| Port {
                device: port.device.to_string(),
                mtu: port.mtu,
                rx_descriptors: port.rx_descriptors,
                tx_descriptors: port.tx_descriptors,
            })
            .collect(),
        address: model.fabric.address.map(|(a, length)| format!("{a}/{length}")).unwrap_or_default(),
        host_interface: model.fabric.host_interface.as_ref().map(ToString::to_string).unwrap_or_default(),
        vlan: model.fabric.vlan.map(|vlan| vlan.value()),
        routes: model.fabric.routes.iter().map(|r| format!("{}/{} via {}", r.to, r.to_len, r.via)).collect(),
        dont_fragment: model.fabric.dont_fragment,
        source_check: model.fabric.source_check.to_string(),
        vmis: model.limits.vmis,
    }
}

/// A network file's values. Names are made from positions, references are positions.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Network {
    /// VNI, flood unknown unicast.
    networks: Vec<(u32, bool)>,
    /// The router of each port.
    ports: Vec<usize>,
    vmis: Vec<Vmi>,
    /// Port, VLAN, VMI.
    vlans: Vec<(usize, u16, Option<usize>)>,
    /// Network, flood, how many stations, router.
    reachability: Vec<(usize, bool, usize, Option<usize>)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Vmi {
    network: usize,
    enabled: bool,
    /// Last octets of MAC addresses.
    pairs: Vec<u8>,
    address: Option<bool>,
}

const ROUTERS: usize = 3;

fn network() -> impl Strategy<Value = Network> {
    let networks = prop::collection::btree_map(1u32..=0xff_ffff, any::<bool>(), 1..6);
    let vmi = (any::<usize>(), any::<bool>(), vec(any::<u8>(), 0..3), option::of(any::<bool>()));
    let vlans = prop::collection::btree_map((0usize..6, 0u16..=4094), any::<bool>(), 0..20);
    let reachability = vec((any::<usize>(), any::<bool>(), 0usize..4, option::of(0..ROUTERS)), 0..6);
    (networks, vec(0..ROUTERS, 1..6), vec(vmi, 0..12), vlans, reachability).prop_map(
        |(networks, ports, vmis, vlans, reachability)| {
            let count = networks.len();
            let vmis: Vec<Vmi> = vmis
                .into_iter()
                .map(|(network, enabled, pairs, address)| Vmi { network: network % count, enabled, pairs, address })
                .collect();
            // Each VMI at most once, so never twice on a router.
            let mut free = 0..vmis.len();
            let vlans = vlans
                .into_iter()
                .filter(|((port, _), _)| *port < ports.len())
                .map(|((port, vlan), bound)| (port, vlan, if bound { free.next() } else { None }))
                .collect();
            let reachability =
                reachability.into_iter().map(|(n, flood, macs, router)| (n % count, flood, macs, router)).collect();
            Network { networks: networks.into_iter().collect(), ports, vmis, vlans, reachability }
        },
    )
}

fn network_text(network: &Network) -> Result<String, std::fmt::Error> {
    let mut text = "logical_interfaces:\n".to_owned();
    for (n, (port, vlan, vmi)) in network.vlans.iter().enumerate() {
        writeln!(
            text,
            "- name: li/{n}\n  logical_interface_vlan_tag: {vlan}\n  physical_interface: gw{}:p{port}",
            network.ports[*port]
        )?;
        vmi.map_or(Ok(()), |vmi| writeln!(text, "  virtual_machine_interfaces: [vmi{vmi}]"))?;
    }
    writeln!(
        text,
        "version: 1\nphysical_routers: [{{ name: gw0 }}, {{ name: gw1 }}, {{ name: gw2 }}]\nphysical_interfaces:"
    )?;
    for (n, router) in network.ports.iter().enumerate() {
        writeln!(text, "- {{ name: p{n}, physical_router: gw{router} }}")?;
    }
    text.push_str("instance_ips:\n");
    for (n, vmi) in network.vmis.iter().enumerate() {
        let Some(six) = vmi.address else { continue };
        let address = if six { format!("2001:db8::{n:x}") } else { format!("10.0.0.{n}") };
        writeln!(text, "- name: ip{n}\n  virtual_machine_interface: vmi{n}\n  instance_ip_address: '{address}'")?;
    }
    text.push_str("virtual_machine_interfaces:\n");
    for (n, vmi) in network.vmis.iter().enumerate() {
        let pairs: Vec<String> =
            vmi.pairs.iter().map(|b| format!("{{ mac: 02-00-00-00-01-{b:02X}, ip: 10.9.{b}.0/24 }}")).collect();
        writeln!(
            text,
            "  - name: vmi{n}\n    mac_address: 02:00:00:00:00:{n:x}\n    virtual_network: vn{}",
            vmi.network
        )?;
        writeln!(
            text,
            "    id_perms: {{ enable: {} }}\n    allowed_address_pairs: [{}]",
            vmi.enabled,
            pairs.join(", ")
        )?;
    }
    text.push_str("virtual_networks:\n");
    for (n, (vni, flood)) in network.networks.iter().enumerate() {
        writeln!(text, "- {{ name: vn{n}, vxlan_network_identifier: {vni}, flood_unknown_unicast: {flood} }}")?;
    }
    text.push_str("static_reachability:\n");
    for (n, (virtual_network, flood, macs, router)) in network.reachability.iter().enumerate() {
        let macs: Vec<String> = (0..*macs).map(|m| format!("02:00:00:00:{:02x}:{m:02x}", n + 2)).collect();
        writeln!(text, "- virtual_network: vn{virtual_network}\n  vtep: 192.0.2.{}\n  flood: {flood}", n + 1)?;
        writeln!(text, "  mac_addresses: [{}]", macs.join(", "))?;
        router.map_or(Ok(()), |router| writeln!(text, "  physical_router: gw{router}"))?;
    }
    Ok(text)
}

fn network_of(model: &NetworkModel) -> Network {
    let address = |n: usize| model.instance_ips.iter().find(|ip| ip.vmi.position() == n).map(|ip| ip.address.is_ipv6());
    let vmis = model.virtual_machine_interfaces.iter().enumerate();
    Network {
        networks: model.virtual_networks.iter().map(|n| (n.vni.value(), n.flood_unknown_unicast)).collect(),
        ports: model.physical_interfaces.iter().map(|i| i.physical_router.position()).collect(),
        vmis: vmis
            .map(|(n, vmi)| Vmi {
                network: vmi.virtual_network.position(),
                enabled: vmi.enabled,
                pairs: vmi.allowed_address_pairs.iter().map(|pair| pair.mac.octets()[5]).collect(),
                address: address(n),
            })
            .collect(),
        vlans: model
            .logical_interfaces
            .iter()
            .map(|i| (i.physical_interface.position(), i.vlan.value(), i.vmis.first().map(|vmi| vmi.position())))
            .collect(),
        reachability: model
            .static_reachability
            .iter()
            .map(|e| (e.virtual_network.position(), e.flood, e.stations.len(), e.physical_router.map(|r| r.position())))
            .collect(),
    }
}

/// A node `gw9` that nothing hangs under, and a node `gw1` with all ports.
fn reader(name: &str) -> NodeModel {
    let ports: String = (0..6).map(|n| format!("- {{ name: p{n}, role: access, device: net_ring{n} }}\n")).collect();
    let text = format!(
        "version: 1\nname: {name}\nmode: server\ncores: {{ workers: [1] }}\nports:\n{ports}- {{ name: f, role: fabric, device: \
         net_ring9 }}\nfabric: {{ address: 172.16.0.1/24, host_interface: h }}\n"
    );
    parse_node(&text, "node.yaml").unwrap_or_else(|e| panic!("{e}")).model
}

/// Every object's place is where its name or its first key stands.
fn places_are_right(text: &str, model: &NetworkModel) -> Result<(), TestCaseError> {
    let lines: Vec<&str> = text.lines().collect();
    let at = |line: u32, column: u32| &lines[line as usize - 1][column as usize - 1..];
    for network in &model.virtual_networks {
        let expected = format!("{{ name: {},", network.name);
        prop_assert!(at(network.place.line, network.place.column).starts_with(&expected));
    }
    for vmi in &model.virtual_machine_interfaces {
        prop_assert_eq!(at(vmi.place.line, vmi.place.column), format!("name: {}", vmi.name));
    }
    Ok(())
}

proptest! {
    #[test]
    fn a_node_round_trips(node in node(), quote in choice(&["", "'", "\""])) {
        let text = node_text(&node, &quote).expect("to a string");
        let model = parse_node(&text, "node.yaml").map_err(|e| TestCaseError::fail(format!("{e}\n{text}")))?.model;
        prop_assert_eq!(node_of(&model), node);
    }

    #[test]
    fn a_network_round_trips(network in network()) {
        let text = network_text(&network).expect("to a string");
        for reader in [reader("gw1"), reader("gw9")] {
            let read = parse_network(&text, "n", &reader).map_err(|e| TestCaseError::fail(format!("{e}\n{text}")))?;
            prop_assert_eq!(&network_of(&read.model), &network);
            places_are_right(&text, &read.model)?;
            let ours = |port: usize| reader.name.as_str() == format!("gw{}", network.ports[port]);
            let expected: Vec<_> = network.vlans.iter().filter(|(port, _, vmi)| ours(*port) && vmi.is_some()).collect();
            let served = read.model.served.iter();
            let served: Vec<_> = served.map(|s| (s.port.position(), s.vlan.value(), Some(s.vmi.position()))).collect();
            prop_assert_eq!(served.iter().collect::<Vec<_>>(), expected);
        }
    }
}
