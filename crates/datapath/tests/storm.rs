//! Storm control: what one interface or network floods beyond its budget is dropped and told, and costs no other anything.

#![allow(clippy::disallowed_macros, reason = "what is banned from the packet path may serve to test it")]

use fib::{Builder, NetworkId, StormBudget, StormClass, VifIndex};
use std::collections::BTreeMap;
use telemetry::notices::{Notice, Storm};
use telemetry::{DropReason, StormTotals};
use testkit::example::*;
use testkit::packets::ethernet;
use testkit::{Gateway, Mac, Network, Vmi};

const MULTICAST: Mac = [1, 0, 0x5e, 0, 0, 9];
const NOBODY: Mac = [2, 0, 0, 0, 0x99, 1];
const SECOND: u64 = testkit::TICKS_PER_SECOND;
/// The VLANs of blue's two VMIs.
const A_VLAN: u16 = 100;
const B_VLAN: u16 = 101;

fn vif(n: usize) -> VifIndex {
    VifIndex::new(n).expect("a row")
}

fn id(n: usize) -> NetworkId {
    NetworkId::new(n).expect("a row")
}

/// Ten frames a second of each class: one may come at once.
fn ten() -> StormBudget {
    StormBudget::new([Some(10); 3])
}

/// The example with blue flooding unknown unicast, and these budgets of interfaces and networks.
fn guarded(vifs: &[(usize, StormBudget)], networks: &[(usize, StormBudget)]) -> Gateway {
    let mut net = network();
    net.networks[0].flood_unknown_unicast = true;
    let mut gateway = Gateway::new(&net);
    budgets(&mut gateway, &net, vifs, networks);
    gateway
}

fn budgets(gateway: &mut Gateway, net: &Network, vifs: &[(usize, StormBudget)], networks: &[(usize, StormBudget)]) {
    let mut builder = Builder::amend(&net.snapshot().expect("a consistent network"));
    for (n, budget) in vifs {
        builder.set_vif_storm_budget(vif(*n), *budget).expect("an interface");
    }
    for (n, budget) in networks {
        builder.set_network_storm_budget(id(*n), *budget).expect("a network");
    }
    gateway.publish(builder.finish());
}

fn frame(vlan: u16, to: Mac, by: Mac) -> Vec<u8> {
    ethernet(to, by, &[vlan], 0x0806, &[0; 46])
}

/// How many of five frames pass, and for what reason the others do not.
fn five(gateway: &mut Gateway, port: usize, octets: &[u8]) -> (usize, BTreeMap<DropReason, u64>) {
    let (mut passed, mut drops) = (0, BTreeMap::new());
    for _ in 0..5 {
        let outcome = gateway.pass(port, octets.to_vec());
        passed += usize::from(!outcome.sent.is_empty());
        outcome.drops.into_iter().for_each(|(reason, n)| *drops.entry(reason).or_insert(0) += n);
    }
    (passed, drops)
}

#[test]
fn each_class_has_a_budget_of_its_own_and_a_reason() {
    let mut gateway = guarded(&[(0, ten())], &[]);
    for (to, reason) in [
        (BROADCAST, DropReason::StormBroadcast),
        (MULTICAST, DropReason::StormMulticast),
        (NOBODY, DropReason::StormUnknownUnicast),
    ] {
        assert_eq!(five(&mut gateway, ACCESS, &frame(A_VLAN, to, A)), (1, BTreeMap::from([(reason, 4)])), "{to:?}");
    }
    assert_eq!(five(&mut gateway, ACCESS, &frame(A_VLAN, REMOTE, A)), (5, BTreeMap::new()), "known stations have none");
    gateway.settle();
}

#[test]
fn time_brings_the_budget_back() {
    let mut gateway = guarded(&[(0, ten())], &[]);
    let octets = frame(A_VLAN, BROADCAST, A);
    for _ in 0..20 {
        assert_eq!(five(&mut gateway, ACCESS, &octets).0, 1);
        gateway.clock().advance(SECOND / 10);
    }
}

