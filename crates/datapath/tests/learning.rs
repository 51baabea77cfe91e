//! Learning, as a worker does its part: what it tells control, what it lets pass, and that no frame goes where its source is
//! at home.

#![allow(clippy::disallowed_macros, reason = "what is banned from the packet path may serve to test it")]

use fib::{Builder, Destination, LearnedId, NetworkId, Snapshot, VifIndex};
use std::collections::BTreeMap;
use telemetry::DropReason;
use telemetry::notices::{Learn, Notice};
use testkit::example::*;
use testkit::packets::{ethernet, ethernet_with};
use testkit::{Gateway, Mac, Network};
use wire::MacAddr;

/// Stations that nobody configured.
const S: Mac = [2, 0, 0, 0, 0x50, 1];
const T: Mac = [2, 0, 0, 0, 0x50, 2];
const ROUTER: Mac = [0, 0, 0x5e, 0, 1, 0];
const A_VLAN: u16 = 100;
const B_VLAN: u16 = 101;
const SECOND: u64 = testkit::TICKS_PER_SECOND;

fn vif(n: usize) -> VifIndex {
    VifIndex::new(n).expect("a row")
}

fn row(n: usize) -> LearnedId {
    LearnedId::new(n).expect("a row")
}

fn station(mac: Mac) -> MacAddr {
    MacAddr::new(mac)
}

/// The example, blue (interfaces 0 and 1) and the QinQ interfaces of red learning, and what `also` says.
fn tables(net: &Network, also: impl FnOnce(&mut Builder)) -> Snapshot {
    let mut builder = Builder::amend(&net.snapshot().expect("a consistent network"));
    for n in [0, 1, 6, 7] {
        assert_eq!(builder.set_learns(vif(n)), Ok(true));
    }
    assert_eq!(builder.set_learns(vif(3)), Ok(false), "it shares its VLAN");
    also(&mut builder);
    builder.finish()
}

fn gateway(also: impl FnOnce(&mut Builder)) -> Gateway {
    let net = network();
    let mut gateway = Gateway::with(&net, testkit::Means { learned: 16, ..Default::default() });
    gateway.publish(tables(&net, also));
    gateway
}

/// With stations behind interfaces, each marked by its place in the list.
fn with(stations: &[(usize, Mac)]) -> Gateway {
    gateway(|builder| {
        for (n, (at, mac)) in stations.iter().enumerate() {
            assert_eq!(builder.learn(vif(*at), station(*mac), row(n)), Ok(true));
        }
    })
}

fn frame(vlan: u16, to: Mac, by: Mac) -> Vec<u8> {
    ethernet(to, by, &[vlan], 0x0800, &datagram(64))
}

fn heard(at: usize, mac: Mac) -> Notice {
    Notice::Learn(Learn { vif: vif(at), mac: station(mac) })
}

fn dropped(reason: DropReason) -> BTreeMap<DropReason, u64> {
    BTreeMap::from([(reason, 1)])
}

#[test]
fn a_new_source_goes_on_and_is_told_once_in_a_while() {
    let mut gateway = with(&[]);
    for _ in 0..5 {
        let outcome = gateway.pass(ACCESS, frame(A_VLAN, REMOTE, S));
        assert_eq!((outcome.sent.len(), outcome.drops.len()), (1, 0));
    }
    assert_eq!(gateway.notices(), [heard(0, S)]);
    gateway.clock().advance(SECOND / 5);
    gateway.pass(ACCESS, frame(A_VLAN, REMOTE, S));
    gateway.pass(ACCESS, frame(B_VLAN, REMOTE, S));
    assert_eq!(gateway.notices(), [heard(0, S), heard(1, S)], "behind another interface it is another");
    let counted = gateway.telemetry().vif(vif(0)).read();
    assert_eq!((counted.rx_frames, counted.drops), (6, 0));
    gateway.settle();
}

#[test]
fn a_known_source_is_marked_and_not_told() {
    let mut gateway = with(&[(0, S), (0, T)]);
    let outcome = gateway.pass(ACCESS, frame(A_VLAN, REMOTE, T));
    assert_eq!((outcome.sent.len(), gateway.notices().len()), (1, 0));
    let seen = |n| gateway.telemetry().seen.take(row(n));
    assert_eq!([seen(0), seen(1), seen(1)], [false, true, false]);
    assert_eq!(gateway.pass(ACCESS, frame(A_VLAN, REMOTE, A)).sent.len(), 1, "its own needs no mark");
}

#[test]
fn frames_to_a_learned_station_go_to_its_interface_from_both_sides() {
    let mut gateway = with(&[(1, S)]);
    let expected = (ACCESS, ethernet_with(S, A, &[(0x8100, B_VLAN)], 0x0800, &datagram(64)));
    assert_eq!(gateway.pass(ACCESS, frame(A_VLAN, S, A)).sent, [expected]);
    for form in forms() {
        let sent = gateway.pass(FABRIC, overlay(form, 0, untagged(S, REMOTE, 100)).octets()).sent;
        assert_eq!(sent, [(ACCESS, ethernet_with(S, REMOTE, &[(0x8100, B_VLAN)], 0x0800, &datagram(100)))]);
    }
    gateway.settle();
}

