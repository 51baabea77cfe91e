//! The accounting law, whatever comes and whatever is missing: every packet leaves in exactly one place.

#![allow(clippy::disallowed_macros, reason = "what is banned from the packet path may serve to test it")]

use proptest::collection::vec;
use proptest::prelude::*;
use telemetry::DropReason;
use telemetry::slots::{ClassRates, Rate};
use testkit::{Arrival, Gateway, Means, Network, arbitrary, example::*};

#[derive(Debug, Clone)]
enum Step {
    Arrive(usize, Arrival),
    Inject(usize, Vec<u8>),
    Round,
    /// The other side takes what was sent and punted.
    Take,
    Reload(Box<Network>),
}

fn step(net: &Network) -> impl Strategy<Value = Step> + use<> {
    prop_oneof![
        40 => arbitrary::arrival(net).prop_map(|(port, arrival)| Step::Arrive(port, arrival)),
        4 => (0..net.ports() + 1, vec(any::<u8>(), 0..1600)).prop_map(|(port, frame)| Step::Inject(port, frame)),
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
    (few(), few(), any::<bool>(), host, rates, 0usize..6).prop_map(
        |(buffers, transmit_places, chains, host_slots, punt_rates, reserve)| Means {
            buffers,
            transmit_places,
            chains,
            host_slots,
            punt_rates,
            reserve,
            ..Means::default()
        },
    )
}

/// Ports that take no frame in several buffers do not deliver such frames either.
fn in_one_buffer(mut arrival: Arrival, means: Means) -> Arrival {
    if !means.chains {
        arrival.layout.first = None;
    }
    arrival
}

fn same_ports(a: &Network, b: &Network) -> bool {
    a.access.len() == b.access.len() && a.ports() == b.ports()
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
                    gateway.arrive(port.min(net.ports() - 1), &in_one_buffer(arrival, means));
                }
                Step::Inject(port, frame) => {
                    injected += 1;
                    gateway.inject(port, &frame);
                }
                Step::Round => {
                    gateway.round();
                    prop_assert_eq!(gateway.telemetry().ledger.totals().unaccounted(), 0);
                }
                Step::Take => took(gateway.take()),
                // The ports stay what they are: another number of them is another process.
                Step::Reload(next) if same_ports(&next, &net) => gateway.reload(&next),
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

/// Red floods to a VTEP in each encapsulation over each family, and to four segments here.
#[test]
fn copies_and_replicas_of_every_encapsulation_are_accounted_for() {
    let net = network();
    for chains in [true, false] {
        for payload in [0, 18, 300, 1400] {
            let mut gateway = Gateway::with(&net, Means { chains, ..Means::default() });
            let outcome = gateway.pass(ACCESS, tagged(300, BROADCAST, D, payload));
            let by_port = |port| outcome.sent.iter().filter(|(p, _)| *p == port).count();
            assert_eq!((by_port(FABRIC), by_port(ACCESS), outcome.drops.len()), (6, 3, 0));
            let totals = gateway.settle();
            assert_eq!((totals.received, totals.copies, totals.consumed, totals.transmitted), (1, 9, 1, 9));
            for form in forms() {
                let packet = overlay(form, 2, untagged(BROADCAST, REMOTE, payload)).octets();
                let outcome = gateway.pass(FABRIC, packet);
                assert_eq!((outcome.sent.len(), outcome.drops.len()), (4, 0), "{form:?}");
                gateway.settle();
            }
        }
    }
}

#[test]
fn copies_that_find_no_buffer_or_are_too_big_for_one_encapsulation_are_accounted_for() {
    let mut net = network();
    net.fabric.links[0].mtu = 1500;
    // Fits behind the 28 octets of GRE and a control word over IPv4, and behind nothing longer.
    let outcome = Gateway::new(&net).pass(ACCESS, tagged(300, BROADCAST, D, 1500 - 28 - 4 - 14 - 28));
    assert_eq!(outcome.drops, [(DropReason::TooBigForFabric, 5)].into());
    assert_eq!(outcome.sent.len(), 4);
    for buffers in 0..10 {
        let mut gateway = Gateway::with(&network(), Means { buffers, ..Means::default() });
        let outcome = gateway.pass(ACCESS, tagged(300, BROADCAST, D, 300));
        let lost = outcome.drops.values().sum::<u64>() as usize;
        assert!(outcome.sent.len() + lost >= 9 || buffers == 0, "{buffers}: {:?}", outcome.drops);
        gateway.settle();
    }
}
