//! (network, MAC) to destination, and the rules that make loops impossible.

use crate::burst::{Lanes, Side, Verdict};
use crate::parse::is_group;
use fib::{Destination, Snapshot};
use telemetry::{DropReason, WorkerTelemetry};

/// Decides for each live lane: to a VIF (`to_vif`, `egress`), to a remote VTEP (`to_remote`, `nexthop`), or `Flood` when
/// the destination is a group address or unknown in a network that floods those.
///
/// Split horizon: what came from the fabric never returns to it (`FabricToFabric`). No frame goes to a VMI whose own
/// address is its source (`OwnSource`). Also drops `UnknownUnicast` and `FloodSourceNotMember`. All lanes are looked up at
/// once, so that table misses overlap.
#[inline]
pub(crate) fn lookup(t: &Snapshot, telemetry: &WorkerTelemetry, lanes: &mut Lanes, n: usize, side: Side) {
    t.macs.lookup_burst(&lanes.key, n, &mut lanes.found);
    for lane in lanes.live {
        if is_group(lanes.destination[lane]) {
            flood(t, lanes, lane, side);
            continue;
        }
        match Destination::unpack(lanes.found[lane]) {
            Some(Destination::Remote(nexthop)) if side == Side::Access => {
                lanes.nexthop[lane] = nexthop;
                lanes.to_remote.add(lane);
            }
            Some(Destination::Remote(_)) => lanes.drop(lane, DropReason::FabricToFabric),
            Some(Destination::Vif(vif)) if t.vif(vif).owns(lanes.source[lane]) => {
                telemetry.vif(vif).drops.add(1);
                lanes.drop(lane, DropReason::OwnSource);
            }
            Some(Destination::Vif(vif)) => {
                lanes.egress[lane] = vif;
                lanes.to_vif.add(lane);
            }
            None => unknown(t, lanes, lane, side),
        }
    }
}

#[cold]
fn unknown(t: &Snapshot, lanes: &mut Lanes, lane: usize, side: Side) {
    match t.network(lanes.network[lane]) {
        Some(network) if network.flood_unknown_unicast() => flood(t, lanes, lane, side),
        _ => lanes.drop(lane, DropReason::UnknownUnicast),
    }
}

/// A flooded frame is taken only from a VTEP in the network's own list: a stranger must not reach everybody at once.
fn flood(t: &Snapshot, lanes: &mut Lanes, lane: usize, side: Side) {
    let member = |network: &fib::Network| side == Side::Access || network.takes_flooding_from(lanes.vtep[lane]);
    match t.network(lanes.network[lane]) {
        Some(network) if member(network) => lanes.decide(lane, Verdict::Flood),
        Some(_) => lanes.drop(lane, DropReason::FloodSourceNotMember),
        None => lanes.drop(lane, DropReason::NoNexthop),
    }
}
