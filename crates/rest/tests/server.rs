//! The server on a temporary socket, with a backend that answers from the `api` crate's documents.

use std::{
    fs,
    io::{ErrorKind, Read, Write},
    net::Shutdown,
    os::unix::{
        fs::{FileTypeExt, MetadataExt, PermissionsExt},
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    sync::{
        Arc, Barrier,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use api::{
    Clear, DropsQuery, ErrorCode, ErrorDocument, EventsQuery, ExplainRequest, ExplainTunnel, FdbQuery, HostsQuery,
    LabelsQuery, NexthopsQuery, ReachabilityQuery, Request, Response, Show, VifsQuery, VtepsQuery,
};
use nix::unistd::{Gid, Group, getegid, geteuid};
use rest::{
    Backend, Config, RestError,
    client::{self, ClientError},
};

const PATIENCE: Duration = Duration::from_secs(20);

/// A directory of its own for one test, gone afterwards.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        // Relaxed: only the numbers must differ.
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("causeway-rest-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).expect("the temporary directory is writable");
        Self(path)
    }

    fn socket(&self) -> PathBuf {
        self.0.join("run/c.sock")
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn config(socket: &Path) -> Config {
    Config { socket: socket.to_owned(), group: None }
}

/// Answers from the documents; some networks' names ask for trouble.
struct Documents;

impl Backend for Documents {
    fn call(&self, request: Request) -> Result<Response, ErrorDocument> {
        let name = match &request {
            Request::Show(Show::Ports) => "ports",
            Request::Show(Show::Vifs(_)) => "vifs",
            Request::Show(Show::Networks) => "networks",
            Request::Show(Show::Fdb(FdbQuery { network: Some(network), .. })) if network == "panic" => {
                panic!("asked to")
            }
            Request::Show(Show::Fdb(FdbQuery { network: Some(network), .. })) => {
                return Err(ErrorDocument::new(ErrorCode::NotFound, format!("no network `{network}`")));
            }
            Request::Show(Show::Fdb(_)) => "fdb",
            Request::Show(Show::Nexthops(_)) => "nexthops",
            Request::Show(Show::Labels(_)) => "labels",
            Request::Show(Show::Vteps(_)) => "vteps",
            Request::Show(Show::Hosts(_)) => "hosts",
            Request::Show(Show::Drops(DropsQuery { all: false, .. })) => {
                return Ok(Response::Drops(api::DropsDocument::default()));
            }
            Request::Show(Show::Drops(_)) => "drops",
            Request::Show(Show::Stp) => "stp",
            Request::Show(Show::Storm(_)) => "storm",
            Request::Show(Show::Reachability(_)) => "reachability",
            Request::Show(Show::Events(_)) => "events",
            Request::Show(Show::Host) => "host",
            Request::Show(Show::Workers) => "workers",
            Request::Show(Show::Config) => "config",
            Request::Show(Show::Version) => "version",
            Request::Explain(_) => "explain",
            Request::Clear(_) => "clear",
            Request::Reload => "reload",
            Request::LastDrops(_) => "last-drops",
            Request::Watch(_) => "watch",
            Request::WatchNext(_) | Request::WatchEnd(_) => "seen",
        };
        Ok(request.read_response(document(name).as_bytes()).expect("documents are valid"))
    }
}

fn document(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../api/tests/documents").join(format!("{name}.json"));
    fs::read_to_string(path).expect("the documents are in the repository")
}

/// Status and body of the answer to these octets.
fn exchange(socket: &Path, octets: &[u8]) -> (u16, Vec<u8>) {
    let mut stream = UnixStream::connect(socket).expect("the server listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("not zero");
    // The server may answer and close before it has read all of a request that is too large.
    let _ = stream.write_all(octets);
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    assert!(read.as_ref().is_ok_and(|_| true) || !answer.is_empty(), "{read:?}");
    let split = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
    let head = String::from_utf8_lossy(&answer[..split]).into_owned();
    let status = head.split(' ').nth(1).expect("a status").parse().expect("a number");
    (status, answer[split + 4..].to_vec())
}

fn error(socket: &Path, request: &str) -> (u16, ErrorDocument) {
    let (status, body) = exchange(socket, request.as_bytes());
    (status, serde_json::from_slice(&body).unwrap_or_else(|e| panic!("{request}: {e}: {body:?}")))
}

fn explain(frame: &str, in_tunnel: bool) -> ExplainRequest {
    let from = "fd00::2".parse().expect("an address");
    let tunnel = ExplainTunnel { from, encapsulation: "VXLAN".into(), number: 5100 };
    ExplainRequest { port: "blau grün".into(), frame: frame.into(), tunnel: in_tunnel.then_some(tunnel) }
}

fn posted(path: &str, body: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: c\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

fn line(line: &str) -> String {
    format!("{line} HTTP/1.1\r\nHost: c\r\n\r\n")
}

fn watch() -> api::WatchQuery {
    api::WatchQuery {
        kind: api::WatchKind::Capture,
        vif: Some("a b".into()),
        port: None,
        outside: true,
        direction: Some(api::SeenDirection::Out),
        filter: Some("vlan 100 && (arp || ip[8] < 2)".into()),
        snaplen: Some(96),
        count: Some(5),
        duration_ms: Some(1500),
    }
}

#[test]
fn every_request_of_the_client_gets_its_document() {
    let directory = Directory::new();
    let handle = rest::serve(config(&directory.socket()), Arc::new(Documents)).expect("serves");
    let fdb = |network: Option<&str>| {
        Request::Show(Show::Fdb(FdbQuery { network: network.map(str::to_owned), ..FdbQuery::default() }))
    };
    for request in [
        Request::Show(Show::Ports),
        Request::Show(Show::Vifs(VifsQuery::default())),
        Request::Show(Show::Networks),
        fdb(None),
        Request::Show(Show::Nexthops(NexthopsQuery::default())),
        Request::Show(Show::Drops(DropsQuery::default())),
        Request::Show(Show::Drops(DropsQuery { all: true, stage: None })),
        Request::Show(Show::Workers),
        Request::Show(Show::Config),
        Request::Show(Show::Version),
        Request::Explain(explain("00", false)),
        Request::Clear(Clear::All),
        Request::Reload,
        Request::LastDrops(api::LastDropsQuery { reason: Some("runt".into()), vif: None }),
        Request::Watch(watch()),
        Request::WatchNext(7),
        Request::WatchEnd(7),
    ] {
        let answer = client::call(handle.socket(), &request, PATIENCE);
        assert_eq!(answer.expect("an answer"), Documents.call(request).expect("an answer"));
    }
    for name in ["no/such&net=work", "blau grün", "a+b%20c", "?#"] {
        match client::call(handle.socket(), &fdb(Some(name)), PATIENCE) {
            Err(ClientError::Refused(error)) => assert_eq!(error.message, format!("no network `{name}`")),
            other => panic!("{other:?}"),
        }
    }
    handle.stop();
}

#[test]
fn what_narrows_a_request_down_arrives_as_it_was_meant() {
    /// Answers with the request itself, as the text of a refusal.
    struct Echo;
    impl Backend for Echo {
        fn call(&self, request: Request) -> Result<Response, ErrorDocument> {
            Err(ErrorDocument::new(ErrorCode::NotFound, format!("{request:?}")))
        }
    }
    let directory = Directory::new();
    let handle = rest::serve(config(&directory.socket()), Arc::new(Echo)).expect("serves");
    let vifs = VifsQuery {
        network: Some("blau grün&x=y".into()),
        port: Some("access0".into()),
        vlan: Some(0),
        name: Some("*?%20".into()),
        offset: u64::MAX,
        limit: Some(0),
    };
    let fdb = FdbQuery {
        network: None,
        mac: Some("02:00:00:00:10:64".into()),
        vtep: Some("fd00::1".parse().expect("an address")),
        offset: 0,
        limit: Some(7),
    };
    for request in [
        Request::Show(Show::Vifs(vifs)),
        Request::Watch(watch()),
        Request::Show(Show::Vifs(VifsQuery::default())),
        Request::Show(Show::Fdb(fdb)),
        Request::Show(Show::Labels(LabelsQuery { network: Some("a b".into()), offset: 1, limit: Some(2) })),
        Request::Show(Show::Vteps(VtepsQuery { vtep: "fd00::1".parse().ok(), network: Some("a".into()) })),
        Request::Show(Show::Hosts(HostsQuery { ip: "10.0.0.1".parse().ok(), ..HostsQuery::default() })),
        Request::Show(Show::Nexthops(NexthopsQuery { vtep: "172.16.0.2".parse().ok() })),
        Request::Show(Show::Drops(DropsQuery { all: true, stage: Some("flood".into()) })),
        Request::Show(Show::Drops(DropsQuery::default())),
        Request::Show(Show::Reachability(ReachabilityQuery {
            state: Some(api::ReachabilityState::PortDown),
            name: Some("a*".into()),
            ..ReachabilityQuery::default()
        })),
        Request::Show(Show::Events(EventsQuery {
            kind: Some("link".into()),
            since: "2026-11-22T18:33:00Z".parse().ok(),
            last: Some(3),
        })),
        Request::Explain(explain(&"5a".repeat(9_728), true)),
        Request::Clear(Clear::All),
        Request::Clear(Clear::Vif("blau grün".into())),
        Request::Clear(Clear::Port("access0".into())),
        Request::Clear(Clear::Drops),
    ] {
        match client::call(handle.socket(), &request, PATIENCE) {
            Err(ClientError::Refused(error)) => assert_eq!(error.message, format!("{request:?}")),
            other => panic!("{other:?}"),
        }
    }
    handle.stop();
}

#[test]
fn wrong_requests_are_refused_with_a_document() {
    let directory = Directory::new();
    let handle = rest::serve(config(&directory.socket()), Arc::new(Documents)).expect("serves");
    for (request, status, code, word) in [
        (line("GET /v1/nonsense"), 404, ErrorCode::NotFound, "`/v1/nonsense`"),
        (line("GET /v2/ports"), 404, ErrorCode::NotFound, "GET /v1/ports"),
        (line("GET /"), 404, ErrorCode::NotFound, "`/`"),
        (line("POST /v1/ports"), 405, ErrorCode::MethodNotAllowed, "does not take POST"),
        (line("GET /v1/reload"), 405, ErrorCode::MethodNotAllowed, "POST /v1/reload"),
        (line("DELETE /v1/fdb"), 405, ErrorCode::MethodNotAllowed, "DELETE"),
        (line("GET /v1/fdb?net=blue"), 400, ErrorCode::BadRequest, "net"),
        (line("GET /v1/ports?all=true"), 400, ErrorCode::BadRequest, "all"),
        (line("GET /v1/drops?all=maybe"), 400, ErrorCode::BadRequest, "maybe"),
        (line("GET /v1/vifs?vlan=x"), 400, ErrorCode::BadRequest, "vlan"),
        (line("GET /v1/vifs?limit=-1"), 400, ErrorCode::BadRequest, "limit"),
        (line("GET /v1/fdb?vtep=fabric"), 400, ErrorCode::BadRequest, "vtep"),
        (line("GET /v1/counters/clear"), 405, ErrorCode::MethodNotAllowed, "counters/clear"),
        (line("POST /v1/counters/clear?vif=a&drops=true"), 400, ErrorCode::BadRequest, "or none for all"),
        (line("POST /v1/counters/clear?vfi=a"), 400, ErrorCode::BadRequest, "vfi"),
        (line("GET /v1/explain"), 405, ErrorCode::MethodNotAllowed, "POST /v1/reload, explain"),
        (line("POST /v1/explain"), 400, ErrorCode::BadRequest, "`port` and `frame`"),
        (posted("/v1/explain", "{\"port\": \"a\"}"), 400, ErrorCode::BadRequest, "missing field `frame`"),
        (posted("/v1/explain", "{\"prot\": \"a\"}"), 400, ErrorCode::BadRequest, "unknown field `prot`"),
        (posted("/v1/explain?x=1", "{}"), 400, ErrorCode::BadRequest, "unknown field `x`"),
        (posted("/v1/explain", &"5".repeat(40_000)), 413, ErrorCode::TooLarge, "one frame"),
        (line("POST /v1/reload?force=1"), 400, ErrorCode::BadRequest, "force"),
        (line("GET /v1/fdb?network=nowhere"), 404, ErrorCode::NotFound, "no network `nowhere`"),
        (
            "POST /v1/reload HTTP/1.1\r\nHost: c\r\nContent-Length: 2\r\n\r\n{}".to_owned(),
            400,
            ErrorCode::BadRequest,
            "takes no body, got 2 octets",
        ),
    ] {
        let (found, error) = error(&directory.socket(), &request);
        assert_eq!((found, error.code), (status, code), "{request}");
        assert!(error.message.contains(word), "{request}: {}", error.message);
    }
    handle.stop();
}

#[test]
fn what_is_not_http_is_answered_400_or_cut_off() {
    let directory = Directory::new();
    let handle = rest::serve(config(&directory.socket()), Arc::new(Documents)).expect("serves");
    assert_eq!(exchange(&directory.socket(), b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n").0, 400);
    assert_eq!(exchange(&directory.socket(), b"HELLO\r\n\r\n").0, 400);
    assert!(client::call(handle.socket(), &Request::Show(Show::Ports), PATIENCE).is_ok());
    handle.stop();
}

#[test]
fn an_oversize_request_is_refused_and_the_next_one_served() {
    let directory = Directory::new();
    let handle = rest::serve(config(&directory.socket()), Arc::new(Documents)).expect("serves");
    let body = "x".repeat(1 << 20);
    let declared = format!("POST /v1/reload HTTP/1.1\r\nHost: c\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let (status, document) = error(&directory.socket(), &declared);
    assert_eq!((status, document.code), (413, ErrorCode::TooLarge));
    let chunked = format!(
        "POST /v1/reload HTTP/1.1\r\nHost: c\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
        body.len()
    );
    let (status, document) = error(&directory.socket(), &chunked);
    assert_eq!((status, document.code), (413, ErrorCode::TooLarge));
    let head = format!("GET /v1/ports HTTP/1.1\r\nHost: c\r\nX: {body}\r\n\r\n");
    assert_eq!(exchange(&directory.socket(), head.as_bytes()).0, 431);
    assert!(client::call(handle.socket(), &Request::Show(Show::Ports), PATIENCE).is_ok());
    handle.stop();
}

#[test]
fn a_client_that_never_finishes_its_request_is_cut_off_and_hinders_nobody() {
    let directory = Directory::new();
    let handle = rest::serve(config(&directory.socket()), Arc::new(Documents)).expect("serves");
    let started = Instant::now();
    let mut silent = UnixStream::connect(directory.socket()).expect("the server listens");
    let mut headless = UnixStream::connect(directory.socket()).expect("the server listens");
    headless.write_all(b"GET /v1/ports HTTP/1.1\r\nHost:").expect("writes");
    let mut bodyless = UnixStream::connect(directory.socket()).expect("the server listens");
    bodyless.write_all(b"POST /v1/reload HTTP/1.1\r\nHost: c\r\nContent-Length: 9\r\n\r\n{").expect("writes");
    assert!(client::call(handle.socket(), &Request::Show(Show::Ports), PATIENCE).is_ok());
    assert!(started.elapsed() < Duration::from_secs(4), "the others wait");
    for stream in [&mut silent, &mut headless, &mut bodyless] {
        stream.set_read_timeout(Some(PATIENCE)).expect("not zero");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("the server closes");
        let answer = String::from_utf8_lossy(&answer).into_owned();
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{answer}");
    }
    handle.stop();
}

#[test]
fn many_clients_at_once_are_all_served() {
    let directory = Directory::new();
    let handle = rest::serve(config(&directory.socket()), Arc::new(Documents)).expect("serves");
    let expected = Documents.call(Request::Show(Show::Vifs(VifsQuery::default()))).expect("an answer");
    thread::scope(|scope| {
        for _ in 0..48 {
            scope.spawn(|| {
                for _ in 0..5 {
                    let answer =
                        client::call(handle.socket(), &Request::Show(Show::Vifs(VifsQuery::default())), PATIENCE);
                    assert_eq!(answer.expect("an answer"), expected);
                }
            });
        }
    });
    handle.stop();
}

/// Four calls meet in the backend, and no fifth enters before they leave.
struct Crowd {
    meeting: Barrier,
    inside: AtomicU32,
}

impl Backend for Crowd {
    fn call(&self, _: Request) -> Result<Response, ErrorDocument> {
        // Relaxed: one counter, and nothing else is read by its value.
        let inside = self.inside.fetch_add(1, Ordering::Relaxed);
        assert!(inside < 4, "{inside} others inside");
        self.meeting.wait();
        self.inside.fetch_sub(1, Ordering::Relaxed);
        // Nobody of the next four may enter while the last of these still counts as inside.
        self.meeting.wait();
        Ok(Response::Ports(api::PortsDocument::default()))
    }
}

#[test]
fn four_calls_at_once_reach_the_backend_and_the_others_wait() {
    let directory = Directory::new();
    let crowd = Crowd { meeting: Barrier::new(4), inside: AtomicU32::new(0) };
    let handle = rest::serve(config(&directory.socket()), Arc::new(crowd)).expect("serves");
    thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                let answer = client::call(handle.socket(), &Request::Show(Show::Ports), PATIENCE);
                answer.expect("an answer");
            });
        }
    });
    handle.stop();
}

#[test]
fn a_backend_that_panics_costs_its_caller_only() {
    let directory = Directory::new();
    let handle = rest::serve(config(&directory.socket()), Arc::new(Documents)).expect("serves");
    let (status, document) = error(&directory.socket(), &line("GET /v1/fdb?network=panic"));
    assert_eq!((status, document.code), (500, ErrorCode::Internal));
    assert!(client::call(handle.socket(), &Request::Show(Show::Ports), PATIENCE).is_ok());
    handle.stop();
}

#[test]
fn the_socket_has_its_mode_and_group_and_goes_with_the_server() {
    let directory = Directory::new();
    let group = Some("no-such-group-causeway".to_owned());
    let handle = rest::serve(Config { socket: directory.socket(), group }, Arc::new(Documents)).expect("serves");
    let metadata = fs::metadata(directory.socket()).expect("the socket is there");
    assert!(metadata.file_type().is_socket());
    assert_eq!(metadata.permissions().mode() & 0o7777, 0o660);
    assert_eq!(metadata.gid(), fs::metadata(&directory.0).expect("is there").gid(), "kept its maker's group");
    let names: Vec<_> = fs::read_dir(directory.0.join("run")).expect("is there").collect();
    assert_eq!(names.len(), 1, "nothing is left beside it: {names:?}");
    handle.stop();
    assert!(!directory.socket().exists());
}

#[test]
fn the_socket_belongs_to_the_configured_group() {
    let directory = Directory::new();
    // Root may give it to any group, another user only to one of his own.
    let wanted = if geteuid().is_root() { Gid::from_raw(1) } else { getegid() };
    let Ok(Some(group)) = Group::from_gid(wanted) else { panic!("this system has no group {wanted}") };
    let config = Config { socket: directory.socket(), group: Some(group.name) };
    let handle = rest::serve(config, Arc::new(Documents)).expect("serves");
    let metadata = fs::metadata(handle.socket()).expect("the socket is there");
    assert_eq!((metadata.gid(), metadata.permissions().mode() & 0o7777), (wanted.as_raw(), 0o660));
}

#[test]
fn a_socket_that_nobody_listens_on_is_replaced() {
    let directory = Directory::new();
    fs::create_dir_all(directory.0.join("run")).expect("writable");
    drop(UnixListener::bind(directory.socket()).expect("binds"));
    assert!(directory.socket().exists(), "as a killed daemon leaves it");
    let handle = rest::serve(config(&directory.socket()), Arc::new(Documents)).expect("serves");
    assert!(client::call(handle.socket(), &Request::Show(Show::Ports), PATIENCE).is_ok());
}

#[test]
fn a_socket_in_use_is_left_to_its_owner() {
    let directory = Directory::new();
    let handle = rest::serve(config(&directory.socket()), Arc::new(Documents)).expect("serves");
    let second = rest::serve(config(&directory.socket()), Arc::new(Documents));
    assert!(matches!(&second, Err(RestError::InUse { socket }) if *socket == directory.socket()), "{second:?}");
    assert!(client::call(handle.socket(), &Request::Show(Show::Ports), PATIENCE).is_ok());
}

#[test]
fn a_file_that_is_no_socket_is_left_alone() {
    let directory = Directory::new();
    fs::create_dir_all(directory.0.join("run")).expect("writable");
    fs::write(directory.socket(), "precious").expect("writable");
    let refused = rest::serve(config(&directory.socket()), Arc::new(Documents));
    assert!(matches!(refused, Err(RestError::NotASocket { .. })), "{refused:?}");
    assert_eq!(fs::read_to_string(directory.socket()).expect("readable"), "precious");
}

#[test]
fn impossible_paths_are_refused_with_their_name() {
    let directory = Directory::new();
    let long = directory.0.join("x".repeat(120));
    for (path, word) in [
        (PathBuf::from("relative.sock"), "absolute"),
        (PathBuf::from("/"), "absolute"),
        (long, "xxxx"),
        (PathBuf::from("/dev/null/c.sock"), "/dev/null"),
    ] {
        let refused = rest::serve(config(&path), Arc::new(Documents)).expect_err("refuses");
        assert!(refused.to_string().contains(word), "{refused}");
    }
}

#[test]
fn stopping_does_not_wait_for_idle_clients_for_long() {
    let directory = Directory::new();
    let handle = rest::serve(config(&directory.socket()), Arc::new(Documents)).expect("serves");
    let mut idle = UnixStream::connect(directory.socket()).expect("the server listens");
    assert!(client::call(handle.socket(), &Request::Show(Show::Ports), PATIENCE).is_ok());
    let started = Instant::now();
    handle.stop();
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    assert_eq!(idle.read(&mut [0; 1]).expect("closed, not reset"), 0);
}

#[test]
fn the_client_says_what_is_wrong_with_the_other_end() {
    let directory = Directory::new();
    let socket = directory.0.join("s");
    let request = Request::Show(Show::Ports);
    let call = || client::call(&socket, &request, Duration::from_millis(300)).expect_err("fails").to_string();
    let absent = call();
    assert!(absent.contains("Is causewayd running?"), "{absent}");

    let listener = UnixListener::bind(&socket).expect("binds");
    let mute = call();
    assert!(mute.contains("did not answer within"), "{mute}");
    let answers: [&[u8]; 4] = [
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 3\r\n\r\nhey",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
    ];
    // The one of above waits in the backlog.
    let server = thread::spawn(move || {
        for answer in [b"".as_slice()].into_iter().chain(answers) {
            let (mut stream, _) = listener.accept().expect("accepts");
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(answer);
            let _ = stream.shutdown(Shutdown::Both);
        }
    });
    for _ in answers {
        let error = client::call(&socket, &request, PATIENCE).expect_err("fails");
        assert!(matches!(error, ClientError::Garbled { .. }), "{error}");
    }
    server.join().expect("ends");
    let refused = client::call(&socket, &request, PATIENCE).expect_err("fails");
    assert!(
        matches!(&refused, ClientError::Unreachable { source, .. } if source.kind() == ErrorKind::ConnectionRefused)
    );
}
