//! Raw to model: the network file.
//!
//! Every object keeps its position in the file as its index, broken or not, so that an error in one object does not make
//! the references to it errors too. A model exists only when there was no error at all.

use wire::MacAddr;

use hashbrown::HashSet;

use super::errors::Problems;
use super::global;
use super::learning;
use super::network_model::{
    AllowedAddressPair, GlobalVrouterConfig, InstanceIp, NetworkModel, PhysicalInterface, PhysicalRouter,
    PhysicalRouterIndex, VirtualMachineInterface, VirtualNetworkIndex, VmiIndex,
};
use super::node_model::{NodeModel, PortRole};
use super::object::Object;
use super::outline::Spot;
use super::problem::{Excerpt, Problem};
use super::raw::{
    RawAddressPair, RawIdPerms, RawInstanceIp, RawNetwork, RawPhysicalInterface, RawPhysicalRouter, RawVmi,
};
use super::reachability;
use super::register::{Firsts, Register};
use super::served;
use super::storm::{self, StormControl};
use super::subnets;
use super::value;
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
    let global = global::read(file, raw, problems);
    let defaults = GlobalVrouterConfig::default();
    let mut reading = Reading {
        file,
        raw,
        node,
        global: global.as_ref().unwrap_or(&defaults),
        problems,
        names: Names::new(),
        bpdu_networks: HashSet::new(),
    };
    let physical_routers = reading.physical_routers();
    let physical_interfaces = reading.physical_interfaces();
    let virtual_networks = reading.virtual_networks();
    let vmis = reading.vmis();
    let instance_ips = reading.instance_ips(&vmis);
    let logical_interfaces = reading.logical_interfaces(&physical_interfaces, &vmis);
    let static_reachability = reading.static_reachability(&virtual_networks);
    let network = NetworkModel {
        global: global?,
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
    subnets::check(&network, file, raw, problems);
    Some(network)
}

pub(super) fn whole<T>(list: Vec<Option<T>>) -> Option<Vec<T>> {
    list.into_iter().collect()
}

/// The names of each kind of object that were read so far.
pub(super) struct Names {
    pub(super) routers: Register,
    pub(super) interfaces: Register,
    pub(super) networks: Register,
    pub(super) vmis: Register,
    instance_ips: Register,
    pub(super) logical_interfaces: Register,
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

/// What the functions that read one kind of object each share; those of logical interfaces and of reachability have
/// files of their own.
pub(super) struct Reading<'a> {
    pub(super) file: Object<'a>,
    pub(super) raw: &'a RawNetwork,
    node: &'a NodeModel,
    /// The defaults if the section is broken, which is an error already.
    pub(super) global: &'a GlobalVrouterConfig,
    pub(super) problems: &'a mut Problems,
    pub(super) names: Names,
    /// Those among the virtual networks.
    pub(super) bpdu_networks: HashSet<VirtualNetworkIndex>,
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

    pub(super) fn name_of_network(&self, network: VirtualNetworkIndex) -> Excerpt {
        let networks = self.raw.virtual_networks.as_deref().unwrap_or_default();
        Excerpt::new(networks[network.position()].name.as_deref().unwrap_or_default())
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
        let limit = learning::limit(at, self.problems, raw.mac_limit_control.as_ref());
        let storm = storm::read(at, self.problems, raw.storm_control.as_ref(), StormControl::OF_VMI);
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
            storm_control: storm?,
            mac_limit: limit?,
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
                let network = self.name_of_network(virtual_network);
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
}
