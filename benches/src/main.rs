//! The production pipeline beside a hand-written floor and other forwarders, and what publishing tables costs.
//!
//! What runs in this process takes turns in short slices: on a shared machine, processes one after the other compare nothing
//! but the noise. `docs/performance.md` says how to read the figures; `scripts/bench` runs this.

#![deny(unsafe_code)]

mod cases;
mod figures;
mod floor;
mod gateway;
mod options;
mod packets;
mod peers;
mod priority;
mod progress;
mod publication;
mod random;
mod report;
mod scene;
mod source;
mod statistics;
mod traffic;
mod verify;

use anyhow::{Context, Result};
use cases::Means;
use clap::Parser;
use dpdk::{Eal, EalConfig, Memory};
use options::{Options, Other};
use peers::Peers;
use priority::Priority;
use progress::Progress;
use report::{Figures, Report};
use scene::Scene;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Duration;
use traffic::{Direction, Load, Traffic};
use wire::Encapsulation;

/// What the shell expects of a program that SIGINT ended.
const INTERRUPTED: u8 = 130;
/// For each kind of table.
const PUBLICATION_SECONDS: u64 = 15;

fn main() -> ExitCode {
    bench(&Options::parse()).unwrap_or_else(|error| {
        eprintln!("scripts/bench: {error:#}");
        ExitCode::FAILURE
    })
}

fn bench(options: &Options) -> Result<ExitCode> {
    options.check()?;
    if let Some(directory) = &options.pcaps {
        let vxlan = Scene::plain(Encapsulation::Vxlan);
        let traffic = |direction| Traffic::new(&Load::plain(direction, vxlan));
        traffic(Direction::ToFabric).write(&directory.join("to-fabric.pcap"))?;
        traffic(Direction::FromFabric).write(&directory.join("from-fabric.pcap"))?;
        return Ok(ExitCode::SUCCESS);
    }
    // Looked at between rounds.
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&interrupted)).context("cannot listen for signals")?;
    }
    let mut progress = Progress::new(steps(options));
    let mut figures = Figures::default();
    let outcome = measure(options, &interrupted, &mut progress, &mut figures);
    progress.finish();
    figures.cases = progress.cases;
    figures.partial = outcome.is_err() || interrupted.load(Relaxed);
    publish(options, figures)?;
    outcome?;
    Ok(if interrupted.load(Relaxed) { INTERRUPTED.into() } else { ExitCode::SUCCESS })
}

/// What is going to be done, and how long it may take.
fn steps(options: &Options) -> Vec<(String, Duration)> {
    let round = Duration::from_millis(7);
    let case = |name: String| {
        let peers = if options.peers() { peers::expected(&name) } else { Duration::ZERO };
        (name, Duration::from_secs(1) + round * options.rounds() as u32 + peers)
    };
    let other = |other: Other| {
        let seconds = match other {
            Other::Memory => 2,
            Other::Stages => 6 + 6 * options.rounds() as u64 / 700,
            Other::Upkeep => 15,
            Other::Publication => 4 * (PUBLICATION_SECONDS + 2),
        };
        options.takes(other).then(|| (other.name().to_owned(), Duration::from_secs(seconds)))
    };
    let cases = cases::names(&options.selection()).into_iter().map(case);
    let [memory, others @ ..] = Other::ALL.map(other);
    memory.into_iter().chain(cases).chain(others.into_iter().flatten()).collect()
}

/// All that is to be measured, into `progress` and `figures`.
fn measure(options: &Options, interrupted: &AtomicBool, progress: &mut Progress, figures: &mut Figures) -> Result<()> {
    let _priority = Priority::take();
    let scratch = Scratch::new()?;
    // First: what was given back before would hide what it takes.
    if options.takes(Other::Memory) {
        progress.step(Other::Memory.name());
        figures.quantities.extend(cases::weigh()?);
    }
    if options.takes(Other::Stages) || options.takes(Other::Upkeep) || !cases::names(&options.selection()).is_empty() {
        forward(options, interrupted, &scratch.0, progress, figures)?;
    }
    if options.takes(Other::Publication) && !interrupted.load(Relaxed) {
        progress.step(Other::Publication.name());
        figures.publication = publication::run(PUBLICATION_SECONDS, options.core, interrupted)?;
        figures.refresh_cycles = Some(publication::refresh_cycles());
    }
    Ok(())
}

/// The cases, on a registered worker thread.
fn forward(
    options: &Options,
    interrupted: &AtomicBool,
    directory: &Path,
    progress: &mut Progress,
    figures: &mut Figures,
) -> Result<()> {
    let eal = Eal::start(&EalConfig {
        file_prefix: format!("causeway-bench-{}", std::process::id()),
        memory: Memory::Ordinary { size_mb: 768 },
        main_core: 0,
        pci_devices: Vec::new(),
        run_dir: directory.into(),
    })?;
    figures.tsc_hz = dpdk::lcore::tsc_hz(&eal);
    let work = || -> Result<()> {
        let peers = options.peers().then(|| Peers::new(directory, options.core)).transpose()?;
        let _worker = dpdk::Worker::register(&eal, options.core)?;
        let means = Means::new(&eal, directory, options.rounds(), peers.as_ref(), interrupted)?;
        let outcome = cases::run(&means, &options.selection(), progress)
            .and_then(|()| beside_cases(options, interrupted, &means, progress, figures));
        figures.absent = peers.map(Peers::into_absent).unwrap_or_default();
        outcome
    };
    thread::scope(|scope| scope.spawn(work).join()).ok().context("the worker ended by a panic")?
}

/// What else needs a worker.
fn beside_cases(
    options: &Options,
    interrupted: &AtomicBool,
    means: &Means<'_>,
    progress: &mut Progress,
    figures: &mut Figures,
) -> Result<()> {
    let is_next = |other: Other| options.takes(other) && !interrupted.load(Relaxed);
    if is_next(Other::Stages) {
        progress.step(Other::Stages.name());
        figures.stages = cases::stages(means, &options.staged())?;
    }
    if is_next(Other::Upkeep) {
        progress.step(Other::Upkeep.name());
        figures.quantities.extend(cases::upkeep(means)?);
    }
    Ok(())
}

/// Prints, writes and draws what there is.
fn publish(options: &Options, figures: Figures) -> Result<()> {
    let report = Report::new(figures, options.command());
    match std::io::stdout().write_all(report.text().as_bytes()) {
        // As in `scripts/bench | head`: who reads has enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {}
        written => written.context("cannot print the report")?,
    }
    if let Some(file) = &options.json {
        if options.quick { report.write_quick(file)? } else { report.write(file)? }
    }
    options.plots.as_deref().map_or(Ok(()), |directory| report.plot(directory))
}

/// A directory for files of the run, removed when this is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Self> {
        let directory = std::env::temp_dir().join(format!("causeway-bench-{}", std::process::id()));
        std::fs::create_dir(&directory).with_context(|| format!("cannot make {}", directory.display()))?;
        Ok(Self(directory))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            eprintln!("cannot remove {}: {error}", self.0.display());
        }
    }
}
