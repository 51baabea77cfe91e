//! One bad frame after the other: each dies for its own reason, is counted once, and nothing leaves.

#![allow(clippy::disallowed_macros, reason = "what is banned from the packet path may serve to test it")]

use proptest::prelude::*;
use std::net::Ipv4Addr;
use telemetry::DropReason;
use testkit::example::*;
use testkit::memory::Layout;
use testkit::packets::{Overlay, Sum, ethernet, ethernet_with};
use testkit::{Arrival, Gateway, Means, Network, Outcome};
use wire::{Encapsulation, Tpid};

/// The frame is dropped for this reason, counted once, and nothing leaves.
fn dies_in(net: &Network, port: usize, arrival: impl Into<Arrival>, reason: DropReason) {
    let mut gateway = Gateway::new(net);
    let outcome = gateway.pass(port, arrival);
    assert_eq!(outcome, Outcome { drops: [(reason, 1)].into(), ..Outcome::default() });
    let totals = gateway.settle();
    assert_eq!((totals.received, totals.dropped), (1, 1));
}

fn dies(port: usize, arrival: impl Into<Arrival>, reason: DropReason) {
    dies_in(&network(), port, arrival, reason);
}

/// A good packet of blue to A, with one thing changed.
fn from_fabric(change: impl FnOnce(&mut Overlay)) -> Vec<u8> {
    let mut packet = vxlan(untagged(A, REMOTE, 100));
    change(&mut packet);
    packet.octets()
}

fn is_delivered(packet: impl Into<Arrival>) {
    let mut gateway = Gateway::new(&network());
    let outcome = gateway.pass(FABRIC, packet);
    assert_eq!(outcome.sent, [(ACCESS, tagged(100, A, REMOTE, 100))], "{:?}", outcome.drops);
    gateway.settle();
}

#[test]
fn the_frames_that_the_others_differ_from_are_good() {
    is_delivered(from_fabric(|_| {}));
    let outcome = Gateway::new(&network()).pass(ACCESS, tagged(100, REMOTE, A, 100));
    assert_eq!(outcome.sent.len(), 1);
}

#[test]
fn a_runt() {
    for octets in [0, 1, 13] {
        dies(ACCESS, vec![2; octets], DropReason::Runt);
        dies(FABRIC, vec![2; octets], DropReason::OuterRunt);
    }
}

#[test]
fn a_tag_that_is_cut() {
    for octets in 14..18 {
        dies(ACCESS, tagged(100, REMOTE, A, 100)[..octets].to_vec(), DropReason::CutTag);
    }
}

#[test]
fn a_group_or_zero_source_mac() {
    for source in [BROADCAST, [1, 0, 0x5e, 0, 0, 1], [0; 6]] {
        dies(ACCESS, tagged(100, REMOTE, source, 100), DropReason::GroupSource);
        dies(FABRIC, vxlan(untagged(A, source, 100)).octets(), DropReason::InnerGroupSource);
    }
}

#[test]
fn an_unknown_vlan_also_untagged_and_4095() {
    for vlan in [0, 99, 4095] {
        dies(ACCESS, tagged(vlan, REMOTE, A, 100), DropReason::UnknownVlan);
        let octets = untagged(REMOTE, A, 100);
        dies(ACCESS, Arrival { octets, stripped: Some(vlan), ..Arrival::default() }, DropReason::UnknownVlan);
    }
    dies(ACCESS, untagged(REMOTE, A, 100), DropReason::UnknownVlan);
}

#[test]
fn an_unknown_tpid_on_either_kind_of_port() {
    for (tpid, others) in
        [(Tpid::Customer, [0x88a8, 0x9100, 0x9200, 0x9300]), (Tpid::Service, [0x8100, 0x9100, 0x9200, 0x9300])]
    {
        let mut net = network();
        net.access[ACCESS].tpid = tpid;
        for other in others {
            let frame = ethernet_with(REMOTE, A, &[(other, 100)], 0x0800, &datagram(100));
            dies_in(&net, ACCESS, frame, DropReason::UnknownTpid);
        }
        let good = ethernet_with(REMOTE, A, &[(tpid.value(), 100)], 0x0800, &datagram(100));
        assert_eq!(Gateway::new(&net).pass(ACCESS, good).sent.len(), 1);
    }
}

