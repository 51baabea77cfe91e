//! Puts interfaces on segments. A segment is a VLAN of a port, or an inner VLAN of one: the unit of flooding. Interfaces that
//! share one form a group and are told apart by source MAC.

use super::{BuildError, Builder, VifSpec};
use crate::vif::{NO_VIF, Tags};
use crate::{GroupId, Vif, VifIndex, VlanEntry, demux_key};
use std::sync::Arc;
use wire::MacAddr;

impl Builder {
    /// Makes `id` the BPDU network's interface on VLAN 0 of the spec's port, beside whatever else is there. No source is its
    /// own, since switches send by any, so no MAC becomes known by it.
    pub(super) fn enter_control(&mut self, id: VifIndex, spec: &VifSpec<'_>) -> Result<(), BuildError> {
        if !spec.vlan.is_untagged() || spec.inner.is_some() {
            return Err(BuildError::NotUntagged(spec.port, spec.vlan));
        }
        if !self.next.vlans.set_control(spec.port, id) {
            return Err(BuildError::VlanTaken(spec.port, spec.vlan));
        }
        self.network_mut(spec.network)?.add_segment(id);
        let tags = Tags { tpid: self.next.vlans.tpid(spec.port), vlan: spec.vlan, inner: None };
        self.put_row(id, Vif::new(spec.network, spec.port, tags, &[], spec.max_payload));
        Ok(())
    }

    fn put_row(&mut self, id: VifIndex, vif: Vif) {
        let vifs = Arc::make_mut(&mut self.next.vifs);
        if vifs.len() <= id.row() {
            vifs.resize(id.row() + 1, NO_VIF.clone());
        }
        vifs[id.row()] = vif;
    }

    /// Makes `id` the interface of the spec's VLAN, or one of those that share it.
    pub(super) fn enter_segment(&mut self, id: VifIndex, spec: &VifSpec<'_>) -> Result<(), BuildError> {
        self.network_mut(spec.network)?;
        let found = self.next.vlans.lookup(spec.port, spec.vlan, spec.inner);
        let group = match found {
            VlanEntry::None => None,
            VlanEntry::Vif(other) => Some(self.found_group(other, spec)?),
            VlanEntry::MacDemux(group) => Some(group),
            VlanEntry::Inner(_) | VlanEntry::Control(_) => return Err(BuildError::VlanTaken(spec.port, spec.vlan)),
        };
        let tags = Tags { tpid: self.next.vlans.tpid(spec.port), vlan: spec.vlan, inner: spec.inner };
        let mut vif = Vif::new(spec.network, spec.port, tags, spec.sources, spec.max_payload);
        match group {
            Some(group) => {
                let member = self.next.groups.get(group.row());
                if member.is_none_or(|member| self.next.vif(*member).network() != spec.network) {
                    return Err(BuildError::VlanTaken(spec.port, spec.vlan));
                }
                vif.join(group);
                self.enter_group(group, id, spec.sources)?;
            }
            None => {
                self.network_mut(spec.network)?.add_segment(id);
                self.next.vlans.set(spec.port, spec.vlan, spec.inner, VlanEntry::Vif(id));
            }
        }
        self.put_row(id, vif);
        self.mark_beside_inner(spec, id);
        Ok(())
    }

    /// Tells the interfaces that have the spec's VLAN without an inner tag that there are others with one: the new one, or
    /// when the first with an inner tag comes all that are there.
    fn mark_beside_inner(&mut self, spec: &VifSpec<'_>, id: VifIndex) {
        let VlanEntry::Inner(_) = self.next.vlans.outer(spec.port, spec.vlan) else { return };
        if spec.inner.is_none() {
            return Arc::make_mut(&mut self.next.vifs)[id.row()].set_beside_inner();
        }
        let (one, group) = match self.next.vlans.lookup(spec.port, spec.vlan, None) {
            VlanEntry::Vif(vif) => (Some(vif), None),
            VlanEntry::MacDemux(group) => (self.next.groups.get(group.row()).copied(), Some(group)),
            VlanEntry::None | VlanEntry::Inner(_) | VlanEntry::Control(_) => return,
        };
        let Some(one) = one.filter(|one| !self.next.vif(*one).is_beside_inner()) else { return };
        let all = Arc::make_mut(&mut self.next.vifs);
        all[one.row()].set_beside_inner();
        all.iter_mut().filter(|vif| group.is_some() && vif.group() == group).for_each(Vif::set_beside_inner);
    }

    /// Makes a group of the interface that has been alone on the spec's VLAN.
    fn found_group(&mut self, alone: VifIndex, spec: &VifSpec<'_>) -> Result<GroupId, BuildError> {
        let group = GroupId::new(self.next.groups.len()).ok_or(BuildError::TooManyGroups)?;
        let sources: Vec<MacAddr> = self.next.vif(alone).sources().map(MacAddr::from_bits).collect();
        if self.next.vif(alone).network() != spec.network {
            return Err(BuildError::VlanTaken(spec.port, spec.vlan));
        }
        self.enter_group(group, alone, &sources)?;
        Arc::make_mut(&mut self.next.groups).push(alone);
        Arc::make_mut(&mut self.next.vifs)[alone.row()].join(group);
        self.next.vlans.set(spec.port, spec.vlan, spec.inner, VlanEntry::MacDemux(group));
        Ok(group)
    }

    fn enter_group(&mut self, group: GroupId, id: VifIndex, sources: &[MacAddr]) -> Result<(), BuildError> {
        let number = id.row() as u32 + 1;
        for mac in sources {
            let key = demux_key(group, mac.to_bits());
            if self.next.demux.lookup(key).is_some_and(|other| other != number) {
                return Err(BuildError::SourceTaken(*mac));
            }
            self.next.demux.insert(key, number)?;
        }
        Ok(())
    }
}
