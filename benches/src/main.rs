//! The production pipeline beside a hand-written floor, and what publishing tables costs.
//!
//! Everything runs in one process, in turn, in short slices: on a shared machine separate processes compare nothing but
//! the noise. `docs/adr/0001` and `0002` rest on the figures; `scripts/bench` runs this.

#![deny(unsafe_code)]

mod cases;
mod figures;
mod floor;
mod gateway;
mod packets;
mod publication;
mod random;
mod report;
mod scene;
mod source;
mod statistics;
mod traffic;
mod verify;

use anyhow::{Context, Result};
use cases::{Means, Selection};
use clap::Parser;
use dpdk::{Eal, EalConfig, Memory};
use figures::Case;
use report::Report;
use scene::Scene;
use std::path::{Path, PathBuf};
use std::thread;
use traffic::{Direction, Load, Traffic};
use wire::Encapsulation;

/// Benchmarks of Causeway's data path: forwarding beside a floor, and publication of tables.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Fewer rounds: under a minute, for a first look.
    #[arg(long)]
    quick: bool,
    /// Only forwarding.
    #[arg(long)]
    forwarding: bool,
    /// Only cases with this in their names.
    #[arg(long)]
    case: Option<String>,
    /// Rounds of slices a case, instead of 1,000 (or 600).
    #[arg(long)]
    rounds: Option<usize>,
    /// Core of the worker, or of the reader.
    #[arg(long, default_value_t = 1)]
    core: usize,
    /// Also write the figures to this file.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Write the traffic of both directions into this directory, as to-fabric.pcap and from-fabric.pcap, and stop.
    #[arg(long)]
    pcaps: Option<PathBuf>,
}

impl Arguments {
    fn rounds(&self) -> usize {
        self.rounds.unwrap_or(if self.quick { 600 } else { 1000 })
    }

    fn selection(&self) -> Selection {
        match &self.case {
            Some(name) => Selection::Named(name.clone()),
            None if self.quick => Selection::Quick,
            None => Selection::All,
        }
    }

    /// For each kind of table.
    fn seconds(&self) -> u64 {
        if self.quick { 3 } else { 15 }
    }

    /// How to get these figures again.
    fn command(&self) -> String {
        let flags = [(self.quick, " --quick"), (self.forwarding, " --forwarding")];
        let flags: String = flags.into_iter().filter(|(given, _)| *given).map(|(_, flag)| flag).collect();
        let case = self.case.as_deref().map(|name| format!(" --case {name}")).unwrap_or_default();
        format!("scripts/bench{flags}{case}")
    }
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if let Some(directory) = &arguments.pcaps {
        let vxlan = Scene::plain(Encapsulation::Vxlan);
        let traffic = |direction| Traffic::new(&Load::plain(direction, vxlan));
        traffic(Direction::ToFabric).write(&directory.join("to-fabric.pcap"))?;
        return traffic(Direction::FromFabric).write(&directory.join("from-fabric.pcap"));
    }
    let directory = std::env::temp_dir().join(format!("causeway-bench-{}", std::process::id()));
    std::fs::create_dir(&directory).with_context(|| format!("cannot make {}", directory.display()))?;
    let forwarding = forward(&arguments, &directory);
    let removed = std::fs::remove_dir_all(&directory);
    let (cases, hz) = forwarding?;
    removed.context("cannot remove the temporary directory")?;
    let (mut publication, mut refresh) = (Vec::new(), 0.0);
    if !arguments.forwarding {
        publication = publication::run(arguments.seconds(), arguments.core)?;
        refresh = publication::refresh_cycles();
    }
    let report = Report::new(cases, publication, refresh, hz / 1_000_000, arguments.command());
    report.print();
    arguments.json.as_deref().map_or(Ok(()), |path| report.write(path))
}

/// The cases, on a registered worker thread; with them the clock's rate.
fn forward(arguments: &Arguments, directory: &Path) -> Result<(Vec<Case>, u64)> {
    let eal = Eal::start(&EalConfig {
        file_prefix: format!("causeway-bench-{}", std::process::id()),
        memory: Memory::Ordinary { size_mb: 768 },
        main_core: 0,
        pci_devices: Vec::new(),
        run_dir: directory.into(),
    })?;
    let work = || -> Result<Vec<Case>> {
        let _worker = dpdk::Worker::register(&eal, arguments.core)?;
        let means = Means::new(&eal, directory, arguments.rounds())?;
        cases::run(&means, &arguments.selection(), &mut |case| eprintln!("{case}"))
    };
    let cases = thread::scope(|scope| scope.spawn(work).join());
    let cases = cases.ok().context("the worker ended by a panic")?;
    Ok((cases?, dpdk::lcore::tsc_hz(&eal)))
}
