//! What is written is what is read: generated configurations through YAML into models and back.

use std::fmt::Write as _;

use control::config::{
    ForwardingMode, IpamSubnet, NetworkModel, NodeModel, ServedVmi, StaticReachability, VxlanNetworkIdentifierMode,
    parse_network, parse_node,
};
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
    address_v6: Option<String>,
    /// The fabric's; of the last two ports, if both are the fabric's.
    host_interfaces: Vec<String>,
    vlan: Option<u16>,
    routes: Vec<String>,
    dont_fragment: bool,
    zero_checksums: (bool, bool),
    dscp: Vec<u8>,
    source_check: String,
    vmis: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Port {
    device: String,
    mtu: u16,
    rx_descriptors: Option<u16>,
    tx_descriptors: Option<u16>,
    queues: Option<u16>,
    /// Of an access port.
    tpid: String,
    /// Of a fabric port.
    addresses: Vec<String>,
}

fn choice(values: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::sample::select(values).prop_map(str::to_owned)
}

fn port() -> impl Strategy<Value = Port> {
    let kind = choice(&["ring", "memif", "null", "pci", "tap"]);
    let descriptors = || option::of(32u16..=16_384);
    let queues = option::of(1u16..=256);
    let tpid = choice(&["0x8100", "0x88a8"]);
    (kind, 68u16..=9600, descriptors(), descriptors(), queues, tpid, 0usize..3).prop_map(
        |(device, mtu, rx_descriptors, tx_descriptors, queues, tpid, links)| {
            // Made unique by the port's number.
            let addresses = ["10.99.#.1/31", "fd00:99:1#::1/127"].iter().take(links).map(|a| (*a).to_owned()).collect();
            Port { device, mtu, rx_descriptors, tx_descriptors, queues, tpid, addresses }
        },
    )
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
    let interfaces = prop::collection::btree_set("h[a-z]{3,14}", 1..3);
    let v6 = (option::of(1u16..), vec(0u8..=255, 0..3));
    let marks = (any::<(bool, bool)>(), vec(0u8..=63, 16), any::<bool>());
    let fabric = (2u8..=254, interfaces, option::of(1u16..=4094), vec(0u8..=255, 0..3), v6, marks);
    let others = ("[a-zA-Z0-9_][a-zA-Z0-9._-]{0,40}", choice(&["server", "none"]), choice(&["strict", "known", "any"]));
    (cores, memory, vec(port(), 1..6), fabric, others, 1u32..=65_536).prop_map(
        |(
            (workers, polling),
            memory,
            mut ports,
            (host, interfaces, vlan, routes, (host_v6, routes_v6), (zero_checksums, dscp, dont_fragment)),
            (name, mode, source_check),
            vmis,
        )| {
            let host_interfaces: Vec<String> = interfaces.into_iter().take(ports.len()).collect();
            let access = ports.len() - host_interfaces.len();
            for (n, port) in ports.iter_mut().enumerate() {
                port.device = device(&port.device, n);
                port.addresses.iter_mut().for_each(|address| *address = address.replace('#', &n.to_string()));
                if n < access {
                    port.addresses.clear();
                } else {
                    port.tpid = "0x8100".into();
                }
            }
            let routes = routes.iter().enumerate().map(|(n, b)| format!("10.{n}.{b}.0/24 via 172.16.0.1"));
            let routes_v6 = routes_v6.iter().enumerate().filter(|_| host_v6.is_some());
            let routes_v6 = routes_v6.map(|(n, b)| format!("fd01:1{n}:1{b}::/48 via fd00::ffff:1"));
            let routes = routes.chain(routes_v6).collect();
            let address_v6 = host_v6.map(|host| format!("fd00::{host:x}/64"));
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
                address_v6,
                host_interfaces,
                vlan,
                routes,
                dont_fragment,
                zero_checksums,
                dscp,
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
    let access = node.ports.len() - node.host_interfaces.len();
    for (n, port) in node.ports.iter().enumerate() {
        let role = if n >= access { "fabric" } else { "access" };
        writeln!(
            text,
            "- device: '{}'\n  name: {}\n  role: {role}\n  mtu: {}",
            port.device,
            q(&format!("p/{n}")),
            q(&port.mtu)
        )?;
        let numbers =
            [("rx_descriptors", port.rx_descriptors), ("tx_descriptors", port.tx_descriptors), ("queues", port.queues)];
        for (key, value) in numbers {
            value.map_or(Ok(()), |value| writeln!(text, "  {key}: {}", q(&value)))?;
        }
        match (role, &port.addresses[..]) {
            ("access", _) => writeln!(text, "  tpid: {}", q(&port.tpid))?,
            (_, []) => {}
            (_, [one]) => writeln!(text, "  address: {}", q(one))?,
            (_, several) => writeln!(text, "  address: ['{}']", several.join("', '"))?,
        }
        if role == "fabric" && node.host_interfaces.len() == 2 {
            writeln!(text, "  host_interface: {}", q(&node.host_interfaces[n - access]))?;
        }
    }
    writeln!(text, "limits: {{ vmis: {} }}\nfabric:\n  address: {}", node.vmis, q(&node.address))?;
    node.address_v6.as_ref().map_or(Ok(()), |address| writeln!(text, "  address_v6: '{address}'"))?;
    if let [only] = &node.host_interfaces[..] {
        writeln!(text, "  host_interface: {}", q(only))?;
    }
    let (tx, rx) = node.zero_checksums;
    writeln!(text, "  udp6_zero_checksum_tx: {tx}\n  udp6_zero_checksum_rx: {rx}\n  dscp: {:?}", node.dscp)?;
    writeln!(text, "  dont_fragment: {}", node.dont_fragment)?;
    writeln!(text, "  source_check: {}\n  routes:", q(&node.source_check))?;
    for (to, via) in node.routes.iter().filter_map(|route| route.split_once(" via ")) {
        writeln!(text, "    - {{ to: '{to}', via: '{via}' }}")?;
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
                queues: port.queues,
                tpid: port.tpid.to_string(),
                addresses: port.addresses.iter().map(|(a, length)| format!("{a}/{length}")).collect(),
            })
            .collect(),
        address: model.fabric.address.map(|(a, length)| format!("{a}/{length}")).unwrap_or_default(),
        address_v6: model.fabric.address_v6.map(|(a, length)| format!("{a}/{length}")),
        host_interfaces: model.host_interfaces().map(|(_, name)| name.to_string()).collect(),
        vlan: model.fabric.vlan.map(|vlan| vlan.value()),
        routes: model.fabric.routes.iter().map(|r| format!("{}/{} via {}", r.to, r.to_len, r.via)).collect(),
        dont_fragment: model.fabric.dont_fragment,
        zero_checksums: (model.fabric.udp6_zero_checksum_tx, model.fabric.udp6_zero_checksum_rx),
        dscp: model.fabric.dscp.to_vec(),
        source_check: model.fabric.source_check.to_string(),
        vmis: model.limits.vmis,
    }
}

