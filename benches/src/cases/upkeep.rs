//! What a worker at full load feels of control: 10,000 route changes a second, and reloads that change 1,000 VLANs, while
//! counters are read ten times a second. And what tables of full size weigh.
//!
//! The worker notes when it uses a new table, and its own longest time between two polls. While the kernel runs something
//! else on its core, time does not count. What a hypervisor takes cannot be told from the worker's own time, but by the
//! kernel's count in steps of 10 ms. So a phase in which it took anything is judged by nine of ten tenths of a second; and so
//! are all if the longest gap at rest is too long already.

mod control;
mod worker;

use super::Means;
use super::plan::Setting;
use super::ports::{Sink, source};
use crate::figures::{Goal, Quantity};
use crate::gateway::Gateway;
use crate::publication::memory_kib;
use crate::scene::Scene;
use crate::statistics::percentile;
use crate::traffic::{Direction, Load, Traffic};
use crate::verify;
use anyhow::{Context, Result};
use causewayd::driver::DpdkTx;
use control::{Control, Done, PHASE};
use std::sync::atomic::AtomicUsize;
use std::thread;
use wire::Encapsulation;
use worker::{Felt, Moment, Waits, forward};

/// 4,094 VLANs, 1,048,576 stations behind the fabric, 1,000 VTEPs.
const FULL: Scene = Scene { remotes: 1 << 14, peers: 1000, ..Scene::plain(Encapsulation::Vxlan) };
const TABLES_MB: f64 = 200.0;
const GAP_US: f64 = 200.0;
const IN_USE_US: f64 = 1000.0;

/// What control does meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Rest,
    RouteChanges,
    Reloads,
    End,
}

const PHASES: [Phase; 4] = [Phase::Rest, Phase::RouteChanges, Phase::Reloads, Phase::End];

/// The resident memory of tables of full size: of the process before they are made, taken from that with them. To be called
/// before anything else has taken and given back memory.
///
/// # Errors
/// If the kernel does not tell, or the tables cannot be made.
pub(crate) fn weigh() -> Result<Vec<Quantity>> {
    let before = memory_kib("VmRSS")?;
    let tables = FULL.snapshot()?;
    let after = memory_kib("VmRSS")?;
    let megabytes = after.saturating_sub(before) as f64 * 1024.0 / 1e6;
    let hashes = (tables.macs.octets() + tables.vteps.octets() + tables.demux.octets()) as f64 / 1e6;
    let goal = Goal::at_most(TABLES_MB, megabytes, "MB of tables for 4,094 VLANs, 1 M MACs, 1,000 VTEPs");
    Ok(vec![quantity("memory/tables", "MB", megabytes, Some(goal)), quantity("memory/hash-tables", "MB", hashes, None)])
}

fn quantity(name: &str, unit: &'static str, value: f64, goal: Option<Goal>) -> Quantity {
    Quantity { name: name.into(), unit, value, goal }
}

/// Measures all phases, one after the other.
///
/// # Errors
/// A port or table that cannot be made, a lost frame, or a control thread that does not keep its pace.
pub(super) fn run(means: &Means<'_>) -> Result<Vec<Quantity>> {
    let load = Load::plain(Direction::ToFabric, FULL);
    let (setting, traffic) = (Setting { load, feed: None }, Traffic::new(&load));
    let source = source(means, 0, &setting, &traffic)?;
    let mut sink = Sink::open(means, 2)?;
    let tx = [DpdkTx::new(sink.queue()?, false), DpdkTx::new(sink.queue()?, false)];
    let tables = (&load.scene, FULL.snapshot()?);
    let mut gateway = Gateway::new((means.eal, &means.pool), load.direction, tables, source, tx)?;
    let publisher = gateway.publisher.take().context("the gateway has no publisher")?;
    let phase = AtomicUsize::new(0);
    let core = dpdk::lcore::available().first().copied().context("the worker has no core")?;
    let telemetry = gateway.telemetry.clone();
    let waits = Waits::new()?;
    let hz = dpdk::lcore::tsc_hz(means.eal);
    let (done, (felt, used)) = thread::scope(|scope| {
        let control = scope.spawn(|| {
            let (telemetry, interrupted) = (&telemetry, means.interrupted);
            Control { publisher, telemetry, waits: &waits, phase: &phase, interrupted, core }.work()
        });
        let felt = forward(&mut gateway, hz, &waits, &phase);
        (control.join(), felt)
    });
    let done = done.ok().context("the control thread ended by a panic")??;
    verify::nothing_lost(&gateway.telemetry)?;
    Ok(told(hz, &felt, &done, &used))
}

/// What is said of it.
fn told(hz: u64, felt: &[Felt], done: &[Done], used: &[Moment]) -> Vec<Quantity> {
    let us = |cycles: f64| cycles * 1e6 / hz as f64;
    let felt_at_rest = &felt[0];
    let rest = percentile(&felt_at_rest.cycles, 50);
    let mut all = Vec::new();
    for (done, felt) in done.iter().zip(felt) {
        let name = match done.phase {
            Phase::Rest => "rest",
            Phase::RouteChanges => "route-changes",
            Phase::Reloads => "reload-of-1000-vlans",
            Phase::End => continue,
        };
        let of = |what: &str, unit, value, goal| quantity(&format!("{name}/{what}"), unit, value, goal);
        let (longest, usual) = (us(percentile(&felt.gaps, 100)), us(percentile(&felt.gaps, 90)));
        let judged = if done.stolen_ms == 0 && us(percentile(&felt_at_rest.gaps, 100)) <= GAP_US {
            Goal::at_most(GAP_US, longest, "us between two polls")
        } else {
            Goal::at_most(GAP_US, usual, "us between two polls, in 9 of 10 windows")
        };
        let is_rest = done.phase == Phase::Rest;
        all.extend([
            of("longest-poll-gap", "us", longest, (!is_rest).then_some(judged)),
            of("poll-gap-9-of-10", "us", usual, None),
            of("stolen-by-hypervisor", "ms", done.stolen_ms as f64, None),
        ]);
        if is_rest {
            continue;
        }
        let delays: Vec<f64> = done.published.iter().filter_map(|published| delay(published, used)).map(us).collect();
        let (count, slowest) = (done.published.len() as f64, percentile(&delays, 100));
        let in_time = Goal::at_most(IN_USE_US, slowest, "us until it is used");
        let slowdown = (percentile(&felt.cycles, 50) / rest - 1.0) * 100.0;
        all.extend([
            of("in-use", "us", slowest, (!delays.is_empty()).then_some(in_time)),
            of("in-use-median", "us", percentile(&delays, 50), None),
            of("without-core", "% of publications", 100.0 - delays.len() as f64 * 100.0 / count, None),
            of("publications", "per second", count / PHASE.as_secs_f64(), None),
            of("slowdown", "%", slowdown, None),
        ]);
    }
    all
}

/// Cycles until a generation was used, unless the worker had no core meanwhile.
fn delay(published: &Moment, used: &[Moment]) -> Option<f64> {
    let first = used.iter().find(|first| first.generation >= published.generation)?;
    (first.waited_ns == published.waited_ns).then(|| first.tsc.saturating_sub(published.tsc) as f64)
}
