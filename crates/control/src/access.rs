//! What control does for the instances behind the access ports, beside tables: it hears what workers saw of them.
//!
//! Everything here is sans-IO. Time is passed in; what is to be sent or changed is returned to the loop in
//! [`reconcile`](crate::reconcile), which alone acts.

pub mod log;

use log::EventLog;
use std::sync::Arc;
use std::time::Instant;
use telemetry::notices::{Notice, NoticeReceiver, Stamped};

/// Most notices of one worker that a turn takes in.
const TURN_NOTICES: usize = 4096;

/// The state of it.
pub struct Access {
    workers: Vec<NoticeReceiver>,
    log: Arc<EventLog>,
}

impl Access {
    /// Hears these workers.
    pub fn new(workers: Vec<NoticeReceiver>) -> Self {
        Self { workers, log: Arc::default() }
    }

    /// What has happened. Whoever keeps it costs control a copy of the list at the next event.
    pub fn log(&self) -> &Arc<EventLog> {
        &self.log
    }

    /// One turn: takes in what the workers saw.
    pub fn turn(&mut self, now: Instant) {
        for worker in 0..self.workers.len() {
            for _ in 0..TURN_NOTICES {
                let Some(stamped) = self.workers[worker].receive() else { break };
                self.take_in(now, stamped);
            }
        }
    }

    fn take_in(&mut self, _now: Instant, Stamped { generation, notice }: Stamped) {
        match notice {
            Notice::Heard(heard) => tracing::trace!(generation, ?heard, "heard"),
            Notice::Learn(learn) => tracing::trace!(generation, ?learn, "new source"),
            Notice::Bpdu(copy) => tracing::trace!(generation, from = ?copy.from, "control frame"),
            Notice::Storm(storm) => tracing::trace!(generation, ?storm, "storm"),
        }
    }
}
