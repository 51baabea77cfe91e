//! One direction: the pipeline and the floor in turn, between a port that replays the traffic and one that swallows it.
//!
//! Both ends are virtual ports on the worker's core, so their price is in every figure, and is measured alone as well.
//! The pipeline is what a worker runs: [`Worker::round`] on the types of `causewayd::driver`.

use crate::floor::{Floor, Tables, Work};
use crate::scene::Scene;
use crate::source::Source;
use crate::statistics::{Slices, Summary};
use crate::traffic::{Direction, FLOWS, Traffic};
use crate::verify;
use anyhow::{Context, Result, ensure};
use causewayd::driver::{DpdkFrame, DpdkPool, DpdkTx, TscClock};
use datapath::io::{Outgoing, TxQueue};
use datapath::{BURST, Inlet, Outlet, OutletConfig, Polling, Role, Worker};
use dpdk::{Eal, Offloads, Pool, Port, PortConfig};
use rcu::Publisher;
use std::path::Path;
use std::sync::Arc;
use telemetry::WorkerTelemetry;
use wire::Encapsulation;

/// Length of a slice. All variants of a round meet the same noise: on the development machine a ratio's quartiles lie 8 %
/// apart with slices of 1 ms, and 50 % with slices of 10 ms and the same time in all.
pub(crate) const SLICE_US: u64 = 1000;
/// Bursts between two looks at the clock.
const BURSTS: usize = 16;
/// Bursts before a slice is timed: all frames of the traffic once, so that one who has a receive queue to himself finds it as warm
/// as those who share one.
const WARM_UP: usize = FLOWS as usize / BURST;
const VIFS: usize = 4096;

/// What the cases are run with.
pub(crate) struct Means<'a> {
    pub(crate) eal: &'a Eal,
    pub(crate) pool: &'a Pool,
    pub(crate) tables: &'a Tables,
    pub(crate) directory: &'a Path,
    pub(crate) rounds: usize,
}

/// What was measured of one direction.
#[derive(Debug, serde::Serialize)]
pub(crate) struct Figures {
    pub(crate) direction: &'static str,
    pub(crate) frame_octets: usize,
    pub(crate) frames_compared: usize,
    pub(crate) rounds: usize,
    pub(crate) variants: Vec<Summary>,
}

/// A worker of the process with one queue to poll, and its counters.
pub(crate) struct Gateway<T: TxQueue<Frame = DpdkFrame>> {
    worker: Worker<DpdkPool, Source, T, TscClock>,
    pub(crate) telemetry: Arc<WorkerTelemetry>,
    _publisher: Publisher<fib::Snapshot>,
}

impl<T: TxQueue<Frame = DpdkFrame>> Gateway<T> {
    fn new(means: &Means<'_>, direction: Direction, scene: Scene, rx: Source, tx: [T; 2]) -> Result<Self> {
        let telemetry = Arc::new(WorkerTelemetry::new(VIFS));
        ensure!(scene.vifs().all(|vif| telemetry.reserve(vif)), "there are more than {VIFS} interfaces");
        let ports = [scene.access_port(), scene.fabric_port()];
        let (port, role) = match direction {
            Direction::ToFabric => (ports[0], Role::Access),
            Direction::FromFabric => (ports[1], Role::Fabric),
        };
        let outlet = Outlet::new(OutletConfig {
            pool: DpdkPool::new(means.pool.clone()),
            queues: ports.into_iter().zip(tx).map(|(port, queue)| Outgoing { port, queue }).collect(),
            host: None,
            telemetry: Arc::clone(&telemetry),
            worker: (0, 1),
        });
        let mut publisher = Publisher::new(scene.snapshot()?);
        let inlets = vec![Inlet::new(port, role, rx)];
        let clock = TscClock::new(dpdk::lcore::tsc_hz(means.eal));
        let worker = Worker::new(inlets, outlet, publisher.reader(), None, clock, Polling::Busy);
        Ok(Self { worker, telemetry, _publisher: publisher })
    }

    /// One turn of the worker's loop.
    #[inline]
    pub(crate) fn round(&mut self) {
        self.worker.round();
    }
}

/// One way over the fabric: a gateway that has been compared with what is expected, and what it is called.
struct Way {
    name: &'static str,
    gateway: Gateway<DpdkTx>,
    frames_compared: usize,
}

impl Way {
    fn open(
        means: &Means<'_>,
        direction: Direction,
        by: Encapsulation,
        source: Source,
        sink: &mut impl Iterator<Item = dpdk::TxQueue>,
    ) -> Result<Self> {
        let (scene, traffic) = (Scene { encapsulation: by }, Traffic::new(direction, by));
        let new = |tx| Gateway::new(means, direction, scene, source.clone(), tx);
        let frames_compared = verify::gateway(&traffic, new).with_context(|| by.name())?;
        let mut queue = || sink.next().map(|queue| DpdkTx::new(queue, false)).context("net_null made too few queues");
        let gateway = Gateway::new(means, direction, scene, source, [queue()?, queue()?])?;
        let name = match by {
            Encapsulation::Vxlan => "causeway, VXLAN",
            Encapsulation::MplsOverUdp => "causeway, MPLSoUDP",
            Encapsulation::MplsOverGre => "causeway, MPLSoGRE",
        };
        Ok(Self { name, gateway, frames_compared })
    }
}

