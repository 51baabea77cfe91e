//! One run at one rate, from the first frame to the last one that may still come.

use crate::arp;
use crate::frame::{Traffic, Way};
use crate::lane::{Lane, Left};
use crate::outcome::{self, Outcome};
use crate::ports::End;
use crate::progress::Progress;
use crate::receive::{Books, Receiver, Side, stream_number};
use crate::send::{Limits, Sender};
use crate::tunnel::Tunnel;
use crate::watched::Watched;
use dpdk::lcore::tsc;
use dpdk::{Eal, Worker, WorkerError};
use std::io;
use std::sync::mpsc;
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};
use wire::MacAddr;

/// Time between the start of the threads and the first frame.
const LEAD: Duration = Duration::from_millis(10);
/// How long frames may be under way at the end.
const DRAIN: Duration = Duration::from_millis(150);
/// How often the waiting thread looks.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What stays the same for all trials.
#[derive(Debug)]
pub struct Bench {
    /// EAL.
    pub eal: Eal,
    /// The access port, if there is one.
    pub access: Option<End>,
    /// The fabric port, if there is one.
    pub fabric: Option<End>,
    /// Frames of each direction that is driven.
    pub traffic: [Option<Traffic>; 2],
    /// The headers of the fabric.
    pub tunnel: Tunnel,
    /// Flows of a direction.
    pub flows: usize,
    /// Core of the sender, and of the receiver unless that has its own.
    pub core: usize,
    /// Core of the receiver.
    pub rx_core: Option<usize>,
    /// Whether every octet of a payload is compared.
    pub verify: bool,
    /// The process of the forwarder, if it runs on this machine.
    pub watch: Option<u32>,
    /// Trials run so far.
    pub trials: u16,
}

/// What a trial is to be.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    /// Frames a second in each direction; `None` for as fast as the ports take them.
    pub rate: Option<f64>,
    /// How long is sent.
    pub duration: Duration,
    /// Frames of each direction at most.
    pub frames: Option<u64>,
}

/// Why a trial was not run.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// A core cannot be used.
    #[error(transparent)]
    Worker(#[from] WorkerError),
    /// A thread cannot be made.
    #[error("cannot start a thread for core {core}: {error}")]
    Thread {
        /// The core.
        core: usize,
        /// The kernel's word.
        error: io::Error,
    },
    /// A thread broke.
    #[error("the thread of core {core} ended by a panic")]
    Panicked {
        /// The core.
        core: usize,
    },
}

/// Told now and then while a trial runs; `false` ends it.
pub type Watcher<'w> = &'w mut dyn FnMut(&Progress, Duration) -> bool;

impl Bench {
    /// Runs a trial.
    ///
    /// # Errors
    /// See [`TrialError`].
    pub fn run(&mut self, order: Order, watcher: Watcher<'_>) -> Result<Outcome, TrialError> {
        let hz = dpdk::lcore::tsc_hz(&self.eal);
        let eal = self.eal.clone();
        let progress = Progress::new(usize::from(self.access.is_some()) + usize::from(self.fabric.is_some()));
        let mut watched = Watched::new(self.watch, hz);
        let lanes = self.lanes(order, hz);
        let (left, complete) = thread::scope(|scope| {
            let mut threads = Vec::new();
            for lane in lanes {
                let (core, eal, progress) = (lane.core, &eal, &progress);
                let body = move || -> Result<Left<'_>, WorkerError> {
                    let _worker = Worker::register(eal, core).inspect_err(|_| progress.end())?;
                    Ok(lane.run(progress, hz))
                };
                let thread = thread::Builder::new().name(format!("core-{core}")).spawn_scoped(scope, body);
                threads.push((core, thread.inspect_err(|_| progress.end())));
            }
            let complete = wait(&progress, order, watcher, &mut watched);
            progress.end();
            (threads.into_iter().map(|(core, thread)| join(core, thread)).collect::<Result<Vec<_>, _>>(), complete)
        });
        Ok(outcome::conclude(left?, order, complete, &watched.close(), hz))
    }

    /// The lanes of a trial.
    fn lanes(&mut self, order: Order, hz: u64) -> Vec<Lane<'_>> {
        self.trials = self.trials.wrapping_add(1) & 0x7fff;
        let ticks = |time: Duration| (time.as_secs_f64() * hz as f64) as u64;
        let start = tsc() + ticks(LEAD);
        let (end, frames) = (start + ticks(order.duration), order.frames.unwrap_or(u64::MAX));
        let (answers, asides) = mpsc::channel();
        let traffic = self.traffic.each_ref().map(Option::as_ref);
        let (mut senders, mut receivers) = (Vec::new(), Vec::new());
        let ends = [(&mut self.access, Side::Access), (&mut self.fabric, Side::Fabric(self.tunnel))];
        for ((end_, side), way) in ends.into_iter().zip(Way::BOTH) {
            let Some(End { rx, tx, pool, .. }) = end_ else { continue };
            // A direction that is not driven has a sender, too: it answers ARP.
            let traffic = traffic[way.index()];
            let limits = Limits { start, end, frames: traffic.map_or(0, |_| frames), rate: order.rate };
            senders.push(Sender::new((way, stream_number(self.trials, way)), traffic, tx, pool, limits, hz));
            receivers.push(Receiver { queue: rx, side });
        }
        if self.tunnel.gateway_mac == MacAddr::ZERO {
            // The other end of the channel is in this function.
            let _ = answers.send(arp::request(self.tunnel.vtep_mac, self.tunnel.vtep, self.tunnel.gateway));
        }
        let books = Books::new(self.trials, traffic, self.flows, self.verify, hz, answers);
        let receiving = Some((receivers, books));
        let lane = |core, senders, receiving, asides| Lane { core, senders, receiving, asides };
        match self.rx_core {
            None => vec![lane(self.core, senders, receiving, Some(asides))],
            Some(rx_core) => {
                vec![lane(self.core, senders, None, Some(asides)), lane(rx_core, vec![], receiving, None)]
            }
        }
    }
}

/// Waits for the end of a trial and for stragglers; whether it came by itself.
fn wait(progress: &Progress, order: Order, watcher: Watcher<'_>, watched: &mut Watched) -> bool {
    let begin = Instant::now();
    // Should a thread never be given its core, the trial still ends.
    let latest = order.duration + LEAD + Duration::from_secs(5);
    let mut complete = true;
    while !progress.all_sent() && !progress.is_over() && begin.elapsed() < latest {
        if complete && !watcher(progress, begin.elapsed()) {
            complete = false;
            progress.hush();
        }
        thread::sleep(LOOK_EVERY);
        watched.look();
    }
    thread::sleep(DRAIN);
    watched.look();
    complete
}

/// What a lane's thread left.
fn join<T>(core: usize, thread: io::Result<ScopedJoinHandle<'_, Result<T, WorkerError>>>) -> Result<T, TrialError> {
    let thread = thread.map_err(|error| TrialError::Thread { core, error })?;
    let left = thread.join().map_err(|_| TrialError::Panicked { core })?;
    Ok(left?)
}
