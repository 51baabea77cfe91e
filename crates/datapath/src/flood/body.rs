//! What all copies of a frame are made of.

use crate::burst::Lanes;
use crate::encap::{MACS, mac_octets, pad};
use crate::io::{Frame, Pool};
use telemetry::DropReason;
use wire::bpdu::is_link_control;
use wire::{Tci, checksum, ethernet};

/// Short frames are copied in whole blocks of so many octets, a cache line each, without a call.
const BLOCK: usize = 64;
/// Payloads up to this length are copied: cheaper than a second buffer (measured: 27 cycles a replica at any length, a
/// copy 29 at 64 octets and 49 at 570).
pub(super) const COPIED_OCTETS: usize = 256;

/// What all copies of one frame have in common.
pub(super) struct Original {
    pub(super) destination: u64,
    pub(super) source: u64,
    pub(super) hash: u32,
    pub(super) priority: Tci,
    /// Octets of MACs and of what follows them, from the type field on.
    pub(super) octets: usize,
    /// One after the other, MACs at the front of a tag's four octets.
    pub(super) macs: u128,
    pub(super) ether_type: [u8; 2],
}

/// A frame whose tags, and whatever was in front of its MACs, are gone.
pub(super) enum Body<P: Pool> {
    /// From its MACs on; perhaps with octets without meaning behind, so that it is whole blocks.
    Own(P::Frame),
    /// From its type field on.
    Shared(P::Payload),
}

/// Cuts the frame to MACs, type field and payload, padded so that the whole is at least 60 octets. What is for the other end of
/// its link is flooded nowhere (`LinkControl`).
#[inline(always)]
pub(super) fn prepare<F: Frame>(frame: &mut F, lanes: &Lanes, lane: usize) -> Result<Original, DropReason> {
    let front = usize::from(lanes.l2_at[lane]) + usize::from(lanes.tag_octets[lane]);
    if frame.octets().len() != frame.total_octets() {
        return Err(DropReason::NotContiguous);
    }
    frame.trim_front(front);
    let short = ethernet::MIN_FRAME_OCTETS.saturating_sub(frame.total_octets());
    if short > 0 {
        pad(frame, short)?;
    }
    let (destination, source) = (lanes.destination[lane], lanes.source[lane]);
    put_macs(frame.octets_mut(), mac_octets(destination, source));
    let ether_type = frame.octets().get(MACS..).and_then(|rest| rest.first_chunk()).copied().unwrap_or_default();
    if is_link_control(destination, u16::from_be_bytes(ether_type)) {
        return Err(DropReason::LinkControl);
    }
    let macs = (u128::from(destination) << 48 | u128::from(source)) << 32;
    Ok(Original {
        destination,
        source,
        hash: lanes.hash[lane],
        priority: lanes.tci[lane],
        octets: frame.total_octets(),
        macs,
        ether_type,
    })
}

#[inline(always)]
fn put_macs(octets: &mut [u8], macs: [u8; MACS]) {
    if let Some(place) = octets.first_chunk_mut() {
        *place = macs;
    }
}

impl<P: Pool> Body<P> {
    /// Of a frame that was prepared.
    #[inline(always)]
    pub(super) fn new(pool: &mut P, mut frame: P::Frame, share: bool) -> Self {
        if share {
            frame.trim_front(MACS);
            return Self::Shared(pool.share(frame));
        }
        let octets = frame.total_octets();
        let blocks = octets.next_multiple_of(BLOCK);
        if octets <= MACS + COPIED_OCTETS && blocks > octets {
            // Without room behind it, it is not in blocks, and copied as it is.
            let _ = frame.append(blocks - octets);
        }
        Self::Own(frame)
    }

    /// Makes an empty frame one with the body's MACs, type field and payload.
    #[inline(always)]
    pub(super) fn put_into(&self, pool: &mut P, copy: P::Frame, original: &Original) -> Result<P::Frame, DropReason> {
        match self {
            Self::Own(body) => {
                let mut copy = copy;
                let octets = body.octets();
                if octets.len() > BLOCK * COPIED_OCTETS.div_ceil(BLOCK)
                    || !in_blocks(&mut copy, octets, original.octets)
                {
                    exactly(&mut copy, octets.get(..original.octets).unwrap_or(octets))?;
                }
                Ok(copy)
            }
            Self::Shared(payload) => {
                let mut copy = pool.chain(payload, copy).ok_or(DropReason::NoMbuf)?;
                put_macs(
                    copy.prepend(MACS).ok_or(DropReason::NoHeadroom)?,
                    mac_octets(original.destination, original.source),
                );
                Ok(copy)
            }
        }
    }

    /// The one's complement sum of what follows the MACs; 0 of a shared one.
    pub(super) fn sum(&self, original: &Original) -> u64 {
        match self {
            Self::Own(body) => body.octets().get(MACS..original.octets).map_or(0, checksum::sum),
            Self::Shared(_) => 0,
        }
    }
}

/// Copies whole blocks, if the body is whole blocks and the copy has room for them.
#[inline(always)]
fn in_blocks<F: Frame>(copy: &mut F, body: &[u8], octets: usize) -> bool {
    let (blocks, []) = body.as_chunks::<BLOCK>() else { return false };
    let Some(place) = copy.append(body.len()) else { return false };
    for (to, from) in place.as_chunks_mut::<BLOCK>().0.iter_mut().zip(blocks) {
        *to = *from;
    }
    copy.truncate(octets);
    true
}

#[inline(never)]
fn exactly<F: Frame>(copy: &mut F, octets: &[u8]) -> Result<(), DropReason> {
    let place = copy.append(octets.len()).and_then(|place| place.get_mut(..octets.len()));
    place.ok_or(DropReason::NoTailroom)?.copy_from_slice(octets);
    Ok(())
}
