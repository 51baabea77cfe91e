use super::*;
use proptest::prelude::*;
use std::convert::Infallible;

/// A forwarder that carries `capacity` frames a second, on a machine that spoils a share of the trials.
struct Simulated {
    capacity: f64,
    generator: f64,
    /// Of 256 trials, so many lose by chance, and so many more near stolen time.
    spurious: u8,
    stolen: u8,
    state: u64,
    trials: usize,
    interrupt_after: usize,
}

impl Simulated {
    fn new(capacity: f64) -> Self {
        let most = usize::MAX;
        Self { capacity, generator: 1e9, spurious: 0, stolen: 0, state: 1, trials: 0, interrupt_after: most }
    }

    fn dice(&mut self) -> u8 {
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.state >> 56) as u8
    }
}

impl Device for Simulated {
    type Error = Infallible;

    fn trial(&mut self, rate: f64, _: Duration) -> Result<Sample, Infallible> {
        self.trials += 1;
        let offered_pps = rate.min(self.generator);
        let lost = ((offered_pps - self.capacity) / offered_pps).max(0.0);
        let dice = self.dice();
        let chance = if dice < self.spurious { 0.02 } else { 0.0 };
        let near = if (self.spurious..self.spurious.saturating_add(self.stolen)).contains(&dice) { 0.1 } else { 0.0 };
        Ok(Sample {
            offered_pps,
            lost: lost + chance + near,
            lost_elsewhere: lost + chance,
            behind: (rate - offered_pps) / rate,
            crowded: false,
            complete: self.trials <= self.interrupt_after,
        })
    }
}

fn goal(tolerance: f64, high: f64) -> Goal {
    Goal {
        name: "ndr",
        tolerance,
        low: 0.0,
        high,
        resolution: 0.01,
        trial: Duration::from_secs(1),
        verification: Duration::from_secs(5),
        repeats: 5,
    }
}

fn found(device: &mut Simulated, goal: &Goal) -> Found {
    let Ok(found) = find(device, goal);
    found
}

proptest! {
    #[test]
    fn the_capacity_is_found_from_below_at_every_capacity(capacity in 1e3..1e7, factor in 1.01..20.0) {
        let found = found(&mut Simulated::new(capacity), &goal(0.0, capacity * factor));
        prop_assert!(found.verified && found.complete && !found.limited_by_generator);
        prop_assert!(found.rate_pps <= capacity && found.rate_pps >= capacity * 0.985, "{} of {capacity}", found.rate_pps);
        prop_assert!(found.trials.len() < 40);
    }

    #[test]
    fn a_tolerated_loss_gives_a_higher_rate(capacity in 1e4..1e7) {
        let found = found(&mut Simulated::new(capacity), &goal(0.005, capacity * 2.0));
        prop_assert!(found.rate_pps <= capacity / 0.995 && found.rate_pps >= capacity * 0.99);
    }

    #[test]
    fn noise_costs_trials_and_never_gives_too_high_a_rate(seed: u64, spurious in 0u8..24, stolen in 0u8..120) {
        let mut device = Simulated { spurious, stolen, state: seed, ..Simulated::new(1e6) };
        let found = found(&mut device, &goal(0.0, 3e6));
        prop_assert!(found.rate_pps <= 1e6);
        // Each loss by chance counts only twice in a row: one in a hundred at worst.
        if found.verified && spurious == 0 && stolen < 60 {
            prop_assert!(found.rate_pps >= 0.9e6, "{}", found.rate_pps);
        }
    }
}

#[test]
fn a_loss_that_does_not_repeat_counts_for_nothing() {
    let run = |state| found(&mut Simulated { spurious: 20, state, ..Simulated::new(1e6) }, &goal(0.0, 1.37e6));
    let runs: Vec<Found> = (0..40).map(|seed: u64| run(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect();
    let chance = |trial: &&Trial| trial.verdict == Verdict::Lost && trial.asked_pps < 1e6;
    let met = runs.iter().flat_map(|run| run.trials.iter().filter(chance)).count();
    assert!(met > 10, "the noise was met {met} times");
    // Two losses by chance in a row are as good as a real one.
    assert!(runs.iter().filter(|run| run.rate_pps > 0.98e6).count() >= 30);
}

#[test]
fn a_forwarder_faster_than_the_generator_says_so() {
    let mut device = Simulated { generator: 5e5, ..Simulated::new(1e6) };
    let found = found(&mut device, &goal(0.0, 2e6));
    assert!(found.limited_by_generator && found.verified, "{found:?}");
    assert!((4.9e5..=5.06e5).contains(&found.rate_pps), "{}", found.rate_pps);
}

#[test]
fn the_highest_rate_that_was_allowed_may_hold() {
    let found = found(&mut Simulated::new(1e6), &goal(0.0, 5e5));
    assert!(found.verified);
    assert_eq!((found.rate_pps, found.trials.len()), (5e5, 2));
}

#[test]
fn what_carries_nothing_has_no_rate_and_an_interrupted_search_is_not_complete() {
    let dead = found(&mut Simulated::new(0.0), &goal(0.0, 1e6));
    assert!(!dead.verified && dead.complete && dead.rate_pps == 0.0, "{dead:?}");
    let ended = found(&mut Simulated { interrupt_after: 3, ..Simulated::new(1e6) }, &goal(0.0, 4e6));
    assert!(!ended.complete && !ended.verified && ended.trials.len() == 4, "{ended:?}");
}

#[test]
fn a_machine_that_is_too_noisy_ends_the_search_early() {
    let mut device = Simulated { stolen: 255, ..Simulated::new(1e6) };
    let found = found(&mut device, &goal(0.0, 2e6));
    assert!(found.too_noisy && !found.verified && found.complete, "{found:?}");
}
