//! Model, routes and underlay into the workers' tables.
//!
//! [`Tables::rebuild`] makes a snapshot from nothing, for a new configuration: everything that the model says, and no
//! more. [`Tables::amend_routes`] and [`Tables::amend_underlay`] change the one in force by what came, and share the
//! rest; what they cannot express, [`Tables::must_rebuild`] tells.

use crate::config::{self, Loaded, NetworkModel, NodeModel};
use crate::ids::Rows;
use crate::routes::{Route, RouteChange, Routes};
use crate::underlay::{Resolution, Underlay};
use crate::unserved::{self, Unserved};
use fib::{
    BuildError, Builder, Destination, Fabric, NetworkId, NetworkSpec, NexthopId, OuterHeader, Snapshot, SourceCheck,
    TunnelId, TunnelSpec, VifIndex, VifSpec,
};
use hashbrown::{HashMap, HashSet};
use std::net::Ipv4Addr;
use wire::{MacAddr, Tci, Vni};

/// Why tables could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// More of something than there are rows for.
    #[error("too many {what}: expected at most {limit} ({hint})")]
    Limit {
        /// What.
        what: &'static str,
        /// How many there may be.
        limit: usize,
        /// What to do.
        hint: &'static str,
    },
    /// Something that the tables cannot do yet.
    #[error(transparent)]
    Unserved(#[from] Unserved),
    /// The builder refused what the model should have ruled out.
    #[error("the tables do not fit together: {0}; this is a bug in Causeway")]
    Build(#[from] BuildError),
}

/// The fabric port as it turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FabricPort {
    /// Its MAC address.
    pub mac: MacAddr,
    /// Its MTU.
    pub mtu: u16,
}

/// Which interface a VIF row is: its counters live as long as this does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VifRow {
    /// The row.
    pub index: VifIndex,
    /// Whether the row was not this interface's in the snapshot before.
    pub is_new: bool,
}

/// Everything that stays the same over generations: who has which row in the snapshot in force.
#[derive(Debug, Clone)]
pub struct Tables {
    fabric_port: FabricPort,
    seed: u64,
    networks: Rows<Vni>,
    vifs: Rows<String>,
    tunnels: Rows<Ipv4Addr>,
    nexthops: Rows<(Ipv4Addr, Vni)>,
}

/// What [`Tables::rebuild`] makes.
pub struct Rebuilt {
    /// Who has which row in the snapshot.
    pub tables: Tables,
    /// The snapshot.
    pub snapshot: Snapshot,
    /// The rows of the interfaces in the order of `loaded.network.served`; `None` for a disabled VMI.
    pub vifs: Vec<Option<VifRow>>,
}

impl Tables {
    /// Empty ones, for at most `vmis` interfaces. `seed` makes the workers' hashes unpredictable.
    pub fn new(fabric_port: FabricPort, vmis: usize, seed: u64) -> Self {
        Self {
            fabric_port,
            seed,
            networks: Rows::new(NetworkId::MAX + 1, NetworkId::MAX + 1),
            vifs: Rows::new(vmis, Self::vif_rows(vmis)),
            tunnels: Rows::new(TunnelId::MAX + 1, TunnelId::MAX + 1),
            nexthops: Rows::new(NexthopId::MAX + 1, NexthopId::MAX + 1),
        }
    }

    /// How many rows, each with its counters, at most `vmis` interfaces need: twice as many, so that all of them can be
    /// exchanged in one reload.
    pub fn vif_rows(vmis: usize) -> usize {
        (2 * vmis).min(VifIndex::MAX + 1)
    }

    /// A snapshot of nothing: what workers start with.
    pub fn empty(&self, node: &NodeModel) -> Snapshot {
        Builder::new(self.fabric(node), self.seed).finish()
    }

