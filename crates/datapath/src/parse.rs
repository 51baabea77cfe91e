//! Reads the Ethernet header and tag of access frames into the lanes.

use crate::burst::Lanes;
use crate::hash::{self, HEAD};
use crate::io::{CONTIGUOUS, Frame};
use crate::{BURST, Burst};
use telemetry::DropReason;
use wire::{Tci, Tpid, be16, ethernet, is_tag_type};

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

/// Fills `tci`, `tag_octets`, `destination`, `source` and `hash`. A tag of the port's type `tpid` counts whether the port
/// left it in the frame or took it out; without one the VLAN is 0 (IEEE 802.1Q clause 6.9.1).
///
/// Drops: `Runt`, `CutTag`, `NotContiguous`, `GroupSource`, `UnknownTpid`. Touches one cache line of a frame, two if it is
/// IPv6.
#[inline]
pub(crate) fn access<F: Frame>(tpid: Tpid, burst: &mut Burst<F>) {
    let tpid = tpid.value();
    burst.lanes.l2_at = [0; BURST];
    for lane in burst.lanes.live {
        let Some(frame) = burst.frames.get(lane) else { break };
        let (octets, total, stripped) = (frame.octets(), frame.total_octets(), burst.meta[lane].stripped);
        let read = match octets.first_chunk::<HEAD>() {
            Some(head) => header(&mut burst.lanes, lane, tpid, octets, head, stripped),
            None => short(&mut burst.lanes, lane, tpid, octets, total, stripped),
        };
        if let Err(reason) = read {
            burst.lanes.drop(lane, reason);
        } else if octets.len() < CONTIGUOUS && octets.len() != total {
            burst.lanes.drop(lane, DropReason::NotContiguous);
        }
    }
}

/// Reads one header: `head` is the beginning of `octets`, padded with zeros if they are fewer.
#[inline(always)]
fn header(
    lanes: &mut Lanes,
    lane: usize,
    tpid: u16,
    octets: &[u8],
    head: &[u8; HEAD],
    stripped: Option<Tci>,
) -> Result<(), DropReason> {
    let (destination, source) = macs(head);
    let ether_type = be16::<12, HEAD>(head);
    let (tci, tag_octets, hash) = match stripped {
        None if ether_type == tpid => {
            let tci = Tci::new(be16::<14, HEAD>(head));
            (tci, ethernet::TAG_OCTETS, hash::flow(octets, head, 18, destination, source))
        }
        None if is_tag_type(ether_type) => return Err(DropReason::UnknownTpid),
        stripped => (stripped.unwrap_or_default(), 0, hash::flow(octets, head, 14, destination, source)),
    };
    lanes.destination[lane] = destination;
    lanes.source[lane] = source;
    lanes.tci[lane] = tci;
    lanes.tag_octets[lane] = tag_octets as u8;
    lanes.hash[lane] = hash;
    if is_group(source) || source == 0 { Err(DropReason::GroupSource) } else { Ok(()) }
}

/// Reads the header of a frame that is shorter than the usual head, if it is long enough to have one at all.
#[cold]
fn short(
    lanes: &mut Lanes,
    lane: usize,
    tpid: u16,
    octets: &[u8],
    total: usize,
    stripped: Option<Tci>,
) -> Result<(), DropReason> {
    if octets.len() != total {
        return Err(DropReason::NotContiguous);
    }
    if octets.len() < ethernet::HEADER_OCTETS {
        return Err(DropReason::Runt);
    }
    let mut padded = [0; HEAD];
    for (to, from) in padded.iter_mut().zip(octets) {
        *to = *from;
    }
    let tagged = stripped.is_none() && be16::<12, HEAD>(&padded) == tpid;
    if tagged && octets.len() < ethernet::HEADER_OCTETS + ethernet::TAG_OCTETS {
        return Err(DropReason::CutTag);
    }
    header(lanes, lane, tpid, octets, &padded, stripped)
}
