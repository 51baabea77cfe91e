//! Frames as they come: fetches what the daemon sees until it is over, and hands each to whoever writes them.

mod line;
mod pcapng;

use std::{
    fs::File,
    io::{self, ErrorKind, Write},
    path::Path,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use api::{
    ErrorCode, ErrorDocument, Request, Response, SeenDocument, SeenFrame, SeenTotals, WatchDocument, WatchQuery,
};
use serde::Serialize;
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    flag,
};

use crate::{
    cli::{Capture, Cli, Command, Trace},
    outcome::{self, Answer, Failure},
    remote,
};
use pcapng::PcapngFile;

pub(crate) use line::last_drops;

/// How it went.
#[derive(Clone, Debug, Serialize)]
struct Summary {
    /// Frames that were written.
    frames: u64,
    /// Frames that the filter did not want.
    filtered_out: u64,
    /// Frames that were more than could be taken in.
    lost: u64,
    /// Why it is over.
    ended: String,
    /// The file, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
}

/// Whoever writes frames down.
trait Sink {
    fn begin(&mut self, query: &WatchQuery, document: &WatchDocument) -> io::Result<()>;
    fn frames(&mut self, frames: &[SeenFrame]) -> io::Result<()>;
    fn end(&mut self, totals: SeenTotals) -> io::Result<()>;
}

/// If frames are asked for as they come: shows them, and gives the exit status.
pub(crate) fn run(cli: &Cli) -> Option<ExitCode> {
    match &cli.command {
        Command::Capture(arguments) => Some(capture(cli, arguments)),
        Command::Trace(arguments) => Some(trace(cli, arguments)),
        _ => None,
    }
}

fn capture(cli: &Cli, arguments: &Capture) -> ExitCode {
    let query = arguments.query();
    let Some(path) = &arguments.write else {
        return follow(cli, &query, &mut line::Lines::new(cli.json, false), None);
    };
    let writer: Box<dyn Write> = if path.as_os_str() == "-" {
        Box::new(io::stdout())
    } else {
        match File::create(path) {
            Ok(file) => Box::new(io::BufWriter::new(file)),
            Err(error) => return outcome::report(&Err(cannot_write(path, &error)), cli.json),
        }
    };
    follow(cli, &query, &mut PcapngFile::new(writer), Some(path))
}

fn trace(cli: &Cli, arguments: &Trace) -> ExitCode {
    follow(cli, &arguments.query(), &mut line::Lines::new(cli.json, true), None)
}

/// Fetches until it is over, the reader has gone or the operator interrupts. What has been seen until then is written in any
/// case. The summary goes to standard error, unless the frames go to a file.
fn follow(cli: &Cli, query: &WatchQuery, sink: &mut dyn Sink, path: Option<&Path>) -> ExitCode {
    let outcome = fetch_all(cli, query, sink, path);
    match path {
        Some(path) if path.as_os_str() != "-" => outcome::report(&outcome, cli.json),
        _ => outcome::report_aside(&outcome, cli.json),
    }
}

fn fetch_all(cli: &Cli, query: &WatchQuery, sink: &mut dyn Sink, path: Option<&Path>) -> Result<Answer, Failure> {
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // Without it a signal ends the command at once, and the daemon notices when nobody fetches any more.
        let _ = flag::register(signal, Arc::clone(&interrupted));
    }
    let Response::Watch(document) = remote::ask(&cli.socket, &Request::Watch(query.clone()))? else {
        return Err(unexpected());
    };
    let mut written = sink.begin(query, &document);
    loop {
        // Relaxed: the flag publishes nothing.
        let over = written.is_err() || interrupted.load(Ordering::Relaxed);
        let request = if over { Request::WatchEnd(document.id) } else { Request::WatchNext(document.id) };
        let Response::Seen(seen) = remote::ask(&cli.socket, &request)? else { return Err(unexpected()) };
        written = written.and_then(|()| sink.frames(&seen.frames));
        if over || seen.ended.is_some() {
            written = written.and_then(|()| sink.end(seen.totals));
            return answer(written, &seen, path);
        }
    }
}

/// A reader that has seen enough (`| head`) is no error.
fn answer(written: io::Result<()>, seen: &SeenDocument, path: Option<&Path>) -> Result<Answer, Failure> {
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            return Err(cannot_write(path.unwrap_or(Path::new("-")), &error));
        }
        _ => {}
    }
    let SeenTotals { delivered, filtered_out, lost } = seen.totals;
    let file = path.filter(|path| path.as_os_str() != "-").map(|path| path.display().to_string());
    let summary =
        Summary { frames: delivered, filtered_out, lost, ended: seen.ended.clone().unwrap_or_default(), file };
    let mut text = format!("{delivered} frames");
    if filtered_out > 0 {
        text += &format!("; {filtered_out} more were seen and not wanted by the filter");
    }
    if lost > 0 {
        text += &format!("; {lost} more were lost, because they came faster than they could be taken in");
    }
    if let Some(file) = &summary.file {
        text += &format!("; written to {file}");
    }
    Answer::new(&summary, text + "\n", &[])
}

fn cannot_write(path: &Path, error: &io::Error) -> Failure {
    let message = format!("cannot write to `{}`: {error}", path.display());
    Failure::failed(ErrorDocument::new(ErrorCode::Other, message))
}

fn unexpected() -> Failure {
    Failure::failed(ErrorDocument::new(ErrorCode::Internal, "the answer is not about frames"))
}
