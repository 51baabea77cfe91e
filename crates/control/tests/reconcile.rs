//! Control as its neighbours see it: files and kernel events in, snapshots and answers out.

use api::{
    Clear, DropsQuery, ErrorCode, FdbQuery, FdbWhere, HostsQuery, LabelOrigin, LabelTarget, LabelsQuery, NexthopsQuery,
    Request, Response, Show, StormDocument, StormQuery, VifsQuery, VtepsQuery,
};
use control::config;
use control::plane::DataPlane;
use control::reconcile::{Call, Control, Means, PUBLISH_EVERY};
use control::routes::{Origin, Remote, Route, RouteChange, Via};
use control::status::Identity;
use control::tables::{FabricPort, Tables};
use control::underlay::{
    Hop, InterfaceIndex, IpPrefix, KernelEvent, KernelLink, KernelNeighbour, KernelRequest, KernelRoute,
    NeighbourState, RouteChange as KernelRouteChange,
};
use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use fib::{Binding, Destination, Inside, NetworkId, Snapshot, StormBudget, StormClass, VifIndex};
use rcu::{Publisher, Reader};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use telemetry::notices::{self, Learn, Notice, NoticeSender, Storm};
use telemetry::slots::{self, SlotReceiver};
use telemetry::{DropReason, WorkerTelemetry};
use wire::{MacAddr, Vni};

#[path = "reconcile/access.rs"]
mod access;

const VTEP: Ipv4Addr = Ipv4Addr::new(172, 16, 0, 2);

fn vxlan(vtep: Ipv4Addr) -> Remote {
    Remote { vtep: vtep.into(), via: Via::Vxlan }
}

/// The network of a VNI.
fn network(snapshot: &Snapshot, vni: u32) -> Option<NetworkId> {
    match snapshot.vnis.lookup(vni).inside()? {
        Inside::Network(network) => Some(network),
        Inside::Vif(_) => None,
    }
}
const REMOTE: MacAddr = MacAddr::new([2, 0, 0, 0, 0x20, 0x64]);
const OTHER: MacAddr = MacAddr::new([2, 0, 0, 0, 0x20, 0x65]);
const ROUTER_MAC: MacAddr = MacAddr::new([2, 0, 0, 0, 0, 0x99]);

/// Ports that are up and count nothing: what stands behind them is other tests' business.
#[derive(Default)]
struct Ports {
    /// The links that the access ports were to have.
    wanted: Mutex<Vec<bool>>,
}

impl DataPlane for Ports {
    fn ports(&self) -> Vec<api::Port> {
        let port = |name: &str, role| api::Port {
            name: name.into(),
            role,
            driver: "net_null".into(),
            device: "net_null0".into(),
            mac: "02:00:00:00:00:01".into(),
            mtu_octets: 1500,
            link: api::Link { up: true, speed_mbps: None },
            rx_queues: 1,
            tx_queues: 1,
            offloads_granted: vec![],
            offloads_missing: vec![],
            traffic: api::Traffic::default(),
            losses: api::PortLosses::default(),
            cleared_at: None,
            traits: api::PortTraits::default(),
            checksums_completed: 0,
            frames_refused: 0,
            closed: None,
            vlans: vec![],
        };
        vec![port("access0", api::PortRole::Access), port("fabric0", api::PortRole::Fabric)]
    }

    fn pools(&self) -> Vec<api::PoolUse> {
        vec![api::PoolUse { in_use: 0, size: 1024 }]
    }

    fn host(&self) -> api::HostDocument {
        let class = |class: slots::SlotClass| api::HostClass { class: class.name().into(), ..Default::default() };
        api::HostDocument { classes: slots::SlotClass::ALL.map(class).into(), ..Default::default() }
    }

    fn want_access_links(&self, up: bool) {
        self.wanted.lock().expect("nobody panics").push(up);
    }

    fn cycles(&self) -> u64 {
        1_000_000
    }

    fn cycles_per_second(&self) -> u64 {
        1_000_000_000
    }

    fn dpdk_version(&self) -> String {
        "none".into()
    }
}

/// Control with its files in a directory of its own, and the far ends of all its channels.
struct Bench {
    directory: PathBuf,
    control: Control,
    worker: Reader<Snapshot>,
    telemetry: Arc<WorkerTelemetry>,
    notices: NoticeSender,
    /// What control sends by the worker.
    originated: SlotReceiver,
    links: Sender<(String, bool)>,
    ports: Arc<Ports>,
    kernel: Sender<KernelEvent>,
    requests: Receiver<KernelRequest>,
    calls: Sender<Call>,
    now: Instant,
}

impl Drop for Bench {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.directory));
    }
}

const NODE: &str = include_str!("../../../config/node.yaml");
const NETWORK: &str = include_str!("../../../config/network.yaml");

impl Bench {
    fn new(test: &str) -> Self {
        Self::with_room_for(test, 100)
    }

    fn with_room_for(test: &str, vmis: usize) -> Self {
        let directory = std::env::temp_dir().join(format!("causeway-control-{}-{test}", std::process::id()));
        std::fs::create_dir_all(&directory).expect("the temporary directory is ours");
        let files = (directory.join("node.yaml"), directory.join("network.yaml"));
        std::fs::write(&files.0, NODE).expect("writable");
        std::fs::write(&files.1, NETWORK).expect("writable");
        let loaded = config::load(&files.0, &files.1).expect("the examples are legal");
        let fabric_port = FabricPort { mac: MacAddr::new([2, 0, 0, 0, 0, 1]), mtu: 1600 };
        let tables = Tables::new(vec![fabric_port], vmis, 7);
        let mut publisher = Publisher::new(tables.empty(&loaded.node));
        let worker = publisher.reader();
        let telemetry = Arc::new(WorkerTelemetry::new(100));
        let (kernel, kernel_events) = unbounded();
        let (asked, requests) = unbounded();
        let (calls, to_answer) = bounded(16);
        let (notices, heard) = notices::channel(64, 1_000_000_000);
        let identity = Identity {
            version: "0.0.0".into(),
            commit: None,
            build: "test".into(),
            started_at: api::Timestamp::now(),
            worker_cores: vec![1],
        };
        let (links, heard_links) = unbounded();
        let ports = Arc::new(Ports::default());
        let (inject, originated) = slots::channel(64, 1_518);
        let means = Means {
            files,
            loaded,
            publisher,
            tables,
            workers: vec![Arc::clone(&telemetry)],
            notices: vec![heard],
            plane: Arc::clone(&ports) as _,
            identity,
            kernel_events,
            kernel_requests: Box::new(move |request| asked.send(request).is_ok()),
            links: heard_links,
            inject,
            calls: to_answer,
        };
        let control = Control::new(means).expect("the examples fit");
        Self {
            directory,
            control,
            worker,
            telemetry,
            notices,
            originated,
            links,
            ports,
            kernel,
            requests,
            calls,
            now: Instant::now(),
        }
    }

