use std::fmt;

/// A VXLAN network identifier: 1 to 16,777,215 (RFC 7348 section 5; the configuration schema excludes 0).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Vni(u32);

/// A VNI out of range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("VNI {0} is out of range: expected 1 to 16777215")]
pub struct VniError(pub u64);

impl Vni {
    /// The smallest VNI.
    pub const MIN: Self = Self(1);
    /// The largest VNI, 2^24 - 1.
    pub const MAX: Self = Self(0xff_ffff);

    /// The VNI as a number.
    #[inline(always)]
    pub const fn value(self) -> u32 {
        self.0
    }
}

impl TryFrom<u64> for Vni {
    type Error = VniError;

    fn try_from(vni: u64) -> Result<Self, VniError> {
        match u32::try_from(vni) {
            Ok(v) if (Self::MIN.0..=Self::MAX.0).contains(&v) => Ok(Self(v)),
            _ => Err(VniError(vni)),
        }
    }
}

impl fmt::Display for Vni {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn exactly_24_bits_without_zero_are_vnis(vni in prop_oneof![0u64..16, 0xff_fff0u64..0x100_0010, any::<u64>()]) {
            prop_assert_eq!(Vni::try_from(vni).is_ok(), (1..=0xff_ffff).contains(&vni));
        }
    }
}
