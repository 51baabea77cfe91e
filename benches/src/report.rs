//! The figures for a reader and for a machine.

use crate::figures::Case;
use crate::publication::Costs;
use anyhow::{Context, Result};
use serde::Serialize;
use std::path::Path;
use std::process::Command;

/// All that a run found, and what it was run on.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    commit: String,
    command: String,
    machine: Machine,
    slice_us: u64,
    cases: Vec<Case>,
    publication: Vec<Costs>,
    refresh_cycles: f64,
}

#[derive(Debug, Serialize)]
struct Machine {
    processor: String,
    cores: usize,
    tsc_mhz: u64,
    kernel: String,
    dpdk: &'static str,
    load_average: String,
}

impl Report {
    pub(crate) fn new(
        cases: Vec<Case>,
        publication: Vec<Costs>,
        refresh_cycles: f64,
        tsc_mhz: u64,
        command: String,
    ) -> Self {
        let machine = Machine {
            processor: line("/proc/cpuinfo", "model name"),
            cores: file("/proc/cpuinfo").lines().filter(|line| line.starts_with("processor")).count(),
            tsc_mhz,
            kernel: file("/proc/sys/kernel/osrelease"),
            dpdk: dpdk::version(),
            load_average: file("/proc/loadavg"),
        };
        let commit = commit();
        let slice_us = crate::cases::SLICE_US;
        Self { commit, command, machine, slice_us, cases, publication, refresh_cycles }
    }

    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self).context("cannot render the report")? + "\n";
        std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
    }

    pub(crate) fn print(&self) {
        let Machine { processor, cores, tsc_mhz, .. } = &self.machine;
        println!(
            "commit {}, {processor}, {cores} cores, TSC {tsc_mhz} MHz, slices of {} us",
            self.commit, self.slice_us
        );
        self.cases.iter().for_each(print_case);
        if !self.publication.is_empty() {
            print_publication(&self.publication);
            println!("\nReader::refresh without a new generation: {:.1} cycles", self.refresh_cycles);
        }
    }
}

fn print_case(case: &Case) {
    let octets = case.frame_octets.map_or("several lengths".into(), |octets| format!("{octets} octets"));
    println!("\n{}: frames of {octets}, {} rounds", case.name, case.rounds);
    println!("cycles per frame              median   quiet  above ports (quiet)  / floor  [quartiles]    quiet   Mpps");
    for v in &case.systems {
        print!(
            "  {:26} {:8.1} {:7.1} {:12.1} ({:5.1}) ",
            v.variant, v.median, v.quiet, v.above_ports, v.above_ports_quiet
        );
        if let Some(floor) = &v.floor {
            let [low, high] = floor.ratio_quartiles;
            print!("{:8.3}  [{low:.3} {high:.3}] {:.3} ", floor.ratio_to_floor, floor.ratio_in_quiet_rounds);
        }
        println!("{:6.1}", v.quiet_mpps);
    }
    if let Some(goal) = &case.goal {
        println!("  goal {}: {:.3}, {}", goal.text, goal.reached, if goal.met { "met" } else { "missed" });
    }
}

fn print_publication(publication: &[Costs]) {
    println!("\npublication: 1,048,576 MACs, 100 changes every 10 ms");
    println!(
        "table                         p50 us   p99 us  copied KiB  table MiB  peak +MiB  lookup cycles  slowdown"
    );
    for c in publication {
        println!(
            "  {:26} {:8.0} {:8.0} {:11.0} {:10.1} {:10.1} {:6.1} > {:5.1} {:8.1} %",
            c.table,
            c.p50_us,
            c.p99_us,
            c.copied_kib,
            c.table_mib,
            c.peak_mib,
            c.lookup_quiet_cycles,
            c.lookup_cycles,
            c.slowdown_percent
        );
    }
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
fn commit() -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
        String::from_utf8(output.stdout).ok().map(|text| text.trim().to_owned())
    };
    let Some(commit) = git(&["rev-parse", "--short=12", "HEAD"]) else { return "unknown".into() };
    let status = [&["status", "--porcelain", "--untracked-files=no", "--"], MEASURED].concat();
    let changed = git(&status).is_some_and(|changes| !changes.is_empty());
    if changed { commit + " with changes" } else { commit }
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
