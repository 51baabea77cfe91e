use std::fmt;

/// An 802.1Q VLAN identifier: 0 (untagged and priority-tagged) to 4094. 4095 is reserved (IEEE 802.1Q-2018 table 9-2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VlanId(u16);

/// A VLAN id out of range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("VLAN id {0} is out of range: expected 0 (untagged) to 4094; 4095 is reserved")]
pub struct VlanIdError(pub u32);

impl VlanId {
    /// Untagged and priority-tagged frames.
    pub const UNTAGGED: Self = Self(0);
    /// The largest usable id.
    pub const MAX: Self = Self(4094);

    /// The id as a number.
    #[inline(always)]
    pub const fn value(self) -> u16 {
        self.0
    }

    /// Whether frames of this VLAN carry no tag on the wire.
    pub const fn is_untagged(self) -> bool {
        self.0 == 0
    }
}

impl TryFrom<u32> for VlanId {
    type Error = VlanIdError;

    fn try_from(id: u32) -> Result<Self, VlanIdError> {
        match u16::try_from(id) {
            Ok(id) if id <= Self::MAX.0 => Ok(Self(id)),
            _ => Err(VlanIdError(id)),
        }
    }
}

impl fmt::Display for VlanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// An 802.1Q tag control information field: PCP (3 bits), DEI (1), VLAN id (12, here also 4095, since it is read from a
/// frame).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Tci(u16);

impl Tci {
    /// From the 16 bits of the field, host order.
    #[inline(always)]
    pub const fn new(bits: u16) -> Self {
        Self(bits)
    }

    /// The 16 bits, host order.
    #[inline(always)]
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// The low 12 bits: a VLAN table index, 0 to 4095.
    #[inline(always)]
    pub const fn vid(self) -> u16 {
        self.0 & 0xfff
    }

    /// Priority code point and drop eligible indicator, in their places; the VLAN id's bits are 0.
    #[inline(always)]
    pub const fn priority(self) -> u16 {
        self.0 & 0xf000
    }

    /// The priority code point, 0 to 7.
    #[inline(always)]
    pub const fn pcp(self) -> u8 {
        (self.0 >> 13) as u8
    }
}

impl From<VlanId> for Tci {
    fn from(id: VlanId) -> Self {
        Self(id.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn exactly_0_to_4094_are_vlan_ids(id in 0u32..70_000) {
            prop_assert_eq!(VlanId::try_from(id).is_ok(), id <= 4094);
        }

        #[test]
        fn tci_fields_do_not_overlap(bits: u16) {
            let tci = Tci::new(bits);
            let dei = bits & 0x1000;
            prop_assert_eq!((u16::from(tci.pcp()) << 13) | dei | tci.vid(), bits);
        }
    }
}
