//! Writes the outer header: a template copied, and what differs from packet to packet patched.
//!
//! The three encapsulations without a fabric VLAN or control word, by the only way that the underlay has, have a function each
//! with constant places ([`plain`] over IPv4, [`plain_v6`] over IPv6); all others share one with variable places ([`any`]).

pub(crate) mod any;
pub(crate) mod plain;
mod plain_v6;

use crate::burst::Lanes;
use crate::io::Frame;
use crate::{BURST, Burst};
use fib::{Destination, PortIndex, Shape, Snapshot, Tunnel, WaysOut};
use telemetry::DropReason;
use wire::{Tci, checksum, ethernet};

/// Both MACs.
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

    /// The next one.
    #[inline(always)]
    pub(crate) fn take(&mut self) -> u16 {
        let Run(id, _) = self.take_run(1);
        id
    }

    /// The next `n`, of which only the first has to be computed.
    #[inline(always)]
    pub(crate) fn take_run(&mut self, n: u16) -> Run {
        let span = self.step.saturating_mul(n);
        // Not a wrapping addition: 65,536 is no multiple of every number of workers.
        let (id, next) = match self.next.checked_add(span) {
            Some(next) => (self.next, next),
            None => (self.first, self.first.saturating_add(span)),
        };
        self.next = next;
        Run(id, self.step)
    }
}

/// Identification values that follow each other, and their distance.
#[derive(Clone, Copy)]
pub(crate) struct Run(u16, u16);

