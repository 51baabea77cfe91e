use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// Which counters are to count from 0 again.
///
/// The counters themselves go on: what they show now is remembered and taken off what is shown from then on. The
/// accounting law is never cleared, since it holds only from the start of the process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Clear {
    /// Those of every VMI and port, and the drop reasons.
    All,
    /// Those of the VMI of this name; one that this node does not serve is
    /// [`ErrorCode::NotFound`](crate::ErrorCode::NotFound).
    Vif(String),
    /// Those of the port of this name; one that does not exist is [`ErrorCode::NotFound`](crate::ErrorCode::NotFound).
    Port(String),
    /// The drop reasons.
    Drops,
}

/// `POST /v1/counters/clear`, or of some with `?vif=NAME`, `?port=NAME` or `?drops=true`: what counts from 0 again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClearDocument {
    /// The moment that they count from.
    pub cleared_at: Timestamp,
    /// VMIs whose counters were cleared.
    pub vifs: u64,
    /// Ports whose counters were cleared.
    pub ports: u64,
    /// Whether the drop reasons were cleared.
    pub drops: bool,
}