#[test]
fn an_unknown_inner_vlan_also_none_and_a_priority_tag() {
    for inner in [0, 9, 4095] {
        let frame = ethernet(F, G, &[400, inner], 0x0800, &datagram(100));
        dies(ACCESS, frame, DropReason::UnknownVlan);
    }
    let mut net = network();
    net.vmis.retain(|vmi| vmi.macs != [F]);
    dies_in(&net, ACCESS, tagged(400, D, G, 100), DropReason::UnknownVlan);
    let service_tag = ethernet_with(D, G, &[(0x8100, 400), (0x88a8, 7)], 0x0800, &datagram(100));
    dies_in(&net, ACCESS, service_tag, DropReason::UnknownVlan);
}

#[test]
fn an_inner_tag_that_is_cut() {
    let frame = ethernet(D, G, &[400, 7], 0x0800, &datagram(100));
    for octets in 18..22 {
        dies(ACCESS, frame[..octets].to_vec(), DropReason::CutTag);
        let octets = [&frame[..12], &frame[16..octets]].concat();
        dies(ACCESS, Arrival { octets, stripped: Some(400), ..Arrival::default() }, DropReason::CutTag);
    }
}

#[test]
fn another_instances_source_on_a_shared_vlan_and_nobodys() {
    for source in [A, F, REMOTE, [2, 9, 9, 9, 9, 9]] {
        dies(ACCESS, tagged(300, F, source, 100), DropReason::UnknownSourceMac);
    }
    dies(ACCESS, ethernet(D, H, &[400, 7], 0x0800, &datagram(100)), DropReason::UnknownSourceMac);
}

#[test]
fn a_frame_for_a_neighbour_on_the_same_vlan() {
    dies(ACCESS, tagged(300, E, D, 100), DropReason::SameSegment);
    dies(ACCESS, tagged(300, D, E, 100), DropReason::SameSegment);
}

#[test]
fn a_neighbours_frame_that_comes_back_through_the_fabric() {
    for (encapsulation, vtep) in forms() {
        let packet = overlay((encapsulation, vtep), 2, untagged(E, D, 100)).octets();
        dies(FABRIC, packet, DropReason::OwnSource);
    }
}

#[test]
fn an_unknown_source_mac() {
    dies(ACCESS, tagged(100, REMOTE, B, 100), DropReason::UnknownSourceMac);
    dies(ACCESS, tagged(100, BROADCAST, REMOTE, 100), DropReason::UnknownSourceMac);
}

#[test]
fn a_vmis_own_mac_that_comes_back() {
    dies(ACCESS, tagged(100, A, A, 100), DropReason::OwnSource);
    dies(FABRIC, vxlan(untagged(A, A, 100)).octets(), DropReason::OwnSource);
    let mut alone = network();
    alone.vmis.retain(|vmi| vmi.macs != [B]);
    dies_in(&alone, FABRIC, vxlan(untagged(BROADCAST, A, 100)).octets(), DropReason::OwnSource);
}

#[test]
fn an_outer_mac_that_is_not_ours() {
    dies(FABRIC, from_fabric(|p| p.outer_destination = [2, 0xfa, 0, 0, 0, 7]), DropReason::OuterMacNotOurs);
}

#[test]
fn a_packet_to_our_address_in_a_groups_frame() {
    dies(FABRIC, from_fabric(|p| p.outer_destination = BROADCAST), DropReason::OuterMacNotOurs);
}

#[test]
fn a_fabric_vlan_that_is_not_ours() {
    dies(FABRIC, from_fabric(|p| p.tags = vec![5]), DropReason::FabricVlan);
    let mut trunk = network();
    trunk.fabric.vlan = Some(100);
    dies_in(&trunk, FABRIC, from_fabric(|_| {}), DropReason::FabricVlan);
    dies_in(&trunk, FABRIC, from_fabric(|p| p.tags = vec![101]), DropReason::FabricVlan);
}

#[test]
fn a_fabric_vlan_behind_another_tag_that_the_port_took_out() {
    let mut trunk = network();
    trunk.fabric.vlan = Some(100);
    let octets = from_fabric(|p| p.tags = vec![100]);
    dies_in(&trunk, FABRIC, Arrival { octets, stripped: Some(5), ..Arrival::default() }, DropReason::FabricVlan);
}

