//! One order and what is in hand for it.

use super::segment::Segment;
use super::{Moment, copy, inner};
use crate::burst::{LaneMask, Side};
use crate::encap::MACS;
use crate::io::Frame;
use crate::lane_view::LaneView;
use crate::{BURST, Burst, Verdict};
use arrayvec::ArrayVec;
use fib::{Destination, PortIndex, Snapshot, VifIndex};
use telemetry::DropReason;
use telemetry::sightings::{Direction, Facts, Fate, PLACES};
use telemetry::watch::{Order, Point};
use wire::ethernet;

const _: () = assert!(PLACES == 2 * BURST, "a place for each frame that arrives, and one for each that leaves");

/// Fabric ports that are known; there are at most a handful.
const LINKS: usize = 8;

/// An order that is followed.
pub(super) struct Looking {
    order: Box<Order>,
    /// Where the interface is, if the order is about one.
    segment: Option<Segment>,
    links: ArrayVec<PortIndex, LINKS>,
    /// How many frames of the burst at hand were copied, or had no room to be.
    arrivals: usize,
    /// Destinations and sources of frames of the burst at hand that the interface sends across the fabric.
    outbound: ArrayVec<(u64, u64), BURST>,
    /// Which of the frames that are being offered to a port are wanted, and how many are offered.
    wanted: LaneMask,
    offered: usize,
    refused: usize,
}

impl Looking {
    pub(super) fn new(order: Box<Order>) -> Self {
        let (links, outbound, wanted) = (ArrayVec::new(), ArrayVec::new(), LaneMask::default());
        Self { order, segment: None, links, arrivals: 0, outbound, wanted, offered: 0, refused: 0 }
    }

    pub(super) fn into_order(self) -> Box<Order> {
        self.order
    }

    pub(super) fn is_over(&self) -> bool {
        self.order.is_over()
    }

    /// Looks up where the interface is; once a round, since tables change.
    pub(super) fn learn(&mut self, t: &Snapshot) {
        self.segment = match self.order.wanted.point {
            Point::Port(_) => None,
            Point::Inside(vif) | Point::Outside(vif) | Point::Path(vif) => Some(Segment::of(t.vif(vif))),
        };
        self.links = t.fabric.links.iter().map(|link| link.port).take(LINKS).collect();
        self.outbound.clear();
        self.arrivals = 0;
    }

    fn wants(&self, direction: Direction) -> bool {
        self.order.wanted.direction.is_none_or(|wanted| wanted == direction)
    }

    pub(super) fn arrived<F: Frame>(&mut self, t: &Snapshot, burst: &Burst<F>) {
        self.arrivals = 0;
        let by_this_port = match self.order.wanted.point {
            Point::Port(port) => port == burst.port(),
            Point::Inside(_) => self.segment.is_some_and(|segment| segment.port() == burst.port()),
            Point::Outside(_) => self.links.contains(&burst.port()),
            Point::Path(_) => true,
        };
        if !by_this_port || !self.wants(Direction::In) {
            return;
        }
        self.arrivals = burst.len();
        let most = self.order.wanted.octets;
        for (lane, frame) in burst.frames.iter().enumerate() {
            let tag = burst.meta(lane).stripped.map(|tci| (self.tag_type(t, burst.port()), tci));
            if let Some(draft) = self.order.sender.draft(lane) {
                draft.facts.octets = whole(frame, tag.is_some());
                draft.copy_octets(|room| copy(frame, tag, first(room, most)));
            }
        }
    }

    /// The type of the tags that a port takes out.
    fn tag_type(&self, t: &Snapshot, port: PortIndex) -> u16 {
        if self.links.contains(&port) { ethernet::TYPE_VLAN } else { t.vlans.tpid(port).value() }
    }

    pub(super) fn decided<F: Frame>(&mut self, t: &Snapshot, burst: &Burst<F>, side: Side, moment: Moment) {
        self.outbound.clear();
        for n in 0..burst.len() {
            let Some(lane) = burst.lane(n) else { break };
            self.note_outbound(&lane, side);
            if n < self.arrivals && self.is_wanted(t, &lane, side) {
                self.deliver(&lane, n, burst.port(), moment);
            }
        }
        self.arrivals = 0;
    }

    fn is_wanted<F: Frame>(&self, t: &Snapshot, lane: &LaneView<'_, F>, side: Side) -> bool {
        match self.order.wanted.point {
            Point::Port(_) => true,
            Point::Inside(vif) => lane.ingress() == Some(vif),
            Point::Outside(vif) => side == Side::Fabric && is_for(t, lane, vif),
            Point::Path(vif) => lane.ingress() == Some(vif) || is_for(t, lane, vif),
        }
    }

