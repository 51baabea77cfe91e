//! What a story is about: the tables that the frame runs over, and the configuration that they stand for.

use api::ConfiguredObject;
use control::config::{
    self, Loaded, LogicalInterface, NodeModel, PortModel, PortRole, ServedVmi, StaticReachability,
    VirtualMachineInterface, VirtualNetwork,
};
use control::status::View;
use control::underlay::Resolution;
use datapath::Role;
use fib::{NetworkId, PortIndex, Snapshot, VifIndex};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use wire::{MacAddr, ethernet};

use crate::run::Room;

/// Tables, and where every row of them comes from.
pub struct Scene {
    pub(crate) loaded: Arc<Loaded>,
    pub(crate) snapshot: Snapshot,
    /// The row of each served VMI, in the order of the model; `None` for a disabled one.
    pub(crate) vifs: Vec<Option<VifIndex>>,
    /// How each VTEP that is sent to can be reached.
    pub(crate) resolutions: HashMap<IpAddr, Resolution>,
    /// Of the tables in force; `None` if they were made for this.
    pub(crate) generation: Option<u64>,
    pub(crate) assumptions: Vec<String>,
}

impl Scene {
    /// What is in force. Costs a pointer for each table; the workers notice nothing.
    pub fn live(view: &View) -> Self {
        Self {
            loaded: Arc::clone(view.loaded()),
            snapshot: view.snapshot().clone(),
            vifs: view.vif_rows().collect(),
            resolutions: view.resolutions().map(|(vtep, resolution)| (vtep, resolution.clone())).collect(),
            generation: Some(view.generation()),
            assumptions: Vec::new(),
        }
    }

    pub(crate) fn node(&self) -> &NodeModel {
        &self.loaded.node
    }

    /// What a run over these tables has to have room for.
    pub(crate) fn room(&self) -> Room {
        let fabric_mtus = self.node().fabric_ports.iter().map(|port| self.node()[*port].mtu);
        let flooding = self.loaded.network.reachability_here().filter(|entry| entry.flood);
        Room {
            ports: self.node().ports.len(),
            vifs: self.vifs.iter().flatten().map(|vif| vif.row() + 1).max().unwrap_or(0),
            copies: self.vifs.len() + flooding.count(),
            // As the daemon makes the slots for the host.
            host_octets: usize::from(fabric_mtus.max().unwrap_or(0)) + ethernet::HEADER_OCTETS + ethernet::TAG_OCTETS,
        }
    }

    /// A port by its number in the tables.
    pub(crate) fn port(&self, port: PortIndex) -> Option<&PortModel> {
        self.node().ports.get(port.row())
    }

    /// A VMI, and where it is served.
    pub(crate) fn vmi(&self, vif: VifIndex) -> Option<(&ServedVmi, &VirtualMachineInterface)> {
        let place = self.vifs.iter().position(|row| *row == Some(vif))?;
        let served = self.loaded.network.served.get(place)?;
        Some((served, &self.loaded.network[served.vmi]))
    }

    /// The VMIs that are served on a VLAN of a port, disabled ones too.
    pub(crate) fn on_vlan(&self, port: PortIndex, vlan: u16, inner: Option<u16>) -> impl Iterator<Item = &ServedVmi> {
        self.on_port_vlan(port, vlan).filter(move |served| served.inner_vlan.map(|inner| inner.value()) == inner)
    }

    /// The VMIs that are served on a VLAN of a port, whatever their inner VLAN.
    pub(crate) fn on_port_vlan(&self, port: PortIndex, vlan: u16) -> impl Iterator<Item = &ServedVmi> {
        let served = self.loaded.network.served.iter();
        served.filter(move |served| served.port.position() == port.row() && served.vlan.value() == vlan)
    }

    /// The network of a row.
    pub(crate) fn network(&self, network: NetworkId) -> Option<&VirtualNetwork> {
        let vni = self.snapshot.network(network)?.vni();
        self.loaded.network.virtual_networks.iter().find(|network| network.vni == vni)
    }

    /// What the network file says of a VTEP in a network.
    pub(crate) fn reach<'s>(
        &'s self,
        network: &'s VirtualNetwork,
        vtep: IpAddr,
    ) -> impl Iterator<Item = &'s StaticReachability> {
        let model = &self.loaded.network;
        let here = model.reachability_here();
        here.filter(move |entry| entry.vtep == vtep && model[entry.virtual_network].vni == network.vni)
    }

    /// What the network file says of a station behind a VTEP in a network.
    pub(crate) fn station<'s>(
        &'s self,
        network: &'s VirtualNetwork,
        vtep: IpAddr,
        mac: MacAddr,
    ) -> Option<&'s StaticReachability> {
        self.reach(network, vtep).find(|entry| entry.stations.iter().any(|station| station.mac == mac))
    }

    pub(crate) fn logical_interface(&self, served: &ServedVmi) -> &LogicalInterface {
        &self.loaded.network[served.logical_interface]
    }
}

/// Which of the pipeline's two roads a port is the beginning of.
pub(crate) fn role(port: &PortModel) -> Role {
    match port.role {
        PortRole::Access => Role::Access,
        PortRole::Fabric => Role::Fabric,
    }
}

/// All addresses that a VMI may use, each once.
pub(crate) fn addresses(vmi: &VirtualMachineInterface) -> Vec<MacAddr> {
    let mut macs: Vec<MacAddr> = std::iter::once(vmi.mac).collect();
    for pair in &vmi.allowed_address_pairs {
        if !macs.contains(&pair.mac) {
            macs.push(pair.mac);
        }
    }
    macs
}

/// An object of the configuration that a decision rests on.
pub(crate) trait Configured {
    /// What it is, its name, and where it stands.
    fn configured(&self) -> ConfiguredObject;
}

fn object(what: &str, name: impl std::fmt::Display, place: &config::Place) -> ConfiguredObject {
    let place = api::Place { file: place.file.to_string(), line: place.line, column: place.column };
    ConfiguredObject { object: format!("{what} {name}"), place }
}

impl Configured for PortModel {
    fn configured(&self) -> ConfiguredObject {
        object("port", &self.name, &self.place)
    }
}

impl Configured for VirtualNetwork {
    fn configured(&self) -> ConfiguredObject {
        object("virtual network", &self.name, &self.place)
    }
}

impl Configured for VirtualMachineInterface {
    fn configured(&self) -> ConfiguredObject {
        object("VMI", &self.name, &self.place)
    }
}

impl Configured for LogicalInterface {
    fn configured(&self) -> ConfiguredObject {
        object("logical interface", &self.name, &self.place)
    }
}

impl Configured for StaticReachability {
    fn configured(&self) -> ConfiguredObject {
        object("static reachability of", self.vtep, &self.place)
    }
}

impl Configured for config::FabricRoute {
    fn configured(&self) -> ConfiguredObject {
        object("fabric route to", format_args!("{}/{}", self.to, self.to_len), &self.place)
    }
}

impl Configured for config::FabricModel {
    fn configured(&self) -> ConfiguredObject {
        object("fabric", "section", if self.address.is_some() { &self.place } else { &self.place_v6 })
    }
}
