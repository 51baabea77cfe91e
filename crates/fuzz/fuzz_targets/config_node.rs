//! Any text as a node file: it is a model, or errors that say where.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Err(errors) = control::config::parse_node(text, "node.yaml") {
        assert!(errors.to_string().contains("node.yaml:"), "{errors}");
    }
});
