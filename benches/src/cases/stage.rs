//! A setting that is there: its tables, its frames, and the port that they come from.

use super::plan::Setting;
use super::ports::Sink;
use super::turns::Pace;
use crate::floor::{Floor, Tables, Work};
use crate::gateway::Gateway;
use crate::source::Source;
use crate::traffic::{Direction, Traffic, number_in_frame};
use crate::verify::{self, Expected};
use anyhow::Result;
use causewayd::driver::DpdkTx;
use datapath::BURST;
use dpdk::{Eal, Pool};
use fib::Snapshot;

/// All that one thread needs to measure in a setting.
pub(super) struct Stage<'a> {
    pub(super) eal: &'a Eal,
    pub(super) setting: &'a Setting,
    pub(super) traffic: &'a Traffic,
    /// What gateways are given.
    pub(super) tables: &'a Snapshot,
    pub(super) source: Source,
    /// Where copies come from.
    pub(super) pool: Pool,
}

impl<'a> Stage<'a> {
    fn expected(&self) -> Expected<'a> {
        let is_random = self.setting.feed.as_ref().is_some_and(|feed| feed.rewritten.is_some());
        Expected { traffic: self.traffic, random: is_random.then(|| number_in_frame(self.setting.load.direction).1) }
    }

    pub(super) fn pace(&self) -> Pace<'a> {
        let burst = self.setting.feed.as_ref().map_or(BURST, |feed| feed.burst);
        Pace::new(self.eal, self.traffic.frames().len(), burst)
    }

    /// A gateway that has been seen to do its work. It sends frames in several parts if `chains`.
    pub(super) fn gateway(&self, chains: bool, sink: &mut Sink) -> Result<Gateway<DpdkTx>> {
        let (direction, scene) = (self.setting.load.direction, &self.setting.load.scene);
        let means = (self.eal, &self.pool);
        let tables = || (scene, self.tables.clone());
        verify::gateway(&self.expected(), chains, |tx| {
            Gateway::new(means, direction, tables(), self.source.clone(), tx)
        })?;
        let tx = [DpdkTx::new(sink.queue()?, chains), DpdkTx::new(sink.queue()?, chains)];
        Gateway::new(means, direction, tables(), self.source.clone(), tx)
    }

    /// What runs the floor's code, or only receives and sends.
    pub(super) fn floor<'t>(&self, tables: &'t Tables, sink: &mut Sink) -> Result<Floor<'t>> {
        Floor::new(tables, self.traffic, self.source.clone(), sink.queue()?)
    }

    /// A floor that has been seen to do all of its work.
    pub(super) fn verified_floor<'t>(&self, tables: &'t Tables, sink: &mut Sink) -> Result<Floor<'t>> {
        let mut floor = self.floor(tables, sink)?;
        let (_, complete) = work(self.setting.load.direction);
        verify::floor(&self.expected(), &mut floor, complete)?;
        Ok(floor)
    }
}

/// What the floor does in a direction: all but the last step, and all of it.
pub(super) fn work(direction: Direction) -> (Work, Work) {
    match direction {
        Direction::ToFabric => (Work::Push, Work::PushLookup),
        Direction::FromFabric => (Work::PopLookup, Work::PopChecked),
    }
}
