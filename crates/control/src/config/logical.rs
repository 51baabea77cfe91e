//! Raw to model: logical interfaces. Their VMIs are told apart by tags and, where several share them, by MAC addresses:
//! whatever could make two of them one is refused.

use hashbrown::HashMap;
use wire::{MacAddr, VlanId};

use super::network::Reading;
use super::network_model::{
    LogicalInterface, PhysicalInterface, PhysicalInterfaceIndex, PhysicalRouterIndex, VirtualMachineInterface, VmiIndex,
};
use super::object::Object;
use super::outline::Spot;
use super::place::Place;
use super::problem::{Excerpt, Problem};
use super::raw::RawLogicalInterface;
use super::register::{Firsts, Register};
use super::value::{self, Judged};

/// A VMI of a logical interface, and where it is named there.
type Named<'o> = (Spot<'o>, VmiIndex);

impl<'a> Reading<'a> {
    /// Reads all of them; `parents` and `vmis` are the objects that were read before.
    pub(super) fn logical_interfaces(
        &mut self,
        parents: &[Option<PhysicalInterface>],
        vmis: &[Option<VirtualMachineInterface>],
    ) -> Vec<Option<LogicalInterface>> {
        let mut vlans: Firsts<(PhysicalInterfaceIndex, VlanId, Option<VlanId>)> = Firsts::new();
        let mut homes: Firsts<(PhysicalRouterIndex, VmiIndex)> = Firsts::new();
        let mut list = Vec::new();
        for (position, (spot, raw)) in self.file.list("logical_interfaces", &self.raw.logical_interfaces).enumerate() {
            let interface = Object::new(spot, "a logical interface");
            if let Some(text) = &raw.name {
                self.names.logical_interfaces.enter(self.problems, text, position, interface.place());
            }
            let named = self.named_vmis(interface, raw);
            self.tell_apart(&named, vmis);
            let read = self.logical_interface(interface, raw, &named);
            if let Some(LogicalInterface { physical_interface, vlan, inner_vlan: inner, .. }) = read {
                let parent = Excerpt::new(raw.physical_interface.as_deref().unwrap_or_default());
                let key =
                    if inner.is_some() { "logical_interface_inner_vlan_tag" } else { "logical_interface_vlan_tag" };
                let (key, place) = ((physical_interface, vlan, inner), interface.place_of(key));
                vlans.enter(self.problems, key, place, |first| Problem::DuplicateVlan {
                    vlan,
                    inner,
                    physical_interface: parent,
                    first,
                });
                self.check_bpdu(interface, vlan, &named, vmis);
                let parent = parents[physical_interface.position()].as_ref();
                let instances = named.iter().filter(|(_, vmi)| !self.is_bpdu(*vmi, vmis)).copied().collect::<Vec<_>>();
                for (spot, vmi) in instances.iter().filter(|_| parent.is_some()) {
                    let router = parent.map_or(PhysicalRouterIndex::at(0), |parent| parent.physical_router);
                    let name = self.name_of(*vmi);
                    let conflict = |first| Problem::VmiOnTwoPorts { vmi: name, first };
                    homes.enter(self.problems, (router, *vmi), spot.place(), conflict);
                }
            }
            list.push(read);
        }
        list
    }

