//! Reads the Ethernet header and tag of access frames into the lanes.

use crate::Burst;
use crate::hash::{self, HEAD};
use crate::io::{CONTIGUOUS, Frame};
use telemetry::DropReason;
use wire::{Tci, be16, be32, ethernet};

const MAC_BITS: u64 = 0xffff_ffff_ffff;

/// Destination and source of a frame, as `MacAddr::to_bits`.
#[inline(always)]
pub(crate) fn macs(head: &[u8; HEAD]) -> (u64, u64) {
    let (a, b, c) = (be32::<0, HEAD>(head), be32::<4, HEAD>(head), be32::<8, HEAD>(head));
    let destination = u64::from(a) << 16 | u64::from(b >> 16);
    let source = (u64::from(b) << 32 | u64::from(c)) & MAC_BITS;
    (destination, source)
}

/// Whether a MAC, as `MacAddr::to_bits`, has the group bit.
#[inline(always)]
pub(crate) const fn is_group(mac: u64) -> bool {
    mac >> 40 & 1 != 0
}

/// Fills `tci`, `tag_octets`, `destination`, `source` and `hash`. A tag counts whether the port left it in the frame or
/// took it out; without one the VLAN is 0 (IEEE 802.1Q clause 6.9.1).
///
/// Drops: `Runt`, `CutTag`, `NotContiguous`, `GroupSource`. Touches one cache line of a frame, two if it is IPv6.
#[inline]
pub(crate) fn access<F: Frame>(burst: &mut Burst<F>) {
    for lane in burst.lanes.live {
        let Some(frame) = burst.frames.get(lane) else { break };
        let octets = frame.octets();
        let mut padded = [0; HEAD];
        let head = match octets.first_chunk::<HEAD>() {
            Some(head) => head,
            None => match short(octets, frame.total_octets(), &mut padded, burst.meta[lane].stripped.is_some()) {
                Ok(()) => &padded,
                Err(reason) => {
                    burst.lanes.drop(lane, reason);
                    continue;
                }
            },
        };
        let lanes = &mut burst.lanes;
        let (destination, source) = macs(head);
        let tagged = be16::<12, HEAD>(head) == ethernet::TYPE_VLAN;
        let (tci, tag_octets, hash) = match burst.meta[lane].stripped {
            None if tagged => {
                let tci = Tci::new(be16::<14, HEAD>(head));
                (tci, ethernet::TAG_OCTETS, hash::flow(octets, head, 18, destination, source))
            }
            stripped => (stripped.unwrap_or_default(), 0, hash::flow(octets, head, 14, destination, source)),
        };
        lanes.destination[lane] = destination;
        lanes.source[lane] = source;
        lanes.tci[lane] = tci;
        lanes.tag_octets[lane] = tag_octets as u8;
        lanes.l2_at[lane] = 0;
        lanes.hash[lane] = hash;
        if is_group(source) || source == 0 {
            lanes.drop(lane, DropReason::GroupSource);
        } else if octets.len() < CONTIGUOUS && octets.len() != frame.total_octets() {
            lanes.drop(lane, DropReason::NotContiguous);
        }
    }
}

/// Copies a frame that is shorter than the usual head, if it is long enough to have one at all.
#[cold]
fn short(octets: &[u8], total: usize, padded: &mut [u8; HEAD], stripped: bool) -> Result<(), DropReason> {
    if octets.len() != total {
        return Err(DropReason::NotContiguous);
    }
    if octets.len() < ethernet::HEADER_OCTETS {
        return Err(DropReason::Runt);
    }
    for (to, from) in padded.iter_mut().zip(octets) {
        *to = *from;
    }
    let tagged = !stripped && be16::<12, HEAD>(padded) == ethernet::TYPE_VLAN;
    if tagged && octets.len() < ethernet::HEADER_OCTETS + ethernet::TAG_OCTETS {
        return Err(DropReason::CutTag);
    }
    Ok(())
}