/// A network file's values. Names are made from positions, references are positions.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Network {
    priorities: Vec<String>,
    automatic: bool,
    networks: Vec<VirtualNetwork>,
    /// The router of each port.
    ports: Vec<usize>,
    vmis: Vec<Vmi>,
    /// Port, VLAN, inner VLAN, VMIs.
    vlans: Vec<(usize, u16, Option<u16>, Vec<usize>)>,
    reachability: Vec<Reach>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct VirtualNetwork {
    vni: Option<u32>,
    id: Option<u32>,
    flood: bool,
    control_word: bool,
    label: Option<u32>,
    is_l2: bool,
    suppresses: bool,
    /// Of each subnet, one a number: whether it is IPv6, and has a gateway's and a service address.
    subnets: Vec<(bool, bool, bool)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Reach {
    network: usize,
    vtep: String,
    flood: bool,
    router: Option<usize>,
    /// The one in use; the file lists it among others.
    encapsulation: String,
    label: Option<u32>,
    /// Stations without and with labels of their own.
    stations: (usize, Vec<u32>),
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

/// VNI and id given, flooding and control word, label, mode and suppression, subnets.
type NetworkSeed = (bool, bool, (bool, bool), Option<u32>, (bool, bool), Vec<(bool, bool, bool)>);
/// Network, flooding and IPv6, stations, router, encapsulation, labels.
type ReachSeed = (usize, (bool, bool), usize, Option<usize>, usize, (Option<u32>, Vec<u32>));

/// All encapsulations in some order.
fn order() -> impl Strategy<Value = Vec<String>> {
    Just(["MPLSoUDP", "MPLSoGRE", "VXLAN"].map(str::to_owned).to_vec()).prop_shuffle()
}

fn virtual_networks() -> impl Strategy<Value = (bool, Vec<VirtualNetwork>)> {
    let subnets = vec(any::<(bool, bool, bool)>(), 0..3);
    let switches = any::<(bool, bool)>;
    let one = (any::<bool>(), any::<bool>(), switches(), option::of(0u32..1000), switches(), subnets);
    let networks = prop::collection::btree_map(1u32..=0xff_ffff, one, 1..6);
    (any::<bool>(), networks).prop_map(|(automatic, networks)| {
        let one = |(n, (vni, seed)): (usize, (u32, NetworkSeed))| {
            let (has_vni, has_id, (flood, control_word), label, (is_l2, suppresses), subnets) = seed;
            VirtualNetwork {
                vni: (has_vni || !automatic).then_some(vni),
                id: (has_id || automatic).then_some(0xff_ffff - n as u32),
                flood,
                control_word,
                label: label.map(|label: u32| 16 + 1000 * n as u32 + label),
                is_l2,
                suppresses,
                subnets,
            }
        };
        (automatic, networks.into_iter().enumerate().map(one).collect())
    })
}

fn network() -> impl Strategy<Value = Network> {
    let vmi = (any::<usize>(), any::<bool>(), vec(any::<u8>(), 0..3), option::of(any::<bool>()));
    let tag = || prop_oneof![0u16..4, 0u16..=4094];
    let vlans = prop::collection::btree_map((0usize..6, tag(), option::of(tag())), 0usize..4, 0..20);
    let labels = (option::of(0u32..1000), vec(0u32..1000, 0..3));
    let reach = (any::<usize>(), any::<(bool, bool)>(), 0usize..4, option::of(0..ROUTERS), 0usize..3, labels);
    (virtual_networks(), order(), vec(0..ROUTERS, 1..6), vec(vmi, 0..12), vlans, vec(reach, 0..6)).prop_map(
        |((automatic, networks), priorities, ports, vmis, vlans, reachability)| {
            let count = networks.len();
            let vmis: Vec<Vmi> = vmis
                .into_iter()
                .map(|(network, enabled, pairs, address)| Vmi { network: network % count, enabled, pairs, address })
                .collect();
            // Each VMI at most once, so never twice on a router.
            let mut free = (0..vmis.len()).peekable();
            let mut take = |most: usize| {
                let mut taken: Vec<usize> = Vec::new();
                let fits =
                    |taken: &[usize], n: usize| taken.first().is_none_or(|f| vmis[*f].network == vmis[n].network);
                while taken.len() < most
                    && let Some(next) = free.next_if(|n| fits(&taken, *n))
                {
                    taken.push(next);
                }
                taken
            };
            let legal = |(port, vlan, inner): &(usize, u16, Option<u16>)| {
                *port < ports.len() && inner.is_none_or(|inner| *vlan != 0 && inner != 0)
            };
            let vlans = vlans.into_iter().filter(|(key, _)| legal(key));
            let vlans = vlans.map(|((port, vlan, inner), most)| (port, vlan, inner, take(most))).collect();
            let one = |(n, (network, (flood, six), stations, router, most, (label, labels))): (usize, ReachSeed)| {
                let encapsulation = priorities[most].clone();
                let is_mpls = encapsulation != "VXLAN";
                // A label of a VTEP has one meaning; it need not be the network's own.
                let own = |label: u32| 100_000 + 1000 * n as u32 + label;
                let labels: Vec<u32> = if is_mpls { labels } else { Vec::new() };
                let labels: Vec<u32> = labels.into_iter().map(own).collect();
                let network = network % count;
                let label = is_mpls.then(|| label.map_or(networks[network].label.unwrap_or(own(1)), own));
                let vtep = if six { format!("2001:db8:1::{:x}", n + 1) } else { format!("192.0.2.{}", n + 1) };
                Reach { network, vtep, flood, router, encapsulation, label, stations: (stations, labels) }
            };
            let reachability = reachability.into_iter().enumerate().map(one).collect();
            Network { priorities, automatic, networks, ports, vmis, vlans, reachability }
        },
    )
}

fn network_text(network: &Network) -> Result<String, std::fmt::Error> {
    let mut text = "logical_interfaces:\n".to_owned();
    for (n, (port, vlan, inner, vmis)) in network.vlans.iter().enumerate() {
        let router = network.ports[*port];
        writeln!(
            text,
            "- name: li/{n}\n  logical_interface_vlan_tag: {vlan}\n  physical_interface: gw{router}:p{port}"
        )?;
        inner.map_or(Ok(()), |inner| writeln!(text, "  logical_interface_inner_vlan_tag: {inner}"))?;
        let vmis: Vec<String> = vmis.iter().map(|vmi| format!("vmi{vmi}")).collect();
        writeln!(text, "  virtual_machine_interfaces: [{}]", vmis.join(", "))?;
    }
    writeln!(
        text,
        "version: 1\nphysical_routers: [{{ name: gw0 }}, {{ name: gw1 }}, {{ name: gw2 }}]\nphysical_interfaces:"
    )?;
    for (n, router) in network.ports.iter().enumerate() {
        writeln!(text, "- {{ name: p{n}, physical_router: gw{router} }}")?;
    }
    vmis_text(network, &mut text)?;
    let mode = if network.automatic { "automatic" } else { "configured" };
    let priorities = network.priorities.join(", ");
    writeln!(text, "global_vrouter_config:\n  encapsulation_priorities: [{priorities}]")?;
    writeln!(text, "  vxlan_network_identifier_mode: {mode}\nvirtual_networks:")?;
    for (n, network) in network.networks.iter().enumerate() {
        let VirtualNetwork { vni, id, flood, control_word, label, is_l2, suppresses, subnets } = network;
        let numbers = [("vxlan_network_identifier", vni), ("virtual_network_network_id", id), ("mpls_label", label)];
        let numbers = numbers.iter().filter_map(|(key, n)| Some(format!("{key}: {}, ", (**n)?))).collect::<String>();
        let mode = if *is_l2 { "l2" } else { "l2_l3" };
        let subnets: String = subnets.iter().enumerate().map(|(n, subnet)| subnet_text(n, *subnet)).collect();
        writeln!(
            text,
            "- {{ name: vn{n}, {numbers}flood_unknown_unicast: {flood}, layer2_control_word: {control_word},\n    \
             arp_suppression: {suppresses}, forwarding_mode: {mode}, ipam_subnets: [{subnets}] }}"
        )?;
    }
    reachability_text(network, &mut text)?;
    Ok(text)
}

fn subnet_text(n: usize, (six, gateway, service): (bool, bool, bool)) -> String {
    let (front, length) = if six { (format!("2001:db8:7:{n:x}::"), 64) } else { (format!("10.20.{n}."), 24) };
    let address = |key: &str, host: u8| format!(", {key}: '{front}{host}'");
    let gateway = if gateway { address("default_gateway", 1) } else { String::new() };
    let service = if service { address("dns_server_address", 2) } else { String::new() };
    let first = if six { "" } else { "0" };
    format!("{{ subnet: '{front}{first}/{length}'{gateway}{service} }}, ")
}

fn vmis_text(network: &Network, text: &mut String) -> std::fmt::Result {
    text.push_str("instance_ips:\n");
    for (n, vmi) in network.vmis.iter().enumerate() {
        let Some(six) = vmi.address else { continue };
        let address = if six { format!("2001:db8::{n:x}") } else { format!("10.0.0.{n}") };
        writeln!(text, "- name: ip{n}\n  virtual_machine_interface: vmi{n}\n  instance_ip_address: '{address}'")?;
    }
    text.push_str("virtual_machine_interfaces:\n");
    for (n, vmi) in network.vmis.iter().enumerate() {
        let pair = |b: &u8| format!("{{ mac: 02-00-00-01-{n:02X}-{b:02X}, ip: 10.9.{b}.0/24 }}");
        let pairs: Vec<String> = vmi.pairs.iter().map(pair).collect();
        writeln!(
            text,
            "  - name: vmi{n}\n    mac_address: 02:00:00:00:00:{n:x}\n    virtual_network: vn{}",
            vmi.network
        )?;
        writeln!(text, "    id_perms: {{ enable: {} }}", vmi.enabled)?;
        writeln!(text, "    allowed_address_pairs: [{}]", pairs.join(", "))?;
    }
    Ok(())
}

fn reachability_text(network: &Network, text: &mut String) -> std::fmt::Result {
    text.push_str("static_reachability:\n");
    for (n, reach) in network.reachability.iter().enumerate() {
        let Reach { network: virtual_network, vtep, flood, router, encapsulation, label, stations: (macs, labels) } =
            reach;
        let mac = |m: usize| format!("02:00:00:00:{:02x}:{m:02x}", n + 2);
        let plain: Vec<String> = (0..*macs).map(mac).collect();
        // What it speaks beside: only what is preferred less.
        let at = network.priorities.iter().position(|e| e == encapsulation).unwrap_or(0);
        let spoken: Vec<&str> = network.priorities[at..].iter().rev().map(String::as_str).collect();
        writeln!(text, "- virtual_network: vn{virtual_network}\n  vtep: '{vtep}'\n  flood: {flood}")?;
        writeln!(text, "  encapsulations: [{}]\n  mac_addresses: [{}]", spoken.join(", "), plain.join(", "))?;
        if let Some(label) = label.filter(|label| network.networks[*virtual_network].label != Some(*label)) {
            writeln!(text, "  mpls_label: {label}")?;
        }
        if !labels.is_empty() {
            let labelled = labels.iter().enumerate();
            let labelled = labelled.map(|(m, label)| format!("{{ mac: {}, label: {label} }}", mac(macs + m)));
            writeln!(text, "  mac_labels: [{}]", labelled.collect::<Vec<_>>().join(", "))?;
        }
        router.map_or(Ok(()), |router| writeln!(text, "  physical_router: gw{router}"))?;
    }
    Ok(())
}

fn network_of(model: &NetworkModel) -> Network {
    let address = |n: usize| model.instance_ips.iter().find(|ip| ip.vmi.position() == n).map(|ip| ip.address.is_ipv6());
    let vmis = model.virtual_machine_interfaces.iter().enumerate();
    let reach = |e: &StaticReachability| {
        let labels: Vec<u32> = e.stations.iter().filter_map(|station| Some(station.label?.value())).collect();
        Reach {
            network: e.virtual_network.position(),
            vtep: e.vtep.to_string(),
            flood: e.flood,
            router: e.physical_router.map(|router| router.position()),
            encapsulation: e.encapsulation.to_string(),
            label: e.label.map(|label| label.value()),
            stations: (e.stations.len() - labels.len(), labels),
        }
    };
    let subnet = |of: &IpamSubnet| {
        (of.subnet.address().is_ipv6(), of.default_gateway.is_some(), of.dns_server_address.is_some())
    };
    let global = &model.global;
    Network {
        priorities: global.encapsulation_priorities.iter().map(ToString::to_string).collect(),
        automatic: global.vxlan_network_identifier_mode == VxlanNetworkIdentifierMode::Automatic,
        networks: model
            .virtual_networks
            .iter()
            .map(|n| VirtualNetwork {
                vni: n.vxlan_network_identifier.map(|vni| vni.value()),
                id: n.virtual_network_network_id,
                flood: n.flood_unknown_unicast,
                control_word: n.layer2_control_word,
                label: n.mpls_label.map(|label| label.value()),
                is_l2: n.forwarding_mode == ForwardingMode::L2,
                suppresses: n.arp_suppression,
                subnets: n.ipam_subnets.iter().map(subnet).collect(),
            })
            .collect(),
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
            .map(|i| {
                let vmis = i.vmis.iter().map(|vmi| vmi.position()).collect();
                (i.physical_interface.position(), i.vlan.value(), i.inner_vlan.map(|inner| inner.value()), vmis)
            })
            .collect(),
        reachability: model.static_reachability.iter().map(reach).collect(),
    }
}

/// A node `gw9` that nothing hangs under, and a node `gw1` with all ports.
fn reader(name: &str) -> NodeModel {
    let ports: String = (0..6).map(|n| format!("- {{ name: p{n}, role: access, device: net_ring{n} }}\n")).collect();
    let text = format!(
        "version: 1\nname: {name}\nmode: server\ncores: {{ workers: [1] }}\nports:\n{ports}- {{ name: f, role: fabric, device: \
         net_ring9 }}\nfabric: {{ address: 172.16.0.1/24, address_v6: 'fd00::1/64', host_interface: h }}\n"
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
        let (text, automatic) = (network_text(&network).expect("to a string"), network.automatic);
        for reader in [reader("gw1"), reader("gw9")] {
            let read = parse_network(&text, "n", &reader).map_err(|e| TestCaseError::fail(format!("{e}\n{text}")))?;
            prop_assert_eq!(&network_of(&read.model), &network);
            places_are_right(&text, &read.model)?;
            let ours = |port: usize| reader.name.as_str() == format!("gw{}", network.ports[port]);
            let here = network.vlans.iter().filter(|(port, ..)| ours(*port));
            let expected: Vec<_> = here
                .flat_map(|(port, vlan, inner, vmis)| vmis.iter().map(|vmi| (*port, *vlan, *inner, *vmi)))
                .collect();
            let inner = |s: &ServedVmi| s.inner_vlan.map(|inner| inner.value());
            let one = |s: &ServedVmi| (s.port.position(), s.vlan.value(), inner(s), s.vmi.position());
            prop_assert_eq!(read.model.served.iter().map(one).collect::<Vec<_>>(), expected);
            for (read, network) in read.model.virtual_networks.iter().zip(&network.networks) {
                let vni = if automatic { network.id } else { network.vni };
                prop_assert_eq!(Some(read.vni.value()), vni);
            }
        }
    }
}
