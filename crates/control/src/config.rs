//! Configuration: two YAML files into two models that hold nothing illegal.
//!
//! Three steps, each of which can go wrong in fewer ways than the one before. Text to raw: `outline` refuses what YAML
//! can do and these files must not, and notes where every value stands; `raw` gives the shape. Raw to model: `node` and
//! `network` judge every value and every pair of values that can conflict, and turn references into indices. All errors
//! of a file are collected, and each has its `file:line:column` (ADR 0003).
//!
//! The node file is read first; the network file is read as that node sees it, but all of it is checked, also what
//! hangs under other gateways, since it is the same file on each.

mod bpdu;
mod device;
mod errors;
mod fabric;
mod file;
mod global;
mod learning;
mod logical;
mod mtu;
mod name;
mod network;
mod network_model;
mod node;
mod node_model;
mod object;
mod outline;
mod place;
mod port_kind;
mod port_setup;
mod ports;
mod problem;
mod raw;
mod reachability;
mod register;
mod restart;
mod served;
mod storm;
mod subnets;
mod value;
mod version;
mod virtual_network;
mod warning;

use std::path::Path;
use std::sync::Arc;

pub use bpdu::BpduNetwork;
pub use device::{Device, DeviceError, PciAddress};
pub use errors::{ConfigErrors, Note};
pub use learning::{MacLearning, MacLimit, MacLimitAction, MacMove};
pub use name::{FilePrefix, GroupName, InterfaceName, NameError, NodeName, ObjectName, PortName};
pub use network_model::{
    AllowedAddressPair, ForwardingMode, GlobalVrouterConfig, InstanceIp, IpPrefix, IpamSubnet, LogicalInterface,
    LogicalInterfaceIndex, NetworkModel, PhysicalInterface, PhysicalInterfaceIndex, PhysicalRouter,
    PhysicalRouterIndex, ServedVmi, StaticReachability, Station, VirtualMachineInterface, VirtualNetwork,
    VirtualNetworkIndex, VmiIndex, VxlanNetworkIdentifierMode,
};
pub use node_model::{
    ApiModel, CoreId, FabricModel, FabricRoute, GatewayMode, LimitsModel, MemoryModel, NodeModel, Polling, PortIndex,
    PortModel, PortRole, SourceCheck, UplinkModel,
};
pub use place::Place;
pub use port_kind::PortKind;
pub use port_setup::{BuffersNeeded, PortSetup};
pub use problem::{Diagnostic, Excerpt, Problem};
pub use restart::restart_needed;
pub use storm::StormControl;
pub use warning::{Concern, Warning};

use errors::Problems;
use outline::Outline;

/// The most octets of a node file.
pub const NODE_FILE_LIMIT: u64 = 1 << 20;
/// The most octets of a network file: 64 k VMIs with their logical interfaces and instance IPs take about 24 MiB.
pub const NETWORK_FILE_LIMIT: u64 = 64 << 20;

/// Both files, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// This machine.
    pub node: NodeModel,
    /// The network as this machine sees it.
    pub network: NetworkModel,
    /// What is legal and probably not meant.
    pub warnings: Vec<Warning>,
}

/// A model and what is probably not meant in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked<T> {
    /// The model.
    pub model: T,
    /// Its warnings.
    pub warnings: Vec<Warning>,
}

/// Reads and checks both files. Blocks on the disk, and takes seconds for files at their limits: not for the control
/// thread.
pub fn load(node_path: &Path, network_path: &Path) -> Result<Loaded, ConfigErrors> {
    let (text, name) = read(node_path, NODE_FILE_LIMIT)?;
    let node = parse_node(&text, &name)?;
    let (text, name) = read(network_path, NETWORK_FILE_LIMIT)?;
    let network = parse_network(&text, &name, &node.model)?;
    let mut warnings = node.warnings;
    warnings.extend(network.warnings);
    Ok(Loaded { node: node.model, network: network.model, warnings })
}

fn read(path: &Path, limit: u64) -> Result<(String, String), ConfigErrors> {
    let name = path.display().to_string();
    let text = file::read(path, &name.as_str().into(), limit)?;
    Ok((text, name))
}

/// Checks the text of a node file; `file` is its name in messages. Pure, and never panics.
pub fn parse_node(text: &str, file: &str) -> Result<Checked<NodeModel>, ConfigErrors> {
    let file: Arc<str> = file.into();
    let outline = Outline::of(text, &file)?;
    let raw = raw::read(text, &outline)?;
    let mut problems = Problems::default();
    let model = node::model(&raw, outline.root(), &mut problems);
    let model = problems.unless_any(model, || Place::start_of(&file))?;
    Ok(Checked { warnings: node::warnings(&model), model })
}

/// Checks the text of a network file as `node` sees it; `file` is its name in messages. Pure, and never panics.
pub fn parse_network(text: &str, file: &str, node: &NodeModel) -> Result<Checked<NetworkModel>, ConfigErrors> {
    let file: Arc<str> = file.into();
    let outline = Outline::of(text, &file)?;
    let raw = raw::read(text, &outline)?;
    let mut problems = Problems::default();
    let model = network::model(&raw, outline.root(), node, &mut problems);
    let model = problems.unless_any(model, || Place::start_of(&file))?;
    Ok(Checked { warnings: served::warnings(&model, node, Place::start_of(&file)), model })
}
