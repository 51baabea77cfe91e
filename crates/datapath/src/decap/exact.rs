//! Reads a fabric frame that is not an ordinary tunnel packet: accepts it, says what is wrong with it, or finds that it is the
//! host's.
//!
//! Slow and exact, in the order of the headers. What is addressed to this node's MAC, or to a group, and is not overlay
//! traffic goes to Linux, which is the authority for the underlay: ARP, neighbour discovery, BGP, BFD, ICMP and all the rest.

use super::tunnelled::{self, Packet, is_overlay_gre, is_overlay_port};
use super::{Here, Outer, Source, v6};
use crate::Verdict;
use crate::io::{CONTIGUOUS, Checksum, RxMeta};
use fib::{vtep_key_v4, vtep_key_v6};
use telemetry::DropReason;
use wire::{MacAddr, Tci, checksum, ethernet, ipv4, ipv6};

/// Extension headers that are walked before a packet is left to the host.
const MAX_EXTENSIONS: usize = 8;

fn be16_at(octets: &[u8], at: usize) -> Option<u16> {
    octets.get(at..)?.first_chunk().map(|two| u16::from_be_bytes(*two))
}

/// The outer header of a frame whose first buffer is `octets`, `total` octets long altogether, and where its IP header begins;
/// or its verdict.
#[cold]
pub(super) fn read(here: &Here<'_>, meta: RxMeta, octets: &[u8], total: usize) -> Result<(usize, Outer), Verdict> {
    if octets.len() < CONTIGUOUS.min(total) {
        return Err(Verdict::Drop(DropReason::NotContiguous));
    }
    let (l3, ether_type, destination) = frame(here, meta, octets).map_err(Verdict::Drop)?;
    let packet = octets.get(l3..).unwrap_or(&[]);
    let available = total.saturating_sub(l3);
    let version = packet.first().map(|first| first >> 4);
    let read = match ether_type {
        ethernet::TYPE_IPV4 if version.is_none_or(|version| version == 4) => ipv4(here, meta, packet, available),
        ethernet::TYPE_IPV6 if version.is_none_or(|version| version == 6) => ipv6(here, meta, packet, available),
        _ => None,
    };
    match read {
        None => Err(Verdict::Punt),
        // RFC 1122 section 3.3.6: a packet to our address has no business in a group's frame.
        Some(_) if destination.to_bits() != here.mac => Err(Verdict::Drop(DropReason::OuterMacNotOurs)),
        Some(outer) => outer.map(|outer| (l3, outer)).map_err(Verdict::Drop),
    }
}

/// Ethernet: where the next header begins, its type, and the destination, if the frame is for us or for a group.
fn frame(here: &Here<'_>, meta: RxMeta, octets: &[u8]) -> Result<(usize, u16, MacAddr), DropReason> {
    let head = octets.first_chunk::<{ ethernet::HEADER_OCTETS }>().ok_or(DropReason::OuterRunt)?;
    let destination = MacAddr::from_bits(crate::parse::macs(head).0);
    if destination.to_bits() != here.mac && !destination.is_group() {
        return Err(DropReason::OuterMacNotOurs);
    }
    let mut l3 = ethernet::HEADER_OCTETS;
    let mut ether_type = be16_at(octets, 12);
    let mut tag = meta.stripped;
    if tag.is_none() && ether_type == Some(ethernet::TYPE_VLAN) {
        tag = be16_at(octets, 14).map(Tci::new);
        l3 += ethernet::TAG_OCTETS;
        ether_type = be16_at(octets, 16);
    }
    let ether_type = ether_type.ok_or(DropReason::OuterRunt)?;
    if here.is_our_vlan(tag) { Ok((l3, ether_type, destination)) } else { Err(DropReason::FabricVlan) }
}

/// Whether an upper-layer header is of a tunnel that ends here. Without one, in a later fragment, it cannot be told from the
/// host's own; the first fragment of a tunnel packet is dropped, so Linux can never complete it.
fn is_overlay(protocol: u8, l4: &[u8]) -> bool {
    match protocol {
        ipv4::PROTO_UDP => be16_at(l4, 2).is_none_or(is_overlay_port),
        ipv4::PROTO_GRE => l4.len() < 4 || is_overlay_gre(l4),
        _ => false,
    }
}

fn payload(here: &Here<'_>, meta: RxMeta, protocol: u8, packet: &Packet<'_>) -> Result<Outer, DropReason> {
    if protocol == ipv4::PROTO_GRE { tunnelled::gre(packet) } else { tunnelled::udp(here, meta, packet) }
}

