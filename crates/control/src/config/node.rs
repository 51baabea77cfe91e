//! Raw to model: the node file.

use std::path::PathBuf;

use hashbrown::HashMap;

use super::device::Device;
use super::errors::Problems;
use super::name::InterfaceName;
use super::node_model::{
    ApiModel, CoreId, FabricModel, FabricRoute, GatewayMode, LimitsModel, MemoryModel, NodeModel, Polling, PortIndex,
    PortModel, PortRole, SourceCheck,
};
use super::object::Object;
use super::outline::Spot;
use super::place::Place;
use super::problem::{Excerpt, Problem};
use super::raw::{RawApi, RawCores, RawFabric, RawLimits, RawMemory, RawNode, RawPort, RawRoute};
use super::value::{self, Judged};
use super::version;
use super::warning::{Concern, Warning};

const DEFAULT_ACCESS_MTU: u16 = 1500;
const DEFAULT_FABRIC_MTU: u16 = 1600;
/// Inner Ethernet, outer IPv4, UDP and VXLAN headers: what a frame's payload grows by before it is a fabric payload.
const VXLAN_OVERHEAD: u32 = 14 + 20 + 8 + 8;
/// A tag of the fabric VLAN, which some drivers count as payload.
const TAG: u32 = 4;
/// Descriptors of a ring whose size the driver chooses: what most choose.
const USUAL_RING: u32 = 1024;
/// Octets of a buffer for frames, unless a port's MTU is larger.
const BUFFER_ROOM: u64 = 2048;
/// Octets of a buffer beside the frame: headroom 128, DPDK's own fields and alignment.
const BUFFER_OVERHEAD: u64 = 128 + 256;
/// Longest path of a unix socket: `sun_path` less the closing NUL.
const SOCKET_PATH_MAX: usize = 107;

/// Reads the node file's raw tree.
pub(super) fn model(raw: &RawNode, root: Spot<'_>, problems: &mut Problems) -> Option<NodeModel> {
    let node = Object::new(root, "the node file");
    version::check(node, problems, &raw.version);
    node.refuse_unknown::<RawNode>(problems, &raw.unknown);
    let name = node.required(problems, "name", &raw.name, value::name);
    let mode = node.or(problems, "mode", &raw.mode, GatewayMode::None, gateway_mode);
    let ports = ports(node, raw, problems);
    let fabric_port = ports.as_ref().and_then(|ports| fabric_port(ports, node, problems));
    let (workers, polling) = cores(node, raw, problems);
    let memory = memory(node, raw.memory.as_ref().unwrap_or(&RawMemory::default()), problems);
    let fabric = node.required_section(problems, "fabric", &raw.fabric).and_then(|raw| fabric(node, raw, problems));
    let api = api(node, raw.api.as_ref().unwrap_or(&RawApi::default()), problems);
    let limits = limits(node, raw.limits.as_ref().unwrap_or(&RawLimits::default()), problems);
    let (ports, fabric) = (ports?, fabric?);
    refuse_shared_interfaces(&ports, &fabric, node, problems);
    let all_virtual = ports.iter().all(|port| port.kind.is_virtual());
    let default_polling = if all_virtual { Polling::Adaptive } else { Polling::Busy };
    Some(NodeModel {
        name: name?,
        mode: mode?,
        workers: workers?,
        polling: polling?.unwrap_or(default_polling),
        memory: memory?,
        fabric_port: fabric_port?,
        ports,
        fabric,
        api: api?,
        limits: limits?,
        place: node.place_of("name"),
    })
}

/// The original compares the mode's text in lower case; `vcpe` and `pbb` are modes of the original.
fn gateway_mode(key: &'static str, text: &str) -> Judged<GatewayMode> {
    let expected = "server, or none";
    match text.to_ascii_lowercase().as_str() {
        "server" => Ok(GatewayMode::Server),
        "none" => Ok(GatewayMode::None),
        "vcpe" | "pbb" => Err(Problem::ValueNotSupportedYet { key, value: Excerpt::new(text), expected }),
        _ => Err(Problem::Choice { key, value: Excerpt::new(text), expected }),
    }
}