    /// A snapshot of all that a configuration says, to be published as generation `next`. Linear in the configuration
    /// and the routes.
    ///
    /// The rows in force stay as they are until the result's take their place: what a failed attempt assigned belongs to
    /// nothing.
    ///
    /// # Errors
    /// If there is more of something than rows.
    pub fn rebuild(
        &self,
        loaded: &Loaded,
        routes: &Routes,
        underlay: &Underlay,
        next: u64,
        oldest_in_use: u64,
    ) -> Result<Rebuilt, TableError> {
        unserved::check(loaded)?;
        let mut tables = self.clone();
        let Loaded { node, network, .. } = loaded;
        let mut builder = Builder::new(tables.fabric(node), tables.seed);
        let vnis = vnis_here(network);
        tables.give_up_interfaces(network, &vnis, next);
        for (vni, flood_unknown_unicast) in &vnis {
            let id = tables.network(*vni, oldest_in_use)?;
            builder.add_network(id, NetworkSpec { vni: *vni, flood_unknown_unicast: *flood_unknown_unicast })?;
        }
        let vifs = tables.add_vifs(&mut builder, node, network, oldest_in_use)?;
        let mut making = Making { tables: &mut tables, builder, node, underlay, oldest_in_use };
        let mut members: HashMap<Vni, HashSet<Ipv4Addr>> = HashMap::new();
        for (vni, mac, _, vtep) in routes.macs() {
            if vnis.contains_key(&vni) {
                members.entry(vni).or_default().insert(vtep);
                making.set_remote_mac(vni, mac, vtep)?;
            }
        }
        for vni in vnis.keys() {
            let floods = routes.floods(*vni);
            members.entry(*vni).or_default().extend(&floods);
            making.set_members(*vni, &floods, members.get(vni).into_iter().flatten().copied().collect())?;
        }
        let snapshot = making.builder.finish();
        tables.give_up_tunnels(&members, next);
        Ok(Rebuilt { tables, snapshot, vifs })
    }

    fn add_vifs(
        &mut self,
        builder: &mut Builder,
        node: &NodeModel,
        network: &NetworkModel,
        oldest_in_use: u64,
    ) -> Result<Vec<Option<VifRow>>, TableError> {
        let mut vifs = Vec::with_capacity(network.served.len());
        for served in &network.served {
            let vmi = &network[served.vmi];
            if !vmi.enabled {
                vifs.push(None);
                continue;
            }
            let vni = network[vmi.virtual_network].vni;
            let limit = TableError::Limit {
                what: "VMIs on this node",
                limit: self.vifs.limit(),
                hint: "raise limits.vmis in the node file and restart",
            };
            let (row, is_new) = self.vifs.assign(&vmi.name.to_string(), oldest_in_use).ok_or(limit)?;
            let index = VifIndex::new(row).ok_or(BuildError::Taken(row))?;
            let mut sources = vec![vmi.mac];
            sources.extend(vmi.allowed_address_pairs.iter().map(|pair| pair.mac));
            sources.dedup();
            let spec = VifSpec {
                network: self.network(vni, oldest_in_use)?,
                port: port_index(served.port),
                vlan: served.vlan,
                sources: &sources,
                max_payload: node[served.port].mtu,
            };
            builder.add_vif(index, spec)?;
            vifs.push(Some(VifRow { index, is_new }));
        }
        Ok(vifs)
    }

    /// Rows of what is in the model no more. First of all, so that what is new can take its place.
    fn give_up_interfaces(&mut self, network: &NetworkModel, vnis: &HashMap<Vni, bool>, gone_in: u64) {
        let served: HashSet<&str> =
            network.served.iter().map(|s| &network[s.vmi]).filter(|v| v.enabled).map(|v| v.name.as_str()).collect();
        self.vifs.retain(gone_in, |name| served.contains(name.as_str()));
        self.networks.retain(gone_in, |vni| vnis.contains_key(vni));
    }

    /// Rows of what no route leads to any more.
    fn give_up_tunnels(&mut self, members: &HashMap<Vni, HashSet<Ipv4Addr>>, gone_in: u64) {
        let vteps: HashSet<Ipv4Addr> = members.values().flatten().copied().collect();
        self.tunnels.retain(gone_in, |vtep| vteps.contains(vtep));
        self.nexthops.retain(gone_in, |(vtep, vni)| members.get(vni).is_some_and(|m| m.contains(vtep)));
    }

