//! What each step of the pipeline costs: the clock is read after each, once a burst.

use super::Means;
use super::forward::Props;
use super::plan::Plan;
use super::ports::Sink;
use super::turns::SLICE_US;
use crate::figures::{StageCost, Stages};
use crate::statistics::percentile;
use anyhow::{Result, ensure};
use datapath::io::Frame;
use datapath::probe::{Probe, Step};
use datapath::{BURST, Burst};

/// All steps in their order, each with its name in the report. What a worker does between two bursts, as looking for a new
/// generation, is part of receiving; to count and to free what is dropped are parts of transmitting.
const STEPS: [(Step, &str); 7] = [
    (Step::Receive, "receive"),
    (Step::Classify, "classify"),
    (Step::Decap, "decap"),
    (Step::Bridge, "bridge"),
    (Step::Encap, "encap"),
    (Step::Rewrite, "rewrite"),
    (Step::Transmit, "transmit"),
];
/// Bursts between two looks at whether the slice is over.
const BURSTS: usize = 16;

/// Sums up the cycles before each step.
struct Stopwatch {
    last: u64,
    /// By number of step.
    spent: [u64; STEPS.len()],
    frames: u64,
}

impl Stopwatch {
    fn start() -> Self {
        Self { last: dpdk::lcore::tsc(), spent: [0; STEPS.len()], frames: 0 }
    }
}

impl Probe for Stopwatch {
    #[inline(always)]
    fn passed<F: Frame>(&mut self, step: Step, frames: usize, _burst: &Burst<F>) {
        let now = dpdk::lcore::tsc();
        self.spent[step as usize] += now.wrapping_sub(self.last);
        self.last = now;
        if step == Step::Receive {
            self.frames += frames as u64;
        }
    }
}

/// Measures the steps of a case in slices; ends early once the run is interrupted.
pub(super) fn run(means: &Means<'_>, plan: &Plan) -> Result<Stages> {
    let props = Props::new(0, &plan.own)?;
    let stage = props.stage(means)?;
    let mut sink = Sink::open(means, 2)?;
    let mut gateway = stage.gateway(false, &mut sink)?;
    let length = dpdk::lcore::tsc_hz(means.eal) / 1_000_000 * SLICE_US;
    let mut slices: Vec<[f64; STEPS.len()]> = Vec::with_capacity(means.rounds);
    for _ in 0..means.rounds {
        if means.is_interrupted() {
            break;
        }
        gateway.run(stage.traffic.frames().len().div_ceil(BURST));
        let mut watch = Stopwatch::start();
        let start = watch.last;
        while watch.last.wrapping_sub(start) < length {
            let before = watch.frames;
            gateway.run_probed(BURSTS, &mut watch);
            ensure!(watch.frames > before, "nothing arrives");
        }
        slices.push(watch.spent.map(|cycles| cycles as f64 / watch.frames as f64));
    }
    let cost = |(step, name): (Step, &'static str)| {
        let cycles: Vec<f64> = slices.iter().map(|slice| slice[step as usize]).collect();
        StageCost { stage: name, cycles: percentile(&cycles, 50) }
    };
    // A direction has some of them.
    let stages = STEPS.into_iter().map(cost).filter(|stage| stage.cycles > 0.0).collect();
    Ok(Stages { case: plan.name.clone(), rounds: slices.len(), stages })
}
