//! Every error of a configuration: its place and its message.
//!
//! In the texts `¶` marks where the error must point, `§` where the other party of the conflict stands; in the expected
//! messages `§` stands for that place.

use control::config::{Checked, ConfigErrors, NodeModel, parse_network, parse_node};

const NODE: &str = "\
version: 1
name: gw1
mode: server
cores: { workers: [1] }
ports:
  - { name: access0, role: access, device: 'net_tap0,iface=a0' }
  - { name: access1, role: access, device: 'net_tap1,iface=a1' }
  - { name: fabric0, role: fabric, device: 'net_tap2,iface=f0' }
fabric:
  address: 172.16.0.1/24
  host_interface: host0
";

const NETWORK: &str = "\
version: 1
physical_routers:
  - name: gw1
  - name: gw2
physical_interfaces:
  - { name: access0, physical_router: gw1 }
  - { name: access1, physical_router: gw1 }
  - { name: eth7, physical_router: gw2 }
virtual_networks:
  - { name: blue, vxlan_network_identifier: 5100 }
  - { name: green, vxlan_network_identifier: 5200 }
virtual_machine_interfaces:
  - { name: b1, virtual_network: blue, mac_address: 02:00:00:00:00:01 }
  - { name: b2, virtual_network: blue, mac_address: 02:00:00:00:00:02 }
  - { name: g1, virtual_network: green, mac_address: 02:00:00:00:00:01 }
instance_ips:
  - { name: i1, virtual_machine_interface: b1, instance_ip_address: 10.0.0.1 }
logical_interfaces:
  - { name: l1, physical_interface: gw1:access0, logical_interface_vlan_tag: 1, virtual_machine_interfaces: [b1] }
  - { name: l2, physical_interface: gw1:access0, logical_interface_vlan_tag: 0, virtual_machine_interfaces: [g1] }
static_reachability:
  - { virtual_network: blue, vtep: 172.16.0.2, flood: true, mac_addresses: [02:00:00:00:00:99] }
";

/// Takes a marker out of a text; its place as `line:column`.
fn unmark(text: &str, marker: char) -> (String, Option<String>) {
    let Some(at) = text.find(marker) else { return (text.to_owned(), None) };
    let before = &text[..at];
    let line = before.matches('\n').count() + 1;
    let others = |c: &char| *c == '§' || *c == '¶';
    let column = before.rsplit('\n').next().map_or(0, |last| last.chars().filter(|c| !others(c)).count()) + 1;
    (text.replacen(marker, "", 1), Some(format!("{line}:{column}")))
}

fn check<T>(file: &str, text: &str, expected: &str, parse: impl Fn(&str) -> Result<Checked<T>, ConfigErrors>) {
    let (_, place) = unmark(text, '¶');
    let (_, first) = unmark(text, '§');
    let plain = text.replace(['¶', '§'], "");
    let errors = parse(&plain).err().unwrap_or_else(|| panic!("no error in\n{plain}"));
    let expected = expected.replace('§', &format!("{file}:{}", first.unwrap_or_default()));
    let expected = format!("{file}:{}: {expected}", place.expect("the text has the marker ¶"));
    assert_eq!(errors.to_string(), expected, "in\n{plain}");
}

fn edit(base: &str, from: &str, to: &str) -> String {
    assert_eq!(base.matches(from).count(), 1, "{from:?} stands once");
    base.replacen(from, to, 1)
}

#[track_caller]
fn node_error(from: &str, to: &str, expected: &str) {
    check("node.yaml", &edit(NODE, from, to), expected, |text| parse_node(text, "node.yaml"));
}

fn node() -> NodeModel {
    parse_node(NODE, "node.yaml").unwrap_or_else(|e| panic!("{e}")).model
}

#[track_caller]
fn network_error(from: &str, to: &str, expected: &str) {
    let node = node();
    check("network.yaml", &edit(NETWORK, from, to), expected, |text| parse_network(text, "network.yaml", &node));
}

fn edit_all(base: &str, edits: &[(&str, &str)]) -> String {
    edits.iter().fold(base.to_owned(), |text, (from, to)| edit(&text, from, to))
}

#[track_caller]
fn node_conflict(edits: &[(&str, &str)], expected: &str) {
    check("node.yaml", &edit_all(NODE, edits), expected, |text| parse_node(text, "node.yaml"));
}

#[track_caller]
fn network_conflict(edits: &[(&str, &str)], expected: &str) {
    let node = node();
    check("network.yaml", &edit_all(NETWORK, edits), expected, |text| parse_network(text, "network.yaml", &node));
}

#[test]
fn the_bases_are_right() {
    let checked = parse_network(NETWORK, "network.yaml", &node()).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(checked.model.served.len(), 2);
}

// The text, in both files alike.

#[test]
fn the_version_is_checked() {
    node_error("version: 1\n", "version: ¶2\n", "version 2 is not supported: expected `version: 1`");
    network_error("version: 1\n", "version: ¶one\n", "version one is not supported: expected `version: 1`");
    network_error("version: 1\n", "¶", "key `version` is missing: expected `version: 1`");
}

#[test]
fn what_yaml_can_do_and_these_files_must_not_is_refused() {
    let value = "is not allowed: write the value";
    node_error("gw1", "¶&n gw1", &format!("a YAML anchor (&name) {value} where it is used"));
    node_error("[1]", "[¶*n]", "syntax: while parsing node, found unknown anchor");
    node_error("gw1", "¶!!str gw1", "a YAML tag (!name) is not allowed");
    node_error("name: gw1", "name: gw1\n¶name: gw2", "key `name` stands here a second time; first at node.yaml:2:1");
    node_error(
        "name: gw1",
        "? ¶[name]\n: gw1",
        "a key that is empty, spans lines, or is a list or mapping: expected a word",
    );
    node_error("version: 1\n", "version: 1\n¶---\n", "a second YAML document: expected one");
    node_error(
        "gw1",
        "gw1 # a¶\u{2028}b",
        "a line separator (U+0085, U+2028 or U+2029) on which YAML versions disagree: remove it",
    );
    let deep = format!("name: {}¶[]{}", "[".repeat(15), "]".repeat(15));
    node_error("name: gw1", &deep, "nested deeper than 16 levels");
    assert_eq!(
        parse_node("", "n").expect_err("empty").to_string(),
        "n:1:1: the file is empty: expected keys and values, `version: 1` first"
    );
}

#[test]
fn syntax_and_shape_have_a_place() {
    node_error("[1] }\nports:", "[1\nports¶:", "syntax: illegal placement of ':' indicator");
    node_error("gw1", "¶[gw1]", "shape: name: a list: expected one value");
    node_error("cores: { workers: [1] }", "cores: ¶1", "shape: cores: integer `1`: expected keys and values");
    network_error("- name: gw2", "- ¶gw2", "shape: physical_routers[1]: string \"gw2\": expected keys and values");
}

#[test]
fn a_wrong_shape_tells_the_right_one_however_long_the_wrong_value_is() {
    let name = "b".repeat(200);
    let found: String =
        format!("logical_interfaces[0].virtual_machine_interfaces: string \"{name}").chars().take(80).collect();
    let expected = format!("shape: {found}...: expected a list");
    network_error("[b1]", &format!("¶{name}"), &expected);
    node_error("{ workers: [1] }", "{ workers: ¶1 }", "shape: cores.workers: integer `1`: expected a list");
}

#[test]
fn unknown_keys_are_refused_with_the_legal_ones() {
    let top = "version, name, mode, cores, memory, ports, fabric, api, limits, uplink_tracking";
    node_error(
        "name: gw1",
        "name: gw1\n¶nam: x",
        &format!("unknown key `nam` in the node file: expected one of {top}"),
    );
    node_error(
        "a0' }",
        "a0', ¶mut: 9 }",
        "unknown key `mut` in a port: expected one of name, role, device, mtu, rx_descriptors, tx_descriptors, \
         queues, tpid, host_interface, address",
    );
    network_error(
        "tag: 1,",
        "tag: 1, ¶vlan: 1,",
        "unknown key `vlan` in a logical interface: expected one of name, physical_interface, logical_interface_vlan_tag, \
         logical_interface_inner_vlan_tag, virtual_machine_interfaces",
    );
    for (object, text) in [("cores", "workers: [1]"), ("fabric", "address: 172.16.0.1/24")] {
        let to = if object == "cores" { format!("{text}, ¶x: 1") } else { format!("{text}\n  ¶x: 1") };
        let (from, text) = (text, edit(NODE, text, &to));
        assert!(!from.is_empty());
        let errors = parse_node(&text.replace('¶', ""), "n").expect_err("unknown key").to_string();
        assert!(errors.contains(&format!("unknown key `x` in {object}: ")), "{errors}");
    }
    for section in ["memory", "api", "limits", "uplink_tracking"] {
        let errors = parse_node(&format!("{NODE}{section}: {{ x: 1 }}\n"), "n").expect_err("unknown key").to_string();
        assert!(errors.starts_with(&format!("n:12:{}: unknown key `x` in {section}: ", section.len() + 5)), "{errors}");
    }
}

