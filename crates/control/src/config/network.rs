//! Raw to model: the network file.
//!
//! Every object keeps its position in the file as its index, broken or not, so that an error in one object does not make
//! the references to it errors too. A model exists only when there was no error at all.

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
use super::problem::{Excerpt, Problem};
use super::raw::{
    RawAddressPair, RawIdPerms, RawInstanceIp, RawLogicalInterface, RawNetwork, RawPhysicalInterface,
    RawPhysicalRouter, RawReachability, RawVirtualNetwork, RawVmi,
};
use super::reachability;
use super::register::{Firsts, Register};
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
    let mut reading = Reading { file, raw, node, problems, names: Names::new() };
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
    let network = served::resolve(network, node, problems);
    reachability::check(&network, node, file, raw, problems);
    Some(network)
}

fn whole<T>(list: Vec<Option<T>>) -> Option<Vec<T>> {
    list.into_iter().collect()
}

struct Names {
    routers: Register,
    interfaces: Register,
    networks: Register,
    vmis: Register,
    instance_ips: Register,
    logical_interfaces: Register,
}

impl Names {
    fn new() -> Self {
        Self {
            routers: Register::of("physical router"),
            interfaces: Register::of("physical interface"),
            networks: Register::of("virtual network"),
            vmis: Register::of("virtual machine interface"),
            instance_ips: Register::of("instance IP"),
            logical_interfaces: Register::of("logical interface"),
        }
    }
}

/// What the functions below share.
struct Reading<'a> {
    file: Object<'a>,
    raw: &'a RawNetwork,
    node: &'a NodeModel,
    problems: &'a mut Problems,
    names: Names,
}

