//! What narrows a list down. Each is the query of its path: `/v1/vifs?network=blue&vlan=100`. What is left out does not
//! narrow; parts that are given all have to fit.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::{ReachabilityState, Timestamp};

/// Which VMIs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VifsQuery {
    /// Only this virtual network; one that this node does not serve is
    /// [`ErrorCode::NotFound`](crate::ErrorCode::NotFound).
    pub network: Option<String>,
    /// Only this access port; one that does not exist is [`ErrorCode::NotFound`](crate::ErrorCode::NotFound).
    pub port: Option<String>,
    /// Only this VLAN id; 0 stands for untagged.
    pub vlan: Option<u16>,
    /// Only names that fit this pattern: `*` stands for any text, `?` for any one character.
    pub name: Option<String>,
    /// So many of those that fit are left out at the start.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub offset: u64,
    /// At most so many.
    pub limit: Option<u64>,
}

/// Which MAC addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FdbQuery {
    /// Only this virtual network; one that this node does not serve is
    /// [`ErrorCode::NotFound`](crate::ErrorCode::NotFound).
    pub network: Option<String>,
    /// Only this MAC address, in any network.
    pub mac: Option<String>,
    /// Only what is behind this VTEP.
    pub vtep: Option<IpAddr>,
    /// So many of those that fit are left out at the start.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub offset: u64,
    /// At most so many.
    pub limit: Option<u64>,
}

/// Which next hops.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NexthopsQuery {
    /// Only those to this VTEP.
    pub vtep: Option<IpAddr>,
}

/// Which labels.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelsQuery {
    /// Only labels that lead into this virtual network; one that this node does not serve is
    /// [`ErrorCode::NotFound`](crate::ErrorCode::NotFound).
    pub network: Option<String>,
    /// So many of those that fit are left out at the start.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub offset: u64,
    /// At most so many.
    pub limit: Option<u64>,
}

/// Which VTEPs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VtepsQuery {
    /// Only this VTEP.
    pub vtep: Option<IpAddr>,
    /// Only VTEPs of this virtual network; one that this node does not serve is
    /// [`ErrorCode::NotFound`](crate::ErrorCode::NotFound).
    pub network: Option<String>,
}

/// Which stations.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostsQuery {
    /// Only this virtual network; one that this node does not serve is
    /// [`ErrorCode::NotFound`](crate::ErrorCode::NotFound).
    pub network: Option<String>,
    /// Only this MAC address, in any network.
    pub mac: Option<String>,
    /// Only what has this IP address, or a prefix that covers it.
    pub ip: Option<IpAddr>,
    /// Only what is behind this VTEP.
    pub vtep: Option<IpAddr>,
    /// So many of those that fit are left out at the start.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub offset: u64,
    /// At most so many.
    pub limit: Option<u64>,
}

/// Which talkers of storm control.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StormQuery {
    /// Only this virtual network and its VMIs; one that this node does not serve is
    /// [`ErrorCode::NotFound`](crate::ErrorCode::NotFound).
    pub network: Option<String>,
    /// So many of those that fit are left out at the start.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub offset: u64,
    /// At most so many.
    pub limit: Option<u64>,
}

/// Which drop reasons.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DropsQuery {
    /// Reasons that never occurred too.
    #[serde(default, skip_serializing_if = "is_false")]
    pub all: bool,
    /// Only those that this stage of the pipeline decides; one that does not exist is
    /// [`ErrorCode::NotFound`](crate::ErrorCode::NotFound).
    pub stage: Option<String>,
}

/// Which addresses of instances.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReachabilityQuery {
    /// Only this virtual network; one that this node does not serve is
    /// [`ErrorCode::NotFound`](crate::ErrorCode::NotFound).
    pub network: Option<String>,
    /// Only VMIs whose name fits this pattern: `*` stands for any text, `?` for any one character.
    pub name: Option<String>,
    /// Only those of which this is known.
    pub state: Option<ReachabilityState>,
    /// So many of those that fit are left out at the start.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub offset: u64,
    /// At most so many.
    pub limit: Option<u64>,
}

/// Which events.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventsQuery {
    /// Only this kind; one that does not exist is [`ErrorCode::NotFound`](crate::ErrorCode::NotFound).
    pub kind: Option<String>,
    /// Only what happened then or later.
    pub since: Option<Timestamp>,
    /// Only the last so many of those that fit.
    pub last: Option<u64>,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn is_false(flag: &bool) -> bool {
    !flag
}
