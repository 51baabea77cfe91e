//! Starts the workers, one a core, and ends them together.

use crate::driver::{DpdkPool, DpdkRx, DpdkTx, TscClock};
use crate::ports::Opened;
use anyhow::{Context, Result, anyhow};
use control::config::{self, CoreId, NodeModel, PortRole};
use crossbeam_channel::bounded;
use datapath::io::Outgoing;
use datapath::{BURST, Inlet, Outlet, OutletConfig, Polling, Role, Worker};
use dpdk::{Eal, Pool};
use fib::{PortIndex, Snapshot};
use rcu::Reader;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use telemetry::notices::NoticeSender;
use telemetry::slots::{SlotReceiver, SlotSender};
use telemetry::watch::Post;
use telemetry::{DropRecorder, WorkerTelemetry};

/// What a worker runs on, to be made a [`Worker`] on its own thread: the clock is the thread's.
pub(crate) struct Plan {
    inlets: Vec<Inlet<DpdkRx>>,
    outlet: Outlet<DpdkPool, DpdkTx>,
    snapshots: Reader<Snapshot>,
    injected: Vec<SlotReceiver>,
    polling: Polling,
}

/// What one worker is made from.
pub(crate) struct Parts {
    pub(crate) pool: Pool,
    pub(crate) snapshots: Reader<Snapshot>,
    pub(crate) telemetry: Arc<WorkerTelemetry>,
    pub(crate) notices: NoticeSender,
    pub(crate) watched: (Post, DropRecorder),
    pub(crate) ticks_per_second: u64,
    pub(crate) to_host: SlotSender,
    pub(crate) injected: Vec<SlotReceiver>,
}

/// The running workers.
pub(crate) struct Workers {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

/// Gives the workers the ports' queues: the receive queues that their pools feed, and a transmit queue of every port.
pub(crate) fn plan(node: &NodeModel, ports: &mut [Opened], parts: Vec<Parts>) -> Vec<Plan> {
    let count = parts.len() as u16;
    let polling = match node.polling {
        config::Polling::Busy => Polling::Busy,
        config::Polling::Adaptive => Polling::Adaptive,
    };
    let make = |(number, parts): (u16, Parts)| {
        let Parts { pool, snapshots, telemetry, notices, watched, ticks_per_second, to_host, injected } = parts;
        let (mut inlets, mut queues) = (Vec::new(), Vec::new());
        for (position, (opened, model)) in ports.iter_mut().zip(&node.ports).enumerate() {
            let port = PortIndex::new(position).expect("a node file has at most 32 ports");
            let role = if model.role == PortRole::Access { Role::Access } else { Role::Fabric };
            let chains = opened.port.report().granted.multi_segment_transmit;
            let own = opened.rx.extract_if(.., |(worker, _)| *worker == usize::from(number));
            inlets.extend(own.map(|(_, queue)| Inlet::new(port, role, queue)));
            if !opened.tx.is_empty() {
                queues.push(Outgoing { port, queue: DpdkTx::new(opened.tx.remove(0), chains) });
            }
        }
        let (pool, host, worker) = (DpdkPool::new(pool), Some(to_host), (number, count));
        let outlet = Outlet::new(OutletConfig {
            pool,
            queues,
            host,
            telemetry,
            notices,
            worker,
            ticks_per_second,
            reserve: BURST,
        });
        let outlet = outlet.watched(watched.0, watched.1);
        Plan { inlets, outlet, snapshots, injected, polling }
    };
    (0u16..).zip(parts).map(make).collect()
}

/// Starts each worker on its core; returns when all run.
pub(crate) fn start(eal: &Eal, cores: &[CoreId], plans: Vec<Plan>) -> Result<Workers> {
    let stop = Arc::new(AtomicBool::new(false));
    let mut running = Workers { stop: Arc::clone(&stop), threads: Vec::new() };
    for ((number, plan), core) in plans.into_iter().enumerate().zip(cores) {
        let (ready, is_ready) = bounded(1);
        let (eal, stop, core) = (eal.clone(), Arc::clone(&stop), usize::from(core.value()));
        let body = move || {
            let registered = dpdk::Worker::register(&eal, core);
            let started = registered.as_ref().map(|_| ()).map_err(|error| anyhow!("{error}"));
            if ready.send(started).is_err() || registered.is_err() {
                return;
            }
            let Plan { inlets, outlet, snapshots, injected, polling } = plan;
            let clock = TscClock::new(dpdk::lcore::tsc_hz(&eal));
            forward(&mut Worker::new(inlets, outlet, snapshots, injected, clock, polling), &stop);
        };
        let thread = thread::Builder::new().name(format!("worker{number}")).spawn(body);
        running.threads.push(thread.context("cannot start a worker thread")?);
        let said = is_ready.recv().unwrap_or_else(|_| Err(anyhow!("the thread ended before it worked")));
        said.with_context(|| format!("cores.workers: worker {number} on core {core}"))?;
        tracing::info!(worker = number, core, "worker runs");
    }
    Ok(running)
}

/// The worker's whole life, under a name of its own: `scripts/check-panics` follows all that it calls.
#[inline(never)]
fn forward(worker: &mut Worker<DpdkPool, DpdkRx, DpdkTx, TscClock>, stop: &AtomicBool) {
    worker.run(stop);
}

impl Drop for Workers {
    /// Each worker ends after the burst that it is in.
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a worker ended by a panic");
            }
        }
    }
}
