//! Entrants that take turns, a short slice each, round by round.

use super::company::Company;
use crate::gateway::Gateway;
use crate::statistics::Slices;
use causewayd::driver::DpdkTx;
use datapath::BURST;
use dpdk::Eal;

/// Length of a slice. All variants of a round meet the same noise: on the development machine a ratio's quartiles lie 8 %
/// apart with slices of 1 ms, and 50 % with slices of 10 ms and the same time in all.
pub(crate) const SLICE_US: u64 = 1000;
/// Frames between two looks at the clock.
const FRAMES: usize = 16 * BURST;

/// How a slice goes.
#[derive(Clone, Copy)]
pub(super) struct Pace<'a> {
    eal: &'a Eal,
    /// Bursts before a slice is timed: all frames of the traffic once, so that one who has a receive queue to himself finds
    /// it as warm as those who share one.
    warm_up: usize,
    /// Bursts between two looks at the clock.
    bursts: usize,
}

impl<'a> Pace<'a> {
    /// For bursts of this length, of which so many frames are all there are.
    pub(super) fn new(eal: &'a Eal, frames: usize, burst: usize) -> Self {
        Self { eal, warm_up: frames.div_ceil(burst), bursts: (FRAMES / burst).min(frames) }
    }

    /// Cycles per unit over one slice, which begins when `ready` returns. `run` handles so many bursts and returns how many
    /// units those were.
    #[inline(always)]
    pub(super) fn slice(self, ready: impl FnOnce(), mut run: impl FnMut(usize) -> u64) -> f64 {
        let length = dpdk::lcore::tsc_hz(self.eal) / 1_000_000 * SLICE_US;
        run(self.warm_up);
        ready();
        let start = dpdk::lcore::tsc();
        let mut units = 0;
        loop {
            units += run(self.bursts);
            let cycles = dpdk::lcore::tsc().wrapping_sub(start);
            if cycles >= length {
                return cycles as f64 / units as f64;
            }
        }
    }
}

/// One who takes part.
pub(super) struct Entrant<'a> {
    name: &'static str,
    /// Runs one slice; returns the cycles per unit.
    slice: Box<dyn FnMut() -> f64 + 'a>,
}

impl<'a> Entrant<'a> {
    /// `round` handles a burst and returns how many units that was.
    pub(super) fn new(name: &'static str, pace: Pace<'a>, mut round: impl FnMut() -> usize + 'a) -> Self {
        Self::with_slice(name, move || pace.slice(|| (), |bursts| burst_by_burst(bursts, &mut round)))
    }

    /// A gateway, by what it counts itself.
    pub(super) fn gateway(
        name: &'static str,
        pace: Pace<'a>,
        gateway: &'a mut Gateway<DpdkTx>,
        counted: impl Fn(&Gateway<DpdkTx>) -> u64 + Copy + 'a,
    ) -> Self {
        Self::with_slice(name, move || pace.slice(|| (), |bursts| gateway.run_and_count(bursts, counted)))
    }

    /// One whose slice is its own affair.
    pub(super) fn with_slice(name: &'static str, slice: impl FnMut() -> f64 + 'a) -> Self {
        Self { name, slice: Box::new(slice) }
    }
}

/// So many bursts of one that handles one at a time.
#[inline(always)]
pub(super) fn burst_by_burst(bursts: usize, round: &mut impl FnMut() -> usize) -> u64 {
    (0..bursts).map(|_| round() as u64).sum()
}

/// Lets all take turns, each round begun by another, and one round more that does not count. The company has its turns between
/// rounds, and says when to stop before the end.
pub(super) fn take(mut entrants: Vec<Entrant<'_>>, rounds: usize, company: &mut Company<'_>) -> Vec<Slices> {
    let mut slices: Vec<Slices> = entrants.iter().map(|entrant| Slices::new(entrant.name)).collect();
    let turns = entrants.len();
    for round in 0..=rounds {
        if !company.before(round) {
            break;
        }
        for turn in 0..turns {
            let which = (round + turn) % turns;
            let cycles = (entrants[which].slice)();
            if round > 0 {
                slices[which].push(cycles);
            }
        }
    }
    slices
}
