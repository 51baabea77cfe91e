//! The load of workers: what their counters grew by between two looks, or since they began.

use std::{path::Path, time::Duration};

use api::{
    ErrorCode, ErrorDocument, Request, Response, Show, Worker, WorkerLoad, WorkerLoadsDocument, WorkersDocument,
};

use crate::{
    outcome::{Answer, Failure},
    rate, remote,
    show::{process, rates},
};

/// What a worker counted.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    packets: u64,
    bursts: u64,
    polls: u64,
    empty_polls: u64,
    busy_cycles: u64,
    life_cycles: u64,
}

impl Counts {
    /// `None` if the daemon does not tell.
    fn of(worker: &Worker) -> Option<Self> {
        let Worker { packets, bursts, polls, empty_polls, .. } = *worker;
        let (busy_cycles, life_cycles) = (worker.busy_cycles?, worker.life_cycles?);
        Some(Self { packets, bursts, polls, empty_polls, busy_cycles, life_cycles })
    }

    /// The growth since `before`. A younger worker than then is another one: what it shows is all its own.
    fn since(self, before: Self) -> Self {
        if self.life_cycles < before.life_cycles {
            return self;
        }
        Self {
            packets: self.packets.saturating_sub(before.packets),
            bursts: self.bursts.saturating_sub(before.bursts),
            polls: self.polls.saturating_sub(before.polls),
            empty_polls: self.empty_polls.saturating_sub(before.empty_polls),
            busy_cycles: self.busy_cycles.saturating_sub(before.busy_cycles),
            life_cycles: self.life_cycles - before.life_cycles,
        }
    }
}

/// The load between two looks. The workers' own clocks tell the time; `interval` is only told.
pub(crate) fn between(before: &WorkersDocument, after: &WorkersDocument, interval: Duration) -> WorkerLoadsDocument {
    let old = |id| before.workers.iter().find(|old| old.id == id).and_then(Counts::of).unwrap_or_default();
    let load = |worker: &Worker| load(worker, Counts::of(worker).map(|counts| counts.since(old(worker.id))));
    WorkerLoadsDocument {
        interval_ms: Some(rate::milliseconds(interval)),
        workers: after.workers.iter().map(load).collect(),
    }
}

/// Asks once, and tells the load over the workers' lives.
pub(crate) fn since_start(socket: &Path) -> Result<Answer, Failure> {
    match remote::ask(socket, &Request::Show(Show::Workers))? {
        Response::Workers(document) => {
            let loads = over_life(&document);
            Answer::new(&loads, text(&document, &loads), &[])
        }
        _ => Err(Failure::failed(ErrorDocument::new(ErrorCode::Internal, "the answer is not about workers"))),
    }
}

fn over_life(document: &WorkersDocument) -> WorkerLoadsDocument {
    let workers = document.workers.iter().map(|worker| load(worker, Counts::of(worker))).collect();
    WorkerLoadsDocument { interval_ms: None, workers }
}

/// All that there is to say of workers.
pub(crate) fn text(document: &WorkersDocument, loads: &WorkerLoadsDocument) -> String {
    if loads.workers.is_empty() {
        return process::workers(document);
    }
    format!("{}\n{}", process::workers(document), rates::workers(loads))
}

fn load(worker: &Worker, counts: Option<Counts>) -> WorkerLoad {
    let counts = counts.unwrap_or_default();
    let hz = worker.tsc_hz as f64;
    let busy_share = share(counts.busy_cycles, counts.life_cycles).map(|share| share.min(1.0));
    let cycles_per_packet = share(counts.busy_cycles, counts.packets);
    let free = busy_share.map(|busy| hz * (1.0 - busy));
    let headroom = free.zip(cycles_per_packet.filter(|cycles| *cycles > 0.0)).map(|(free, cycles)| free / cycles);
    WorkerLoad {
        id: worker.id,
        core: worker.core,
        busy_share: busy_share.map(|share| rounded(share, 1e4)),
        empty_polls_share: share(counts.empty_polls, counts.polls).map(|share| rounded(share, 1e4)),
        packets_per_s: share(counts.packets, counts.life_cycles).map(|packets| rounded(packets * hz, 10.0)),
        packets_per_burst: share(counts.packets, counts.bursts).map(|packets| rounded(packets, 10.0)),
        cycles_per_packet: cycles_per_packet.map(|cycles| rounded(cycles, 10.0)),
        headroom_packets_per_s: headroom.map(f64::round),
        longest_poll_gap_ns: worker.longest_poll_gap_ns,
        longest_own_poll_gap_ns: worker.longest_own_poll_gap_ns,
    }
}

