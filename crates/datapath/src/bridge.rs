//! (network, MAC) to destination, and the rules that make loops impossible.

use crate::burst::{LaneMask, Lanes, Side, Verdict};
use crate::io::{Pool, TxQueue};
use crate::parse::is_group;
use crate::{BURST, Burst, Outlet, answer, control};
use fib::prefetch::prefetch;
use fib::{Destination, Snapshot, Vif, VifIndex};
use telemetry::DropReason;

/// Decides for each live lane: to a VIF (`to_vif`) or to a remote VTEP (`to_remote`), each by what is `found`, or `Flood` when
/// the destination is a group address or unknown in a network that floods those.
///
/// Split horizon: what came from the fabric never returns to it (`FabricToFabric`). Also drops `UnknownUnicast`,
/// `LabelDestination`, `FloodSourceNotMember`, `NotRouted`, `GatewayFromFabric` and what [`answer::serve`] refuses. All lanes
/// are looked up at once, so that table misses overlap, and the usual ones decided at once. [`against_loops`] has the rules
/// for what goes to a VIF.
#[inline(always)]
pub(crate) fn lookup<P, T>(t: &Snapshot, out: &mut Outlet<P, T>, burst: &mut Burst<P::Frame>, side: Side)
where
    P: Pool,
    T: TxQueue<Frame = P::Frame>,
{
    let (n, lanes) = (burst.len(), &mut burst.lanes);
    t.macs.lookup_burst(&lanes.key, n, &mut lanes.found);
    if !lanes.by_label.is_empty() {
        hold_to_label(t, lanes);
    }
    let unicast = lanes.live.not_in(LaneMask::of(&lanes.destination, is_group));
    lanes.to_vif = unicast.also_in(LaneMask::with(&lanes.found, Destination::KIND, Destination::VIF));
    if side == Side::Fabric {
        let (vifs, counters) = (t.vifs(), out.telemetry().vifs());
        for lane in lanes.to_vif {
            let egress = Destination::vif_of(lanes.found[lane]);
            prefetch(vifs.get(egress));
            prefetch(counters.get(egress));
        }
    } else {
        lanes.to_remote = unicast.also_in(LaneMask::with(&lanes.found, Destination::KIND, Destination::REMOTE));
    }
    let others = lanes.live.not_in(lanes.to_vif).not_in(lanes.to_remote);
    if !others.is_empty() {
        decide_others(t, out, burst, others, side);
    }
}

/// What goes neither to one VIF nor to one VTEP. Here is time to look into a frame, and to tell control of it.
#[inline(never)]
fn decide_others<P, T>(t: &Snapshot, out: &mut Outlet<P, T>, burst: &mut Burst<P::Frame>, others: LaneMask, side: Side)
where
    P: Pool,
    T: TxQueue<Frame = P::Frame>,
{
    for lane in others {
        let found = burst.lanes.found[lane];
        if is_group(burst.lanes.destination[lane]) {
            to_group(t, out, burst, lane, side);
        } else if Destination::is_remote(found) {
            burst.lanes.drop(lane, DropReason::FabricToFabric);
        } else if Destination::is_gateway(found) {
            to_gateway(t, out, burst, lane, side);
        } else {
            unknown(t, &mut burst.lanes, lane, side);
        }
    }
}

/// Everybody's, unless this node is asked and answers.
fn to_group<P, T>(t: &Snapshot, out: &mut Outlet<P, T>, burst: &mut Burst<P::Frame>, lane: usize, side: Side)
where
    P: Pool,
    T: TxQueue<Frame = P::Frame>,
{
    if answer::may_ask(burst, lane) {
        match side {
            Side::Access if answer::serve(t, out.serving(), burst, lane) => return,
            Side::Fabric if answer::is_for_gateway(t, burst, lane) => {
                return burst.lanes.drop(lane, DropReason::GatewayFromFabric);
            }
            _ => {}
        }
    }
    flood(t, &mut burst.lanes, lane, side);
}

