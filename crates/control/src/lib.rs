//! Configuration, routes and learned state into snapshots.

pub mod config;
pub mod underlay;