#[test]
fn attributes_of_the_schema_that_are_not_served_are_refused_not_ignored() {
    network_error(
        "5100 }",
        "5100, ¶igmp_enable: true }",
        "key `igmp_enable` of a virtual network is not supported yet: remove it",
    );
    network_error(
        "mac_address: 02:00:00:00:00:02",
        "mac_address: 02:00:00:00:00:02, ¶security_group_refs: [default]",
        "key `security_group_refs` of a virtual machine interface is not supported yet: remove it",
    );
    network_error(
        "static_reachability:",
        "¶security_groups: []\nstatic_reachability:",
        "key `security_groups` of the network file is not supported yet: remove it",
    );
    node_error("mode: server", "mode: ¶vcpe", "mode: vcpe is not supported yet: expected server, or none");
}

#[test]
fn storm_control_takes_rates_and_off() {
    let expected = "is neither a decimal number of frames a second from 1 to 100000000 nor `off`";
    network_error("5100 }", "5100, storm_control: { broadcast_pps: ¶0 } }", &format!("broadcast_pps: `0` {expected}"));
    network_error(
        "mac_address: 02:00:00:00:00:02",
        "mac_address: 02:00:00:00:00:02, storm_control: { multicast_pps: off, unknown_unicast_pps: ¶none }",
        &format!("unknown_unicast_pps: `none` {expected}"),
    );
    network_error(
        "5100 }",
        "5100, storm_control: { ¶arp_pps: 5 } }",
        "unknown key `arp_pps` in storm_control: expected one of broadcast_pps, unknown_unicast_pps, multicast_pps",
    );
}

#[test]
fn learning_s_numbers_have_ranges_and_its_actions_names() {
    for (keys, expected) in [
        ("mac_learning_enabled: ¶yes", "mac_learning_enabled: `yes`: expected true or false"),
        ("mac_aging_time: ¶86401", "mac_aging_time: `86401` is not a decimal number from 0 to 86400"),
        ("mac_limit_control: { mac_limit: ¶-1 }", "mac_limit: `-1` is not a decimal number from 0 to 1048576"),
        ("mac_limit_control: ¶{ mac_limit_action: drop }", "mac_limit_control has no `mac_limit`: expected one"),
        (
            "mac_limit_control: { mac_limit: 5, mac_limit_action: ¶reject }",
            "mac_limit_action: `reject`: expected log, alarm, shutdown or drop",
        ),
        (
            "mac_move_control: { mac_move_time_window: ¶0 }",
            "mac_move_time_window: `0` is not a decimal number from 1 to 3600",
        ),
    ] {
        network_error("5100 }", &format!("5100, {keys} }}"), expected);
    }
    network_error(
        "mac_address: 02:00:00:00:00:02",
        "mac_address: 02:00:00:00:00:02, mac_limit_control: { mac_limit: 5, ¶most: 3 }",
        "unknown key `most` in mac_limit_control: expected one of mac_limit, mac_limit_action",
    );
}

#[test]
fn missing_keys_point_at_the_object() {
    node_error("version: 1\nname: gw1\n", "¶version: 1\n", "the node file has no `name`: expected one");
    node_error("{ name: access0, role: access", "¶{ role: access", "a port has no `name`: expected one");
}

// The node file.

#[test]
fn node_values_are_judged() {
    node_error(
        "name: gw1",
        "name: ¶gw:1",
        "name: `gw:1`: character ':' is not allowed: expected letters, digits, . _ -",
    );
    node_error("mode: server", "mode: ¶serve", "mode: `serve`: expected server, or none");
    node_error(
        "'net_tap0,iface=a0'",
        "'net_tap0,iface=a0', mtu: ¶67",
        "mtu: `67` is not a decimal number from 68 to 9600",
    );
    node_error(
        "'net_tap0,iface=a0'",
        "'net_tap0,iface=a0', mtu: ¶9601",
        "mtu: `9601` is not a decimal number from 68 to 9600",
    );
    node_error(
        "'net_tap0,iface=a0'",
        "'net_tap0,iface=a0', mtu: ¶01500",
        "mtu: `01500` is not a decimal number from 68 to 9600",
    );
    node_error(
        "'net_tap0,iface=a0'",
        "'net_tap0,iface=a0', rx_descriptors: ¶31",
        "rx_descriptors: `31` is not a decimal number from 32 to 16384",
    );
    node_error("access0, role: access", "access0, role: ¶acess", "role: `acess`: expected access or fabric");
    node_error("[1] }", "[1], polling: ¶lazy }", "polling: `lazy`: expected busy or adaptive");
    node_error("host0", "host0\n  source_check: ¶no", "source_check: `no`: expected strict, known or any");
    node_error("host0", "host0\n  dont_fragment: ¶yes", "dont_fragment: `yes`: expected true or false");
    node_error(
        "host0",
        "host0\n  vlan: ¶0",
        "vlan: VLAN id 0 is out of range: expected 1 to 4094, or no key for an untagged fabric; 4095 is reserved",
    );
    node_error(
        "host0",
        "host0\napi: { socket: ¶run/x }",
        "socket: `run/x`: expected an absolute path of at most 107 octets",
    );
    node_error("host0", "host0\nlimits: { vmis: ¶0 }", "vmis: `0` is not a decimal number from 1 to 65536");
    let hold_down = "hold_down_ms: `600001` is not a decimal number from 0 to 600000";
    node_error("host0", "host0\nuplink_tracking: { hold_down_ms: ¶600001 }", hold_down);
    node_error("host0", "host0\nuplink_tracking: { enabled: ¶maybe }", "enabled: `maybe`: expected true or false");
}

#[test]
fn device_strings_and_interface_names_are_judged() {
    let device = |to: &str, reason: &str| {
        node_error("'net_tap0,iface=a0'", &format!("¶'{to}'"), &format!("device: `{to}`: {reason}"));
    };
    device("net_tap,iface=a0", "expected a number of one to three digits behind the driver's name, as in net_tap0");
    device("net_tap0", "expected the argument iface=<Linux interface>");
    device("net_tap0,iface=a0, x", "expected arguments as key=value, separated by commas, without blanks");
    device(
        "net_tap0,iface=sixteen-letters-x",
        "argument iface: expected an interface name of 1 to 15 letters, digits, . _ -",
    );
    device(
        "eth0",
        "expected a PCI address (0000:3b:00.0) or one of net_tap, net_af_packet, net_af_xdp, net_memif, net_vhost, \
         net_virtio_user, net_pcap, net_null, net_ring with a number and arguments (net_tap0,iface=cw-access0)",
    );
    node_error("host0", "¶sixteen-letters-x", "host_interface: `sixteen-letters-x`: expected at most 15 characters");
}

#[test]
fn ports_are_unique_and_one_or_two_are_the_fabric() {
    let (port0, port1) = ("- { name: access0", "{ name: access1");
    let marked = ("- { name: access0", "- §{ name: access0");
    node_conflict(&[marked, (port1, "¶{ name: access0")], "port `access0` is named a second time; first at §");
    node_conflict(
        &[marked, (port1, "¶{ name: access1"), ("net_tap1", "net_tap0")],
        "device net_tap0 is used a second time; first at §",
    );
    node_conflict(
        &[marked, (port1, "¶{ name: access1"), ("=a1", "=a0")],
        "Linux interface a0 is used a second time; first at §",
    );
    node_conflict(
        &[(port0, "- ¶{ name: access0"), ("=a0", "=host0"), (": host0", ": §host0")],
        "Linux interface host0 is used a second time; first at §",
    );
    node_conflict(
        &[
            marked,
            ("access0, role: access", "access0, role: fabric, host_interface: h0"),
            ("access1, role: access", "access1, role: fabric, host_interface: h1"),
            ("{ name: fabric0, role: fabric", "¶{ name: fabric0, role: fabric, host_interface: h2"),
            ("  host_interface: host0\n", ""),
        ],
        "port fabric0 is a third fabric port: expected one or two; the first is at §",
    );
    node_conflict(
        &[("  - { name: access0", "  ¶- { name: access0"), ("role: fabric", "role: access")],
        "no port has `role: fabric`: expected one or two",
    );
    let ports: String = (0..33).map(|n| format!("  - {{ name: p{n}, role: access, device: net_ring{n} }}\n")).collect();
    node_error("ports:\n", &format!("ports:\n  ¶{}", &ports[2..]), "36 ports: expected at most 32");
}

#[test]
fn workers_are_there_and_differ() {
    node_error("[1]", "¶[]", "cores.workers is empty: expected at least one core");
    node_error("{ workers: [1] }", "¶{ polling: busy }", "cores.workers is empty: expected at least one core");
    node_error("[1]", "[§1, 2, ¶1]", "workers: core 1 stands here a second time; first at §");
    node_error("[1]", "[¶1024]", "workers: `1024` is not a decimal number from 0 to 1023");
}

