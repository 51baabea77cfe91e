//! The client that the command line uses: one blocking call, one connection.

use std::{
    io::{self, ErrorKind},
    os::unix::fs::FileTypeExt,
    path::{Path, PathBuf},
    time::Duration,
};

use api::{ErrorDocument, Request, Response, Show};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Method, StatusCode,
    body::Bytes,
    client::conn::http1,
    header::{CONNECTION, HOST},
};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use tokio::{net::UnixStream, time::timeout};

use crate::{
    parameters::{ClearParameters, WatchParameters},
    routes::EXPLAIN_PATH,
};

/// Longest answer that is read. A million MACs are about 100 MB.
const ANSWER_OCTETS_MAX: usize = 512 * 1024 * 1024;

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The daemon cannot be reached.
    #[error("cannot reach causewayd at `{}`: {}", socket.display(), advice(socket, source))]
    Unreachable {
        /// The socket that was tried.
        socket: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It does not answer.
    #[error("causewayd at `{}` did not answer within {} s", socket.display(), limit.as_secs())]
    TimedOut {
        /// The socket that was tried.
        socket: PathBuf,
        /// How long it had.
        limit: Duration,
    },
    /// What answers is not causewayd, or not this version's.
    #[error("what answers at `{}` does not speak as causewayd does: {what}", socket.display())]
    Garbled {
        /// The socket that was tried.
        socket: PathBuf,
        /// What was wrong.
        what: Garble,
    },
    /// The daemon refused the request or failed at it.
    #[error(transparent)]
    Refused(ErrorDocument),
}

/// What was wrong with an answer.
#[derive(Debug, thiserror::Error)]
pub enum Garble {
    /// No HTTP, or one that broke off.
    #[error("{0}")]
    Http(#[from] hyper::Error),
    /// More than a client reads.
    #[error("the answer is longer than {ANSWER_OCTETS_MAX} octets, or broke off")]
    Length,
    /// Another document than the one that was asked for.
    #[error("the answer is not the expected document: {0}")]
    Document(#[from] serde_json::Error),
    /// A failure without the document that explains it.
    #[error("status {0} without an explanation")]
    Status(StatusCode),
    /// The request cannot be written as HTTP.
    #[error("{0}")]
    Request(#[from] hyper::http::Error),
    /// What narrows the request down cannot be written as a query.
    #[error("{0}")]
    Query(#[from] serde_urlencoded::ser::Error),
}

fn advice(socket: &Path, error: &io::Error) -> String {
    let is_socket = || socket.metadata().is_ok_and(|file| file.file_type().is_socket());
    match error.kind() {
        ErrorKind::NotFound => {
            "there is no such socket. Is causewayd running? Does its `api.socket` name this path?".to_owned()
        }
        ErrorKind::ConnectionRefused if !is_socket() => {
            "it is no socket: expected the path that causewayd's `api.socket` names".to_owned()
        }
        ErrorKind::ConnectionRefused => {
            "nobody listens on it; causewayd has ended without removing it. Start causewayd again".to_owned()
        }
        ErrorKind::PermissionDenied => {
            "permission denied. Run as root, or as a member of the group that `api.group` names".to_owned()
        }
        _ => error.to_string(),
    }
}

/// Asks the daemon behind `socket` and waits at most `limit` for its whole answer.
///
/// # Errors
/// If there is no answer, or the answer is a refusal.
pub fn call(socket: &Path, request: &Request, limit: Duration) -> Result<Response, ClientError> {
    let unreachable = |source| ClientError::Unreachable { socket: socket.to_owned(), source };
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build().map_err(unreachable)?;
    let (status, body) = runtime.block_on(async {
        let conversation = async {
            let stream = UnixStream::connect(socket).await.map_err(unreachable)?;
            converse(stream, request).await.map_err(|what| ClientError::Garbled { socket: socket.to_owned(), what })
        };
        timeout(limit, conversation).await.map_err(|_| ClientError::TimedOut { socket: socket.to_owned(), limit })?
    })?;
    let garbled = |what| ClientError::Garbled { socket: socket.to_owned(), what };
    if status.is_success() {
        return request.read_response(&body).map_err(|error| garbled(error.into()));
    }
    match serde_json::from_slice(&body) {
        Ok(refusal) => Err(ClientError::Refused(refusal)),
        Err(_) => Err(garbled(Garble::Status(status))),
    }
}

async fn converse(stream: UnixStream, request: &Request) -> Result<(StatusCode, Bytes), Garble> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Ends with the runtime at the latest; its error, if any, reaches us through the sender.
    tokio::spawn(connection);
    let (method, path) = method_and_path(request)?;
    let request = hyper::Request::builder()
        .method(method)
        .uri(path)
        .header(HOST, "causewayd")
        .header(CONNECTION, "close")
        .body(body(request))?;
    let (head, body) = sender.send_request(request).await?.into_parts();
    let body = Limited::new(body, ANSWER_OCTETS_MAX).collect().await.map_err(|_| Garble::Length)?;
    Ok((head.status, body.to_bytes()))
}

/// What a request has to say that is too long for a path.
fn body(request: &Request) -> Full<Bytes> {
    match request {
        Request::Explain(request) => serde_json::to_vec(request).expect("it has string keys only").into(),
        _ => Full::default(),
    }
}

/// The way a request goes over HTTP; the server's router reads it back.
fn method_and_path(request: &Request) -> Result<(Method, String), serde_urlencoded::ser::Error> {
    let show = match request {
        Request::Reload => return Ok((Method::POST, "/v1/reload".to_owned())),
        Request::Clear(clear) => {
            return Ok((Method::POST, path("/v1/counters/clear", &ClearParameters::from(clear))?));
        }
        Request::Explain(_) => return Ok((Method::POST, EXPLAIN_PATH.to_owned())),
        Request::LastDrops(query) => return Ok((Method::GET, path("/v1/drops/last", query)?)),
        Request::Watch(query) => return Ok((Method::POST, path("/v1/watches", query)?)),
        Request::WatchNext(id) => return Ok((Method::POST, path("/v1/watches/next", &WatchParameters { id: *id })?)),
        Request::WatchEnd(id) => return Ok((Method::POST, path("/v1/watches/end", &WatchParameters { id: *id })?)),
        Request::Show(show) => show,
    };
    let path = match show {
        Show::Ports => "/v1/ports".to_owned(),
        Show::Vifs(query) => path("/v1/vifs", query)?,
        Show::Networks => "/v1/networks".to_owned(),
        Show::Fdb(query) => path("/v1/fdb", query)?,
        Show::Nexthops(query) => path("/v1/nexthops", query)?,
        Show::Labels(query) => path("/v1/labels", query)?,
        Show::Vteps(query) => path("/v1/vteps", query)?,
        Show::Hosts(query) => path("/v1/hosts", query)?,
        Show::Drops(query) => path("/v1/drops", query)?,
        Show::Stp => "/v1/stp".to_owned(),
        Show::Storm(query) => path("/v1/storm", query)?,
        Show::Reachability(query) => path("/v1/reachability", query)?,
        Show::Events(query) => path("/v1/events", query)?,
        Show::Host => "/v1/host".to_owned(),
        Show::Workers => "/v1/workers".to_owned(),
        Show::Config => "/v1/config".to_owned(),
        Show::Version => "/v1/version".to_owned(),
    };
    Ok((Method::GET, path))
}

fn path(path: &str, query: &impl Serialize) -> Result<String, serde_urlencoded::ser::Error> {
    let query = serde_urlencoded::to_string(query)?;
    Ok(if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") })
}