    /// Whether some of these changes need a rebuild: of flooding, or a VTEP that is new to its network.
    ///
    /// A VTEP that no station of a network is behind any more, and that does not flood it, stays its peer and keeps its
    /// tunnel until the next rebuild.
    pub fn must_rebuild(&self, routes: &Routes, changes: &[RouteChange]) -> bool {
        changes.iter().any(|change| match *change.route() {
            Route::Flood(vni) => self.networks.row(&vni).is_some(),
            Route::Mac(vni, mac) => {
                let vtep = routes.mac(vni, mac).map(|(_, vtep)| vtep);
                vtep.is_some_and(|vtep| self.networks.row(&vni).is_some() && self.nexthops.row(&(vtep, vni)).is_none())
            }
        })
    }

    /// The snapshot in force with the stations changed that can be without a rebuild; `None` if that makes no
    /// difference. Costs what the changes touch.
    pub fn amend_routes(
        &self,
        current: &Snapshot,
        routes: &Routes,
        changes: &[RouteChange],
    ) -> Result<Option<Snapshot>, TableError> {
        let mut amended = None;
        for change in changes {
            let Route::Mac(vni, mac) = *change.route() else { continue };
            let Some(network) = self.networks.row(&vni).and_then(NetworkId::new) else { continue };
            let before = current.destination(network, mac);
            if let Some(Destination::Vif(_)) = before {
                continue;
            }
            let after = match routes.mac(vni, mac) {
                None => None,
                Some((_, vtep)) => match self.nexthops.row(&(vtep, vni)).and_then(NexthopId::new) {
                    Some(id) => Some(Destination::Remote(id)),
                    None => continue,
                },
            };
            if before == after {
                continue;
            }
            let builder = amended.get_or_insert_with(|| Builder::amend(current));
            match after {
                None => {
                    builder.remove_mac(network, mac);
                }
                Some(at) => builder.set_mac(network, mac, at)?,
            }
        }
        Ok(amended.map(Builder::finish))
    }

    /// The snapshot in force with every tunnel as the underlay now says; `None` if that makes no difference. Linear in
    /// the VTEPs.
    pub fn amend_underlay(
        &self,
        current: &Snapshot,
        node: &NodeModel,
        underlay: &Underlay,
    ) -> Result<Option<Snapshot>, TableError> {
        let mut builder = Builder::amend(current);
        let mut differs = false;
        for (vtep, row) in self.tunnels.iter() {
            let Some(id) = TunnelId::new(row) else { continue };
            differs |= builder.set_outer(id, outer(self.fabric_port, node, underlay, *vtep))?;
        }
        Ok(differs.then(|| builder.finish()))
    }

    /// The VTEPs that some network uses.
    pub fn vteps(&self) -> impl Iterator<Item = Ipv4Addr> + '_ {
        self.tunnels.iter().map(|(vtep, _)| *vtep)
    }

    fn network(&mut self, vni: Vni, oldest_in_use: u64) -> Result<NetworkId, TableError> {
        let limit = self.networks.limit();
        let row = self.networks.assign(&vni, oldest_in_use).map(|(row, _)| row);
        row.and_then(NetworkId::new).ok_or(TableError::Limit {
            what: "virtual networks",
            limit,
            hint: "serve fewer networks on this node",
        })
    }

    fn fabric(&self, node: &NodeModel) -> Fabric {
        Fabric {
            port: port_index(node.fabric_ports[0]),
            mac: self.fabric_port.mac,
            vlan: node.fabric.vlan,
            address: vtep_address(node),
            mtu: self.fabric_port.mtu,
            source_check: match node.fabric.source_check {
                config::SourceCheck::Strict => SourceCheck::Strict,
                config::SourceCheck::Known => SourceCheck::Known,
                config::SourceCheck::Any => SourceCheck::Any,
            },
        }
    }
}

