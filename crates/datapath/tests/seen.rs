//! Whoever orders to see frames sees those that came and those that went, no more and no fewer, as they were on the wire.

#![allow(clippy::disallowed_macros, reason = "what is banned from the packet path may serve to test it")]

use fib::{PortIndex, VifIndex};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use telemetry::DropReason;
use telemetry::sightings::{Direction, Facts, Fate};
use telemetry::watch::{Delivery, Point, Wanted};
use testkit::example::*;
use testkit::{Arrival, Gateway, Means, Network, Outcome, Vmi, arbitrary};

/// Longer than any frame here.
const WHOLE: usize = 4096;

fn wanted(point: Point) -> Wanted {
    Wanted { point, direction: None, octets: WHOLE, leaving: 0 }
}

fn port(n: usize) -> PortIndex {
    PortIndex::new(n).expect("a test has few ports")
}

fn vif(n: usize) -> VifIndex {
    VifIndex::new(n).expect("a test has few interfaces")
}

fn seen(delivery: &mut Delivery) -> Vec<(Facts, Vec<u8>)> {
    let receiver = &mut delivery.receiver;
    std::iter::from_fn(|| receiver.receive(|seen| (seen.facts, seen.octets().to_vec()))).collect()
}

/// The frame with the tag that its port took out.
fn on_the_wire(net: &Network, by: usize, arrival: &Arrival) -> Vec<u8> {
    let octets = &arrival.octets;
    let Some(tci) = arrival.stripped.filter(|_| octets.len() >= 12) else { return octets.clone() };
    let tpid = if net.link(by).is_some() { 0x8100 } else { net.access[by].tpid.value() };
    [&octets[..12], &tpid.to_be_bytes(), &tci.to_be_bytes(), &octets[12..]].concat()
}

/// What an access frame's tags say, if it can be read: its VLAN and, where that has inner ones, the inner VLAN.
fn segment(net: &Network, by: usize, wire: &[u8]) -> Option<(usize, u16, Option<u16>)> {
    let word = |at: usize| wire.get(at..at + 2).map(|two| u16::from_be_bytes([two[0], two[1]]));
    let tagged = word(12)? == net.access[by].tpid.value();
    let vlan = if tagged { word(14)? & 0xfff } else { 0 };
    let has_inner = net.vmis.iter().any(|vmi| (vmi.port, vmi.vlan) == (by, vlan) && vmi.inner.is_some());
    let at = if tagged { 16 } else { 12 };
    let inner = if has_inner && word(at)? == 0x8100 { Some(word(at + 2)? & 0xfff) } else { None };
    Some((by, vlan, inner))
}

/// The VMI that an access frame came from: the only one of its VLAN, or of several the one whose source it has.
fn sender(net: &Network, by: usize, arrival: &Arrival, wire: &[u8], outcome: &Outcome) -> Option<usize> {
    use DropReason::*;
    let in_pieces = arrival.layout.first.is_some_and(|first| first < arrival.octets.len().min(128));
    if in_pieces || [Runt, CutTag, UnknownTpid].iter().any(|reason| outcome.drops.contains_key(reason)) {
        return None;
    }
    let segment = segment(net, by, wire)?;
    let here: Vec<(usize, &Vmi)> = net.vmis.iter().enumerate().filter(|(_, vmi)| vmi.segment() == segment).collect();
    match here[..] {
        [(only, _)] => Some(only),
        _ => here.into_iter().find(|(_, vmi)| vmi.macs.iter().any(|mac| mac[..] == wire[6..12])).map(|(n, _)| n),
    }
}

