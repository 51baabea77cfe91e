//! How long frames were under way.

use hdrhistogram::Histogram;
use serde::Serialize;

/// The longest time that is told from longer ones.
const LONGEST_SECONDS: u64 = 10;
/// Values are kept to one part in a thousand.
const DIGITS: u8 = 3;

/// The distribution of times, in ticks of the time stamp counter.
#[derive(Clone, Debug)]
pub struct Latency {
    /// `None` only where the clock's rate is absurd.
    ticks: Option<Histogram<u64>>,
    tsc_hz: u64,
}

/// Times in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    /// Frames that it is of.
    pub frames: u64,
    /// The shortest.
    pub min_ns: u64,
    /// Half took at most so long.
    pub p50_ns: u64,
    /// 99 % took at most so long.
    pub p99_ns: u64,
    /// 99.9 % took at most so long.
    pub p999_ns: u64,
    /// The longest.
    pub max_ns: u64,
}

impl Latency {
    /// Without any frame, for a clock of `tsc_hz`.
    #[must_use]
    pub fn new(tsc_hz: u64) -> Self {
        let most = tsc_hz.saturating_mul(LONGEST_SECONDS).max(2);
        Self { ticks: Histogram::new_with_bounds(1, most, DIGITS).ok(), tsc_hz }
    }

    /// Adds a frame. Longer than ten seconds counts as that.
    #[inline]
    pub fn record(&mut self, ticks: u64) {
        if let Some(histogram) = &mut self.ticks {
            histogram.saturating_record(ticks);
        }
    }

    /// What is told of it.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let Some(histogram) = self.ticks.as_ref().filter(|histogram| !histogram.is_empty()) else {
            return Summary::default();
        };
        let ns = |ticks: u64| (u128::from(ticks) * 1_000_000_000 / u128::from(self.tsc_hz.max(1))) as u64;
        let at = |quantile: f64| ns(histogram.value_at_quantile(quantile));
        Summary {
            frames: histogram.len(),
            min_ns: ns(histogram.min()),
            p50_ns: at(0.5),
            p99_ns: at(0.99),
            p999_ns: at(0.999),
            max_ns: ns(histogram.max()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_within_a_thousandth() {
        let mut latency = Latency::new(2_000_000_000);
        assert_eq!(latency.summary(), Summary::default());
        (1..=1000u64).for_each(|us| latency.record(us * 2000));
        let summary = latency.summary();
        assert_eq!(summary.frames, 1000);
        let near = |found: u64, us: f64| (found as f64 / 1000.0 / us - 1.0).abs() < 0.002;
        assert!(near(summary.p50_ns, 500.0) && near(summary.p99_ns, 990.0), "{summary:?}");
        assert!(near(summary.p999_ns, 999.0) && near(summary.max_ns, 1000.0) && near(summary.min_ns, 1.0));
    }

    #[test]
    fn what_takes_forever_counts_as_the_longest() {
        let mut latency = Latency::new(1000);
        latency.record(u64::MAX >> 16);
        assert!(latency.summary().max_ns >= 9_990_000_000, "{:?}", latency.summary());
    }
}
