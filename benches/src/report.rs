//! The figures for a reader, for a program, and as pictures.

mod machine;
mod plots;
mod quick;
mod quoted;
mod table;

use crate::figures::{Case, Goal, Quantity, Stages};
use crate::publication::Costs;
use anyhow::{Context, Result};
use machine::Machine;
use quoted::Quoted;
use serde::Serialize;
use std::path::Path;

/// All that a run found, and what it was run on.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// The commit, marked if what is measured has changes beyond it.
    commit: String,
    /// How to get these figures again.
    command: String,
    /// Day of the run, `2026-11-25`, UTC.
    date: String,
    machine: Machine,
    /// The run was interrupted or failed: what was complete by then.
    partial: bool,
    slice_us: u64,
    cases: Vec<Case>,
    stages: Vec<Stages>,
    quantities: Vec<Quantity>,
    publication: Vec<Costs>,
    /// Cycles of `Reader::refresh` without a new generation.
    refresh_cycles: Option<f64>,
    /// Peers that are not in the figures of a case, and why.
    absent: Vec<String>,
    quoted: &'static [Quoted],
}

/// What was measured.
#[derive(Default)]
pub(crate) struct Figures {
    pub(crate) cases: Vec<Case>,
    pub(crate) stages: Vec<Stages>,
    /// What is no cycles by packet.
    pub(crate) quantities: Vec<Quantity>,
    pub(crate) publication: Vec<Costs>,
    pub(crate) refresh_cycles: Option<f64>,
    /// Peers that are missing, and why.
    pub(crate) absent: Vec<String>,
    /// The clock of the figures; 0 if nothing was measured.
    pub(crate) tsc_hz: u64,
    /// Not all that was to be measured is there.
    pub(crate) partial: bool,
}

impl Report {
    /// `command` repeats the run.
    pub(crate) fn new(figures: Figures, command: String) -> Self {
        Self {
            commit: machine::commit(),
            command,
            date: machine::today(),
            machine: Machine::here(figures.tsc_hz),
            partial: figures.partial,
            slice_us: crate::cases::SLICE_US,
            cases: figures.cases,
            stages: figures.stages,
            quantities: figures.quantities,
            publication: figures.publication,
            refresh_cycles: figures.refresh_cycles,
            absent: figures.absent,
            quoted: quoted::QUOTED,
        }
    }

    /// For a reader.
    pub(crate) fn text(&self) -> String {
        table::text(self)
    }

    /// All of it as JSON. The form may grow from commit to commit.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        write_json(path, self)
    }

    /// The short form as JSON, which other programs read: it does not change.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn write_quick(&self, path: &Path) -> Result<()> {
        write_json(path, &quick::Summary::of(self))
    }

    /// Pictures of what there is, as SVG into `directory`.
    ///
    /// # Errors
    /// A file cannot be written.
    pub(crate) fn plot(&self, directory: &Path) -> Result<()> {
        plots::draw(self, directory)
    }

    /// Every goal, with the name of what it is about.
    fn goals(&self) -> impl Iterator<Item = (&str, &Goal)> {
        let of_cases = self.cases.iter().filter_map(|case| Some((case.name.as_str(), case.goal.as_ref()?)));
        let others = self.quantities.iter().filter_map(|other| Some((other.name.as_str(), other.goal.as_ref()?)));
        of_cases.chain(others)
    }

    /// Million packets a second of so many cycles each.
    fn mpps(&self, cycles: f64) -> f64 {
        self.machine.tsc_hz as f64 / cycles / 1e6
    }
}

fn write_json(path: &Path, document: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(document).context("cannot render the report")? + "\n";
    std::fs::write(path, text).with_context(|| format!("--json: cannot write {}", path.display()))
}
