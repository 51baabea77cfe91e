//! Runs every workload through the production worker on plain memory, a burst at a time, for `scripts/check-instructions`.
//!
//! Only [`counted`] is looked at, and [`finished`] tells the profiler that a workload ends: what prepares frames is not
//! counted. Each line of output is a workload and how many frames it had.

#![forbid(unsafe_code)]

mod frames;

use datapath::io::{Clock, Outgoing};
use datapath::{BURST, Inlet, Outlet, OutletConfig, Polling, Role, Worker};
use fib::PortIndex;
use frames::{PlainPool, PlainRx, PlainTx};
use rcu::Publisher;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;
use telemetry::slots::channel;
use telemetry::{WorkerTelemetry, drop_recorder, watch};
use testkit::workloads::{self, FABRIC, Workload};

/// A clock that counts its readings.
#[derive(Default)]
struct Turns(std::cell::Cell<u64>);

impl Clock for Turns {
    fn cycles(&self) -> u64 {
        self.0.set(self.0.get() + 1);
        self.0.get()
    }

    fn rest(&mut self, _time: Duration) {}
}

type PlainWorker = Worker<PlainPool, PlainRx, PlainTx, Turns>;

/// What is counted: one turn of the worker's loop.
#[inline(never)]
fn counted(worker: &mut PlainWorker) {
    worker.run_rounds(1, &mut ());
}

/// Ends a workload: the profiler writes what it counted when this returns.
#[inline(never)]
fn finished(workload: &Workload) {
    println!("{} {}", black_box(workload).name, workload.frames.len());
}

fn row<T>(id: Option<T>) -> T {
    id.expect("a workload's network is small")
}

fn run(workload: &Workload) {
    let network = &workload.network;
    let mut publisher = Publisher::new(workload.tables());
    let telemetry = Arc::new(WorkerTelemetry::with_marks(network.vmis.len(), workload.learned.len()));
    let (pool, rx) = (PlainPool::new(8192), PlainRx::default());
    let tx: Vec<PlainTx> = (0..network.ports()).map(|_| PlainTx::default()).collect();
    let queues = tx.iter().cloned().enumerate().map(|(n, queue)| Outgoing { port: row(PortIndex::new(n)), queue });
    let (host, _from_worker) = channel(4, 2048);
    let config = OutletConfig::new(pool.clone(), queues.collect(), Arc::clone(&telemetry));
    let ((_desk, post), (recorder, _records)) = (watch::post(), drop_recorder(1_000_000_000));
    let outlet = Outlet::new(OutletConfig { host: Some(host), ..config }).watched(post, recorder);
    let role = if workload.port == FABRIC { Role::Fabric } else { Role::Access };
    let inlets = vec![Inlet::new(row(PortIndex::new(workload.port)), role, rx.clone())];
    let (_to_worker, from_host) = channel(4, 2048);
    let reader = publisher.reader();
    let mut worker = Worker::new(inlets, outlet, reader, vec![from_host], Turns::default(), Polling::Busy);
    for burst in workload.frames.chunks(BURST) {
        burst.iter().for_each(|octets| rx.arrive(pool.frame(octets)));
        counted(&mut worker);
        tx.iter().for_each(|queue| queue.empty(&pool));
    }
    let totals = telemetry.ledger.totals();
    let found = (totals.received, totals.transmitted, totals.dropped);
    let expected = (workload.frames.len() as u64, workload.sent, workload.dropped);
    assert_eq!(found, expected, "{}: received, sent and dropped frames", workload.name);
}

fn main() {
    for workload in workloads::all() {
        run(&workload);
        finished(&workload);
    }
}
