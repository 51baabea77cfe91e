//! VIFs, networks, MACs, next hops: what the workers forward by.

use super::View;
use crate::config::{ServedVmi, VirtualNetwork};
use crate::routes::Origin;
use crate::underlay::Resolution;
use api::{
    ErrorCode, ErrorDocument, FdbDocument, FdbEntry, FdbOrigin, FdbWhere, Network, NetworksDocument, Nexthop,
    NexthopState, NexthopsDocument, Place, Traffic, Vif, VifState, VifsDocument,
};
use hashbrown::{HashMap, HashSet};
use std::net::IpAddr;
use telemetry::VifTotals;
use wire::{MacAddr, Vni};

impl View {
    pub(super) fn vifs(&self) -> VifsDocument {
        let up: Vec<(String, bool)> = self.plane.ports().into_iter().map(|p| (p.name, p.link.up)).collect();
        let mut vifs: Vec<Vif> = self
            .loaded
            .network
            .served
            .iter()
            .enumerate()
            .map(|(n, served)| self.vif(n, served, up.get(served.port.position()).is_some_and(|(_, up)| *up)))
            .collect();
        vifs.sort_by_key(|vif| vif.index);
        VifsDocument { vifs }
    }

    fn vif(&self, n: usize, served: &ServedVmi, port_up: bool) -> Vif {
        let (network, node) = (&self.loaded.network, &self.loaded.node);
        let vmi = &network[served.vmi];
        let port = node[served.port].name.to_string();
        let status = self.vifs.get(n).copied().flatten();
        let mut totals = VifTotals::default();
        if let Some(status) = status {
            self.workers.iter().for_each(|worker| totals += worker.vif(status.index).read());
            totals -= status.baseline;
        }
        let state = match (status, port_up) {
            (None, _) => VifState::Inactive { why: "the VMI is disabled (id_perms.enable: false)".into() },
            (_, false) => VifState::Inactive { why: format!("port {port} is down") },
            (Some(_), true) => VifState::Active,
        };
        let pairs = vmi.allowed_address_pairs.iter().map(|pair| pair.mac);
        let mut macs: Vec<String> = [vmi.mac].into_iter().chain(pairs).map(|mac| mac.to_string()).collect();
        macs.dedup();
        let place = &network[served.logical_interface].place;
        Vif {
            index: status.map_or(u32::MAX, |s| s.index.row() as u32),
            name: vmi.name.to_string(),
            port,
            vlan: served.vlan.value(),
            network: network[vmi.virtual_network].name.to_string(),
            macs,
            state,
            traffic: Traffic {
                rx_packets: totals.rx_frames,
                rx_octets: totals.rx_octets,
                tx_packets: totals.tx_frames,
                tx_octets: totals.tx_octets,
            },
            drops: totals.drops,
            place: Some(Place { file: place.file.to_string(), line: place.line, column: place.column }),
        }
    }

    /// The networks of this node's VMIs, by name.
    fn networks_here(&self) -> Vec<&VirtualNetwork> {
        let network = &self.loaded.network;
        let used: HashSet<_> = network.served.iter().map(|s| network[s.vmi].virtual_network).collect();
        let mut networks: Vec<_> = used.into_iter().map(|index| &network[index]).collect();
        networks.sort_by(|a, b| a.name.cmp(&b.name));
        networks
    }

    pub(super) fn networks(&self) -> NetworksDocument {
        let mut macs: HashMap<String, u64> = HashMap::new();
        for entry in self.entries(None) {
            *macs.entry(entry.network).or_default() += 1;
        }
        let model = &self.loaded.network;
        let one = |network: &VirtualNetwork| {
            let vmis = model.served.iter().map(|s| &model[s.vmi]).filter(|v| v.enabled);
            let here = vmis.filter(|vmi| model[vmi.virtual_network].vni == network.vni);
            Network {
                name: network.name.to_string(),
                vni: network.vni.value(),
                local_vifs: here.map(|vmi| vmi.name.to_string()).collect(),
                flood_vteps: self.routes.floods(network.vni).into_iter().map(IpAddr::V4).collect(),
                flood_unknown_unicast: network.flood_unknown_unicast,
                macs: macs.get(network.name.as_str()).copied().unwrap_or(0),
            }
        };
        NetworksDocument { networks: self.networks_here().into_iter().map(one).collect() }
    }

