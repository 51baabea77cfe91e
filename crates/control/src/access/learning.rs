//! Learning: which stations are behind which interfaces of the networks that learn.
//!
//! Workers tell of sources that are new to their interface, and set marks for those that they know ([`telemetry`]'s
//! `SeenMarks`). Here it is decided what is learned, where a station that shows up elsewhere is at home, and when it is
//! forgotten. What is configured beats what is learned, always.
//!
//! Sans-IO: time, generations and marks are passed in; what changes is taken out by [`Learning::amend`] and
//! [`Learning::restore`], in [`apply`].

mod apply;
mod limits;
mod said;

use crate::access::InForce;
use crate::access::log::EventLog;
use crate::config::{MacLimit, MacLimitAction, MacMove};
use crate::ids::Rows;
use fib::{LearnedId, PortIndex, VifIndex};
use hashbrown::{HashMap, HashSet};
use limits::Fill;
use said::Said;
use std::sync::Arc;
use std::time::{Duration, Instant};
use telemetry::notices::Learn;
use wire::{MacAddr, Vni};

/// Most rows that a turn looks after.
const TURN_ROWS: usize = 8192;
/// All rows are looked at so many times within the shortest ageing time.
const SWEEPS: u32 = 8;
const SWEEP_AT_LEAST: Duration = Duration::from_secs(1);
const SWEEP_AT_MOST: Duration = Duration::from_secs(30);

/// A station by its network and address.
pub(crate) type Key = (Vni, MacAddr);

/// What holds for an interface that learns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VifRules {
    /// The VMI's name.
    pub(crate) name: String,
    pub(crate) network: Vni,
    pub(crate) port: PortIndex,
    /// The generation since which the row is this interface's: what was noticed before is another's.
    pub(crate) since: u64,
    pub(crate) limit: MacLimit,
}

/// What holds for a network that learns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NetworkRules {
    pub(crate) name: String,
    pub(crate) ageing: Option<Duration>,
    pub(crate) limit: MacLimit,
    pub(crate) moves: MacMove,
}

/// An interface or network that learns.
#[derive(Debug, Clone)]
pub(crate) struct Place<R> {
    pub(crate) rules: R,
    pub(crate) fill: Fill,
}

/// A station that was learned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Station {
    /// Where it is.
    pub(crate) vif: VifIndex,
    pub(crate) row: LearnedId,
    /// Since when it is there.
    pub(crate) since: Instant,
    /// When it was last seen, at the latest: to the accuracy of the sweeps.
    pub(crate) seen: Instant,
    /// How often it has moved since.
    moves: u32,
    moves_since: Instant,
}

/// What has to become of the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Learn(Key, VifIndex, LearnedId),
    Move(Key, VifIndex, VifIndex, LearnedId),
    Forget(Key, VifIndex),
    Block(MacAddr, VifIndex),
    Unblock(MacAddr, VifIndex),
    Full(VifIndex, bool),
}

/// What a turn of control knows.
pub(crate) struct Turn<'a> {
    pub(crate) now: Instant,
    pub(crate) tables: InForce<'a>,
    pub(crate) log: &'a mut Arc<EventLog>,
}

/// What others may look at. A clone shares everything; a change then copies it, once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    pub(crate) stations: Arc<HashMap<Key, Station>>,
    pub(crate) vifs: Arc<HashMap<VifIndex, Place<VifRules>>>,
    pub(crate) networks: Arc<HashMap<Vni, Place<NetworkRules>>>,
    /// VMIs that were shut down, by name.
    pub(crate) shut: Arc<HashSet<String>>,
}

/// All that was learned, and by which rules.
pub(crate) struct Learning {
    known: Known,
    rows: Rows<Key>,
    by_row: Vec<Option<Key>>,
    /// Where a station may not send, and until when.
    blocked: HashMap<Key, (VifIndex, Instant)>,
    changes: Vec<Change>,
    sweep_every: Duration,
    swept: Option<Instant>,
    cursor: usize,
    said: Said,
    newly_shut: bool,
}

