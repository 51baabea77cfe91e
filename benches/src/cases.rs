//! The cases: the production pipeline, the floor and the ports alone in turn, in each of many situations.
//!
//! Both ends are virtual ports on the worker's core, so their price is in every figure, and is measured alone as well. Each
//! case first compares what comes out with what has to, frame by frame.

mod forward;
mod plan;
mod ports;
mod turns;

pub(crate) use turns::SLICE_US;

use crate::figures::Case;
use anyhow::{Context, Result};
use dpdk::{Eal, Pool};
use std::path::Path;

/// What the cases are run with. The calling thread is a registered worker.
pub(crate) struct Means<'a> {
    pub(crate) eal: &'a Eal,
    pub(crate) pool: &'a Pool,
    /// For files that ports replay.
    pub(crate) directory: &'a Path,
    pub(crate) rounds: usize,
}

/// Which cases to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Selection {
    /// The three encapsulations in both directions.
    Quick,
    /// Every one.
    All,
    /// Those with this in their names.
    Named(String),
}

impl Selection {
    fn takes(&self, name: &str) -> bool {
        match self {
            Self::Quick => name.ends_with("/64-vlans"),
            Self::All => true,
            Self::Named(part) => name.contains(part),
        }
    }
}

/// Runs the selected cases, one after the other. `progress` is told each case's name as it begins.
///
/// # Errors
/// A port or table that cannot be made, or a frame that is not what it has to be; names the case.
pub(crate) fn run(means: &Means<'_>, selection: &Selection, progress: &mut dyn FnMut(&str)) -> Result<Vec<Case>> {
    let selected = plan::all().into_iter().filter(|plan| selection.takes(&plan.name));
    let one = |plan: plan::Plan| {
        progress(&plan.name);
        forward::run(means, &plan).with_context(|| plan.name.clone())
    };
    selected.map(one).collect()
}