/// `None` of nothing.
fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// To one `parts`-th.
fn rounded(value: f64, parts: f64) -> f64 {
    (value * parts).round() / parts
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const HZ: u64 = 1_000_000_000;

    /// A document with one worker that has lived so many seconds.
    fn document(seconds: u64, busy_cycles: u64, packets: u64, bursts: u64, polls: u64) -> WorkersDocument {
        let json = serde_json::json!({"generation": 1, "workers": [{
            "id": 3, "core": 1, "tsc_hz": HZ, "generation": 1, "polling": "busy", "bursts": bursts, "polls": polls,
            "empty_polls": polls - bursts, "packets": packets, "busy_share": 0.0, "busy_cycles": busy_cycles,
            "life_cycles": seconds * HZ, "longest_poll_gap_ns": 7, "heartbeat_age_ms": 0, "pool": {"in_use": 0, "size": 1}
        }]});
        serde_json::from_value(json).expect("a document of workers")
    }

    fn only(document: WorkerLoadsDocument) -> WorkerLoad {
        document.workers.into_iter().next().expect("one worker")
    }

    #[test]
    fn load_is_growth_and_headroom_is_what_the_rest_of_the_time_would_do_for() {
        let before = document(10, 5 * HZ, 1_000_000, 500_000, 1_000_000);
        let after = document(12, 5 * HZ + HZ / 2, 3_500_000, 600_000, 1_400_000);
        let load = only(between(&before, &after, 2 * SECOND));
        assert_eq!((load.id, load.busy_share, load.packets_per_s), (3, Some(0.25), Some(1_250_000.0)));
        assert_eq!((load.packets_per_burst, load.cycles_per_packet), (Some(25.0), Some(200.0)));
        assert_eq!((load.empty_polls_share, load.headroom_packets_per_s), (Some(0.75), Some(3_750_000.0)));
    }

    #[test]
    fn without_packets_there_is_no_cost_of_one_and_no_headroom_is_told() {
        let load = only(between(&document(1, 0, 0, 0, 10), &document(2, 0, 0, 0, 20), SECOND));
        assert_eq!((load.busy_share, load.packets_per_s, load.empty_polls_share), (Some(0.0), Some(0.0), Some(1.0)));
        assert_eq!((load.packets_per_burst, load.cycles_per_packet, load.headroom_packets_per_s), (None, None, None));
    }

    #[test]
    fn a_daemon_that_was_restarted_in_between_has_its_own_life_only() {
        let load = only(between(&document(100, HZ, 9_000_000, 9, 90), &document(1, HZ / 2, 5_000_000, 5, 10), SECOND));
        assert_eq!((load.busy_share, load.packets_per_s), (Some(0.5), Some(5_000_000.0)));
    }

    #[test]
    fn since_start_is_over_the_whole_life_and_an_older_daemon_tells_nothing() {
        let mut workers = document(4, HZ, 10_000_000, 1_000_000, 1_000_000);
        let loads = over_life(&workers);
        assert_eq!(loads.interval_ms, None);
        assert_eq!(only(loads).headroom_packets_per_s, Some(7_500_000.0));
        workers.workers[0].busy_cycles = None;
        let load = only(over_life(&workers));
        assert_eq!((load.busy_share, load.packets_per_s, load.longest_poll_gap_ns), (None, None, 7));
    }
}
