//! The thread that accepts, and its limits.

use std::{
    convert::Infallible,
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{UnixListener, UnixStream},
    runtime::Runtime,
    sync::oneshot,
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::{
    peer::{Peer, Privileged, group_id},
    routes,
    socket::{self, SocketFile},
};

/// Connections served at once; further ones wait in the kernel's backlog.
const CONNECTIONS_MAX: usize = 32;
/// Octets of the request line and headers together.
const HEAD_OCTETS_MAX: usize = 16 * 1024;
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// For everything together, from the connection to the last octet of the answer: whoever does not read is cut off.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(90);
/// How long `stop` waits for answers under way.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);
/// Pause after a failed accept (out of descriptors, as a rule): it would fail again at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What answers the requests: in the daemon, control behind a bounded channel.
pub trait Backend: Send + Sync + 'static {
    /// Answers one request. May block, for a bounded time; called from several threads at once.
    ///
    /// # Errors
    /// The document that tells the operator why not.
    fn call(&self, request: api::Request) -> Result<api::Response, api::ErrorDocument>;
}

/// Where to listen, and for whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The socket's absolute path. Its directory is made if it is missing.
    pub socket: PathBuf,
    /// The group whose members may connect and change things beside root. One that does not exist is a warning in the log,
    /// and the socket stays root's.
    pub group: Option<String>,
}

/// Why the management socket cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum RestError {
    /// The path names no file under an absolute directory.
    #[error("management socket `{}`: expected the absolute path of a file, such as /run/causeway/causeway.sock", socket.display())]
    SocketPath {
        /// The path as configured.
        socket: PathBuf,
    },
    /// The directory is missing and cannot be made.
    #[error("cannot make the directory `{}` of the management socket: {source}", directory.display())]
    Directory {
        /// The directory.
        directory: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Somebody listens there.
    #[error(
        "management socket `{}` is in use by a running process; stop it, or configure another `api.socket`",
        socket.display()
    )]
    InUse {
        /// The path as configured.
        socket: PathBuf,
    },
    /// There is a file which is no socket; it is left alone.
    #[error("`{}` exists and is no socket; remove it, or configure another `api.socket`", socket.display())]
    NotASocket {
        /// The path as configured.
        socket: PathBuf,
    },
    /// The system refused.
    #[error("cannot {step} the management socket `{}`: {source}", socket.display())]
    Socket {
        /// What was being done.
        step: &'static str,
        /// The path as configured.
        socket: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No thread or no runtime for it.
    #[error("cannot start the thread that serves the management socket: {source}")]
    Thread {
        /// Why.
        source: io::Error,
    },
}

