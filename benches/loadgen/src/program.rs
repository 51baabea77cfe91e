//! The program: signals, progress, report, status.

use crate::capacity;
use crate::cli::Cli;
use crate::display;
use crate::report::{self, PortLine, Report};
use crate::session::{Session, SessionError};
use crate::trial::{Bench, Order};
use anyhow::{Context, Result};
use clap::CommandFactory;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const FAILED: u8 = 1;
const USAGE: u8 = 2;
const NOT_CLEAN: u8 = 3;
const INTERRUPTED: u8 = 130;

/// Runs what was asked for; the exit status says how it went.
#[must_use]
pub fn run(cli: &Cli) -> ExitCode {
    if let Some(directory) = &cli.man {
        let path = directory.join("causeway-loadgen.1");
        let written = manual_page().and_then(|page| fs::write(&path, page));
        return written
            .map_or_else(|error| fail(&format!("--man {}: {error}", directory.display())), |()| ExitCode::SUCCESS);
    }
    match measure(cli) {
        Ok(report) if !report.complete => ExitCode::from(INTERRUPTED),
        Ok(report) if !report.has_found() || cli.strict && !report.is_clean() => ExitCode::from(NOT_CLEAN),
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", one_line(&format!("{error:#}")));
            ExitCode::from(match error.downcast_ref::<SessionError>() {
                Some(SessionError::Usage(_) | SessionError::Rate { .. }) => USAGE,
                Some(SessionError::Interrupted) => INTERRUPTED,
                Some(SessionError::End(crate::ports::EndError::Interrupted { .. })) => INTERRUPTED,
                _ => FAILED,
            })
        }
    }
}

fn fail(message: &str) -> ExitCode {
    eprintln!("error: {message}");
    ExitCode::from(FAILED)
}

/// The first paragraph of a message, on one line.
#[must_use]
pub fn one_line(message: &str) -> String {
    let lines = message.lines().map(str::trim).take_while(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join(" ")
}

/// A directory for the time of the run.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("causeway-loadgen-{}", std::process::id()));
        fs::create_dir(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed stays in the temporary directory.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The manual page, from the definition that parses the options.
///
/// # Errors
/// Only those of writing to memory.
pub fn manual_page() -> std::io::Result<Vec<u8>> {
    let source = concat!("causeway ", env!("CARGO_PKG_VERSION"));
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command()).source(source).manual("Causeway").render(&mut page)?;
    Ok(page)
}

fn measure(cli: &Cli) -> Result<Report> {
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&interrupted)).context("cannot watch for Ctrl-C")?;
    }
    // A flag on its own: `Relaxed`.
    let stop = || interrupted.load(Ordering::Relaxed);
    let scratch = Scratch::new()?;
    let mut session = Session::open(cli, &scratch.0, &stop)?;
    let mut report = Report::new(cli, ports(&session.bench), dpdk::lcore::tsc_hz(&session.bench.eal));
    if cli.find.is_empty() {
        let order = Order { rate: session.rate, duration: cli.duration, frames: cli.count };
        let outcome = display::run(&mut session.bench, order, &stop).map_err(SessionError::from)?;
        report.complete = outcome.complete;
        report.run = Some(outcome);
    } else {
        report.searches = capacity::find(cli, &mut session, &stop).map_err(SessionError::from)?;
        let all = report.searches.len() == cli.find.len();
        report.complete = all && report.searches.iter().all(|found| found.search.complete);
    }
    write(cli, &report)?;
    if let Some(time) = cli.linger {
        session.linger(time, &stop);
    }
    Ok(report)
}

fn ports(bench: &Bench) -> Vec<PortLine> {
    let ends = [&bench.access, &bench.fabric].into_iter().flatten();
    ends.map(|end| PortLine {
        name: end.name,
        device: end.device.to_string(),
        driver: end.port.report().driver.to_string(),
    })
    .collect()
}

fn write(cli: &Cli, report: &Report) -> Result<()> {
    let json = || serde_json::to_string_pretty(report).map(|text| text + "\n").context("the report is no JSON");
    let to_stdout =
        |text: &str| std::io::stdout().write_all(text.as_bytes()).context("cannot write to standard output");
    match cli.json.as_deref() {
        Some(path) if path == Path::new("-") => to_stdout(&json()?),
        Some(path) => {
            fs::write(path, json()?).with_context(|| format!("--json {}: cannot write it", path.display()))?;
            to_stdout(&report::text(report))
        }
        None => to_stdout(&report::text(report)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_manual_page_is_that_of_the_options() {
        let page = manual_page().expect("memory is writable");
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/man/causeway-loadgen.1");
        let committed = fs::read(path).unwrap_or_default();
        assert!(page == committed, "{path} is out of date: run `causeway-loadgen --man benches/loadgen/man`");
    }

    #[test]
    fn a_message_of_several_lines_becomes_one() {
        assert_eq!(one_line("error: a\n  --b <C>\n\nUsage: x\n"), "error: a --b <C>");
    }
}
