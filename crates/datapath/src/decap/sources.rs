//! Who may send us tunnel packets: VTEPs that we know, or those of the frame's network, or anybody, as configured.

use crate::BURST;
use crate::burst::{LaneMask, Lanes};
use fib::{Fabric, Snapshot, SourceCheck, VTEP_KEY_V6};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use telemetry::DropReason;

/// Fills `peer` and drops what comes from a source that may not send it. All lanes are looked up at once.
#[inline(always)]
pub(super) fn check(t: &Snapshot, lanes: &mut Lanes, keys: &[u64; BURST], n: usize) {
    // A key of IPv4 is the address itself, so what is found is the VTEP.
    t.vteps.lookup_burst(keys, n, &mut lanes.peer);
    if !lanes.by_v6.is_empty() {
        tell_apart(t, lanes);
    }
    let strangers = lanes.live.also_in(LaneMask::with(&lanes.peer, u32::MAX, 0));
    if !strangers.is_empty() {
        check_strangers(t, lanes, strangers, keys);
    }
    if t.fabric.source_check == SourceCheck::Strict {
        check_membership(t, lanes);
    }
}

#[inline(never)]
fn check_strangers(t: &Snapshot, lanes: &mut Lanes, strangers: LaneMask, keys: &[u64; BURST]) {
    for lane in strangers {
        if let Some(reason) = stranger(&t.fabric, address(keys[lane], lanes.source_v6[lane])) {
            lanes.drop(lane, reason);
        }
    }
}

/// Whether a VTEP that we know takes part in the frame's network.
#[inline(never)]
fn check_membership(t: &Snapshot, lanes: &mut Lanes) {
    for lane in lanes.live {
        let network = t.network(lanes.network[lane]).zip(lanes.peer(lane));
        if !network.is_some_and(|(network, peer)| network.has_peer(peer)) {
            lanes.drop(lane, DropReason::OuterSourceUnknown);
        }
    }
}

/// A key of IPv6 is a hash: what was found must be the very address.
#[inline(never)]
fn tell_apart(t: &Snapshot, lanes: &mut Lanes) {
    for lane in lanes.by_v6 {
        let source = IpAddr::V6(Ipv6Addr::from_bits(lanes.source_v6[lane]));
        if t.peer(lanes.peer[lane], source).is_none() {
            lanes.peer[lane] = 0;
        }
    }
}

fn address(key: u64, v6: u128) -> IpAddr {
    if key & VTEP_KEY_V6 == 0 { Ipv4Addr::from_bits(key as u32).into() } else { Ipv6Addr::from_bits(v6).into() }
}

/// What is wrong with a source that is no VTEP of ours; nothing if anybody may send.
#[cold]
fn stranger(fabric: &Fabric, source: IpAddr) -> Option<DropReason> {
    let (own, is_broadcast) = match source {
        IpAddr::V4(source) => (fabric.address == Some(source), source.is_broadcast()),
        IpAddr::V6(source) => (fabric.address_v6 == Some(source), false),
    };
    if own {
        Some(DropReason::OuterSourceOwn)
    } else if source.is_unspecified() || source.is_loopback() || source.is_multicast() || is_broadcast {
        Some(DropReason::OuterSourceInvalid)
    } else if fabric.source_check == SourceCheck::Any {
        None
    } else {
        Some(DropReason::OuterSourceUnknown)
    }
}
