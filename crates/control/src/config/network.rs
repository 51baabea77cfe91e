//! Raw to model: the network file.
//!
//! Every object keeps its position in the file as its index, broken or not, so that an error in one object does not make
//! the references to it errors too. A model exists only when there was no error at all.

use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use wire::{MacAddr, VlanId, Vni};

use super::errors::Problems;
use super::network_model::{
    AllowedAddressPair, InstanceIp, LogicalInterface, NetworkModel, PhysicalInterface, PhysicalInterfaceIndex,
    PhysicalRouter, PhysicalRouterIndex, StaticReachability, VirtualMachineInterface, VirtualNetwork,
    VirtualNetworkIndex, VmiIndex,
};
use super::node_model::{NodeModel, PortRole};
use super::object::Object;
use super::outline::Spot;
use super::place::Place;
use super::problem::{Excerpt, Problem};
use super::raw::{
    RawAddressPair, RawIdPerms, RawInstanceIp, RawLogicalInterface, RawNetwork, RawPhysicalInterface,
    RawPhysicalRouter, RawReachability, RawVirtualNetwork, RawVmi,
};
use super::served;
use super::value::{self, Judged};
use super::version;

/// Reads the network file's raw tree as this node sees it.
pub(super) fn model(
    raw: &RawNetwork,
    root: Spot<'_>,
    node: &NodeModel,
    problems: &mut Problems,
) -> Option<NetworkModel> {
    let file = Object::new(root, "the network file");
    version::check(file, problems, &raw.version);
    file.refuse_unknown::<RawNetwork>(problems, &raw.unknown);
    let mut reading = Reading { file, raw, node, problems, names: Names::default() };
    let physical_routers = reading.physical_routers();
    let physical_interfaces = reading.physical_interfaces();
    let virtual_networks = reading.virtual_networks();
    let vmis = reading.vmis();
    let instance_ips = reading.instance_ips(&vmis);
    let logical_interfaces = reading.logical_interfaces(&physical_interfaces);
    let static_reachability = reading.static_reachability();
    let network = NetworkModel {
        virtual_networks: whole(virtual_networks)?,
        physical_routers: whole(physical_routers)?,
        physical_interfaces: whole(physical_interfaces)?,
        logical_interfaces: whole(logical_interfaces)?,
        virtual_machine_interfaces: whole(vmis)?,
        instance_ips: whole(instance_ips)?,
        static_reachability: whole(static_reachability)?,
        own_router: None,
        served: Vec::new(),
    };
    Some(served::resolve(network, node, problems))
}

fn whole<T>(list: Vec<Option<T>>) -> Option<Vec<T>> {
    list.into_iter().collect()
}

/// Names of one kind of object: position in the file and place.
type NameTable = HashMap<String, (usize, Place)>;

#[derive(Default)]
struct Names {
    routers: NameTable,
    interfaces: NameTable,
    networks: NameTable,
    vmis: NameTable,
    instance_ips: NameTable,
    logical_interfaces: NameTable,
}

/// What the functions below share.
struct Reading<'a> {
    file: Object<'a>,
    raw: &'a RawNetwork,
    node: &'a NodeModel,
    problems: &'a mut Problems,
    names: Names,
}

/// Enters a name, or reports that it is taken.
fn enter(table: &mut NameTable, problems: &mut Problems, object: &'static str, name: &str, at: (usize, Place)) {
    match table.entry_ref(name) {
        hashbrown::hash_map::EntryRef::Occupied(taken) => {
            let (name, first) = (Excerpt::new(name), taken.get().1.clone());
            problems.add(at.1, Problem::DuplicateName { object, name, first });
        }
        hashbrown::hash_map::EntryRef::Vacant(free) => {
            free.insert(at);
        }
    }
}

/// Enters a key that may stand once only, or reports the conflict.
fn once<K: std::hash::Hash + Eq>(
    seen: &mut HashMap<K, Place>,
    problems: &mut Problems,
    key: K,
    at: Place,
    problem: impl FnOnce(Place) -> Problem,
) {
    match seen.entry(key) {
        Entry::Occupied(taken) => problems.add(at, problem(taken.get().clone())),
        Entry::Vacant(free) => {
            free.insert(at);
        }
    }
}

/// Judges the name of another object.
fn reference<'t>(table: &'t NameTable, object: &'static str) -> impl Fn(&'static str, &str) -> Judged<usize> + 't {
    move |key, text| match table.get(text) {
        Some((position, _)) => Ok(*position),
        None => Err(Problem::Dangling { key, object, name: Excerpt::new(text) }),
    }
}

