//! Looking at frames, from a worker on plain memory to the documents that an operator gets.

use api::{ErrorCode, SeenDirection, SeenDocument, SeenFrame, WatchKind, WatchQuery};
use control::config;
use control::plane::DataPlane;
use control::reconcile::{Call, Control, Means, PUBLISH_EVERY};
use control::status::{Identity, View};
use control::tables::{FabricPort, Tables};
use control::watching::{self, Eyes, WatchCall, Watching};
use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use datapath::io::{Outgoing, RxMeta};
use datapath::{Inlet, Outlet, OutletConfig, Polling, Role, Worker};
use fib::PortIndex;
use parking_lot::Mutex;
use rcu::Publisher;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use telemetry::{WorkerTelemetry, drop_recorder, slots, watch};
use testkit::memory::{Layout, MemPool};
use testkit::packets::ethernet;
use testkit::queues::{FakeClock, MemRx, MemTx};
use wire::MacAddr;

const NODE: &str = include_str!("../../../config/node.yaml");
const NETWORK: &str = include_str!("../../../config/network.yaml");
const BLUE_SERVER: [u8; 6] = [2, 0, 0, 0, 0x10, 0x64];
const REMOTE: [u8; 6] = [2, 0, 0, 0, 0x20, 0x64];
const STRANGER: [u8; 6] = [2, 0x66, 0, 0, 0, 1];

/// No ports to speak of; a clock that has run for ten milliseconds.
struct Plane;

impl DataPlane for Plane {
    fn want_access_links(&self, _: bool) {}

    fn ports(&self) -> Vec<api::Port> {
        vec![]
    }

    fn pools(&self) -> Vec<api::PoolUse> {
        vec![]
    }

    fn host(&self) -> api::HostDocument {
        api::HostDocument::default()
    }

    fn cycles(&self) -> u64 {
        10_000_000
    }

    fn cycles_per_second(&self) -> u64 {
        1_000_000_000
    }

    fn dpdk_version(&self) -> String {
        "none".into()
    }
}

type Answer<T> = Result<T, api::ErrorDocument>;

struct Bench {
    directory: PathBuf,
    control: Control,
    calls: Sender<Call>,
    view: Arc<Mutex<Option<View>>>,
    watching: Watching,
    worker: Worker<MemPool, MemRx, MemTx, FakeClock>,
    pool: MemPool,
    rx: Vec<MemRx>,
    now: Instant,
}

impl Drop for Bench {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.directory));
    }
}

fn port(n: usize) -> PortIndex {
    PortIndex::new(n).expect("two ports")
}

impl Bench {
    fn new(test: &str) -> Self {
        let directory = std::env::temp_dir().join(format!("causeway-watching-{}-{test}", std::process::id()));
        std::fs::create_dir_all(&directory).expect("the temporary directory is ours");
        let files = (directory.join("node.yaml"), directory.join("network.yaml"));
        // No port here has a link.
        std::fs::write(&files.0, format!("{NODE}\nuplink_tracking: {{ enabled: false }}\n")).expect("writable");
        std::fs::write(&files.1, NETWORK).expect("writable");
        let loaded = config::load(&files.0, &files.1).expect("the examples are legal");
        let fabric_port = FabricPort { mac: MacAddr::new([2, 0, 0, 0, 0, 1]), mtu: 1600 };
        let tables = Tables::new(vec![fabric_port], 100, 7);
        let mut publisher = Publisher::new(tables.empty(&loaded.node));
        let snapshots = publisher.reader();
        let telemetry = Arc::new(WorkerTelemetry::new(100));
        let (calls, to_answer) = bounded(16);
        let identity = Identity {
            version: "0.0.0".into(),
            commit: None,
            build: "test".into(),
            started_at: api::Timestamp::now(),
            worker_cores: vec![1],
        };
        let means = Means {
            files,
            loaded,
            publisher,
            tables,
            workers: vec![Arc::clone(&telemetry)],
            notices: Vec::new(),
            plane: Arc::new(Plane),
            identity,
            kernel_events: unbounded().1,
            kernel_requests: Box::new(|_| true),
            links: crossbeam_channel::never(),
            inject: slots::channel(64, 1_518).0,
            calls: to_answer,
        };
        let control = Control::new(means).expect("the examples fit");
        let pool = MemPool::new(256, 2048);
        let (rx, tx): (Vec<_>, Vec<_>) = (0..2).map(|_| (MemRx::default(), MemTx::new(64, true))).unzip();
        let queues = tx.iter().enumerate().map(|(n, queue)| Outgoing { port: port(n), queue: queue.clone() }).collect();
        let ((desk, post), (recorder, drops)) = (watch::post(), drop_recorder(1_000_000_000));
        let outlet = Outlet::new(OutletConfig::new(pool.clone(), queues, telemetry)).watched(post, recorder);
        let role = |n| if n == 0 { Role::Access } else { Role::Fabric };
        let inlets = rx.iter().enumerate().map(|(n, queue)| Inlet::new(port(n), role(n), queue.clone())).collect();
        let worker = Worker::new(inlets, outlet, snapshots, vec![], FakeClock::default(), Polling::Busy);
        let view: Arc<Mutex<Option<View>>> = Arc::default();
        let shown = Arc::clone(&view);
        let watching = Watching::new(watching::Means {
            workers: vec![Eyes { desk, drops }],
            // Wants frames that have the octet that it says.
            compile: Box::new(|text| {
                let octet: u8 = text.parse().map_err(|_| "no octet".to_owned())?;
                Ok(Box::new(move |octets| octets.last() == Some(&octet)))
            }),
            view: Box::new(move || shown.lock().clone()),
            plane: Arc::new(Plane),
        });
        let mut bench = Self { directory, control, calls, view, watching, worker, pool, rx, now: Instant::now() };
        bench.turn();
        bench
    }

