//! What an instance can never do: reach the underlay, the host, or another network.

#![allow(clippy::disallowed_macros, reason = "what is banned from the packet path may serve to test it")]

use proptest::collection::vec;
use proptest::prelude::*;
use testkit::packets::ethernet;
use testkit::{Arrival, Gateway, Network, Vmi, arbitrary, example};

fn network_and_frames() -> impl Strategy<Value = (Network, Vec<(usize, Arrival)>)> {
    arbitrary::network().prop_flat_map(|net| (Just(net.clone()), vec(arbitrary::arrival(&net), 1..32)))
}

/// Whether a packet is one that we encapsulated for a VTEP of ours: our MAC, tag, address, and the VXLAN port.
fn is_our_tunnel(net: &Network, packet: &[u8]) -> bool {
    let tag: Vec<u8> = net.fabric.vlan.iter().flat_map(|vlan| [0x81, 0, (vlan >> 8) as u8, *vlan as u8]).collect();
    let ip = 14 + tag.len();
    packet[6..12] == net.fabric.mac
        && packet[12..12 + tag.len()] == tag
        && packet[ip - 2..ip + 1] == [8, 0, 0x45]
        && packet[ip + 12..ip + 16] == net.fabric.address.octets()
        && net.vteps.iter().any(|vtep| packet[ip + 16..ip + 20] == vtep.address.octets())
        && packet[ip + 22..ip + 24] == 4789u16.to_be_bytes()
}

fn vni(net: &Network, packet: &[u8]) -> u32 {
    let at = if net.fabric.vlan.is_some() { 50 } else { 46 };
    u32::from_be_bytes([0, packet[at], packet[at + 1], packet[at + 2]])
}

/// The VLAN that a switch takes a frame for, by its outermost tag.
fn vlan(frame: &[u8]) -> u16 {
    if frame[12..14] == [0x81, 0] { u16::from_be_bytes([frame[14], frame[15]]) & 0xfff } else { 0 }
}

fn instance(net: &Network, port: usize, vlan: u16) -> Option<&Vmi> {
    net.vmis.iter().find(|vmi| vmi.port == port && vmi.vlan == vlan)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn access_frames_never_reach_the_underlay_or_the_host((net, frames) in network_and_frames()) {
        let mut gateway = Gateway::new(&net);
        for (port, arrival) in frames.into_iter().filter(|(port, _)| *port != net.fabric_port()) {
            let outcome = gateway.pass(port, arrival);
            prop_assert!(outcome.host.is_empty());
            for (_, packet) in outcome.sent.iter().filter(|(port, _)| *port == net.fabric_port()) {
                prop_assert!(is_our_tunnel(&net, packet), "{packet:02x?}");
            }
        }
    }

    #[test]
    fn a_frame_stays_in_its_network((net, frames) in network_and_frames()) {
        let mut gateway = Gateway::new(&net);
        for (port, arrival) in frames {
            let from_fabric = port == net.fabric_port();
            let came_in = arrival.stripped.map_or_else(|| vlan_if_any(&arrival.octets), |tci| tci & 0xfff);
            for (to, frame) in gateway.pass(port, arrival).sent {
                let network = if to == net.fabric_port() {
                    net.networks.iter().position(|network| network.vni == vni(&net, &frame))
                } else {
                    instance(&net, to, vlan(&frame)).map(|vmi| vmi.network)
                };
                prop_assert!(network.is_some(), "{frame:02x?} is of no network");
                if !from_fabric {
                    prop_assert_eq!(network, instance(&net, port, came_in).map(|vmi| vmi.network));
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

fn vlan_if_any(octets: &[u8]) -> u16 {
    if octets.len() >= 18 { vlan(octets) } else { 0 }
}
