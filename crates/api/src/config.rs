use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Finding, Timestamp};

/// `GET /v1/config`: the configuration in force.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConfigDocument {
    /// This node's name.
    pub node_name: String,
    /// The generation of tables that this configuration was first published with.
    pub generation: u64,
    /// When it was loaded.
    pub loaded_at: Timestamp,
    /// The files that it was read from.
    pub files: Vec<ConfigFile>,
    /// What was remarkable about it, though not wrong.
    #[serde(default)]
    pub warnings: Vec<Finding>,
    /// The node file in effect, with every default filled in.
    pub node: Value,
    /// The network file in effect, as far as it concerns this node, with every default filled in.
    pub network: Value,
}

/// A configuration file as it was when it was loaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigFile {
    /// Its path as given to the daemon.
    pub path: String,
    /// Its size.
    pub size_octets: u64,
}