    /// Lets time pass and control turn.
    fn turn(&mut self) {
        self.now += PUBLISH_EVERY;
        self.control.turn(self.now);
        self.worker.refresh();
    }

    fn write_network(&self, text: &str) {
        std::fs::write(self.directory.join("network.yaml"), text).expect("writable");
    }

    fn reload(&mut self) -> Result<api::ReloadDocument, api::ErrorDocument> {
        let (asker, answer) = bounded(1);
        self.calls.send(Call::Reload(asker)).expect("control listens");
        for _ in 0..2_000 {
            self.turn();
            if let Ok(answer) = answer.recv_timeout(Duration::from_millis(5)) {
                self.worker.refresh();
                return answer;
            }
        }
        panic!("no answer to a reload");
    }

    fn show(&mut self, show: Show) -> Response {
        let (asker, view) = bounded(1);
        self.calls.send(Call::Look(asker)).expect("control listens");
        self.turn();
        view.try_recv().expect("a look is answered within its turn").render(&show).expect("it exists")
    }

    /// What control says to something that does not exist, or is not meant.
    fn refusal(&mut self, show: Show) -> api::ErrorDocument {
        let (asker, view) = bounded(1);
        self.calls.send(Call::Look(asker)).expect("control listens");
        self.turn();
        view.try_recv().expect("a look is answered within its turn").render(&show).expect_err("a refusal")
    }

    fn clear(&mut self, clear: Clear) -> Result<api::ClearDocument, api::ErrorDocument> {
        let (asker, answer) = bounded(1);
        self.calls.send(Call::Clear(clear, asker)).expect("control listens");
        self.turn();
        answer.try_recv().expect("clearing is answered within its turn")
    }

    fn vif(&mut self, name: &str) -> api::Vif {
        let query = VifsQuery { name: Some(name.into()), ..VifsQuery::default() };
        let Response::Vifs(mut document) = self.show(Show::Vifs(query)) else { panic!("VMIs were asked for") };
        assert_eq!(document.vifs.len(), 1, "{name}");
        document.vifs.remove(0)
    }

    fn drops(&mut self, all: bool) -> api::DropsDocument {
        let query = DropsQuery { all, stage: None };
        let Response::Drops(document) = self.show(Show::Drops(query)) else { panic!("drops were asked for") };
        document
    }

    fn destination(&self, mac: MacAddr) -> Option<Destination> {
        let snapshot = self.worker.snapshot();
        snapshot.destination(network(snapshot, 5100)?, mac)
    }

    /// Whether the tunnel to the remote station has a header.
    fn is_resolved(&self) -> bool {
        let Some(Destination::Remote(nexthop)) = self.destination(REMOTE) else { return false };
        let snapshot = self.worker.snapshot();
        let tunnel = snapshot.nexthop(nexthop).and_then(|nexthop| snapshot.tunnel(nexthop.tunnel()));
        tunnel.is_some_and(|tunnel| tunnel.header_octets() > 0)
    }

    fn kernel_says(&self, state: NeighbourState, mac: Option<MacAddr>) {
        let interface = InterfaceIndex(5);
        let link = KernelLink { index: interface, name: "cw-host0".into(), up: true, mtu: 1600, mac: None };
        let destination = IpPrefix::covering(Ipv4Addr::new(172, 16, 0, 0), 24).expect("a legal prefix");
        let route = KernelRoute { destination, metric: 0, hops: vec![Hop { interface, via: None }] };
        let neighbour = KernelNeighbour { address: VTEP.into(), interface, mac, state };
        for event in [
            KernelEvent::Link(link),
            KernelEvent::Route(KernelRouteChange::Replaced, route),
            KernelEvent::Neighbour(neighbour),
        ] {
            self.kernel.send(event).expect("control listens");
        }
    }
}

fn vni() -> Vni {
    Vni::try_from(5100).expect("a legal VNI")
}

#[test]
fn the_first_snapshot_is_the_configuration() {
    let mut bench = Bench::new("first");
    bench.turn();
    assert!(matches!(bench.destination(MacAddr::new([2, 0, 0, 0, 0x10, 0x64])), Some(Destination::Vif(_))));
    assert!(matches!(bench.destination(REMOTE), Some(Destination::Remote(_))));
    assert!(!bench.is_resolved());
}

#[test]
fn storm_budgets_are_those_of_the_files_and_a_reload_changes_them() {
    let mut bench = Bench::new("storm-budgets");
    bench.turn();
    let budgets = |bench: &Bench| {
        let snapshot = bench.worker.snapshot();
        let blue = network(snapshot, 5100).expect("blue is served");
        (*snapshot.vif_storm_budget(vif_row(0)), *snapshot.network_storm_budget(blue))
    };
    let defaults = |scale: u32| StormBudget::new([1_000, 1_000, 10_000].map(|rate| Some(rate * scale)));
    assert_eq!(budgets(&bench), (defaults(1), defaults(10)));
    let own = "vxlan_network_identifier: 5100\n    storm_control: { broadcast_pps: 7, multicast_pps: off }\n";
    bench.write_network(&NETWORK.replace("vxlan_network_identifier: 5100\n", own));
    let done = bench.reload().expect("a legal file");
    assert_eq!((done.networks.changed, done.vifs.changed), (1, 0));
    assert_eq!(budgets(&bench), (defaults(1), StormBudget::new([Some(7), Some(10_000), None])));
}

fn vif_row(n: usize) -> VifIndex {
    VifIndex::new(n).expect("a row")
}

