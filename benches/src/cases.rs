//! The cases: the production pipeline, the floor and the ports alone in turn, in each of many situations.
//!
//! Both ends are virtual ports on the worker's core, so their price is in every figure, and is measured alone as well. Each
//! case first compares what comes out with what has to, frame by frame.

mod company;
mod forward;
mod pair;
mod plan;
mod ports;
mod stage;
mod stages;
mod turns;
mod upkeep;

pub(crate) use turns::SLICE_US;
pub(crate) use upkeep::weigh;

use crate::figures::{Case, Quantity, Stages};
use crate::peers::Peers;
use crate::traffic::Direction;
use anyhow::{Context, Result};
use dpdk::{Eal, Pool, PoolConfig};
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Buffers, a power of two less one.
const BUFFERS: u32 = 32_767;
const LARGE_BUFFERS: u32 = 4095;
const LARGE_OCTETS: u16 = 9728;

/// What the cases are run with. The calling thread is a registered worker.
pub(crate) struct Means<'a> {
    eal: &'a Eal,
    pool: Pool,
    large: OnceLock<Pool>,
    /// For files that ports replay.
    directory: &'a Path,
    rounds: usize,
    /// What else to measure in the same rounds.
    peers: Option<&'a Peers>,
    /// Set by somebody who wants the run to end.
    interrupted: &'a AtomicBool,
}

impl<'a> Means<'a> {
    /// With buffers of its own, `rounds` of slices a case, and files in `directory`. Once in a process. A run ends early once
    /// `interrupted` is set.
    ///
    /// # Errors
    /// If EAL has less than some 500 MB.
    pub(crate) fn new(
        eal: &'a Eal,
        directory: &'a Path,
        rounds: usize,
        peers: Option<&'a Peers>,
        interrupted: &'a AtomicBool,
    ) -> Result<Self> {
        let pool = Pool::new(eal, &PoolConfig::new("bench", BUFFERS))?;
        Ok(Self { eal, pool, large: OnceLock::new(), directory, rounds, peers, interrupted })
    }

    fn is_interrupted(&self) -> bool {
        self.interrupted.load(Relaxed)
    }

    /// Buffers that hold frames of so many octets in one piece.
    fn pool_for(&self, octets: usize) -> Result<&Pool> {
        if octets <= usize::from(self.pool.data_room_octets()) {
            return Ok(&self.pool);
        }
        if self.large.get().is_none() {
            let config = PoolConfig { data_room_octets: LARGE_OCTETS, ..PoolConfig::new("large", LARGE_BUFFERS) };
            // Nobody else sets it: large frames are one thread's.
            let _ = self.large.set(Pool::new(self.eal, &config)?);
        }
        self.large.get().context("no pool of large buffers")
    }
}

/// Which cases to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Selection {
    /// The three encapsulations in both directions.
    Quick,
    /// Every one.
    All,
    /// None.
    Nothing,
    /// Those whose names have this in them; `*` is for anything.
    Named(String),
}

impl Selection {
    fn takes(&self, name: &str) -> bool {
        match self {
            Self::Quick => name.ends_with("/64-vlans"),
            Self::All => true,
            Self::Nothing => false,
            Self::Named(pattern) => contains(name, pattern),
        }
    }
}

/// Whether a name has a pattern in it, in which `*` is for anything.
pub(crate) fn contains(name: &str, pattern: &str) -> bool {
    let after = |rest: &str, part: &str| rest.find(part).map(|at| at + part.len());
    let mut rest = Some(name);
    for part in pattern.split('*') {
        rest = rest.and_then(|rest| rest.get(after(rest, part)?..));
    }
    rest.is_some()
}

/// A case to run.
enum Job {
    Forward(Box<plan::Plan>),
    Pair(String, Direction),
}

impl Job {
    fn all() -> impl Iterator<Item = Self> {
        let directions = [Direction::ToFabric, Direction::FromFabric];
        let pairs = directions.map(|way| Self::Pair(plan::name(way, "vxlan/two-workers"), way));
        plan::all().into_iter().map(|plan| Self::Forward(Box::new(plan))).chain(pairs)
    }

    fn name(&self) -> &str {
        match self {
            Self::Forward(plan) => &plan.name,
            Self::Pair(name, _) => name,
        }
    }

    fn run(&self, means: &Means<'_>) -> Result<Case> {
        match self {
            Self::Forward(plan) => forward::run(means, plan),
            Self::Pair(name, direction) => pair::run(means, name, *direction),
        }
    }
}

/// The names of the selected cases, in the order in which they run. A case for two cores is left out where there is one.
pub(crate) fn names(selection: &Selection) -> Vec<String> {
    selected(selection).map(|job| job.name().to_owned()).collect()
}

fn selected(selection: &Selection) -> impl Iterator<Item = Job> {
    let can_run = |job: &Job| !matches!(job, Job::Pair(..)) || cores() > 1;
    Job::all().filter(move |job| selection.takes(job.name()) && can_run(job))
}

/// Told of a run as it goes on.
pub(crate) trait Observer {
    /// A case begins.
    fn begins(&mut self, case: &str);
    /// Its figures.
    fn ended(&mut self, case: Case);
}

/// Runs the selected cases, one after the other, until all are done or the run is interrupted. A case is told of when it is
/// complete.
///
/// # Errors
/// A port or table that cannot be made, or a frame that is not what it has to be; names the case.
pub(crate) fn run(means: &Means<'_>, selection: &Selection, observer: &mut dyn Observer) -> Result<()> {
    for job in selected(selection) {
        observer.begins(job.name());
        let case = job.run(means);
        // What is wrong with a case that was cut short says nothing.
        if means.is_interrupted() {
            break;
        }
        observer.ended(case.with_context(|| job.name().to_owned())?);
    }
    Ok(())
}

/// The plans of the selected cases in which each frame takes the way of all.
fn staged(selection: &Selection) -> impl Iterator<Item = plan::Plan> {
    plan::all().into_iter().filter(|plan| plan.counted == plan::Counted::Frames && selection.takes(&plan.name))
}

/// Whether the stages of any selected case can be measured.
pub(crate) fn has_stages(selection: &Selection) -> bool {
    staged(selection).next().is_some()
}

/// What each step of the pipeline costs in the selected cases, as far as the run is not interrupted.
///
/// # Errors
/// As [`run`].
pub(crate) fn stages(means: &Means<'_>, selection: &Selection) -> Result<Vec<Stages>> {
    let mut found = Vec::new();
    for plan in staged(selection) {
        let stages = stages::run(means, &plan);
        if means.is_interrupted() {
            break;
        }
        found.push(stages.with_context(|| plan.name.clone())?);
    }
    Ok(found)
}

/// What a worker at full load feels of control; nothing where there is one core, or once the run is interrupted.
///
/// # Errors
/// As [`run`]; and if control does not get its thread.
pub(crate) fn upkeep(means: &Means<'_>) -> Result<Vec<Quantity>> {
    if cores() < 2 {
        return Ok(Vec::new());
    }
    let felt = upkeep::run(means).context("upkeep");
    // What is wrong with a measurement that was cut short says nothing.
    if means.is_interrupted() { Ok(Vec::new()) } else { felt }
}

/// Cores of the machine, whatever this thread may use.
fn cores() -> usize {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    text.lines().filter(|line| line.starts_with("processor")).count()
}
