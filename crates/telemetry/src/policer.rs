//! Token buckets for one clock.
//!
//! Each is kept as the time at which its next frame would come if frames came evenly (the virtual scheduling form of the
//! generic cell rate algorithm, ITU-T I.371): a comparison and an addition a frame. The rate is made a number of clock
//! ticks once, at the start, so that nothing is divided later. Where many share one rate, each keeps its eight octets of
//! state alone and the [`Limit`] is held once.

/// How much may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Frames a second in the long run; 0 counts as 1.
    pub frames_per_second: u32,
    /// Frames that may come at once after a pause; 0 counts as 1.
    pub burst: u32,
}

/// A [`Rate`] in the ticks of one clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Ticks that a frame costs; 0: no limit.
    cost: u64,
    /// Ticks that the next frame's time may be ahead of the clock: the burst less the frame itself.
    tolerance: u64,
}

impl Limit {
    /// No limit: everything passes.
    pub const NONE: Self = Self { cost: 0, tolerance: 0 };

    /// The limit for a clock of so many ticks a second.
    pub fn new(rate: Rate, ticks_per_second: u64) -> Self {
        let cost = (ticks_per_second / u64::from(rate.frames_per_second.max(1))).max(1);
        Self { cost, tolerance: cost.saturating_mul(u64::from(rate.burst.max(1) - 1)) }
    }

    /// A frame costs `cost` ticks, and the next one's time may be `tolerance` ticks ahead of the clock.
    pub const fn in_ticks(cost: u64, tolerance: u64) -> Self {
        Self { cost, tolerance }
    }

    /// Whether a frame passes at `now`. `next` is the bucket's state, 0 when it is full.
    #[inline]
    pub fn admit(&self, next: &mut u64, now: u64) -> bool {
        let mut ahead = next.saturating_sub(now);
        if ahead > self.tolerance {
            if ahead <= self.tolerance.saturating_add(self.cost) {
                return false;
            }
            // No frame takes it so far ahead: the clock was set back, as when a virtual machine moves.
            ahead = 0;
        }
        *next = now.saturating_add(ahead).saturating_add(self.cost);
        true
    }
}

/// One token bucket with its limit.
#[derive(Debug, Clone, Copy)]
pub struct Policer {
    limit: Limit,
    next: u64,
}

impl Policer {
    /// Lets everything pass.
    pub const UNLIMITED: Self = Self { limit: Limit::NONE, next: 0 };

    /// A full bucket.
    pub fn new(rate: Rate, ticks_per_second: u64) -> Self {
        Self { limit: Limit::new(rate, ticks_per_second), next: 0 }
    }

    /// Whether a frame passes at `now`.
    #[inline]
    pub fn admit(&mut self, now: u64) -> bool {
        self.limit.admit(&mut self.next, now)
    }
}
