//! What control does for the instances behind the access ports, beside tables: it hears what workers saw of them.
//!
//! Everything here is sans-IO. Time is passed in; what is to be sent or changed is returned to the loop in
//! [`reconcile`](crate::reconcile), which alone acts.

pub mod log;
pub(crate) mod storm;

use log::EventLog;
use std::sync::Arc;
use std::time::Instant;
use storm::{Storms, Talker};
use telemetry::notices::{Notice, NoticeReceiver, Stamped};
use telemetry::{StormTotals, WorkerTelemetry};

/// Most notices of one worker that a turn takes in.
const TURN_NOTICES: usize = 4096;

/// The state of it.
pub struct Access {
    workers: Vec<NoticeReceiver>,
    counters: Vec<Arc<WorkerTelemetry>>,
    log: Arc<EventLog>,
    storms: Storms,
}

impl Access {
    /// Hears these workers, and looks at what they count.
    pub fn new(workers: Vec<NoticeReceiver>, counters: Vec<Arc<WorkerTelemetry>>) -> Self {
        Self { workers, counters, log: Arc::default(), storms: Storms::default() }
    }

    /// What has happened. Whoever keeps it costs control a copy of the list at the next event.
    pub fn log(&self) -> &Arc<EventLog> {
        &self.log
    }

    /// Who storms.
    pub(crate) fn storms(&self) -> &Storms {
        &self.storms
    }

    /// Says who has a storm budget, after the tables were made anew.
    pub(crate) fn configure_storms(&mut self, talkers: impl Iterator<Item = (Talker, String)>) {
        let counters = &self.counters;
        self.storms.configure(talkers, |talker| storm_totals(counters, talker));
    }

    /// Has the counters of storm control count from 0 again: all, or those of one interface.
    pub(crate) fn clear_storms(&mut self, only: Option<Talker>) {
        let counters = &self.counters;
        self.storms.clear(only, |talker| storm_totals(counters, talker));
    }

    /// One turn: takes in what the workers saw.
    pub fn turn(&mut self, now: Instant) {
        for worker in 0..self.workers.len() {
            for _ in 0..TURN_NOTICES {
                let Some(stamped) = self.workers[worker].receive() else { break };
                self.take_in(now, stamped);
            }
        }
        let counters = &self.counters;
        self.storms.look(now, |talker| storm_totals(counters, talker), &mut self.log);
    }

    fn take_in(&mut self, now: Instant, Stamped { generation, notice }: Stamped) {
        match notice {
            Notice::Heard(heard) => tracing::trace!(generation, ?heard, "heard"),
            Notice::Learn(learn) => tracing::trace!(generation, ?learn, "new source"),
            Notice::Bpdu(copy) => tracing::trace!(generation, from = ?copy.from, "control frame"),
            Notice::Storm(storm) => {
                let counters = &self.counters;
                self.storms.hear(now, storm, |talker| storm_totals(counters, talker), &mut self.log);
            }
        }
    }
}

fn storm_totals(workers: &[Arc<WorkerTelemetry>], talker: Talker) -> StormTotals {
    talker.totals(workers.iter().map(|worker| &**worker))
}
