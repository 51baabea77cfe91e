//! What one gateway serves, in plain values: the meaning of both configuration files without their syntax.

use fib::{
    Binding, BuildError, Builder, ControlFrames, NetworkId, NetworkSpec, NexthopId, PortIndex, Snapshot, Target,
    TunnelId, TunnelSpec, VifIndex, VifSpec,
};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use wire::{Encapsulation, MacAddr, MplsLabel, Tpid, VlanId};

/// Six octets.
pub type Mac = [u8; 6];

/// Who may send us unicast (`fabric.source_check`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceCheck {
    /// VTEPs of the frame's network.
    Strict,
    /// VTEPs of any network.
    Known,
    /// Anybody.
    Any,
}

/// A fabric port.
#[derive(Debug, Clone, Copy)]
pub struct Link {
    /// Its MAC.
    pub mac: Mac,
    /// The longest outer IP packet.
    pub mtu: u16,
}

/// This gateway's place in the underlay.
#[derive(Debug, Clone)]
pub struct Fabric {
    /// The fabric ports: one or two.
    pub links: Vec<Link>,
    /// The fabric VLAN.
    pub vlan: Option<u16>,
    /// Our VTEP address.
    pub address: Option<Ipv4Addr>,
    /// Our VTEP address of the other family.
    pub address_v6: Option<Ipv6Addr>,
    /// Who may send us unicast.
    pub source_check: SourceCheck,
    /// The DF flag of the outer IPv4 header.
    pub dont_fragment: bool,
    /// Whether UDP over IPv6 is sent with a checksum of zero.
    pub udp6_zero_checksum_tx: bool,
    /// Whether UDP over IPv6 is taken with a checksum of zero.
    pub udp6_zero_checksum_rx: bool,
    /// The outer DSCP of each priority, by PCP * 2 + DEI.
    pub dscp: [u8; 16],
}

impl Default for Fabric {
    /// One port, both families, and the configuration's defaults.
    fn default() -> Self {
        Self {
            links: vec![Link { mac: [2, 0xfa, 0, 0, 0, 1], mtu: 1600 }],
            vlan: None,
            address: Some(Ipv4Addr::new(172, 16, 0, 1)),
            address_v6: Some(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1)),
            source_check: SourceCheck::Known,
            dont_fragment: true,
            udp6_zero_checksum_tx: false,
            udp6_zero_checksum_rx: false,
            dscp: [0; 16],
        }
    }
}

impl Fabric {
    /// Our VTEP address of the family of `other`.
    pub fn address_for(&self, other: IpAddr) -> Option<IpAddr> {
        if other.is_ipv4() { self.address.map(IpAddr::from) } else { self.address_v6.map(IpAddr::from) }
    }
}

/// An access port.
#[derive(Debug, Clone, Copy)]
pub struct Access {
    /// The longest payload of an Ethernet frame.
    pub mtu: u16,
    /// The type of outer tags.
    pub tpid: Tpid,
    /// Whether it is closed.
    pub closed: bool,
}

impl Access {
    /// A port whose outer tags are of type 0x8100.
    pub const fn trunk(mtu: u16) -> Self {
        Self { mtu, tpid: Tpid::Customer, closed: false }
    }
}

/// A virtual network.
#[derive(Debug, Clone, Copy)]
pub struct VirtualNetwork {
    /// Its VXLAN network identifier.
    pub vni: u32,
    /// Its MPLS label on this gateway.
    pub label: Option<u32>,
    /// Whether a control word stands between label and frame.
    pub control_word: bool,
    /// Whether unknown unicast goes to all members.
    pub flood_unknown_unicast: bool,
    /// What it carries, if it is a BPDU network. Its VMIs are on VLAN 0, one a port, and have no label.
    pub bpdu: Option<Bpdu>,
    /// Whether the gateway is its router, and answers for what it knows.
    pub gateway: bool,
}

impl VirtualNetwork {
    /// A network with a VNI and nothing else.
    pub const fn new(vni: u32) -> Self {
        Self { vni, label: None, control_word: false, flood_unknown_unicast: false, bpdu: None, gateway: false }
    }
}

/// What a BPDU network carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bpdu {
    /// The groups, one bit each: bit `n` is 01:80:c2:00:00:0`n`.
    pub groups: u16,
    /// Whether PVST+'s frames go from trunk to trunk.
    pub pvst: bool,
    /// Whether everything else that is untagged and nobody's goes along.
    pub transparent: bool,
}

impl Default for Bpdu {
    /// The configuration's defaults.
    fn default() -> Self {
        Self { groups: 1 | 1 << 8, pvst: false, transparent: false }
    }
}

