//! Token buckets, one a class, for one sender and one clock.

use super::SlotClass;
use crate::{Policer, Rate};

const fn rate(frames_per_second: u32, burst: u32) -> Rate {
    Rate { frames_per_second, burst }
}

/// A [`Rate`] for each class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClassRates([Rate; SlotClass::COUNT]);

impl ClassRates {
    /// From each worker to the host: what may come is anybody's in the fabric to choose, so every class has a limit.
    ///
    /// | class | frames/s | burst | enough for |
    /// |---|---|---|---|
    /// | neighbour | 10,000 | 128 | a segment of 4,000 neighbours that are all asked anew within a second |
    /// | bfd | 10,000 | 64 | 100 sessions at 10 ms |
    /// | bgp | 20,000 | 128 | a full table at 200 Mbit/s |
    /// | routing | 5,000 | 32 | a database exchange of OSPF or IS-IS |
    /// | link | 500 | 16 | LACP at its fast rate, LLDP and STP of many ports |
    /// | icmp | 1,000 | 32 | monitoring, and a hundred path MTU reports a second among pings |
    /// | management | 20,000 | 64 | a copy over ssh at 200 Mbit/s |
    /// | other | 10,000 | 32 | NTP, DNS, DHCP, telemetry |
    ///
    /// All bursts together are below 512 frames: floods in every class at once do not fill a channel of that size before
    /// the host thread looks again.
    pub const TO_HOST: Self = Self([
        rate(10_000, 128),
        rate(10_000, 64),
        rate(20_000, 128),
        rate(5_000, 32),
        rate(500, 16),
        rate(1_000, 32),
        rate(20_000, 64),
        rate(10_000, 32),
    ]);

    /// From the host to the fabric: what comes is this machine's own, and TCP sends in trains of a send buffer, so the
    /// limits are wider. They are there so that a runaway process takes neither the worker's time nor the fabric port's
    /// transmit queue: 100,000 frames/s of bulk are a twentieth of what a worker carries.
    pub const TO_FABRIC: Self = Self([
        rate(10_000, 128),
        rate(10_000, 64),
        rate(50_000, 256),
        rate(5_000, 64),
        rate(500, 16),
        rate(10_000, 128),
        rate(50_000, 256),
        rate(50_000, 256),
    ]);

    /// From control to access VLANs: probes and announcements are ARP and neighbour discovery, two addresses of each of
    /// 64 k VMIs every two seconds at most; everything else is rare. A limit stops what would be a fault in Causeway.
    pub const TO_ACCESS: Self = {
        let mut rates = [rate(1_000, 64); SlotClass::COUNT];
        rates[SlotClass::Neighbour as usize] = rate(100_000, 1024);
        rates[SlotClass::Other as usize] = rate(10_000, 256);
        Self(rates)
    };

    /// The same rate for every class.
    pub const fn all(rate: Rate) -> Self {
        Self([rate; SlotClass::COUNT])
    }

    /// The rate of a class.
    pub const fn of(&self, class: SlotClass) -> Rate {
        self.0[class as usize]
    }

    /// Frames that all classes together may send at once.
    pub const fn bursts(&self) -> u32 {
        let (mut sum, mut n) = (0, 0);
        while n < SlotClass::COUNT {
            sum += self.0[n].burst;
            n += 1;
        }
        sum
    }
}

/// A token bucket for each class; classes never borrow from each other.
#[derive(Debug, Clone)]
pub struct Policers([Policer; SlotClass::COUNT]);

impl Policers {
    /// No limits.
    pub const fn unlimited() -> Self {
        Self([Policer::UNLIMITED; SlotClass::COUNT])
    }

    /// With these rates, on a clock of `ticks_per_second`, which should be well above them: a frame costs whole ticks.
    pub fn new(rates: &ClassRates, ticks_per_second: u64) -> Self {
        Self(rates.0.map(|rate| Policer::new(rate, ticks_per_second)))
    }

