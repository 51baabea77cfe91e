//! Tags on access ports: which instance a frame is of, what is taken off and put on, and what becomes of its priority.

#![allow(clippy::disallowed_macros, reason = "what is banned from the packet path may serve to test it")]

use fib::VifIndex;
use std::net::IpAddr;
use telemetry::VifTotals;
use testkit::example::*;
use testkit::packets::{Ip, entry, ethernet, ethernet_with};
use testkit::{Arrival, Gateway, Mac, Network};
use wire::{Encapsulation, Tpid};

const SERVICE: u16 = 0x88a8;

/// The inner frame of a packet for the fabric without a fabric VLAN.
fn inner((encapsulation, vtep): (Encapsulation, IpAddr), packet: &[u8]) -> &[u8] {
    let ip = if vtep.is_ipv4() { 34 } else { 54 };
    &packet[ip
        + match encapsulation {
            Encapsulation::Vxlan => 16,
            Encapsulation::MplsOverUdp => 12,
            Encapsulation::MplsOverGre => 8,
        }..]
}

fn frame(to: Mac, by: Mac, tags: &[(u16, u16)]) -> Vec<u8> {
    ethernet_with(to, by, tags, 0x0800, &datagram(100))
}

fn service_port() -> Network {
    let mut net = network();
    net.access[ACCESS].tpid = Tpid::Service;
    net
}

/// The tag in the frame, and taken out of it by the port.
fn both_ways(to: Mac, by: Mac, tags: &[(u16, u16)]) -> [Arrival; 2] {
    let stripped = tags.first().map(|tag| tag.1);
    let octets = frame(to, by, tags.get(1..).unwrap_or(&[]));
    [frame(to, by, tags).into(), Arrival { octets, stripped, ..Arrival::default() }]
}

#[test]
fn the_outer_tag_is_taken_off_once_and_the_rest_goes_to_the_fabric() {
    for (net, tpid) in [(network(), 0x8100), (service_port(), SERVICE)] {
        for form in forms() {
            for arrival in both_ways(station(0, form.0, form.1), A, &[(tpid, 100)]) {
                let sent = Gateway::new(&net).pass(ACCESS, arrival).sent;
                assert_eq!(inner(form, &sent[0].1), frame(station(0, form.0, form.1), A, &[]));
            }
        }
    }
}

#[test]
fn one_tag_of_the_ports_type_is_put_on() {
    for (net, tpid) in [(network(), 0x8100), (service_port(), SERVICE)] {
        for form in forms() {
            let sent = Gateway::new(&net).pass(FABRIC, overlay(form, 0, untagged(A, REMOTE, 100)).octets()).sent;
            assert_eq!(sent, [(ACCESS, frame(A, REMOTE, &[(tpid, 100)]))]);
        }
    }
}

#[test]
fn qinq_takes_off_two_tags_and_puts_on_two() {
    for (net, tpid) in [(network(), 0x8100), (service_port(), SERVICE)] {
        for (vmi, vlan) in [(G, 7), (H, 8)] {
            for arrival in both_ways(D, vmi, &[(tpid, 400), (0x8100, vlan)]) {
                let sent = Gateway::new(&net).pass(ACCESS, arrival).sent;
                assert_eq!(sent, [(ACCESS, frame(D, vmi, &[(tpid, 300)]))]);
            }
            for arrival in both_ways(vmi, D, &[(tpid, 300)]) {
                let sent = Gateway::new(&net).pass(ACCESS, arrival).sent;
                assert_eq!(sent, [(ACCESS, frame(vmi, D, &[(tpid, 400), (0x8100, vlan)]))]);
            }
        }
    }
}

#[test]
fn a_plain_vlan_and_inner_vlans_behind_the_same_one_are_told_apart() {
    let net = network();
    for (vmi, tags) in
        [(F, &[(0x8100, 400)][..]), (G, &[(0x8100, 400), (0x8100, 7)]), (H, &[(0x8100, 400), (0x8100, 8)])]
    {
        let sent = Gateway::new(&net).pass(ACCESS, frame(D, vmi, tags)).sent;
        assert_eq!(sent, [(ACCESS, frame(D, vmi, &[(0x8100, 300)]))]);
        let sent = Gateway::new(&net).pass(ACCESS, frame(vmi, D, &[(0x8100, 300)])).sent;
        assert_eq!(sent, [(ACCESS, frame(vmi, D, tags))]);
    }
}

#[test]
fn instances_that_share_a_vlan_are_told_apart_by_source_and_hear_a_flooded_frame_once() {
    let net = network();
    for source in [D, E] {
        let sent = Gateway::new(&net).pass(ACCESS, tagged(300, F, source, 100)).sent;
        assert_eq!(sent, [(ACCESS, tagged(400, F, source, 100))]);
    }
    let sent = Gateway::new(&net).pass(ACCESS, tagged(400, BROADCAST, F, 100)).sent;
    let on_300 = sent.iter().filter(|(port, frame)| *port == ACCESS && frame[14..16] == [1, 44]).count();
    assert_eq!(on_300, 1);
    let sent = Gateway::new(&net).pass(ACCESS, tagged(300, BROADCAST, D, 100)).sent;
    assert!(sent.iter().all(|(port, frame)| *port == FABRIC || frame[14..16] != [1, 44]));
}

