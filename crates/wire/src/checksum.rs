//! The Internet checksum (RFC 1071) in the shapes that the packet path needs.

/// Folds a wide one's complement sum to 16 bits.
#[inline(always)]
pub const fn fold(sum: u64) -> u16 {
    // A half added to the other, twice at once: what the lower sum carries into the upper is the end-around carry.
    let sum = (sum.wrapping_add(sum.rotate_left(32)) >> 32) as u32;
    let sum = sum.wrapping_add(sum.rotate_left(16)) >> 16;
    sum as u16
}

/// One's complement sum of `data` as big-endian 16-bit words, an odd last octet padded with zero; folded, not inverted.
#[inline(never)]
pub fn sum(data: &[u8]) -> u64 {
    u64::from(fold(sum_in_memory_order(data)).swap_bytes())
}

/// The same as [`sum`] of little-endian words, neither folded nor inverted: the sum in one byte order is the other's with its
/// octets swapped (RFC 1071 section 2(B)). Zero only if all of `data` is.
///
/// Words of eight octets, whose carries are counted above them: two instructions a word, in two chains. What is left over of
/// blocks of 64 octets is taken by halves, without a loop.
#[inline(always)]
pub fn sum_in_memory_order(data: &[u8]) -> u64 {
    let (blocks, rest) = data.as_chunks::<64>();
    let mut sums = [0u128; 2];
    for block in blocks {
        words(&mut sums, block);
    }
    let rest = front::<32>(&mut sums, rest);
    let rest = front::<16>(&mut sums, rest);
    let rest = front::<8>(&mut sums, rest);
    let total = sums[0] + sums[1] + u128::from(short_word(data, rest));
    add(total as u64, (total >> 64) as u64)
}

/// Adds the first `N` octets, if there are so many, and returns what follows.
#[inline(always)]
fn front<'d, const N: usize>(sums: &mut [u128; 2], data: &'d [u8]) -> &'d [u8] {
    let Some((first, rest)) = data.split_first_chunk::<N>() else { return data };
    words(sums, first);
    rest
}

#[inline(always)]
fn words<const N: usize>(sums: &mut [u128; 2], data: &[u8; N]) {
    let (words, _) = data.as_chunks::<8>();
    for (n, word) in words.iter().enumerate() {
        sums[n % 2] += u128::from(u64::from_le_bytes(*word));
    }
}

/// The last octets of `data`, at most seven, as if zeros followed.
#[inline(always)]
fn short_word(data: &[u8], rest: &[u8]) -> u64 {
    if rest.is_empty() {
        return 0;
    }
    match data.last_chunk::<8>() {
        // Read together with some before them, which are shifted out.
        Some(word) => u64::from_le_bytes(*word) >> (64 - 8 * (rest.len() & 7)).min(63),
        None => rest.iter().rev().fold(0, |word, octet| word << 8 | u64::from(*octet)),
    }
}

/// One's complement sum of two wide sums: what is carried out above comes in below.
#[inline(always)]
pub const fn add(a: u64, b: u64) -> u64 {
    let (sum, carried) = a.overflowing_add(b);
    sum + carried as u64
}

/// A sum of big-endian words, below 2^56, as one of words in memory order: to multiply by 2^8 swaps the octets of a number
/// modulo 2^16 - 1.
#[inline(always)]
pub const fn to_memory_order(sum: u64) -> u64 {
    sum << 8
}

/// Whether a wide sum, not of zeros alone, folds to all ones, in whatever order: what a right checksum makes (RFC 1071).
#[inline(always)]
pub const fn is_all_ones(sum: u64) -> bool {
    sum.is_multiple_of(0xffff)
}

/// The checksum of data of which one 16-bit word changes (RFC 1624 section 3). A wrong one stays as wrong.
pub const fn updated(checksum: u16, from: u16, to: u16) -> u16 {
    !fold(!checksum as u64 + !from as u64 + to as u64)
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
    pseudo_header_v6(source, destination, 17, udp_length)
}

/// The same for any protocol.
pub fn pseudo_header_v6(source: u128, destination: u128, protocol: u8, octets: u32) -> u64 {
    let words = |address: u128| (0..4).map(move |n| (address >> (32 * n)) as u32).map(u64::from);
    words(source).chain(words(destination)).sum::<u64>() + u64::from(protocol) + u64::from(octets)
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
        fn wide_sum_agrees_with_the_word_loop(data in proptest::collection::vec(prop_oneof![any::<u8>(), Just(0), Just(0xff)], 0..200)) {
            let slow = slow(&data);
            prop_assert_eq!(fold(sum(&data)), slow);
            prop_assert_eq!(fold(sum_in_memory_order(&data)), slow.swap_bytes());
            prop_assert_eq!(fold(to_memory_order(sum(&data))), slow.swap_bytes());
            prop_assert_eq!(is_all_ones(sum(&data)), slow == 0xffff || slow == 0);
        }

        #[test]
        fn parts_sum_to_the_whole(data in proptest::collection::vec(any::<u8>(), 0..1600), at: usize) {
            let (front, back) = data.split_at((at % (data.len() + 1)) & !1);
            let parts = add(sum_in_memory_order(front), sum_in_memory_order(back));
            prop_assert_eq!(fold(parts), slow(&data).swap_bytes());
            prop_assert_eq!(sum(&data), u64::from(slow(&data)));
        }

        #[test]
        fn an_updated_checksum_is_the_one_of_the_changed_data(mut data in proptest::collection::vec(any::<u8>(), 2..200), to: u16) {
            let before = !slow(&data);
            let from = u16::from_be_bytes([data[0], data[1]]);
            data[..2].copy_from_slice(&to.to_be_bytes());
            let (found, expected) = (updated(before, from, to), !slow(&data));
            // The two forms of zero are one number (RFC 1624 section 3).
            prop_assert!(found == expected || (found ^ expected == 0xffff && [found, expected].contains(&0)));
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
