//! An access port that is closed: nothing of what it receives is anybody's, nothing goes out of it, and nobody else notices.

#![allow(clippy::disallowed_macros, reason = "what is banned from the packet path may serve to test it")]

use telemetry::DropReason::{self, GroupSource, UplinkDown};
use testkit::example::*;
use testkit::packets::{ethernet, ethernet_with};
use testkit::{Access, Gateway, Mac, Network, Outcome};
use wire::Encapsulation;

/// The port that is closed: B is behind it.
const CLOSED: usize = 1;
/// A place in the list of VMIs.
const AT_B: usize = 1;

/// The example's network with B on a port of its own.
fn two_ports(closed: bool) -> Network {
    let mut net = network();
    net.access.push(Access { closed, ..Access::trunk(1500) });
    net.vmis[AT_B].port = CLOSED;
    net
}

fn fabric(net: &Network) -> usize {
    net.access.len()
}

fn frame(to: Mac, by: Mac, tags: &[u16]) -> Vec<u8> {
    ethernet(to, by, tags, 0x0800, &datagram(100))
}

fn drops(outcome: &Outcome) -> Vec<(DropReason, u64)> {
    outcome.drops.clone().into_iter().collect()
}

#[test]
fn what_a_closed_port_receives_is_dropped_whatever_it_is() {
    let mut gateway = Gateway::new(&two_ports(true));
    let bpdu = ethernet([1, 0x80, 0xc2, 0, 0, 0], [2, 7, 7, 7, 7, 7], &[], 38, &[0x42, 0x42, 3, 0]);
    let double = ethernet_with(A, B, &[(0x8100, 101), (0x8100, 7)], 0x0800, &datagram(100));
    for octets in
        [frame(A, B, &[101]), frame(BROADCAST, B, &[101]), frame(A, B, &[]), frame(A, B, &[999]), bpdu, double]
    {
        let outcome = gateway.pass(CLOSED, octets);
        assert_eq!((outcome.sent.len(), drops(&outcome)), (0, vec![(UplinkDown, 1)]));
    }
    assert_eq!(drops(&gateway.pass(CLOSED, frame(A, BROADCAST, &[101]))), [(GroupSource, 1)]);
    gateway.settle();
}

#[test]
fn nothing_goes_out_of_a_closed_port_from_wherever_it_comes() {
    let net = two_ports(true);
    let mut gateway = Gateway::new(&net);
    let form = (Encapsulation::Vxlan, VTEP.into());
    gateway.originate(AT_B, &frame(B, [0, 0, 0x5e, 0, 1, 0], &[]));
    let from_fabric = overlay(form, 0, untagged(B, REMOTE, 100)).octets();
    for outcome in [gateway.pass(ACCESS, frame(B, A, &[100])), gateway.pass(fabric(&net), from_fabric)] {
        assert!(outcome.sent.is_empty());
        assert!(drops(&outcome).iter().all(|(reason, _)| *reason == UplinkDown), "{outcome:?}");
    }
    assert_eq!(gateway.telemetry().dropped(UplinkDown), 3);
    gateway.settle();
}

#[test]
fn who_is_behind_open_ports_loses_nothing() {
    let (open, closed) = (two_ports(false), two_ports(true));
    let form = (Encapsulation::Vxlan, VTEP.into());
    let flooded = overlay(form, 0, untagged(BROADCAST, REMOTE, 100)).octets();
    for (port, octets) in [
        (ACCESS, frame(BROADCAST, A, &[100])),
        (ACCESS, frame(REMOTE, A, &[100])),
        (fabric(&open), flooded),
        (fabric(&open), overlay(form, 0, untagged(A, REMOTE, 100)).octets()),
    ] {
        let with = Gateway::new(&open).pass(port, octets.clone());
        let mut gateway = Gateway::new(&closed);
        let without = gateway.pass(port, octets);
        let expected: Vec<_> = with.sent.into_iter().filter(|(port, _)| *port != CLOSED).collect();
        assert!(!expected.is_empty());
        assert_eq!(without.sent, expected);
        gateway.settle();
    }
}

#[test]
fn a_port_that_is_opened_again_forwards_as_before() {
    let mut gateway = Gateway::new(&two_ports(true));
    gateway.reload(&two_ports(false));
    assert_eq!(gateway.pass(ACCESS, frame(B, A, &[100])).sent, [(CLOSED, frame(B, A, &[101]))]);
    assert_eq!(gateway.pass(CLOSED, frame(A, B, &[101])).sent, [(ACCESS, frame(A, B, &[100]))]);
    gateway.reload(&two_ports(true));
    assert!(gateway.pass(ACCESS, frame(B, A, &[100])).sent.is_empty());
}
