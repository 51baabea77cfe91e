//! The operator's command line: over REST, and offline.
//!
//! Every command gives one [`Answer`] or one [`Failure`]; only `outcome` writes, as text or
//! as JSON, and knows the exit codes.

#![forbid(unsafe_code)]

mod check;
mod cli;
mod completion;
mod explain;
mod frames;
mod load;
mod man;
mod outcome;
mod quantity;
mod rate;
mod remote;
mod show;
mod table;
mod tech;
mod vrouter;

use std::process::ExitCode;

use clap::Parser;

use crate::{
    cli::{Cli, Command},
    outcome::{Answer, Failure},
};

fn main() -> ExitCode {
    match Cli::try_parse() {
        Ok(cli) => {
            if let Some((show, sampling)) = rate::asked_for(&cli) {
                return rate::report(&cli, show, sampling);
            }
            frames::run(&cli).unwrap_or_else(|| outcome::report(&run(&cli), cli.json))
        }
        Err(error) => outcome::report_usage(&error, cli::asks_for_json(std::env::args_os())),
    }
}

fn run(cli: &Cli) -> Result<Answer, Failure> {
    if let Some(outcome) = vrouter::run(cli) {
        return outcome;
    }
    match &cli.command {
        Command::Check(files) => check::check(files),
        Command::Explain(arguments) => explain::explain(&cli.socket, arguments),
        Command::Reload => remote::call(&cli.socket, &api::Request::Reload),
        Command::Show { what: cli::What::Tech(arguments) } => tech::write(&cli.socket, arguments),
        Command::Show { what: cli::What::Workers { load } } if load.since_start => load::since_start(&cli.socket),
        Command::Show { what } => remote::show(&cli.socket, what),
        Command::Clear { what: cli::Clear::Counters(counters) } => {
            remote::call(&cli.socket, &api::Request::Clear(counters.into()))
        }
        Command::Vif(_) | Command::Nh(_) | Command::Mpls(_) | Command::Rt(_) | Command::Dropstats(_) => {
            unreachable!("done above")
        }
        Command::Capture(_) | Command::Trace(_) => {
            unreachable!("done by `frames`")
        }
        Command::Completion { shell } => completion::print(*shell),
        Command::Man { directory } => man::write_pages(directory),
    }
}