#[test]
fn ip_options() {
    dies(FABRIC, from_fabric(|p| p.ipv4().options = vec![1; 4]), DropReason::OuterIpOptions);
    dies(FABRIC, from_fabric(|p| p.ipv4().options = vec![1; 40]), DropReason::OuterIpOptions);
}

#[test]
fn an_outer_fragment() {
    dies(FABRIC, from_fabric(|p| p.ipv4().flags_and_offset = 0x2000), DropReason::OuterFragment);
}

#[test]
fn a_later_fragment_has_no_ports_and_is_the_hosts() {
    let packet = from_fabric(|p| p.ipv4().flags_and_offset = 0x2001);
    let mut gateway = Gateway::new(&network());
    assert_eq!(gateway.pass(FABRIC, packet.clone()).host, [packet]);
}

#[test]
fn a_later_fragment_that_ends_within_its_ip_options() {
    let packet = from_fabric(|p| (p.ipv4().flags_and_offset, p.ipv4().ihl) = (0x2001, Some(13)));
    dies(FABRIC, packet[..64].to_vec(), DropReason::OuterTruncated);
}

#[test]
fn a_bad_outer_checksum() {
    dies(FABRIC, from_fabric(|p| p.ipv4().checksum = Some(0x1111)), DropReason::OuterChecksum);
    let octets = from_fabric(|p| p.ipv4().checksum = Some(0x1111));
    is_delivered(Arrival { octets, verified: true, ..Arrival::default() });
}

#[test]
fn an_ip_packet_longer_than_its_frame_or_shorter_than_its_headers() {
    let good = from_fabric(|_| {});
    dies(FABRIC, good[..good.len() - 1].to_vec(), DropReason::OuterTruncated);
    for octets in 15..34 {
        dies(FABRIC, good[..octets].to_vec(), DropReason::OuterTruncated);
    }
    for total in [0, 19, 27, 35, 1000] {
        dies(
            FABRIC,
            from_fabric(|p| p.ipv4().total = Some(total)),
            if total == 35 { DropReason::UdpLength } else { DropReason::OuterTruncated },
        );
    }
    dies(FABRIC, from_fabric(|p| p.ipv4().ihl = Some(4)), DropReason::OuterTruncated);
}

#[test]
fn an_ipv4_frame_without_a_packet() {
    dies(FABRIC, from_fabric(|_| {})[..14].to_vec(), DropReason::OuterTruncated);
}

#[test]
fn a_udp_length_that_lies() {
    for length in [0, 7, 8, 157, 159, 65_535] {
        dies(FABRIC, from_fabric(|p| p.udp().length = Some(length)), DropReason::UdpLength);
    }
}

#[test]
fn a_wrong_non_zero_udp_checksum_and_a_right_one() {
    dies(FABRIC, from_fabric(|p| p.udp().sum = Sum::Value(0x1111)), DropReason::UdpChecksum);
    is_delivered(from_fabric(|p| p.udp().sum = Sum::Right));
    is_delivered(Arrival {
        octets: from_fabric(|p| p.udp().sum = Sum::Value(0x1111)),
        verified: true,
        ..Arrival::default()
    });
}

#[test]
fn a_right_udp_checksum_that_is_all_ones_because_zero_means_none() {
    let all_ones = |id: u16| {
        let mut packet = vxlan(untagged(A, REMOTE, 100));
        (packet.udp().source, packet.udp().sum) = (id, Sum::Right);
        packet.octets()
    };
    let packet = (0..=u16::MAX).map(all_ones).find(|packet| packet[40..42] == [0xff, 0xff]);
    is_delivered(packet.expect("one of all source ports makes the sum zero"));
}

#[test]
fn an_unknown_vni() {
    for vni in [0, 2, 5101, 0xff_fffe] {
        dies(FABRIC, from_fabric(|p| p.vxlan().vni = vni), DropReason::UnknownVni);
    }
}

#[test]
fn a_vxlan_header_without_the_i_flag() {
    dies(FABRIC, from_fabric(|p| p.vxlan().flags = 0xf7), DropReason::VxlanFlags);
}

