//! The network file, checked and resolved: references are indices, so none can dangle.

use std::fmt;
use std::net::IpAddr;
use std::ops::Index;

use wire::{Encapsulation, MacAddr, MplsLabel, VlanId, Vni};

use super::bpdu::BpduNetwork;
use super::learning::{MacLearning, MacLimit};
use super::name::{NodeName, ObjectName, PortName};
use super::node_model::PortIndex;
use super::place::Place;
use super::storm::StormControl;
use super::value;

/// The network: all objects of the file, and in [`served`](Self::served) what this node does with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkModel {
    /// What holds for all networks.
    pub global: GlobalVrouterConfig,
    /// Virtual networks; names and VNIs are unique.
    pub virtual_networks: Vec<VirtualNetwork>,
    /// Gateways; names are unique.
    pub physical_routers: Vec<PhysicalRouter>,
    /// Access ports of gateways; names are unique per router.
    pub physical_interfaces: Vec<PhysicalInterface>,
    /// VLANs of access ports; pairs of VLAN and inner VLAN are unique per physical interface.
    pub logical_interfaces: Vec<LogicalInterface>,
    /// One a remote instance; MACs are unique per network.
    pub virtual_machine_interfaces: Vec<VirtualMachineInterface>,
    /// Addresses of VMIs.
    pub instance_ips: Vec<InstanceIp>,
    /// What lies behind the fabric; pairs of network and VTEP are unique per router.
    pub static_reachability: Vec<StaticReachability>,
    /// The physical router of this node's name, unless there is none or the node's mode is not `server`.
    pub own_router: Option<PhysicalRouterIndex>,
    /// What this node serves, in the order of the logical interfaces: every VMI once, but those of BPDU networks once for each
    /// port. Several may have one port, VLAN and
    /// inner VLAN: then they are of one network, and no MAC, be it of an address pair, is that of two.
    /// Disabled VMIs are in it: see [`VirtualMachineInterface::enabled`].
    pub served: Vec<ServedVmi>,
}

impl NetworkModel {
    /// Every VMI with its position.
    pub fn vmis(&self) -> impl Iterator<Item = (VmiIndex, &VirtualMachineInterface)> {
        self.virtual_machine_interfaces.iter().enumerate().map(|(position, vmi)| (VmiIndex::at(position), vmi))
    }

    /// The static reachability that this node uses: entries for it and entries for every gateway.
    pub fn reachability_here(&self) -> impl Iterator<Item = &StaticReachability> {
        let own = self.own_router;
        self.static_reachability
            .iter()
            .filter(move |entry| own.is_some() && (entry.physical_router.is_none() || entry.physical_router == own))
    }
}

/// What holds for all networks (`global_vrouter_config`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GlobalVrouterConfig {
    /// Encapsulations, the preferred one first; at least one, none twice.
    pub encapsulation_priorities: Vec<Encapsulation>,
    /// Where a network's VNI comes from.
    pub vxlan_network_identifier_mode: VxlanNetworkIdentifierMode,
}

impl Default for GlobalVrouterConfig {
    fn default() -> Self {
        Self {
            encapsulation_priorities: Encapsulation::ALL.to_vec(),
            vxlan_network_identifier_mode: VxlanNetworkIdentifierMode::Configured,
        }
    }
}

impl GlobalVrouterConfig {
    /// What is used towards a VTEP that speaks these: the first of the priorities among them. Where the priorities have none
    /// of them, MPLSoGRE, else MPLSoUDP, else VXLAN, as the original falls back.
    pub fn choose(&self, spoken: &[Encapsulation]) -> Encapsulation {
        let fallback = [Encapsulation::MplsOverGre, Encapsulation::MplsOverUdp];
        let mut order = self.encapsulation_priorities.iter().copied().chain(fallback);
        order.find(|encapsulation| spoken.contains(encapsulation)).unwrap_or(Encapsulation::Vxlan)
    }
}

/// Where a network's VNI comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VxlanNetworkIdentifierMode {
    /// `vxlan_network_identifier`.
    Configured,
    /// `virtual_network_network_id`.
    Automatic,
}

impl fmt::Display for VxlanNetworkIdentifierMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Configured => "configured",
            Self::Automatic => "automatic",
        })
    }
}

