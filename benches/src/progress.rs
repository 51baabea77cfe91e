//! Says on standard error how far a run is, and keeps its cases.

use crate::cases::Observer;
use crate::figures::Case;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// Steps that were to take so long say how fast this machine is.
const TELLING: Duration = Duration::from_secs(10);

/// What a run takes, as expected and as it turns out.
pub(crate) struct Progress {
    /// Names of the steps that are still to come, first to last, and how long each is expected to take.
    expected: Vec<(String, Duration)>,
    done: usize,
    /// What the steps that are done took, and what was expected of them.
    taken: Duration,
    foreseen: Duration,
    began: Instant,
    on_terminal: bool,
    /// The figures of complete cases.
    pub(crate) cases: Vec<Case>,
}

impl Progress {
    /// Of these steps.
    pub(crate) fn new(expected: Vec<(String, Duration)>) -> Self {
        Self {
            expected,
            done: 0,
            taken: Duration::ZERO,
            foreseen: Duration::ZERO,
            began: Instant::now(),
            on_terminal: std::io::stderr().is_terminal(),
            cases: Vec::new(),
        }
    }

    /// A step begins; what was before has ended.
    pub(crate) fn step(&mut self, name: &str) {
        let at = self.expected.iter().position(|(step, _)| step == name).unwrap_or(self.done);
        let before: Duration = self.expected[..at].iter().map(|(_, time)| time).sum();
        self.taken += self.began.elapsed();
        self.foreseen = before;
        self.began = Instant::now();
        self.done = at;
        let left = self.expected[at..].iter().map(|(_, time)| time).sum::<Duration>().mul_f64(self.pace());
        let line = format!("[{:2}/{}] {name}, {} left", at + 1, self.expected.len(), in_words(left));
        self.show(&line);
    }

    /// Nothing follows.
    pub(crate) fn finish(&mut self) {
        if self.on_terminal {
            self.show("");
        }
    }

    /// How much longer than expected it takes; the first steps do not tell.
    fn pace(&self) -> f64 {
        if self.foreseen < TELLING { 1.0 } else { self.taken.as_secs_f64() / self.foreseen.as_secs_f64() }
    }

    fn show(&self, line: &str) {
        let mut to = std::io::stderr();
        // One line that changes, or a line each. Nobody is told if that cannot be written.
        _ = if self.on_terminal { write!(to, "\r\x1b[K{line}") } else { writeln!(to, "{line}") };
        _ = to.flush();
    }
}

impl Observer for Progress {
    fn begins(&mut self, case: &str) {
        self.step(case);
    }

    fn ended(&mut self, case: Case) {
        self.cases.push(case);
    }
}

fn in_words(time: Duration) -> String {
    let seconds = time.as_secs().max(1);
    if seconds < 90 { format!("about {seconds} s") } else { format!("about {} min", seconds.div_ceil(60)) }
}
