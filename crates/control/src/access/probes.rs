//! Whether each address of each instance is there: all are asked in turn, evenly over a period, and what workers hear of
//! them is put together with that.
//!
//! A turn costs what is due in it, however many there are. A turn that comes late does not make up for all that it missed:
//! everybody is asked a little later instead of all at once.

use fib::{PortIndex, VifIndex};
use hashbrown::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use telemetry::notices::{Heard, HeardHow};
use wire::MacAddr;

/// Each address is asked once in so long.
pub const PERIOD: Duration = Duration::from_secs(2);
/// An address that has let so many questions in a row go unanswered is unreachable when the next one is due.
pub const MISSED: u32 = 3;
/// A turn asks for no more than what would have been due in so long.
const CATCH_UP: Duration = Duration::from_millis(25);
/// And never more than so many: half of what may wait for the worker.
const MOST_A_TURN: usize = 512;
/// The least time between two turns for the sake of probes.
const LEAST_PAUSE: Duration = Duration::from_millis(5);

/// One address to be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The VMI's name.
    pub vmi: Arc<str>,
    /// Its interface.
    pub vif: VifIndex,
    /// The port that it is behind.
    pub port: PortIndex,
    /// Its MAC.
    pub mac: MacAddr,
    /// The address.
    pub address: IpAddr,
    /// What it is asked from, if the network has an address for that.
    pub source: Option<IpAddr>,
    /// Tables older than this generation do not have the interface: what they say of its number is of another's.
    pub since_generation: u64,
}

/// What is known of one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reachability {
    /// Whether it is there.
    pub state: State,
    /// Since when it is so.
    pub since: Instant,
    /// When it was heard last.
    pub heard: Option<Instant>,
    /// The MAC that it was heard with.
    pub mac: Option<MacAddr>,
    /// Questions since it was heard.
    pub unanswered: u32,
}

/// Whether an address is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nobody knows yet.
    Unknown,
    /// It was heard of late.
    Reachable,
    /// It does not answer.
    Unreachable,
    /// Its port has no link or is closed: it is not asked.
    PortDown,
}

/// An address whose state has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its place in [`Probes::entries`].
    pub at: usize,
    /// What it was.
    pub before: State,
    /// What it is.
    pub now: State,
}

/// All addresses, and whose turn it is.
#[derive(Debug, Default)]
pub struct Probes {
    entries: Arc<Vec<(Target, Reachability)>>,
    places: HashMap<(VifIndex, IpAddr), usize>,
    usable: HashMap<PortIndex, bool>,
    changes: Vec<Change>,
    next: usize,
    /// When the last question was due.
    last_due: Option<Instant>,
}

impl Probes {
    /// Asks for these from now on. What is known of an address of a VMI is kept while both stay.
    pub fn set_targets(&mut self, now: Instant, targets: Vec<Target>) {
        let old = Arc::clone(&self.entries);
        let before: HashMap<(&str, IpAddr), Reachability> =
            old.iter().map(|(target, known)| ((&*target.vmi, target.address), *known)).collect();
        let known = |target: &Target| before.get(&(&*target.vmi, target.address)).copied();
        let entry = |target: Target| {
            let new = Reachability { state: State::Unknown, since: now, heard: None, mac: None, unanswered: 0 };
            let known = known(&target).unwrap_or(new);
            (target, known)
        };
        let entries: Vec<_> = targets.into_iter().map(entry).collect();
        self.places = entries.iter().enumerate().map(|(at, (of, _))| ((of.vif, of.address), at)).collect();
        self.entries = Arc::new(entries);
        // The changes that nobody has taken yet are of places that are no more.
        self.changes.clear();
        self.next = if self.entries.is_empty() { 0 } else { self.next % self.entries.len() };
        for (port, usable) in self.usable.clone() {
            self.mark_port(now, port, usable);
        }
    }

    /// All addresses. Whoever keeps it costs a copy of it at the next change.
    pub fn entries(&self) -> &Arc<Vec<(Target, Reachability)>> {
        &self.entries
    }

