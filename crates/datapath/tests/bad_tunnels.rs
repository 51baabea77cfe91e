//! One bad packet of the overlay after the other, in every encapsulation and over both families that it concerns: each dies
//! for its own reason, is counted once, and nothing leaves.

#![allow(clippy::disallowed_macros, reason = "what is banned from the packet path may serve to test it")]

use std::net::{IpAddr, Ipv6Addr};
use telemetry::DropReason;
use testkit::example::*;
use testkit::packets::{Overlay, Sum, entry, ethernet};
use testkit::{Gateway, Network, Outcome, SourceCheck};
use wire::Encapsulation;

type Form = (Encapsulation, IpAddr);

const BLUE_AT: usize = 0;
const RED_AT: usize = 2;

fn mpls_forms() -> impl Iterator<Item = Form> {
    forms().filter(|(encapsulation, _)| encapsulation.is_mpls())
}

fn gre_forms() -> impl Iterator<Item = Form> {
    forms().filter(|(encapsulation, _)| *encapsulation == Encapsulation::MplsOverGre)
}

fn v6_forms() -> impl Iterator<Item = Form> {
    forms().filter(|(_, vtep)| vtep.is_ipv6())
}

/// The packet is dropped for one of these reasons, counted once, and nothing leaves.
fn dies_of(net: &Network, packet: Vec<u8>, reasons: &[DropReason]) {
    let mut gateway = Gateway::new(net);
    let outcome = gateway.pass(FABRIC, packet.clone());
    let is_one = reasons.iter().any(|reason| outcome == Outcome { drops: [(*reason, 1)].into(), ..Outcome::default() });
    assert!(is_one, "not {reasons:?} but {outcome:02x?}\nof {packet:02x?}");
    assert_eq!(gateway.settle().dropped, 1);
}

fn dies(packet: Vec<u8>, reason: DropReason) {
    dies_of(&network(), packet, &[reason]);
}

fn is_delivered_in(net: &Network, packet: Vec<u8>) {
    let outcome = Gateway::new(net).pass(FABRIC, packet.clone());
    assert_eq!(outcome.sent, [(ACCESS, tagged(100, A, REMOTE, 100))], "{:?} of {packet:02x?}", outcome.drops);
}

fn is_delivered(packet: Vec<u8>) {
    is_delivered_in(&network(), packet);
}

/// A good packet of blue to A with one thing changed.
fn packet(form: Form, change: impl FnOnce(&mut Overlay)) -> Vec<u8> {
    let mut packet = overlay(form, BLUE_AT, untagged(A, REMOTE, 100));
    change(&mut packet);
    packet.octets()
}

/// The same with this label stack.
fn stacked(form: Form, stack: &[u32]) -> Vec<u8> {
    packet(form, |p| p.set_mpls(stack, None))
}

/// An entry above the bottom, and one at it.
fn above(label: u32) -> u32 {
    entry(label, 0, false, 64)
}

fn bottom(label: u32) -> u32 {
    entry(label, 0, true, 64)
}

#[test]
fn the_packets_that_the_others_differ_from_are_good() {
    for form in forms() {
        is_delivered(packet(form, |_| {}));
    }
    for form in mpls_forms() {
        is_delivered(stacked(form, &[bottom(A_LABEL)]));
    }
}

#[test]
fn a_reserved_label_in_the_place_of_a_service_label() {
    for label in (0..16).filter(|label| ![0, 2, 7].contains(label)) {
        for form in mpls_forms() {
            dies(stacked(form, &[bottom(label)]), DropReason::ReservedLabel);
        }
    }
}

#[test]
fn a_reserved_label_above_or_behind_the_service_label() {
    for label in (0..16).filter(|label| ![0, 2, 7].contains(label)) {
        for form in mpls_forms() {
            dies(stacked(form, &[above(label), bottom(BLUE_LABEL)]), DropReason::ReservedLabel);
            dies(stacked(form, &[above(BLUE_LABEL), bottom(label)]), DropReason::ReservedLabel);
        }
    }
}

