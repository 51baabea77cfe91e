//! Starts everything in order, and stops it in reverse.
//!
//! Ports first, since the fabric port's MAC is the host interface's; then Linux; then the workers, on an empty snapshot;
//! then control, which publishes the real one; the API last: when it answers, the gateway serves.

use crate::carrier::Carriers;
use crate::channels;
use crate::frames;
use crate::notify::Notifier;
use crate::ports::{self, Opened, Running};
use crate::watch::Watch;
use crate::workers::{self, Workers};
use anyhow::{Context, Result};
use api::{ErrorCode, ErrorDocument, ExplainDocument, ExplainRequest, Request, Response, Timestamp};
use control::config::{Device, InterfaceName, Loaded, NodeModel, PortIndex, PortKind};
use control::reconcile::{Call, Control, Means};
use control::status::{Identity, View};
use control::tables::{FabricPort, Tables};
use control::underlay::ConfiguredRoute;
use control::watching::{self, Eyes, WatchCall, Watching};
use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use dpdk::rights::{self, Right};
use dpdk::{Eal, EalConfig, Memory};
use explain::{Arrival, Scene};
use netlink::{Follower, HostInterfaceConfig, HostInterfaces, HostIoHandle, InterfaceAddress, Tap};
use rcu::Publisher;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use telemetry::WorkerTelemetry;
use wire::MacAddr;

/// Kernel events, and calls, that may wait for control.
const WAITING_EVENTS: usize = 4096;
const WAITING_CALLS: usize = 64;
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// How long the thread that looks at frames waits for control.
const VIEW_WITHIN: Duration = Duration::from_secs(1);
const RUN_DIR: &str = "/run/causeway";

/// The running gateway. Fields are dropped in this order: the reverse of how they were started.
pub struct Gateway {
    notifier: Arc<Notifier>,
    calls: Sender<Call>,
    _api: rest::Handle,
    _control: Service,
    _watch: Service,
    _frames: Service,
    _workers: Workers,
    _host_io: HostIoHandle,
    _follower: Follower,
    _host_routes: HostRoutes,
    _plane: Arc<Running>,
    _eal: Eal,
}

/// A thread that is told to stop, and joined.
struct Service {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Service {
    fn start(name: &str, body: impl FnOnce(&AtomicBool) + Send + 'static) -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let thread = thread::Builder::new().name(name.into()).spawn(move || body(&told));
        let thread = thread.with_context(|| format!("cannot start the {name} thread"))?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let Some(thread) = self.thread.take() else { return };
        thread.thread().unpark();
        if thread.join().is_err() {
            tracing::error!("a thread ended by a panic");
        }
    }
}

/// Takes the configured routes away again when dropped: at the stop, and when a later step of the start fails.
struct HostRoutes(Option<HostInterfaces>);

impl Drop for HostRoutes {
    fn drop(&mut self) {
        if let Some(Err(error)) = self.0.take().map(HostInterfaces::remove_routes) {
            tracing::warn!(%error, "configured routes were not removed");
        }
    }
}

impl Gateway {
    /// Starts all; `files` are read again on reload, and `notifier` is told how things are, but not that they are ready.
    ///
    /// # Errors
    /// Says which step failed, on what, and what to do. Nothing is left behind but the host interface with its address,
    /// which outlives the process in any case.
    pub fn start(files: (PathBuf, PathBuf), loaded: Loaded, notifier: Arc<Notifier>) -> Result<Self> {
        let node = loaded.node.clone();
        let eal = start_eal(&node)?;
        // The threads that are started from here on must not take a core from a worker: each time would cost thousands of packets.
        dpdk::lcore::keep_off(&node.workers.iter().map(|core| usize::from(core.value())).collect::<Vec<_>>());
        let pools = ports::pools(&eal, &node)?;
        let mut opened = ports::open_all(&eal, &node, &pools)?;
        let (host_routes, taps) = host_interfaces(&node, &opened)?;
        let (follower, kernel_events, requester) = Follower::start(WAITING_EVENTS)?;
        let tables = Tables::new(fabric_ports(&node, &opened), node.limits.vmis as usize, dpdk::lcore::tsc());
        let mut publisher = Publisher::new(tables.empty(&node));
        let workers = telemetry(&node);
        let hertz = dpdk::lcore::tsc_hz(&eal);
        let channels::Ends { parts, host_io, notices, eyes, inject } =
            channels::connect(&node, hertz, &pools, &mut publisher, &workers, taps)?;
        let plans = workers::plan(&node, &mut opened, parts);
        let plane = Running::new(opened, &node, pools, host_io.reader(), &eal);
        let running = workers::start(&eal, &node.workers, plans)?;

        let ((calls, to_answer), (links, heard_links)) = (bounded(WAITING_CALLS), unbounded());
        let means = Means {
            files,
            loaded,
            publisher,
            tables,
            workers: workers.clone(),
            notices,
            plane: Arc::clone(&plane) as _,
            identity: identity(&node),
            kernel_events,
            kernel_requests: Box::new(move |request| requester.request(request).is_ok()),
            links: heard_links,
            inject,
            calls: to_answer,
        };
        let control = Control::new(means).context("the configuration does not fit")?;
        let (control, turns) = start_control(control)?;
        let (running_ports, carriers) = (Arc::clone(&plane), Carriers::new(&node));
        let watch = Watch { running: running_ports, workers, turns, notifier: Arc::clone(&notifier), carriers, links };
        let watch = Service::start("watch", move |stop| watch.run(stop))?;
        let config = rest::Config { socket: node.api.socket.clone(), group: Some(node.api.group.to_string()) };
        let (frames, watches) = start_frames(eyes, &calls, &plane)?;
        let backend = Backend { calls: calls.clone(), watches };
        let api = rest::serve(config, Arc::new(backend)).context("api.socket")?;
        tracing::info!(node = %node.name, socket = %node.api.socket.display(), "the gateway serves");
        Ok(Self {
            notifier,
            calls,
            _api: api,
            _control: control,
            _watch: watch,
            _frames: frames,
            _workers: running,
            _host_io: host_io,
            _follower: follower,
            _host_routes: host_routes,
            _plane: plane,
            _eal: eal,
        })
    }

