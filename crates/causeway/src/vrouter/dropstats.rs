//! `dropstats`: our reasons under vRouter's names.

use std::path::Path;

use api::{Clear, DropsDocument, DropsQuery, Dropstats, ErrorCode, ErrorDocument, Request, Response, Show};

use super::part;
use crate::{
    cli,
    outcome::{Answer, Failure},
    remote,
};

pub(super) fn run(socket: &Path, arguments: &cli::Dropstats) -> Result<Answer, Failure> {
    if arguments.clear {
        let done = remote::ask(socket, &Request::Clear(Clear::Drops))?;
        return Answer::new(&done, "\nDropstats counters cleared successfully on all cores \n\n".to_owned(), &[]);
    }
    let worker = arguments.core.map(|core| worker_on(socket, core)).transpose()?;
    let document = part(socket, Show::Drops(DropsQuery::default()), |response| match response {
        Response::Drops(document) => Some(document),
        _ => None,
    })?;
    let heading = arguments.core.map(|core| format!("Statistics for core {core}\n\n")).unwrap_or_default();
    Answer::new(&document, heading + &text(&document, worker), &[])
}

fn worker_on(socket: &Path, core: u16) -> Result<u16, Failure> {
    let workers = part(socket, Show::Workers, |response| match response {
        Response::Workers(document) => Some(document.workers),
        _ => None,
    })?;
    let found = workers.iter().find(|worker| worker.core == core).map(|worker| worker.id);
    found.ok_or_else(|| {
        let cores = workers.iter().map(|worker| worker.core.to_string()).collect::<Vec<_>>().join(", ");
        let message = format!("no worker runs on core {core}: expected one of {cores}");
        Failure::failed(ErrorDocument::new(ErrorCode::NotFound, message))
    })
}

/// Every counter of vRouter's, those that nothing here counts into as 0. Of one worker, or of all.
pub(super) fn text(document: &DropsDocument, worker: Option<u16>) -> String {
    let count = |counter: Dropstats| -> u64 {
        let name = |entry: &api::DropEntry| entry.dropstats.unwrap_or(Dropstats::Other).name();
        let entries = document.reasons.iter().filter(|entry| name(entry) == counter.name());
        let of_worker = |entry: &api::DropEntry, id| {
            entry.per_worker.iter().filter(|count| count.worker == id).map(|count| count.count).sum()
        };
        entries.map(|entry| worker.map_or(entry.count, |id| of_worker(entry, id))).sum()
    };
    let group = |counters: &&[Dropstats]| {
        let lines = counters.iter().map(|counter| format!("{:<30}{}\n", counter.name(), count(*counter)));
        lines.collect::<String>()
    };
    Dropstats::GROUPS.iter().map(group).collect::<Vec<_>>().join("\n") + "\n"
}
