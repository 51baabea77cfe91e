//! Control's side: it publishes, and reads counters.

use super::worker::{Moment, Waits};
use super::{FULL, PHASES, Phase};
use crate::random::Random;
use crate::scene::Scene;
use anyhow::{Context, Result, anyhow};
use fib::Snapshot;
use rcu::Publisher;
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};
use telemetry::WorkerTelemetry;

/// Changes in one publication, and the time between two: 10,000 a second.
const CHANGES: usize = 100;
const CHANGES_EVERY: Duration = Duration::from_millis(10);
const RELOAD_EVERY: Duration = Duration::from_millis(500);
const SCRAPE_EVERY: Duration = Duration::from_millis(100);
/// How long a phase is.
pub(super) const PHASE: Duration = Duration::from_secs(4);
/// The unit of `/proc/stat`, in milliseconds.
const JIFFY_MS: u64 = 10;

/// What was done in a phase.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) phase: Phase,
    pub(super) published: Vec<Moment>,
    /// What a hypervisor took of the worker's core, in steps of 10 ms.
    pub(super) stolen_ms: u64,
}

/// The thread that publishes and reads counters.
pub(super) struct Control<'a> {
    pub(super) publisher: Publisher<Snapshot>,
    pub(super) telemetry: &'a WorkerTelemetry,
    /// Of the worker.
    pub(super) waits: &'a Waits,
    pub(super) phase: &'a AtomicUsize,
    pub(super) interrupted: &'a AtomicBool,
    /// The worker's.
    pub(super) core: usize,
}

impl Control<'_> {
    /// Goes through the phases, on any core but the worker's, and ends with the last one, whatever happens.
    pub(super) fn work(mut self) -> Result<Vec<Done>> {
        let other = (0..1024).filter(|core| *core != self.core);
        let pinned = other.map(|id| core_affinity::CoreId { id }).any(core_affinity::set_for_current);
        let (telemetry, phase) = (self.telemetry, self.phase);
        thread::scope(|scope| {
            // It inherits the core.
            scope.spawn(|| scrape_until_the_end(telemetry, phase));
            let done = if pinned { self.phases() } else { Err(anyhow!("there is no second core for control")) };
            phase.store(PHASES.len() - 1, Relaxed);
            done
        })
    }

    fn phases(&mut self) -> Result<Vec<Done>> {
        let mut done = Vec::new();
        for (number, phase) in PHASES.into_iter().enumerate() {
            let before = stolen_ms(self.core)?;
            self.phase.store(number, Relaxed);
            let published = match phase {
                Phase::Rest => self.rest(),
                Phase::End => Vec::new(),
                Phase::RouteChanges => {
                    let mut random = Random::new(0x1234_5678);
                    self.publish_every(CHANGES_EVERY, |before, _| FULL.moved(before, CHANGES, &mut random))?
                }
                Phase::Reloads => {
                    self.publish_every(RELOAD_EVERY, |_, renumbered| Scene { renumbered, ..FULL }.snapshot())?
                }
            };
            done.push(Done { phase, published, stolen_ms: stolen_ms(self.core)?.saturating_sub(before) });
        }
        Ok(done)
    }

    /// Whether a phase that began then goes on.
    fn goes_on(&self, since: Instant) -> bool {
        since.elapsed() < PHASE && !self.interrupted.load(Relaxed)
    }

    fn rest(&self) -> Vec<Moment> {
        let start = Instant::now();
        while self.goes_on(start) {
            thread::sleep(SCRAPE_EVERY);
        }
        Vec::new()
    }

    /// Publishes what `next` makes of the tables before, at an interval that it keeps up if it can.
    fn publish_every(
        &mut self,
        interval: Duration,
        mut next: impl FnMut(&Snapshot, u16) -> Result<Snapshot>,
    ) -> Result<Vec<Moment>> {
        let (start, mut seen) = (Instant::now(), Vec::new());
        let mut turn = 0;
        while self.goes_on(start) {
            turn += 1;
            let tables = next(self.publisher.current(), turn)?;
            let (waited_ns, tsc) = (self.waits.nanoseconds(), dpdk::lcore::tsc());
            seen.push(Moment { generation: self.publisher.publish(tables), tsc, waited_ns });
            thread::sleep((interval * u32::from(turn)).saturating_sub(start.elapsed()));
        }
        Ok(seen)
    }
}

/// Reads every counter ten times a second, as the API does for its users, but while nothing is to happen.
fn scrape_until_the_end(telemetry: &WorkerTelemetry, phase: &AtomicUsize) {
    loop {
        match PHASES.get(phase.load(Relaxed)) {
            None | Some(Phase::End) => return,
            Some(Phase::Rest) => {}
            Some(Phase::RouteChanges | Phase::Reloads) => {
                black_box(telemetry.ledger.totals());
                FULL.vifs().for_each(|vif| _ = black_box(telemetry.vif(vif).read()));
            }
        }
        thread::sleep(SCRAPE_EVERY);
    }
}

/// What hypervisors have taken of a core so far: the eighth number of its line in `/proc/stat`.
fn stolen_ms(core: usize) -> Result<u64> {
    let text = std::fs::read_to_string("/proc/stat").context("cannot read /proc/stat")?;
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("cpu{core} ")));
    let jiffies = line.and_then(|line| line.split_ascii_whitespace().nth(7)?.parse::<u64>().ok());
    Ok(jiffies.with_context(|| format!("/proc/stat does not tell what was stolen of core {core}"))? * JIFFY_MS)
}
