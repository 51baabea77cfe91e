use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::NexthopState;

/// `GET /v1/vteps`, narrowed down by [`VtepsQuery`](crate::VtepsQuery): the remote VTEPs, what is behind them and how
/// they are reached.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VtepsDocument {
    /// This node's own VTEP addresses.
    pub own: Vec<IpAddr>,
    /// By address.
    pub vteps: Vec<Vtep>,
}

/// One remote VTEP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vtep {
    /// Its place among the VTEPs of the tables. Stable while it is configured or known.
    pub id: u32,
    /// Its address.
    pub address: IpAddr,
    /// Whether packets can be sent to it.
    pub state: NexthopState,
    /// The ways to it; with several, each flow takes one.
    pub paths: Vec<VtepPath>,
    /// What this node carries to it, by network.
    pub networks: Vec<VtepNetwork>,
}

/// One way to a VTEP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VtepPath {
    /// The neighbour that packets go to: a router of the fabric, or the VTEP itself on a shared subnet.
    pub gateway: IpAddr,
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

/// What is carried to a VTEP for one network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VtepNetwork {
    /// The virtual network.
    pub network: String,
    /// How: `MPLSoUDP`, `MPLSoGRE` or `VXLAN`.
    pub encapsulation: String,
    /// The VNI, with VXLAN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vni: Option<u32>,
    /// The label of frames to it, with MPLS; stations with a label of their own have it in `fdb`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<u32>,
    /// Whether it gets a copy of every flooded frame.
    pub floods: bool,
    /// How many MAC addresses are behind it.
    pub macs: u64,
}
