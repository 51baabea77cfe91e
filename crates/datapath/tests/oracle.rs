//! The pipeline agrees with an oracle that was written from the RFCs, for random networks and frames.

#![allow(clippy::disallowed_macros, reason = "what is banned from the packet path may serve to test it")]

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use std::collections::BTreeSet;
use telemetry::notices::{Heard, Notice};
use telemetry::{DropReason, Service};
use testkit::oracle::Told;
use testkit::{Arrival, Gateway, Network, arbitrary, disagreement, oracle};

fn network_and_frames() -> impl Strategy<Value = (Network, Vec<(usize, Arrival)>)> {
    arbitrary::network().prop_flat_map(|net| (Just(net.clone()), vec(arbitrary::arrival(&net), 1..24)))
}

/// What a notice says of an address, if that is what it is about.
fn told(notice: &Notice) -> Option<Told> {
    match notice {
        Notice::Heard(Heard { address, mac, how, .. }) => Some((*address, mac.octets(), *how)),
        _ => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_comes_out_is_what_has_to((net, frames) in network_and_frames()) {
        let mut gateway = Gateway::new(&net);
        for (port, arrival) in frames {
            let expected = oracle::expect(&net, port, &arrival);
            let outcome = gateway.pass(port, arrival.clone());
            let told: Vec<Told> = gateway.notices().iter().filter_map(told).collect();
            prop_assert_eq!(told, oracle::told(&net, port, &arrival).into_iter().collect::<Vec<_>>(), "{:02x?}", arrival);
            if let Some(difference) = disagreement(&net, &expected, &outcome) {
                prop_assert!(false, "port {port}, {arrival:02x?}\n{difference}");
            }
        }
        gateway.settle();
    }
}

/// A property over frames that are all dropped at the door would prove nothing.
#[test]
fn random_frames_reach_every_reason_that_a_frame_alone_can_cause() {
    use DropReason::*;
    let need_more_than_a_frame = [
        NoNexthop,
        NoHeadroom,
        NoTailroom,
        FloodBudget,
        ControlPoliced,
        NoMbuf,
        PuntQueueFull,
        PuntPoliced,
        PuntTooLong,
        NoSuchPort,
        NoSuchVif,
        ServicePoliced,
        UplinkDown,
        TxQueueFull,
        StormBroadcast,
        StormMulticast,
        StormUnknownUnicast,
        MacLimit,
        MacMove,
    ];
    let (mut reached, mut sent, mut to_host) = (BTreeSet::new(), 0, 0);
    let mut runner = TestRunner::deterministic();
    let (mut answers, mut heard) = ([0; Service::COUNT], [0; 3]);
    for _ in 0..1000 {
        let (net, frames) = network_and_frames().new_tree(&mut runner).expect("nothing is filtered").current();
        let mut gateway = Gateway::new(&net);
        for (port, arrival) in frames {
            let outcome = gateway.pass(port, arrival);
            reached.extend(outcome.drops.keys().copied());
            (sent, to_host) = (sent + outcome.sent.len(), to_host + outcome.host.len());
        }
        Service::ALL.iter().for_each(|of| answers[*of as usize] += gateway.telemetry().answers[*of as usize].read());
        gateway.notices().iter().filter_map(told).for_each(|(.., how)| heard[how as usize] += 1);
    }
    let missing: Vec<_> =
        DropReason::ALL.iter().filter(|r| !reached.contains(r) && !need_more_than_a_frame.contains(r)).collect();
    assert!(missing.is_empty(), "never reached: {missing:?}");
    assert!(answers.iter().all(|n| *n > 5), "answered: {answers:?} of {:?}", Service::ALL);
    assert!(heard.iter().all(|n| *n > 5), "replies, announcements and probes heard: {heard:?}");
    assert!(sent > 1000 && to_host > 50, "{sent} frames sent, {to_host} to the host");
}
