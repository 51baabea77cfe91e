//! Runs every workload through the production worker on DPDK's buffers and memory rings, a burst at a time, for
//! `scripts/check-instructions`: the driver and the pipeline of the daemon, as one program.
//!
//! Only [`counted`] is looked at, and [`finished`] tells the profiler that a workload ends. Each line of output is a
//! workload and how many frames it had.

#![forbid(unsafe_code)]

use arrayvec::ArrayVec;
use causewayd::driver::{DpdkPool, DpdkRx, DpdkTx};
use datapath::io::{Clock, Outgoing};
use datapath::{BURST, Inlet, Outlet, OutletConfig, Polling, Role, Worker};
use dpdk::{Eal, EalConfig, Mbuf, Memory, Pool, PoolConfig, Port, PortConfig, RxQueue, TxQueue, free_bulk};
use fib::PortIndex;
use rcu::Publisher;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;
use telemetry::WorkerTelemetry;
use telemetry::slots::channel;
use testkit::workloads::{self, FABRIC, Workload};

/// A clock that counts its readings: what a worker does about long gaps would depend on the machine.
#[derive(Default)]
struct Turns(std::cell::Cell<u64>);

impl Clock for Turns {
    fn cycles(&self) -> u64 {
        self.0.set(self.0.get() + 1);
        self.0.get()
    }

    fn rest(&mut self, _time: Duration) {}
}

type DpdkWorker = Worker<DpdkPool, DpdkRx, DpdkTx, Turns>;

/// What is counted: one turn of the worker's loop.
#[inline(never)]
fn counted(worker: &mut DpdkWorker) -> bool {
    worker.run_rounds(1, &mut ()) == 1
}

/// Ends a workload: the profiler writes what it counted when this returns.
#[inline(never)]
fn finished(workload: &Workload) {
    println!("{} {}", black_box(workload).name, workload.frames.len());
}

fn row<T>(id: Option<T>) -> T {
    id.expect("a workload's network is small")
}

/// A memory ring: what its transmit queue takes its receive queue gives.
fn ring(eal: &Eal, pool: &Pool, number: usize) -> (Port, RxQueue, TxQueue) {
    let device = format!("net_ring{number}");
    let config = PortConfig::new(device.clone(), device.parse().expect("a legal device"));
    let (port, mut rx, mut tx) = Port::open(eal, &config, std::slice::from_ref(pool)).expect("a ring opens");
    (port, rx.pop().expect("one queue"), tx.pop().expect("one queue"))
}

/// Fills the ring that the worker receives from.
fn arrive(pool: &Pool, inward: &mut TxQueue, burst: &[Vec<u8>]) {
    let mut mbufs = ArrayVec::<Mbuf, BURST>::new();
    for octets in burst {
        let mut mbuf = pool.alloc().expect("every buffer of the burst before is back");
        let length = u16::try_from(octets.len()).expect("a workload's frames are short");
        mbuf.append(length).expect("it fits").copy_from_slice(octets);
        mbufs.push(mbuf);
    }
    assert_eq!(inward.burst(&mut mbufs), burst.len(), "the ring is empty before");
}

/// Gives the buffers of all that was sent back to the pool.
fn empty(outward: &mut RxQueue) {
    let mut mbufs = ArrayVec::<Mbuf, BURST>::new();
    while outward.burst(&mut mbufs) > 0 {
        free_bulk(&mut mbufs);
    }
}

fn run(eal: &Eal, pool: &Pool, workload: &Workload) {
    let network = &workload.network;
    let mut publisher = Publisher::new(workload.tables());
    let telemetry = Arc::new(WorkerTelemetry::with_marks(network.vmis.len(), workload.learned.len()));
    let (mut ports, mut queues, mut outward) = (vec![], vec![], vec![]);
    for n in 0..network.ports() {
        let (port, rx, tx) = ring(eal, pool, n);
        queues.push(Outgoing { port: row(PortIndex::new(n)), queue: DpdkTx::new(tx, true) });
        outward.push(rx);
        ports.push(port);
    }
    let (inward_port, rx, mut inward) = ring(eal, pool, network.ports());
    let (host, _from_worker) = channel(4, 2048);
    let (_to_worker, from_host) = channel(4, 2048);
    let (buffers, counts) = (DpdkPool::new(pool.clone()), Arc::clone(&telemetry));
    let outlet = Outlet::new(OutletConfig { host: Some(host), ..OutletConfig::new(buffers, queues, counts) });
    let role = if workload.port == FABRIC { Role::Fabric } else { Role::Access };
    let inlets = vec![Inlet::new(row(PortIndex::new(workload.port)), role, DpdkRx::new(rx))];
    let reader = publisher.reader();
    let mut worker = Worker::new(inlets, outlet, reader, vec![from_host], Turns::default(), Polling::Busy);
    for burst in workload.frames.chunks(BURST) {
        arrive(pool, &mut inward, burst);
        assert!(counted(&mut worker), "{}: the worker found no frame", workload.name);
        outward.iter_mut().for_each(empty);
    }
    let totals = telemetry.ledger.totals();
    let found = (totals.received, totals.transmitted, totals.dropped);
    let expected = (workload.frames.len() as u64, workload.sent, workload.dropped);
    assert_eq!(found, expected, "{}: received, sent and dropped frames", workload.name);
    drop((worker, ports, inward_port));
}

fn main() {
    let config = EalConfig {
        file_prefix: format!("causeway-instructions-{}", std::process::id()),
        memory: Memory::Ordinary { size_mb: 128 },
        main_core: dpdk::lcore::available()[0],
        pci_devices: Vec::new(),
        run_dir: ".".into(),
    };
    let eal = Eal::start(&config).expect("EAL starts on ordinary memory");
    let _registered = dpdk::Worker::register(&eal, config.main_core).expect("this process may use its own core");
    let pool = Pool::new(&eal, &PoolConfig::new("instructions", 4095)).expect("128 MB hold that");
    for workload in workloads::all() {
        run(&eal, &pool, &workload);
        finished(&workload);
    }
}