proptest! {
    #[test]
    fn reserved_bits_are_ignored(flags: u8, reserved: [u8; 3], last_reserved: u8) {
        is_delivered(from_fabric(|p| {
            (p.vxlan().flags, p.vxlan().reserved, p.vxlan().last_reserved) = (flags | 0x08, reserved, last_reserved);
        }));
    }
}

#[test]
fn an_inner_frame_shorter_than_14() {
    for octets in 0..14 {
        dies(FABRIC, from_fabric(|p| p.inner.truncate(octets)), DropReason::InnerRunt);
    }
}

#[test]
fn an_inner_frame_of_14_is_padded_with_zeros_to_60() {
    let outcome = Gateway::new(&network()).pass(FABRIC, from_fabric(|p| p.inner.truncate(14)));
    let mut expected = ethernet(A, REMOTE, &[100], 0x0800, &[]);
    expected.resize(60, 0);
    assert_eq!(outcome.sent, [(ACCESS, expected)]);
}

#[test]
fn an_outer_source_that_cannot_be_a_vtep() {
    for source in [[0, 0, 0, 0], [127, 0, 0, 1], [224, 0, 0, 1], [239, 1, 2, 3], [255; 4]] {
        for source_check in [testkit::SourceCheck::Strict, testkit::SourceCheck::Known, testkit::SourceCheck::Any] {
            let mut net = network();
            net.fabric.source_check = source_check;
            let packet = from_fabric(|p| p.ipv4().source = source.into());
            dies_in(&net, FABRIC, packet, DropReason::OuterSourceInvalid);
        }
    }
}

#[test]
fn our_own_outer_source() {
    let mut net = network();
    net.fabric.source_check = testkit::SourceCheck::Any;
    let packet = from_fabric(|p| p.ipv4().source = net.fabric.address.unwrap());
    dies(FABRIC, packet.clone(), DropReason::OuterSourceOwn);
    dies_in(&net, FABRIC, packet, DropReason::OuterSourceOwn);
}

#[test]
fn an_unknown_outer_source_unless_anybody_may_send() {
    let stranger = from_fabric(|p| p.ipv4().source = Ipv4Addr::new(172, 16, 0, 99));
    dies(FABRIC, stranger.clone(), DropReason::OuterSourceUnknown);
    let mut net = network();
    net.fabric.source_check = testkit::SourceCheck::Any;
    assert_eq!(Gateway::new(&net).pass(FABRIC, stranger).sent.len(), 1);
    net.fabric.source_check = testkit::SourceCheck::Strict;
    let of_blue_only =
        Overlay::new(&net.fabric, QUIET.into(), Encapsulation::Vxlan, GREEN, untagged(C, REMOTE, 100)).octets();
    dies_in(&net, FABRIC, of_blue_only.clone(), DropReason::OuterSourceUnknown);
    assert_eq!(Gateway::new(&network()).pass(FABRIC, of_blue_only).sent.len(), 1);
}

#[test]
fn a_flooded_frame_from_a_vtep_that_is_not_in_the_list() {
    for source_check in [testkit::SourceCheck::Strict, testkit::SourceCheck::Known, testkit::SourceCheck::Any] {
        let mut net = network();
        net.fabric.source_check = source_check;
        net.networks[0].flood_unknown_unicast = true;
        for to in [BROADCAST, [0x33, 0x33, 0, 0, 0, 1], [2, 9, 9, 9, 9, 9]] {
            let packet =
                Overlay::new(&net.fabric, QUIET.into(), Encapsulation::Vxlan, BLUE, untagged(to, REMOTE_QUIET, 100))
                    .octets();
            dies_in(&net, FABRIC, packet, DropReason::FloodSourceNotMember);
        }
    }
}

#[test]
fn a_frame_from_the_fabric_for_the_fabric() {
    dies(FABRIC, vxlan(untagged(REMOTE_QUIET, REMOTE, 100)).octets(), DropReason::FabricToFabric);
    dies(FABRIC, vxlan(untagged(REMOTE, REMOTE_QUIET, 100)).octets(), DropReason::FabricToFabric);
}

