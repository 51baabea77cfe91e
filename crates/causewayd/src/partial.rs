//! TCP and UDP checksums that a sender on this machine has left to whoever puts the frame on a wire.
//!
//! Linux then writes the sum of the pseudo-header into the field, so that the sum over header and data, folded and
//! inverted, is the checksum (virtio 1.1 section 5.1.6.2; the field is called partial). Nobody behind a tunnel can know
//! that: the frame is made whole before it goes anywhere.

use wire::checksum;
use wire::{be16, be32, ethernet, ipv4, ipv6, is_tag_type};

/// Where a TCP or UDP header lies, and what its checksum covers.
struct Layer4 {
    /// The header's first octet.
    start: usize,
    /// Behind the data's last; padding of the frame comes after.
    end: usize,
    /// The checksum field.
    field: usize,
    /// The sum of the pseudo-header.
    pseudo: u64,
}

/// Fills in the checksum of a frame whose port says that it is partial. `false`, and no change, where there is no TCP or
/// UDP header in one piece with all of its data: such a frame must not go on.
#[must_use]
pub(crate) fn complete(frame: &mut [u8]) -> bool {
    let Some(l4) = find(frame) else { return false };
    fill(frame, &l4)
}

/// Fills in the checksum of a frame whose port does not say whether it is partial, if it is: if the field holds the sum
/// of the pseudo-header. `true` if it was.
///
/// A whole frame may hold that value by chance (1 in 65,535): then the sum of the rest is what the checksum says, and
/// filling it in changes nothing. A frame that was damaged on the way passes for partial as rarely.
pub(crate) fn recognise(frame: &mut [u8]) -> bool {
    let Some(l4) = find(frame) else { return false };
    let Some([a, b]) = frame.get(l4.field..).and_then(<[u8]>::first_chunk) else { return false };
    u16::from_be_bytes([*a, *b]) == checksum::fold(l4.pseudo) && fill(frame, &l4)
}

fn fill(frame: &mut [u8], l4: &Layer4) -> bool {
    let Some(covered) = frame.get(l4.start..l4.end) else { return false };
    // 0 is the same number as 65,535, and in UDP means that there is no checksum (RFC 768).
    let sum = match !checksum::fold(checksum::sum(covered)) {
        0 => u16::MAX,
        sum => sum,
    };
    let Some(field) = frame.get_mut(l4.field..l4.end).and_then(<[u8]>::first_chunk_mut) else { return false };
    *field = sum.to_be_bytes();
    true
}

fn find(frame: &[u8]) -> Option<Layer4> {
    let mut at = ethernet::HEADER_OCTETS - 2;
    let mut ether_type = u16::from_be_bytes(*frame.get(at..)?.first_chunk()?);
    while is_tag_type(ether_type) {
        at += ethernet::TAG_OCTETS;
        ether_type = u16::from_be_bytes(*frame.get(at..)?.first_chunk()?);
    }
    match ether_type {
        ethernet::TYPE_IPV4 => in_ipv4(frame, at + 2),
        ethernet::TYPE_IPV6 => in_ipv6(frame, at + 2),
        _ => None,
    }
}

fn in_ipv4(frame: &[u8], at: usize) -> Option<Layer4> {
    let header: &[u8; ipv4::HEADER_OCTETS] = frame.get(at..)?.first_chunk()?;
    let header_octets = usize::from(header[0] & 0xf) * 4;
    let octets = usize::from(be16::<2, 20>(header));
    let whole = header[0] >> 4 == 4 && header_octets >= ipv4::HEADER_OCTETS;
    if !whole || be16::<6, 20>(header) & ipv4::FRAGMENT_MASK != 0 {
        return None;
    }
    let addresses = u64::from(be32::<12, 20>(header)) + u64::from(be32::<16, 20>(header));
    layer4(frame, header[9], at + header_octets, at + octets, addresses)
}

fn in_ipv6(frame: &[u8], at: usize) -> Option<Layer4> {
    let header: &[u8; ipv6::HEADER_OCTETS] = frame.get(at..)?.first_chunk()?;
    if header[0] >> 4 != 6 {
        return None;
    }
    let (mut next, mut start) = (header[6], at + ipv6::HEADER_OCTETS);
    let end = start + usize::from(be16::<4, 40>(header));
    // Each turn goes at least eight octets on.
    while matches!(next, ipv6::NEXT_HOP_BY_HOP | ipv6::NEXT_ROUTING | ipv6::NEXT_DESTINATION) {
        let [following, length]: [u8; 2] = *frame.get(start..end)?.first_chunk()?;
        (next, start) = (following, start + 8 + usize::from(length) * 8);
    }
    let addresses = checksum::sum(header.get(8..)?);
    layer4(frame, next, start, end, addresses)
}

/// `addresses` is the sum of both.
fn layer4(frame: &[u8], protocol: u8, start: usize, end: usize, addresses: u64) -> Option<Layer4> {
    let (field, header) = match protocol {
        ipv4::PROTO_TCP => (16, 20),
        ipv4::PROTO_UDP => (6, 8),
        _ => return None,
    };
    if end > frame.len() || start + header > end {
        return None;
    }
    let pseudo = addresses + u64::from(protocol) + (end - start) as u64;
    Some(Layer4 { start, end, field: start + field, pseudo })
}

#[cfg(test)]
mod tests;