impl Run {
    #[inline(always)]
    fn take(&mut self) -> u16 {
        let id = self.0;
        self.0 = id.wrapping_add(self.1);
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
    #[inline(always)]
    fn label_entry(&self) -> u32 {
        label_entry(self.shim, self.priority)
    }
}

/// A label stack entry with the PCP for its traffic class (RFC 5462).
#[inline(always)]
fn label_entry(shim: u32, priority: Tci) -> u32 {
    shim | u32::from(priority.pcp()) << 9
}

/// Sends the `to_remote` lanes out of a fabric port: pops the tags, pads to 60 octets, writes the outer header. Of several
/// ways of the underlay the flow hash chooses one.
///
/// Drops: `NoNexthop`, `NexthopUnresolved`, `TooBigForFabric`, `NoHeadroom`, `NoTailroom`, `NotContiguous`. Grows a frame by
/// 34 octets (MPLS over GRE, two tags popped in the same step) to 74 (VXLAN over IPv6 on a fabric VLAN, no tag).
#[inline(always)]
pub(crate) fn to_fabric<F: Frame>(t: &Snapshot, ids: &mut IpIds, burst: &mut Burst<F>) {
    let mut ids = ids.take_run(burst.lanes.to_remote.count() as u16);
    let ways = t.ways_out();
    for lane in burst.lanes.to_remote {
        let Some(frame) = burst.frames.get_mut(lane) else { break };
        let lanes = &mut burst.lanes;
        let id = ids.take();
        match usual(ways, id, lanes, lane, frame) {
            Some(port) => lanes.send(lane, port),
            None => rare(t, id, lanes, lane, frame),
        }
    }
    burst.lanes.live.remove_all(burst.lanes.to_remote);
}

/// A frame that needs no padding, by one of the usual tunnels, with two tags to pop, one or none. `None`, and nothing done, if it
/// is anything else.
#[inline(always)]
fn usual<F: Frame>(ways: WaysOut<'_>, id: u16, lanes: &Lanes, lane: usize, frame: &mut F) -> Option<PortIndex> {
    let tags = usize::from(lanes.tag_octets[lane]);
    let (nexthop, tunnel) = ways.plain(Destination::nexthop_of(lanes.found[lane]))?;
    let octets = frame.total_octets() - tags;
    if octets < ethernet::MIN_FRAME_OCTETS || octets > tunnel.max_frame() {
        return None;
    }
    let (tci, hash) = (lanes.tci[lane], lanes.hash[lane]);
    let outer = plain::Outer { octets, hash, shim: nexthop.shim(), tos: ways.tos(tci), priority: tci, id };
    match (tunnel.only_shape(), tags) {
        (Shape::VxlanV4, 4) => plain::vxlan::<4, F>(frame, tunnel, outer)?,
        (Shape::MplsUdpV4, 4) => plain::mpls_over_udp::<4, F>(frame, tunnel, outer)?,
        (Shape::MplsGreV4, 4) => plain::mpls_over_gre::<4, F>(frame, tunnel, outer)?,
        (Shape::VxlanV4, 0) => plain::vxlan::<0, F>(frame, tunnel, outer)?,
        (Shape::MplsUdpV4, 0) => plain::mpls_over_udp::<0, F>(frame, tunnel, outer)?,
        (Shape::MplsGreV4, 0) => plain::mpls_over_gre::<0, F>(frame, tunnel, outer)?,
        (Shape::VxlanV4, 8) => plain::vxlan::<8, F>(frame, tunnel, outer)?,
        (Shape::MplsUdpV4, 8) => plain::mpls_over_udp::<8, F>(frame, tunnel, outer)?,
        (Shape::MplsGreV4, 8) => plain::mpls_over_gre::<8, F>(frame, tunnel, outer)?,
        _ => return None,
    }
    Some(tunnel.port())
}

/// Any other frame. Not inlined, so that the usual way stays short.
#[inline(never)]
fn rare<F: Frame>(t: &Snapshot, id: u16, lanes: &mut Lanes, lane: usize, frame: &mut F) {
    let lane = lane % BURST;
    match over_v6(t, lanes, lane, frame).unwrap_or_else(|| unusual(t, id, lanes, lane, frame)) {
        Ok(port) => lanes.send(lane, port),
        Err(reason) => lanes.drop(lane, reason),
    }
}

/// What [`usual`] is over IPv4, over IPv6, with one tag to pop or none.
#[inline(always)]
fn over_v6<F: Frame>(t: &Snapshot, lanes: &Lanes, lane: usize, frame: &mut F) -> Option<Result<PortIndex, DropReason>> {
    let (ways, tags) = (t.ways_out(), usize::from(lanes.tag_octets[lane]));
    let (nexthop, tunnel) = ways.plain(Destination::nexthop_of(lanes.found[lane]))?;
    let octets = frame.total_octets() - tags;
    if octets < ethernet::MIN_FRAME_OCTETS || octets > tunnel.max_frame() {
        return None;
    }
    let (tci, hash) = (lanes.tci[lane], lanes.hash[lane]);
    let outer = plain_v6::Outer { octets, hash, shim: nexthop.shim(), tos: ways.tos(tci), priority: tci };
    let written = match (tunnel.only_shape(), tags) {
        (Shape::VxlanV6, 4) => plain_v6::vxlan::<4, F>(frame, tunnel, outer),
        (Shape::MplsUdpV6, 4) => plain_v6::mpls_over_udp::<4, F>(frame, tunnel, outer),
        (Shape::MplsGreV6, 4) => plain_v6::mpls_over_gre::<4, F>(frame, tunnel, outer),
        (Shape::VxlanV6, 0) => plain_v6::vxlan::<0, F>(frame, tunnel, outer),
        (Shape::MplsUdpV6, 0) => plain_v6::mpls_over_udp::<0, F>(frame, tunnel, outer),
        (Shape::MplsGreV6, 0) => plain_v6::mpls_over_gre::<0, F>(frame, tunnel, outer),
        _ => return None,
    };
    Some(written.map(|()| tunnel.port()))
}

/// Any frame, by any tunnel, with any number of tags to pop.
fn unusual<F: Frame>(
    t: &Snapshot,
    id: u16,
    lanes: &Lanes,
    lane: usize,
    frame: &mut F,
) -> Result<PortIndex, DropReason> {
    let lane = lane % BURST;
    let hash = lanes.hash[lane];
    let nexthop = t.nexthop(Destination::nexthop_of(lanes.found[lane])).ok_or(DropReason::NoNexthop)?;
    let tunnel = t.tunnel_for(nexthop.tunnel(), hash).ok_or(DropReason::NoNexthop)?;
    let tags = usize::from(lanes.tag_octets[lane]);
    let mut octets = frame.total_octets() - tags;
    if octets < ethernet::MIN_FRAME_OCTETS {
        pad(frame, ethernet::MIN_FRAME_OCTETS - octets)?;
        octets = ethernet::MIN_FRAME_OCTETS;
    }
    let word = nexthop.control_word_octets();
    check(tunnel, octets + word)?;
    if tunnel.has_udp_checksum() && frame.octets().len() != frame.total_octets() {
        return Err(DropReason::NotContiguous);
    }
    let priority = lanes.tci[lane];
    let inner = Inner {
        octets,
        destination: lanes.destination[lane],
        source: lanes.source[lane],
        hash,
        shim: nexthop.shim(),
        tos: t.ways_out().tos(priority),
        priority,
    };
    let header = tunnel.header_octets() + word;
    let octets = frame.prepend(header - tags).ok_or(DropReason::NoHeadroom)?;
    let (window, rest) = octets.split_at_mut_checked(header + MACS).ok_or(DropReason::NotContiguous)?;
    let sum = if tunnel.has_udp_checksum() { checksum::sum(rest) } else { 0 };
    any::write(window, tunnel, &inner, word, id, sum);
    Ok(tunnel.port())
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