#[test]
fn fabric_addresses_are_a_hosts() {
    let address = |to: &str, what: &str| {
        let message = format!("address: {to} is {what}: expected the unicast address of one host");
        node_error("172.16.0.1/24", &format!("¶{to}"), &message);
    };
    address("172.16.0.0/24", "the network address of the fabric's prefix");
    address("172.16.0.255/24", "the broadcast address of the fabric's prefix");
    address("127.0.0.1/8", "a loopback address");
    address("224.0.0.1/24", "a multicast address");
    node_error(
        "172.16.0.1/24",
        "¶172.16.0.1",
        "address: `172.16.0.1` is not a prefix: expected address/length as in 172.16.0.1/24",
    );
    node_error(
        "172.16.0.1/24",
        "¶172.16.0.1/33",
        "address: `172.16.0.1/33` is not a prefix: expected address/length as in 172.16.0.1/24",
    );
}

#[test]
fn fabric_routes_are_judged() {
    let routes = |to: &str, message: &str| {
        node_error("address: 172.16.0.1/24", &format!("address: §172.16.0.1/24\n  routes: [{to}]"), message);
    };
    routes(
        "¶{ to: 0.0.0.0/0, via: 172.16.1.1 }",
        "via: next hop 172.16.1.1 is not another host of the fabric prefix 172.16.0.1/24 at §",
    );
    routes(
        "¶{ to: 0.0.0.0/0, via: 172.16.0.1 }",
        "via: next hop 172.16.0.1 is not another host of the fabric prefix 172.16.0.1/24 at §",
    );
    routes("{ to: ¶10.0.0.1/8, via: 172.16.0.2 }", "to: `10.0.0.1/8` has host bits: expected 10.0.0.0/8");
    routes(
        "{ to: 2001:db8::/32, via: ¶172.16.0.2 }",
        "via: next hop 172.16.0.2 is IPv4, unlike the destination 2001:db8::/32: expected one of the same kind",
    );
    node_error(
        "host0",
        "host0\n  routes: [§{ to: 10.0.0.0/8, via: 172.16.0.2 }, ¶{ to: 10.0.0.0/8, via: 172.16.0.2 }]",
        "to: a second route to 10.0.0.0/8 via 172.16.0.2; first at §",
    );
}

#[test]
fn new_keys_of_a_port_are_judged() {
    let a0 = "'net_tap0,iface=a0'";
    node_error(a0, &format!("{a0}, queues: ¶0"), "queues: `0` is not a decimal number from 1 to 256");
    node_error(a0, &format!("{a0}, queues: ¶257"), "queues: `257` is not a decimal number from 1 to 256");
    node_error(
        a0,
        &format!("{a0}, tpid: ¶0x9100"),
        "tpid: `0x9100`: expected 0x8100 (an 802.1Q trunk) or 0x88a8 (802.1ad)",
    );
    node_error(
        a0,
        &format!("{a0}, tpid: ¶33024"),
        "tpid: `33024`: expected 0x8100 (an 802.1Q trunk) or 0x88a8 (802.1ad)",
    );
    let f0 = "'net_tap2,iface=f0'";
    node_error(f0, &format!("{f0}, ¶tpid: 0x8100"), "key `tpid` is for ports with `role: access`: remove it");
    node_error(
        a0,
        &format!("{a0}, ¶host_interface: h"),
        "key `host_interface` is for ports with `role: fabric`: remove it",
    );
    node_error(
        a0,
        &format!("{a0}, ¶address: 10.0.0.1/31"),
        "key `address` is for ports with `role: fabric`: remove it",
    );
    let example = "expected address/length as in 172.16.0.1/24 or fd00::1/64";
    let address = |to: &str, message: &str| node_error(f0, &format!("{f0}, address: {to}"), message);
    address("¶10.0.0.1", &format!("address: `10.0.0.1` is not a prefix: {example}"));
    address("¶1", &format!("address: `1` is not a prefix: {example}"));
    address("¶1.5", &format!("address: `1.5` is not a prefix: {example}"));
    address("¶true", &format!("address: `true` is not a prefix: {example}"));
    address("¶-1", &format!("address: `-1` is not a prefix: {example}"));
    address("[10.0.0.1/31, ¶'fd00::1']", &format!("address: `fd00::1` is not a prefix: {example}"));
    address("¶{ a: 1 }", "shape: ports[2].address: keys and values: expected one value or a list");
    address("¶'fe80::1/64'", "address: fe80::1/64 is a link-local address: expected the unicast address of one host");
    node_error("host0", "¶-host", "host_interface: `-host`: expected a letter, a digit or _ as the first character");
}

/// Edits that make a second fabric port of `access1`, each port with its host interface.
const TWO: [(&str, &str); 3] = [
    ("{ name: access1, role: access,", "{ name: access1, role: fabric, host_interface: h1,"),
    ("'net_tap2,iface=f0'", "'net_tap2,iface=f0', host_interface: h2"),
    ("  host_interface: host0\n", ""),
];

fn with_two<'e>(edits: &[(&'e str, &'e str)]) -> Vec<(&'e str, &'e str)> {
    TWO.into_iter().chain(edits.iter().copied()).collect()
}

