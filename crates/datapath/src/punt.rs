//! Frames from the fabric port to the host interface, as byte copies: the host thread never sees a buffer.

use crate::encap::MACS;
use crate::io::Frame;
use fib::PortIndex;
use telemetry::slots::{SendError, SlotClass, SlotSender, Way};
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
    let sent = host.send_parts(class, Way::Port(port.row() as u16), macs, rest);
    telemetry.punts[class as usize].count(sent);
    sent.map_err(|error| match error {
        SendError::Policed => DropReason::PuntPoliced,
        SendError::Full => DropReason::PuntQueueFull,
        SendError::TooLong => DropReason::PuntTooLong,
    })
}