/// A running server. Dropping it stops it, as [`stop`](Self::stop) does.
pub struct Handle {
    socket: PathBuf,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Handle {
    /// The path that it listens on.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Takes no further connection, removes the socket file, gives answers under way 2 s, and joins the thread.
    pub fn stop(mut self) {
        self.stop_and_join();
    }

    fn stop_and_join(&mut self) {
        // The send fails only if the thread has ended already.
        let _ = self.stop.take().map(|stop| stop.send(()));
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that serves the management socket panicked");
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.stop_and_join();
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("socket", &self.socket).finish_non_exhaustive()
    }
}

/// Serves `backend` on the management socket until the handle is stopped. When this returns, clients can connect.
///
/// # Errors
/// If the socket cannot be made, or somebody else listens on it.
pub fn serve(config: Config, backend: Arc<dyn Backend>) -> Result<Handle, RestError> {
    let group = config.group.as_deref().and_then(|name| {
        let id = group_id(name);
        if id.is_none() {
            tracing::warn!(
                group = name,
                socket = %config.socket.display(),
                "no such group: only root can use the management socket until \
                 `groupadd --system {name}` and a restart of causewayd"
            );
        }
        id
    });
    let (listener, file) = socket::listen(&config.socket, group)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .max_blocking_threads(routes::CALLS_MAX)
        .thread_name("rest-call")
        .build()
        .map_err(|source| RestError::Thread { source })?;
    listener.set_nonblocking(true).map_err(|source| RestError::Thread { source })?;
    let listener = {
        let _inside = runtime.enter();
        UnixListener::from_std(listener).map_err(|source| RestError::Thread { source })?
    };
    let router = routes::router(backend, Privileged::new(group));
    let (stop, stopped) = oneshot::channel();
    let socket = file.path().to_owned();
    let thread = std::thread::Builder::new()
        .name("rest".to_owned())
        .spawn(move || run(runtime, listener, file, router, stopped))
        .map_err(|source| RestError::Thread { source })?;
    Ok(Handle { socket, stop: Some(stop), thread: Some(thread) })
}

fn run(runtime: Runtime, listener: UnixListener, file: SocketFile, router: Router, stop: oneshot::Receiver<()>) {
    runtime.block_on(async move {
        let mut connections = JoinSet::new();
        // `stop` also ends when the handle is gone without a word.
        tokio::select! {
            _ = stop => {}
            never = accept(&listener, &router, &mut connections) => match never {},
        }
        drop((listener, file));
        // On time-out the rest is cut off when the set is dropped.
        let _ = timeout(STOP_TIMEOUT, async { while connections.join_next().await.is_some() {} }).await;
    });
    // Calls that still block in the backend are left to end by themselves.
    runtime.shutdown_background();
}

async fn accept(listener: &UnixListener, router: &Router, connections: &mut JoinSet<()>) -> Infallible {
    loop {
        while connections.len() >= CONNECTIONS_MAX {
            connections.join_next().await;
        }
        while connections.try_join_next().is_some() {}
        let peer = listener.accept().await.and_then(|(stream, _)| Ok((Peer::of(&stream)?, stream)));
        match peer {
            Ok((peer, stream)) => {
                connections.spawn(converse(stream, router.clone().layer(Extension(peer))));
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection to the management socket");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// One request, one answer.
async fn converse(stream: UnixStream, router: Router) {
    let conversation = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_OCTETS_MAX)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    match timeout(CONNECTION_TIMEOUT, conversation).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "conversation on the management socket broke off"),
        Err(_) => tracing::debug!("conversation on the management socket took too long"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use nix::unistd::{Gid, Uid};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    const OPERATORS: Gid = Gid::from_raw(4_000_000_001);

    /// Counts its calls.
    #[derive(Default)]
    struct Counting(AtomicU32);

    impl Backend for Counting {
        fn call(&self, request: api::Request) -> Result<api::Response, api::ErrorDocument> {
            // Relaxed: read after the conversation has ended.
            self.0.fetch_add(1, Ordering::Relaxed);
            Ok(match request {
                api::Request::Reload => api::Response::Reload(api::ReloadDocument::default()),
                api::Request::LastDrops(_) => api::Response::LastDrops(api::LastDropsDocument::default()),
                api::Request::Show(_) => api::Response::Ports(api::PortsDocument::default()),
                _ => unreachable!("not asked for here"),
            })
        }
    }

    /// The answer to a request line from that user and group, and how often the backend was called for it.
    fn ask(uid: u32, gid: Gid, line: &str) -> (String, u32) {
        let backend = Arc::new(Counting::default());
        let peer = Peer { uid: Uid::from_raw(uid), gid };
        let router = routes::router(backend.clone(), Privileged::new(Some(OPERATORS))).layer(Extension(peer));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build();
        let answer = runtime.expect("a runtime").block_on(async {
            let (mut client, server) = UnixStream::pair().expect("a pair of sockets");
            let server = tokio::spawn(converse(server, router));
            client.write_all(format!("{line} HTTP/1.1\r\nHost: c\r\n\r\n").as_bytes()).await.expect("writes");
            let mut answer = String::new();
            client.read_to_string(&mut answer).await.expect("reads");
            server.await.expect("ends");
            answer
        });
        (answer, backend.0.load(Ordering::Relaxed))
    }

    #[test]
    fn a_stranger_may_look_but_not_change() {
        let (shown, calls) = ask(4_000_000_002, Gid::from_raw(4_000_000_002), "GET /v1/ports");
        assert!(shown.starts_with("HTTP/1.1 200 "), "{shown}");
        assert_eq!(calls, 1);
        for line in [
            "POST /v1/reload",
            "POST /v1/counters/clear",
            "GET /v1/drops/last",
            "POST /v1/watches?kind=capture&vif=a",
            "POST /v1/watches/next?id=1",
        ] {
            let (refused, calls) = ask(4_000_000_002, Gid::from_raw(4_000_000_002), line);
            assert!(refused.starts_with("HTTP/1.1 403 "), "{refused}");
            assert!(refused.contains(r#""code":"forbidden""#) && refused.contains("user 4000000002"), "{refused}");
            assert_eq!(calls, 0, "the backend never hears of it");
        }
    }

    #[test]
    fn root_and_the_group_may_change() {
        for (uid, gid) in [(0, Gid::from_raw(0)), (4_000_000_002, OPERATORS)] {
            let (done, calls) = ask(uid, gid, "POST /v1/reload");
            assert!(done.starts_with("HTTP/1.1 200 "), "{done}");
            assert_eq!(calls, 1);
        }
    }
}
