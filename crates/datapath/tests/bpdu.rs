//! BPDU networks: what switches say to each other passes between gateways as it came, first of all, and nothing else does.

#![allow(clippy::disallowed_macros, reason = "what is banned from the packet path may serve to test it")]

use telemetry::DropReason::{self, *};
use telemetry::notices::{BpduSource, Notice};
use testkit::packets::ethernet_with;
use testkit::{Access, Arrival, Bpdu, Fabric, Gateway, Mac, Means, Network, Outcome, Reach, VirtualNetwork, Vmi, Vtep};
use wire::Encapsulation;

const BRIDGE_GROUP: Mac = [1, 0x80, 0xc2, 0, 0, 0];
const PVST: Mac = [1, 0, 0x0c, 0xcc, 0xcc, 0xcd];
/// A switch's port: nobody's address in the configuration.
const SWITCH: Mac = [0x0c, 0x11, 0x22, 0x33, 0x44, 0x55];
/// The VMI of the BPDU network.
const DUMMY: Mac = [2, 2, 3, 4, 5, 6];
/// An ordinary VMI on VLAN 0 of port 0.
const PLAIN: Mac = [2, 0, 0, 0, 0x10, 0];
/// An ordinary VMI on VLAN 100 of port 0.
const TAGGED: Mac = [2, 0, 0, 0, 0x10, 100];
const FABRIC: usize = 3;

/// Three access ports, all of them members, and another gateway; on port 0 there are ordinary VMIs on VLAN 0 and 100 too.
fn network(bpdu: Bpdu) -> Network {
    let member = |port| Vmi { network: 0, port, vlan: 0, inner: None, label: None, macs: vec![DUMMY] };
    let ordinary = |vlan, mac| Vmi { network: 1, port: 0, vlan, inner: None, label: None, macs: vec![mac] };
    let reach = |network| Reach {
        network,
        vtep: 0,
        encapsulation: Encapsulation::Vxlan,
        label: None,
        flood: true,
        macs: vec![],
    };
    Network {
        fabric: Fabric::default(),
        access: vec![Access::trunk(1500); 3],
        networks: vec![VirtualNetwork { bpdu: Some(bpdu), ..VirtualNetwork::new(7000) }, VirtualNetwork::new(5000)],
        vmis: vec![member(0), member(1), ordinary(0, PLAIN), ordinary(100, TAGGED), member(2)],
        vteps: vec![Vtep { address: [172, 16, 0, 2].into(), paths: vec![(0, [2, 0xfa, 0, 0, 0, 2])] }],
        reach: vec![reach(0), reach(1)],
        bindings: vec![],
    }
}

fn gateway(bpdu: Bpdu) -> Gateway {
    Gateway::new(&network(bpdu))
}

/// A configuration message of rapid spanning tree, padded by its sender with what is no zero.
fn bpdu(to: Mac, from: Mac, tags: &[(u16, u16)]) -> Vec<u8> {
    let message = [&[0x42, 0x42, 3, 0, 0, 2, 2, 0x3c][..], &[0x80; 31], &[0xee; 7]].concat();
    ethernet_with(to, from, tags, 39, &message)
}

/// What was sent, and by which ports: the frames themselves on access ports, and what is inside VXLAN.
fn copies(outcome: &Outcome) -> Vec<(usize, Vec<u8>)> {
    let inside = |(port, frame): &(usize, Vec<u8>)| (*port, frame[if *port == FABRIC { 50 } else { 0 }..].to_vec());
    let mut copies: Vec<_> = outcome.sent.iter().map(inside).collect();
    copies.sort();
    copies
}

fn dropped(outcome: &Outcome) -> Vec<(DropReason, u64)> {
    assert!(outcome.sent.is_empty(), "{outcome:02x?}");
    outcome.drops.iter().map(|(reason, n)| (*reason, *n)).collect()
}

/// The same frame in VXLAN, as the other gateway sends it.
fn from_the_other(vni: u32, frame: &[u8]) -> Arrival {
    let mut overlay = testkit::packets::Overlay::new(
        &Fabric::default(),
        [172, 16, 0, 2].into(),
        Encapsulation::Vxlan,
        vni,
        frame.to_vec(),
    );
    overlay.outer_destination = Fabric::default().links[0].mac;
    overlay.octets().into()
}

