//! The VLAN table: (port, VLAN id) to what it means, by direct lookup. One load, no hash, no lock.

use crate::{ControlPort, ControlVlan, GroupId, PortIndex, VifIndex};
use std::sync::Arc;
use wire::{Tci, Tpid, VlanId};

const IDS: usize = 4096;
const KIND_VIF: u32 = 1 << 30;
const KIND_DEMUX: u32 = 2 << 30;
const KIND_INNER: u32 = 3 << 30;
const PAYLOAD: u32 = KIND_VIF - 1;
/// Of a `KIND_INNER`: no table of inner tags, but a member of a BPDU network. Both are rare, and are told apart off the usual
/// way.
const CONTROL: u32 = 1 << 29;

/// What a VLAN of a port stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VlanEntry {
    /// Nothing: its frames are dropped.
    None,
    /// One VMI.
    Vif(VifIndex),
    /// Several VMIs, told apart by source MAC: [`Snapshot::demux`](crate::Snapshot::demux).
    MacDemux(GroupId),
    /// The tag behind it decides (QinQ): [`VlanTable::inner`].
    Inner(InnerVlans),
    /// VLAN 0 of a member of a BPDU network, the destination decides first: [`VlanTable::control`].
    Control(ControlPort),
}

/// The number of a table of inner tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InnerVlans(u32);

/// A [`VlanEntry`] in four octets, so that all of a port's VLANs take 16 KB: half of a first-level cache.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Packed(u32);

impl Packed {
    const fn pack(entry: VlanEntry) -> Self {
        match entry {
            VlanEntry::None => Self(0),
            VlanEntry::Vif(vif) => Self(KIND_VIF | vif.row() as u32),
            VlanEntry::MacDemux(group) => Self(KIND_DEMUX | group.row() as u32),
            VlanEntry::Inner(table) => Self(KIND_INNER | (table.0 & (CONTROL - 1))),
            VlanEntry::Control(port) => Self(KIND_INNER | CONTROL | (port.0 & (CONTROL - 1))),
        }
    }

    #[inline(always)]
    const fn unpack(self) -> VlanEntry {
        let payload = self.0 & PAYLOAD;
        match self.0 & !PAYLOAD {
            KIND_VIF => VlanEntry::Vif(VifIndex::unpacked(payload)),
            KIND_DEMUX => VlanEntry::MacDemux(GroupId::unpacked(payload)),
            KIND_INNER if payload & CONTROL != 0 => VlanEntry::Control(ControlPort(payload & !CONTROL)),
            KIND_INNER => VlanEntry::Inner(InnerVlans(payload)),
            _ => VlanEntry::None,
        }
    }
}

type Ids = [Packed; IDS];
/// Of a port that has none.
static NO_VLANS: Ids = [Packed(0); IDS];

#[derive(Clone, Default)]
struct Port {
    tpid: Tpid,
    ids: Option<Arc<Ids>>,
    /// What `ids` is when the port is open, while it is closed: a worker that looks a VLAN up finds none, and looks no further.
    set_aside: Option<Arc<Ids>>,
    closed: bool,
}

/// All VLANs of all ports, and what is behind a VLAN that has inner ones. A change copies one table's 16 KB.
#[derive(Clone, Default)]
pub struct VlanTable {
    ports: Vec<Port>,
    inner: Vec<Arc<Ids>>,
    controls: Vec<ControlVlan>,
}

