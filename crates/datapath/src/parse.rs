//! Reads the Ethernet header and tag of an access frame.

use crate::BURST;
use crate::burst::Lanes;
use crate::hash::{self, HEAD};
use crate::io::{CONTIGUOUS, Frame};
use telemetry::DropReason;
use wire::{Tci, be16, ethernet, is_tag_type};

pub(crate) const MAC_BITS: u64 = 0xffff_ffff_ffff;

/// Destination and source of a frame, as `MacAddr::to_bits`.
#[inline(always)]
pub(crate) fn macs<const N: usize>(head: &[u8; N]) -> (u64, u64) {
    (be64::<0, N>(head) >> 16, be64::<4, N>(head) & MAC_BITS)
}

/// Reads eight octets in network order at constant offset `O`, in one load: octet by octet the compiler does not always
/// put them together again.
#[inline(always)]
pub(crate) fn be64<const O: usize, const N: usize>(b: &[u8; N]) -> u64 {
    const { assert!(O + 8 <= N) };
    b[O..].first_chunk().map_or(0, |word| u64::from_be_bytes(*word))
}

/// Whether a MAC, as `MacAddr::to_bits`, has the group bit.
#[inline(always)]
pub(crate) const fn is_group(mac: u64) -> bool {
    mac >> 40 & 1 != 0
}

/// Whether no station can be the source of a frame with this one: a group, or no address at all.
pub(crate) const fn is_no_station(source: u64) -> bool {
    is_group(source) || source == 0
}

/// Reads an access frame's header: fills `tci`, `tag_octets`, `destination`, `source` and `hash`. A tag of the port's type
/// `tpid` counts whether the port left it in the frame or took it out (`stripped`); without one the VLAN is 0 (IEEE 802.1Q
/// clause 6.9.1). Whether the source can be one is not asked here. Returns the tag.
///
/// # Errors
/// `Runt`, `CutTag`, `NotContiguous`, `UnknownTpid`. Touches one cache line of a frame, two if it is IPv6.
#[inline(always)]
pub(crate) fn access<F: Frame>(
    lanes: &mut Lanes,
    lane: usize,
    frame: &F,
    stripped: Option<Tci>,
    tpid: u16,
) -> Result<Tci, DropReason> {
    let (octets, total) = (frame.octets(), frame.total_octets());
    if let Some(head) = octets.first_chunk::<HEAD>()
        && (octets.len() == total || octets.len() >= CONTIGUOUS)
        && stripped.is_none()
        && be16::<12, HEAD>(head) == tpid
    {
        return Ok(tagged(lanes, lane, octets, head));
    }
    unusual(lanes, lane, octets, total, stripped, tpid)?;
    Ok(lanes.tci[lane])
}

/// A frame whose tag is in it.
#[inline(always)]
fn tagged(lanes: &mut Lanes, lane: usize, octets: &[u8], head: &[u8; HEAD]) -> Tci {
    let (destination, source) = macs(head);
    let tci = Tci::new(be16::<14, HEAD>(head));
    lanes.destination[lane] = destination;
    lanes.source[lane] = source;
    lanes.tci[lane] = tci;
    lanes.tag_octets[lane] = ethernet::TAG_OCTETS as u8;
    lanes.hash[lane] = hash::flow::<18>(octets, head, destination, source);
    tci
}

/// A frame without a tag in it, or shorter than the usual head, if it is long enough to have a header at all; or one in
/// several buffers whose first is too short. Not inlined: what it says stays out of the usual way's registers.
#[inline(never)]
fn unusual(
    lanes: &mut Lanes,
    lane: usize,
    octets: &[u8],
    total: usize,
    stripped: Option<Tci>,
    tpid: u16,
) -> Result<(), DropReason> {
    let lane = lane % BURST;
    if octets.len() != total && octets.len() < CONTIGUOUS {
        return Err(DropReason::NotContiguous);
    }
    if octets.len() < ethernet::HEADER_OCTETS {
        return Err(DropReason::Runt);
    }
    let mut padded = [0; HEAD];
    let head = octets.first_chunk::<HEAD>().unwrap_or_else(|| {
        padded.iter_mut().zip(octets).for_each(|(to, from)| *to = *from);
        &padded
    });
    let ether_type = be16::<12, HEAD>(head);
    if stripped.is_none() && ether_type == tpid {
        if octets.len() < ethernet::HEADER_OCTETS + ethernet::TAG_OCTETS {
            return Err(DropReason::CutTag);
        }
        tagged(lanes, lane, octets, head);
        return Ok(());
    }
    if stripped.is_none() && is_tag_type(ether_type) {
        return Err(DropReason::UnknownTpid);
    }
    let (destination, source) = macs(head);
    lanes.destination[lane] = destination;
    lanes.source[lane] = source;
    lanes.tci[lane] = stripped.unwrap_or_default();
    lanes.tag_octets[lane] = 0;
    lanes.hash[lane] = hash::flow::<14>(octets, head, destination, source);
    Ok(())
}
