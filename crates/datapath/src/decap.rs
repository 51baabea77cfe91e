//! Reads and checks the outer header of fabric frames, and takes them to their network.
//!
//! The whole of a good VXLAN packet is one conjunction ([`is_plain_vxlan`]). What fails it goes to [`crate::refuse`],
//! which finds out, slowly and exactly, what is wrong with it or whether it is the host's.

use crate::burst::{Lanes, Verdict};
use crate::io::{CONTIGUOUS, Checksum, Frame, RxMeta};
use crate::parse::{MAC_BITS, is_group, macs};
use crate::{BURST, Burst, refuse};
use fib::{Fabric, Snapshot, SourceCheck, mac_key, vtep_key};
use telemetry::DropReason;
use wire::{Tci, be16, checksum, ethernet, ipv4, udp, vxlan};

/// Outer IPv4 to inner Ethernet header: what must be there, from the IP header on.
pub(crate) const L3_OCTETS: usize = OVERHEAD + ethernet::HEADER_OCTETS;
/// IPv4, UDP and VXLAN.
pub(crate) const OVERHEAD: usize = ipv4::HEADER_OCTETS + udp::HEADER_OCTETS + vxlan::HEADER_OCTETS;

/// What the outer header of one frame says.
struct Outer {
    source: u32,
    vni: u32,
}

/// Checks the outer headers (RFC 791, 768, 7348), VNI to network, and the source by `fabric.source_check`. Fills `l2_at`,
/// `tag_octets`, `destination`, `source`, `network`, `vtep` and `key`; cuts what follows the IP packet. Reserved VXLAN
/// bits are ignored on receipt.
///
/// Punts what is addressed to this node but is not VXLAN. Drops: the reasons of stage `decap`. Never allocates; touches
/// two cache lines of a frame, one of the VNI table and one of the VTEP table.
#[inline]
pub(crate) fn outer<F: Frame>(t: &Snapshot, burst: &mut Burst<F>) {
    let mut sources = [0u64; BURST];
    for lane in burst.lanes.live {
        let Some(frame) = burst.frames.get_mut(lane) else { break };
        match one(&t.fabric, burst.meta[lane], frame, &mut burst.lanes, lane) {
            Ok(outer) => {
                sources[lane] = vtep_key(outer.source);
                burst.lanes.vtep[lane] = outer.source;
                enter(t, &mut burst.lanes, lane, outer.vni);
            }
            Err(verdict) => burst.lanes.decide(lane, verdict),
        }
    }
    check_sources(t, &mut burst.lanes, &sources, burst.frames.len());
}

/// One frame: its outer header checked, its inner MACs read, its tail cut.
#[inline(always)]
fn one<F: Frame>(
    fabric: &Fabric,
    meta: RxMeta,
    frame: &mut F,
    lanes: &mut Lanes,
    lane: usize,
) -> Result<Outer, Verdict> {
    // Behind a tag that the port took out, a second one is the payload's.
    let head = frame.octets().first_chunk::<{ ethernet::HEADER_OCTETS }>();
    if meta.stripped.is_none() && head.is_some_and(|h| be16::<12, 14>(h) == ethernet::TYPE_VLAN) {
        one_tagged(fabric, meta, frame, lanes, lane)
    } else {
        one_at::<14, F>(fabric, meta, frame, lanes, lane)
    }
}

/// Not inlined: the compiler would merge both ways into one whose places are variables.
#[inline(never)]
fn one_tagged<F: Frame>(
    fabric: &Fabric,
    meta: RxMeta,
    frame: &mut F,
    lanes: &mut Lanes,
    lane: usize,
) -> Result<Outer, Verdict> {
    one_at::<18, F>(fabric, meta, frame, lanes, lane)
}

/// `L3` is where the outer IP header begins: 14, or 18 behind a tag.
#[inline(always)]
fn one_at<const L3: usize, F: Frame>(
    fabric: &Fabric,
    meta: RxMeta,
    frame: &mut F,
    lanes: &mut Lanes,
    lane: usize,
) -> Result<Outer, Verdict> {
    let (octets, total) = (frame.octets(), frame.total_octets());
    let found =
        octets.split_first_chunk::<L3>().and_then(|(e, rest)| Some((e, rest, rest.first_chunk::<L3_OCTETS>()?)));
    let Some((e, rest, h)) = found else { return Err(refuse::why(fabric, meta, octets, total)) };
    let words = words(h);
    let meta = if udp_checksum(&words) == 0 { meta } else { refuse::with_udp_verified(meta, rest) };
    let contiguous = octets.len() >= CONTIGUOUS.min(total);
    if !(contiguous && is_ours(fabric, meta, e) && is_plain_vxlan(fabric, meta, &words, total - L3)) {
        return Err(refuse::why(fabric, meta, octets, total));
    }
    let [length, source, _, _, vni_and_mac, macs] = words;
    let inner = usize::from((length >> 32) as u16) - OVERHEAD;
    let at = L3 + OVERHEAD;
    lanes.destination[lane] = (vni_and_mac & 0xffff_ffff) << 16 | macs >> 48;
    lanes.source[lane] = macs & MAC_BITS;
    lanes.l2_at[lane] = at as u8;
    lanes.tag_octets[lane] = 0;
    if total > at + inner {
        frame.truncate(at + inner);
    }
    Ok(Outer { source: source as u32, vni: (vni_and_mac >> 40) as u32 })
}

