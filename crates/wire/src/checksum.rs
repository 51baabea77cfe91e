//! The Internet checksum (RFC 1071) in the shapes that the packet path needs.

/// Folds a wide one's complement sum to 16 bits.
#[inline(always)]
pub const fn fold(sum: u64) -> u16 {
    let sum = (sum & 0xffff_ffff) + (sum >> 32);
    let sum = (sum & 0xffff) + (sum >> 16);
    let sum = (sum & 0xffff) + (sum >> 16);
    let sum = (sum & 0xffff) + (sum >> 16);
    sum as u16
}

/// One's complement sum of `data` as big-endian 16-bit words, an odd last octet padded with zero; not folded, not
/// inverted. At most 2^32 octets before it could overflow.
pub fn sum(data: &[u8]) -> u64 {
    let (words, rest) = data.as_chunks::<4>();
    let mut total: u64 = words.iter().map(|w| u64::from(u32::from_be_bytes(*w))).sum();
    let mut last = [0u8; 4];
    if let Some(space) = last.get_mut(..rest.len()) {
        space.copy_from_slice(rest);
    }
    total += u64::from(u32::from_be_bytes(last));
    total
}

/// Whether a 20-octet IPv4 header sums to all ones (RFC 791 section 3.1).
///
/// Written as three wide adds and one fold: the byte order does not matter to "all ones" (RFC 1071 section 2(B)).
#[inline(always)]
pub fn ipv4_header_is_valid(h: &[u8; 20]) -> bool {
    let a = u64::from_ne_bytes([h[0], h[1], h[2], h[3], h[4], h[5], h[6], h[7]]);
    let b = u64::from_ne_bytes([h[8], h[9], h[10], h[11], h[12], h[13], h[14], h[15]]);
    let c = u64::from(u32::from_ne_bytes([h[16], h[17], h[18], h[19]]));
    let low = (a & 0xffff_ffff) + (a >> 32) + (b & 0xffff_ffff) + (b >> 32) + c;
    fold(low) == 0xffff
}

/// The one's complement sum of the UDP pseudo-header (RFC 768) for IPv4.
pub fn udp_pseudo_header_v4(source: u32, destination: u32, udp_length: u16) -> u64 {
    u64::from(source) + u64::from(destination) + 17 + u64::from(udp_length)
}

/// The one's complement sum of the pseudo-header of an upper-layer packet in IPv6 (RFC 8200 section 8.1), for UDP.
pub fn udp_pseudo_header_v6(source: u128, destination: u128, udp_length: u32) -> u64 {
    let words = |address: u128| (0..4).map(move |n| (address >> (32 * n)) as u32).map(u64::from);
    words(source).chain(words(destination)).sum::<u64>() + 17 + u64::from(udp_length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// RFC 1071 section 4.1, word by word.
    fn slow(data: &[u8]) -> u16 {
        let mut sum = 0u32;
        for pair in data.chunks(2) {
            sum += u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
            sum = (sum & 0xffff) + (sum >> 16);
        }
        sum as u16
    }

    proptest! {
        #[test]
        fn wide_sum_agrees_with_the_word_loop(data in proptest::collection::vec(any::<u8>(), 0..200)) {
            let (fast, slow) = (fold(sum(&data)), slow(&data));
            // 0 and 0xffff are the same number in one's complement.
            prop_assert!(fast == slow || (fast % 0xffff == 0 && slow % 0xffff == 0));
        }

        #[test]
        fn header_check_agrees_with_the_word_loop(header: [u8; 20], repair: bool) {
            let mut h = header;
            if repair {
                (h[10], h[11]) = (0, 0);
                let c = !slow(&h);
                [h[10], h[11]] = c.to_be_bytes();
            }
            prop_assert_eq!(ipv4_header_is_valid(&h), slow(&h) == 0xffff);
        }
    }
}