#[test]
fn a_storm_is_shown_by_who_suppressed_most_and_cleared_with_the_counters() {
    let mut bench = Bench::new("storm");
    bench.turn();
    let ask = |bench: &mut Bench| -> StormDocument {
        let query = StormQuery { network: Some("blue".into()), ..StormQuery::default() };
        let Response::Storm(document) = bench.show(Show::Storm(query)) else { panic!("storms were asked for") };
        document
    };
    assert!(ask(&mut bench).talkers.is_empty());
    let blue = network(bench.worker.snapshot(), 5100).expect("blue is served");
    let storm = &bench.telemetry.storm;
    for counts in [storm.vif(vif_row(0)), storm.network(blue)] {
        (0..3).for_each(|_| counts.flooded(StormClass::Multicast));
        (0..5).for_each(|_| counts.suppressed(StormClass::Broadcast));
    }
    storm.network(blue).suppressed(StormClass::Broadcast);
    let (vif, class) = (Some(vif_row(0)), StormClass::Broadcast);
    let notice = Notice::Storm(Storm { network: blue, vif, class, of_network: false });
    assert!(bench.notices.send(&bench.telemetry.notices, notice));
    bench.turn();
    let document = ask(&mut bench);
    let seen: Vec<_> = document
        .talkers
        .iter()
        .map(|t| (t.vif.as_deref(), &*t.class, t.budget_pps, t.flooded, t.suppressed, t.storming))
        .collect();
    let expected = [
        (None, "broadcast", Some(10_000), 0, 6, false),
        (Some("blue-server"), "broadcast", Some(1_000), 0, 5, true),
        (None, "multicast", Some(100_000), 3, 0, false),
        (Some("blue-server"), "multicast", Some(10_000), 3, 0, false),
    ];
    assert_eq!((seen, document.total, document.workers), (expected.to_vec(), 4, 1));
    bench.clear(Clear::Vif("blue-server".into())).expect("it is there");
    assert!(ask(&mut bench).talkers.iter().all(|talker| talker.vif.is_none()), "its own count from 0 again");
    bench.clear(Clear::All).expect("always");
    assert!(ask(&mut bench).talkers.is_empty());
    let unknown = StormQuery { network: Some("pink".into()), ..StormQuery::default() };
    assert_eq!(bench.refusal(Show::Storm(unknown)).code, ErrorCode::NotFound);
}

/// The example with blue learning, by these further keys.
fn learning_network(keys: &str) -> String {
    let more = format!("vxlan_network_identifier: 5100\n    mac_learning_enabled: true\n{keys}");
    NETWORK.replace("vxlan_network_identifier: 5100\n", &more)
}

const LEARNED: MacAddr = MacAddr::new([2, 0, 0, 0, 0x50, 1]);

impl Bench {
    fn hear_source(&mut self, mac: MacAddr) {
        self.notices.tick(0, self.worker.generation());
        let learn = Notice::Learn(Learn { vif: vif_row(0), mac });
        assert!(self.notices.send(&self.telemetry.notices, learn));
        self.turn();
        self.turn();
    }

    fn fdb(&mut self) -> api::FdbDocument {
        let query = FdbQuery { network: Some("blue".into()), ..FdbQuery::default() };
        let Response::Fdb(document) = self.show(Show::Fdb(query)) else { panic!("the MACs were asked for") };
        document
    }
}

#[test]
fn a_learned_station_is_in_the_tables_survives_rebuilds_and_is_shown_with_its_age() {
    let mut bench = Bench::new("learning");
    bench.turn();
    bench.hear_source(LEARNED);
    assert_eq!(bench.destination(LEARNED), None, "blue does not learn");
    bench.write_network(&learning_network("    mac_limit_control: { mac_limit: 2, mac_limit_action: alarm }\n"));
    bench.reload().expect("a legal file");
    assert!(bench.worker.snapshot().vif(vif_row(0)).learns());
    bench.hear_source(LEARNED);
    let at = Some(Destination::Vif(vif_row(0)));
    assert_eq!(bench.destination(LEARNED), at);
    bench.reload().expect("the same file");
    assert_eq!(bench.destination(LEARNED), at);
    let label = wire::MplsLabel::try_from(99u64).expect("a legal label");
    let by_label = Remote { vtep: VTEP.into(), via: Via::MplsOverUdp(label) };
    let announced = RouteChange::Announce(Origin::Dynamic, Route::Mac(vni(), OTHER), by_label);
    bench.control.route_changes().send(announced).expect("control listens");
    bench.turn();
    bench.turn();
    assert!(matches!(bench.destination(OTHER), Some(Destination::Remote(_))), "a rebuild was needed for that");
    assert_eq!(bench.destination(LEARNED), at);
    bench.hear_source(OTHER);
    assert!(matches!(bench.destination(OTHER), Some(Destination::Remote(_))), "what is announced beats what is heard");
    let shown = bench.fdb();
    let learned: Vec<_> = shown.entries.iter().filter(|entry| entry.origin == api::FdbOrigin::Learned).collect();
    let place = |entry: &&api::FdbEntry| (entry.mac.clone(), entry.at.clone(), entry.age_s.is_some());
    let expected = (LEARNED.to_string(), FdbWhere::Vif("blue-server".into()), true);
    assert_eq!(learned.iter().map(place).collect::<Vec<_>>(), [expected]);
    let uses: Vec<_> = shown.learning.iter().map(|one| (one.vif.as_deref(), one.macs, one.limit, one.over)).collect();
    assert_eq!(uses, [(None, 1, Some(2), false), (Some("blue-server"), 1, None, false)]);
    bench.write_network(NETWORK);
    bench.reload().expect("a legal file");
    assert_eq!((bench.destination(LEARNED), bench.worker.snapshot().learned.len()), (None, 0));
}

#[test]
fn a_station_that_is_configured_later_is_not_learned_any_more() {
    let mut bench = Bench::new("learned-configured");
    bench.write_network(&learning_network(""));
    bench.reload().expect("a legal file");
    bench.hear_source(LEARNED);
    let known = learning_network("").replace("02:00:00:00:20:64", &LEARNED.to_string());
    bench.write_network(&known);
    bench.reload().expect("a legal file");
    assert!(matches!(bench.destination(LEARNED), Some(Destination::Remote(_))), "it is behind a VTEP by the file");
    assert!(bench.fdb().entries.iter().all(|entry| entry.origin != api::FdbOrigin::Learned));
}

#[test]
fn a_vmi_that_is_shut_down_does_not_forward_until_it_is_cleared_or_the_files_are_read_again() {
    let keys = "    mac_limit_control: { mac_limit: 1, mac_limit_action: shutdown }\n";
    for by_reload in [false, true] {
        let mut bench = Bench::new(if by_reload { "shut-reload" } else { "shut-clear" });
        bench.write_network(&learning_network(keys));
        bench.reload().expect("a legal file");
        bench.hear_source(LEARNED);
        bench.hear_source(MacAddr::new([2, 0, 0, 0, 0x50, 2]));
        bench.turn();
        let own = MacAddr::new([2, 0, 0, 0, 0x10, 0x64]);
        assert_eq!(bench.destination(own), None);
        let api::VifState::Inactive { why } = bench.vif("blue-server").state else { panic!("it is shut down") };
        assert!(why.contains("shut down"), "{why}");
        if by_reload {
            bench.reload().expect("the same file");
        } else {
            bench.clear(Clear::Vif("blue-server".into())).expect("it is there");
        }
        (0..3).for_each(|_| bench.turn());
        assert!(matches!(bench.destination(own), Some(Destination::Vif(_))));
        assert_eq!(bench.vif("blue-server").state, api::VifState::Active);
    }
}

