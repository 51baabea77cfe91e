//! One gateway: the production worker on in-memory ports.

use crate::Network;
use crate::network::port;
use crate::queues::{FakeClock, MemRx, MemTx};
use datapath::io::{Checksum, Outgoing, RxMeta};
use datapath::{Inlet, Outlet, OutletConfig, Polling, Role, Worker};
use fib::{Snapshot, VifIndex};
use memory::{Layout, MemFrame, MemPool};
use rcu::Publisher;
use std::collections::BTreeMap;
use std::sync::Arc;
use telemetry::notices::{self, Notice, NoticeReceiver};
use telemetry::sightings::Facts;
use telemetry::slots::{ClassRates, Policers, Slot, SlotClass, SlotReceiver, SlotSender, Way, channel};
use telemetry::watch::{self, Delivery, Desk, Wanted};
use telemetry::{DropReason, DropRecords, Totals, WorkerTelemetry, drop_recorder};

/// A frame that comes in by a port.
#[derive(Debug, Clone, Default)]
pub struct Arrival {
    /// Its octets.
    pub octets: Vec<u8>,
    /// The tag that the port took out of it.
    pub stripped: Option<u16>,
    /// Whether the port verified the outer checksums.
    pub verified: bool,
    /// How it lies in memory.
    pub layout: Layout,
}

impl From<Vec<u8>> for Arrival {
    fn from(octets: Vec<u8>) -> Self {
        Self { octets, ..Self::default() }
    }
}

/// What a gateway has to work with.
#[derive(Debug, Clone, Copy)]
pub struct Means {
    /// Buffers for copies and injected frames.
    pub buffers: usize,
    /// Places in each transmit queue.
    pub transmit_places: usize,
    /// Whether ports take frames in several buffers.
    pub chains: bool,
    /// Slots of the channel to the host, if there is one.
    pub host_slots: Option<usize>,
    /// The limits of what is punted, and how many cycles of the fake clock are a second; by default there are none.
    pub punt_rates: Option<(ClassRates, u64)>,
    /// Which worker of how many this is.
    pub worker: (u16, u16),
    /// Buffers that are kept back for control frames.
    pub reserve: usize,
    /// Marks for learned stations.
    pub learned: usize,
}

impl Default for Means {
    /// Plenty of everything.
    fn default() -> Self {
        Self {
            buffers: 512,
            transmit_places: 4096,
            chains: true,
            host_slots: Some(256),
            punt_rates: None,
            worker: (0, 1),
            reserve: 0,
            learned: 0,
        }
    }
}

/// What came out since the last look.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Frames that were sent, by port, in order.
    pub sent: Vec<(usize, Vec<u8>)>,
    /// Frames for the host.
    pub host: Vec<Vec<u8>>,
    /// The port by which each of them came.
    pub host_ports: Vec<usize>,
    /// Frames that were dropped, by reason.
    pub drops: BTreeMap<DropReason, u64>,
}

/// Ticks a second of the fake clock.
pub const TICKS_PER_SECOND: u64 = 1_000_000_000;
const BUFFER_OCTETS: usize = 4096;
const SLOT_OCTETS: usize = 4096;
/// Buffers that frames arrive in, apart from those for copies, so that the latter can run out alone.
const ARRIVING: usize = 256;

/// A gateway in memory.
pub struct Gateway {
    worker: Worker<MemPool, MemRx, MemTx, FakeClock>,
    publisher: Publisher<Snapshot>,
    arriving: MemPool,
    copies: MemPool,
    rx: Vec<MemRx>,
    tx: Vec<MemTx>,
    from_worker: Option<SlotReceiver>,
    to_worker: SlotSender,
    control: SlotSender,
    telemetry: Arc<WorkerTelemetry>,
    notices: NoticeReceiver,
    desk: Desk,
    drop_records: DropRecords,
    clock: FakeClock,
    seen_drops: BTreeMap<DropReason, u64>,
    reserve: usize,
}

impl Gateway {
    /// A gateway that serves `network`, with plenty of everything.
    pub fn new(network: &Network) -> Self {
        Self::with(network, Means::default())
    }

