//! Outer headers as they are copied in front of every packet, with zeros where packets differ.

use crate::{Fabric, Link, Path};
use std::net::IpAddr;
use wire::{Encapsulation, checksum, ethernet, gre, ipv4, ipv6, mpls, udp, vxlan};

/// The most octets an outer header takes: a fabric VLAN tag, IPv6 and VXLAN make 74.
pub(crate) const HEADER_ROOM: usize = 80;
const TTL: u8 = 64;

/// A header ready to copy.
pub(crate) struct Outer {
    pub(crate) header: [u8; HEADER_ROOM],
    pub(crate) octets: usize,
    pub(crate) ip_at: usize,
    pub(crate) checksum: u32,
    /// Whether the UDP checksum is computed.
    pub(crate) sums: bool,
}

/// The header by `path`; `None` if this node has no address of the remote's family.
pub(crate) fn build(fabric: &Fabric, link: &Link, path: &Path, remote: IpAddr, of: Encapsulation) -> Option<Outer> {
    let mut bytes = Vec::with_capacity(HEADER_ROOM);
    bytes.extend(path.next_hop.octets());
    bytes.extend(link.mac.octets());
    if let Some(vlan) = fabric.vlan {
        bytes.extend(ethernet::TYPE_VLAN.to_be_bytes());
        bytes.extend(vlan.value().to_be_bytes());
    }
    let ether_type = if remote.is_ipv4() { ethernet::TYPE_IPV4 } else { ethernet::TYPE_IPV6 };
    bytes.extend(ether_type.to_be_bytes());
    let ip_at = bytes.len();
    let protocol = if of == Encapsulation::MplsOverGre { ipv4::PROTO_GRE } else { ipv4::PROTO_UDP };
    let mut sums = false;
    let checksum = match remote {
        IpAddr::V4(remote) => {
            let flags = if fabric.dont_fragment { ipv4::DONT_FRAGMENT } else { 0 };
            bytes.extend([ipv4::VERSION_IHL, 0, 0, 0, 0, 0]);
            bytes.extend(flags.to_be_bytes());
            bytes.extend([TTL, protocol, 0, 0]);
            bytes.extend(fabric.address?.octets());
            bytes.extend(remote.octets());
            checksum::fold(checksum::sum(&bytes[ip_at..]))
        }
        IpAddr::V6(remote) => {
            let source = fabric.address_v6?;
            bytes.extend([0x60, 0, 0, 0, 0, 0, protocol, TTL]);
            bytes.extend(source.octets());
            bytes.extend(remote.octets());
            // RFC 6935 section 5 lets a tunnel send none, if so configured.
            sums = protocol == ipv4::PROTO_UDP && !fabric.udp6_zero_checksum_tx;
            checksum::fold(checksum::udp_pseudo_header_v6(source.to_bits(), remote.to_bits(), 0))
        }
    };
    bytes.extend(inner_headers(of));
    let mut header = [0; HEADER_ROOM];
    header[..bytes.len()].copy_from_slice(&bytes);
    Some(Outer { header, octets: bytes.len(), ip_at, checksum: u32::from(checksum), sums })
}

