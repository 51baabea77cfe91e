//! Everything a worker tells the outside, and packets for it to send.
//!
//! A worker writes only memory of its own: counters that control reads ([`WorkerTelemetry`]) and slots of a channel
//! ([`slots`]) whose other end is the host thread or control. [`DropReason`] is the one list of ways to die. Copies of
//! frames ([`sightings`]) go to whoever has ordered them ([`watch`]), and of some that are dropped always.

#![forbid(unsafe_code)]

mod counters;
mod drop_reason;
mod drop_recorder;
mod ledger;
mod marks;
pub mod notices;
mod policer;
mod service;
pub mod sightings;
pub mod slots;
mod storm;
pub mod watch;

pub use counters::{Counter, PassageCounts, PassageTotals, VifCounters, VifCounts, VifTotals, WorkerTelemetry};
pub use drop_reason::{DropReason, Stage};
pub use drop_recorder::{DropRecorder, DropRecords, HEAD_OCTETS, drop_recorder};
pub use ledger::{Ledger, Totals};
pub use marks::SeenMarks;
pub use policer::{Limit, Policer, Rate};
pub use service::Service;
pub use storm::{StormCounts, StormTable, StormTotals, storm_reason};
