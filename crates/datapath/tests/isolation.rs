//! What an instance can never do: reach the underlay, the host, or another network.

#![allow(clippy::disallowed_macros, reason = "what is banned from the packet path may serve to test it")]

use proptest::collection::vec;
use proptest::prelude::*;
use std::net::IpAddr;
use testkit::packets::ethernet;
use testkit::{Arrival, Gateway, Network, Reach, arbitrary, example};
use wire::Encapsulation;

fn network_and_frames() -> impl Strategy<Value = (Network, Vec<(usize, Arrival)>)> {
    arbitrary::network().prop_flat_map(|net| (Just(net.clone()), vec(arbitrary::arrival(&net), 1..32)))
}

/// The networks that a packet for the fabric may be of: those with an entry of its VTEP, encapsulation, and VNI or label.
/// None if it is not one that we encapsulated: from our MAC and address, with our tag, in one of the three encapsulations.
fn networks(net: &Network, port: usize, packet: &[u8]) -> Vec<usize> {
    let tag: Vec<u8> = net.fabric.vlan.iter().flat_map(|vlan| [0x81, 0, (vlan >> 8) as u8, *vlan as u8]).collect();
    let ip = 14 + tag.len();
    let link = net.link(port).expect("a fabric port");
    if packet[6..12] != link.mac || packet[12..12 + tag.len()] != tag {
        return vec![];
    }
    let (ours, source, remote, protocol, carried): (_, _, IpAddr, _, _) = match packet[ip - 2..ip + 1] {
        [0x08, 0, 0x45] => {
            let octets = |at: usize| <[u8; 4]>::try_from(&packet[ip + at..ip + at + 4]).unwrap();
            (net.fabric.address.map(IpAddr::from), octets(12).into(), octets(16).into(), packet[ip + 9], ip + 20)
        }
        [0x86, 0xdd, first] if first >> 4 == 6 => {
            let octets = |at: usize| <[u8; 16]>::try_from(&packet[ip + at..ip + at + 16]).unwrap();
            (net.fabric.address_v6.map(IpAddr::from), octets(8).into(), octets(24).into(), packet[ip + 6], ip + 40)
        }
        _ => return vec![],
    };
    let word = |at: usize| u32::from_be_bytes(packet[carried + at..carried + at + 4].try_into().unwrap());
    let (encapsulation, number) = match (protocol, word(0) & 0xffff) {
        (17, 4789) => (Encapsulation::Vxlan, word(12) >> 8),
        (17, 6635) => (Encapsulation::MplsOverUdp, word(8) >> 12),
        (47, 0x8847) => (Encapsulation::MplsOverGre, word(4) >> 12),
        _ => return vec![],
    };
    let is_it = |reach: &&Reach| {
        let its_number = if encapsulation.is_mpls() { net.label(reach) } else { net.networks[reach.network].vni };
        (reach.encapsulation, net.vteps[reach.vtep].address, its_number) == (encapsulation, remote, number)
    };
    let reached = net.reach.iter().filter(|reach| reach.encapsulation == encapsulation).filter(is_it);
    if ours == Some(source) { reached.map(|reach| reach.network).collect() } else { vec![] }
}

/// The BPDU network whose frame this can be, if the port is a member.
fn control(net: &Network, port: usize, is_tagged: bool, frame: &[u8]) -> Option<usize> {
    let to = frame.first_chunk::<6>()?;
    let member = net.vmis.iter().find(|vmi| vmi.port == port && net.networks[vmi.network].bpdu.is_some())?;
    let rule = net.networks[member.network].bpdu?;
    let pvst = rule.pvst && *to == [1, 0, 0x0c, 0xcc, 0xcc, 0xcd];
    let group = to[..5] == [1, 0x80, 0xc2, 0, 0] && to[5] < 16 && rule.groups >> to[5] & 1 == 1;
    (pvst || !is_tagged && (group || rule.transparent)).then_some(member.network)
}

/// The networks that a switch may take a frame for.
fn segment(net: &Network, port: usize, stripped: Option<u16>, frame: &[u8]) -> Vec<usize> {
    let tpid = net.access[port].tpid.value().to_be_bytes();
    let in_frame = frame.get(12..16).filter(|tag| tag[..2] == tpid).map(|tag| u16::from_be_bytes([tag[2], tag[3]]));
    let is_tagged = stripped.or(in_frame).is_some_and(|tci| tci & 0xfff != 0);
    network(net, port, stripped, frame).into_iter().chain(control(net, port, is_tagged, frame)).collect()
}

