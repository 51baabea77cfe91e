use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// `GET /v1/events`, narrowed down by [`EventsQuery`](crate::EventsQuery): what has happened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventsDocument {
    /// The oldest first.
    pub events: Vec<Event>,
    /// How many fit the query, listed or not.
    #[serde(default)]
    pub total: u64,
    /// The number of the first event that is still kept; older ones are forgotten. 0: there was none yet.
    pub first_kept: u64,
    /// The number of the latest event.
    pub latest: u64,
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Events are numbered from 1 since the start: a reader that has seen a number before this one less one has missed some.
    pub number: u64,
    /// When.
    pub at: Timestamp,
    /// About what: `link`, `access`, `reachability` and so on.
    pub kind: String,
    /// Which object.
    pub about: String,
    /// What happened.
    pub what: String,
}
