//! What measuring hands to reporting.

use crate::statistics::Summary;
use serde::Serialize;

/// One thing that was measured in several systems at once.
#[derive(Debug, Serialize)]
pub(crate) struct Case {
    /// Direction, encapsulation, what is special: `to-fabric/vxlan/64-vlans`.
    pub(crate) name: String,
    /// What a figure counts by.
    pub(crate) unit: Unit,
    /// Octets of a frame as received, without check sequence; `None`: a mix.
    pub(crate) frame_octets: Option<usize>,
    /// Rounds that the medians are of.
    pub(crate) rounds: usize,
    /// First the ports alone, then the floor (if the case has one), then Causeway, then what was measured beside it.
    pub(crate) systems: Vec<Summary>,
    /// What it must reach, if that was said.
    pub(crate) goal: Option<Goal>,
}

/// What the stages of the pipeline cost in a case.
#[derive(Debug, Serialize)]
pub(crate) struct Stages {
    pub(crate) case: String,
    pub(crate) rounds: usize,
    /// In the order in which a packet passes them.
    pub(crate) stages: Vec<StageCost>,
}

/// One stage.
#[derive(Debug, Serialize)]
pub(crate) struct StageCost {
    /// Its name in the data path.
    pub(crate) stage: &'static str,
    /// Cycles per packet, the median of the rounds.
    pub(crate) cycles: f64,
}

/// What cycles are counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Unit {
    /// A frame that comes in.
    Packet,
    /// A copy of a flooded frame that goes out.
    Copy,
    /// A frame that is dropped.
    Drop,
}

/// A limit, and how far the case got.
#[derive(Debug, Serialize)]
pub(crate) struct Goal {
    /// In words: `<= 0.95 x floor mode 2`.
    pub(crate) text: String,
    /// In the unit of `limit`.
    pub(crate) reached: f64,
    /// What may not be passed, or has to be.
    pub(crate) limit: f64,
    /// Whether it is so.
    pub(crate) met: bool,
}

impl Goal {
    /// At most `limit`.
    pub(crate) fn at_most(limit: f64, reached: f64, of_what: &str) -> Self {
        Self { text: format!("<= {limit} {of_what}"), reached, limit, met: reached <= limit }
    }

    /// At least `limit`.
    pub(crate) fn at_least(limit: f64, reached: f64, of_what: &str) -> Self {
        Self { text: format!(">= {limit} {of_what}"), reached, limit, met: reached >= limit }
    }
}

/// Something else than cycles by packet.
#[derive(Debug, Serialize)]
pub(crate) struct Quantity {
    /// `route-changes/longest-gap`.
    pub(crate) name: String,
    /// `us`, `MB`, `%`.
    pub(crate) unit: &'static str,
    pub(crate) value: f64,
    /// What it must reach, if that was said.
    pub(crate) goal: Option<Goal>,
}