/// The network of the segment that a switch takes a frame for, by its outermost tag and the one behind it.
fn network(net: &Network, port: usize, stripped: Option<u16>, frame: &[u8]) -> Option<usize> {
    let tag = |at: usize, tpid: u16| {
        let tagged = frame.get(at..at + 2) == Some(&tpid.to_be_bytes()) && frame.len() >= at + 6;
        tagged.then(|| u16::from_be_bytes([frame[at + 2], frame[at + 3]]) & 0xfff)
    };
    let outer = stripped.map(|tci| tci & 0xfff).or_else(|| tag(12, net.access[port].tpid.value()));
    let inner = tag(if outer.is_some() && stripped.is_none() { 16 } else { 12 }, 0x8100);
    let ordinary = || net.vmis.iter().filter(|vmi| net.networks[vmi.network].bpdu.is_none());
    let on_vlan = || ordinary().filter(|vmi| (vmi.port, vmi.vlan) == (port, outer.unwrap_or(0)));
    let inner = inner.filter(|_| on_vlan().any(|vmi| vmi.inner.is_some()));
    on_vlan().find(|vmi| vmi.inner == inner).map(|vmi| vmi.network)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn access_frames_never_reach_the_underlay_or_the_host((net, frames) in network_and_frames()) {
        let mut gateway = Gateway::new(&net);
        for (port, arrival) in frames.into_iter().filter(|(port, _)| net.link(*port).is_none()) {
            let outcome = gateway.pass(port, arrival);
            prop_assert!(outcome.host.is_empty());
            for (port, packet) in outcome.sent.iter().filter(|(port, _)| net.link(*port).is_some()) {
                prop_assert!(!networks(&net, *port, packet).is_empty(), "{packet:02x?}");
            }
        }
    }

    #[test]
    fn a_frame_stays_in_its_network((net, frames) in network_and_frames()) {
        let mut gateway = Gateway::new(&net);
        for (port, arrival) in frames {
            let came_in = net.link(port).is_none().then(|| segment(&net, port, arrival.stripped, &arrival.octets));
            for (to, frame) in gateway.pass(port, arrival).sent {
                let went_out = match net.link(to) {
                    Some(_) => networks(&net, to, &frame),
                    None => segment(&net, to, None, &frame),
                };
                prop_assert!(!went_out.is_empty(), "{frame:02x?} is of no network");
                if let Some(came_in) = &came_in {
                    prop_assert!(came_in.iter().any(|came_in| went_out.contains(came_in)), "{frame:02x?}");
                }
            }
        }
    }

    /// Packets that a fabric port would decapsulate or give to the host, at an access port, with and without a VLAN's tag.
    #[test]
    fn a_packet_of_the_overlay_at_an_access_port_is_never_taken_for_one((net, frames) in network_and_frames(), vlan in 0u16..4096) {
        let mut gateway = Gateway::new(&net);
        for (_, arrival) in frames.into_iter().filter(|(port, _)| net.link(*port).is_some()) {
            for stripped in [None, Some(vlan)] {
                let outcome = gateway.pass(0, Arrival { stripped, ..arrival.clone() });
                prop_assert!(outcome.host.is_empty());
                for (port, frame) in &outcome.sent {
                    let whole = |frame: &[u8]| frame.ends_with(&arrival.octets[12..]);
                    prop_assert!(net.link(*port).is_none() || !networks(&net, *port, frame).is_empty());
                    prop_assert!(whole(frame) || arrival.octets.len() < 60 || stripped.is_none(), "{frame:02x?}");
                }
            }
        }
    }
}

/// Checklist 26: every encapsulation, addressed to the gateway's MAC and address, from an instance and from nobody.
#[test]
fn no_encapsulation_is_decapsulated_or_given_to_the_host_at_an_access_port() {
    let mut net = example::network();
    net.networks.iter_mut().for_each(|network| network.flood_unknown_unicast = true);
    for form in example::forms() {
        for source in [example::A, example::REMOTE, [2, 9, 9, 9, 9, 9]] {
            for to in [net.fabric.links[0].mac, example::BROADCAST, example::B] {
                let mut packet = example::overlay(form, 0, example::untagged(example::C, example::REMOTE, 100));
                (packet.outer_destination, packet.outer_source) = (to, source);
                let plain = packet.octets();
                packet.tags = vec![100];
                let on_vlan = packet.octets();
                let mut gateway = Gateway::new(&net);
                let untagged = gateway.pass(example::ACCESS, plain.clone());
                assert_eq!((untagged.sent.len(), untagged.host.len()), (0, 0));
                let outcome = gateway.pass(example::ACCESS, on_vlan);
                assert_eq!((outcome.host.len(), outcome.sent.is_empty()), (0, source != example::A));
                // What is bridged is the whole packet, as any other frame of that instance.
                for (port, frame) in outcome.sent {
                    assert!(frame.ends_with(&plain[12..]), "at port {port}: {frame:02x?}");
                }
            }
        }
    }
}

/// Sent as it is, a switch would take it for a frame of VLAN 200, which is another network's.
#[test]
fn an_inner_tag_cannot_lead_from_vlan_0_into_another_vlan() {
    let mut net = example::network();
    net.vmis[0].vlan = 0;
    let inner = ethernet(example::A, example::REMOTE, &[200], 0x0800, &example::datagram(100));
    let outcome = Gateway::new(&net).pass(example::FABRIC, example::vxlan(inner).octets());
    let expected = ethernet(example::A, example::REMOTE, &[0, 200], 0x0800, &example::datagram(100));
    assert_eq!(outcome.sent, [(example::ACCESS, expected.clone())]);
    let back = ethernet(example::REMOTE, example::A, &[0, 200], 0x0800, &example::datagram(100));
    let outcome = Gateway::new(&net).pass(example::ACCESS, back);
    assert_eq!(outcome.sent[0].1[62..], expected[16..]);
}

/// Blue's instance on VLAN 400 has it beside red's inner VLANs 7 and 8: sent as it is, a switch would take it for red's.
#[test]
fn an_inner_tag_cannot_lead_from_a_plain_vlan_into_an_inner_one() {
    let mut net = example::network();
    net.vmis[5].network = 0;
    for vlan in [7, 8, 9, 0] {
        let inner = ethernet(example::F, example::REMOTE, &[vlan], 0x0800, &example::datagram(100));
        let outcome = Gateway::new(&net).pass(example::FABRIC, example::vxlan(inner).octets());
        assert_eq!((outcome.sent, outcome.drops), (vec![], [(telemetry::DropReason::InnerTagAmbiguous, 1)].into()));
    }
}
