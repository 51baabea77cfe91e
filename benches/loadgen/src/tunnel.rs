//! The headers in front of a frame from the fabric.

use std::net::Ipv4Addr;
use wire::{Encapsulation, MacAddr, checksum, ethernet, ipv4, mpls, udp, vxlan};

/// Who sends to whom, and how frames are wrapped.
#[derive(Clone, Copy, Debug)]
pub struct Tunnel {
    /// How.
    pub encapsulation: Encapsulation,
    /// The gateway's VTEP address.
    pub gateway: Ipv4Addr,
    /// The gateway's MAC on the fabric.
    pub gateway_mac: MacAddr,
    /// The address that we send from, and answer ARP for.
    pub vtep: Ipv4Addr,
    /// Our MAC.
    pub vtep_mac: MacAddr,
    /// A VLAN's VNI is this and the VLAN.
    pub vni_base: u32,
    /// A VLAN's label is this and the VLAN.
    pub label_base: u32,
}

impl Tunnel {
    /// Octets of the headers.
    #[must_use]
    pub fn octets(&self) -> usize {
        ethernet::HEADER_OCTETS + ipv4::HEADER_OCTETS + self.shim_octets()
    }

    /// What lies between IPv4 and the inner frame.
    fn shim_octets(&self) -> usize {
        match self.encapsulation {
            Encapsulation::Vxlan => udp::HEADER_OCTETS + vxlan::HEADER_OCTETS,
            Encapsulation::MplsOverUdp => udp::HEADER_OCTETS + mpls::ENTRY_OCTETS,
            Encapsulation::MplsOverGre => wire::gre::HEADER_OCTETS + mpls::ENTRY_OCTETS,
        }
    }

    /// The headers for a frame of `inner` octets of a VLAN. `flow` chooses the source port.
    #[must_use]
    pub fn headers(&self, vlan: u16, flow: u32, inner: usize) -> Vec<u8> {
        let protocol = match self.encapsulation {
            Encapsulation::MplsOverGre => ipv4::PROTO_GRE,
            Encapsulation::Vxlan | Encapsulation::MplsOverUdp => ipv4::PROTO_UDP,
        };
        let mut out = ethernet_header(self.gateway_mac, self.vtep_mac, ethernet::TYPE_IPV4);
        out.extend(ipv4_header(self.vtep, self.gateway, protocol, self.shim_octets() + inner));
        match self.encapsulation {
            Encapsulation::MplsOverGre => {
                out.extend([0, 0]);
                out.extend(ethernet::TYPE_MPLS.to_be_bytes());
                out.extend(self.label_entry(vlan));
            }
            Encapsulation::MplsOverUdp => {
                out.extend(udp_header(entropy(flow), mpls::UDP_PORT, mpls::ENTRY_OCTETS + inner));
                out.extend(self.label_entry(vlan));
            }
            Encapsulation::Vxlan => {
                out.extend(udp_header(entropy(flow), vxlan::UDP_PORT, vxlan::HEADER_OCTETS + inner));
                out.extend([vxlan::FLAG_I, 0, 0, 0]);
                out.extend((self.vni(vlan) << 8).to_be_bytes());
            }
        }
        out
    }

    /// The VNI of a VLAN.
    #[must_use]
    pub fn vni(&self, vlan: u16) -> u32 {
        self.vni_base.wrapping_add(u32::from(vlan))
    }

    fn label_entry(&self, vlan: u16) -> [u8; mpls::ENTRY_OCTETS] {
        let label = self.label_base.wrapping_add(u32::from(vlan));
        (label << 12 | mpls::BOTTOM | u32::from(mpls::TTL)).to_be_bytes()
    }
}

/// Spreads neighbouring flows over the dynamic ports (RFC 7348 section 5).
fn entropy(flow: u32) -> u16 {
    udp::entropy_port(flow.wrapping_mul(7))
}

/// Destination, source, type.
#[must_use]
pub fn ethernet_header(destination: MacAddr, source: MacAddr, ether_type: u16) -> Vec<u8> {
    [&destination.octets()[..], &source.octets(), &ether_type.to_be_bytes()].concat()
}

/// An IPv4 header without options in front of `payload` octets: id 0, not to be fragmented, TTL 64.
#[must_use]
pub fn ipv4_header(source: Ipv4Addr, destination: Ipv4Addr, protocol: u8, payload: usize) -> [u8; ipv4::HEADER_OCTETS] {
    let mut header = [0; ipv4::HEADER_OCTETS];
    let total = u16::try_from(ipv4::HEADER_OCTETS + payload).unwrap_or(u16::MAX);
    header[0] = ipv4::VERSION_IHL;
    header[2..4].copy_from_slice(&total.to_be_bytes());
    header[6..8].copy_from_slice(&ipv4::DONT_FRAGMENT.to_be_bytes());
    (header[8], header[9]) = (64, protocol);
    header[12..16].copy_from_slice(&source.octets());
    header[16..].copy_from_slice(&destination.octets());
    let check = !checksum::fold(checksum::sum(&header));
    header[10..12].copy_from_slice(&check.to_be_bytes());
    header
}

/// A UDP header in front of `payload` octets, without checksum.
#[must_use]
pub fn udp_header(source: u16, destination: u16, payload: usize) -> [u8; udp::HEADER_OCTETS] {
    let length = u16::try_from(udp::HEADER_OCTETS + payload).unwrap_or(u16::MAX);
    let mut header = [0; udp::HEADER_OCTETS];
    header[..2].copy_from_slice(&source.to_be_bytes());
    header[2..4].copy_from_slice(&destination.to_be_bytes());
    header[4..6].copy_from_slice(&length.to_be_bytes());
    header
}
