//! What came of a trial, put together from what its lanes left.

use crate::frame::Way;
use crate::lane::Left;
use crate::latency;
use crate::receive::{Books, Received, Strays};
use crate::send::Sent;
use crate::stolen::Gap;
use crate::trial::Order;
use serde::Serialize;
use std::ops::Range;
use wire::MacAddr;

/// Loss so long before or after a time at which the generator was not there is put to its account.
const SLACK_US: u64 = 2000;
/// Shorter absences do not explain a loss: rings bridge them.
const LEAST_STOLEN_US: u64 = 100;

/// What came of a stream.
#[derive(Clone, Debug, Serialize)]
pub struct Stream {
    /// Its direction.
    pub way: &'static str,
    /// Frames that were offered to the port.
    pub offered: u64,
    /// Frames a second that were offered, over the time of sending.
    pub offered_pps: f64,
    /// Of these, frames that the port had no room for. They count as lost.
    pub refused: u64,
    /// Frames that were not made since the generator was late.
    pub slipped: u64,
    /// Frames that came, each counted once.
    pub received: u64,
    /// Offered less received.
    pub lost: u64,
    /// Lost frames that were sent near a time at which the generator, or the forwarder as far as it is watched, was not there. At most [`Self::lost`].
    pub lost_near_stolen_time: u64,
    /// Frames that came again.
    pub duplicates: u64,
    /// Frames that came after a million later ones; they stay lost.
    pub stale: u64,
    /// Frames that came behind a later one of their flow.
    pub reordered: u64,
    /// By how many frames of its flow the most overtaken one came late.
    pub most_displaced: u64,
    /// Frames that came behind a later one of whatever flow.
    pub reordered_in_stream: u64,
    /// By how many frames of the stream the most overtaken one came late.
    pub most_displaced_in_stream: u64,
    /// Frames with another payload than was sent.
    pub corrupted: u64,
    /// Frames that came with another VLAN's tag, or another network's VNI.
    pub misdirected: u64,
    /// Time from sender to receiver.
    pub latency: latency::Summary,
}

/// What a thread of the generator says of itself.
#[derive(Clone, Debug, Serialize)]
pub struct LaneReport {
    /// Its core.
    pub core: usize,
    /// Rounds of its loop.
    pub rounds: u64,
    /// Gaps of more than 20 us between two rounds.
    pub gaps: u64,
    /// The longest.
    pub longest_gap_ns: u64,
    /// The longest, without what others had of it.
    pub longest_own_gap_ns: u64,
    /// Time that others had the core.
    pub stolen_ns: u64,
}

/// What came of a trial.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// Frames a second asked for in each direction; none for as fast as possible.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked_pps: Option<f64>,
    /// Time of sending.
    pub seconds: f64,
    /// Whether it ran to its end.
    pub complete: bool,
    /// By direction.
    pub streams: Vec<Stream>,
    /// Frames of others.
    pub foreign: u64,
    /// Frames with a damaged number.
    pub damaged: u64,
    /// Frames of an earlier trial.
    pub belated: u64,
    /// The generator's threads.
    pub lanes: Vec<LaneReport>,
    /// Time that threads of the forwarder waited for a core, or that the hypervisor had one, as far as that is known.
    pub stolen_elsewhere_ns: u64,
    /// The gateway's MAC, where it told it.
    #[serde(skip)]
    pub gateway_mac: Option<MacAddr>,
}

impl Outcome {
    /// The direction of `way`, if it was driven.
    #[must_use]
    pub fn stream(&self, way: Way) -> Option<&Stream> {
        self.streams.iter().find(|stream| stream.way == way.name())
    }

    /// Lost frames of all directions.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.streams.iter().map(|stream| stream.lost).sum()
    }

    /// Whether nothing was lost, doubled, spoilt or sent astray.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        let spoilt = |s: &Stream| s.lost + s.duplicates + s.stale + s.corrupted + s.misdirected;
        self.streams.iter().map(spoilt).sum::<u64>() + self.damaged == 0
    }

    /// The longest time that others had a core of the generator's, all in all, in nanoseconds.
    #[must_use]
    pub fn stolen_ns(&self) -> u64 {
        self.lanes.iter().map(|lane| lane.stolen_ns).max().unwrap_or(0)
    }
}

/// Puts together what the lanes left.
#[must_use]
pub fn conclude(mut left: Vec<Left<'_>>, order: Order, complete: bool, forwarder: &[Gap], hz: u64) -> Outcome {
    let mut books = left.iter_mut().find_map(|lane| lane.books.take());
    let mut streams = Vec::new();
    let mut ticks = 0;
    for way in Way::BOTH {
        let sent = left.iter_mut().find_map(|lane| lane.sent[way.index()].take());
        let (Some(sent), Some(books)) = (sent, &mut books) else { continue };
        let Some(received) = books.close(way, sent.offered) else { continue };
        let gaps: Vec<&Gap> = left.iter().flat_map(|lane| &lane.absence.gaps).chain(forwarder).collect();
        let near = lost_near(&received.lost, &sent, &stolen_times(&gaps, hz));
        ticks = ticks.max(time_of_sending(&sent));
        streams.push(stream(way, &sent, &received, near, hz));
    }
    let strays: Strays = books.as_ref().map(Books::strays).unwrap_or_default();
    Outcome {
        asked_pps: order.rate,
        seconds: ticks as f64 / hz as f64,
        complete,
        streams,
        foreign: strays.foreign,
        damaged: strays.damaged,
        belated: strays.belated,
        lanes: left.iter().map(|lane| lane_report(lane, hz)).collect(),
        stolen_elsewhere_ns: to_ns(forwarder.iter().map(|gap| gap.stolen).sum(), hz),
        gateway_mac: books.and_then(|books| books.gateway_mac()),
    }
}

