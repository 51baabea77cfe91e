//! Looks after what should not happen: links that go down, workers that stand still.

use crate::ports::Running;
use control::plane::DataPlane;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use telemetry::WorkerTelemetry;

const EVERY: Duration = Duration::from_millis(500);
/// A worker polls at least every millisecond; one that has not for so long is stuck, or its core is taken.
const SILENT_SECONDS: u64 = 2;

/// Watches until `stop` is set; whoever sets it may unpark the thread, so that it looks at once.
pub(crate) fn run(running: &Running, workers: &[Arc<WorkerTelemetry>], stop: &AtomicBool) {
    let mut silent = vec![false; workers.len()];
    while !stop.load(Ordering::Relaxed) {
        for (port, up) in running.link_changes() {
            if up {
                tracing::info!(port, "link is up");
            } else {
                tracing::warn!(port, "link is down");
            }
        }
        let limit = running.cycles_per_second() * SILENT_SECONDS;
        for (number, (worker, silent)) in workers.iter().zip(&mut silent).enumerate() {
            let age = running.cycles().saturating_sub(worker.heartbeat_tsc.read());
            let now_silent = worker.polls.read() > 0 && age > limit;
            if now_silent && !*silent {
                tracing::error!(worker = number, "worker has not polled for {SILENT_SECONDS} s: is its core its own?");
            } else if *silent && !now_silent {
                tracing::info!(worker = number, "worker polls again");
            }
            *silent = now_silent;
        }
        std::thread::park_timeout(EVERY);
    }
}
