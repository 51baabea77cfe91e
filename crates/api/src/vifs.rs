use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::{Place, Timestamp, Traffic};

/// `GET /v1/vifs`, narrowed down by [`VifsQuery`](crate::VifsQuery): the VMIs that this node serves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VifsDocument {
    /// By ascending index.
    pub vifs: Vec<Vif>,
    /// How many fit the query, listed or not.
    #[serde(default)]
    pub total: u64,
}

/// One VMI behind a VLAN of this node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vif {
    /// Its index in the tables of the workers. Stable while the VMI is configured.
    pub index: u32,
    /// The VMI's name in the network file.
    pub name: String,
    /// The access port.
    pub port: String,
    /// The VLAN id on that port; 0 stands for untagged.
    pub vlan: u16,
    /// The inner VLAN id, if its frames have two tags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inner_vlan: Option<u16>,
    /// The virtual network.
    pub network: String,
    /// The MAC addresses it may send from: its own first, then those of its allowed address pairs.
    pub macs: Vec<String>,
    /// The IP addresses that the network file gives it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ips: Vec<IpAddr>,
    /// Whether it is served, and if not, why.
    pub state: VifState,
    /// What went through.
    pub traffic: Traffic,
    /// Packets from this VMI that were dropped; `drops` tells the reasons.
    pub drops: u64,
    /// When the counters were cleared last; without it they count from the start of the process, or from when the
    /// VMI was configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cleared_at: Option<Timestamp>,
    /// Where the network file configures it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
}

/// Whether a VMI is served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum VifState {
    /// Packets pass.
    Active,
    /// Packets do not pass.
    Inactive {
        /// Why, in words: `port access0 is down`.
        why: String,
    },
}
