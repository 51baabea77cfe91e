//! Copies one frame to each other member of its network (ingress replication, RFC 7348 section 4.2 by unicast).
//!
//! Each copy has headers of its own. Payloads up to 256 octets are copied; longer ones are shared by reference, where all
//! ports take frames in several buffers. Copies are packets of their own in the ledger; the frame itself is consumed.
//!
//! Before any copy is made it is decided which of a burst's frames are flooded at all: each network and interface has
//! budgets in time ([`storm`](crate::storm)), and all frames of a burst together one in copies ([`budget`]).

mod body;
mod budget;
mod copies;

use crate::BURST;
use crate::bridge::is_same_segment;
use crate::burst::{LaneMask, Lanes, Side, Verdict};
use crate::io::{Pool, TxQueue};
use crate::transmit::Outlet;
use copies::Copies;
use fib::simd::{Job, with_best_instructions};
use fib::{Destination, Network, NetworkId, NexthopId, Snapshot, Vif, VifIndex};
use telemetry::{DropReason, storm_reason};
use wire::MacAddr;

/// Replicates the frames of a burst that have the verdict `Flood`, and gives the copies to the outlet.
#[inline(never)]
pub(crate) fn replicate_all<P: Pool, T: TxQueue<Frame = P::Frame>>(
    t: &Snapshot,
    out: &mut Outlet<P, T>,
    lanes: &mut Lanes,
    side: Side,
) {
    with_best_instructions(Flooding { t, out, lanes, side });
}

struct Flooding<'a, P: Pool, T> {
    t: &'a Snapshot,
    out: &'a mut Outlet<P, T>,
    lanes: &'a mut Lanes,
    side: Side,
}

impl<P: Pool, T: TxQueue<Frame = P::Frame>> Job for Flooding<'_, P, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { t, out, lanes, side } = self;
        let floods = out.take_floods();
        let mut flooded = LaneMask::default();
        floods.iter().for_each(|(lane, _)| flooded.add(*lane));
        admit(t, out, lanes, flooded, side);
        for (lane, frame) in floods {
            match lanes.verdict[lane % BURST].unpack() {
                Verdict::Drop(reason) => out.bury(frame, reason),
                _ => replicate(t, out, lanes, lane % BURST, frame, side),
            }
        }
    }
}

/// Takes the verdict `Flood` from lanes beyond a budget: `StormBroadcast`, `StormMulticast`, `StormUnknownUnicast` and
/// `FloodBudget` instead.
#[inline(always)]
fn admit<P: Pool, T: TxQueue<Frame = P::Frame>>(
    t: &Snapshot,
    out: &mut Outlet<P, T>,
    lanes: &mut Lanes,
    mut flooded: LaneMask,
    side: Side,
) {
    let mut wanted = 0usize;
    for lane in flooded {
        if let Err(class) = out.within_storm_budget(t, lanes, lane, side) {
            flooded.remove(lane);
            lanes.drop(lane, storm_reason(class));
            continue;
        }
        wanted = wanted.saturating_add(members(t, lanes.network[lane], side));
    }
    if wanted > budget::COPIES {
        budget::share_out(lanes, flooded, |network| members(t, network, side));
    }
}

/// The copies that a frame may become; mostly it came in by one of the members, which gets none.
#[inline(always)]
fn members(t: &Snapshot, network: NetworkId, side: Side) -> usize {
    t.network(network).map_or(0, |network| network.segments().len() + remote_of(network, side).len())
}

/// The VTEPs that get a copy: none of what came from the fabric.
#[inline(always)]
fn remote_of(network: &Network, side: Side) -> &[NexthopId] {
    if side == Side::Access { network.remote() } else { &[] }
}

#[inline(always)]
fn replicate<P: Pool, T: TxQueue<Frame = P::Frame>>(
    t: &Snapshot,
    out: &mut Outlet<P, T>,
    lanes: &Lanes,
    lane: usize,
    mut frame: P::Frame,
    side: Side,
) {
    let Some(network) = t.network(lanes.network[lane]) else { return out.bury(frame, DropReason::NoNexthop) };
    let remote = remote_of(network, side);
    let members = network.segments().len() + remote.len();
    let original = match body::prepare(&mut frame, lanes, lane) {
        Ok(original) => original,
        Err(reason) => return out.bury(frame, reason),
    };
    let ingress = (side == Side::Access).then_some(lanes.ingress[lane]);
    let targets = Targets { t, id: lanes.network[lane], network, ingress, source: original.source };
    if remote.is_empty() && targets.is_empty() {
        let reason = if targets.own_source() { DropReason::OwnSource } else { DropReason::NoOtherMember };
        return out.bury(frame, reason);
    }
    // Mostly, the one that it came in by is a member and gets none.
    let expected = members.saturating_sub(usize::from(ingress.is_some()));
    let mut copies = Copies::new(t, out, original, frame, remote, expected);
    for vif in network.segments() {
        let row = t.vif(*vif);
        if targets.has(*vif, row) {
            copies.send_to_vif(*vif, row);
        }
    }
    for nexthop in remote {
        copies.send_to_remote(*nexthop);
    }
    copies.finish();
}

/// The segments of the network on this node that get a copy, each by one of its interfaces: not the one that the frame
/// came in by, and none on which its source is at home.
struct Targets<'t> {
    t: &'t Snapshot,
    id: NetworkId,
    network: &'t Network,
    ingress: Option<VifIndex>,
    source: u64,
}

impl Targets<'_> {
    fn is_empty(&self) -> bool {
        !self.network.segments().iter().any(|vif| self.has(*vif, self.t.vif(*vif)))
    }

    #[inline(always)]
    fn has(&self, vif: VifIndex, row: &Vif) -> bool {
        let came_from = |ingress| ingress == vif || is_same_segment(self.t, row, ingress);
        !self.ingress.is_some_and(came_from) && !self.is_home(vif, row)
    }

    /// The interface's own addresses are asked first, being in the line at hand; the table that all share only then.
    #[inline(always)]
    fn is_home(&self, vif: VifIndex, row: &Vif) -> bool {
        let maybe = row.group().is_some() || row.owns(self.source) || row.learns();
        maybe && self.is_known_home(vif, row)
    }

    #[inline(never)]
    fn is_known_home(&self, vif: VifIndex, row: &Vif) -> bool {
        let at = self.t.destination(self.id, MacAddr::from_bits(self.source));
        matches!(at, Some(Destination::Vif(_))) && self.t.segment_has(vif, row, self.source)
    }

    #[cold]
    fn own_source(&self) -> bool {
        self.ingress.is_none() && self.network.segments().iter().any(|vif| self.is_home(*vif, self.t.vif(*vif)))
    }
}
