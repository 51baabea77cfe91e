//! A case of forwarding: ports, floor and gateway between a port that replays the traffic and one that swallows it.

use super::Means;
use super::plan::Plan;
use super::ports::{Sink, replay};
use super::turns::{Entrant, take};
use crate::figures::{Case, Goal, Unit};
use crate::floor::{Floor, Tables, Work};
use crate::gateway::Gateway;
use crate::scene::Scene;
use crate::traffic::{Direction, Traffic};
use crate::verify;
use anyhow::Result;
use causewayd::driver::DpdkTx;
use wire::Encapsulation;

/// Transmit queues: two of the gateway, one for each that runs the floor's code.
const QUEUES: u16 = 5;

/// Compares what floor and gateway make of every frame with what they have to, then measures them in turn.
pub(super) fn run(means: &Means<'_>, plan: &Plan) -> Result<Case> {
    let (eal, direction) = (means.eal, plan.direction);
    let (scene, ruler) = (Scene { encapsulation: plan.by }, Scene { encapsulation: Encapsulation::Vxlan });
    let (traffic, ruler_traffic) = (Traffic::new(direction, plan.by), Traffic::new(direction, Encapsulation::Vxlan));
    let source = replay(means, 0, &traffic)?;
    let ruler_source = if plan.by == ruler.encapsulation { source.clone() } else { replay(means, 1, &ruler_traffic)? };
    let tables = Tables::new(eal, &ruler)?;
    let mut sink = Sink::open(means, QUEUES)?;
    let (partial, complete) = work(direction);

    let mut ports = Floor::new(&tables, &traffic, source.clone(), sink.queue()?)?;
    let mut floor = Floor::new(&tables, &ruler_traffic, ruler_source.clone(), sink.queue()?)?;
    verify::floor(&ruler_traffic, &mut floor, complete)?;
    let mut less = Floor::new(&tables, &ruler_traffic, ruler_source, sink.queue()?)?;
    let pair = (eal, means.pool);
    verify::gateway(&traffic, |tx| Gateway::new(pair, direction, &scene, source.clone(), tx))?;
    let tx = [DpdkTx::new(sink.queue()?, false), DpdkTx::new(sink.queue()?, false)];
    let mut gateway = Gateway::new(pair, direction, &scene, source, tx)?;

    let mut entrants = vec![
        Entrant::new(eal, "ports", || ports.round(Work::Nothing)),
        Entrant::new(eal, "floor", || floor.round(complete)),
        Entrant::gateway(eal, "causeway", &mut gateway),
    ];
    if plan.by == ruler.encapsulation {
        entrants.push(Entrant::new(eal, partial_name(partial), || less.round(partial)));
    }
    let slices = take(entrants, means.rounds);
    verify::nothing_lost(&gateway.telemetry)?;
    let hz = dpdk::lcore::tsc_hz(eal);
    let (limit, of_what) = match direction {
        Direction::ToFabric => (0.95, "x floor mode 2"),
        Direction::FromFabric => (0.85, "x floor mode 4"),
    };
    Ok(Case {
        name: plan.name.clone(),
        unit: Unit::Packet,
        frame_octets: traffic.octets(),
        rounds: means.rounds,
        goal: Some(Goal::at_most(limit, slices[2].ratio(&slices[1]), of_what)),
        systems: slices.iter().map(|variant| variant.summary(&slices[0], Some(&slices[1]), hz)).collect(),
    })
}

/// What the floor does in a direction: all but the last step, and all of it.
fn work(direction: Direction) -> (Work, Work) {
    match direction {
        Direction::ToFabric => (Work::Push, Work::PushLookup),
        Direction::FromFabric => (Work::PopLookup, Work::PopChecked),
    }
}

fn partial_name(work: Work) -> &'static str {
    if work == Work::Push { "floor without MAC lookup" } else { "floor without outer checks" }
}
