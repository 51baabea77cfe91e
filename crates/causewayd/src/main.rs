//! `causewayd`: the gateway, in the foreground.

#![forbid(unsafe_code)]

use anyhow::{Context, Result};
use causewayd::assembly::Gateway;
use causewayd::notify::Notifier;
use clap::{Parser, ValueEnum};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use tracing_subscriber::EnvFilter;

/// The Causeway gateway: carries VLANs across an IP fabric.
///
/// Runs in the foreground. SIGHUP reads the configuration again, SIGTERM and SIGINT stop cleanly. Exit status: 0 after a
/// clean stop, 1 if it could not start, 2 if the command line is wrong.
#[derive(Parser)]
#[command(name = "causewayd", version)]
struct Options {
    /// The node file: ports, cores, memory, fabric address.
    #[arg(long, value_name = "FILE", default_value = "/etc/causeway/node.yaml")]
    node: PathBuf,
    /// The network file: networks, VLANs, VMIs.
    #[arg(long, value_name = "FILE", default_value = "/etc/causeway/network.yaml")]
    network: PathBuf,
    /// How log lines on standard error look.
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    log: LogFormat,
    /// What is logged: error, warn, info, debug or trace, or per part as in `info,dpdk::eal=debug`.
    #[arg(long, value_name = "FILTER", default_value = "info")]
    log_level: String,
}

#[derive(Clone, Copy, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let filter = match EnvFilter::builder().parse(&options.log_level) {
        Ok(filter) => filter,
        Err(error) => {
            eprintln!("causewayd: --log-level {}: {error}", options.log_level);
            return ExitCode::from(2);
        }
    };
    let colour = std::io::stderr().is_terminal();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colour);
    match options.log {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
    let notifier = Arc::new(Notifier::from_environment());
    match run(options, &notifier) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            notifier.status(&format!("{error:#}"));
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: Options, notifier: &Arc<Notifier>) -> Result<()> {
    // Before anything else, so that no signal finds the default action.
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM]).context("cannot listen for signals")?;
    let loaded = match control::config::load(&options.node, &options.network) {
        Ok(loaded) => loaded,
        Err(errors) => {
            for error in errors.list() {
                tracing::error!("{error}");
            }
            let count = errors.list().len() + errors.left_out();
            anyhow::bail!("not started: {count} error{} in the configuration", if count == 1 { "" } else { "s" });
        }
    };
    for warning in &loaded.warnings {
        tracing::warn!("{}: {}", warning.place, warning.concern);
    }
    notifier.status("starts DPDK, ports and workers");
    let gateway = Gateway::start((options.node, options.network), loaded, Arc::clone(notifier))?;
    notifier.ready();
    for signal in signals.forever() {
        if signal == SIGHUP {
            gateway.reload();
        } else {
            break;
        }
    }
    drop(gateway);
    tracing::info!("stopped");
    Ok(())
}