/// A VMI that hangs under this node's physical router.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServedVmi {
    /// The access port.
    pub port: PortIndex,
    /// The VLAN of the port.
    pub vlan: VlanId,
    /// The inner VLAN, if the VMI's frames have two tags.
    pub inner_vlan: Option<VlanId>,
    /// The VMI.
    pub vmi: VmiIndex,
    /// The logical interface that says so.
    pub logical_interface: LogicalInterfaceIndex,
}

/// A layer 2 network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VirtualNetwork {
    /// The network's name.
    pub name: ObjectName,
    /// The VNI in use, from one of the next two, as [`GlobalVrouterConfig::vxlan_network_identifier_mode`] says.
    pub vni: Vni,
    /// `vxlan_network_identifier`, if the file has it.
    pub vxlan_network_identifier: Option<Vni>,
    /// `virtual_network_network_id`, if the file has it; unique.
    pub virtual_network_network_id: Option<u32>,
    /// Whether a frame to an unknown station goes to everybody instead of nobody.
    pub flood_unknown_unicast: bool,
    /// Whether a control word stands between label and frame (RFC 4448 section 4.6).
    pub layer2_control_word: bool,
    /// The label that stands for the network on every gateway, if the file has one; unique.
    pub mpls_label: Option<MplsLabel>,
    /// Whether this node is the network's gateway.
    pub forwarding_mode: ForwardingMode,
    /// Its subnets: none overlaps with another. They have no effect in mode `l2`.
    pub ipam_subnets: Vec<IpamSubnet>,
    /// Whether requests for the addresses of known instances are answered instead of flooded.
    pub arp_suppression: bool,
    /// What all that it has on this node may flood.
    pub storm_control: StormControl,
    /// What it carries, if it is a BPDU network: its VMIs stand for ports, which have VLAN 0.
    pub bpdu: Option<BpduNetwork>,
    /// How it learns, if it does.
    pub mac_learning: MacLearning,
    /// Where it stands in the network file.
    pub place: Place,
}

impl VirtualNetwork {
    /// Whether this node is its gateway: not of one in which switches alone speak.
    pub fn has_gateway(&self) -> bool {
        self.forwarding_mode == ForwardingMode::L2L3 && self.bpdu.is_none()
    }
}

/// What a virtual network's gateway does for it (`forwarding_mode`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ForwardingMode {
    /// It bridges, answers ARP and neighbour discovery, and has addresses in the subnets.
    L2L3,
    /// It bridges, and nothing else: everything that is not for one known station is flooded.
    L2,
}

impl fmt::Display for ForwardingMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::L2L3 => "l2_l3",
            Self::L2 => "l2",
        })
    }
}

/// A subnet of a virtual network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IpamSubnet {
    /// The subnet.
    pub subnet: IpPrefix,
    /// The gateway's address in it: no instance's.
    pub default_gateway: Option<IpAddr>,
    /// The address of the gateway's services in it: another one, no instance's.
    pub dns_server_address: Option<IpAddr>,
    /// Where it stands in the network file.
    pub place: Place,
}

impl IpamSubnet {
    /// The addresses that this node has in it.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.default_gateway.into_iter().chain(self.dns_server_address)
    }
}

/// A gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhysicalRouter {
    /// The name of the gateway's node.
    pub name: NodeName,
    /// Where it stands in the network file.
    pub place: Place,
}

/// An access port of a gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhysicalInterface {
    /// The port's name in its gateway's node file.
    pub name: PortName,
    /// The gateway.
    pub physical_router: PhysicalRouterIndex,
    /// Where it stands in the network file.
    pub place: Place,
}

/// A VLAN of an access port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogicalInterface {
    /// The logical interface's name.
    pub name: ObjectName,
    /// The access port.
    pub physical_interface: PhysicalInterfaceIndex,
    /// `logical_interface_vlan_tag`; 0 is untagged.
    pub vlan: VlanId,
    /// `logical_interface_inner_vlan_tag`, 1 to 4094, if frames have two tags; then `vlan` is not 0.
    pub inner_vlan: Option<VlanId>,
    /// The VMIs on the VLAN, told apart by their MAC addresses; all of one network, none twice.
    pub vmis: Vec<VmiIndex>,
    /// Where it stands in the network file.
    pub place: Place,
}