    /// Whether one more frame of `class` may pass at `now`; if so, it is counted. Cost: one cache line, no division.
    #[inline]
    pub fn admit(&mut self, class: SlotClass, now: u64) -> bool {
        self.0[class as usize].admit(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// 100 ticks a frame, five at once.
    fn policer() -> Policer {
        Policer::new(Rate { frames_per_second: 10, burst: 5 }, 1_000)
    }

    fn admitted(policer: &mut Policer, now: u64, offered: usize) -> usize {
        (0..offered).filter(|_| policer.admit(now)).count()
    }

    #[test]
    fn after_a_pause_a_burst_passes_and_then_the_rate() {
        let mut policer = policer();
        assert_eq!(admitted(&mut policer, 0, 50), 5);
        assert_eq!(admitted(&mut policer, 99, 50), 0);
        assert_eq!(admitted(&mut policer, 100, 50), 1);
        assert_eq!(admitted(&mut policer, 350, 50), 2);
        assert_eq!(admitted(&mut policer, 1_000_000, 50), 5, "a long pause saves up no more than a burst");
    }

    #[test]
    fn a_flood_for_a_minute_gets_the_rate_whatever_it_offers() {
        let mut policer = Policer::new(Rate { frames_per_second: 10_000, burst: 128 }, 2_495_000_000);
        let round = 2_495_000_000 / 100_000;
        let passed: usize = (0..6_000_000u64).map(|n| admitted(&mut policer, n * round, 2)).sum();
        assert!((600_000..=600_200).contains(&passed), "{passed}");
    }

    #[test]
    fn a_clock_that_is_set_back_locks_nothing_out() {
        let mut policer = policer();
        assert_eq!(admitted(&mut policer, 10_000_000, 50), 5);
        assert_eq!(admitted(&mut policer, 7, 50), 5);
        assert_eq!(admitted(&mut policer, 107, 50), 1);
    }

    #[test]
    fn the_end_of_the_clock_s_range_stops_nothing() {
        let mut policer = policer();
        assert_eq!(admitted(&mut policer, u64::MAX, 3), 3);
    }

    #[test]
    fn a_rate_of_nothing_and_a_clock_too_slow_for_the_rate_still_let_a_frame_pass() {
        let mut none = Policer::new(Rate { frames_per_second: 0, burst: 0 }, 1_000);
        assert_eq!([admitted(&mut none, 0, 5), admitted(&mut none, 999, 5), admitted(&mut none, 1_000, 5)], [1, 0, 1]);
        let mut coarse = Policer::new(Rate { frames_per_second: 5_000, burst: 1 }, 1_000);
        assert_eq!(admitted(&mut coarse, 0, 5), 1);
        assert_eq!(admitted(&mut coarse, 1, 5), 1);
    }

    #[test]
    fn without_limits_everything_passes() {
        let mut policers = Policers::unlimited();
        assert!((0..10_000).all(|_| policers.admit(SlotClass::Other, 0)));
    }

    #[test]
    fn a_class_that_is_flooded_leaves_the_others_their_bursts() {
        for flooded in SlotClass::ALL {
            let mut policers = Policers::new(&ClassRates::TO_HOST, 1_000_000);
            assert!(!(0..10_000).all(|_| policers.admit(flooded, 0)));
            for class in SlotClass::ALL.into_iter().filter(|class| *class != flooded) {
                let passed = (0..10_000).filter(|_| policers.admit(class, 0)).count();
                assert_eq!(passed, ClassRates::TO_HOST.of(class).burst as usize, "{class} while {flooded} is flooded");
            }
        }
    }

    proptest! {
        /// The oracle is the textbook bucket: tokens as a fraction, filled at each look.
        #[test]
        fn it_decides_as_a_bucket_of_tokens_does(
            frames_per_second in 1u32..100, burst in 1u32..20, pauses in prop::collection::vec(0u64..3_000, 1..300),
        ) {
            const HZ: u64 = 100_000;
            let mut policer = Policer::new(Rate { frames_per_second, burst }, HZ);
            let cost = HZ / u64::from(frames_per_second);
            let (mut now, mut tokens) = (0, u64::from(burst) * cost);
            for pause in pauses {
                now += pause;
                tokens = (tokens + pause).min(u64::from(burst) * cost);
                let expected = tokens >= cost;
                prop_assert_eq!(policer.admit(now), expected, "at {}", now);
                tokens -= if expected { cost } else { 0 };
            }
        }
    }
}
