//! Two workers on two cores, each with a queue of the same ports, beside one alone.
//!
//! Both begin a slice at the same moment; what counts is the sum of what they do, as cycles of one clock a frame.

use super::Means;
use super::company::Company;
use super::plan::{Setting, plain};
use super::ports::{self, Sink};
use super::stage::{Stage, work};
use super::turns::{Entrant, Pace, burst_by_burst, take};
use crate::figures::{Case, Goal, Unit};
use crate::floor::{Floor, Tables, Work};
use crate::gateway::Gateway;
use crate::source::Source;
use crate::statistics::Slices;
use crate::traffic::{Direction, Traffic};
use crate::verify;
use anyhow::{Context, Result, ensure};
use causewayd::driver::DpdkTx;
use dpdk::{Pool, PoolConfig};
use fib::Snapshot;
use std::cell::RefCell;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

/// Transmit queues of each worker: two of the gateway, one each of floor and ports.
const QUEUES: usize = 4;
/// Buffers of the second worker, a power of two less one.
const BUFFERS: u32 = 16_383;
const LIMIT: f64 = 0.95;
/// More cores than any machine has.
const CORES: usize = 1024;

/// What a worker is to run for a slice.
#[derive(Clone, Copy, Debug)]
enum Act {
    Ports,
    Floor,
    Gateway,
}

/// One worker's means to run each.
struct Crew<'t> {
    pace: Pace<'t>,
    complete: Work,
    ports: Floor<'t>,
    floor: Floor<'t>,
    gateway: Gateway<DpdkTx>,
}

impl<'t> Crew<'t> {
    fn new(stage: &Stage<'t>, tables: &'t Tables, sink: &mut Sink) -> Result<Self> {
        let (_, complete) = work(stage.setting.load.direction);
        let floor = stage.verified_floor(tables, sink)?;
        let ports = stage.floor(tables, sink)?;
        Ok(Self { pace: stage.pace(), complete, ports, floor, gateway: stage.gateway(false, sink)? })
    }

    /// Cycles per frame over a slice.
    fn run(&mut self, act: Act, ready: impl FnOnce()) -> f64 {
        let Self { pace, complete, ports, floor, gateway } = self;
        match act {
            Act::Ports => pace.slice(ready, |bursts| burst_by_burst(bursts, &mut || ports.round(Work::Nothing))),
            Act::Floor => pace.slice(ready, |bursts| burst_by_burst(bursts, &mut || floor.round(*complete))),
            Act::Gateway => pace.slice(ready, |bursts| {
                gateway.run_and_count(bursts, |gateway| gateway.telemetry.ledger.received.read())
            }),
        }
    }
}

/// Where two workers wait for each other.
#[derive(Default)]
struct Meeting(AtomicUsize);

impl Meeting {
    fn meet(&self) {
        // Relaxed: the count publishes nothing, it only lets both go on.
        let arrived = self.0.fetch_add(1, Relaxed) + 1;
        let both = arrived.next_multiple_of(2);
        while self.0.load(Relaxed) < both {
            std::hint::spin_loop();
        }
    }
}

/// What both workers share, and what the second one is made of.
struct Setup<'a> {
    means: &'a Means<'a>,
    setting: &'a Setting,
    traffic: &'a Traffic,
    tables: &'a Snapshot,
    floor: &'a Tables,
    meeting: &'a Meeting,
}

impl<'a> Setup<'a> {
    fn crew(&self, (queue, pool): (dpdk::RxQueue, &Pool), sink: &mut Sink) -> Result<Crew<'a>> {
        let (setting, traffic, tables) = (self.setting, self.traffic, self.tables);
        let source = Source::new(queue);
        let stage = Stage { eal: self.means.eal, setting, traffic, tables, source, pool: pool.clone() };
        Crew::new(&stage, self.floor, sink)
    }

    /// The second worker: runs what it is told until nobody tells it anything any more.
    fn serve(
        &self,
        own: (dpdk::RxQueue, &Pool),
        mut sink: Sink,
        core: usize,
        (orders, answers): (&Receiver<Act>, &Sender<f64>),
    ) -> Result<()> {
        let _worker = another(self.means, core)?;
        let mut crew = self.crew(own, &mut sink)?;
        // Whoever gives orders waits for an answer to each, and for one that says that orders may come.
        let answer = |cycles: f64| answers.send(cycles).is_ok();
        let mut wanted = answer(0.0);
        for act in orders {
            wanted &= answer(crew.run(act, || self.meeting.meet()));
        }
        if wanted { verify::nothing_lost(&crew.gateway.telemetry) } else { Ok(()) }
    }
}

