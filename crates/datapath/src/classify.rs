//! VLAN to VMI: from here on a frame belongs to an instance's interface.

use crate::burst::{LaneMask, Lanes};
use crate::encap::MACS;
use crate::io::Frame;
use crate::{BURST, Burst, control, parse};
use fib::prefetch::prefetch;
use fib::{InnerVlans, Snapshot, Vif, VifIndex, Vifs, VlanEntry, demux_key, mac_key};
use telemetry::{DropReason, VifCounters, VifCounts, WorkerTelemetry};
use wire::{Tci, ethernet};

/// Reads each frame's header ([`parse`]) and takes the frame to its interface: fills `tci`, `tag_octets`, `destination`,
/// `source`, `hash`, `ingress`, `network` and `key`, and counts for the interface. A QinQ interface's inner tag is added to
/// `tag_octets`.
///
/// Drops: the reasons of [`parse::access`], `GroupSource`, `UnknownVlan`, `CutTag`, and `UnknownSourceMac` unless the source
/// is one of the VMI's own addresses, none of which is a group; where its network learns, [`learn`](crate::learn) decides about
/// the others; on a member of a BPDU network those of [`control`]. One load for the VLAN, one cache line of the VIF table,
/// one of its counters; one of the demultiplexing table where interfaces share a VLAN.
#[inline(always)]
pub(crate) fn frame_to_vif<F: Frame>(t: &Snapshot, telemetry: &WorkerTelemetry, burst: &mut Burst<F>) {
    if burst.noted.is_empty() {
        each::<F, false>(t, telemetry, burst);
    } else {
        each_noted(t, telemetry, burst);
    }
}

/// A port that takes tags out of frames, or verifies checksums, says so of each. Not inlined: one copy of the loop is enough
/// on the way of those that say nothing.
#[inline(never)]
fn each_noted<F: Frame>(t: &Snapshot, telemetry: &WorkerTelemetry, burst: &mut Burst<F>) {
    each::<F, true>(t, telemetry, burst);
}

#[inline(always)]
fn each<F: Frame, const NOTED: bool>(t: &Snapshot, telemetry: &WorkerTelemetry, burst: &mut Burst<F>) {
    let tpid = t.vlans.tpid(burst.port).value();
    let vlans = t.vlans.port(burst.port);
    let (vifs, counters) = (t.vifs(), telemetry.vifs());
    burst.lanes.l2_at = [0; BURST];
    // Lanes whose VLAN is one interface's, and those whose VLAN several share: what tells them apart is in `key` until then.
    let (mut own, mut shared) = (LaneMask::default(), LaneMask::default());
    for lane in burst.lanes.live {
        let Some(frame) = burst.frames.get(lane) else { break };
        let stripped = if NOTED { burst.meta(lane).stripped } else { None };
        let tci = match parse::access(&mut burst.lanes, lane, frame, stripped, tpid) {
            Ok(tci) => tci,
            Err(reason) => {
                burst.lanes.unread.add(lane);
                burst.lanes.drop(lane, reason);
                continue;
            }
        };
        let ingress = if let Some(vif) = vlans.vif(tci) {
            vif
        } else if let Some(vif) = unusual(t, burst, lane, &mut shared) {
            vif
        } else {
            continue;
        };
        // By the time that the second loop reads them, they are there.
        prefetch(vifs.get(ingress));
        prefetch(counters.get(ingress));
        burst.lanes.ingress[lane] = ingress;
        own.add(lane);
    }
    if let Some(port) = vlans.control() {
        (own, shared) = control::claim(t, telemetry, burst, port, own, shared);
    }
    burst.lanes.entered.add_all(own);
    for lane in own {
        let Some(frame) = burst.frames.get(lane) else { break };
        let tag = if NOTED && burst.meta(lane).stripped.is_some() { ethernet::TAG_OCTETS } else { 0 };
        enter(vifs, counters, &mut burst.lanes, lane, frame.total_octets() + tag);
    }
    if !shared.is_empty() {
        tell_apart(t, telemetry, burst, shared);
    }
}

/// A VLAN that is not simply one interface's: the one that it is all the same, or what becomes of the frame is decided.
#[inline(never)]
fn unusual<F: Frame>(t: &Snapshot, burst: &mut Burst<F>, lane: usize, shared: &mut LaneMask) -> Option<VifIndex> {
    let (vlans, tci) = (t.vlans.port(burst.port), burst.lanes.tci[lane % BURST]);
    if let Some(group) = vlans.group(tci) {
        shared.add(lane);
        burst.lanes.key[lane % BURST] = demux_key(group, burst.lanes.source[lane % BURST]);
        return None;
    }
    let mut entry = vlans.lookup(tci);
    if let VlanEntry::Inner(table) = entry {
        let octets = burst.frames.get(lane).map_or(&[][..], Frame::octets);
        match inner(t, table, octets, &mut burst.lanes.tag_octets[lane % BURST]) {
            Ok(behind) => entry = behind,
            Err(reason) => {
                refuse(&mut burst.lanes, lane, reason);
                return None;
            }
        }
    }
    match entry {
        VlanEntry::Vif(vif) => return Some(vif),
        VlanEntry::MacDemux(group) => {
            shared.add(lane);
            burst.lanes.key[lane % BURST] = demux_key(group, burst.lanes.source[lane % BURST]);
        }
        // Which of these frames are whose is decided for all of them at once.
        VlanEntry::Control(_) => {}
        // A closed port has no VLANs at all.
        VlanEntry::None if t.vlans.is_closed(burst.port) => refuse(&mut burst.lanes, lane, DropReason::UplinkDown),
        VlanEntry::None | VlanEntry::Inner(_) => refuse(&mut burst.lanes, lane, DropReason::UnknownVlan),
    }
    None
}

