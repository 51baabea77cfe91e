//! Writes the table of rules that the data path keeps, each with the test that holds it to it, from a test run:
//!
//! ```text
//! cargo test -p datapath 2>&1 | cargo run -q -p testkit --example conformance > docs/conformance.md
//! ```
//!
//! Fails if a rule's test did not run or did not pass.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::io::Read;
use std::process::ExitCode;

/// Identifier, rule, source, and test as `file::name`.
const RULES: &[[&str; 4]] = &[
    ["ETH-1", "Frames below 14 octets are dropped", "IEEE 802.3 3.2", "bad_frames::a_runt"],
    ["ETH-2", "A group or zero address is no source", "IEEE 802.3 3.2.3", "bad_frames::a_group_or_zero_source_mac"],
    [
        "ETH-3",
        "Short frames are padded to 60 octets with zeros",
        "IEEE 802.3 4.2.3.3",
        "bad_frames::an_inner_frame_of_14_is_padded_with_zeros_to_60",
    ],
    ["TAG-1", "A frame that ends within its tag is dropped", "IEEE 802.1Q 9", "bad_frames::a_tag_that_is_cut"],
    [
        "TAG-2",
        "(port, VLAN) names the instance; others are dropped, 4095 and 802.1ad too",
        "configuration",
        "bad_frames::an_unknown_vlan_also_untagged_and_4095",
    ],
    [
        "TAG-3",
        "A frame sent to VLAN 0 is never taken for another VLAN's",
        "IEEE 802.1Q 6.9",
        "isolation::an_inner_tag_cannot_lead_from_vlan_0_into_another_vlan",
    ],
    [
        "TAG-4",
        "Tag in the frame or taken out by the port, inner tags, VLAN 0: what comes out is what an oracle says",
        "IEEE 802.1Q",
        "oracle::what_comes_out_is_what_has_to",
    ],
    ["VMI-1", "The source is one of the VMI's own addresses", "configuration", "bad_frames::an_unknown_source_mac"],
    [
        "VMI-2",
        "Frames of an access port never reach the underlay or the host",
        "configuration",
        "isolation::access_frames_never_reach_the_underlay_or_the_host",
    ],
    ["VMI-3", "A frame stays in its network", "configuration", "isolation::a_frame_stays_in_its_network"],
    [
        "LOOP-1",
        "No frame is delivered to a VMI whose own address is its source",
        "architecture 2.7",
        "bad_frames::a_vmis_own_mac_that_comes_back",
    ],
    [
        "LOOP-2",
        "What came from the fabric never returns to it",
        "architecture 2.7",
        "bad_frames::a_frame_from_the_fabric_for_the_fabric",
    ],
    [
        "LOOP-3",
        "Two gateways on one LAN without STP do not loop",
        "architecture 2.7",
        "gateways_on_one_lan::two_instances_behind_two_gateways_hear_each_other_a_bounded_number_of_times",
    ],
    [
        "LOOP-4",
        "No gateways that serve a LAN's VLANs alike loop, and copies are bounded",
        "architecture 2.7",
        "gateways_on_one_lan::no_topology_loops_and_copies_are_bounded",
    ],
    [
        "FLOOD-1",
        "Unknown unicast is dropped unless its network floods it",
        "configuration",
        "bad_frames::unknown_unicast",
    ],
    [
        "FLOOD-2",
        "Flooded frames are taken only from VTEPs of the network's list",
        "configuration",
        "bad_frames::a_flooded_frame_from_a_vtep_that_is_not_in_the_list",
    ],
    ["IP-1", "An outer header with options is dropped", "RFC 7348 5", "bad_frames::ip_options"],
    ["IP-2", "VTEPs do not fragment: a first fragment is dropped", "RFC 7348 4.3", "bad_frames::an_outer_fragment"],
    ["IP-3", "The header checksum is right", "RFC 791 3.1", "bad_frames::a_bad_outer_checksum"],
    [
        "IP-4",
        "The total length fits the frame and the headers",
        "RFC 791 3.1",
        "bad_frames::an_ip_packet_longer_than_its_frame_or_shorter_than_its_headers",
    ],
    [
        "IP-5",
        "A packet to our address in a group's frame is dropped",
        "RFC 1122 3.3.6",
        "bad_frames::a_packet_to_our_address_in_a_groups_frame",
    ],
    [
        "IP-6",
        "Identifications of several workers never meet",
        "RFC 6864 4",
        "workers::ip_ids_of_several_workers_never_meet_also_after_they_wrap",
    ],
    ["UDP-1", "The length agrees with the IP packet's", "RFC 768", "bad_frames::a_udp_length_that_lies"],
    [
        "UDP-2",
        "A checksum that is not zero is right",
        "RFC 7348 5",
        "bad_frames::a_wrong_non_zero_udp_checksum_and_a_right_one",
    ],
    [
        "UDP-3",
        "A sum of zero is sent as all ones",
        "RFC 768",
        "bad_frames::a_right_udp_checksum_that_is_all_ones_because_zero_means_none",
    ],
    [
        "UDP-4",
        "A flow has one source port, from the dynamic range",
        "RFC 7348 5",
        "workers::a_flow_has_one_entropy_port_whatever_it_carries",
    ],
    ["VXLAN-1", "The I flag is set", "RFC 7348 5", "bad_frames::a_vxlan_header_without_the_i_flag"],
    ["VXLAN-2", "Reserved bits are ignored on receipt", "RFC 7348 5", "bad_frames::reserved_bits_are_ignored"],
    ["VXLAN-3", "An unknown VNI is dropped", "RFC 7348 5", "bad_frames::an_unknown_vni"],
    ["VXLAN-4", "The inner frame has an Ethernet header", "RFC 7348 5", "bad_frames::an_inner_frame_shorter_than_14"],
    [
        "VXLAN-5",
        "Every emitted field reads as meant in Scapy",
        "RFC 7348 5",
        "judged_by_others::scapy_reads_every_field_as_it_was_meant",
    ],
    [
        "VXLAN-6",
        "Every emitted field reads as meant in tshark",
        "RFC 7348 5",
        "judged_by_others::tshark_reads_every_field_as_it_was_meant",
    ],
    [
        "VXLAN-7",
        "What Scapy encapsulated comes out as it went in",
        "RFC 7348 5",
        "judged_by_others::what_scapy_built_is_decapsulated_to_what_it_put_inside",
    ],
    [
        "VTEP-1",
        "An outer source that cannot be a VTEP is dropped",
        "RFC 1122 3.2.1.3",
        "bad_frames::an_outer_source_that_cannot_be_a_vtep",
    ],
    ["VTEP-2", "Our own outer source is dropped", "RFC 1122 3.2.1.3", "bad_frames::our_own_outer_source"],
    [
        "VTEP-3",
        "Unknown VTEPs are refused, as fabric.source_check says",
        "configuration",
        "bad_frames::an_unknown_outer_source_unless_anybody_may_send",
    ],
    [
        "MTU-1",
        "Too big for the fabric is dropped, with its reason",
        "RFC 7348 4.3",
        "bad_frames::a_frame_too_big_for_the_fabric_by_one_octet",
    ],
    [
        "MTU-2",
        "Too big for the access port is dropped, with its reason",
        "IEEE 802.3 3.2.7",
        "bad_frames::a_frame_too_big_for_its_port_by_one_octet",
    ],
    [
        "LAW-1",
        "Every packet that came is somewhere",
        "architecture 2.11",
        "accounting::every_packet_that_came_is_somewhere",
    ],
    [
        "LAW-2",
        "A round allocates nothing",
        "architecture 4",
        "no_allocation::no_round_allocates_in_either_direction_with_floods_punts_and_drops",
    ],
    [
        "LAW-3",
        "Packets of a flow keep their order",
        "RFC 7348 5",
        "workers::packets_of_a_flow_keep_their_order_among_others",
    ],
];

