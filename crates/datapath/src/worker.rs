//! A worker's loop: poll the queues in turn, run each burst to completion, follow the newest snapshot.

use crate::io::{Clock, Pool, RxQueue, TxQueue};
use crate::probe::{Probe, Step};
use crate::{Burst, Outlet, pipeline};
use fib::simd::{Job, with_best_instructions};
use fib::{PortIndex, Snapshot};
use rcu::Reader;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;
use telemetry::WorkerTelemetry;
use telemetry::slots::SlotReceiver;

/// What kind of port a queue belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// VLANs of remote instances.
    Access,
    /// The underlay.
    Fabric,
}

/// Whether a worker rests when there is nothing to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Polling {
    /// Never: the core is its own.
    Busy,
    /// After a while without work, for a short time: others need the core too.
    Adaptive,
}

/// Rounds without work before an adaptive worker rests.
const PATIENCE: u32 = 512;
/// Rests of one length before the next are twice as long.
const RESTS: u32 = 128;
const SHORTEST_REST: Duration = Duration::from_micros(20);
/// The longest rest is what a first packet after a pause may have to wait, and still keeps the heartbeat alive.
const DOUBLINGS: u32 = 4;

/// A receive queue and what to do with what comes out of it.
pub struct Inlet<R: RxQueue> {
    role: Role,
    queue: R,
    burst: Burst<R::Frame>,
}

impl<R: RxQueue> Inlet<R> {
    /// The queue of a port.
    pub fn new(port: PortIndex, role: Role, queue: R) -> Self {
        Self { role, queue, burst: Burst::new(port) }
    }
}

/// Everything that one worker owns. It shares nothing that it writes, but its counters.
pub struct Worker<P: Pool, R: RxQueue<Frame = P::Frame>, T, C> {
    inlets: Vec<Inlet<R>>,
    outlet: Outlet<P, T>,
    snapshots: Reader<Snapshot>,
    injected: Vec<SlotReceiver>,
    clock: C,
    polling: Polling,
    idle_rounds: u32,
    /// Start of the round before, unless the worker rested in between.
    last_round: Option<u64>,
    /// Whether that round found something to do.
    last_worked: bool,
}

impl<P, R, T, C> Worker<P, R, T, C>
where
    P: Pool,
    R: RxQueue<Frame = P::Frame>,
    T: TxQueue<Frame = P::Frame>,
    C: Clock,
{
    /// A worker with these means. `injected` are the inject paths, from the host and from control: one worker has them.
    pub fn new(
        inlets: Vec<Inlet<R>>,
        outlet: Outlet<P, T>,
        snapshots: Reader<Snapshot>,
        injected: Vec<SlotReceiver>,
        clock: C,
        polling: Polling,
    ) -> Self {
        Self {
            inlets,
            outlet,
            snapshots,
            injected,
            clock,
            polling,
            idle_rounds: 0,
            last_round: None,
            last_worked: false,
        }
    }

    /// Works until `stop` is set, by the best instructions that the processor has.
    pub fn run(&mut self, stop: &AtomicBool) {
        with_best_instructions(UntilStopped { worker: self, stop });
    }

    /// Works for so many rounds as [`run`](Self::run) does, without a rest and with somebody looking on. Returns how many of
    /// them found something to do.
    pub fn run_rounds(&mut self, rounds: usize, probe: &mut impl Probe) -> usize {
        with_best_instructions(Rounds { worker: self, rounds, probe })
    }

    #[inline(always)]
    fn work(&mut self, stop: &AtomicBool) {
        self.outlet.telemetry().started_tsc.set(self.clock.cycles());
        self.outlet.refill_reserve();
        // Relaxed: the flag publishes nothing, and a round more does not matter.
        while !stop.load(Relaxed) {
            let worked = self.round();
            self.idle_rounds = if worked { 0 } else { self.idle_rounds.saturating_add(1) };
            if self.polling == Polling::Adaptive && self.idle_rounds > PATIENCE {
                self.clock.rest(rest_after(self.idle_rounds - PATIENCE));
                self.last_round = None;
            }
        }
    }

    /// Polls every queue once; returns whether there was anything to do.
    #[inline(always)]
    pub fn round(&mut self) -> bool {
        self.round_probed(&mut ())
    }

    /// As [`round`](Self::round), with somebody looking on.
    #[inline(always)]
    pub fn round_probed(&mut self, probe: &mut impl Probe) -> bool {
        let started = self.clock.cycles();
        self.snapshots.refresh();
        let (snapshot, generation) = (self.snapshots.snapshot(), self.snapshots.generation());
        self.outlet.begin_round(started, generation);
        if self.outlet.witness().is_called() {
            self.outlet.witness().follow(snapshot);
        }
        let mut bursts = 0;
        for inlet in &mut self.inlets {
            inlet.queue.receive(&mut inlet.burst);
            if inlet.burst.is_empty() {
                continue;
            }
            bursts += 1;
            probe.passed(Step::Receive, inlet.burst.len(), &inlet.burst);
            if self.outlet.witness().is_on() {
                self.outlet.witness().arrived(snapshot, &inlet.burst);
            }
            match inlet.role {
                Role::Access => pipeline::from_access(snapshot, &mut self.outlet, &mut inlet.burst, probe),
                Role::Fabric => pipeline::from_fabric(snapshot, &mut self.outlet, &mut inlet.burst, probe),
            }
        }
        let injected = self.outlet.inject(snapshot, &mut self.injected);
        self.report(started, bursts, generation, bursts > 0 || injected > 0)
    }

    /// Counts the round. One reading of the clock does for both: a round ends where the next one starts.
    #[inline(always)]
    fn report(&mut self, started: u64, bursts: u64, generation: u64, worked: bool) -> bool {
        let telemetry = self.outlet.telemetry();
        telemetry.polls.add(1);
        telemetry.heartbeat_tsc.set(started);
        telemetry.generation.set(generation);
        if let Some(before) = self.last_round {
            let gap = started.wrapping_sub(before);
            if gap > telemetry.longest_own_gap_cycles.read() {
                long_gap(telemetry, &mut self.clock, gap);
            }
            if self.last_worked {
                telemetry.busy_cycles.add(gap);
            }
        }
        if worked {
            telemetry.bursts.add(bursts);
        } else {
            telemetry.empty_polls.add(1);
        }
        self.last_round = Some(started);
        self.last_worked = worked;
        worked
    }
}