    /// Reads the configuration files again; control logs how it went.
    pub fn reload(&self) {
        self.notifier.reloading();
        let (asker, answer) = bounded(1);
        if self.calls.try_send(Call::Reload(asker)).is_err() {
            tracing::error!("control has too much to do: reload not begun, try again");
            return self.notifier.reloaded(Some("control has too much to do"));
        }
        let notifier = Arc::clone(&self.notifier);
        let wait = move || {
            // Control that is gone has answered nobody: then we stop.
            let Ok(answer) = answer.recv() else { return };
            notifier.reloaded(answer.err().map(|error| error.message).as_deref());
        };
        if let Err(error) = thread::Builder::new().name("reload-answer".into()).spawn(wait) {
            tracing::error!(%error, "cannot start a thread to wait for the reload");
            self.notifier.reloaded(None);
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.notifier.stopping();
        tracing::info!("stopping");
    }
}

/// Control's thread, and the count of its turns.
fn start_control(mut control: Control) -> Result<(Service, Arc<AtomicU64>)> {
    let turns = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&turns);
    Ok((Service::start("control", move |stop| control.run(stop, &counted))?, turns))
}

/// The thread that looks at frames, and how it is called.
fn start_frames(
    workers: Vec<Eyes>,
    control: &Sender<Call>,
    plane: &Arc<Running>,
) -> Result<(Service, Sender<WatchCall>)> {
    let (watches, calls) = bounded(frames::WAITING_CALLS);
    let control = control.clone();
    let view = move || {
        let (asker, answer) = bounded(1);
        control.try_send(Call::Look(asker)).ok()?;
        answer.recv_timeout(VIEW_WITHIN).ok()
    };
    let plane = Arc::clone(plane) as _;
    let means = watching::Means { workers, compile: frames::compiler(), view: Box::new(view), plane };
    let watching = Watching::new(means);
    Ok((Service::start("frames", move |stop| frames::run(watching, &calls, stop))?, watches))
}

/// Every thread is started by this one or one of its children, and has the rights that this one takes up.
fn start_eal(node: &NodeModel) -> Result<Eal> {
    rights::take_up();
    rights::require(Right::NetAdmin, "the host interface, and every TAP port,")?;
    if node.ports.iter().any(|port| port.kind == PortKind::AfPacket) {
        rights::require(Right::NetRaw, "a port by packet socket")?;
    }
    Eal::start(&eal_config(node)).context("DPDK does not start")
}

fn eal_config(node: &NodeModel) -> EalConfig {
    let size_mb = node.memory.size_mb;
    let memory = if node.memory.hugepages { Memory::Hugepages { size_mb } } else { Memory::Ordinary { size_mb } };
    let pci = node.ports.iter().filter(|port| matches!(port.device, Device::Pci(_)));
    let cores = dpdk::lcore::available();
    let is_worker = |core: &usize| node.workers.iter().any(|worker| usize::from(worker.value()) == *core);
    let main_core = cores.iter().find(|core| !is_worker(core)).or(cores.first()).copied().unwrap_or(0);
    EalConfig {
        file_prefix: node.memory.file_prefix.to_string(),
        memory,
        main_core,
        pci_devices: pci.filter_map(|port| port.device.to_string().parse().ok()).collect(),
        run_dir: RUN_DIR.into(),
    }
}

/// Each fabric port as it turned out to be.
fn fabric_ports(node: &NodeModel, opened: &[Opened]) -> Vec<FabricPort> {
    let report = |port: &PortIndex| opened[port.position()].port.report();
    let own = |report: &dpdk::PortReport| FabricPort { mac: MacAddr::new(report.mac), mtu: report.mtu };
    node.fabric_ports.iter().map(report).map(own).collect()
}

/// The host interface of each fabric port, and its TAP with the port's position.
fn host_interfaces(node: &NodeModel, opened: &[Opened]) -> Result<(HostRoutes, Vec<(u16, Tap)>)> {
    let config = |(port, name): (PortIndex, &InterfaceName)| {
        let report = opened[port.position()].port.report();
        let address = |(address, prefix_len)| InterfaceAddress { address, prefix_len };
        HostInterfaceConfig {
            name: name.to_string(),
            mac: MacAddr::new(report.mac),
            mtu: report.mtu,
            addresses: node.host_addresses(port).into_iter().map(address).collect(),
        }
    };
    let configs: Vec<_> = node.host_interfaces().map(config).collect();
    let (interfaces, taps) = HostInterfaces::set_up(&configs, &ConfiguredRoute::of(node))
        .with_context(|| format!("{}: host interface", node.fabric.place))?;
    let taps = node.host_interfaces().map(|(port, _)| port.position() as u16).zip(taps).collect();
    Ok((HostRoutes(Some(interfaces)), taps))
}

fn telemetry(node: &NodeModel) -> Vec<Arc<WorkerTelemetry>> {
    let rows = Tables::vif_rows(node.limits.vmis as usize);
    let stations = Tables::learned_rows(node.limits.learned_macs as usize);
    node.workers.iter().map(|_| Arc::new(WorkerTelemetry::with_marks(rows, stations))).collect()
}

fn identity(node: &NodeModel) -> Identity {
    Identity {
        version: env!("CARGO_PKG_VERSION").into(),
        commit: option_env!("CAUSEWAY_COMMIT").map(str::to_owned),
        build: if cfg!(debug_assertions) { "debug" } else { "release" }.into(),
        started_at: Timestamp::now(),
        worker_cores: node.workers.iter().map(|core| core.value()).collect(),
    }
}

/// Answers the API from control's views; rendering happens on the API's threads.
struct Backend {
    calls: Sender<Call>,
    watches: Sender<WatchCall>,
}

impl Backend {
    fn ask<T>(&self, make: impl FnOnce(Sender<T>) -> Call) -> Result<T, ErrorDocument> {
        ask("control", &self.calls, make)
    }

