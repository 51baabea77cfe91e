//! The search on real ports.

use crate::cli::Cli;
use crate::display;
use crate::outcome::{Outcome, Stream};
use crate::search::{self, Device, Found, Goal, Sample, Trial};
use crate::session::Session;
use crate::trial::{Bench, Order, TrialError};
use serde::Serialize;
use std::time::Duration;

/// Trials of a rate that say nothing, before it is given up.
const REPEATS: u32 = 5;
/// How much more than came through at full speed is tried.
const BEYOND: f64 = 1.1;

/// What was found, and the figures of the last trial at that rate.
#[derive(Clone, Debug, Serialize)]
pub struct Capacity {
    /// The search.
    #[serde(flatten)]
    pub search: Found,
    /// The last trial that held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_rate: Option<Outcome>,
}

/// A trial of which a larger share was stolen says nothing.
const MOST_STOLEN: f64 = 0.8;
/// Each time that the generator was away it needs some more to be back.
const SLACK: f64 = 1.1;

struct Ports<'b> {
    bench: &'b mut Bench,
    stop: &'b dyn Fn() -> bool,
    held: Option<Outcome>,
    tolerance: f64,
}

/// Looks for all that was asked for, one after the other. An interrupted search is the last one.
///
/// # Errors
/// A trial could not be run.
pub fn find(cli: &Cli, session: &mut Session, stop: &dyn Fn() -> bool) -> Result<Vec<Capacity>, TrialError> {
    let high = match session.max_rate {
        Some(rate) => rate,
        None => full_speed(&mut session.bench, cli.trial, stop)? * BEYOND,
    };
    let mut all: Vec<Capacity> = Vec::new();
    for find in &cli.find {
        let tolerance = find.tolerance();
        // What holds without loss holds with some.
        let known = all.iter().filter(|done| done.search.verified && done.search.tolerance <= tolerance);
        let low = known.map(|done| done.search.rate_pps).fold(0.0, f64::max);
        let goal = Goal {
            name: find.name(),
            tolerance,
            low,
            high,
            resolution: cli.resolution / 100.0,
            trial: cli.trial,
            verification: cli.verification,
            repeats: REPEATS,
        };
        let mut ports = Ports { bench: &mut session.bench, stop, held: None, tolerance };
        let search = search::find(&mut ports, &goal)?;
        let complete = search.complete;
        all.push(Capacity { search, at_rate: ports.held });
        if !complete {
            break;
        }
    }
    Ok(all)
}

/// Frames a second that come through, in the slower direction, where as many are sent as the ports take.
fn full_speed(bench: &mut Bench, duration: Duration, stop: &dyn Fn() -> bool) -> Result<f64, TrialError> {
    let order = Order { rate: None, duration, frames: None };
    let outcome = bench.run(order, &mut |_, _| !stop())?;
    let rate = |stream: &Stream| stream.received as f64 / outcome.seconds.max(1e-3);
    Ok(outcome.streams.iter().map(rate).fold(f64::INFINITY, f64::min).clamp(1.0, 1e9))
}

impl Device for Ports<'_> {
    type Error = TrialError;

    fn trial(&mut self, rate: f64, duration: Duration) -> Result<Sample, TrialError> {
        let order = Order { rate: Some(rate), duration, frames: None };
        let outcome = self.bench.run(order, &mut |_, _| !(self.stop)())?;
        let sample = sample(&outcome);
        if sample.complete && sample.lost <= self.tolerance {
            self.held = Some(outcome);
        }
        Ok(sample)
    }

    fn told(&mut self, trial: &Trial) {
        display::trial(trial);
    }
}

/// A trial, by the direction that did worst.
fn sample(outcome: &Outcome) -> Sample {
    let share = |part: u64, whole: u64| part as f64 / whole.max(1) as f64;
    let worst = |of: &dyn Fn(&Stream) -> f64| outcome.streams.iter().map(of).fold(0.0, f64::max);
    let stolen = outcome.stolen_ns() as f64 / 1e9 / outcome.seconds.max(1e-3);
    Sample {
        offered_pps: outcome.streams.iter().map(|stream| stream.offered_pps).fold(f64::INFINITY, f64::min),
        lost: worst(&|stream| share(stream.lost, stream.offered)),
        lost_elsewhere: worst(&|stream| share(stream.lost - stream.lost_near_stolen_time, stream.offered)),
        behind: worst(&|stream| behind(stream, stolen)),
        crowded: stolen > MOST_STOLEN,
        complete: outcome.complete,
    }
}

/// Share of a stream's frames that were due while the generator was there, and were not made.
fn behind(stream: &Stream, stolen: f64) -> f64 {
    let due = (stream.slipped + stream.offered).max(1) as f64;
    (stream.slipped as f64 / due - stolen * SLACK).max(0.0)
}
