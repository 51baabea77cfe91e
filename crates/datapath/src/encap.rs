//! Writes the outer header: a template copied, and what differs from packet to packet patched.
//!
//! The three encapsulations over IPv4 without a fabric VLAN or control word have a function each with constant places
//! ([`plain`]); all others share one with variable places ([`any`]).

pub(crate) mod any;
mod plain;

use crate::burst::Lanes;
use crate::io::Frame;
use crate::{Burst, Verdict};
use fib::{Shape, Snapshot, Tunnel};
use telemetry::DropReason;
use wire::{Tci, checksum, ethernet};

/// Room for the longest outer header, with a control word where there can be one, and the inner MACs behind it.
pub(crate) const WINDOW: usize = 74 + MACS;
pub(crate) const MACS: usize = 12;

/// Identification values for this worker's packets: the counters of `workers` workers never meet.
#[derive(Debug, Clone)]
pub(crate) struct IpIds {
    first: u16,
    next: u16,
    step: u16,
}

impl IpIds {
    /// The sequence of worker `index` among `workers`.
    pub(crate) fn new(index: u16, workers: u16) -> Self {
        Self { first: index, next: index, step: workers.max(1) }
    }

    #[inline(always)]
    pub(crate) fn take(&mut self) -> u16 {
        let id = self.next;
        // Not a wrapping addition: 65,536 is no multiple of every number of workers.
        self.next = id.checked_add(self.step).unwrap_or(self.first);
        id
    }
}

/// What differs from packet to packet.
#[derive(Clone)]
pub(crate) struct Inner {
    /// Inner frame, in octets from its destination MAC, without check sequence and control word.
    pub(crate) octets: usize,
    pub(crate) destination: u64,
    pub(crate) source: u64,
    pub(crate) hash: u32,
    /// VNI word, or label stack entry without its traffic class.
    pub(crate) shim: u32,
    /// Type of service of IPv4, traffic class of IPv6: the DSCP in its upper six bits.
    pub(crate) tos: u8,
    pub(crate) priority: Tci,
}

impl Inner {
    /// The shim with the PCP for its traffic class (RFC 5462): for MPLS.
    #[inline(always)]
    fn label_entry(&self) -> u32 {
        self.shim | u32::from(self.priority.pcp()) << 9
    }
}

/// The DSCP that is configured for PCP and DEI of a tag, in its place in the outer header.
#[inline(always)]
pub(crate) fn tos(t: &Snapshot, priority: Tci) -> u8 {
    t.fabric.dscp[usize::from(priority.bits() >> 12)] << 2
}

/// Sends the `to_remote` lanes out of a fabric port: pops the tags, pads to 60 octets, writes the outer header. Of several
/// ways of the underlay the flow hash chooses one.
///
/// Drops: `NoNexthop`, `NexthopUnresolved`, `TooBigForFabric`, `NoHeadroom`, `NoTailroom`, `NotContiguous`. Grows a frame by
/// 34 octets (MPLS over GRE, two tags popped in the same step) to 74 (VXLAN over IPv6 on a fabric VLAN, no tag).
#[inline]
pub(crate) fn to_fabric<F: Frame>(t: &Snapshot, ids: &mut IpIds, burst: &mut Burst<F>) {
    // In registers while the burst lasts.
    let mut taken = ids.clone();
    for lane in burst.lanes.to_remote {
        let Some(frame) = burst.frames.get_mut(lane) else { break };
        let lanes = &mut burst.lanes;
        match one(t, &mut taken, lanes, lane, frame) {
            Ok(tunnel) => lanes.verdict[lane] = Verdict::Send(tunnel.port()),
            Err(reason) => lanes.drop(lane, reason),
        }
    }
    *ids = taken;
    burst.lanes.live.remove_all(burst.lanes.to_remote);
}

