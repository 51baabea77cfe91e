//! Looks after what should not happen: links that go down, workers or control that stand still. Tells the service manager, whose
//! watchdog is fed only while all of them move.

use crate::carrier::Carriers;
use crate::notify::Notifier;
use crate::ports::Running;
use control::plane::DataPlane;
use crossbeam_channel::Sender;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use telemetry::WorkerTelemetry;

const EVERY: Duration = Duration::from_millis(500);
/// Links are looked at more often: until a lost one is noticed, all that goes by it is lost.
const LINKS_EVERY: Duration = Duration::from_millis(100);
/// A worker polls at least every millisecond; one that has not for so long is stuck, or its core is taken.
const SILENT_SECONDS: u64 = 2;

/// What is watched, and who is told.
pub(crate) struct Watch {
    pub(crate) running: Arc<Running>,
    pub(crate) workers: Vec<Arc<WorkerTelemetry>>,
    /// Counted up by control, at least ten times a second.
    pub(crate) turns: Arc<AtomicU64>,
    pub(crate) notifier: Arc<Notifier>,
    /// Of the host interfaces.
    pub(crate) carriers: Carriers,
    /// Where control hears of links.
    pub(crate) links: Sender<(String, bool)>,
}

impl Watch {
    /// Watches until `stop` is set; whoever sets it may unpark the thread, so that it looks at once.
    pub(crate) fn run(mut self, stop: &AtomicBool) {
        let (mut silent, mut down, mut pulses) = (BTreeSet::new(), BTreeSet::new(), Pulses::default());
        // A manager waits for twice the time between two signs of life at least.
        let every = self.notifier.watchdog().map_or(EVERY, |limit| EVERY.min(limit / 2));
        let mut due = Instant::now();
        while !stop.load(Ordering::Relaxed) {
            self.look_at_links(&mut down);
            let now = Instant::now();
            if now < due {
                std::thread::park_timeout(LINKS_EVERY.min(due - now));
                continue;
            }
            due = now + every;
            self.look_at_workers(&mut silent);
            self.notifier.status(&self.status(&down, &silent));
            let beats = self.workers.iter().map(|worker| worker.heartbeat_tsc.read());
            // Relaxed: the count stands for nothing but itself.
            let beats = beats.chain([self.turns.load(Ordering::Relaxed)]);
            if self.notifier.watchdog().is_some() && pulses.all_moved(beats.collect()) {
                self.notifier.alive();
            }
        }
    }

    fn look_at_links(&mut self, down: &mut BTreeSet<String>) {
        for (port, up) in self.running.link_changes() {
            self.carriers.link(&port, up);
            // Control that is gone needs to know nothing.
            drop(self.links.send((port.clone(), up)));
            if up {
                tracing::info!(port, "link is up");
                down.remove(&port);
            } else {
                tracing::warn!(port, "link is down");
                down.insert(port);
            }
        }
        self.carriers.follow();
        self.running.follow_access_links();
    }

    fn look_at_workers(&self, silent: &mut BTreeSet<usize>) {
        let limit = self.running.cycles_per_second() * SILENT_SECONDS;
        for (number, worker) in self.workers.iter().enumerate() {
            let age = self.running.cycles().saturating_sub(worker.heartbeat_tsc.read());
            if worker.polls.read() > 0 && age > limit {
                if silent.insert(number) {
                    tracing::error!(
                        worker = number,
                        "worker has not polled for {SILENT_SECONDS} s: is its core its own?"
                    );
                }
            } else if silent.remove(&number) {
                tracing::info!(worker = number, "worker polls again");
            }
        }
    }

    /// For `systemctl status`.
    fn status(&self, down: &BTreeSet<String>, silent: &BTreeSet<usize>) -> String {
        let (ports, workers) = (self.running.count(), self.workers.len());
        let plural = |count: usize| if count == 1 { "" } else { "s" };
        let mut status = format!("serves: {ports} ports, {workers} worker{}", plural(workers));
        if !down.is_empty() {
            let names: Vec<&str> = down.iter().map(String::as_str).collect();
            status += &format!("; link down: {}", names.join(", "));
        }
        if !silent.is_empty() {
            let numbers: Vec<String> = silent.iter().map(usize::to_string).collect();
            status += &format!("; silent: worker{} {}", plural(silent.len()), numbers.join(", "));
        }
        status
    }
}

/// Counters that have to move, as they were when all had moved last.
#[derive(Default)]
struct Pulses(Vec<u64>);

impl Pulses {
    /// Whether each counter has moved since this was true last. None has before it was seen once.
    fn all_moved(&mut self, now: Vec<u64>) -> bool {
        if self.0.len() != now.len() {
            self.0 = now;
            return false;
        }
        let moved = self.0.iter().zip(&now).all(|(before, now)| before != now);
        if moved {
            self.0 = now;
        }
        moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_counter_that_stands_still_is_enough_not_to_feed_the_watchdog() {
        let mut pulses = Pulses::default();
        assert!(!pulses.all_moved(vec![5, 5]), "nothing is known yet");
        assert!(pulses.all_moved(vec![6, 9]));
        assert!(!pulses.all_moved(vec![6, 10]) && !pulses.all_moved(vec![6, 11]));
        assert!(pulses.all_moved(vec![7, 11]), "the other moved meanwhile");
        assert!(!pulses.all_moved(vec![8, 11]));
    }
}