    /// A gateway that serves `network` with these means.
    pub fn with(network: &Network, means: Means) -> Self {
        let snapshot = network.snapshot().expect("the test's network is consistent");
        let mut publisher = Publisher::new(snapshot);
        let telemetry = Arc::new(WorkerTelemetry::with_marks(network.vmis.len(), means.learned));
        let ports = network.ports();
        let rx: Vec<MemRx> = (0..ports).map(|_| MemRx::default()).collect();
        let tx: Vec<MemTx> = (0..ports).map(|_| MemTx::new(means.transmit_places, means.chains)).collect();
        let copies = MemPool::new(means.buffers, BUFFER_OCTETS);
        let (host, from_worker) = means.host_slots.map(|slots| channel(slots, SLOT_OCTETS)).unzip();
        let policers = means.punt_rates.map(|(rates, cycles_per_second)| Policers::new(&rates, cycles_per_second));
        let policers = policers.unwrap_or(Policers::unlimited());
        let host = host.map(|host: SlotSender| host.policed(policers));
        let (to_worker, from_host) = channel(256, SLOT_OCTETS);
        let (control, from_control) = channel(256, SLOT_OCTETS);
        let role = |n| if network.link(n).is_some() { Role::Fabric } else { Role::Access };
        let inlets = rx.iter().enumerate().map(|(n, queue)| Inlet::new(port(n), role(n), queue.clone())).collect();
        let queues = tx.iter().enumerate().map(|(n, queue)| Outgoing { port: port(n), queue: queue.clone() }).collect();
        let telemetry_too = Arc::clone(&telemetry);
        let worker = means.worker;
        let (to_control, notices) = notices::channel(notices::CAPACITY, TICKS_PER_SECOND);
        let config = OutletConfig::new(copies.clone(), queues, telemetry_too);
        let outlet = Outlet::new(OutletConfig {
            host,
            worker,
            notices: to_control,
            ticks_per_second: TICKS_PER_SECOND,
            reserve: means.reserve,
            ..config
        });
        let ((desk, post), (recorder, drop_records)) = (watch::post(), drop_recorder(TICKS_PER_SECOND));
        let outlet = outlet.watched(post, recorder);
        let reader = publisher.reader();
        let clock = FakeClock::default();
        let worker = Worker::new(inlets, outlet, reader, vec![from_host, from_control], clock.clone(), Polling::Busy);
        let (arriving, seen_drops) = (MemPool::new(ARRIVING, BUFFER_OCTETS), BTreeMap::new());
        Self {
            worker,
            publisher,
            arriving,
            copies,
            rx,
            tx,
            from_worker,
            to_worker,
            control,
            telemetry,
            notices,
            desk,
            drop_records,
            clock,
            seen_drops,
            reserve: means.reserve,
        }
    }

    /// A frame arrives at a port; it is handled at the next [`run`](Self::run).
    pub fn arrive(&self, port: usize, arrival: &Arrival) {
        let frame = self.arriving.frame(&arrival.octets, arrival.layout).expect("a test lets few frames wait");
        let checksum = if arrival.verified { Checksum::Good } else { Checksum::Unknown };
        let meta = RxMeta { stripped: arrival.stripped.map(wire::Tci::new), ip: checksum, l4: checksum };
        self.rx[port].arrive(frame, meta);
    }

    /// The host sends a frame by a port.
    pub fn inject(&mut self, port: usize, frame: &[u8]) {
        self.to_worker.send(SlotClass::Other, Way::Port(port as u16), frame).expect("a test injects few frames");
    }

    /// Control sends an untagged frame to the interface of a VMI, as a place in [`Network::vmis`].
    pub fn originate(&mut self, vmi: usize, frame: &[u8]) {
        let vif = VifIndex::new(vmi).expect("a test has few VMIs");
        self.control.send(SlotClass::Other, Way::Vif(vif), frame).expect("a test originates few frames");
    }

    /// Publishes other tables.
    pub fn reload(&mut self, network: &Network) {
        self.publisher.publish(network.snapshot().expect("the test's network is consistent"));
    }

