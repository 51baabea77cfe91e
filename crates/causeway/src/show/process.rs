//! Workers, version, and what a reload did.

use std::time::Duration;

use api::{Changes, ClearDocument, PollingMode, ReloadDocument, Timestamp, VersionDocument, Worker, WorkersDocument};

use crate::{
    quantity::{count, duration, or_none},
    table::{Table, printable},
};

/// A worker that showed no life for so long is worth a word.
const HEARTBEAT_AGE_MAX: Duration = Duration::from_secs(5);

pub(crate) fn workers(document: &WorkersDocument) -> String {
    if document.workers.is_empty() {
        return "no worker runs\n".to_owned();
    }
    let mut table = Table::new(&[
        ">WORKER",
        ">CORE",
        "POLLING",
        ">BUSY",
        ">PACKETS",
        ">BURSTS",
        ">POLLS",
        ">EMPTY",
        ">LONGEST GAP",
        ">OWN GAP",
        ">BUFFERS USED",
        ">HEARTBEAT",
        ">GENERATION",
    ]);
    for worker in &document.workers {
        table.row(worker_row(worker));
    }
    let mut text = format!(
        "{table}\nlatest generation of tables {}; a reload makes one, and so does a change of the underlay\n\
         gaps are the longest times between two polls; OWN leaves out what the kernel gave of the core to others\n",
        document.generation
    );
    for worker in &document.workers {
        let age = Duration::from_millis(worker.heartbeat_age_ms);
        if age > HEARTBEAT_AGE_MAX {
            text +=
                &format!("worker {} showed no life for {}: core {} is stuck\n", worker.id, duration(age), worker.core);
        }
        if worker.generation < document.generation {
            text += &format!("worker {} still forwards by generation {}\n", worker.id, worker.generation);
        }
    }
    text
}

fn worker_row(worker: &Worker) -> [String; 13] {
    let polling = match worker.polling {
        PollingMode::Busy => "busy",
        PollingMode::Adaptive => "adaptive",
    };
    [
        worker.id.to_string(),
        worker.core.to_string(),
        polling.to_owned(),
        format!("{:.1} %", worker.busy_share * 100.0),
        worker.packets.to_string(),
        worker.bursts.to_string(),
        worker.polls.to_string(),
        worker.empty_polls.to_string(),
        duration(Duration::from_nanos(worker.longest_poll_gap_ns)),
        or_none(worker.longest_own_poll_gap_ns.map(Duration::from_nanos).map(duration)),
        format!("{} of {}", worker.pool.in_use, worker.pool.size),
        heartbeat(worker.heartbeat_age_ms),
        worker.generation.to_string(),
    ]
}

/// How long ago a worker showed life; the daemon counts whole milliseconds.
fn heartbeat(age_ms: u64) -> String {
    if age_ms == 0 { "< 1 ms ago".to_owned() } else { format!("{} ago", duration(Duration::from_millis(age_ms))) }
}

pub(super) fn version(document: &VersionDocument) -> String {
    version_at(document, Timestamp::now())
}

pub(super) fn version_at(document: &VersionDocument, now: Timestamp) -> String {
    let commit = document.commit.as_ref().map(|commit| format!(", commit {commit}")).unwrap_or_default();
    let running = duration(document.started_at.age_at(now));
    let text = format!(
        "causewayd      {} ({} build{commit})\n\
         causeway       {} (this command)\n\
         DPDK           {}\n\
         configuration  version {}\n\
         process        {}, started {}, running for {running}\n",
        document.version,
        document.build,
        env!("CARGO_PKG_VERSION"),
        document.dpdk.trim_start_matches("DPDK "),
        document.config_version,
        document.pid,
        document.started_at,
    );
    printable(&text).into_owned()
}

pub(super) fn clear(document: &ClearDocument) -> String {
    let mut what = Vec::new();
    if document.vifs > 0 {
        what.push(count(document.vifs, "VMI"));
    }
    if document.ports > 0 {
        what.push(count(document.ports, "port"));
    }
    if document.drops {
        what.push("the drop reasons".to_owned());
    }
    match what.is_empty() {
        true => "nothing to clear\n".to_owned(),
        false => format!("counters of {} count from {} on\n", what.join(", "), document.cleared_at),
    }
}

pub(super) fn reload(document: &ReloadDocument) -> String {
    let took = duration(Duration::from_micros(document.took_us));
    let mut text = match document.changed {
        false => format!("reloaded in {took}: nothing changed (generation {})\n", document.generation),
        true => format!("reloaded in {took}: generation {} is in force\n", document.generation),
    };
    if document.changed {
        let mut table = Table::new(&["", ">ADDED", ">REMOVED", ">CHANGED"]);
        for (name, Changes { added, removed, changed }) in
            [("VMIs", document.vifs), ("networks", document.networks), ("MACs", document.fdb)]
        {
            table.row([name.to_owned(), added.to_string(), removed.to_string(), changed.to_string()]);
        }
        text += &table.to_string();
    }
    if !document.needs_restart.is_empty() {
        text += &format!("not in force until causewayd restarts: {}\n", document.needs_restart.join(", "));
    }
    printable(&text).into_owned()
}
