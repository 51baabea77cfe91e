//! Configuration, routes and learned state into snapshots.

pub mod underlay;
