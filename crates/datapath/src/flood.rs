//! Copies one frame to each other member of its network (ingress replication, RFC 7348 section 4.2 by unicast).
//!
//! Each copy has headers of its own. Payloads up to 256 octets are copied; longer ones are shared by reference, where all
//! ports take frames in several buffers. Copies are packets of their own in the ledger; the frame itself is consumed.

mod body;
mod copies;

use crate::BURST;
use crate::bridge::is_same_segment;
use crate::burst::{Lanes, Side};
use crate::io::{Pool, TxQueue};
use crate::transmit::Outlet;
use copies::Copies;
use fib::simd::{Job, with_best_instructions};
use fib::{Destination, Network, NetworkId, Snapshot, Vif, VifIndex};
use telemetry::DropReason;
use wire::MacAddr;

/// Copies that one burst may make. A single frame may go to more members than that, a second one then not.
const BUDGET: usize = 4096;

/// Replicates the frames of a burst that have the verdict `Flood`, and gives the copies to the outlet.
#[inline(never)]
pub(crate) fn replicate_all<P: Pool, T: TxQueue<Frame = P::Frame>>(
    t: &Snapshot,
    out: &mut Outlet<P, T>,
    lanes: &Lanes,
    side: Side,
) {
    with_best_instructions(Flooding { t, out, lanes, side });
}

struct Flooding<'a, P: Pool, T> {
    t: &'a Snapshot,
    out: &'a mut Outlet<P, T>,
    lanes: &'a Lanes,
    side: Side,
}

impl<P: Pool, T: TxQueue<Frame = P::Frame>> Job for Flooding<'_, P, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { t, out, lanes, side } = self;
        let mut budget = BUDGET;
        for (lane, frame) in out.take_floods() {
            replicate(t, out, lanes, lane % BURST, frame, side, &mut budget);
        }
    }
}

#[inline(always)]
fn replicate<P: Pool, T: TxQueue<Frame = P::Frame>>(
    t: &Snapshot,
    out: &mut Outlet<P, T>,
    lanes: &Lanes,
    lane: usize,
    mut frame: P::Frame,
    side: Side,
    budget: &mut usize,
) {
    let Some(network) = t.network(lanes.network[lane]) else { return out.bury(frame, DropReason::NoNexthop) };
    let remote = if side == Side::Access { network.remote() } else { &[] };
    let members = network.segments().len() + remote.len();
    if members > *budget && *budget < BUDGET {
        return out.bury(frame, DropReason::FloodBudget);
    }
    *budget = budget.saturating_sub(members);
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
        !self.ingress.is_some_and(came_from) && !self.is_home(row)
    }

    /// The interface's own addresses are asked first, being in the line at hand; the table that all share only then.
    #[inline(always)]
    fn is_home(&self, row: &Vif) -> bool {
        let maybe = row.group().is_some() || row.owns(self.source);
        maybe && self.is_known_home(row)
    }

    #[inline(never)]
    fn is_known_home(&self, row: &Vif) -> bool {
        let at = self.t.destination(self.id, MacAddr::from_bits(self.source));
        matches!(at, Some(Destination::Vif(_))) && self.t.segment_owns(row, self.source)
    }

    #[cold]
    fn own_source(&self) -> bool {
        self.ingress.is_none() && self.network.segments().iter().any(|vif| self.is_home(self.t.vif(*vif)))
    }
}
