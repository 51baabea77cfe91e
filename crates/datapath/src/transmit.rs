//! Where packets leave: the only place that sends, frees, punts and counts.

mod config;
mod first;
mod guards;

use crate::answer::{Budgets, Serving};
use crate::burst::{LaneMask, Side};
use crate::encap::IpIds;
use crate::io::{Outgoing, Pool, TxQueue};
use crate::lane_view::LaneView;
use crate::learn::Learner;
use crate::storm::StormControl;
use crate::witness::Witness;
use crate::{BURST, Burst, Verdict, control, flood, inject, punt};
use arrayvec::ArrayVec;
use fib::{PortIndex, Snapshot};
use first::First;
use std::sync::Arc;
use telemetry::notices::NoticeSender;
use telemetry::slots::{SlotReceiver, SlotSender};
use telemetry::watch::{self, Post};
use telemetry::{DropReason, DropRecorder, Ledger, WorkerTelemetry, drop_recorder};

pub use config::OutletConfig;

/// How often a full transmit queue is tried again before the rest of the burst is dropped.
const ATTEMPTS: usize = 4;

struct Exit<T, F> {
    port: PortIndex,
    queue: T,
    staged: ArrayVec<F, BURST>,
}

/// The way out of one worker.
pub struct Outlet<P: Pool, T> {
    pool: P,
    exits: Vec<Option<Exit<T, P::Frame>>>,
    host: Option<SlotSender>,
    telemetry: Arc<WorkerTelemetry>,
    notices: NoticeSender,
    witness: Witness,
    storm: StormControl,
    budgets: Budgets,
    learner: Learner,
    ids: IpIds,
    chains: bool,
    dead: ArrayVec<P::Frame, BURST>,
    floods: ArrayVec<(usize, P::Frame), BURST>,
    first: Box<First<P::Frame>>,
}

impl<P: Pool, T: TxQueue<Frame = P::Frame>> Outlet<P, T> {
    /// An outlet with these means.
    pub fn new(config: OutletConfig<P, T>) -> Self {
        let OutletConfig {
            pool,
            queues,
            host,
            telemetry,
            notices,
            worker: (index, workers),
            ticks_per_second,
            reserve,
        } = config;
        let learner = Learner::new(ticks_per_second);
        let storm = StormControl::new(telemetry.room_for_vifs(), ticks_per_second);
        let chains = queues.iter().all(|q| q.queue.takes_chains());
        let mut exits: Vec<Option<Exit<T, P::Frame>>> = Vec::new();
        for Outgoing { port, queue } in queues {
            if exits.len() <= port.row() {
                exits.resize_with(port.row() + 1, || None);
            }
            exits[port.row()] = Some(Exit { port, queue, staged: ArrayVec::new() });
        }
        let ids = IpIds::new(index, workers);
        let budgets = Budgets::new(telemetry.room_for_vifs(), ticks_per_second);
        let (dead, floods) = (ArrayVec::new(), ArrayVec::new());
        // Until there is somebody who looks, the other ends are nobody's.
        let witness = Witness::new(watch::post().1, drop_recorder(ticks_per_second).0);
        let first = Box::new(First::new(reserve, ticks_per_second));
        Self {
            pool,
            exits,
            host,
            telemetry,
            notices,
            witness,
            storm,
            budgets,
            learner,
            ids,
            chains,
            dead,
            floods,
            first,
        }
    }

    /// The same outlet with somebody who may order to see frames, and sees some of those that are dropped.
    #[must_use]
    pub fn watched(self, post: Post, drops: DropRecorder) -> Self {
        Self { witness: Witness::new(post, drops), ..self }
    }

    /// The worker's counters.
    #[inline(always)]
    pub fn telemetry(&self) -> &WorkerTelemetry {
        &self.telemetry
    }

    /// What a stage counts by, and where it tells control what it saw.
    #[inline(always)]
    pub(crate) fn reporting(&mut self) -> (&WorkerTelemetry, &mut NoticeSender) {
        (&self.telemetry, &mut self.notices)
    }

