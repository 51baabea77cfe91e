use serde::{Deserialize, Serialize};

use crate::Finding;

/// What `causeway check --json` says about files that are right. Wrong ones are an
/// [`ErrorDocument`](crate::ErrorDocument). Not served over REST.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckDocument {
    /// The node's name in the node file.
    pub node_name: String,
    /// The files that were read.
    pub files: Vec<String>,
    /// Data path ports of this node.
    pub ports: u64,
    /// VMIs that this node would serve.
    pub vifs: u64,
    /// Virtual networks that those belong to.
    pub networks: u64,
    /// What is remarkable, though not wrong.
    pub warnings: Vec<Finding>,
}