#[test]
fn a_vtep_is_reached_when_linux_knows_the_way_and_not_when_it_no_longer_does() {
    let mut bench = Bench::new("underlay");
    bench.kernel_says(NeighbourState::Incomplete, None);
    bench.turn();
    assert!(!bench.is_resolved());
    assert!(matches!(bench.requests.try_recv(), Ok(KernelRequest::Resolve { address, .. }) if address == VTEP));
    bench.kernel_says(NeighbourState::Reachable, Some(ROUTER_MAC));
    bench.turn();
    assert!(bench.is_resolved());
    bench.kernel_says(NeighbourState::Failed, None);
    bench.turn();
    assert!(!bench.is_resolved());
}

#[test]
fn a_bad_file_changes_nothing_and_says_where() {
    let mut bench = Bench::new("bad-file");
    bench.turn();
    let before = bench.worker.generation();
    bench.write_network(&NETWORK.replace("vxlan_network_identifier: 5200", "vxlan_network_identifier: 5100"));
    let refused = bench.reload().expect_err("two networks of one VNI");
    assert_eq!(refused.code, ErrorCode::Configuration);
    let place = refused.places[0].place.as_ref().expect("a place");
    assert!(place.file.ends_with("network.yaml") && place.line > 1, "{place}");
    assert_eq!(bench.worker.generation(), before);
    bench.write_network(NETWORK);
    assert!(!bench.reload().expect("the old file again").changed);
}

#[test]
fn a_reload_adds_and_removes_and_keeps_rows_of_what_stays() {
    let mut bench = Bench::new("reload");
    bench.turn();
    let green = MacAddr::new([2, 0, 0, 0, 0x10, 0xc8]);
    let row = |bench: &Bench, mac| {
        let snapshot = bench.worker.snapshot();
        network(snapshot, 5200).and_then(|network| snapshot.destination(network, mac))
    };
    let before = row(&bench, green);
    assert!(before.is_some());
    // The first VMI's logical interface goes, so its row is given up; the second one's must stay the same.
    bench.write_network(&NETWORK.replace("    virtual_machine_interfaces: [blue-server]\n", ""));
    let done = bench.reload().expect("a legal file");
    assert_eq!((done.vifs.added, done.vifs.removed, done.vifs.changed), (0, 1, 0));
    assert_eq!(network(bench.worker.snapshot(), 5100), None);
    assert_eq!(row(&bench, green), before);
    bench.write_network(NETWORK);
    assert_eq!(bench.reload().expect("a legal file").vifs.added, 1);
    assert!(bench.destination(REMOTE).is_some());
    assert_eq!(row(&bench, green), before);
}

#[test]
fn what_needs_a_restart_is_named_or_refused() {
    let mut bench = Bench::new("restart");
    let node = bench.directory.join("node.yaml");
    std::fs::write(&node, NODE.replace("mbufs: 16384", "mbufs: 32768")).expect("writable");
    assert_eq!(bench.reload().expect("a legal file").needs_restart, ["memory.mbufs"]);
    std::fs::write(&node, NODE.replace("    mtu: 1500", "    mtu: 1400")).expect("writable");
    let refused = bench.reload().expect_err("a port's MTU cannot change while running");
    assert!(refused.message.contains("ports[access0].mtu"), "{refused}");
}

#[test]
fn without_mode_server_nothing_is_served() {
    let mut bench = Bench::new("mode");
    std::fs::write(bench.directory.join("node.yaml"), NODE.replace("mode: server", "mode: none")).expect("writable");
    assert_eq!(bench.reload().expect("a legal file").vifs.removed, 2);
    assert_eq!(network(bench.worker.snapshot(), 5100), None);
    let Response::Vifs(vifs) = bench.show(Show::Vifs(VifsQuery::default())) else { panic!("vifs were asked for") };
    assert!(vifs.vifs.is_empty());
}

#[test]
fn routes_of_other_sources_come_and_go_without_a_rebuild_where_the_vtep_is_known() {
    let mut bench = Bench::new("routes");
    bench.turn();
    let routes = bench.control.route_changes();
    let route = Route::Mac(vni(), OTHER);
    routes.send(RouteChange::Announce(Origin::Dynamic, route, vxlan(VTEP))).expect("control listens");
    bench.turn();
    assert_eq!(bench.destination(OTHER), bench.destination(REMOTE));
    routes.send(RouteChange::Withdraw(Origin::Dynamic, route, VTEP.into())).expect("control listens");
    bench.turn();
    assert_eq!(bench.destination(OTHER), None);
    // A VTEP that is new to the network needs a tunnel, so everything is built anew.
    let stranger = Ipv4Addr::new(172, 16, 0, 77);
    routes.send(RouteChange::Announce(Origin::Dynamic, route, vxlan(stranger))).expect("control listens");
    bench.turn();
    assert!(matches!(bench.destination(OTHER), Some(Destination::Remote(_))));
    assert_ne!(bench.destination(OTHER), bench.destination(REMOTE));
}

#[test]
fn a_route_never_takes_a_local_station_away() {
    let mut bench = Bench::new("local");
    bench.turn();
    let local = MacAddr::new([2, 0, 0, 0, 0x10, 0x64]);
    let route = RouteChange::Announce(Origin::Dynamic, Route::Mac(vni(), local), vxlan(VTEP));
    bench.control.route_changes().send(route).expect("control listens");
    bench.turn();
    assert!(matches!(bench.destination(local), Some(Destination::Vif(_))));
}

#[test]
fn changes_are_coalesced_to_one_publication_in_ten_milliseconds() {
    let mut bench = Bench::new("coalesce");
    bench.turn();
    let before = bench.worker.generation();
    let routes = bench.control.route_changes();
    for n in 0..1_000u32 {
        let [a, b, ..] = n.to_le_bytes();
        let route = Route::Mac(vni(), MacAddr::new([2, 0, 0, 9, a, b]));
        routes.send(RouteChange::Announce(Origin::Dynamic, route, vxlan(VTEP))).expect("control listens");
        bench.control.turn(bench.now + Duration::from_micros(u64::from(n)));
    }
    assert_eq!(bench.worker.generation(), before);
    bench.turn();
    assert_eq!(bench.worker.generation(), before + 1);
    assert!(bench.destination(MacAddr::new([2, 0, 0, 9, 0xe7, 3])).is_some());
}

