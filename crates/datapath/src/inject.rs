//! Frames that the host or control have a worker send, as byte copies: neither of them ever sees a buffer.

use crate::encap::MACS;
use crate::io::{Frame, Pool, TxQueue};
use crate::transmit::Outlet;
use crate::{parse, rewrite};
use fib::{PortIndex, Snapshot, Vif, VifIndex};
use telemetry::DropReason;
use telemetry::slots::{Slot, SlotReceiver, Way};
use wire::{MacAddr, ethernet};

/// Sends up to `limit` frames the way that they are to go: out of a fabric port, with the fabric's VLAN tag, or to an
/// interface, as [`to_vif`] says. Returns how many came.
///
/// Drops: `NoSuchPort` for a port that is not the fabric's, `NoMbuf`, `NoTailroom`, and those of [`to_vif`].
pub(crate) fn from_slots<P: Pool, T: TxQueue<Frame = P::Frame>>(
    t: &Snapshot,
    out: &mut Outlet<P, T>,
    slots: &mut SlotReceiver,
    limit: usize,
) -> usize {
    for n in 0..limit {
        if slots.receive(|slot| one(t, out, slot)).is_none() {
            return n;
        }
    }
    limit
}

#[inline(never)]
fn one<P: Pool, T: TxQueue<Frame = P::Frame>>(t: &Snapshot, out: &mut Outlet<P, T>, slot: &Slot) {
    let Some(mut frame) = out.pool().allocate() else { return out.lose_injected(DropReason::NoMbuf) };
    let made = match slot.way() {
        Way::Port(port) => to_fabric(t, &mut frame, port, slot.octets()),
        Way::Vif(vif) => counted(out, vif, to_vif(t, &mut frame, vif, slot.octets())),
    };
    match made {
        Ok(port) => out.send_injected(port, frame),
        Err(reason) => out.refuse_injected(frame, reason),
    }
}

fn to_fabric<F: Frame>(t: &Snapshot, frame: &mut F, port: u16, octets: &[u8]) -> Result<PortIndex, DropReason> {
    let port = PortIndex::new(usize::from(port)).filter(|port| t.fabric.link(*port).is_some());
    let port = port.ok_or(DropReason::NoSuchPort)?;
    let (macs, rest) = octets.split_at(octets.len().min(MACS));
    let tag = t.fabric.vlan.map(|vlan| {
        let [a, b] = ethernet::TYPE_VLAN.to_be_bytes();
        let [c, d] = vlan.value().to_be_bytes();
        [a, b, c, d]
    });
    for part in [macs, tag.as_ref().map_or(&[][..], |tag| &tag[..]), rest] {
        fill(frame, part)?;
    }
    Ok(port)
}

/// Makes an untagged frame one of the interface's VLAN: tagged as the interface now is, untagged on VLAN 0, padded to 60
/// octets. The rules against loops hold for whatever this node originates: a frame whose source is at home on the
/// interface's segment would have a switch believe that the station is here.
///
/// Drops: `NoSuchVif`, `NotControlFrame` in a BPDU network, where control has nothing to say, `GroupSource`, `OwnSource`, `Runt`, and
/// those of [`rewrite::to_access`].
fn to_vif<F: Frame>(
    t: &Snapshot,
    frame: &mut F,
    to: VifIndex,
    octets: &[u8],
) -> Result<(PortIndex, usize), DropReason> {
    let vif: &Vif = t.vif(to);
    if !vif.is_used() {
        return Err(DropReason::NoSuchVif);
    }
    if t.network(vif.network()).is_some_and(|network| network.control().is_some()) {
        return Err(DropReason::NotControlFrame);
    }
    let header = octets.first_chunk::<{ ethernet::HEADER_OCTETS }>().ok_or(DropReason::Runt)?;
    let [macs @ .., _, _] = *header;
    let [_, _, _, _, _, _, source @ ..] = macs;
    let source = MacAddr::new(source).to_bits();
    if parse::is_no_station(source) {
        return Err(DropReason::GroupSource);
    }
    if t.segment_has(to, vif, source) {
        return Err(DropReason::OwnSource);
    }
    fill(frame, octets)?;
    rewrite::replace_front(frame, MACS, vif, macs, wire::Tci::default())?;
    Ok((vif.port(), frame.total_octets()))
}

/// Counts for the interface.
fn counted<P: Pool, T: TxQueue<Frame = P::Frame>>(
    out: &Outlet<P, T>,
    to: VifIndex,
    made: Result<(PortIndex, usize), DropReason>,
) -> Result<PortIndex, DropReason> {
    let counts = out.telemetry().vif(to);
    let (port, octets) = made.inspect_err(|_| counts.drops.add(1))?;
    counts.tx_frames.add(1);
    counts.tx_octets.add(octets as u64);
    Ok(port)
}

fn fill<F: Frame>(frame: &mut F, part: &[u8]) -> Result<(), DropReason> {
    let place = frame.append(part.len()).and_then(|place| place.get_mut(..part.len()));
    place.ok_or(DropReason::NoTailroom)?.copy_from_slice(part);
    Ok(())
}