#[test]
fn a_stack_of_nothing_but_explicit_null_or_entropy() {
    let reasons = [DropReason::ReservedLabel, DropReason::LabelStack];
    for form in mpls_forms() {
        for stack in [&[bottom(0)][..], &[bottom(2)], &[above(0), bottom(2)], &[above(7), bottom(99)], &[bottom(7)]] {
            dies_of(&network(), stacked(form, stack), &reasons);
        }
    }
}

#[test]
fn no_bottom_of_stack_within_the_packet() {
    for form in mpls_forms() {
        for stack in
            [&[above(BLUE_LABEL)][..], &[above(0)], &[above(BLUE_LABEL), above(7), above(99)], &[above(0), above(7)]]
        {
            let packet = packet(form, |p| {
                p.set_mpls(stack, None);
                p.inner.clear();
            });
            dies(packet, DropReason::LabelStack);
        }
    }
}

#[test]
fn a_stack_of_more_than_eight_entries() {
    for form in mpls_forms() {
        let nulls = |n: usize| [vec![above(0); n], vec![bottom(BLUE_LABEL)]].concat();
        is_delivered(stacked(form, &nulls(7)));
        dies(stacked(form, &nulls(8)), DropReason::LabelStack);
    }
}

#[test]
fn a_wrong_s_bit() {
    for form in mpls_forms() {
        // Missing: the frame's own octets are taken for entries, and none of them is a legal one behind a service label.
        let of_frame = [DropReason::LabelStack, DropReason::LabelTtl, DropReason::ReservedLabel];
        dies_of(&network(), stacked(form, &[above(BLUE_LABEL)]), &of_frame);
        // Too early: the stack ends before its service label.
        let early = [DropReason::LabelStack, DropReason::ReservedLabel];
        dies_of(&network(), stacked(form, &[bottom(0), bottom(BLUE_LABEL)]), &early);
        dies_of(&network(), stacked(form, &[bottom(7), above(99), bottom(BLUE_LABEL)]), &early);
    }
}

#[test]
fn a_second_service_label() {
    for form in mpls_forms() {
        for second in [BLUE_LABEL, GREEN_LABEL, 17, 0xf_ffff] {
            dies(stacked(form, &[above(BLUE_LABEL), bottom(second)]), DropReason::LabelStack);
        }
    }
}

#[test]
fn a_ttl_of_0_or_1_anywhere_but_in_an_entropy_pair() {
    for form in mpls_forms() {
        for ttl in [0, 1] {
            dies(stacked(form, &[entry(BLUE_LABEL, 0, true, ttl)]), DropReason::LabelTtl);
            dies(stacked(form, &[entry(0, 0, false, ttl), bottom(BLUE_LABEL)]), DropReason::LabelTtl);
            dies(stacked(form, &[above(BLUE_LABEL), entry(2, 0, true, ttl)]), DropReason::LabelTtl);
            let pair = [entry(7, 0, false, ttl), entry(99, 0, false, ttl)];
            is_delivered(stacked(form, &[&pair[..], &[bottom(BLUE_LABEL)]].concat()));
        }
        for ttl in [2, 255] {
            is_delivered(stacked(form, &[entry(BLUE_LABEL, 0, true, ttl)]));
        }
    }
}

#[test]
fn explicit_nulls_and_entropy_labels_are_skipped() {
    for form in mpls_forms() {
        for stack in [
            &[above(0), bottom(BLUE_LABEL)][..],
            &[above(2), above(0), bottom(BLUE_LABEL)],
            &[above(BLUE_LABEL), bottom(0)],
            &[above(7), above(0xf_ffff), bottom(BLUE_LABEL)],
            &[above(BLUE_LABEL), above(7), entry(0x1_0000, 0, true, 0)],
            &[above(0), above(7), above(7), above(BLUE_LABEL), above(2), above(7), bottom(3)],
        ] {
            is_delivered(stacked(form, stack));
        }
    }
}

