//! A scene as the pipeline's tables.

use super::{BUSY, FIRST_BUSY, OWN_ADDRESS, OWN_ADDRESS_V6, OWN_MAC, PEERS, ROUTER_MAC, Scene, Site, busy};
use crate::random::Random;
use anyhow::{Context, Result};
use fib::{
    Builder, Destination, Fabric, Link, NetworkSpec, NexthopId, Path, Snapshot, SourceCheck, Target, TunnelId,
    TunnelSpec, VifSpec,
};
use wire::{Encapsulation, MacAddr, MplsLabel, VlanId, Vni};

const FABRIC_MTU: u16 = 9200;
const ACCESS_MTU: u16 = 9000;

impl Scene {
    /// The pipeline's tables.
    pub(crate) fn snapshot(&self) -> Result<Snapshot> {
        let fabric = Fabric {
            links: vec![Link { port: self.fabric_port(), mac: MacAddr::new(OWN_MAC), mtu: FABRIC_MTU }],
            vlan: None,
            address: Some(OWN_ADDRESS),
            address_v6: Some(OWN_ADDRESS_V6),
            dont_fragment: true,
            source_check: SourceCheck::Known,
            udp6_zero_checksum_tx: false,
            udp6_zero_checksum_rx: false,
            dscp: [0; 16],
        };
        let paths = [Path { port: self.fabric_port(), next_hop: MacAddr::new(ROUTER_MAC) }];
        let mut builder = Builder::new(fabric, 0x5eed);
        let used = Encapsulation::ALL.into_iter().filter(|by| self.encapsulation.is_none_or(|only| only == *by));
        for encapsulation in used {
            for (number, remote) in self.peers().enumerate() {
                let spec = TunnelSpec { remote, encapsulation, paths: &paths };
                builder.add_tunnel(self.tunnel(encapsulation, number)?, spec)?;
            }
        }
        for site in self.sites() {
            self.add(&mut builder, site).with_context(|| format!("VLAN {}", site.vlan))?;
        }
        Ok(builder.finish())
    }

    /// The tables after so many stations behind the fabric have moved to other VTEPs; `random` says which and where to.
    pub(crate) fn moved(&self, before: &Snapshot, moves: usize, random: &mut Random) -> Result<Snapshot> {
        let mut builder = Builder::amend(before);
        for _ in 0..moves {
            let site = self.site(FIRST_BUSY + random.below(BUSY.into()) as u16);
            let mac = MacAddr::new(site.remote(random.below(self.remotes)));
            let nexthop = self.nexthop(site, random.below(self.slots(site)));
            builder.set_mac(site.network_id(), mac, Destination::Remote(nexthop))?;
        }
        Ok(builder.finish())
    }

    fn tunnel(&self, by: Encapsulation, peer: usize) -> Result<TunnelId> {
        let first = if self.encapsulation.is_none() { by as usize * usize::from(PEERS) } else { 0 };
        TunnelId::new(first + peer).context("too many peers")
    }

    fn add(&self, builder: &mut Builder, site: Site) -> Result<()> {
        let label = MplsLabel::try_from(u64::from(site.vni))?;
        if site.is_first() {
            let vni = Vni::try_from(u64::from(site.vni))?;
            let spec = NetworkSpec { label: Some(label), ..NetworkSpec::new(vni) };
            builder.add_network(site.network_id(), spec)?;
            self.add_nexthops(builder, site, vni, label)?;
        }
        let (network, port) = (site.network_id(), self.access_port());
        let (vlan, max_payload) = (VlanId::try_from(u32::from(site.vlan))?, ACCESS_MTU);
        for (member, vif) in self.vifs_of(site).enumerate() {
            let sources = &[MacAddr::new(site.local(member as u32))];
            builder.add_vif(vif, VifSpec { network, port, vlan, inner: None, sources, max_payload, label: None })?;
        }
        if busy(site.vlan).is_some() {
            for further in self.members..self.locals {
                builder.set_mac(network, MacAddr::new(site.local(further)), Destination::Vif(site.vif(0)))?;
            }
        }
        Ok(())
    }

    fn add_nexthops(&self, builder: &mut Builder, site: Site, vni: Vni, label: MplsLabel) -> Result<()> {
        let (network, by) = (site.network_id(), self.encapsulation(site));
        let target = if by.is_mpls() { Target::Label(label, false) } else { Target::Vni(vni) };
        let nexthops: Vec<NexthopId> = (0..self.slots(site)).map(|slot| self.nexthop(site, slot)).collect();
        for (slot, nexthop) in nexthops.iter().enumerate() {
            let peer = self.peer_number(site, slot as u32);
            builder.add_nexthop(*nexthop, self.tunnel(by, peer.into())?, target)?;
        }
        let listed = nexthops.len().min(self.listed.into());
        let peers: Vec<_> = (0..listed as u32).map(|slot| self.peer(self.peer_number(site, slot))).collect();
        builder.set_remote(network, &nexthops[..listed], &peers)?;
        let remotes = if busy(site.vlan).is_some() { self.remotes } else { 1 };
        for remote in 0..remotes {
            let nexthop = self.nexthop(site, self.slot(remote));
            builder.set_mac(network, MacAddr::new(site.remote(remote)), Destination::Remote(nexthop))?;
        }
        Ok(())
    }
}