    pub(super) fn fdb(&self, only: Option<&str>) -> Result<FdbDocument, ErrorDocument> {
        if let Some(name) = only {
            let here: Vec<&str> = self.networks_here().iter().map(|n| n.name.as_str()).collect();
            if !here.contains(&name) {
                let known = if here.is_empty() { "none".into() } else { here.join(", ") };
                let message = format!("no virtual network `{name}` on this node: expected one of {known}");
                return Err(ErrorDocument::new(ErrorCode::NotFound, message));
            }
        }
        let mut entries = self.entries(only);
        entries.sort_by(|a, b| (&a.network, &a.mac).cmp(&(&b.network, &b.mac)));
        Ok(FdbDocument { entries })
    }

    /// Local stations first; a route to a MAC that is local is not in force.
    fn entries(&self, only: Option<&str>) -> Vec<FdbEntry> {
        let model = &self.loaded.network;
        let names: HashMap<Vni, &str> = self.networks_here().iter().map(|n| (n.vni, n.name.as_str())).collect();
        let wanted = |name: &str| only.is_none_or(|only| only == name);
        let mut local: HashSet<(Vni, MacAddr)> = HashSet::new();
        let mut entries = Vec::new();
        for vmi in model.served.iter().map(|s| &model[s.vmi]).filter(|v| v.enabled) {
            let network = &model[vmi.virtual_network];
            for mac in [vmi.mac].into_iter().chain(vmi.allowed_address_pairs.iter().map(|pair| pair.mac)) {
                if local.insert((network.vni, mac)) && wanted(network.name.as_str()) {
                    let at = FdbWhere::Vif(vmi.name.to_string());
                    let (network, mac) = (network.name.to_string(), mac.to_string());
                    entries.push(FdbEntry { network, mac, at, origin: FdbOrigin::Config });
                }
            }
        }
        for (vni, mac, origin, vtep) in self.routes.macs() {
            let Some(name) = names.get(&vni).filter(|name| wanted(name)) else { continue };
            if !local.contains(&(vni, mac)) {
                let origin = match origin {
                    Origin::Static => FdbOrigin::Static,
                    Origin::Dynamic => FdbOrigin::Bgp,
                };
                let at = FdbWhere::Vtep(IpAddr::V4(vtep));
                entries.push(FdbEntry { network: (*name).into(), mac: mac.to_string(), at, origin });
            }
        }
        entries
    }

    pub(super) fn nexthops(&self) -> NexthopsDocument {
        let node = &self.loaded.node;
        let one = |(vtep, resolution): &(_, Resolution)| {
            let (state, gateway, mac) = match resolution {
                Resolution::Resolved { next_hop, mac } => (NexthopState::Resolved, Some(*next_hop), Some(*mac)),
                Resolution::Unresolved { next_hop } => (NexthopState::Unresolved, Some(*next_hop), None),
                Resolution::NoRoute(_) | Resolution::HostInterfaceDown => (NexthopState::NoRoute, None, None),
            };
            Nexthop {
                vtep: IpAddr::V4(*vtep),
                state,
                gateway: gateway.map(IpAddr::V4),
                mac: mac.map(|mac| mac.to_string()),
                port: node.fabric_ports.first().map(|port| node[*port].name.to_string()),
                vlan: node.fabric.vlan.map(|vlan| vlan.value()),
            }
        };
        let mut nexthops: Vec<Nexthop> = self.nexthops.iter().map(one).collect();
        nexthops.sort_by_key(|nexthop| nexthop.vtep);
        NexthopsDocument { nexthops }
    }
}
