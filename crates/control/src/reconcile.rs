//! One loop: take in what came, fold it into the tables, publish what changed.
//!
//! ```text
//!   kernel events --+                                        +--> requests to the kernel
//!   route changes --+--> take in --> tables --> publish -----+--> snapshot to the workers (RCU)
//!   calls ----------+       ^                                +--> answers to callers
//!                           |
//!   reload: files are read and checked on a thread of their own, and come back here whole or not at all
//! ```
//!
//! A turn publishes at most once, and not at all if nothing that workers read has changed. Publications are at least
//! [`PUBLISH_EVERY`] apart, reloads excepted: ten thousand changes a second become a hundred snapshots. Nothing here waits
//! for a worker, and no worker for this.

use crate::access::Access;
use crate::access::storm;
use crate::cleared::Cleared;
use crate::config::{self, ConfigErrors, Loaded};
use crate::plane::DataPlane;
use crate::routes::{RouteChange, Routes};
use crate::status::{Identity, Sources, View, VifStatus};
use crate::tables::{TableError, Tables, VifRow};
use crate::underlay::{ConfiguredRoute, KernelEvent, KernelLink, KernelRequest, MAX_NEIGHBOURS, MAX_ROUTES, Underlay};
use crossbeam_channel::{Receiver, Select, Sender, TryRecvError, bounded, never};
use fib::{NetworkId, Snapshot};
use hashbrown::HashMap;
use rcu::Publisher;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use telemetry::WorkerTelemetry;
use telemetry::notices::NoticeReceiver;
use telemetry::slots::SlotSender;
use wire::Vni;

mod access;
mod clear;
mod counters;
mod learning;
mod reload;

pub(crate) use reload::finding;

/// The least time between two publications.
pub const PUBLISH_EVERY: Duration = Duration::from_millis(10);
/// The clock of what control originates ([`Means::inject`]) counts nanoseconds.
pub const TICKS_PER_SECOND: u64 = 1_000_000_000;
/// The longest time between two turns.
const TURN_EVERY: Duration = Duration::from_millis(100);
/// When tables that could not be built are tried again: there may be room then.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// Most messages of one kind that a turn takes in.
const TURN_MESSAGES: usize = 4096;
/// Most route changes that may wait.
const WAITING_ROUTES: usize = 65_536;

/// What others ask of control. Answers go through a channel of one place, so control never waits for the asker.
pub enum Call {
    /// All that there is to look at; rendering is the asker's business.
    Look(Sender<View>),
    /// Have counters count from 0 again.
    Clear(api::Clear, Sender<Result<api::ClearDocument, api::ErrorDocument>>),
    /// Read the files again.
    Reload(Sender<Result<api::ReloadDocument, api::ErrorDocument>>),
}

/// What control works with.
pub struct Means {
    /// The node file and the network file.
    pub files: (PathBuf, PathBuf),
    /// Both, as read at start.
    pub loaded: Loaded,
    /// The end of the snapshots that writes; workers have the others.
    pub publisher: Publisher<Snapshot>,
    /// The tables that the publisher's first snapshot came from.
    pub tables: Tables,
    /// Each worker's counters.
    pub workers: Vec<Arc<WorkerTelemetry>>,
    /// What each worker saw.
    pub notices: Vec<NoticeReceiver>,
    /// Ports, pools, clock.
    pub plane: Arc<dyn DataPlane>,
    /// Who we are, for `show version`.
    pub identity: Identity,
    /// What Linux says.
    pub kernel_events: Receiver<KernelEvent>,
    /// What we ask of Linux; `false` if it could not be passed on, and is asked again later.
    pub kernel_requests: Box<dyn Fn(KernelRequest) -> bool + Send>,
    /// The ports whose link has changed, by name, and whether it is up now; at first all whose drivers know.
    pub links: Receiver<(String, bool)>,
    /// Where frames go that control originates; its limits are on a clock of [`TICKS_PER_SECOND`].
    pub inject: SlotSender,
    /// Calls of the adapters.
    pub calls: Receiver<Call>,
}