#[inline(always)]
fn one<'t, F: Frame>(
    t: &'t Snapshot,
    ids: &mut IpIds,
    lanes: &Lanes,
    lane: usize,
    frame: &mut F,
) -> Result<&'t Tunnel, DropReason> {
    let hash = lanes.hash[lane];
    let nexthop = t.nexthop(lanes.nexthop[lane]).ok_or(DropReason::NoNexthop)?;
    let tunnel = t.tunnel_for(nexthop.tunnel(), hash).ok_or(DropReason::NoNexthop)?;
    let tags = usize::from(lanes.tag_octets[lane]);
    let mut octets = frame.total_octets() - tags;
    if octets < ethernet::MIN_FRAME_OCTETS {
        pad(frame, ethernet::MIN_FRAME_OCTETS - octets)?;
        octets = ethernet::MIN_FRAME_OCTETS;
    }
    let word = nexthop.control_word_octets();
    check(tunnel, octets + word)?;
    let priority = lanes.tci[lane];
    let inner = Inner {
        octets,
        destination: lanes.destination[lane],
        source: lanes.source[lane],
        hash,
        shim: nexthop.shim(),
        tos: tos(t, priority),
        priority,
    };
    match tunnel.shape() {
        Shape::VxlanV4 => plain::vxlan(front(frame, plain::VXLAN - tags)?, tunnel, &inner, ids.take()),
        Shape::MplsUdpV4 if word == 0 => {
            plain::mpls_over_udp(front(frame, plain::MPLS_OVER_UDP - tags)?, tunnel, &inner, ids.take());
        }
        Shape::MplsGreV4 if word == 0 => {
            plain::mpls_over_gre(front(frame, plain::MPLS_OVER_GRE - tags)?, tunnel, &inner, ids.take());
        }
        _ => unusual(frame, tunnel, inner, tags, word, ids.take())?,
    }
    Ok(tunnel)
}

/// Grows a frame by `n` octets in front; the first `N` octets are then there to be written.
#[inline(always)]
fn front<F: Frame, const N: usize>(frame: &mut F, n: usize) -> Result<&mut [u8; N], DropReason> {
    frame.prepend(n).ok_or(DropReason::NoHeadroom)?.first_chunk_mut().ok_or(DropReason::NotContiguous)
}

/// Not inlined, and by value: a reference would keep the packet's numbers in memory on the usual ways too.
#[inline(never)]
fn unusual<F: Frame>(
    frame: &mut F,
    tunnel: &Tunnel,
    inner: Inner,
    tags: usize,
    word: usize,
    id: u16,
) -> Result<(), DropReason> {
    if tunnel.has_udp_checksum() && frame.octets().len() != frame.total_octets() {
        return Err(DropReason::NotContiguous);
    }
    let header = tunnel.header_octets() + word;
    let octets = frame.prepend(header - tags).ok_or(DropReason::NoHeadroom)?;
    let (window, rest) = octets.split_at_mut_checked(header + MACS).ok_or(DropReason::NotContiguous)?;
    let sum = if tunnel.has_udp_checksum() { checksum::sum(rest) } else { 0 };
    any::write(window, tunnel, &inner, word, id, sum);
    Ok(())
}

/// Whether a frame of so many octets, with its control word, can go this way at all.
#[inline(always)]
pub(crate) fn check(tunnel: &Tunnel, octets: usize) -> Result<(), DropReason> {
    // While unresolved it takes nothing.
    if octets <= tunnel.max_frame() { Ok(()) } else { Err(why_not(tunnel)) }
}

#[cold]
fn why_not(tunnel: &Tunnel) -> DropReason {
    if tunnel.shape() == Shape::Unresolved { DropReason::NexthopUnresolved } else { DropReason::TooBigForFabric }
}

/// Adds `n` zero octets behind: an Ethernet frame has at least 60 without its check sequence.
#[cold]
pub(crate) fn pad<F: Frame>(frame: &mut F, n: usize) -> Result<(), DropReason> {
    frame.append(n).ok_or(DropReason::NoTailroom)?.fill(0);
    Ok(())
}

/// Twelve octets: destination and source of an Ethernet header.
#[inline(always)]
pub(crate) fn mac_octets(destination: u64, source: u64) -> [u8; MACS] {
    ((u128::from(destination) << 48 | u128::from(source)) << 32)
        .to_be_bytes()
        .first_chunk()
        .copied()
        .unwrap_or([0; MACS])
}
