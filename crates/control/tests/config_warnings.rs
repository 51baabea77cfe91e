//! Warnings, defaults, and what a reload cannot change.

use control::config::{
    GatewayMode, NodeModel, Polling, SourceCheck, Warning, parse_network, parse_node, restart_needed,
};

const NODE: &str = "\
version: 1
name: gw1
mode: SERVER
cores: { workers: [2, 1] }
ports:
  - { name: access0, role: access, device: 'net_tap0,iface=a0' }
  - { name: fabric0, role: fabric, device: '3b:00.1' }
fabric: { address: 172.16.0.1/24, host_interface: host0 }
";

const NETWORK: &str = "\
version: 1
physical_routers: [{ name: gw1 }]
physical_interfaces: [{ name: access0, physical_router: gw1 }]
virtual_networks: [{ name: blue, vxlan_network_identifier: 5100 }]
virtual_machine_interfaces: [{ name: b1, virtual_network: blue, mac_address: 02:00:00:00:00:01 }]
logical_interfaces:
  - name: l1
    physical_interface: gw1:access0
    logical_interface_vlan_tag: 1
    virtual_machine_interfaces: [b1]
";

fn node(text: &str) -> NodeModel {
    parse_node(text, "node.yaml").unwrap_or_else(|e| panic!("{e}")).model
}

fn node_warnings(text: &str) -> Vec<String> {
    let checked = parse_node(text, "node.yaml").unwrap_or_else(|e| panic!("{e}"));
    checked.warnings.iter().map(Warning::to_string).collect()
}

fn network_warnings(text: &str, node_text: &str) -> Vec<String> {
    let checked = parse_network(text, "network.yaml", &node(node_text)).unwrap_or_else(|e| panic!("{e}"));
    checked.warnings.iter().map(Warning::to_string).collect()
}

#[test]
fn defaults_are_as_documented() {
    let node = node(NODE);
    assert_eq!((node.mode, node.polling, node.limits.vmis), (GatewayMode::Server, Polling::Busy, 8192));
    assert_eq!(node.workers.iter().map(|core| core.value()).collect::<Vec<_>>(), [2, 1]);
    assert_eq!((node.memory.hugepages, node.memory.size_mb, node.memory.mbufs), (true, 1024, 16_384));
    assert_eq!((node.memory.file_prefix.as_str(), node.api.group.as_str()), ("causeway", "causeway"));
    assert_eq!(node.api.socket.to_str(), Some("/run/causeway/causeway.sock"));
    assert_eq!((node.ports[0].mtu, node.ports[1].mtu, node.ports[0].rx_descriptors), (1500, 1600, None));
    assert_eq!((node.fabric.vlan, node.fabric.dont_fragment), (None, true));
    assert_eq!((node.fabric.source_check, node.fabric.routes.len()), (SourceCheck::Known, 0));
}

/// A node with such a fabric port and section, and a network with such networks and reachability: the warnings about MTUs.
fn mtu_warnings(port: &str, section: &str, network: &[(&str, &str)], reachability: &str) -> Vec<String> {
    let node = NODE.replace("'3b:00.1'", &format!("'3b:00.1', {port}"));
    let node = node.replace("address: 172.16.0.1/24, host_interface: host0", section);
    let network = network.iter().fold(NETWORK.to_owned(), |text, (from, to)| text.replace(from, to));
    network_warnings(&format!("{network}static_reachability: [{reachability}]\n"), &node)
}

#[test]
fn a_fabric_mtu_below_what_full_frames_need_is_a_warning() {
    let v4 = "address: 172.16.0.1/24, host_interface: host0";
    let with = |mtu: u32, vlan: &str| mtu_warnings(&format!("mtu: {mtu}"), &format!("{v4}{vlan}"), &[], "");
    assert_eq!(with(1550, ""), Vec::<String>::new());
    let needs = |mtu: u32, needed: u32| {
        format!(
            "node.yaml:7:5: warning: fabric port: mtu {mtu} is below {needed}, what full frames of access port access0 \
             (mtu 1500) need in VXLAN over IPv4"
        )
    };
    assert_eq!(with(1549, ""), [needs(1549, 1550)]);
    assert_eq!(with(1553, ", vlan: 9"), [needs(1553, 1554)]);
    assert_eq!(with(1554, ", vlan: 9"), Vec::<String>::new());
}

