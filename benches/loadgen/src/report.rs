//! What is told at the end: a document for programs, a table for people.

mod table;

use crate::capacity::Capacity;
use crate::cli::Cli;
use crate::outcome::Outcome;
use serde::Serialize;
use std::fs;

pub use table::text;

/// The whole report.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Of this document; 1.
    pub version: u32,
    /// `causeway-loadgen` and its version.
    pub program: String,
    /// The commit that it was built from, where known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<&'static str>,
    /// Host name and processor.
    pub host: String,
    /// How to get it again.
    pub command: Vec<String>,
    /// Ticks of the time stamp counter in a second.
    pub tsc_hz: u64,
    /// Whether everything that was asked for was done; `false` after Ctrl-C.
    pub complete: bool,
    /// Lengths of frames.
    pub size: String,
    /// Flows of each direction.
    pub flows: u32,
    /// VLANs.
    pub vlans: String,
    /// Tunnels from the fabric.
    pub encapsulation: &'static str,
    /// The ports.
    pub ports: Vec<PortLine>,
    /// The run at the rate that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<Outcome>,
    /// The rates that were looked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub searches: Vec<Capacity>,
}

/// A port, as it was used.
#[derive(Clone, Debug, Serialize)]
pub struct PortLine {
    /// `access` or `fabric`.
    pub name: &'static str,
    /// As it was given.
    pub device: String,
    /// DPDK's driver.
    pub driver: String,
}

impl Report {
    /// A report without figures.
    #[must_use]
    pub fn new(cli: &Cli, ports: Vec<PortLine>, tsc_hz: u64) -> Self {
        Self {
            version: 1,
            program: concat!("causeway-loadgen ", env!("CARGO_PKG_VERSION")).into(),
            commit: option_env!("CAUSEWAY_COMMIT"),
            host: host(),
            command: std::env::args().collect(),
            tsc_hz,
            complete: true,
            size: cli.size.to_string(),
            flows: cli.flows,
            vlans: cli.vlans.to_string(),
            encapsulation: cli.encapsulation.name(),
            ports,
            run: None,
            searches: Vec::new(),
        }
    }

    /// Whether nothing was lost, doubled, spoilt or sent astray.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.run.as_ref().is_none_or(Outcome::is_clean)
    }

    /// Whether every rate that was looked for was found, and held.
    #[must_use]
    pub fn has_found(&self) -> bool {
        self.searches.iter().all(|capacity| capacity.search.verified)
    }
}

fn host() -> String {
    let first_line = |path: &str| fs::read_to_string(path).unwrap_or_default().trim().to_owned();
    let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let processor = processor.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    format!("{}, {}", first_line("/proc/sys/kernel/hostname"), processor.map_or("unknown processor", |pair| pair.1))
}
