//! Frames between the fabric port and the host interface, as byte copies: the host thread never sees a buffer.

use crate::encap::MACS;
use crate::io::{Frame, Pool, TxQueue};
use crate::transmit::Outlet;
use fib::{PortIndex, Snapshot};
use telemetry::slots::{SendError, SlotClass, SlotReceiver, SlotSender};
use telemetry::{DropReason, WorkerTelemetry};
use wire::ethernet;

/// Copies a fabric frame to the host, without the fabric's VLAN tag, which the port may have taken out already. Counts it
/// by its class, whose policer is asked before anything is copied.
pub(crate) fn to_host<F: Frame>(
    host: Option<&mut SlotSender>,
    telemetry: &WorkerTelemetry,
    port: PortIndex,
    stripped: bool,
    frame: &F,
) -> Result<(), DropReason> {
    let octets = frame.octets();
    if octets.len() != frame.total_octets() {
        return Err(DropReason::NotContiguous);
    }
    let Some(host) = host else { return Err(DropReason::PuntQueueFull) };
    let (macs, rest) = octets.split_at(octets.len().min(MACS));
    let tagged = !stripped && rest.starts_with(&ethernet::TYPE_VLAN.to_be_bytes());
    let rest = if tagged { rest.get(ethernet::TAG_OCTETS..).unwrap_or(&[]) } else { rest };
    let class = SlotClass::of_frame(octets);
    let sent = host.send_parts(class, port.row() as u16, macs, rest);
    telemetry.punts[class as usize].count(sent);
    sent.map_err(|error| match error {
        SendError::Policed => DropReason::PuntPoliced,
        SendError::Full => DropReason::PuntQueueFull,
        SendError::TooLong => DropReason::PuntTooLong,
    })
}

/// Sends up to `limit` frames from the host out of the fabric ports that they are for, with the fabric's VLAN tag. Returns
/// how many came.
pub(crate) fn from_host<P: Pool, T: TxQueue<Frame = P::Frame>>(
    t: &Snapshot,
    out: &mut Outlet<P, T>,
    host: &mut SlotReceiver,
    limit: usize,
) -> usize {
    for n in 0..limit {
        let made = host.receive(|slot| (PortIndex::new(usize::from(slot.port())), build(t, out.pool(), slot.octets())));
        match made {
            None => return n,
            Some((Some(port), Ok(frame))) if t.fabric.link(port).is_some() => out.send_injected(port, frame),
            Some((_, Ok(frame))) => out.refuse_injected(frame, DropReason::NoSuchPort),
            Some((_, Err(reason))) => out.lose_injected(reason),
        }
    }
    limit
}

fn build<P: Pool>(t: &Snapshot, pool: &mut P, octets: &[u8]) -> Result<P::Frame, DropReason> {
    let mut frame = pool.allocate().ok_or(DropReason::NoMbuf)?;
    let (macs, rest) = octets.split_at(octets.len().min(MACS));
    let tag = t.fabric.vlan.map(|vlan| {
        let [a, b] = ethernet::TYPE_VLAN.to_be_bytes();
        let [c, d] = vlan.value().to_be_bytes();
        [a, b, c, d]
    });
    for part in [macs, tag.as_ref().map_or(&[][..], |tag| &tag[..]), rest] {
        let place = frame.append(part.len()).and_then(|place| place.get_mut(..part.len()));
        place.ok_or(DropReason::NoTailroom)?.copy_from_slice(part);
    }
    Ok(frame)
}
