use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// `GET /v1/version`: what runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionDocument {
    /// Causeway's version, `0.1.0`.
    pub version: String,
    /// The commit that it was built from, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// How it was built, `release` or `debug`.
    pub build: String,
    /// The DPDK that it runs with, `DPDK 22.11.7`.
    pub dpdk: String,
    /// The version of the configuration files that it reads.
    pub config_version: u32,
    /// The daemon's process id.
    pub pid: u32,
    /// When the daemon was started.
    pub started_at: Timestamp,
}
