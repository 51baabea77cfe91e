//! What control does for the instances behind the access ports, beside tables: it hears what workers saw of them.
//!
//! Everything here is sans-IO. Time is passed in; what is to be sent or changed is returned to the loop in
//! [`reconcile`](crate::reconcile), which alone acts.

mod announce;
mod frames;
pub(crate) mod learning;
mod links;
pub mod log;
pub mod probes;
mod reports;
pub(crate) mod storm;
pub mod stp;
mod targets;
pub(crate) mod uplink;

use crate::config::{self, Loaded, NodeModel};
use crate::tables::{VifRow, port_index};
use announce::{Announcements, Place};
use fib::{PortIndex, Snapshot, VifIndex};
use hashbrown::HashMap;
use learning::{Learning, Turn};
use links::Links;
use log::{EventKind, EventLog};
use probes::{Probes, Reachability, State, Target};
use reports::Reports;
use std::sync::Arc;
use std::time::{Duration, Instant};
use storm::{Storms, Talker};
use stp::{Members, Stp};
use telemetry::notices::{Notice, NoticeReceiver, Stamped};
use telemetry::{StormTotals, WorkerTelemetry};
use uplink::{Fabric, Uplink};

/// Most notices of one worker that a turn takes in.
const TURN_NOTICES: usize = 4096;

/// The state of it.
pub struct Access {
    workers: Vec<NoticeReceiver>,
    counters: Vec<Arc<WorkerTelemetry>>,
    log: Arc<EventLog>,
    probes: Probes,
    reports: Reports,
    announcements: Announcements,
    places: HashMap<VifIndex, Place>,
    links: Links,
    uplink: Uplink,
    wanted_links: bool,
    storms: Storms,
    learning: Learning,
    stp: Arc<Stp>,
    members: Members,
}

/// The tables in force.
#[derive(Clone, Copy)]
pub(crate) struct InForce<'a> {
    pub(crate) current: &'a Snapshot,
    /// The generation that is published next, and the oldest that a worker still uses.
    pub(crate) next: u64,
    pub(crate) oldest_in_use: u64,
}

impl Access {
    /// Hears these workers, looks at what they count, and learns at most so many stations.
    pub fn new(
        now: Instant,
        node: &NodeModel,
        workers: Vec<NoticeReceiver>,
        counters: Vec<Arc<WorkerTelemetry>>,
        stations: usize,
    ) -> Self {
        Self {
            workers,
            counters,
            log: Arc::default(),
            probes: Probes::default(),
            reports: Reports::default(),
            announcements: Announcements::new(now),
            places: HashMap::new(),
            links: Links::default(),
            uplink: Uplink::new(now, node.uplink_tracking),
            wanted_links: true,
            storms: Storms::default(),
            learning: Learning::new(stations),
            stp: Arc::default(),
            members: Members::default(),
        }
    }

    /// What has happened. Whoever keeps it costs control a copy of the list at the next event.
    pub fn log(&self) -> &Arc<EventLog> {
        &self.log
    }

    /// What switches say in BPDU networks. Whoever keeps it costs control a copy at the next of their messages.
    pub fn stp(&self) -> &Arc<Stp> {
        &self.stp
    }

    /// Who storms.
    pub(crate) fn storms(&self) -> &Storms {
        &self.storms
    }

    /// What was learned.
    pub(crate) fn learning(&self) -> &Learning {
        &self.learning
    }

    /// The same, to put it into tables.
    pub(crate) fn learning_mut(&mut self) -> &mut Learning {
        &mut self.learning
    }

    /// Forgets what was learned behind a port.
    pub(crate) fn flush_port(&mut self, now: Instant, port: PortIndex, tables: InForce<'_>) {
        self.learning.flush_port(&mut Turn { now, tables, log: &mut self.log }, port);
    }

    /// Says who has a storm budget, after the tables were made anew.
    pub(crate) fn configure_storms(&mut self, talkers: impl Iterator<Item = (Talker, String)>) {
        let counters = &self.counters;
        self.storms.configure(talkers, |talker| storm_totals(counters, talker));
    }

    /// Has the counters of storm control count from 0 again: all, or those of one interface.
    pub(crate) fn clear_storms(&mut self, only: Option<Talker>) {
        let counters = &self.counters;
        self.storms.clear(only, |talker| storm_totals(counters, talker));
    }

    /// What is known of each instance's addresses. Whoever keeps it costs control a copy of the list at the next change.
    pub fn reachability(&self) -> &Arc<Vec<(Target, Reachability)>> {
        self.probes.entries()
    }

    /// Goes by another configuration from now on; `rows` are those of `loaded.network.served`, in force from `generation`
    /// on.
    pub fn configure(&mut self, now: Instant, loaded: &Loaded, rows: &[Option<VifRow>], generation: u64) {
        self.uplink.configure(loaded.node.uplink_tracking);
        self.probes.set_targets(now, targets::targets(loaded, rows, generation));
        let (segments, places) = targets::segments(loaded, rows);
        self.announcements.set_segments(segments);
        self.places = places;
    }

    /// Says who is a member of a BPDU network by the tables that are in force from `generation` on.
    pub fn configure_stp(&mut self, snapshot: &Snapshot, loaded: &Loaded, rows: &[Option<VifRow>], generation: u64) {
        self.members = Members::of(snapshot, loaded, rows, generation);
        if !self.stp.is_quiet() {
            let members = &self.members;
            Arc::make_mut(&mut self.stp).retain(|network| members.has(network));
        }
    }