    /// Whether anything behind a port can be asked. What is behind one that cannot be used is not there; it is asked again when the
    /// port can be used again. Returns whether that is new.
    pub fn set_port(&mut self, now: Instant, port: PortIndex, usable: bool) -> bool {
        if self.usable.insert(port, usable) == Some(usable) {
            return false;
        }
        self.mark_port(now, port, usable);
        true
    }

    fn mark_port(&mut self, now: Instant, port: PortIndex, usable: bool) {
        for at in 0..self.entries.len() {
            let (target, known) = &self.entries[at];
            match (target.port == port, usable, known.state) {
                (true, true, State::PortDown) => self.change(now, at, State::Unknown),
                (true, false, State::Unknown | State::Reachable | State::Unreachable) => {
                    self.change(now, at, State::PortDown);
                }
                _ => {}
            }
        }
    }

    /// A worker heard somebody by the tables of a generation. Somebody who asks whether an address is free does not have it
    /// yet.
    pub fn hear(&mut self, now: Instant, generation: u64, heard: &Heard) {
        let Some(&at) = self.places.get(&(heard.vif, heard.address)) else { return };
        if generation < self.entries[at].0.since_generation || heard.how == HeardHow::Probe {
            return;
        }
        let known = &mut Arc::make_mut(&mut self.entries)[at].1;
        (known.heard, known.mac, known.unanswered) = (Some(now), Some(heard.mac), 0);
        // What was on its way when the port went down says nothing of now.
        if !matches!(known.state, State::Reachable | State::PortDown) {
            self.change(now, at, State::Reachable);
        }
    }

    /// Asks for what is due; `ask` returns whether the question could be sent.
    pub fn turn(&mut self, now: Instant, mut ask: impl FnMut(&Target) -> bool) {
        for _ in 0..self.due(now) {
            let at = self.next;
            self.next = (self.next + 1) % self.entries.len();
            let known = self.entries[at].1;
            if known.state == State::PortDown {
                continue;
            }
            if known.unanswered >= MISSED && known.state != State::Unreachable {
                self.change(now, at, State::Unreachable);
            }
            // What could not be sent counts for nothing: the channel to the worker is full.
            if ask(&self.entries[at].0) {
                let known = &mut Arc::make_mut(&mut self.entries)[at].1;
                known.unanswered = known.unanswered.saturating_add(1);
            }
        }
    }

    /// How many questions are due, and moves on by as many.
    fn due(&mut self, now: Instant) -> usize {
        let Some(interval) = self.interval() else {
            self.last_due = None;
            return 0;
        };
        let last = *self.last_due.get_or_insert(now);
        let late = now.saturating_duration_since(last);
        let due = (late.as_nanos() / interval.as_nanos()) as usize;
        let most = (CATCH_UP.as_nanos() / interval.as_nanos()).clamp(1, MOST_A_TURN as u128) as usize;
        self.last_due = Some(if due > most { now } else { last + interval * due as u32 });
        due.min(most)
    }

    /// The time between two questions.
    fn interval(&self) -> Option<Duration> {
        let count = u32::try_from(self.entries.len()).ok().filter(|count| *count > 0)?;
        Some((PERIOD / count).max(Duration::from_nanos(1)))
    }

    /// How long until the next turn is worth while; `None` if there is nobody to ask.
    pub fn pause(&self, now: Instant) -> Option<Duration> {
        let next = self.last_due? + self.interval()?;
        Some(next.saturating_duration_since(now).max(LEAST_PAUSE))
    }

    fn change(&mut self, now: Instant, at: usize, state: State) {
        let known = &mut Arc::make_mut(&mut self.entries)[at].1;
        let before = std::mem::replace(&mut known.state, state);
        known.since = now;
        if state != State::Unreachable {
            known.unanswered = 0;
        }
        self.changes.push(Change { at, before, now: state });
    }

    /// What has changed since the last call.
    pub fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }
}

#[cfg(test)]
mod tests;
