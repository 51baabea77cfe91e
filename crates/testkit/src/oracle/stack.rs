//! A label stack on receipt.

use super::Faults;
use telemetry::DropReason::*;

/// What a stack says.
#[derive(Default)]
pub(super) struct Stack {
    /// The label that says what is inside, and its traffic class.
    pub(super) service: Option<(u32, u8)>,
    /// How many octets it has; `None` if its bottom was not found.
    pub(super) octets: Option<usize>,
}

/// Reads to the entry with the S bit (RFC 3032 section 2.1).
///
/// The traffic class that counts is the service label's: what a tunnel's explicit null says is the tunnel's (RFC 3270
/// section 2.6.2, pipe model).
pub(super) fn read(octets: &[u8], faults: &mut Faults) -> Stack {
    let (mut stack, mut is_entropy) = (Stack::default(), false);
    for depth in 0.. {
        // No standard bounds a stack; nobody needs more than eight entries.
        let entry = octets.get(depth * 4..depth * 4 + 4).filter(|_| depth < 8);
        let Some(entry) = entry else {
            faults.when(true, LabelStack);
            return stack;
        };
        let label = u32::from_be_bytes([0, entry[0], entry[1], entry[2]]) >> 4;
        let (class, bottom, ttl) = (entry[2] >> 1 & 7, entry[2] & 1 == 1, entry[3]);
        // RFC 6790 section 4.2: the TTL of an entropy label is 0, that of its indicator is anything.
        let was_entropy = std::mem::replace(&mut is_entropy, false);
        if was_entropy {
            // Its value says nothing to us.
        } else if label == 7 {
            // RFC 6790 section 4.2: never at the bottom, since an entropy label follows.
            is_entropy = true;
            faults.when(bottom, LabelStack);
            faults.when(bottom, ReservedLabel);
        } else {
            // RFC 3032 section 2.4.2: one less than 1 is 0, "no longer forwarded".
            faults.when(ttl <= 1, LabelTtl);
            match label {
                // RFC 4182: IPv4 explicit null need not be at the bottom; what holds for it holds for IPv6's.
                0 | 2 => {}
                // RFC 7274: what is reserved, and nothing that we give a meaning.
                1..16 => faults.when(true, ReservedLabel),
                _ if stack.service.is_some() => faults.when(true, LabelStack),
                _ => stack.service = Some((label, class)),
            }
        }
        if bottom {
            // Explicit null at the bottom says that an IP packet follows, which is nothing to bridge.
            faults.when(stack.service.is_none(), LabelStack);
            faults.when(stack.service.is_none(), ReservedLabel);
            stack.octets = Some((depth + 1) * 4);
            return stack;
        }
    }
    unreachable!("nine entries are too many")
}