/// One rebuild under way.
struct Making<'a> {
    tables: &'a mut Tables,
    builder: Builder,
    node: &'a NodeModel,
    underlay: &'a Underlay,
    oldest_in_use: u64,
}

impl Making<'_> {
    /// The next hop to a VTEP for a network; makes tunnel and next hop when they are first asked for.
    fn nexthop(&mut self, vni: Vni, vtep: Ipv4Addr) -> Result<NexthopId, TableError> {
        let tables = &mut *self.tables;
        let too_many = |what, limit| TableError::Limit { what, limit, hint: "serve fewer networks on this node" };
        let (row, _) =
            tables.tunnels.assign(&vtep, self.oldest_in_use).ok_or(too_many("VTEPs", tables.tunnels.limit()))?;
        let tunnel = TunnelId::new(row).ok_or(BuildError::Taken(row))?;
        if !self.builder.has_tunnel(tunnel) {
            let outer = outer(tables.fabric_port, self.node, self.underlay, vtep);
            self.builder.add_tunnel(tunnel, TunnelSpec { remote: vtep, outer })?;
        }
        let key = (vtep, vni);
        let (row, _) =
            tables.nexthops.assign(&key, self.oldest_in_use).ok_or(too_many("next hops", tables.nexthops.limit()))?;
        let id = NexthopId::new(row).ok_or(BuildError::Taken(row))?;
        if !self.builder.has_nexthop(id) {
            self.builder.add_nexthop(id, tunnel, vni)?;
        }
        Ok(id)
    }

    /// A station behind a VTEP. A MAC that is a local VMI's stays local: the VMI is here, whatever a route says.
    fn set_remote_mac(&mut self, vni: Vni, mac: MacAddr, vtep: Ipv4Addr) -> Result<(), TableError> {
        let id = self.nexthop(vni, vtep)?;
        let network = self.tables.network(vni, self.oldest_in_use)?;
        if !self.builder.is_local(network, mac) {
            self.builder.set_mac(network, mac, Destination::Remote(id))?;
        }
        Ok(())
    }

    fn set_members(&mut self, vni: Vni, floods: &[Ipv4Addr], peers: Vec<Ipv4Addr>) -> Result<(), TableError> {
        let nexthops = floods.iter().map(|vtep| self.nexthop(vni, *vtep)).collect::<Result<Vec<_>, _>>()?;
        let network = self.tables.network(vni, self.oldest_in_use)?;
        self.builder.set_remote(network, &nexthops, &peers)?;
        Ok(())
    }
}

/// The networks that this node takes part in: those of its VMIs. With each, whether it floods unknown unicast.
fn vnis_here(network: &NetworkModel) -> HashMap<Vni, bool> {
    let of = |served: &config::ServedVmi| &network[network[served.vmi].virtual_network];
    network.served.iter().map(of).map(|n| (n.vni, n.flood_unknown_unicast)).collect()
}

/// The node's and the workers' port numbers are the same: positions in the node file.
fn port_index(port: config::PortIndex) -> fib::PortIndex {
    fib::PortIndex::new(port.position()).expect("a node file has at most 32 ports")
}

/// Our VTEP address. A node without an IPv4 one is refused before its tables are made.
fn vtep_address(node: &NodeModel) -> Ipv4Addr {
    node.fabric.address.map_or(Ipv4Addr::UNSPECIFIED, |(address, _)| address)
}

fn outer(port: FabricPort, node: &NodeModel, underlay: &Underlay, vtep: Ipv4Addr) -> Option<OuterHeader> {
    let Resolution::Resolved { paths } = underlay.resolve(vtep.into()) else { return None };
    let path = paths.first()?;
    Some(OuterHeader {
        source_mac: port.mac,
        destination_mac: path.mac,
        vlan: node.fabric.vlan.map(Tci::from),
        source: vtep_address(node),
        destination: vtep,
        dont_fragment: node.fabric.dont_fragment,
    })
}
