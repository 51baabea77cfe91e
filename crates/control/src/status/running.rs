//! Ports, workers, drops, version: how the process does.

use super::View;
use super::filter::not_found;
use api::{
    Accounting, DropEntry, DropsDocument, DropsQuery, ErrorDocument, HostDocument, PollingMode, PortsDocument, ToHost,
    VersionDocument, Worker, WorkerAccounting, WorkerCount, WorkersDocument,
};
use telemetry::slots::SlotClass;
use telemetry::{DropReason, PassageTotals, Stage, Totals, WorkerTelemetry};

const NANOSECONDS: u128 = 1_000_000_000;

impl View {
    pub(super) fn ports(&self) -> PortsDocument {
        let (node, network) = (&self.loaded.node, &self.loaded.network);
        let mut ports = self.plane.ports();
        for (position, port) in ports.iter_mut().enumerate() {
            let here = network.served.iter().filter(|served| served.port.position() == position);
            port.vlans = here.map(|served| served.vlan.value()).collect();
            port.vlans.sort_unstable();
            self.cleared.subtract(port);
            port.closed = self.closed.filter(|_| port.role == api::PortRole::Access).map(str::to_owned);
            debug_assert_eq!(node.ports.get(position).map(|p| p.name.as_str()), Some(port.name.as_str()));
        }
        PortsDocument { ports }
    }

    pub(super) fn workers(&self) -> WorkersDocument {
        let (now, hz) = (self.plane.cycles(), self.plane.cycles_per_second().max(1));
        let pools = self.plane.pools();
        let polling = match self.loaded.node.polling {
            crate::config::Polling::Busy => PollingMode::Busy,
            crate::config::Polling::Adaptive => PollingMode::Adaptive,
        };
        let one = |(id, t): (usize, &std::sync::Arc<WorkerTelemetry>)| Worker {
            id: id as u16,
            core: self.identity.worker_cores.get(id).copied().unwrap_or_default(),
            tsc_hz: hz,
            generation: t.generation.read(),
            polling,
            bursts: t.bursts.read(),
            polls: t.polls.read(),
            empty_polls: t.empty_polls.read(),
            packets: t.ledger.received.read(),
            busy_share: busy_share(t, now),
            busy_cycles: Some(t.busy_cycles.read()),
            life_cycles: Some(life(t, now)),
            longest_poll_gap_ns: nanoseconds(t.longest_gap_cycles.read(), hz),
            longest_own_poll_gap_ns: Some(nanoseconds(t.longest_own_gap_cycles.read(), hz)),
            heartbeat_age_ms: now.saturating_sub(t.heartbeat_tsc.read()).saturating_mul(1000) / hz,
            pool: pools.get(id).copied().unwrap_or_default(),
        };
        WorkersDocument { generation: self.generation, workers: self.workers.iter().enumerate().map(one).collect() }
    }

    pub(super) fn drops(&self, query: &DropsQuery) -> Result<DropsDocument, ErrorDocument> {
        let stages = Stage::ALL.iter().map(ToString::to_string);
        if let Some(stage) = query.stage.as_deref().filter(|asked| stages.clone().all(|stage| stage != **asked)) {
            let stages: Vec<String> = stages.collect();
            return Err(not_found("stage", stage, stages.iter().map(String::as_str)));
        }
        let mut sum = Totals::default();
        let mut workers = Vec::new();
        for (worker, telemetry) in (0u16..).zip(self.workers.iter()) {
            let totals = telemetry.ledger.totals();
            sum += totals;
            workers.push(WorkerAccounting { worker, accounting: accounting(&totals) });
        }
        let wanted =
            |reason: &&DropReason| query.stage.as_ref().is_none_or(|stage| reason.stage().to_string() == *stage);
        let reasons = DropReason::ALL.iter().filter(wanted).map(|reason| self.drop_entry(*reason));
        let reasons = reasons.filter(|entry| query.all || entry.count > 0).collect();
        Ok(DropsDocument { accounting: accounting(&sum), workers, reasons, cleared_at: self.cleared.drops_at() })
    }

    pub(super) fn host(&self) -> HostDocument {
        let mut document = self.plane.host();
        for (class, shown) in SlotClass::ALL.into_iter().zip(&mut document.classes) {
            let mut sum = PassageTotals::default();
            self.workers.iter().for_each(|worker| sum += worker.punts[class as usize].read());
            let PassageTotals { passed, policed, full, too_long } = sum;
            shown.to_host = ToHost { punted: passed, policed, channel_full: full, too_long, ..shown.to_host };
        }
        document
    }

    fn drop_entry(&self, reason: DropReason) -> DropEntry {
        let since = |n: usize, t: &WorkerTelemetry| t.dropped(reason).saturating_sub(self.cleared.dropped(n, reason));
        let counts = self.workers.iter().enumerate();
        let counts = counts.map(|(n, t)| WorkerCount { worker: n as u16, count: since(n, t) });
        let per_worker: Vec<WorkerCount> = counts.filter(|c| c.count > 0).collect();
        DropEntry {
            reason: reason.name().into(),
            stage: Some(reason.stage().to_string()),
            dropstats: Some(super::dropstats::counter(reason)),
            count: per_worker.iter().map(|c| c.count).sum(),
            per_worker,
            explanation: reason.explanation().into(),
            advice: reason.advice().into(),
        }
    }

    pub(super) fn version(&self) -> VersionDocument {
        VersionDocument {
            version: self.identity.version.clone(),
            commit: self.identity.commit.clone(),
            build: self.identity.build.clone(),
            dpdk: self.plane.dpdk_version(),
            config_version: 1,
            pid: std::process::id(),
            started_at: self.identity.started_at,
        }
    }
}

fn nanoseconds(cycles: u64, hz: u64) -> u64 {
    (u128::from(cycles) * NANOSECONDS / u128::from(hz)) as u64
}

/// The share of its life that a worker spent on rounds with something to do.
fn busy_share(telemetry: &WorkerTelemetry, now: u64) -> f64 {
    let life = life(telemetry, now);
    if life == 0 {
        return 0.0;
    }
    (telemetry.busy_cycles.read() as f64 / life as f64).min(1.0)
}

/// Cycles since a worker began to work; 0 before it does.
fn life(telemetry: &WorkerTelemetry, now: u64) -> u64 {
    if telemetry.polls.read() == 0 { 0 } else { now.saturating_sub(telemetry.started_tsc.read()) }
}

fn accounting(t: &Totals) -> Accounting {
    Accounting {
        received: t.received,
        injected: t.injected,
        generated: t.generated,
        copies: t.copies,
        taken_over: t.taken_over,
        transmitted: t.transmitted,
        dropped: t.dropped,
        punted: t.punted,
        consumed: t.consumed,
        handed_over: t.handed_over,
        held: t.held,
        unaccounted: t.unaccounted(),
    }
}
