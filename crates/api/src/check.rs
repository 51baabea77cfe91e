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
    /// The packet buffers of each worker.
    #[serde(default)]
    pub buffers: BuffersCheck,
    /// What is remarkable, though not wrong.
    pub warnings: Vec<Finding>,
}

/// The packet buffers that the worker with the most queues needs so that nothing ever waits for one, and those it has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuffersCheck {
    /// Needed: the sum of the three that follow.
    pub needed: u64,
    /// In the rings of all ports, if they are full.
    pub in_rings: u64,
    /// In the worker's cache of its pool.
    pub in_cache: u64,
    /// In the worker's hands.
    pub in_work: u64,
    /// `memory.mbufs`.
    pub configured: u64,
    /// Octets of frame that each holds.
    pub frame_octets: u64,
}
