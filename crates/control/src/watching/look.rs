//! One look at frames: what it is for, what has been seen, and when it is over.

use super::names::Names;
use super::{Clocks, Compile, Filter, story};
use api::{
    ErrorCode, ErrorDocument, SeenDirection, SeenDocument, SeenFrame, SeenTotals, WatchDocument, WatchKind, WatchQuery,
};
use crossbeam_channel::Sender;
use std::collections::VecDeque;
use std::time::{Duration, Instant};
use telemetry::sightings::{Direction, Sighting};
use telemetry::watch::{Delivery, Desk, Point, Wanted};

/// Memory that one worker's channel takes, and what that may hold.
const CHANNEL_OCTETS: usize = 16 << 20;
const RECORDS_MIN: usize = 256;
const RECORDS_MAX: usize = 8192;
/// Octets of frames that may wait to be fetched, and that are fetched at once.
const WAITING_OCTETS: usize = 32 << 20;
const FETCHED_OCTETS: usize = 2 << 20;
/// What a frame takes beside its octets, about.
const FRAME_OCTETS: usize = 512;
/// What a trace shows of a frame as it leaves: all headers.
const LEAVING_OCTETS: usize = 192;

/// Who waits for what was seen, and until when.
type Asker = (Sender<Result<SeenDocument, ErrorDocument>>, Instant);

pub(super) struct Look {
    id: u64,
    query: WatchQuery,
    wanted: Wanted,
    snaplen: usize,
    filter: Option<Filter>,
    deliveries: Vec<Delivery>,
    /// What orders that were replaced have lost.
    lost_before: u64,
    left: u64,
    until: Option<Instant>,
    waiting: VecDeque<SeenFrame>,
    waiting_octets: usize,
    totals: SeenTotals,
    ended: Option<String>,
    told: bool,
    asker: Option<Asker>,
    fetched: Instant,
}

impl Look {
    pub(super) fn new(
        id: u64,
        query: &WatchQuery,
        names: &Names,
        compile: &Compile,
        now: Instant,
    ) -> Result<Self, ErrorDocument> {
        let filter = query.filter.as_deref().filter(|text| !text.trim().is_empty());
        let wrong =
            |text: &str, error: String| bad(format!("filter `{text}`: {error}; expected what pcap-filter(7) says"));
        let filter = filter.map(|text| compile(text).map_err(|error| wrong(text, error))).transpose()?;
        let longest = names.longest_frame();
        let snaplen = query.snaplen.map_or(longest, |snaplen| longest.min(snaplen as usize));
        let wanted = Wanted {
            point: point(query, names)?,
            direction: query.direction.map(|direction| match direction {
                SeenDirection::In => Direction::In,
                SeenDirection::Out => Direction::Out,
            }),
            // A filter may ask for any octet, and for the length.
            octets: if filter.is_some() { longest } else { snaplen },
            leaving: if query.kind == WatchKind::Trace { LEAVING_OCTETS } else { 0 },
        };
        Ok(Self {
            id,
            query: query.clone(),
            wanted,
            snaplen,
            filter,
            deliveries: Vec::new(),
            lost_before: 0,
            left: query.count.unwrap_or(u64::MAX),
            until: query.duration_ms.and_then(|ms| now.checked_add(Duration::from_millis(ms))),
            waiting: VecDeque::new(),
            waiting_octets: 0,
            totals: SeenTotals::default(),
            ended: None,
            told: false,
            asker: None,
            fetched: now,
        })
    }

    pub(super) fn id(&self) -> u64 {
        self.id
    }

    pub(super) fn kind(&self) -> WatchKind {
        self.query.kind
    }

    pub(super) fn document(&self, fetch_within: Duration) -> WatchDocument {
        let fetch_within_ms = u64::try_from(fetch_within.as_millis()).unwrap_or(u64::MAX);
        WatchDocument { id: self.id, snaplen: u32::try_from(self.snaplen).unwrap_or(u32::MAX), fetch_within_ms }
    }

