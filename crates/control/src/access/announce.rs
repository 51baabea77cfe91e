//! What tells a VLAN where its virtual router and the members behind the fabric are: when an instance has become reachable,
//! or the port can be used again, the switches behind it may have learned otherwise.
//!
//! Everything is spread over time, since each frame reaches everybody on its VLAN: the router's addresses first and twice,
//! then the members, so many a second for each port and so many for each VLAN.

use super::frames;
use fib::{PortIndex, VifIndex};
use hashbrown::{HashMap, HashSet};
use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use telemetry::{Policer, Rate};
use wire::{MacAddr, VlanId};

/// The second time follows so long after the first: a switch may not have forwarded the first one yet.
const AGAIN_AFTER: Duration = Duration::from_secs(2);
/// Frames of the virtual router, on all ports together.
const ROUTER_RATE: Rate = Rate { frames_per_second: 4_000, burst: 64 };
/// Frames of members behind the fabric, on each port.
const MEMBER_RATE: Rate = Rate { frames_per_second: 256, burst: 16 };
/// Members that are announced on one VLAN at one time.
pub(super) const MOST_MEMBERS: usize = 64;
/// A VLAN is told of the members once in so long at most: one round of probes, in which many may have become reachable. Not
/// longer: when a spanning tree has gone away and come back the switches have to be told again, or they keep to the way that is blocked.
const MEMBERS_EVERY: Duration = super::probes::PERIOD;
const TICKS_PER_SECOND: u64 = 1_000_000_000;
/// Until the next turn while something waits.
const PAUSE: Duration = Duration::from_millis(5);

/// A VLAN of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) port: PortIndex,
    pub(super) vlan: VlanId,
    pub(super) inner: Option<VlanId>,
}

/// What is announced on a VLAN.
#[derive(Debug, Clone)]
pub(super) struct Segment {
    /// One of the interfaces on it.
    pub(super) vif: VifIndex,
    /// The addresses of the virtual router there.
    pub(super) router: Arc<[IpAddr]>,
    /// The members of its network behind the fabric.
    pub(super) members: Arc<[Member]>,
}

/// A member of a network that is not behind this node's ports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) mac: MacAddr,
    /// The VLANs on which another gateway has it: where they are the same as ours the LAN may be too, and the switch must
    /// not be told that the station is here.
    pub(super) tags: Vec<(VlanId, Option<VlanId>)>,
}

/// VLANs that wait for their turn, each once.
#[derive(Debug, Default)]
struct Queue {
    places: VecDeque<Turn>,
    queued: HashSet<Place>,
}

/// A VLAN's turn.
#[derive(Debug, Clone, Copy)]
struct Turn {
    place: Place,
    /// Not before this.
    due: Instant,
    /// How much of its list is done.
    done: usize,
    /// Frames that were sent.
    sent: usize,
}

impl Queue {
    /// Returns whether it does not wait already.
    fn add(&mut self, place: Place, due: Instant) -> bool {
        let is_new = self.queued.insert(place);
        if is_new {
            // Who is due later does not stand in front of who is due now.
            let at = self.places.partition_point(|turn| turn.due <= due);
            self.places.insert(at, Turn { place, due, done: 0, sent: 0 });
        }
        is_new
    }

    fn next(&mut self, now: Instant) -> Option<&mut Turn> {
        self.places.front_mut().filter(|turn| turn.due <= now)
    }

    fn end_turn(&mut self) {
        if let Some(turn) = self.places.pop_front() {
            self.queued.remove(&turn.place);
        }
    }

    fn forget(&mut self, port: PortIndex) {
        self.places.retain(|turn| turn.place.port != port);
        self.queued.retain(|place| place.port != port);
    }
}

/// Members that wait for their turn on one port.
#[derive(Debug)]
struct Waiting {
    queue: Queue,
    policer: Policer,
}

impl Waiting {
    fn new() -> Self {
        Self { queue: Queue::default(), policer: Policer::new(MEMBER_RATE, TICKS_PER_SECOND) }
    }

    /// Sends what is due; adds to `cut` the VLANs with more members than are announced, and how many are left out.
    fn turn(
        &mut self,
        (now, ticks): (Instant, u64),
        segments: &HashMap<Place, Segment>,
        send: &mut impl FnMut(VifIndex, &[u8]) -> bool,
        cut: &mut Vec<(Place, usize)>,
    ) {
        while let Some(turn) = self.queue.next(now) {
            let place = turn.place;
            let next = segments.get(&place).and_then(|segment| Some((segment, segment.members.get(turn.done)?)));
            let Some((segment, member)) = next else {
                self.queue.end_turn();
                continue;
            };
            if turn.sent >= MOST_MEMBERS {
                cut.push((place, segment.members.len() - turn.done));
                self.queue.end_turn();
                continue;
            }
            if !member.tags.contains(&(place.vlan, place.inner)) {
                if !self.policer.admit(ticks) || !send(segment.vif, &frames::station_is_here(member.mac)) {
                    return;
                }
                turn.sent += 1;
            }
            turn.done += 1;
        }
    }
}

