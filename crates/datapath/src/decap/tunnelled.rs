//! What is behind the IP header of a tunnel packet: UDP or GRE, and VXLAN or a label stack. Slow and exact.

use super::{Here, Number, Outer, Source, labels};
use crate::io::{Checksum, RxMeta};
use telemetry::DropReason;
use wire::{checksum, ethernet, gre, mpls, udp, vxlan};

/// An IP packet to us whose header is right. Places count from the IP header.
pub(super) struct Packet<'p> {
    pub(super) source: Source,
    /// As much as lies in the first buffer.
    pub(super) octets: &'p [u8],
    /// Where UDP or GRE begins.
    pub(super) l4: usize,
    /// Where the packet ends.
    pub(super) end: usize,
    pub(super) dscp: u8,
    /// The one's complement sum of UDP's pseudo-header, without the length.
    pub(super) pseudo: u64,
    /// Whether a UDP checksum of zero is as good as a right one: always over IPv4, by configuration over IPv6.
    pub(super) takes_zero: bool,
}

impl Packet<'_> {
    fn fixed<const N: usize>(&self, at: usize) -> Result<&[u8; N], DropReason> {
        if at + N > self.end {
            return Err(DropReason::OuterTruncated);
        }
        self.octets.get(at..).and_then(|rest| rest.first_chunk()).ok_or(DropReason::NotContiguous)
    }

    /// UDP or GRE to the end, if it is all in one buffer.
    fn payload(&self) -> Result<&[u8], DropReason> {
        self.octets.get(self.l4..self.end).ok_or(DropReason::NotContiguous)
    }

    fn outer(&self, stack: labels::Stack) -> Outer {
        let labels::Stack { label, priority, at } = stack;
        Outer { source: self.source, number: Number::Label(label), at, end: self.end, priority }
    }
}

/// Whether UDP to this port is overlay traffic.
pub(super) fn is_overlay_port(port: u16) -> bool {
    matches!(port, vxlan::UDP_PORT | mpls::UDP_PORT | mpls::UDP_PORT_LEGACY)
}

/// Whether a GRE header is of a tunnel that we are the end of; others are the host's.
pub(super) fn is_overlay_gre(header: &[u8]) -> bool {
    header.get(2..4).is_some_and(|protocol| protocol == ethernet::TYPE_MPLS.to_be_bytes())
}

/// One's complement sum of all ones: what a right checksum makes (RFC 1071).
pub(super) fn sums_to_ones(pseudo: u64, octets: &[u8]) -> bool {
    checksum::fold(pseudo + checksum::sum(octets)) == 0xffff
}

/// RFC 768 to one of the overlay's ports.
pub(super) fn udp(here: &Here<'_>, meta: RxMeta, packet: &Packet<'_>) -> Result<Outer, DropReason> {
    let header = packet.fixed::<{ udp::HEADER_OCTETS }>(packet.l4)?;
    let octets = packet.end - packet.l4;
    if usize::from(u16::from_be_bytes([header[4], header[5]])) != octets {
        return Err(DropReason::UdpLength);
    }
    match u16::from_be_bytes([header[6], header[7]]) {
        0 if packet.takes_zero => {}
        0 => return Err(DropReason::UdpChecksumMissing),
        _ if meta.l4 == Checksum::Good => {}
        _ if sums_to_ones(packet.pseudo + octets as u64, packet.payload()?) => {}
        _ => return Err(DropReason::UdpChecksum),
    }
    let at = packet.l4 + udp::HEADER_OCTETS;
    if u16::from_be_bytes([header[2], header[3]]) != vxlan::UDP_PORT {
        return labels::read(packet.octets, at, packet.end).map(|stack| packet.outer(stack));
    }
    let header = packet.fixed::<{ vxlan::HEADER_OCTETS }>(at)?;
    if header[0] & vxlan::FLAG_I == 0 {
        return Err(DropReason::VxlanFlags);
    }
    let number = Number::Vni(u32::from_be_bytes([0, header[4], header[5], header[6]]));
    let priority = here.t.priorities[usize::from(packet.dscp & 63)];
    Ok(Outer { source: packet.source, number, at: at + vxlan::HEADER_OCTETS, end: packet.end, priority })
}

/// RFC 2784 with the key of RFC 2890, carrying MPLS (RFC 4023). Of the reserved bits those that once had a meaning are
/// refused, the others ignored (RFC 2784 section 2.3); so are sequence numbers, which we could not keep.
pub(super) fn gre(packet: &Packet<'_>) -> Result<Outer, DropReason> {
    const REFUSED: u16 = !(gre::FLAG_CHECKSUM | gre::FLAG_KEY | IGNORED);
    const IGNORED: u16 = 0x03f8;
    let header = packet.fixed::<{ gre::HEADER_OCTETS }>(packet.l4)?;
    let flags = u16::from_be_bytes([header[0], header[1]]);
    if flags & REFUSED != 0 {
        return Err(DropReason::GreFlags);
    }
    let mut at = packet.l4 + gre::HEADER_OCTETS;
    if flags & gre::FLAG_CHECKSUM != 0 {
        packet.fixed::<{ gre::CHECKSUM_OCTETS }>(at)?;
        if !sums_to_ones(0, packet.payload()?) {
            return Err(DropReason::GreChecksum);
        }
        at += gre::CHECKSUM_OCTETS;
    }
    if flags & gre::FLAG_KEY != 0 {
        packet.fixed::<{ gre::KEY_OCTETS }>(at)?;
        at += gre::KEY_OCTETS;
    }
    labels::read(packet.octets, at, packet.end).map(|stack| packet.outer(stack))
}
