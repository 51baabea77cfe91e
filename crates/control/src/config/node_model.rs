//! The node file, checked: ports, cores, memory and the fabric address of this machine.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::time::Duration;

use wire::{Tpid, VlanId};

use super::device::Device;
use super::name::{FilePrefix, GroupName, InterfaceName, NodeName, PortName};
use super::place::Place;
use super::port_kind::PortKind;

/// This machine. Everything in it is legal on its own and together; there are one or two fabric ports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeModel {
    /// This node's name; the physical router of the same name is ours.
    pub name: NodeName,
    /// What this node does.
    pub mode: GatewayMode,
    /// The workers' cores: at least one, none twice, in file order.
    pub workers: Vec<CoreId>,
    /// How workers wait for packets; the default is resolved by the ports' kinds.
    pub polling: Polling,
    /// Memory for packets.
    pub memory: MemoryModel,
    /// Data path ports in file order; [`PortIndex`] counts in here.
    pub ports: Vec<PortModel>,
    /// The one or two ports with [`PortRole::Fabric`] in file order. The first one's host interface bears the VTEP
    /// addresses.
    pub fabric_ports: Vec<PortIndex>,
    /// The underlay.
    pub fabric: FabricModel,
    /// The management socket.
    pub api: ApiModel,
    /// Reservations.
    pub limits: LimitsModel,
    /// When access ports are open.
    pub uplink_tracking: UplinkModel,
    /// Where the node's name stands.
    pub place: Place,
}

impl NodeModel {
    /// The port of a name, with its index.
    pub fn port(&self, name: &str) -> Option<(PortIndex, &PortModel)> {
        let position = self.ports.iter().position(|port| port.name.as_str() == name)?;
        Some((PortIndex::at(position), &self.ports[position]))
    }

    /// The host interface that Linux has for a fabric port, whichever key names it; `None` for an access port.
    pub fn host_interface(&self, port: PortIndex) -> Option<&InterfaceName> {
        let fabric = (self[port].role == PortRole::Fabric).then_some(&self[port])?;
        fabric.host_interface.as_ref().or(self.fabric.host_interface.as_ref())
    }

    /// Each fabric port with its host interface, in file order.
    pub fn host_interfaces(&self) -> impl Iterator<Item = (PortIndex, &InterfaceName)> {
        self.fabric_ports.iter().filter_map(|&port| Some((port, self.host_interface(port)?)))
    }

    /// What belongs on the host interface of a fabric port: the VTEP addresses if it is the first, and the port's own.
    pub fn host_addresses(&self, port: PortIndex) -> Vec<(IpAddr, u8)> {
        let is_first = self.fabric_ports.first() == Some(&port);
        let vteps = self.fabric.addresses().filter(|_| is_first);
        vteps.chain(self[port].addresses.iter().copied()).collect()
    }

    /// The access ports.
    pub fn access_ports(&self) -> impl Iterator<Item = (PortIndex, &PortModel)> {
        let ports = self.ports.iter().enumerate().filter(|(_, port)| port.role == PortRole::Access);
        ports.map(|(position, port)| (PortIndex::at(position), port))
    }

    /// Every address of this node in the fabric, with its prefix and where it stands: the VTEP addresses first.
    pub fn own_addresses(&self) -> impl Iterator<Item = (IpAddr, u8, &Place)> {
        let FabricModel { address, address_v6, place, place_v6, .. } = &self.fabric;
        let v4 = address.map(|(address, length)| (IpAddr::V4(address), length, place));
        let v6 = address_v6.map(|(address, length)| (IpAddr::V6(address), length, place_v6));
        let links = self.ports.iter().flat_map(|port| port.addresses.iter().map(|own| (own.0, own.1, &port.place)));
        v4.into_iter().chain(v6).chain(links)
    }
}

impl std::ops::Index<PortIndex> for NodeModel {
    type Output = PortModel;

    /// The port; panics only on an index of another model.
    fn index(&self, index: PortIndex) -> &PortModel {
        &self.ports[index.position()]
    }
}

/// A port's position in [`NodeModel::ports`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PortIndex(u16);

impl PortIndex {
    pub(super) const MAX_PORTS: usize = 32;

    /// A node has at most [`Self::MAX_PORTS`] ports, so a position always fits.
    pub(super) fn at(position: usize) -> Self {
        Self(u16::try_from(position).unwrap_or(u16::MAX))
    }

    /// The position as a number.
    pub fn position(self) -> usize {
        usize::from(self.0)
    }
}

/// What this node does (the original's `gateway_mode`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GatewayMode {
    /// Serves nothing; access ports stay down.
    None,
    /// Remote instances.
    Server,
}

impl fmt::Display for GatewayMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Server => "server",
        })
    }
}

/// A CPU core as Linux numbers it, 0 to 1023.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CoreId(u16);

impl CoreId {
    /// The largest core number.
    pub const MAX: u16 = 1023;

    /// A core, unless the number is above [`Self::MAX`].
    pub fn new(core: u16) -> Option<Self> {
        (core <= Self::MAX).then_some(Self(core))
    }

    /// The core's number.
    pub fn value(self) -> u16 {
        self.0
    }
}

impl fmt::Display for CoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How a worker waits for packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Polling {
    /// Never sleeps.
    Busy,
    /// Backs off when idle.
    Adaptive,
}

impl fmt::Display for Polling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Busy => "busy",
            Self::Adaptive => "adaptive",
        })
    }
}

