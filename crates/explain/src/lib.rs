//! The production pipeline run on one frame, with the story of its decisions.
//!
//! A [`Scene`] is what a frame runs over: the tables in force, cloned ([`Scene::live`]), or tables that control's own
//! builder makes from the files ([`Scene::from_files`]). [`Scene::explain`] lets a worker of its own, on memory frames, handle
//! the frame: the very code that forwards, so the octets and the reason are those of the gateway. What a frame would do to
//! rates, queues and learned state is done to that worker's alone. The running workers are not touched.

#![forbid(unsafe_code)]

mod error;
mod headers;
mod offline;
mod run;
mod scene;
mod story;
mod tunnel;

pub use error::ExplainError;
pub use offline::Assumed;
pub use run::FRAME_OCTETS_MAX;
pub use scene::Scene;
pub use tunnel::Tunnel;

use api::{ExplainDocument, ExplainRequest};
use fib::PortIndex;
use scene::role;
use story::Story;

/// A frame and where it comes in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// The port's name.
    pub port: String,
    /// The frame, without its check sequence.
    pub octets: Vec<u8>,
    /// What to put around it first.
    pub tunnel: Option<Tunnel>,
}

impl TryFrom<&ExplainRequest> for Arrival {
    type Error = ExplainError;

    fn try_from(request: &ExplainRequest) -> Result<Self, ExplainError> {
        let tunnel = request.tunnel.as_ref().map(Tunnel::try_from).transpose()?;
        Ok(Self { port: request.port.clone(), octets: octets(&request.frame)?, tunnel })
    }
}

/// Reads hexadecimal: two digits an octet; white space, `:`, `-` and `.` may stand between octets.
///
/// # Errors
/// If there is anything else in it.
pub fn octets(hex: &str) -> Result<Vec<u8>, ExplainError> {
    let mut octets = Vec::with_capacity(hex.len() / 2);
    let mut digits = hex.char_indices().enumerate().map(|(n, (_, c))| (n + 1, c));
    while let Some((at, first)) = digits.next() {
        if first.is_whitespace() || matches!(first, ':' | '-' | '.') {
            continue;
        }
        let second = digits.next().map(|(_, c)| c);
        let octet = first.to_digit(16).zip(second.and_then(|c| c.to_digit(16)));
        let found = || first.to_string() + &second.map_or_else(String::new, String::from);
        let (high, low) = octet.ok_or_else(|| ExplainError::NotHexadecimal { at, found: found() })?;
        octets.push((high << 4 | low) as u8);
    }
    Ok(octets)
}

impl Scene {
    /// What becomes of a frame, and why.
    ///
    /// # Errors
    /// If there is no such port, or no such frame.
    pub fn explain(&self, arrival: &Arrival) -> Result<ExplainDocument, ExplainError> {
        let node = self.node();
        let Some((index, port)) = node.port(&arrival.port) else {
            let known: Vec<&str> = node.ports.iter().map(|port| port.name.as_str()).collect();
            return Err(ExplainError::NoPort { port: arrival.port.clone(), known: known.join(", ") });
        };
        let index = PortIndex::new(index.position()).expect("a node file has at most 32 ports");
        let octets = match &arrival.tunnel {
            None => arrival.octets.clone(),
            Some(tunnel) => tunnel::wrap(self, index, tunnel, &arrival.octets)?,
        };
        if octets.is_empty() {
            return Err(ExplainError::NoOctets);
        }
        if octets.len() > FRAME_OCTETS_MAX {
            return Err(ExplainError::TooLong(octets.len()));
        }
        let passage = run::run(&self.snapshot, self.room(), (index, role(port)), &octets);
        Ok(ExplainDocument {
            node_name: node.name.to_string(),
            generation: self.generation,
            assumptions: self.assumptions.clone(),
            port: port.name.to_string(),
            frame: headers::document(&octets),
            decisions: Story::new(self, (index, port), &octets, &passage).tell(),
            outcome: story::outcome(&passage),
            sent: story::sent(self, &passage),
            to_host: passage.host.as_deref().map(headers::document),
            drops: story::drops(&passage),
        })
    }
}
