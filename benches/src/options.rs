//! What the command line says.

use crate::cases::{self, Selection};
use anyhow::{Context, Result, ensure};
use clap::Parser;
use std::path::PathBuf;

/// Measures Causeway's data path on one core, beside a hand-written floor and other forwarders.
///
/// Without options: every case with its peers, the stages of the pipeline, and what publishing tables costs; some ten minutes.
#[derive(Parser)]
#[command(name = "scripts/bench", bin_name = "scripts/bench", version)]
pub(crate) struct Options {
    /// Only the six cases of 64 VLANs, Causeway and the floor: about half a minute. Makes --json the short form, which does not
    /// change.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Only what has this in its name, `*` standing for anything: `from-fabric`, `to-*/imix`, `memory`.
    #[arg(long, value_name = "PATTERN")]
    case: Option<String>,
    /// Only the cycles of each stage of the pipeline, in the six cases of 64 VLANs or those of --case.
    #[arg(long, conflicts_with = "quick")]
    pub(crate) stages: bool,
    /// Without testpmd and Open vSwitch.
    #[arg(long)]
    no_peers: bool,
    /// Rounds of each case, instead of 1,000 (--quick: 600).
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(10..))]
    rounds: Option<u32>,
    /// Core of the worker, the floor and the peers, one at a time.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) core: usize,
    /// Also write the figures to this file.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Also draw them into this directory, as SVG.
    #[arg(long, value_name = "DIR")]
    pub(crate) plots: Option<PathBuf>,
    /// Write the traffic of both directions into this directory, as to-fabric.pcap and from-fabric.pcap, and stop.
    #[arg(long, value_name = "DIR")]
    pub(crate) pcaps: Option<PathBuf>,
}

/// What is measured beside the cases of forwarding, by its name in `--case`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Other {
    /// What full tables weigh.
    Memory,
    /// What each step of the pipeline costs.
    Stages,
    /// What a worker feels of reloads and route changes.
    Upkeep,
    /// What it costs to publish a change of a large table.
    Publication,
}

impl Other {
    /// In the order in which they run; the cases follow the first.
    pub(crate) const ALL: [Self; 4] = [Self::Memory, Self::Stages, Self::Upkeep, Self::Publication];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Stages => "stages",
            Self::Upkeep => "upkeep",
            Self::Publication => "publication",
        }
    }
}

impl Options {
    /// Finds what cannot work before anything is measured.
    ///
    /// # Errors
    /// Names the option, its value and what it may be.
    pub(crate) fn check(&self) -> Result<()> {
        let cores = dpdk::lcore::available();
        ensure!(cores.contains(&self.core), "--core {}: this process may use cores {cores:?}", self.core);
        if let Some(pattern) = &self.case {
            let all = cases::names(&Selection::All).join("\n  ");
            let others = Other::ALL.map(Other::name).join("\n  ");
            let found = match self.stages {
                true => cases::has_stages(&self.staged()),
                false => {
                    !cases::names(&self.selection()).is_empty() || Other::ALL.iter().any(|other| self.takes(*other))
                }
            };
            ensure!(found, "--case {pattern}: nothing has that in its name; there are\n  {all}\n  {others}");
        }
        for (option, directory) in [("--plots", &self.plots), ("--pcaps", &self.pcaps)] {
            if let Some(directory) = directory {
                std::fs::create_dir_all(directory)
                    .with_context(|| format!("{option} {}: cannot make this directory", directory.display()))?;
            }
        }
        if let Some(file) = &self.json {
            let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty());
            let is_there = directory.is_none_or(|parent| parent.is_dir()) && !file.is_dir();
            ensure!(is_there, "--json {}: a file in a directory that is there was expected", file.display());
        }
        Ok(())
    }

    /// Rounds of a case.
    pub(crate) fn rounds(&self) -> usize {
        self.rounds.map_or(if self.quick { 600 } else { 1000 }, |rounds| rounds as usize)
    }

    /// The cases that are meant.
    pub(crate) fn selection(&self) -> Selection {
        match &self.case {
            _ if self.stages => Selection::Nothing,
            Some(pattern) => Selection::Named(pattern.clone()),
            None if self.quick => Selection::Quick,
            None => Selection::All,
        }
    }

    /// The cases whose stages are meant.
    pub(crate) fn staged(&self) -> Selection {
        match &self.case {
            Some(pattern) if self.stages => Selection::Named(pattern.clone()),
            _ => Selection::Quick,
        }
    }

    /// Whether peers take part.
    pub(crate) fn peers(&self) -> bool {
        !(self.quick || self.stages || self.no_peers)
    }

    /// Whether this is to be measured.
    pub(crate) fn takes(&self, other: Other) -> bool {
        let named = self.case.as_ref().is_none_or(|pattern| cases::contains(other.name(), pattern));
        if self.stages { other == Other::Stages } else { named && !self.quick }
    }

    /// How to get these figures again.
    pub(crate) fn command(&self) -> String {
        let flags = [(self.quick, " --quick"), (self.stages, " --stages"), (self.no_peers, " --no-peers")];
        let flags: String = flags.into_iter().filter(|(given, _)| *given).map(|(_, flag)| flag).collect();
        let case = self.case.as_ref().map(|pattern| format!(" --case '{pattern}'")).unwrap_or_default();
        let rounds = self.rounds.map(|rounds| format!(" --rounds {rounds}")).unwrap_or_default();
        format!("scripts/bench{flags}{case}{rounds}")
    }
}
