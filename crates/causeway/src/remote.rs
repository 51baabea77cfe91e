//! Commands that the daemon answers.

use std::{path::Path, time::Duration};

use api::{ErrorCode, ErrorDocument, LastDropsQuery, Request, Response};
use rest::client::{self, ClientError};

use crate::{
    cli::What,
    outcome::{Answer, Failure},
    show,
};

/// Beyond what the daemon allows itself, so that its own explanation arrives.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(65);

/// Asks the daemon, and puts its answer into words.
pub(crate) fn call(socket: &Path, request: &Request) -> Result<Answer, Failure> {
    let response = ask(socket, request)?;
    let warnings = match &response {
        Response::Reload(reload) => reload.warnings.as_slice(),
        _ => &[],
    };
    let narrowed = match request {
        Request::Show(show) => show.is_narrowed(),
        Request::LastDrops(query) => *query != LastDropsQuery::default(),
        _ => false,
    };
    Answer::new(&response, show::text(&response, narrowed), warnings)
}

/// Asks the daemon for one document.
pub(crate) fn show(socket: &Path, what: &What) -> Result<Answer, Failure> {
    if let What::Drops { last, .. } = what
        && let Some(query) = last.query()
    {
        return call(socket, &Request::LastDrops(query));
    }
    match what.document() {
        Some(show) => call(socket, &Request::Show(show)),
        None => Err(Failure::failed(ErrorDocument::new(ErrorCode::Internal, "this is not one document"))),
    }
}

/// Asks the daemon.
pub(crate) fn ask(socket: &Path, request: &Request) -> Result<Response, Failure> {
    client::call(socket, request, ANSWER_TIMEOUT).map_err(|error| match error {
        ClientError::Refused(document) => Failure::failed(document),
        unreachable => Failure::unreachable(unreachable.to_string()),
    })
}
