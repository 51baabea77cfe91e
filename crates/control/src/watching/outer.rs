//! What the outer headers of a frame on the fabric say, for whoever reads about it. Nothing is verified here: the data path
//! has done that, or refuses the frame.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use wire::{Encapsulation, ethernet, gre, ipv4, ipv6, mpls, udp, vxlan};

/// The outer headers, as far as they go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Outer {
    pub(super) encapsulation: Encapsulation,
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    /// VNI, or the label at the bottom of the stack.
    pub(super) number: u32,
    /// Where the frame inside begins, or a control word before it.
    pub(super) octets: usize,
}

impl fmt::Display for Outer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = if self.encapsulation.is_mpls() { "label" } else { "VNI" };
        write!(f, "{}, {number} {}, {} > {}", self.encapsulation, self.number, self.source, self.destination)
    }
}

fn array<const N: usize>(octets: &[u8], at: usize) -> Option<[u8; N]> {
    octets.get(at..)?.first_chunk().copied()
}

/// Reads them; `None` if this is no tunnel packet.
pub(super) fn read(octets: &[u8]) -> Option<Outer> {
    let mut at = ethernet::HEADER_OCTETS;
    let mut ether_type = u16::from_be_bytes(array(octets, at - 2)?);
    if ether_type == ethernet::TYPE_VLAN {
        at += ethernet::TAG_OCTETS;
        ether_type = u16::from_be_bytes(array(octets, at - 2)?);
    }
    let (protocol, source, destination, l4): (u8, IpAddr, IpAddr, usize) = match ether_type {
        ethernet::TYPE_IPV4 => {
            let (source, destination) = (array(octets, at + 12)?, array(octets, at + 16)?);
            let words = usize::from(octets.get(at)? & 15);
            (*octets.get(at + 9)?, Ipv4Addr::from(source).into(), Ipv4Addr::from(destination).into(), at + 4 * words)
        }
        ethernet::TYPE_IPV6 => {
            let (source, destination): ([u8; 16], [u8; 16]) = (array(octets, at + 8)?, array(octets, at + 24)?);
            let l4 = at + ipv6::HEADER_OCTETS;
            (*octets.get(at + 6)?, Ipv6Addr::from(source).into(), Ipv6Addr::from(destination).into(), l4)
        }
        _ => return None,
    };
    let (encapsulation, number, octets) = shim(octets, protocol, l4)?;
    Some(Outer { encapsulation, source, destination, number, octets })
}

fn shim(octets: &[u8], protocol: u8, l4: usize) -> Option<(Encapsulation, u32, usize)> {
    let behind_udp = l4 + udp::HEADER_OCTETS;
    match (protocol, u16::from_be_bytes(array(octets, l4 + 2)?)) {
        (ipv4::PROTO_UDP, vxlan::UDP_PORT) => {
            let word = u32::from_be_bytes(array(octets, behind_udp + 4)?);
            Some((Encapsulation::Vxlan, word >> 8, behind_udp + vxlan::HEADER_OCTETS))
        }
        (ipv4::PROTO_UDP, mpls::UDP_PORT | mpls::UDP_PORT_LEGACY) => {
            let (label, at) = bottom(octets, behind_udp)?;
            Some((Encapsulation::MplsOverUdp, label, at))
        }
        (ipv4::PROTO_GRE, ethernet::TYPE_MPLS) => {
            let flags = u16::from_be_bytes(array(octets, l4)?);
            let checksum = if flags & gre::FLAG_CHECKSUM != 0 { gre::CHECKSUM_OCTETS } else { 0 };
            let key = if flags & gre::FLAG_KEY != 0 { gre::KEY_OCTETS } else { 0 };
            let (label, at) = bottom(octets, l4 + gre::HEADER_OCTETS + checksum + key)?;
            Some((Encapsulation::MplsOverGre, label, at))
        }
        _ => None,
    }
}

/// The label at the bottom of the stack, and where what follows begins.
fn bottom(octets: &[u8], mut at: usize) -> Option<(u32, usize)> {
    loop {
        let entry = u32::from_be_bytes(array(octets, at)?);
        at += mpls::ENTRY_OCTETS;
        if entry & mpls::BOTTOM != 0 {
            return Some((mpls::label_of(entry), at));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(protocol: u8, behind_ip: &[u8]) -> Vec<u8> {
        let mut octets = vec![2; 12];
        octets.extend([8, 0, 0x45, 0, 0, 0, 0, 0, 0, 0, 64, protocol, 0, 0, 172, 16, 0, 1, 172, 16, 0, 2]);
        octets.extend(behind_ip);
        octets
    }

    #[test]
    fn the_three_encapsulations_are_told_apart() {
        let vxlan = frame(17, &[0xc0, 0, 0x12, 0xb5, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0x13, 0x89, 0]);
        assert_eq!(read(&vxlan).map(|o| o.to_string()), Some("VXLAN, VNI 5001, 172.16.0.1 > 172.16.0.2".into()));
        assert_eq!(read(&vxlan).map(|outer| outer.octets), Some(50));
        let stack = [0, 0, 0x70, 0, 0, 0x3e, 0x91, 64];
        let udp = frame(17, &[&[0xc0, 0, 0x19, 0xeb, 0, 0, 0, 0][..], &stack].concat());
        assert_eq!(read(&udp).map(|o| o.to_string()), Some("MPLSoUDP, label 1001, 172.16.0.1 > 172.16.0.2".into()));
        let gre = frame(47, &[&[0, 0, 0x88, 0x47][..], &stack[4..]].concat());
        assert_eq!(
            read(&gre).map(|o| (o.encapsulation, o.number, o.octets)),
            Some((Encapsulation::MplsOverGre, 1001, 42))
        );
    }

    #[test]
    fn what_ends_early_or_is_something_else_is_no_tunnel_packet() {
        let whole = frame(17, &[0xc0, 0, 0x12, 0xb5, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0x13, 0x89, 0]);
        assert!((0..whole.len()).all(|n| read(&whole[..n]).is_none() || n == whole.len()));
        assert_eq!(read(&frame(6, &[0; 40])), None);
        assert_eq!(read(&frame(17, &[0; 40])), None);
    }
}
