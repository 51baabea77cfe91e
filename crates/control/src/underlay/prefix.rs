use std::fmt;
use std::net::Ipv4Addr;

/// An IPv4 prefix without host bits, such as 172.16.0.0/24.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ipv4Prefix {
    bits: u32,
    len: u8,
}

/// A prefix length that IPv4 does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("prefix length {0}: expected 0 to 32")]
pub struct PrefixError(pub u8);

impl Ipv4Prefix {
    /// The longest prefix: one address.
    pub const MAX_LEN: u8 = 32;

    /// The prefix of `len` bits that covers `address`; its host bits are cleared.
    pub const fn covering(address: Ipv4Addr, len: u8) -> Result<Self, PrefixError> {
        if len > Self::MAX_LEN {
            return Err(PrefixError(len));
        }
        Ok(Self { bits: address.to_bits() & Self::mask(len), len })
    }

    /// The first address.
    pub const fn address(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.bits)
    }

    /// The length in bits, 0 to 32.
    #[expect(clippy::len_without_is_empty, reason = "a prefix of length 0 is not empty, it covers everything")]
    pub const fn len(self) -> u8 {
        self.len
    }

    const fn mask(len: u8) -> u32 {
        // The shift is by 32 for length 0, which leaves nothing.
        (u64::MAX << (Self::MAX_LEN - len)) as u32
    }
}

impl fmt::Display for Ipv4Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address(), self.len)
    }
}

impl fmt::Debug for Ipv4Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