#[test]
fn unknown_unicast() {
    dies(ACCESS, tagged(100, C, A, 100), DropReason::UnknownUnicast);
    dies(ACCESS, tagged(100, [0; 6], A, 100), DropReason::UnknownUnicast);
    dies(FABRIC, vxlan(untagged(C, REMOTE, 100)).octets(), DropReason::UnknownUnicast);
}

#[test]
fn an_unresolved_next_hop() {
    dies(ACCESS, tagged(100, REMOTE_UNRESOLVED, A, 100), DropReason::NexthopUnresolved);
}

#[test]
fn a_flooded_frame_that_nobody_else_is_there_for() {
    let mut net = network();
    net.reach.clear();
    dies_in(&net, ACCESS, tagged(200, BROADCAST, C, 100), DropReason::NoOtherMember);
}

#[test]
fn a_frame_too_big_for_the_fabric_by_one_octet() {
    let mut net = network();
    net.fabric.links[0].mtu = 1500;
    // 1500 - 36 octets of outer headers - 14 of Ethernet - 28 of inner IP and UDP.
    assert_eq!(Gateway::new(&net).pass(ACCESS, tagged(100, REMOTE, A, 1422)).sent[0].1.len(), 1514);
    dies_in(&net, ACCESS, tagged(100, REMOTE, A, 1423), DropReason::TooBigForFabric);
}

#[test]
fn a_frame_too_big_for_its_port_by_one_octet() {
    assert_eq!(Gateway::new(&network()).pass(FABRIC, vxlan(untagged(A, REMOTE, 1472)).octets()).sent[0].1.len(), 1518);
    dies(FABRIC, vxlan(untagged(A, REMOTE, 1473)).octets(), DropReason::TooBigForPort);
    dies(ACCESS, tagged(100, B, A, 1473), DropReason::TooBigForPort);
    let inner_tag = |n| vxlan(ethernet(A, REMOTE, &[7], 0x0800, &datagram(n))).octets();
    assert_eq!(Gateway::new(&network()).pass(FABRIC, inner_tag(1472)).sent[0].1.len(), 1522);
    dies(FABRIC, inner_tag(1473), DropReason::TooBigForPort);
}

#[test]
fn no_headroom() {
    let layout = Layout { headroom: 45, ..Layout::default() };
    dies(ACCESS, Arrival { octets: tagged(100, REMOTE, A, 100), layout, ..Arrival::default() }, DropReason::NoHeadroom);
    let layout = Layout { headroom: 3, ..Layout::default() };
    let octets = untagged(B, A, 100);
    dies(ACCESS, Arrival { octets, stripped: Some(100), layout, ..Arrival::default() }, DropReason::NoHeadroom);
}

#[test]
fn no_tailroom_for_padding() {
    let layout = Layout { tailroom: 1, ..Layout::default() };
    dies(ACCESS, Arrival { octets: tagged(100, REMOTE, A, 4), layout, ..Arrival::default() }, DropReason::NoTailroom);
}

#[test]
fn a_frame_without_128_octets_in_one_piece() {
    for first in [0, 13, 17, 64, 127] {
        let layout = Layout { first: Some(first), ..Layout::default() };
        let octets = tagged(100, REMOTE, A, 100);
        dies(ACCESS, Arrival { octets, layout, ..Arrival::default() }, DropReason::NotContiguous);
        let octets = from_fabric(|_| {});
        dies(FABRIC, Arrival { octets, layout, ..Arrival::default() }, DropReason::NotContiguous);
    }
}

#[test]
fn a_udp_checksum_over_two_buffers_that_nobody_verified() {
    let layout = Layout { first: Some(130), ..Layout::default() };
    let arrival = Arrival { octets: from_fabric(|p| p.udp().sum = Sum::Right), layout, ..Arrival::default() };
    dies(FABRIC, arrival.clone(), DropReason::NotContiguous);
    is_delivered(Arrival { verified: true, ..arrival });
}

