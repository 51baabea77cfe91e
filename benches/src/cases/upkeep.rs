//! What a worker at full load feels of control: 10,000 route changes a second, and reloads that change 1,000 VLANs, while
//! counters are read ten times a second. And what tables of full size weigh.
//!
//! The worker notes when it uses a new table, and its own longest time between two polls. While the kernel runs something
//! else on its core, time does not count; what a hypervisor runs, does.

use super::Means;
use super::plan::Setting;
use super::ports::{Sink, source};
use crate::figures::{Goal, Quantity};
use crate::gateway::Gateway;
use crate::publication::memory_kib;
use crate::random::Random;
use crate::scene::Scene;
use crate::statistics::percentile;
use crate::traffic::{Direction, Load, Traffic};
use crate::verify;
use anyhow::{Context, Result, ensure};
use causewayd::driver::DpdkTx;
use fib::Snapshot;
use rcu::Publisher;
use std::fs::File;
use std::hint::black_box;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};
use telemetry::WorkerTelemetry;
use wire::Encapsulation;

/// 4,094 VLANs, 1,048,576 stations behind the fabric, 1,000 VTEPs.
const FULL: Scene = Scene { remotes: 1 << 14, peers: 1000, ..Scene::plain(Encapsulation::Vxlan) };
const TABLES_MB: f64 = 200.0;
const GAP_US: f64 = 200.0;
const IN_USE_US: f64 = 1000.0;
/// Changes in one publication, and the time between two: 10,000 a second.
const CHANGES: usize = 100;
const CHANGES_EVERY: Duration = Duration::from_millis(10);
const RELOAD_EVERY: Duration = Duration::from_millis(500);
const SCRAPE_EVERY: Duration = Duration::from_millis(100);
const PHASE: Duration = Duration::from_secs(4);
/// Rounds between two looks at what phase it is, and which generation is in use.
const ROUNDS: usize = 4;
/// Most such looks, and most generations, that are kept: more than there is time for.
const SAMPLES: usize = 1 << 20;
const MOMENTS: usize = 1 << 12;

/// What control does meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Rest,
    RouteChanges,
    Reloads,
    End,
}

const PHASES: [Phase; 4] = [Phase::Rest, Phase::RouteChanges, Phase::Reloads, Phase::End];

/// What a worker felt in one phase.
#[derive(Debug)]
struct Felt {
    /// Cycles of each so many rounds.
    cycles: Vec<f64>,
    longest_gap: u64,
}

/// When a generation was published, or was first used.
#[derive(Clone, Copy, Debug)]
struct Moment {
    generation: u64,
    tsc: u64,
    /// How long the worker had waited for its core until then.
    waited_ns: u64,
}

/// How long a thread has been ready to run and did not: the second number of its `schedstat`.
struct Waits(File);

impl Waits {
    /// Of the calling thread; to be read by any.
    fn new() -> Result<Self> {
        Ok(Self(File::open("/proc/thread-self/schedstat").context("cannot read /proc/thread-self/schedstat")?))
    }

    fn nanoseconds(&self) -> u64 {
        let mut text = [0; 96];
        let length = self.0.read_at(&mut text, 0).unwrap_or(0);
        let text = std::str::from_utf8(&text[..length]).unwrap_or_default();
        text.split_ascii_whitespace().nth(1).and_then(|number| number.parse().ok()).unwrap_or(0)
    }
}

/// The resident memory of tables of full size: of the process before they are made, taken from that with them. To be called
/// before anything else has taken and given back memory.
///
/// # Errors
/// If the kernel does not tell, or the tables cannot be made.
pub(crate) fn weigh() -> Result<Vec<Quantity>> {
    let before = memory_kib("VmRSS")?;
    let tables = FULL.snapshot()?;
    let after = memory_kib("VmRSS")?;
    let megabytes = after.saturating_sub(before) as f64 * 1024.0 / 1e6;
    let hashes = (tables.macs.octets() + tables.vteps.octets() + tables.demux.octets()) as f64 / 1e6;
    let goal = Goal::at_most(TABLES_MB, megabytes, "MB of tables for 4,094 VLANs, 1 M MACs, 1,000 VTEPs");
    Ok(vec![quantity("memory/tables", "MB", megabytes, Some(goal)), quantity("memory/hash-tables", "MB", hashes, None)])
}