#[test]
fn the_fabric_mtu_is_judged_by_the_largest_encapsulation_in_use() {
    let both = "address: 172.16.0.1/24, address_v6: 'fd00::1/64', host_interface: host0";
    let needed = |network: &[(&str, &str)], reachability: &str| {
        let warnings = mtu_warnings("mtu: 1400", both, network, reachability);
        let (_, needed) = warnings[0].split_once("is below ").expect("a warning about the MTU");
        let (octets, way) =
            needed.split_once(", what full frames of access port access0 (mtu 1500) need in ").expect("why");
        (octets.parse::<u32>().expect("a number"), way.to_owned())
    };
    let to = |vtep: &str, encapsulation: &str| {
        let label = if encapsulation == "VXLAN" { "" } else { ", mpls_label: 16" };
        format!("{{ virtual_network: blue, vtep: '{vtep}', encapsulations: [{encapsulation}]{label} }}")
    };
    let word = [("5100 }", "5100, layer2_control_word: true }")];
    let says = |octets: u32, way: &str| (octets, way.to_owned());
    assert_eq!(needed(&[], &to("172.16.0.2", "MPLSoGRE")), says(1542, "MPLSoGRE over IPv4"));
    assert_eq!(needed(&[], &to("172.16.0.2", "MPLSoUDP")), says(1546, "MPLSoUDP over IPv4"));
    assert_eq!(needed(&[], &to("172.16.0.2", "VXLAN")), says(1550, "VXLAN over IPv4"));
    assert_eq!(needed(&word, &to("172.16.0.2", "MPLSoGRE")), says(1546, "MPLSoGRE over IPv4"));
    assert_eq!(needed(&word, &to("172.16.0.2", "MPLSoUDP")), says(1550, "MPLSoUDP over IPv4"));
    assert_eq!(needed(&word, &to("172.16.0.2", "VXLAN")), says(1550, "VXLAN over IPv4"));
    assert_eq!(needed(&[], &to("fd00::2", "MPLSoUDP")), says(1566, "MPLSoUDP over IPv6"));
    assert_eq!(needed(&[], &to("fd00::2", "VXLAN")), says(1570, "VXLAN over IPv6"));
    let several = [to("172.16.0.2", "VXLAN"), to("fd00::2", "MPLSoGRE")].join(", ");
    assert_eq!(needed(&[], &several), says(1562, "MPLSoGRE over IPv6"));
}

#[test]
fn a_customer_s_tag_in_a_service_vlan_counts_for_the_fabric_mtu() {
    let node = |mtu: u32| {
        let node = NODE.replace("'net_tap0,iface=a0'", "'net_tap0,iface=a0', tpid: 0x88a8");
        node.replace("'3b:00.1'", &format!("'3b:00.1', mtu: {mtu}"))
    };
    assert_eq!(network_warnings(NETWORK, &node(1554)), Vec::<String>::new());
    assert!(network_warnings(NETWORK, &node(1553))[0].contains("mtu 1553 is below 1554"));
    let double = NETWORK.replace("vlan_tag: 1\n", "vlan_tag: 1\n    logical_interface_inner_vlan_tag: 2\n");
    assert_eq!(network_warnings(&double, &node(1550)), Vec::<String>::new());
    assert!(network_warnings(&double, &node(1549))[0].contains("mtu 1549 is below 1550"));
}

