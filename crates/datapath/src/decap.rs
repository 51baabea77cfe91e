//! Reads and checks the outer header of fabric frames, and takes them to their network.
//!
//! The whole of a good VXLAN packet is one conjunction ([`is_plain_vxlan`]). What fails it goes to [`crate::refuse`],
//! which finds out, slowly and exactly, what is wrong with it or whether it is the host's.

use crate::burst::{Lanes, Verdict};
use crate::hash::HEAD;
use crate::io::{CONTIGUOUS, Checksum, Frame, RxMeta};
use crate::parse::{is_group, macs};
use crate::{BURST, Burst, refuse};
use fib::{Fabric, Snapshot, SourceCheck, mac_key, vtep_key};
use telemetry::DropReason;
use wire::{Tci, be16, be32, checksum, ethernet, ipv4, udp, vxlan};

/// Outer IPv4 to inner Ethernet header: what must be there, from the IP header on.
pub(crate) const L3_OCTETS: usize = OVERHEAD + ethernet::HEADER_OCTETS;
/// IPv4, UDP and VXLAN.
pub(crate) const OVERHEAD: usize = ipv4::HEADER_OCTETS + udp::HEADER_OCTETS + vxlan::HEADER_OCTETS;

/// What the outer header of one frame says.
struct Outer {
    source: u32,
    vni: u32,
    /// Octets of the inner frame.
    inner: usize,
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
    let (octets, total) = (frame.octets(), frame.total_octets());
    // Behind a tag that the port took out, a second one is the payload's.
    let tagged =
        meta.stripped.is_none() && octets.first_chunk::<14>().is_some_and(|h| be16::<12, 14>(h) == ethernet::TYPE_VLAN);
    let l3 = ethernet::HEADER_OCTETS + if tagged { ethernet::TAG_OCTETS } else { 0 };
    let found = octets.get(l3..).and_then(|rest| rest.first_chunk::<L3_OCTETS>());
    let Some(h) = found else { return Err(refuse::why(fabric, meta, octets, total)) };
    let meta = if be16::<26, L3_OCTETS>(h) == 0 { meta } else { refuse::with_udp_verified(meta, &octets[l3..]) };
    let contiguous = octets.len() >= CONTIGUOUS.min(total);
    if !(contiguous && is_ours(fabric, meta, octets, tagged) && is_plain_vxlan(fabric, meta, h, total - l3)) {
        return Err(refuse::why(fabric, meta, octets, total));
    }
    let inner = usize::from(be16::<2, L3_OCTETS>(h)) - OVERHEAD;
    let outer = Outer { source: be32::<12, L3_OCTETS>(h), vni: be32::<32, L3_OCTETS>(h) >> 8, inner };
    let at = l3 + OVERHEAD;
    let mut head = [0; HEAD];
    head[..ethernet::HEADER_OCTETS].copy_from_slice(&h[OVERHEAD..]);
    (lanes.destination[lane], lanes.source[lane]) = macs(&head);
    lanes.l2_at[lane] = at as u8;
    lanes.tag_octets[lane] = 0;
    if total > at + outer.inner {
        frame.truncate(at + outer.inner);
    }
    Ok(outer)
}

/// Whether the Ethernet header is for us: our MAC, the fabric's VLAN or none, IPv4.
#[inline(always)]
fn is_ours(fabric: &Fabric, meta: RxMeta, octets: &[u8], tagged: bool) -> bool {
    let Some(e) = octets.first_chunk::<18>() else { return false };
    let mac = u64::from(be32::<0, 18>(e)) << 16 | u64::from(be16::<4, 18>(e));
    let tag = if tagged { Some(Tci::new(be16::<14, 18>(e))) } else { meta.stripped };
    let ether_type = if tagged { be16::<16, 18>(e) } else { be16::<12, 18>(e) };
    mac == fabric.mac.to_bits() && vlan_matches(fabric, tag) && ether_type == ethernet::TYPE_IPV4
}

/// Untagged and priority-tagged frames are of VLAN 0, which is the fabric's if none is configured.
#[inline(always)]
pub(crate) fn vlan_matches(fabric: &Fabric, tag: Option<Tci>) -> bool {
    tag.map_or(0, Tci::vid) == fabric.vlan.map_or(0, |vlan| vlan.value())
}

/// The conjunction of all that an ordinary VXLAN packet to us is. `available` counts octets from the IP header on.
#[inline(always)]
fn is_plain_vxlan(fabric: &Fabric, meta: RxMeta, h: &[u8; L3_OCTETS], available: usize) -> bool {
    let total = usize::from(be16::<2, L3_OCTETS>(h));
    let udp_octets = usize::from(be16::<24, L3_OCTETS>(h));
    let ip = h.first_chunk::<{ ipv4::HEADER_OCTETS }>();
    (h[0] == ipv4::VERSION_IHL)
        & (h[9] == ipv4::PROTO_UDP)
        & (be16::<6, L3_OCTETS>(h) & ipv4::FRAGMENT_MASK == 0)
        & (be32::<16, L3_OCTETS>(h) == fabric.address.to_bits())
        & (be16::<22, L3_OCTETS>(h) == vxlan::UDP_PORT)
        & (udp_octets + ipv4::HEADER_OCTETS == total)
        & (total <= available)
        & (total >= L3_OCTETS)
        & (be16::<26, L3_OCTETS>(h) == 0 || meta.l4 == Checksum::Good)
        & (h[28] & vxlan::FLAG_I != 0)
        && (meta.ip == Checksum::Good || ip.is_some_and(checksum::ipv4_header_is_valid))
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