    /// Control has a turn, and shows how things are.
    fn turn(&mut self) {
        self.now += PUBLISH_EVERY;
        let (asker, answer) = bounded(1);
        self.calls.send(Call::Look(asker)).expect("control listens");
        self.control.turn(self.now);
        *self.view.lock() = answer.try_recv().ok();
    }

    fn reload(&mut self, network: &str) {
        std::fs::write(self.directory.join("network.yaml"), network).expect("writable");
        let (asker, answer) = bounded(1);
        self.calls.send(Call::Reload(asker)).expect("control listens");
        for _ in 0..2_000 {
            self.turn();
            if let Ok(answer) = answer.recv_timeout(Duration::from_millis(5)) {
                answer.expect("the file is legal");
                return self.turn();
            }
        }
        panic!("no answer to a reload");
    }

    /// Frames arrive at the access port, and the worker handles them.
    fn arrive(&mut self, frames: &[Vec<u8>]) {
        for frame in frames {
            let frame = self.pool.frame(frame, Layout::default()).expect("few frames");
            self.rx[0].arrive(frame, RxMeta::default());
        }
        self.worker.run_rounds(2, &mut ());
    }

    /// So much later, the frames' thread has a turn.
    fn later(&mut self, time: Duration) {
        self.now += time;
        self.watching.turn(self.now);
    }

    fn ask<T>(&mut self, call: impl FnOnce(Sender<Answer<T>>) -> WatchCall) -> Receiver<Answer<T>> {
        let (asker, answer) = bounded(1);
        self.watching.hear(call(asker), self.now);
        answer
    }

    fn begin(&mut self, query: WatchQuery) -> Answer<u64> {
        let answer = self.ask(|asker| WatchCall::Begin(query, asker)).try_recv();
        answer.expect("answered at once").map(|document| document.id)
    }

    fn next(&mut self, id: u64) -> SeenDocument {
        let answer = self.ask(|asker| WatchCall::Next(id, asker));
        self.later(Duration::from_millis(2));
        answer.try_recv().expect("there is something").expect("the look exists")
    }

    fn drops(&mut self, reason: Option<&str>, vif: Option<&str>) -> Answer<Vec<SeenFrame>> {
        let query = api::LastDropsQuery { reason: reason.map(str::to_owned), vif: vif.map(str::to_owned) };
        let answer = self.ask(|asker| WatchCall::LastDrops(query, asker));
        answer.try_recv().expect("answered at once").map(|document| document.frames)
    }
}

fn capture(vif: &str) -> WatchQuery {
    WatchQuery {
        kind: WatchKind::Capture,
        vif: Some(vif.into()),
        port: None,
        outside: false,
        direction: None,
        filter: None,
        snaplen: None,
        count: None,
        duration_ms: None,
    }
}