/// An IPv4 packet; `None` if it is the host's business.
fn ipv4(here: &Here<'_>, meta: RxMeta, octets: &[u8], available: usize) -> Option<Result<Outer, DropReason>> {
    let Some(header) = octets.first_chunk::<{ ipv4::HEADER_OCTETS }>() else {
        return Some(Err(DropReason::OuterTruncated));
    };
    let word = |at: usize| octets.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |w| u32::from_be_bytes(*w));
    let (source, destination, protocol) = (word(12), word(16), header[9]);
    if here.v4 != Some(destination) || !matches!(protocol, ipv4::PROTO_UDP | ipv4::PROTO_GRE) {
        return None;
    }
    let l4 = (usize::from(header[0] & 0xf) * 4).max(ipv4::HEADER_OCTETS);
    let fragment = u16::from_be_bytes([header[6], header[7]]) & ipv4::FRAGMENT_MASK;
    let Some(behind) = octets.get(l4..) else { return Some(Err(DropReason::OuterTruncated)) };
    if fragment & 0x1fff != 0 || !is_overlay(protocol, behind) {
        return None;
    }
    let end = usize::from(u16::from_be_bytes([header[2], header[3]]));
    let wrong = if l4 > ipv4::HEADER_OCTETS {
        Some(DropReason::OuterIpOptions)
    } else if meta.ip != Checksum::Good && !checksum::ipv4_header_is_valid(header) {
        Some(DropReason::OuterChecksum)
    } else if fragment != 0 {
        Some(DropReason::OuterFragment)
    } else if header[0] != ipv4::VERSION_IHL || end > available || end < l4 {
        Some(DropReason::OuterTruncated)
    } else {
        None
    };
    let packet = Packet {
        source: Source { key: vtep_key_v4(source), v6: 0 },
        octets,
        l4,
        end,
        dscp: header[1] >> 2,
        pseudo: checksum::udp_pseudo_header_v4(source, destination, 0),
        takes_zero: true,
    };
    Some(wrong.map_or_else(|| payload(here, meta, protocol, &packet), Err))
}

/// An IPv6 packet; `None` if it is the host's business.
fn ipv6(here: &Here<'_>, meta: RxMeta, octets: &[u8], available: usize) -> Option<Result<Outer, DropReason>> {
    let Some(header) = octets.first_chunk::<{ ipv6::HEADER_OCTETS }>() else {
        return Some(Err(DropReason::OuterTruncated));
    };
    let (source, destination) = v6::addresses(header);
    if here.v6 != Some(destination) {
        return None;
    }
    let extensions = extensions(octets, header[6])?;
    let Extensions { protocol, l4, reason } = extensions;
    if !matches!(protocol, ipv4::PROTO_UDP | ipv4::PROTO_GRE) || !is_overlay(protocol, octets.get(l4..)?) {
        return None;
    }
    if let Some(reason) = reason {
        return Some(Err(reason));
    }
    let end = ipv6::HEADER_OCTETS + usize::from(u16::from_be_bytes([header[4], header[5]]));
    if end > available {
        return Some(Err(DropReason::OuterTruncated));
    }
    let packet = Packet {
        source: Source { key: vtep_key_v6(source), v6: source },
        octets,
        l4,
        end,
        dscp: (u16::from_be_bytes([header[0], header[1]]) >> 6) as u8 & 63,
        pseudo: checksum::udp_pseudo_header_v6(source, destination, 0),
        takes_zero: here.t.fabric.udp6_zero_checksum_rx,
    };
    Some(payload(here, meta, protocol, &packet))
}

/// What is behind the extension headers of an IPv6 packet, and why a tunnel packet must not have them.
struct Extensions {
    protocol: u8,
    l4: usize,
    reason: Option<DropReason>,
}

/// Walks the extension headers (RFC 8200 section 4); `None` if they end nowhere, or in a later fragment.
fn extensions(octets: &[u8], first: u8) -> Option<Extensions> {
    let (mut protocol, mut l4, mut reason) = (first, ipv6::HEADER_OCTETS, None);
    for _ in 0..MAX_EXTENSIONS {
        let header = || octets.get(l4..).and_then(|rest| rest.first_chunk::<4>());
        let length = match protocol {
            ipv6::NEXT_FRAGMENT => {
                let [_, _, high, low] = *header()?;
                if u16::from_be_bytes([high, low]) & 0xfff8 != 0 {
                    return None;
                }
                reason = Some(DropReason::OuterFragment);
                8
            }
            ipv6::NEXT_HOP_BY_HOP | ipv6::NEXT_ROUTING | ipv6::NEXT_DESTINATION => 8 * (usize::from(header()?[1]) + 1),
            // RFC 4302 section 2.2: in words, less two.
            ipv6::NEXT_AUTHENTICATION => 4 * (usize::from(header()?[1]) + 2),
            _ => return Some(Extensions { protocol, l4, reason }),
        };
        reason = reason.or(Some(DropReason::OuterIpv6Extension));
        protocol = header()?[0];
        l4 += length;
    }
    None
}
