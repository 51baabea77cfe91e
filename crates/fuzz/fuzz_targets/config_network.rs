//! Any text as a network file, read by the example's node: it is a model, or errors that say where.

#![no_main]

use control::config::{NodeModel, parse_network, parse_node};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static NODE: LazyLock<NodeModel> = LazyLock::new(|| {
    let text = include_str!("../../../config/node.yaml");
    parse_node(text, "node.yaml").expect("the example is tested").model
});

fuzz_target!(|text: &str| {
    if let Err(errors) = parse_network(text, "network.yaml", &NODE) {
        assert!(errors.to_string().contains("network.yaml:"), "{errors}");
    }
});
