//! What is legal and probably not meant.

use std::net::IpAddr;

use wire::{Encapsulation, VlanId, Vni};

use super::name::{NodeName, ObjectName, PortName};
use super::node_model::GatewayMode;
use super::place::Place;
use super::port_setup::BuffersNeeded;
use super::problem::Excerpt;

/// A warning and where it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: warning: {concern}")]
pub struct Warning {
    /// Where.
    pub place: Place,
    /// What.
    pub concern: Concern,
}

/// What a warning is about. `node` and `network` are where the other party stands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum Concern {
    #[error("nothing is served: the node's mode is {mode}, not server")]
    NotAServer { mode: GatewayMode },
    #[error("nothing is served: no physical router bears this node's name, {name} (at {node})")]
    NoOwnRouter { name: NodeName, node: Place },
    #[error("physical router {name} has no logical interface with a VMI: nothing is served")]
    NothingServed { name: NodeName },
    #[error("access port {name} has no physical interface in the network file: it carries nothing")]
    UnusedPort { name: PortName },
    #[error(
        "fabric port: mtu {mtu} is below {needed}, what full frames of access port {access} (mtu {access_mtu}) need in \
         {encapsulation} over {}", if *is_ipv6 { "IPv6" } else { "IPv4" }
    )]
    FabricMtu { mtu: u16, needed: u32, access: PortName, access_mtu: u16, encapsulation: Encapsulation, is_ipv6: bool },
    #[error(
        "DSCP {dscp} stands for PCP {first} and PCP {second}: a frame that leaves with PCP {second} arrives over VXLAN with \
         PCP {first}"
    )]
    AmbiguousDscp { dscp: u8, first: u8, second: u8 },
    #[error("fabric port {name} has no `address`: Linux sends nothing over it until it gets one from elsewhere")]
    NoLinkAddress { name: PortName },
    #[error(
        "virtual network {name}: vxlan_network_identifier {given} is not used, since the mode is automatic: the VNI is {vni}"
    )]
    VniNotUsed { name: ObjectName, given: Vni, vni: Vni },
    #[error(
        "memory.mbufs: {mbufs} for each worker is below {}, what {ports} ports need: {} in rings, {} in the cache, {} in \
         work; a port may not start, or run dry; raise mbufs, or set smaller rx_descriptors and tx_descriptors",
        needed.total(), needed.rings, needed.cache, needed.bursts
    )]
    FewBuffers { mbufs: u32, needed: BuffersNeeded, ports: usize },
    #[error(
        "memory.size_mb: {size_mb} may not suffice for {mbufs} buffers for each of {workers} workers; {enough_mb} does"
    )]
    LittleMemory { size_mb: u32, enough_mb: u64, mbufs: u32, workers: usize },
    #[error(
        "port {name}: the kernel hands it frames above the MTU if senders behind {interface} make them (TSO) and fragments \
         of IPv4 put together: all are dropped; for a veth, run `ethtool -K PEER tx off` on its other end"
    )]
    PacketSocket { name: PortName, interface: Excerpt },
    #[error(
        "port {name}: a VLAN tag that {interface} receives outside of the frame is lost; for a veth with VLAN interfaces at \
         its other end, run `ethtool -K PEER txvlan off` there"
    )]
    XdpSocket { name: PortName, interface: Excerpt },
    #[error("virtual network {name} has no VMI on this node")]
    NetworkNotHere { name: ObjectName },
    #[error("virtual network {network} has no VMI on this node: its reachability through {vtep} is not used")]
    ReachabilityNotHere { network: ObjectName, vtep: IpAddr },
    #[error("logical interface {name} has no VMI: its frames are dropped")]
    NoVmi { name: ObjectName },
    #[error(
        "VLAN {vlan} is VMI {vmi} here and VMI {other} of the same network on {router} (at {there}): if both ports are on \
         one LAN, broadcasts circle between the gateways; list the same VMIs on both, or give each a VLAN of its own"
    )]
    SharedVlan { vlan: VlanId, vmi: ObjectName, other: ObjectName, router: NodeName, there: Place },
    #[error(
        "port {port}: VMI {vmi} is behind {router} too (at {there}), and the port is in no BPDU network: if both ports are on one \
         LAN, both forward, since its switches do not hear each other through the gateways; add a virtual network with \
         `bpdu_network: true` whose VMI is on VLAN 0 of each such port"
    )]
    NoBpduNetwork { port: PortName, vmi: ObjectName, router: NodeName, there: Place },
    #[error(
        "BPDU network {name} has members on {router} too (at {there}), and no VTEP with `flood: true` in \
         static_reachability: what switches say here does not reach them"
    )]
    BpduNotFlooded { name: ObjectName, router: NodeName, there: Place },
    #[error("BPDU network {name} has one member: nobody hears what switches say there")]
    BpduAlone { name: ObjectName },
    #[error("VMI {name} is disabled (`id_perms.enable: false`): it does not forward")]
    DisabledVmi { name: ObjectName },
}
