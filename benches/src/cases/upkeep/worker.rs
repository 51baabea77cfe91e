//! The worker's side: it forwards, and notes what it feels.

use super::PHASES;
use crate::gateway::Gateway;
use anyhow::{Context, Result};
use causewayd::driver::DpdkTx;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Rounds between two looks at what phase it is, and which generation is in use.
const ROUNDS: usize = 4;
/// Most such looks, and most generations, that are kept: more than there is time for.
const SAMPLES: usize = 1 << 20;
const MOMENTS: usize = 1 << 12;
/// Of each of these the longest gap is kept.
const WINDOWS_A_SECOND: u64 = 10;
const WINDOWS: usize = 1 << 10;

/// What a worker felt in one phase.
#[derive(Debug)]
pub(super) struct Felt {
    /// Cycles of each so many rounds.
    pub(super) cycles: Vec<f64>,
    /// Cycles of the longest gap between polls in each tenth of a second.
    pub(super) gaps: Vec<f64>,
}

/// When a generation was published, or was first used.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) generation: u64,
    pub(super) tsc: u64,
    /// How long the worker had waited for its core until then.
    pub(super) waited_ns: u64,
}

/// How long a thread has been ready to run and did not: the second number of its `schedstat`.
pub(super) struct Waits(File);

impl Waits {
    /// Of the calling thread; to be read by any.
    pub(super) fn new() -> Result<Self> {
        Ok(Self(File::open("/proc/thread-self/schedstat").context("cannot read /proc/thread-self/schedstat")?))
    }

    pub(super) fn nanoseconds(&self) -> u64 {
        let mut text = [0; 96];
        let length = self.0.read_at(&mut text, 0).unwrap_or(0);
        let text = std::str::from_utf8(&text[..length]).unwrap_or_default();
        text.split_ascii_whitespace().nth(1).and_then(|number| number.parse().ok()).unwrap_or(0)
    }
}

/// Forwards until the last phase; what it felt in each, and when it used which generation.
pub(super) fn forward(
    gateway: &mut Gateway<DpdkTx>,
    hz: u64,
    waits: &Waits,
    phase: &AtomicUsize,
) -> (Vec<Felt>, Vec<Moment>) {
    let telemetry = gateway.telemetry.clone();
    let mut used = Log::new(MOMENTS, Moment { generation: 0, tsc: 1, waited_ns: 1 });
    let logs: Vec<_> = PHASES.iter().skip(1).map(|_| (Log::new(SAMPLES, 1.0), Log::new(WINDOWS, 1.0))).collect();
    let (mut generation, mut felt) = (0, Vec::with_capacity(logs.len()));
    for (number, (mut cycles, mut gaps)) in logs.into_iter().enumerate() {
        telemetry.longest_own_gap_cycles.set(0);
        let mut window = dpdk::lcore::tsc();
        // Relaxed: the number publishes nothing else.
        while phase.load(Relaxed) == number {
            let start = dpdk::lcore::tsc();
            gateway.run(ROUNDS);
            let now = telemetry.generation.read();
            if now != generation {
                generation = now;
                used.add(Moment { generation, tsc: dpdk::lcore::tsc(), waited_ns: waits.nanoseconds() });
            }
            let end = dpdk::lcore::tsc();
            cycles.add(end.wrapping_sub(start) as f64);
            if end.wrapping_sub(window) > hz / WINDOWS_A_SECOND {
                window = end;
                gaps.add(telemetry.longest_own_gap_cycles.read() as f64);
                telemetry.longest_own_gap_cycles.set(0);
            }
        }
        felt.push(Felt { cycles: cycles.read(), gaps: gaps.read() });
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