type Cores = (Option<Vec<CoreId>>, Option<Option<Polling>>);

fn cores(node: Object<'_>, raw: &RawNode, problems: &mut Problems) -> Cores {
    let Some(raw) = node.required_section(problems, "cores", &raw.cores) else { return (None, None) };
    let cores = node.section("cores", "cores");
    cores.refuse_unknown::<RawCores>(problems, &raw.unknown);
    let polling = cores.optional(problems, "polling", &raw.polling, |key, text| match text {
        "busy" => Ok(Polling::Busy),
        "adaptive" => Ok(Polling::Adaptive),
        _ => Err(Problem::Choice { key, value: Excerpt::new(text), expected: "busy or adaptive" }),
    });
    (workers(cores, raw, problems), polling)
}

fn workers(cores: Object<'_>, raw: &RawCores, problems: &mut Problems) -> Option<Vec<CoreId>> {
    let mut seen: HashMap<CoreId, Place> = HashMap::new();
    let mut workers = Vec::new();
    let mut whole = true;
    for (spot, text) in cores.list("workers", &raw.workers) {
        let core = value::number(0, CoreId::MAX.into())("workers", text).map(CoreId::new);
        match core {
            Ok(Some(core)) => match seen.insert(core, spot.place()) {
                Some(first) => {
                    problems.add(spot.place(), Problem::DuplicateWorker { core: core.value(), first });
                }
                None => workers.push(core),
            },
            Ok(None) => whole = false,
            Err(problem) => {
                whole = false;
                problems.add(spot.place(), problem);
            }
        }
    }
    if workers.is_empty() && whole {
        problems.add(cores.place_of("workers"), Problem::NoWorkers);
    }
    (whole && !workers.is_empty()).then_some(workers)
}

fn memory(node: Object<'_>, raw: &RawMemory, problems: &mut Problems) -> Option<MemoryModel> {
    let memory = node.section("memory", "memory");
    memory.refuse_unknown::<RawMemory>(problems, &raw.unknown);
    let hugepages = memory.or(problems, "hugepages", &raw.hugepages, true, value::boolean);
    let size_mb = memory.or(problems, "size_mb", &raw.size_mb, 1024, value::number(64, 1 << 20));
    let mbufs = memory.or(problems, "mbufs", &raw.mbufs, 16_384, value::number(1024, 4 << 20));
    let prefix = raw.file_prefix.clone().or_else(|| Some("causeway".to_owned()));
    let file_prefix = memory.required(problems, "file_prefix", &prefix, value::name);
    let (place, file_prefix) = (memory.place(), file_prefix?);
    Some(MemoryModel { place, hugepages: hugepages?, size_mb: size_mb?, mbufs: mbufs?, file_prefix })
}

fn ports(node: Object<'_>, raw: &RawNode, problems: &mut Problems) -> Option<Vec<PortModel>> {
    let found = node.required_section(problems, "ports", &raw.ports)?.len();
    if found > PortIndex::MAX_PORTS {
        problems.add(node.place_of("ports"), Problem::TooManyPorts { found, limit: PortIndex::MAX_PORTS });
        return None;
    }
    let read = |(spot, raw)| port(Object::new(spot, "a port"), raw, problems);
    let ports: Vec<Option<PortModel>> = node.list("ports", &raw.ports).map(read).collect();
    refuse_duplicate_ports(ports.iter().flatten(), problems);
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
    let device = device?;
    Some(PortModel {
        name: name?,
        role: role?,
        kind: device.kind(),
        device,
        mtu: mtu?,
        rx_descriptors: rx_descriptors?,
        tx_descriptors: tx_descriptors?,
        place: port.place(),
    })
}

