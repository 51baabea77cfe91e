//! Configuration, routes and learned state into snapshots.
