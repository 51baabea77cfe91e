//! Frames that control originates for an interface: untagged octets in, what the interface's VLAN is to see out.

#![allow(clippy::disallowed_macros, reason = "what is banned from the packet path may serve to test it")]

use fib::VifIndex;
use proptest::collection::vec;
use proptest::prelude::*;
use telemetry::{DropReason, VifTotals};
use testkit::example::*;
use testkit::packets::ethernet_with;
use testkit::{Gateway, Mac, Network, arbitrary};
use wire::Tpid;

/// What control sends as.
const VIRTUAL: Mac = [0, 0, 0x5e, 0, 1, 0];
/// Places in the example's list of VMIs.
const AT_A: usize = 0;
const AT_D: usize = 3;
const AT_F: usize = 5;
const AT_G: usize = 6;

/// A frame whose payload is as long as that of an ARP packet.
fn frame(to: Mac, by: Mac, tags: &[(u16, u16)]) -> Vec<u8> {
    ethernet_with(to, by, tags, 0x0806, &[7; 28])
}

fn padded(mut frame: Vec<u8>) -> Vec<u8> {
    frame.resize(frame.len().max(60), 0);
    frame
}

fn totals(gateway: &Gateway, vmi: usize) -> VifTotals {
    gateway.telemetry().vif(VifIndex::new(vmi).unwrap()).read()
}

/// Expects that control's frame for a VMI is dropped for this reason, counted and forgotten.
fn refused(net: &Network, vmi: usize, octets: &[u8], reason: DropReason) {
    let mut gateway = Gateway::new(net);
    gateway.originate(vmi, octets);
    gateway.run();
    let outcome = gateway.take();
    assert_eq!((outcome.sent, outcome.drops), (vec![], [(reason, 1)].into()));
    assert_eq!(gateway.settle().injected, 1);
    if vmi < net.vmis.len() {
        assert_eq!((totals(&gateway, vmi).drops, totals(&gateway, vmi).tx_frames), (1, 0));
    }
}

#[test]
fn an_originated_frame_gets_its_interface_s_tags_and_is_padded() {
    let mut net = network();
    net.vmis[AT_A].vlan = 0;
    for (vmi, tpid, tags) in [
        (AT_D, Tpid::Customer, &[(0x8100, 300)][..]),
        (AT_D, Tpid::Service, &[(0x88a8, 300)]),
        (AT_G, Tpid::Customer, &[(0x8100, 400), (0x8100, 7)]),
        (AT_G, Tpid::Service, &[(0x88a8, 400), (0x8100, 7)]),
        // Not priority-tagged: a switch's native VLAN is untagged.
        (AT_A, Tpid::Customer, &[]),
    ] {
        net.access[ACCESS].tpid = tpid;
        let mut gateway = Gateway::new(&net);
        gateway.originate(vmi, &frame(D, VIRTUAL, &[]));
        gateway.run();
        let expected = padded(frame(D, VIRTUAL, tags));
        let length = expected.len() as u64;
        assert_eq!(gateway.take().sent, [(ACCESS, expected)]);
        let VifTotals { tx_frames, tx_octets, drops, .. } = totals(&gateway, vmi);
        assert_eq!((tx_frames, tx_octets, drops), (1, length, 0));
        let ledger = gateway.settle();
        assert_eq!((ledger.injected, ledger.transmitted, ledger.dropped), (1, 1, 0));
    }
}

#[test]
fn a_frame_that_waited_over_a_reload_gets_the_tags_of_now() {
    let mut net = network();
    let mut gateway = Gateway::new(&net);
    gateway.originate(AT_A, &frame(A, VIRTUAL, &[]));
    net.vmis[AT_A].vlan = 77;
    gateway.reload(&net);
    gateway.run();
    assert_eq!(gateway.take().sent, [(ACCESS, padded(frame(A, VIRTUAL, &[(0x8100, 77)])))]);
}