impl Reading<'_> {
    fn physical_routers(&mut self) -> Vec<Option<PhysicalRouter>> {
        let mut list = Vec::new();
        for (position, (spot, raw)) in self.file.list("physical_routers", &self.raw.physical_routers).enumerate() {
            let router = Object::new(spot, "a physical router");
            router.refuse_unknown::<RawPhysicalRouter>(self.problems, &raw.unknown);
            let name = router.required(self.problems, "name", &raw.name, value::name);
            if let Some(text) = &raw.name {
                self.names.routers.enter(self.problems, text, position, router.place());
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
                let key = format!("{router}:{name}");
                self.names.interfaces.enter(self.problems, &key, position, interface.place());
            }
            list.push(self.physical_interface(interface, raw));
        }
        list
    }

    fn physical_interface(&mut self, at: Object<'_>, raw: &RawPhysicalInterface) -> Option<PhysicalInterface> {
        at.refuse_unknown::<RawPhysicalInterface>(self.problems, &raw.unknown);
        let name = at.required(self.problems, "name", &raw.name, value::name);
        let to_router = |key, text: &str| self.names.routers.position(key, text);
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
        let mut vnis: Firsts<Vni> = Firsts::new();
        let mut list = Vec::new();
        for (position, (spot, raw)) in self.file.list("virtual_networks", &self.raw.virtual_networks).enumerate() {
            let network = Object::new(spot, "a virtual network");
            if let Some(text) = &raw.name {
                self.names.networks.enter(self.problems, text, position, network.place());
            }
            let read = self.virtual_network(network, raw);
            if let Some(VirtualNetwork { vni, .. }) = read {
                let place = network.place_of("vxlan_network_identifier");
                vnis.enter(self.problems, vni, place, |first| Problem::DuplicateVni { vni, first });
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
        let mut macs: Firsts<(VirtualNetworkIndex, MacAddr)> = Firsts::new();
        let mut list = Vec::new();
        let raws = &self.raw.virtual_machine_interfaces;
        for (position, (spot, raw)) in self.file.list("virtual_machine_interfaces", raws).enumerate() {
            let vmi = Object::new(spot, "a virtual machine interface");
            if let Some(text) = &raw.name {
                self.names.vmis.enter(self.problems, text, position, vmi.place());
            }
            let read = self.vmi(vmi, raw);
            if let Some(VirtualMachineInterface { virtual_network, mac, .. }) = read {
                let network = Excerpt::new(raw.virtual_network.as_deref().unwrap_or_default());
                macs.enter(self.problems, (virtual_network, mac), vmi.place_of("mac_address"), |first| {
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
        let to_network = |key, text: &str| self.names.networks.position(key, text);
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
        let mut addresses = Firsts::new();
        let mut list = Vec::new();
        for (position, (spot, raw)) in self.file.list("instance_ips", &self.raw.instance_ips).enumerate() {
            let ip = Object::new(spot, "an instance IP");
            if let Some(text) = &raw.name {
                self.names.instance_ips.enter(self.problems, text, position, ip.place());
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
                addresses.enter(self.problems, (virtual_network, address), place, |first| Problem::DuplicateAddress {
                    address: text,
                    network,
                    first,
                });
            }
            list.push(read);
        }
        list
    }

    fn instance_ip(&mut self, at: Object<'_>, raw: &RawInstanceIp) -> Option<InstanceIp> {
        at.refuse_unknown::<RawInstanceIp>(self.problems, &raw.unknown);
        let name = at.required(self.problems, "name", &raw.name, value::name);
        let to_vmi = |key, text: &str| self.names.vmis.position(key, text);
        let vmi = at.required(self.problems, "virtual_machine_interface", &raw.virtual_machine_interface, to_vmi);
        let address = at.required(self.problems, "instance_ip_address", &raw.instance_ip_address, value::ip_host);
        Some(InstanceIp { name: name?, vmi: VmiIndex::at(vmi?), address: address?, place: at.place() })
    }

    fn logical_interfaces(&mut self, parents: &[Option<PhysicalInterface>]) -> Vec<Option<LogicalInterface>> {
        let mut vlans: Firsts<(PhysicalInterfaceIndex, VlanId)> = Firsts::new();
        let mut homes: Firsts<(PhysicalRouterIndex, VmiIndex)> = Firsts::new();
        let mut list = Vec::new();
        for (position, (spot, raw)) in self.file.list("logical_interfaces", &self.raw.logical_interfaces).enumerate() {
            let interface = Object::new(spot, "a logical interface");
            if let Some(text) = &raw.name {
                self.names.logical_interfaces.enter(self.problems, text, position, interface.place());
            }
            let read = self.logical_interface(interface, raw);
            if let Some(LogicalInterface { physical_interface, vlan, vmi, .. }) = read {
                let parent = Excerpt::new(raw.physical_interface.as_deref().unwrap_or_default());
                let place = interface.place_of("logical_interface_vlan_tag");
                vlans.enter(self.problems, (physical_interface, vlan), place, |first| Problem::DuplicateVlan {
                    vlan,
                    physical_interface: parent,
                    first,
                });
                if let (Some(vmi), Some(parent)) = (vmi, &parents[physical_interface.position()]) {
                    let texts = raw.virtual_machine_interfaces.as_deref().unwrap_or_default();
                    let name = Excerpt::new(texts.first().map_or("", String::as_str));
                    let place = interface.place_of("virtual_machine_interfaces");
                    homes.enter(self.problems, (parent.physical_router, vmi), place, |first| Problem::VmiOnTwoPorts {
                        vmi: name,
                        first,
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
        let to_interface = |key, text: &str| interface_position(&self.names.interfaces, key, text);
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
            let to_vmi = |key, text: &str| self.names.vmis.position(key, text);
            let vmi = to_vmi("virtual_machine_interfaces", text);
            resolved.push(vmi.map_err(|problem| self.problems.add(spot.place(), problem)).ok());
        }
        Some(LogicalInterface {
            name: name?,
            physical_interface: PhysicalInterfaceIndex::at(parent?),
            vlan: vlan?,
            // A reference that leads nowhere is an error already; the VLAN is still checked.
            vmi: resolved.first().copied().flatten().map(VmiIndex::at),
            place: at.place(),
        })
    }

    fn static_reachability(&mut self) -> Vec<Option<StaticReachability>> {
        let entries = self.file.list("static_reachability", &self.raw.static_reachability);
        entries.map(|(spot, raw)| self.reachability(Object::new(spot, "a static reachability"), raw)).collect()
    }

    fn reachability(&mut self, at: Object<'_>, raw: &RawReachability) -> Option<StaticReachability> {
        at.refuse_unknown::<RawReachability>(self.problems, &raw.unknown);
        let to_network = |key, text: &str| self.names.networks.position(key, text);
        let network = at.required(self.problems, "virtual_network", &raw.virtual_network, to_network);
        let vtep = at.required(self.problems, "vtep", &raw.vtep, value::ipv4_host);
        let flood = at.or(self.problems, "flood", &raw.flood, false, value::boolean);
        let to_router = |key, text: &str| self.names.routers.position(key, text);
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
fn interface_position(interfaces: &Register, key: &'static str, text: &str) -> Judged<usize> {
    if !text.contains(':') {
        return Err(Problem::PhysicalInterfaceKey { value: Excerpt::new(text) });
    }
    interfaces.position(key, text)
}