/// The header from IPv4 to the inner MACs in six words, read once each:
///
/// | word | octets |
/// |---|---|
/// | 0 | version and header length, DSCP, total length, id, flags and fragment offset |
/// | 1 | TTL, protocol, checksum, source |
/// | 2 | destination, UDP source port, UDP destination port |
/// | 3 | UDP length, UDP checksum, VXLAN flags, reserved |
/// | 4 | VNI, reserved, first four of the inner destination |
/// | 5 | last two of the inner destination, inner source |
#[inline(always)]
fn words(h: &[u8; L3_OCTETS]) -> [u64; 6] {
    let (words, _) = h.as_chunks::<8>();
    std::array::from_fn(|n| words.get(n).map_or(0, |word| u64::from_be_bytes(*word)))
}

#[inline(always)]
fn udp_checksum(words: &[u64; 6]) -> u16 {
    (words[3] >> 32) as u16
}

/// Whether the Ethernet header, with its tag if it has one, is for us: our MAC, the fabric's VLAN or none, IPv4.
#[inline(always)]
fn is_ours<const L3: usize>(fabric: &Fabric, meta: RxMeta, e: &[u8; L3]) -> bool {
    let tagged = L3 > ethernet::HEADER_OCTETS;
    let tag = if tagged { Some(Tci::new(u16::from_be_bytes([e[L3 - 4], e[L3 - 3]]))) } else { meta.stripped };
    let ether_type = u16::from_be_bytes([e[L3 - 2], e[L3 - 1]]);
    (macs(e).0 == fabric.mac.to_bits()) & (ether_type == ethernet::TYPE_IPV4) && vlan_matches(fabric, tag)
}

/// Untagged and priority-tagged frames are of VLAN 0, which is the fabric's if none is configured.
#[inline(always)]
pub(crate) fn vlan_matches(fabric: &Fabric, tag: Option<Tci>) -> bool {
    tag.map_or(0, Tci::vid) == fabric.vlan.map_or(0, |vlan| vlan.value())
}

/// The conjunction of all that an ordinary VXLAN packet to us is. `available` counts octets from the IP header on.
#[inline(always)]
fn is_plain_vxlan(fabric: &Fabric, meta: RxMeta, words: &[u64; 6], available: usize) -> bool {
    /// Version and header length, flags and fragment offset.
    const FIXED: u64 = 0xff << 56 | ipv4::FRAGMENT_MASK as u64;
    const UNFRAGMENTED: u64 = (ipv4::VERSION_IHL as u64) << 56;
    let [length, protocol, destination, vxlan_flags, ..] = *words;
    let total = usize::from((length >> 32) as u16);
    let udp_octets = usize::from((vxlan_flags >> 48) as u16);
    (length & FIXED == UNFRAGMENTED)
        & ((protocol >> 48) as u8 == ipv4::PROTO_UDP)
        & ((destination >> 32) as u32 == fabric.address.to_bits())
        & (destination as u16 == vxlan::UDP_PORT)
        & (udp_octets + ipv4::HEADER_OCTETS == total)
        & (total <= available)
        & (total >= L3_OCTETS)
        & (udp_checksum(words) == 0 || meta.l4 == Checksum::Good)
        & ((vxlan_flags >> 24) as u8 & vxlan::FLAG_I != 0)
        && (meta.ip == Checksum::Good || ipv4_checksum_is_right(words))
}

/// RFC 1071, over the 20 octets of the header: it sums to all ones.
#[inline(always)]
fn ipv4_checksum_is_right(words: &[u64; 6]) -> bool {
    let [a, b, c, ..] = *words;
    const LOW: u64 = 0xffff_ffff;
    checksum::fold((a & LOW) + (a >> 32) + (b & LOW) + (b >> 32) + (c >> 32)) == 0xffff
}

/// VNI to network.
#[inline(always)]
fn enter(t: &Snapshot, lanes: &mut Lanes, lane: usize, vni: u32) {
    let Some(network) = t.vnis.lookup(vni) else {
        lanes.drop(lane, DropReason::UnknownVni);
        return;
    };
    let source = lanes.source[lane];
    if is_group(source) || source == 0 {
        lanes.drop(lane, DropReason::InnerGroupSource);
        return;
    }
    lanes.network[lane] = network;
    lanes.key[lane] = mac_key(network, lanes.destination[lane]);
}

/// Only VTEPs that we know may reach us, or those of the frame's network, or anybody, as configured.
#[inline(always)]
fn check_sources(t: &Snapshot, lanes: &mut Lanes, sources: &[u64; BURST], n: usize) {
    let mut known = [0; BURST];
    t.vteps.lookup_burst(sources, n, &mut known);
    for lane in lanes.live {
        if known[lane] == 0 {
            if let Some(reason) = stranger(&t.fabric, lanes.vtep[lane]) {
                lanes.drop(lane, reason);
            }
        } else if t.fabric.source_check == SourceCheck::Strict {
            let peer = t.network(lanes.network[lane]).is_some_and(|network| network.has_peer(lanes.vtep[lane]));
            if !peer {
                lanes.drop(lane, DropReason::OuterSourceUnknown);
            }
        }
    }
}

/// What is wrong with a source that is no VTEP of ours; nothing if anybody may send.
#[cold]
fn stranger(fabric: &Fabric, source: u32) -> Option<DropReason> {
    let address = std::net::Ipv4Addr::from_bits(source);
    if address == fabric.address {
        Some(DropReason::OuterSourceOwn)
    } else if address.is_unspecified() || address.is_loopback() || address.is_multicast() || address.is_broadcast() {
        Some(DropReason::OuterSourceInvalid)
    } else if fabric.source_check == SourceCheck::Any {
        None
    } else {
        Some(DropReason::OuterSourceUnknown)
    }
}