#[test]
fn a_bpdu_leaves_unmodified_and_untagged_by_every_other_member_and_never_back() {
    for source in [SWITCH, DUMMY, PLAIN] {
        let mut gateway = gateway(Bpdu::default());
        let frame = bpdu(BRIDGE_GROUP, source, &[]);
        let outcome = gateway.pass(0, frame.clone());
        assert_eq!(copies(&outcome), [(1, frame.clone()), (2, frame.clone()), (FABRIC, frame)], "{source:02x?}");
        let totals = gateway.settle();
        assert_eq!((totals.received, totals.consumed, totals.copies, totals.transmitted), (1, 1, 3, 3));
    }
}

#[test]
fn a_bpdu_from_the_other_gateway_leaves_by_every_member_and_not_back_to_the_fabric() {
    let mut gateway = gateway(Bpdu::default());
    let frame = bpdu(BRIDGE_GROUP, SWITCH, &[]);
    let outcome = gateway.pass(FABRIC, from_the_other(7000, &frame));
    assert_eq!(copies(&outcome), [(0, frame.clone()), (1, frame.clone()), (2, frame)]);
    gateway.settle();
}

#[test]
fn a_priority_tag_goes_whether_the_port_took_it_out_or_not() {
    let mut gateway = gateway(Bpdu::default());
    let plain = bpdu(BRIDGE_GROUP, SWITCH, &[]);
    let tagged = bpdu(BRIDGE_GROUP, SWITCH, &[(0x8100, 0xe000)]);
    let stripped = Arrival { octets: plain.clone(), stripped: Some(0xe000), ..Arrival::default() };
    for arrival in [tagged.into(), stripped] {
        let outcome = gateway.pass(1, arrival);
        assert_eq!(copies(&outcome), [(0, plain.clone()), (2, plain.clone()), (FABRIC, plain.clone())]);
    }
}

#[test]
fn outer_headers_have_the_highest_priority() {
    let mut net = network(Bpdu::default());
    net.fabric.dscp[14] = 48;
    let outcome = Gateway::new(&net).pass(0, bpdu(BRIDGE_GROUP, SWITCH, &[]));
    let (_, outer) = outcome.sent.iter().find(|(port, _)| *port == FABRIC).expect("a copy for the other gateway");
    assert_eq!(outer[15], 48 << 2);
}

#[test]
fn other_groups_pass_when_they_are_listed_and_those_of_a_link_never() {
    let all = Bpdu { groups: u16::MAX, ..Bpdu::default() };
    let (mut every, mut usual) = (gateway(all), gateway(Bpdu::default()));
    for n in 0..16u8 {
        let frame = bpdu([1, 0x80, 0xc2, 0, 0, n], SWITCH, &[]);
        let of_a_link = [1, 2, 3, 14].contains(&n);
        let (all, some) = (every.pass(0, frame.clone()), usual.pass(0, frame));
        assert_eq!((all.sent.len(), some.sent.len()), (if of_a_link { 0 } else { 3 }, if n % 8 == 0 { 3 } else { 0 }));
        assert_eq!(
            (all.drops.contains_key(&LinkControl), some.drops.contains_key(&LinkControl)),
            (of_a_link, of_a_link)
        );
        assert_eq!(some.drops.contains_key(&NotControlFrame), n % 8 != 0 && !of_a_link, "{n}");
    }
    // LACP and LLDP also use the bridges' own group (IEEE 802.1AX clause 6.2.11.2, 802.1AB clause 7.1).
    for kind in [0x8808, 0x8809, 0x888e, 0x88cc] {
        assert_eq!(
            dropped(&every.pass(0, ethernet_with(BRIDGE_GROUP, SWITCH, &[], kind, &[1; 46]))),
            [(LinkControl, 1)]
        );
    }
}

