//! What control frames have before others: their turn, a buffer, patience, and a limit for each of their senders.

use super::Outlet;
use crate::BURST;
use crate::io::{Pool, TxQueue};
use arrayvec::ArrayVec;
use fib::PortIndex;
use telemetry::notices::BpduSource;
use telemetry::{DropReason, Limit, Rate};

/// How often a full transmit queue is tried for one control frame.
const ATTEMPTS: usize = 64;
/// How often for all of a burst together: a port whose queue never moves must not hold up the others.
const BURST_ATTEMPTS: usize = 1024;
/// What one member may send: a hundred bridges on one link at two seconds' hello time, and all of their changes.
const RATE: Rate = Rate { frames_per_second: 256, burst: 256 };
/// With a spanning tree for each of 4,094 VLANs, at two seconds' hello time.
const PVST_RATE: Rate = Rate { frames_per_second: 4096, burst: 4096 };
/// Buckets for interfaces, and as many for VTEPs. Two members that share one share its limit.
const BUCKETS: usize = 32;

/// The means for it, of one worker.
pub(super) struct First<F> {
    /// Empty frames for when the pool has none, and how many there should be.
    reserve: ArrayVec<F, BURST>,
    wanted: usize,
    /// How often queues may still be tried in this burst.
    attempts: usize,
    limits: [Limit; 2],
    buckets: [[u64; 2 * BUCKETS]; 2],
}

impl<F> First<F> {
    pub(super) fn new(wanted: usize, ticks_per_second: u64) -> Self {
        Self {
            reserve: ArrayVec::new(),
            wanted: wanted.min(BURST),
            attempts: 0,
            limits: [RATE, PVST_RATE].map(|rate| Limit::new(rate, ticks_per_second)),
            buckets: [[0; 2 * BUCKETS]; 2],
        }
    }
}

impl<P: Pool, T: TxQueue<Frame = P::Frame>> Outlet<P, T> {
    /// Puts into the reserve what it lacks, if the pool has buffers: when the worker begins to work, and whenever control frames come.
    #[cold]
    pub(crate) fn refill_reserve(&mut self) {
        let lacking = self.first.wanted.saturating_sub(self.first.reserve.len());
        if lacking > 0 {
            self.pool.allocate_many(&mut self.first.reserve, lacking);
        }
    }

    /// Before a burst's control frames are carried.
    pub(crate) fn begin_control(&mut self) {
        self.first.attempts = BURST_ATTEMPTS;
        self.refill_reserve();
    }

    /// Puts a frame back among those to be flooded; there is room, since it came from there.
    pub(crate) fn put_back(&mut self, lane: usize, frame: P::Frame) {
        if let Err(full) = self.floods.try_push((lane, frame)) {
            let (_, frame) = full.element();
            self.bury(frame, DropReason::FloodBudget);
        }
    }

    /// Whether the member that a control frame came from may send one more.
    pub(crate) fn admits_control(&mut self, from: BpduSource, is_pvst: bool) -> bool {
        let bucket = match from {
            BpduSource::Vif(vif) => vif.row() % BUCKETS,
            BpduSource::Peer(peer) => BUCKETS + peer.map_or(0, |peer| peer.row()) % BUCKETS,
        };
        let kind = usize::from(is_pvst);
        let (limit, now) = (self.first.limits[kind], self.notices.now());
        limit.admit(&mut self.first.buckets[kind][bucket], now)
    }

    /// An empty frame: of the pool, or of the reserve if that has none.
    pub(crate) fn allocate_for_control(&mut self) -> Option<P::Frame> {
        self.pool.allocate().or_else(|| self.first.reserve.pop())
    }

    /// Sends a frame at once, before all that is staged; tries a full queue for longer than others do.
    pub(crate) fn send_first(&mut self, port: PortIndex, frame: P::Frame) {
        let Some(Some(exit)) = self.exits.get_mut(port.row()) else {
            return self.bury(frame, DropReason::NoSuchPort);
        };
        let mut frames: ArrayVec<P::Frame, BURST> = ArrayVec::new();
        // There is room for one.
        let _ = frames.try_push(frame);
        if self.witness.is_on() {
            self.witness.offering(port, &frames);
        }
        for _ in 0..ATTEMPTS {
            exit.queue.transmit(&mut frames);
            if frames.is_empty() || self.first.attempts == 0 {
                break;
            }
            self.first.attempts -= 1;
        }
        let ledger = &self.telemetry.ledger;
        if frames.is_empty() {
            ledger.transmitted.add(1);
        } else {
            ledger.dropped(DropReason::TxQueueFull).add(1);
            self.witness.refused(&frames);
            self.pool.free(&mut frames);
        }
        if self.witness.is_on() {
            self.witness.offered(port);
        }
    }
}