fn and_frames(
    network: impl Strategy<Value = Network>,
) -> impl Strategy<Value = (Network, Vec<(usize, Arrival)>, Index)> {
    let frames = |net: &Network| vec(arbitrary::arrival(net), 1..24);
    network.prop_flat_map(move |net| (Just(net.clone()), frames(&net), any::<Index>()))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// All frames at once: bursts, a full transmit queue, injected frames, copies.
    #[test]
    fn a_port_is_seen_as_its_wire((net, frames, at) in and_frames(arbitrary::network()), places in prop_oneof![0usize..4, Just(512)],
        injected in vec(vec(any::<u8>(), 20..100), 0..3))
    {
        let watched = at.index(net.ports());
        let mut gateway = Gateway::with(&net, Means { transmit_places: places, ..Means::default() });
        let mut delivery = gateway.watch(wanted(Point::Port(port(watched))), 512);
        for (by, arrival) in &frames {
            gateway.arrive(*by, arrival);
        }
        for frame in &injected {
            gateway.inject(watched, frame);
        }
        gateway.run();
        let outcome = gateway.take();
        let seen = seen(&mut delivery);
        let came = seen.iter().filter(|(facts, _)| facts.direction == Direction::In);
        let expected: Vec<_> = frames.iter().filter(|(by, _)| *by == watched).map(|(by, a)| on_the_wire(&net, *by, a)).collect();
        prop_assert_eq!(came.map(|(_, octets)| octets.clone()).collect::<Vec<_>>(), expected);
        let sent = (Direction::Out, Fate::Sent(port(watched)));
        let went = seen.iter().filter(|(facts, _)| (facts.direction, facts.fate) == sent);
        let expected: Vec<_> = outcome.sent.iter().filter(|(by, _)| *by == watched).map(|(_, octets)| octets.clone()).collect();
        prop_assert_eq!(went.map(|(_, octets)| octets.clone()).collect::<Vec<_>>(), expected);
        prop_assert!(seen.iter().all(|(facts, octets)| facts.octets as usize == octets.len() && facts.port == Some(port(watched))));
        let refused = seen.iter().filter(|(facts, _)| facts.fate == Fate::Dropped(DropReason::TxQueueFull)).count() as u64;
        prop_assert!(refused <= outcome.drops.get(&DropReason::TxQueueFull).copied().unwrap_or(0));
        prop_assert!(net.ports() > 1 || refused == outcome.drops.get(&DropReason::TxQueueFull).copied().unwrap_or(0));
        prop_assert_eq!(delivery.lost(), 0);
        gateway.settle();
    }

    /// One frame at a time, so that it is known which came of which.
    #[test]
    fn an_interface_is_seen_on_its_vlan_and_across_the_fabric(
        (net, frames, at) in and_frames(arbitrary::network_of_instances()),
    ) {
        let watched = at.index(net.vmis.len());
        let vmi = &net.vmis[watched];
        let mut gateway = Gateway::new(&net);
        let mut inside = gateway.watch(wanted(Point::Inside(vif(watched))), 512);
        let mut outside = gateway.watch(wanted(Point::Outside(vif(watched))), 512);
        let shares = net.vmis.iter().filter(|other| other.segment() == vmi.segment()).count() > 1;
        for (by, arrival) in &frames {
            let outcome = gateway.pass(*by, arrival.clone());
            let wire = on_the_wire(&net, *by, arrival);
            let is_fabric = net.link(*by).is_some();
            let from = if is_fabric { None } else { sender(&net, *by, arrival, &wire, &outcome) };
            let (inside, outside) = (seen(&mut inside), seen(&mut outside));
            let octets_of = |seen: &[(Facts, Vec<u8>)], direction| -> Vec<Vec<u8>> {
                seen.iter().filter(|(facts, _)| facts.direction == direction).map(|(_, octets)| octets.clone()).collect()
            };
            let came: Vec<_> = (from == Some(watched)).then(|| wire.clone()).into_iter().collect();
            prop_assert_eq!(octets_of(&inside, Direction::In), came, "came inside by {} {:02x?}", by, wire);
            let on_segment = |(at, octets): &&(usize, Vec<u8>)| *at == vmi.port && segment(&net, *at, octets) == Some(vmi.segment());
            let went: Vec<_> = outcome.sent.iter().filter(on_segment).map(|(_, octets)| octets.clone()).collect();
            prop_assert_eq!(octets_of(&inside, Direction::Out), went.clone(), "went inside");
            let crossed = outcome.sent.iter().filter(|(at, _)| from == Some(watched) && net.link(*at).is_some());
            let crossed: Vec<_> = crossed.map(|(_, octets)| octets.clone()).collect();
            prop_assert_eq!(octets_of(&outside, Direction::Out), crossed, "went outside");
            let arrived = octets_of(&outside, Direction::In);
            prop_assert!(arrived.is_empty() || is_fabric && arrived == [wire.clone()]);
            prop_assert!(went.is_empty() || !is_fabric || shares || arrived == [wire.clone()], "came outside");
        }
    }
}

