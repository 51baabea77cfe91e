//! What a run was made on and of.

use serde::Serialize;
use std::process::Command;

#[derive(Debug, Serialize)]
pub(super) struct Machine {
    pub(super) processor: String,
    pub(super) cores: usize,
    pub(super) tsc_hz: u64,
    pub(super) kernel: String,
    pub(super) dpdk: &'static str,
    /// Not installed: not there.
    pub(super) open_vswitch: Option<String>,
    /// Of the last 1, 5 and 15 minutes, when the report is written.
    pub(super) load_average: String,
}

impl Machine {
    /// This one. What cannot be found out is empty.
    pub(super) fn here(tsc_hz: u64) -> Self {
        Self {
            processor: line("/proc/cpuinfo", "model name"),
            cores: file("/proc/cpuinfo").lines().filter(|line| line.starts_with("processor")).count(),
            tsc_hz,
            kernel: file("/proc/sys/kernel/osrelease"),
            dpdk: dpdk::version(),
            open_vswitch: output("ovs-vsctl", &["--version"])
                .and_then(|text| text.lines().next()?.rsplit(' ').next().map(str::to_owned)),
            load_average: file("/proc/loadavg").split(' ').take(3).collect::<Vec<_>>().join(" "),
        }
    }
}

/// This machine's name.
pub(super) fn host() -> String {
    file("/proc/sys/kernel/hostname")
}

/// Today in UTC, as 2026-11-25; "unknown" without date(1).
pub(super) fn today() -> String {
    output("date", &["--utc", "+%F"]).unwrap_or_else(|| "unknown".into())
}

/// What the figures depend on.
const MEASURED: &[&str] = &[
    "Cargo.lock",
    "benches/floor",
    "benches/src",
    "crates/causewayd/src/driver.rs",
    "crates/datapath/src",
    "crates/dpdk/src",
    "crates/fib/src",
    "crates/rcu/src",
    "crates/telemetry/src",
    "crates/wire/src",
    "dpdk-ffi",
];

/// The commit of the working directory, marked if what is measured has changes; "unknown" outside a repository.
pub(super) fn commit() -> String {
    let Some(commit) = output("git", &["rev-parse", "--short=12", "HEAD"]) else { return "unknown".into() };
    let status = [&["status", "--porcelain", "--untracked-files=no", "--"], MEASURED].concat();
    let changed = output("git", &status).is_some_and(|changes| !changes.is_empty());
    if changed { commit + " with changes" } else { commit }
}

fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok().map(|text| text.trim().to_owned())
}

fn file(path: &str) -> String {
    std::fs::read_to_string(path).map(|text| text.trim().to_owned()).unwrap_or_default()
}

/// The value of `name` in a file of `name : value` lines.
fn line(path: &str, name: &str) -> String {
    let text = file(path);
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.split_once(':'));
    value.map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
}
