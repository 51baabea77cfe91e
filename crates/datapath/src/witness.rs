//! Looks at frames for whoever has ordered to see them, and keeps the beginnings of some that are dropped.
//!
//! While there is no order, a round asks once whether there is one ([`Witness::is_called`]), and a burst whether the
//! witness is on; all else here is called only then. What is copied is bounded by the order's channel, whose losses are
//! counted. Frames are seen where they arrive, where their verdicts are carried out, and where a port is offered them:
//! there every frame passes that leaves, whoever made it.

mod inner;
mod looking;
mod segment;

use crate::Burst;
use crate::burst::Side;
use crate::encap::MACS;
use crate::io::Frame;
use crate::lane_view::LaneView;
use arrayvec::ArrayVec;
use fib::{PortIndex, Snapshot};
use looking::Looking;
use telemetry::sightings::{Addresses, Direction, Facts, Fate};
use telemetry::watch::{ORDERS, Post};
use telemetry::{DropReason, DropRecorder};
use wire::{Tci, ethernet};

/// One worker's eyes.
pub(crate) struct Witness {
    post: Post,
    looking: ArrayVec<Looking, ORDERS>,
    on: bool,
    drops: DropRecorder,
    moment: Moment,
    /// The port that the burst at hand came by.
    port: Option<PortIndex>,
}

/// When it is, and by which tables' numbers one speaks.
#[derive(Debug, Clone, Copy, Default)]
struct Moment {
    now: u64,
    generation: u64,
}

impl Moment {
    fn facts(self, direction: Direction, fate: Fate, octets: usize) -> Facts {
        let octets = u32::try_from(octets).unwrap_or(u32::MAX);
        Facts { octets, ..Facts::new(self.now, self.generation, direction, fate) }
    }

    /// What a lane's frame is known by.
    fn facts_of<F: Frame>(self, lane: &LaneView<'_, F>, port: PortIndex, fate: Fate, octets: usize) -> Facts {
        let addresses = |header: crate::Header| Addresses {
            at: u8::try_from(header.at).unwrap_or(u8::MAX),
            destination: header.destination,
            source: header.source,
            tag: header.tag,
        };
        Facts {
            port: Some(port),
            addresses: lane.header().map(addresses),
            ingress: lane.ingress(),
            network: lane.network(),
            labelled: lane.labelled(),
            found: lane.found(),
            hash: lane.hash(),
            ..self.facts(Direction::In, fate, octets)
        }
    }
}

impl Witness {
    pub(crate) fn new(post: Post, drops: DropRecorder) -> Self {
        let (looking, moment) = (ArrayVec::new(), Moment::default());
        Self { post, looking, on: false, drops, moment, port: None }
    }

    /// Tells the time and the tables' generation; once a round.
    #[inline(always)]
    pub(crate) fn begin_round(&mut self, now: u64, generation: u64) {
        self.moment = Moment { now, generation };
    }

    /// Whether there are orders, or may be: then [`follow`](Self::follow) looks.
    #[inline(always)]
    pub(crate) fn is_called(&self) -> bool {
        self.post.rings()
    }

    /// Whether there are orders.
    #[inline(always)]
    pub(crate) fn is_on(&self) -> bool {
        self.on
    }

    /// By which port the frames at hand came, for those that are dropped.
    #[inline(always)]
    pub(crate) fn at_port(&mut self, port: Option<PortIndex>) {
        self.port = port;
    }

    /// Takes new orders and gives back those that are over.
    #[cold]
    #[inline(never)]
    pub(crate) fn follow(&mut self, t: &Snapshot) {
        let mut n = 0;
        while let Some(looking) = self.looking.get(n) {
            if !looking.is_over() {
                n += 1;
            } else if let Some(looking) = self.looking.swap_pop(n) {
                self.post.give_back(looking.into_order());
            }
        }
        while let Some(order) = self.post.take() {
            if let Err(full) = self.looking.try_push(Looking::new(order)) {
                self.post.give_back(full.element().into_order());
            }
        }
        self.looking.iter_mut().for_each(|looking| looking.learn(t));
        self.on = !self.looking.is_empty();
        if self.on {
            self.post.keep_ringing();
        }
    }