#[test]
fn an_interface_that_storms_costs_its_neighbour_nothing_and_the_network_s_budget_is_all_its_interfaces() {
    let mut gateway = guarded(&[(0, ten()), (1, ten())], &[(0, StormBudget::new([Some(20), None, None]))]);
    assert_eq!(five(&mut gateway, ACCESS, &frame(A_VLAN, BROADCAST, A)).0, 1);
    assert_eq!(
        five(&mut gateway, ACCESS, &frame(B_VLAN, BROADCAST, B)).0,
        1,
        "what A was denied took nothing of blue's"
    );
    let mut gateway = guarded(&[], &[(0, ten())]);
    assert_eq!(five(&mut gateway, ACCESS, &frame(A_VLAN, BROADCAST, A)).0, 1);
    assert_eq!(five(&mut gateway, ACCESS, &frame(B_VLAN, BROADCAST, B)).0, 0, "together they have blue's");
    assert_eq!(five(&mut gateway, ACCESS, &frame(200, BROADCAST, C)).0, 5, "green has its own");
    gateway.settle();
}

#[test]
fn what_comes_from_the_fabric_has_the_network_s_budget() {
    let mut gateway = guarded(&[(0, ten())], &[(0, ten())]);
    let form = forms().next().expect("there are forms");
    let octets = overlay(form, 0, untagged(BROADCAST, REMOTE, 50)).octets();
    assert_eq!(five(&mut gateway, FABRIC, &octets), (1, BTreeMap::from([(DropReason::StormBroadcast, 4)])));
    let expected = Storm { network: id(0), vif: None, class: StormClass::Broadcast, of_network: true };
    assert_eq!(gateway.notices(), [Notice::Storm(expected)]);
    gateway.settle();
}

#[test]
fn a_reload_changes_the_budget_and_keeps_what_is_owed() {
    let mut gateway = guarded(&[(0, ten())], &[]);
    let octets = frame(A_VLAN, BROADCAST, A);
    assert_eq!(five(&mut gateway, ACCESS, &octets).0, 1);
    budgets(&mut gateway, &network(), &[(0, StormBudget::new([Some(1_000), None, None]))], &[]);
    gateway.clock().advance(SECOND / 10);
    assert_eq!(five(&mut gateway, ACCESS, &octets).0, 5);
    budgets(&mut gateway, &network(), &[], &[]);
    assert!((0..100).all(|_| five(&mut gateway, ACCESS, &octets).0 == 5), "without a budget there is no limit");
}

#[test]
fn a_storm_is_told_once_and_counted_for_interface_and_network() {
    let mut gateway = guarded(&[(1, ten())], &[]);
    let octets = frame(B_VLAN, BROADCAST, B);
    assert_eq!(five(&mut gateway, ACCESS, &octets).0, 1);
    five(&mut gateway, ACCESS, &octets);
    let expected = Storm { network: id(0), vif: Some(vif(1)), class: StormClass::Broadcast, of_network: false };
    assert_eq!(gateway.notices(), [Notice::Storm(expected)]);
    let storm = &gateway.telemetry().storm;
    let counted = StormTotals { flooded: [1, 0, 0], suppressed: [9, 0, 0] };
    assert_eq!([storm.vif(vif(1)).read(), storm.network(id(0)).read()], [counted; 2]);
    assert!(storm.vif(vif(0)).read().is_zero() && storm.network(id(1)).read().is_zero());
    assert_eq!(gateway.telemetry().vif(vif(1)).read().drops, 9);
    gateway.settle();
}

#[test]
fn one_networks_storm_leaves_the_others_their_copies_within_a_burst() {
    let mut net = network();
    // Blue on 600 VLANs: a frame of it becomes that many copies, and a burst of them more than a burst may make.
    let vmi =
        |n: u16| Vmi { network: 0, port: ACCESS, vlan: 1000 + n, inner: None, label: None, macs: vec![member(n)] };
    net.vmis.extend((0..600).map(vmi));
    let mut gateway =
        Gateway::with(&net, testkit::Means { buffers: 8192, transmit_places: 16_384, ..Default::default() });
    for n in 0..32 {
        let octets = if n == 31 { frame(200, BROADCAST, C) } else { frame(A_VLAN, BROADCAST, A) };
        gateway.arrive(ACCESS, &octets.into());
    }
    gateway.run();
    let outcome = gateway.take();
    let green = frame(200, BROADCAST, C)[18..].to_vec();
    let of_green =
        |(port, octets): &&(usize, Vec<u8>)| *port == FABRIC && octets.ends_with(&green) && octets[46..49] == [0, 0, 1];
    assert_eq!(outcome.sent.iter().filter(of_green).count(), 1, "the last frame of the burst is green's, and goes out");
    let dropped = outcome.drops[&DropReason::FloodBudget];
    assert!((20..31).contains(&dropped), "{dropped} of blue's are beyond what a burst may make");
    gateway.settle();
}

fn member(n: u16) -> Mac {
    [2, 0, 0, 7, (n >> 8) as u8, n as u8]
}