/// Makes the calling thread a worker on any core but `taken`.
fn another(means: &Means<'_>, taken: usize) -> Result<dpdk::Worker> {
    let mut cores = (0..CORES).filter(|core| *core != taken);
    cores.find_map(|core| dpdk::Worker::register(means.eal, core).ok()).context("there is no second core")
}

/// Measures the plain case of a direction with one worker and with two.
pub(super) fn run(means: &Means<'_>, name: &str, direction: Direction) -> Result<Case> {
    let setting = &plain(direction);
    let (traffic, tables) = (Traffic::new(&setting.load), setting.load.scene.snapshot()?);
    let second = Pool::new(means.eal, &PoolConfig::new(format!("second {direction:?}"), BUFFERS))?;
    let pools = [means.pool.clone(), second];
    let mut queues = ports::replay(means, 0, &traffic, &pools)?.into_iter();
    let mut sink = Sink::open(means, 2 * QUEUES as u16)?;
    let floor = Tables::new(means.eal, &setting.load.scene)?;
    let setup =
        &Setup { means, setting, traffic: &traffic, tables: &tables, floor: &floor, meeting: &Meeting::default() };
    let mut queue = || queues.next().context("net_pcap made too few queues");
    let (first, other, other_sink) = (queue()?, queue()?, sink.split(QUEUES));
    let core = dpdk::lcore::available().first().copied().context("the worker has no core")?;

    let slices = thread::scope(|scope| {
        let ((orders, to_do), (done, answers)) = (channel(), channel());
        let pool = &pools[1];
        let serving = scope.spawn(move || setup.serve((other, pool), other_sink, core, (&to_do, &done)));
        let crew = setup.crew((first, &pools[0]), &mut sink);
        let slices = crew.and_then(|crew| turns(setup, crew, means.rounds, orders, &answers));
        let served = serving.join().ok().context("the second worker ended by a panic")?;
        served.and(slices)
    })?;

    let hz = dpdk::lcore::tsc_hz(means.eal);
    let [ports, floor, gateway, one_floor, one_gateway] = &slices[..] else { unreachable!("five take turns") };
    let (ours, theirs) = (one_gateway.ratio(gateway), one_floor.ratio(floor));
    ensure!(ours > 0.0 && theirs > 0.0, "nothing was measured");
    Ok(Case {
        name: name.into(),
        unit: Unit::Packet,
        frame_octets: traffic.octets(),
        rounds: means.rounds,
        systems: slices.iter().map(|variant| variant.summary(ports, Some(floor), hz)).collect(),
        goal: Some(Goal::at_least(LIMIT, ours / theirs, "x the floor's own scaling")),
    })
}

/// Lets pairs and single workers take turns.
fn turns(
    setup: &Setup<'_>,
    crew: Crew<'_>,
    rounds: usize,
    orders: Sender<Act>,
    answers: &Receiver<f64>,
) -> Result<Vec<Slices>> {
    answers.recv().context("the second worker did not begin")?;
    let crew = RefCell::new(crew);
    let pair = |act| {
        // From here on the second worker takes orders until there are none.
        let _ = orders.send(act);
        let own = crew.borrow_mut().run(act, || setup.meeting.meet());
        answers.recv().map_or(f64::NAN, |other| 1.0 / (1.0 / own + 1.0 / other))
    };
    let single = |act| crew.borrow_mut().run(act, || ());
    let entrants = vec![
        Entrant::with_slice("ports", || pair(Act::Ports)),
        Entrant::with_slice("floor", || pair(Act::Floor)),
        Entrant::with_slice("causeway", || pair(Act::Gateway)),
        Entrant::with_slice("floor, one worker", || single(Act::Floor)),
        Entrant::with_slice("causeway, one worker", || single(Act::Gateway)),
    ];
    let slices = take(entrants, rounds, &mut Company::nobody(setup.means));
    verify::nothing_lost(&crew.borrow().gateway.telemetry)?;
    Ok(slices)
}
