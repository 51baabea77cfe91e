//! The number of a frame: the last 18 octets of its payload.
//!
//! ```text
//!  | magic (16) | stream (16) | sequence (48) | time stamp counter (48) | check (16) |
//! ```
//!
//! The check makes the one's complement sum of all nine words "all ones", which is zero (RFC 1071), also where the
//! trailer begins at an odd octet. So the UDP checksum around it does not depend on the number: it is computed once for
//! a flow and a size, and is right for every frame.

use wire::checksum;

/// Octets of the trailer: what an Ethernet frame of minimum length leaves behind IPv4 and UDP.
pub const OCTETS: usize = 18;

/// The last value of a sequence and of a clock; both go on from 0.
pub const MASK: u64 = (1 << 48) - 1;

const MAGIC: [u8; 2] = [0xc7, 0x5e];

/// Which frame it is, and when it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number {
    /// The stream; its meaning is the sender's.
    pub stream: u16,
    /// Place in the stream, from 0; 48 bits.
    pub sequence: u64,
    /// The sender's time stamp counter; the low 48 bits.
    pub sent_tsc: u64,
}

/// What stands at the end of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// A number.
    Number(Number),
    /// What was a number: its check does not fit.
    Damaged,
    /// No number: somebody else's frame, or one that was cut off.
    Foreign,
}

impl Number {
    /// The trailer. Bits above 48 are left out.
    #[inline]
    #[must_use]
    pub fn trailer(self) -> [u8; OCTETS] {
        let mut octets = [0; OCTETS];
        let [_, _, sequence @ ..] = self.sequence.to_be_bytes();
        let [_, _, time @ ..] = self.sent_tsc.to_be_bytes();
        octets[..2].copy_from_slice(&MAGIC);
        octets[2..4].copy_from_slice(&self.stream.to_be_bytes());
        octets[4..10].copy_from_slice(&sequence);
        octets[10..16].copy_from_slice(&time);
        let check = !checksum::fold(checksum::sum(&octets));
        octets[16..].copy_from_slice(&check.to_be_bytes());
        octets
    }

    /// Reads the end of a frame, or of its payload.
    #[inline]
    #[must_use]
    pub fn read(frame: &[u8]) -> Reading {
        let Some(octets) = frame.last_chunk::<OCTETS>() else { return Reading::Foreign };
        if octets[..2] != MAGIC {
            return Reading::Foreign;
        }
        if checksum::fold(checksum::sum(octets)) != 0xffff {
            return Reading::Damaged;
        }
        let six = |at: usize| u64::from(wide(octets, at)) << 16 | u64::from(half(octets, at + 4));
        Reading::Number(Self { stream: half(octets, 2), sequence: six(4), sent_tsc: six(10) })
    }

    /// Ticks between the sending and `now`, on the same machine.
    #[inline]
    #[must_use]
    pub fn age(self, now: u64) -> u64 {
        now.wrapping_sub(self.sent_tsc) & MASK
    }
}

#[inline(always)]
fn half(octets: &[u8; OCTETS], at: usize) -> u16 {
    u16::from_be_bytes([octets[at], octets[at + 1]])
}

#[inline(always)]
fn wide(octets: &[u8; OCTETS], at: usize) -> u32 {
    u32::from_be_bytes([octets[at], octets[at + 1], octets[at + 2], octets[at + 3]])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn number() -> impl Strategy<Value = Number> {
        (any::<u16>(), 0..=MASK, 0..=MASK).prop_map(|(stream, sequence, sent_tsc)| Number {
            stream,
            sequence,
            sent_tsc,
        })
    }

    proptest! {
        #[test]
        fn a_number_is_read_behind_whatever_stands_before_it(number in number(), before: Vec<u8>) {
            let frame = [before, number.trailer().to_vec()].concat();
            prop_assert_eq!(Number::read(&frame), Reading::Number(number));
        }

        #[test]
        fn no_wrong_bit_is_taken_for_another_number(number in number(), bit in 0usize..8 * OCTETS) {
            let mut frame = number.trailer();
            frame[bit / 8] ^= 1 << (bit % 8);
            let expected = if bit < 16 { Reading::Foreign } else { Reading::Damaged };
            prop_assert_eq!(Number::read(&frame), expected);
        }

        #[test]
        fn a_trailer_counts_nothing_in_a_checksum(number in number(), before: Vec<u8>) {
            let zeros = [before.clone(), vec![0; OCTETS]].concat();
            let frame = [before, number.trailer().to_vec()].concat();
            let [with, without] = [frame, zeros].map(|octets| checksum::fold(checksum::sum(&octets)) % 0xffff);
            prop_assert_eq!(with, without);
        }
    }

    #[test]
    fn what_is_too_short_has_no_number() {
        assert_eq!(Number::read(&[0xc7; 17]), Reading::Foreign);
    }

    #[test]
    fn an_age_survives_the_clock_going_round() {
        let number = Number { stream: 0, sequence: 0, sent_tsc: MASK - 4 };
        assert_eq!(number.age((MASK + 1) + 5), 10);
    }
}
