//! Entrants that take turns, a short slice each, round by round.

use crate::gateway::Gateway;
use crate::statistics::Slices;
use crate::traffic::FLOWS;
use causewayd::driver::DpdkTx;
use datapath::BURST;
use dpdk::Eal;

/// Length of a slice. All variants of a round meet the same noise: on the development machine a ratio's quartiles lie 8 %
/// apart with slices of 1 ms, and 50 % with slices of 10 ms and the same time in all.
pub(crate) const SLICE_US: u64 = 1000;
/// Bursts between two looks at the clock.
const BURSTS: usize = 16;
/// Bursts before a slice is timed: all frames of the traffic once, so that one who has a receive queue to himself finds it as
/// warm as those who share one.
const WARM_UP: usize = FLOWS as usize / BURST;

/// One who takes part.
pub(crate) struct Entrant<'a> {
    name: &'static str,
    /// Runs one slice; returns the cycles per unit.
    slice: Box<dyn FnMut() -> f64 + 'a>,
}

impl<'a> Entrant<'a> {
    /// `round` handles a burst and returns how many units that was.
    pub(crate) fn new(eal: &'a Eal, name: &'static str, mut round: impl FnMut() -> usize + 'a) -> Self {
        Self { name, slice: Box::new(move || slice(eal, &mut round)) }
    }

    /// A gateway, by the frames that it receives.
    pub(crate) fn gateway(eal: &'a Eal, name: &'static str, gateway: &'a mut Gateway<DpdkTx>) -> Self {
        let slice = move || {
            let before = gateway.telemetry.ledger.received.read();
            let mut rounds = 0;
            let cycles_per_round = slice(eal, &mut || {
                gateway.round();
                rounds += 1;
                1
            });
            let frames = gateway.telemetry.ledger.received.read() - before;
            cycles_per_round * rounds as f64 / frames as f64
        };
        Self { name, slice: Box::new(slice) }
    }
}

/// Lets all take turns, each round begun by another, and one round more that does not count.
pub(crate) fn take(mut entrants: Vec<Entrant<'_>>, rounds: usize) -> Vec<Slices> {
    let mut slices: Vec<Slices> = entrants.iter().map(|entrant| Slices::new(entrant.name)).collect();
    let turns = entrants.len();
    for round in 0..=rounds {
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

/// Cycles per unit over one slice.
#[inline(always)]
fn slice(eal: &Eal, round: &mut impl FnMut() -> usize) -> f64 {
    let length = dpdk::lcore::tsc_hz(eal) / 1_000_000 * SLICE_US;
    for _ in 0..WARM_UP {
        round();
    }
    let start = dpdk::lcore::tsc();
    let mut units = 0;
    loop {
        for _ in 0..BURSTS {
            units += round();
        }
        let cycles = dpdk::lcore::tsc().wrapping_sub(start);
        if cycles >= length {
            return cycles as f64 / units as f64;
        }
    }
}