/// The interface of one remote instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VirtualMachineInterface {
    /// The VMI's name.
    pub name: ObjectName,
    /// Its network.
    pub virtual_network: VirtualNetworkIndex,
    /// Its MAC address: a station's.
    pub mac: MacAddr,
    /// Further addresses that it may use.
    pub allowed_address_pairs: Vec<AllowedAddressPair>,
    /// `id_perms.enable`: whether it forwards.
    pub enabled: bool,
    /// What it may flood.
    pub storm_control: StormControl,
    /// How many stations may be learned behind it.
    pub mac_limit: MacLimit,
    /// Where it stands in the network file.
    pub place: Place,
}

/// A further address of a VMI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AllowedAddressPair {
    /// The MAC address; the VMI's own if the file names none.
    pub mac: MacAddr,
    /// The addresses that go with it, if the file names any.
    pub ip: Option<IpPrefix>,
}

/// An IPv4 or IPv6 prefix with zero host bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct IpPrefix {
    pub(super) address: IpAddr,
    pub(super) length: u8,
}

impl IpPrefix {
    /// The network address.
    pub fn address(self) -> IpAddr {
        self.address
    }

    /// The number of fixed leading bits.
    pub fn length(self) -> u8 {
        self.length
    }

    /// The one address that it stands for, if it is no more.
    pub fn host(self) -> Option<IpAddr> {
        let bits = if self.address.is_ipv4() { 32 } else { 128 };
        (self.length == bits).then_some(self.address)
    }

    /// Whether an address is in it.
    pub fn covers(self, address: IpAddr) -> bool {
        value::same_prefix(self.address, address, self.length)
    }
}

impl fmt::Display for IpPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

/// An address of a VMI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceIp {
    /// The instance IP's name.
    pub name: ObjectName,
    /// The VMI.
    pub vmi: VmiIndex,
    /// The address: a host's.
    pub address: IpAddr,
    /// Where it stands in the network file.
    pub place: Place,
}

/// What lies behind one VTEP for one network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaticReachability {
    /// The network.
    pub virtual_network: VirtualNetworkIndex,
    /// The VTEP.
    pub vtep: IpAddr,
    /// Whether the VTEP takes part in the network's flooding.
    pub flood: bool,
    /// How frames go to the VTEP: chosen from what it speaks.
    pub encapsulation: Encapsulation,
    /// The label for flooding and for stations without one of their own: this entry's, else the network's. `None` for
    /// VXLAN, and for MPLS if nothing needs it.
    pub label: Option<MplsLabel>,
    /// Stations behind it: those of `mac_addresses`, then those of `mac_labels`.
    pub stations: Vec<Station>,
    /// The only gateway that uses this entry; every gateway if absent.
    pub physical_router: Option<PhysicalRouterIndex>,
    /// Where it stands in the network file.
    pub place: Place,
}

/// A station behind a VTEP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Station {
    /// Its MAC address.
    pub mac: MacAddr,
    /// A label of its own; [`StaticReachability::label`] if `None`. `None` for VXLAN.
    pub label: Option<MplsLabel>,
}

macro_rules! index {
    ($(#[$doc:meta])* $index:ident, $list:ident, $object:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $index(u32);

        impl $index {
            /// A file of bounded size has fewer than 2^32 objects, so a position always fits.
            pub(super) fn at(position: usize) -> Self {
                Self(u32::try_from(position).unwrap_or(u32::MAX))
            }

            /// The position as a number.
            pub fn position(self) -> usize {
                self.0 as usize
            }
        }

        impl Index<$index> for NetworkModel {
            type Output = $object;

            /// The object; panics only on an index of another model.
            fn index(&self, index: $index) -> &$object {
                &self.$list[index.position()]
            }
        }
    };
}

index! {
    /// A position in [`NetworkModel::virtual_networks`].
    VirtualNetworkIndex, virtual_networks, VirtualNetwork
}
index! {
    /// A position in [`NetworkModel::physical_routers`].
    PhysicalRouterIndex, physical_routers, PhysicalRouter
}
index! {
    /// A position in [`NetworkModel::physical_interfaces`].
    PhysicalInterfaceIndex, physical_interfaces, PhysicalInterface
}
index! {
    /// A position in [`NetworkModel::logical_interfaces`].
    LogicalInterfaceIndex, logical_interfaces, LogicalInterface
}
index! {
    /// A position in [`NetworkModel::virtual_machine_interfaces`].
    VmiIndex, virtual_machine_interfaces, VirtualMachineInterface
}