#[test]
fn counters_of_a_row_begin_at_zero_for_its_next_owner() {
    let mut bench = Bench::new("baseline");
    bench.turn();
    let blue = bench.destination(MacAddr::new([2, 0, 0, 0, 0x10, 0x64]));
    let Some(Destination::Vif(row)) = blue else { panic!("blue is served") };
    bench.telemetry.vif(row).rx_frames.add(5);
    let count = |bench: &mut Bench, name: &str| {
        let Response::Vifs(vifs) = bench.show(Show::Vifs(VifsQuery::default())) else { panic!("vifs were asked for") };
        vifs.vifs.iter().find(|vif| vif.name == name).map(|vif| vif.traffic.rx_packets)
    };
    assert_eq!(count(&mut bench, "blue-server"), Some(5));
    bench.write_network(&NETWORK.replace("    virtual_machine_interfaces: [blue-server]\n", ""));
    bench.reload().expect("a legal file");
    bench.write_network(&NETWORK.replace("blue-server", "blue-other"));
    bench.reload().expect("a legal file");
    assert_eq!(count(&mut bench, "blue-other"), Some(0));
}

#[test]
fn a_node_that_is_full_lets_one_vmi_take_another_s_place() {
    let mut bench = Bench::with_room_for("full", 2);
    bench.turn();
    bench.write_network(&NETWORK.replace("blue-server", "blue-other"));
    let done = bench.reload().expect("two VMIs before, two after");
    assert_eq!((done.vifs.added, done.vifs.removed), (1, 1));
}

/// Announces a station behind each of more VTEPs than there are tunnels, and one more behind a known VTEP, in one go.
fn announce_too_many_vteps(bench: &mut Bench) {
    let routes = bench.control.route_changes();
    let announce = |n: u32| {
        let [a, b, c, _] = n.to_le_bytes();
        let route = Route::Mac(vni(), MacAddr::new([2, 0, 9, a, b, c]));
        routes.send(RouteChange::Announce(Origin::Dynamic, route, vxlan(Ipv4Addr::from_bits(0x0a00_0000 + n))))
    };
    for n in 0..66_000 {
        announce(n).expect("control listens");
        if n % 4_000 == 3_999 {
            bench.control.turn(bench.now);
        }
    }
    let known = RouteChange::Announce(Origin::Dynamic, Route::Mac(vni(), OTHER), vxlan(VTEP));
    routes.send(known).expect("control listens");
    bench.turn();
}

#[test]
fn what_does_not_fit_holds_up_nothing_that_does() {
    let mut bench = Bench::new("too-many-vteps");
    bench.turn();
    announce_too_many_vteps(&mut bench);
    assert_eq!(bench.destination(OTHER), bench.destination(REMOTE), "a change beside one that does not fit");
    bench.kernel_says(NeighbourState::Reachable, Some(ROUTER_MAC));
    bench.turn();
    assert!(bench.is_resolved(), "the underlay is followed on");
}

#[test]
fn what_did_not_fit_is_tried_again_when_there_is_room() {
    let mut bench = Bench::new("room-again");
    bench.turn();
    announce_too_many_vteps(&mut bench);
    let last = MacAddr::new([2, 0, 9, 0xcf, 0x01, 0x01]);
    assert_eq!(bench.destination(last), None);
    let routes = bench.control.route_changes();
    for n in 0..1_000u32 {
        let [a, b, c, _] = n.to_le_bytes();
        let route = Route::Mac(vni(), MacAddr::new([2, 0, 9, a, b, c]));
        let gone = RouteChange::Withdraw(Origin::Dynamic, route, Ipv4Addr::from_bits(0x0a00_0000 + n).into());
        routes.send(gone).expect("control listens");
    }
    bench.turn();
    bench.now += Duration::from_secs(2);
    bench.turn();
    assert!(matches!(bench.destination(last), Some(Destination::Remote(_))));
}

#[test]
fn nothing_is_published_when_nothing_changed_for_the_workers() {
    let mut bench = Bench::new("quiet");
    bench.kernel_says(NeighbourState::Reachable, Some(ROUTER_MAC));
    bench.turn();
    let before = bench.worker.generation();
    let elsewhere = IpPrefix::covering(Ipv4Addr::new(10, 9, 0, 0), 16).expect("a legal prefix");
    let hops = vec![Hop { interface: InterfaceIndex(2), via: None }];
    let route = KernelRoute { destination: elsewhere, metric: 0, hops };
    bench.kernel.send(KernelEvent::Route(KernelRouteChange::Added, route)).expect("control listens");
    bench.turn();
    assert_eq!(bench.worker.generation(), before, "a route of Linux that leads to no VTEP");
    let foreign = Route::Mac(Vni::try_from(77).expect("a legal VNI"), OTHER);
    let announced = RouteChange::Announce(Origin::Dynamic, foreign, vxlan(VTEP));
    bench.control.route_changes().send(announced).expect("control listens");
    bench.turn();
    assert_eq!(bench.worker.generation(), before, "a station of a network that is not here");
}

#[test]
fn a_turn_publishes_once_whatever_it_took_in() {
    let mut bench = Bench::new("once");
    bench.turn();
    let before = bench.worker.generation();
    let announced = RouteChange::Announce(Origin::Dynamic, Route::Mac(vni(), OTHER), vxlan(VTEP));
    bench.control.route_changes().send(announced).expect("control listens");
    bench.kernel_says(NeighbourState::Reachable, Some(ROUTER_MAC));
    bench.turn();
    assert!(bench.is_resolved() && bench.destination(OTHER).is_some());
    assert_eq!(bench.worker.generation(), before + 1);
}

#[test]
fn a_reload_that_changes_flooding_alone_says_that_it_changed_something() {
    let mut bench = Bench::new("flood-only");
    assert!(NETWORK.contains("flood: true"), "the example floods");
    bench.write_network(&NETWORK.replace("flood: true", "flood: false"));
    let done = bench.reload().expect("a legal file");
    assert!(done.changed && done.networks.changed > 0, "{done:?}");
}

/// Who answers for an address of the first network.
fn binding(bench: &Bench, address: &str) -> Option<Binding> {
    let snapshot = bench.worker.snapshot();
    let network = network(snapshot, vni().value()).expect("the network is here");
    snapshot.bindings.lookup(network, address.parse().expect("an address"))
}