    /// Gives every worker the order, in place of the one that it has.
    pub(super) fn order<'d>(&mut self, desks: impl Iterator<Item = &'d mut Desk>) -> Result<(), ErrorDocument> {
        self.lost_before = self.lost();
        self.deliveries.clear();
        let record = self.wanted.octets + self.wanted.leaving + FRAME_OCTETS;
        let capacity = (CHANNEL_OCTETS / record).clamp(RECORDS_MIN, RECORDS_MAX);
        for desk in desks {
            let busy =
                || ErrorDocument::new(ErrorCode::Busy, "a worker has not given back an earlier order: try again");
            self.deliveries.push(desk.order(self.wanted, capacity).ok_or_else(busy)?);
        }
        Ok(())
    }

    /// Looks up the VMI again under new names; returns whether the workers need another order.
    pub(super) fn follow(&mut self, names: &Names) -> bool {
        match point(&self.query, names) {
            _ if self.ended.is_some() => false,
            Ok(point) if point == self.wanted.point => false,
            Ok(point) => {
                self.wanted.point = point;
                true
            }
            Err(error) => {
                self.finish(&error.message);
                false
            }
        }
    }

    fn lost(&self) -> u64 {
        self.lost_before + self.deliveries.iter().map(Delivery::lost).sum::<u64>()
    }

    /// Takes in what the workers saw, oldest first; returns the newest generation that they spoke of.
    pub(super) fn take_in(&mut self, names: &Names, clocks: Clocks) -> u64 {
        let (mut seen, mut newest) = (Vec::new(), 0);
        let mut room = WAITING_OCTETS.saturating_sub(self.waiting_octets);
        for (worker, delivery) in (0u16..).zip(&mut self.deliveries) {
            // What has no room here waits with the worker, which counts what it has no room for.
            while room > 0 && self.ended.is_none() {
                let Some(Taken { key, generation, frame }) = delivery.receiver.receive(|sighting| {
                    let frame = wanted(&mut self.filter, self.wanted.point, names, sighting).then(|| {
                        let octets = sighting.octets();
                        let mut frame =
                            names.describe(sighting, worker, clocks, octets.get(..self.snaplen).unwrap_or(octets));
                        if self.query.kind == WatchKind::Trace {
                            frame.stages = story::stages(names, sighting);
                            frame.left_as = api::hexadecimal(sighting.leaving());
                        }
                        frame
                    });
                    let leaves = sighting.facts.direction == Direction::Out;
                    Taken { key: (sighting.facts.at, leaves), generation: sighting.facts.generation, frame }
                }) else {
                    break;
                };
                newest = newest.max(generation);
                match frame {
                    Some(frame) => {
                        room = room.saturating_sub(size_of_frame(&frame));
                        seen.push((key, frame));
                    }
                    None => self.totals.filtered_out += 1,
                }
            }
        }
        seen.sort_by_key(|(key, _)| *key);
        for (_, frame) in seen {
            if self.left > 0 {
                self.left -= 1;
                self.waiting_octets += size_of_frame(&frame);
                self.waiting.push_back(frame);
            }
        }
        if self.left == 0 {
            self.finish("it has seen as many frames as were wanted");
        }
        newest
    }

    /// Nothing more is seen.
    pub(super) fn finish(&mut self, why: &str) {
        if self.ended.is_none() {
            tracing::info!(id = self.id, why, "a look at frames has ended");
            self.totals.lost = self.lost();
            self.ended = Some(why.to_owned());
            self.deliveries.clear();
        }
    }

    /// Somebody wants to know what was seen; he is answered by [`answer`](Self::answer).
    pub(super) fn ask(&mut self, asker: Sender<Result<SeenDocument, ErrorDocument>>, now: Instant) {
        self.fetched = now;
        if let Some((before, _)) = self.asker.replace((asker, now + super::FETCH_WAITS)) {
            let message = "somebody else has asked for what this look sees";
            drop(before.try_send(Err(ErrorDocument::new(ErrorCode::Busy, message))));
        }
    }

    /// Answers whoever waits, if there is something or he has waited long enough.
    pub(super) fn answer(&mut self, now: Instant) {
        if self.until.is_some_and(|until| until <= now) {
            self.finish("its time is over");
        }
        let ready = !self.waiting.is_empty() || self.ended.is_some();
        if let Some((asker, _)) = self.asker.take_if(|(_, until)| ready || *until <= now) {
            let document = self.fetch(FETCHED_OCTETS);
            self.fetched = now;
            // Whoever has gone away fetches no more, by which the look ends.
            drop(asker.try_send(Ok(document)));
        }
    }

    /// All that was seen and not fetched.
    pub(super) fn fetch_all(&mut self) -> SeenDocument {
        self.fetch(usize::MAX)
    }

    fn fetch(&mut self, most_octets: usize) -> SeenDocument {
        let (mut frames, mut octets) = (Vec::new(), 0);
        while octets < most_octets
            && let Some(frame) = self.waiting.pop_front()
        {
            octets += size_of_frame(&frame);
            frames.push(frame);
        }
        self.waiting_octets = self.waiting_octets.saturating_sub(octets);
        self.totals.delivered += frames.len() as u64;
        if self.ended.is_none() {
            self.totals.lost = self.lost();
        }
        let ended = self.ended.clone().filter(|_| self.waiting.is_empty());
        self.told |= ended.is_some();
        SeenDocument { frames, totals: self.totals, ended }
    }

    /// Whether it is over and somebody was told so.
    pub(super) fn is_done(&self) -> bool {
        self.told
    }

    /// Whether nobody has fetched for long.
    pub(super) fn is_forgotten(&self, now: Instant) -> bool {
        self.told || self.asker.is_none() && now.saturating_duration_since(self.fetched) > super::FETCH_WITHIN
    }
}

/// A sighting that was taken in.
struct Taken {
    key: (u64, bool),
    generation: u64,
    frame: Option<SeenFrame>,
}

fn wanted(filter: &mut Option<Filter>, point: Point, names: &Names, sighting: &Sighting) -> bool {
    let octets = sighting.octets();
    if let Point::Inside(vif) = point
        && names.is_for_another(vif, &sighting.facts, octets)
    {
        return false;
    }
    filter.as_mut().is_none_or(|wants| wants(octets))
}

fn size_of_frame(frame: &SeenFrame) -> usize {
    FRAME_OCTETS + frame.data.len() + frame.left_as.len()
}

/// What the workers are to look at.
fn point(query: &WatchQuery, names: &Names) -> Result<Point, ErrorDocument> {
    match (&query.vif, &query.port, query.outside, query.kind) {
        (Some(vif), None, outside, kind) => {
            let disabled = || bad(format!("VMI `{vif}` is disabled (id_perms.enable: false): it has no frames"));
            let row = names.vmi(vif)?.ok_or_else(disabled)?;
            Ok(match (kind, outside) {
                (WatchKind::Trace, _) => Point::Path(row),
                (WatchKind::Capture, true) => Point::Outside(row),
                (WatchKind::Capture, false) => Point::Inside(row),
            })
        }
        (None, Some(port), false, _) => Ok(Point::Port(names.port(port)?)),
        (None, Some(_), true, _) => Err(bad("`outside` is of a VMI, not of a port".to_owned())),
        (Some(_), Some(_), ..) | (None, None, ..) => Err(bad("expected one of `vif` and `port`".to_owned())),
    }
}

fn bad(message: String) -> ErrorDocument {
    ErrorDocument::new(ErrorCode::BadRequest, message)
}
