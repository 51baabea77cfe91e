//! One hash per frame, computed where its header is read, for entropy now and for later stages.
//!
//! IPv4 and IPv6 with TCP, UDP or SCTP: addresses, protocol and ports, but of a fragment without ports, so that all
//! fragments of a datagram take one way. The same behind one inner tag. Everything else: the MAC addresses and the type.

use wire::{ethernet, ipv4, ipv6};

/// The octets of an IPv4 frame that the hash needs, with a tag: Ethernet 14, tag 4, IPv4 20, ports 4. Also room for less.
pub(crate) const HEAD: usize = 46;

/// Folds two words to a hash by one 64 by 64 to 128 bit multiplication, whose middle bits depend on all of both.
#[inline(always)]
fn mix(a: u64, b: u64) -> u32 {
    let wide = u128::from(a ^ 0x9e37_79b9_7f4a_7c15) * u128::from(b ^ 0xd6e8_feb8_6659_fd93);
    (wide as u64 ^ (wide >> 64) as u64) as u32
}

/// For each protocol the bits of the four octets behind the IP header that belong to the flow: all if they are ports.
static PORTS: [u32; 256] = {
    let mut bits = [0; 256];
    bits[ipv4::PROTO_TCP as usize] = u32::MAX;
    bits[ipv4::PROTO_UDP as usize] = u32::MAX;
    bits[ipv4::PROTO_SCTP as usize] = u32::MAX;
    bits
};

/// `N` octets at `at`, in one load. Inlined with a constant `at` of at most `HEAD - N`, no check is left.
#[inline(always)]
fn octets<const N: usize>(head: &[u8; HEAD], at: usize) -> [u8; N] {
    head.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
}

/// The hash of a frame whose type field ends at `L3` (14, or 18 behind a tag) and whose first octets are `head`, padded
/// with zeros if the frame is shorter. Words are taken as they lie in memory: the hash leaves this machine only as entropy.
#[inline(always)]
pub(crate) fn flow<const L3: usize>(frame: &[u8], head: &[u8; HEAD], destination: u64, source: u64) -> u32 {
    let kind = u32::from_le_bytes(octets(head, L3 - 2));
    let control = u32::from_le_bytes(octets(head, L3 + 6));
    if (kind & KIND ^ PLAIN_IPV4) | (control & FRAGMENT) == 0 {
        return ipv4(head, L3, control);
    }
    unusual(frame, head, L3, destination, source)
}

/// Type, version and header length, in the order of memory.
const KIND: u32 = 0x00ff_ffff;
/// Type IPv4, version 4, a header of 20 octets.
const PLAIN_IPV4: u32 = (ethernet::TYPE_IPV4.swap_bytes() as u32) | (ipv4::VERSION_IHL as u32) << 16;
/// "More fragments" and the offset.
const FRAGMENT: u32 = ipv4::FRAGMENT_MASK.swap_bytes() as u32;

/// `control`: flags and fragment offset, TTL and protocol, in the order of memory.
#[inline(always)]
fn ipv4(head: &[u8; HEAD], l3: usize, control: u32) -> u32 {
    let ports = u32::from_le_bytes(octets(head, l3 + 20));
    let protocol = (control >> 24) as u8;
    addressed(head, l3, protocol, ports & PORTS[usize::from(protocol)])
}

#[inline(always)]
fn addressed(head: &[u8; HEAD], l3: usize, protocol: u8, ports: u32) -> u32 {
    mix(u64::from_le_bytes(octets(head, l3 + 12)), u64::from(protocol) << 32 | u64::from(ports))
}

/// All but a whole IPv4 packet without options. Out of line, so that the usual way stays short.
#[inline(never)]
fn unusual(frame: &[u8], head: &[u8; HEAD], l3: usize, destination: u64, source: u64) -> u32 {
    let (mut l3, mut ether_type) = (l3, u16::from_be_bytes(octets(head, l3 - 2)));
    if ether_type == ethernet::TYPE_IPV6 {
        return ipv6(frame.get(l3..).unwrap_or(&[]), destination ^ source);
    }
    if wire::is_tag_type(ether_type) {
        (l3, ether_type) = (l3 + ethernet::TAG_OCTETS, u16::from_be_bytes(octets(head, l3 + 2)));
    }
    let [version, ..] = octets::<1>(head, l3);
    match ether_type {
        ethernet::TYPE_IPV4 if version >> 4 == 4 => unusual_ipv4(head, l3, version),
        ethernet::TYPE_IPV6 => ipv6(frame.get(l3..).unwrap_or(&[]), destination ^ source),
        _ => mix(destination << 16 ^ source, u64::from(ether_type)),
    }
}

