//! The rate that a forwarder carries: with no loss (NDR), or with a little (PDR).
//!
//! By bisection, with two precautions against a noisy machine. A trial that lost counts only when its repetition lost as
//! well, and a trial whose loss lies near stolen time, or whose generator is too slow, is repeated and counts for
//! nothing. And in the end the rate has to hold in a longer trial; where it does not, the next lower one is tried.

use serde::Serialize;
use std::time::Duration;

/// The share of frames that the generator may owe before a trial says nothing about that rate.
const MOST_BEHIND: f64 = 0.01;
/// Rates that say nothing before a search with none that holds is given up.
const NOISY_RATES: u32 = 6;
/// Lower rates that are tried where the found one does not hold.
const STEPS_DOWN: u32 = 8;

/// What is to be found, and how carefully.
#[derive(Clone, Copy, Debug)]
pub struct Goal {
    /// `ndr` or `pdr`.
    pub name: &'static str,
    /// Share of frames that may be lost.
    pub tolerance: f64,
    /// A rate that is known to hold, in frames a second; 0 if none is.
    pub low: f64,
    /// The highest rate to try.
    pub high: f64,
    /// How near the result has to be, as a share of the rate.
    pub resolution: f64,
    /// Time of a trial.
    pub trial: Duration,
    /// Time of the last one.
    pub verification: Duration,
    /// How often a trial is repeated whose loss lies near stolen time.
    pub repeats: u32,
}

/// What a trial showed; shares are of the direction that did worst.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sample {
    /// Frames a second that were offered.
    pub offered_pps: f64,
    /// Share of frames lost.
    pub lost: f64,
    /// Share of frames lost and not near stolen time.
    pub lost_elsewhere: f64,
    /// Share of frames that the generator should have sent and did not, other than in stolen time.
    pub behind: f64,
    /// Whether the generator was there for so little of the time that it says nothing.
    pub crowded: bool,
    /// Whether it ran to its end.
    pub complete: bool,
}

/// Something that trials can be run on.
pub trait Device {
    /// Why a trial could not be run.
    type Error;

    /// Runs a trial of so many frames a second.
    ///
    /// # Errors
    /// It could not be run at all.
    fn trial(&mut self, rate: f64, duration: Duration) -> Result<Sample, Self::Error>;

    /// Told of each trial.
    fn told(&mut self, trial: &Trial) {
        let _ = trial;
    }
}

/// What a trial counts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The rate holds.
    Held,
    /// More was lost than may be.
    Lost,
    /// The loss lies near time that was stolen, or most of the time was: nothing.
    Stolen,
    /// The generator cannot send at that rate: nothing.
    Behind,
    /// The user ended it.
    Interrupted,
}

/// A trial of a search.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Trial {
    /// `ndr` or `pdr`.
    pub goal: &'static str,
    /// Frames a second asked for in each direction.
    pub asked_pps: f64,
    /// Frames a second offered in the direction that did worst.
    pub offered_pps: f64,
    /// Seconds of sending.
    pub seconds: f64,
    /// Share of frames lost in the direction that did worst.
    pub lost: f64,
    /// The same without loss near stolen time.
    pub lost_elsewhere: f64,
    /// What it counts for.
    pub verdict: Verdict,
}

/// What a search found.
#[derive(Clone, Debug, Serialize)]
pub struct Found {
    /// `ndr` or `pdr`.
    pub goal: &'static str,
    /// Share of frames that may be lost.
    pub tolerance: f64,
    /// The highest rate that holds, in frames a second of each direction; 0 if none was found.
    pub rate_pps: f64,
    /// Whether it held in the longer trial.
    pub verified: bool,
    /// Whether the next higher rate failed only since the generator did not get there.
    pub limited_by_generator: bool,
    /// Whether the next higher rate was given up only since trials at it said nothing, again and again.
    pub too_noisy: bool,
    /// Whether the search was not interrupted.
    pub complete: bool,
    /// All trials, in order.
    pub trials: Vec<Trial>,
}

