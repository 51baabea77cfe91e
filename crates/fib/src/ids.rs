//! Table indices, a type each: a `NexthopId` cannot index the VIF table.

use std::fmt;

macro_rules! index {
    ($(#[$doc:meta])* $name:ident($int:ty), max $max:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name($int);

        impl $name {
            /// The largest value.
            pub const MAX: usize = $max;

            /// From a row number; `None` above [`Self::MAX`].
            pub const fn new(row: usize) -> Option<Self> {
                if row <= Self::MAX { Some(Self(row as $int)) } else { None }
            }

            /// Of the bits that a table of this crate packed from a legal value: nothing is left to check.
            #[allow(dead_code, reason = "not every index is packed")]
            #[inline(always)]
            pub(crate) const fn unpacked(bits: u32) -> Self {
                Self(bits as $int)
            }

            /// The row number.
            #[inline(always)]
            pub const fn row(self) -> usize {
                self.0 as usize
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

index! {
    /// A virtual interface (the gateway's side of a VMI) on this node: of twice as many as there may be at one time, so
    /// that all of them can be exchanged at once.
    VifIndex(u32), max 131_071
}

index! {
    /// A virtual network on this node. 16 bits, since it shares a 64-bit key with a MAC address.
    NetworkId(u16), max 65_534
}

index! {
    /// How to reach something behind the fabric: a tunnel, and the label or VNI in it.
    NexthopId(u32), max 0x0fff_ffff
}

index! {
    /// A tunnel to one remote VTEP by one encapsulation.
    TunnelId(u32), max 65_535
}

index! {
    /// The other end of tunnels: a VTEP that this node knows, by its address.
    PeerId(u16), max 65_535
}

index! {
    /// The VMIs that share one VLAN of a port and are told apart by source MAC.
    GroupId(u16), max 65_534
}

index! {
    /// A learned station.
    LearnedId(u32), max 0x000f_ffff
}

index! {
    /// A data path port.
    PortIndex(u16), max 255
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn rows_round_trip_within_the_range(row in 0usize..200_000) {
            prop_assert_eq!(VifIndex::new(row).map(VifIndex::row), (row <= VifIndex::MAX).then_some(row));
            prop_assert_eq!(NetworkId::new(row).map(NetworkId::row), (row <= NetworkId::MAX).then_some(row));
            prop_assert_eq!(PortIndex::new(row).map(PortIndex::row), (row <= PortIndex::MAX).then_some(row));
        }
    }
}
