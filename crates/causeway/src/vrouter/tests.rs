//! The shapes, from the documents of the `api` crate's tests, against what stands in `tests/golden/`.

use std::{env, fs, path::Path};

use serde::de::DeserializeOwned;

use super::*;

fn document<T: DeserializeOwned>(name: &str) -> T {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../api/tests/documents").join(format!("{name}.json"));
    let text = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn gathered() -> Gathered {
    Gathered {
        ports: document("ports"),
        vifs: document("vifs"),
        networks: document("networks"),
        vteps: document("vteps"),
    }
}

fn compare(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(format!("vrouter-{name}.txt"));
    if env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
    let golden = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert_eq!(text, golden, "{name}: text on the left, {} on the right", path.display());
}

#[test]
fn vif_lists_interfaces_in_the_original_s_shape_with_vlan_macs_and_parent() {
    let all = gathered();
    let text = vif::list(&all);
    compare("vif-list", &text);
    let two_macs = "vif0/2          green-server Vlan(o/i)(,S): 200/7, 02:00:00:00:10:c8 Bridge Index: 0, \
                    00:00:5e:00:01:0a Bridge Index: 1 Parent:vif0/65537 NH: 11\n            Type:Virtual(Vlan) HWaddr:";
    assert!(text.contains(two_macs), "{text}");
    for line in text.lines().filter(|line| line.starts_with("vif0/")) {
        assert!(line.chars().nth(11) == Some(' ') && line.chars().nth(12).is_some(), "{line}");
    }
    assert!(vif::get(&all, 17).is_some_and(|one| text.ends_with(&text[text.len() - 10..]) && one.contains("printer")));
    assert_eq!(vif::get(&all, 3), None);
    assert_eq!(vif::get(&all, PORT_BASE + 3), None);
}

#[test]
fn a_port_on_pci_is_shown_by_its_address_and_its_losses_as_errors() {
    let all = gathered();
    let pci = vif::get(&all, PORT_BASE + 1).expect("the second port");
    assert!(pci.contains("vif0/65537  PCI: 0000:3b:00.1\n"), "{pci}");
    let fabric = vif::get(&all, PORT_BASE + 2).expect("the fabric port");
    assert!(fabric.contains("RX packets:119990  bytes:96123456 errors:17 no mbufs:2\n"), "{fabric}");
    assert!(fabric.contains("IPaddr:172.16.0.1\n            IP6addr:2001:db8::ff\n"), "{fabric}");
}

#[test]
fn nh_lists_next_hops_in_the_original_s_shape() {
    let all = gathered();
    compare("nh-list", &nh::list(&all));
    let resolved = nh::get(&all, Nexthop::Vxlan(0).number()).expect("the first VTEP");
    assert!(resolved.contains("Flags:Valid, Vxlan, \n"), "{resolved}");
    assert!(resolved.contains("Len:14 Data:02 00 00 00 0c 01 02 00 00 00 0b 00 08 00 \n"), "{resolved}");
    let unresolved = nh::get(&all, Nexthop::MplsOverGre(1).number()).expect("the second VTEP");
    assert!(unresolved.contains("Flags:MPLSoGRE, \n"), "{unresolved}");
    assert_eq!(nh::get(&all, 4), None);
}

#[test]
fn no_two_next_hops_have_one_number() {
    let mut numbers = std::collections::HashSet::from([Nexthop::Drop.number()]);
    for n in [0, 1, 2, 65_535, u32::MAX] {
        let kinds = [Nexthop::Vif, Nexthop::Network, Nexthop::MplsOverUdp, Nexthop::MplsOverGre, Nexthop::Vxlan];
        assert!(kinds.iter().all(|kind| numbers.insert(kind(n).number())), "{n}");
    }
}

#[test]
fn mpls_dumps_labels_in_the_original_s_shape() {
    compare("mpls-dump", &mpls::text(&gathered(), &document("labels")));
}

#[test]
fn rt_dumps_a_bridge_table_in_the_original_s_shape() {
    let all = gathered();
    let mut fdb: api::FdbDocument = document("fdb");
    fdb.entries.retain(|entry| entry.network == "blue");
    let network = all.network("blue").expect("a network");
    let text = rt::text(&all, network, &fdb, true);
    assert!(text.contains("\n1           2:0:0:0:10:64"), "{text}");
    assert!(text.lines().filter(|line| line.starts_with(char::is_numeric)).all(|line| line.len() == 92), "{text}");
    fdb = document("fdb");
    compare("rt-dump", &rt::text(&all, network, &fdb, true));
}

#[test]
fn dropstats_has_exactly_the_original_s_names_and_counts_each_reason_once() {
    let drops: api::DropsDocument = document("drops");
    let text = dropstats::text(&drops, None);
    compare("dropstats", &text);
    let sum = |text: &str| -> u64 {
        text.lines().filter_map(|line| line.get(30..)).map(|count| count.parse::<u64>().expect("a count")).sum()
    };
    assert_eq!(sum(&text), drops.reasons.iter().map(|reason| reason.count).sum::<u64>());
    assert!(text.contains("\nIF Drop                       31\n"), "{text}");
}

#[test]
fn dropstats_of_the_cores_add_up() {
    let drops: api::DropsDocument = document("drops");
    assert!(dropstats::text(&drops, Some(0)).contains("\nIF Drop                       27\n"));
    assert!(dropstats::text(&drops, Some(1)).contains("\nIF Drop                       4\n"));
    assert!(dropstats::text(&drops, Some(2)).contains("\nIF Drop                       0\n"));
}

#[test]
fn a_reason_of_a_daemon_that_names_no_counter_is_misc() {
    let mut drops: api::DropsDocument = document("drops");
    drops.reasons.iter_mut().for_each(|reason| reason.dropstats = None);
    assert!(dropstats::text(&drops, None).contains("\nMisc                          34\n"));
}
