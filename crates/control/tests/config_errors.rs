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
    let top = "version, name, mode, cores, memory, ports, fabric, api, limits";
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
    for section in ["memory", "api", "limits"] {
        let errors = parse_node(&format!("{NODE}{section}: {{ x: 1 }}\n"), "n").expect_err("unknown key").to_string();
        assert!(errors.starts_with(&format!("n:12:{}: unknown key `x` in {section}: ", section.len() + 5)), "{errors}");
    }
}

#[test]
fn attributes_of_the_schema_that_are_not_served_are_refused_not_ignored() {
    network_error(
        "5100 }",
        "5100, ¶mac_learning_enabled: true }",
        "key `mac_learning_enabled` of a virtual network is not supported yet: remove it",
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
        "host0\n  routes: [§{ to: 10.0.0.0/8, via: 172.16.0.2 }, ¶{ to: 10.0.0.0/8, via: 172.16.0.3 }]",
        "to: a second route to 10.0.0.0/8; first at §",
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