    /// Publishes tables that a [`Network`] has no words for.
    pub fn publish(&mut self, snapshot: Snapshot) {
        self.publisher.publish(snapshot);
    }

    /// Lets the worker run until there is nothing to do.
    pub fn run(&mut self) {
        while self.round() {}
    }

    /// One round of the worker.
    pub fn round(&mut self) -> bool {
        self.worker.run_rounds(1, &mut ()) > 0
    }

    /// Lets a frame arrive, the worker run, and tells what came out.
    pub fn pass(&mut self, port: usize, arrival: impl Into<Arrival>) -> Outcome {
        self.arrive(port, &arrival.into());
        self.run();
        self.take()
    }

    /// What came out since the last look.
    pub fn take(&mut self) -> Outcome {
        let mut outcome = Outcome::default();
        for (n, queue) in self.tx.iter().enumerate() {
            outcome.sent.extend(std::iter::from_fn(|| queue.take()).map(|frame: MemFrame| (n, frame.to_vec())));
        }
        if let Some(host) = &mut self.from_worker {
            let slots = std::iter::from_fn(|| host.receive(|slot| (slot.octets().to_vec(), port_of(slot))));
            (outcome.host, outcome.host_ports) = slots.unzip();
        }
        for reason in DropReason::ALL {
            let now = self.telemetry.dropped(*reason);
            let before = self.seen_drops.insert(*reason, now).unwrap_or(0);
            if now > before {
                outcome.drops.insert(*reason, now - before);
            }
        }
        outcome
    }

    /// What the worker told control since the last look.
    pub fn notices(&mut self) -> Vec<Notice> {
        std::iter::from_fn(|| self.notices.receive()).map(|stamped| stamped.notice).collect()
    }

    /// Has the worker look at frames from its next round on, `capacity` of them at most until they are taken.
    pub fn watch(&mut self, wanted: Wanted, capacity: usize) -> Delivery {
        self.desk.order(wanted, capacity).expect("a test has few orders")
    }

    /// What the worker recorded of dropped frames since the last look.
    pub fn drop_records(&mut self) -> Vec<(Facts, Vec<u8>)> {
        let receiver = &mut self.drop_records.receiver;
        std::iter::from_fn(|| receiver.receive(|seen| (seen.facts, seen.octets().to_vec()))).collect()
    }

    /// The worker's clock, which advances by a cycle a round and as told.
    pub fn clock(&self) -> &FakeClock {
        &self.clock
    }

    /// A port's receive queue.
    pub fn rx(&self, port: usize) -> &MemRx {
        &self.rx[port]
    }

    /// A port's transmit queue.
    pub fn tx(&self, port: usize) -> &MemTx {
        &self.tx[port]
    }

    /// The pool that copies are made in.
    pub fn copies(&self) -> &MemPool {
        &self.copies
    }

    /// The pool of arriving frames.
    pub fn arriving(&self) -> &MemPool {
        &self.arriving
    }

    /// The worker's counters.
    pub fn telemetry(&self) -> &WorkerTelemetry {
        &self.telemetry
    }

    /// The terms of the accounting law, after everything that came out was taken.
    ///
    /// # Panics
    /// If a packet is unaccounted for, or a buffer is still lent.
    pub fn settle(&mut self) -> Totals {
        self.take();
        let totals = self.telemetry.ledger.totals();
        assert_eq!(totals.unaccounted(), 0, "unaccounted packets: {totals:?}");
        assert_eq!(totals.held, 0, "packets held at rest: {totals:?}");
        assert_eq!(self.arriving.in_use(), 0, "arriving buffers still lent");
        assert!(self.copies.in_use() <= self.reserve, "{} buffers for copies still lent", self.copies.in_use());
        totals
    }
}

/// The port that a frame for the host came by.
fn port_of(slot: &Slot) -> usize {
    match slot.way() {
        Way::Port(port) => usize::from(port),
        Way::Vif(vif) => panic!("a frame for the host names interface {vif} instead of its port"),
    }
}
