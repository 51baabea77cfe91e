//! Configuration, routes and learned state into snapshots.
//!
//! One thread runs one loop ([`reconcile`]): what comes in (the operator's calls, the kernel's events, routes) is folded
//! into [`tables`], and what has changed is published to the workers by one pointer swap. Parsing happens before it, on
//! a thread of its own; rendering happens after it, on the caller's ([`status`]).

#![forbid(unsafe_code)]

pub mod access;
mod bindings;
mod cleared;
pub mod config;
mod ids;
mod labels;
pub mod plane;
pub mod reconcile;
pub mod routes;
pub mod status;
pub mod tables;
pub mod underlay;
pub mod watching;

pub use labels::LabelOwner;