/// What the tag behind the outer one stands for. Only a tag of type 0x8100 directly behind counts; without one the frame is
/// of the interface that has the VLAN itself, if there is any.
fn inner(t: &Snapshot, table: InnerVlans, octets: &[u8], tag_octets: &mut u8) -> Result<VlanEntry, DropReason> {
    let Some(vlans) = t.vlans.inner(table) else { return Ok(VlanEntry::None) };
    let behind = octets.get(MACS + usize::from(*tag_octets)..).unwrap_or(&[]);
    if !behind.starts_with(&ethernet::TYPE_VLAN.to_be_bytes()) {
        return Ok(vlans.lookup(Tci::default()));
    }
    // The tag, and the type that follows it.
    let [_, _, high, low, ..] = *behind.first_chunk::<6>().ok_or(DropReason::CutTag)?;
    let tci = Tci::new(u16::from_be_bytes([high, low]));
    if tci.vid() == 0 {
        return Ok(VlanEntry::None);
    }
    *tag_octets += ethernet::TAG_OCTETS as u8;
    Ok(vlans.lookup(tci))
}

/// The frame of `total` octets, with the tag that the port may have taken out, is its ingress interface's, if its source is
/// one of the interface's own addresses.
#[inline(always)]
fn enter(vifs: Vifs<'_>, counters: VifCounters<'_>, lanes: &mut Lanes, lane: usize, total: usize) {
    let (ingress, source) = (lanes.ingress[lane], lanes.source[lane]);
    let (vif, counts) = (vifs.get(ingress), counters.get(ingress));
    if !vif.owns(source) {
        return stranger(vif, counts, lanes, lane);
    }
    belongs(vif, counts, lanes, lane, total);
}

/// The frame is the interface's.
#[inline(always)]
pub(crate) fn belongs(vif: &Vif, counts: &VifCounts, lanes: &mut Lanes, lane: usize, total: usize) {
    let lane = lane % BURST;
    counts.rx_frames.add(1);
    counts.rx_octets.add(total as u64);
    lanes.network[lane] = vif.network();
    lanes.key[lane] = mac_key(vif.network(), lanes.destination[lane]);
}

/// A source that is not the interface's own may be one that it learns: then [`learn`](crate::learn) decides.
#[cold]
#[inline(never)]
fn stranger(vif: &Vif, counts: &VifCounts, lanes: &mut Lanes, lane: usize) {
    if parse::is_no_station(lanes.source[lane % BURST]) {
        return lanes.drop(lane, DropReason::GroupSource);
    }
    if vif.learns() {
        return lanes.strangers.add(lane);
    }
    counts.drops.add(1);
    lanes.drop(lane, DropReason::UnknownSourceMac);
}

/// A source that nobody can have is the first thing that is wrong with a frame, whatever else is.
#[cold]
#[inline(never)]
fn refuse(lanes: &mut Lanes, lane: usize, reason: DropReason) {
    let nobody = parse::is_no_station(lanes.source[lane % BURST]);
    lanes.drop(lane, if nobody { DropReason::GroupSource } else { reason });
}

/// Which of the interfaces that share a VLAN a frame is from: the one that owns its source. All at once.
#[inline(never)]
fn tell_apart<F: Frame>(t: &Snapshot, telemetry: &WorkerTelemetry, burst: &mut Burst<F>, shared: LaneMask) {
    let Lanes { key, found, .. } = &mut burst.lanes;
    t.demux.lookup_burst(key, burst.frames.len(), found);
    for lane in shared {
        let row = (burst.lanes.found[lane] as usize).checked_sub(1);
        let Some(ingress) = row.and_then(VifIndex::new) else {
            refuse(&mut burst.lanes, lane, DropReason::UnknownSourceMac);
            continue;
        };
        let tag = if burst.meta(lane).stripped.is_some() { ethernet::TAG_OCTETS } else { 0 };
        let total = burst.frames.get(lane).map_or(0, Frame::total_octets) + tag;
        burst.lanes.ingress[lane] = ingress;
        burst.lanes.entered.add(lane);
        enter(t.vifs(), telemetry.vifs(), &mut burst.lanes, lane, total);
    }
}
