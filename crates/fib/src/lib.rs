//! The immutable tables a worker may read, and the builder that makes only consistent ones.
//!
//! Start at [`Snapshot`]: it is all that the packet path can know. Control builds one with a [`Builder`], publishes it,
//! and never changes it again; the big table ([`CowMap`]) shares all that did not change with the snapshot before.
//! Every id in a table resolves within the same snapshot, because only the builder makes tables.

#![deny(unsafe_code)]

mod builder;
mod ids;
mod map;
mod network;
pub mod prefetch;
mod snapshot;
mod tunnel;
mod vif;
mod vlan;
mod vni;

pub use builder::{BuildError, Builder, NetworkSpec, TunnelSpec, VifSpec};
pub use ids::{NetworkId, NexthopId, PortIndex, TunnelId, VifIndex};
pub use map::{CowMap, MapFull};
pub use network::Network;
pub use snapshot::{Destination, Fabric, Snapshot, SourceCheck, mac_key, vtep_key};
pub use tunnel::{Nexthop, OuterHeader, Tunnel};
pub use vif::Vif;
pub use vlan::{VlanEntry, VlanTable};
pub use vni::VniTable;
