//! A case of forwarding: ports, floor and gateways take turns between a port that yields the traffic and one that swallows it.

use super::Means;
use super::plan::{Aim, Counted, FloorOn, Plan, Setting};
use super::ports::{Sink, source};
use super::turns::{Entrant, Pace, take};
use crate::figures::{Case, Goal, Unit};
use crate::floor::{Floor, Tables, Work};
use crate::gateway::Gateway;
use crate::source::Source;
use crate::statistics::Slices;
use crate::traffic::{Direction, Traffic, number_in_frame};
use crate::verify::{self, Expected};
use anyhow::Result;
use causewayd::driver::DpdkTx;
use datapath::BURST;
use fib::Snapshot;

/// Transmit queues: two of each gateway, one for each that runs the floor's code.
const QUEUES: u16 = 7;

/// A setting that is there: its tables, its frames, and the port that they come from.
struct Stage<'a> {
    means: &'a Means<'a>,
    setting: &'a Setting,
    traffic: Traffic,
    tables: Snapshot,
    source: Source,
}

impl<'a> Stage<'a> {
    fn open(means: &'a Means<'a>, number: usize, setting: &'a Setting) -> Result<Self> {
        let traffic = Traffic::new(&setting.load);
        let source = source(means, number, setting, &traffic)?;
        Ok(Self { means, setting, tables: setting.load.scene.snapshot()?, traffic, source })
    }

    fn expected(&self) -> Expected<'_> {
        let is_random = self.setting.feed.as_ref().is_some_and(|feed| feed.rewritten.is_some());
        Expected { traffic: &self.traffic, random: is_random.then(|| number_in_frame(self.setting.load.direction).1) }
    }

    fn pace(&self) -> Pace<'a> {
        let burst = self.setting.feed.as_ref().map_or(BURST, |feed| feed.burst);
        Pace::new(self.means.eal, self.traffic.frames().len(), burst)
    }

    /// A gateway that has been seen to do its work.
    fn gateway(&self, chains: bool, sink: &mut Sink) -> Result<Gateway<DpdkTx>> {
        let direction = self.setting.load.direction;
        let scene = &self.setting.load.scene;
        let means = (self.means.eal, self.means.pool_for(self.traffic.longest())?);
        let tables = || (scene, self.tables.clone());
        verify::gateway(&self.expected(), chains, |tx| {
            Gateway::new(means, direction, tables(), self.source.clone(), tx)
        })?;
        let tx = [DpdkTx::new(sink.queue()?, chains), DpdkTx::new(sink.queue()?, chains)];
        Gateway::new(means, direction, tables(), self.source.clone(), tx)
    }

    fn floor<'t>(&self, tables: &'t Tables, sink: &mut Sink) -> Result<Floor<'t>> {
        Floor::new(tables, &self.traffic, self.source.clone(), sink.queue()?)
    }
}

/// Compares what floor and gateways make of every frame with what they have to, then measures them in turn.
pub(super) fn run(means: &Means<'_>, plan: &Plan) -> Result<Case> {
    let own = Stage::open(means, 0, &plan.own)?;
    let beside = plan.beside.as_ref().map(|beside| Stage::open(means, 1, &beside.setting)).transpose()?;
    let ruler = if plan.floor == FloorOn::Beside { beside.as_ref().unwrap_or(&own) } else { &own };
    let mut sink = Sink::open(means, QUEUES)?;
    let tables = Tables::new(means.eal, &ruler.setting.load.scene)?;
    let (partial, complete) = work(plan.own.load.direction);
    let (copies, counts_copies) = match plan.counted {
        Counted::Copies(copies) => (usize::from(copies), true),
        Counted::Frames | Counted::Drops => (1, false),
    };
    let counted = |gateway: &Gateway<DpdkTx>| {
        let ledger = &gateway.telemetry.ledger;
        if counts_copies { ledger.copies.read() } else { ledger.received.read() }
    };

    let mut ports = own.floor(&tables, &mut sink)?;
    let mut floor = ruler.floor(&tables, &mut sink)?;
    let mut less = ruler.floor(&tables, &mut sink)?;
    if plan.floor != FloorOn::None {
        verify::floor(&ruler.expected(), &mut floor, complete)?;
    }
    let mut gateway = own.gateway(counts_copies, &mut sink)?;
    let named = plan.beside.as_ref().and_then(|beside| beside.gateway).zip(beside.as_ref());
    let mut other = match named {
        Some((name, stage)) => Some((name, stage.gateway(false, &mut sink)?)),
        None => None,
    };

    let mut entrants = vec![Entrant::new("ports", own.pace(), || ports.round(Work::Nothing) * copies)];
    if plan.floor != FloorOn::None {
        entrants.push(Entrant::new("floor", ruler.pace(), || floor.round(complete)));
    }
    entrants.push(Entrant::gateway("causeway", own.pace(), &mut gateway, counted));
    if let (Some((name, other)), Some(stage)) = (&mut other, &beside) {
        entrants.push(Entrant::gateway(name, stage.pace(), other, counted));
    }
    if plan.floor == FloorOn::Own(true) {
        entrants.push(Entrant::new(partial_name(partial), own.pace(), || less.round(partial)));
    }
    let slices = take(entrants, means.rounds);
    verify::nothing_lost(&gateway.telemetry)?;
    Ok(judge(means, plan, &own.traffic, &slices))
}

/// The figures, and whether they are what they have to be.
fn judge(means: &Means<'_>, plan: &Plan, traffic: &Traffic, slices: &[Slices]) -> Case {
    let hz = dpdk::lcore::tsc_hz(means.eal);
    let named = |name: &str| slices.iter().find(|variant| variant.name() == name);
    let floor = named("floor");
    let systems: Vec<_> = slices.iter().map(|variant| variant.summary(&slices[0], floor, hz)).collect();
    let (own, beside) = (named("causeway"), slices.iter().find(|variant| variant.name().starts_with("causeway, ")));
    let ratio = |other: Option<&Slices>| own.zip(other).map(|(own, other)| own.ratio(other));
    let above = systems.iter().find(|system| system.variant == "causeway").map(|system| system.above_ports);
    let goal = match plan.aim {
        Aim::Floor(limit, what) => ratio(floor).map(|ratio| Goal::at_most(limit, ratio, &format!("x {what}"))),
        Aim::Beside(limit, what) => ratio(beside).map(|ratio| Goal::at_most(limit, ratio, &format!("x {what}"))),
        Aim::AbovePorts(limit, what) => above.map(|cycles| Goal::at_most(limit, cycles, what)),
        Aim::None => None,
    };
    let unit = match plan.counted {
        Counted::Frames => Unit::Packet,
        Counted::Copies(_) => Unit::Copy,
        Counted::Drops => Unit::Drop,
    };
    Case { name: plan.name.clone(), unit, frame_octets: traffic.octets(), rounds: means.rounds, systems, goal }
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