impl Learning {
    /// With room for so many stations.
    pub(crate) fn new(rows: usize) -> Self {
        Self {
            known: Known::default(),
            rows: Rows::new(rows, Self::rows(rows)),
            by_row: Vec::new(),
            blocked: HashMap::new(),
            changes: Vec::new(),
            sweep_every: SWEEP_AT_MOST,
            swept: None,
            cursor: 0,
            said: Said::default(),
            newly_shut: false,
        }
    }

    /// How many rows, each with a mark of each worker, at most `stations` need: a row rests after its station is forgotten.
    pub(crate) fn rows(stations: usize) -> usize {
        (2 * stations).min(LearnedId::MAX + 1)
    }

    /// What is known, to look at.
    pub(crate) fn known(&self) -> &Known {
        &self.known
    }

    /// A worker saw a source that is new to its interface.
    pub(crate) fn hear(&mut self, turn: &mut Turn<'_>, generation: u64, Learn { vif, mac }: Learn) {
        let Some(place) = self.known.vifs.get(&vif).filter(|place| place.rules.since <= generation) else { return };
        if !mac.is_station() {
            return;
        }
        let key = (place.rules.network, mac);
        match self.known.stations.get(&key).copied() {
            Some(station) if station.vif == vif => {}
            Some(station) => self.shows_up_elsewhere(turn, key, station, vif),
            None if is_settled(&turn.tables, vif, mac) || self.blocked.contains_key(&key) => {}
            None => self.appears(turn, key, vif),
        }
    }

    fn appears(&mut self, turn: &mut Turn<'_>, key: Key, vif: VifIndex) {
        if !self.has_room(turn, key, vif, true) {
            return;
        }
        let row = self.rows.assign(&key, turn.tables.oldest_in_use).and_then(|(row, _)| LearnedId::new(row));
        let Some(row) = row else {
            let what = format!("{} is not learned: limits.learned_macs of the node file is reached", key.1);
            return self.said.say(turn, self.name_of(vif), what);
        };
        if self.by_row.len() <= row.row() {
            self.by_row.resize(row.row() + 1, None);
        }
        self.by_row[row.row()] = Some(key);
        let station = Station { vif, row, since: turn.now, seen: turn.now, moves: 0, moves_since: turn.now };
        Arc::make_mut(&mut self.known.stations).insert(key, station);
        self.count(key.0, vif, true);
        self.changes.push(Change::Learn(key, vif, row));
    }

    /// It has moved there, or it is behind both in a loop: how often it may move tells them apart.
    fn shows_up_elsewhere(&mut self, turn: &mut Turn<'_>, key: Key, mut station: Station, to: VifIndex) {
        let Some(network) = self.known.networks.get(&key.0) else { return };
        let rules = network.rules.moves;
        if turn.now.saturating_duration_since(station.moves_since) >= rules.window() {
            (station.moves, station.moves_since) = (0, turn.now);
        }
        station.moves = station.moves.saturating_add(1);
        let too_often = rules.most > 0 && station.moves > rules.most;
        if too_often || !self.has_room(turn, key, to, false) {
            Arc::make_mut(&mut self.known.stations).insert(key, station);
            if too_often && station.moves == rules.most + 1 {
                self.moved_too_often(turn, key, station, to, rules);
            }
            return;
        }
        let from = std::mem::replace(&mut station.vif, to);
        (station.since, station.seen) = (turn.now, turn.now);
        Arc::make_mut(&mut self.known.stations).insert(key, station);
        self.count_vif(from, false);
        self.count_vif(to, true);
        self.changes.push(Change::Move(key, from, to, station.row));
        let what = format!("{} moved here from {}", key.1, self.name_of(from));
        self.said.say(turn, self.name_of(to), what);
    }

