use serde::{Deserialize, Serialize};

use crate::Finding;

/// `POST /v1/reload`: what a successful reload did. A refused one is an [`ErrorDocument`](crate::ErrorDocument), and
/// changed nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadDocument {
    /// The generation of tables that is now in force.
    pub generation: u64,
    /// Whether anything differs from before.
    pub changed: bool,
    /// Time from the request to the publication.
    pub took_us: u64,
    /// VMIs.
    pub vifs: Changes,
    /// Virtual networks.
    pub networks: Changes,
    /// MAC addresses behind VTEPs.
    pub fdb: Changes,
    /// Keys that differ in the file but take effect only when the daemon starts again, `cores.workers`.
    #[serde(default)]
    pub needs_restart: Vec<String>,
    /// What is remarkable about the new configuration, though not wrong.
    #[serde(default)]
    pub warnings: Vec<Finding>,
}

/// How many objects of a kind came, went, or stayed and differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    /// New ones.
    pub added: u64,
    /// Gone ones.
    pub removed: u64,
    /// Ones that differ.
    pub changed: u64,
}
