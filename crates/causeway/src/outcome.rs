//! How a command ended, and how that is told.

use std::{
    io::{self, ErrorKind, Write},
    ops::ControlFlow,
    process::ExitCode,
};

use api::{ErrorCode, ErrorDocument, Finding};
use serde::Serialize;

use crate::table::printable;

/// A command that did what was asked.
#[derive(Debug)]
pub(crate) struct Answer {
    text: String,
    json: String,
    warnings: Vec<Finding>,
}

impl Answer {
    /// `warnings` stand in the document too; with text they go to standard error, so that they cannot be taken for a part of it.
    pub(crate) fn new(document: &impl Serialize, text: String, warnings: &[Finding]) -> Result<Self, Failure> {
        let json = serde_json::to_string_pretty(document).map_err(|error| {
            let message = format!("the answer cannot be written as JSON: {error}");
            Failure::failed(ErrorDocument::new(ErrorCode::Internal, message))
        })?;
        Ok(Self { text, json: json + "\n", warnings: warnings.to_vec() })
    }
}

/// A command that did not do what was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    status: Status,
    error: ErrorDocument,
}

/// The exit status. Its numbers are in `causeway --help` and in the manual.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Failed = 1,
    Usage = 2,
    Unreachable = 3,
}

impl Failure {
    /// Why, as a document.
    pub(crate) fn error(&self) -> &ErrorDocument {
        &self.error
    }

    /// What was asked failed.
    pub(crate) fn failed(error: ErrorDocument) -> Self {
        Self { status: Status::Failed, error }
    }

    /// The daemon did not even answer.
    pub(crate) fn unreachable(message: String) -> Self {
        Self { status: Status::Unreachable, error: ErrorDocument::new(ErrorCode::Unreachable, message) }
    }
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(status as u8)
    }
}

/// Tells the outcome and gives the exit status.
pub(crate) fn report(outcome: &Result<Answer, Failure>, json: bool) -> ExitCode {
    match outcome {
        Ok(answer) if json => print(&answer.json, ExitCode::SUCCESS),
        Ok(answer) => {
            for warning in &answer.warnings {
                complain(&format!("warning: {warning}"));
            }
            print(&answer.text, ExitCode::SUCCESS)
        }
        Err(failure) => tell(failure, json),
    }
}

/// As [`report`], but on standard error: standard output is something else's.
pub(crate) fn report_aside(outcome: &Result<Answer, Failure>, json: bool) -> ExitCode {
    match outcome {
        Ok(answer) => {
            let text = if json { &answer.json } else { &answer.text };
            // Nothing can be done if standard error is closed.
            let _ = io::stderr().lock().write_all(text.as_bytes());
            ExitCode::SUCCESS
        }
        Err(failure) => {
            complain(&failure.error.to_string());
            failure.status.into()
        }
    }
}

/// Tells one of several outcomes: whether to go on, or with which exit status to end. A failure ends it, and so does a
/// reader that has seen enough.
pub(crate) fn report_one(outcome: &Result<Answer, Failure>, json: bool) -> ControlFlow<ExitCode> {
    let Ok(answer) = outcome else { return ControlFlow::Break(report(outcome, json)) };
    let text = if json { &answer.json } else { &answer.text };
    match write(text) {
        Ok(()) => ControlFlow::Continue(()),
        error => ControlFlow::Break(finish(error, ExitCode::SUCCESS)),
    }
}

/// Tells what clap says about the arguments: an error, or the help that was asked for.
pub(crate) fn report_usage(error: &clap::Error, json: bool) -> ExitCode {
    if !error.use_stderr() {
        // Help and version; clap colours them on a terminal.
        return finish(error.print(), ExitCode::SUCCESS);
    }
    if json {
        let text = error.render().to_string();
        let message = text.trim_end().strip_prefix("error: ").unwrap_or(text.trim_end()).to_owned();
        return tell(
            &Failure { status: Status::Usage, error: ErrorDocument::new(ErrorCode::BadRequest, message) },
            true,
        );
    }
    // Nothing can be done if standard error is closed.
    let _ = error.print();
    Status::Usage.into()
}

fn tell(failure: &Failure, json: bool) -> ExitCode {
    let status = failure.status.into();
    if !json {
        complain(&failure.error.to_string());
        return status;
    }
    match serde_json::to_string_pretty(&failure.error) {
        Ok(text) => print(&(text + "\n"), status),
        Err(_) => status,
    }
}

fn complain(message: &str) {
    // Nothing can be done if standard error is closed.
    let _ = writeln!(io::stderr().lock(), "causeway: {}", printable(message));
}

fn print(text: &str, status: ExitCode) -> ExitCode {
    finish(write(text), status)
}

fn write(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush())
}

/// A reader that has seen enough (`| head`) is no error.
fn finish(written: io::Result<()>, status: ExitCode) -> ExitCode {
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            complain(&format!("cannot write to standard output: {error}"));
            Status::Failed.into()
        }
        _ => status,
    }
}
