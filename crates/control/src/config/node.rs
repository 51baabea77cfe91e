//! Raw to model: the node file.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use hashbrown::HashMap;

use super::errors::Problems;
use super::fabric;
use super::node_model::{
    ApiModel, CoreId, FabricModel, GatewayMode, LimitsModel, MemoryModel, NodeModel, Polling, PortIndex, UplinkModel,
};
use super::object::Object;
use super::outline::Spot;
use super::place::Place;
use super::port_kind::PortKind;
use super::ports;
use super::problem::{Excerpt, Problem};
use super::raw::{RawApi, RawCores, RawLimits, RawMemory, RawNode, RawUplink};
use super::value::{self, Judged};
use super::version;
use super::warning::{Concern, Warning};

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
    let ports = ports::read(node, raw, problems);
    let fabric_ports = ports.as_ref().and_then(|ports| ports::fabric(ports, node, problems));
    let (workers, polling) = cores(node, raw, problems);
    let memory = memory(node, raw.memory.as_ref().unwrap_or(&RawMemory::default()), problems);
    let fabric = node.required_section(problems, "fabric", &raw.fabric);
    let fabric = fabric.and_then(|section| fabric::read(node, raw, section, problems));
    let api = api(node, raw.api.as_ref().unwrap_or(&RawApi::default()), problems);
    let limits = limits(node, raw.limits.as_ref().unwrap_or(&RawLimits::default()), problems);
    let uplink = uplink(node, raw.uplink_tracking.as_ref().unwrap_or(&RawUplink::default()), problems);
    let (ports, fabric) = (ports?, fabric?);
    ports::check_interfaces(node, raw, &ports, &fabric, problems);
    let all_virtual = ports.iter().all(|port| port.kind.is_virtual());
    let default_polling = if all_virtual { Polling::Adaptive } else { Polling::Busy };
    Some(NodeModel {
        name: name?,
        mode: mode?,
        workers: workers?,
        polling: polling?.unwrap_or(default_polling),
        memory: memory?,
        fabric_ports: fabric_ports?,
        ports,
        fabric,
        api: api?,
        limits: limits?,
        uplink_tracking: uplink?,
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
    let vmis = limits.or(problems, "vmis", &raw.vmis, 8192, value::number(1, 65_536));
    let learned = value::number(1, 524_288);
    let learned = limits.or(problems, "learned_macs", &raw.learned_macs, 65_536, learned);
    Some(LimitsModel { vmis: vmis?, learned_macs: learned? })
}

fn uplink(node: Object<'_>, raw: &RawUplink, problems: &mut Problems) -> Option<UplinkModel> {
    let uplink = node.section("uplink_tracking", "uplink_tracking");
    uplink.refuse_unknown::<RawUplink>(problems, &raw.unknown);
    let enabled = uplink.or(problems, "enabled", &raw.enabled, true, value::boolean);
    let hold_down: Option<u32> =
        uplink.or(problems, "hold_down_ms", &raw.hold_down_ms, 10_000, value::number(0, 600_000));
    Some(UplinkModel { enabled: enabled?, hold_down: Duration::from_millis(hold_down?.into()) })
}

/// What is legal in a node file and probably not meant.
pub(super) fn warnings(node: &NodeModel) -> Vec<Warning> {
    let memory = [too_few_buffers(node), too_little_memory(node)].into_iter().flatten();
    let memory = memory.map(|concern| Warning { place: node.memory.place.clone(), concern });
    let dscp = ambiguous_dscp(&node.fabric);
    let dscp = dscp.map(|concern| Warning { place: node.fabric.place_dscp.clone(), concern });
    memory.chain(sockets(node)).chain(without_address(node)).chain(dscp).collect()
}

/// Ports whose kind cannot be right without help from the other end.
fn sockets(node: &NodeModel) -> impl Iterator<Item = Warning> {
    node.ports.iter().filter_map(|port| {
        let (name, interface) = (port.name.clone(), Excerpt::new(port.device.interface()?));
        let concern = match port.kind {
            PortKind::AfPacket => Concern::PacketSocket { name, interface },
            PortKind::AfXdp => Concern::XdpSocket { name, interface },
            _ => return None,
        };
        Some(Warning { place: port.place.clone(), concern })
    })
}

/// A worker that needs more buffers than it has may not start, or runs dry under load.
fn too_few_buffers(node: &NodeModel) -> Option<Concern> {
    let needed = node.buffers_needed();
    let mbufs = node.memory.mbufs;
    (mbufs < needed.total()).then_some(Concern::FewBuffers { mbufs, needed, ports: node.ports.len() })
}

/// DPDK finds room for a pool for certain only in twice its size: what it takes itself, and pieces that do not fit.
fn too_little_memory(node: &NodeModel) -> Option<Concern> {
    let buffer = u64::from(node.buffers_needed().octets) + BUFFER_OVERHEAD;
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

/// Of two fabric ports each needs an address for Linux to send from; the first has it from `fabric`, unless that stands
/// alone in its prefix.
fn without_address(node: &NodeModel) -> impl Iterator<Item = Warning> {
    let is_lone = |(address, length): (IpAddr, u8)| length == if address.is_ipv4() { 32 } else { 128 };
    let without = move |port: &&PortIndex| {
        node[**port].addresses.is_empty() && node.host_addresses(**port).into_iter().all(is_lone)
    };
    let ports = node.fabric_ports.iter().filter(|_| node.fabric_ports.len() > 1).filter(without);
    ports.map(|port| {
        let port = &node[*port];
        Warning { place: port.place.clone(), concern: Concern::NoLinkAddress { name: port.name.clone() } }
    })
}

/// The lowest two PCPs of one DSCP, unless no frame is marked at all. One DSCP for both DEI of a PCP is what a table of
/// eight values says.
fn ambiguous_dscp(fabric: &FabricModel) -> Option<Concern> {
    let table = &fabric.dscp;
    if table.iter().all(|dscp| *dscp == 0) {
        return None;
    }
    let pairs = (0..table.len()).flat_map(|second| (0..second).map(move |first| (first, second)));
    let (first, second) =
        pairs.into_iter().find(|&(first, second)| first / 2 != second / 2 && table[first] == table[second])?;
    let pcp = |index: usize| u8::try_from(index / 2).unwrap_or(u8::MAX);
    Some(Concern::AmbiguousDscp { dscp: table[first], first: pcp(first), second: pcp(second) })
}
