//! One frame through the production pipeline, in a worker of its own: its frames lie in memory, its queues only collect, its
//! counters are nobody's.

use datapath::io::{Clock, Frame, Outgoing, RxMeta};
use datapath::probe::{Probe, Step};
use datapath::{Burst, Header, Inlet, Outlet, OutletConfig, Polling, Role, Verdict, Worker};
use fib::{Destination, NetworkId, PeerId, PortIndex, Snapshot, VifIndex};
use memory::{Layout, MemPool, MemRx, MemTx};
use rcu::Publisher;
use std::sync::Arc;
use std::time::Duration;
use telemetry::notices::{self, Notice};
use telemetry::slots::{self, Policers};
use telemetry::{DropReason, WorkerTelemetry};
use wire::ethernet;

/// The longest frame that is run: a jumbo frame, and what tunnels put in front of one.
pub const FRAME_OCTETS_MAX: usize = 9_728;
/// Room for outer headers and for padding.
const ROOM_OCTETS: usize = 512;
/// Copies of a flooded frame that there are buffers for; a burst makes no more.
const COPIES_MAX: usize = 4_096;
const TICKS_PER_SECOND: u64 = 1_000_000_000;

/// What the stages know of a frame and have decided, at one step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Facts {
    pub(crate) verdict: Verdict,
    pub(crate) header: Option<Header>,
    pub(crate) hash: u32,
    pub(crate) ingress: Option<VifIndex>,
    pub(crate) network: Option<NetworkId>,
    pub(crate) peer: Option<PeerId>,
    pub(crate) labelled: Option<VifIndex>,
    pub(crate) found: Option<Destination>,
}

/// What became of a frame.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Passage {
    /// At the end of each step, in order.
    pub(crate) steps: Vec<(Step, Facts)>,
    /// The frames that left by a port, in order.
    pub(crate) sent: Vec<(PortIndex, Vec<u8>)>,
    /// The frame that was given to the host.
    pub(crate) host: Option<Vec<u8>>,
    /// What control was told.
    pub(crate) notices: Vec<Notice>,
    /// Why the frame, or copies of it, were dropped, and how many.
    pub(crate) drops: Vec<(DropReason, u64)>,
}

impl Passage {
    /// What was known when the frame's own header was read.
    pub(crate) fn beginning(&self) -> Facts {
        self.steps.first().expect("the pipeline has steps").1
    }

    /// What was known and decided in the end.
    pub(crate) fn end(&self) -> Facts {
        self.steps.last().expect("the pipeline has steps").1
    }
}

/// What a run has to have room for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    /// Ports, numbered from 0.
    pub(crate) ports: usize,
    /// Rows of the VIF table.
    pub(crate) vifs: usize,
    /// Copies that a flooded frame may be sent as.
    pub(crate) copies: usize,
    /// Octets of a frame for the host.
    pub(crate) host_octets: usize,
}

/// Runs a frame of at most [`FRAME_OCTETS_MAX`] octets that arrives at a port. What may depend on time, a rate or a full
/// queue is as in a gateway at rest.
pub(crate) fn run(t: &Snapshot, room: Room, (port, role): (PortIndex, Role), octets: &[u8]) -> Passage {
    let telemetry = Arc::new(WorkerTelemetry::new(room.vifs));
    let copies = room.copies.min(COPIES_MAX);
    let queues: Vec<(PortIndex, MemTx)> =
        (0..room.ports).filter_map(|n| Some((PortIndex::new(n)?, MemTx::new(copies + 1, true)))).collect();
    let outgoing = queues.iter().map(|(port, queue)| Outgoing { port: *port, queue: queue.clone() }).collect();
    let (host, mut from_worker) = slots::channel(1, room.host_octets);
    let (to_control, mut notices) = notices::channel(notices::CAPACITY, TICKS_PER_SECOND);
    let longest = octets.len().clamp(ethernet::MIN_FRAME_OCTETS, FRAME_OCTETS_MAX) + ROOM_OCTETS;
    // Each copy has a header of its own, and at most one buffer more.
    let config = OutletConfig::new(MemPool::new(2 * copies + 2, longest), outgoing, Arc::clone(&telemetry));
    let outlet = Outlet::new(OutletConfig {
        host: Some(host.policed(Policers::unlimited())),
        notices: to_control,
        ticks_per_second: TICKS_PER_SECOND,
        ..config
    });
    let arriving = MemRx::default();
    let frame = MemPool::new(1, longest).frame(octets, Layout::default());
    arriving.arrive(frame.expect("the pool's one buffer is free, and large enough"), RxMeta::default());
    let inlets = vec![Inlet::new(port, role, arriving)];
    let snapshots = Publisher::new(t.clone()).reader();
    let mut witness = Witness::default();
    Worker::new(inlets, outlet, snapshots, vec![], Standstill, Polling::Busy).run_rounds(1, &mut witness);
    let sent = |(port, queue): &(PortIndex, MemTx)| {
        std::iter::from_fn(|| queue.take()).map(|frame| (*port, frame.to_vec())).collect::<Vec<_>>()
    };
    Passage {
        steps: witness.0,
        sent: queues.iter().flat_map(sent).collect(),
        host: from_worker.receive(|slot| slot.octets().to_vec()),
        notices: std::iter::from_fn(|| notices.receive()).map(|stamped| stamped.notice).collect(),
        drops: drops(&telemetry),
    }
}

