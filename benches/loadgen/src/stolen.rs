//! Times at which a thread was not there: gaps between its own polls, and who had the core meanwhile.
//!
//! The kernel says how long a thread has waited for its core (`/proc/thread-self/schedstat`, nanoseconds), and how long
//! the hypervisor had the core (`steal` in `/proc/stat`, in hundredths of a second). The first is read after each gap; the
//! second is too coarse and too dear for that, so the longest unexplained gaps of a run are given to it at the end.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;

/// Shorter gaps are the thread's own work.
const GAP_US: u64 = 20;
/// Unexplained gaps below this are not blamed on the hypervisor.
const STEAL_US: u64 = 100;
/// The kernel counts steal in these.
const STEAL_UNIT_US: u64 = 10_000;
/// Gaps that are kept one by one.
const GAPS_KEPT: usize = 8192;

/// A time without a poll.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// From the poll before to the one after, by the time stamp counter.
    pub ticks: Range<u64>,
    /// Ticks of it in which others had the core.
    pub stolen: u64,
}

impl Gap {
    /// Ticks of it that nobody else is to blame for.
    #[must_use]
    pub fn own(&self) -> u64 {
        (self.ticks.end - self.ticks.start).saturating_sub(self.stolen)
    }
}

/// What a thread knows of its gaps.
#[derive(Debug)]
pub struct Watch {
    last: u64,
    gap_ticks: u64,
    tsc_hz: u64,
    schedstat: Option<File>,
    waited_ns: u64,
    core: usize,
    steal_units: u64,
    gaps: Vec<Gap>,
    untold: u64,
}

/// What became of the time of a thread.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Absence {
    /// The gaps, in order, as many as are kept.
    pub gaps: Vec<Gap>,
    /// How many were not kept.
    pub untold: u64,
}

impl Absence {
    /// The longest gap in ticks, whoever was the reason.
    #[must_use]
    pub fn longest(&self) -> u64 {
        self.gaps.iter().map(|gap| gap.ticks.end - gap.ticks.start).max().unwrap_or(0)
    }

    /// The longest gap in ticks, less what was stolen of it.
    #[must_use]
    pub fn longest_own(&self) -> u64 {
        self.gaps.iter().map(Gap::own).max().unwrap_or(0)
    }

    /// All ticks that others had.
    #[must_use]
    pub fn stolen(&self) -> u64 {
        self.gaps.iter().map(|gap| gap.stolen).sum()
    }
}

impl Watch {
    /// For the calling thread, which is pinned to `core`, from `now` on.
    #[must_use]
    pub fn new(core: usize, tsc_hz: u64, now: u64) -> Self {
        let schedstat = File::open("/proc/thread-self/schedstat").ok();
        let mut watch = Self {
            last: now,
            gap_ticks: tsc_hz / 1_000_000 * GAP_US,
            tsc_hz,
            schedstat,
            waited_ns: 0,
            core,
            steal_units: steal_units(core),
            gaps: Vec::with_capacity(GAPS_KEPT),
            untold: 0,
        };
        watch.waited_ns = watch.waited_so_far();
        watch
    }

    /// The thread polls, `now`.
    #[inline(always)]
    pub fn poll(&mut self, now: u64) {
        let gap = now.wrapping_sub(self.last);
        if gap > self.gap_ticks {
            self.look(now);
        } else {
            self.last = now;
        }
    }

    /// The run is over.
    #[must_use]
    pub fn close(self) -> Absence {
        let units = steal_units(self.core).saturating_sub(self.steal_units);
        let mut gaps = self.gaps;
        blame(&mut gaps, units * STEAL_UNIT_US * (self.tsc_hz / 1_000_000), STEAL_US * (self.tsc_hz / 1_000_000));
        Absence { gaps, untold: self.untold }
    }

    #[cold]
    fn look(&mut self, now: u64) {
        let waited_ns = self.waited_so_far();
        let waited = waited_ns.saturating_sub(std::mem::replace(&mut self.waited_ns, waited_ns));
        let stolen = (u128::from(waited) * u128::from(self.tsc_hz) / 1_000_000_000) as u64;
        let gap = Gap { ticks: self.last..now, stolen: stolen.min(now - self.last) };
        if self.gaps.len() < GAPS_KEPT {
            self.gaps.push(gap);
        } else {
            self.untold += 1;
        }
        // Looking takes time, too.
        self.last = dpdk::lcore::tsc();
    }

    /// Nanoseconds that the thread has waited for its core since it began; 0 where the kernel does not tell.
    fn waited_so_far(&self) -> u64 {
        let read = || {
            let mut text = [0; 96];
            let length = self.schedstat.as_ref()?.read_at(&mut text, 0).ok()?;
            std::str::from_utf8(text.get(..length)?).ok()?.split_ascii_whitespace().nth(1)?.parse().ok()
        };
        read().unwrap_or(0)
    }
}

/// Gives `steal` ticks to the longest gaps of which more than `least` is unexplained.
fn blame(gaps: &mut [Gap], mut steal: u64, least: u64) {
    let mut order: Vec<usize> = (0..gaps.len()).filter(|n| gaps[*n].own() > least).collect();
    order.sort_by_key(|n| std::cmp::Reverse(gaps[*n].own()));
    for n in order {
        let part = gaps[n].own().min(steal);
        gaps[n].stolen += part;
        steal -= part;
    }
}

/// Hundredths of a second that the hypervisor has had a core; 0 where the kernel does not tell.
#[must_use]
pub fn steal_units(core: usize) -> u64 {
    let text = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    steal_in(&text, core).unwrap_or(0)
}

/// The same, of all cores together.
#[must_use]
pub fn steal_units_of_all() -> u64 {
    let text = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    let first = text.lines().next().and_then(|line| line.split_ascii_whitespace().nth(8));
    first.and_then(|word| word.parse().ok()).unwrap_or(0)
}

fn steal_in(stat: &str, core: usize) -> Option<u64> {
    let name = format!("cpu{core}");
    let line = stat.lines().find(|line| line.split(' ').next() == Some(&name))?;
    line.split_ascii_whitespace().nth(8)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gap(start: u64, length: u64, stolen: u64) -> Gap {
        Gap { ticks: start..start + length, stolen }
    }

    #[test]
    fn steal_goes_to_the_longest_unexplained_gaps() {
        let mut gaps = [gap(0, 100, 0), gap(1000, 500, 450), gap(2000, 300, 0), gap(3000, 40, 0)];
        blame(&mut gaps, 350, 45);
        assert_eq!(gaps.each_ref().map(|gap| gap.stolen), [50, 450, 300, 0]);
    }

    #[test]
    fn the_kernels_word_on_steal_is_read() {
        let stat = "cpu  8 8 2 3 5 0 1 29 0 0\ncpu0 3 4 1 1 1 0 5 14 0 0\ncpu1 4 4 1 1 3 0 7 15 0 0\ncpu10 1 1 1 1 1 1 1 99 0 0\n";
        assert_eq!((steal_in(stat, 1), steal_in(stat, 10), steal_in(stat, 2)), (Some(15), Some(99), None));
    }

    #[test]
    fn only_long_gaps_are_kept() {
        let start = dpdk::lcore::tsc();
        let mut watch = Watch::new(0, 1_000_000_000, start);
        watch.poll(start + 19_000);
        watch.poll(start + 50_000);
        let absence = watch.close();
        assert_eq!(absence.gaps.len(), 1);
        assert_eq!(absence.longest(), 31_000);
        assert!(absence.longest_own() + absence.stolen() == 31_000);
    }
}