/// Also where everybody's multicast goes: no switch port of another gateway is one's neighbour.
#[test]
fn frames_of_a_link_are_flooded_in_no_network() {
    let mut gateway = gateway(Bpdu { transparent: true, ..Bpdu::default() });
    for (n, from, tags) in [(1, TAGGED, &[(0x8100, 100)][..]), (2, PLAIN, &[]), (3, SWITCH, &[]), (14, PLAIN, &[])] {
        let frame = bpdu([1, 0x80, 0xc2, 0, 0, n], from, tags);
        assert_eq!(dropped(&gateway.pass(0, frame.clone())), [(LinkControl, 1)]);
    }
    let frame = bpdu([1, 0x80, 0xc2, 0, 0, 14], SWITCH, &[]);
    assert_eq!(dropped(&gateway.pass(FABRIC, from_the_other(5000, &frame))), [(LinkControl, 1)]);
}

#[test]
fn everything_else_untagged_is_an_ordinary_instances_or_dropped() {
    let mut gateway = gateway(Bpdu::default());
    let broadcast = |from| ethernet_with([0xff; 6], from, &[], 0x0806, &[1; 46]);
    assert_eq!(dropped(&gateway.pass(0, broadcast(SWITCH))), [(NotControlFrame, 1)]);
    assert_eq!(dropped(&gateway.pass(1, broadcast(PLAIN))), [(NotControlFrame, 1)]);
    assert_eq!(dropped(&gateway.pass(0, broadcast([3; 6]))), [(GroupSource, 1)]);
    // The ordinary VMI's goes to its own network: to VLAN 100, and to the other gateway.
    let outcome = gateway.pass(0, broadcast(PLAIN));
    let tagged = ethernet_with([0xff; 6], PLAIN, &[(0x8100, 100)], 0x0806, &[1; 46]);
    assert_eq!(copies(&outcome), [(0, tagged), (FABRIC, broadcast(PLAIN))]);
    // Of the members, only those that sent what they must not have a drop.
    let drops: Vec<u64> =
        (0..5).map(|n| gateway.telemetry().vif(fib::VifIndex::new(n).unwrap()).read().drops).collect();
    assert_eq!(drops, [1, 1, 0, 0, 0]);
}

#[test]
fn from_the_fabric_only_control_frames_reach_the_members() {
    let mut gateway = gateway(Bpdu::default());
    for frame in [
        ethernet_with([0xff; 6], SWITCH, &[], 0x0806, &[1; 46]),
        ethernet_with(DUMMY, SWITCH, &[], 0x0800, &[1; 46]),
        bpdu(PVST, SWITCH, &[(0x8100, 100)]),
        // It would leave as VLAN 100's.
        bpdu(BRIDGE_GROUP, SWITCH, &[(0x8100, 100)]),
    ] {
        assert_eq!(dropped(&gateway.pass(FABRIC, from_the_other(7000, &frame))), [(NotControlFrame, 1)]);
    }
}

#[test]
fn a_transparent_network_carries_all_that_is_nobodys() {
    let mut gateway = gateway(Bpdu { transparent: true, ..Bpdu::default() });
    let broadcast = ethernet_with([0xff; 6], SWITCH, &[], 0x0806, &[1; 46]);
    let three = |port: [usize; 3]| port.map(|port| (port, broadcast.clone())).to_vec();
    assert_eq!(copies(&gateway.pass(0, broadcast.clone())), three([1, 2, FABRIC]));
    assert_eq!(copies(&gateway.pass(FABRIC, from_the_other(7000, &broadcast))), three([0, 1, 2]));
    gateway.settle();
}

