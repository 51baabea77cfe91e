//! What the original gateway does that ours has to do too, by the points of the list of requirements, each with the tests
//! that show it. Where we do otherwise it says so, and why.

/// One point.
pub(super) struct Point {
    /// Its number in the list.
    pub(super) number: u8,
    pub(super) requirement: &'static str,
    /// As `file::name` or `crate::path::name`.
    pub(super) tests: &'static [&'static str],
    /// What we do otherwise, and the reason.
    pub(super) deviation: Option<&'static str>,
}

pub(super) const POINTS: &[Point] = &[
    Point {
        number: 12,
        requirement: "What is behind an access port that loses its link is not reachable any more",
        tests: &[
            "reconcile::access::when_its_port_can_be_used_again_a_vlan_hears_where_everybody_is",
            "control::access::probes::tests::behind_a_port_that_cannot_be_used_nobody_is_there_or_asked",
        ],
        deviation: Some(
            "The original does not look at links at all. Also the other way: without a fabric the access ports are closed, so that the switch takes another gateway",
        ),
    },
    Point {
        number: 17,
        requirement: "A frame of VLAN n with a source of its list is the VMI's; the tag is taken off once, its priority kept",
        tests: &[
            "tags::the_outer_tag_is_taken_off_once_and_the_rest_goes_to_the_fabric",
            "tags::priority_and_dei_are_kept_between_access_vlans",
        ],
        deviation: None,
    },
    Point {
        number: 18,
        requirement: "One tag with the LI's VID goes on; VLAN 0 sends untagged",
        tests: &[
            "tags::one_tag_of_the_ports_type_is_put_on",
            "tags::priority_and_dei_are_kept_between_access_vlans",
            "tags::vlan_0_takes_untagged_and_priority_tagged_frames_and_sends_untagged_ones",
        ],
        deviation: Some(
            "DEI is sent as it came, not 0: a drop precedence that a switch marked is its network's. The tag's type is the port's `tpid`. A frame that begins with a tag of the instance's own goes to VLAN 0 behind a priority tag, or a switch would take it for another VLAN's",
        ),
    },
    Point {
        number: 19,
        requirement: "A LI of VLAN 0 takes untagged and priority-tagged frames",
        tests: &[
            "tags::vlan_0_takes_untagged_and_priority_tagged_frames_and_sends_untagged_ones",
            "tags::what_an_instance_tagged_itself_goes_to_vlan_0_behind_a_priority_tag",
        ],
        deviation: None,
    },
    Point {
        number: 20,
        requirement: "A frame of an unknown VLAN is dropped and counted, and reaches neither the underlay nor the host",
        tests: &[
            "bad_frames::an_unknown_vlan_also_untagged_and_4095",
            "bad_frames::an_unknown_inner_vlan_also_none_and_a_priority_tag",
            "isolation::access_frames_never_reach_the_underlay_or_the_host",
        ],
        deviation: None,
    },
    Point {
        number: 21,
        requirement: "A known VLAN's frame with an unknown source is dropped and counted, but for control frames of a BPDU network",
        tests: &[
            "bad_frames::an_unknown_source_mac",
            "bad_frames::another_instances_source_on_a_shared_vlan_and_nobodys",
            "bpdu::everything_else_untagged_is_an_ordinary_instances_or_dropped",
        ],
        deviation: None,
    },
    Point {
        number: 22,
        requirement: "A VMI never gets its own frame back; another VLAN's VMI of its network on the same port gets it",
        tests: &[
            "tags::an_instances_frame_reaches_another_vlan_of_its_port_and_never_its_own",
            "bad_frames::a_frame_for_a_neighbour_on_the_same_vlan",
            "gateways_on_one_lan::no_topology_loops_and_copies_are_bounded",
        ],
        deviation: Some(
            "Nor does a VMI on the same VLAN get it: the switch there has delivered it, and a second copy is how loops begin",
        ),
    },
    Point {
        number: 23,
        requirement: "An inner 0x8100 tag is kept end to end",
        tests: &[
            "tags::an_inner_tag_is_kept_end_to_end",
            "bad_tunnels::an_inner_tag_passes_through_every_encapsulation_as_it_is",
        ],
        deviation: Some(
            "Policy does not exist yet. An inner tag that would lead into an inner VLAN of another interface is dropped",
        ),
    },
    Point {
        number: 24,
        requirement: "802.1ad outside is handled, DEI is kept",
        tests: &[
            "tags::qinq_takes_off_two_tags_and_puts_on_two",
            "bad_frames::an_unknown_tpid_on_either_kind_of_port",
            "tags::priority_and_dei_are_kept_between_access_vlans",
            "judged_by_others::scapy_and_tshark_agree_with_us_on_every_form_of_tag",
        ],
        deviation: Some(
            "Beyond the original, which knows 0x8100 alone and clears DEI: each port has its `tpid`, each LI may have an inner VLAN. MPLS carries no DEI",
        ),
    },
    Point {
        number: 25,
        requirement: "Frames of the port's MTU pass with their tags; larger ones are counted",
        tests: &[
            "tags::frames_of_the_ports_mtu_pass_with_every_form_of_tag",
            "bad_frames::a_frame_too_big_for_its_port_by_one_octet",
        ],
        deviation: None,
    },
    Point {
        number: 26,
        requirement: "An access port's traffic cannot reach the underlay: no routing, no decapsulation",
        tests: &[
            "isolation::no_encapsulation_is_decapsulated_or_given_to_the_host_at_an_access_port",
            "isolation::a_packet_of_the_overlay_at_an_access_port_is_never_taken_for_one",
        ],
        deviation: Some("The original routes what matches no VMI in its underlay's VRF: a hole that is not copied"),
    },
    Point {
        number: 27,
        requirement: "A VMI's frames are counted with their tags",
        tests: &["tags::an_interface_counts_its_octets_with_their_tags"],
        deviation: Some("The parent's counters are the port's own, by its driver: `causeway show ports`"),
    },
    Point {
        number: 28,
        requirement: "Forwarding modes l2_l3 and l2, changed at run time",
        tests: &[
            "config_errors::forwarding_modes_are_judged_and_routing_is_not_there_yet",
            "reconcile::forwarding_modes_and_suppression_change_at_run_time",
            "answers::a_network_of_mode_l2_has_no_gateway_answers_nothing_and_refuses_nothing",
        ],
        deviation: Some("l3 is refused: there is no routing yet"),
    },
    Point {
        number: 29,
        requirement: "ARP for a known address is answered with its real MAC, for the gateway's with the virtual one; unknown is flooded; gratuitous ARP is flooded and reported",
        tests: &[
            "answers::a_request_for_a_known_instance_is_answered_with_its_own_mac_wherever_it_is",
            "answers::the_gateways_addresses_are_answered_with_the_virtual_routers_mac",
            "answers::who_is_unknown_or_out_of_reach_is_asked_by_everybody",
            "answers::gratuitous_arp_announcements_and_probes_reach_everybody_and_are_reported",
            "answers::replies_and_advertisements_to_the_gateway_end_here_and_are_reported",
            "answers::malformed_arp_is_dropped_and_counted",
            "answers::from_the_fabric_the_gateway_is_not_answered_for_and_the_rest_is_flooded",
            "answers::what_is_asked_is_answered_as_it_has_to_be",
            "answers::no_frame_whose_source_is_at_home_on_a_vlan_goes_there",
        ],
        deviation: Some(
            "An address that two MACs may have is flooded, not answered by the one that a route prefers. An owner on the requester's own VLAN answers himself. Probes for the gateway's addresses are answered (RFC 5227)",
        ),
    },
    Point {
        number: 30,
        requirement: "IPv6 neighbour discovery likewise; duplicate address detection is nobody's but the owner's",
        tests: &[
            "answers::solicitations_are_answered_by_the_owners_mac_and_the_gateways_as_a_router",
            "answers::duplicate_address_detection_and_unsolicited_advertisements_reach_everybody_and_are_reported",
            "answers::the_gateway_defends_its_own_addresses",
            "answers::malformed_neighbour_discovery_is_dropped_and_counted",
        ],
        deviation: Some(
            "The gateway defends its own addresses (RFC 4862 section 5.4.3). Router solicitations are flooded: there is no routing yet",
        ),
    },
    Point {
        number: 31,
        requirement: "DHCP is flooded where it is not served",
        tests: &["answers::what_a_router_or_a_server_would_answer_is_flooded"],
        deviation: Some("It is never served: there is no DHCP yet"),
    },
    Point {
        number: 32,
        requirement: "Broadcast, multicast and unknown unicast: one copy to each other member, none to the sender, no loop",
        tests: &[
            "oracle::what_comes_out_is_what_has_to",
            "gateways_on_one_lan::no_topology_loops_and_copies_are_bounded",
            "learning::no_frame_goes_to_the_segment_on_which_its_source_is_learned",
            "storm::each_class_has_a_budget_of_its_own_and_a_reason",
            "storm::an_interface_that_storms_costs_its_neighbour_nothing_and_the_network_s_budget_is_all_its_interfaces",
            "storm::one_networks_storm_leaves_the_others_their_copies_within_a_burst",
        ],
        deviation: Some(
            "Beyond the original, which has no storm control: each VMI and network has budgets in frames a second (`storm_control`), and networks share a burst's copies",
        ),
    },
    Point {
        number: 33,
        requirement: "Unknown unicast is dropped unless the network floods it",
        tests: &[
            "bad_frames::unknown_unicast",
            "oracle::what_comes_out_is_what_has_to",
            "storm::each_class_has_a_budget_of_its_own_and_a_reason",
        ],
        deviation: Some("What is flooded has a budget: `unknown_unicast_pps`"),
    },
    Point {
        number: 34,
        requirement: "Known VMIs need no learning; their MACs and address pairs are authoritative",
        tests: &[
            "bad_frames::an_unknown_source_mac",
            "tags::an_instances_frame_reaches_another_vlan_of_its_port_and_never_its_own",
            "learning::what_is_configured_elsewhere_groups_and_the_gateway_s_mac_are_not_learned",
            "learning::a_new_source_goes_on_and_is_told_once_in_a_while",
            "learning::a_full_interface_drops_what_it_would_have_to_learn_and_nothing_else",
            "control::access::learning::tests::a_source_is_learned_where_it_is_heard_and_forgotten_when_it_has_been_silent_for_long",
            "control::access::learning::tests::stations_are_where_they_were_heard_last_for_as_long_as_they_are_seen",
            "control::access::learning::tests::a_station_moves_with_its_counts_and_is_held_when_it_moves_too_often",
            "reconcile::a_learned_station_is_in_the_tables_survives_rebuilds_and_is_shown_with_its_age",
        ],
        deviation: Some(
            "Where a network says `mac_learning_enabled`, further stations are learned, within limits and with ageing; the original does so for PBB alone. Behind the fabric nothing is learned",
        ),
    },
    Point {
        number: 41,
        requirement: "A BPDU leaves unmodified and untagged by every other member port, from any source, and never back",
        tests: &[
            "bpdu::a_bpdu_leaves_unmodified_and_untagged_by_every_other_member_and_never_back",
            "bpdu::a_bpdu_from_the_other_gateway_leaves_by_every_member_and_not_back_to_the_fabric",
            "bpdu::a_priority_tag_goes_whether_the_port_took_it_out_or_not",
        ],
        deviation: Some("Shorter ones than Ethernet has are padded to 60 octets"),
    },
    Point {
        number: 42,
        requirement: "Group addresses of bridges are configurable; what is for the other end of a link is not forwarded",
        tests: &[
            "bpdu::other_groups_pass_when_they_are_listed_and_those_of_a_link_never",
            "bpdu::frames_of_a_link_are_flooded_in_no_network",
            "bpdu::from_the_fabric_only_control_frames_reach_the_members",
        ],
        deviation: Some("PVST+ by option, tag and all"),
    },
    Point {
        number: 43,
        requirement: "BPDUs are unaffected by a storm of other frames",
        tests: &[
            "bpdu::a_storm_in_the_same_burst_does_not_stand_in_front",
            "bpdu::a_full_queue_is_tried_for_longer_than_others_have_it_tried",
            "bpdu::an_empty_pool_still_carries_bpdus_and_the_reserve_is_refilled",
        ],
        deviation: None,
    },
    Point {
        number: 47,
        requirement: "A probe every 2 s to every address of every VMI, by ARP or NS, on its VLAN; an answer counts, and so does what is announced",
        tests: &[
            "reconcile::access::probes_go_to_every_address_and_an_answer_makes_it_reachable",
            "control::access::probes::tests::ten_thousand_vmis_are_each_asked_once_a_period_and_never_in_bursts",
            "control::access::probes::tests::an_announcement_counts_and_a_search_for_a_free_address_does_not",
            "control::access::frames::tests::frames_are_what_scapy_makes_of_the_same_fields",
            "originated::an_originated_frame_gets_its_interface_s_tags_and_is_padded",
        ],
        deviation: Some(
            "They come from the virtual router's MAC, not the port's, which is another on every gateway; on VLAN 0 they are untagged, not priority-tagged. All are spread evenly over the period",
        ),
    },
    Point {
        number: 49,
        requirement: "When an address becomes reachable, gratuitous ARP for the gateway's and service addresses with the virtual MAC",
        tests: &[
            "control::access::tests::the_router_s_addresses_are_announced_and_the_members_behind_the_fabric",
            "control::access::announce::tests::the_router_is_announced_twice_and_the_second_time_two_seconds_later",
            "control::access::tests::nothing_that_control_originates_bears_a_source_that_is_at_home_where_it_goes",
            "originated::whatever_control_originates_keeps_to_its_segment_and_never_bears_a_source_of_it",
        ],
        deviation: Some(
            "Also when the port can be used again; in IPv6 too; and the switches are shown where the members behind the fabric are",
        ),
    },
    Point {
        number: 52,
        requirement: "Outer headers: ports, entropy, checksums, TTL 64",
        tests: &[
            "judged_by_others::scapy_reads_every_field_as_it_was_meant",
            "judged_by_others::tshark_reads_every_field_as_it_was_meant",
            "workers::a_flow_has_one_entropy_port_whatever_it_carries",
        ],
        deviation: Some(
            "DF is set by default (`dont_fragment`): no end of a tunnel puts fragments together (RFC 7348 section 4.3). DSCP by `fabric.dscp`",
        ),
    },
    Point {
        number: 53,
        requirement: "The encapsulation is the first of the configured list that the remote end speaks; the VNI is configured or automatic",
        tests: &[
            "config_errors::the_encapsulation_is_the_first_priority_that_the_vtep_speaks",
            "config_warnings::a_vni_that_the_mode_does_not_use_is_a_warning",
        ],
        deviation: None,
    },
    Point {
        number: 54,
        requirement: "MPLS over UDP is taken on port 51234 too",
        tests: &["bad_tunnels::the_port_of_mpls_in_udp_from_before_there_was_a_standard_is_taken"],
        deviation: None,
    },
    Point {
        number: 55,
        requirement: "A control word of zero where it is configured; another one is dropped",
        tests: &[
            "bad_tunnels::a_control_word_that_is_not_zero",
            "judged_by_others::scapy_reads_every_field_as_it_was_meant",
        ],
        deviation: Some(
            "Flooded copies have it where the network has it, not always: they are ordinary packets of the network, not those of a replication tree",
        ),
    },
    Point {
        number: 59,
        requirement: "Our own source, an unknown label and an unknown VNI are dropped",
        tests: &[
            "bad_frames::our_own_outer_source",
            "bad_tunnels::our_own_outer_source_in_every_encapsulation_over_ipv4",
            "bad_tunnels::an_ipv6_source_that_cannot_be_a_vtep_or_is_our_own_or_unknown",
            "bad_tunnels::an_unknown_label",
            "bad_frames::an_unknown_vni",
        ],
        deviation: None,
    },
    Point {
        number: 60,
        requirement: "`vif --list` and `--get` in vRouter's shape: Vlan(o/i)(,S), the MAC list, Parent",
        tests: &[
            "causeway::vrouter::tests::vif_lists_interfaces_in_the_original_s_shape_with_vlan_macs_and_parent",
            "causeway::vrouter::tests::a_port_on_pci_is_shown_by_its_address_and_its_losses_as_errors",
            "command::the_commands_of_vrouter_print_its_shapes_and_refuse_what_is_not_there",
        ],
        deviation: Some("A VMI has no MAC of the gateway's: HWaddr is 0; the legend lists the flags that occur"),
    },
    Point {
        number: 61,
        requirement: "`dropstats` with exactly vRouter's names, in all and per core; cleared",
        tests: &[
            "causeway::vrouter::tests::dropstats_has_exactly_the_original_s_names_and_counts_each_reason_once",
            "causeway::vrouter::tests::dropstats_of_the_cores_add_up",
            "reconcile::every_drop_reason_has_a_counter_that_dropstats_prints",
            "reconcile::cleared_drop_reasons_count_from_zero_and_the_law_from_the_start",
        ],
        deviation: Some("Of one VMI the sum alone: `vif --get`. Reasons are not counted per VMI"),
    },
    Point {
        number: 62,
        requirement: "`rt`, `nh` and `mpls` in vRouter's shape; the state of a VMI and its reason as JSON",
        tests: &[
            "causeway::vrouter::tests::rt_dumps_a_bridge_table_in_the_original_s_shape",
            "causeway::vrouter::tests::nh_lists_next_hops_in_the_original_s_shape",
            "causeway::vrouter::tests::mpls_dumps_labels_in_the_original_s_shape",
            "documents::every_document_round_trips_to_the_letter",
        ],
        deviation: Some("Bridge tables only, and no flows or preference traces: there is neither routing nor policy"),
    },
    Point {
        number: 63,
        requirement: "More than 1,024 MACs on a port; a limit that is reached is an error that names it",
        tests: &["reconcile::a_port_has_room_for_3000_macs_and_one_vmi_beyond_the_limit_is_an_error_that_names_it"],
        deviation: None,
    },
];
