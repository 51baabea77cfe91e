//! Input that is meant to hurt: none of it panics, blocks, or takes more than a moment.

use std::fmt::Write as _;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use control::config::{self, NODE_FILE_LIMIT, NodeModel, load, parse_network, parse_node};
use proptest::prelude::*;

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config").join(name)
}

fn example_text(name: &str) -> String {
    std::fs::read_to_string(example(name)).expect("the example is there")
}

fn example_node() -> NodeModel {
    parse_node(&example_text("node.yaml"), "node.yaml").expect("the example is right").model
}

/// The error of both readers, which must come at once.
fn refused(text: &str) -> String {
    let start = Instant::now();
    let of_node = parse_node(text, "f").expect_err("refused").to_string();
    let of_network = parse_network(text, "f", &example_node()).expect_err("refused").to_string();
    assert!(start.elapsed() < Duration::from_secs(5), "{:?} for {} octets", start.elapsed(), text.len());
    assert_eq!(of_node, of_network);
    of_node
}

#[test]
fn a_billion_laughs_end_at_the_first_anchor() {
    let mut text = "version: 1\na0: &a0 [lol]\n".to_owned();
    for n in 1..20 {
        let previous = format!("*a{}, ", n - 1).repeat(10);
        writeln!(text, "a{n}: &a{n} [{}]", previous.trim_end_matches(", ")).expect("to a string");
    }
    assert_eq!(refused(&text), "f:2:5: a YAML anchor (&name) is not allowed: write the value where it is used");
}

#[test]
fn deep_nesting_ends_at_the_limit() {
    for opening in ["[", "{a: ", "- ", "? "] {
        let error = refused(&opening.repeat(1 << 20));
        assert!(error.starts_with("f:1:"), "{error}");
    }
    let steps: String = (0..2000).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    assert!(refused(&steps).contains("nested deeper than 16 levels"));
}

