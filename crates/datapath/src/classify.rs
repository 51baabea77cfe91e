//! VLAN to VMI: from here on a frame belongs to an instance's interface.

use crate::burst::{LaneMask, Lanes};
use crate::encap::MACS;
use crate::io::Frame;
use crate::{BURST, Burst};
use fib::{InnerVlans, Snapshot, VifIndex, VlanEntry, demux_key, mac_key};
use telemetry::{DropReason, WorkerTelemetry};
use wire::{Tci, ethernet};

/// Fills `ingress`, `network` and `key`, and counts the frame for its interface. A QinQ interface's inner tag is added to
/// `tag_octets`.
///
/// Drops: `UnknownVlan`, `CutTag`, and `UnknownSourceMac` unless the source is one of the VMI's own addresses. One load for the VLAN,
/// one cache line of the VIF table, one of its counters; one of the demultiplexing table where interfaces share a VLAN.
#[inline]
pub(crate) fn vlan_to_vif<F: Frame>(t: &Snapshot, telemetry: &WorkerTelemetry, burst: &mut Burst<F>) {
    let Some(vlans) = t.vlans.port(burst.port) else {
        for lane in burst.lanes.live {
            burst.lanes.drop(lane, DropReason::UnknownVlan);
        }
        return;
    };
    // Lanes whose VLAN several interfaces share: what tells them apart is in `key` until then.
    let mut shared = LaneMask::default();
    for lane in burst.lanes.live {
        let ingress = match vlans.lookup(burst.lanes.tci[lane]) {
            VlanEntry::Vif(vif) => vif,
            entry => match unusual(t, burst, lane, entry, &mut shared) {
                Some(vif) => vif,
                None => continue,
            },
        };
        enter(t, telemetry, burst, lane, ingress);
    }
    if !shared.is_empty() {
        tell_apart(t, telemetry, burst, shared);
    }
}

/// A VLAN that is not simply one interface's: the one that it is all the same, or what becomes of the frame is decided.
#[inline(never)]
fn unusual<F: Frame>(
    t: &Snapshot,
    burst: &mut Burst<F>,
    lane: usize,
    mut entry: VlanEntry,
    shared: &mut LaneMask,
) -> Option<VifIndex> {
    if let VlanEntry::Inner(table) = entry {
        let octets = burst.frames.get(lane).map_or(&[][..], Frame::octets);
        match inner(t, table, octets, &mut burst.lanes.tag_octets[lane % BURST]) {
            Ok(behind) => entry = behind,
            Err(reason) => {
                burst.lanes.drop(lane, reason);
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
        VlanEntry::None | VlanEntry::Inner(_) => burst.lanes.drop(lane, DropReason::UnknownVlan),
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

/// The frame is the interface's, if its source is one of the interface's own addresses.
#[inline(always)]
fn enter<F: Frame>(t: &Snapshot, telemetry: &WorkerTelemetry, burst: &mut Burst<F>, lane: usize, ingress: VifIndex) {
    let lanes = &mut burst.lanes;
    let vif = t.vif(ingress);
    let counts = telemetry.vif(ingress);
    if !vif.owns(lanes.source[lane]) {
        counts.drops.add(1);
        lanes.drop(lane, DropReason::UnknownSourceMac);
        return;
    }
    let stripped = if burst.meta[lane].stripped.is_some() { ethernet::TAG_OCTETS } else { 0 };
    let octets = burst.frames.get(lane).map_or(0, Frame::total_octets) + stripped;
    counts.rx_frames.add(1);
    counts.rx_octets.add(octets as u64);
    lanes.ingress[lane] = ingress;
    lanes.network[lane] = vif.network();
    lanes.key[lane] = mac_key(vif.network(), lanes.destination[lane]);
}

/// Which of the interfaces that share a VLAN a frame is from: the one that owns its source. All at once.
#[inline(never)]
fn tell_apart<F: Frame>(t: &Snapshot, telemetry: &WorkerTelemetry, burst: &mut Burst<F>, shared: LaneMask) {
    let Lanes { key, found, .. } = &mut burst.lanes;
    t.demux.lookup_burst(key, burst.frames.len(), found);
    for lane in shared {
        let row = (burst.lanes.found[lane] as usize).checked_sub(1);
        match row.and_then(VifIndex::new) {
            Some(vif) => enter(t, telemetry, burst, lane, vif),
            None => burst.lanes.drop(lane, DropReason::UnknownSourceMac),
        }
    }
}
