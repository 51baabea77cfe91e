use serde::{Deserialize, Serialize};

use crate::{FdbOrigin, FdbWhere};

/// `GET /v1/hosts`, narrowed down by [`HostsQuery`](crate::HostsQuery): every station that this node knows, here and
/// behind VTEPs, with its addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostsDocument {
    /// By network, then by MAC.
    pub hosts: Vec<Host>,
    /// How many fit the query, listed or not.
    #[serde(default)]
    pub total: u64,
}

/// One station of one network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// The virtual network.
    pub network: String,
    /// The MAC address.
    pub mac: String,
    /// The IP addresses that the network file gives it, and prefixes of allowed address pairs. Empty if none is known.
    pub ips: Vec<String>,
    /// Where it is.
    #[serde(rename = "where")]
    pub at: FdbWhere,
    /// The access port that it is behind, if it is here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<String>,
    /// The VLAN id on that port; 0 stands for untagged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vlan: Option<u16>,
    /// The inner VLAN id, if its frames have two tags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inner_vlan: Option<u16>,
    /// Who said so.
    pub origin: FdbOrigin,
}
