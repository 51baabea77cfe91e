use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A prefix of either family without host bits, such as 172.16.0.0/24 or fd00:1::/64.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IpPrefix {
    address: IpAddr,
    len: u8,
}

/// A prefix length that the address's family does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("prefix length {len}: expected 0 to {max}")]
pub struct PrefixError {
    /// The length.
    pub len: u8,
    /// The greatest one: 32 or 128.
    pub max: u8,
}

impl IpPrefix {
    /// The greatest length of any family.
    pub const MAX_LEN: u8 = 128;

    /// The prefix of `len` bits that covers `address`; its host bits are cleared.
    ///
    /// # Errors
    /// If the family's addresses have fewer bits.
    pub fn covering(address: impl Into<IpAddr>, len: u8) -> Result<Self, PrefixError> {
        let address = address.into();
        let max = Self::longest(address);
        if len > max {
            return Err(PrefixError { len, max });
        }
        // A shift by all bits, for length 0, has to leave nothing.
        let host_bits = u32::from(max - len);
        let address = match address {
            IpAddr::V4(v4) => Ipv4Addr::from_bits(v4.to_bits() & u32::MAX.checked_shl(host_bits).unwrap_or(0)).into(),
            IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & u128::MAX.checked_shl(host_bits).unwrap_or(0)).into(),
        };
        Ok(Self { address, len })
    }

    /// The length of a prefix that is one address of that family: 32 or 128.
    pub const fn longest(address: IpAddr) -> u8 {
        if address.is_ipv4() { 32 } else { 128 }
    }

    /// The first address.
    pub const fn address(self) -> IpAddr {
        self.address
    }

    /// The length in bits, 0 to 32 or 128.
    #[expect(clippy::len_without_is_empty, reason = "a prefix of length 0 is not empty, it covers everything")]
    pub const fn len(self) -> u8 {
        self.len
    }

    /// Whether the address is of the same family and begins with the prefix's bits.
    pub fn covers(self, address: IpAddr) -> bool {
        address.is_ipv4() == self.address.is_ipv4() && Self::covering(address, self.len) == Ok(self)
    }
}

impl fmt::Display for IpPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.len)
    }
}

impl fmt::Debug for IpPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
