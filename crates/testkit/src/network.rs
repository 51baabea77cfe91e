//! What one gateway serves, in plain values: the meaning of both configuration files without their syntax.

use fib::{
    BuildError, Builder, NetworkId, NetworkSpec, NexthopId, OuterHeader, PortIndex, Snapshot, TunnelId, TunnelSpec,
    VifIndex, VifSpec,
};
use std::net::Ipv4Addr;
use wire::{MacAddr, Tci, VlanId};

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

/// This gateway's place in the underlay.
#[derive(Debug, Clone, Copy)]
pub struct Fabric {
    /// The fabric port's MAC.
    pub mac: Mac,
    /// The fabric VLAN.
    pub vlan: Option<u16>,
    /// Our VTEP address.
    pub address: Ipv4Addr,
    /// The longest outer IP packet.
    pub mtu: u16,
    /// Who may send us unicast.
    pub source_check: SourceCheck,
    /// The DF flag of the outer header.
    pub dont_fragment: bool,
}

/// A virtual network.
#[derive(Debug, Clone, Copy)]
pub struct Vni {
    /// Its VXLAN network identifier.
    pub vni: u32,
    /// Whether unknown unicast goes to all members.
    pub flood_unknown_unicast: bool,
}

/// A remote instance's interface.
#[derive(Debug, Clone)]
pub struct Vmi {
    /// Its network, as a place in [`Network::networks`].
    pub network: usize,
    /// Its access port.
    pub port: usize,
    /// Its VLAN there; 0: untagged.
    pub vlan: u16,
    /// Its MAC and its allowed address pairs.
    pub macs: Vec<Mac>,
}

/// A remote VTEP.
#[derive(Debug, Clone, Copy)]
pub struct Vtep {
    /// Its address.
    pub address: Ipv4Addr,
    /// The MAC of the underlay next hop to it, once that is resolved.
    pub next_hop: Option<Mac>,
}

/// What is behind a VTEP in a network.
#[derive(Debug, Clone)]
pub struct Reach {
    /// The network, as a place in [`Network::networks`].
    pub network: usize,
    /// The VTEP, as a place in [`Network::vteps`].
    pub vtep: usize,
    /// Whether it takes part in flooding.
    pub flood: bool,
    /// The MACs behind it.
    pub macs: Vec<Mac>,
}

/// All that one gateway serves. Access ports are `0..access_mtus.len()`, the fabric port is the next number.
#[derive(Debug, Clone)]
pub struct Network {
    /// The underlay.
    pub fabric: Fabric,
    /// Each access port's MTU.
    pub access_mtus: Vec<u16>,
    /// The virtual networks.
    pub networks: Vec<Vni>,
    /// The instances on this gateway.
    pub vmis: Vec<Vmi>,
    /// The remote VTEPs.
    pub vteps: Vec<Vtep>,
    /// Who is behind which VTEP.
    pub reach: Vec<Reach>,
}

fn row<T>(id: Option<T>) -> T {
    id.expect("a test's networks are small")
}

/// A port number as the data path writes it.
pub(crate) fn port(number: usize) -> PortIndex {
    row(PortIndex::new(number))
}

impl Network {
    /// The fabric port's number.
    pub fn fabric_port(&self) -> usize {
        self.access_mtus.len()
    }

    /// The tables that stand for this.
    pub fn snapshot(&self) -> Result<Snapshot, BuildError> {
        let mut builder = Builder::new(self.fib_fabric(), 0x5eed);
        for (n, network) in self.networks.iter().enumerate() {
            let vni = wire::Vni::try_from(u64::from(network.vni)).expect("a test's VNIs are legal");
            let spec = NetworkSpec { vni, flood_unknown_unicast: network.flood_unknown_unicast };
            builder.add_network(row(NetworkId::new(n)), spec)?;
        }
        for (n, vmi) in self.vmis.iter().enumerate() {
            let sources: Vec<MacAddr> = vmi.macs.iter().map(|mac| MacAddr::new(*mac)).collect();
            let spec = VifSpec {
                network: row(NetworkId::new(vmi.network)),
                port: port(vmi.port),
                vlan: VlanId::try_from(u32::from(vmi.vlan)).expect("a test's VLANs are legal"),
                sources: &sources,
                max_payload: self.access_mtus[vmi.port],
            };
            builder.add_vif(row(VifIndex::new(n)), spec)?;
        }
        for (n, vtep) in self.vteps.iter().enumerate() {
            let spec = TunnelSpec { remote: vtep.address, outer: self.outer(vtep) };
            builder.add_tunnel(row(TunnelId::new(n)), spec)?;
        }
        self.add_reach(&mut builder)?;
        Ok(builder.finish())
    }

    fn fib_fabric(&self) -> fib::Fabric {
        let Fabric { mac, vlan, address, mtu, source_check, .. } = self.fabric;
        fib::Fabric {
            port: port(self.fabric_port()),
            mac: MacAddr::new(mac),
            vlan: vlan.map(|vlan| VlanId::try_from(u32::from(vlan)).expect("a test's VLANs are legal")),
            address,
            mtu,
            source_check: match source_check {
                SourceCheck::Strict => fib::SourceCheck::Strict,
                SourceCheck::Known => fib::SourceCheck::Known,
                SourceCheck::Any => fib::SourceCheck::Any,
            },
        }
    }

    fn outer(&self, vtep: &Vtep) -> Option<OuterHeader> {
        Some(OuterHeader {
            source_mac: MacAddr::new(self.fabric.mac),
            destination_mac: MacAddr::new(vtep.next_hop?),
            vlan: self.fabric.vlan.map(Tci::new),
            source: self.fabric.address,
            destination: vtep.address,
            dont_fragment: self.fabric.dont_fragment,
        })
    }

    fn add_reach(&self, builder: &mut Builder) -> Result<(), BuildError> {
        for (n, reach) in self.reach.iter().enumerate() {
            let vni =
                wire::Vni::try_from(u64::from(self.networks[reach.network].vni)).expect("a test's VNIs are legal");
            let nexthop = row(NexthopId::new(n));
            builder.add_nexthop(nexthop, row(TunnelId::new(reach.vtep)), vni)?;
            for mac in &reach.macs {
                let at = fib::Destination::Remote(nexthop);
                builder.set_mac(row(NetworkId::new(reach.network)), MacAddr::new(*mac), at)?;
            }
        }
        for n in 0..self.networks.len() {
            let here = || self.reach.iter().enumerate().filter(move |(_, reach)| reach.network == n);
            let flooded =
                here().filter(|(_, reach)| reach.flood).map(|(row_number, _)| row(NexthopId::new(row_number)));
            let peers: Vec<Ipv4Addr> = here().map(|(_, reach)| self.vteps[reach.vtep].address).collect();
            builder.set_remote(row(NetworkId::new(n)), &flooded.collect::<Vec<_>>(), &peers)?;
        }
        Ok(())
    }
}
