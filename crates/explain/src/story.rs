//! The story of a passage: what each stage decided, why, and the configuration behind it.
//!
//! Nothing is decided here. What happened is in the [`Passage`]; the tables and the configuration only say why. Where a
//! stage dropped, its reason speaks, with what it was about where that can be told.

mod arriving;
mod bridging;
mod copies;
mod leaving;
mod notices;
mod refusals;

use crate::run::{Facts, Passage};
use crate::scene::{Configured, Scene, role};
use api::{ConfiguredObject, Decision, ExplainDrop, ExplainOutcome, SentFrame};
use control::config::PortModel;
use datapath::{Role, Verdict};
use fib::{Destination, PortIndex};
use telemetry::{DropReason, Stage};

pub(crate) use leaving::addressee;

/// A frame that came in by a port, and what became of it.
pub(crate) struct Story<'a> {
    scene: &'a Scene,
    index: PortIndex,
    port: &'a PortModel,
    octets: &'a [u8],
    passage: &'a Passage,
    /// What was known in the end.
    facts: Facts,
    decisions: Vec<Decision>,
}

impl<'a> Story<'a> {
    pub(crate) fn new(
        scene: &'a Scene,
        (index, port): (PortIndex, &'a PortModel),
        octets: &'a [u8],
        passage: &'a Passage,
    ) -> Self {
        // An answer is the frame turned round: what it was about is what it said at first.
        let facts = Facts { header: passage.beginning().header, ..passage.end() };
        Self { scene, index, port, octets, passage, facts, decisions: Vec::new() }
    }

    /// All decisions in order.
    pub(crate) fn tell(mut self) -> Vec<Decision> {
        let arrived = match role(self.port) {
            Role::Access => self.by_access(),
            Role::Fabric => self.by_fabric(),
        };
        // Whoever did not get through the first stages said so there.
        if arrived.is_some() {
            self.bridging();
        }
        self.notices();
        self.decisions
    }

    fn say(&mut self, stage: Stage, text: impl Into<String>, because_of: Vec<ConfiguredObject>) {
        self.decisions.push(Decision { stage: stage.to_string(), text: text.into(), drop: None, because_of });
    }

    /// Says that the frame was dropped, and what it was about.
    fn refuse(&mut self, reason: DropReason) {
        let (text, because_of) = self.why_refused(reason);
        let (stage, drop) = (reason.stage().to_string(), Some(reason.name().to_owned()));
        self.decisions.push(Decision { stage, text, drop, because_of });
    }

    /// The reason for which the frame itself was dropped, if one of these stages did it.
    fn dropped_in(&self, stages: &[Stage]) -> Option<DropReason> {
        match self.facts.verdict {
            Verdict::Drop(reason) => Some(reason).filter(|reason| stages.contains(&reason.stage())),
            _ => None,
        }
    }
}

/// What became of a frame, in a word.
pub(crate) fn outcome(passage: &Passage) -> ExplainOutcome {
    match passage.end().verdict {
        _ if passage.host.is_some() => ExplainOutcome::ToHost,
        _ if passage.sent.is_empty() && passage.drops.is_empty() => ExplainOutcome::Consumed,
        _ if passage.sent.is_empty() => ExplainOutcome::Dropped,
        Verdict::Flood | Verdict::Control => ExplainOutcome::Flooded,
        Verdict::Send(_) if is_answer(passage.end()) => ExplainOutcome::Answered,
        _ => ExplainOutcome::Sent,
    }
}

/// Whether a frame that leaves is the gateway's own answer to it: of all that leave by a port only that was for nobody.
fn is_answer(facts: Facts) -> bool {
    matches!(facts.verdict, Verdict::Send(_)) && facts.ingress.is_some() && {
        let group = facts.header.is_some_and(|header| header.destination.is_group());
        group || matches!(facts.found, None | Some(Destination::Gateway))
    }
}

/// The frames that left, each with whom it is for.
pub(crate) fn sent(scene: &Scene, passage: &Passage) -> Vec<SentFrame> {
    let one = |(port, octets): &(PortIndex, Vec<u8>)| SentFrame {
        port: port_name(scene, *port),
        to: addressee(scene, *port, octets).to_string(),
        frame: crate::headers::document(octets),
    };
    passage.sent.iter().map(one).collect()
}

/// Why something was dropped.
pub(crate) fn drops(passage: &Passage) -> Vec<ExplainDrop> {
    let one = |(reason, count): &(DropReason, u64)| ExplainDrop {
        reason: reason.name().to_owned(),
        stage: reason.stage().to_string(),
        count: *count,
        explanation: reason.explanation().to_owned(),
        advice: reason.advice().to_owned(),
    };
    passage.drops.iter().map(one).collect()
}

fn port_name(scene: &Scene, port: PortIndex) -> String {
    scene.port(port).map_or_else(|| format!("port {port}"), |port| port.name.to_string())
}

fn port_object(scene: &Scene, port: PortIndex) -> Vec<ConfiguredObject> {
    scene.port(port).map(Configured::configured).into_iter().collect()
}
