//! Learned stations: source addresses that interfaces of networks that learn have been seen to send.
//!
//! [`Snapshot::learned`] tells a worker that a source is known behind its interface, and by which row its mark is set, so that
//! control sees that the station lives. Where frames to it go stands in [`Snapshot::macs`], as for any other station.

use crate::{Destination, LearnedId, NetworkId, Snapshot, Vif, VifIndex};
use wire::MacAddr;

/// The bit of [`MacAddr::to_bits`] that tells groups from stations.
const GROUP_BIT: u64 = 1 << 40;
/// Bits of an interface's number that stand above the MAC.
const LOW_BITS: u32 = 16;
const _: () = assert!(VifIndex::MAX < 1 << (LOW_BITS + 1), "one bit more finds room where a station has the group bit");

/// What is known of a source behind an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Learned {
    /// It is at home there.
    Here(LearnedId),
    /// It may not send there: it moved too often.
    Blocked,
}

const BLOCKED: u32 = 1 << 30;

impl Learned {
    /// As a value of [`Snapshot::learned`]: never 0.
    pub(crate) const fn pack(self) -> u32 {
        match self {
            Self::Here(row) => row.row() as u32 + 1,
            Self::Blocked => BLOCKED,
        }
    }

    /// From a value of [`Snapshot::learned`]; 0, "not found", is `None`.
    #[inline]
    pub const fn unpack(value: u32) -> Option<Self> {
        match value {
            0 => None,
            BLOCKED => Some(Self::Blocked),
            row => match LearnedId::new(row as usize - 1) {
                Some(row) => Some(Self::Here(row)),
                None => None,
            },
        }
    }
}

/// The key of a station's address (as [`MacAddr::to_bits`]) behind an interface, for [`Snapshot::learned`]. Exact: the
/// number's 17th bit takes the place of the group bit, which no station has set. Inverted, so that the one number that is no
/// key of a map belongs to the zero address.
#[inline(always)]
pub const fn learned_key(vif: VifIndex, mac: u64) -> u64 {
    let number = vif.row() as u64;
    let (low, high) = (number << 48, number >> LOW_BITS << 40);
    !(low | high | mac & !GROUP_BIT)
}

/// Under this address, which is never learned, stands whether an interface takes no further stations.
const FULL: u64 = MacAddr::VIRTUAL_ROUTER.to_bits();

pub(crate) const fn full_key(vif: VifIndex) -> u64 {
    learned_key(vif, FULL)
}

impl Snapshot {
    /// What is known of `mac` (as [`MacAddr::to_bits`]) behind an interface. One at a time.
    pub fn learned_at(&self, vif: VifIndex, mac: u64) -> Option<Learned> {
        Learned::unpack(self.learned.lookup(learned_key(vif, mac))?)
    }

    /// Whether `mac` (as [`MacAddr::to_bits`]) was learned behind an interface.
    pub fn is_learned(&self, vif: VifIndex, mac: u64) -> bool {
        matches!(self.learned_at(vif, mac), Some(Learned::Here(_)))
    }

    /// Whether a network knows where a station is from a better source than learning: it is configured, or announced, or the
    /// gateway's. Such a station is learned nowhere: a loop shows us our own stations from outside.
    pub fn is_settled(&self, network: NetworkId, mac: MacAddr) -> bool {
        match self.destination(network, mac) {
            None => mac == MacAddr::VIRTUAL_ROUTER,
            Some(Destination::Vif(at)) => !self.is_learned(at, mac.to_bits()),
            Some(_) => true,
        }
    }

    /// Whether `mac` (as [`MacAddr::to_bits`]) is at home on the segment of an interface, whose row is `vif`: owned or learned.
    #[inline]
    pub fn segment_has(&self, id: VifIndex, vif: &Vif, mac: u64) -> bool {
        self.segment_owns(vif, mac) || (vif.learns() && self.is_learned(id, mac))
    }

    /// Whether frames from stations that are new to an interface are dropped: it, or its network, has as many as it may have.
    pub fn takes_no_stations(&self, vif: VifIndex) -> bool {
        self.learned.lookup(full_key(vif)).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    fn station() -> impl Strategy<Value = u64> {
        (1u64..1 << 48).prop_map(|bits| bits & !GROUP_BIT).prop_filter("a station", |bits| *bits != 0)
    }

    proptest! {
        #[test]
        fn keys_are_exact_and_none_is_the_empty_one(
            pairs in prop::collection::hash_set((0usize..=VifIndex::MAX, station()), 1..50),
        ) {
            let keys: HashMap<u64, _> = pairs
                .iter()
                .map(|(vif, mac)| (learned_key(VifIndex::new(*vif).expect("within"), *mac), (*vif, *mac)))
                .collect();
            prop_assert_eq!(keys.len(), pairs.len());
            prop_assert!(!keys.contains_key(&u64::MAX));
        }
    }

    #[test]
    fn corners_of_the_keys_differ() {
        let vifs = [0, 1, 65_535, 65_536, VifIndex::MAX];
        let macs = [1, FULL, 0xfeff_ffff_ffff, 0x00ff_ffff_ffff, 0xfe00_0000_0000];
        let keys: std::collections::HashSet<u64> = vifs
            .iter()
            .flat_map(|vif| macs.map(|mac| learned_key(VifIndex::new(*vif).expect("within"), mac)))
            .collect();
        assert_eq!(keys.len(), vifs.len() * macs.len());
        assert!(!keys.contains(&u64::MAX));
    }

    #[test]
    fn values_round_trip() {
        for learned in [
            Learned::Blocked,
            Learned::Here(LearnedId::new(0).unwrap()),
            Learned::Here(LearnedId::new(LearnedId::MAX).unwrap()),
        ] {
            assert_eq!(Learned::unpack(learned.pack()), Some(learned));
        }
        assert_eq!(Learned::unpack(0), None);
    }
}
