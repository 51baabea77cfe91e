//! The beginnings of some of the frames that are dropped: a few of each reason, then for a while none of it.
//!
//! It is always on. A frame that is not recorded costs three loads and a comparison.

use crate::sightings::{Sighting, SightingReceiver, SightingSender, channel};
use crate::{Counter, DropReason};
use std::sync::Arc;

/// Octets of a frame that are kept.
pub const HEAD_OCTETS: usize = 128;
/// Frames of one reason that one worker records one after the other.
const BURST: u8 = 8;
/// Pauses a second, so that it records at most 100 of a reason.
const PAUSES_PER_SECOND: u64 = 12;
/// Rows of a table by reason: one for each number that a reason could have, so that none needs a test.
const ROWS: usize = 1 << u8::BITS;
/// Records that may wait: what a burst of every reason makes.
const CAPACITY: usize = BURST as usize * DropReason::COUNT;

/// Makes the two ends for a worker whose clock has so many ticks a second.
pub fn drop_recorder(ticks_per_second: u64) -> (DropRecorder, DropRecords) {
    let (sender, receiver) = channel(CAPACITY, HEAD_OCTETS);
    let lost = Arc::new(Counter::default());
    let pause = (ticks_per_second / PAUSES_PER_SECOND).max(1);
    // As if each reason had paused just before the clock's first tick.
    let since = [0u64.wrapping_sub(pause); ROWS];
    let recorder = DropRecorder { pause, since, taken: [0; ROWS], sender, lost: Arc::clone(&lost) };
    (recorder, DropRecords { receiver, lost })
}

/// The worker's end.
#[derive(Debug)]
pub struct DropRecorder {
    /// In ticks of the worker's clock.
    pause: u64,
    /// When each reason's latest pause began.
    since: [u64; ROWS],
    /// How many of each were recorded since that pause ended.
    taken: [u8; ROWS],
    sender: SightingSender,
    lost: Arc<Counter>,
}

impl DropRecorder {
    /// Whether a frame of that reason is to be recorded at `now`. A clock that is set back ends a pause.
    #[inline(always)]
    pub fn wants(&self, reason: DropReason, now: u64) -> bool {
        now.wrapping_sub(self.since[usize::from(reason as u8)]) >= self.pause
    }

    /// Records a frame of that reason, which `fill` describes.
    pub fn record(&mut self, reason: DropReason, now: u64, fill: impl FnOnce(&mut Sighting)) {
        let row = usize::from(reason as u8);
        self.taken[row] = self.taken[row].wrapping_add(1);
        if self.taken[row] >= BURST {
            (self.taken[row], self.since[row]) = (0, now);
        }
        match self.sender.draft(0) {
            Some(draft) => {
                fill(draft);
                self.sender.send(0);
            }
            None => self.lost.add(1),
        }
    }
}

/// The other end.
#[derive(Debug)]
pub struct DropRecords {
    /// What was recorded.
    pub receiver: SightingReceiver,
    lost: Arc<Counter>,
}

impl DropRecords {
    /// Frames that were to be recorded and found no room.
    pub fn lost(&self) -> u64 {
        self.lost.read()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_storm_of_one_reason_is_sampled_and_takes_nothing_from_another() {
        let (mut recorder, mut records) = drop_recorder(1_200);
        let mut recorded = 0;
        for now in 0..1_200 {
            for _ in 0..50 {
                if recorder.wants(DropReason::UnknownVlan, now) {
                    recorder.record(DropReason::UnknownVlan, now, |sighting| sighting.facts.at = now);
                    recorded += 1;
                }
            }
            while records.receiver.receive(|_| ()).is_some() {}
        }
        assert_eq!(recorded, 8 * 12, "a burst after each pause of a hundred ticks");
        assert!(recorder.wants(DropReason::Runt, 1_200));
        assert_eq!(records.lost(), 0);
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_stop_the_recorder() {
        let (mut recorder, _records) = drop_recorder(1_200);
        (0..8).for_each(|_| recorder.record(DropReason::Runt, 1_000_000, |_| ()));
        assert!(!recorder.wants(DropReason::Runt, 1_000_099));
        assert!(recorder.wants(DropReason::Runt, 1_000_100) && recorder.wants(DropReason::Runt, 5));
    }

    #[test]
    fn what_finds_no_room_is_counted() {
        let (mut recorder, records) = drop_recorder(1_000);
        for _ in 0..CAPACITY + 3 {
            recorder.record(DropReason::Runt, 0, |_| ());
        }
        assert_eq!(records.lost(), 3);
    }
}