/// The gateway answers its own instances what it can, and routes nothing yet.
#[cold]
fn to_gateway<P, T>(t: &Snapshot, out: &mut Outlet<P, T>, burst: &mut Burst<P::Frame>, lane: usize, side: Side)
where
    P: Pool,
    T: TxQueue<Frame = P::Frame>,
{
    if side == Side::Fabric {
        burst.lanes.drop(lane, DropReason::GatewayFromFabric);
    } else if !answer::serve(t, out.serving(), burst, lane) {
        burst.lanes.drop(lane, DropReason::NotRouted);
    }
}

/// Why a frame may not go to an interface, if it may not: no frame goes to a segment on which its source is at home
/// (`OwnSource`), or that it came from (`SameSegment`).
#[inline(always)]
pub(crate) fn against_loops(t: &Snapshot, vif: &Vif, lanes: &Lanes, lane: usize, side: Side) -> Option<DropReason> {
    let source = lanes.source[lane % BURST];
    if vif.learns() {
        return against_loops_learned(t, vif, lanes, lane, side);
    }
    if vif.group().is_none() {
        return vif.owns(source).then_some(DropReason::OwnSource);
    }
    if side == Side::Access && is_same_segment(t, vif, lanes.ingress[lane % BURST]) {
        return Some(DropReason::SameSegment);
    }
    t.segment_owns(vif, source).then_some(DropReason::OwnSource)
}

/// The same for an interface that learns, which has its VLAN to itself. Its stations reach each other there, those too that are
/// not known yet.
#[inline(never)]
fn against_loops_learned(t: &Snapshot, vif: &Vif, lanes: &Lanes, lane: usize, side: Side) -> Option<DropReason> {
    let (egress, source) = (Destination::vif_of(lanes.found[lane % BURST]), lanes.source[lane % BURST]);
    if vif.owns(source) || t.is_learned(egress, source) {
        return Some(DropReason::OwnSource);
    }
    (side == Side::Access && lanes.ingress[lane % BURST] == egress).then_some(DropReason::SameSegment)
}

/// Whether an interface that shares its VLAN shares it with `other`.
#[inline(always)]
pub(crate) fn is_same_segment(t: &Snapshot, vif: &Vif, other: VifIndex) -> bool {
    vif.group().is_some() && vif.group() == t.vif(other).group()
}

/// A VMI's own label leads to that VMI and to nobody else: not to another of its network, nor to a group. An address that
/// several VMIs may use is that VMI's here.
#[cold]
fn hold_to_label(t: &Snapshot, lanes: &mut Lanes) {
    for lane in lanes.by_label.also_in(lanes.live) {
        let (labelled, destination) = (lanes.labelled[lane], lanes.destination[lane]);
        if t.vif(labelled).owns(destination) || t.is_learned(labelled, destination) {
            lanes.found[lane] = Destination::Vif(lanes.labelled[lane]).pack();
        } else {
            lanes.drop(lane, DropReason::LabelDestination);
        }
    }
}

#[cold]
fn unknown(t: &Snapshot, lanes: &mut Lanes, lane: usize, side: Side) {
    match t.network(lanes.network[lane % BURST]) {
        Some(network) if side == Side::Fabric && control::from_fabric(network, lanes, lane) => {}
        Some(network) if network.flood_unknown_unicast() => flood(t, lanes, lane, side),
        _ => lanes.drop(lane, DropReason::UnknownUnicast),
    }
}

/// A flooded frame is taken only from a VTEP in the network's own list: a stranger must not reach everybody at once.
fn flood(t: &Snapshot, lanes: &mut Lanes, lane: usize, side: Side) {
    let peer = lanes.peer(lane);
    let listed = |network: &fib::Network| peer.is_some_and(|peer| network.takes_flooding_from(peer));
    match t.network(lanes.network[lane % BURST]) {
        Some(_) if side == Side::Access => lanes.decide(lane, Verdict::Flood),
        Some(network) if listed(network) => {
            if !control::from_fabric(network, lanes, lane) {
                lanes.decide(lane, Verdict::Flood);
            }
        }
        Some(_) => lanes.drop(lane, DropReason::FloodSourceNotMember),
        None => lanes.drop(lane, DropReason::NoNexthop),
    }
}
