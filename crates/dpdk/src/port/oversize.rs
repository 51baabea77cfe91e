//! Frames above 1,518 octets on net_tap, net_af_packet and net_memif.
//!
//! These drivers name that as their largest frame (net_tap 1,522), so DPDK refuses to configure more. Yet the kernel has
//! no such limit, they receive as much as a buffer holds (net_memif chains more), and send segments by their own lengths. VXLAN
//! needs 1,564 octets for an ordinary packet. So the driver is configured with its own limit, and the netdev, if
//! there is one, gets the true MTU from us.
//!
//! net_tap, besides, does not send a frame whose `pkt_len` is above what was configured; it uses that field for nothing
//! else but its octet counter. So frames are understated to it while it has them.

use super::{PortKind, Problem};
use crate::eal_log::Complaint;
use crate::errno::Errno;
use crate::mbuf::Mbuf;

/// Largest MTU that these drivers can be configured with.
const CONFIGURABLE_MTU: u16 = 1500;

/// The `pkt_len` that net_tap then sends: MTU, Ethernet header, frame check sequence and a tag.
const TAP_PKT_LEN: u32 = 1500 + 22;

/// The driver can carry `mtu`, but not be configured with it.
pub(super) fn is_oversize(kind: PortKind, mtu: u16) -> bool {
    matches!(kind, PortKind::Tap | PortKind::AfPacket | PortKind::Memif) && mtu > CONFIGURABLE_MTU
}

/// The MTU to tell the driver where `mtu` is wanted.
pub(super) fn configured_mtu(kind: PortKind, mtu: u16) -> u16 {
    if is_oversize(kind, mtu) { CONFIGURABLE_MTU } else { mtu }
}

/// The `pkt_len` that frames must not exceed in the driver's hands, where there is such a limit.
pub(super) fn pkt_len_limit(kind: PortKind, mtu: u16) -> Option<u32> {
    (kind == PortKind::Tap && is_oversize(kind, mtu)).then_some(TAP_PKT_LEN)
}

/// Sets the MTU of the kernel's netdev `index`, in this thread's network namespace; 0 stands for none.
pub(super) fn set_netdev_mtu(index: u32, mtu: u16) -> Result<(), Problem> {
    if index == 0 {
        return Ok(());
    }
    // SAFETY: takes two numbers; no obligations.
    Errno::check(unsafe { dpdk_sys::shim_netdev_set_mtu(index, i32::from(mtu)) }).map_err(|errno| Problem::Step {
        step: "set the netdev's MTU",
        errno,
        complaint: Complaint::default(),
    })
}

/// Makes `pkt_len` say `limit` at most.
pub(crate) fn understate(frames: &mut [Mbuf], limit: u32) {
    for frame in frames {
        let raw = frame.raw_mut();
        raw.pkt_len = raw.pkt_len.min(limit);
    }
}

/// Makes `pkt_len` say the truth again, for frames that the driver did not take.
pub(crate) fn restate(frames: &mut [Mbuf]) {
    for frame in frames {
        let octets = frame.segment_lengths().map(u32::from).sum();
        frame.raw_mut().pkt_len = octets;
    }
}
