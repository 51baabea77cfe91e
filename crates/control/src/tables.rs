//! Model, routes and underlay into the workers' tables.
//!
//! [`Tables::rebuild`] makes a snapshot from nothing, for a new configuration: everything that the model says, and no
//! more. [`Tables::amend_routes`] and [`Tables::amend_underlay`] change the one in force by what came, and share the
//! rest; what they cannot express, [`Tables::must_rebuild`] tells.

mod access;
mod learned;
mod making;

use crate::bindings::Claims;
use crate::config::{self, FabricModel, Loaded, NetworkModel, NodeModel, VirtualNetwork};
use crate::ids::Rows;
use crate::labels::{LabelOwner, Labels};
use crate::routes::{Remote, Route, RouteChange, Routes};
use crate::underlay::{Resolution, Underlay};
use arrayvec::ArrayVec;
use fib::{
    BuildError, Builder, ControlFrames, Destination, Fabric, Link, NetworkId, NetworkSpec, NexthopId, Path, Snapshot,
    SourceCheck, TunnelId, VifIndex, VifSpec,
};
use hashbrown::{HashMap, HashSet};
use learned::guard;
use making::Making;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use wire::{Encapsulation, MacAddr, MplsLabel, Vni};

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
    /// The builder refused what the model should have ruled out.
    #[error("the tables do not fit together: {0}; this is a bug in Causeway")]
    Build(#[from] BuildError),
}

