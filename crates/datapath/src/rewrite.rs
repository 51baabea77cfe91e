//! Makes a frame one of its destination's VLAN: whatever is in front of its type field goes, MACs and the tag are written.

use crate::burst::{Lanes, Side};
use crate::encap::{MACS, mac_octets, pad};
use crate::io::Frame;
use crate::{BURST, Burst, bridge};
use fib::{Destination, Snapshot, Vif};
use telemetry::{DropReason, VifCounts, WorkerTelemetry};
use wire::{Tci, ethernet, is_tag_type};

const TYPE_OCTETS: usize = 2;
/// Both MACs and one tag.
const TAGGED: usize = MACS + ethernet::TAG_OCTETS;
/// Both MACs and the two tags of a QinQ interface.
pub(crate) const TAGGED_TWICE: usize = TAGGED + ethernet::TAG_OCTETS;

/// Sends the `to_vif` lanes out of their interface's port, with its tag or tags and the priority that they came with
/// (802.1Q), or untagged on VLAN 0; a tag that the instance itself put inside stays, behind a priority tag on VLAN 0. Short
/// frames are padded to 60 octets with zeros.
///
/// Drops: `OwnSource`, `SameSegment` ([`bridge::against_loops`]), `TooBigForPort`, `InnerTagAmbiguous`, `NoHeadroom`,
/// `NoTailroom`, `NotContiguous`. Counts for the interface.
#[inline(always)]
pub(crate) fn to_access<F: Frame>(t: &Snapshot, telemetry: &WorkerTelemetry, burst: &mut Burst<F>, side: Side) {
    let (vifs, counters) = (t.vifs(), telemetry.vifs());
    for lane in burst.lanes.to_vif {
        let Some(frame) = burst.frames.get_mut(lane) else { break };
        let lanes = &mut burst.lanes;
        let egress = Destination::vif_of(lanes.found[lane]);
        let (vif, counts) = (vifs.get(egress), counters.get(egress));
        if side == Side::Fabric
            && let Some(octets) = plain(vif, lanes, lane, frame)
        {
            counts.tx_frames.add(1);
            counts.tx_octets.add(octets as u64);
            lanes.send(lane, vif.port());
        } else {
            any(t, (vif, counts), lanes, lane, frame, side);
        }
    }
    burst.lanes.live.remove_all(burst.lanes.to_vif);
}

/// A frame from the fabric that needs no padding, to an interface with one tag and a VLAN of its own. Returns its length as it
/// leaves; `None`, and nothing done, if it is anything else.
#[inline(always)]
fn plain<F: Frame>(vif: &Vif, lanes: &Lanes, lane: usize, frame: &mut F) -> Option<usize> {
    /// Between the outer header and the frame of the VLAN.
    const OVERLAP: u8 = (TAGGED - MACS) as u8;
    let (l2_at, total) = (lanes.l2_at[lane], frame.total_octets());
    let front = usize::from(l2_at) + MACS;
    let rest = total - front;
    let fits = rest >= ethernet::MIN_FRAME_OCTETS - TAGGED && rest <= usize::from(vif.max_payload()) + TYPE_OCTETS;
    if !vif.is_plain_and_closed() || vif.owns(lanes.source[lane]) || !fits || frame.octets().len() < front {
        return None;
    }
    frame.trim_front(usize::from(l2_at.wrapping_sub(OVERLAP)));
    let window = frame.octets_mut().first_chunk_mut::<TAGGED>()?;
    window.copy_within(TAGGED - MACS.., 0);
    window[MACS..].copy_from_slice(&(vif.outer_tag() | u32::from(lanes.tci[lane].priority())).to_be_bytes());
    Some(rest + TAGGED)
}

/// Any frame to any interface. Not inlined, so that the usual way stays short.
#[inline(never)]
fn any<F: Frame>(
    t: &Snapshot,
    (vif, counts): (&Vif, &VifCounts),
    lanes: &mut Lanes,
    lane: usize,
    frame: &mut F,
    side: Side,
) {
    let lane = lane % BURST;
    match unusual(t, vif, lanes, lane, frame, side) {
        Ok(octets) => {
            counts.tx_frames.add(1);
            counts.tx_octets.add(octets as u64);
            lanes.send(lane, vif.port());
        }
        Err(reason) => {
            counts.drops.add(1);
            lanes.drop(lane, reason);
        }
    }
}

/// Returns the frame's length as it leaves.
fn unusual<F: Frame>(
    t: &Snapshot,
    vif: &Vif,
    lanes: &Lanes,
    lane: usize,
    frame: &mut F,
    side: Side,
) -> Result<usize, DropReason> {
    let lane = lane % BURST;
    if let Some(reason) = bridge::against_loops(t, vif, lanes, lane, side) {
        return Err(reason);
    }
    let front = usize::from(lanes.l2_at[lane]) + MACS + usize::from(lanes.tag_octets[lane]);
    let macs = mac_octets(lanes.destination[lane], lanes.source[lane]);
    replace_front(frame, front, vif, macs, lanes.tci[lane])?;
    Ok(frame.total_octets())
}

