//! The VLAN table: (port, VLAN id) to what it means, by direct lookup. One load, no hash, no lock.

use crate::{PortIndex, VifIndex};
use std::sync::Arc;
use wire::{Tci, VlanId};

const IDS: usize = 4096;
const KIND_VIF: u32 = 1 << 30;
const KIND_DEMUX: u32 = 2 << 30;
const KIND_INNER: u32 = 3 << 30;
const PAYLOAD: u32 = KIND_VIF - 1;

/// What a VLAN of a port stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VlanEntry {
    /// Nothing: its frames are dropped.
    None,
    /// One VMI.
    Vif(VifIndex),
    /// Several VMIs, told apart by source MAC: the number of their group. Not built by this version.
    MacDemux(u32),
    /// An inner tag decides (QinQ): the number of the subtable. Not built by this version.
    Inner(u32),
}

/// A [`VlanEntry`] in four octets, so that all of a port's VLANs take 16 KB: half of a first-level cache.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Packed(u32);

impl Packed {
    const fn pack(entry: VlanEntry) -> Self {
        match entry {
            VlanEntry::None => Self(0),
            VlanEntry::Vif(vif) => Self(KIND_VIF | vif.row() as u32),
            VlanEntry::MacDemux(group) => Self(KIND_DEMUX | (group & PAYLOAD)),
            VlanEntry::Inner(table) => Self(KIND_INNER | (table & PAYLOAD)),
        }
    }

    #[inline(always)]
    const fn unpack(self) -> VlanEntry {
        let payload = self.0 & PAYLOAD;
        match self.0 & !PAYLOAD {
            KIND_VIF => match VifIndex::new(payload as usize) {
                Some(vif) => VlanEntry::Vif(vif),
                None => VlanEntry::None,
            },
            KIND_DEMUX => VlanEntry::MacDemux(payload),
            KIND_INNER => VlanEntry::Inner(payload),
            _ => VlanEntry::None,
        }
    }
}

/// All VLANs of all ports. A change copies one port's 16 KB.
#[derive(Clone, Default)]
pub struct VlanTable {
    ports: Vec<Option<Arc<[Packed; IDS]>>>,
}

impl VlanTable {
    /// The VLANs of `port`; `None` if it has none at all.
    #[inline(always)]
    pub fn port(&self, port: PortIndex) -> Option<PortVlans<'_>> {
        Some(PortVlans(self.ports.get(port.row())?.as_deref()?))
    }

    /// What `vlan` of `port` stands for.
    pub fn lookup(&self, port: PortIndex, vlan: VlanId) -> VlanEntry {
        self.port(port).map_or(VlanEntry::None, |vlans| vlans.lookup(Tci::from(vlan)))
    }

    pub(crate) fn set(&mut self, port: PortIndex, vlan: VlanId, entry: VlanEntry) {
        if self.ports.len() <= port.row() {
            self.ports.resize(port.row() + 1, None);
        }
        let ids = self.ports[port.row()].get_or_insert_with(|| Arc::new([Packed(0); IDS]));
        Arc::make_mut(ids)[usize::from(vlan.value())] = Packed::pack(entry);
    }
}

/// One port's VLANs: taken once per burst, since a burst comes from one port.
#[derive(Clone, Copy)]
pub struct PortVlans<'t>(&'t [Packed; IDS]);

impl PortVlans<'_> {
    /// What the tag's VLAN stands for; 4095 is always `None`. Twelve bits into 4,096 places: no bounds check.
    #[inline(always)]
    pub fn lookup(self, tci: Tci) -> VlanEntry {
        self.0[usize::from(tci.vid())].unpack()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn entries_survive_packing(row in 0usize..=VifIndex::MAX, payload in 0u32..=PAYLOAD) {
            let vif = VifIndex::new(row).unwrap();
            for entry in [VlanEntry::None, VlanEntry::Vif(vif), VlanEntry::MacDemux(payload), VlanEntry::Inner(payload)] {
                prop_assert_eq!(Packed::pack(entry).unpack(), entry);
            }
        }

        #[test]
        fn only_what_was_set_is_found(port in 0usize..4, vlan in 0u32..=4094, other in 0u32..=4094) {
            let (port, vlan) = (PortIndex::new(port).unwrap(), VlanId::try_from(vlan).unwrap());
            let vif = VlanEntry::Vif(VifIndex::new(77).unwrap());
            let mut table = VlanTable::default();
            table.set(port, vlan, vif);
            let other = VlanId::try_from(other).unwrap();
            prop_assert_eq!(table.lookup(port, other) == vif, other == vlan);
            prop_assert_eq!(table.port(port).unwrap().lookup(Tci::new(0xffff)), VlanEntry::None);
        }
    }
}
