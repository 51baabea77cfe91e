//! The immutable tables a worker may read, and the builder that makes only consistent ones.
//!
//! Start at [`Snapshot`]: it is all that the packet path can know. Control builds one with a [`Builder`], publishes it,
//! and never changes it again; the big table ([`CowMap`]) shares all that did not change with the snapshot before.
//! Every id in a table resolves within the same snapshot, because only the builder makes tables.

#![deny(unsafe_code)]

mod binding;
mod builder;
mod control;
mod ids;
mod inside;
mod learned;
mod map;
mod network;
pub mod prefetch;
mod rows;
pub mod simd;
mod snapshot;
mod storm;
mod template;
mod tunnel;
mod vif;
mod vlan;

pub use binding::{Binding, Bindings};
pub use builder::{BuildError, Builder, NetworkSpec, TunnelSpec, VifSpec};
pub use control::{ControlFrames, ControlPort, ControlVlan};
pub use ids::{GroupId, LearnedId, NetworkId, NexthopId, PeerId, PortIndex, TunnelId, VifIndex};
pub use inside::{Inside, InsideEntry, InsideNumbers, InsideTable};
pub use learned::{Learned, learned_key};
pub use map::{CowMap, MapFull};
pub use network::Network;
pub use snapshot::{
    Destination, Fabric, Link, Snapshot, SourceCheck, VTEP_KEY_V6, Vifs, WaysOut, demux_key, mac_key, vtep_key,
    vtep_key_v4, vtep_key_v6,
};
pub use storm::{StormBudget, StormClass};
pub use tunnel::{MAX_PATHS, Nexthop, Path, Shape, Target, Tunnel};
pub use vif::Vif;
pub use vlan::{InnerVlans, PortVlans, VlanEntry, VlanTable};