    fn deliver<F: Frame>(&mut self, lane: &LaneView<'_, F>, n: usize, port: PortIndex, moment: Moment) {
        let fate = fate(lane.verdict());
        let most = self.order.wanted.leaving;
        let Some(draft) = self.order.sender.in_hand(n) else { return self.order.lost() };
        let facts = moment.facts_of(lane, port, fate, 0);
        draft.facts = Facts { octets: draft.facts.octets, ..facts };
        if most > 0
            && matches!(fate, Fate::Sent(_))
            && let Some(frame) = lane.frame()
        {
            draft.copy_leaving(|room| frame.copy_out(0, first(room, most)));
        }
        self.order.sender.send(n);
    }

    fn note_outbound<F: Frame>(&mut self, lane: &LaneView<'_, F>, side: Side) {
        let Point::Outside(vif) = self.order.wanted.point else { return };
        let leaves = match lane.verdict() {
            Verdict::Send(port) => self.links.contains(&port),
            Verdict::Flood | Verdict::Control => true,
            _ => false,
        };
        if side == Side::Access
            && leaves
            && lane.ingress() == Some(vif)
            && let Some(header) = lane.header()
        {
            // There are as many places as lanes.
            let _ = self.outbound.try_push((header.destination.to_bits(), header.source.to_bits()));
        }
    }

    pub(super) fn offering<F: Frame>(&mut self, port: PortIndex, frames: &[F]) {
        (self.wanted, self.offered, self.refused) = (LaneMask::default(), frames.len(), 0);
        if !self.wants(Direction::Out) || !self.may_go_by(port) {
            return;
        }
        let most = self.order.wanted.octets;
        for (n, frame) in frames.iter().enumerate().take(BURST) {
            if !self.is_of_point(frame.octets()) {
                continue;
            }
            match self.order.sender.draft(BURST + n) {
                Some(draft) => {
                    draft.facts.octets = whole(frame, false);
                    draft.copy_octets(|room| frame.copy_out(0, first(room, most)));
                    self.wanted.add(n);
                }
                None => self.order.lost(),
            }
        }
    }

    fn may_go_by(&self, port: PortIndex) -> bool {
        match self.order.wanted.point {
            Point::Port(wanted) => wanted == port,
            Point::Inside(_) => self.segment.is_some_and(|segment| segment.port() == port),
            Point::Outside(_) => !self.outbound.is_empty() && self.links.contains(&port),
            Point::Path(_) => false,
        }
    }

    fn is_of_point(&self, octets: &[u8]) -> bool {
        match self.order.wanted.point {
            Point::Port(_) => true,
            Point::Inside(_) => self.segment.is_some_and(|segment| segment.has(octets)),
            Point::Outside(_) => inner::addresses(octets).any(|pair| self.outbound.contains(&pair)),
            Point::Path(_) => false,
        }
    }

    pub(super) fn refused(&mut self, frames: usize) {
        self.refused = frames;
    }

    pub(super) fn offered(&mut self, port: PortIndex, moment: Moment) {
        let taken = self.offered.saturating_sub(self.refused);
        let ingress = match self.order.wanted.point {
            Point::Outside(vif) => Some(vif),
            _ => None,
        };
        for n in self.wanted {
            let fate = if n < taken { Fate::Sent(port) } else { Fate::Dropped(DropReason::TxQueueFull) };
            let Some(draft) = self.order.sender.in_hand(BURST + n) else { continue };
            let facts = moment.facts(Direction::Out, fate, 0);
            draft.facts = Facts { port: Some(port), ingress, octets: draft.facts.octets, ..facts };
            self.order.sender.send(BURST + n);
        }
        self.wanted = LaneMask::default();
    }
}

/// Whether a frame is for an interface: it alone, or all of its network.
fn is_for<F: Frame>(t: &Snapshot, lane: &LaneView<'_, F>, vif: VifIndex) -> bool {
    let flooded =
        || matches!(lane.verdict(), Verdict::Flood | Verdict::Control) && lane.network() == Some(t.vif(vif).network());
    lane.found() == Some(Destination::Vif(vif)) || flooded() && lane.ingress() != Some(vif)
}

fn fate(verdict: Verdict) -> Fate {
    match verdict {
        Verdict::Send(port) => Fate::Sent(port),
        Verdict::Flood | Verdict::Control => Fate::Flooded,
        Verdict::Punt => Fate::Punted,
        Verdict::Consume => Fate::Consumed,
        Verdict::Drop(reason) => Fate::Dropped(reason),
        // The outlet drops what no stage has decided.
        Verdict::Continue => Fate::Dropped(DropReason::NoNexthop),
    }
}

/// A frame's length; without addresses there is no place for a tag that was taken out.
fn whole<F: Frame>(frame: &F, stripped: bool) -> u32 {
    let octets = frame.total_octets();
    let tag = if stripped && octets >= MACS { ethernet::TAG_OCTETS } else { 0 };
    u32::try_from(octets + tag).unwrap_or(u32::MAX)
}

/// The first `most` octets of what room there is.
fn first(room: &mut [u8], most: usize) -> &mut [u8] {
    let most = most.min(room.len());
    room.split_at_mut(most).0
}