#[test]
fn what_cannot_be_sent_is_dropped_with_its_reason() {
    let net = network();
    let whole = frame(A, VIRTUAL, &[]);
    refused(&net, net.vmis.len(), &whole, DropReason::NoSuchVif);
    refused(&net, AT_A, &whole[..13], DropReason::Runt);
    refused(&net, AT_A, &[], DropReason::Runt);
    refused(&net, AT_A, &frame(A, [0; 6], &[]), DropReason::GroupSource);
    refused(&net, AT_A, &frame(A, BROADCAST, &[]), DropReason::GroupSource);
    let long = ethernet_with(A, VIRTUAL, &[], 0x0800, &[0; 1501]);
    refused(&net, AT_A, &long, DropReason::TooBigForPort);
    // To the VLAN of F, on which inner tags are other VMIs.
    refused(&net, AT_F, &frame(F, VIRTUAL, &[(0x8100, 7)]), DropReason::InnerTagAmbiguous);
}

#[test]
fn no_frame_with_an_address_of_the_segment_as_its_source_goes_there() {
    let mut net = network();
    net.vmis[AT_A].macs.push([2, 9, 9, 9, 9, 9]);
    refused(&net, AT_A, &frame(BROADCAST, A, &[]), DropReason::OwnSource);
    refused(&net, AT_A, &frame(BROADCAST, [2, 9, 9, 9, 9, 9], &[]), DropReason::OwnSource);
    refused(&net, AT_D, &frame(BROADCAST, E, &[]), DropReason::OwnSource);
}

#[test]
fn without_a_buffer_an_originated_frame_is_counted_as_lost() {
    let mut gateway = Gateway::with(&network(), testkit::Means { buffers: 0, ..testkit::Means::default() });
    gateway.originate(AT_A, &frame(A, VIRTUAL, &[]));
    gateway.run();
    assert_eq!(gateway.take().drops, [(DropReason::NoMbuf, 1)].into());
    gateway.settle();
}

#[derive(Debug, Clone)]
struct Original {
    vmi: usize,
    source: Mac,
    payload: Vec<u8>,
}

/// Sources that are often somebody's.
fn original(net: &Network) -> impl Strategy<Value = Original> + use<> {
    let known: Vec<Mac> = net.vmis.iter().flat_map(|vmi| vmi.macs.clone()).chain([VIRTUAL]).collect();
    let source = prop_oneof![3 => prop::sample::select(known), 1 => any::<Mac>()];
    (0..net.vmis.len() + 2, source, vec(any::<u8>(), 0..80)).prop_map(|(vmi, source, payload)| Original {
        vmi,
        source,
        payload,
    })
}

proptest! {
    #[test]
    fn whatever_control_originates_keeps_to_its_segment_and_never_bears_a_source_of_it(
        (net, originals) in arbitrary::network().prop_flat_map(|net| {
            let originals = vec(original(&net), 1..20);
            (Just(net), originals)
        }),
    ) {
        let mut gateway = Gateway::new(&net);
        for Original { vmi, source, payload } in &originals {
            gateway.originate(*vmi, &ethernet_with([2, 1, 1, 1, 1, 1], *source, &[], 0x0806, payload));
            gateway.run();
            let outcome = gateway.take();
            let Some(to) = net.vmis.get(*vmi) else {
                prop_assert_eq!(outcome.drops, [(DropReason::NoSuchVif, 1)].into());
                continue;
            };
            if net.networks[to.network].bpdu.is_some() {
                prop_assert_eq!(outcome.drops, [(DropReason::NotControlFrame, 1)].into());
                continue;
            }
            let on_segment = net.vmis.iter().filter(|other| {
                (other.port, other.vlan, other.inner, other.network) == (to.port, to.vlan, to.inner, to.network)
            });
            let is_at_home = on_segment.flat_map(|other| &other.macs).any(|mac| mac == source);
            let is_station = source[0] & 1 == 0 && *source != [0; 6];
            if is_at_home || !is_station {
                prop_assert!(outcome.sent.is_empty(), "sent with the source {:?}", source);
                continue;
            }
            let mut tags = vec![];
            if to.vlan != 0 {
                tags.push((net.access[to.port].tpid.value(), to.vlan));
            }
            tags.extend(to.inner.map(|inner| (0x8100, inner)));
            let expected = padded(ethernet_with([2, 1, 1, 1, 1, 1], *source, &tags, 0x0806, payload));
            prop_assert_eq!(outcome.sent, vec![(to.port, expected)]);
        }
        gateway.settle();
    }
}