#[test]
fn forwarding_modes_and_suppression_change_at_run_time() {
    let mut bench = Bench::new("modes");
    let subnet = "ipam_subnets: [{ subnet: 10.1.0.0/24, default_gateway: 10.1.0.1 }]";
    let with = |keys: &str| {
        NETWORK.replacen("vxlan_network_identifier: ", &format!("{keys}\n    vxlan_network_identifier: "), 1)
    };
    bench.turn();
    let own = bench.destination(MacAddr::VIRTUAL_ROUTER);
    let instance = binding(&bench, "10.1.0.2");
    assert_eq!(own, Some(Destination::Gateway), "l2_l3 is the default");
    assert!(matches!(instance, Some(Binding::Instance(_))) && binding(&bench, "10.1.0.1").is_none());
    for (keys, gateway, router, known) in [
        (subnet.to_owned(), Some(Destination::Gateway), Some(Binding::Gateway), instance),
        (format!("{subnet}\n    arp_suppression: false"), Some(Destination::Gateway), Some(Binding::Gateway), None),
        (format!("{subnet}\n    forwarding_mode: l2"), None, None, None),
        (format!("{subnet}\n    forwarding_mode: l2_l3"), Some(Destination::Gateway), Some(Binding::Gateway), instance),
    ] {
        bench.write_network(&with(&keys));
        let done = bench.reload().expect("a legal file");
        assert_eq!((done.changed, done.networks.changed), (true, 1), "{keys}");
        let found =
            (bench.destination(MacAddr::VIRTUAL_ROUTER), binding(&bench, "10.1.0.1"), binding(&bench, "10.1.0.2"));
        assert_eq!(found, (gateway, router, known), "{keys}");
    }
}

#[test]
fn the_configuration_s_generation_is_the_one_that_it_was_published_as() {
    let mut bench = Bench::new("generation");
    bench.turn();
    let Response::Config(shown) = bench.show(Show::Config) else { panic!("the configuration was asked for") };
    assert_eq!(shown.generation, bench.worker.generation());
}

#[test]
fn every_document_renders_from_a_running_control() {
    let mut bench = Bench::new("documents");
    let all = [
        Show::Ports,
        Show::Networks,
        Show::Fdb(FdbQuery::default()),
        Show::Nexthops(NexthopsQuery::default()),
        Show::Labels(LabelsQuery::default()),
        Show::Vteps(VtepsQuery::default()),
        Show::Hosts(HostsQuery::default()),
        Show::Drops(DropsQuery { all: true, stage: None }),
    ];
    for show in all.into_iter().chain([Show::Host, Show::Workers, Show::Config, Show::Version]) {
        let response = bench.show(show.clone());
        let json = serde_json::to_vec(&response).expect("documents are serialisable");
        let again = Request::Show(show).read_response(&json).expect("documents are readable");
        assert_eq!(again, response);
    }
}

fn row(vif: &api::Vif) -> VifIndex {
    VifIndex::new(vif.index as usize).expect("a legal index")
}

#[test]
fn cleared_counters_count_from_zero_and_the_worker_s_own_go_on() {
    let mut bench = Bench::new("clear");
    bench.turn();
    let (blue, green) = (row(&bench.vif("blue-server")), row(&bench.vif("green-server")));
    bench.telemetry.vif(blue).rx_frames.add(5);
    bench.telemetry.vif(green).rx_frames.add(7);
    let done = bench.clear(Clear::Vif("blue-server".into())).expect("the VMI exists");
    assert_eq!((done.vifs, done.ports, done.drops), (1, 0, false));
    bench.telemetry.vif(blue).rx_frames.add(2);
    let (cleared, other) = (bench.vif("blue-server"), bench.vif("green-server"));
    assert_eq!((cleared.traffic.rx_packets, cleared.cleared_at), (2, Some(done.cleared_at)));
    assert_eq!((other.traffic.rx_packets, other.cleared_at), (7, None));
    assert_eq!(bench.telemetry.vif(blue).read().rx_frames, 7, "control does not write what is the worker's");
    bench.write_network(&NETWORK.replace("name: printer", "name: plotter"));
    bench.reload().expect("a legal file");
    assert_eq!(bench.vif("blue-server").traffic.rx_packets, 2, "a reload keeps counters and their clearing");
    assert_eq!(bench.vif("blue-server").cleared_at, Some(done.cleared_at));
}

#[test]
fn cleared_drop_reasons_count_from_zero_and_the_law_from_the_start() {
    let mut bench = Bench::new("clear-drops");
    bench.telemetry.ledger.received.add(3);
    bench.telemetry.ledger.dropped(DropReason::UnknownVlan).add(3);
    assert_eq!((bench.drops(false).reasons.len(), bench.drops(false).cleared_at), (1, None));
    let done = bench.clear(Clear::Drops).expect("there always are");
    assert!(done.drops && done.vifs == 0 && done.ports == 0);
    let cleared = bench.drops(false);
    assert_eq!((cleared.reasons.len(), cleared.cleared_at), (0, Some(done.cleared_at)));
    assert_eq!((cleared.accounting.dropped, cleared.accounting.unaccounted), (3, 0));
    bench.telemetry.ledger.received.add(1);
    bench.telemetry.ledger.dropped(DropReason::UnknownVlan).add(1);
    let after = bench.drops(false);
    assert_eq!((after.reasons[0].count, after.reasons[0].per_worker[0].count), (1, 1));
    assert_eq!((after.accounting.dropped, after.accounting.unaccounted), (4, 0));
}

#[test]
fn clearing_takes_in_everything_unless_something_is_named_that_exists() {
    let mut bench = Bench::new("clear-all");
    let all = bench.clear(Clear::All).expect("nothing is named");
    assert_eq!((all.vifs, all.ports, all.drops), (2, 2, true));
    assert_eq!(bench.clear(Clear::Port("access0".into())).expect("the port exists").ports, 1);
    for (clear, name) in [(Clear::Vif("x".into()), "blue-server"), (Clear::Port("x".into()), "access0")] {
        let refused = bench.clear(clear).expect_err("there is no x");
        assert_eq!(refused.code, ErrorCode::NotFound);
        assert!(refused.message.contains("`x`") && refused.message.contains(name), "{refused}");
    }
    let Response::Ports(ports) = bench.show(Show::Ports) else { panic!("ports were asked for") };
    assert!(ports.ports.iter().all(|port| port.cleared_at.is_some()));
}