fn quantity(name: &str, unit: &'static str, value: f64, goal: Option<Goal>) -> Quantity {
    Quantity { name: name.into(), unit, value, goal }
}

/// Measures all phases, one after the other.
///
/// # Errors
/// A port or table that cannot be made, a lost frame, or a control thread that does not keep its pace.
pub(super) fn run(means: &Means<'_>) -> Result<Vec<Quantity>> {
    let load = Load::plain(Direction::ToFabric, FULL);
    let (setting, traffic) = (Setting { load, feed: None }, Traffic::new(&load));
    let source = source(means, 0, &setting, &traffic)?;
    let mut sink = Sink::open(means, 2)?;
    let tx = [DpdkTx::new(sink.queue()?, false), DpdkTx::new(sink.queue()?, false)];
    let tables = (&load.scene, FULL.snapshot()?);
    let mut gateway = Gateway::new((means.eal, &means.pool), load.direction, tables, source, tx)?;
    let publisher = gateway.publisher.take().context("the gateway has no publisher")?;
    let phase = AtomicUsize::new(0);
    let own = dpdk::lcore::available().first().copied().context("the worker has no core")?;
    let telemetry = gateway.telemetry.clone();
    let waits = Waits::new()?;
    let (published, (felt, used)) = thread::scope(|scope| {
        let control = scope.spawn(|| {
            let (telemetry, interrupted) = (&telemetry, means.interrupted);
            let published = Control { publisher, telemetry, waits: &waits, phase: &phase, interrupted }.work(own);
            // However it ended: the worker is not to wait for it.
            phase.store(PHASES.len() - 1, Relaxed);
            published
        });
        let felt = forward(&mut gateway, &waits, &phase);
        (control.join(), felt)
    });
    let published = published.ok().context("the control thread ended by a panic")??;
    verify::nothing_lost(&gateway.telemetry)?;
    Ok(told(dpdk::lcore::tsc_hz(means.eal), &felt, &published, &used))
}

/// Forwards until the last phase; what it felt in each, and when it used which generation.
fn forward(gateway: &mut Gateway<DpdkTx>, waits: &Waits, phase: &AtomicUsize) -> (Vec<Felt>, Vec<Moment>) {
    let telemetry = gateway.telemetry.clone();
    let nothing = Moment { generation: 0, tsc: 1, waited_ns: 1 };
    let mut used = Log::new(MOMENTS, nothing);
    let logs: Vec<Log<f64>> = PHASES.iter().skip(1).map(|_| Log::new(SAMPLES, 1.0)).collect();
    let (mut generation, mut felt) = (0, Vec::with_capacity(logs.len()));
    for (number, mut cycles) in logs.into_iter().enumerate() {
        telemetry.longest_own_gap_cycles.set(0);
        // Relaxed: the number publishes nothing else.
        while phase.load(Relaxed) == number {
            let start = dpdk::lcore::tsc();
            gateway.run(ROUNDS);
            let now = telemetry.generation.read();
            if now != generation {
                generation = now;
                used.add(Moment { generation, tsc: dpdk::lcore::tsc(), waited_ns: waits.nanoseconds() });
            }
            cycles.add(dpdk::lcore::tsc().wrapping_sub(start) as f64);
        }
        felt.push(Felt { cycles: cycles.read(), longest_gap: telemetry.longest_own_gap_cycles.read() });
    }
    (felt, used.read())
}

/// A list whose memory is there before it is written: a page fault would wait for the other thread's changes to the address
/// space, and look like the worker's own gap.
struct Log<T> {
    places: Vec<T>,
    next: usize,
}

impl<T: Clone> Log<T> {
    fn new(places: usize, touched: T) -> Self {
        Self { places: vec![touched; places], next: 0 }
    }

    /// Full, it keeps what it has.
    fn add(&mut self, value: T) {
        if let Some(place) = self.places.get_mut(self.next) {
            *place = value;
            self.next += 1;
        }
    }

