//! What an outlet is made of.

use crate::io::Outgoing;
use std::sync::Arc;
use telemetry::WorkerTelemetry;
use telemetry::notices::{self, NoticeSender};
use telemetry::slots::SlotSender;

/// What one worker sends with.
pub struct OutletConfig<P, T> {
    /// Where copies come from and dropped frames go.
    pub pool: P,
    /// This worker's transmit queue of each port.
    pub queues: Vec<Outgoing<T>>,
    /// The channel to the host; without one, frames for it are dropped.
    pub host: Option<SlotSender>,
    /// The worker's counters.
    pub telemetry: Arc<WorkerTelemetry>,
    /// Where control hears what the worker saw.
    pub notices: NoticeSender,
    /// This worker's number, and how many there are: their IP ids never meet.
    pub worker: (u16, u16),
    /// Ticks a second of the worker's clock, for what has a rate.
    pub ticks_per_second: u64,
    /// Buffers that are kept back for control frames; at most [`BURST`](crate::BURST).
    pub reserve: usize,
}

impl<P, T> OutletConfig<P, T> {
    /// Of an only worker whose clock has 1 GHz, without a host and with nobody to hear its notices.
    pub fn new(pool: P, queues: Vec<Outgoing<T>>, telemetry: Arc<WorkerTelemetry>) -> Self {
        let ticks_per_second = 1_000_000_000;
        let (notices, _) = notices::channel(0, ticks_per_second);
        Self { pool, queues, host: None, telemetry, notices, worker: (0, 1), ticks_per_second, reserve: 0 }
    }
}
