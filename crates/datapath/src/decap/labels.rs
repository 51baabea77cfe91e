//! The label stack of a tunnel packet (RFC 3032 section 2.1), entry by entry.
//!
//! One label says what is inside. In front of it explicit nulls (RFC 4182) and pairs of entropy label indicator and entropy
//! label (RFC 6790 section 4.3) may stand, and such pairs behind it too; nothing else may.

use super::plain::priority;
use telemetry::DropReason;
use wire::{Tci, mpls};

/// Entries that a stack may have: more than anybody needs who tunnels to us.
const MAX_ENTRIES: usize = 8;

/// What a stack says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stack {
    pub(super) label: u32,
    pub(super) priority: Tci,
    /// Where what follows the bottom begins.
    pub(super) at: usize,
}

/// Reads the stack that begins at `at` of a packet that ends at `end`.
pub(super) fn read(packet: &[u8], mut at: usize, end: usize) -> Result<Stack, DropReason> {
    let mut service = None;
    let mut entropy_label_next = false;
    for _ in 0..MAX_ENTRIES {
        if at + mpls::ENTRY_OCTETS > end {
            return Err(DropReason::LabelStack);
        }
        let entry = packet.get(at..).and_then(|rest| rest.first_chunk()).ok_or(DropReason::NotContiguous)?;
        let entry = u32::from_be_bytes(*entry);
        at += mpls::ENTRY_OCTETS;
        let is_bottom = entry & mpls::BOTTOM != 0;
        if entropy_label_next {
            // Its TTL is zero, by RFC 6790 section 4.2.
            entropy_label_next = false;
        } else {
            match mpls::label_of(entry) {
                mpls::ENTROPY_LABEL_INDICATOR if !is_bottom => entropy_label_next = true,
                mpls::IPV4_EXPLICIT_NULL | mpls::IPV6_EXPLICIT_NULL => alive(entry)?,
                0..16 => return Err(DropReason::ReservedLabel),
                _ if service.is_some() => return Err(DropReason::LabelStack),
                label => {
                    alive(entry)?;
                    service = Some((label, priority(entry)));
                }
            }
        }
        if is_bottom {
            // An explicit null at the bottom says that plain IP follows: not to us.
            let (label, priority) = service.ok_or(DropReason::ReservedLabel)?;
            return Ok(Stack { label, priority, at });
        }
    }
    Err(DropReason::LabelStack)
}

/// RFC 3032 section 2.4.2: one less on the way, and then zero, is the end.
fn alive(entry: u32) -> Result<(), DropReason> {
    if mpls::ttl_of(entry) > 1 { Ok(()) } else { Err(DropReason::LabelTtl) }
}

#[cfg(test)]
#[allow(clippy::disallowed_macros, reason = "what is banned from the packet path may serve to test it")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entry(label: u32, bottom: bool, ttl: u8) -> [u8; 4] {
        (label << 12 | u32::from(bottom) << 8 | u32::from(ttl)).to_be_bytes()
    }

    fn label_of(entries: &[(u32, bool, u8)]) -> Result<(u32, usize), DropReason> {
        let octets: Vec<u8> = entries.iter().flat_map(|(label, bottom, ttl)| entry(*label, *bottom, *ttl)).collect();
        read(&octets, 0, octets.len()).map(|stack| (stack.label, stack.at))
    }

    #[test]
    fn explicit_nulls_and_entropy_labels_are_passed_over() {
        assert_eq!(label_of(&[(100, true, 64)]), Ok((100, 4)));
        assert_eq!(label_of(&[(0, false, 64), (100, true, 2)]), Ok((100, 8)));
        assert_eq!(label_of(&[(2, false, 64), (7, false, 0), (99_999, false, 0), (100, true, 2)]), Ok((100, 16)));
        assert_eq!(label_of(&[(100, false, 64), (7, false, 64), (5, true, 0)]), Ok((100, 12)));
    }

    #[test]
    fn what_has_no_place_in_a_stack_is_refused() {
        assert_eq!(label_of(&[(100, false, 64)]), Err(DropReason::LabelStack));
        assert_eq!(label_of(&[(100, false, 64), (101, true, 64)]), Err(DropReason::LabelStack));
        assert_eq!(label_of(&[(100, false, 64), (3, true, 64)]), Err(DropReason::ReservedLabel));
        assert_eq!(label_of(&[(7, true, 64)]), Err(DropReason::ReservedLabel));
        assert_eq!(label_of(&[(0, true, 64)]), Err(DropReason::ReservedLabel));
        assert_eq!(label_of(&[(100, true, 1)]), Err(DropReason::LabelTtl));
        assert_eq!(label_of(&[(0, false, 0), (100, true, 64)]), Err(DropReason::LabelTtl));
        assert_eq!(label_of(&[(0, false, 64); 9]), Err(DropReason::LabelStack));
    }

    proptest! {
        #[test]
        fn no_octets_lead_beyond_the_packet(octets in proptest::collection::vec(any::<u8>(), 0..60), at in 0usize..64) {
            if let Ok(stack) = read(&octets, at, octets.len()) {
                prop_assert!(stack.at <= octets.len() && stack.label >= 16);
            }
        }
    }
}
