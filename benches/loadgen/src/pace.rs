//! When frames are due: evenly spaced by the time stamp counter.
//!
//! Late frames are made up for as long as they are few: a generator that was away for long and then sends all that it owes
//! measures the burst, not the rate. What is beyond [`Pace::MOST_LATE_US`] is let go and counted.

/// Fractions of a tick that are kept.
const FRACTION_BITS: u32 = 16;

/// The times of a stream's frames.
#[derive(Clone, Debug)]
pub struct Pace {
    start: u64,
    /// Ticks between two frames, in fractions; 0 for as fast as possible.
    interval: u64,
    /// When the next frame is due, in fractions since the start.
    next: u64,
    /// The most that it may be late, in fractions.
    most_late: u64,
    slipped: u64,
}

impl Pace {
    /// How late a frame is still sent, in microseconds.
    pub const MOST_LATE_US: u64 = 100;

    /// `frames_per_second` from `start` on, on a clock of `tsc_hz`; `None` for as fast as the port takes them. Rates above
    /// one frame a tick are as fast as possible, too.
    #[must_use]
    pub fn new(frames_per_second: Option<f64>, tsc_hz: u64, start: u64) -> Self {
        let scale = f64::from(1u32 << FRACTION_BITS);
        let interval = frames_per_second.map_or(0, |rate| (tsc_hz as f64 * scale / rate) as u64);
        // At slow rates a frame may be late by its own interval.
        let most_late = ((tsc_hz / 1_000_000 * Self::MOST_LATE_US) << FRACTION_BITS).max(interval);
        Self { start, interval, next: 0, most_late, slipped: 0 }
    }

    /// How many frames are due at `now`, at most `most`. They count as sent.
    #[inline]
    pub fn due(&mut self, now: u64, most: usize) -> usize {
        if self.interval == 0 {
            return most;
        }
        let now = now.wrapping_sub(self.start) << FRACTION_BITS;
        // Before the start, as another core's clock may read.
        if now >> 63 != 0 || now < self.next {
            return 0;
        }
        if now - self.next > self.most_late {
            self.let_go(now);
        }
        let mut count = 0;
        while count < most && self.next <= now {
            self.next += self.interval;
            count += 1;
        }
        count
    }

    /// Frames that were let go, since the sender came too late.
    #[must_use]
    pub fn slipped(&self) -> u64 {
        self.slipped
    }

    #[cold]
    fn let_go(&mut self, now: u64) {
        let count = (now - self.next - self.most_late) / self.interval;
        self.next += count * self.interval;
        self.slipped += count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HZ: u64 = 2_600_000_000;

    #[test]
    fn a_second_has_as_many_frames_as_asked_at_every_rate() {
        for rate in [1.0, 3.0, 999.0, 123_456.7, 3_000_000.0, 14_880_952.0] {
            let mut pace = Pace::new(Some(rate), HZ, 77);
            let step = 1000;
            let sent: usize = (0..HZ / step).map(|n| pace.due(77 + n * step, 32)).sum();
            let wanted = rate.ceil();
            assert!((sent as f64 - wanted).abs() <= 1.0 + wanted / 10_000.0, "{sent} of {wanted}");
            assert_eq!(pace.slipped(), 0);
        }
    }

    #[test]
    fn frames_come_one_by_one_and_never_early() {
        let mut pace = Pace::new(Some(1_000_000.0), HZ, 0);
        let times: Vec<u64> = (0..26_000).filter(|now| pace.due(*now, 32) == 1).collect();
        assert_eq!(times, (0..10).map(|n| n * 2600).collect::<Vec<_>>());
    }

    #[test]
    fn a_short_stall_is_made_up_for_and_a_long_one_is_let_go() {
        let mut pace = Pace::new(Some(1_000_000.0), HZ, 0);
        assert_eq!(pace.due(50 * 2600, 1000), 51);
        assert_eq!(pace.slipped(), 0);
        let sent = pace.due(10_000 * 2600, 1000);
        assert!((100..=102).contains(&sent), "{sent}");
        assert_eq!(sent as u64 + pace.slipped() + 51, 10_001);
    }

    #[test]
    fn a_clock_that_is_behind_the_start_yields_nothing() {
        let mut pace = Pace::new(Some(1e6), HZ, 1000);
        assert_eq!(pace.due(900, 32), 0);
        assert_eq!(Pace::new(None, HZ, 1000).due(0, 7), 7);
    }
}
