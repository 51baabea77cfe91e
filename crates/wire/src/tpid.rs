use std::fmt;
use std::str::FromStr;

/// A tag protocol identifier that a port may use for its outer tag (IEEE 802.1Q-2018 table 9-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Tpid {
    /// 0x8100: a customer VLAN tag, which is what an ordinary trunk has.
    #[default]
    Customer,
    /// 0x88a8: a service VLAN tag (802.1ad).
    Service,
}

/// A tag protocol identifier that is neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected 0x8100 (an 802.1Q trunk) or 0x88a8 (802.1ad)")]
pub struct TpidError;

impl Tpid {
    /// The 16 bits, host order.
    #[inline(always)]
    pub const fn value(self) -> u16 {
        match self {
            Self::Customer => crate::ethernet::TYPE_VLAN,
            Self::Service => crate::ethernet::TYPE_SERVICE_VLAN,
        }
    }
}

/// Whether an EtherType announces a VLAN tag of whatever kind: 0x8100, 0x88a8, and what vendors used before there was a
/// standard (0x9100, 0x9200, 0x9300).
#[inline(always)]
pub const fn is_tag_type(ether_type: u16) -> bool {
    matches!(ether_type, 0x8100 | 0x88a8 | 0x9100 | 0x9200 | 0x9300)
}

impl FromStr for Tpid {
    type Err = TpidError;

    fn from_str(text: &str) -> Result<Self, TpidError> {
        match text {
            "0x8100" => Ok(Self::Customer),
            "0x88a8" | "0x88A8" => Ok(Self::Service),
            _ => Err(TpidError),
        }
    }
}

impl fmt::Display for Tpid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#06x}", self.value())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_round_trip_as_text_and_nothing_else_is_one() {
        for tpid in [Tpid::Customer, Tpid::Service] {
            assert_eq!(tpid.to_string().parse(), Ok(tpid));
            assert!(is_tag_type(tpid.value()));
        }
        for text in ["0x9100", "8100", "", "33024"] {
            assert_eq!(text.parse::<Tpid>(), Err(TpidError), "{text}");
        }
    }
}
