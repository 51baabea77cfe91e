//! MPLS label stack entries (RFC 3032 section 2.1), the reserved labels, and the pseudowire control word (RFC 4385).
//!
//! ```text
//!  |                Label                  | TC  |S|       TTL     |
//! ```

use std::fmt;

/// One label stack entry.
pub const ENTRY_OCTETS: usize = 4;
/// The control word between the bottom of the stack and an Ethernet frame (RFC 4385 section 3, RFC 4448 section 4.6).
pub const CONTROL_WORD_OCTETS: usize = 4;
/// IANA's destination port of MPLS-in-UDP (RFC 7510 section 3).
pub const UDP_PORT: u16 = 6635;
/// The port that Contrail used before IANA gave one; accepted on receipt only.
pub const UDP_PORT_LEGACY: u16 = 51234;
/// The S bit of an entry: the bottom of the stack.
pub const BOTTOM: u32 = 1 << 8;
/// The TTL that we send: one hop of MPLS, from us to the other end of the tunnel, has it unchanged.
pub const TTL: u8 = 64;

/// IPv4 explicit null (RFC 3032 section 2.1; anywhere in a stack by RFC 4182).
pub const IPV4_EXPLICIT_NULL: u32 = 0;
/// IPv6 explicit null.
pub const IPV6_EXPLICIT_NULL: u32 = 2;
/// The entropy label indicator (RFC 6790 section 3): the next entry is an entropy label.
pub const ENTROPY_LABEL_INDICATOR: u32 = 7;

/// An MPLS label that may stand for something: 16 to 1,048,575. Those below are reserved (RFC 7274 section 2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MplsLabel(u32);

/// A label out of range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("MPLS label {0} is out of range: expected 16 to 1048575; 0 to 15 are reserved")]
pub struct MplsLabelError(pub u64);

impl MplsLabel {
    /// The smallest label that is not reserved.
    pub const MIN: Self = Self(16);
    /// The largest label, 2^20 - 1.
    pub const MAX: Self = Self(0xf_ffff);

    /// The label as a number.
    #[inline(always)]
    pub const fn value(self) -> u32 {
        self.0
    }
}

impl TryFrom<u64> for MplsLabel {
    type Error = MplsLabelError;

    fn try_from(label: u64) -> Result<Self, MplsLabelError> {
        match u32::try_from(label) {
            Ok(l) if (Self::MIN.0..=Self::MAX.0).contains(&l) => Ok(Self(l)),
            _ => Err(MplsLabelError(label)),
        }
    }
}

impl fmt::Display for MplsLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The stack entry that we send for `label`, host order: bottom of the stack, traffic class 0, TTL 64.
#[inline(always)]
pub const fn bottom_entry(label: MplsLabel) -> u32 {
    label.value() << 12 | BOTTOM | TTL as u32
}

/// The label of an entry, reserved ones too.
#[inline(always)]
pub const fn label_of(entry: u32) -> u32 {
    entry >> 12
}

/// The traffic class of an entry, 0 to 7 (RFC 5462).
#[inline(always)]
pub const fn traffic_class_of(entry: u32) -> u8 {
    (entry >> 9 & 7) as u8
}

/// The time to live of an entry.
#[inline(always)]
pub const fn ttl_of(entry: u32) -> u8 {
    entry as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn exactly_20_bits_without_the_reserved_ones_are_labels(
            label in prop_oneof![0u64..32, 0xf_fff0u64..0x10_0010, any::<u64>()],
        ) {
            prop_assert_eq!(MplsLabel::try_from(label).is_ok(), (16..=0xf_ffff).contains(&label));
        }

        #[test]
        fn fields_of_an_entry_do_not_overlap(entry: u32) {
            let (label, class, ttl) = (label_of(entry), traffic_class_of(entry), ttl_of(entry));
            prop_assert_eq!(label << 12 | u32::from(class) << 9 | entry & BOTTOM | u32::from(ttl), entry);
        }
    }

    #[test]
    fn an_entry_is_laid_out_as_rfc_3032_says() {
        let label = MplsLabel::try_from(0xabcde).expect("20 bits");
        assert_eq!(bottom_entry(label).to_be_bytes(), [0xab, 0xcd, 0xe1, 64]);
    }
}