/// The control thread's state.
pub struct Control {
    means: Means,
    loaded: Arc<Loaded>,
    sources: Arc<Sources>,
    routes: Arc<Routes>,
    underlay: Underlay,
    access: Access,
    vifs: Arc<Vec<Option<VifStatus>>>,
    network_rows: Arc<HashMap<Vni, NetworkId>>,
    cleared: Arc<Cleared>,
    route_changes: (Sender<RouteChange>, Receiver<RouteChange>),
    pending_routes: Vec<RouteChange>,
    underlay_moved: bool,
    /// The access ports were opened or closed.
    access_moved: bool,
    rebuild: bool,
    /// Not before this: the last rebuild failed.
    rebuild_after: Option<Instant>,
    started: Instant,
    published: Instant,
    reloads: (Sender<reload::Finished>, Receiver<reload::Finished>),
    reloading: bool,
    links: learning::Links,
}

/// How a host interface is, for the log.
#[derive(PartialEq, Eq)]
enum HostState {
    Gone,
    Down,
    Up,
}

impl Control {
    /// Control over a configuration that was read at start; its first snapshot is published at once.
    ///
    /// # Errors
    /// If the configuration does not fit into the tables.
    pub fn new(mut means: Means) -> Result<Self, TableError> {
        let host_interfaces = means.loaded.node.host_interfaces().map(|(_, name)| name.to_string());
        let underlay = Underlay::new(host_interfaces).with_routes(ConfiguredRoute::of(&means.loaded.node));
        let (loaded, started) = (Arc::new(means.loaded.clone()), Instant::now());
        let stations = loaded.node.limits.learned_macs as usize;
        let mut control = Self {
            sources: Arc::new(Sources::now(&means.files, 1)),
            routes: Arc::default(),
            underlay,
            access: Access::new(
                started,
                &loaded.node,
                std::mem::take(&mut means.notices),
                means.workers.clone(),
                stations,
            ),
            vifs: Arc::default(),
            network_rows: Arc::default(),
            cleared: Arc::default(),
            route_changes: bounded(WAITING_ROUTES),
            pending_routes: Vec::new(),
            underlay_moved: false,
            access_moved: false,
            rebuild: false,
            rebuild_after: None,
            started,
            published: started,
            reloads: bounded(1),
            reloading: false,
            links: learning::Links::default(),
            loaded: Arc::clone(&loaded),
            means,
        };
        control.means.tables.set_closed(control.access.why_closed().is_some());
        control.put_in_force(loaded, control.started)?;
        control.sources = Arc::new(Sources::now(&control.means.files, control.means.publisher.generation()));
        Ok(control)
    }

    /// Where other sources of routes (learning, BGP) put their changes. Bounded: a source that finds it full waits.
    pub fn route_changes(&self) -> Sender<RouteChange> {
        self.route_changes.0.clone()
    }

