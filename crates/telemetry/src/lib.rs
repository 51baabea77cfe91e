//! Everything a worker tells the outside, and packets for it to send.
//!
//! A worker writes only memory of its own: counters that control reads ([`WorkerTelemetry`]) and slots of a channel
//! ([`slots`]) whose other end is the host thread or control. [`DropReason`] is the one list of ways to die.

#![forbid(unsafe_code)]

mod counters;
mod drop_reason;
mod ledger;
pub mod notices;
mod policer;
pub mod slots;

pub use counters::{Counter, PassageCounts, PassageTotals, VifCounters, VifCounts, VifTotals, WorkerTelemetry};
pub use drop_reason::{DropReason, Stage};
pub use ledger::{Ledger, Totals};
pub use policer::{Limit, Policer, Rate};
