//! Looks at frames: gives the workers their orders, takes in what they saw, and keeps the latest frames that were dropped.
//!
//! One thread of its own, beside control: what comes in bursts of thousands must not cost control its turns. It asks control
//! for a [`View`] to know names by, and takes nothing from it but that. Everything is bounded: what a worker may have
//! waiting, what waits for whoever looks, and how long a look lives that nobody fetches from.

mod last_drops;
mod look;
mod names;
mod outer;
mod story;

use crate::plane::DataPlane;
use crate::status::View;
use api::{
    ErrorCode, ErrorDocument, LastDropsDocument, LastDropsQuery, SeenDocument, WatchDocument, WatchKind, WatchQuery,
};
use crossbeam_channel::Sender;
use last_drops::LastDrops;
use look::Look;
use names::Names;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use telemetry::DropRecords;
use telemetry::watch::Desk;

/// Says of a frame's octets whether it is wanted.
pub type Filter = Box<dyn FnMut(&[u8]) -> bool + Send>;
/// Makes a filter of an expression, or says what is wrong with that.
pub type Compile = Box<dyn Fn(&str) -> Result<Filter, String> + Send>;

/// How often what workers saw is taken in while somebody looks.
const BUSY_TURN: Duration = Duration::from_millis(2);
/// How often dropped frames are.
const IDLE_TURN: Duration = Duration::from_millis(100);
/// How old names may be while somebody looks, and how old when it is known that there are newer ones.
const NAMES_LAST: Duration = Duration::from_secs(1);
const OLD_NAMES_LAST: Duration = Duration::from_millis(100);
/// How long whoever fetches waits when there is nothing.
const FETCH_WAITS: Duration = Duration::from_millis(500);
/// A look that is not fetched from for so long is over.
const FETCH_WITHIN: Duration = Duration::from_secs(10);

/// What others ask. Answers go through a channel of one place.
pub enum WatchCall {
    /// Begin a look.
    Begin(WatchQuery, Sender<Result<WatchDocument, ErrorDocument>>),
    /// What a look has seen since the last time.
    Next(u64, Sender<Result<SeenDocument, ErrorDocument>>),
    /// End a look.
    End(u64, Sender<Result<SeenDocument, ErrorDocument>>),
    /// The latest dropped frames.
    LastDrops(LastDropsQuery, Sender<Result<LastDropsDocument, ErrorDocument>>),
}

/// One worker's ends.
pub struct Eyes {
    /// Where it gets orders.
    pub desk: Desk,
    /// What it drops.
    pub drops: DropRecords,
}

/// What this works with.
pub struct Means {
    /// Each worker's ends, in the order of their numbers.
    pub workers: Vec<Eyes>,
    /// Makes filters.
    pub compile: Compile,
    /// Asks control how things are; `None` if it does not answer.
    pub view: Box<dyn Fn() -> Option<View> + Send>,
    /// The clock.
    pub plane: Arc<dyn DataPlane>,
}

/// The workers' clock and the wall's, read together.
#[derive(Debug, Clone, Copy)]
struct Clocks {
    cycles: u64,
    per_second: u64,
    unix_ns: u64,
}

impl Clocks {
    fn read(plane: &dyn DataPlane) -> Self {
        let unix_ns = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
        let unix_ns = u64::try_from(unix_ns).unwrap_or(u64::MAX);
        Self { cycles: plane.cycles(), per_second: plane.cycles_per_second().max(1), unix_ns }
    }

    /// When the workers' clock showed `at`, in nanoseconds since 1970.
    fn unix_ns(&self, at: u64) -> u64 {
        let ago = u128::from(self.cycles.saturating_sub(at)) * 1_000_000_000 / u128::from(self.per_second);
        self.unix_ns.saturating_sub(u64::try_from(ago).unwrap_or(u64::MAX))
    }
}

/// The thread's state.
pub struct Watching {
    means: Means,
    looks: Vec<Look>,
    begun: u64,
    names: Option<(Names, Instant)>,
    /// The newest generation that a worker spoke of.
    newest: u64,
    last_drops: LastDrops,
}

impl Watching {
    /// Nobody looks yet.
    pub fn new(means: Means) -> Self {
        Self { means, looks: Vec::new(), begun: 0, names: None, newest: 0, last_drops: LastDrops::default() }
    }

    /// How long to wait for a call before the next turn.
    pub fn patience(&self) -> Duration {
        if self.looks.is_empty() { IDLE_TURN } else { BUSY_TURN }
    }

