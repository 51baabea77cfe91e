//! The short form of a report: what other programs read. Its names and their meaning stay as they are.

use super::{Report, machine};
use crate::statistics::Summary as System;
use serde::Serialize;

/// A run, as far as Causeway and the floor go.
#[derive(Serialize)]
pub(super) struct Summary {
    host: String,
    commit: String,
    tsc_hz: u64,
    cases: Vec<Figure>,
    /// Only there if the run was interrupted.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    partial: bool,
}

/// One system in one case, medians.
#[derive(Serialize)]
struct Figure {
    case: String,
    system: &'static str,
    cycles_per_packet: f64,
    mpps: f64,
    /// `null` in a case that the floor cannot do.
    ratio_to_floor: Option<f64>,
}

/// The systems that are told of.
const SYSTEMS: [&str; 2] = ["causeway", "floor"];

impl Summary {
    pub(super) fn of(report: &Report) -> Self {
        let figure = |case: &str, system: &System| Figure {
            case: case.to_owned(),
            system: system.variant,
            cycles_per_packet: system.median,
            mpps: report.mpps(system.median),
            ratio_to_floor: system.floor.as_ref().map(|floor| floor.ratio_to_floor),
        };
        let of_case = |case: &crate::figures::Case| {
            let told = case.systems.iter().filter(|system| SYSTEMS.contains(&system.variant));
            told.map(|system| figure(&case.name, system)).collect::<Vec<_>>()
        };
        Self {
            host: machine::host(),
            commit: report.commit.clone(),
            tsc_hz: report.machine.tsc_hz,
            cases: report.cases.iter().flat_map(of_case).collect(),
            partial: report.partial,
        }
    }
}
