use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::Place;

/// The body of `POST /v1/explain`: what would become of a frame that came in now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExplainRequest {
    /// The port that it comes in by.
    pub port: String,
    /// Its octets in hexadecimal, without the check sequence.
    pub frame: String,
    /// What to put around it first: a tunnel packet to this node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tunnel: Option<ExplainTunnel>,
}

/// A tunnel in which a frame comes to this node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExplainTunnel {
    /// The VTEP that sends it.
    pub from: IpAddr,
    /// `VXLAN`, `MPLSoUDP` or `MPLSoGRE`.
    pub encapsulation: String,
    /// The VNI or label.
    pub number: u32,
}

/// The answer to an [`ExplainRequest`], from the running daemon or from the files: what becomes of a frame, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExplainDocument {
    /// The node's name.
    pub node_name: String,
    /// The generation of the tables in force that it was run over; absent if they were made from the files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
    /// What nobody could know, and was assumed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assumptions: Vec<String>,
    /// The port that the frame came in by.
    pub port: String,
    /// The frame as it came in.
    pub frame: ExplainFrame,
    /// What each stage decided, in order.
    pub decisions: Vec<Decision>,
    /// What became of it.
    pub outcome: ExplainOutcome,
    /// All that left by a port.
    pub sent: Vec<SentFrame>,
    /// What the host was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_host: Option<ExplainFrame>,
    /// Why the frame, or copies of it, were dropped.
    pub drops: Vec<ExplainDrop>,
}

/// What became of a frame, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExplainOutcome {
    /// It left by a port.
    Sent,
    /// Copies of it left by ports.
    Flooded,
    /// This node answered it itself.
    Answered,
    /// It was for this node, and ends there.
    Consumed,
    /// Linux was given it.
    ToHost,
    /// It went nowhere.
    Dropped,
    /// Something that this version does not know.
    #[serde(other)]
    Other,
}

/// Octets and what they say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExplainFrame {
    /// How many.
    pub octets: u64,
    /// Its headers, the outermost first, in words.
    pub headers: Vec<String>,
    /// All octets in hexadecimal.
    pub hex: String,
}

/// What one stage decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// The stage's name, `classify`.
    pub stage: String,
    /// What it decided and why, in words.
    pub text: String,
    /// The reason's name, if it decided to drop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drop: Option<String>,
    /// The configuration behind it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub because_of: Vec<ConfiguredObject>,
}

/// An object of the configuration, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfiguredObject {
    /// What it is and its name: `virtual network blue`.
    pub object: String,
    /// Where it stands.
    pub place: Place,
}

/// A frame that left by a port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentFrame {
    /// The port.
    pub port: String,
    /// Whom it is for, in words: a VMI and its VLAN, or a VTEP.
    pub to: String,
    /// The frame as it left.
    #[serde(flatten)]
    pub frame: ExplainFrame,
}

/// Why something was dropped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExplainDrop {
    /// The reason's name, `unknown_vlan`.
    pub reason: String,
    /// The stage that decides it.
    pub stage: String,
    /// How many: several only of copies.
    pub count: u64,
    /// What happened, in a sentence.
    pub explanation: String,
    /// What an operator can do about it, in a sentence.
    pub advice: String,
}
