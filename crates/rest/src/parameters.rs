//! The queries that are no documents, as both ends write them.

use api::Clear;
use serde::{Deserialize, Serialize};

/// Of `POST /v1/watches/next` and `end`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WatchParameters {
    pub(crate) id: u64,
}

/// Of `POST /v1/counters/clear`: at most one of these.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClearParameters {
    vif: Option<String>,
    port: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    drops: bool,
}

impl From<&Clear> for ClearParameters {
    fn from(clear: &Clear) -> Self {
        match clear {
            Clear::All => Self::default(),
            Clear::Vif(name) => Self { vif: Some(name.clone()), ..Self::default() },
            Clear::Port(name) => Self { port: Some(name.clone()), ..Self::default() },
            Clear::Drops => Self { drops: true, ..Self::default() },
        }
    }
}

impl ClearParameters {
    /// What is meant; `None` if more than one thing is named.
    pub(crate) fn meant(self) -> Option<Clear> {
        match (self.vif, self.port, self.drops) {
            (None, None, false) => Some(Clear::All),
            (Some(name), None, false) => Some(Clear::Vif(name)),
            (None, Some(name), false) => Some(Clear::Port(name)),
            (None, None, true) => Some(Clear::Drops),
            _ => None,
        }
    }
}