#[test]
fn an_unknown_label() {
    for form in mpls_forms() {
        for label in [17, 99, 0xf_fffe, 302] {
            dies(stacked(form, &[bottom(label)]), DropReason::UnknownLabel);
        }
    }
}

#[test]
fn a_label_of_another_network_leads_into_that_network() {
    for form in mpls_forms() {
        dies(stacked(form, &[bottom(GREEN_LABEL)]), DropReason::UnknownUnicast);
        let flooded = packet(form, |p| {
            p.inner = untagged(BROADCAST, REMOTE, 100);
            p.set_mpls(&[bottom(GREEN_LABEL)], None);
        });
        let sent = Gateway::new(&network()).pass(FABRIC, flooded.clone()).sent;
        if form.1.is_ipv4() {
            assert_eq!(sent, [(ACCESS, tagged(200, BROADCAST, REMOTE, 100))]);
        } else {
            dies(flooded, DropReason::FloodSourceNotMember);
        }
        let mut strict = network();
        strict.fabric.source_check = SourceCheck::Strict;
        strict.reach.retain(|reach| reach.network != 1);
        dies_of(&strict, stacked(form, &[bottom(GREEN_LABEL)]), &[DropReason::OuterSourceUnknown]);
    }
}

#[test]
fn a_vmis_own_label_on_a_frame_for_somebody_else() {
    for form in mpls_forms() {
        for to in [B, BROADCAST, [0x33, 0x33, 0, 0, 0, 1], REMOTE, [2, 9, 9, 9, 9, 9]] {
            let packet = packet(form, |p| {
                p.inner = untagged(to, REMOTE, 100);
                p.set_mpls(&[bottom(A_LABEL)], None);
            });
            dies(packet, DropReason::LabelDestination);
        }
    }
}

#[test]
fn a_vmis_own_label_leads_to_it_for_an_address_that_another_vmi_has_first() {
    let shared = [0, 0, 0x5e, 0, 1, 0x0a];
    let mut net = network();
    net.vmis.swap(0, 1);
    net.vmis.iter_mut().take(2).for_each(|vmi| vmi.macs.push(shared));
    for form in mpls_forms() {
        let to_shared = |label| {
            packet(form, |p| {
                p.inner = untagged(shared, REMOTE, 100);
                p.set_mpls(&[bottom(label)], None);
            })
        };
        let sent = |label| Gateway::new(&net).pass(FABRIC, to_shared(label)).sent;
        assert_eq!(sent(A_LABEL), [(ACCESS, tagged(100, shared, REMOTE, 100))]);
        assert_eq!(
            sent(BLUE_LABEL),
            [(ACCESS, tagged(101, shared, REMOTE, 100))],
            "the network's label: the first has it"
        );
    }
}

#[test]
fn a_control_word_that_is_not_zero() {
    for form in mpls_forms() {
        for (label, to) in [(RED_LABEL, D), (G_LABEL, G)] {
            let with = |word| {
                let mut packet = overlay(form, RED_AT, untagged(to, REMOTE, 100));
                packet.set_mpls(&[bottom(label)], word);
                packet.octets()
            };
            assert_eq!(Gateway::new(&network()).pass(FABRIC, with(Some(0))).sent.len(), 1);
            for word in [1, 0x100, 0x1_0000, 0x1000_0000, 0xffff_ffff] {
                dies(with(Some(word)), DropReason::ControlWord);
            }
            dies(with(None), DropReason::ControlWord);
        }
    }
}

#[test]
fn gre_with_unknown_flags_or_version() {
    for form in gre_forms() {
        for flags in [0x4000, 0x1000, 0x0800, 0x0400, 1, 2, 7, 0x7000] {
            dies(packet(form, |p| p.gre().flags = flags), DropReason::GreFlags);
        }
    }
}

