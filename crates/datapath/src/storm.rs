//! Storm control: flooded frames have budgets, of the interface that they came in by and of their network.
//!
//! Asked where frames are about to be copied, which is rare; frames to known stations never come here. Budgets are in the
//! tables, so that a reload changes them; the buckets are the worker's own, so each worker lets the whole budget pass. Both
//! are numbers of nanoseconds: nothing is divided.

use crate::burst::{Lanes, Side};
use fib::{NetworkId, Snapshot, StormClass, VifIndex};
use telemetry::notices::{Notice, NoticeSender, Storm};
use telemetry::{Limit, WorkerTelemetry};
use wire::MacAddr;
use zerocopy::FromZeros;

/// Frames that may come at once: what a budget allows in this time, and one at least.
const BURST_NS: u64 = 100_000_000;

/// The buckets of one interface or network, by [`StormClass`]. All zeros is: full.
#[derive(Debug, Clone, Copy, Default, FromZeros)]
#[repr(align(32))]
struct Buckets {
    next_ns: [u64; StormClass::COUNT],
    /// A bit for each class that has gone beyond its budget since its bucket was last full.
    storming: u64,
}

/// That a frame is beyond a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Beyond {
    /// Of its network, not of its interface.
    of_network: bool,
    /// It is the first since the bucket was full.
    begins: bool,
}

impl Buckets {
    /// `None` if a frame that costs so much is within the budget, and takes it; otherwise whether it is the first that is not.
    #[inline(always)]
    fn beyond(&mut self, cost_ns: u64, class: StormClass, now_ns: u64) -> Option<bool> {
        let (next, bit) = (&mut self.next_ns[class as usize], 1 << class as u32);
        let rested = *next <= now_ns;
        if Limit::in_ticks(cost_ns, BURST_NS.saturating_sub(cost_ns)).admit(next, now_ns) {
            if rested {
                self.storming &= !bit;
            }
            return None;
        }
        let begins = self.storming & bit == 0;
        self.storming |= bit;
        Some(begins)
    }
}

/// One worker's buckets. The system gives their memory page by page, as they are first used.
#[derive(Debug)]
pub(crate) struct StormControl {
    vifs: Box<[Buckets]>,
    networks: Box<[Buckets]>,
    /// Nanoseconds a tick of the clock, times 2^32.
    scale: u64,
}

impl StormControl {
    /// For interfaces `0..vifs` and all networks that there can be, on a clock of so many ticks a second.
    ///
    /// # Panics
    /// If so many take more than all memory that a process can address.
    pub(crate) fn new(vifs: usize, ticks_per_second: u64) -> Self {
        let rows = |n| <[Buckets]>::new_box_zeroed_with_elems(n).expect("the address space has room for the buckets");
        let scale = (1_000_000_000u128 << 32) / u128::from(ticks_per_second.max(1));
        let scale = u64::try_from(scale).unwrap_or(u64::MAX);
        Self { vifs: rows(vifs), networks: rows(NetworkId::MAX + 1), scale }
    }

    /// Whether a frame that is about to be flooded may be; counts it either way, and tells control when a storm begins.
    #[inline(always)]
    pub(crate) fn admit(
        &mut self,
        t: &Snapshot,
        telemetry: &WorkerTelemetry,
        notices: &mut NoticeSender,
        lanes: &Lanes,
        lane: usize,
        side: Side,
    ) -> Result<(), StormClass> {
        let lane = lane % crate::BURST;
        let (class, network) = (class_of(lanes.destination[lane]), lanes.network[lane]);
        let vif = (side == Side::Access).then_some(lanes.ingress[lane]);
        let of_vif = vif.and_then(|vif| t.vif_storm_budget(vif).cost_ns(class));
        let of_network = t.network_storm_budget(network).cost_ns(class);
        if (of_vif.is_some() || of_network.is_some())
            && let Some(beyond) = self.beyond(notices.now(), vif.zip(of_vif), (network, of_network), class)
        {
            suppress(telemetry, notices, Storm { network, vif, class, of_network: beyond.of_network }, beyond.begins);
            return Err(class);
        }
        if let Some(vif) = vif {
            telemetry.storm.vif(vif).flooded(class);
        }
        telemetry.storm.network(network).flooded(class);
        Ok(())
    }

