//! `causeway-loadgen`: reads the options, runs, tells.

#![forbid(unsafe_code)]

use clap::Parser;
use clap::error::ErrorKind;
use loadgen::cli::Cli;
use loadgen::program;
use std::process::ExitCode;

fn main() -> ExitCode {
    match Cli::try_parse() {
        Ok(cli) => program::run(&cli),
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            // Whoever closes standard output has read enough.
            let _ = error.print();
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{}", program::one_line(&error.to_string()));
            ExitCode::from(2)
        }
    }
}
