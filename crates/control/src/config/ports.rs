//! Raw to model: the ports of the node file, and what they share with the fabric section.

use api::Tags;
use hashbrown::HashMap;
use wire::Tpid;

use super::device::Device;
use super::errors::Problems;
use super::node_model::{FabricModel, PortIndex, PortModel, PortRole};
use super::object::Object;
use super::place::Place;
use super::problem::{Excerpt, Problem};
use super::raw::{RawNode, RawPort};
use super::value;

const DEFAULT_ACCESS_MTU: u16 = 1500;
const DEFAULT_FABRIC_MTU: u16 = 1600;

/// Reads all ports.
pub(super) fn read(node: Object<'_>, raw: &RawNode, problems: &mut Problems) -> Option<Vec<PortModel>> {
    let found = node.required_section(problems, "ports", &raw.ports)?.len();
    if found > PortIndex::MAX_PORTS {
        problems.add(node.place_of("ports"), Problem::TooManyPorts { found, limit: PortIndex::MAX_PORTS });
        return None;
    }
    let read = |(spot, raw)| port(Object::new(spot, "a port"), raw, problems);
    let ports: Vec<Option<PortModel>> = node.list("ports", &raw.ports).map(read).collect();
    refuse_duplicates(ports.iter().flatten(), problems);
    ports.into_iter().collect()
}

fn port(port: Object<'_>, raw: &RawPort, problems: &mut Problems) -> Option<PortModel> {
    port.refuse_unknown::<RawPort>(problems, &raw.unknown);
    let name = port.required(problems, "name", &raw.name, value::name);
    let role = port.required(problems, "role", &raw.role, |key, text| match text {
        "access" => Ok(PortRole::Access),
        "fabric" => Ok(PortRole::Fabric),
        _ => Err(Problem::Choice { key, value: Excerpt::new(text), expected: "access or fabric" }),
    });
    let device: Option<Device> = port.required(problems, "device", &raw.device, |_, text| {
        text.parse().map_err(|reason| Problem::Device { value: Excerpt::new(text), reason })
    });
    let default_mtu = if role == Some(PortRole::Fabric) { DEFAULT_FABRIC_MTU } else { DEFAULT_ACCESS_MTU };
    let mtu = port.or(problems, "mtu", &raw.mtu, default_mtu, value::number(68, 9600));
    let descriptors = value::number(32, 16_384);
    let rx_descriptors = port.optional(problems, "rx_descriptors", &raw.rx_descriptors, &descriptors);
    let tx_descriptors = port.optional(problems, "tx_descriptors", &raw.tx_descriptors, &descriptors);
    let queues = port.optional(problems, "queues", &raw.queues, value::number(1, 256));
    let tpid = port.or(problems, "tpid", &raw.tpid, Tpid::Customer, value::tpid);
    let host_interface = port.optional(problems, "host_interface", &raw.host_interface, value::name);
    let mut addresses = Vec::new();
    for (spot, text) in port.values("address", &raw.address) {
        let address = value::own_address("address", text);
        addresses.push(address.map_err(|problem| problems.add(spot.place(), problem)).ok());
    }
    refuse_keys_of_other_role(port, raw, role, problems);
    let device = device?;
    if tpid == Some(Tpid::Service) && device.kind().traits().tags == Tags::PutBackAs8100 {
        problems.add(port.place_of("tpid"), Problem::TpidOfPacketSocket);
    }
    Some(PortModel {
        name: name?,
        role: role?,
        kind: device.kind(),
        device,
        mtu: mtu?,
        rx_descriptors: rx_descriptors?,
        tx_descriptors: tx_descriptors?,
        queues: queues?,
        tpid: tpid?,
        host_interface: host_interface?,
        addresses: addresses.into_iter().collect::<Option<_>>()?,
        place: port.place(),
    })
}