#[test]
fn a_thousand_and_more_addresses_on_a_vlan() {
    let mut net = network();
    let mac = |n: usize| [2, 0, 0, 1, (n >> 8) as u8, n as u8];
    for n in 0..1100 {
        let mut vmi = net.vmis[3].clone();
        vmi.macs = vec![mac(2 * n), mac(2 * n + 1)];
        net.vmis.push(vmi);
    }
    let mut gateway = Gateway::new(&net);
    for n in 0..2200 {
        let sent = gateway.pass(ACCESS, tagged(300, F, mac(n), 20)).sent;
        assert_eq!(sent, [(ACCESS, tagged(400, F, mac(n), 20))]);
        let sent = gateway.pass(ACCESS, tagged(400, mac(n), F, 20)).sent;
        assert_eq!(sent, [(ACCESS, tagged(300, mac(n), F, 20))]);
    }
    assert_eq!(gateway.pass(ACCESS, tagged(300, F, mac(2200), 20)).sent, []);
    gateway.settle();
}

#[test]
fn vlan_0_takes_untagged_and_priority_tagged_frames_and_sends_untagged_ones() {
    let mut net = network();
    net.vmis[0].vlan = 0;
    for tags in [&[][..], &[(0x8100, 0)], &[(0x8100, 0xe000)]] {
        let sent = Gateway::new(&net).pass(ACCESS, frame(B, A, tags)).sent;
        let priority = tags.first().map_or(0, |tag| tag.1);
        assert_eq!(sent, [(ACCESS, frame(B, A, &[(0x8100, 101 | priority)]))]);
    }
    let sent = Gateway::new(&net).pass(ACCESS, frame(A, B, &[(0x8100, 0xe065)])).sent;
    assert_eq!(sent, [(ACCESS, frame(A, B, &[]))]);
}

#[test]
fn what_an_instance_tagged_itself_goes_to_vlan_0_behind_a_priority_tag() {
    for (mut net, tpid) in [(network(), 0x8100), (service_port(), SERVICE)] {
        net.vmis[0].vlan = 0;
        for own in [0x8100, SERVICE, 0x9100] {
            let sent = Gateway::new(&net).pass(ACCESS, frame(A, B, &[(tpid, 0x6065), (own, 200)])).sent;
            assert_eq!(sent, [(ACCESS, frame(A, B, &[(tpid, 0x6000), (own, 200)]))]);
        }
    }
}

#[test]
fn an_inner_tag_is_kept_end_to_end() {
    for own in [0x8100, SERVICE, 0x9100] {
        for form in forms() {
            let to = station(0, form.0, form.1);
            let sent = Gateway::new(&network()).pass(ACCESS, frame(to, A, &[(0x8100, 100), (own, 0xb007)])).sent;
            assert_eq!(inner(form, &sent[0].1), frame(to, A, &[(own, 0xb007)]));
            let packet = overlay(form, 0, frame(A, to, &[(own, 0xb007)])).octets();
            let sent = Gateway::new(&network()).pass(FABRIC, packet).sent;
            assert_eq!(sent, [(ACCESS, frame(A, to, &[(0x8100, 100), (own, 0xb007)]))]);
        }
    }
}

#[test]
fn priority_and_dei_are_kept_between_access_vlans() {
    for priority in 0..16u16 {
        let tci = |vlan: u16| vlan | priority << 12;
        let sent = Gateway::new(&network()).pass(ACCESS, frame(B, A, &[(0x8100, tci(100))])).sent;
        assert_eq!(sent, [(ACCESS, frame(B, A, &[(0x8100, tci(101))]))]);
        let sent = Gateway::new(&network()).pass(ACCESS, frame(G, D, &[(0x8100, tci(300))])).sent;
        assert_eq!(sent, [(ACCESS, frame(G, D, &[(0x8100, tci(400)), (0x8100, tci(7))]))]);
    }
}

#[test]
fn priority_is_the_traffic_class_of_a_label_in_both_directions() {
    for form in forms().filter(|(encapsulation, _)| encapsulation.is_mpls()) {
        for pcp in 0..8u16 {
            let to = station(0, form.0, form.1);
            let sent = Gateway::new(&network()).pass(ACCESS, frame(to, A, &[(0x8100, 0x1064 | pcp << 13)])).sent;
            let shim = sent[0].1.len() - inner(form, &sent[0].1).len() - 4;
            assert_eq!(sent[0].1[shim..shim + 4], entry(BLUE_LABEL, pcp as u8, true, 64).to_be_bytes());
            let mut packet = overlay(form, 0, untagged(A, REMOTE, 100));
            // An explicit null's class is the tunnel's, not the frame's.
            packet.set_mpls(&[entry(0, 7 - pcp as u8, false, 64), entry(BLUE_LABEL, pcp as u8, true, 64)], None);
            let sent = Gateway::new(&network()).pass(FABRIC, packet.octets()).sent;
            assert_eq!(sent, [(ACCESS, frame(A, REMOTE, &[(0x8100, 100 | pcp << 13)]))]);
        }
    }
}

