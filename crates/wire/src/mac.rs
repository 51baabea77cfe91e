use std::fmt;
use std::str::FromStr;

/// A 48-bit IEEE 802 MAC address, in transmission order.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MacAddr([u8; 6]);

/// Why a text is not a MAC address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MacAddrError {
    /// Not six groups separated by `:` or `-`.
    #[error("expected six octets as in 02:00:00:00:10:64")]
    Shape,
    /// A group that is not one or two hexadecimal digits.
    #[error("octet {0} is not one or two hexadecimal digits")]
    Octet(u8),
}

impl MacAddr {
    /// ff:ff:ff:ff:ff:ff.
    pub const BROADCAST: Self = Self([0xff; 6]);
    /// 00:00:00:00:00:00, never a legal source or destination.
    pub const ZERO: Self = Self([0; 6]);
    /// 00:00:5e:00:01:00, by which every gateway is its networks' router: the original's, of VRRP's range (RFC 5798 section
    /// 7.3) with a group of 0, which VRRP does not use.
    pub const VIRTUAL_ROUTER: Self = Self([0x00, 0x00, 0x5e, 0x00, 0x01, 0x00]);

    /// From six octets in transmission order.
    #[inline(always)]
    pub const fn new(octets: [u8; 6]) -> Self {
        Self(octets)
    }

    /// The six octets in transmission order.
    #[inline(always)]
    pub const fn octets(self) -> [u8; 6] {
        self.0
    }

    /// The address as the low 48 bits of a number, first octet most significant.
    #[inline(always)]
    pub const fn to_bits(self) -> u64 {
        let o = self.0;
        u64::from_be_bytes([0, 0, o[0], o[1], o[2], o[3], o[4], o[5]])
    }

    /// From the low 48 bits of a number; the upper 16 are ignored.
    #[inline(always)]
    pub const fn from_bits(bits: u64) -> Self {
        let o = bits.to_be_bytes();
        Self([o[2], o[3], o[4], o[5], o[6], o[7]])
    }

    /// Whether the group bit is set (IEEE 802-2014 section 8.2): multicast and broadcast.
    #[inline(always)]
    pub const fn is_group(self) -> bool {
        self.0[0] & 1 != 0
    }

    /// Whether this can be the address of one station: not a group, not zero.
    pub const fn is_station(self) -> bool {
        !self.is_group() && self.to_bits() != 0
    }
}

impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let o = self.0;
        write!(f, "{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", o[0], o[1], o[2], o[3], o[4], o[5])
    }
}

impl fmt::Debug for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for MacAddr {
    type Err = MacAddrError;

    fn from_str(text: &str) -> Result<Self, MacAddrError> {
        let mut octets = [0u8; 6];
        let mut groups = text.split([':', '-']);
        for (octet, n) in octets.iter_mut().zip(1..) {
            let group = groups.next().ok_or(MacAddrError::Shape)?;
            if group.is_empty() || group.len() > 2 || !group.bytes().all(|b| b.is_ascii_hexdigit()) {
                return Err(MacAddrError::Octet(n));
            }
            *octet = u8::from_str_radix(group, 16).map_err(|_| MacAddrError::Octet(n))?;
        }
        if groups.next().is_some() {
            return Err(MacAddrError::Shape);
        }
        Ok(Self(octets))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn text_and_bits_round_trip(octets: [u8; 6]) {
            let mac = MacAddr::new(octets);
            prop_assert_eq!(mac.to_string().parse(), Ok(mac));
            prop_assert_eq!(MacAddr::from_bits(mac.to_bits()), mac);
        }
    }

    #[test]
    fn malformed_texts_are_refused_with_the_place() {
        assert_eq!("02:00:00:00:10".parse::<MacAddr>(), Err(MacAddrError::Shape));
        assert_eq!("02:00:00:00:10:64:00".parse::<MacAddr>(), Err(MacAddrError::Shape));
        assert_eq!("02:00:0g:00:10:64".parse::<MacAddr>(), Err(MacAddrError::Octet(3)));
        assert_eq!("02:+0:00:00:10:64".parse::<MacAddr>(), Err(MacAddrError::Octet(2)));
        assert_eq!("".parse::<MacAddr>(), Err(MacAddrError::Octet(1)));
    }

    #[test]
    fn group_and_station_addresses_are_told_apart() {
        assert!(MacAddr::BROADCAST.is_group());
        assert!(MacAddr::new([1, 0x80, 0xc2, 0, 0, 0]).is_group());
        assert!(MacAddr::new([0, 0, 0x5e, 0, 1, 0]).is_station());
        assert!(!MacAddr::ZERO.is_station());
    }
}