/// The order of measurement: VXLAN first, which is what the floor does.
const WAYS: [Encapsulation; 3] = [Encapsulation::Vxlan, Encapsulation::MplsOverUdp, Encapsulation::MplsOverGre];

/// Compares what all make of every frame with what they have to, then measures them in turn.
pub(crate) fn run(means: &Means<'_>, direction: Direction) -> Result<Figures> {
    let traffic = Traffic::new(direction, Encapsulation::Vxlan);
    let (name, lookup, complete) = match direction {
        Direction::ToFabric => ("to fabric", Work::Push, Work::PushLookup),
        Direction::FromFabric => ("from fabric", Work::PopLookup, Work::PopChecked),
    };
    let sources = sources(means, direction)?;
    let mut sink = sink(means)?;
    let floor_tx = sink.next().context("net_null made no queue")?;
    let mut floor = Floor::new(means.tables, &traffic, sources[0].clone(), floor_tx)?;
    verify::floor(&traffic, &mut floor, complete)?;
    let mut ways = Vec::new();
    for (by, source) in WAYS.into_iter().zip(sources) {
        ways.push(Way::open(means, direction, by, source, &mut sink)?);
    }

    let names = ["ports alone", partial_name(lookup), "floor"].into_iter().chain(ways.iter().map(|way| way.name));
    let mut variants: Vec<Slices> = names.map(Slices::new).collect();
    let turns = variants.len();
    for round in 0..=means.rounds {
        for turn in 0..turns {
            let which = (round + turn) % turns;
            let cycles = match which {
                0 => slice(means.eal, || floor.round(Work::Nothing)),
                1 => slice(means.eal, || floor.round(lookup)),
                2 => slice(means.eal, || floor.round(complete)),
                way => gateway_slice(means.eal, &mut ways[way - 3].gateway),
            };
            if round > 0 {
                variants[which].push(cycles);
            }
        }
    }
    ways.iter().try_for_each(|way| verify::nothing_lost(&way.gateway.telemetry))?;
    let (ports_alone, floor) = (&variants[0], &variants[2]);
    let hz = dpdk::lcore::tsc_hz(means.eal);
    Ok(Figures {
        direction: name,
        frame_octets: traffic.frames().iter().map(Vec::len).max().unwrap_or(0),
        frames_compared: ways.iter().map(|way| way.frames_compared).sum(),
        rounds: means.rounds,
        variants: variants.iter().map(|variant| variant.summary(ports_alone, floor, hz)).collect(),
    })
}

fn partial_name(work: Work) -> &'static str {
    if work == Work::Push { "floor without MAC lookup" } else { "floor without outer checks" }
}

/// Cycles per frame over one slice.
fn slice(eal: &Eal, mut round: impl FnMut() -> usize) -> f64 {
    let length = dpdk::lcore::tsc_hz(eal) / 1_000_000 * SLICE_US;
    for _ in 0..WARM_UP {
        round();
    }
    let start = dpdk::lcore::tsc();
    let mut frames = 0;
    loop {
        for _ in 0..BURSTS {
            frames += round();
        }
        let cycles = dpdk::lcore::tsc().wrapping_sub(start);
        if cycles >= length {
            return cycles as f64 / frames as f64;
        }
    }
}

fn gateway_slice(eal: &Eal, gateway: &mut Gateway<DpdkTx>) -> f64 {
    let before = gateway.telemetry.ledger.received.read();
    let mut rounds = 0;
    let cycles_per_round = slice(eal, || {
        gateway.round();
        rounds += 1;
        1
    });
    let frames = gateway.telemetry.ledger.received.read() - before;
    cycles_per_round * rounds as f64 / frames as f64
}

/// A port for each way that replays its traffic endlessly; to the fabric all replay the same, from one port.
fn sources(means: &Means<'_>, direction: Direction) -> Result<Vec<Source>> {
    let open = |by: Encapsulation| -> Result<Source> {
        let path = means.directory.join(format!("{}.pcap", by.name()));
        Traffic::new(direction, by).write(&path)?;
        let file = path.to_str().context("the path of the traffic is no text")?;
        let source = format!("net_pcap{},rx_pcap={file},infinite_rx=1", by as usize);
        let source = PortConfig { offloads: Offloads::NONE, ..PortConfig::new(by.name(), source.parse()?) };
        let (_, mut rx, _) = Port::open(means.eal, &source, std::slice::from_ref(means.pool))?;
        Ok(Source::new(rx.pop().context("net_pcap made no queue")?))
    };
    match direction {
        Direction::ToFabric => open(Encapsulation::Vxlan).map(|source| vec![source; WAYS.len()]),
        Direction::FromFabric => WAYS.into_iter().map(open).collect(),
    }
}

/// Queues of a port that swallows everything: one for the floor, two for each way.
fn sink(means: &Means<'_>) -> Result<impl Iterator<Item = dpdk::TxQueue>> {
    let sink = PortConfig::new("sink", "net_null0,no-rx=1".parse()?);
    let sink = PortConfig { tx_queues: 1 + 2 * WAYS.len() as u16, offloads: Offloads::NONE, ..sink };
    let (_, _, tx) = Port::open(means.eal, &sink, std::slice::from_ref(means.pool))?;
    Ok(tx.into_iter())
}