/// A fabric port as it turned out to be.
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
    /// In the order of [`NodeModel::fabric_ports`].
    fabric_ports: Vec<FabricPort>,
    seed: u64,
    /// Whether the access ports are closed.
    closed: bool,
    networks: Rows<Vni>,
    vifs: Rows<String>,
    tunnels: Rows<(IpAddr, Encapsulation)>,
    nexthops: Rows<(Vni, Remote)>,
    labels: Labels,
    /// VMIs that are to be left out: they were shut down.
    shut: Arc<HashSet<String>>,
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
    /// Empty ones, for at most `vmis` interfaces. `fabric_ports` in the order of [`NodeModel::fabric_ports`]; `seed` makes
    /// the workers' hashes unpredictable.
    pub fn new(fabric_ports: Vec<FabricPort>, vmis: usize, seed: u64) -> Self {
        Self {
            fabric_ports,
            seed,
            closed: false,
            networks: Rows::new(NetworkId::MAX + 1, NetworkId::MAX + 1),
            vifs: Rows::new(vmis, Self::vif_rows(vmis)),
            tunnels: Rows::new(TunnelId::MAX + 1, TunnelId::MAX + 1),
            nexthops: Rows::new(NexthopId::MAX + 1, NexthopId::MAX + 1),
            labels: Labels::default(),
            shut: Arc::default(),
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
        let mut tables = self.clone();
        let Loaded { node, network, .. } = loaded;
        let mut builder = Builder::new(tables.fabric(node), tables.seed);
        let here = networks_here(network);
        tables.give_up_interfaces(network, &here, next);
        let claims = Claims::of(network);
        for model in here.values() {
            let id = tables.network(model.vni, oldest_in_use)?;
            let label = tables.label(LabelOwner::Network(model.vni), oldest_in_use)?;
            let spec = NetworkSpec {
                label: Some(label),
                control_word: model.layer2_control_word,
                flood_unknown_unicast: model.flood_unknown_unicast,
                control: model.bpdu.map(|bpdu| ControlFrames::new(bpdu.group_bits(), bpdu.pvst, bpdu.transparent)),
                gateway: model.has_gateway(),
                ..NetworkSpec::new(model.vni)
            };
            builder.add_network(id, spec)?;
            claims.answered(model).try_for_each(|(address, binding)| builder.set_binding(id, address, binding))?;
            if model.bpdu.is_none() {
                builder.set_network_storm_budget(id, model.storm_control.budget())?;
            }
        }
        let vifs = tables.add_vifs(&mut builder, node, network, oldest_in_use)?;
        tables.close(&mut builder, node);
        let making = Making { tables: &mut tables, builder, node, underlay, here: &here, oldest_in_use };
        let (snapshot, used) = making.remote_ends(routes)?;
        tables.give_up_tunnels(&used, next);
        Ok(Rebuilt { tables, snapshot, vifs })
    }

    fn add_vifs(
        &mut self,
        builder: &mut Builder,
        node: &NodeModel,
        network: &NetworkModel,
        oldest_in_use: u64,
    ) -> Result<Vec<Option<VifRow>>, TableError> {
        for (port, model) in node.access_ports() {
            builder.set_tpid(port_index(port), model.tpid);
        }
        let mut vifs = Vec::with_capacity(network.served.len());
        for served in &network.served {
            let vmi = &network[served.vmi];
            if !self.is_served(vmi) {
                vifs.push(None);
                continue;
            }
            let model = &network[vmi.virtual_network];
            let limit = TableError::Limit {
                what: "VMIs on this node",
                limit: self.vifs.limit(),
                hint: "raise limits.vmis in the node file and restart",
            };
            let (row, is_new) = self.vifs.assign(&network.row_name(served), oldest_in_use).ok_or(limit)?;
            let index = VifIndex::new(row).ok_or(BuildError::Taken(row))?;
            let mut sources = vec![vmi.mac];
            sources.extend(vmi.allowed_address_pairs.iter().map(|pair| pair.mac));
            sources.dedup();
            let label = match model.bpdu {
                Some(_) => None,
                None => Some(self.label(LabelOwner::Vmi(vmi.name.to_string()), oldest_in_use)?),
            };
            let spec = VifSpec {
                network: self.network(model.vni, oldest_in_use)?,
                port: port_index(served.port),
                vlan: served.vlan,
                inner: served.inner_vlan,
                sources: &sources,
                max_payload: node[served.port].mtu,
                label: label.map(|label| (label, model.layer2_control_word)),
            };
            builder.add_vif(index, spec)?;
            vifs.push(Some(VifRow { index, is_new }));
        }
        guard(builder, network, &vifs)?;
        Ok(vifs)
    }

    /// Rows and labels of what is in the model no more. First of all, so that what is new can take its place.
    fn give_up_interfaces(&mut self, network: &NetworkModel, here: &BTreeMap<Vni, &VirtualNetwork>, gone_in: u64) {
        let served = || network.served.iter().filter(|served| self.is_served(&network[served.vmi]));
        let rows: HashSet<String> = served().map(|served| network.row_name(served)).collect();
        let instances = served().filter(|served| !network.is_bpdu(served.vmi));
        let instances: HashSet<&str> = instances.map(|served| network[served.vmi].name.as_str()).collect();
        self.vifs.retain(gone_in, |name| rows.contains(name));
        self.networks.retain(gone_in, |vni| here.contains_key(vni));
        // Also those of networks that are not here, yet: a label is its network's on every gateway.
        let configured = network.virtual_networks.iter().filter_map(|model| model.mpls_label).collect();
        self.labels.retain(gone_in, configured, |owner| match owner {
            LabelOwner::Network(vni) => here.contains_key(vni),
            LabelOwner::Vmi(name) => instances.contains(name.as_str()),
        });
        for (model, label) in here.values().filter_map(|model| Some((model, model.mpls_label?))) {
            self.labels.set(LabelOwner::Network(model.vni), label);
        }
    }

    /// Rows of what no route leads to any more.
    fn give_up_tunnels(&mut self, used: &HashSet<(Vni, Remote)>, gone_in: u64) {
        let tunnels: HashSet<(IpAddr, Encapsulation)> = used.iter().map(|(_, remote)| tunnel_of(remote)).collect();
        self.tunnels.retain(gone_in, |tunnel| tunnels.contains(tunnel));
        self.nexthops.retain(gone_in, |nexthop| used.contains(nexthop));
    }

    /// Whether some of these changes need a rebuild: of flooding, or a VTEP or label that is new to its network.
    ///
    /// A station whose source gives it a label of its own is such a change too: many of those are rebuilds, at most one every
    /// [`PUBLISH_EVERY`](crate::reconcile::PUBLISH_EVERY).
    ///
    /// A VTEP that no station of a network is behind any more, and that does not flood it, stays its peer and keeps its
    /// tunnel until the next rebuild.
    pub fn must_rebuild(&self, routes: &Routes, changes: &[RouteChange]) -> bool {
        changes.iter().any(|change| match *change.route() {
            Route::Flood(vni) => self.networks.row(&vni).is_some(),
            Route::Mac(vni, mac) => {
                let remote = routes.mac(vni, mac).map(|(_, remote)| remote);
                let is_new = |remote| self.nexthops.row(&(vni, remote)).is_none();
                self.networks.row(&vni).is_some() && remote.is_some_and(is_new)
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
            if let Some(Destination::Vif(_) | Destination::Gateway) = before {
                continue;
            }
            let after = match routes.mac(vni, mac) {
                None => None,
                Some((_, remote)) => match self.nexthops.row(&(vni, remote)).and_then(NexthopId::new) {
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
        for ((vtep, _), row) in self.tunnels.iter() {
            let Some(id) = TunnelId::new(row) else { continue };
            differs |= builder.set_paths(id, &paths(node, underlay, *vtep))?;
        }
        Ok(differs.then(|| builder.finish()))
    }

    /// The remote ends that some network uses: each VTEP with each encapsulation that it is sent.
    pub fn tunnels(&self) -> impl Iterator<Item = (IpAddr, Encapsulation)> + '_ {
        self.tunnels.iter().map(|(tunnel, _)| *tunnel)
    }

    /// The networks that are in the tables, and their rows.
    pub fn network_rows(&self) -> impl Iterator<Item = (Vni, NetworkId)> + '_ {
        self.networks.iter().filter_map(|(vni, row)| Some((*vni, NetworkId::new(row)?)))
    }

    /// Every label that this node answers to, by what it stands for.
    pub fn labels(&self) -> &Arc<HashMap<LabelOwner, MplsLabel>> {
        self.labels.owners()
    }

    fn label(&mut self, owner: LabelOwner, oldest_in_use: u64) -> Result<MplsLabel, TableError> {
        self.labels.assign(owner, oldest_in_use).ok_or(TableError::Limit {
            what: "MPLS labels",
            limit: (MplsLabel::MAX.value() - MplsLabel::MIN.value() + 1) as usize,
            hint: "serve fewer networks and VMIs on this node",
        })
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
        let FabricModel { vlan, dont_fragment, udp6_zero_checksum_tx, udp6_zero_checksum_rx, dscp, .. } = node.fabric;
        let ports = node.fabric_ports.iter().zip(&self.fabric_ports);
        Fabric {
            links: ports.map(|(port, own)| Link { port: port_index(*port), mac: own.mac, mtu: own.mtu }).collect(),
            vlan,
            address: node.fabric.address.map(|(address, _)| address),
            address_v6: node.fabric.address_v6.map(|(address, _)| address),
            dont_fragment,
            source_check: match node.fabric.source_check {
                config::SourceCheck::Strict => SourceCheck::Strict,
                config::SourceCheck::Known => SourceCheck::Known,
                config::SourceCheck::Any => SourceCheck::Any,
            },
            udp6_zero_checksum_tx,
            udp6_zero_checksum_rx,
            dscp,
        }
    }
}

/// The networks that this node takes part in: those of its VMIs, by VNI, so that labels are given out in the same order again.
fn networks_here(network: &NetworkModel) -> BTreeMap<Vni, &VirtualNetwork> {
    let of = |served: &config::ServedVmi| &network[network[served.vmi].virtual_network];
    network.served.iter().map(of).map(|model| (model.vni, model)).collect()
}

/// Networks share a tunnel to a remote end.
fn tunnel_of(remote: &Remote) -> (IpAddr, Encapsulation) {
    (remote.vtep, remote.via.encapsulation())
}

/// The node's and the workers' port numbers are the same: positions in the node file.
pub(crate) fn port_index(port: config::PortIndex) -> fib::PortIndex {
    fib::PortIndex::new(port.position()).expect("a node file has at most 32 ports")
}

/// The ways to a VTEP now, each by the fabric port whose host interface it leaves by.
fn paths(node: &NodeModel, underlay: &Underlay, vtep: IpAddr) -> ArrayVec<Path, { fib::MAX_PATHS }> {
    let Resolution::Resolved { paths } = underlay.resolve(vtep) else { return ArrayVec::new() };
    let by = |path: &crate::underlay::Path| {
        let port = node.fabric_ports.get(path.interface)?;
        Some(Path { port: port_index(*port), next_hop: path.mac })
    };
    paths.iter().filter_map(by).take(fib::MAX_PATHS).collect()
}