/// Replaces the `front` octets before the frame's type field by `macs` and the interface's tags.
#[inline(always)]
pub(crate) fn replace_front<F: Frame>(
    frame: &mut F,
    front: usize,
    vif: &Vif,
    macs: [u8; MACS],
    priority: Tci,
) -> Result<(), DropReason> {
    let ether_type = frame.octets().get(front..front + 2);
    fits(vif, ether_type, frame.total_octets() - front)?;
    let tags = tag_octets(vif, ether_type);
    let new = MACS + tags;
    if front >= new {
        frame.trim_front(front - new);
    } else {
        frame.prepend(new - front).ok_or(DropReason::NoHeadroom)?;
    }
    let octets = frame.total_octets();
    if octets < ethernet::MIN_FRAME_OCTETS {
        pad(frame, ethernet::MIN_FRAME_OCTETS - octets)?;
    }
    write(frame.octets_mut(), vif, macs, tags, priority)
}

/// The octets of tags that go before a frame's type field: none on VLAN 0, two tags for QinQ. But an untagged frame must
/// not begin with the instance's own tag, by which a switch would take it for another VLAN's: such a one is
/// priority-tagged.
#[inline(always)]
pub(crate) fn tag_octets(vif: &Vif, ether_type: Option<&[u8]>) -> usize {
    let octets = vif.tag_octets();
    if octets == 0 && is_tag(ether_type) { ethernet::TAG_OCTETS } else { octets }
}

#[inline(always)]
fn is_tag(ether_type: Option<&[u8]>) -> bool {
    ether_type.and_then(|octets| octets.first_chunk()).is_some_and(|octets| is_tag_type(u16::from_be_bytes(*octets)))
}

/// Writes MACs and `tags` octets of tags at the front of a frame that has room for them; each tag has the bits of
/// `priority` for PCP and DEI.
#[inline(always)]
pub(crate) fn write(
    octets: &mut [u8],
    vif: &Vif,
    macs: [u8; MACS],
    tags: usize,
    priority: Tci,
) -> Result<(), DropReason> {
    if tags == 0 {
        *octets.first_chunk_mut::<MACS>().ok_or(DropReason::NotContiguous)? = macs;
        return Ok(());
    }
    if tags > ethernet::TAG_OCTETS {
        write_inner_tag(octets, vif, priority)?;
    }
    let window = octets.first_chunk_mut::<TAGGED>().ok_or(DropReason::NotContiguous)?;
    window[..MACS].copy_from_slice(&macs);
    window[MACS..].copy_from_slice(&(vif.outer_tag() | u32::from(priority.priority())).to_be_bytes());
    Ok(())
}

#[inline(never)]
fn write_inner_tag(octets: &mut [u8], vif: &Vif, priority: Tci) -> Result<(), DropReason> {
    let window = octets.first_chunk_mut::<TAGGED_TWICE>().ok_or(DropReason::NotContiguous)?;
    window[TAGGED..TAGGED + 2].copy_from_slice(&ethernet::TYPE_VLAN.to_be_bytes());
    window[TAGGED + 2..].copy_from_slice(&(vif.inner_vlan().bits() | priority.priority()).to_be_bytes());
    Ok(())
}

/// Whether a frame of `rest` octets from its type field on may go out of the interface's port: not if that is closed
/// (`UplinkDown`). Where inner VLANs are other interfaces, a tag of the instance's own would lead into one of them (`InnerTagAmbiguous`). A port takes payloads of
/// its MTU behind two tags: behind one, four octets more if they begin with a tag of the instance's own.
#[inline(always)]
pub(crate) fn fits(vif: &Vif, ether_type: Option<&[u8]>, rest: usize) -> Result<(), DropReason> {
    let payload = rest.saturating_sub(TYPE_OCTETS);
    let limit = usize::from(vif.max_payload());
    if vif.is_shut_or_beside_inner() {
        if vif.is_shut() {
            return Err(DropReason::UplinkDown);
        }
        if ether_type == Some(&ethernet::TYPE_VLAN.to_be_bytes()[..]) {
            return Err(DropReason::InnerTagAmbiguous);
        }
    }
    let own_tag = || vif.inner_vlan().vid() == 0 && is_tag(ether_type);
    if payload <= limit || (payload <= limit + ethernet::TAG_OCTETS && own_tag()) {
        Ok(())
    } else {
        Err(DropReason::TooBigForPort)
    }
}