#[test]
fn each_of_two_fabric_ports_is_judged_by_its_own_mtu() {
    let port = "- { name: fabric0, role: fabric, device: '3b:00.1' }";
    let two = "- { name: fabric0, role: fabric, device: '3b:00.1', mtu: 1549, host_interface: h0 }\n  - { name: fabric1, role: \
               fabric, device: '3b:00.2', mtu: 1550, host_interface: h1, address: 10.0.0.1/31 }";
    let node = NODE.replace(port, two).replace(", host_interface: host0", "");
    let warnings = network_warnings(NETWORK, &node);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].starts_with("node.yaml:7:5: warning: fabric port: mtu 1549 is below 1550"), "{warnings:?}");
}

#[test]
fn a_dscp_that_stands_for_two_pcps_is_a_warning() {
    let with = |dscp: &str| node_warnings(&NODE.replace("host0 }", &format!("host0, dscp: [{dscp}] }}")));
    assert_eq!(with("0, 0, 0, 0, 0, 0, 0, 0"), Vec::<String>::new());
    assert_eq!(with("0, 8, 16, 24, 32, 40, 48, 56"), Vec::<String>::new());
    let says = |dscp: u8, first: u8, second: u8| {
        format!(
            "node.yaml:8:64: warning: DSCP {dscp} stands for PCP {first} and PCP {second}: a frame that leaves with PCP \
             {second} arrives over VXLAN with PCP {first}"
        )
    };
    assert_eq!(with("0, 8, 16, 24, 32, 46, 46, 56"), [says(46, 5, 6)]);
    assert_eq!(with("0, 0, 0, 0, 0, 46, 0, 0"), [says(0, 0, 1)]);
    assert_eq!(with("0, 0, 8, 8, 16, 16, 24, 24, 32, 32, 40, 40, 48, 48, 56, 56"), Vec::<String>::new());
    assert_eq!(with("0, 1, 8, 9, 1, 17, 24, 25, 32, 33, 40, 41, 48, 49, 56, 57"), [says(1, 0, 2)]);
}

#[test]
fn one_of_two_fabric_ports_without_an_address_is_a_warning() {
    let with = |address: &str, first: &str, second: &str| {
        let two = format!(
            "- {{ name: fabric0, role: fabric, device: '3b:00.1', host_interface: h0{first} }}\n  - {{ name: fabric1, role: \
             fabric, device: '3b:00.2', host_interface: h1{second} }}"
        );
        let text = NODE.replace("- { name: fabric0, role: fabric, device: '3b:00.1' }", &two);
        node_warnings(&text.replace("172.16.0.1/24, host_interface: host0", address))
    };
    let without = |line: u32, name: &str| {
        format!(
            "node.yaml:{line}:5: warning: fabric port {name} has no `address`: Linux sends nothing over it until it gets one \
             from elsewhere"
        )
    };
    let link = |n: u32| format!(", address: 10.0.0.{n}/31");
    assert_eq!(with("172.16.0.1/32", &link(1), &link(3)), Vec::<String>::new());
    assert_eq!(with("172.16.0.1/24", "", &link(3)), Vec::<String>::new());
    assert_eq!(with("172.16.0.1/32", "", &link(3)), [without(7, "fabric0")]);
    assert_eq!(with("172.16.0.1/24", "", ""), [without(8, "fabric1")]);
}

#[test]
fn a_vni_that_the_mode_does_not_use_is_a_warning() {
    let global = "version: 1\nglobal_vrouter_config: { vxlan_network_identifier_mode: automatic }\n";
    let with = |id: u32| {
        let text = NETWORK.replace("version: 1\n", global);
        network_warnings(&text.replace("5100 }", &format!("5100, virtual_network_network_id: {id} }}")), NODE)
    };
    assert_eq!(with(5100), Vec::<String>::new());
    let expected = "network.yaml:5:20: warning: virtual network blue: vxlan_network_identifier 5100 is not used, since the mode \
                    is automatic: the VNI is 7";
    assert_eq!(with(7), [expected]);
}