fn frame(vlan: u16, source: [u8; 6], last: u8) -> Vec<u8> {
    ethernet(REMOTE, source, &[vlan], 0x0800, &[&[0x45; 50][..], &[last]].concat())
}

/// The line of the network file that has this.
fn line_of(text: &str) -> u32 {
    let at = NETWORK.lines().position(|line| line.contains(text)).expect("it is in the example");
    at as u32 + 1
}

#[test]
fn a_capture_tells_of_each_frame_what_became_of_it_and_which_line_made_it_so() {
    let mut bench = Bench::new("capture");
    let id = bench.begin(WatchQuery { snaplen: Some(20), ..capture("blue-server") }).expect("there is none yet");
    let frames = [frame(100, BLUE_SERVER, 1), frame(100, STRANGER, 2), frame(200, STRANGER, 3)];
    bench.arrive(&frames);
    let seen = bench.next(id);
    let verdicts: Vec<_> = seen.frames.iter().map(|frame| (frame.verdict.as_str(), frame.drop.as_deref())).collect();
    let expected = ["nexthop_unresolved", "unknown_source_mac"];
    assert_eq!(
        verdicts,
        expected
            .map(|reason| (format!("dropped: {reason}"), reason))
            .each_ref()
            .map(|(said, reason)| (said.as_str(), Some(*reason)))
    );
    for (seen, sent) in seen.frames.iter().zip(&frames) {
        assert_eq!(seen.data_octets().as_deref(), Some(&sent[..20]));
        assert_eq!(
            (seen.octets as usize, seen.port.as_deref(), seen.direction),
            (sent.len(), Some("access0"), SeenDirection::In)
        );
        assert_eq!((seen.vmi.as_deref(), seen.network.as_deref()), (Some("blue-server"), Some("blue")));
        assert_eq!(seen.place.as_ref().map(|place| place.line), Some(line_of("- name: blue-server")));
    }
    assert_eq!((seen.totals.delivered, seen.totals.lost, seen.ended), (2, 0, None));
}

#[test]
fn a_trace_tells_stage_by_stage_what_was_found_and_where_it_is_configured() {
    let mut bench = Bench::new("trace");
    let id =
        bench.begin(WatchQuery { kind: WatchKind::Trace, count: Some(1), ..capture("blue-server") }).expect("none yet");
    bench.arrive(&[frame(100, BLUE_SERVER, 1), frame(100, BLUE_SERVER, 2)]);
    let seen = bench.next(id);
    let [only] = &seen.frames[..] else { panic!("{seen:?}") };
    let stages: Vec<_> = only.stages.iter().map(|stage| stage.stage.as_str()).collect();
    assert_eq!(stages, ["parse", "classify", "bridge", "encap"]);
    assert_eq!(only.stages[1].place.as_ref().map(|place| place.line), Some(line_of("- name: access0.100")));
    assert!(only.stages[1].said.contains("VMI blue-server of network blue"), "{:?}", only.stages);
    assert!(only.stages[3].said.starts_with("dropped, nexthop_unresolved: "), "{:?}", only.stages);
    assert!(seen.ended.is_some_and(|why| why.contains("as many frames as were wanted")));
}

#[test]
fn what_the_filter_does_not_want_is_counted_and_does_not_count_for_the_end() {
    let mut bench = Bench::new("filter");
    let query = WatchQuery { filter: Some("7".into()), count: Some(2), snaplen: Some(14), ..capture("blue-server") };
    let id = bench.begin(query).expect("none yet");
    bench.arrive(&[1, 7, 2, 7, 7].map(|last| frame(100, BLUE_SERVER, last)));
    let seen = bench.next(id);
    assert_eq!((seen.totals.delivered, seen.totals.filtered_out), (2, 2));
    assert!(seen.ended.is_some() && seen.frames.iter().all(|frame| frame.data.len() == 28));
    let wrong = bench.begin(WatchQuery { filter: Some("nonsense".into()), ..capture("blue-server") });
    let wrong = wrong.expect_err("no such filter");
    assert_eq!((wrong.code, wrong.message.contains("`nonsense`: no octet")), (ErrorCode::BadRequest, true));
}