    fn logical_interface(
        &mut self,
        at: Object<'_>,
        raw: &RawLogicalInterface,
        named: &[Named<'_>],
    ) -> Option<LogicalInterface> {
        at.refuse_unknown::<RawLogicalInterface>(self.problems, &raw.unknown);
        let name = at.required(self.problems, "name", &raw.name, value::name);
        let to_interface = |key, text: &str| interface_position(&self.names.interfaces, key, text);
        let parent = at.required(self.problems, "physical_interface", &raw.physical_interface, to_interface);
        let tag = &raw.logical_interface_vlan_tag;
        let vlan = at.required(self.problems, "logical_interface_vlan_tag", tag, value::vlan);
        let (key, tag) = ("logical_interface_inner_vlan_tag", &raw.logical_interface_inner_vlan_tag);
        let inner = at.optional(self.problems, key, tag, value::inner_vlan);
        if let (Some(VlanId::UNTAGGED), Some(Some(inner))) = (vlan, inner) {
            self.problems.add(at.place_of(key), Problem::InnerOfUntagged { inner });
        }
        Some(LogicalInterface {
            name: name?,
            physical_interface: PhysicalInterfaceIndex::at(parent?),
            vlan: vlan?,
            inner_vlan: inner?,
            // A reference that leads nowhere is an error already; the VLAN is still checked.
            vmis: named.iter().map(|(_, vmi)| *vmi).collect(),
            place: at.place(),
        })
    }

    /// The VMIs that a logical interface names, each once.
    fn named_vmis(&mut self, at: Object<'a>, raw: &RawLogicalInterface) -> Vec<Named<'a>> {
        let mut firsts: HashMap<VmiIndex, Place> = HashMap::new();
        let mut named = Vec::new();
        for (spot, text) in at.list("virtual_machine_interfaces", &raw.virtual_machine_interfaces) {
            let problem = match self.names.vmis.position("virtual_machine_interfaces", text).map(VmiIndex::at) {
                Err(problem) => problem,
                Ok(vmi) => match firsts.insert(vmi, spot.place()) {
                    Some(first) => Problem::DuplicateVmi { vmi: Excerpt::new(text), first },
                    None => {
                        named.push((spot, vmi));
                        continue;
                    }
                },
            };
            self.problems.add(spot.place(), problem);
        }
        named
    }

    fn is_bpdu(&self, vmi: VmiIndex, vmis: &[Option<VirtualMachineInterface>]) -> bool {
        vmis[vmi.position()].as_ref().is_some_and(|vmi| self.bpdu_networks.contains(&vmi.virtual_network))
    }

    /// A VMI of a BPDU network has the untagged frames of a port, beside instances there, and a port is in one such network.
    fn check_bpdu(
        &mut self,
        at: Object<'_>,
        vlan: VlanId,
        named: &[Named<'_>],
        vmis: &[Option<VirtualMachineInterface>],
    ) {
        let mut first = None;
        for &(spot, index) in named.iter().filter(|(_, vmi)| self.is_bpdu(*vmi, vmis)).collect::<Vec<_>>() {
            let Some(vmi) = &vmis[index.position()] else { continue };
            let (name, network) = (Excerpt::new(vmi.name.as_str()), self.name_of_network(vmi.virtual_network));
            if !vlan.is_untagged() {
                let place = at.place_of("logical_interface_vlan_tag");
                self.problems.add(place, Problem::BpduOnVlan { vmi: name, network, vlan });
            } else if let Some(other) = first.replace(index) {
                let other = self.name_of(other);
                self.problems.add(spot.place(), Problem::SeveralBpduVmis { vmi: name, other });
            }
        }
    }

    /// Several VMIs of one logical interface are of one network and have no MAC in common. One of a BPDU network is beside them.
    fn tell_apart(&mut self, named: &[Named<'_>], vmis: &[Option<VirtualMachineInterface>]) {
        let instances: Vec<Named<'_>> = named.iter().filter(|(_, vmi)| !self.is_bpdu(*vmi, vmis)).copied().collect();
        let named = &instances[..];
        if named.len() < 2 {
            return;
        }
        let mut macs: HashMap<MacAddr, Named<'_>> = HashMap::new();
        let mut networks = named.iter().filter_map(|(_, vmi)| vmis[vmi.position()].as_ref());
        let Some(network) = networks.next().map(|vmi| vmi.virtual_network) else { return };
        for &(spot, index) in named {
            let Some(vmi) = &vmis[index.position()] else { continue };
            let name = || Excerpt::new(vmi.name.as_str());
            if vmi.virtual_network != network {
                let other = self.name_of_network(network);
                let network = self.name_of_network(vmi.virtual_network);
                self.problems.add(spot.place(), Problem::SeveralNetworks { vmi: name(), network, other });
                continue;
            }
            for mac in [vmi.mac].into_iter().chain(vmi.allowed_address_pairs.iter().map(|pair| pair.mac)) {
                let &mut (first, owner) = macs.entry(mac).or_insert((spot, index));
                if owner != index {
                    let (other, first) = (self.name_of(owner), first.place());
                    self.problems.add(spot.place(), Problem::SameMacOnVlan { mac, vmi: name(), other, first });
                }
            }
        }
    }

    fn name_of(&self, vmi: VmiIndex) -> Excerpt {
        let vmis = self.raw.virtual_machine_interfaces.as_deref().unwrap_or_default();
        Excerpt::new(vmis[vmi.position()].name.as_deref().unwrap_or_default())
    }
}

/// Judges the key of a physical interface, `gw1:access0`.
fn interface_position(interfaces: &Register, key: &'static str, text: &str) -> Judged<usize> {
    if !text.contains(':') {
        return Err(Problem::PhysicalInterfaceKey { value: Excerpt::new(text) });
    }
    interfaces.position(key, text)
}