fn time_of_sending(sent: &Sent) -> u64 {
    sent.first_and_last.map_or(0, |(first, last)| last - first)
}

fn stream(way: Way, sent: &Sent, received: &Received, near: u64, hz: u64) -> Stream {
    let counts = received.counts;
    let lost = sent.offered.saturating_sub(counts.received);
    let seconds = time_of_sending(sent) as f64 / hz as f64;
    Stream {
        way: way.name(),
        offered: sent.offered,
        // The first frame is sent at the beginning of the time, the last one at its end.
        offered_pps: if seconds > 0.0 { sent.offered.saturating_sub(1) as f64 / seconds } else { 0.0 },
        refused: sent.refused,
        slipped: sent.slipped,
        received: counts.received,
        lost,
        lost_near_stolen_time: near.min(lost),
        duplicates: counts.duplicates,
        stale: counts.stale,
        reordered: counts.reordered,
        most_displaced: counts.most_displaced,
        reordered_in_stream: counts.reordered_in_stream,
        most_displaced_in_stream: counts.most_displaced_in_stream,
        corrupted: received.corrupted,
        misdirected: received.misdirected,
        latency: received.latency.summary(),
    }
}

fn to_ns(ticks: u64, hz: u64) -> u64 {
    (u128::from(ticks) * 1_000_000_000 / u128::from(hz.max(1))) as u64
}

fn lane_report(lane: &Left<'_>, hz: u64) -> LaneReport {
    let ns = |ticks| to_ns(ticks, hz);
    LaneReport {
        core: lane.core,
        rounds: lane.rounds,
        gaps: lane.absence.gaps.len() as u64 + lane.absence.untold,
        longest_gap_ns: ns(lane.absence.longest()),
        longest_own_gap_ns: ns(lane.absence.longest_own()),
        stolen_ns: ns(lane.absence.stolen()),
    }
}

/// The times near which loss is the machine's, in order, none touching another.
fn stolen_times(gaps: &[&Gap], hz: u64) -> Vec<Range<u64>> {
    let (slack, least) = (hz / 1_000_000 * SLACK_US, hz / 1_000_000 * LEAST_STOLEN_US);
    let stolen = gaps.iter().filter(|gap| gap.stolen >= least);
    let mut times: Vec<_> = stolen.map(|gap| gap.ticks.start.saturating_sub(slack)..gap.ticks.end + slack).collect();
    times.sort_by_key(|time| time.start);
    let mut merged: Vec<Range<u64>> = Vec::new();
    for time in times {
        match merged.last_mut() {
            Some(last) if time.start <= last.end => last.end = last.end.max(time.end),
            _ => merged.push(time),
        }
    }
    merged
}

/// How many of the lost frames were sent within some times.
fn lost_near(lost: &[Range<u64>], sent: &Sent, times: &[Range<u64>]) -> u64 {
    let within = |time: &Range<u64>| {
        let (first, last) = (sequence_at(sent, time.start), sequence_at(sent, time.end));
        lost.iter().map(|run| run.end.min(last).saturating_sub(run.start.max(first))).sum::<u64>()
    };
    times.iter().map(within).sum()
}

/// The next sequence number at a time, from the points that the sender kept and a straight line between them.
fn sequence_at(sent: &Sent, tsc: u64) -> u64 {
    let behind = sent.times.partition_point(|(_, time)| *time <= tsc);
    let Some((first, from)) = behind.checked_sub(1).and_then(|at| sent.times.get(at)) else { return 0 };
    let end = sent.first_and_last.map_or(*from, |(_, last)| last);
    let (last, to) = sent.times.get(behind).copied().unwrap_or((sent.offered, end));
    if tsc >= to {
        return last;
    }
    let part = u128::from(last - first) * u128::from(tsc - from) / u128::from((to - from).max(1));
    first + part as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loss_near_stolen_time_is_told_apart() {
        let times = (0..10).map(|n| (n * 100, n * 1000)).collect();
        let sent = Sent { offered: 1000, first_and_last: Some((0, 10_000)), times, ..Sent::default() };
        assert_eq!(sequence_at(&sent, 2500), 250);
        assert_eq!((sequence_at(&sent, 9500), sequence_at(&sent, 20_000)), (950, 1000));
        let lost = [10..20, 245..255, 900..1000];
        assert_eq!(lost_near(&lost, &sent, &[2500..4000, 9900..20_000]), 5 + 10);
        assert_eq!(lost_near(&lost, &sent, &[]), 0);
    }

    #[test]
    fn stolen_times_are_wide_and_merged() {
        let hz = 1_000_000_000;
        let gap = |start: u64, stolen| Gap { ticks: start..start + 100_000, stolen };
        let gaps =
            [gap(50_000_000, 100_000), gap(10_000_000, 100_000), gap(11_000_000, 100_000), gap(90_000_000, 99_999)];
        let times = stolen_times(&gaps.iter().collect::<Vec<_>>(), hz);
        assert_eq!(times, [8_000_000..13_100_000, 48_000_000..52_100_000]);
    }
}