#[test]
fn lists_are_narrowed_down_where_they_are_made() {
    let mut bench = Bench::new("filters");
    let mut vifs = |query: VifsQuery| {
        let Response::Vifs(document) = bench.show(Show::Vifs(query)) else { panic!("VMIs were asked for") };
        (document.vifs.into_iter().map(|vif| vif.name).collect::<Vec<_>>(), document.total)
    };
    let query = VifsQuery::default;
    let (blue, green) = ("blue-server".to_owned(), "green-server".to_owned());
    assert_eq!(vifs(query()), (vec![blue.clone(), green.clone()], 2));
    assert_eq!(vifs(VifsQuery { network: Some("green".into()), ..query() }), (vec![green.clone()], 1));
    assert_eq!(vifs(VifsQuery { vlan: Some(100), ..query() }), (vec![blue.clone()], 1));
    assert_eq!(vifs(VifsQuery { port: Some("fabric0".into()), ..query() }), (vec![], 0));
    assert_eq!(vifs(VifsQuery { name: Some("b*".into()), vlan: Some(200), ..query() }), (vec![], 0));
    assert_eq!(vifs(VifsQuery { offset: 1, limit: Some(1), ..query() }), (vec![green], 2));
    let mut fdb = |query: FdbQuery| {
        let Response::Fdb(document) = bench.show(Show::Fdb(query)) else { panic!("MACs were asked for") };
        document.entries.into_iter().map(|entry| entry.mac).collect::<Vec<_>>()
    };
    let remote = FdbQuery { vtep: Some(VTEP.into()), network: Some("blue".into()), ..FdbQuery::default() };
    assert!(fdb(remote).contains(&REMOTE.to_string()));
    assert_eq!(fdb(FdbQuery { mac: Some(REMOTE.to_string()), ..FdbQuery::default() }), [REMOTE.to_string()]);
    let far = NexthopsQuery { vtep: "192.0.2.77".parse().ok() };
    assert_eq!(bench.show(Show::Nexthops(far)), Response::Nexthops(api::NexthopsDocument::default()));
}

#[test]
fn hosts_and_vteps_say_who_is_where_and_how_it_is_reached() {
    let mut bench = Bench::new("hosts");
    let with_ip = "instance_ips:\n  - name: blue-ip\n    instance_ip_address: 10.1.0.4\n    \
                   virtual_machine_interface: blue-server\n";
    let text = if NETWORK.contains("\ninstance_ips:") { NETWORK.to_owned() } else { format!("{NETWORK}{with_ip}") };
    bench.write_network(&text);
    bench.reload().expect("a legal file");
    bench.kernel_says(NeighbourState::Reachable, Some(ROUTER_MAC));
    bench.turn();
    let Response::Hosts(all) = bench.show(Show::Hosts(HostsQuery::default())) else { panic!("hosts were asked for") };
    let blue = all.hosts.iter().find(|host| host.at == FdbWhere::Vif("blue-server".into())).expect("a VMI here");
    assert_eq!((blue.port.as_deref(), blue.vlan, blue.ips.is_empty()), (Some("access0"), Some(100), false));
    let ip = blue.ips[0].parse().expect("an address");
    let query = HostsQuery { ip: Some(ip), ..HostsQuery::default() };
    let Response::Hosts(one) = bench.show(Show::Hosts(query)) else { panic!("hosts were asked for") };
    assert_eq!(one.hosts, std::slice::from_ref(blue));
    let remote = HostsQuery { mac: Some(REMOTE.to_string()), ..HostsQuery::default() };
    let Response::Hosts(remote) = bench.show(Show::Hosts(remote)) else { panic!("hosts were asked for") };
    assert_eq!(remote.hosts[0].at, FdbWhere::Vtep(VTEP.into()));
    let Response::Vteps(vteps) = bench.show(Show::Vteps(VtepsQuery::default())) else { panic!("VTEPs were asked for") };
    assert_eq!(vteps.own, ["172.16.0.1".parse::<std::net::IpAddr>().expect("an address")]);
    let vtep = vteps.vteps.iter().find(|vtep| vtep.address == std::net::IpAddr::from(VTEP)).expect("it is configured");
    assert_eq!((vtep.state, vtep.paths[0].mac.clone()), (api::NexthopState::Resolved, Some(ROUTER_MAC.to_string())));
    let blue = vtep.networks.iter().find(|network| network.network == "blue").expect("it is in the network");
    assert_eq!((blue.encapsulation.as_str(), blue.vni, blue.label), ("VXLAN", Some(5100), None));
    assert!(blue.macs >= 1 && blue.floods);
}

#[test]
fn every_drop_reason_has_a_counter_that_dropstats_prints() {
    let mut bench = Bench::new("dropstats");
    let printed: Vec<api::Dropstats> = api::Dropstats::GROUPS.iter().flat_map(|group| group.iter().copied()).collect();
    let reasons = bench.drops(true).reasons;
    assert_eq!(reasons.len(), DropReason::COUNT);
    assert!(reasons.iter().all(|reason| reason.dropstats.is_some_and(|counter| printed.contains(&counter))));
    let counter = |name: &str| reasons.iter().find(|reason| reason.reason == name).and_then(|reason| reason.dropstats);
    assert_eq!(counter("unknown_vlan"), Some(api::Dropstats::IfDrop));
    assert_eq!(counter("unknown_unicast"), Some(api::Dropstats::NoL2Route));
}

#[test]
fn an_unknown_name_in_a_query_is_told_what_there_is() {
    let mut bench = Bench::new("unknown");
    for (show, code, words) in [
        (
            Show::Vifs(VifsQuery { network: Some("x".into()), ..VifsQuery::default() }),
            ErrorCode::NotFound,
            "no virtual network `x` on this node: expected one of blue, green",
        ),
        (
            Show::Vifs(VifsQuery { port: Some("x".into()), ..VifsQuery::default() }),
            ErrorCode::NotFound,
            "no port `x` on this node: expected one of access0, fabric0",
        ),
        (
            Show::Drops(DropsQuery { all: true, stage: Some("x".into()) }),
            ErrorCode::NotFound,
            "no stage `x` on this node: expected one of parse, classify",
        ),
        (
            Show::Fdb(FdbQuery { mac: Some("x".into()), ..FdbQuery::default() }),
            ErrorCode::BadRequest,
            "`x` is no MAC address: expected six octets",
        ),
    ] {
        let refused = bench.refusal(show);
        assert_eq!(refused.code, code);
        assert!(refused.message.starts_with(words), "{refused}");
    }
}

