//! Tunnels and next hops: how a frame gets to a remote VTEP.
//!
//! A [`Tunnel`] is one remote VTEP with the outer header that leads there, ready to copy; a [`Nexthop`] is a tunnel and
//! the VNI (later: or label) in it, four octets each, so that thousands of networks share one header template in cache.

use crate::{PortIndex, TunnelId};
use std::net::Ipv4Addr;
use std::num::NonZeroU32;
use wire::{MacAddr, Tci, ethernet, ipv4, udp, vxlan};

/// The most octets an outer header takes: a fabric VLAN tag and VXLAN over IPv4 make 54.
pub(crate) const HEADER_ROOM: usize = 64;
const TTL: u8 = 64;

/// Everything that an outer VXLAN header is made of, but what differs from packet to packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OuterHeader {
    /// The fabric port's MAC.
    pub source_mac: MacAddr,
    /// The underlay next hop's MAC.
    pub destination_mac: MacAddr,
    /// The fabric VLAN, if the fabric port is a trunk.
    pub vlan: Option<Tci>,
    /// This node's VTEP address.
    pub source: Ipv4Addr,
    /// The remote VTEP's address.
    pub destination: Ipv4Addr,
    /// The DF flag.
    pub dont_fragment: bool,
}

/// Octets of a header. An enum, so that an absent row needs no octet of its own and rows stay two cache lines.
#[derive(Debug, Clone, Copy)]
#[repr(u8)]
enum Length {
    Unresolved = 0,
    Untagged = 50,
    Tagged = 54,
}

/// A row of the tunnel table: two cache lines, the first being the header.
#[derive(Debug, Clone)]
#[repr(C, align(64))]
pub struct Tunnel {
    header: [u8; HEADER_ROOM],
    length: Length,
    port: PortIndex,
    max_frame: u16,
    checksum: u32,
    remote: Ipv4Addr,
}

impl Tunnel {
    /// Without `outer` the next hop is unresolved: frames to it are dropped for that reason.
    pub(crate) fn new(remote: Ipv4Addr, port: PortIndex, fabric_mtu: u16, outer: Option<&OuterHeader>) -> Self {
        let overhead = (ipv4::HEADER_OCTETS + udp::HEADER_OCTETS + vxlan::HEADER_OCTETS) as u16;
        let max_frame = fabric_mtu.saturating_sub(overhead);
        let mut tunnel =
            Self { header: [0; HEADER_ROOM], length: Length::Unresolved, port, max_frame, checksum: 0, remote };
        if let Some(outer) = outer {
            tunnel.write(outer);
        }
        tunnel
    }

    fn write(&mut self, outer: &OuterHeader) {
        let mut bytes = Vec::with_capacity(HEADER_ROOM);
        bytes.extend(outer.destination_mac.octets());
        bytes.extend(outer.source_mac.octets());
        if let Some(tci) = outer.vlan {
            bytes.extend(ethernet::TYPE_VLAN.to_be_bytes());
            bytes.extend(tci.bits().to_be_bytes());
        }
        bytes.extend(ethernet::TYPE_IPV4.to_be_bytes());
        let ip_at = bytes.len();
        let flags = if outer.dont_fragment { ipv4::DONT_FRAGMENT } else { 0 };
        bytes.extend([ipv4::VERSION_IHL, 0, 0, 0, 0, 0]);
        bytes.extend(flags.to_be_bytes());
        bytes.extend([TTL, ipv4::PROTO_UDP, 0, 0]);
        bytes.extend(outer.source.octets());
        bytes.extend(outer.destination.octets());
        self.checksum = u32::from(wire::checksum::fold(wire::checksum::sum(&bytes[ip_at..])));
        bytes.extend([0, 0]);
        bytes.extend(vxlan::UDP_PORT.to_be_bytes());
        bytes.extend([0; 4]);
        bytes.extend([vxlan::FLAG_I, 0, 0, 0, 0, 0, 0, 0]);
        self.header[..bytes.len()].copy_from_slice(&bytes);
        self.length = if outer.vlan.is_some() { Length::Tagged } else { Length::Untagged };
    }

