//! DPDK's log, sent into `tracing` under the target `dpdk::eal`; its complaints are also kept for error messages.

use crate::errno::Errno;
use parking_lot::Mutex;
use std::ffi::c_char;
use std::fmt;

/// DPDK's log levels (rte_log.h), 1 (emergency) to 8 (debug).
const ERR: u32 = 4;
const WARNING: u32 = 5;
const NOTICE: u32 = 6;
const INFO: u32 = 7;

/// More lines than this about one failure say nothing new; the first ones name the cause.
const COMPLAINT_LINES: usize = 4;

/// What drivers log as errors although nothing is wrong; such lines go to the debug level.
///
/// net_tap wants a multiq qdisc for flow rules, which Causeway does not use; several drivers tell secondary processes,
/// which EAL was told not to have.
const HARMLESS: [&str; 5] = [
    "multiq qdisc",
    "qdisc kind is unknown",
    "Disabling rte flow support",
    "start req to secondary",
    "register mp action callback",
];

static STATE: Mutex<State> = Mutex::new(State { unfinished: String::new(), errors: Vec::new(), warnings: Vec::new() });

struct State {
    /// The beginning of a line whose end has not come yet.
    unfinished: String,
    errors: Vec<Box<str>>,
    warnings: Vec<Box<str>>,
}

/// What DPDK logged about a failure: its first error lines, or its warnings where it logged no error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Complaint(Vec<Box<str>>);

impl Complaint {
    /// The lines, first to last; empty where DPDK said nothing.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(AsRef::as_ref)
    }

    pub(crate) fn mentions(&self, text: &str) -> bool {
        self.lines().any(|line| line.contains(text))
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("DPDK logged nothing about it");
        }
        write!(f, "DPDK: {}", self.0.join("; "))
    }
}

/// Sends DPDK's log to [`sink`] from now on, for the whole process.
pub(crate) fn capture() -> Result<(), Errno> {
    // SAFETY: `sink` is a function for the whole life of the process and may be called on any thread.
    let result = unsafe { dpdk_sys::shim_log_to(Some(sink)) };
    if result == 0 { Ok(()) } else { Err(Errno::last()) }
}

/// Forgets earlier complaints: call before an operation whose failure is to be explained.
pub(crate) fn forget() {
    let mut state = STATE.lock();
    state.errors.clear();
    state.warnings.clear();
}

/// What was complained about since [`forget`].
pub(crate) fn complaint() -> Complaint {
    let state = STATE.lock();
    Complaint(if state.errors.is_empty() { state.warnings.clone() } else { state.errors.clone() })
}

/// Called by the shim on the thread that logs.
// SAFETY: only for the shim, which passes a buffer and its length.
unsafe extern "C" fn sink(level: u32, text: *const c_char, octets: usize) {
    // SAFETY: the shim passes a buffer of `octets` readable octets, valid during this call.
    let text = unsafe { std::slice::from_raw_parts(text.cast::<u8>(), octets) };
    for line in finished_lines(&String::from_utf8_lossy(text)) {
        record(level, line);
    }
}

/// Takes in a piece of log and gives back the lines that it completed.
fn finished_lines(piece: &str) -> Vec<Box<str>> {
    let mut state = STATE.lock();
    state.unfinished.push_str(piece);
    let Some(end) = state.unfinished.rfind('\n') else { return Vec::new() };
    let rest = state.unfinished.split_off(end + 1);
    let finished = std::mem::replace(&mut state.unfinished, rest);
    finished.lines().map(str::trim_end).filter(|line| !line.is_empty()).map(Into::into).collect()
}

fn record(level: u32, line: Box<str>) {
    let harmless = HARMLESS.iter().any(|text| line.contains(text));
    match level {
        _ if harmless => tracing::debug!(target: "dpdk::eal", "{line}"),
        0..=ERR => tracing::error!(target: "dpdk::eal", "{line}"),
        WARNING => tracing::warn!(target: "dpdk::eal", "{line}"),
        NOTICE => tracing::info!(target: "dpdk::eal", "{line}"),
        INFO => tracing::debug!(target: "dpdk::eal", "{line}"),
        _ => tracing::trace!(target: "dpdk::eal", "{line}"),
    }
    if harmless || level > WARNING {
        return;
    }
    let mut state = STATE.lock();
    let kept = if level <= ERR { &mut state.errors } else { &mut state.warnings };
    if kept.len() < COMPLAINT_LINES {
        kept.push(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // One test: the state belongs to the process.
    #[test]
    fn pieces_become_lines_and_errors_are_preferred_to_warnings() {
        assert!(finished_lines("EAL: no ").is_empty());
        let lines = finished_lines("free huge pages\nEAL: next");
        assert_eq!(lines, ["EAL: no free huge pages".into()]);
        assert_eq!(finished_lines("\n"), ["EAL: next".into()]);

        forget();
        assert_eq!(complaint().to_string(), "DPDK logged nothing about it");
        record(WARNING, "a warning".into());
        assert_eq!(complaint().to_string(), "DPDK: a warning");
        record(ERR, "first".into());
        record(ERR, "second".into());
        record(INFO, "talk".into());
        record(ERR, "cw0: failed to create multiq qdisc.".into());
        assert_eq!(complaint().to_string(), "DPDK: first; second");
    }
}
