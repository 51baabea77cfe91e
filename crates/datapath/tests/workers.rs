//! What several workers, and packets of one flow, owe each other: IP ids that never meet, one way, one order, and together
//! what one worker does.

#![allow(clippy::disallowed_macros, reason = "what is banned from the packet path may serve to test it")]

use fib::VifIndex;
use proptest::prelude::*;
use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;
use telemetry::{DropReason, Totals, VifTotals};
use testkit::example::*;
use testkit::packets::{ethernet, udp_in_ipv4};
use testkit::{Arrival, Gateway, Means, Network, Outcome};
use wire::Encapsulation;

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

/// What a packet's place in the underlay depends on: port, next hop, and entropy port or flow label.
fn way(form: (Encapsulation, IpAddr), (port, packet): &(usize, Vec<u8>)) -> (usize, Vec<u8>, Vec<u8>) {
    let ip = 18; // behind the fabric VLAN's tag
    let (flow_label, carried) = match form.1 {
        IpAddr::V4(_) => (vec![], ip + 20),
        IpAddr::V6(_) => (vec![packet[ip + 1] & 0xf, packet[ip + 2], packet[ip + 3]], ip + 40),
    };
    let entropy = if form.0 == Encapsulation::MplsOverGre { vec![] } else { packet[carried..carried + 2].to_vec() };
    (*port, packet[..6].to_vec(), [entropy, flow_label].concat())
}

/// A frame of the instance on VLAN 100 of the wide network, whose outer tags are of type 0x88a8.
fn service_tagged(to: testkit::Mac, packet: &[u8]) -> Arrival {
    testkit::packets::ethernet_with(to, A, &[(0x88a8, 100)], 0x0800, packet).into()
}

#[test]
fn flows_are_spread_over_every_way_of_the_underlay() {
    let mut gateway = Gateway::new(&wide_network());
    for form in forms() {
        let mut ways = BTreeMap::new();
        for n in 0u16..600 {
            let packet = udp_in_ipv4([10, 1, 0, 2].into(), [10, 1, 0, 3].into(), (n, 5001), &[1; 40]);
            let outcome = gateway.pass(ACCESS, service_tagged(station(0, form.0, form.1), &packet));
            let (port, next_hop, _) = way(form, &outcome.sent[0]);
            *ways.entry((port, next_hop)).or_insert(0) += 1;
        }
        assert_eq!(ways.len(), 3, "{form:?}: {ways:?}");
        assert!(ways.values().all(|flows| (130..270).contains(flows)), "{form:?}: {ways:?}");
    }
}

/// A frame and the flow that it is of; a port's hash keeps a flow on one worker.
fn mixture() -> Vec<(usize, usize, Vec<u8>)> {
    let mut frames = vec![];
    for n in 0..400usize {
        let flow = n * 7 % 31;
        let octets = vec![n as u8; 20 + n % 300];
        let packet = udp_in_ipv4([10, 1, 0, 2].into(), [10, 1, 0, flow as u8].into(), (flow as u16, 5001), &octets);
        let (form, of) = (forms().nth(flow % 6).unwrap(), [0, 2][flow % 2]);
        let (vlan, here) = if of == 0 { (100, A) } else { (300, D) };
        let (port, frame) = match flow % 5 {
            0 => (ACCESS, ethernet(station(of, form.0, form.1), here, &[vlan], 0x0800, &packet)),
            1 => (FABRIC, overlay(form, of, ethernet(here, REMOTE, &[], 0x0800, &packet)).octets()),
            2 => (ACCESS, ethernet(B, A, &[100], 0x0800, &packet)),
            3 if n % 4 == 0 => (ACCESS, ethernet(BROADCAST, here, &[vlan], 0x0800, &packet)),
            3 => (ACCESS, ethernet([2, 9, 9, 9, 9, 9], here, &[vlan], 0x0800, &packet)),
            _ => (FABRIC, overlay(form, of, ethernet(BROADCAST, REMOTE, &[], 0x0800, &packet)).octets()),
        };
        frames.push((flow, port, frame));
    }
    frames
}

/// What came out by port and flow, in order, without what belongs to a worker alone: IP ids, and the checksums over them.
fn by_flow(outcomes: Vec<(usize, Outcome)>) -> BTreeMap<(usize, usize), Vec<Vec<u8>>> {
    let mut flows: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (flow, outcome) in outcomes {
        for (port, mut packet) in outcome.sent {
            if port == FABRIC && packet[12..14] == [8, 0] {
                packet[18..20].fill(0);
                packet[24..26].fill(0);
            }
            flows.entry((port, flow)).or_default().push(packet);
        }
    }
    flows
}

/// What came out by port and flow, and what was counted.
struct Forwarded {
    flows: BTreeMap<(usize, usize), Vec<Vec<u8>>>,
    vifs: Vec<VifTotals>,
    drops: BTreeMap<DropReason, u64>,
    totals: Totals,
}

/// Each frame goes to the worker that its flow's number says.
fn forwarded(net: &Network, workers: usize) -> Forwarded {
    let with = |worker| Gateway::with(net, Means { worker: (worker as u16, workers as u16), ..Means::default() });
    let mut gateways: Vec<Gateway> = (0..workers).map(with).collect();
    let (mut outcomes, mut drops) = (vec![], BTreeMap::new());
    for (flow, port, frame) in mixture() {
        let outcome = gateways[flow % workers].pass(port, frame);
        outcome.drops.iter().for_each(|(reason, n)| *drops.entry(*reason).or_default() += n);
        outcomes.push((flow, outcome));
    }
    let (mut vifs, mut totals) = (vec![VifTotals::default(); net.vmis.len()], Totals::default());
    for gateway in &mut gateways {
        totals += gateway.settle();
        for (n, vif) in vifs.iter_mut().enumerate() {
            *vif += gateway.telemetry().vif(VifIndex::new(n).unwrap()).read();
        }
    }
    Forwarded { flows: by_flow(outcomes), vifs, drops, totals }
}

#[test]
fn one_worker_and_two_forward_and_count_the_same_and_keep_each_flows_order() {
    let one = forwarded(&network(), 1);
    let speakers = one.vifs.iter().filter(|vif| vif.rx_frames > 0).count();
    assert!(one.flows.len() > 20 && one.drops.len() == 2 && speakers == 2, "{:?}", one.drops);
    for workers in [2, 3] {
        let several = forwarded(&network(), workers);
        assert_eq!(several.vifs, one.vifs, "what the interfaces counted");
        assert_eq!((several.drops, several.totals), (one.drops.clone(), one.totals), "the accounting law's terms");
        assert!(several.flows == one.flows, "{workers} workers forward something else than one, or in another order");
    }
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
    fn a_flow_takes_one_way_of_the_underlay_whatever_it_carries(a: [u8; 4], b: [u8; 4], ports: (u16, u16), sizes in prop::collection::vec(0usize..1300, 2..5)) {
        let mut gateway = Gateway::new(&wide_network());
        for form in forms() {
            let mut seen = HashSet::new();
            for (n, size) in sizes.iter().enumerate() {
                let packet = udp_in_ipv4(a.into(), b.into(), ports, &vec![n as u8; *size]);
                let outcome = gateway.pass(ACCESS, service_tagged(station(0, form.0, form.1), &packet));
                seen.insert(way(form, &outcome.sent[0]));
            }
            prop_assert_eq!(seen.len(), 1, "{:?}", form);
        }
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