/// Memory for packets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemoryModel {
    /// Where the section stands.
    pub place: Place,
    /// Whether to take reserved huge pages; else ordinary memory.
    pub hugepages: bool,
    /// DPDK's memory in mebibytes.
    pub size_mb: u32,
    /// Packet buffers per worker.
    pub mbufs: u32,
    /// Names this process's DPDK files.
    pub file_prefix: FilePrefix,
}

/// Which side of the gateway a port is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PortRole {
    /// Towards remote instances: 802.1Q.
    Access,
    /// Towards the IP fabric.
    Fabric,
}

impl fmt::Display for PortRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Access => "access",
            Self::Fabric => "fabric",
        })
    }
}

/// One data path port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortModel {
    /// The port's name, unique in the node.
    pub name: PortName,
    /// Access or fabric.
    pub role: PortRole,
    /// What drives it.
    pub device: Device,
    /// The device's kind.
    pub kind: PortKind,
    /// Largest payload of a frame in octets, headers and tags not counted.
    pub mtu: u16,
    /// Receive descriptors a queue; the port's own choice if absent.
    pub rx_descriptors: Option<u16>,
    /// Transmit descriptors a queue; the port's own choice if absent.
    pub tx_descriptors: Option<u16>,
    /// Receive queues; as many as there are workers, or the port has, if absent.
    pub queues: Option<u16>,
    /// The type of an access port's outer tag; [`Tpid::Customer`] for a fabric port.
    pub tpid: Tpid,
    /// A fabric port's host interface; with one fabric port [`FabricModel::host_interface`] may name it instead.
    /// [`NodeModel::host_interface`] knows both.
    pub host_interface: Option<InterfaceName>,
    /// A fabric port's own addresses with their prefixes, beside the VTEP addresses.
    pub addresses: Vec<(IpAddr, u8)>,
    /// Where the port stands in the node file.
    pub place: Place,
}

/// The underlay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FabricModel {
    /// This node's IPv4 VTEP address with the length of its prefix; there is one of either family or of both.
    pub address: Option<(Ipv4Addr, u8)>,
    /// This node's IPv6 VTEP address with the length of its prefix.
    pub address_v6: Option<(Ipv6Addr, u8)>,
    /// The host interface that bears the address, where the fabric port does not name it itself. Never with two.
    pub host_interface: Option<InterfaceName>,
    /// Tag of fabric frames, 1 to 4094, if the port is a trunk.
    pub vlan: Option<VlanId>,
    /// Routes that Causeway installs beside those of Linux.
    pub routes: Vec<FabricRoute>,
    /// The DF flag of the outer IPv4 header.
    pub dont_fragment: bool,
    /// Which VTEPs may send unicast to us.
    pub source_check: SourceCheck,
    /// Whether UDP over IPv6 leaves with a zero checksum (RFC 6935).
    pub udp6_zero_checksum_tx: bool,
    /// Whether UDP over IPv6 is taken with a zero checksum (RFC 6936).
    pub udp6_zero_checksum_rx: bool,
    /// The DSCP of the outer header, 0 to 63, at PCP * 2 + DEI.
    pub dscp: [u8; 16],
    /// Where the IPv4 address stands in the node file; the section if there is none.
    pub place: Place,
    /// Where the IPv6 address stands in the node file; the section if there is none.
    pub place_v6: Place,
    /// Where the DSCP table stands in the node file; the section if there is none.
    pub place_dscp: Place,
}

impl FabricModel {
    /// The VTEP addresses with their prefixes, IPv4 first.
    pub fn addresses(&self) -> impl Iterator<Item = (IpAddr, u8)> + use<> {
        let v4 = self.address.map(|(address, length)| (address.into(), length));
        v4.into_iter().chain(self.address_v6.map(|(address, length)| (address.into(), length)))
    }

    /// The VTEP address that goes with a remote one: of the same family.
    pub fn address_towards(&self, remote: IpAddr) -> Option<IpAddr> {
        self.addresses().map(|(address, _)| address).find(|address| address.is_ipv4() == remote.is_ipv4())
    }
}

/// A static route of the underlay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FabricRoute {
    /// Destination, host bits zero.
    pub to: IpAddr,
    /// Length of the destination's prefix.
    pub to_len: u8,
    /// Next hop: of the destination's family, in the prefix of an own address.
    pub via: IpAddr,
    /// Where the route stands in the node file.
    pub place: Place,
}

/// Which VTEPs may send unicast to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SourceCheck {
    /// Only a VTEP of the frame's network.
    Strict,
    /// Any VTEP that this node knows.
    Known,
    /// Anybody.
    Any,
}

impl fmt::Display for SourceCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Strict => "strict",
            Self::Known => "known",
            Self::Any => "any",
        })
    }
}

/// The management socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiModel {
    /// Absolute path of the unix socket, at most 107 octets.
    pub socket: PathBuf,
    /// The group that may use it.
    pub group: GroupName,
}

/// When access ports are open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UplinkModel {
    /// Whether they are closed while the fabric is down; open at all times if not.
    pub enabled: bool,
    /// How long a fabric that is up waits for VTEPs that are not reached.
    pub hold_down: Duration,
}

/// Reservations that cannot grow while running.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitsModel {
    /// Most VMIs that this node may serve.
    pub vmis: u32,
    /// Most stations that this node may learn.
    pub learned_macs: u32,
}