impl Reading<'_> {
    fn physical_routers(&mut self) -> Vec<Option<PhysicalRouter>> {
        let mut list = Vec::new();
        for (position, (spot, raw)) in self.file.list("physical_routers", &self.raw.physical_routers).enumerate() {
            let router = Object::new(spot, "a physical router");
            router.refuse_unknown::<RawPhysicalRouter>(self.problems, &raw.unknown);
            let name = router.required(self.problems, "name", &raw.name, value::name);
            if let Some(text) = &raw.name {
                enter(&mut self.names.routers, self.problems, "physical router", text, (position, router.place()));
            }
            list.push(name.map(|name| PhysicalRouter { name, place: router.place() }));
        }
        list
    }

    fn physical_interfaces(&mut self) -> Vec<Option<PhysicalInterface>> {
        let mut list = Vec::new();
        for (position, (spot, raw)) in self.file.list("physical_interfaces", &self.raw.physical_interfaces).enumerate()
        {
            let interface = Object::new(spot, "a physical interface");
            if let (Some(router), Some(name)) = (&raw.physical_router, &raw.name) {
                let (name, at) = (format!("{router}:{name}"), (position, interface.place()));
                enter(&mut self.names.interfaces, self.problems, "physical interface", &name, at);
            }
            list.push(self.physical_interface(interface, raw));
        }
        list
    }

    fn physical_interface(&mut self, at: Object<'_>, raw: &RawPhysicalInterface) -> Option<PhysicalInterface> {
        at.refuse_unknown::<RawPhysicalInterface>(self.problems, &raw.unknown);
        let name = at.required(self.problems, "name", &raw.name, value::name);
        let to_router = reference(&self.names.routers, "physical router");
        let router = at.required(self.problems, "physical_router", &raw.physical_router, to_router);
        if raw.physical_router.as_deref() == Some(self.node.name.as_str()) {
            self.require_access_port(at, raw);
        }
        Some(PhysicalInterface { name: name?, physical_router: PhysicalRouterIndex::at(router?), place: at.place() })
    }

    /// A physical interface of this node is a port of the node file, and not the fabric's.
    fn require_access_port(&mut self, at: Object<'_>, raw: &RawPhysicalInterface) {
        let Some(name) = raw.name.as_deref() else { return };
        let excerpt = Excerpt::new(name);
        let problem = match self.node.port(name) {
            None => Problem::UnknownPort { name: excerpt, node: self.node.place.clone() },
            Some((_, port)) if port.role == PortRole::Fabric => {
                Problem::FabricPortAsAccess { name: excerpt, node: port.place.clone() }
            }
            Some(_) => return,
        };
        self.problems.add(at.place_of("name"), problem);
    }

    fn virtual_networks(&mut self) -> Vec<Option<VirtualNetwork>> {
        let mut vnis: HashMap<Vni, Place> = HashMap::new();
        let mut list = Vec::new();
        for (position, (spot, raw)) in self.file.list("virtual_networks", &self.raw.virtual_networks).enumerate() {
            let network = Object::new(spot, "a virtual network");
            if let Some(text) = &raw.name {
                let at = (position, network.place());
                enter(&mut self.names.networks, self.problems, "virtual network", text, at);
            }
            let read = self.virtual_network(network, raw);
            if let Some(VirtualNetwork { vni, .. }) = read {
                let place = network.place_of("vxlan_network_identifier");
                once(&mut vnis, self.problems, vni, place, |first| Problem::DuplicateVni { vni, first });
            }
            list.push(read);
        }
        list
    }

    fn virtual_network(&mut self, at: Object<'_>, raw: &RawVirtualNetwork) -> Option<VirtualNetwork> {
        at.refuse_unknown::<RawVirtualNetwork>(self.problems, &raw.unknown);
        let name = at.required(self.problems, "name", &raw.name, value::name);
        let vni = at.required(self.problems, "vxlan_network_identifier", &raw.vxlan_network_identifier, value::vni);
        let flood = &raw.flood_unknown_unicast;
        let flood = at.or(self.problems, "flood_unknown_unicast", flood, false, value::boolean);
        Some(VirtualNetwork { name: name?, vni: vni?, flood_unknown_unicast: flood?, place: at.place() })
    }

    fn vmis(&mut self) -> Vec<Option<VirtualMachineInterface>> {
        let mut macs: HashMap<(VirtualNetworkIndex, MacAddr), Place> = HashMap::new();
        let mut list = Vec::new();
        let raws = &self.raw.virtual_machine_interfaces;
        for (position, (spot, raw)) in self.file.list("virtual_machine_interfaces", raws).enumerate() {
            let vmi = Object::new(spot, "a virtual machine interface");
            if let Some(text) = &raw.name {
                let at = (position, vmi.place());
                enter(&mut self.names.vmis, self.problems, "virtual machine interface", text, at);
            }
            let read = self.vmi(vmi, raw);
            if let Some(VirtualMachineInterface { virtual_network, mac, .. }) = read {
                let network = Excerpt::new(raw.virtual_network.as_deref().unwrap_or_default());
                once(&mut macs, self.problems, (virtual_network, mac), vmi.place_of("mac_address"), |first| {
                    Problem::DuplicateMac { mac, network, first }
                });
            }
            list.push(read);
        }
        list
    }

    fn vmi(&mut self, at: Object<'_>, raw: &RawVmi) -> Option<VirtualMachineInterface> {
        at.refuse_unknown::<RawVmi>(self.problems, &raw.unknown);
        let name = at.required(self.problems, "name", &raw.name, value::name);
        let to_network = reference(&self.names.networks, "virtual network");
        let network = at.required(self.problems, "virtual_network", &raw.virtual_network, to_network);
        let mac = at.required(self.problems, "mac_address", &raw.mac_address, value::station);
        let enabled = self.enabled(at, raw.id_perms.as_ref());
        let mut pairs = Vec::new();
        for (spot, raw) in at.list("allowed_address_pairs", &raw.allowed_address_pairs) {
            pairs.push(self.address_pair(Object::new(spot, "an allowed address pair"), raw, mac));
        }
        Some(VirtualMachineInterface {
            name: name?,
            virtual_network: VirtualNetworkIndex::at(network?),
            mac: mac?,
            allowed_address_pairs: whole(pairs)?,
            enabled: enabled?,
            place: at.place(),
        })
    }

    fn enabled(&mut self, vmi: Object<'_>, raw: Option<&RawIdPerms>) -> Option<bool> {
        let Some(raw) = raw else { return Some(true) };
        let perms = vmi.section("id_perms", "id_perms");
        perms.refuse_unknown::<RawIdPerms>(self.problems, &raw.unknown);
        perms.or(self.problems, "enable", &raw.enable, true, value::boolean)
    }

    fn address_pair(
        &mut self,
        at: Object<'_>,
        raw: &RawAddressPair,
        own: Option<MacAddr>,
    ) -> Option<AllowedAddressPair> {
        at.refuse_unknown::<RawAddressPair>(self.problems, &raw.unknown);
        let mac = at.optional(self.problems, "mac", &raw.mac, value::station);
        let ip = at.optional(self.problems, "ip", &raw.ip, value::prefix);
        if raw.mac.is_none() && raw.ip.is_none() {
            self.problems.add(at.place(), Problem::EmptyAddressPair);
        }
        Some(AllowedAddressPair { mac: mac?.or(own)?, ip: ip? })
    }

    fn instance_ips(&mut self, vmis: &[Option<VirtualMachineInterface>]) -> Vec<Option<InstanceIp>> {
        let mut addresses = HashMap::new();
        let mut list = Vec::new();
        for (position, (spot, raw)) in self.file.list("instance_ips", &self.raw.instance_ips).enumerate() {
            let ip = Object::new(spot, "an instance IP");
            if let Some(text) = &raw.name {
                enter(&mut self.names.instance_ips, self.problems, "instance IP", text, (position, ip.place()));
            }
            let read = self.instance_ip(ip, raw);
            if let Some(InstanceIp { vmi, address, .. }) = read
                && let Some(VirtualMachineInterface { virtual_network, .. }) = vmis[vmi.position()]
            {
                let network =
                    &self.raw.virtual_networks.as_deref().unwrap_or_default()[virtual_network.position()].name;
                let network = Excerpt::new(network.as_deref().unwrap_or_default());
                let text = Excerpt::new(&address.to_string());
                let place = ip.place_of("instance_ip_address");
                once(&mut addresses, self.problems, (virtual_network, address), place, |first| {
                    Problem::DuplicateAddress { address: text, network, first }
                });
            }
            list.push(read);
        }
        list
    }

    fn instance_ip(&mut self, at: Object<'_>, raw: &RawInstanceIp) -> Option<InstanceIp> {
        at.refuse_unknown::<RawInstanceIp>(self.problems, &raw.unknown);
        let name = at.required(self.problems, "name", &raw.name, value::name);
        let to_vmi = reference(&self.names.vmis, "virtual machine interface");
        let vmi = at.required(self.problems, "virtual_machine_interface", &raw.virtual_machine_interface, to_vmi);
        let address = at.required(self.problems, "instance_ip_address", &raw.instance_ip_address, value::ip_host);
        Some(InstanceIp { name: name?, vmi: VmiIndex::at(vmi?), address: address?, place: at.place() })
    }

    fn logical_interfaces(&mut self, parents: &[Option<PhysicalInterface>]) -> Vec<Option<LogicalInterface>> {
        let mut vlans: HashMap<(PhysicalInterfaceIndex, VlanId), Place> = HashMap::new();
        let mut homes: HashMap<(PhysicalRouterIndex, VmiIndex), Place> = HashMap::new();
        let mut list = Vec::new();
        for (position, (spot, raw)) in self.file.list("logical_interfaces", &self.raw.logical_interfaces).enumerate() {
            let interface = Object::new(spot, "a logical interface");
            if let Some(text) = &raw.name {
                let at = (position, interface.place());
                enter(&mut self.names.logical_interfaces, self.problems, "logical interface", text, at);
            }
            let read = self.logical_interface(interface, raw);
            if let Some(LogicalInterface { physical_interface, vlan, vmi, .. }) = read {
                let parent = Excerpt::new(raw.physical_interface.as_deref().unwrap_or_default());
                let place = interface.place_of("logical_interface_vlan_tag");
                once(&mut vlans, self.problems, (physical_interface, vlan), place, |first| Problem::DuplicateVlan {
                    vlan,
                    physical_interface: parent,
                    first,
                });
                if let (Some(vmi), Some(parent)) = (vmi, &parents[physical_interface.position()]) {
                    let texts = raw.virtual_machine_interfaces.as_deref().unwrap_or_default();
                    let name = Excerpt::new(texts.first().map_or("", String::as_str));
                    let place = interface.place_of("virtual_machine_interfaces");
                    once(&mut homes, self.problems, (parent.physical_router, vmi), place, |first| {
                        Problem::VmiOnTwoPorts { vmi: name, first }
                    });
                }
            }
            list.push(read);
        }
        list
    }

    fn logical_interface(&mut self, at: Object<'_>, raw: &RawLogicalInterface) -> Option<LogicalInterface> {
        at.refuse_unknown::<RawLogicalInterface>(self.problems, &raw.unknown);
        let name = at.required(self.problems, "name", &raw.name, value::name);
        let to_interface = interface_reference(&self.names.interfaces);
        let parent = at.required(self.problems, "physical_interface", &raw.physical_interface, to_interface);
        let tag = &raw.logical_interface_vlan_tag;
        let vlan = at.required(self.problems, "logical_interface_vlan_tag", tag, value::vlan);
        let vmis = raw.virtual_machine_interfaces.as_deref().unwrap_or_default();
        if vmis.len() > 1 {
            let name = Excerpt::new(raw.name.as_deref().unwrap_or_default());
            let place = at.place_of("virtual_machine_interfaces");
            self.problems.add(place, Problem::SeveralVmis { name, found: vmis.len() });
        }
        let mut resolved = Vec::new();
        for (spot, text) in at.list("virtual_machine_interfaces", &raw.virtual_machine_interfaces) {
            let to_vmi = reference(&self.names.vmis, "virtual machine interface");
            let vmi = to_vmi("virtual_machine_interfaces", text);
            resolved.push(vmi.map_err(|problem| self.problems.add(spot.place(), problem)).ok());
        }
        Some(LogicalInterface {
            name: name?,
            physical_interface: PhysicalInterfaceIndex::at(parent?),
            vlan: vlan?,
            vmi: whole(resolved)?.first().map(|position| VmiIndex::at(*position)),
            place: at.place(),
        })
    }

    fn static_reachability(&mut self) -> Vec<Option<StaticReachability>> {
        let entries = self.file.list("static_reachability", &self.raw.static_reachability);
        entries.map(|(spot, raw)| self.reachability(Object::new(spot, "a static reachability"), raw)).collect()
    }

    fn reachability(&mut self, at: Object<'_>, raw: &RawReachability) -> Option<StaticReachability> {
        at.refuse_unknown::<RawReachability>(self.problems, &raw.unknown);
        let to_network = reference(&self.names.networks, "virtual network");
        let network = at.required(self.problems, "virtual_network", &raw.virtual_network, to_network);
        let vtep = at.required(self.problems, "vtep", &raw.vtep, value::ipv4_host);
        let flood = at.or(self.problems, "flood", &raw.flood, false, value::boolean);
        let to_router = reference(&self.names.routers, "physical router");
        let router = at.optional(self.problems, "physical_router", &raw.physical_router, to_router);
        let mut macs = Vec::new();
        for (spot, text) in at.list("mac_addresses", &raw.mac_addresses) {
            let mac = value::station("mac_addresses", text);
            macs.push(mac.map_err(|problem| self.problems.add(spot.place(), problem)).ok());
        }
        Some(StaticReachability {
            virtual_network: VirtualNetworkIndex::at(network?),
            vtep: vtep?,
            flood: flood?,
            mac_addresses: whole(macs)?,
            physical_router: router?.map(PhysicalRouterIndex::at),
            place: at.place(),
        })
    }
}

/// Judges the key of a physical interface, `gw1:access0`.
fn interface_reference(table: &NameTable) -> impl Fn(&'static str, &str) -> Judged<usize> + '_ {
    move |key, text| {
        if !text.contains(':') {
            return Err(Problem::PhysicalInterfaceKey { value: Excerpt::new(text) });
        }
        reference(table, "physical interface")(key, text)
    }
}
