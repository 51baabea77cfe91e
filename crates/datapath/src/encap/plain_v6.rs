//! The usual outer headers over IPv6: no fabric VLAN, no control word. All places are constants.
//!
//! The UDP checksum covers the whole frame. It is put together from three sums: of the constant words, which the tunnel
//! has; of the words that differ, as numbers; and of the frame inside, read once and before anything is written, since to
//! read in wide words what was just written in narrow ones stalls.

use super::{MACS, label_entry};
use crate::io::Frame;
use fib::Tunnel;
use telemetry::DropReason;
use wire::{Tci, checksum, ethernet, gre, ipv6, mpls, udp, vxlan as vxlan_header};

const IP: usize = ethernet::HEADER_OCTETS;
const L4: usize = IP + ipv6::HEADER_OCTETS;
/// Octets of the outer header, Ethernet included.
const VXLAN: usize = L4 + udp::HEADER_OCTETS + vxlan_header::HEADER_OCTETS;
const MPLS_OVER_UDP: usize = L4 + udp::HEADER_OCTETS + mpls::ENTRY_OCTETS;
const MPLS_OVER_GRE: usize = L4 + gre::HEADER_OCTETS + mpls::ENTRY_OCTETS;

/// What differs from packet to packet.
#[derive(Clone, Copy)]
pub(super) struct Outer {
    /// Inner frame without its tags, in octets.
    pub(super) octets: usize,
    pub(super) hash: u32,
    /// VNI word, or label stack entry without its traffic class.
    pub(super) shim: u32,
    pub(super) tos: u8,
    pub(super) priority: Tci,
}

/// `TAG` octets behind the frame's MACs, 0 or 4, go; so in all that follows.
///
/// # Errors
/// `NotContiguous`, `NoHeadroom`.
#[inline(always)]
pub(super) fn vxlan<const TAG: usize, F: Frame>(frame: &mut F, tunnel: &Tunnel, o: Outer) -> Result<(), DropReason> {
    const CONSTANT: u64 = vxlan_header::UDP_PORT as u64 + ((vxlan_header::FLAG_I as u64) << 8);
    let inner = inner::<TAG, F>(frame, tunnel)?;
    let window = front::<TAG, VXLAN, { VXLAN + MACS }, F>(frame, tunnel, o)?;
    udp::<VXLAN, { VXLAN + MACS }>(window, tunnel, o, CONSTANT + u64::from(o.shim), inner);
    put(window, VXLAN - 4, o.shim.to_be_bytes());
    Ok(())
}

#[inline(always)]
pub(super) fn mpls_over_udp<const TAG: usize, F: Frame>(
    frame: &mut F,
    tunnel: &Tunnel,
    o: Outer,
) -> Result<(), DropReason> {
    let inner = inner::<TAG, F>(frame, tunnel)?;
    let window = front::<TAG, MPLS_OVER_UDP, { MPLS_OVER_UDP + MACS }, F>(frame, tunnel, o)?;
    let entry = label_entry(o.shim, o.priority);
    let words = u64::from(mpls::UDP_PORT) + u64::from(entry);
    udp::<MPLS_OVER_UDP, { MPLS_OVER_UDP + MACS }>(window, tunnel, o, words, inner);
    put(window, MPLS_OVER_UDP - mpls::ENTRY_OCTETS, entry.to_be_bytes());
    Ok(())
}

#[inline(always)]
pub(super) fn mpls_over_gre<const TAG: usize, F: Frame>(
    frame: &mut F,
    tunnel: &Tunnel,
    o: Outer,
) -> Result<(), DropReason> {
    let window = front::<TAG, MPLS_OVER_GRE, { MPLS_OVER_GRE + MACS }, F>(frame, tunnel, o)?;
    put(window, MPLS_OVER_GRE - mpls::ENTRY_OCTETS, label_entry(o.shim, o.priority).to_be_bytes());
    Ok(())
}

/// The sum of the frame inside, in memory order and without its tag, if the tunnel wants one.
#[inline(always)]
fn inner<const TAG: usize, F: Frame>(frame: &F, tunnel: &Tunnel) -> Result<u64, DropReason> {
    if !tunnel.has_udp_checksum() {
        return Ok(0);
    }
    let octets = frame.octets();
    if octets.len() != frame.total_octets() {
        return Err(DropReason::NotContiguous);
    }
    let (macs, rest) = octets.split_first_chunk::<MACS>().ok_or(DropReason::NotContiguous)?;
    let rest = rest.get(TAG..).ok_or(DropReason::NotContiguous)?;
    Ok(checksum::add(checksum::sum_in_memory_order(macs), checksum::sum_in_memory_order(rest)))
}

/// Makes room for a header of `H` octets and puts the template there, with what differs in the IPv6 header; `W` is with the
/// MACs, which move up to it over the tag. The flow label is entropy too (RFC 6438 section 3), which GRE has nowhere else.
#[inline(always)]
fn front<'f, const TAG: usize, const H: usize, const W: usize, F: Frame>(
    frame: &'f mut F,
    tunnel: &Tunnel,
    o: Outer,
) -> Result<&'f mut [u8; W], DropReason> {
    const { assert!(H + MACS == W && TAG <= H) };
    let octets = frame.prepend(H - TAG).ok_or(DropReason::NoHeadroom)?;
    let window = octets.first_chunk_mut::<W>().ok_or(DropReason::NotContiguous)?;
    if TAG > 0 {
        window.copy_within(H - TAG..H - TAG + MACS, H);
    }
    window[..H].copy_from_slice(&tunnel.header()[..H]);
    let first = 6 << 28 | u32::from(o.tos) << 20 | o.hash & ipv6::FLOW_LABEL_MASK;
    put(window, IP, first.to_be_bytes());
    put(window, IP + 4, ((o.octets + H - L4) as u16).to_be_bytes());
    Ok(window)
}

/// Source port, length and checksum. `words` is the sum of the destination port and what follows the UDP header, `inner` of the
/// frame inside.
#[inline(always)]
fn udp<const H: usize, const W: usize>(window: &mut [u8; W], tunnel: &Tunnel, o: Outer, words: u64, inner: u64) {
    let (port, length) = (udp::entropy_port(o.hash), (o.octets + H - L4) as u16);
    put(window, L4, port.to_be_bytes());
    put(window, L4 + 4, length.to_be_bytes());
    if tunnel.has_udp_checksum() {
        // The length is in the pseudo-header too.
        let words = words + u64::from(tunnel.checksum()) + u64::from(port) + 2 * u64::from(length);
        let sum = !checksum::fold(checksum::add(inner, checksum::to_memory_order(words)));
        // RFC 768: a computed zero is sent as all ones, since zero means none.
        put(window, L4 + 6, if sum == 0 { [0xff; 2] } else { sum.to_le_bytes() });
    }
}

#[inline(always)]
fn put<const N: usize, const W: usize>(window: &mut [u8; W], at: usize, octets: [u8; N]) {
    window[at..at + N].copy_from_slice(&octets);
}
