//! Any outer header: either family, with or without fabric VLAN, control word and UDP checksum. Places are variables.

use super::plain::fold;
use super::{Inner, MACS, mac_octets};
use fib::{Shape, Tunnel};
use wire::{Encapsulation, checksum, ipv4, ipv6, mpls, udp};

/// Writes the whole of `window`: the outer header, `word` zero octets of control word, the inner MACs. `sum` is the one's
/// complement sum of what follows, if the tunnel has a UDP checksum.
#[inline(never)]
pub(crate) fn write(window: &mut [u8], tunnel: &Tunnel, inner: &Inner, word: usize, id: u16, sum: u64) {
    let (header, ip) = (tunnel.header_octets(), tunnel.ip_at());
    let Some((front, behind)) = window.split_at_mut_checked(header) else { return };
    let Some(template) = tunnel.header().get(..header) else { return };
    front.copy_from_slice(template);
    let shim = if tunnel.encapsulation().is_mpls() { inner.label_entry() } else { inner.shim };
    put(front, header.saturating_sub(mpls::ENTRY_OCTETS), shim.to_be_bytes());
    if let Some((control_word, macs)) = behind.split_at_mut_checked(word) {
        control_word.fill(0);
        put(macs, 0, mac_octets(inner.destination, inner.source));
    }
    let octets = inner.octets + word;
    let is_v6 = tunnel.shape() == Shape::V6;
    let l4 = ip + if is_v6 { ipv6::HEADER_OCTETS } else { ipv4::HEADER_OCTETS };
    if is_v6 {
        v6(front, ip, (header - l4 + octets) as u16, inner);
    } else {
        v4(front, ip, (header - ip + octets) as u16, tunnel.checksum(), inner, id);
    }
    if tunnel.encapsulation() != Encapsulation::MplsOverGre {
        put(front, l4, udp::entropy_port(inner.hash).to_be_bytes());
        put(front, l4 + 4, ((header - l4 + octets) as u16).to_be_bytes());
    }
    if tunnel.has_udp_checksum() {
        let length = (header - l4 + octets) as u64;
        let summed = window.get(l4..).map_or(0, checksum::sum);
        let sum = checksum::fold(summed + sum + u64::from(tunnel.checksum()) + length);
        // RFC 768: a computed zero is sent as all ones, since zero means none.
        put(window, l4 + 6, if sum == 0xffff { [0xff; 2] } else { (!sum).to_be_bytes() });
    }
    debug_assert_eq!(window.len(), header + word + MACS, "the window is exactly as long as what is written");
}

fn v4(front: &mut [u8], ip: usize, total: u16, constant: u32, inner: &Inner, id: u16) {
    let sum = constant + u32::from(inner.tos) + u32::from(total) + u32::from(id);
    put(front, ip + 1, [inner.tos]);
    put(front, ip + 2, total.to_be_bytes());
    put(front, ip + 4, id.to_be_bytes());
    put(front, ip + 10, (!fold(sum)).to_be_bytes());
}

/// The flow label is entropy too (RFC 6438 section 3), which GRE has nowhere else.
fn v6(front: &mut [u8], ip: usize, payload: u16, inner: &Inner) {
    let first = 6 << 28 | u32::from(inner.tos) << 20 | inner.hash & ipv6::FLOW_LABEL_MASK;
    put(front, ip, first.to_be_bytes());
    put(front, ip + 4, payload.to_be_bytes());
}

fn put<const N: usize>(octets: &mut [u8], at: usize, what: [u8; N]) {
    if let Some(place) = octets.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
        *place = what;
    }
}