#[test]
fn fewer_buffers_than_a_worker_needs_are_a_warning() {
    let with = |mbufs: u32, ring: &str| {
        let text = NODE.replace("ports:\n", &format!("memory: {{ mbufs: {mbufs} }}\nports:\n"));
        text.replace("'net_tap0,iface=a0'", &format!("'net_tap0,iface=a0'{ring}"))
    };
    let needs = |mbufs: u32, all: u32, rings: u32| {
        format!(
            "node.yaml:5:9: warning: memory.mbufs: {mbufs} for each worker is below {all}, what 2 ports need: {rings} in rings, \
             384 in the cache, 224 in work; a port may not start, or run dry; raise mbufs, or set smaller rx_descriptors and \
             tx_descriptors"
        )
    };
    // The TAP's receive ring, and both rings of the PCI port.
    assert_eq!(node_warnings(&with(3680, "")), Vec::<String>::new());
    assert_eq!(node_warnings(&with(3679, "")), [needs(3679, 3680, 3072)]);
    let small = ", rx_descriptors: 64, tx_descriptors: 32";
    assert_eq!(node_warnings(&with(2720, small)), Vec::<String>::new());
    assert_eq!(node_warnings(&with(2719, small)), [needs(2719, 2720, 2112)]);
}

#[test]
fn a_port_that_needs_help_from_the_other_end_is_a_warning_with_the_command() {
    let of = |driver: &str| node_warnings(&NODE.replace("net_tap0", driver));
    let [warning] = &of("net_af_packet0")[..] else { panic!("one warning") };
    assert!(warning.starts_with("node.yaml:6:5: warning: port access0: "), "{warning}");
    assert!(warning.contains("behind a0") && warning.contains("`ethtool -K PEER tx off`"), "{warning}");
    let [warning] = &of("net_af_xdp0")[..] else { panic!("one warning") };
    assert!(warning.contains("that a0 receives") && warning.contains("`ethtool -K PEER txvlan off`"), "{warning}");
}

#[test]
fn less_memory_than_the_buffers_may_need_is_a_warning() {
    let with = |size_mb: u32, mtu: u32| {
        let text = NODE.replace("ports:\n", &format!("memory: {{ size_mb: {size_mb} }}\nports:\n"));
        text.replace("'3b:00.1'", &format!("'3b:00.1', mtu: {mtu}"))
    };
    let needs = |size_mb: u32, enough: u32| {
        format!(
            "node.yaml:5:9: warning: memory.size_mb: {size_mb} may not suffice for 16384 buffers for each of 2 workers; \
             {enough} does"
        )
    };
    assert_eq!(node_warnings(&with(152, 1600)), Vec::<String>::new());
    assert_eq!(node_warnings(&with(151, 1600)), [needs(151, 152)]);
    assert_eq!(node_warnings(&with(512, 9600)), [needs(512, 628)]);
}

#[test]
fn serving_nothing_is_a_warning_with_its_reason() {
    assert_eq!(network_warnings(NETWORK, NODE), Vec::<String>::new());
    let node = NODE.replace("mode: SERVER\n", "");
    assert_eq!(
        network_warnings(NETWORK, &node),
        ["node.yaml:2:7: warning: nothing is served: the node's mode is none, not server"]
    );
    let node = NODE.replace("gw1", "gw2");
    let expected = "network.yaml:1:1: warning: nothing is served: no physical router bears this node's name, gw2 (at node.yaml:2:7)";
    assert_eq!(network_warnings(NETWORK, &node), [expected]);
    let expected = [
        "network.yaml:2:20: warning: physical router gw1 has no logical interface with a VMI: nothing is served",
        "network.yaml:7:5: warning: logical interface l1 has no VMI: its frames are dropped",
        "network.yaml:4:20: warning: virtual network blue has no VMI on this node",
    ];
    assert_eq!(network_warnings(&NETWORK.replace("[b1]", "[]"), NODE), expected);
    let expected = [
        "network.yaml:2:19: warning: physical router gw1 has no logical interface with a VMI: nothing is served",
        "node.yaml:6:5: warning: access port access0 has no physical interface in the network file: it carries nothing",
    ];
    assert_eq!(network_warnings("version: 1\nphysical_routers: [{ name: gw1 }]\n", NODE)[1..], expected[1..]);
}