/// Who has an address of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound {
    /// The network, as a place in [`Network::networks`].
    pub network: usize,
    /// The address.
    pub address: IpAddr,
    /// The instance's MAC; `None`: it is the gateway's.
    pub mac: Option<Mac>,
}

/// A remote instance's interface. Several of one network may be on the same VLAN.
#[derive(Debug, Clone)]
pub struct Vmi {
    /// Its network, as a place in [`Network::networks`].
    pub network: usize,
    /// Its access port.
    pub port: usize,
    /// Its VLAN there; 0: untagged.
    pub vlan: u16,
    /// The VLAN of the tag behind that one (QinQ).
    pub inner: Option<u16>,
    /// Its own MPLS label on this gateway.
    pub label: Option<u32>,
    /// Its MAC and its allowed address pairs.
    pub macs: Vec<Mac>,
}

impl Vmi {
    /// Where its frames are on the wire: the unit of flooding.
    pub const fn segment(&self) -> (usize, u16, Option<u16>) {
        (self.port, self.vlan, self.inner)
    }
}

/// One way of the underlay: by which fabric port (a place in [`Fabric::links`]), to which station.
pub type Path = (usize, Mac);

/// A remote VTEP.
#[derive(Debug, Clone)]
pub struct Vtep {
    /// Its address.
    pub address: IpAddr,
    /// The ways to it; none while it is unresolved.
    pub paths: Vec<Path>,
}

/// What is behind a VTEP in a network.
#[derive(Debug, Clone)]
pub struct Reach {
    /// The network, as a place in [`Network::networks`].
    pub network: usize,
    /// The VTEP, as a place in [`Network::vteps`].
    pub vtep: usize,
    /// What it is sent frames in.
    pub encapsulation: Encapsulation,
    /// Its label, if that is not the network's own.
    pub label: Option<u32>,
    /// Whether it takes part in flooding.
    pub flood: bool,
    /// The MACs behind it.
    pub macs: Vec<Mac>,
}

/// All that one gateway serves. Access ports are `0..access.len()`, the fabric's are the next one or two numbers.
#[derive(Debug, Clone)]
pub struct Network {
    /// The underlay.
    pub fabric: Fabric,
    /// The access ports.
    pub access: Vec<Access>,
    /// The virtual networks.
    pub networks: Vec<VirtualNetwork>,
    /// The instances on this gateway.
    pub vmis: Vec<Vmi>,
    /// The remote VTEPs.
    pub vteps: Vec<Vtep>,
    /// Who is behind which VTEP.
    pub reach: Vec<Reach>,
    /// Whose each address is, as far as is known; each address of a network once.
    pub bindings: Vec<Bound>,
}

fn row<T>(id: Option<T>) -> T {
    id.expect("a test's networks are small")
}

fn vlan(id: u16) -> VlanId {
    VlanId::try_from(u32::from(id)).expect("a test's VLANs are legal")
}

fn label(number: u32) -> MplsLabel {
    MplsLabel::try_from(u64::from(number)).expect("a test's labels are legal")
}

fn vni(number: u32) -> wire::Vni {
    wire::Vni::try_from(u64::from(number)).expect("a test's VNIs are legal")
}

/// A port number as the data path writes it.
pub(crate) fn port(number: usize) -> PortIndex {
    row(PortIndex::new(number))
}

impl Network {
    /// The first fabric port's number.
    pub fn fabric_port(&self) -> usize {
        self.access.len()
    }

    /// How many ports there are.
    pub fn ports(&self) -> usize {
        self.access.len() + self.fabric.links.len()
    }

    /// The fabric port with this number, if it is one.
    pub fn link(&self, port: usize) -> Option<&Link> {
        self.fabric.links.get(port.checked_sub(self.access.len())?)
    }

    /// The label for `reach`.
    pub fn label(&self, reach: &Reach) -> u32 {
        let label = reach.label.or(self.networks[reach.network].label);
        label.expect("a test's MPLS tunnels have labels")
    }

