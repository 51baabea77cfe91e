use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// Remembers everything.
#[derive(Default)]
struct Naive {
    came: BTreeSet<u64>,
    order: Vec<u64>,
    counts: Counts,
}

impl Naive {
    fn arrived(&mut self, sequence: u64, flows: u64) {
        if !self.came.insert(sequence) {
            self.counts.duplicates += 1;
            return;
        }
        self.counts.received += 1;
        let highest = |of_flow: bool| {
            let fits = |other: &&u64| !of_flow || **other % flows == sequence % flows;
            self.order.iter().filter(fits).max().copied().filter(|highest| *highest > sequence)
        };
        if let Some(highest) = highest(false) {
            self.counts.reordered_in_stream += 1;
            self.counts.most_displaced_in_stream = self.counts.most_displaced_in_stream.max(highest - sequence);
        }
        if let Some(highest) = highest(true) {
            self.counts.reordered += 1;
            self.counts.most_displaced = self.counts.most_displaced.max((highest - sequence) / flows);
        }
        self.order.push(sequence);
    }
}

/// What a network makes of 0..count: lost, doubled, delayed by some places.
fn arrivals() -> impl Strategy<Value = (u64, Vec<u64>)> {
    let fate = prop_oneof![8 => Just((1, 0)), 1 => Just((0, 0)), 1 => Just((2, 0)), 1 => (1u64..3, 0u64..300)];
    prop::collection::vec(fate, 1..400).prop_map(|fates| {
        let count = fates.len() as u64;
        let copies = |(n, (copies, late)): (u64, (u64, u64))| (0..copies).map(move |copy| (n + late * (copy + 1), n));
        let mut all: Vec<(u64, u64)> = (0..).zip(fates).flat_map(copies).collect();
        all.sort();
        (count, all.into_iter().map(|(_, n)| n).collect())
    })
}

proptest! {
    #[test]
    fn counts_are_those_of_somebody_who_remembers_everything((offered, arrivals) in arrivals(), flows in 1u64..9) {
        let (mut tracker, mut naive) = (Tracker::new(flows as usize), Naive::default());
        for sequence in &arrivals {
            let expected = if naive.came.contains(sequence) { Arrival::Duplicate } else { Arrival::New };
            prop_assert_eq!(tracker.arrived(*sequence), expected);
            naive.arrived(*sequence, flows);
        }
        let (counts, runs) = tracker.close(offered);
        prop_assert_eq!(counts, naive.counts);
        let lost: Vec<u64> = runs.into_iter().flatten().collect();
        let expected: Vec<u64> = (0..offered).filter(|n| !naive.came.contains(n)).collect();
        prop_assert_eq!(lost, expected);
    }
}

#[test]
fn what_left_the_window_is_lost_and_its_place_known() {
    let mut tracker = Tracker::new(1);
    let missing = [5, 6, 63, 64, 1000];
    for sequence in (0..3 * WINDOW).filter(|sequence| !missing.contains(sequence)) {
        assert_eq!(tracker.arrived(sequence), Arrival::New);
    }
    assert_eq!((tracker.arrived(5), tracker.arrived(3 * WINDOW - 1)), (Arrival::Stale, Arrival::Duplicate));
    let (counts, runs) = tracker.close(3 * WINDOW + 2);
    assert_eq!((counts.received, counts.stale, counts.duplicates), (3 * WINDOW - 5, 1, 1));
    assert_eq!(runs, [5..7, 63..65, 1000..1001, 3 * WINDOW..3 * WINDOW + 2]);
}

#[test]
fn a_leap_within_reason_is_loss_and_beyond_it_damage() {
    let mut tracker = Tracker::new(7);
    assert_eq!(tracker.arrived(1 << 40), Arrival::Impossible);
    assert_eq!(tracker.arrived(0), Arrival::New);
    let far = 5 * WINDOW + 17;
    assert_eq!(tracker.arrived(far), Arrival::New);
    let (counts, runs) = tracker.close(far + 1);
    assert_eq!((counts.received, runs.len(), runs.first()), (2, 1, Some(&(1..far))));
}

#[test]
fn nothing_came() {
    assert_eq!(Tracker::new(1).close(0), (Counts::default(), vec![]));
    let (counts, runs) = Tracker::new(1).close(130);
    assert_eq!((counts, runs.len(), runs.first()), (Counts::default(), 1, Some(&(0..130))));
}
