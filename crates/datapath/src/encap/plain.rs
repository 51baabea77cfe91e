//! The usual outer headers: IPv4, no fabric VLAN, no control word. All places are constants, so no check is left.

use super::{MACS, label_entry};
use crate::io::Frame;
use fib::Tunnel;
use wire::{Tci, ethernet, gre, ipv4, mpls, udp, vxlan as vxlan_header};

const IP: usize = ethernet::HEADER_OCTETS;
const L4: usize = IP + ipv4::HEADER_OCTETS;
/// Octets of the outer header, Ethernet included.
const VXLAN: usize = L4 + udp::HEADER_OCTETS + vxlan_header::HEADER_OCTETS;
const MPLS_OVER_UDP: usize = L4 + udp::HEADER_OCTETS + mpls::ENTRY_OCTETS;
const MPLS_OVER_GRE: usize = L4 + gre::HEADER_OCTETS + mpls::ENTRY_OCTETS;

/// What differs from packet to packet.
#[derive(Clone, Copy)]
pub(crate) struct Outer {
    /// Inner frame without its tags, in octets.
    pub(crate) octets: usize,
    pub(crate) hash: u32,
    /// VNI word, or label stack entry without its traffic class.
    pub(crate) shim: u32,
    pub(crate) tos: u8,
    pub(crate) priority: Tci,
    pub(crate) id: u16,
}

/// `TAG` octets behind the frame's MACs, 0, 4 or 8, go; so in all that follows.
/// `None`, and nothing done, if there is no room in front.
#[inline(always)]
pub(crate) fn vxlan<const TAG: usize, F: Frame>(frame: &mut F, tunnel: &Tunnel, o: Outer) -> Option<()> {
    let window = front::<TAG, VXLAN, { VXLAN + MACS }, F>(frame, tunnel)?;
    ip::<VXLAN, { VXLAN + MACS }>(window, tunnel, o);
    udp::<VXLAN, { VXLAN + MACS }>(window, o);
    put(window, VXLAN - 4, o.shim.to_be_bytes());
    Some(())
}

#[inline(always)]
pub(crate) fn mpls_over_udp<const TAG: usize, F: Frame>(frame: &mut F, tunnel: &Tunnel, o: Outer) -> Option<()> {
    let window = front::<TAG, MPLS_OVER_UDP, { MPLS_OVER_UDP + MACS }, F>(frame, tunnel)?;
    ip::<MPLS_OVER_UDP, { MPLS_OVER_UDP + MACS }>(window, tunnel, o);
    udp::<MPLS_OVER_UDP, { MPLS_OVER_UDP + MACS }>(window, o);
    put(window, MPLS_OVER_UDP - mpls::ENTRY_OCTETS, label_entry(o.shim, o.priority).to_be_bytes());
    Some(())
}

#[inline(always)]
pub(crate) fn mpls_over_gre<const TAG: usize, F: Frame>(frame: &mut F, tunnel: &Tunnel, o: Outer) -> Option<()> {
    let window = front::<TAG, MPLS_OVER_GRE, { MPLS_OVER_GRE + MACS }, F>(frame, tunnel)?;
    ip::<MPLS_OVER_GRE, { MPLS_OVER_GRE + MACS }>(window, tunnel, o);
    put(window, MPLS_OVER_GRE - mpls::ENTRY_OCTETS, label_entry(o.shim, o.priority).to_be_bytes());
    Some(())
}

/// Makes room for a header of `H` octets and puts the template there; `W` is with the MACs, which move up to it over the tag.
#[inline(always)]
fn front<'f, const TAG: usize, const H: usize, const W: usize, F: Frame>(
    frame: &'f mut F,
    tunnel: &Tunnel,
) -> Option<&'f mut [u8; W]> {
    const { assert!(H + MACS == W && TAG <= H) };
    // Parsing has seen MACs and tag in one piece, so with room in front nothing is left to fail.
    let window = frame.prepend(H - TAG)?.first_chunk_mut::<W>()?;
    if TAG > 0 {
        window.copy_within(H - TAG..H - TAG + MACS, H);
    }
    window[..H].copy_from_slice(&tunnel.header()[..H]);
    Some(window)
}

/// What differs in the IPv4 header.
#[inline(always)]
fn ip<const H: usize, const W: usize>(window: &mut [u8; W], tunnel: &Tunnel, o: Outer) {
    let total = (o.octets + H - IP) as u16;
    let sum = tunnel.checksum() + u32::from(o.tos) + u32::from(total) + u32::from(o.id);
    put(window, IP + 1, [o.tos]);
    put(window, IP + 2, (u32::from(total) << 16 | u32::from(o.id)).to_be_bytes());
    put(window, IP + 10, (!fold(sum)).to_be_bytes());
}

/// Source port and length.
#[inline(always)]
fn udp<const H: usize, const W: usize>(window: &mut [u8; W], o: Outer) {
    put(window, L4, udp::entropy_port(o.hash).to_be_bytes());
    put(window, L4 + 4, ((o.octets + H - L4) as u16).to_be_bytes());
}

/// Folds the one's complement sum of at most four 16-bit words, which two steps do.
#[inline(always)]
pub(super) fn fold(sum: u32) -> u16 {
    let sum = (sum & 0xffff) + (sum >> 16);
    ((sum & 0xffff) + (sum >> 16)) as u16
}

#[inline(always)]
fn put<const N: usize, const W: usize>(window: &mut [u8; W], at: usize, octets: [u8; N]) {
    window[at..at + N].copy_from_slice(&octets);
}
