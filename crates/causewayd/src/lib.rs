//! The process: assembles the planes and owns no logic.
//!
//! [`driver`] lets the data path run on DPDK: it is the one place that knows both. [`assembly`] starts everything in
//! order and stops it in reverse. [`notify`] tells the service manager. `main` reads the command line and waits for signals.

#![forbid(unsafe_code)]

pub mod assembly;
mod carrier;
mod channels;
pub mod driver;
mod frames;
mod host;
pub mod notify;
mod partial;
mod ports;
mod watch;
mod workers;