#[test]
fn pvst_goes_from_trunk_to_trunk_with_its_tag_if_it_is_asked_for() {
    let (mut with, mut without) = (gateway(Bpdu { pvst: true, ..Bpdu::default() }), gateway(Bpdu::default()));
    // VLAN 100 is a VMI's, VLAN 200 is nobody's; one source is nobody's, one is the VMI's own.
    for (vlan, source) in [(100, SWITCH), (100, TAGGED), (200, SWITCH)] {
        let (frame, untagged) = (bpdu(PVST, source, &[(0x8100, 0xe000 | vlan)]), bpdu(PVST, source, &[]));
        let stripped = Arrival { octets: untagged, stripped: Some(0xe000 | vlan), ..Arrival::default() };
        for arrival in [frame.clone().into(), stripped] {
            let outcome = with.pass(0, arrival);
            assert_eq!(copies(&outcome), [(1, frame.clone()), (2, frame.clone()), (FABRIC, frame.clone())]);
        }
        let outcome = with.pass(FABRIC, from_the_other(7000, &frame));
        assert_eq!(copies(&outcome), [(0, frame.clone()), (1, frame.clone()), (2, frame.clone())]);
        let reasons = if source == SWITCH { vec![UnknownSourceMac, UnknownVlan] } else { vec![] };
        let outcome = without.pass(0, frame);
        assert!(outcome.drops.keys().all(|reason| reasons.contains(reason)), "{outcome:?}");
        assert!(outcome.sent.iter().all(|(_, frame)| !frame.windows(6).any(|w| w == SWITCH)));
    }
    // The native VLAN's own comes untagged.
    let frame = bpdu(PVST, SWITCH, &[]);
    assert_eq!(copies(&with.pass(1, frame.clone())), [(0, frame.clone()), (2, frame.clone()), (FABRIC, frame)]);
    with.settle();
}

#[test]
fn members_count_what_they_take_and_give() {
    let mut gateway = gateway(Bpdu::default());
    let frame = bpdu(BRIDGE_GROUP, SWITCH, &[(0x8100, 0)]);
    gateway.pass(0, frame.clone());
    let counts = |n| gateway.telemetry().vif(fib::VifIndex::new(n).unwrap()).read();
    assert_eq!((counts(0).rx_frames, counts(0).rx_octets), (1, frame.len() as u64));
    assert_eq!((counts(1).tx_frames, counts(1).tx_octets), (1, frame.len() as u64 - 4));
    assert_eq!((counts(2).rx_frames, counts(2).tx_frames, counts(4).tx_frames), (0, 0, 1));
}

#[test]
fn control_sees_the_beginning_of_what_passes() {
    let mut gateway = gateway(Bpdu { pvst: true, ..Bpdu::default() });
    let long = ethernet_with(BRIDGE_GROUP, SWITCH, &[], 300, &[7; 300]);
    let tagged = bpdu(PVST, SWITCH, &[(0x8100, 200)]);
    let stripped = Arrival { octets: bpdu(PVST, SWITCH, &[]), stripped: Some(200), ..Arrival::default() };
    gateway.pass(1, long.clone());
    gateway.pass(1, stripped);
    gateway.pass(FABRIC, from_the_other(7000, &tagged));
    let heard: Vec<_> = gateway.notices();
    let [Notice::Bpdu(first), Notice::Bpdu(second), Notice::Bpdu(third)] = heard[..] else { panic!("{heard:?}") };
    assert_eq!((first.network.row(), usize::from(first.octets), &first.head[..]), (0, long.len(), &long[..128]));
    assert_eq!(second.head[..tagged.len()], tagged);
    assert_eq!((third.head[..tagged.len()].to_vec(), &third.head[tagged.len()..]), (tagged, &[0; 64][..]));
    let vif = fib::VifIndex::new(1).unwrap();
    assert!(first.from == BpduSource::Vif(vif) && matches!(third.from, BpduSource::Peer(Some(_))));
}

/// A storm of 31 broadcasts that is in front of the BPDU in its burst, and has one place in the queue to send by.
#[test]
fn a_storm_in_the_same_burst_does_not_stand_in_front() {
    let net = network(Bpdu::default());
    let mut gateway = Gateway::with(&net, Means { transmit_places: 1, ..Means::default() });
    let frame = bpdu(BRIDGE_GROUP, SWITCH, &[]);
    for _ in 0..31 {
        gateway.arrive(0, &ethernet_with([0xff; 6], TAGGED, &[(0x8100, 100)], 0x0806, &[1; 46]).into());
    }
    gateway.arrive(0, &frame.clone().into());
    gateway.run();
    let outcome = gateway.take();
    assert_eq!(copies(&outcome)[1..], [(1, frame.clone()), (2, frame.clone()), (FABRIC, frame)]);
    assert!(outcome.drops[&TxQueueFull] >= 30);
    gateway.settle();
}

