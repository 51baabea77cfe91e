//! The channels between the workers and the threads that serve them: the host I/O thread, control, and whoever looks at frames.

use crate::workers::Parts;
use anyhow::{Context, Result};
use control::config::NodeModel;
use control::reconcile::TICKS_PER_SECOND as CONTROL_TICKS_PER_SECOND;
use control::watching::Eyes;
use fib::Snapshot;
use netlink::{HostIo, HostIoHandle, Tap};
use rcu::Publisher;
use std::sync::Arc;
use telemetry::notices::{self, NoticeReceiver};
use telemetry::slots::{self, ClassRates, Policers, SlotReceiver, SlotSender};
use telemetry::{WorkerTelemetry, drop_recorder, watch};
use wire::ethernet;

/// Frames that may wait between a worker and the host, each way.
pub(crate) const HOST_SLOTS: usize = 512;
const _: () = assert!(
    ClassRates::TO_HOST.bursts() as usize <= HOST_SLOTS,
    "floods in every class at once must not fill the channel before the host thread looks"
);

/// Frames that control originates and that may wait for worker 0, and the longest of them: probes and announcements are
/// far below an Ethernet frame.
const CONTROL_SLOTS: usize = 1024;
const CONTROL_SLOT_OCTETS: usize = 1_518;

/// What each thread has of the channels.
pub(crate) struct Ends {
    /// Of the workers, each in what it is made from.
    pub(crate) parts: Vec<Parts>,
    /// The host I/O thread, which has begun.
    pub(crate) host_io: HostIoHandle,
    /// Control's, one a worker.
    pub(crate) notices: Vec<NoticeReceiver>,
    /// Of whoever looks at frames, one a worker.
    pub(crate) eyes: Vec<Eyes>,
    /// Control's, of what it originates.
    pub(crate) inject: SlotSender,
}

/// Connects the workers with the host and with control, and starts the host I/O thread. Worker 0 sends for
/// them.
pub(crate) fn connect(
    node: &NodeModel,
    ticks_per_second: u64,
    pools: &[dpdk::Pool],
    publisher: &mut Publisher<Snapshot>,
    workers: &[Arc<WorkerTelemetry>],
    taps: Vec<(u16, Tap)>,
) -> Result<Ends> {
    let octets = host_slot_octets(node);
    let policers = Policers::new(&ClassRates::TO_HOST, ticks_per_second);
    let (to_worker, from_host) = slots::channel(HOST_SLOTS, octets);
    let (inject, from_control) = slots::channel(CONTROL_SLOTS, CONTROL_SLOT_OCTETS);
    let inject = inject.policed(Policers::new(&ClassRates::TO_ACCESS, CONTROL_TICKS_PER_SECOND));
    let (mut from_workers, mut receivers, mut eyes) = (Vec::new(), Vec::new(), Vec::new());
    let mut injected = vec![from_host, from_control];
    let part = |(pool, telemetry): (&dpdk::Pool, &Arc<WorkerTelemetry>)| {
        let (to_host, from_worker): (SlotSender, SlotReceiver) = slots::channel(HOST_SLOTS, octets);
        let (notices, receiver) = notices::channel(notices::CAPACITY, ticks_per_second);
        from_workers.push(from_worker);
        receivers.push(receiver);
        let ((desk, post), (recorder, drops)) = (watch::post(), drop_recorder(ticks_per_second));
        eyes.push(Eyes { desk, drops });
        Parts {
            pool: pool.clone(),
            snapshots: publisher.reader(),
            telemetry: Arc::clone(telemetry),
            notices,
            watched: (post, recorder),
            ticks_per_second,
            to_host: to_host.policed(policers.clone()),
            injected: std::mem::take(&mut injected),
        }
    };
    let parts = pools.iter().zip(workers).map(part).collect();
    let host_io = HostIo::start(taps, from_workers, to_worker).context("host interface")?;
    Ok(Ends { parts, host_io, notices: receivers, eyes, inject })
}

fn host_slot_octets(node: &NodeModel) -> usize {
    let mtu = node.fabric_ports.iter().map(|port| node[*port].mtu).max().unwrap_or(0);
    usize::from(mtu) + ethernet::HEADER_OCTETS + ethernet::TAG_OCTETS
}
