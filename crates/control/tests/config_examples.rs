//! The commented examples in `config/` are right.

use std::path::PathBuf;

use control::config::{self, GatewayMode, Polling, PortKind};

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