#[test]
fn large_texts_of_one_kind_are_read_in_linear_time() {
    let keys: String = (0..200_000).map(|n| format!("k{n}: 1\n")).collect();
    let start = Instant::now();
    assert_eq!(parse_node(&keys, "f").expect_err("unknown keys").left_out(), 199_955);
    assert!(parse_node(&format!("name: {}", "x".repeat(1 << 20)), "f").is_err());
    assert!(parse_node(&"#".repeat(1 << 20), "f").is_err());
    assert!(parse_node(&"\n".repeat(1 << 20), "f").is_err());
    assert!(parse_node(&format!("name: \"{}", "\\n".repeat(1 << 19)), "f").is_err());
    assert!(parse_node(&format!("a: |\n{}", " x\n".repeat(1 << 18)), "f").is_err());
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[test]
fn very_many_conflicts_on_one_vlan_are_found_in_linear_time() {
    let node = example_node();
    let mut text =
        "version: 1\nphysical_routers: [{ name: gw1 }]\nphysical_interfaces: [{ name: access0, physical_router: \
                    gw1 }]\nvirtual_networks: [{ name: n, vxlan_network_identifier: 1 }]\nvirtual_machine_interfaces:\n"
            .to_owned();
    for n in 0u32..20_000 {
        let [_, _, c, d] = n.to_be_bytes();
        let pairs = "allowed_address_pairs: [{ mac: 02:00:00:00:00:01 }]";
        let mac = format!("02:01:00:00:{c:02x}:{d:02x}");
        writeln!(text, "- {{ name: v{n}, virtual_network: n, mac_address: '{mac}', {pairs} }}").expect("to a string");
    }
    let vmis: Vec<String> = (0..20_000).map(|n| format!("v{n}")).collect();
    let vmis = [vmis.join(", "), vmis.join(", ")].join(", ");
    writeln!(
        text,
        "logical_interfaces: [{{ name: l, physical_interface: gw1:access0, logical_interface_vlan_tag: 1, \
         virtual_machine_interfaces: [{vmis}] }}]"
    )
    .expect("to a string");
    let start = Instant::now();
    let errors = parse_network(&text, "f", &node).expect_err("each VMI twice, one MAC for all, too many VMIs");
    assert_eq!(errors.list().len() + errors.left_out(), 20_000 + 19_999 + 1);
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[test]
fn what_is_not_a_file_within_the_limit_is_not_read() {
    let error = |path: &Path| load(path, &example("network.yaml")).expect_err("refused").to_string();
    let start = Instant::now();
    assert_eq!(error(Path::new("/dev/zero")), "/dev/zero:1:1: not a regular file: expected a text file");
    assert_eq!(error(Path::new("/")), "/:1:1: not a regular file: expected a text file");
    assert_eq!(error(Path::new("/nonexistent")), "/nonexistent:1:1: cannot read the file: no such file");
    let path = std::env::temp_dir().join(format!("causeway-config-{}.yaml", std::process::id()));
    File::create(&path).and_then(|file| file.set_len(NODE_FILE_LIMIT + 1)).expect("a sparse file");
    let expected = format!("{}:1:1: the file is larger than 1048576 octets, the most that is read", path.display());
    assert_eq!(error(&path), expected);
    std::fs::write(&path, [b'a', 0xff]).expect("two octets");
    assert_eq!(error(&path), format!("{}:1:1: not UTF-8 text", path.display()));
    std::fs::remove_file(&path).expect("just written");
    assert!(start.elapsed() < Duration::from_secs(2));
}

/// Pieces of YAML and of our schema: together they come closer to the edges than arbitrary characters do.
fn yaml_like() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "version: 1\n",
        "name",
        ": ",
        ":",
        "\n",
        "\n  ",
        "\n    ",
        "- ",
        "[",
        "]",
        "{",
        "}",
        ", ",
        "'",
        "\"",
        "&a ",
        "*a",
        "!!t ",
        "|\n",
        ">-\n",
        "? ",
        "# c\n",
        "---\n",
        "...\n",
        "%YAML 1.1\n",
        "~",
        "null",
        "0",
        "-1",
        "4095",
        "1e9",
        "0x10",
        "\t",
        "\r\n",
        "\r",
        "\u{feff}",
        "\u{2028}",
        "\\",
        "<<: ",
        "ports",
        "fabric",
        "cores",
        "workers",
        "gw1",
        "gw1:access0",
        "virtual_networks",
        "global_vrouter_config",
        "encapsulation_priorities",
        "static_reachability",
        "mac_labels",
        "host_interface",
        "address_v6",
        "dscp",
        "MPLSoUDP",
        "fd00::1/64",
        "virtual_machine_interfaces",
        "logical_interfaces",
        "02:00:00:00:10:64",
        "é",
        "\u{0}",
    ]);
    prop::collection::vec(pieces, 0..60).prop_map(|pieces| pieces.concat())
}

/// An example with some characters cut out and others put in.
fn mutated(name: &'static str) -> impl Strategy<Value = String> {
    let edits = prop::collection::vec((any::<prop::sample::Index>(), 0usize..12, yaml_like()), 1..4);
    edits.prop_map(move |edits| {
        let mut text: Vec<char> = example_text(name).chars().collect();
        for (at, cut, put) in edits {
            let at = at.index(text.len() + 1);
            let end = text.len().min(at + cut);
            text.splice(at..end, put.chars().take(12));
        }
        text.into_iter().collect()
    })
}

/// Both readers answer, and every error points into the text.
fn answered(text: &str) -> Result<(), TestCaseError> {
    let lines = u32::try_from(text.split('\n').count() + text.matches('\r').count()).expect("a short text");
    let node = example_node();
    let errors = [parse_node(text, "f").err(), parse_network(text, "f", &node).err()];
    for error in errors.iter().flatten().flat_map(config::ConfigErrors::list) {
        let place = &error.place;
        prop_assert!((1..=lines + 1).contains(&place.line) && place.column >= 1, "{}", error);
    }
    for errors in errors.iter().flatten() {
        prop_assert!(!errors.list().is_empty());
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_text_is_answered(text in any::<String>()) {
        answered(&text)?;
    }

    #[test]
    fn any_yaml_like_text_is_answered(text in yaml_like()) {
        answered(&text)?;
    }

    #[test]
    fn mutated_examples_are_answered(node in mutated("node.yaml"), network in mutated("network.yaml")) {
        answered(&node)?;
        answered(&network)?;
    }
}
