//! The commented examples in `config/` are right.

use std::path::PathBuf;

use control::config::{self, GatewayMode, Polling, PortKind};

fn seed(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds").join(name);
    std::fs::read_to_string(path).expect("the seed is there")
}

fn example(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../config").join(name)
}

#[test]
fn the_examples_load_without_a_warning() {
    let loaded = config::load(&example("node.yaml"), &example("network.yaml")).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(loaded.warnings, []);
    let (node, network) = (loaded.node, loaded.network);
    assert_eq!((node.name.as_str(), node.mode, node.polling), ("gw1", GatewayMode::Server, Polling::Adaptive));
    assert_eq!(node[node.fabric_ports[0]].name.as_str(), "fabric0");
    assert_eq!(node[node.fabric_ports[0]].kind, PortKind::Tap);
    let served: Vec<_> = network
        .served
        .iter()
        .map(|s| (node[s.port].name.as_str(), s.vlan.value(), network[s.vmi].name.as_str()))
        .collect();
    assert_eq!(served, [("access0", 100, "blue-server"), ("access0", 200, "green-server")]);
    assert_eq!(network.reachability_here().count(), 2);
}

#[test]
fn the_seeds_of_the_fuzz_targets_are_right() {
    let node = config::parse_node(&seed("config_node/two_fabric_ports.yaml"), "n").unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(node.warnings, []);
    let interfaces: Vec<_> = node.model.host_interfaces().map(|(_, name)| name.as_str()).collect();
    assert_eq!(interfaces, ["cw-host0", "cw-host1"]);
    let addresses = |n: usize| {
        let addresses = node.model.host_addresses(node.model.fabric_ports[n]).into_iter();
        addresses.map(|(address, length)| format!("{address}/{length}")).collect::<Vec<_>>()
    };
    assert_eq!(addresses(0), ["172.16.0.1/32", "fd00::1/128", "10.0.0.1/31"]);
    assert_eq!(addresses(1), ["10.0.0.3/31", "fd00:1::1/64"]);

    let reader = config::load(&example("node.yaml"), &example("network.yaml")).unwrap_or_else(|e| panic!("{e}")).node;
    let text = seed("config_network/mpls_and_qinq.yaml");
    let network = config::parse_network(&text, "n", &reader).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!((network.warnings, network.model.served.len()), (vec![], 3));
}
