use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// `GET /v1/fdb`, narrowed down by [`FdbQuery`](crate::FdbQuery): which MAC address is where.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FdbDocument {
    /// By network, then by MAC.
    pub entries: Vec<FdbEntry>,
    /// How many fit the query, listed or not.
    #[serde(default)]
    pub total: u64,
    /// The networks that learn, and of their VMIs those behind which something is learned or that have a limit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub learning: Vec<LearningUse>,
}

/// How far a network, or a VMI, is filled with learned MAC addresses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LearningUse {
    /// The virtual network.
    pub network: String,
    /// The VMI; without one, this is the network altogether.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vif: Option<String>,
    /// How many are learned.
    pub macs: u64,
    /// How many may be; without one, there is no limit but the node's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// What happens beyond: `log`, `alarm`, `shutdown` or `drop`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// Whether there was one too many, and there has been no room since.
    pub over: bool,
}

/// Where one MAC address of one network is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FdbEntry {
    /// The virtual network.
    pub network: String,
    /// The MAC address.
    pub mac: String,
    /// Where frames to it go.
    #[serde(rename = "where")]
    pub at: FdbWhere,
    /// How frames go to it, if it is behind a VTEP: `MPLSoUDP`, `MPLSoGRE` or `VXLAN`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encapsulation: Option<String>,
    /// The label of frames to it, with MPLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<u32>,
    /// Who said so.
    pub origin: FdbOrigin,
    /// Seconds since it was last seen at the latest, if it is learned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age_s: Option<u64>,
}

/// Where frames to a MAC address go: `{"vif": "blue-server"}` or `{"vtep": "172.16.0.2"}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FdbWhere {
    /// To a VMI of this node, by its name.
    Vif(String),
    /// To a remote VTEP.
    Vtep(IpAddr),
}

/// Who said where a MAC address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FdbOrigin {
    /// The VMI's own address, or an allowed address pair, in the network file.
    Config,
    /// `static_reachability` in the network file.
    Static,
    /// Seen as the source of a frame.
    Learned,
    /// A BGP EVPN route.
    Bgp,
}