impl VlanTable {
    /// The VLANs of `port`.
    #[inline(always)]
    pub fn port(&self, port: PortIndex) -> PortVlans<'_> {
        PortVlans(self.ports.get(port.row()).and_then(|port| port.ids.as_deref()).unwrap_or(&NO_VLANS))
    }

    /// Whether `port` is closed: then no VLAN of it stands for anything.
    pub fn is_closed(&self, port: PortIndex) -> bool {
        self.ports.get(port.row()).is_some_and(|port| port.closed)
    }

    /// Closes or opens a port, whose VLANs are all set; returns whether that is new.
    pub(crate) fn set_closed(&mut self, port: PortIndex, closed: bool) -> bool {
        let port = self.port_mut(port);
        if port.closed != closed {
            port.closed = closed;
            std::mem::swap(&mut port.ids, &mut port.set_aside);
            return true;
        }
        false
    }

    /// The type of the outer tag on `port`.
    #[inline(always)]
    pub fn tpid(&self, port: PortIndex) -> Tpid {
        self.ports.get(port.row()).map_or(Tpid::Customer, |port| port.tpid)
    }

    /// What inner tags stand for behind a VLAN that has such; place 0 is for frames without one.
    #[inline(always)]
    pub fn inner(&self, table: InnerVlans) -> Option<PortVlans<'_>> {
        Some(PortVlans(self.inner.get(table.0 as usize)?))
    }

    /// VLAN 0 of a member of a BPDU network.
    #[inline(always)]
    pub fn control(&self, port: ControlPort) -> Option<ControlVlan> {
        self.controls.get(port.0 as usize).copied()
    }

    /// What `vlan` of `port` stands for, inner tags not considered.
    pub(crate) fn outer(&self, port: PortIndex, vlan: VlanId) -> VlanEntry {
        self.port(port).lookup(Tci::from(vlan))
    }

    /// What `vlan` of `port` stands for, or `inner` behind it. `None` is a frame without an inner tag. Control frames are not
    /// considered: of a member of a BPDU network, it is what VLAN 0 stands for otherwise.
    pub fn lookup(&self, port: PortIndex, vlan: VlanId, inner: Option<VlanId>) -> VlanEntry {
        let outer = self.outer(port, vlan);
        match (outer, inner) {
            (VlanEntry::Inner(table), _) => {
                let behind = inner.unwrap_or(VlanId::UNTAGGED);
                self.inner(table).map_or(VlanEntry::None, |vlans| vlans.lookup(Tci::from(behind)))
            }
            (_, Some(_)) => VlanEntry::None,
            (VlanEntry::Control(number), None) => {
                self.control(number).map_or(VlanEntry::None, |control| control.others)
            }
            (outer, None) => outer,
        }
    }

    pub(crate) fn set_tpid(&mut self, port: PortIndex, tpid: Tpid) {
        self.port_mut(port).tpid = tpid;
    }

    /// Sets what [`lookup`](Self::lookup) finds. A VLAN with both keeps the frames without an inner tag where they were.
    pub(crate) fn set(&mut self, port: PortIndex, vlan: VlanId, inner: Option<VlanId>, entry: VlanEntry) {
        let table = match (self.outer(port, vlan), inner) {
            (VlanEntry::Inner(table), _) => table,
            (VlanEntry::Control(number), None) => {
                self.controls[number.0 as usize].others = entry;
                return;
            }
            (plain, Some(_)) => self.add_inner(port, vlan, plain),
            (_, None) => return self.set_outer(port, vlan, entry),
        };
        let place = inner.unwrap_or(VlanId::UNTAGGED).value();
        Arc::make_mut(&mut self.inner[table.0 as usize])[usize::from(place)] = Packed::pack(entry);
    }

    /// Makes a port a member of a BPDU network, whose interface is `vif`; `false` if it is one already. What its VLAN 0 stood
    /// for stays so, but for control frames.
    pub(crate) fn set_control(&mut self, port: PortIndex, vif: VifIndex) -> bool {
        let others = self.outer(port, VlanId::UNTAGGED);
        if matches!(others, VlanEntry::Control(_)) {
            return false;
        }
        let number = ControlPort(self.controls.len() as u32);
        self.controls.push(ControlVlan { vif, others });
        self.set_outer(port, VlanId::UNTAGGED, VlanEntry::Control(number));
        true
    }

    /// Makes a VLAN one with inner tags; `plain` is what it stood for.
    fn add_inner(&mut self, port: PortIndex, vlan: VlanId, plain: VlanEntry) -> InnerVlans {
        let mut ids = [Packed(0); IDS];
        ids[0] = Packed::pack(plain);
        let table = InnerVlans(self.inner.len() as u32);
        self.inner.push(Arc::new(ids));
        self.set_outer(port, vlan, VlanEntry::Inner(table));
        table
    }

    fn set_outer(&mut self, port: PortIndex, vlan: VlanId, entry: VlanEntry) {
        let ids = self.port_mut(port).ids.get_or_insert_with(|| Arc::new([Packed(0); IDS]));
        Arc::make_mut(ids)[usize::from(vlan.value())] = Packed::pack(entry);
    }

    fn port_mut(&mut self, port: PortIndex) -> &mut Port {
        if self.ports.len() <= port.row() {
            self.ports.resize(port.row() + 1, Port::default());
        }
        &mut self.ports[port.row()]
    }
}

/// The VLANs of one port, or those behind one VLAN: taken once per burst, since a burst comes from one port.
#[derive(Clone, Copy)]
pub struct PortVlans<'t>(&'t Ids);

