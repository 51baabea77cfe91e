//! A case of forwarding: ports, floor and gateways take turns between a port that yields the traffic and one that swallows it.

use super::Means;
use super::company::Company;
use super::plan::{Aim, Counted, FloorOn, Plan, Setting};
use super::ports::{Sink, source};
use super::stage::{Stage, work};
use super::turns::{Entrant, take};
use crate::figures::{Case, Goal, Unit};
use crate::floor::{Tables, Work};
use crate::gateway::Gateway;
use crate::statistics::Slices;
use crate::traffic::Traffic;
use crate::verify;
use anyhow::Result;
use causewayd::driver::DpdkTx;
use fib::Snapshot;

/// Transmit queues: two of each gateway, one for each that runs the floor's code.
const QUEUES: u16 = 7;

/// Of a setting what is not yet on a port.
pub(super) struct Props<'a> {
    number: usize,
    setting: &'a Setting,
    traffic: Traffic,
    tables: Snapshot,
}

impl<'a> Props<'a> {
    pub(super) fn new(number: usize, setting: &'a Setting) -> Result<Self> {
        let tables = setting.load.scene.snapshot()?;
        Ok(Self { number, setting, traffic: Traffic::new(&setting.load), tables })
    }

    pub(super) fn stage(&'a self, means: &'a Means<'a>) -> Result<Stage<'a>> {
        let source = source(means, self.number, self.setting, &self.traffic)?;
        let pool = means.pool_for(self.traffic.longest())?.clone();
        let Self { setting, traffic, tables, .. } = self;
        Ok(Stage { eal: means.eal, setting, traffic, tables, source, pool })
    }
}

/// Compares what floor and gateways make of every frame with what they have to, then measures them in turn.
pub(super) fn run(means: &Means<'_>, plan: &Plan) -> Result<Case> {
    let own = Props::new(0, &plan.own)?;
    let beside = plan.beside.as_ref().map(|beside| Props::new(1, &beside.setting)).transpose()?;
    let own = own.stage(means)?;
    let beside = beside.as_ref().map(|beside| beside.stage(means)).transpose()?;
    let mut company = Company::invite(means, plan, own.traffic)?;
    let slices = measure(means, plan, &own, beside.as_ref(), &mut company)?;
    Ok(judge(means, plan, own.traffic, &slices, &company))
}

fn measure(
    means: &Means<'_>,
    plan: &Plan,
    own: &Stage<'_>,
    beside: Option<&Stage<'_>>,
    company: &mut Company<'_>,
) -> Result<Vec<Slices>> {
    let ruler = beside.filter(|_| plan.floor == FloorOn::Beside).unwrap_or(own);
    let mut sink = Sink::open(means, QUEUES)?;
    let tables = Tables::new(means.eal, &ruler.setting.load.scene)?;
    let (partial, complete) = work(plan.own.load.direction);
    let (copies, chains) = match plan.counted {
        Counted::Copies(copies) => (usize::from(copies), true),
        Counted::Frames | Counted::Drops => (1, false),
    };
    let counted = |gateway: &Gateway<DpdkTx>| {
        let ledger = &gateway.telemetry.ledger;
        if chains { ledger.copies.read() } else { ledger.received.read() }
    };

    let mut ports = own.floor(&tables, &mut sink)?;
    let mut less = ruler.floor(&tables, &mut sink)?;
    let mut floor = match plan.floor {
        FloorOn::None => None,
        FloorOn::Own(_) | FloorOn::Beside => Some(ruler.verified_floor(&tables, &mut sink)?),
    };
    let mut gateway = own.gateway(chains, &mut sink)?;
    let mut other = match plan.beside.as_ref().and_then(|beside| beside.gateway).zip(beside) {
        Some((name, stage)) => Some((name, stage.pace(), stage.gateway(false, &mut sink)?)),
        None => None,
    };

    let mut entrants = vec![Entrant::new("ports", own.pace(), || ports.round(Work::Nothing) * copies)];
    if let Some(floor) = &mut floor {
        entrants.push(Entrant::new("floor", ruler.pace(), move || floor.round(complete)));
    }
    entrants.push(Entrant::gateway("causeway", own.pace(), &mut gateway, counted));
    if let Some((name, pace, other)) = &mut other {
        entrants.push(Entrant::gateway(name, *pace, other, counted));
    }
    if plan.floor == FloorOn::Own(true) {
        entrants.push(Entrant::new(partial_name(partial), own.pace(), || less.round(partial)));
    }
    let slices = take(entrants, means.rounds, company);
    verify::nothing_lost(&gateway.telemetry)?;
    other.iter().try_for_each(|(_, _, other)| verify::nothing_lost(&other.telemetry))?;
    Ok(slices)
}

/// The figures, and whether they are what they have to be.
fn judge(means: &Means<'_>, plan: &Plan, traffic: &Traffic, slices: &[Slices], company: &Company<'_>) -> Case {
    let hz = dpdk::lcore::tsc_hz(means.eal);
    let named = |name: &str| slices.iter().find(|variant| variant.name() == name);
    let floor = named("floor");
    let mut systems: Vec<_> = slices.iter().map(|variant| variant.summary(&slices[0], floor, hz)).collect();
    systems.extend(company.summaries(&slices[0], floor, hz));
    let (own, beside) = (named("causeway"), slices.iter().find(|variant| variant.name().starts_with("causeway, ")));
    let ratio = |other: Option<&Slices>| own.zip(other).map(|(own, other)| own.ratio(other));
    let above = systems.iter().find(|system| system.variant == "causeway").map(|system| system.above_ports);
    let goal = match plan.aim {
        Aim::Floor(limit, what) => ratio(floor).map(|ratio| Goal::at_most(limit, ratio, &format!("x {what}"))),
        Aim::Beside(limit, what) => ratio(beside).map(|ratio| Goal::at_most(limit, ratio, &format!("x {what}"))),
        Aim::AbovePorts(limit, what) => above.map(|cycles| Goal::at_most(limit, cycles, what)),
        Aim::Peer(limit, peer) => {
            own.and_then(|own| company.ratio(own, peer)).map(|ratio| Goal::at_most(limit, ratio, &format!("x {peer}")))
        }
        Aim::None => None,
    };
    let unit = match plan.counted {
        Counted::Frames => Unit::Packet,
        Counted::Copies(_) => Unit::Copy,
        Counted::Drops => Unit::Drop,
    };
    Case { name: plan.name.clone(), unit, frame_octets: traffic.octets(), rounds: means.rounds, systems, goal }
}

fn partial_name(work: Work) -> &'static str {
    if work == Work::Push { "floor without MAC lookup" } else { "floor without outer checks" }
}
