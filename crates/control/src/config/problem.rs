//! Every error that a configuration can have: one closed list. Each message names the thing, its value and what was
//! expected; the place stands in front of it, and that of the other party of a conflict inside it.

use std::fmt;
use std::io::ErrorKind;
use std::net::IpAddr;

use wire::{
    Encapsulation, EncapsulationError, MacAddr, MacAddrError, MplsLabel, MplsLabelError, TpidError, VlanId, Vni,
    VniError,
};

use super::device::DeviceError;
use super::name::NameError;
use super::node_model::PortRole;
use super::place::Place;

/// An error and where it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct Diagnostic {
    /// Where.
    pub place: Place,
    /// What.
    pub problem: Problem,
}

/// A piece of the file's text in a message: at most 80 characters, control characters escaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt(String);

impl Excerpt {
    const MAX: usize = 80;

    /// Shortens and escapes a text.
    pub fn new(text: &str) -> Self {
        let mut excerpt = String::new();
        for c in text.chars().take(Self::MAX) {
            if c.is_control() { excerpt.extend(c.escape_default()) } else { excerpt.push(c) }
        }
        if text.chars().nth(Self::MAX).is_some() {
            excerpt.push_str("...");
        }
        Self(excerpt)
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is wrong. Fields: `key` is the schema's key, `object` the kind of object, `value` the file's text, `first` where
/// the other party of a conflict stands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it; the fields are explained once, above")]
pub enum Problem {
    // The file.
    #[error("cannot read the file: {}", in_words(*reason))]
    Unreadable { reason: ErrorKind },
    #[error("not a regular file: expected a text file")]
    NotRegular,
    #[error("the file is larger than {limit} octets, the most that is read")]
    TooLarge { limit: u64 },
    #[error("not UTF-8 text")]
    NotUtf8,

    // The text.
    #[error("syntax: {0}")]
    Syntax(Excerpt),
    #[error("shape: {found}: expected {expected}")]
    Shape { found: Excerpt, expected: Excerpt },
    #[error("the file is empty: expected keys and values, `version: 1` first")]
    Empty,
    #[error("a second YAML document: expected one")]
    SeveralDocuments,
    #[error("a YAML alias (*name) is not allowed: write the value itself")]
    Alias,
    #[error("a YAML anchor (&name) is not allowed: write the value where it is used")]
    Anchor,
    #[error("a YAML tag (!name) is not allowed")]
    Tag,
    #[error("a key that is empty, spans lines, or is a list or mapping: expected a word")]
    ComplexKey,
    #[error("key `{key}` stands here a second time; first at {first}")]
    DuplicateKey { key: Excerpt, first: Place },
    #[error("nested deeper than {limit} levels")]
    TooDeep { limit: usize },
    #[error("more than {limit} values in the file")]
    TooManyValues { limit: usize },
    #[error("a line separator (U+0085, U+2028 or U+2029) on which YAML versions disagree: remove it")]
    AmbiguousLineBreak,

    // Keys.
    #[error("key `version` is missing: expected `version: 1`")]
    NoVersion,
    #[error("version {value} is not supported: expected `version: 1`")]
    WrongVersion { value: Excerpt },
    #[error("unknown key `{key}` in {object}: expected one of {}", expected.join(", "))]
    UnknownKey { key: Excerpt, object: &'static str, expected: &'static [&'static str] },
    #[error("key `{key}` of {object} is not supported yet: remove it")]
    KeyNotSupportedYet { key: Excerpt, object: &'static str },
    #[error("{key}: {value} is not supported yet: expected {expected}")]
    ValueNotSupportedYet { key: &'static str, value: Excerpt, expected: &'static str },
    #[error("{object} has no `{key}`: expected one")]
    MissingKey { key: &'static str, object: &'static str },

    // Single values.
    #[error("{key}: `{value}` is not a decimal number from {min} to {max}")]
    Number { key: &'static str, value: Excerpt, min: u32, max: u32 },
    #[error("{key}: `{value}` is neither a decimal number of frames a second from 1 to {max} nor `off`")]
    RateOrOff { key: &'static str, value: Excerpt, max: u32 },
    #[error("{key}: `{value}`: expected true or false")]
    Boolean { key: &'static str, value: Excerpt },
    #[error("{key}: `{value}`: expected {expected}")]
    Choice { key: &'static str, value: Excerpt, expected: &'static str },
    #[error("{key}: `{value}`: {reason}")]
    Name { key: &'static str, value: Excerpt, reason: NameError },
    #[error("{key}: `{value}`: {reason}")]
    Mac { key: &'static str, value: Excerpt, reason: MacAddrError },
    #[error("{key}: {mac} is a group address: expected the address of one station")]
    GroupMac { key: &'static str, mac: MacAddr },
    #[error("{key}: the zero address: expected the address of one station")]
    ZeroMac { key: &'static str },
    #[error("{key}: VLAN id {value} is out of range: expected {expected}; 4095 is reserved")]
    VlanOutOfRange { key: &'static str, value: Excerpt, expected: &'static str },
    #[error("{key}: {0}", key = "vxlan_network_identifier")]
    VniOutOfRange(VniError),
    #[error("{key}: `{value}`: {reason}")]
    Tpid { key: &'static str, value: Excerpt, reason: TpidError },
    #[error("{key}: {reason}")]
    Label { key: &'static str, reason: MplsLabelError },
    #[error("{key}: `{value}`: {reason}")]
    Encapsulation { key: &'static str, value: Excerpt, reason: EncapsulationError },
    #[error("{key} is empty: expected at least one of MPLSoUDP, MPLSoGRE, VXLAN")]
    NoEncapsulation { key: &'static str },
    #[error("{key}: {encapsulation} stands here a second time; first at {first}")]
    DuplicateEncapsulation { key: &'static str, encapsulation: Encapsulation, first: Place },
    #[error("dscp: {found} values: expected 8, one a PCP, or 16, at PCP*2+DEI")]
    DscpCount { found: usize },
    #[error("{key}: `{value}` is not an IP address: expected one without a length, as in 10.1.0.2 or 2001:db8::2")]
    Ip { key: &'static str, value: Excerpt },
    #[error("{key}: `{value}` is not a prefix: expected address/length as in {example}")]
    Prefix { key: &'static str, value: Excerpt, example: &'static str },
    #[error("{key}: `{value}` has host bits: expected {expected}")]
    HostBits { key: &'static str, value: Excerpt, expected: Excerpt },
    #[error("{key}: {value} is {what}: expected the unicast address of one host")]
    NotAHost { key: &'static str, value: Excerpt, what: &'static str },
    #[error("device: `{value}`: {reason}")]
    Device { value: Excerpt, reason: DeviceError },
    #[error("tpid: 0x88a8 on net_af_packet, which puts every tag back as 0x8100: expected 0x8100, or another driver")]
    TpidOfPacketSocket,
    #[error("socket: `{value}`: expected an absolute path of at most 107 octets")]
    SocketPath { value: Excerpt },
    #[error("physical_interface: `{value}`: expected physical router and port as in gw1:access0")]
    PhysicalInterfaceKey { value: Excerpt },
    #[error("allowed_address_pairs: a pair without `mac` and without `ip`: expected at least one of them")]
    EmptyAddressPair,

    // The node.
    #[error("cores.workers is empty: expected at least one core")]
    NoWorkers,
    #[error("workers: core {core} stands here a second time; first at {first}")]
    DuplicateWorker { core: u16, first: Place },
    #[error("no port has `role: fabric`: expected one or two")]
    NoFabricPort,
    #[error("port {port} is a third fabric port: expected one or two; the first is at {first}")]
    ThirdFabricPort { port: Excerpt, first: Place },
    #[error("key `{key}` is for ports with `role: {role}`: remove it")]
    KeyOfOtherRole { key: &'static str, role: PortRole },
    #[error("port {port} has no `host_interface`: expected one, since each of two fabric ports has its own")]
    NoHostInterface { port: Excerpt },
    #[error("host_interface: this port's host interface is given at {first} already: remove one of them")]
    SecondHostInterface { first: Place },
    #[error("fabric.host_interface with two fabric ports: each has its own, in `ports`; remove it here")]
    HostInterfaceOfTwo,
    #[error("fabric has neither `address` nor `address_v6`: expected at least one")]
    NoFabricAddress,
    #[error("own address {address} stands a second time; first at {first}")]
    DuplicateOwnAddress { address: IpAddr, first: Place },
    #[error("{found} ports: expected at most {limit}")]
    TooManyPorts { found: usize, limit: usize },
    #[error("device {device} is used a second time; first at {first}")]
    DuplicateDevice { device: Excerpt, first: Place },
    #[error("Linux interface {interface} is used a second time; first at {first}")]
    DuplicateInterface { interface: Excerpt, first: Place },
    #[error("via: next hop {via} is not another host of the fabric prefix {prefix} at {first}")]
    NextHopOffLink { via: IpAddr, prefix: Excerpt, first: Place },
    #[error("{key}: {address} is {}, and the fabric has no `{}` (node file at {node})", family(*address), own_key(*address))]
    NoAddressOfFamily { key: &'static str, address: IpAddr, node: Place },
    #[error("via: next hop {via} is {}, unlike the destination {to}: expected one of the same kind", family(*via))]
    RouteOfTwoFamilies { to: Excerpt, via: IpAddr },
    #[error("to: a second route to {to} via {via}; first at {first}")]
    DuplicateRoute { to: Excerpt, via: IpAddr, first: Place },

    // The network.
    #[error("{object} `{name}` is named a second time; first at {first}")]
    DuplicateName { object: &'static str, name: Excerpt, first: Place },
    #[error("{key}: there is no {object} `{name}` in this file")]
    Dangling { key: &'static str, object: &'static str, name: Excerpt },
    #[error("VNI {vni} belongs to two virtual networks; first at {first}")]
    DuplicateVni { vni: Vni, first: Place },
    #[error("network id {id} belongs to two virtual networks; first at {first}")]
    DuplicateNetworkId { id: u32, first: Place },
    #[error("MPLS label {label} belongs to two virtual networks; first at {first}")]
    DuplicateLabel { label: MplsLabel, first: Place },
    #[error("VLAN {} belongs to two logical interfaces of {physical_interface}; first at {first}", tags(*vlan, *inner))]
    DuplicateVlan { vlan: VlanId, inner: Option<VlanId>, physical_interface: Excerpt, first: Place },
    #[error("logical_interface_inner_vlan_tag {inner} below no tag: expected logical_interface_vlan_tag 1 to 4094")]
    InnerOfUntagged { inner: VlanId },
    #[error("MAC {mac} belongs to two VMIs of virtual network {network}; first at {first}")]
    DuplicateMac { mac: MacAddr, network: Excerpt, first: Place },
    #[error("address {address} stands a second time in virtual network {network}; first at {first}")]
    DuplicateAddress { address: Excerpt, network: Excerpt, first: Place },
    #[error("{key}: {address} is not in {subnet}: expected an address of the subnet")]
    OutsideSubnet { key: &'static str, address: IpAddr, subnet: Excerpt },
    #[error("dns_server_address: {address} is the default_gateway already: expected another address of the subnet")]
    ServiceIsGateway { address: IpAddr },
    #[error("subnet: {subnet} overlaps with {other} of the same virtual network, at {first}")]
    OverlappingSubnets { subnet: Excerpt, other: Excerpt, first: Place },
    #[error("{key}: {address} is the gateway's own, by the subnet at {first}: expected another address")]
    AddressOfGateway { key: &'static str, address: IpAddr, first: Place },
    #[error(
        "{key}: {mac} is every gateway's in a network of mode l2_l3: expected another MAC, or `forwarding_mode: l2`"
    )]
    MacOfGateway { key: &'static str, mac: MacAddr },
    #[error("physical interface {name} has no port here: the node file at {node} has no port of that name")]
    UnknownPort { name: Excerpt, node: Place },
    #[error("port {name} cannot be an access port: the node file at {node} gives it `role: fabric`")]
    FabricPortAsAccess { name: Excerpt, node: Place },
    #[error("VMI {vmi} on two logical interfaces of one physical router is not supported yet; first at {first}")]
    VmiOnTwoPorts { vmi: Excerpt, first: Place },
    #[error("bpdu_groups: `{value}` {reason}: expected other addresses from 01:80:c2:00:00:00 to 01:80:c2:00:00:0f")]
    Group { value: Excerpt, reason: &'static str },
    #[error("bpdu_groups: {value} stands here a second time; first at {first}")]
    DuplicateGroup { value: Excerpt, first: Place },
    #[error(
        "bpdu_groups is empty: expected at least one address, or no key for 01:80:c2:00:00:00 and 01:80:c2:00:00:08"
    )]
    NoGroup,
    #[error("key `{key}` is for BPDU networks: expected `bpdu_network: true` beside it")]
    NotABpduNetwork { key: &'static str },
    #[error("forwarding_mode: l2_l3 in a BPDU network, which has no gateway: expected l2, or no key")]
    GatewayOfBpduNetwork,
    #[error("VMI {vmi} is of BPDU network {network}, which switches speak on untagged: expected VLAN 0, not {vlan}")]
    BpduOnVlan { vmi: Excerpt, network: Excerpt, vlan: VlanId },
    #[error("VMI {vmi} is of a BPDU network, like VMI {other} of this logical interface: expected one, for one port")]
    SeveralBpduVmis { vmi: Excerpt, other: Excerpt },
    #[error("VMI {vmi} stands here a second time; first at {first}")]
    DuplicateVmi { vmi: Excerpt, first: Place },
    #[error(
        "VMI {vmi} is of virtual network {network}, the first one of this logical interface is of {other}: expected one \
         network, since a broadcast reaches all instances of a VLAN"
    )]
    SeveralNetworks { vmi: Excerpt, network: Excerpt, other: Excerpt },
    #[error(
        "MAC {mac} of VMI {vmi} is also VMI {other}'s, at {first}, on the same logical interface: expected different ones, \
         since the source address tells the VMIs apart"
    )]
    SameMacOnVlan { mac: MacAddr, vmi: Excerpt, other: Excerpt, first: Place },
    #[error("{found} VMIs are served here, more than `limits.vmis: {limit}` of the node file at {node}")]
    TooManyVmis { found: usize, limit: u32, node: Place },
    #[error("vtep: {vtep} is this node's own fabric address, given at {node}; expected another VTEP")]
    OwnVtep { vtep: IpAddr, node: Place },
    #[error("VTEP {vtep} stands a second time for virtual network {network}; first at {first}")]
    DuplicateVtep { vtep: IpAddr, network: Excerpt, first: Place },
    #[error("{key}: VTEP {vtep} speaks no MPLS: expected MPLSoUDP or MPLSoGRE among its `encapsulations`")]
    LabelWithoutMpls { key: &'static str, vtep: Excerpt },
    #[error("{encapsulation} to VTEP {vtep} needs a label: expected `mpls_label` here or of virtual network {network}")]
    NoLabel { encapsulation: Encapsulation, vtep: IpAddr, network: Excerpt },
    #[error("label {label} of VTEP {vtep} stands for virtual networks {network} and {other}; first at {first}")]
    LabelOfTwoNetworks { label: MplsLabel, vtep: IpAddr, network: Excerpt, other: Excerpt, first: Place },
    #[error("MAC {mac} stands a second time in the reachability of virtual network {network}; first at {first}")]
    DuplicateStaticMac { mac: MacAddr, network: Excerpt, first: Place },
    #[error("MAC {mac} is behind a VTEP here, but belongs to a VMI of this node, at {first}")]
    StaticMacIsLocal { mac: MacAddr, first: Place },
}

fn family(address: IpAddr) -> &'static str {
    if address.is_ipv4() { "IPv4" } else { "IPv6" }
}

/// The key of our own address of the same family.
fn own_key(address: IpAddr) -> &'static str {
    if address.is_ipv4() { "address" } else { "address_v6" }
}

fn tags(vlan: VlanId, inner: Option<VlanId>) -> String {
    match inner {
        None => vlan.to_string(),
        Some(inner) => format!("{vlan} with inner VLAN {inner}"),
    }
}

/// The usual reasons as people say them.
fn in_words(reason: ErrorKind) -> String {
    match reason {
        ErrorKind::NotFound => "no such file".into(),
        ErrorKind::IsADirectory => "it is a directory".into(),
        other => other.to_string(),
    }
}