/// Each test's status, by `file::name`, from what `cargo test` prints.
fn statuses(run: &str) -> BTreeMap<String, String> {
    let (mut file, mut statuses) = (String::new(), BTreeMap::new());
    for line in run.lines() {
        if let Some((_, path)) = line.split_once("Running ") {
            let name = path.rsplit_once(".rs").and_then(|(path, _)| path.rsplit('/').next());
            file = name.unwrap_or_default().to_owned();
        } else if let Some((name, status)) = line.strip_prefix("test ").and_then(|test| test.split_once(" ... ")) {
            statuses.insert(format!("{file}::{}", name.trim_end_matches(" - should panic")), status.to_owned());
        }
    }
    statuses
}

fn main() -> ExitCode {
    let mut run = String::new();
    if let Err(error) = std::io::stdin().read_to_string(&mut run) {
        eprintln!("conformance: the test run on standard input cannot be read: {error}");
        return ExitCode::FAILURE;
    }
    let statuses = statuses(&run);
    println!("# Conformance\n");
    println!("The rules that the data path keeps, and the test in `crates/datapath/tests` that holds it to each.");
    println!("Made from a test run by `crates/testkit/examples/conformance.rs`; not to be edited.\n");
    println!("| rule | | source | test | status |\n|---|---|---|---|---|");
    let mut missing = 0;
    for [id, rule, source, test] in RULES {
        let status = statuses.get(*test).map_or("not run", String::as_str);
        missing += usize::from(status != "ok");
        println!("| {id} | {rule} | {source} | `{test}` | {status} |");
    }
    if missing > 0 {
        eprintln!("conformance: {missing} of {} rules have no test that passed", RULES.len());
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