impl PortVlans<'_> {
    /// What the tag's VLAN stands for; 4095 is always `None`. Twelve bits into 4,096 places: no bounds check.
    #[inline(always)]
    pub fn lookup(self, tci: Tci) -> VlanEntry {
        self.0[usize::from(tci.vid())].unpack()
    }

    /// The group that shares the tag's VLAN, if it is simply one's: asked in one comparison too.
    #[inline(always)]
    pub fn group(self, tci: Tci) -> Option<GroupId> {
        let Packed(entry) = self.0[usize::from(tci.vid())];
        (entry & !PAYLOAD == KIND_DEMUX).then_some(GroupId::unpacked(entry & PAYLOAD))
    }

    /// Whether the port is a member of a BPDU network: asked once a burst.
    #[inline(always)]
    pub fn control(self) -> Option<ControlPort> {
        let [Packed(untagged), ..] = *self.0;
        (untagged & !(CONTROL - 1) == KIND_INNER | CONTROL).then_some(ControlPort(untagged & (CONTROL - 1)))
    }

    /// The interface that the tag's VLAN stands for, if it is simply one's: the usual case, asked in one comparison.
    #[inline(always)]
    pub fn vif(self, tci: Tci) -> Option<VifIndex> {
        let Packed(entry) = self.0[usize::from(tci.vid())];
        (entry & !PAYLOAD == KIND_VIF).then_some(VifIndex::unpacked(entry & PAYLOAD))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    fn vlan(id: u32) -> VlanId {
        VlanId::try_from(id).unwrap()
    }

    proptest! {
        #[test]
        fn entries_survive_packing(row in 0usize..=VifIndex::MAX, group in 0usize..=GroupId::MAX, table in 0..CONTROL) {
            let entries = [
                VlanEntry::None,
                VlanEntry::Vif(VifIndex::new(row).unwrap()),
                VlanEntry::MacDemux(GroupId::new(group).unwrap()),
                VlanEntry::Inner(InnerVlans(table)),
                VlanEntry::Control(ControlPort(table)),
            ];
            for entry in entries {
                prop_assert_eq!(Packed::pack(entry).unpack(), entry);
            }
        }

        #[test]
        fn only_what_was_set_is_found_with_and_without_inner_tags(
            places in proptest::collection::vec((0usize..3, 0u32..4, proptest::option::of(1u32..4)), 0..20),
        ) {
            let (mut table, mut oracle) = (VlanTable::default(), HashMap::new());
            for (row, (port, outer, inner)) in places.into_iter().enumerate() {
                let vif = VlanEntry::Vif(VifIndex::new(row).unwrap());
                table.set(PortIndex::new(port).unwrap(), vlan(outer), inner.map(vlan), vif);
                oracle.insert((port, outer, inner), vif);
            }
            for port in 0..3 {
                for outer in 0..4 {
                    for inner in [None, Some(1), Some(2), Some(3)] {
                        let found = table.lookup(PortIndex::new(port).unwrap(), vlan(outer), inner.map(vlan));
                        let expected = oracle.get(&(port, outer, inner)).copied().unwrap_or(VlanEntry::None);
                        prop_assert_eq!(found, expected);
                    }
                }
            }
        }
    }

    #[test]
    fn a_member_of_a_bpdu_network_keeps_what_its_vlan_0_stood_for_in_either_order() {
        let (port, vif) = (PortIndex::new(0).unwrap(), |n| VifIndex::new(n).unwrap());
        for first in [true, false] {
            let mut table = VlanTable::default();
            let own = VlanEntry::Vif(vif(1));
            if first {
                table.set(port, vlan(0), None, own);
            }
            assert!(table.set_control(port, vif(7)));
            if !first {
                table.set(port, vlan(0), None, own);
            }
            assert!(!table.set_control(port, vif(8)));
            let VlanEntry::Control(number) = table.port(port).lookup(Tci::new(0)) else { panic!("no member") };
            assert_eq!(table.control(number), Some(ControlVlan { vif: vif(7), others: own }));
            assert_eq!(table.lookup(port, vlan(0), None), own);
            assert_eq!((table.port(port).vif(Tci::new(0)), table.port(port).control()), (None, Some(number)));
            assert_eq!(table.port(PortIndex::new(1).unwrap()).control(), None);
        }
    }

    #[test]
    fn a_closed_port_has_no_vlans_and_an_open_one_has_them_again() {
        let (mut table, port, other) = (VlanTable::default(), PortIndex::new(0).unwrap(), PortIndex::new(1).unwrap());
        let vif = VlanEntry::Vif(VifIndex::new(7).unwrap());
        table.set(port, vlan(5), None, vif);
        table.set(other, vlan(5), None, vif);
        assert!(table.set_closed(port, true) && !table.set_closed(port, true));
        assert_eq!((table.lookup(port, vlan(5), None), table.lookup(other, vlan(5), None)), (VlanEntry::None, vif));
        assert!(table.is_closed(port) && !table.is_closed(other));
        assert!(table.set_closed(port, false) && !table.is_closed(port));
        assert_eq!(table.lookup(port, vlan(5), None), vif);
        let never_seen = PortIndex::new(9).unwrap();
        assert!(table.set_closed(never_seen, true) && table.is_closed(never_seen));
    }

    #[test]
    fn vlan_4095_is_never_anything() {
        let (mut table, port) = (VlanTable::default(), PortIndex::new(0).unwrap());
        table.set(port, vlan(4094), None, VlanEntry::Vif(VifIndex::new(7).unwrap()));
        assert_eq!(table.port(port).lookup(Tci::new(0xffff)), VlanEntry::None);
    }
}