#[test]
fn gres_reserved_bits_6_to_12_are_ignored() {
    for form in gre_forms() {
        for flags in (3..10).map(|bit| 1 << bit) {
            is_delivered(packet(form, |p| p.gre().flags = flags));
        }
    }
}

#[test]
fn a_wrong_gre_checksum_and_a_right_one_with_and_without_a_key() {
    for form in gre_forms() {
        for key in [None, Some(0), Some(0xdead_beef)] {
            let with = |sum| packet(form, |p| (p.gre().checksum, p.gre().key) = (sum, key));
            is_delivered(with(None));
            is_delivered(with(Some(Sum::Right)));
            dies(with(Some(Sum::Zero)), DropReason::GreChecksum);
            dies(with(Some(Sum::Value(0x1234))), DropReason::GreChecksum);
        }
    }
}

#[test]
fn gre_of_another_protocol_is_the_hosts() {
    for form in gre_forms() {
        for (protocol, flags) in [(0x0800, 0), (0x6558, 0), (0x8848, 0), (0x880b, 0x3001)] {
            let packet = packet(form, |p| (p.gre().protocol, p.gre().flags) = (protocol, flags));
            assert_eq!(Gateway::new(&network()).pass(FABRIC, packet.clone()).host, [packet]);
        }
    }
}

#[test]
fn ipv6_extension_headers_in_front_of_an_overlay_packet() {
    for form in v6_forms() {
        for (number, octets) in [(0, 6), (43, 14), (60, 6), (60, 22), (51, 14)] {
            let extended = packet(form, |p| p.ipv6().extensions = vec![(number, vec![0; octets])]);
            dies(extended, DropReason::OuterIpv6Extension);
        }
        let several = packet(form, |p| p.ipv6().extensions = vec![(0, vec![0; 6]), (60, vec![0; 6])]);
        dies(several, DropReason::OuterIpv6Extension);
    }
}

#[test]
fn a_chain_of_extension_headers_that_is_too_long_or_leaves_the_frame_is_the_hosts() {
    for form in v6_forms() {
        let chain = |n| packet(form, |p| p.ipv6().extensions = vec![(0, vec![0; 6]); n]);
        dies(chain(7), DropReason::OuterIpv6Extension);
        let mut beyond = packet(form, |p| p.ipv6().extensions = vec![(60, vec![0; 6])]);
        // The header's length, in units of eight octets beyond the first.
        beyond[14 + 41] = 0xff;
        for packet in [chain(8), chain(20), beyond] {
            assert_eq!(Gateway::new(&network()).pass(FABRIC, packet.clone()).host, [packet]);
        }
    }
}

#[test]
fn an_ipv6_fragment_of_an_overlay_packet_and_a_later_one_that_is_the_hosts() {
    for form in v6_forms() {
        for flags in [0, 1] {
            let first = packet(form, |p| p.ipv6().extensions = vec![(44, vec![0, flags, 0, 0, 0, 1])]);
            dies(first, DropReason::OuterFragment);
        }
        let later = packet(form, |p| p.ipv6().extensions = vec![(44, vec![0, 0x08, 0, 0, 0, 1])]);
        assert_eq!(Gateway::new(&network()).pass(FABRIC, later.clone()).host, [later]);
    }
}

#[test]
fn a_udp_checksum_of_zero_over_ipv6_unless_it_is_configured() {
    let mut net = network();
    net.fabric.udp6_zero_checksum_rx = true;
    for form in v6_forms().filter(|(encapsulation, _)| *encapsulation != Encapsulation::MplsOverGre) {
        let zero = packet(form, |p| p.udp().sum = Sum::Zero);
        dies(zero.clone(), DropReason::UdpChecksumMissing);
        is_delivered_in(&net, zero);
        is_delivered_in(&net, packet(form, |_| {}));
    }
}