/// What follows the IP header, its last four octets being the shim.
fn inner_headers(of: Encapsulation) -> Vec<u8> {
    let udp = |port: u16, shim: &[u8]| [&[0, 0], &port.to_be_bytes()[..], &[0; 4], shim].concat();
    let headers = match of {
        Encapsulation::Vxlan => udp(vxlan::UDP_PORT, &[vxlan::FLAG_I, 0, 0, 0, 0, 0, 0, 0]),
        Encapsulation::MplsOverUdp => udp(mpls::UDP_PORT, &[0; mpls::ENTRY_OCTETS]),
        Encapsulation::MplsOverGre => {
            [&[0, 0], &ethernet::TYPE_MPLS.to_be_bytes()[..], &[0; mpls::ENTRY_OCTETS]].concat()
        }
    };
    debug_assert!(headers.len() >= gre::HEADER_OCTETS + mpls::ENTRY_OCTETS);
    debug_assert!(headers.len() <= HEADER_ROOM - 18 - ipv6::HEADER_OCTETS && udp::HEADER_OCTETS == 8);
    headers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PortIndex, SourceCheck};
    use std::net::{Ipv4Addr, Ipv6Addr};
    use wire::{MacAddr, VlanId};

    fn fabric() -> Fabric {
        let mac = MacAddr::new([2, 0, 0, 0, 0, 1]);
        Fabric {
            links: vec![Link { port: PortIndex::new(1).unwrap(), mac, mtu: 1600 }],
            vlan: None,
            address: Some(Ipv4Addr::new(172, 16, 0, 1)),
            address_v6: Some(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1)),
            dont_fragment: true,
            source_check: SourceCheck::Known,
            udp6_zero_checksum_tx: false,
            udp6_zero_checksum_rx: false,
            dscp: [0; 16],
        }
    }

    fn header(fabric: &Fabric, remote: &str, of: Encapsulation) -> Outer {
        let path = Path { port: fabric.links[0].port, next_hop: MacAddr::new([2, 0, 0, 0, 0, 2]) };
        build(fabric, &fabric.links[0], &path, remote.parse().unwrap(), of).unwrap()
    }

    const ETHERNET: [u8; 12] = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];

    fn ip_v4(protocol: u8) -> [u8; 22] {
        [8, 0, 0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, protocol, 0, 0, 172, 16, 0, 1, 172, 16, 0, 2]
    }

    #[test]
    fn over_ipv4_the_template_reads_as_rfc_791_768_7348_7510_and_4023_say() {
        let octets = |of| {
            let outer = header(&fabric(), "172.16.0.2", of);
            outer.header[..outer.octets].to_vec()
        };
        let vxlan = [0, 0, 0x12, 0xb5, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(octets(Encapsulation::Vxlan), [&ETHERNET[..], &ip_v4(17), &vxlan].concat());
        let mpls = [0, 0, 0x19, 0xeb, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(octets(Encapsulation::MplsOverUdp), [&ETHERNET[..], &ip_v4(17), &mpls].concat());
        let gre = [0, 0, 0x88, 0x47, 0, 0, 0, 0];
        assert_eq!(octets(Encapsulation::MplsOverGre), [&ETHERNET[..], &ip_v4(47), &gre].concat());
    }

    #[test]
    fn over_ipv6_the_template_reads_as_rfc_8200_says_and_udp_is_summed_unless_configured() {
        let outer = header(&fabric(), "fd00::2", Encapsulation::MplsOverUdp);
        let addresses =
            [[0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]];
        let ip = [&[0x86, 0xdd, 0x60, 0, 0, 0, 0, 0, 17, 64][..], &addresses[0], &[1], &addresses[1], &[2]].concat();
        assert_eq!(outer.header[..14 + 40], [&ETHERNET[..], &ip].concat());
        assert_eq!((outer.octets, outer.sums), (66, true));
        assert!(!header(&fabric(), "fd00::2", Encapsulation::MplsOverGre).sums);
        let zero = Fabric { udp6_zero_checksum_tx: true, ..fabric() };
        assert!(!header(&zero, "fd00::2", Encapsulation::Vxlan).sums);
    }

    #[test]
    fn a_fabric_vlan_is_a_tag_and_the_longest_header_fits() {
        let tagged = Fabric { vlan: Some(VlanId::try_from(100).unwrap()), ..fabric() };
        let outer = header(&tagged, "fd00::2", Encapsulation::Vxlan);
        assert_eq!((outer.octets, outer.ip_at), (74, 18));
        assert_eq!(outer.header[12..19], [0x81, 0, 0, 100, 0x86, 0xdd, 0x60]);
    }

    #[test]
    fn without_an_address_of_the_family_there_is_no_header() {
        let fabric = Fabric { address_v6: None, ..fabric() };
        let path = Path { port: fabric.links[0].port, next_hop: MacAddr::new([2, 0, 0, 0, 0, 2]) };
        assert!(build(&fabric, &fabric.links[0], &path, "fd00::2".parse().unwrap(), Encapsulation::Vxlan).is_none());
    }
}