#[test]
fn what_workers_punted_and_policed_shows_by_class() {
    use telemetry::slots::{SendError, SlotClass};
    let mut bench = Bench::new("host");
    let policed = &bench.telemetry.punts[SlotClass::Icmp as usize];
    let sent = [Ok(()), Err(SendError::Policed), Err(SendError::Policed), Err(SendError::Full)];
    sent.into_iter().for_each(|sent| policed.count(sent));
    bench.telemetry.punts[SlotClass::Bgp as usize].count(Err(SendError::TooLong));
    let Response::Host(host) = bench.show(Show::Host) else { panic!("the host was asked for") };
    let seen = |class: &str| {
        let class = host.classes.iter().find(|shown| shown.class == class).expect("all classes are shown");
        let api::ToHost { punted, policed, channel_full, too_long, .. } = class.to_host;
        [punted, policed, channel_full, too_long]
    };
    assert_eq!((seen("icmp"), seen("bgp"), seen("other")), ([1, 2, 1, 0], [0, 0, 0, 1], [0; 4]));
}

/// A network file in which `vmis` VMIs of one network are behind one port, each behind a VLAN of its own.
fn many_vmis(vmis: u16) -> String {
    let head = "version: 1\nphysical_routers: [{ name: gw1 }]\n\
                physical_interfaces: [{ name: access0, physical_router: gw1 }]\n\
                virtual_networks: [{ name: blue, vxlan_network_identifier: 5100 }]\n";
    let mut text = head.to_owned() + "virtual_machine_interfaces:\n";
    for n in 1..=vmis {
        let mac = MacAddr::new([2, 0, 0, 1, n.to_be_bytes()[0], n.to_be_bytes()[1]]);
        text += &format!("  - {{ name: vmi-{n}, virtual_network: blue, mac_address: \"{mac}\" }}\n");
    }
    text += "logical_interfaces:\n";
    for n in 1..=vmis {
        text += &format!(
            "  - {{ name: li-{n}, physical_interface: \"gw1:access0\", logical_interface_vlan_tag: {n}, \
             virtual_machine_interfaces: [vmi-{n}] }}\n"
        );
    }
    text
}

#[test]
fn a_port_has_room_for_3000_macs_and_one_vmi_beyond_the_limit_is_an_error_that_names_it() {
    let mut bench = Bench::with_room_for("many-macs", 3000);
    bench.write_network(&many_vmis(3000));
    assert_eq!(bench.reload().expect("3000 fit").vifs.added, 3000);
    let Response::Vifs(all) = bench.show(Show::Vifs(VifsQuery { limit: Some(1), ..VifsQuery::default() })) else {
        panic!("VMIs were asked for")
    };
    assert_eq!((all.vifs.len(), all.total), (1, 3000));
    assert!(matches!(bench.destination(MacAddr::new([2, 0, 0, 1, 0x0b, 0xb8])), Some(Destination::Vif(_))));
    let before = bench.worker.generation();
    bench.write_network(&many_vmis(3001));
    let refused = bench.reload().expect_err("there is room for 3000");
    assert!(refused.message.contains("expected at most 3000") && refused.message.contains("limits.vmis"), "{refused}");
    assert_eq!(bench.worker.generation(), before, "nothing changed");
    let node = std::fs::read_to_string(bench.directory.join("node.yaml")).expect("readable");
    let small = bench.directory.join("small.yaml");
    std::fs::write(&small, node.replace("vmis: 8192", "vmis: 2999")).expect("writable");
    let errors = config::load(&small, &bench.directory.join("network.yaml")).expect_err("too many for the node file");
    let notes = errors.notes();
    assert!(notes.iter().any(|note| note.message.contains("limits.vmis: 2999")), "the offline check says so too");
}

#[test]
fn every_network_and_vmi_here_has_a_label_and_it_says_who_chose_it() {
    let mut bench = Bench::new("labels");
    let blue = "name: blue\n    vxlan_network_identifier: 5100";
    assert!(NETWORK.contains(blue));
    bench.write_network(&NETWORK.replace(blue, &format!("{blue}\n    mpls_label: 777")));
    bench.reload().expect("a legal file");
    let mut labels = |query: LabelsQuery| {
        let Response::Labels(document) = bench.show(Show::Labels(query)) else { panic!("labels were asked for") };
        document.labels
    };
    let all = labels(LabelsQuery::default());
    assert_eq!(all.len(), 4, "two networks, two VMIs: {all:?}");
    let numbers: std::collections::HashSet<u32> = all.iter().map(|label| label.label).collect();
    assert!(numbers.len() == 4 && numbers.iter().all(|label| *label >= 16), "{all:?}");
    let to = |target: &LabelTarget| all.iter().find(|label| label.leads_to == *target).expect("it has a label");
    let (network, vmi) = (to(&LabelTarget::Network("blue".into())), to(&LabelTarget::Vif("green-server".into())));
    assert_eq!((network.label, network.origin), (777, LabelOrigin::Config));
    assert_eq!((vmi.network.as_str(), vmi.origin), ("green", LabelOrigin::Allocated));
    let green = labels(LabelsQuery { network: Some("green".into()), ..LabelsQuery::default() });
    assert!(green.len() == 2 && green.iter().all(|label| label.network == "green"), "{green:?}");
}

#[test]
fn vteps_are_shown_with_the_encapsulation_and_label_that_frames_to_them_have() {
    let mut bench = Bench::new("vtep-labels");
    let entry = "static_reachability:\n  - virtual_network: blue\n    vtep: 172.16.0.77\n    flood: true\n    \
                 encapsulations: [MPLSoGRE]\n    mpls_label: 4242\n    mac_labels: [{ mac: \"02:00:00:00:20:77\", \
                 label: 4243 }]\n";
    bench.write_network(&NETWORK.replace("static_reachability:\n", entry));
    bench.reload().expect("a legal file");
    let far = "172.16.0.77".parse().ok();
    let query = VtepsQuery { vtep: far, network: None };
    let Response::Vteps(vteps) = bench.show(Show::Vteps(query)) else { panic!("VTEPs were asked for") };
    let network = &vteps.vteps[0].networks[0];
    assert_eq!((network.encapsulation.as_str(), network.label, network.vni), ("MPLSoGRE", Some(4242), None));
    assert!(network.floods && network.macs == 1);
    let query = FdbQuery { vtep: far, ..FdbQuery::default() };
    let Response::Fdb(fdb) = bench.show(Show::Fdb(query)) else { panic!("MACs were asked for") };
    assert_eq!((fdb.entries[0].encapsulation.as_deref(), fdb.entries[0].label), (Some("MPLSoGRE"), Some(4243)));
}