#[test]
fn a_flooded_frame_in_two_buffers() {
    let layout = Layout { first: Some(130), ..Layout::default() };
    let octets = tagged(100, BROADCAST, A, 100);
    dies(ACCESS, Arrival { octets, layout, ..Arrival::default() }, DropReason::NotContiguous);
    let mut packet = vxlan(untagged(BROADCAST, REMOTE, 100));
    dies(FABRIC, Arrival { octets: packet.octets(), layout, ..Arrival::default() }, DropReason::NotContiguous);
    // But what follows the IP packet does not count.
    let layout = Layout { first: Some(packet.octets().len()), ..Layout::default() };
    packet.trailer = vec![7; 50];
    let outcome =
        Gateway::new(&network()).pass(FABRIC, Arrival { octets: packet.octets(), layout, ..Arrival::default() });
    assert_eq!((outcome.sent.len(), outcome.drops.len()), (2, 0));
}

#[test]
fn no_buffer_for_copies() {
    let mut gateway = Gateway::with(&network(), Means { buffers: 1, ..Means::default() });
    let outcome = gateway.pass(ACCESS, tagged(100, BROADCAST, A, 100));
    assert_eq!((outcome.sent.len(), outcome.drops), (1, [(DropReason::NoMbuf, 1)].into()));
    assert_eq!(gateway.settle().copies, 2);
    let mut gateway = Gateway::with(&network(), Means { buffers: 0, ..Means::default() });
    gateway.inject(FABRIC, &[2; 60]);
    gateway.run();
    assert_eq!(gateway.take().drops, [(DropReason::NoMbuf, 1)].into());
    gateway.settle();
}

#[test]
fn a_transmit_queue_that_is_full() {
    let mut gateway = Gateway::with(&network(), Means { transmit_places: 3, ..Means::default() });
    for _ in 0..5 {
        gateway.arrive(ACCESS, &tagged(100, REMOTE, A, 100).into());
    }
    gateway.run();
    let outcome = gateway.take();
    assert_eq!((outcome.sent.len(), outcome.drops), (3, [(DropReason::TxQueueFull, 2)].into()));
    gateway.settle();
}

#[test]
fn a_full_or_missing_channel_to_the_host() {
    let arp = ethernet(BROADCAST, [2; 6], &[], 0x0806, &[0; 46]);
    for host_slots in [None, Some(0)] {
        let mut gateway = Gateway::with(&network(), Means { host_slots, ..Means::default() });
        let outcome = gateway.pass(FABRIC, arp.clone());
        assert_eq!(outcome, Outcome { drops: [(DropReason::PuntQueueFull, 1)].into(), ..Outcome::default() });
        gateway.settle();
    }
}

#[test]
fn a_frame_for_the_host_keeps_its_inner_tag_whoever_took_the_fabrics() {
    let mut net = network();
    net.fabric.vlan = Some(100);
    let expected = ethernet(BROADCAST, [2; 6], &[7], 0x0806, &[0; 46]);
    let stripped = Arrival { octets: expected.clone(), stripped: Some(100), ..Arrival::default() };
    let in_frame = ethernet(BROADCAST, [2; 6], &[100, 7], 0x0806, &[0; 46]).into();
    for arrival in [stripped, in_frame] {
        assert_eq!(Gateway::new(&net).pass(FABRIC, arrival).host, [&expected[..]]);
    }
}

#[test]
fn a_frame_from_the_host_for_a_port_that_is_not_the_fabrics() {
    for port in [ACCESS, FABRIC + 1] {
        let mut gateway = Gateway::new(&network());
        gateway.inject(port, &[2; 60]);
        gateway.run();
        assert_eq!(gateway.take(), Outcome { drops: [(DropReason::NoSuchPort, 1)].into(), ..Outcome::default() });
        gateway.settle();
    }
}

#[test]
fn frames_for_and_from_the_host_keep_their_fabric_port() {
    let net = wide_network();
    let mut gateway = Gateway::new(&net);
    for port in [FABRIC, FABRIC + 1] {
        let arp = |tags: &[u16]| ethernet(BROADCAST, [2; 6], tags, 0x0806, &[0; 46]);
        let outcome = gateway.pass(port, arp(&[100]));
        assert_eq!((outcome.host, outcome.host_ports), (vec![arp(&[])], vec![port]));
        gateway.inject(port, &arp(&[]));
        gateway.run();
        assert_eq!(gateway.take().sent, [(port, arp(&[100]))]);
    }
    gateway.settle();
}