    fn moved_too_often(&mut self, turn: &mut Turn<'_>, key: Key, station: Station, to: VifIndex, rules: MacMove) {
        let (mac, home) = (key.1, self.name_of(station.vif));
        let what = format!("{mac} moved more than {} times in {} s: it stays at {home}", rules.most, rules.window_s);
        let then = match rules.action {
            MacLimitAction::Log | MacLimitAction::Alarm => String::new(),
            MacLimitAction::Drop => {
                self.blocked.insert(key, (to, station.moves_since + rules.window()));
                self.changes.push(Change::Block(mac, to));
                "; its frames from here are dropped that long".into()
            }
            MacLimitAction::Shutdown => {
                self.shut_down(to);
                "; the VMI is shut down".into()
            }
        };
        self.said.say(turn, self.name_of(to), what + &then);
    }

    /// Looks whether stations were seen, and forgets those that were not for as long as their network says. Cost: a mark of
    /// each worker for each row that is due, of which a turn takes at most [`TURN_ROWS`].
    pub(crate) fn sweep(&mut self, turn: &mut Turn<'_>, mut seen: impl FnMut(LearnedId) -> bool) {
        self.unblock(turn.now);
        self.said.look(turn);
        let rows = self.by_row.len();
        let Some(due) = self.due(turn.now, rows) else { return };
        for _ in 0..due.min(rows).min(TURN_ROWS) {
            self.cursor = if self.cursor + 1 >= rows { 0 } else { self.cursor + 1 };
            let (Some(key), Some(row)) = (self.by_row[self.cursor], LearnedId::new(self.cursor)) else { continue };
            if seen(row) {
                if let Some(station) = Arc::make_mut(&mut self.known.stations).get_mut(&key) {
                    station.seen = turn.now;
                }
            } else if self.is_old(key, turn.now) {
                self.forget(turn, key);
            }
        }
    }

    /// How many rows have to be looked at so that all are in good time; `None` if it is too early for one.
    fn due(&mut self, now: Instant, rows: usize) -> Option<usize> {
        let since = now.saturating_duration_since(*self.swept.get_or_insert(now));
        let due = (rows as u128 * since.as_nanos() / self.sweep_every.as_nanos()) as usize;
        if due == 0 {
            return None;
        }
        self.swept = Some(now);
        Some(due)
    }

    fn is_old(&self, key: Key, now: Instant) -> bool {
        let ageing = self.known.networks.get(&key.0).and_then(|network| network.rules.ageing);
        let station = self.known.stations.get(&key);
        ageing.zip(station).is_some_and(|(ageing, station)| now.saturating_duration_since(station.seen) >= ageing)
    }

    fn forget(&mut self, turn: &mut Turn<'_>, key: Key) {
        let Some(station) = Arc::make_mut(&mut self.known.stations).remove(&key) else { return };
        self.give_up(key, station.row, turn.tables.next);
        self.count(key.0, station.vif, false);
        self.changes.push(Change::Forget(key, station.vif));
        self.has_room_again(turn, key.0, station.vif);
    }

    fn give_up(&mut self, key: Key, row: LearnedId, gone_in: u64) {
        self.rows.give_up(&key, gone_in);
        if let Some(of) = self.by_row.get_mut(row.row()) {
            *of = None;
        }
    }

    fn unblock(&mut self, now: Instant) {
        let changes = &mut self.changes;
        self.blocked.retain(|(_, mac), (vif, until)| {
            let stays = now < *until;
            if !stays {
                changes.push(Change::Unblock(*mac, *vif));
            }
            stays
        });
    }

    /// Forgets all stations behind a port: it has lost its link.
    pub(crate) fn flush_port(&mut self, turn: &mut Turn<'_>, port: PortIndex) {
        let behind = |vif| self.known.vifs.get(&vif).is_some_and(|place| place.rules.port == port);
        let stations = self.known.stations.iter().filter(|(_, station)| behind(station.vif));
        let keys: Vec<Key> = stations.map(|(key, _)| *key).collect();
        for key in keys {
            self.forget(turn, key);
        }
    }

    fn name_of(&self, vif: VifIndex) -> String {
        self.known.vifs.get(&vif).map_or_else(|| format!("interface {vif}"), |place| place.rules.name.clone())
    }
}

fn is_settled(tables: &InForce<'_>, vif: VifIndex, mac: MacAddr) -> bool {
    tables.current.is_settled(tables.current.vif(vif).network(), mac)
}

#[cfg(test)]
mod tests;
