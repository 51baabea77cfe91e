//! Times at which the forwarder under test was not there, where it runs on this machine.
//!
//! Looked at every few hundredths of a second from outside: how long each of its threads has waited for a core meanwhile
//! (`/proc/PID/task/*/schedstat`), and how long the hypervisor had any core. What is lost in between may be the machine's.

use crate::stolen::{Gap, steal_units_of_all};
use dpdk::lcore::tsc;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;

/// Threads that ran for less than this part of the time are not those that forward.
const BUSY_PART: u64 = 20;
/// The kernel counts steal in these.
const STEAL_UNIT_US: u64 = 10_000;

/// A thread: nanoseconds that it ran and that it waited.
#[derive(Debug)]
struct Task {
    schedstat: File,
    ran_ns: u64,
    waited_ns: u64,
}

/// What is known of the forwarder's time.
#[derive(Debug)]
pub struct Watched {
    tasks: Vec<Task>,
    tsc_hz: u64,
    steal_units: u64,
    last: u64,
    gaps: Vec<Gap>,
}

impl Watched {
    /// From now on; `process` is the forwarder's id, if it runs on this machine.
    #[must_use]
    pub fn new(process: Option<u32>, tsc_hz: u64) -> Self {
        let directory = process.and_then(|id| fs::read_dir(format!("/proc/{id}/task")).ok());
        let open = |entry: fs::DirEntry| {
            let schedstat = File::open(entry.path().join("schedstat")).ok()?;
            let (ran_ns, waited_ns) = read(&schedstat)?;
            Some(Task { schedstat, ran_ns, waited_ns })
        };
        let tasks = directory.into_iter().flatten().flatten().filter_map(open).collect();
        Self { tasks, tsc_hz, steal_units: steal_units_of_all(), last: tsc(), gaps: Vec::new() }
    }

    /// Looks again. What was stolen since the last look counts for all of the time since then.
    pub fn look(&mut self) {
        let now = tsc();
        let ticks = self.last..now;
        let elapsed_ns = (u128::from(now - self.last) * 1_000_000_000 / u128::from(self.tsc_hz.max(1))) as u64;
        let waited_ns = self.tasks.iter_mut().map(|task| task.waited(elapsed_ns)).max().unwrap_or(0);
        let units = steal_units_of_all();
        let steal_ns = units.saturating_sub(std::mem::replace(&mut self.steal_units, units)) * STEAL_UNIT_US * 1000;
        let stolen = (u128::from(waited_ns.max(steal_ns)) * u128::from(self.tsc_hz) / 1_000_000_000) as u64;
        self.gaps.push(Gap { ticks, stolen: stolen.min(now - self.last) });
        self.last = now;
    }

    /// The times between looks, with what was stolen of each.
    #[must_use]
    pub fn close(self) -> Vec<Gap> {
        self.gaps
    }
}

impl Task {
    /// Nanoseconds that it waited since the last look; 0 if it hardly wanted to run.
    fn waited(&mut self, elapsed_ns: u64) -> u64 {
        let Some((ran_ns, waited_ns)) = read(&self.schedstat) else { return 0 };
        let ran = ran_ns.saturating_sub(std::mem::replace(&mut self.ran_ns, ran_ns));
        let waited = waited_ns.saturating_sub(std::mem::replace(&mut self.waited_ns, waited_ns));
        if (ran + waited) * BUSY_PART < elapsed_ns { 0 } else { waited }
    }
}

fn read(schedstat: &File) -> Option<(u64, u64)> {
    let mut text = [0; 96];
    let length = schedstat.read_at(&mut text, 0).ok()?;
    let mut words = std::str::from_utf8(text.get(..length)?).ok()?.split_ascii_whitespace();
    Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_follow_each_other_without_a_gap() {
        let mut watched = Watched::new(Some(std::process::id()), 1_000_000_000);
        assert!(!watched.tasks.is_empty());
        watched.look();
        watched.look();
        let gaps = watched.close();
        assert_eq!(gaps.len(), 2);
        assert_eq!(gaps[0].ticks.end, gaps[1].ticks.start);
        assert!(gaps.iter().all(|gap| gap.stolen <= gap.ticks.end - gap.ticks.start));
    }

    #[test]
    fn a_process_that_is_not_there_has_no_threads() {
        assert!(Watched::new(Some(u32::MAX), 1).tasks.is_empty() && Watched::new(None, 1).tasks.is_empty());
    }
}