struct UntilStopped<'a, P: Pool, R: RxQueue<Frame = P::Frame>, T, C> {
    worker: &'a mut Worker<P, R, T, C>,
    stop: &'a AtomicBool,
}

impl<P, R, T, C> Job for UntilStopped<'_, P, R, T, C>
where
    P: Pool,
    R: RxQueue<Frame = P::Frame>,
    T: TxQueue<Frame = P::Frame>,
    C: Clock,
{
    type Output = ();

    #[inline(always)]
    fn run(self) {
        self.worker.work(self.stop);
    }
}

struct Rounds<'a, P: Pool, R: RxQueue<Frame = P::Frame>, T, C, L> {
    worker: &'a mut Worker<P, R, T, C>,
    rounds: usize,
    probe: &'a mut L,
}

impl<P, R, T, C, L> Job for Rounds<'_, P, R, T, C, L>
where
    L: Probe,
    P: Pool,
    R: RxQueue<Frame = P::Frame>,
    T: TxQueue<Frame = P::Frame>,
    C: Clock,
{
    type Output = usize;

    #[inline(always)]
    fn run(self) -> usize {
        // A closure would not be inlined, and so not be in the best form.
        let mut worked = 0;
        for _ in 0..self.rounds {
            worked += usize::from(self.worker.round_probed(self.probe));
        }
        worked
    }
}

/// How long to rest for the `n`th time in a row: 20 us at first, 320 us after a while without work.
fn rest_after(n: u32) -> Duration {
    SHORTEST_REST * (1 << (n / RESTS).min(DOUBLINGS))
}

/// Notes a gap that may be the longest so far, and how much of it was the worker's own doing.
#[cold]
fn long_gap<C: Clock>(telemetry: &WorkerTelemetry, clock: &mut C, gap: u64) {
    let own = gap.saturating_sub(clock.stolen());
    for (longest, now) in [(&telemetry.longest_gap_cycles, gap), (&telemetry.longest_own_gap_cycles, own)] {
        if now > longest.read() {
            longest.set(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rests_grow_with_idleness_and_stay_bounded() {
        assert_eq!(rest_after(1), Duration::from_micros(20));
        assert_eq!(rest_after(RESTS * 2), Duration::from_micros(80));
        assert_eq!(rest_after(u32::MAX), Duration::from_micros(320));
    }
}