    /// The tables that stand for this.
    pub fn snapshot(&self) -> Result<Snapshot, BuildError> {
        let mut builder = Builder::new(self.fib_fabric(), 0x5eed);
        for (n, access) in self.access.iter().enumerate() {
            builder.set_tpid(port(n), access.tpid);
        }
        for (n, network) in self.networks.iter().enumerate() {
            let spec = NetworkSpec {
                label: network.label.map(label),
                control_word: network.control_word,
                flood_unknown_unicast: network.flood_unknown_unicast,
                control: network.bpdu.map(|bpdu| ControlFrames::new(bpdu.groups, bpdu.pvst, bpdu.transparent)),
                gateway: network.gateway,
                ..NetworkSpec::new(vni(network.vni))
            };
            builder.add_network(row(NetworkId::new(n)), spec)?;
        }
        for (n, vmi) in self.vmis.iter().enumerate() {
            let sources: Vec<MacAddr> = vmi.macs.iter().map(|mac| MacAddr::new(*mac)).collect();
            let control_word = self.networks[vmi.network].control_word;
            let spec = VifSpec {
                network: row(NetworkId::new(vmi.network)),
                port: port(vmi.port),
                vlan: vlan(vmi.vlan),
                inner: vmi.inner.map(vlan),
                sources: &sources,
                max_payload: self.access[vmi.port].mtu,
                label: vmi.label.map(|number| (label(number), control_word)),
            };
            builder.add_vif(row(VifIndex::new(n)), spec)?;
        }
        self.add_reach(&mut builder)?;
        for Bound { network, address, mac } in &self.bindings {
            let binding = mac.map_or(Binding::Gateway, |mac| Binding::Instance(MacAddr::new(mac)));
            builder.set_binding(row(NetworkId::new(*network)), *address, binding)?;
        }
        for (n, _) in self.access.iter().enumerate().filter(|(_, access)| access.closed) {
            builder.set_closed(port(n), true);
        }
        Ok(builder.finish())
    }

    fn fib_fabric(&self) -> fib::Fabric {
        let fabric = &self.fabric;
        let links = fabric.links.iter().zip(self.fabric_port()..);
        let link = |(link, n): (&Link, usize)| fib::Link { port: port(n), mac: MacAddr::new(link.mac), mtu: link.mtu };
        fib::Fabric {
            links: links.map(link).collect(),
            vlan: fabric.vlan.map(vlan),
            address: fabric.address,
            address_v6: fabric.address_v6,
            dont_fragment: fabric.dont_fragment,
            source_check: match fabric.source_check {
                SourceCheck::Strict => fib::SourceCheck::Strict,
                SourceCheck::Known => fib::SourceCheck::Known,
                SourceCheck::Any => fib::SourceCheck::Any,
            },
            udp6_zero_checksum_tx: fabric.udp6_zero_checksum_tx,
            udp6_zero_checksum_rx: fabric.udp6_zero_checksum_rx,
            dscp: fabric.dscp,
        }
    }

    /// A tunnel for each VTEP and encapsulation in use, a next hop for each entry.
    fn add_reach(&self, builder: &mut Builder) -> Result<(), BuildError> {
        self.vteps.iter().try_for_each(|vtep| builder.add_peer(vtep.address))?;
        let mut tunnels: Vec<(usize, Encapsulation)> = vec![];
        for (n, reach) in self.reach.iter().enumerate() {
            let key = (reach.vtep, reach.encapsulation);
            let known = tunnels.iter().position(|tunnel| *tunnel == key);
            let tunnel = row(TunnelId::new(known.unwrap_or(tunnels.len())));
            if known.is_none() {
                tunnels.push(key);
                let vtep = &self.vteps[reach.vtep];
                let path = |(link, next_hop): &Path| fib::Path {
                    port: port(self.fabric_port() + link),
                    next_hop: MacAddr::new(*next_hop),
                };
                let paths: Vec<fib::Path> = vtep.paths.iter().map(path).collect();
                let spec = TunnelSpec { remote: vtep.address, encapsulation: reach.encapsulation, paths: &paths };
                builder.add_tunnel(tunnel, spec)?;
            }
            let network = &self.networks[reach.network];
            let target = match reach.encapsulation {
                Encapsulation::Vxlan => Target::Vni(vni(network.vni)),
                _ => Target::Label(label(self.label(reach)), network.control_word),
            };
            let nexthop = row(NexthopId::new(n));
            builder.add_nexthop(nexthop, tunnel, target)?;
            for mac in &reach.macs {
                let at = fib::Destination::Remote(nexthop);
                builder.set_mac(row(NetworkId::new(reach.network)), MacAddr::new(*mac), at)?;
            }
        }
        self.set_remote(builder)
    }

    fn set_remote(&self, builder: &mut Builder) -> Result<(), BuildError> {
        for n in 0..self.networks.len() {
            let here = || self.reach.iter().enumerate().filter(move |(_, reach)| reach.network == n);
            let flooded = here().filter(|(_, reach)| reach.flood).map(|(number, _)| row(NexthopId::new(number)));
            let peers: Vec<IpAddr> = here().map(|(_, reach)| self.vteps[reach.vtep].address).collect();
            builder.set_remote(row(NetworkId::new(n)), &flooded.collect::<Vec<_>>(), &peers)?;
        }
        Ok(())
    }
}