/// A clock that stands: one round is all there is.
struct Standstill;

impl Clock for Standstill {
    fn cycles(&self) -> u64 {
        TICKS_PER_SECOND
    }

    fn rest(&mut self, _: Duration) {}
}

fn drops(telemetry: &WorkerTelemetry) -> Vec<(DropReason, u64)> {
    let counted = DropReason::ALL.iter().map(|reason| (*reason, telemetry.dropped(*reason)));
    counted.filter(|(_, count)| *count > 0).collect()
}

/// Writes down what is known of the one frame at each step.
#[derive(Default)]
struct Witness(Vec<(Step, Facts)>);

impl Probe for Witness {
    fn passed<F: Frame>(&mut self, step: Step, _frames: usize, burst: &Burst<F>) {
        // Nothing is decided yet of what was received.
        let Some(lane) = burst.lane(0).filter(|_| step != Step::Receive) else { return };
        let facts = Facts {
            verdict: lane.verdict(),
            header: lane.header(),
            hash: lane.hash(),
            ingress: lane.ingress(),
            network: lane.network(),
            peer: lane.peer(),
            labelled: lane.labelled(),
            found: lane.found(),
        };
        self.0.push((step, facts));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use testkit::{Arrival, Gateway, Network, Outcome, arbitrary};

    fn network_and_arrival() -> impl Strategy<Value = (Network, usize, Arrival)> {
        arbitrary::network().prop_flat_map(|net| {
            let arrival = arbitrary::arrival(&net);
            (Just(net), arrival).prop_map(|(net, (port, arrival))| (net, port, arrival))
        })
    }

    /// The frame as whoever explains it has it: in one piece, with its tag, of unverified checksums.
    fn plain(net: &Network, port: usize, mut arrival: Arrival) -> Arrival {
        if let Some(tci) = arrival.stripped.filter(|_| arrival.octets.len() >= 12) {
            let tpid = net.access.get(port).map_or(0x8100, |access| access.tpid.value());
            let tag = [tpid.to_be_bytes(), tci.to_be_bytes()].concat();
            arrival.octets.splice(12..12, tag);
        }
        arrival.octets.into()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn a_run_gives_what_a_worker_gives((net, port, arrival) in network_and_arrival()) {
            let arrival = plain(&net, port, arrival);
            let mut gateway = Gateway::new(&net);
            let Outcome { sent, host, drops, .. } = gateway.pass(port, arrival.clone());
            let notices = gateway.notices();
            let role = if net.link(port).is_some() { Role::Fabric } else { Role::Access };
            let copies = net.vmis.len() + net.reach.len();
            let room = Room { ports: net.ports(), vifs: net.vmis.len(), copies, host_octets: 4096 };
            let port = PortIndex::new(port).expect("a test has few ports");
            let passage = run(&net.snapshot().expect("the test's network is consistent"), room, (port, role), &arrival.octets);
            let ours: Vec<(usize, Vec<u8>)> = passage.sent.into_iter().map(|(port, frame)| (port.row(), frame)).collect();
            prop_assert_eq!(ours, sent);
            prop_assert_eq!(passage.host.into_iter().collect::<Vec<_>>(), host);
            prop_assert_eq!(passage.notices, notices);
            prop_assert_eq!(passage.drops, drops.into_iter().collect::<Vec<_>>());
        }
    }
}
