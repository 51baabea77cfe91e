//! What happens to a burst from receive to transmit, with no driver in sight.
//!
//! Start at [`pipeline`]: one ordinary function per direction, calling one function per stage. Stages *decide into
//! lanes* ([`Burst`]); [`Outlet`] alone acts: it sends, replicates, punts, frees and counts, so every packet leaves in
//! exactly one place. The driver is behind the small traits of [`io`], implemented for DPDK in production and for memory
//! in tests, fuzzers and benches.

#![forbid(unsafe_code)]

mod answer;
mod bridge;
mod burst;
mod classify;
mod control;
mod decap;
mod encap;
mod flood;
mod hash;
mod inject;
pub mod io;
mod lane_view;
mod learn;
mod parse;
pub mod pipeline;
pub mod probe;
mod punt;
mod rewrite;
mod storm;
mod transmit;
mod witness;
mod worker;

pub use burst::{BURST, Burst, Verdict};
pub use lane_view::{Header, LaneView};
pub use transmit::{Outlet, OutletConfig};
pub use worker::{Inlet, Polling, Role, Worker};