impl Sample {
    fn verdict(&self, tolerance: f64) -> Verdict {
        if !self.complete {
            Verdict::Interrupted
        } else if self.lost_elsewhere > tolerance {
            Verdict::Lost
        } else if self.crowded || self.lost > tolerance && self.behind <= MOST_BEHIND {
            Verdict::Stolen
        } else if self.behind > MOST_BEHIND {
            Verdict::Behind
        } else {
            Verdict::Held
        }
    }
}

/// Looks for the highest rate that holds.
///
/// # Errors
/// A trial could not be run.
pub fn find<D: Device>(device: &mut D, goal: &Goal) -> Result<Found, D::Error> {
    let mut search = Search { device, goal, trials: Vec::new(), limited: false, noisy: false };
    let (low, mut complete) = search.bisect()?;
    let (mut rate, mut verified) = (low, false);
    if complete && low > 0.0 {
        (rate, verified, complete) = search.settle(low)?;
    }
    let Search { trials, limited: limited_by_generator, noisy: too_noisy, .. } = search;
    let (goal, tolerance) = (goal.name, goal.tolerance);
    Ok(Found { goal, tolerance, rate_pps: rate, verified, limited_by_generator, too_noisy, complete, trials })
}

struct Search<'s, D> {
    device: &'s mut D,
    goal: &'s Goal,
    trials: Vec<Trial>,
    limited: bool,
    noisy: bool,
}

impl<D: Device> Search<'_, D> {
    /// The highest rate that held, and whether the bisection came to its end.
    fn bisect(&mut self) -> Result<(f64, bool), D::Error> {
        let (mut low, mut high) = (self.goal.low, self.goal.high.max(self.goal.low));
        let (mut rate, mut given_up) = (high, 0);
        loop {
            match self.judge(rate, self.goal.trial)? {
                Verdict::Interrupted => return Ok((low, false)),
                Verdict::Held => low = rate,
                // Rings bridge longer absences at lower rates.
                other => {
                    (self.limited, self.noisy) = (other == Verdict::Behind, other == Verdict::Stolen);
                    given_up += u32::from(self.noisy);
                    high = rate;
                }
            }
            if given_up >= NOISY_RATES && low == self.goal.low {
                return Ok((low, true));
            }
            if high - low <= self.goal.resolution * high || high < 1.0 {
                return Ok((low, true));
            }
            rate = (low + high) / 2.0;
        }
    }

    /// The rate at or below `rate` that holds for longer, whether it did, and whether the search came to its end.
    fn settle(&mut self, mut rate: f64) -> Result<(f64, bool, bool), D::Error> {
        for _ in 0..STEPS_DOWN {
            match self.judge(rate, self.goal.verification)? {
                Verdict::Held => return Ok((rate, true, true)),
                Verdict::Interrupted => return Ok((rate, false, false)),
                Verdict::Stolen | Verdict::Behind => {
                    self.noisy = true;
                    return Ok((rate, false, true));
                }
                Verdict::Lost => rate *= 1.0 - self.goal.resolution.max(0.005),
            }
        }
        Ok((rate, false, true))
    }

    /// Repeats a trial until it says something, or often enough.
    fn judge(&mut self, rate: f64, duration: Duration) -> Result<Verdict, D::Error> {
        let (mut lost, mut behind, mut stolen) = (0, 0, 0);
        loop {
            let sample = self.device.trial(rate, duration)?;
            let verdict = sample.verdict(self.goal.tolerance);
            let trial = Trial {
                goal: self.goal.name,
                asked_pps: rate,
                offered_pps: sample.offered_pps,
                seconds: duration.as_secs_f64(),
                lost: sample.lost,
                lost_elsewhere: sample.lost_elsewhere,
                verdict,
            };
            self.device.told(&trial);
            self.trials.push(trial);
            match verdict {
                Verdict::Held | Verdict::Interrupted => return Ok(verdict),
                Verdict::Lost => lost += 1,
                Verdict::Behind => behind += 1,
                Verdict::Stolen => stolen += 1,
            }
            if lost >= 2 || behind >= 2 || stolen > self.goal.repeats {
                return Ok(if lost > 0 { Verdict::Lost } else { verdict });
            }
        }
    }
}

#[cfg(test)]
mod tests;
