use serde::{Deserialize, Serialize};

/// `GET /v1/storm`, narrowed down by [`StormQuery`](crate::StormQuery): who floods how much, and what storm control did about
/// it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StormDocument {
    /// The VMIs and networks that flooded anything, each with each class of frames: the most suppressed first, then the most
    /// flooded.
    pub talkers: Vec<StormTalker>,
    /// How many fit the query, listed or not.
    #[serde(default)]
    pub total: u64,
    /// How many workers there are. Each lets the whole budget pass.
    #[serde(default)]
    pub workers: u16,
}

/// What a VMI, or a network altogether, flooded of one class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StormTalker {
    /// The virtual network.
    pub network: String,
    /// The VMI; without one, this is the network's own budget, which also holds what comes from the fabric.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vif: Option<String>,
    /// `broadcast`, `unknown_unicast` or `multicast`.
    pub class: String,
    /// Frames that may pass each second; without one, there is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_pps: Option<u32>,
    /// Frames that were flooded.
    pub flooded: u64,
    /// Frames beyond a budget, which were dropped. A VMI's may have been its network's budget.
    pub suppressed: u64,
    /// Whether a storm is going on.
    pub storming: bool,
}