#[test]
fn a_full_queue_is_tried_for_longer_than_others_have_it_tried() {
    let mut gateway = gateway(Bpdu::default());
    let frame = bpdu(BRIDGE_GROUP, SWITCH, &[]);
    let stubborn = |gateway: &Gateway| (0..=FABRIC).for_each(|port| gateway.tx(port).refuse(40));
    stubborn(&gateway);
    let outcome = gateway.pass(0, frame);
    assert_eq!((outcome.sent.len(), outcome.drops.len()), (3, 0));
    stubborn(&gateway);
    let outcome = gateway.pass(0, ethernet_with([0xff; 6], TAGGED, &[(0x8100, 100)], 0x0806, &[1; 46]));
    assert_eq!((outcome.sent.len(), outcome.drops[&TxQueueFull]), (0, 2));
    // What never moves is given up, and nothing is lost from the accounts.
    (0..=FABRIC).for_each(|port| gateway.tx(port).refuse(usize::MAX));
    let outcome = gateway.pass(0, bpdu(BRIDGE_GROUP, SWITCH, &[]));
    assert_eq!((outcome.sent.len(), outcome.drops[&TxQueueFull]), (0, 3));
    gateway.settle();
}

#[test]
fn an_empty_pool_still_carries_bpdus_and_the_reserve_is_refilled() {
    let net = network(Bpdu::default());
    let mut gateway = Gateway::with(&net, Means { buffers: 40, reserve: 8, ..Means::default() });
    let frame = bpdu(BRIDGE_GROUP, SWITCH, &[]);
    assert_eq!(gateway.pass(0, frame.clone()).sent.len(), 3);
    let pool = gateway.copies().clone();
    let hold_all = || std::iter::from_fn(|| pool.frame(&[], Default::default())).collect::<Vec<_>>();
    let mut held = hold_all();
    assert_eq!(held.len(), 32);
    let flooded = ethernet_with([0xff; 6], TAGGED, &[(0x8100, 100)], 0x0806, &[1; 46]);
    assert_eq!(dropped(&gateway.pass(0, flooded.clone())), [(NoMbuf, 2)]);
    // What is sent comes back to the pool, not to the reserve, whose eight are two BPDUs and two copies more.
    for (sent, lost) in [(3, None), (3, None), (2, Some(&1))] {
        let outcome = gateway.pass(0, frame.clone());
        assert_eq!((outcome.sent.len(), outcome.drops.get(&NoMbuf)), (sent, lost));
        held.extend(hold_all());
    }
    drop(held);
    assert_eq!(gateway.pass(0, frame.clone()).sent.len(), 3);
    assert_eq!(gateway.pass(0, flooded).sent.len(), 2);
    let again = hold_all();
    for _ in 0..2 {
        gateway.arrive(0, &frame.clone().into());
    }
    gateway.run();
    assert_eq!(gateway.take().sent.len(), 6);
    drop(again);
}

/// A LAN without spanning tree between two members sends the same frames round for ever.
#[test]
fn a_member_that_sends_without_end_is_held_to_a_rate_that_no_switch_needs_and_others_are_not() {
    let mut gateway = gateway(Bpdu::default());
    let frame = bpdu(BRIDGE_GROUP, SWITCH, &[]);
    let (mut sent, mut policed) = (0, 0);
    for _ in 0..1000 {
        let outcome = gateway.pass(0, frame.clone());
        sent += outcome.sent.len();
        policed += outcome.drops.get(&ControlPoliced).copied().unwrap_or(0);
    }
    assert_eq!((sent, policed), (256 * 3, 744));
    assert_eq!(gateway.pass(1, frame.clone()).sent.len(), 3);
    assert_eq!(gateway.pass(FABRIC, from_the_other(7000, &frame)).sent.len(), 3);
    gateway.clock().advance(500_000_000);
    assert_eq!(gateway.pass(0, frame).sent.len(), 3);
    gateway.settle();
}
