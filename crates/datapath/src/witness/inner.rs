//! The addresses of the frame inside a tunnel packet that this node has made.

use crate::parse::macs;
use wire::{ethernet, gre, ipv4, ipv6, mpls, udp, vxlan};

/// Destination and source, as `MacAddr::to_bits`, of the frame in a tunnel packet: of MPLS also as they are if a control
/// word comes first, which nothing in the packet tells.
pub(super) fn addresses(octets: &[u8]) -> impl Iterator<Item = (u64, u64)> + '_ {
    let at = begins_at(octets);
    let behind_word = at.filter(|_| !is_vxlan(octets)).map(|at| at + mpls::CONTROL_WORD_OCTETS);
    [at, behind_word].into_iter().flatten().filter_map(|at| octets.get(at..)?.first_chunk::<12>().map(macs))
}

fn be16(octets: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*octets.get(at..)?.first_chunk()?))
}

/// Where the IP header is, and the protocol and place of what follows it.
fn l4(octets: &[u8]) -> Option<(u8, usize)> {
    let mut ip = ethernet::HEADER_OCTETS;
    let mut ether_type = be16(octets, ip - 2)?;
    if ether_type == ethernet::TYPE_VLAN {
        ip += ethernet::TAG_OCTETS;
        ether_type = be16(octets, ip - 2)?;
    }
    match ether_type {
        ethernet::TYPE_IPV4 => Some((*octets.get(ip + 9)?, ip + ipv4::HEADER_OCTETS)),
        ethernet::TYPE_IPV6 => Some((*octets.get(ip + 6)?, ip + ipv6::HEADER_OCTETS)),
        _ => None,
    }
}

fn is_vxlan(octets: &[u8]) -> bool {
    l4(octets)
        .is_some_and(|(protocol, at)| protocol == ipv4::PROTO_UDP && be16(octets, at + 2) == Some(vxlan::UDP_PORT))
}

fn begins_at(octets: &[u8]) -> Option<usize> {
    let (protocol, at) = l4(octets)?;
    match (protocol, be16(octets, at + 2)?) {
        (ipv4::PROTO_UDP, vxlan::UDP_PORT) => Some(at + udp::HEADER_OCTETS + vxlan::HEADER_OCTETS),
        (ipv4::PROTO_UDP, mpls::UDP_PORT) => Some(at + udp::HEADER_OCTETS + mpls::ENTRY_OCTETS),
        (ipv4::PROTO_GRE, ethernet::TYPE_MPLS) => Some(at + gre::HEADER_OCTETS + mpls::ENTRY_OCTETS),
        _ => None,
    }
}