    /// Turns until `stop` is set, at least ten times a second; counts them in `turns`, by which others see that it
    /// is alive.
    pub fn run(&mut self, stop: &AtomicBool, turns: &AtomicU64) {
        while !stop.load(Ordering::Relaxed) {
            self.wait();
            self.turn(Instant::now());
            turns.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// One turn: takes in what has come, publishes what has changed.
    pub fn turn(&mut self, now: Instant) {
        self.hear_kernel();
        self.hear_links(now);
        self.follow_uplink(now);
        self.hear_routes();
        self.look_after_access(now);
        self.look_after_learning(now);
        self.hear_callers();
        self.hear_reload(now);
        self.ask_kernel(now);
        if now.saturating_duration_since(self.published) >= PUBLISH_EVERY {
            self.publish_changes(now);
        }
        self.means.publisher.collect();
    }

    /// Until something comes, or it is time to publish or to look after things.
    fn wait(&self) {
        let learned = self.access.learning().has_changes();
        let dirty =
            self.rebuild || self.underlay_moved || self.access_moved || learned || !self.pending_routes.is_empty();
        let mut select = Select::new();
        if dirty {
            // Only calls end the pause between two publications early.
            select.recv(&self.means.calls);
            let rest = PUBLISH_EVERY.saturating_sub(self.published.elapsed());
            let _ = select.ready_timeout(rest);
            return;
        }
        select.recv(&self.means.calls);
        select.recv(&self.reloads.1);
        select.recv(&self.means.kernel_events);
        select.recv(&self.route_changes.1);
        select.recv(&self.means.links);
        let _ = select.ready_timeout(self.access.pause(Instant::now()).unwrap_or(TURN_EVERY).min(TURN_EVERY));
    }

    fn hear_kernel(&mut self) {
        let (before, ignored) = (self.host_states(), self.underlay.ignored());
        self.take_in_events();
        if ignored == 0 && self.underlay.ignored() > 0 {
            tracing::warn!(
                "Linux has more than {MAX_ROUTES} routes or {MAX_NEIGHBOURS} neighbours on the host interfaces: those \
                 beyond are not followed, and VTEPs behind them are not reached"
            );
        }
        for ((name, now), (_, before)) in self.host_states().iter().zip(&before) {
            match now {
                _ if now == before => {}
                HostState::Up => tracing::info!(interface = %name, "host interface is up"),
                HostState::Down => tracing::warn!(
                    interface = %name,
                    "host interface is down, or its port has no link: nothing is sent to VTEPs by it until it is up (ip \
                     link set {name} up)"
                ),
                HostState::Gone => tracing::error!(
                    interface = %name,
                    "host interface was deleted or renamed: nothing is sent to VTEPs by it any more; restart causewayd"
                ),
            }
        }
    }

    fn host_states(&self) -> Vec<(String, HostState)> {
        let state = |link: Option<&KernelLink>| match link {
            None => HostState::Gone,
            Some(link) if link.up => HostState::Up,
            Some(_) => HostState::Down,
        };
        self.underlay.host_links().map(|(name, link)| (name.to_owned(), state(link))).collect()
    }

    fn take_in_events(&mut self) {
        for _ in 0..TURN_MESSAGES {
            match self.means.kernel_events.try_recv() {
                Ok(event) => self.underlay_moved |= self.underlay.apply(event),
                Err(TryRecvError::Empty) => return,
                Err(TryRecvError::Disconnected) => {
                    tracing::error!("Linux is no longer followed: next hops stay as they are; restart causewayd");
                    self.means.kernel_events = never();
                }
            }
        }
    }

    fn hear_routes(&mut self) {
        for change in self.route_changes.1.try_iter().take(TURN_MESSAGES) {
            if Arc::make_mut(&mut self.routes).apply(change) {
                self.pending_routes.push(change);
            }
        }
    }

    fn ask_kernel(&mut self, now: Instant) {
        for request in self.underlay.poll(now) {
            if !(self.means.kernel_requests)(request) {
                tracing::debug!("the kernel is not asked now; if it is about a neighbour, it will be later");
            }
        }
    }

    fn hear_callers(&mut self) {
        let calls: Vec<Call> = self.means.calls.try_iter().take(TURN_MESSAGES).collect();
        let mut view = None;
        for call in calls {
            // An asker that has gone away needs no answer.
            match call {
                Call::Look(asker) => drop(asker.try_send(view.get_or_insert_with(|| self.view()).clone())),
                Call::Clear(clear, asker) => {
                    // What is looked at after this shows it.
                    view = None;
                    drop(asker.try_send(self.clear(&clear)));
                }
                Call::Reload(asker) => self.start_reload(asker),
            }
        }
    }

    /// Makes the smallest snapshot that has all pending changes, and publishes it.
    fn publish_changes(&mut self, now: Instant) {
        if let Err(error) = self.fold_changes(now) {
            tracing::error!(%error, "a change could not be put into the tables; the last good ones stay in force");
        }
        self.published = now;
    }

    fn fold_changes(&mut self, now: Instant) -> Result<(), TableError> {
        let changes = std::mem::take(&mut self.pending_routes);
        self.rebuild |= self.means.tables.must_rebuild(&self.routes, &changes);
        if self.rebuild && self.rebuild_after.is_none_or(|after| after <= now) {
            match self.put_in_force(Arc::clone(&self.loaded), now) {
                Ok(()) => return Ok(()),
                Err(error) => tracing::error!(%error, "not all routes are in force; trying again every second"),
            }
            // What fits all the same goes in below.
            self.rebuild_after = Some(now + RETRY_AFTER);
        }
        let (tables, current) = (&self.means.tables, self.means.publisher.current());
        let mut next = tables.amend_routes(current, &self.routes, &changes)?;
        if std::mem::take(&mut self.underlay_moved) {
            let amended = tables.amend_underlay(next.as_ref().unwrap_or(current), &self.loaded.node, &self.underlay)?;
            next = amended.or(next);
        }
        if std::mem::take(&mut self.access_moved) {
            next = tables.amend_access(next.as_ref().unwrap_or(current), &self.loaded.node).or(next);
        }
        let learned = self.amend_learned(next.as_ref());
        if let Some(next) = learned.or(next) {
            self.means.publisher.publish(next);
        }
        Ok(())
    }

    /// Builds everything anew from `loaded` and publishes it. On an error nothing has changed.
    fn put_in_force(&mut self, loaded: Arc<Loaded>, now: Instant) -> Result<(), TableError> {
        let mut routes = Arc::clone(&self.routes);
        if !Arc::ptr_eq(&loaded, &self.loaded) || self.means.publisher.generation() == 1 {
            Arc::make_mut(&mut routes).set_static(&loaded.network);
        }
        let next = self.means.publisher.generation() + 1;
        let oldest = self.means.publisher.oldest_in_use();
        self.means.tables.leave_out(Arc::clone(&self.access.learning().known().shut));
        let rebuilt = self.means.tables.rebuild(&loaded, &routes, &self.underlay, next, oldest)?;
        self.vifs = Arc::new(self.count_from_here(&rebuilt.vifs));
        let snapshot = self.learn_anew(&loaded, &rebuilt, next);
        self.access.configure_stp(&snapshot, &loaded, &rebuilt.vifs, next);
        self.means.publisher.publish(snapshot);
        self.access.configure(now, &loaded, &rebuilt.vifs, next);
        self.means.tables = rebuilt.tables;
        self.underlay.track(self.means.tables.tunnels().map(|(vtep, _)| vtep));
        self.network_rows = Arc::new(self.means.tables.network_rows().collect());
        self.access.configure_storms(storm::talkers(&loaded, &self.vifs, &self.network_rows));
        (self.loaded, self.routes) = (loaded, routes);
        self.pending_routes.clear();
        (self.rebuild, self.rebuild_after) = (false, None);
        (self.underlay_moved, self.access_moved) = (false, false);
        Ok(())
    }

    fn view(&self) -> View {
        View {
            loaded: Arc::clone(&self.loaded),
            sources: Arc::clone(&self.sources),
            routes: Arc::clone(&self.routes),
            vifs: Arc::clone(&self.vifs),
            network_rows: Arc::clone(&self.network_rows),
            storms: self.access.storms().clone(),
            learned: self.access.learning().known().clone(),
            stp: Arc::clone(self.access.stp()),
            cleared: Arc::clone(&self.cleared),
            generation: self.means.publisher.generation(),
            snapshot: self.means.publisher.current().clone(),
            tunnels: self.means.tables.tunnels().map(|(vtep, by)| (vtep, by, self.underlay.resolve(vtep))).collect(),
            labels: Arc::clone(self.means.tables.labels()),
            reachability: Arc::clone(self.access.reachability()),
            log: Arc::clone(self.access.log()),
            closed: self.access.why_closed(),
            workers: self.means.workers.clone().into(),
            plane: Arc::clone(&self.means.plane),
            identity: Arc::new(self.means.identity.clone()),
        }
    }
}
