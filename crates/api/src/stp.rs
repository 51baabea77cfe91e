use serde::{Deserialize, Serialize};

/// `GET /v1/stp`: what switches say to each other in BPDU networks. Causeway carries it and takes no part.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StpDocument {
    /// By name.
    pub networks: Vec<StpNetwork>,
}

/// One BPDU network: to the switches, one link.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StpNetwork {
    /// Its name.
    pub network: String,
    /// Its members: access ports of this node, then other gateways.
    pub members: Vec<StpMember>,
    /// Its spanning trees: the common one, then those of PVST+, by VLAN.
    pub trees: Vec<StpTree>,
}

/// One member.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StpMember {
    /// An access port of this node, or the address of another gateway.
    pub member: String,
    /// Whether it is an access port of this node.
    pub local: bool,
    /// Spanning tree messages that came by it.
    pub bpdus: u64,
    /// Frames to the network's groups that came by it and are none.
    pub other_frames: u64,
    /// Topology changes that it brought.
    pub topology_changes: u64,
}

/// One spanning tree.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StpTree {
    /// The VLAN whose it is; the common one's is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vlan: Option<u16>,
    /// The root, priority and address, as the designated port says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root: Option<String>,
    /// Whether several ports go on being designated, which then all forward: danger of a loop.
    pub dual_active: bool,
    /// The ports of switches that were heard.
    pub senders: Vec<StpSender>,
}

/// A port of a switch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StpSender {
    /// By which member it is heard.
    pub member: String,
    /// The switch: priority and address.
    pub bridge: String,
    /// Its port: priority and number.
    pub port: String,
    /// `stp`, `rstp` or `mstp`.
    pub version: String,
    /// `designated`, `root`, `alternate` (or backup) or `unknown`.
    pub role: String,
    /// `forwarding`, `learning` or `discarding`; legacy spanning tree does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Whether it is the designated port of the link.
    pub designated: bool,
    /// Whether its messages still come: no more than three hello times ago.
    pub live: bool,
    /// How long ago it was heard last.
    pub heard_ago_ms: u64,
    /// The root that it knows.
    pub root: String,
    /// What the way there costs it.
    pub root_cost: u32,
    /// Flags of its last message: `topology_change`, `topology_change_ack`, `proposal`, `agreement`.
    pub flags: Vec<String>,
    /// Its messages.
    pub bpdus: u64,
    /// The topology changes that it told.
    pub topology_changes: u64,
    /// How often it sends.
    pub hello_ms: u64,
    /// How long a message of the root is believed.
    pub max_age_ms: u64,
}
