//! The packet path allocates nothing: a counting allocator around rounds of the worker.

#![allow(clippy::disallowed_macros, reason = "what is banned from the packet path may serve to test it")]

use datapath::BURST;
use proptest::collection::vec;
use proptest::prelude::*;
use std::hint::black_box;
use telemetry::DropReason;
use telemetry::slots::{ClassRates, Rate};
use telemetry::watch::{Point, Wanted};
use testkit::example::*;
use testkit::packets::ethernet;
use testkit::workloads::{self, Workload};
use testkit::{Arrival, Gateway, Means, Network, arbitrary};

/// Allocations, and the balance of allocations and frees, of this thread while `f` runs.
fn allocations(f: impl FnOnce()) -> (u64, i64) {
    let counts = allocation_counter::measure(f);
    (counts.count_total, counts.count_current)
}

fn arrivals() -> Vec<(usize, Arrival)> {
    let arp = ethernet(BROADCAST, [2; 6], &[], 0x0806, &[0; 46]);
    let mut frames: Vec<(usize, Arrival)> = vec![(FABRIC, arp.into()), (ACCESS, vec![1; 9].into())];
    for payload in [0, 18, 300, 1400] {
        frames
            .extend([REMOTE, B, BROADCAST, [2, 9, 9, 9, 9, 9]].map(|to| (ACCESS, tagged(100, to, A, payload).into())));
        frames.extend([A, BROADCAST, C].map(|to| (FABRIC, vxlan(untagged(to, REMOTE, payload)).octets().into())));
    }
    for form in forms() {
        for (of, vlan, here) in [(0, 100, A), (2, 300, D)] {
            frames.push((ACCESS, tagged(vlan, station(of, form.0, form.1), here, 300).into()));
            frames.extend(
                [here, BROADCAST].map(|to| (FABRIC, overlay(form, of, untagged(to, REMOTE, 300)).octets().into())),
            );
        }
    }
    frames.push((ACCESS, ethernet(BROADCAST, G, &[400, 7], 0x0800, &datagram(300)).into()));
    frames.push((FABRIC, vxlan(vec![]).octets().into()));
    frames
}

/// From the round that takes the orders to the one that gives them back.
#[test]
fn nobody_who_looks_on_makes_a_round_allocate() {
    let mut gateway = Gateway::new(&network());
    let (port, vif) = (fib::PortIndex::new(FABRIC).expect("a port"), fib::VifIndex::new(0).expect("a row"));
    for _ in 0..3 {
        let looks = [Point::Port(port), Point::Path(vif)]
            .map(|point| gateway.watch(Wanted { point, direction: None, octets: 2048, leaving: 128 }, 64));
        for _ in 0..3 {
            arrivals().iter().for_each(|(port, arrival)| gateway.arrive(*port, arrival));
            assert_eq!(allocations(|| gateway.run()), (0, 0));
            gateway.take();
        }
        assert!(looks.iter().all(|look| look.lost() > 0), "more was wanted than had room");
        drop(looks);
        assert_eq!(allocations(|| assert!(!gateway.round())), (0, 0));
    }
}

#[test]
fn no_round_allocates_in_either_direction_with_floods_punts_and_drops() {
    for means in [Means::default(), Means { chains: false, buffers: 8, ..Means::default() }] {
        let mut gateway = Gateway::with(&network(), means);
        for round in 0..20 {
            for (port, arrival) in arrivals() {
                gateway.arrive(port, &arrival);
            }
            let count = allocations(|| gateway.run());
            let outcome = gateway.take();
            assert!(
                outcome.sent.len() > 10 && outcome.host.len() == 1 && outcome.drops.len() >= 3,
                "{:?}",
                outcome.drops
            );
            assert_eq!(count, (0, 0), "in round {round}");
        }
        gateway.settle();
    }
}

/// Every encapsulation, both families outside and inside, floods copied and shared, hairpins, QinQ, shared VLANs, drops,
/// and all of them mixed, in full bursts.
#[test]
fn no_burst_of_any_workload_allocates() {
    for Workload { name, network, port, frames, .. } in workloads::all() {
        let mut gateway = Gateway::new(&network);
        for burst in frames.chunks(BURST).take(16) {
            burst.iter().for_each(|frame| gateway.arrive(port, &frame.clone().into()));
            assert_eq!(allocations(|| assert!(gateway.round())), (0, 0), "{name}");
            gateway.take();
        }
        gateway.settle();
    }
}

fn networks_and_bursts() -> impl Strategy<Value = (Network, bool, Vec<(usize, Arrival)>)> {
    arbitrary::network().prop_flat_map(|net| (Just(net.clone()), any::<bool>(), vec(arbitrary::arrival(&net), 1..64)))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Frames of every kind that the generators know: bad headers, label stacks, tags, punts, cut and scattered frames.
    #[test]
    fn no_burst_allocates_in_any_network((net, few, frames) in networks_and_bursts()) {
        let means = if few { Means { buffers: 4, transmit_places: 4, host_slots: Some(2), ..Means::default() } } else { Means::default() };
        let mut gateway = Gateway::with(&net, means);
        for (port, arrival) in &frames {
            gateway.arrive(*port, arrival);
        }
        gateway.inject(net.fabric_port(), &ethernet([2; 6], BROADCAST, &[], 0x0806, &[0; 46]));
        prop_assert_eq!(allocations(|| gateway.run()), (0, 0));
        gateway.settle();
    }
}

#[test]
fn policing_what_is_punted_allocates_nothing() {
    let rates = ClassRates::all(Rate { frames_per_second: 1, burst: 1 });
    let mut gateway = Gateway::with(&network(), Means { punt_rates: Some((rates, 1_000)), ..Means::default() });
    let arp: Arrival = ethernet(BROADCAST, [2; 6], &[], 0x0806, &[0; 46]).into();
    for round in 0..20 {
        (0..40).for_each(|_| gateway.arrive(FABRIC, &arp));
        let count = allocations(|| gateway.run());
        let outcome = gateway.take();
        assert_eq!((outcome.host.len(), outcome.drops), (1, [(DropReason::PuntPoliced, 39)].into()));
        assert_eq!(count, (0, 0), "in round {round}");
        gateway.clock().advance(1_000);
    }
    gateway.settle();
}

#[test]
fn a_reload_allocates_nothing_in_the_worker() {
    let mut gateway = Gateway::new(&network());
    gateway.run();
    gateway.reload(&network());
    gateway.arrive(ACCESS, &tagged(100, REMOTE, A, 100).into());
    assert_eq!(allocations(|| gateway.run()), (0, 0));
    assert_eq!(gateway.telemetry().generation.read(), 2);
}

#[test]
fn the_counting_allocator_counts() {
    let mut kept = None;
    assert_eq!(allocations(|| kept = Some(black_box(Box::new(1u64)))), (1, 1));
    assert_eq!(allocations(|| kept = black_box(None)), (0, -1));
}
