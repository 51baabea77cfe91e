use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// `GET /v1/reachability`, narrowed down by [`ReachabilityQuery`](crate::ReachabilityQuery): whether the addresses of the
/// instances behind the access ports are there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReachabilityDocument {
    /// In the order of the network file's logical interfaces.
    pub addresses: Vec<AddressReachability>,
    /// How many fit the query, listed or not.
    #[serde(default)]
    pub total: u64,
    /// Each address is asked once in so long.
    pub period_ms: u64,
}

/// One address of one VMI.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressReachability {
    /// The VMI.
    pub vmi: String,
    /// Its virtual network.
    pub network: String,
    /// The address.
    pub address: IpAddr,
    /// The access port that it is behind.
    pub port: String,
    /// The VLAN id on that port; 0 stands for untagged.
    pub vlan: u16,
    /// The inner VLAN id, if its frames have two tags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inner_vlan: Option<u16>,
    /// Whether it is there.
    pub state: ReachabilityState,
    /// For how long it has been so.
    pub for_ms: u64,
    /// How long ago it was heard last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heard_ago_ms: Option<u64>,
    /// The MAC that it was heard with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<String>,
    /// Probes since then.
    pub unanswered: u32,
}

/// Whether an address is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReachabilityState {
    /// Nobody knows yet.
    Unknown,
    /// It was heard of late.
    Reachable,
    /// It does not answer.
    Unreachable,
    /// Its port has no link or is closed: it is not asked.
    PortDown,
}