fn refuse_duplicate_ports<'p>(ports: impl Iterator<Item = &'p PortModel>, problems: &mut Problems) {
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

/// Two ports on one Linux interface, or a port on the host interface.
fn refuse_shared_interfaces(ports: &[PortModel], fabric: &FabricModel, node: Object<'_>, problems: &mut Problems) {
    let host = node.section("fabric", "fabric").place_of("host_interface");
    let mut interfaces: HashMap<&str, Place> = HashMap::from_iter([(fabric.host_interface.as_str(), host)]);
    for port in ports {
        let Some(interface) = port.device.interface() else { continue };
        if let Some(first) = interfaces.insert(interface, port.place.clone()) {
            let interface = Excerpt::new(interface);
            problems.add(port.place.clone(), Problem::DuplicateInterface { interface, first });
        }
    }
}

fn fabric_port(ports: &[PortModel], node: Object<'_>, problems: &mut Problems) -> Option<PortIndex> {
    let mut fabric = ports.iter().enumerate().filter(|(_, port)| port.role == PortRole::Fabric);
    let Some((position, first)) = fabric.next() else {
        problems.add(node.place_of("ports"), Problem::NoFabricPort);
        return None;
    };
    for (_, port) in fabric {
        let (name, first) = (Excerpt::new(port.name.as_str()), first.place.clone());
        problems.add(port.place.clone(), Problem::SeveralFabricPorts { port: name, first });
    }
    Some(PortIndex::at(position))
}

fn fabric(node: Object<'_>, raw: &RawFabric, problems: &mut Problems) -> Option<FabricModel> {
    let fabric = node.section("fabric", "fabric");
    fabric.refuse_unknown::<RawFabric>(problems, &raw.unknown);
    let address = fabric.required(problems, "address", &raw.address, value::own_address);
    let host_interface: Option<InterfaceName> =
        fabric.required(problems, "host_interface", &raw.host_interface, value::name);
    let vlan = fabric.optional(problems, "vlan", &raw.vlan, value::fabric_vlan);
    let dont_fragment = fabric.or(problems, "dont_fragment", &raw.dont_fragment, true, value::boolean);
    let source_check = fabric.or(problems, "source_check", &raw.source_check, SourceCheck::Known, source_check);
    let routes = routes(fabric, raw, address, problems);
    let (address, prefix_len) = address?;
    Some(FabricModel {
        address,
        prefix_len,
        host_interface: host_interface?,
        vlan: vlan?,
        routes: routes?,
        dont_fragment: dont_fragment?,
        source_check: source_check?,
        place: fabric.place_of("address"),
    })
}

fn source_check(key: &'static str, text: &str) -> Judged<SourceCheck> {
    match text {
        "strict" => Ok(SourceCheck::Strict),
        "known" => Ok(SourceCheck::Known),
        "any" => Ok(SourceCheck::Any),
        _ => Err(Problem::Choice { key, value: Excerpt::new(text), expected: "strict, known or any" }),
    }
}

type OwnAddress = Option<(std::net::Ipv4Addr, u8)>;

fn routes(fabric: Object<'_>, raw: &RawFabric, own: OwnAddress, problems: &mut Problems) -> Option<Vec<FabricRoute>> {
    let read = |(spot, raw)| route(Object::new(spot, "a route"), raw, problems);
    let routes: Vec<Option<FabricRoute>> = fabric.list("routes", &raw.routes).map(read).collect();
    let mut seen = HashMap::new();
    for route in routes.iter().flatten() {
        if let Some(first) = seen.insert((route.to, route.to_len), route.place.clone()) {
            let to = Excerpt::new(&format!("{}/{}", route.to, route.to_len));
            problems.add(route.place.clone(), Problem::DuplicateRoute { to, first });
        }
        let Some((address, length)) = own else { continue };
        let mask = value::mask_v4(length);
        let on_link = (route.via.to_bits() ^ address.to_bits()) & mask == 0;
        if !on_link || route.via == address {
            let prefix = Excerpt::new(&format!("{address}/{length}"));
            let first = fabric.place_of("address");
            problems.add(route.place.clone(), Problem::NextHopOffLink { via: route.via, prefix, first });
        }
    }
    routes.into_iter().collect()
}

fn route(route: Object<'_>, raw: &RawRoute, problems: &mut Problems) -> Option<FabricRoute> {
    route.refuse_unknown::<RawRoute>(problems, &raw.unknown);
    let to = route.required(problems, "to", &raw.to, value::ipv4_prefix);
    let via = route.required(problems, "via", &raw.via, value::ipv4_host);
    let (to, to_len) = to?;
    Some(FabricRoute { to, to_len, via: via?, place: route.place() })
}

fn api(node: Object<'_>, raw: &RawApi, problems: &mut Problems) -> Option<ApiModel> {
    let api = node.section("api", "api");
    api.refuse_unknown::<RawApi>(problems, &raw.unknown);
    let default = PathBuf::from("/run/causeway/causeway.sock");
    let socket = api.or(problems, "socket", &raw.socket, default, |_, text| {
        let legal = text.starts_with('/') && text.len() <= SOCKET_PATH_MAX && !text.contains('\0');
        if legal { Ok(text.into()) } else { Err(Problem::SocketPath { value: Excerpt::new(text) }) }
    });
    let group = raw.group.clone().or_else(|| Some("causeway".to_owned()));
    let group = api.required(problems, "group", &group, value::name);
    Some(ApiModel { socket: socket?, group: group? })
}

fn limits(node: Object<'_>, raw: &RawLimits, problems: &mut Problems) -> Option<LimitsModel> {
    let limits = node.section("limits", "limits");
    limits.refuse_unknown::<RawLimits>(problems, &raw.unknown);
    Some(LimitsModel { vmis: limits.or(problems, "vmis", &raw.vmis, 8192, value::number(1, 65_536))? })
}

/// What is legal in a node file and probably not meant.
pub(super) fn warnings(node: &NodeModel) -> Vec<Warning> {
    let fabric = fabric_mtu(node).map(|concern| Warning { place: node[node.fabric_port].place.clone(), concern });
    let memory = [too_few_buffers(node), too_little_memory(node)].into_iter().flatten();
    memory.map(|concern| Warning { place: node.memory.place.clone(), concern }).chain(fabric).collect()
}

/// A port's rings may hold a buffer for each descriptor, and each worker has a queue pair of every port.
fn too_few_buffers(node: &NodeModel) -> Option<Concern> {
    let ring = |descriptors: Option<u16>| descriptors.map_or(USUAL_RING, u32::from);
    let held = node.ports.iter().map(|port| ring(port.rx_descriptors) + ring(port.tx_descriptors)).sum();
    let mbufs = node.memory.mbufs;
    (mbufs < held).then_some(Concern::FewBuffers { mbufs, held, ports: node.ports.len() })
}

/// DPDK finds room for a pool for certain only in twice its size: what it takes itself, and pieces that do not fit.
fn too_little_memory(node: &NodeModel) -> Option<Concern> {
    let largest = node.ports.iter().map(|port| u64::from(port.mtu)).max().unwrap_or(0);
    let buffer = BUFFER_ROOM.max(largest) + BUFFER_OVERHEAD;
    let octets = u64::from(node.memory.mbufs) * buffer * node.workers.len() as u64;
    let (size_mb, enough_mb) = (node.memory.size_mb, (2 * octets).div_ceil(1 << 20));
    let workers = node.workers.len();
    (u64::from(size_mb) < enough_mb).then_some(Concern::LittleMemory {
        size_mb,
        enough_mb,
        mbufs: node.memory.mbufs,
        workers,
    })
}

fn fabric_mtu(node: &NodeModel) -> Option<Concern> {
    let fabric = &node[node.fabric_port];
    let tag = if node.fabric.vlan.is_some() { TAG } else { 0 };
    let access = node.ports.iter().filter(|port| port.role == PortRole::Access);
    let largest = access.max_by_key(|port| port.mtu)?;
    let needed = u32::from(largest.mtu) + VXLAN_OVERHEAD + tag;
    let access = largest.name.clone();
    (u32::from(fabric.mtu) < needed).then_some(Concern::FabricMtu {
        mtu: fabric.mtu,
        needed,
        access,
        access_mtu: largest.mtu,
    })
}
