//! What several workers, and packets of one flow, owe each other: IP ids that never meet, one way, one order.

#![allow(clippy::disallowed_macros, reason = "what is banned from the packet path may serve to test it")]

use proptest::prelude::*;
use std::collections::HashSet;
use testkit::example::*;
use testkit::packets::{ethernet, udp_in_ipv4};
use testkit::{Gateway, Means};

/// The octets of a packet for the fabric, without a fabric VLAN.
fn ip_id(packet: &[u8]) -> u16 {
    u16::from_be_bytes([packet[18], packet[19]])
}

fn entropy_port(packet: &[u8]) -> u16 {
    u16::from_be_bytes([packet[34], packet[35]])
}

fn ids(worker: u16, workers: u16, packets: usize) -> HashSet<u16> {
    let mut gateway = Gateway::with(&network(), Means { worker: (worker, workers), ..Means::default() });
    let frame = tagged(100, REMOTE, A, 20).into();
    let mut ids = HashSet::new();
    for _ in 0..packets.div_ceil(32) {
        (0..32).for_each(|_| gateway.arrive(ACCESS, &frame));
        gateway.run();
        ids.extend(gateway.take().sent.iter().map(|(_, packet)| ip_id(packet)));
    }
    ids
}

#[test]
fn ip_ids_of_several_workers_never_meet_also_after_they_wrap() {
    for workers in [1, 2, 3] {
        let of_each: Vec<_> = (0..workers).map(|worker| ids(worker, workers, 70_000 / usize::from(workers))).collect();
        let together: HashSet<u16> = of_each.iter().flatten().copied().collect();
        assert_eq!(together.len(), of_each.iter().map(HashSet::len).sum::<usize>(), "of {workers} workers");
        assert!(together.len() > 65_000, "of {workers} workers");
    }
}

#[test]
fn an_ip_id_comes_again_only_after_all_others_of_its_worker() {
    assert_eq!(ids(1, 3, 21_824).len(), 21_824);
}

proptest! {
    #[test]
    fn a_flow_has_one_entropy_port_whatever_it_carries(a: [u8; 4], b: [u8; 4], ports: (u16, u16), sizes in prop::collection::vec(0usize..1400, 2..8)) {
        let mut gateway = Gateway::new(&network());
        let mut seen = HashSet::new();
        for (n, size) in sizes.into_iter().enumerate() {
            let packet = udp_in_ipv4(a.into(), b.into(), ports, &vec![n as u8; size]);
            let outcome = gateway.pass(ACCESS, ethernet(REMOTE, A, &[100], 0x0800, &packet));
            seen.insert(entropy_port(&outcome.sent[0].1));
        }
        prop_assert_eq!(seen.len(), 1);
        prop_assert!(seen.iter().all(|port| *port >= 49_152));
    }

    #[test]
    fn packets_of_a_flow_keep_their_order_among_others(kinds in prop::collection::vec(0u8..4, 1..200)) {
        let mut gateway = Gateway::new(&network());
        for (n, kind) in kinds.iter().enumerate() {
            let mut frame = match kind {
                0 => tagged(100, REMOTE, A, 64),
                1 => tagged(100, REMOTE_QUIET, A, 64),
                2 => tagged(100, BROADCAST, A, 64),
                _ => tagged(101, A, B, 64),
            };
            let end = frame.len();
            frame[end - 2..].copy_from_slice(&(n as u16).to_be_bytes());
            gateway.arrive(ACCESS, &frame.into());
        }
        gateway.run();
        let outcome = gateway.take();
        for port in [ACCESS, FABRIC] {
            for destination in [REMOTE, REMOTE_QUIET, BROADCAST, A] {
                let at = if port == FABRIC { 50 } else { 0 };
                let of_flow = outcome.sent.iter().filter(|(p, f)| *p == port && f[at..at + 6] == destination);
                let numbers: Vec<u16> = of_flow.map(|(_, f)| u16::from_be_bytes([f[f.len() - 2], f[f.len() - 1]])).collect();
                prop_assert!(numbers.is_sorted_by(|a, b| a < b), "to {:02x?}: {:?}", destination, numbers);
            }
        }
    }
}
