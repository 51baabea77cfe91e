//! A worker of the process with one queue to poll: [`Worker::round`] on the types of `causewayd::driver`.

use crate::scene::Scene;
use crate::source::Source;
use crate::traffic::Direction;
use anyhow::{Result, ensure};
use causewayd::driver::{DpdkFrame, DpdkPool, TscClock};
use datapath::io::{Outgoing, TxQueue};
use datapath::probe::Probe;
use datapath::{Inlet, Outlet, OutletConfig, Polling, Role, Worker};
use dpdk::{Eal, Pool};
use fib::Snapshot;
use rcu::Publisher;
use std::sync::Arc;
use telemetry::WorkerTelemetry;

const VIFS: usize = 4 * 4096;

/// The worker and its counters.
pub(crate) struct Gateway<T: TxQueue<Frame = DpdkFrame>> {
    worker: Worker<DpdkPool, Source, T, TscClock>,
    pub(crate) telemetry: Arc<WorkerTelemetry>,
    /// What it gets its tables from, unless somebody took it to publish others.
    pub(crate) publisher: Option<Publisher<Snapshot>>,
}

impl<T: TxQueue<Frame = DpdkFrame>> Gateway<T> {
    /// Between `rx` and the two queues: towards the VLANs, and towards the fabric. `pool` is where copies come from.
    pub(crate) fn new(
        (eal, pool): (&Eal, &Pool),
        direction: Direction,
        (scene, tables): (&Scene, Snapshot),
        rx: Source,
        tx: [T; 2],
    ) -> Result<Self> {
        let telemetry = Arc::new(WorkerTelemetry::new(VIFS));
        ensure!(scene.vifs().all(|vif| telemetry.has_room_for(vif)), "there are more than {VIFS} interfaces");
        let ports = [scene.access_port(), scene.fabric_port()];
        let (port, role) = match direction {
            Direction::ToFabric => (ports[0], Role::Access),
            Direction::FromFabric => (ports[1], Role::Fabric),
        };
        let queues = ports.into_iter().zip(tx).map(|(port, queue)| Outgoing { port, queue }).collect();
        let outlet = OutletConfig::new(DpdkPool::new(pool.clone()), queues, Arc::clone(&telemetry));
        let outlet = Outlet::new(OutletConfig { ticks_per_second: dpdk::lcore::tsc_hz(eal), ..outlet });
        let mut publisher = Publisher::new(tables);
        let inlets = vec![Inlet::new(port, role, rx)];
        let clock = TscClock::new(dpdk::lcore::tsc_hz(eal));
        let worker = Worker::new(inlets, outlet, publisher.reader(), Vec::new(), clock, Polling::Busy);
        Ok(Self { worker, telemetry, publisher: Some(publisher) })
    }

    /// So many turns of the worker's loop.
    #[inline]
    pub(crate) fn run(&mut self, rounds: usize) {
        self.worker.run_rounds(rounds, &mut ());
    }

    /// The same, with somebody looking on.
    #[inline]
    pub(crate) fn run_probed(&mut self, rounds: usize, probe: &mut impl Probe) {
        self.worker.run_rounds(rounds, probe);
    }

    /// The same as [`run`](Self::run); how much more it has `counted` since.
    #[inline]
    pub(crate) fn run_and_count(&mut self, rounds: usize, counted: impl Fn(&Self) -> u64) -> u64 {
        let before = counted(self);
        self.run(rounds);
        counted(self) - before
    }
}