    /// Asks the buckets that have a budget. What is beyond the interface's takes nothing of the network's.
    #[inline(never)]
    fn beyond(
        &mut self,
        now: u64,
        vif: Option<(VifIndex, u64)>,
        network: (NetworkId, Option<u64>),
        class: StormClass,
    ) -> Option<Beyond> {
        let now_ns = ((u128::from(now) * u128::from(self.scale)) >> 32) as u64;
        if let Some((vif, cost)) = vif
            && let Some(buckets) = self.vifs.get_mut(vif.row())
            && let Some(begins) = buckets.beyond(cost, class, now_ns)
        {
            return Some(Beyond { of_network: false, begins });
        }
        let (network, cost) = network;
        let begins = self.networks.get_mut(network.row())?.beyond(cost?, class, now_ns)?;
        Some(Beyond { of_network: true, begins })
    }
}

/// Counts a frame that is not flooded.
#[cold]
#[inline(never)]
fn suppress(telemetry: &WorkerTelemetry, notices: &mut NoticeSender, storm: Storm, begins: bool) {
    if let Some(vif) = storm.vif {
        telemetry.storm.vif(vif).suppressed(storm.class);
        telemetry.vif(vif).drops.add(1);
    }
    telemetry.storm.network(storm.network).suppressed(storm.class);
    if begins {
        notices.send(&telemetry.notices, Notice::Storm(storm));
    }
}

fn class_of(destination: u64) -> StormClass {
    if destination == MacAddr::BROADCAST.to_bits() {
        StormClass::Broadcast
    } else if crate::parse::is_group(destination) {
        StormClass::Multicast
    } else {
        StormClass::UnknownUnicast
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: u64 = 1_000_000;
    const CLASS: StormClass = StormClass::Broadcast;

    fn cost(rate: u32) -> u64 {
        fib::StormBudget::new([Some(rate), None, None]).cost_ns(CLASS).expect("a rate")
    }

    fn ask(buckets: &mut Buckets, rate: u32, now_ms: u64) -> Option<bool> {
        buckets.beyond(cost(rate), CLASS, now_ms * MS)
    }

    #[test]
    fn a_tenth_of_a_second_s_frames_may_come_at_once_and_then_the_rate() {
        let mut buckets = Buckets::default();
        let passed = (0..1_000).filter(|_| ask(&mut buckets, 1_000, 0).is_none()).count();
        assert_eq!(passed, 100);
        let later = (1..=1_000).flat_map(|ms| [ms; 3]).filter(|ms| ask(&mut buckets, 1_000, *ms).is_none()).count();
        assert_eq!(later, 1_000);
    }

    #[test]
    fn a_budget_of_one_frame_a_second_lets_one_pass() {
        let mut buckets = Buckets::default();
        let said = [0, 0, 999, 1_000].map(|ms| ask(&mut buckets, 1, ms));
        assert_eq!(said, [None, Some(true), Some(false), None]);
    }

    #[test]
    fn a_storm_begins_once_until_its_bucket_has_filled_up() {
        let mut buckets = Buckets::default();
        let begins = |buckets: &mut Buckets, ms| (0..500).filter(|_| ask(buckets, 1_000, ms) == Some(true)).count();
        assert_eq!([0, 1, 2, 50, 140].map(|ms| begins(&mut buckets, ms)), [1, 0, 0, 0, 0]);
        assert_eq!(begins(&mut buckets, 1_000), 1, "after a pause it is another storm");
    }

    #[test]
    fn classes_do_not_share() {
        let mut buckets = Buckets::default();
        assert_eq!([ask(&mut buckets, 1, 0), ask(&mut buckets, 1, 0)], [None, Some(true)]);
        assert_eq!(buckets.beyond(cost(1), StormClass::Multicast, 0), None);
    }

    proptest! {
        /// The oracle is the textbook bucket: tokens as a fraction, filled at each look.
        #[test]
        fn it_decides_as_a_bucket_of_tokens_does(
            rate in 1u32..5_000, pauses in prop::collection::vec(0u64..400 * MS, 1..300),
        ) {
            let (mut buckets, cost) = (Buckets::default(), 1_000_000_000 / u64::from(rate));
            let most = cost.max(BURST_NS);
            let (mut now, mut tokens) = (0, most);
            for pause in pauses {
                now += pause;
                tokens = (tokens + pause).min(most);
                let expected = tokens >= cost;
                assert_eq!(buckets.beyond(cost, CLASS, now).is_none(), expected, "at {now}");
                tokens -= if expected { cost } else { 0 };
            }
        }
    }
}
