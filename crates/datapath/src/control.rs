//! Control frames: what switches say to each other, carried between the members of a BPDU network as it came.
//!
//! Which frames these are is decided here, and [`carry`] copies them. All of it is off the usual way: only ports that are
//! members, and networks that are BPDU networks, lead here.

pub(crate) mod carry;

use crate::burst::{LaneMask, Lanes};
use crate::encap::MACS;
use crate::io::Frame;
use crate::parse::is_no_station;
use crate::{BURST, Burst, Verdict};
use fib::{ControlFrames, ControlPort, Network, Snapshot, VifIndex, VlanEntry};
use telemetry::{DropReason, WorkerTelemetry};
use wire::bpdu::is_link_control;
use wire::ethernet;

/// Takes a BPDU network's frames out of a burst of a port that is its member, before interfaces take theirs: out of the lanes of
/// interfaces with a VLAN of their own and of those that share one. Other untagged frames of ordinary interfaces come to the
/// former. Rules, in this order: a listed destination; an interface's own
/// address; the VLAN's default, which is the BPDU network if it is transparent. Of tagged frames only PVST+'s are taken,
/// whosever the VLAN and the source are.
///
/// Drops: `GroupSource`, `NotControlFrame`, `LinkControl`.
#[cold]
#[inline(never)]
pub(crate) fn claim<F: Frame>(
    t: &Snapshot,
    telemetry: &WorkerTelemetry,
    burst: &mut Burst<F>,
    port: ControlPort,
    mut own: LaneMask,
    mut shared: LaneMask,
) -> (LaneMask, LaneMask) {
    let frames_of = |vif| t.network(t.vif(vif).network())?.control();
    let found = t.vlans.control(port).and_then(|control| Some((control, frames_of(control.vif)?)));
    let Some((control, frames)) = found else {
        for lane in burst.lanes.live.not_in(own).not_in(shared) {
            burst.lanes.drop(lane, DropReason::NoNexthop);
        }
        return (own, shared);
    };
    for lane in LaneMask::first(burst.len()).not_in(burst.lanes.unread) {
        let is_untagged = burst.lanes.tci[lane].vid() == 0;
        let is_no_station = is_no_station(burst.lanes.source[lane]);
        let destination = burst.lanes.destination[lane];
        if is_untagged && is_no_station {
            burst.lanes.drop(lane, DropReason::GroupSource);
        } else if is_untagged && frames.lists(destination) || frames.takes_pvst(destination) && !is_no_station {
            own.remove(lane);
            shared.remove(lane);
            // All tags but a priority tag are the frame's own.
            burst.lanes.tag_octets[lane] = if is_untagged { burst.lanes.tag_octets[lane] } else { 0 };
            enter(t, telemetry, burst, lane, control.vif);
            burst.lanes.decide(lane, Verdict::Control);
        } else if is_untagged {
            match interface(t, control.others, burst.lanes.source[lane]) {
                Some(other) => {
                    burst.lanes.ingress[lane] = other;
                    own.add(lane);
                }
                None if frames.is_transparent() => enter(t, telemetry, burst, lane, control.vif),
                None => refuse(t, telemetry, burst, lane, control.vif),
            }
        }
    }
    (own, shared)
}

/// The ordinary interface on VLAN 0 whose own address a source is.
fn interface(t: &Snapshot, others: VlanEntry, source: u64) -> Option<VifIndex> {
    match others {
        VlanEntry::Vif(other) => Some(other).filter(|other| t.vif(*other).owns(source)),
        VlanEntry::MacDemux(group) => t.member(group, source),
        VlanEntry::None | VlanEntry::Inner(_) | VlanEntry::Control(_) => None,
    }
}

fn refuse<F: Frame>(t: &Snapshot, telemetry: &WorkerTelemetry, burst: &mut Burst<F>, lane: usize, vif: VifIndex) {
    telemetry.vif(vif).drops.add(1);
    belongs(t, &mut burst.lanes, lane, vif);
    let link = is_link_control(burst.lanes.destination[lane % BURST], ether_type(burst, lane));
    burst.lanes.drop(lane, if link { DropReason::LinkControl } else { DropReason::NotControlFrame });
}

/// The type field of a frame whose tags, if it has any, are not counted.
fn ether_type<F: Frame>(burst: &Burst<F>, lane: usize) -> u16 {
    let at = MACS + usize::from(burst.lanes.tag_octets[lane % BURST]);
    let octets = burst.frames.get(lane).and_then(|frame| frame.octets().get(at..)?.first_chunk().copied());
    u16::from_be_bytes(octets.unwrap_or_default())
}

/// Counts a frame for the interface of the BPDU network, whose it is from now on.
fn enter<F: Frame>(t: &Snapshot, telemetry: &WorkerTelemetry, burst: &mut Burst<F>, lane: usize, vif: VifIndex) {
    let tag = if burst.meta(lane).stripped.is_some() { ethernet::TAG_OCTETS } else { 0 };
    let counts = telemetry.vif(vif);
    counts.rx_frames.add(1);
    counts.rx_octets.add((burst.frames.get(lane).map_or(0, Frame::total_octets) + tag) as u64);
    belongs(t, &mut burst.lanes, lane, vif);
}

fn belongs(t: &Snapshot, lanes: &mut Lanes, lane: usize, vif: VifIndex) {
    let (lane, network) = (lane % BURST, t.vif(vif).network());
    lanes.entered.add(lane);
    lanes.ingress[lane] = vif;
    lanes.network[lane] = network;
    lanes.key[lane] = fib::mac_key(network, lanes.destination[lane]);
}

/// Whether a frame from the fabric is in a BPDU network and not simply flooded, or unknown, there; then it is decided. It has to
/// be one that could have been sent there.
#[inline(always)]
pub(crate) fn from_fabric(network: &Network, lanes: &mut Lanes, lane: usize) -> bool {
    match network.control() {
        Some(frames) => listed(frames, lanes, lane),
        None => false,
    }
}

#[cold]
#[inline(never)]
fn listed(frames: ControlFrames, lanes: &mut Lanes, lane: usize) -> bool {
    if frames.lists(lanes.destination[lane % BURST]) {
        lanes.decide(lane, Verdict::Control);
        return true;
    }
    if !frames.is_transparent() {
        lanes.drop(lane, DropReason::NotControlFrame);
    }
    !frames.is_transparent()
}
