//! What keeps a network's loops and strangers from the others: the outlet has the worker's state for both.

use super::Outlet;
use crate::burst::{Lanes, Side};
use crate::io::{Pool, TxQueue};
use crate::learn::Learner;
use fib::{Snapshot, StormClass};
use telemetry::WorkerTelemetry;
use telemetry::notices::NoticeSender;

impl<P: Pool, T: TxQueue<Frame = P::Frame>> Outlet<P, T> {
    /// What a stage counts by, where it tells control what it saw, and what control was told of sources.
    #[inline(always)]
    pub(crate) fn learning(&mut self) -> (&WorkerTelemetry, &mut NoticeSender, &mut Learner) {
        (&self.telemetry, &mut self.notices, &mut self.learner)
    }

    /// Whether a frame that is about to be flooded is within the budgets of its interface and network.
    #[inline(always)]
    pub(crate) fn within_storm_budget(
        &mut self,
        t: &Snapshot,
        lanes: &Lanes,
        lane: usize,
        side: Side,
    ) -> Result<(), StormClass> {
        self.storm.admit(t, &self.telemetry, &mut self.notices, lanes, lane, side)
    }
}
