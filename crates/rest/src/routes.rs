//! From HTTP to [`api::Request`] and back.

use std::{sync::Arc, time::Duration};

use api::{ErrorCode, ErrorDocument, Show};
use axum::{
    Extension, Router,
    body::{Body, Bytes, to_bytes},
    extract::{FromRequestParts, Query, Request, State},
    http::{HeaderValue, Method, StatusCode, Uri, header, request::Parts},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{MethodFilter, MethodRouter, get, on, post},
};
use serde::{Deserialize, de::DeserializeOwned};
use tokio::{sync::Semaphore, task::spawn_blocking, time::timeout};

use crate::{
    Backend,
    parameters::{ClearParameters, WatchParameters},
    peer::{Peer, Privileged},
};

/// Calls into the backend at once, each on a thread of its own; further ones wait.
pub(crate) const CALLS_MAX: usize = 4;
/// How long a request waits for the backend's answer.
const CALL_TIMEOUT: Duration = Duration::from_secs(60);
/// Only one request of `/v1` has a body; of any other's so much is read to tell so.
const BODY_OCTETS_MAX: usize = 4 * 1024;
/// The longest frame in hexadecimal, and what stands around it.
const EXPLAIN_OCTETS_MAX: usize = 32 * 1024;
pub(crate) const EXPLAIN_PATH: &str = "/v1/explain";
const BODY_TIMEOUT: Duration = Duration::from_secs(5);

const PATHS: &str = "GET /v1/ports, vifs, networks, fdb, nexthops, labels, vteps, hosts, drops, drops/last, storm, \
                     stp, reachability, events, host, workers, config, version; \
                     POST /v1/reload, explain, counters/clear, watches, watches/next, watches/end";

#[derive(Clone)]
struct Gate {
    backend: Arc<dyn Backend>,
    privileged: Arc<Privileged>,
    calls: Arc<Semaphore>,
}

pub(crate) fn router(backend: Arc<dyn Backend>, privileged: Privileged) -> Router {
    let show = |show: Show| {
        get(|gate: State<Gate>, peer: Extension<Peer>, _: Parameters<Nothing>| async move {
            answer(gate.0, peer.0, api::Request::Show(show)).await
        })
    };
    Router::new()
        .route("/v1/ports", show(Show::Ports))
        .route("/v1/vifs", narrowed(Show::Vifs))
        .route("/v1/networks", show(Show::Networks))
        .route("/v1/fdb", narrowed(Show::Fdb))
        .route("/v1/nexthops", narrowed(Show::Nexthops))
        .route("/v1/labels", narrowed(Show::Labels))
        .route("/v1/vteps", narrowed(Show::Vteps))
        .route("/v1/hosts", narrowed(Show::Hosts))
        .route("/v1/drops", narrowed(Show::Drops))
        .route("/v1/stp", show(Show::Stp))
        .route("/v1/storm", narrowed(Show::Storm))
        .route("/v1/reachability", narrowed(Show::Reachability))
        .route("/v1/events", narrowed(Show::Events))
        .route("/v1/host", show(Show::Host))
        .route("/v1/workers", show(Show::Workers))
        .route("/v1/config", show(Show::Config))
        .route("/v1/version", show(Show::Version))
        .route(EXPLAIN_PATH, post(explain))
        .route("/v1/reload", post(reload))
        .route("/v1/counters/clear", post(clear))
        .route("/v1/drops/last", asking(MethodFilter::GET, api::Request::LastDrops))
        .route("/v1/watches", asking(MethodFilter::POST, api::Request::Watch))
        .route("/v1/watches/next", asking(MethodFilter::POST, |of: WatchParameters| api::Request::WatchNext(of.id)))
        .route("/v1/watches/end", asking(MethodFilter::POST, |of: WatchParameters| api::Request::WatchEnd(of.id)))
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        .layer(middleware::from_fn(refuse_body))
        .with_state(Gate { backend, privileged: Arc::new(privileged), calls: Arc::new(Semaphore::new(CALLS_MAX)) })
}

/// The query of a request; what is in it and unknown or wrong is refused.
struct Parameters<T>(T);

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Parameters<T> {
    type Rejection = Response;

    async fn from_request_parts(head: &mut Parts, _: &S) -> Result<Self, Response> {
        Query::try_from_uri(&head.uri)
            .map(|Query(parameters)| Self(parameters))
            .map_err(|rejection| refuse(ErrorCode::BadRequest, format!("`{}`: {}", head.uri, rejection.body_text())))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// A path whose query is a document of its own.
fn narrowed<Q: DeserializeOwned + Send + 'static>(show: fn(Q) -> Show) -> MethodRouter<Gate> {
    get(move |gate: State<Gate>, peer: Extension<Peer>, query: Parameters<Q>| async move {
        answer(gate.0, peer.0, api::Request::Show(show(query.0))).await
    })
}

/// A path whose query says it all.
fn asking<Q: DeserializeOwned + Send + 'static>(
    by: MethodFilter,
    request: fn(Q) -> api::Request,
) -> MethodRouter<Gate> {
    on(by, move |gate: State<Gate>, peer: Extension<Peer>, query: Parameters<Q>| async move {
        answer(gate.0, peer.0, request(query.0)).await
    })
}

async fn clear(gate: State<Gate>, peer: Extension<Peer>, query: Parameters<ClearParameters>) -> Response {
    match query.0.meant() {
        Some(clear) => answer(gate.0, peer.0, api::Request::Clear(clear)).await,
        None => {
            let message = "`/v1/counters/clear` takes one of `vif=NAME`, `port=NAME` and `drops=true`, or none for all";
            refuse(ErrorCode::BadRequest, message.to_owned())
        }
    }
}