#[test]
fn a_wrong_udp_checksum_in_every_encapsulation_and_family() {
    let mut net = network();
    net.fabric.udp6_zero_checksum_rx = true;
    for form in forms().filter(|(encapsulation, _)| *encapsulation != Encapsulation::MplsOverGre) {
        is_delivered(packet(form, |p| p.udp().sum = Sum::Right));
        for sum in [1, 0x1234, 0xffff] {
            let wrong = packet(form, |p| p.udp().sum = Sum::Value(sum));
            dies_of(&net, wrong.clone(), &[DropReason::UdpChecksum]);
            dies(wrong, DropReason::UdpChecksum);
        }
    }
}

#[test]
fn a_udp_length_that_lies_in_every_encapsulation_and_family() {
    for form in forms().filter(|(encapsulation, _)| *encapsulation != Encapsulation::MplsOverGre) {
        for length in [0, 7, 8, 65_535] {
            let lies = packet(form, |p| (p.udp().length, p.udp().sum) = (Some(length), Sum::Right));
            dies_of(&network(), lies, &[DropReason::UdpLength, DropReason::UdpChecksum]);
        }
    }
}

#[test]
fn an_ipv6_packet_longer_than_its_frame_or_shorter_than_its_headers() {
    for form in v6_forms() {
        let good = packet(form, |_| {});
        dies(good[..good.len() - 1].to_vec(), DropReason::OuterTruncated);
        for octets in 15..54 {
            dies(good[..octets].to_vec(), DropReason::OuterTruncated);
        }
        for length in [0, 3] {
            dies(packet(form, |p| p.ipv6().length = Some(length)), DropReason::OuterTruncated);
        }
    }
}

#[test]
fn a_packet_that_is_cut_anywhere_is_never_delivered() {
    for form in forms() {
        for of in [BLUE_AT, RED_AT] {
            let to = if of == BLUE_AT { A } else { G };
            let good = overlay(form, of, untagged(to, REMOTE, 100)).octets();
            for octets in 0..good.len() {
                let outcome = Gateway::new(&network()).pass(FABRIC, good[..octets].to_vec());
                assert_eq!((outcome.sent.len(), outcome.host.len()), (0, 0), "{form:?} cut to {octets}");
            }
        }
    }
}

#[test]
fn an_inner_frame_shorter_than_14_in_every_encapsulation_and_family() {
    for form in forms() {
        for octets in 0..14 {
            let reasons = [DropReason::InnerRunt, DropReason::OuterTruncated];
            let expected = if octets == 0 { &reasons[..] } else { &reasons[..1] };
            dies_of(&network(), packet(form, |p| p.inner.truncate(octets)), expected);
        }
    }
}

#[test]
fn an_ipv6_source_that_cannot_be_a_vtep_or_is_our_own_or_unknown() {
    let group = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
    let own = network().fabric.address_v6.unwrap();
    let stranger = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 9);
    for source_check in [SourceCheck::Strict, SourceCheck::Known, SourceCheck::Any] {
        let mut net = network();
        net.fabric.source_check = source_check;
        for form in v6_forms() {
            let from = |source| packet(form, |p| p.ipv6().source = source);
            for source in [Ipv6Addr::UNSPECIFIED, Ipv6Addr::LOCALHOST, group] {
                dies_of(&net, from(source), &[DropReason::OuterSourceInvalid]);
            }
            dies_of(&net, from(own), &[DropReason::OuterSourceOwn]);
            if source_check == SourceCheck::Any {
                is_delivered_in(&net, from(stranger));
            } else {
                dies_of(&net, from(stranger), &[DropReason::OuterSourceUnknown]);
            }
        }
    }
}

#[test]
fn our_own_outer_source_in_every_encapsulation_over_ipv4() {
    let own = network().fabric.address.unwrap();
    for form in forms().filter(|(_, vtep)| vtep.is_ipv4()) {
        dies(packet(form, |p| p.ipv4().source = own), DropReason::OuterSourceOwn);
    }
}

