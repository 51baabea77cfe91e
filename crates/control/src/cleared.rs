//! What counters showed when they were cleared. A worker's counters are its own and only ever grow: nobody but the worker
//! writes them, so what is shown is their difference from here.

use api::Timestamp;
use hashbrown::HashMap;
use telemetry::{DropReason, WorkerTelemetry};

/// Baselines of everything but the interfaces, whose baselines live as long as their rows.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cleared {
    ports: HashMap<String, (api::Port, Timestamp)>,
    drops: Option<ClearedDrops>,
}

/// By worker, then by reason.
#[derive(Debug, Clone)]
struct ClearedDrops {
    counts: Vec<[u64; DropReason::COUNT]>,
    at: Timestamp,
}

impl Cleared {
    /// The port's counters count from what they show now.
    pub(crate) fn clear_port(&mut self, port: &api::Port, now: Timestamp) {
        self.ports.insert(port.name.clone(), (port.clone(), now));
    }

    /// The drop reasons of all workers count from what they show now.
    pub(crate) fn clear_drops<'a>(&mut self, workers: impl Iterator<Item = &'a WorkerTelemetry>, now: Timestamp) {
        let counts = |worker: &WorkerTelemetry| std::array::from_fn(|n| worker.dropped(DropReason::ALL[n]));
        self.drops = Some(ClearedDrops { counts: workers.map(counts).collect(), at: now });
    }

    /// Takes off a port's counters what they showed when it was cleared. A device that was started again counts from 0
    /// by itself: then nothing is taken off.
    pub(crate) fn subtract(&self, port: &mut api::Port) {
        let Some((then, at)) = self.ports.get(&port.name) else { return };
        let (traffic, losses) = (then.traffic, then.losses);
        port.cleared_at = Some(*at);
        let since = |now: &mut u64, then: u64| *now = now.checked_sub(then).unwrap_or(*now);
        since(&mut port.traffic.rx_packets, traffic.rx_packets);
        since(&mut port.traffic.rx_octets, traffic.rx_octets);
        since(&mut port.traffic.tx_packets, traffic.tx_packets);
        since(&mut port.traffic.tx_octets, traffic.tx_octets);
        since(&mut port.checksums_completed, then.checksums_completed);
        since(&mut port.frames_refused, then.frames_refused);
        since(&mut port.losses.rx_missed, losses.rx_missed);
        since(&mut port.losses.rx_no_mbuf, losses.rx_no_mbuf);
        since(&mut port.losses.rx_errors, losses.rx_errors);
        since(&mut port.losses.tx_errors, losses.tx_errors);
    }

    /// How often a worker dropped for that reason when the reasons were cleared.
    pub(crate) fn dropped(&self, worker: usize, reason: DropReason) -> u64 {
        self.drops.as_ref().and_then(|drops| drops.counts.get(worker)).map_or(0, |counts| counts[reason as usize])
    }

    /// When the reasons were cleared.
    pub(crate) fn drops_at(&self) -> Option<Timestamp> {
        self.drops.as_ref().map(|drops| drops.at)
    }
}