    /// What answers are counted by, limited by, and reported to.
    #[inline(always)]
    pub(crate) fn serving(&mut self) -> Serving<'_> {
        Serving { telemetry: &self.telemetry, notices: &mut self.notices, budgets: &mut self.budgets }
    }

    /// Tells the time to all that have a rate, and the tables' generation: the round's one reading of the clock.
    #[inline(always)]
    pub(crate) fn begin_round(&mut self, now: u64, generation: u64) {
        self.notices.tick(now, generation);
        self.witness.begin_round(now, generation);
        if let Some(host) = &mut self.host {
            host.tick(now);
        }
    }

    /// Whoever looks at frames.
    #[inline(always)]
    pub(crate) fn witness(&mut self) -> &mut Witness {
        &mut self.witness
    }

    #[inline(always)]
    pub(crate) fn pool(&mut self) -> &mut P {
        &mut self.pool
    }

    #[inline(always)]
    pub(crate) fn ids(&mut self) -> &mut IpIds {
        &mut self.ids
    }

    /// Whether every port takes frames in several buffers.
    pub(crate) fn takes_chains(&self) -> bool {
        self.chains
    }

    fn ledger(&self) -> &Ledger {
        &self.telemetry.ledger
    }

    /// Carries out the verdicts: every frame of the burst leaves here. Control frames are sent before, flooding comes after all
    /// others.
    #[inline(always)]
    pub(crate) fn carry_out(&mut self, t: &Snapshot, burst: &mut Burst<P::Frame>, side: Side) {
        self.ledger().received.add(burst.frames.len() as u64);
        if let Some(port) = burst.lanes.one_way(burst.frames.len())
            && let Some(Some(exit)) = self.exits.get_mut(port.row())
            && exit.staged.is_empty()
            && !self.witness.is_on()
        {
            let Self { pool, telemetry, witness, .. } = self;
            return send(&mut exit.queue, &mut burst.frames, pool, &telemetry.ledger, witness);
        }
        self.carry_out_apart(t, burst, side);
    }

    /// A burst whose frames go different ways. Not inlined: one copy is enough for both directions.
    #[inline(never)]
    fn carry_out_apart(&mut self, t: &Snapshot, burst: &mut Burst<P::Frame>, side: Side) {
        let stripped = LaneMask::of(&std::array::from_fn(|lane| burst.meta(lane).stripped), |tag| tag.is_some());
        if self.witness.is_on() {
            self.witness.decided(t, burst, side);
        }
        let Burst { port, frames, lanes, .. } = &mut *burst;
        self.witness.at_port(Some(*port));
        for (lane, frame) in frames.drain(..).enumerate() {
            match lanes.verdict[lane % BURST].unpack() {
                Verdict::Send(port) => self.stage(port, frame),
                Verdict::Drop(reason) => {
                    if self.witness.records(reason) {
                        let lane_view = LaneView::of_taken(lanes, lane, &frame);
                        self.witness.record_lane(&lane_view, reason, stripped.has(lane));
                    }
                    self.count_and_free(frame, reason);
                }
                Verdict::Flood | Verdict::Control => {
                    // A burst has no more frames than there are places.
                    if let Err((_, frame)) = put(&mut self.floods, (lane, frame)) {
                        self.bury(frame, DropReason::FloodBudget);
                    }
                }
                Verdict::Punt => self.punt(*port, stripped.has(lane), frame),
                Verdict::Consume => self.consume_for(0, Some(frame)),
                Verdict::Continue => self.bury(frame, DropReason::NoNexthop),
            }
        }
        let control = burst.lanes.control();
        if !control.is_empty() {
            control::carry::all(t, self, burst, side, control);
        }
        self.flush();
        if !self.floods.is_empty() {
            flood::replicate_all(t, self, &mut burst.lanes, side);
            self.flush();
        }
    }

    /// The frames to be flooded, each with its lane; none are left.
    pub(crate) fn take_floods(&mut self) -> ArrayVec<(usize, P::Frame), BURST> {
        std::mem::take(&mut self.floods)
    }

    fn punt(&mut self, port: PortIndex, stripped: bool, frame: P::Frame) {
        match punt::to_host(self.host.as_mut(), &self.telemetry, port, stripped, &frame) {
            Ok(()) => {
                self.ledger().punted.add(1);
                self.free(frame);
            }
            Err(reason) => self.bury(frame, reason),
        }
    }

    /// Takes frames from the host and from control; returns how many. Not inlined: it finds nothing nearly always.
    #[inline(never)]
    pub(crate) fn inject(&mut self, t: &Snapshot, channels: &mut [SlotReceiver]) -> usize {
        self.witness.at_port(None);
        let mut n = 0;
        for slots in channels {
            n += inject::from_slots(t, self, slots, BURST);
        }
        if n > 0 {
            self.flush();
        }
        n
    }

    pub(crate) fn send_injected(&mut self, port: PortIndex, frame: P::Frame) {
        self.ledger().injected.add(1);
        self.stage(port, frame);
    }

    pub(crate) fn refuse_injected(&mut self, frame: P::Frame, reason: DropReason) {
        self.ledger().injected.add(1);
        self.bury(frame, reason);
    }

    pub(crate) fn lose_injected(&mut self, reason: DropReason) {
        self.ledger().injected.add(1);
        self.ledger().dropped(reason).add(1);
    }

    /// Counts a copy that was not made, or not sent. It is one of those that [`consume_for`](Self::consume_for) counts.
    #[cold]
    pub(crate) fn lose_copy(&mut self, reason: DropReason) {
        self.ledger().dropped(reason).add(1);
    }

    /// Frees frames that were not needed after all.
    #[inline]
    pub(crate) fn give_back(&mut self, frames: &mut ArrayVec<P::Frame, BURST>) {
        if !frames.is_empty() {
            self.pool.free(frames);
        }
    }

    /// Counts a frame that ends here, having become so many copies; frees it unless they share it.
    #[inline]
    pub(crate) fn consume_for(&mut self, copies: u64, frame: Option<P::Frame>) {
        self.ledger().copies.add(copies);
        self.ledger().consumed.add(1);
        if let Some(frame) = frame {
            self.free(frame);
        }
    }

    /// Drops a frame for a reason.
    #[inline]
    pub(crate) fn bury(&mut self, frame: P::Frame, reason: DropReason) {
        if self.witness.records(reason) {
            self.witness.record(&frame, reason);
        }
        self.count_and_free(frame, reason);
    }

    #[inline]
    fn count_and_free(&mut self, frame: P::Frame, reason: DropReason) {
        self.ledger().dropped(reason).add(1);
        self.free(frame);
    }

    fn free(&mut self, frame: P::Frame) {
        if let Err(frame) = put(&mut self.dead, frame) {
            self.pool.free(&mut self.dead);
            // There is room now; what is left would be freed here.
            let _ = put(&mut self.dead, frame);
        }
    }

    /// Sends a frame with the next full burst of its port, or when all are flushed.
    #[inline(always)]
    pub(crate) fn stage(&mut self, port: PortIndex, frame: P::Frame) {
        let Some(Some(exit)) = self.exits.get_mut(port.row()) else {
            return self.bury(frame, DropReason::NoSuchPort);
        };
        let Err(frame) = put(&mut exit.staged, frame) else { return };
        send_staged(exit, &mut self.pool, &self.telemetry.ledger, &mut self.witness);
        if let Err(frame) = put(&mut exit.staged, frame) {
            self.bury(frame, DropReason::TxQueueFull);
        }
    }

    /// Sends all that is staged and frees all that is dead.
    #[inline]
    fn flush(&mut self) {
        for exit in self.exits.iter_mut().flatten() {
            if !exit.staged.is_empty() {
                send_staged(exit, &mut self.pool, &self.telemetry.ledger, &mut self.witness);
            }
        }
        if !self.dead.is_empty() {
            self.pool.free(&mut self.dead);
        }
    }
}