#[test]
fn what_is_not_used_here_is_a_warning() {
    let text = format!("{NETWORK}static_reachability: [{{ virtual_network: green, vtep: 172.16.0.2 }}]\n")
        .replace("5100 }", "5100 }, { name: green, vxlan_network_identifier: 2 }")
        .replace("00:01 }", "00:01, id_perms: { enable: false } }");
    let expected = [
        "network.yaml:5:30: warning: VMI b1 is disabled (`id_perms.enable: false`): it does not forward",
        "network.yaml:4:68: warning: virtual network green has no VMI on this node",
        "network.yaml:11:23: warning: virtual network green has no VMI on this node: its reachability through 172.16.0.2 is not used",
    ];
    assert_eq!(network_warnings(&text, NODE), expected);
}

#[test]
fn one_vlan_for_two_vmis_of_a_network_on_two_gateways_is_a_warning() {
    let gateways = NETWORK.replace("[{ name: gw1 }]", "[{ name: gw1 }, { name: gw2 }]");
    let ports =
        gateways.replace("physical_router: gw1 }]", "physical_router: gw1 }, { name: eth0, physical_router: gw2 }]");
    let vmis = ports.replace(
        "mac_address: 02:00:00:00:00:01 }]",
        "mac_address: 02:00:00:00:00:01 }, { name: b2, virtual_network: blue, mac_address: 02:00:00:00:00:02 }]",
    );
    let with = |vlan: u32, vmi: &str| {
        let other = format!(
            "  - name: l2\n    physical_interface: gw2:eth0\n    logical_interface_vlan_tag: {vlan}\n    \
             virtual_machine_interfaces: [{vmi}]\n"
        );
        network_warnings(&format!("{vmis}{other}"), NODE)
    };
    let expected = "network.yaml:7:5: warning: VLAN 1 is VMI b1 here and VMI b2 of the same network on gw2 (at \
                    network.yaml:11:5): if both ports are on one LAN, broadcasts circle between the gateways; list the \
                    same VMIs on both, or give each a VLAN of its own";
    assert_eq!(with(1, "b2"), [expected]);
    let both = "network.yaml:7:5: warning: port access0: VMI b1 is behind gw2 too (at network.yaml:11:5), and the port is in \
                no BPDU network: if both ports are on one LAN, both forward, since its switches do not hear each other \
                through the gateways; add a virtual network with `bpdu_network: true` whose VMI is on VLAN 0 of each such \
                port";
    assert_eq!(with(1, "b1, b2"), [expected, both]);
    assert_eq!(with(2, "b2"), Vec::<String>::new());
    assert_eq!(with(1, "b1"), [both]);
}

/// The procedure for two gateways between switches, each step of which is missed once.
#[test]
fn what_keeps_switches_from_hearing_each_other_is_a_warning() {
    let network = |vlan_0: &str, reachability: &str| {
        let text = "\
version: 1
physical_routers: [{ name: gw1 }, { name: gw2 }]
physical_interfaces: [{ name: access0, physical_router: gw1 }, { name: eth0, physical_router: gw2 }]
virtual_networks:
  - { name: blue, vxlan_network_identifier: 5100 }
  - { name: stp, vxlan_network_identifier: 7000, bpdu_network: true }
virtual_machine_interfaces:
  - { name: b1, virtual_network: blue, mac_address: 02:00:00:00:00:01 }
  - { name: d1, virtual_network: stp, mac_address: 02:02:03:04:05:06 }
logical_interfaces:
  - { name: l1, physical_interface: gw1:access0, logical_interface_vlan_tag: 1, virtual_machine_interfaces: [b1] }
  - { name: l2, physical_interface: gw2:eth0, logical_interface_vlan_tag: 1, virtual_machine_interfaces: [b1] }
";
        let reachability =
            format!("static_reachability: [{{ virtual_network: blue, vtep: 172.16.0.2 }}{reachability}]\n");
        network_warnings(&format!("{text}{vlan_0}{reachability}"), NODE)
    };
    let member = |name: &str, port: &str| {
        format!(
            "  - {{ name: {name}, physical_interface: {port}, logical_interface_vlan_tag: 0, virtual_machine_interfaces: [d1] }}\n"
        )
    };
    let (here, there) = (member("l3", "gw1:access0"), member("l4", "gw2:eth0"));
    let flood = ", { virtual_network: stp, vtep: 172.16.0.2, flood: true }";
    assert_eq!(network(&format!("{here}{there}"), flood), Vec::<String>::new());
    let warnings = network("", "");
    assert!(
        warnings[1].starts_with("network.yaml:11:5: warning: port access0: VMI b1 is behind gw2 too"),
        "{warnings:?}"
    );
    assert_eq!(
        network(&format!("{here}{there}"), ""),
        [
            "network.yaml:6:5: warning: BPDU network stp has members on gw2 too (at network.yaml:14:5), and no VTEP with \
          `flood: true` in static_reachability: what switches say here does not reach them"
        ]
    );
    assert_eq!(
        network(&here, ""),
        ["network.yaml:6:5: warning: BPDU network stp has one member: nobody hears what switches say there"]
    );
}