#[test]
fn the_dscp_of_every_packet_for_the_fabric_is_its_prioritys() {
    let mut net = network();
    net.fabric.dscp = std::array::from_fn(|place| 3 * place as u8 + 1);
    for form in forms() {
        for priority in 0..16u16 {
            let tci = 100 | priority << 12;
            let sent = Gateway::new(&net).pass(ACCESS, frame(station(0, form.0, form.1), A, &[(0x8100, tci)])).sent;
            let ip = &sent[0].1[14..];
            let dscp = if form.1.is_ipv4() { ip[1] >> 2 } else { ip[0] << 2 & 0x3c | ip[1] >> 6 };
            assert_eq!(u16::from(dscp), 3 * priority + 1, "{form:?}");
        }
    }
}

#[test]
fn priority_is_by_the_table_of_dscps_from_vxlan() {
    let mut net = network();
    net.fabric.dscp = [0, 1, 10, 10, 20, 21, 20, 23, 63, 25, 26, 27, 28, 29, 30, 31];
    for form in forms().filter(|(encapsulation, _)| *encapsulation == Encapsulation::Vxlan) {
        for dscp in 0..64u8 {
            let mut packet = overlay(form, 0, untagged(A, REMOTE, 100));
            match &mut packet.ip {
                Ip::V4(ip) => ip.tos = dscp << 2 | 3,
                Ip::V6(ip) => ip.traffic_class = dscp << 2 | 3,
            }
            // The first place that is sent as this, or none.
            let place = net.fabric.dscp.iter().position(|sent| *sent == dscp).unwrap_or(0) as u16;
            let sent = Gateway::new(&net).pass(FABRIC, packet.octets()).sent;
            assert_eq!(sent, [(ACCESS, frame(A, REMOTE, &[(0x8100, 100 | place << 12)]))], "DSCP {dscp}");
        }
    }
}

#[test]
fn an_instances_frame_reaches_another_vlan_of_its_port_and_never_its_own() {
    let sent = Gateway::new(&network()).pass(ACCESS, tagged(100, B, A, 100)).sent;
    assert_eq!(sent, [(ACCESS, tagged(101, B, A, 100))]);
    let sent = Gateway::new(&network()).pass(ACCESS, tagged(100, BROADCAST, A, 100)).sent;
    let access: Vec<_> = sent.into_iter().filter(|(port, _)| *port == ACCESS).collect();
    assert_eq!(access, [(ACCESS, tagged(101, BROADCAST, A, 100))]);
}

#[test]
fn frames_of_the_ports_mtu_pass_with_every_form_of_tag() {
    for (vmi, tags) in [(A, &[(0x8100, 100)][..]), (G, &[(0x8100, 400), (0x8100, 7)])] {
        let of = if vmi == A { 0 } else { 2 };
        for form in forms() {
            let payload = datagram(1472);
            let expected = ethernet_with(vmi, REMOTE, tags, 0x0800, &payload);
            let inner_frame = ethernet(vmi, REMOTE, &[], 0x0800, &payload);
            let sent = Gateway::new(&network()).pass(FABRIC, overlay(form, of, inner_frame).octets()).sent;
            assert_eq!(sent, [(ACCESS, expected)]);
            let back = ethernet_with(station(of, form.0, form.1), vmi, tags, 0x0800, &payload);
            assert_eq!(Gateway::new(&network()).pass(ACCESS, back).sent.len(), 1);
        }
    }
}

#[test]
fn an_interface_counts_its_octets_with_their_tags() {
    for (vmi, row, tags) in
        [(A, 0, &[(0x8100, 100)][..]), (E, 4, &[(0x8100, 300)]), (G, 6, &[(0x8100, 400), (0x8100, 7)])]
    {
        let of = if vmi == A { 0 } else { 2 };
        let form = (Encapsulation::MplsOverUdp, IpAddr::from(VTEP));
        let to = station(of, form.0, form.1);
        let length = frame(to, vmi, tags).len() as u64;
        for arrival in both_ways(to, vmi, tags) {
            let mut gateway = Gateway::new(&network());
            gateway.pass(ACCESS, arrival);
            gateway.pass(FABRIC, overlay(form, of, untagged(vmi, REMOTE, 100)).octets());
            let counted = gateway.telemetry().vif(VifIndex::new(row).unwrap()).read();
            let expected = VifTotals { rx_frames: 1, rx_octets: length, tx_frames: 1, tx_octets: length, drops: 0 };
            assert_eq!(counted, expected);
        }
    }
}
