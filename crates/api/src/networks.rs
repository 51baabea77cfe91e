use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// `GET /v1/networks`: the virtual networks that this node takes part in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworksDocument {
    /// By name.
    pub networks: Vec<Network>,
}

/// One virtual network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// Its place in the tables of the workers. Stable while this node serves the network.
    #[serde(default)]
    pub id: u32,
    /// The name in the network file.
    pub name: String,
    /// Its VXLAN network identifier.
    pub vni: u32,
    /// The MPLS label that leads into it, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<u32>,
    /// Names of the VMIs that this node serves in it.
    pub local_vifs: Vec<String>,
    /// Remote VTEPs that get a copy of every flooded frame.
    pub flood_vteps: Vec<IpAddr>,
    /// Whether a frame to an unknown unicast MAC is flooded; otherwise it is dropped.
    pub flood_unknown_unicast: bool,
    /// How many MAC addresses are known in it, local and remote.
    pub macs: u64,
}