#[test]
fn a_reload_cannot_change_ports_cores_memory_and_addresses() {
    let old = node(NODE);
    let restart = |from: &str, to: &str| restart_needed(&old, &node(&NODE.replace(from, to)));
    assert_eq!(restart("", ""), Vec::<String>::new());
    assert_eq!(restart("gw1", "gw2"), ["name"]);
    assert_eq!(restart("[2, 1]", "[1, 2]"), ["cores.workers"]);
    assert_eq!(restart("[2, 1]", "[2, 1], polling: adaptive"), ["cores.polling"]);
    assert_eq!(restart("access0", "access1"), ["ports"]);
    assert_eq!(
        restart("iface=a0'", "iface=a1', mtu: 9000, rx_descriptors: 64"),
        ["ports[access0].device", "ports[access0].mtu", "ports[access0].rx_descriptors"]
    );
    assert_eq!(restart("172.16.0.1/24", "172.16.0.1/25"), ["fabric.address"]);
    assert_eq!(restart("host0", "host0, routes: [{ to: 10.0.0.0/8, via: 172.16.0.9 }]"), ["fabric.routes"]);
    assert_eq!(restart("host0", "host1, vlan: 5"), ["fabric.host_interface", "fabric.vlan"]);
    assert_eq!(
        restart("version: 1", "version: 1\nmemory: { size_mb: 512, hugepages: false }"),
        ["memory.hugepages", "memory.size_mb"]
    );
    assert_eq!(
        restart("version: 1", "version: 1\nlimits: { vmis: 1 }\napi: { group: adm }"),
        ["api.group", "limits.vmis"]
    );
    assert_eq!(restart("host0", "host0, address_v6: 'fd00::1/64'"), ["fabric.address_v6"]);
    assert_eq!(
        restart("iface=a0'", "iface=a0', queues: 2, tpid: 0x88a8"),
        ["ports[access0].queues", "ports[access0].tpid"]
    );
    assert_eq!(
        restart(
            "'3b:00.1' }\nfabric: { address: 172.16.0.1/24, host_interface: host0",
            "'3b:00.1', host_interface: host0, address: 10.0.0.1/31 }\nfabric: { address: 172.16.0.1/24"
        ),
        ["fabric.host_interface", "ports[fabric0].host_interface", "ports[fabric0].address"]
    );
    let marks = "host0, dscp: [0, 1, 2, 3, 4, 5, 6, 7], udp6_zero_checksum_tx: true, udp6_zero_checksum_rx: true";
    assert_eq!(restart("host0", marks), Vec::<String>::new());
    assert_eq!(restart("SERVER", "none"), Vec::<String>::new());
    assert_eq!(restart("host0", "host0, dont_fragment: false, source_check: any"), Vec::<String>::new());
}
