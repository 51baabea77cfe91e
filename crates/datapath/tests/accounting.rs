//! The accounting law, whatever comes and whatever is missing: every packet leaves in exactly one place.

#![allow(clippy::disallowed_macros, reason = "what is banned from the packet path may serve to test it")]

use proptest::collection::vec;
use proptest::prelude::*;
use telemetry::slots::{ClassRates, Rate};
use testkit::{Arrival, Gateway, Means, Network, arbitrary};

#[derive(Debug, Clone)]
enum Step {
    Arrive(usize, Arrival),
    Inject(Vec<u8>),
    Round,
    /// The other side takes what was sent and punted.
    Take,
    Reload(Box<Network>),
}

fn step(net: &Network) -> impl Strategy<Value = Step> + use<> {
    prop_oneof![
        40 => arbitrary::arrival(net).prop_map(|(port, arrival)| Step::Arrive(port, arrival)),
        4 => vec(any::<u8>(), 0..1600).prop_map(Step::Inject),
        4 => Just(Step::Round),
        2 => Just(Step::Take),
        1 => arbitrary::network().prop_map(|net| Step::Reload(Box::new(net))),
    ]
}

fn means() -> impl Strategy<Value = Means> {
    let few = || prop_oneof![0usize..8, Just(512)];
    let host = prop_oneof![Just(None), (0usize..8).prop_map(Some), Just(Some(256))];
    let rate = (0u32..100_000, 0u32..4).prop_map(|(frames_per_second, burst)| Rate { frames_per_second, burst });
    let rates = proptest::option::of(rate.prop_map(|rate| (ClassRates::all(rate), 1_000_000)));
    (few(), few(), any::<bool>(), host, rates).prop_map(|(buffers, transmit_places, chains, host_slots, punt_rates)| {
        Means { buffers, transmit_places, chains, host_slots, punt_rates, worker: (0, 1) }
    })
}

/// Ports that take no frame in several buffers do not deliver such frames either.
fn in_one_buffer(mut arrival: Arrival, means: Means) -> Arrival {
    if !means.chains {
        arrival.layout.first = None;
    }
    arrival
}

fn story() -> impl Strategy<Value = (Network, Means, Vec<Step>)> {
    arbitrary::network().prop_flat_map(|net| (Just(net.clone()), means(), vec(step(&net), 1..80)))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_packet_that_came_is_somewhere((net, means, steps) in story()) {
        let mut gateway = Gateway::with(&net, means);
        let (mut arrived, mut injected, mut came_out) = (0, 0, 0);
        let mut took = |outcome: testkit::Outcome| came_out += (outcome.sent.len() + outcome.host.len()) as u64;
        for step in steps {
            match step {
                Step::Arrive(port, arrival) => {
                    arrived += 1;
                    gateway.arrive(port.min(net.fabric_port()), &in_one_buffer(arrival, means));
                }
                Step::Inject(frame) => {
                    injected += 1;
                    gateway.inject(&frame);
                }
                Step::Round => {
                    gateway.round();
                    prop_assert_eq!(gateway.telemetry().ledger.totals().unaccounted(), 0);
                }
                Step::Take => took(gateway.take()),
                // The ports stay what they are: another number of them is another process.
                Step::Reload(next) if next.access_mtus.len() == net.access_mtus.len() => gateway.reload(&next),
                Step::Reload(_) => {}
            }
        }
        gateway.run();
        took(gateway.take());
        let totals = gateway.settle();
        prop_assert_eq!((totals.received, totals.injected), (arrived, injected));
        prop_assert_eq!(totals.transmitted + totals.punted, came_out);
    }
}