#[test]
fn a_frame_that_is_dropped_is_seen_with_its_reason_and_what_is_known_of_it() {
    let net = network();
    let mut gateway = Gateway::new(&net);
    let mut delivery = gateway.watch(wanted(Point::Port(port(ACCESS))), 8);
    let forged = tagged(100, REMOTE, C, 100);
    gateway.pass(ACCESS, forged.clone());
    gateway.pass(ACCESS, tagged(999, REMOTE, A, 100));
    let seen = seen(&mut delivery);
    let fates: Vec<_> = seen.iter().map(|(facts, _)| (facts.fate, facts.ingress, facts.network.is_some())).collect();
    let expected = [
        (Fate::Dropped(DropReason::UnknownSourceMac), Some(vif(0)), false),
        (Fate::Dropped(DropReason::UnknownVlan), None, false),
    ];
    assert_eq!(fates, expected);
    assert_eq!(seen[0].1, forged);
    let recorded = gateway.drop_records();
    let reasons: Vec<_> = recorded.iter().map(|(facts, _)| (facts.fate, facts.ingress, facts.port)).collect();
    let expected = expected.map(|(fate, ingress, _)| (fate, ingress, Some(port(ACCESS))));
    assert_eq!(reasons, expected);
    assert_eq!(recorded[0].1, forged[..forged.len().min(telemetry::HEAD_OCTETS)]);
}

#[test]
fn a_frame_that_is_sent_is_seen_as_it_leaves_if_that_is_wanted() {
    let mut gateway = Gateway::new(&network());
    let point = Point::Path(vif(0));
    let mut delivery = gateway.watch(Wanted { leaving: 64, octets: 20, ..wanted(point) }, 8);
    let outcome = gateway.pass(ACCESS, tagged(100, REMOTE, A, 100));
    let seen = delivery.receiver.receive(|seen| (seen.facts, seen.octets().to_vec(), seen.leaving().to_vec()));
    let (facts, octets, leaving) = seen.expect("it is the VMI's");
    assert_eq!(facts.fate, Fate::Sent(port(FABRIC)));
    assert_eq!(octets, tagged(100, REMOTE, A, 100)[..20]);
    assert_eq!(leaving, outcome.sent[0].1[..64]);
}

#[test]
fn what_finds_no_room_is_counted_and_a_look_that_is_over_ends() {
    let mut gateway = Gateway::new(&network());
    let mut delivery = gateway.watch(wanted(Point::Inside(vif(0))), 3);
    for _ in 0..5 {
        gateway.arrive(ACCESS, &tagged(100, REMOTE, A, 100).into());
    }
    gateway.run();
    assert_eq!((seen(&mut delivery).len(), delivery.lost()), (3, 2));
    drop(delivery);
    gateway.pass(ACCESS, tagged(100, REMOTE, A, 100));
    for _ in 0..3 {
        // The worker takes two at a time: it has given back those that are over.
        let mut delivery = gateway.watch(wanted(Point::Inside(vif(0))), 3);
        gateway.pass(ACCESS, tagged(100, REMOTE, A, 100));
        assert_eq!(seen(&mut delivery).len(), 1);
        drop(delivery);
        gateway.round();
    }
    gateway.take();
    gateway.settle();
}

#[test]
fn a_copy_of_a_long_frame_is_seen_whole_although_it_shares_its_payload() {
    let mut gateway = Gateway::new(&network());
    let mut delivery = gateway.watch(wanted(Point::Port(port(FABRIC))), 8);
    let outcome = gateway.pass(ACCESS, tagged(100, BROADCAST, A, 1000));
    let copies: Vec<_> =
        outcome.sent.iter().filter(|(at, _)| *at == FABRIC).map(|(_, octets)| octets.clone()).collect();
    assert!(!copies.is_empty() && copies.iter().all(|copy| copy.len() > 1000));
    assert_eq!(seen(&mut delivery).into_iter().map(|(_, octets)| octets).collect::<Vec<_>>(), copies);
}

#[test]
fn a_storm_of_dropped_frames_is_recorded_in_samples() {
    let mut gateway = Gateway::new(&network());
    for _ in 0..100 {
        gateway.pass(ACCESS, tagged(999, REMOTE, A, 100));
    }
    assert_eq!(gateway.drop_records().len(), 8, "a burst, for hardly any time has passed");
    gateway.clock().advance(1_000_000_000);
    gateway.pass(ACCESS, tagged(999, REMOTE, A, 100));
    assert_eq!(gateway.drop_records().len(), 1);
}