#[test]
fn what_is_configured_elsewhere_groups_and_the_gateway_s_mac_are_not_learned() {
    let mut gateway = with(&[]);
    for (source, reason) in [
        (B, DropReason::UnknownSourceMac),
        (REMOTE, DropReason::UnknownSourceMac),
        (ROUTER, DropReason::UnknownSourceMac),
        (BROADCAST, DropReason::GroupSource),
        ([1, 0, 0, 0, 0, 1], DropReason::GroupSource),
        ([0; 6], DropReason::GroupSource),
    ] {
        assert_eq!(gateway.pass(ACCESS, frame(A_VLAN, REMOTE, source)).drops, dropped(reason), "{source:02x?}");
    }
    assert_eq!(gateway.pass(ACCESS, frame(200, BROADCAST, S)).drops, dropped(DropReason::UnknownSourceMac), "green");
    assert_eq!(gateway.pass(ACCESS, frame(300, BROADCAST, S)).drops, dropped(DropReason::UnknownSourceMac), "shared");
    assert_eq!(gateway.notices(), []);
    gateway.settle();
}

#[test]
fn no_frame_goes_to_the_segment_on_which_its_source_is_learned() {
    let mut gateway = with(&[(1, S), (1, T)]);
    // From the fabric, unicast and flooded: as it comes round between two gateways on one LAN.
    let form = forms().next().expect("there are forms");
    let unicast = overlay(form, 0, untagged(T, S, 100)).octets();
    assert_eq!(gateway.pass(FABRIC, unicast).drops, dropped(DropReason::OwnSource));
    let sent = gateway.pass(FABRIC, overlay(form, 0, untagged(BROADCAST, S, 100)).octets()).sent;
    assert_eq!(sent, [(ACCESS, ethernet_with(BROADCAST, S, &[(0x8100, A_VLAN)], 0x0800, &datagram(100)))]);
    // From another VLAN, as in a loop between two.
    let sent = gateway.pass(ACCESS, frame(A_VLAN, BROADCAST, S)).sent;
    assert!(sent.iter().all(|(port, _)| *port == FABRIC), "not to B's VLAN, where it is at home: {sent:02x?}");
    assert_eq!(gateway.pass(ACCESS, frame(A_VLAN, T, S)).drops, dropped(DropReason::OwnSource));
    gateway.settle();
}

#[test]
fn stations_behind_one_interface_reach_each_other_there() {
    let mut gateway = with(&[(1, S)]);
    assert_eq!(gateway.pass(ACCESS, frame(B_VLAN, S, T)).drops, dropped(DropReason::SameSegment), "T is not known yet");
    let mut gateway = with(&[(1, S), (1, T)]);
    assert_eq!(gateway.pass(ACCESS, frame(B_VLAN, S, T)).drops, dropped(DropReason::OwnSource));
    let sent = gateway.pass(ACCESS, frame(B_VLAN, BROADCAST, T)).sent;
    let back = sent.iter().filter(|(port, octets)| *port == ACCESS && octets[15] == B_VLAN as u8).count();
    assert_eq!((sent.is_empty(), back), (false, 0));
}

#[test]
fn a_full_interface_drops_what_it_would_have_to_learn_and_nothing_else() {
    let mut gateway = gateway(|builder| {
        assert_eq!(builder.learn(vif(0), station(S), row(0)), Ok(true));
        builder.set_full(vif(0), true).expect("room");
    });
    assert_eq!(gateway.pass(ACCESS, frame(A_VLAN, REMOTE, T)).drops, dropped(DropReason::MacLimit));
    assert_eq!(gateway.telemetry().vif(vif(0)).read().drops, 1);
    for (vlan, source) in [(A_VLAN, S), (A_VLAN, A), (B_VLAN, T)] {
        assert_eq!(gateway.pass(ACCESS, frame(vlan, REMOTE, source)).sent.len(), 1, "{vlan} {source:02x?}");
    }
    assert_eq!(gateway.notices(), [heard(1, T)]);
    gateway.settle();
}

#[test]
fn a_station_that_moved_too_often_is_kept_from_where_it_does_not_belong() {
    let mut gateway = gateway(|builder| {
        assert_eq!(builder.learn(vif(0), station(S), row(0)), Ok(true));
        builder.block(vif(1), station(S)).expect("room");
    });
    assert_eq!(gateway.pass(ACCESS, frame(B_VLAN, REMOTE, S)).drops, dropped(DropReason::MacMove));
    assert_eq!(gateway.pass(ACCESS, frame(A_VLAN, REMOTE, S)).sent.len(), 1);
    assert_eq!(gateway.notices(), []);
}

#[test]
fn a_moved_station_is_told_from_where_it_is_now_though_it_is_known_elsewhere() {
    let mut gateway = with(&[(0, S)]);
    assert_eq!(gateway.pass(ACCESS, frame(B_VLAN, REMOTE, S)).sent.len(), 1);
    assert_eq!(gateway.notices(), [heard(1, S)]);
}

#[test]
fn interfaces_behind_a_second_tag_learn_too() {
    let mut gateway = gateway(|builder| assert_eq!(builder.learn(vif(6), station(S), row(3)), Ok(true)));
    let octets = ethernet(F, S, &[400, 7], 0x0800, &datagram(64));
    assert_eq!(gateway.pass(ACCESS, octets).drops, BTreeMap::new());
    assert!(gateway.telemetry().seen.take(row(3)));
    assert_eq!(gateway.pass(ACCESS, ethernet(F, T, &[400, 8], 0x0800, &datagram(64))).drops, BTreeMap::new());
    assert_eq!(gateway.notices(), [heard(7, T)]);
}

#[test]
fn the_learned_are_where_every_station_is_found() {
    let net = network();
    let snapshot = tables(&net, |builder| assert_eq!(builder.learn(vif(1), station(S), row(0)), Ok(true)));
    let blue = NetworkId::new(0).expect("a row");
    assert_eq!(snapshot.destination(blue, station(S)), Some(Destination::Vif(vif(1))));
}