    /// The header in the first [`header_octets`](Self::header_octets) octets. Zero, to be patched per packet: IP total
    /// length, IP id, IP checksum, UDP source port, UDP length, VNI. The UDP checksum stays zero (RFC 7348 section 5).
    #[inline(always)]
    pub fn header(&self) -> &[u8; HEADER_ROOM] {
        &self.header
    }

    /// 50, or 54 with a fabric VLAN tag; 0 while the next hop is unresolved.
    #[inline(always)]
    pub fn header_octets(&self) -> usize {
        self.length as usize
    }

    /// The one's complement sum of the IP header's constant words, folded to 16 bits: add length and id, fold, invert.
    #[inline(always)]
    pub fn checksum(&self) -> u32 {
        self.checksum
    }

    /// The port that it leaves by.
    #[inline(always)]
    pub fn port(&self) -> PortIndex {
        self.port
    }

    /// The longest inner frame, in octets from its destination MAC, that fits the fabric's MTU.
    #[inline(always)]
    pub fn max_frame(&self) -> usize {
        usize::from(self.max_frame)
    }

    /// The remote VTEP's address.
    pub fn remote(&self) -> Ipv4Addr {
        self.remote
    }
}

/// A row of the next hop table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nexthop {
    tunnel: TunnelId,
    /// Not zero, so that an absent row needs no octet of its own and a row is eight octets.
    shim: NonZeroU32,
}

impl Nexthop {
    pub(crate) fn vxlan(tunnel: TunnelId, vni: wire::Vni) -> Self {
        let shim = NonZeroU32::new(vxlan::vni_word(vni)).expect("a VNI is 1 at least, and has 24 bits");
        Self { tunnel, shim }
    }

    /// The tunnel that it uses.
    #[inline(always)]
    pub fn tunnel(self) -> TunnelId {
        self.tunnel
    }

    /// The last four octets of the outer header, host order: VNI and a reserved octet.
    #[inline(always)]
    pub fn shim(self) -> u32 {
        self.shim.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tunnel_is_two_cache_lines_and_a_next_hop_eight_octets() {
        assert_eq!(size_of::<Option<Tunnel>>(), 128);
        assert_eq!(size_of::<Option<Nexthop>>(), 8);
    }

    #[test]
    fn the_template_reads_as_rfc_791_768_and_7348_say() {
        let outer = OuterHeader {
            source_mac: MacAddr::new([2, 0, 0, 0, 0, 1]),
            destination_mac: MacAddr::new([2, 0, 0, 0, 0, 2]),
            vlan: None,
            source: Ipv4Addr::new(172, 16, 0, 1),
            destination: Ipv4Addr::new(172, 16, 0, 2),
            dont_fragment: true,
        };
        let tunnel = Tunnel::new(outer.destination, PortIndex::new(1).unwrap(), 1600, Some(&outer));
        let expected = [
            2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x08, 0, // Ethernet
            0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 17, 0, 0, 172, 16, 0, 1, 172, 16, 0, 2, // IPv4
            0, 0, 0x12, 0xb5, 0, 0, 0, 0, // UDP, port 4789
            8, 0, 0, 0, 0, 0, 0, 0, // VXLAN
        ];
        assert_eq!(&tunnel.header()[..tunnel.header_octets()], expected);
        assert_eq!(tunnel.max_frame(), 1564);
        let tagged = OuterHeader { vlan: Some(Tci::new(100)), ..outer };
        let tunnel = Tunnel::new(outer.destination, PortIndex::new(1).unwrap(), 1600, Some(&tagged));
        assert_eq!(tunnel.header_octets(), 54);
        assert_eq!(tunnel.header()[12..20], [0x81, 0, 0, 100, 0x08, 0, 0x45, 0]);
    }
}