    /// A port's link is like this now.
    pub(crate) fn set_link(&mut self, now: Instant, node: &NodeModel, name: &str, up: bool) {
        let Some((port, _)) = node.port(name) else { return };
        self.links.set(port, up);
        Arc::make_mut(&mut self.log).add(EventKind::Link, name, if up { "up" } else { "down" });
        self.set_ports(now, node);
    }

    /// Whether a port has a link, as far as anybody knows.
    pub(crate) fn has_link(&self, node: &NodeModel, port: config::PortIndex) -> bool {
        self.links.is_up(node, port) == Some(true)
    }

    /// Whether ports may be opened as soon as the fabric allows it.
    pub(crate) fn is_waiting(&self) -> bool {
        self.why_closed().is_some()
    }

    /// Why the access ports are closed, if they are.
    pub(crate) fn why_closed(&self) -> Option<&'static str> {
        self.uplink.state().why_closed()
    }

    /// Opens or closes the access ports as the fabric is; returns whether anything changed.
    pub(crate) fn follow(&mut self, now: Instant, node: &NodeModel, fabric: Fabric) -> bool {
        let Some(what) = self.uplink.turn(now, fabric) else { return false };
        for (_, port) in node.access_ports() {
            Arc::make_mut(&mut self.log).add(EventKind::Access, port.name.as_str(), what.as_str());
        }
        self.set_ports(now, node);
        true
    }

    /// Whether the access ports are to have their links, if that is new.
    pub(crate) fn take_wanted_links(&mut self, now: Instant) -> Option<bool> {
        let wanted = self.uplink.wants_links(now);
        (std::mem::replace(&mut self.wanted_links, wanted) != wanted).then_some(wanted)
    }

    fn set_ports(&mut self, now: Instant, node: &NodeModel) {
        let is_open = self.why_closed().is_none();
        for (port, _) in node.access_ports() {
            let usable = is_open && self.links.is_up(node, port) != Some(false);
            self.set_port(now, port_index(port), usable);
        }
    }

    /// Whether a port can be used: it has a link and is open. One of which nothing was said can.
    fn set_port(&mut self, now: Instant, port: PortIndex, usable: bool) {
        if !self.probes.set_port(now, port, usable) {
            return;
        }
        if usable {
            self.announcements.port_is_there(now, port);
        } else {
            self.announcements.port_is_gone(port);
        }
    }

    /// The longest time until the next turn, if it matters.
    pub fn pause(&self, now: Instant) -> Option<Duration> {
        let pauses = [self.probes.pause(now), self.announcements.pause(now), self.uplink.pause(now)];
        pauses.into_iter().flatten().min()
    }

    /// One turn: takes in what the workers saw, and has frames sent that are due. `send` takes an untagged frame for an interface;
    /// it returns whether there was room for it.
    pub(crate) fn turn(&mut self, now: Instant, tables: InForce<'_>, mut send: impl FnMut(VifIndex, &[u8]) -> bool) {
        for worker in 0..self.workers.len() {
            for _ in 0..TURN_NOTICES {
                let Some(stamped) = self.workers[worker].receive() else { break };
                self.take_in(now, tables, stamped);
            }
        }
        self.probes.turn(now, |of| send(of.vif, &frames::question(of.mac, of.address, of.source)));
        let counters = &self.counters;
        if !self.stp.is_quiet() && self.stp.is_due(now) {
            Arc::make_mut(&mut self.stp).tick(now, Arc::make_mut(&mut self.log));
        }
        self.storms.look(now, |talker| storm_totals(counters, talker), &mut self.log);
        // Each worker's mark is taken back, also behind one that has seen the station.
        let seen = |row| counters.iter().fold(false, |seen, worker| seen | worker.seen.take(row));
        self.learning.sweep(&mut Turn { now, tables, log: &mut self.log }, seen);
        self.report(now);
        for (place, left_out) in self.announcements.turn(now, &mut send) {
            let (port, vlan) = (place.port, place.vlan);
            tracing::info!(%port, %vlan, left_out, "not all members behind the fabric were announced to the VLAN");
        }
    }

    /// Tells what has changed of the instances' reachability.
    fn report(&mut self, now: Instant) {
        let changes = self.probes.take_changes();
        if changes.is_empty() && self.reports.is_idle() {
            return;
        }
        let log = Arc::make_mut(&mut self.log);
        for change in changes {
            let (target, known) = &self.probes.entries()[change.at];
            self.reports.add(now, log, change.before, (target, &Reachability { state: change.now, ..*known }));
            if let (State::Reachable, Some(place)) = (change.now, self.places.get(&target.vif)) {
                self.announcements.somebody_is_there(now, *place);
            }
        }
        self.reports.turn(now, log);
    }

    fn take_in(&mut self, now: Instant, tables: InForce<'_>, Stamped { generation, notice }: Stamped) {
        match notice {
            Notice::Heard(heard) => self.probes.hear(now, generation, &heard),
            Notice::Learn(learn) => {
                self.learning.hear(&mut Turn { now, tables, log: &mut self.log }, generation, learn);
            }
            Notice::Bpdu(copy) => {
                if let Some((network, member)) = self.members.name(generation, &copy) {
                    let frame = copy.head.get(..usize::from(copy.octets)).unwrap_or(&copy.head);
                    let log = Arc::make_mut(&mut self.log);
                    Arc::make_mut(&mut self.stp).hear(now, network, member, frame, log);
                }
            }
            Notice::Storm(storm) => {
                let counters = &self.counters;
                self.storms.hear(now, storm, |talker| storm_totals(counters, talker), &mut self.log);
            }
        }
    }
}

fn storm_totals(workers: &[Arc<WorkerTelemetry>], talker: Talker) -> StormTotals {
    talker.totals(workers.iter().map(|worker| &**worker))
}

#[cfg(test)]
mod tests;