    /// Answers a call, or has it answered by a later turn.
    pub fn hear(&mut self, call: WatchCall, now: Instant) {
        // An asker that has gone away needs no answer.
        match call {
            WatchCall::Begin(query, asker) => drop(asker.try_send(self.begin(&query, now))),
            WatchCall::Next(id, asker) => match self.look(id) {
                Ok(look) => look.ask(asker, now),
                Err(error) => drop(asker.try_send(Err(error))),
            },
            WatchCall::End(id, asker) => drop(asker.try_send(self.end(id))),
            WatchCall::LastDrops(query, asker) => drop(asker.try_send(self.show_drops(&query, now))),
        }
    }

    /// Takes in what the workers saw, and answers whoever waits for it.
    pub fn turn(&mut self, now: Instant) {
        self.means.workers.iter_mut().for_each(|eyes| eyes.desk.collect());
        self.renew_names(now);
        let clocks = Clocks::read(&*self.means.plane);
        if let Some((names, _)) = &self.names {
            for (worker, eyes) in (0u16..).zip(&mut self.means.workers) {
                let newest = self.last_drops.take_in(worker, &mut eyes.drops, names, clocks);
                self.newest = self.newest.max(newest);
            }
            for look in &mut self.looks {
                self.newest = self.newest.max(look.take_in(names, clocks));
            }
        }
        self.looks.iter_mut().for_each(|look| look.answer(now));
        self.looks.retain(|look| !look.is_forgotten(now));
    }

    fn begin(&mut self, query: &WatchQuery, now: Instant) -> Result<WatchDocument, ErrorDocument> {
        self.looks.retain(|look| !look.is_done());
        if self.looks.iter().any(|look| look.kind() == query.kind) {
            let kind = match query.kind {
                WatchKind::Capture => "capture",
                WatchKind::Trace => "trace",
            };
            let message = format!("another {kind} is running: there can be one at a time; end it first");
            return Err(ErrorDocument::new(ErrorCode::Busy, message));
        }
        self.names = None;
        self.renew_names(now);
        let Some((names, _)) = &self.names else {
            return Err(ErrorDocument::new(ErrorCode::Unavailable, "control does not answer: try again"));
        };
        let mut look = Look::new(self.begun + 1, query, names, &self.means.compile, now)?;
        look.order(self.means.workers.iter_mut().map(|eyes| &mut eyes.desk))?;
        self.begun += 1;
        tracing::info!(id = self.begun, query = ?query, "somebody looks at frames");
        let document = look.document(FETCH_WITHIN);
        self.looks.push(look);
        Ok(document)
    }

    fn end(&mut self, id: u64) -> Result<SeenDocument, ErrorDocument> {
        let clocks = Clocks::read(&*self.means.plane);
        if let Some((names, _)) = &self.names
            && let Some(look) = self.looks.iter_mut().find(|look| look.id() == id)
        {
            look.take_in(names, clocks);
        }
        let look = self.look(id)?;
        look.finish("it was ended");
        let document = look.fetch_all();
        self.looks.retain(|look| look.id() != id);
        Ok(document)
    }

    fn look(&mut self, id: u64) -> Result<&mut Look, ErrorDocument> {
        let gone = || {
            let message = format!("no look at frames has the number {id}: it has ended, or was never begun");
            ErrorDocument::new(ErrorCode::NotFound, message)
        };
        self.looks.iter_mut().find(|look| look.id() == id).ok_or_else(gone)
    }

    fn show_drops(&mut self, query: &LastDropsQuery, now: Instant) -> Result<LastDropsDocument, ErrorDocument> {
        self.names = None;
        self.turn(now);
        let names = self.names.as_ref().map(|(names, _)| names);
        let lost = self.means.workers.iter().map(|eyes| eyes.drops.lost()).sum();
        self.last_drops.document(query, names, lost)
    }

    /// Asks control for newer names, if they may be needed and were not asked for just now. Looks follow what has changed.
    fn renew_names(&mut self, now: Instant) {
        let outdated = match &self.names {
            None => true,
            Some((names, since)) => {
                let age = now.saturating_duration_since(*since);
                age >= OLD_NAMES_LAST && names.generation() < self.newest || age >= NAMES_LAST && !self.looks.is_empty()
            }
        };
        if !outdated {
            return;
        }
        let Some(view) = (self.means.view)() else { return };
        let names = Names::of(&view);
        for look in &mut self.looks {
            if look.follow(&names) {
                let desks = self.means.workers.iter_mut().map(|eyes| &mut eyes.desk);
                if let Err(error) = look.order(desks) {
                    look.finish(&error.message);
                }
            }
        }
        self.names = Some((names, now));
    }
}
