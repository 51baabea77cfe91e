use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// `GET /v1/nexthops`, narrowed down by [`NexthopsQuery`](crate::NexthopsQuery): how the remote VTEPs are reached over the underlay, as Linux says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NexthopsDocument {
    /// By VTEP.
    pub nexthops: Vec<Nexthop>,
}

/// How one remote VTEP is reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nexthop {
    /// The remote VTEP.
    pub vtep: IpAddr,
    /// Whether packets can be sent to it.
    pub state: NexthopState,
    /// The neighbour that packets go to: a router of the fabric, or the VTEP itself on a shared subnet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<IpAddr>,
    /// That neighbour's MAC address, once resolved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<String>,
    /// The fabric port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<String>,
    /// The fabric VLAN, if the fabric port is a trunk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vlan: Option<u16>,
}

/// Whether packets can be sent to a VTEP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NexthopState {
    /// Route and neighbour are known.
    Resolved,
    /// There is a route, but the neighbour does not answer (yet).
    Unresolved,
    /// Linux has no route to it through the host interface.
    NoRoute,
}