fn refuse_keys_of_other_role(port: Object<'_>, raw: &RawPort, found: Option<PortRole>, problems: &mut Problems) {
    let keys = [
        ("tpid", PortRole::Access, raw.tpid.is_some()),
        ("host_interface", PortRole::Fabric, raw.host_interface.is_some()),
        ("address", PortRole::Fabric, raw.address.is_some()),
    ];
    for (key, role, is_given) in keys {
        if is_given && found.is_some_and(|found| found != role) {
            problems.add(port.key_place(key), Problem::KeyOfOtherRole { key, role });
        }
    }
}

fn refuse_duplicates<'p>(ports: impl Iterator<Item = &'p PortModel>, problems: &mut Problems) {
    let mut names = HashMap::new();
    let mut devices = HashMap::new();
    for port in ports {
        if let Some(first) = names.insert(port.name.as_str(), &port.place) {
            let (name, first) = (Excerpt::new(port.name.as_str()), first.clone());
            problems.add(port.place.clone(), Problem::DuplicateName { object: "port", name, first });
        }
        let device = match &port.device {
            Device::Pci(address) => address.to_string(),
            Device::Virtual { driver, .. } => driver.clone(),
        };
        let excerpt = Excerpt::new(&device);
        if let Some(first) = devices.insert(device, &port.place) {
            let (device, first) = (excerpt, first.clone());
            problems.add(port.place.clone(), Problem::DuplicateDevice { device, first });
        }
    }
}

/// The one or two fabric ports.
pub(super) fn fabric(ports: &[PortModel], node: Object<'_>, problems: &mut Problems) -> Option<Vec<PortIndex>> {
    let fabric = |(_, port): &(usize, &PortModel)| port.role == PortRole::Fabric;
    let fabric: Vec<(usize, &PortModel)> = ports.iter().enumerate().filter(fabric).collect();
    if fabric.is_empty() {
        problems.add(node.place_of("ports"), Problem::NoFabricPort);
        return None;
    }
    for (_, port) in fabric.iter().skip(2) {
        let (name, first) = (Excerpt::new(port.name.as_str()), fabric[0].1.place.clone());
        problems.add(port.place.clone(), Problem::ThirdFabricPort { port: name, first });
    }
    Some(fabric.into_iter().map(|(position, _)| PortIndex::at(position)).collect())
}

/// Each fabric port has a host interface, from one place; no two ports or host interfaces are one Linux interface.
pub(super) fn check_interfaces(
    node: Object<'_>,
    raw: &RawNode,
    ports: &[PortModel],
    fabric: &FabricModel,
    problems: &mut Problems,
) {
    let section = node.section("fabric", "fabric");
    let common = fabric.host_interface.as_ref().map(|name| (name.as_str(), section.place_of("host_interface")));
    let count = ports.iter().filter(|port| port.role == PortRole::Fabric).count();
    match (&common, count) {
        (Some((_, place)), 2..) => problems.add(place.clone(), Problem::HostInterfaceOfTwo),
        (None, 1) if ports.iter().all(|port| port.host_interface.is_none()) => {
            problems.add(section.place(), Problem::MissingKey { key: "host_interface", object: "fabric" });
        }
        _ => {}
    }
    let mut interfaces: HashMap<&str, Place> = common.iter().cloned().collect();
    for ((spot, _), port) in node.list("ports", &raw.ports).zip(ports) {
        let at = Object::new(spot, "a port");
        match (&port.host_interface, &common) {
            (None, _) if port.role == PortRole::Fabric && count > 1 => {
                let port = Excerpt::new(port.name.as_str());
                problems.add(at.place(), Problem::NoHostInterface { port });
            }
            (Some(_), Some((_, first))) if count == 1 && port.role == PortRole::Fabric => {
                let problem = Problem::SecondHostInterface { first: first.clone() };
                problems.add(at.place_of("host_interface"), problem);
            }
            _ => {}
        }
        let host = port.host_interface.as_ref().map(|name| (name.as_str(), at.place_of("host_interface")));
        let device = port.device.interface().map(|name| (name, port.place.clone()));
        for (name, place) in device.into_iter().chain(host) {
            if let Some(first) = interfaces.insert(name, place.clone()) {
                problems.add(place, Problem::DuplicateInterface { interface: Excerpt::new(name), first });
            }
        }
    }
}