    fn read(mut self) -> Vec<T> {
        self.places.truncate(self.next);
        self.places
    }
}

/// The thread that publishes and reads counters.
struct Control<'a> {
    publisher: Publisher<Snapshot>,
    telemetry: &'a WorkerTelemetry,
    /// Of the worker.
    waits: &'a Waits,
    phase: &'a AtomicUsize,
    interrupted: &'a AtomicBool,
}

impl Control<'_> {
    /// Goes through the phases; when it published which generation, by phase.
    fn work(mut self, not_on: usize) -> Result<Vec<(Phase, Vec<Moment>)>> {
        let other = (0..1024).filter(|core| *core != not_on);
        let pinned = other.map(|id| core_affinity::CoreId { id }).any(core_affinity::set_for_current);
        ensure!(pinned, "there is no second core for the control thread");
        let mut published = Vec::new();
        for (number, phase) in PHASES.into_iter().enumerate() {
            self.phase.store(number, Relaxed);
            let seen = match phase {
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
            published.push((phase, seen));
        }
        Ok(published)
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
        let (start, mut seen, mut scraped) = (Instant::now(), Vec::new(), Instant::now());
        let mut turn = 0;
        while self.goes_on(start) {
            turn += 1;
            let tables = next(self.publisher.current(), turn)?;
            let (waited_ns, tsc) = (self.waits.nanoseconds(), dpdk::lcore::tsc());
            seen.push(Moment { generation: self.publisher.publish(tables), tsc, waited_ns });
            if scraped.elapsed() >= SCRAPE_EVERY {
                scraped = Instant::now();
                self.scrape();
            }
            thread::sleep((interval * u32::from(turn)).saturating_sub(start.elapsed()));
        }
        Ok(seen)
    }

    /// Reads every counter, as the API does for its users.
    fn scrape(&self) {
        black_box(self.telemetry.ledger.totals());
        FULL.vifs().for_each(|vif| _ = black_box(self.telemetry.vif(vif).read()));
    }
}

/// What is said of it.
fn told(hz: u64, felt: &[Felt], published: &[(Phase, Vec<Moment>)], used: &[Moment]) -> Vec<Quantity> {
    let us = |cycles: u64| cycles as f64 * 1e6 / hz as f64;
    let rest = percentile(&felt[0].cycles, 50);
    let mut all = vec![quantity("rest/longest-poll-gap", "us", us(felt[0].longest_gap), None)];
    for ((phase, seen), felt) in published.iter().zip(felt) {
        let name = match phase {
            Phase::RouteChanges => "route-changes",
            Phase::Reloads => "reload-of-1000-vlans",
            Phase::Rest | Phase::End => continue,
        };
        // Where the worker had no core meanwhile, it could not know.
        let delay = |published: &Moment| {
            let first = used.iter().find(|first| first.generation >= published.generation)?;
            let had_core = first.waited_ns == published.waited_ns;
            had_core.then(|| us(first.tsc.saturating_sub(published.tsc)))
        };
        let delays: Vec<f64> = seen.iter().filter_map(delay).collect();
        let without_core = 100.0 - delays.len() as f64 * 100.0 / seen.len() as f64;
        let (gap, slowest) = (us(felt.longest_gap), percentile(&delays, 100));
        let in_time = Goal::at_most(IN_USE_US, slowest, "us until it is used");
        let slowdown = (percentile(&felt.cycles, 50) / rest - 1.0) * 100.0;
        let of = |what: &str, unit, value, goal| quantity(&format!("{name}/{what}"), unit, value, goal);
        all.extend([
            of("longest-poll-gap", "us", gap, Some(Goal::at_most(GAP_US, gap, "us between two polls"))),
            of("in-use", "us", slowest, (!delays.is_empty()).then_some(in_time)),
            of("in-use-median", "us", percentile(&delays, 50), None),
            of("without-core", "% of publications", without_core, None),
            of("publications", "per second", seen.len() as f64 / PHASE.as_secs_f64(), None),
            of("slowdown", "%", slowdown, None),
        ]);
    }
    all
}
