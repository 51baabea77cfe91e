//! What storm control let pass and what it did not, by interface and by network. Flooding is rare and most interfaces never
//! storm: the system gives the memory page by page, when one of the rows on it first counts.

use crate::{Counter, DropReason};
use fib::{NetworkId, StormClass, VifIndex};
use zerocopy::FromZeros;

/// The reason for which a flooded frame beyond its budget is dropped.
pub const fn storm_reason(class: StormClass) -> DropReason {
    match class {
        StormClass::Broadcast => DropReason::StormBroadcast,
        StormClass::UnknownUnicast => DropReason::StormUnknownUnicast,
        StormClass::Multicast => DropReason::StormMulticast,
    }
}

/// What one worker flooded for one interface or one network, and what it did not, by [`StormClass`].
#[derive(Debug, Default, FromZeros)]
#[repr(align(64))]
pub struct StormCounts {
    flooded: [Counter; StormClass::COUNT],
    suppressed: [Counter; StormClass::COUNT],
}

/// The values of [`StormCounts`], or sums of them; by [`StormClass`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StormTotals {
    /// Frames that were flooded.
    pub flooded: [u64; StormClass::COUNT],
    /// Frames that were beyond a budget and dropped.
    pub suppressed: [u64; StormClass::COUNT],
}

impl StormCounts {
    /// Counts a frame that was flooded.
    #[inline]
    pub fn flooded(&self, class: StormClass) {
        self.flooded[class as usize].add(1);
    }

    /// Counts a frame that was beyond a budget.
    #[inline]
    pub fn suppressed(&self, class: StormClass) {
        self.suppressed[class as usize].add(1);
    }

    /// The values now.
    pub fn read(&self) -> StormTotals {
        StormTotals {
            flooded: std::array::from_fn(|n| self.flooded[n].read()),
            suppressed: std::array::from_fn(|n| self.suppressed[n].read()),
        }
    }
}

impl StormTotals {
    /// Whether nothing was flooded and nothing suppressed.
    pub fn is_zero(&self) -> bool {
        *self == Self::default()
    }
}

impl std::ops::AddAssign for StormTotals {
    fn add_assign(&mut self, other: Self) {
        self.flooded.iter_mut().zip(other.flooded).for_each(|(sum, n)| *sum += n);
        self.suppressed.iter_mut().zip(other.suppressed).for_each(|(sum, n)| *sum += n);
    }
}

/// One worker's [`StormCounts`] of all interfaces and networks.
#[derive(Debug)]
pub struct StormTable {
    vifs: Box<[StormCounts]>,
    networks: Box<[StormCounts]>,
    nowhere: StormCounts,
}

impl StormTable {
    /// With room for interfaces `0..vifs` and for all networks that there can be.
    ///
    /// # Panics
    /// If so many take more than all memory that a process can address.
    pub(crate) fn new(vifs: usize) -> Self {
        let rows =
            |n| <[StormCounts]>::new_box_zeroed_with_elems(n).expect("the address space has room for the counters");
        Self { vifs: rows(vifs), networks: rows(NetworkId::MAX + 1), nowhere: StormCounts::default() }
    }

    /// An interface's. Counts for one without room are thrown together.
    #[inline]
    pub fn vif(&self, vif: VifIndex) -> &StormCounts {
        self.vifs.get(vif.row()).unwrap_or(&self.nowhere)
    }

    /// A network's.
    #[inline]
    pub fn network(&self, network: NetworkId) -> &StormCounts {
        self.networks.get(network.row()).unwrap_or(&self.nowhere)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_and_networks_count_apart_by_class() {
        let table = StormTable::new(4);
        let (vif, network) = (VifIndex::new(1).unwrap(), NetworkId::new(1).unwrap());
        table.vif(vif).flooded(StormClass::Multicast);
        table.network(network).suppressed(StormClass::Broadcast);
        table.network(network).suppressed(StormClass::Broadcast);
        assert_eq!(table.vif(vif).read(), StormTotals { flooded: [0, 0, 1], suppressed: [0; 3] });
        assert_eq!(table.network(network).read(), StormTotals { flooded: [0; 3], suppressed: [2, 0, 0] });
        assert!(table.vif(VifIndex::new(2).unwrap()).read().is_zero());
    }
}