async fn explain(gate: State<Gate>, peer: Extension<Peer>, _: Parameters<Nothing>, body: Body) -> Response {
    let octets = match read_body(body, EXPLAIN_OCTETS_MAX, "a port and one frame were expected").await {
        Ok(octets) => octets,
        Err(refusal) => return refusal,
    };
    match serde_json::from_slice(&octets) {
        Ok(request) => answer(gate.0, peer.0, api::Request::Explain(request)).await,
        Err(error) => {
            let message = format!("`{EXPLAIN_PATH}` takes a JSON object with `port` and `frame`: {error}");
            refuse(ErrorCode::BadRequest, message)
        }
    }
}

async fn reload(gate: State<Gate>, peer: Extension<Peer>, _: Parameters<Nothing>) -> Response {
    answer(gate.0, peer.0, api::Request::Reload).await
}

async fn unknown_path(uri: Uri) -> Response {
    refuse(ErrorCode::NotFound, format!("no such path: `{}`; there are {PATHS}", uri.path()))
}

async fn wrong_method(method: Method, uri: Uri) -> Response {
    let message = format!("`{}` does not take {method}; there are {PATHS}", uri.path());
    refuse(ErrorCode::MethodNotAllowed, message)
}

async fn refuse_body(request: Request, next: Next) -> Response {
    if request.uri().path() == EXPLAIN_PATH {
        return next.run(request).await;
    }
    let (head, body) = request.into_parts();
    match read_body(body, BODY_OCTETS_MAX, "none was expected").await {
        Ok(octets) if octets.is_empty() => next.run(Request::from_parts(head, Body::empty())).await,
        Ok(octets) => {
            let message = format!("{} `{}` takes no body, got {} octets", head.method, head.uri.path(), octets.len());
            refuse(ErrorCode::BadRequest, message)
        }
        Err(refusal) => refusal,
    }
}

/// A request's body, or why it is refused.
async fn read_body(body: Body, octets_max: usize, expected: &str) -> Result<Bytes, Response> {
    match timeout(BODY_TIMEOUT, to_bytes(body, octets_max)).await {
        Ok(Ok(octets)) => Ok(octets),
        Ok(Err(error)) if is_too_long(&error) => {
            let message = format!("request body of more than {octets_max} octets; {expected}");
            Err(refuse(ErrorCode::TooLarge, message))
        }
        Ok(Err(error)) => Err(refuse(ErrorCode::BadRequest, format!("cannot read the request body: {error}"))),
        Err(_) => {
            let message = format!("the request's body did not arrive within {} s", BODY_TIMEOUT.as_secs());
            Err(refuse(ErrorCode::RequestTimeout, message))
        }
    }
}

fn is_too_long(error: &axum::Error) -> bool {
    std::error::Error::source(error).is_some_and(|source| source.is::<http_body_util::LengthLimitError>())
}

async fn answer(gate: Gate, peer: Peer, request: api::Request) -> Response {
    match timeout(CALL_TIMEOUT, call(gate, peer, request)).await {
        Ok(Ok(document)) => json(StatusCode::OK, document.into()),
        Ok(Err(error)) => refusal(&error),
        Err(_) => {
            let message = format!("causewayd did not answer within {} s", CALL_TIMEOUT.as_secs());
            refuse(ErrorCode::Unavailable, message)
        }
    }
}

/// Off the async thread: the check of the peer may read the user database, the backend blocks, and a document with a
/// million MACs takes its time to write.
async fn call(gate: Gate, peer: Peer, request: api::Request) -> Result<Vec<u8>, ErrorDocument> {
    let stopping = || ErrorDocument::new(ErrorCode::Unavailable, "causewayd is stopping");
    let permit = Arc::clone(&gate.calls).acquire_owned().await.map_err(|_| stopping())?;
    let called = spawn_blocking(move || {
        // Held until the backend is done, even if the client has gone meanwhile.
        let _permit = permit;
        if (request.changes() || request.shows_frames()) && !gate.privileged.includes(peer) {
            return Err(forbidden(peer));
        }
        let response = gate.backend.call(request)?;
        serde_json::to_vec(&response).map_err(|error| {
            ErrorDocument::new(ErrorCode::Internal, format!("the answer cannot be written as JSON: {error}"))
        })
    });
    called.await.unwrap_or_else(|failure| {
        tracing::error!(%failure, "a request on the management socket failed");
        Err(ErrorDocument::new(ErrorCode::Internal, "causewayd failed at this request; its log tells more"))
    })
}

fn forbidden(peer: Peer) -> ErrorDocument {
    let message = format!(
        "user {} (group {}) may look but neither change anything nor see frames: only root, causewayd's own user and the members of \
         `api.group` may",
        peer.uid, peer.gid
    );
    ErrorDocument::new(ErrorCode::Forbidden, message)
}

fn refuse(code: ErrorCode, message: String) -> Response {
    refusal(&ErrorDocument::new(code, message))
}

fn refusal(error: &ErrorDocument) -> Response {
    match serde_json::to_vec(error) {
        Ok(body) => json(status(error.code), body.into()),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn json(status: StatusCode, body: Bytes) -> Response {
    (status, [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response()
}

fn status(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::BadRequest => StatusCode::BAD_REQUEST,
        ErrorCode::Forbidden => StatusCode::FORBIDDEN,
        ErrorCode::NotFound => StatusCode::NOT_FOUND,
        ErrorCode::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        ErrorCode::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorCode::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
        ErrorCode::Configuration => StatusCode::UNPROCESSABLE_ENTITY,
        ErrorCode::Busy | ErrorCode::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorCode::Unreachable | ErrorCode::Internal | ErrorCode::Other => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