#[test]
fn edge_values_of_labels_and_vnis_are_served_in_both_directions() {
    let net = network();
    for form in forms() {
        let inner = untagged(C, [2, 0, 0, 0, 0x20, 0xc8], 100);
        let sent = Gateway::new(&net).pass(FABRIC, overlay(form, 1, inner).octets()).sent;
        assert_eq!(sent, [(ACCESS, tagged(200, C, [2, 0, 0, 0, 0x20, 0xc8], 100))]);
        let sent = Gateway::new(&net).pass(FABRIC, overlay(form, RED_AT, untagged(D, REMOTE, 100)).octets()).sent;
        assert_eq!(sent, [(ACCESS, tagged(300, D, REMOTE, 100))]);
        let sent = Gateway::new(&net).pass(ACCESS, tagged(300, station(RED_AT, form.0, form.1), D, 100)).sent;
        let (shim, packet) = (shim_at(form), &sent[0].1);
        let number = u32::from_be_bytes(packet[shim..shim + 4].try_into().unwrap());
        assert_eq!(number, if form.0.is_mpls() { entry(RED_LABEL, 0, true, 64) } else { RED << 8 });
    }
}

/// Where VNI or label stand in a packet without a fabric VLAN.
fn shim_at((encapsulation, vtep): Form) -> usize {
    let ip = if vtep.is_ipv4() { 34 } else { 54 };
    ip + match encapsulation {
        Encapsulation::Vxlan => 12,
        Encapsulation::MplsOverUdp => 8,
        Encapsulation::MplsOverGre => 4,
    }
}

#[test]
fn a_frame_too_big_for_the_fabric_by_one_octet_in_every_encapsulation_and_family() {
    let mut net = network();
    net.fabric.links[0].mtu = 1500;
    for form in forms() {
        for (of, vlan, from) in [(BLUE_AT, 100, A), (RED_AT, 300, D)] {
            let control_word = if of == RED_AT && form.0.is_mpls() { 4 } else { 0 };
            // What the outer IP packet has before the inner one: its headers to the VNI or label, and Ethernet's.
            let longest = 1500 - (shim_at(form) - 14 + 4 + control_word) - 14 - 28;
            let to = station(of, form.0, form.1);
            let sent = Gateway::new(&net).pass(ACCESS, tagged(vlan, to, from, longest)).sent;
            assert_eq!(sent[0].1.len(), 1514, "{form:?}");
            let outcome = Gateway::new(&net).pass(ACCESS, tagged(vlan, to, from, longest + 1));
            assert_eq!(outcome.drops, [(DropReason::TooBigForFabric, 1)].into());
        }
    }
}

#[test]
fn the_port_of_mpls_in_udp_from_before_there_was_a_standard_is_taken() {
    for form in forms().filter(|(encapsulation, _)| *encapsulation == Encapsulation::MplsOverUdp) {
        is_delivered(packet(form, |p| (p.udp().destination, p.udp().sum) = (51234, Sum::Right)));
        let other = packet(form, |p| p.udp().destination = 6636);
        assert_eq!(Gateway::new(&network()).pass(FABRIC, other).host.len(), 1);
    }
}

#[test]
fn an_inner_tag_passes_through_every_encapsulation_as_it_is() {
    for form in forms() {
        let inner = ethernet(A, REMOTE, &[0x6007], 0x0800, &datagram(100));
        let sent = Gateway::new(&network()).pass(FABRIC, overlay(form, BLUE_AT, inner.clone()).octets()).sent;
        assert_eq!(sent, [(ACCESS, [&inner[..12], &[0x81, 0, 0, 100], &inner[12..]].concat())]);
        let back = ethernet(station(BLUE_AT, form.0, form.1), A, &[100, 0x6007], 0x0800, &datagram(100));
        let sent = Gateway::new(&network()).pass(ACCESS, back.clone()).sent;
        assert!(sent[0].1.ends_with(&[&back[..12], &back[16..]].concat()));
    }
}
