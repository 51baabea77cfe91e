//! The outer header of a packet for the fabric: RFC 7348 section 5, RFC 7510 section 3, RFC 4023 section 3.

use super::{Bridged, Out};
use crate::{Network, Reach};
use std::net::IpAddr;
use telemetry::DropReason::*;
use wire::Encapsulation;

/// By whichever way of the underlay: those whose link is too small for the packet drop it.
pub(super) fn to_fabric(net: &Network, to: &Reach, frame: &Bridged) -> Out {
    let vtep = &net.vteps[to.vtep];
    let Some(own) = net.fabric.address_for(vtep.address).filter(|_| !vtep.paths.is_empty()) else {
        // What is too big for a way that is not there has that fault too.
        return Out { ways: vec![], dropped: vec![NexthopUnresolved, TooBigForFabric] };
    };
    let (ether_type, packet) = packet(net, to, own, frame);
    // RFC 8200 section 8.1: a sum over the whole packet, which is not computed over several buffers.
    let sums = own.is_ipv6() && to.encapsulation != Encapsulation::MplsOverGre && !net.fabric.udp6_zero_checksum_tx;
    if frame.in_pieces && sums {
        return Out { ways: vec![], dropped: vec![NotContiguous, TooBigForFabric] };
    }
    let mut out = Out::default();
    for (link_number, next_hop) in &vtep.paths {
        let link = &net.fabric.links[*link_number];
        if packet.len() > usize::from(link.mtu) {
            out.dropped.push(TooBigForFabric);
            continue;
        }
        let tag = net.fabric.vlan.map_or(vec![], |vlan| [0x8100, vlan].map(u16::to_be_bytes).concat());
        let ethernet = [&next_hop[..], &link.mac, &tag, &ether_type].concat();
        out.ways.push((net.fabric_port() + link_number, [ethernet, packet.clone()].concat()));
    }
    out
}

/// The EtherType, and the packet from its outer IP header on. The frame is padded to the 60 octets of a legal one.
fn packet(net: &Network, to: &Reach, own: IpAddr, frame: &Bridged) -> ([u8; 2], Vec<u8>) {
    let (f, network) = (&net.fabric, &net.networks[to.network]);
    let inner = [&frame.octets[..], &vec![0; 60_usize.saturating_sub(frame.octets.len())]].concat();
    let mpls = || {
        // RFC 3032 section 2.1, RFC 5462: TC has the priority code point. RFC 4448 section 4.6: the control word is 0.
        let entry = net.label(to) << 12 | u32::from(frame.priority >> 13) << 9 | 1 << 8 | 64;
        let control_word = if network.control_word { vec![0; 4] } else { vec![] };
        [&entry.to_be_bytes()[..], &control_word, &inner].concat()
    };
    let udp = |port: u16, payload: &[u8]| {
        let length = payload.len() as u16 + 8;
        (17, [&[0, port, length, 0].map(u16::to_be_bytes).concat(), payload].concat())
    };
    let (protocol, carried) = match to.encapsulation {
        Encapsulation::Vxlan => udp(4789, &[&[8, 0, 0, 0], &(network.vni << 8).to_be_bytes()[..], &inner].concat()),
        Encapsulation::MplsOverUdp => udp(6635, &mpls()),
        Encapsulation::MplsOverGre => (47, [&[0, 0, 0x88, 0x47], &mpls()[..]].concat()),
    };
    // RFC 2474: six bits of DSCP, two of ECN.
    let traffic_class = f.dscp[usize::from(frame.priority >> 12)] << 2;
    match (own, net.vteps[to.vtep].address) {
        (IpAddr::V4(own), IpAddr::V4(remote)) => {
            let length = (carried.len() as u16 + 20).to_be_bytes();
            let flags = if f.dont_fragment { 0x40 } else { 0 };
            let header = [0x45, traffic_class, length[0], length[1], 0, 0, flags, 0, 64, protocol, 0, 0];
            ([0x08, 0], [&header[..], &own.octets(), &remote.octets(), &carried].concat())
        }
        (IpAddr::V6(own), IpAddr::V6(remote)) => {
            let first = (6 << 28 | u32::from(traffic_class) << 20).to_be_bytes();
            let length = (carried.len() as u16).to_be_bytes();
            let header = [&first[..], &length, &[protocol, 64], &own.octets(), &remote.octets()].concat();
            ([0x86, 0xdd], [header, carried].concat())
        }
        _ => unreachable!("our address was chosen by the VTEP's family"),
    }
}