    /// Frames have arrived: what is wanted of them is copied, before anything is done to them.
    #[cold]
    #[inline(never)]
    pub(crate) fn arrived<F: Frame>(&mut self, t: &Snapshot, burst: &Burst<F>) {
        self.looking.iter_mut().for_each(|looking| looking.arrived(t, burst));
    }

    /// What becomes of them is decided, and not yet carried out.
    #[cold]
    #[inline(never)]
    pub(crate) fn decided<F: Frame>(&mut self, t: &Snapshot, burst: &Burst<F>, side: Side) {
        let moment = self.moment;
        self.looking.iter_mut().for_each(|looking| looking.decided(t, burst, side, moment));
    }

    /// A port is about to be offered these frames.
    #[cold]
    #[inline(never)]
    pub(crate) fn offering<F: Frame>(&mut self, port: PortIndex, frames: &[F]) {
        self.looking.iter_mut().for_each(|looking| looking.offering(port, frames));
    }

    /// It has taken those that it has not [refused](Self::refused).
    #[cold]
    #[inline(never)]
    pub(crate) fn offered(&mut self, port: PortIndex) {
        let moment = self.moment;
        self.looking.iter_mut().for_each(|looking| looking.offered(port, moment));
    }

    /// Whether a frame that is dropped for this reason is to be recorded, by [`record`](Self::record) or
    /// [`record_lane`](Self::record_lane).
    #[inline(always)]
    pub(crate) fn records(&self, reason: DropReason) -> bool {
        self.drops.wants(reason, self.moment.now)
    }

    /// Frames that a port has not taken, the last of those that it was offered, are dropped.
    #[cold]
    #[inline(never)]
    pub(crate) fn refused<F: Frame>(&mut self, frames: &[F]) {
        self.looking.iter_mut().for_each(|looking| looking.refused(frames.len()));
        for frame in frames {
            if !self.records(DropReason::TxQueueFull) {
                break;
            }
            self.record(frame, DropReason::TxQueueFull);
        }
    }

    /// Records a frame of which no more is known.
    #[cold]
    #[inline(never)]
    pub(crate) fn record<F: Frame>(&mut self, frame: &F, reason: DropReason) {
        let facts = self.moment.facts(Direction::In, Fate::Dropped(reason), frame.total_octets());
        let port = self.port;
        self.drops.record(reason, self.moment.now, |sighting| {
            sighting.facts = Facts { port, ..facts };
            sighting.copy_octets(|place| frame.copy_out(0, place));
        });
    }

    /// Records a lane's frame. `stripped`: its tag is not in it.
    #[cold]
    #[inline(never)]
    pub(crate) fn record_lane<F: Frame>(&mut self, lane: &LaneView<'_, F>, reason: DropReason, stripped: bool) {
        let (Some(port), Some(frame)) = (self.port, lane.frame()) else { return };
        let tag = lane.header().filter(|_| stripped).map(|header| (ethernet::TYPE_VLAN, header.tag));
        let octets = frame.total_octets() + tag.map_or(0, |_| ethernet::TAG_OCTETS);
        let facts = self.moment.facts_of(lane, port, Fate::Dropped(reason), octets);
        self.drops.record(reason, self.moment.now, |sighting| {
            sighting.facts = facts;
            sighting.copy_octets(|place| copy(frame, tag, place));
        });
    }
}

/// Copies a frame's first octets, with the tag that its port took out.
fn copy<F: Frame>(frame: &F, tag: Option<(u16, Tci)>, place: &mut [u8]) -> usize {
    let Some((tpid, tci)) = tag else { return frame.copy_out(0, place) };
    let [a, b] = tpid.to_be_bytes();
    let [c, d] = tci.bits().to_be_bytes();
    let (macs, rest) = place.split_at_mut(place.len().min(MACS));
    let (word, rest) = rest.split_at_mut(rest.len().min(ethernet::TAG_OCTETS));
    let copied = frame.copy_out(0, macs);
    if copied < MACS {
        return copied;
    }
    word.iter_mut().zip([a, b, c, d]).for_each(|(to, from)| *to = from);
    copied + word.len() + frame.copy_out(MACS, rest)
}