#[test]
fn two_fabric_ports_are_legal_and_each_has_its_host_interface() {
    let model = parse_node(&edit_all(NODE, &TWO), "n").unwrap_or_else(|e| panic!("{e}")).model;
    assert_eq!(model.fabric_ports.iter().map(|port| port.position()).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(model.host_interfaces().map(|(_, name)| name.as_str()).collect::<Vec<_>>(), ["h1", "h2"]);
    node_conflict(
        &with_two(&[("{ name: access1, role: fabric, host_interface: h1,", "¶{ name: access1, role: fabric,")]),
        "port access1 has no `host_interface`: expected one, since each of two fabric ports has its own",
    );
    node_conflict(
        &with_two(&[("/24\n", "/24\n  host_interface: ¶h0\n")]),
        "fabric.host_interface with two fabric ports: each has its own, in `ports`; remove it here",
    );
    node_conflict(
        &with_two(&[("host_interface: h1", "host_interface: §h1"), ("host_interface: h2", "host_interface: ¶h1")]),
        "Linux interface h1 is used a second time; first at §",
    );
}

#[test]
fn the_only_fabric_port_s_host_interface_is_named_once() {
    let port = ("'net_tap2,iface=f0'", "'net_tap2,iface=f0', host_interface: ¶h2");
    node_conflict(
        &[port, (": host0", ": §host0")],
        "host_interface: this port's host interface is given at § already: remove one of them",
    );
    node_conflict(
        &[("  address: 172", "  ¶address: 172"), ("  host_interface: host0\n", "")],
        "fabric has no `host_interface`: expected one",
    );
    let text = edit_all(NODE, &[(port.0, &port.1.replace('¶', "")), ("  host_interface: host0\n", "")]);
    let model = parse_node(&text, "n").unwrap_or_else(|e| panic!("{e}")).model;
    assert_eq!(model.host_interfaces().map(|(_, name)| name.as_str()).collect::<Vec<_>>(), ["h2"]);
}

#[test]
fn own_addresses_are_judged_and_stand_once() {
    let none = "fabric has neither `address` nor `address_v6`: expected at least one";
    node_error("address: 172.16.0.1/24\n  host", "¶host", none);
    let v6 = |to: &str, message: &str| node_error("host0", &format!("host0\n  address_v6: ¶'{to}'"), message);
    let example = "expected address/length as in fd00::1/64";
    v6("172.16.0.1/24", &format!("address_v6: `172.16.0.1/24` is not a prefix: {example}"));
    v6("fd00::1", &format!("address_v6: `fd00::1` is not a prefix: {example}"));
    v6("fd00::1/129", &format!("address_v6: `fd00::1/129` is not a prefix: {example}"));
    let host = "expected the unicast address of one host";
    v6("fe80::1/64", &format!("address_v6: fe80::1/64 is a link-local address: {host}"));
    v6("ff02::1/64", &format!("address_v6: ff02::1/64 is a multicast address: {host}"));
    v6("::1/128", &format!("address_v6: ::1/128 is a loopback address: {host}"));
    v6("::ffff:10.0.0.1/128", &format!("address_v6: ::ffff:10.0.0.1/128 is an IPv4-mapped address: {host}"));
    v6("fd00::/64", &format!("address_v6: fd00::/64 is the routers' anycast address of the fabric's prefix: {host}"));
    node_error(
        "172.16.0.1/24",
        "¶'fd00::1/64'",
        "address: `fd00::1/64` is not a prefix: expected address/length as in 172.16.0.1/24",
    );
    node_conflict(
        &[("address: 172", "address: §172"), ("'net_tap2,iface=f0'", "'net_tap2,iface=f0', address: [¶172.16.0.1/30]")],
        "own address 172.16.0.1 stands a second time; first at §",
    );
}

#[test]
fn fabric_switches_and_the_table_of_dscps_are_judged() {
    let fabric = |to: &str, message: &str| node_error("host0", &format!("host0\n  {to}"), message);
    fabric("udp6_zero_checksum_tx: ¶1", "udp6_zero_checksum_tx: `1`: expected true or false");
    fabric("udp6_zero_checksum_rx: ¶on", "udp6_zero_checksum_rx: `on`: expected true or false");
    let count = |n: usize| format!("dscp: {n} values: expected 8, one a PCP, or 16, at PCP*2+DEI");
    fabric("dscp: ¶[]", &count(0));
    fabric("dscp: ¶[0, 1, 2, 3, 4, 5, 6]", &count(7));
    fabric("dscp: ¶[0, 1, 2, 3, 4, 5, 6, 7, 8]", &count(9));
    fabric("dscp: [0, 1, 2, ¶64, 4, 5, 6, 7]", "dscp: `64` is not a decimal number from 0 to 63");
    fabric("dscp: ¶8", "shape: fabric.dscp: integer `8`: expected a list");
    let table = |dscp: &str| {
        let text = edit(NODE, "host0", &format!("host0\n  dscp: {dscp}"));
        parse_node(&text, "n").unwrap_or_else(|e| panic!("{e}")).model.fabric.dscp
    };
    assert_eq!(table("[0, 1, 2, 3, 4, 5, 6, 7]"), [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7]);
    let sixteen: [u8; 16] = std::array::from_fn(|n| n as u8 + 40);
    assert_eq!(table(&format!("{sixteen:?}")), sixteen);
}

#[test]
fn routes_of_ipv6_and_of_several_links_are_judged() {
    let routes = |to: &str, message: &str| {
        node_error("host0", &format!("host0\n  address_v6: 'fd00::1/64'\n  routes: [{to}]"), message);
    };
    routes(
        "{ to: '::/0', via: ¶'fe80::2' }",
        "via: fe80::2 is a link-local address: expected the unicast address of one host",
    );
    routes("{ to: ¶'fd00::1/32', via: 'fd00::2' }", "to: `fd00::1/32` has host bits: expected fd00::/32");
    routes(
        "{ to: ¶x, via: 'fd00::2' }",
        "to: `x` is not a prefix: expected address/length as in 10.2.0.10/32 or 2001:db8::/64",
    );
    routes(
        "{ to: 10.0.0.0/8, via: ¶'fd00::2' }",
        "via: next hop fd00::2 is IPv6, unlike the destination 10.0.0.0/8: expected one of the same kind",
    );
    routes(
        "§{ to: '::/0', via: 'fd00::2' }, { to: '::/0', via: 'fd00::3' }, ¶{ to: '::/0', via: 'fd00::2' }",
        "to: a second route to ::/0 via fd00::2; first at §",
    );
    let off = "via: next hop fd00:9::2 is not another host of the fabric prefix fd00::1/64 at §";
    node_error("host0", "host0\n  address_v6: §'fd00::1/64'\n  routes: [¶{ to: '::/0', via: 'fd00:9::2' }]", off);
    let link = ("'net_tap2,iface=f0'", "'net_tap2,iface=f0', address: 10.0.0.1/31");
    let route = |via: &str| format!("host0\n  routes: [¶{{ to: 0.0.0.0/0, via: {via} }}]");
    let text = edit_all(NODE, &[link, ("host0", &route("10.0.0.0").replace('¶', ""))]);
    assert!(parse_node(&text, "n").is_ok());
    node_conflict(
        &[link, ("address: 172", "address: §172"), ("host0", &route("10.0.0.2"))],
        "via: next hop 10.0.0.2 is not another host of the fabric prefix 172.16.0.1/24 or 10.0.0.1/31 at §",
    );
    node_error(
        "address: 172.16.0.1/24\n  host_interface: host0",
        "address_v6: 'fd00::1/64'\n  host_interface: host0\n  routes: [¶{ to: 0.0.0.0/0, via: 10.0.0.2 }]",
        "via: 10.0.0.2 is IPv4, and the fabric has no `address` (node file at node.yaml:10:3)",
    );
}

// The network file.

#[test]
fn ids_out_of_range_are_refused() {
    let vlan = "expected 0 (untagged) to 4094; 4095 is reserved";
    network_error(
        "tag: 1,",
        "tag: ¶4095,",
        &format!("logical_interface_vlan_tag: VLAN id 4095 is out of range: {vlan}"),
    );
    network_error("tag: 1,", "tag: ¶-1,", &format!("logical_interface_vlan_tag: VLAN id -1 is out of range: {vlan}"));
    network_error("5100", "¶0", "vxlan_network_identifier: VNI 0 is out of range: expected 1 to 16777215");
    network_error(
        "5100",
        "¶16777216",
        "vxlan_network_identifier: VNI 16777216 is out of range: expected 1 to 16777215",
    );
    network_error("5100", "¶blue", "vxlan_network_identifier: `blue` is not a decimal number from 1 to 16777215");
}

#[test]
fn mac_addresses_are_a_stations() {
    network_error(
        "02:00:00:00:00:02",
        "¶03:00:00:00:00:02",
        "mac_address: 03:00:00:00:00:02 is a group address: expected the address of one station",
    );
    network_error(
        "02:00:00:00:00:02",
        "¶00:00:00:00:00:00",
        "mac_address: the zero address: expected the address of one station",
    );
    network_error(
        "02:00:00:00:00:02",
        "¶02:00:00:00:00",
        "mac_address: `02:00:00:00:00`: expected six octets as in 02:00:00:00:10:64",
    );
    network_error(
        "02:00:00:00:00:99",
        "¶ff:ff:ff:ff:ff:ff",
        "mac_addresses: ff:ff:ff:ff:ff:ff is a group address: expected the address of one station",
    );
    network_error(
        "02:00:00:00:00:02 }",
        "02:00:00:00:00:02, allowed_address_pairs: [{ mac: ¶01:00:5e:00:00:01 }] }",
        "mac: 01:00:5e:00:00:01 is a group address: expected the address of one station",
    );
    network_error(
        "02:00:00:00:00:02 }",
        "02:00:00:00:00:02, allowed_address_pairs: [¶{}] }",
        "allowed_address_pairs: a pair without `mac` and without `ip`: expected at least one of them",
    );
}

#[test]
fn a_vmi_needs_a_mac_and_a_network() {
    network_error(
        "{ name: b2, virtual_network: blue, mac_address: 02:00:00:00:00:02 }",
        "¶{ name: b2, virtual_network: blue }",
        "a virtual machine interface has no `mac_address`: expected one",
    );
    network_error(
        "{ name: b2, virtual_network: blue, ",
        "¶{ name: b2, ",
        "a virtual machine interface has no `virtual_network`: expected one",
    );
}

#[test]
fn names_stand_once_in_their_list() {
    let twice = |from: &str, marked: &str, second: &str, changed: &str, object: &str, name: &str| {
        network_conflict(
            &[(from, marked), (second, changed)],
            &format!("{object} `{name}` is named a second time; first at §"),
        );
    };
    twice("- name: gw1", "- §name: gw1", "- name: gw2", "- name: gw2\n  - ¶name: gw1", "physical router", "gw1");
    twice(
        "{ name: access0,",
        "§{ name: access0,",
        "{ name: access1,",
        "¶{ name: access0,",
        "physical interface",
        "gw1:access0",
    );
    twice(
        "{ name: blue,",
        "§{ name: blue,",
        "green, vx",
        "green, vxlan_network_identifier: 7 }\n  - ¶{ name: blue, vx",
        "virtual network",
        "blue",
    );
    twice("{ name: b1,", "§{ name: b1,", "{ name: b2,", "¶{ name: b1,", "virtual machine interface", "b1");
    twice("{ name: l1,", "§{ name: l1,", "{ name: l2,", "¶{ name: l1,", "logical interface", "l1");
    let second = (
        "logical_interfaces:\n",
        "  - ¶{ name: i1, virtual_machine_interface: b2, instance_ip_address: 10.0.0.2 }\nlogical_interfaces:\n",
    );
    network_conflict(&[("{ name: i1,", "§{ name: i1,"), second], "instance IP `i1` is named a second time; first at §");
}

#[test]
fn references_that_lead_nowhere_are_refused() {
    network_error(
        "access1, physical_router: gw1",
        "access1, physical_router: ¶gw3",
        "physical_router: there is no physical router `gw3` in this file",
    );
    network_error(
        "b2, virtual_network: blue",
        "b2, virtual_network: ¶red",
        "virtual_network: there is no virtual network `red` in this file",
    );
    network_error(
        "virtual_machine_interface: b1",
        "virtual_machine_interface: ¶b9",
        "virtual_machine_interface: there is no virtual machine interface `b9` in this file",
    );
    network_error(
        "[b1]",
        "[¶b9]",
        "virtual_machine_interfaces: there is no virtual machine interface `b9` in this file",
    );
    network_error(
        "gw1:access0, logical_interface_vlan_tag: 1",
        "¶gw1:access9, logical_interface_vlan_tag: 1",
        "physical_interface: there is no physical interface `gw1:access9` in this file",
    );
    network_error(
        "gw1:access0, logical_interface_vlan_tag: 1",
        "¶access0, logical_interface_vlan_tag: 1",
        "physical_interface: `access0`: expected physical router and port as in gw1:access0",
    );
    network_error(
        "virtual_network: blue, vtep",
        "virtual_network: ¶red, vtep",
        "virtual_network: there is no virtual network `red` in this file",
    );
    network_error(
        "flood: true",
        "physical_router: ¶gw3",
        "physical_router: there is no physical router `gw3` in this file",
    );
}

#[test]
fn one_broken_object_does_not_break_the_references_to_it() {
    network_error(
        "b1, virtual_network: blue, mac_address: 02:00:00:00:00:01",
        "b1, virtual_network: blue, mac_address: ¶02",
        "mac_address: `02`: expected six octets as in 02:00:00:00:10:64",
    );
}

#[test]
fn conflicts_name_both_places() {
    let errors = parse_network(&edit_all(NETWORK, &[("tag: 0,", "tag: 1,"), ("[g1]", "[g9]")]), "n", &node());
    assert_eq!(errors.expect_err("a VLAN twice and a reference that leads nowhere").list().len(), 2);
    network_conflict(&[("5100", "§5100"), ("5200", "¶5100")], "VNI 5100 belongs to two virtual networks; first at §");
    network_conflict(
        &[("tag: 1,", "tag: §1,"), ("tag: 0,", "tag: ¶1,")],
        "VLAN 1 belongs to two logical interfaces of gw1:access0; first at §",
    );
    network_conflict(
        &[
            ("b1, virtual_network: blue, mac_address: 02", "b1, virtual_network: blue, mac_address: §02"),
            ("02:00:00:00:00:02", "¶02:00:00:00:00:01"),
        ],
        "MAC 02:00:00:00:00:01 belongs to two VMIs of virtual network blue; first at §",
    );
    let second = (
        "logical_interfaces:\n",
        "  - { name: i2, virtual_machine_interface: b2, instance_ip_address: ¶10.0.0.1 }\nlogical_interfaces:\n",
    );
    network_conflict(
        &[("10.0.0.1", "§10.0.0.1"), second],
        "address 10.0.0.1 stands a second time in virtual network blue; first at §",
    );
    network_conflict(
        &[("[b1]", "[§b1]"), ("[g1]", "[¶b1]")],
        "VMI b1 on two logical interfaces of one physical router is not supported yet; first at §",
    );
}

#[test]
fn the_same_vmi_on_two_gateways_and_the_same_mac_in_two_networks_are_legal() {
    let text = edit(
        NETWORK,
        "static_reachability:",
        "  - { name: l3, physical_interface: gw2:eth7, logical_interface_vlan_tag: 9, virtual_machine_interfaces: [b1] }\nstatic_reachability:",
    );
    let model = parse_network(&text, "n", &node()).unwrap_or_else(|e| panic!("{e}")).model;
    assert_eq!(model.served.len(), 2);
}

#[test]
fn physical_interfaces_of_this_node_are_its_access_ports() {
    network_error(
        "{ name: access1,",
        "{ name: ¶access9,",
        "physical interface access9 has no port here: the node file at node.yaml:2:7 has no port of that name",
    );
    network_error(
        "{ name: access1,",
        "{ name: ¶fabric0,",
        "port fabric0 cannot be an access port: the node file at node.yaml:8:5 gives it `role: fabric`",
    );
}

#[test]
fn vteps_are_hosts_and_not_this_one() {
    let vtep = |to: &str, what: &str| {
        network_error(
            "172.16.0.2",
            &format!("¶{to}"),
            &format!("vtep: {to} is {what}: expected the unicast address of one host"),
        );
    };
    vtep("0.0.0.0", "the zero address");
    vtep("224.0.0.1", "a multicast address");
    vtep("255.255.255.255", "the broadcast address");
    vtep("127.0.0.1", "a loopback address");
    vtep("0.1.2.3", "an address of \"this network\"");
    vtep("240.0.0.1", "a reserved address");
    network_error(
        "172.16.0.2",
        "¶fd00::2",
        "vtep: fd00::2 is IPv6, and the fabric has no `address_v6` (node file at node.yaml:10:12)",
    );
    network_error(
        "172.16.0.2",
        "¶172.16.0.1",
        "vtep: 172.16.0.1 is this node's own fabric address, given at node.yaml:10:12; expected another VTEP",
    );
    network_error(
        "172.16.0.2",
        "¶172.16.0.255",
        "vtep: 172.16.0.255 is the broadcast address of the fabric's prefix: expected the unicast address of one host",
    );
}

#[test]
fn static_stations_are_in_one_place() {
    let list = "flood: true, mac_addresses: [02:00:00:00:00:99] }";
    let entries = |mark: &str, second: &str| {
        format!("flood: true, mac_addresses: [{mark}02:00:00:00:00:99] }}\n  - {{ {second} }}")
    };
    let second_time =
        "MAC 02:00:00:00:00:99 stands a second time in the reachability of virtual network blue; first at §";
    let second = entries("§", "virtual_network: blue, vtep: 172.16.0.3, mac_addresses: [¶02:00:00:00:00:99]");
    network_conflict(&[(list, &second)], second_time);
    let second = entries(
        "§",
        "virtual_network: blue, vtep: 172.16.0.3, mac_addresses: [¶02:00:00:00:00:99], physical_router: gw2",
    );
    network_conflict(&[(list, &second)], second_time);
    let second = entries("", "virtual_network: blue, vtep: ¶172.16.0.2");
    let twice = "VTEP 172.16.0.2 stands a second time for virtual network blue; first at §";
    network_conflict(&[("172.16.0.2", "§172.16.0.2"), (list, &second)], twice);
    network_conflict(
        &[("02:00:00:00:00:99", "¶02:00:00:00:00:01"), ("{ name: b1,", "§{ name: b1,")],
        "MAC 02:00:00:00:00:01 is behind a VTEP here, but belongs to a VMI of this node, at §",
    );
}

#[test]
fn an_entry_for_another_gateway_may_say_what_one_for_us_may_not() {
    let local = "{ virtual_network: blue, vtep: 172.16.0.1, mac_addresses: [02:00:00:00:00:01], physical_router: gw2 }";
    let text = format!("{NETWORK}  - {local}\n");
    let model = parse_network(&text, "n", &node()).unwrap_or_else(|e| panic!("{e}")).model;
    assert_eq!((model.static_reachability.len(), model.reachability_here().count()), (2, 1));
}

#[test]
fn the_global_section_is_judged() {
    let global = |to: &str, message: &str| {
        let to = format!("version: 1\nglobal_vrouter_config: {{ {to} }}\n");
        network_error("version: 1\n", &to, message);
    };
    let key = "encapsulation_priorities";
    global(&format!("{key}: [¶vxlan]"), &format!("{key}: `vxlan`: expected MPLSoUDP, MPLSoGRE or VXLAN"));
    global(&format!("{key}: ¶[]"), &format!("{key} is empty: expected at least one of MPLSoUDP, MPLSoGRE, VXLAN"));
    global(
        &format!("{key}: [§VXLAN, MPLSoGRE, ¶VXLAN]"),
        &format!("{key}: VXLAN stands here a second time; first at §"),
    );
    global(
        &format!("{key}: ¶VXLAN"),
        &format!("shape: global_vrouter_config.{key}: string \"VXLAN\": expected a list"),
    );
    let mode = "vxlan_network_identifier_mode";
    global(&format!("{mode}: ¶auto"), &format!("{mode}: `auto`: expected configured or automatic"));
    global("¶mode: x", &format!("unknown key `mode` in global_vrouter_config: expected one of {key}, {mode}"));
    global("¶flow_export_rate: 1", "key `flow_export_rate` of global_vrouter_config is not supported yet: remove it");
}

#[test]
fn ids_and_labels_of_networks_are_judged() {
    let blue = |to: &str, message: &str| network_error("5100 }", &format!("5100, {to} }}"), message);
    blue("layer2_control_word: ¶1", "layer2_control_word: `1`: expected true or false");
    let range = "is out of range: expected 16 to 1048575; 0 to 15 are reserved";
    blue("mpls_label: ¶15", &format!("mpls_label: MPLS label 15 {range}"));
    blue("mpls_label: ¶1048576", &format!("mpls_label: MPLS label 1048576 {range}"));
    blue("mpls_label: ¶x", "mpls_label: `x` is not a decimal number from 16 to 1048575");
    let id = "virtual_network_network_id: `";
    blue("virtual_network_network_id: ¶0", &format!("{id}0` is not a decimal number from 1 to 16777215"));
    blue("virtual_network_network_id: ¶16777216", &format!("{id}16777216` is not a decimal number from 1 to 16777215"));
    network_conflict(
        &[("5100 }", "5100, mpls_label: §16 }"), ("5200 }", "5200, mpls_label: ¶16 }")],
        "MPLS label 16 belongs to two virtual networks; first at §",
    );
    let twice = "network id 4 belongs to two virtual networks; first at §";
    let ids =
        [("5100 }", "5100, virtual_network_network_id: §4 }"), ("5200 }", "5200, virtual_network_network_id: ¶4 }")];
    network_conflict(&ids, twice);
    let automatic =
        ("version: 1\n", "version: 1\nglobal_vrouter_config: { vxlan_network_identifier_mode: automatic }\n");
    network_conflict(&[automatic, ids[0], ids[1]], twice);
}

#[test]
fn forwarding_modes_are_judged_and_routing_is_not_there_yet() {
    let blue = |to: &str, message: &str| network_error("5100 }", &format!("5100, {to} }}"), message);
    let expected = "expected l2_l3 or l2";
    blue("forwarding_mode: ¶L2", &format!("forwarding_mode: `L2`: {expected}"));
    let not_yet = "forwarding_mode: l3 is not supported yet: expected l2_l3 or l2, since routing is not there yet";
    blue("forwarding_mode: ¶l3", not_yet);
    blue("arp_suppression: ¶yes", "arp_suppression: `yes`: expected true or false");
}

/// A network file with a BPDU network that is right: its VMI on the VLAN 0 of both ports, beside an instance on one.
fn with_bpdu_network() -> Vec<(&'static str, &'static str)> {
    vec![
        ("5200 }", "5200 }\n  - { name: stp, vxlan_network_identifier: 7000, bpdu_network: true }"),
        ("name: g1,", "name: d1, virtual_network: stp, mac_address: 02:02:03:04:05:06 }\n  - { name: g1,"),
        (
            "[g1] }",
            "[g1, d1] }\n  - { name: l3, physical_interface: gw1:access1, logical_interface_vlan_tag: 0, virtual_machine_interfaces: [d1] }",
        ),
    ]
}

#[test]
fn a_bpdu_networks_vmi_is_on_several_ports_beside_instances_and_no_gateways() {
    let text = edit_all(NETWORK, &with_bpdu_network());
    let model = parse_network(&text, "n", &node()).unwrap_or_else(|e| panic!("{e}")).model;
    let served = |s: &control::config::ServedVmi| (s.port.position(), s.vlan.value(), model[s.vmi].name.to_string());
    let served: Vec<_> = model.served.iter().map(served).collect();
    let expected = [(0, 1, "b1"), (0, 0, "g1"), (0, 0, "d1"), (1, 0, "d1")];
    assert_eq!(served, expected.map(|(port, vlan, vmi)| (port, vlan, vmi.to_owned())));
    let stp = &model.virtual_networks[2];
    let bpdu = stp.bpdu.expect("a BPDU network");
    assert_eq!((bpdu.group_bits(), bpdu.pvst, bpdu.transparent), (0x101, false, false));
    assert_eq!(stp.forwarding_mode, control::config::ForwardingMode::L2);
    assert!(model.is_bpdu(model.served[2].vmi) && !model.is_bpdu(model.served[1].vmi));
}

#[test]
fn what_a_bpdu_network_carries_is_judged() {
    let blue = |to: &str, message: &str| network_error("5100 }", &format!("5100, {to} }}"), message);
    blue("bpdu_network: ¶on", "bpdu_network: `on`: expected true or false");
    for key in ["bpdu_groups: ['01:80:c2:00:00:00']", "bpdu_pvst: true", "transparent: false"] {
        let name = key.split(':').next().expect("a key");
        blue(
            &format!("¶{key}"),
            &format!("key `{name}` is for BPDU networks: expected `bpdu_network: true` beside it"),
        );
    }
    let groups = |list: &str, message: &str| {
        let mut edits = with_bpdu_network();
        let of = format!("bpdu_network: true, bpdu_groups: {list} }}");
        let first = edits[0].1.replace("bpdu_network: true }", &of);
        edits[0].1 = &first;
        network_conflict(&edits, message);
    };
    let expected = "expected other addresses from 01:80:c2:00:00:00 to 01:80:c2:00:00:0f";
    for (group, why) in [
        ("01:80:c2:00:00:01", "is for pause frames, which end at the other side of a link"),
        ("01:80:c2:00:00:02", "is for LACP and other slow protocols, which end at the other side of a link"),
        ("01:80:c2:00:00:03", "is for 802.1X, which ends at the other side of a link"),
        ("01:80:c2:00:00:0e", "is for LLDP, which ends at the other side of a link"),
        ("01:80:c2:00:00:10", "is not one of 01:80:c2:00:00:00 to 01:80:c2:00:00:0f"),
        ("01:00:0c:cc:cc:cd", "is not one of 01:80:c2:00:00:00 to 01:80:c2:00:00:0f"),
    ] {
        groups(&format!("['01:80:c2:00:00:00', ¶'{group}']"), &format!("bpdu_groups: `{group}` {why}: {expected}"));
    }
    groups("[¶'stp']", "bpdu_groups: `stp`: octet 1 is not one or two hexadecimal digits");
    groups(
        "[§'01:80:c2:00:00:00', ¶'01-80-c2-00-00-00']",
        "bpdu_groups: 01-80-c2-00-00-00 stands here a second time; first at §",
    );
    groups(
        "¶[]",
        "bpdu_groups is empty: expected at least one address, or no key for 01:80:c2:00:00:00 and 01:80:c2:00:00:08",
    );
    groups(
        "['01:80:c2:00:00:00'], forwarding_mode: ¶l2_l3",
        "forwarding_mode: l2_l3 in a BPDU network, which has no gateway: expected l2, or no key",
    );
}

#[test]
fn a_bpdu_networks_vmi_is_untagged_and_alone_of_its_kind_on_a_port() {
    let mut edits = with_bpdu_network();
    edits.push(("gw1:access1, logical_interface_vlan_tag: 0", "gw1:access1, logical_interface_vlan_tag: ¶7"));
    network_conflict(&edits, "VMI d1 is of BPDU network stp, which switches speak on untagged: expected VLAN 0, not 7");
    let mut edits = with_bpdu_network();
    edits[1].1 = "name: d1, virtual_network: stp, mac_address: 02:02:03:04:05:06 }\n  \
                  - { name: d2, virtual_network: stp, mac_address: 02:02:03:04:05:07 }\n  - { name: g1,";
    edits.push(("[d1] }", "[d1, ¶d2] }"));
    network_conflict(
        &edits,
        "VMI d2 is of a BPDU network, like VMI d1 of this logical interface: expected one, for one port",
    );
    // Its ports are still ports of one gateway or another, and each VLAN stands once.
    let again = "[g1, d1] }\n  - { name: l3, physical_interface: gw1:access0, logical_interface_vlan_tag: ¶0, virtual_machine_interfaces: [d1] }";
    let mut edits = with_bpdu_network();
    edits[2].1 = again;
    edits.push((
        "logical_interface_vlan_tag: 0, virtual_machine_interfaces: [g1, d1]",
        "logical_interface_vlan_tag: §0, virtual_machine_interfaces: [g1, d1]",
    ));
    network_conflict(&edits, "VLAN 0 belongs to two logical interfaces of gw1:access0; first at §");
}

#[test]
fn subnets_and_the_gateways_addresses_in_them_are_judged() {
    let blue = |to: &str, message: &str| network_error("5100 }", &format!("5100, ipam_subnets: [{to}] }}"), message);
    blue("¶{ default_gateway: 10.0.0.1 }", "an IPAM subnet has no `subnet`: expected one");
    blue(
        "{ subnet: 10.0.0.0/24, ¶enable_dhcp: false }",
        "key `enable_dhcp` of an IPAM subnet is not supported yet: remove it",
    );
    blue(
        "{ subnet: 10.0.0.0/24, ¶gateway: 10.0.0.1 }",
        "unknown key `gateway` in an IPAM subnet: expected one of subnet, default_gateway, dns_server_address",
    );
    blue("{ subnet: ¶10.0.0.1/24 }", "subnet: `10.0.0.1/24` has host bits: expected 10.0.0.0/24");
    let outside = "is not in 10.0.0.0/24: expected an address of the subnet";
    for (key, address) in [("default_gateway", "10.0.1.1"), ("dns_server_address", "2001:db8::1")] {
        blue(&format!("{{ subnet: 10.0.0.0/24, {key}: ¶'{address}' }}"), &format!("{key}: {address} {outside}"));
    }
    for (subnet, address, what) in [
        ("10.0.0.0/24", "10.0.0.0", "the network address of its subnet"),
        ("10.0.0.0/24", "10.0.0.255", "the broadcast address of its subnet"),
        ("2001:db8::/64", "2001:db8::", "the routers' anycast address of its subnet"),
        ("224.0.0.0/8", "224.0.0.1", "a multicast address"),
    ] {
        blue(
            &format!("{{ subnet: '{subnet}', default_gateway: ¶'{address}' }}"),
            &format!("default_gateway: {address} is {what}: expected the unicast address of one host"),
        );
    }
    blue(
        "{ subnet: 10.0.0.0/24, default_gateway: 10.0.0.9, dns_server_address: ¶10.0.0.9 }",
        "dns_server_address: 10.0.0.9 is the default_gateway already: expected another address of the subnet",
    );
    let overlap = |subnets: &str, one: &str, other: &str| {
        let message = format!("subnet: {one} overlaps with {other} of the same virtual network, at §");
        network_conflict(&[("5100 }", &format!("5100, ipam_subnets: [{subnets}] }}"))], &message);
    };
    overlap("§{ subnet: 10.0.0.0/8 }, { subnet: 11.0.0.0/8 }, ¶{ subnet: 10.3.0.0/16 }", "10.3.0.0/16", "10.0.0.0/8");
    overlap("§{ subnet: '2001:db8::/64' }, ¶{ subnet: '2001:db8::/64' }", "2001:db8::/64", "2001:db8::/64");
}

#[test]
fn what_is_the_gateways_is_no_instances() {
    const SUBNET: &str =
        "5100, ipam_subnets: [§{ subnet: 10.0.0.0/24, default_gateway: 10.0.0.7, dns_server_address: 10.0.0.8 }] }";
    for (key, from, to) in [
        ("instance_ip_address", "instance_ip_address: 10.0.0.1", "instance_ip_address: ¶10.0.0.8"),
        ("ip", "00:02 }", "00:02, allowed_address_pairs: [{ ip: ¶10.0.0.7/32 }] }"),
    ] {
        let address = if key == "ip" { "10.0.0.7" } else { "10.0.0.8" };
        let message = format!("{key}: {address} is the gateway's own, by the subnet at §: expected another address");
        network_conflict(&[("5100 }", SUBNET), (from, to)], &message);
    }
    let message = "00:00:5e:00:01:00 is every gateway's in a network of mode l2_l3: expected another MAC, or \
                   `forwarding_mode: l2`";
    for (key, from, to) in [
        ("mac_address", "mac_address: 02:00:00:00:00:02", "mac_address: ¶00:00:5e:00:01:00"),
        ("mac", "00:02 }", "00:02, allowed_address_pairs: [{ mac: ¶00:00:5e:00:01:00 }] }"),
        ("mac", "[02:00:00:00:00:99]", "[¶00:00:5e:00:01:00]"),
    ] {
        network_conflict(&[(from, to)], &format!("{key}: {message}"));
    }
}

#[test]
fn another_network_may_use_what_is_one_networks_gateways_and_mode_l2_has_none() {
    let subnet = "ipam_subnets: [{ subnet: 10.0.0.0/24, default_gateway: 10.0.0.1 }] }";
    let text = edit(NETWORK, "5200 }", &format!("5200, {subnet}"));
    assert!(parse_network(&text, "network.yaml", &node()).is_ok());
    let text = edit(NETWORK, "mac_address: 02:00:00:00:00:02", "mac_address: 00:00:5e:00:01:00");
    let text = edit(&text, "5100 }", "5100, forwarding_mode: l2 }");
    assert!(parse_network(&text, "network.yaml", &node()).is_ok());
}

#[test]
fn the_mode_says_which_number_a_network_needs() {
    network_error(
        "{ name: blue, vxlan_network_identifier: 5100 }",
        "¶{ name: blue, virtual_network_network_id: 5100 }",
        "a virtual network has no `vxlan_network_identifier`: expected one",
    );
    let automatic =
        ("version: 1\n", "version: 1\nglobal_vrouter_config: { vxlan_network_identifier_mode: automatic }\n");
    let green = ("vxlan_network_identifier: 5200", "virtual_network_network_id: 7");
    network_conflict(
        &[automatic, green, ("{ name: blue,", "¶{ name: blue,")],
        "a virtual network has no `virtual_network_network_id`: expected one",
    );
    let blue = ("{ name: blue, vxlan", "{ name: blue, virtual_network_network_id: 6, vxlan");
    let text = edit_all(NETWORK, &[automatic, green, blue]);
    let model = parse_network(&text, "n", &node()).unwrap_or_else(|e| panic!("{e}")).model;
    assert_eq!(model.virtual_networks.iter().map(|n| n.vni.value()).collect::<Vec<_>>(), [6, 7]);
}

#[test]
fn inner_tags_are_judged_and_stand_once_below_their_vlan() {
    let inner = "logical_interface_inner_vlan_tag";
    let range = "expected 1 to 4094, or no key for a single tag; 4095 is reserved";
    for wrong in ["0", "4095", "x"] {
        let message = format!("{inner}: VLAN id {wrong} is out of range: {range}");
        network_error("tag: 1,", &format!("tag: 1, {inner}: ¶{wrong},"), &message);
    }
    network_error(
        "tag: 0,",
        &format!("tag: 0, {inner}: ¶7,"),
        "logical_interface_inner_vlan_tag 7 below no tag: expected logical_interface_vlan_tag 1 to 4094",
    );
    let (first, second) = (format!("tag: 1, {inner}: §7,"), format!("tag: 1, {inner}: ¶7,"));
    network_conflict(
        &[("tag: 1,", &first), ("tag: 0,", &second)],
        "VLAN 1 with inner VLAN 7 belongs to two logical interfaces of gw1:access0; first at §",
    );
    let text = edit_all(NETWORK, &[("tag: 0,", &format!("tag: 1, {inner}: 7,"))]);
    let model = parse_network(&text, "n", &node()).unwrap_or_else(|e| panic!("{e}")).model;
    let tags: Vec<_> = model.served.iter().map(|s| (s.vlan.value(), s.inner_vlan.map(|v| v.value()))).collect();
    assert_eq!(tags, [(1, None), (1, Some(7))]);
}

#[test]
fn several_vmis_of_a_vlan_can_be_told_apart() {
    let model = parse_network(&edit(NETWORK, "[b1]", "[b2, b1]"), "n", &node()).unwrap_or_else(|e| panic!("{e}")).model;
    let served: Vec<_> = model.served.iter().map(|s| (s.vlan.value(), model[s.vmi].name.as_str())).collect();
    assert_eq!(served, [(1, "b2"), (1, "b1"), (0, "g1")]);
    network_error("[b1]", "[§b1, b2, ¶b1]", "VMI b1 stands here a second time; first at §");
    network_error(
        "[b1]",
        "[b1, ¶b9, b2]",
        "virtual_machine_interfaces: there is no virtual machine interface `b9` in this file",
    );
    network_conflict(
        &[("[b1]", "[b1, ¶g1]"), ("[g1]", "[]")],
        "VMI g1 is of virtual network green, the first one of this logical interface is of blue: expected one network, since a \
         broadcast reaches all instances of a VLAN",
    );
    let same = |mac: &str| {
        format!(
            "MAC {mac} of VMI b2 is also VMI b1's, at §, on the same logical interface: expected different ones, since the \
             source address tells the VMIs apart"
        )
    };
    let pair = |mac: &str| format!("02:00:00:00:00:02, allowed_address_pairs: [{{ mac: {mac} }}] }}");
    let both = ("[b1]", "[§b1, ¶b2]");
    network_conflict(&[both, ("02:00:00:00:00:02 }", &pair("02:00:00:00:00:01"))], &same("02:00:00:00:00:01"));
    let vrrp = "00:00:5e:00:01:0a";
    let first = format!(
        "b1, virtual_network: blue, mac_address: 02:00:00:00:00:01, allowed_address_pairs: [{{ mac: {vrrp} }}]"
    );
    let second = pair(vrrp);
    let edits = [
        both,
        ("b1, virtual_network: blue, mac_address: 02:00:00:00:00:01", first.as_str()),
        ("02:00:00:00:00:02 }", second.as_str()),
    ];
    network_conflict(&edits, &same(vrrp));
    let apart = [("[b1]", "[b1]"), ("[g1]", "[b2]"), edits[1], edits[2]];
    assert!(parse_network(&edit_all(NETWORK, &apart), "n", &node()).is_ok());
    let text = edit_all(NETWORK, &[("[b1]", "[b1, b2]"), ("02:00:00:00:00:02 }", &pair("02:00:00:00:00:02"))]);
    assert!(parse_network(&text, "n", &node()).is_ok());
}

#[test]
fn encapsulations_and_labels_of_vteps_are_judged() {
    let entry = |to: &str, message: &str| network_error("flood: true", &format!("flood: true, {to}"), message);
    entry("encapsulations: [¶GRE]", "encapsulations: `GRE`: expected MPLSoUDP, MPLSoGRE or VXLAN");
    entry("encapsulations: ¶[]", "encapsulations is empty: expected at least one of MPLSoUDP, MPLSoGRE, VXLAN");
    entry(
        "mpls_label: 99, encapsulations: [§MPLSoUDP, ¶MPLSoUDP]",
        "encapsulations: MPLSoUDP stands here a second time; first at §",
    );
    let range = "is out of range: expected 16 to 1048575; 0 to 15 are reserved";
    entry("encapsulations: [MPLSoUDP], mpls_label: ¶3", &format!("mpls_label: MPLS label 3 {range}"));
    let labels = |to: &str| format!("mpls_label: 99, encapsulations: [MPLSoUDP], mac_labels: [{to}]");
    entry(&labels("{ mac: 02:00:00:00:00:98, label: ¶0 }"), &format!("label: MPLS label 0 {range}"));
    entry(&labels("{ mac: ¶02, label: 16 }"), "mac: `02`: expected six octets as in 02:00:00:00:10:64");
    entry(&labels("¶{ mac: 02:00:00:00:00:98 }"), "a MAC label has no `label`: expected one");
    entry(&labels("¶{ label: 16 }"), "a MAC label has no `mac`: expected one");
    entry(
        &labels("{ mac: 02:00:00:00:00:98, label: 16, ¶vni: 1 }"),
        "unknown key `vni` in a MAC label: expected one of mac, label",
    );
    entry(
        &labels("{ mac: ¶ff:ff:ff:ff:ff:ff, label: 16 }"),
        "mac: ff:ff:ff:ff:ff:ff is a group address: expected the address of one station",
    );
    let no_mpls = "VTEP 172.16.0.2 speaks no MPLS: expected MPLSoUDP or MPLSoGRE among its `encapsulations`";
    entry("¶mpls_label: 99", &format!("mpls_label: {no_mpls}"));
    entry("¶mac_labels: []", &format!("mac_labels: {no_mpls}"));
}

#[test]
fn mpls_needs_a_label_where_something_uses_it() {
    let no_label = "MPLSoGRE to VTEP 172.16.0.2 needs a label: expected `mpls_label` here or of virtual network blue";
    let mpls = ("flood: true", "encapsulations: [MPLSoGRE], flood: true");
    let at = ("- { virtual_network: blue, vtep", "- ¶{ virtual_network: blue, vtep");
    network_conflict(&[mpls, at], no_label);
    let stations = ", mac_addresses: [02:00:00:00:00:99]";
    network_conflict(&[mpls, at, (stations, "")], no_label);
    network_conflict(&[("flood: true", "encapsulations: [MPLSoGRE]"), at], no_label);
    let own = ", mac_labels: [{ mac: 02:00:00:00:00:99, label: 17 }]";
    let text = edit_all(NETWORK, &[("flood: true", "encapsulations: [MPLSoGRE]"), (stations, own)]);
    let read = |text: &str| parse_network(text, "n", &node()).unwrap_or_else(|e| panic!("{e}")).model;
    let entry = &read(&text).static_reachability[0];
    assert_eq!((entry.label, entry.stations[0].label.map(|label| label.value())), (None, Some(17)));
    let text = edit_all(NETWORK, &[mpls, ("5100 }", "5100, mpls_label: 51 }")]);
    assert_eq!(read(&text).static_reachability[0].label.map(|label| label.value()), Some(51));
    let text = edit_all(&text, &[("flood: true", "mpls_label: 52, flood: true")]);
    assert_eq!(read(&text).static_reachability[0].label.map(|label| label.value()), Some(52));
}

#[test]
fn the_encapsulation_is_the_first_priority_that_the_vtep_speaks() {
    let chosen = |priorities: &str, spoken: &str| {
        let global = format!("version: 1\nglobal_vrouter_config: {{ encapsulation_priorities: [{priorities}] }}\n");
        let entry = format!("flood: true, mpls_label: 99, encapsulations: [{spoken}]");
        let text = edit_all(NETWORK, &[("version: 1\n", &global), ("flood: true", &entry)]);
        let model = parse_network(&text, "n", &node()).unwrap_or_else(|e| panic!("{e}")).model;
        let entry = &model.static_reachability[0];
        assert_eq!(entry.label.is_some(), entry.encapsulation.is_mpls());
        entry.encapsulation.to_string()
    };
    assert_eq!(chosen("MPLSoUDP, MPLSoGRE, VXLAN", "VXLAN, MPLSoGRE"), "MPLSoGRE");
    assert_eq!(chosen("VXLAN, MPLSoUDP", "MPLSoUDP, VXLAN"), "VXLAN");
    assert_eq!(chosen("VXLAN", "MPLSoUDP, MPLSoGRE"), "MPLSoGRE");
    assert_eq!(chosen("VXLAN", "MPLSoUDP"), "MPLSoUDP");
    assert_eq!(chosen("VXLAN, MPLSoGRE", "MPLSoUDP"), "MPLSoUDP");
}

#[test]
fn stations_with_labels_are_stations_and_labels_of_a_vtep_have_one_meaning() {
    let list = "flood: true, mac_addresses: [02:00:00:00:00:99] }";
    let entries = |first: &str, second: &str| {
        let mpls = "mpls_label: 99, encapsulations: [MPLSoUDP]";
        format!("{mpls}, {first} }}\n  - {{ {second}, encapsulations: [MPLSoUDP] }}")
    };
    let labels = |mark: &str| format!("mac_labels: [{{ mac: {mark}02:00:00:00:00:99, label: 17 }}]");
    let second = format!("virtual_network: blue, vtep: 172.16.0.3, {}", labels("¶"));
    let twice = "MAC 02:00:00:00:00:99 stands a second time in the reachability of virtual network blue; first at §";
    network_conflict(&[(list, &entries(&labels("§"), &second))], twice);
    network_conflict(&[(list, &entries("mac_addresses: [§02:00:00:00:00:99]", &second))], twice);
    let local = labels("¶").replace("00:99", "00:01");
    network_conflict(
        &[(list, &entries(&local, "virtual_network: green, vtep: 172.16.0.3")), ("{ name: b1,", "§{ name: b1,")],
        "MAC 02:00:00:00:00:01 is behind a VTEP here, but belongs to a VMI of this node, at §",
    );
    let meanings = "label 99 of VTEP 172.16.0.2 stands for virtual networks green and blue; first at §";
    let other = "virtual_network: green, vtep: 172.16.0.2, flood: true, mpls_label: ¶99";
    let first = entries("flood: true", other).replacen("mpls_label: 99", "mpls_label: §99", 1);
    network_conflict(&[(list, &first)], meanings);
    let other = "virtual_network: green, vtep: 172.16.0.2, mac_labels: [{ mac: 02:00:00:00:00:98, label: ¶99 }]";
    let first = entries("flood: true", other).replacen("mpls_label: 99", "mpls_label: §99", 1);
    network_conflict(&[(list, &first)], meanings);
}

#[test]
fn vteps_may_be_ipv6_where_the_fabric_is() {
    let v6 = |address: &str, prefix: &str| edit(NODE, "host0", &format!("host0\n  address_v6: '{address}/{prefix}'"));
    let read = |vtep: &str, node: &str| {
        let node = parse_node(node, "node.yaml").unwrap_or_else(|e| panic!("{e}")).model;
        parse_network(&edit(NETWORK, "172.16.0.2", &format!("'{vtep}'")), "n", &node)
    };
    let error = |vtep: &str, node: &str| read(vtep, node).expect_err("refused").to_string();
    assert!(read("fd00::2", &v6("fd00::1", "64")).is_ok());
    let own =
        "n:22:36: vtep: fd00::1 is this node's own fabric address, given at node.yaml:12:15; expected another VTEP";
    assert_eq!(error("fd00::1", &v6("fd00::1", "64")), own);
    let edge = "vtep: fd00:: is the routers' anycast address of the fabric's prefix";
    assert!(error("fd00::", &v6("fd00::1", "64")).contains(edge));
    assert!(error("fe80::2", &v6("fd00::1", "64")).contains("vtep: fe80::2 is a link-local address"));
    let link = edit(NODE, "'net_tap2,iface=f0'", "'net_tap2,iface=f0', address: 10.0.0.1/31");
    assert!(error("10.0.0.1", &link).contains("10.0.0.1 is this node's own fabric address, given at node.yaml:8:5"));
}

// Both.

#[test]
fn a_node_carries_no_more_vmis_than_its_limit() {
    let node =
        parse_node(&format!("{NODE}limits: {{ vmis: 1 }}\n"), "node.yaml").unwrap_or_else(|e| panic!("{e}")).model;
    let errors = parse_network(NETWORK, "n", &node).expect_err("two VMIs");
    let expected = "n:3:5: 2 VMIs are served here, more than `limits.vmis: 1` of the node file at node.yaml:2:7";
    assert_eq!(errors.to_string(), expected);
}

#[test]
fn all_errors_are_shown_in_the_order_of_the_file_and_bounded() {
    let text = edit_all(NETWORK, &[("5100", "0"), ("tag: 1,", "tag: 4095,"), ("[g1]", "[g9]")]);
    let errors = parse_network(&text, "n", &node()).expect_err("three errors");
    let lines: Vec<u32> = errors.list().iter().map(|error| error.place.line).collect();
    assert_eq!(lines, [10, 19, 20]);
    assert_eq!(errors.to_string().lines().count(), 3);
    let note = &errors.notes()[0];
    assert_eq!((note.file.as_str(), note.line, note.column), ("n", 10, 45));

    let many: String = (0..60).map(|n| format!("  - {{ name: n{n}, vxlan_network_identifier: 0 }}\n")).collect();
    let text = edit(NETWORK, "virtual_networks:\n", &format!("virtual_networks:\n{many}"));
    let errors = parse_network(&text, "n", &node()).expect_err("sixty errors");
    assert_eq!((errors.list().len(), errors.left_out()), (ConfigErrors::MAX, 10));
    assert!(errors.to_string().ends_with("\nand 10 more"));
}
