//! The usual outer headers: IPv4, no fabric VLAN, no control word. All places are constants, so no check is left.

use super::{Inner, MACS, mac_octets};
use fib::Tunnel;
use wire::{ethernet, gre, ipv4, mpls, udp, vxlan as vxlan_header};

const IP: usize = ethernet::HEADER_OCTETS;
const L4: usize = IP + ipv4::HEADER_OCTETS;
/// Octets of the outer header, Ethernet included.
pub(super) const VXLAN: usize = L4 + udp::HEADER_OCTETS + vxlan_header::HEADER_OCTETS;
pub(super) const MPLS_OVER_UDP: usize = L4 + udp::HEADER_OCTETS + mpls::ENTRY_OCTETS;
pub(super) const MPLS_OVER_GRE: usize = L4 + gre::HEADER_OCTETS + mpls::ENTRY_OCTETS;

#[inline(always)]
pub(super) fn vxlan(window: &mut [u8; VXLAN + MACS], tunnel: &Tunnel, inner: &Inner, id: u16) {
    ip::<VXLAN, { VXLAN + MACS }>(window, tunnel, inner, id);
    udp::<VXLAN, { VXLAN + MACS }>(window, inner);
    put(window, VXLAN - 4, inner.shim.to_be_bytes());
}

#[inline(always)]
pub(super) fn mpls_over_udp(window: &mut [u8; MPLS_OVER_UDP + MACS], tunnel: &Tunnel, inner: &Inner, id: u16) {
    ip::<MPLS_OVER_UDP, { MPLS_OVER_UDP + MACS }>(window, tunnel, inner, id);
    udp::<MPLS_OVER_UDP, { MPLS_OVER_UDP + MACS }>(window, inner);
    put(window, MPLS_OVER_UDP - mpls::ENTRY_OCTETS, inner.label_entry().to_be_bytes());
}

#[inline(always)]
pub(super) fn mpls_over_gre(window: &mut [u8; MPLS_OVER_GRE + MACS], tunnel: &Tunnel, inner: &Inner, id: u16) {
    ip::<MPLS_OVER_GRE, { MPLS_OVER_GRE + MACS }>(window, tunnel, inner, id);
    put(window, MPLS_OVER_GRE - mpls::ENTRY_OCTETS, inner.label_entry().to_be_bytes());
}

/// Template, IPv4 header and inner MACs of a header of `H` octets; `W` is with the MACs.
#[inline(always)]
fn ip<const H: usize, const W: usize>(window: &mut [u8; W], tunnel: &Tunnel, inner: &Inner, id: u16) {
    const { assert!(H + MACS == W) };
    window[..H].copy_from_slice(&tunnel.header()[..H]);
    let total = (inner.octets + H - IP) as u16;
    let sum = tunnel.checksum() + u32::from(inner.tos) + u32::from(total) + u32::from(id);
    put(window, IP + 1, [inner.tos]);
    put(window, IP + 2, total.to_be_bytes());
    put(window, IP + 4, id.to_be_bytes());
    put(window, IP + 10, (!fold(sum)).to_be_bytes());
    put(window, H, mac_octets(inner.destination, inner.source));
}

/// Source port and length.
#[inline(always)]
fn udp<const H: usize, const W: usize>(window: &mut [u8; W], inner: &Inner) {
    put(window, L4, udp::entropy_port(inner.hash).to_be_bytes());
    put(window, L4 + 4, ((inner.octets + H - L4) as u16).to_be_bytes());
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
