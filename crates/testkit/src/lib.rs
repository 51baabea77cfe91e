//! Packets, in-memory ports, slow obvious oracles, generators: what tests, fuzzers and benches drive the data path with.
//!
//! A [`Network`] says in plain values what one gateway serves. A [`Gateway`] is the production worker on in-memory ports,
//! with tables built from that; the [`oracle`] says from the same values, and from the RFCs, what has to come out.
//! Development only: a broken assumption here is a panic, which is a failed test.

#![forbid(unsafe_code)]

pub mod arbitrary;
pub mod discovery;
pub mod example;
mod gateway;
mod judge;
mod network;
pub mod oracle;
pub mod packets;
pub mod pcap;
pub mod queues;
pub mod workloads;

pub use gateway::{Arrival, Gateway, Means, Outcome, TICKS_PER_SECOND};
pub use judge::disagreement;
pub use memory;
pub use network::{
    Access, Bound, Bpdu, Fabric, Link, Mac, Network, Path, Reach, SourceCheck, VirtualNetwork, Vmi, Vtep,
};