/// Adds to a list; gives back what it has no room for.
#[inline(always)]
fn put<T>(list: &mut ArrayVec<T, BURST>, item: T) -> Result<(), T> {
    list.try_push(item).map_err(|full| full.element())
}

/// Offers a port what is staged for it. Whoever looks at frames sees them here, as they leave.
#[inline(always)]
fn send_staged<P: Pool, T: TxQueue<Frame = P::Frame>>(
    exit: &mut Exit<T, P::Frame>,
    pool: &mut P,
    ledger: &Ledger,
    witness: &mut Witness,
) {
    if !witness.is_on() {
        return send(&mut exit.queue, &mut exit.staged, pool, ledger, witness);
    }
    send_seen(exit, pool, ledger, witness);
}

#[cold]
#[inline(never)]
fn send_seen<P: Pool, T: TxQueue<Frame = P::Frame>>(
    exit: &mut Exit<T, P::Frame>,
    pool: &mut P,
    ledger: &Ledger,
    witness: &mut Witness,
) {
    witness.offering(exit.port, &exit.staged);
    send(&mut exit.queue, &mut exit.staged, pool, ledger, witness);
    witness.offered(exit.port);
}

/// Offers a port frames, a few times if it is full; drops what it does not take.
#[inline(always)]
fn send<P: Pool, T: TxQueue<Frame = P::Frame>>(
    queue: &mut T,
    frames: &mut ArrayVec<P::Frame, BURST>,
    pool: &mut P,
    ledger: &Ledger,
    witness: &mut Witness,
) {
    let offered = frames.len();
    for _ in 0..ATTEMPTS {
        queue.transmit(frames);
        if frames.is_empty() {
            break;
        }
    }
    let refused = frames.len();
    ledger.transmitted.add((offered - refused) as u64);
    if refused > 0 {
        ledger.dropped(DropReason::TxQueueFull).add(refused as u64);
        witness.refused(frames);
        pool.free(frames);
    }
}