#[test]
fn there_is_one_capture_and_one_trace_at_a_time_and_one_that_nobody_fetches_ends() {
    let mut bench = Bench::new("one");
    let first = bench.begin(capture("blue-server")).expect("none yet");
    let trace = WatchQuery { kind: WatchKind::Trace, ..capture("blue-server") };
    bench.begin(trace).expect("a trace is another kind");
    let busy = bench.begin(capture("green-server")).expect_err("one at a time");
    assert_eq!((busy.code, busy.message.contains("another capture is running")), (ErrorCode::Busy, true));
    bench.later(Duration::from_secs(11));
    bench.arrive(&[]);
    bench.later(Duration::from_millis(2));
    let gone = bench.ask(|asker| WatchCall::Next(first, asker)).try_recv().expect("answered at once");
    assert_eq!(gone.expect_err("it has ended").code, ErrorCode::NotFound);
    bench.begin(capture("green-server")).expect("the other has ended");
}

#[test]
fn whoever_fetches_waits_until_there_is_something_and_not_for_ever() {
    let mut bench = Bench::new("wait");
    let id = bench.begin(capture("blue-server")).expect("none yet");
    let answer = bench.ask(|asker| WatchCall::Next(id, asker));
    bench.later(Duration::from_millis(100));
    assert!(answer.try_recv().is_err(), "nothing came yet");
    bench.arrive(&[frame(100, BLUE_SERVER, 1)]);
    bench.later(Duration::from_millis(2));
    assert_eq!(answer.try_recv().expect("a frame came").expect("the look exists").frames.len(), 1);
    let answer = bench.ask(|asker| WatchCall::Next(id, asker));
    bench.later(Duration::from_millis(501));
    let nothing = answer.try_recv().expect("it does not wait for ever").expect("the look exists");
    assert_eq!((nothing.frames.len(), nothing.ended), (0, None));
    bench.arrive(&[frame(100, BLUE_SERVER, 2)]);
    let end = bench.ask(|asker| WatchCall::End(id, asker)).try_recv().expect("answered at once").expect("it exists");
    assert_eq!((end.frames.len(), end.ended.as_deref()), (1, Some("it was ended")));
}

#[test]
fn a_capture_follows_its_vmi_over_reloads_and_ends_with_it() {
    let mut bench = Bench::new("reload");
    let id = bench.begin(capture("green-server")).expect("none yet");
    bench.reload(&NETWORK.replace("logical_interface_vlan_tag: 200", "logical_interface_vlan_tag: 201"));
    bench.later(Duration::from_secs(1));
    bench.arrive(&[frame(200, STRANGER, 1), frame(201, STRANGER, 2)]);
    let seen = bench.next(id);
    assert_eq!(seen.frames.iter().filter_map(SeenFrame::data_octets).collect::<Vec<_>>(), [frame(201, STRANGER, 2)]);
    bench.reload(&NETWORK.replace("virtual_machine_interfaces: [green-server]", "virtual_machine_interfaces: []"));
    bench.later(Duration::from_secs(2));
    let ended = bench.next(id).ended.expect("its VMI is not served any more");
    assert!(ended.contains("no VMI `green-server`"), "{ended}");
}

#[test]
fn the_latest_dropped_frames_are_kept_by_reason_and_by_vmi() {
    let mut bench = Bench::new("drops");
    bench.arrive(&[frame(100, STRANGER, 1), frame(999, STRANGER, 2), frame(200, STRANGER, 3)]);
    let lasts = |frames: Vec<SeenFrame>| -> Vec<u8> {
        frames.iter().filter_map(SeenFrame::data_octets).filter_map(|octets| octets.last().copied()).collect()
    };
    assert_eq!(bench.drops(None, None).map(lasts), Ok(vec![3, 2, 1]));
    assert_eq!(bench.drops(Some("unknown_vlan"), None).map(lasts), Ok(vec![2]));
    assert_eq!(bench.drops(None, Some("green-server")).map(lasts), Ok(vec![3]));
    assert_eq!(bench.drops(None, Some("nobody")).expect_err("no such VMI").code, ErrorCode::NotFound);
    assert_eq!(bench.drops(Some("nothing"), None).expect_err("no such reason").code, ErrorCode::NotFound);
}