/// What is announced where, and what waits for its turn.
#[derive(Debug)]
pub(super) struct Announcements {
    started: Instant,
    segments: HashMap<Place, Segment>,
    first: Queue,
    again: Queue,
    policer: Policer,
    members: HashMap<PortIndex, Waiting>,
    told_members: HashMap<Place, Instant>,
}

impl Announcements {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            started: now,
            segments: HashMap::new(),
            first: Queue::default(),
            again: Queue::default(),
            policer: Policer::new(ROUTER_RATE, TICKS_PER_SECOND),
            members: HashMap::new(),
            told_members: HashMap::new(),
        }
    }

    /// Announces by these from now on. What waits is kept where its VLAN stays.
    pub(super) fn set_segments(&mut self, segments: HashMap<Place, Segment>) {
        self.segments = segments;
        self.told_members.retain(|place, _| self.segments.contains_key(place));
    }

    /// Somebody on a VLAN has become reachable: by now the switches forward what comes out of the port.
    pub(super) fn somebody_is_there(&mut self, now: Instant, place: Place) {
        let Some(segment) = self.segments.get(&place) else { return };
        if !segment.router.is_empty() {
            self.first.add(place, now);
        }
        if segment.members.is_empty() {
            return;
        }
        // Whoever comes too early for his turn has it later, and is not forgotten.
        let due = self.told_members.get(&place).map_or(now, |told| now.max(*told + MEMBERS_EVERY));
        if self.members.entry(place.port).or_insert_with(Waiting::new).queue.add(place, due) {
            self.told_members.insert(place, due);
        }
    }

    /// The port can be used again: all its VLANs are told.
    pub(super) fn port_is_there(&mut self, now: Instant, port: PortIndex) {
        let mut places: Vec<Place> = self.segments.keys().filter(|place| place.port == port).copied().collect();
        places.sort_unstable();
        for place in places {
            self.told_members.remove(&place);
            self.somebody_is_there(now, place);
            // A spanning tree may still block the port: whoever answers first has it told once more.
            self.told_members.remove(&place);
        }
    }

    /// Nothing is announced on a port that cannot be used.
    pub(super) fn port_is_gone(&mut self, port: PortIndex) {
        self.first.forget(port);
        self.again.forget(port);
        self.members.remove(&port);
    }

    /// How long until the next turn is worth while, if anything waits.
    pub(super) fn pause(&self, now: Instant) -> Option<Duration> {
        let queues = [&self.first, &self.again].into_iter().chain(self.members.values().map(|waiting| &waiting.queue));
        let due = queues.filter_map(|queue| queue.places.front()).map(|turn| turn.due).min()?;
        Some(due.saturating_duration_since(now).max(PAUSE))
    }

    /// Sends what is due. Returns the VLANs on which more members are behind the fabric than were announced, and how many.
    pub(super) fn turn(&mut self, now: Instant, send: &mut impl FnMut(VifIndex, &[u8]) -> bool) -> Vec<(Place, usize)> {
        let ticks = u64::try_from(now.saturating_duration_since(self.started).as_nanos()).unwrap_or(u64::MAX);
        let Self { segments, first, again, policer, .. } = self;
        send_router((now, ticks), segments, (policer, again), send, |_| {});
        send_router((now, ticks), segments, (policer, first), send, |place| {
            again.add(place, now + AGAIN_AFTER);
        });
        let mut cut = Vec::new();
        for waiting in self.members.values_mut() {
            waiting.turn((now, ticks), segments, send, &mut cut);
        }
        cut
    }
}

/// Announces the virtual router on the VLANs of a queue; `done` hears of each that is through.
fn send_router(
    (now, ticks): (Instant, u64),
    segments: &HashMap<Place, Segment>,
    (policer, queue): (&mut Policer, &mut Queue),
    send: &mut impl FnMut(VifIndex, &[u8]) -> bool,
    mut done: impl FnMut(Place),
) {
    while let Some(turn) = queue.next(now) {
        let place = turn.place;
        let next = segments.get(&place).and_then(|segment| Some((segment.vif, *segment.router.get(turn.done)?)));
        let Some((vif, address)) = next else {
            queue.end_turn();
            done(place);
            continue;
        };
        if !policer.admit(ticks) || !send(vif, &frames::router_has(address)) {
            return;
        }
        turn.done += 1;
    }
}

#[cfg(test)]
mod tests;
