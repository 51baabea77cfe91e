//! What is wrong with a fabric frame that is not a plain VXLAN packet to us, or whether it is the host's.
//!
//! Slow and exact, in the order of the headers. What is addressed to this node's MAC, or to a group, and is not overlay
//! traffic goes to Linux, which is the authority for the underlay: ARP, BGP, BFD, ICMP and all the rest.

use crate::Verdict;
use crate::decap::{OVERHEAD, vlan_matches};
use crate::io::{CONTIGUOUS, Checksum, RxMeta};
use fib::Fabric;
use telemetry::DropReason;
use wire::{MacAddr, Tci, checksum, ethernet, ipv4, udp, vxlan};

fn be16_at(octets: &[u8], at: usize) -> Option<u16> {
    octets.get(at..)?.first_chunk().map(|two| u16::from_be_bytes(*two))
}

/// The verdict on a frame whose first buffer is `octets`, `total` octets long altogether.
#[cold]
pub(crate) fn why(fabric: &Fabric, meta: RxMeta, octets: &[u8], total: usize) -> Verdict {
    if octets.len() < CONTIGUOUS.min(total) {
        return Verdict::Drop(DropReason::NotContiguous);
    }
    let Some(destination) = octets.first_chunk::<6>().filter(|_| octets.len() >= ethernet::HEADER_OCTETS) else {
        return Verdict::Drop(DropReason::OuterRunt);
    };
    let destination = MacAddr::new(*destination);
    if destination != fabric.mac && !destination.is_group() {
        return Verdict::Drop(DropReason::OuterMacNotOurs);
    }
    let mut l3 = ethernet::HEADER_OCTETS;
    let mut ether_type = be16_at(octets, 12);
    let mut tag = meta.stripped;
    if tag.is_none() && ether_type == Some(ethernet::TYPE_VLAN) {
        tag = be16_at(octets, 14).map(Tci::new);
        l3 += ethernet::TAG_OCTETS;
        ether_type = be16_at(octets, 16);
    }
    let Some(ether_type) = ether_type else { return Verdict::Drop(DropReason::OuterRunt) };
    if !vlan_matches(fabric, tag) {
        return Verdict::Drop(DropReason::FabricVlan);
    }
    let ip = octets.get(l3..).unwrap_or(&[]);
    let available = total.saturating_sub(l3);
    if ether_type != ethernet::TYPE_IPV4 || ip.first().is_some_and(|b| b >> 4 != 4) {
        return Verdict::Punt;
    }
    match ipv4(fabric, meta, ip, available) {
        None => Verdict::Punt,
        // RFC 1122 section 3.3.6: a packet to our address has no business in a group's frame.
        Some(_) if destination != fabric.mac => Verdict::Drop(DropReason::OuterMacNotOurs),
        Some(reason) => Verdict::Drop(reason),
    }
}

/// The reason against an IPv4 packet, or `None` if it is the host's business.
fn ipv4(fabric: &Fabric, meta: RxMeta, ip: &[u8], available: usize) -> Option<DropReason> {
    let Some(header) = ip.first_chunk::<{ ipv4::HEADER_OCTETS }>() else { return Some(DropReason::OuterTruncated) };
    let address = u32::from_be_bytes([header[16], header[17], header[18], header[19]]);
    if address != fabric.address.to_bits() || header[9] != ipv4::PROTO_UDP {
        return None;
    }
    let header_octets = usize::from(header[0] & 0xf) * 4;
    let fragment = u16::from_be_bytes([header[6], header[7]]) & ipv4::FRAGMENT_MASK;
    let is_later_fragment = fragment & 0x1fff != 0;
    let Some(udp) = ip.get(header_octets.max(ipv4::HEADER_OCTETS)..) else { return Some(DropReason::OuterTruncated) };
    if is_later_fragment || be16_at(udp, 2).is_some_and(|port| port != vxlan::UDP_PORT) {
        // Without ports a later fragment cannot be told from the host's own; the first one of a VXLAN packet is dropped
        // below, so Linux can never complete it.
        return None;
    }
    let total = usize::from(u16::from_be_bytes([header[2], header[3]]));
    if header_octets > ipv4::HEADER_OCTETS {
        return Some(DropReason::OuterIpOptions);
    }
    if meta.ip != Checksum::Good && !checksum::ipv4_header_is_valid(header) {
        return Some(DropReason::OuterChecksum);
    }
    if fragment != 0 {
        return Some(DropReason::OuterFragment);
    }
    if header_octets < ipv4::HEADER_OCTETS || total > available || total < ipv4::HEADER_OCTETS + udp::HEADER_OCTETS {
        return Some(DropReason::OuterTruncated);
    }
    Some(udp_and_vxlan(header, udp, total, meta))
}

fn udp_and_vxlan(ip: &[u8; 20], datagram: &[u8], total: usize, meta: RxMeta) -> DropReason {
    let Some(header) = datagram.first_chunk::<{ udp::HEADER_OCTETS }>() else { return DropReason::OuterTruncated };
    if usize::from(u16::from_be_bytes([header[4], header[5]])) != total - ipv4::HEADER_OCTETS {
        return DropReason::UdpLength;
    }
    let sent = u16::from_be_bytes([header[6], header[7]]);
    if sent != 0 && meta.l4 != Checksum::Good && !udp_checksum_is_right(ip, datagram, total) {
        let in_one_buffer = datagram.len() >= total - ipv4::HEADER_OCTETS;
        return if in_one_buffer { DropReason::UdpChecksum } else { DropReason::NotContiguous };
    }
    let flags = datagram.get(udp::HEADER_OCTETS).copied().unwrap_or(0);
    if total < OVERHEAD {
        return DropReason::OuterTruncated;
    }
    if flags & vxlan::FLAG_I == 0 {
        return DropReason::VxlanFlags;
    }
    // All else of a plain VXLAN packet holds: what is missing is the inner frame, or contiguous memory.
    if total < OVERHEAD + ethernet::HEADER_OCTETS { DropReason::InnerRunt } else { DropReason::NotContiguous }
}

/// A non-zero UDP checksum must be right, or the packet is dropped (RFC 7348 section 5): says so in the meta data if it
/// is. Reads the whole datagram, unless the port has verified it.
#[cold]
pub(crate) fn with_udp_verified(meta: RxMeta, ip: &[u8]) -> RxMeta {
    let Some((header, datagram)) = ip.split_first_chunk::<{ ipv4::HEADER_OCTETS }>() else { return meta };
    let total = usize::from(u16::from_be_bytes([header[2], header[3]]));
    if udp_checksum_is_right(header, datagram, total) { RxMeta { l4: Checksum::Good, ..meta } } else { meta }
}

/// RFC 768, over a datagram in one buffer; one in several cannot be verified.
fn udp_checksum_is_right(ip: &[u8; 20], datagram: &[u8], total: usize) -> bool {
    let octets = total.saturating_sub(ipv4::HEADER_OCTETS);
    let Some(datagram) = datagram.get(..octets) else { return false };
    let source = u32::from_be_bytes([ip[12], ip[13], ip[14], ip[15]]);
    let destination = u32::from_be_bytes([ip[16], ip[17], ip[18], ip[19]]);
    let sum = checksum::udp_pseudo_header_v4(source, destination, octets as u16) + checksum::sum(datagram);
    checksum::fold(sum) == 0xffff
}
