//! Who may send us tunnel packets: VTEPs that we know, or those of the frame's network, or anybody, as configured.

use crate::BURST;
use crate::burst::Lanes;
use fib::{Fabric, Snapshot, SourceCheck};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use telemetry::DropReason;

/// Of a key that is of IPv6: see [`fib::vtep_key_v6`].
const IS_V6: u64 = 1 << 63;

/// Fills `peer` and drops what comes from a source that may not send it. All lanes are looked up at once.
#[inline(always)]
pub(super) fn check(t: &Snapshot, lanes: &mut Lanes, keys: &[u64; BURST], n: usize) {
    let mut found = [0; BURST];
    t.vteps.lookup_burst(keys, n, &mut found);
    for lane in lanes.live {
        let key = keys[lane];
        // A key of IPv4 is the address itself, so what is found is the VTEP.
        lanes.peer[lane] = match (found[lane], key & IS_V6) {
            (0, _) => None,
            (row, 0) => fib::PeerId::new(row as usize - 1),
            (row, _) => t.peer(row, IpAddr::V6(Ipv6Addr::from_bits(lanes.source_v6[lane]))),
        };
        let reason = match lanes.peer[lane] {
            None => stranger(&t.fabric, address(key, lanes.source_v6[lane])),
            Some(_) if t.fabric.source_check != SourceCheck::Strict => None,
            Some(peer) => match t.network(lanes.network[lane]) {
                Some(network) if network.has_peer(peer) => None,
                _ => Some(DropReason::OuterSourceUnknown),
            },
        };
        if let Some(reason) = reason {
            lanes.drop(lane, reason);
        }
    }
}

fn address(key: u64, v6: u128) -> IpAddr {
    if key & IS_V6 == 0 { Ipv4Addr::from_bits(key as u32).into() } else { Ipv6Addr::from_bits(v6).into() }
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