/// Behind an inner tag, with options, or in fragments.
#[inline(always)]
fn unusual_ipv4(head: &[u8; HEAD], l3: usize, version: u8) -> u32 {
    let control = u32::from_le_bytes(octets(head, l3 + 6));
    if version == ipv4::VERSION_IHL && control & FRAGMENT == 0 {
        return ipv4(head, l3, control);
    }
    addressed(head, l3, (control >> 24) as u8, 0)
}

/// Ports count only directly behind the fixed header; behind extension headers the addresses must do.
#[inline(always)]
fn ipv6(packet: &[u8], macs: u64) -> u32 {
    const LENGTH: usize = ipv6::HEADER_OCTETS + 4;
    let Some(header) = packet.first_chunk::<{ ipv6::HEADER_OCTETS }>() else { return mix(macs, 6) };
    let [.., next, _] = *header.first_chunk::<8>().unwrap_or(&[0; 8]);
    let behind = packet.first_chunk::<LENGTH>().and_then(|all| all.last_chunk::<4>());
    let ports = behind.map_or(0, |ports| u32::from_le_bytes(*ports) & PORTS[usize::from(next)]);
    let (words, _) = header[8..].as_chunks::<8>();
    let [a, b, c, d] = std::array::from_fn(|n| words.get(n).map_or(0, |word| u64::from_le_bytes(*word)));
    let first = u128::from(a ^ d.rotate_left(23)) * u128::from(b ^ c.rotate_left(41) | 1);
    mix(first as u64 ^ (first >> 64) as u64 ^ c ^ d, u64::from(next) << 32 | u64::from(ports))
}

#[cfg(test)]
#[allow(clippy::disallowed_macros, reason = "what is banned from the packet path may serve to test it")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ipv4_frame(l3: usize, protocol: u8, fragment: u16, addresses: [u8; 8], ports: [u8; 4]) -> [u8; HEAD] {
        let mut head = [0; HEAD];
        head[l3 - 2..l3].copy_from_slice(&[8, 0]);
        head[l3] = 0x45;
        head[l3 + 6..l3 + 8].copy_from_slice(&fragment.to_be_bytes());
        head[l3 + 9] = protocol;
        head[l3 + 12..l3 + 20].copy_from_slice(&addresses);
        head[l3 + 20..l3 + 24].copy_from_slice(&ports);
        head
    }

    proptest! {
        #[test]
        fn a_flow_hashes_alike_with_no_tag_one_and_two(addresses: [u8; 8], ports: [u8; 4], protocol: u8) {
            let frame = |l3| ipv4_frame(l3, protocol, 0, addresses, ports);
            let (a, b, mut c) = (frame(14), frame(18), frame(22));
            c[16..18].copy_from_slice(&[0x81, 0]);
            prop_assert_eq!(flow::<14>(&a, &a, 1, 2), flow::<18>(&b, &b, 1, 2));
            prop_assert_eq!(flow::<14>(&a, &a, 1, 2), flow::<18>(&c, &c, 1, 2));
        }

        #[test]
        fn ipv6_behind_an_inner_tag_hashes_by_its_flow(addresses: [u8; 32], ports: [u8; 4]) {
            let packet = [&[0x60, 0, 0, 0, 0, 8, 17, 64][..], &addresses, &ports, &[0, 8, 0, 0]].concat();
            let plain = [&[0; 12][..], &[0x86, 0xdd], &packet].concat();
            let tagged = [&[0; 12][..], &[0x81, 0, 0, 5, 0x81, 0, 0, 6, 0x86, 0xdd], &packet].concat();
            prop_assert_eq!(
                flow::<14>(&plain, plain.first_chunk().unwrap(), 1, 2),
                flow::<18>(&tagged, tagged.first_chunk().unwrap(), 1, 2)
            );
        }

        #[test]
        fn fragments_of_a_datagram_hash_alike(addresses: [u8; 8], a: [u8; 4], b: [u8; 4], offset in 1u16..0x1fff) {
            let first = ipv4_frame(14, 17, 0x2000, addresses, a);
            let later = ipv4_frame(14, 17, offset, addresses, b);
            prop_assert_eq!(flow::<14>(&first, &first, 1, 2), flow::<14>(&later, &later, 1, 2));
        }
    }

    #[test]
    fn four_thousand_flows_spread_over_the_entropy_ports() {
        let mut ports = std::collections::HashSet::new();
        for flow_number in 0u16..4096 {
            let source = (1024 + flow_number).to_be_bytes();
            let head = ipv4_frame(14, 17, 0, [10, 1, 0, 2, 10, 1, 0, 3], [source[0], source[1], 0x13, 0x89]);
            ports.insert(wire::udp::entropy_port(flow::<14>(&head, &head, 1, 2)));
        }
        // Chance gives 16,384 * (1 - (1 - 1/16,384)^4096) = 3,624 different ones.
        assert!(ports.len() > 3500, "{} different ports", ports.len());
    }
}
