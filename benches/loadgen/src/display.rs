//! How far it is, on standard error.

use crate::frame::Way;
use crate::outcome::Outcome;
use crate::progress::Progress;
use crate::search::{Trial, Verdict};
use crate::trial::{Bench, Order, TrialError};
use std::io::{IsTerminal, Write};
use std::time::Duration;

/// Runs a trial and says once a second how far it is. `stop` tells that the user has had enough.
///
/// # Errors
/// See [`TrialError`].
pub fn run(bench: &mut Bench, order: Order, stop: &dyn Fn() -> bool) -> Result<Outcome, TrialError> {
    let mut line = Line { shown: 0, is_terminal: std::io::stderr().is_terminal() };
    let outcome = bench.run(order, &mut |progress, elapsed| {
        line.show(progress, elapsed, order.duration);
        !stop()
    });
    line.end();
    outcome
}

/// Says how a trial of a search went.
pub fn trial(trial: &Trial) {
    let verdict = match trial.verdict {
        Verdict::Held => "holds",
        Verdict::Lost => "lost",
        Verdict::Stolen => "says nothing: others had the cores",
        Verdict::Behind => "says nothing: the generator does not keep up",
        Verdict::Interrupted => "interrupted",
    };
    let (goal, asked, lost) = (trial.goal, trial.asked_pps, trial.lost * 100.0);
    // Nobody may be reading.
    let _ = writeln!(std::io::stderr(), "{goal}: {asked:.0}/s for {} s: {lost:.4} % lost, {verdict}", trial.seconds);
}

/// A line that is written again and again on a terminal, and line after line elsewhere.
struct Line {
    shown: u64,
    is_terminal: bool,
}

impl Line {
    fn show(&mut self, progress: &Progress, elapsed: Duration, of: Duration) {
        if elapsed.as_secs() <= self.shown {
            return;
        }
        self.shown = elapsed.as_secs();
        let ways = Way::BOTH.map(|way| (way.name(), progress.counts(way)));
        let driven = ways.into_iter().filter(|(_, counts)| *counts != (0, 0));
        let ways: Vec<_> =
            driven.map(|(name, (sent, received))| format!("{name} {sent} sent, {received} received")).collect();
        let text = format!("{} of {:.0} s: {}", self.shown, of.as_secs_f64(), ways.join("; "));
        let _ = if self.is_terminal {
            write!(std::io::stderr(), "\r{text}\x1b[K")
        } else {
            writeln!(std::io::stderr(), "{text}")
        };
    }

    fn end(&self) {
        if self.is_terminal && self.shown > 0 {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