    fn ask_frames<T>(&self, make: impl FnOnce(Sender<T>) -> WatchCall) -> Result<T, ErrorDocument> {
        ask("the thread that looks at frames", &self.watches, make)
    }
}

/// Asks a thread by a call that it answers once.
fn ask<T, C>(whom: &str, calls: &Sender<C>, make: impl FnOnce(Sender<T>) -> C) -> Result<T, ErrorDocument> {
    let (asker, answer): (Sender<T>, Receiver<T>) = bounded(1);
    let busy = |_| ErrorDocument::new(ErrorCode::Busy, format!("{whom} has too much to do: try again"));
    calls.try_send(make(asker)).map_err(busy)?;
    let late = |_| ErrorDocument::new(ErrorCode::Unavailable, format!("{whom} did not answer in time, or is stopping"));
    answer.recv_timeout(ANSWER_WITHIN).map_err(late)
}

/// Runs a frame over a copy of the tables in force, on the caller's thread.
fn explain(view: &View, request: &ExplainRequest) -> Result<ExplainDocument, ErrorDocument> {
    Ok(Scene::live(view).explain(&Arrival::try_from(request)?)?)
}

impl rest::Backend for Backend {
    fn call(&self, request: Request) -> Result<Response, ErrorDocument> {
        match request {
            Request::Show(show) => self.ask(Call::Look)?.render(&show),
            Request::Explain(request) => explain(&self.ask(Call::Look)?, &request).map(Response::Explain),
            Request::Clear(clear) => self.ask(|asker| Call::Clear(clear, asker))?.map(Response::Clear),
            Request::Reload => self.ask(Call::Reload)?.map(Response::Reload),
            Request::LastDrops(query) => {
                self.ask_frames(|asker| WatchCall::LastDrops(query, asker))?.map(Response::LastDrops)
            }
            Request::Watch(query) => self.ask_frames(|asker| WatchCall::Begin(query, asker))?.map(Response::Watch),
            Request::WatchNext(id) => self.ask_frames(|asker| WatchCall::Next(id, asker))?.map(Response::Seen),
            Request::WatchEnd(id) => self.ask_frames(|asker| WatchCall::End(id, asker))?.map(Response::Seen),
        }
    }
}
