//! The network that is forwarded: one description, for the pipeline's tables and the floor's alike.
//!
//! All 4,094 VLANs of a port are configured, each an interface in a network of its own with one station here and one
//! behind the fabric; 1,000 VTEPs are known. The traffic uses 64 VLANs and one VTEP of them.

use anyhow::{Context, Result};
use fib::{
    Builder, Destination, Fabric, Link, NetworkId, NetworkSpec, NexthopId, Path, PortIndex, Snapshot, SourceCheck,
    Target, TunnelId, TunnelSpec, VifIndex, VifSpec,
};
use std::net::Ipv4Addr;
use wire::{Encapsulation, MacAddr, MplsLabel, VlanId, Vni};

/// Ethernet, IPv4, UDP, VXLAN: the outer header that the floor writes.
pub(crate) const OUTER_OCTETS: usize = 50;
pub(crate) const OWN_ADDRESS: Ipv4Addr = Ipv4Addr::new(172, 16, 0, 1);
pub(crate) const PEER_ADDRESS: Ipv4Addr = Ipv4Addr::new(172, 16, 0, 2);
pub(crate) const OWN_MAC: [u8; 6] = [2, 0x70, 0x63, 0x61, 0x70, 0];
pub(crate) const ROUTER_MAC: [u8; 6] = [2, 0, 0, 0, 0, 0x99];
const VLANS: u16 = 4094;
const PEERS: u16 = 1000;
const FIRST_VNI: u32 = 5000;
const FABRIC_MTU: u16 = 1600;

/// One VLAN and what is behind it.
pub(crate) struct Site {
    pub(crate) vlan: u16,
    pub(crate) network: u16,
    /// Its VNI, or its label.
    pub(crate) vni: u32,
    /// The station behind the VLAN.
    pub(crate) local: [u8; 6],
    /// The station behind the fabric.
    pub(crate) remote: [u8; 6],
}

impl Site {
    pub(crate) fn of_vlan(vlan: u16) -> Self {
        let low = vlan as u8;
        Self {
            vlan,
            network: vlan,
            vni: FIRST_VNI + u32::from(vlan),
            local: [2, 0, 0, 0, 0x20, low],
            remote: [2, 0, 0, 0, 0x10, low],
        }
    }
}

/// The whole network, by one encapsulation.
#[derive(Clone, Copy)]
pub(crate) struct Scene {
    pub(crate) encapsulation: Encapsulation,
}

impl Scene {
    /// Every VLAN.
    pub(crate) fn sites(&self) -> impl Iterator<Item = Site> {
        (1..=VLANS).map(Site::of_vlan)
    }

    /// Every VTEP that is known.
    pub(crate) fn peers(&self) -> impl Iterator<Item = Ipv4Addr> {
        (0..PEERS).map(|n| Ipv4Addr::from_bits(PEER_ADDRESS.to_bits() + u32::from(n)))
    }

    /// Where access frames come from and go to.
    pub(crate) fn access_port(&self) -> PortIndex {
        row(PortIndex::new(0))
    }

    /// Where the fabric is.
    pub(crate) fn fabric_port(&self) -> PortIndex {
        row(PortIndex::new(1))
    }

    /// A number for every VIF, so that counters can be made for them.
    pub(crate) fn vifs(&self) -> impl Iterator<Item = VifIndex> {
        self.sites().map(|site| row(VifIndex::new(site.vlan.into())))
    }

    /// The template for the floor: an outer header as for an IP packet of no octets, checksum included.
    pub(crate) fn outer_header(&self) -> [u8; OUTER_OCTETS] {
        let mut header = [0; OUTER_OCTETS];
        let parts: [&[u8]; 6] = [
            &ROUTER_MAC,
            &OWN_MAC,
            &[0x08, 0x00, 0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0],
            &[OWN_ADDRESS.octets(), PEER_ADDRESS.octets()].concat(),
            &[0, 0, 0x12, 0xb5, 0, 0, 0, 0],
            &[8, 0, 0, 0, 0, 0, 0, 0],
        ];
        for (place, octet) in header.iter_mut().zip(parts.concat()) {
            *place = octet;
        }
        let checksum = !wire::checksum::fold(wire::checksum::sum(&header[14..34]));
        header[24..26].copy_from_slice(&checksum.to_be_bytes());
        header
    }

    /// The pipeline's tables.
    pub(crate) fn snapshot(&self) -> Result<Snapshot> {
        let fabric = Fabric {
            links: vec![Link { port: self.fabric_port(), mac: MacAddr::new(OWN_MAC), mtu: FABRIC_MTU }],
            vlan: None,
            address: Some(OWN_ADDRESS),
            address_v6: None,
            dont_fragment: true,
            source_check: SourceCheck::Known,
            udp6_zero_checksum_tx: false,
            udp6_zero_checksum_rx: false,
            dscp: [0; 16],
        };
        let paths = [Path { port: self.fabric_port(), next_hop: MacAddr::new(ROUTER_MAC) }];
        let mut builder = Builder::new(fabric, 0x5eed);
        for (number, remote) in self.peers().enumerate() {
            let id = TunnelId::new(number).context("too many peers")?;
            let spec = TunnelSpec { remote: remote.into(), encapsulation: self.encapsulation, paths: &paths };
            builder.add_tunnel(id, spec)?;
        }
        for site in self.sites() {
            self.add(&mut builder, &site).with_context(|| format!("VLAN {}", site.vlan))?;
        }
        Ok(builder.finish())
    }

    fn add(&self, builder: &mut Builder, site: &Site) -> Result<()> {
        let number = usize::from(site.vlan);
        let (network, vif) = (row(NetworkId::new(number)), row(VifIndex::new(number)));
        let (nexthop, tunnel) = (row(NexthopId::new(number)), row(TunnelId::new(0)));
        let vni = Vni::try_from(u64::from(site.vni))?;
        let label = MplsLabel::try_from(u64::from(site.vni))?;
        let spec = NetworkSpec { vni, label: Some(label), control_word: false, flood_unknown_unicast: false };
        builder.add_network(network, spec)?;
        let (port, vlan) = (self.access_port(), VlanId::try_from(u32::from(site.vlan))?);
        let sources = &[MacAddr::new(site.local)];
        builder.add_vif(vif, VifSpec { network, port, vlan, inner: None, sources, max_payload: 1500, label: None })?;
        let target = if self.encapsulation.is_mpls() { Target::Label(label, false) } else { Target::Vni(vni) };
        builder.add_nexthop(nexthop, tunnel, target)?;
        builder.set_remote(network, &[nexthop], &[PEER_ADDRESS.into()])?;
        builder.set_mac(network, MacAddr::new(site.remote), Destination::Remote(nexthop))?;
        Ok(())
    }
}

/// A row below 4,096 exists in every table.
fn row<T>(id: Option<T>) -> T {
    id.expect("every kind of row has 4,096 of them, but ports, of which there are two here")
}
