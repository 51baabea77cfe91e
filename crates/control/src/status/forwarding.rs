//! VIFs, networks, MACs, next hops: what the workers forward by.

use super::View;
use super::filter::{fits, not_found, page, parse_mac};
use super::stations::InstanceIps;
use crate::config::{PortIndex, ServedVmi, VirtualNetwork};
use crate::labels::LabelOwner;
use crate::routes::Origin;
use crate::underlay::{Path, Resolution};
use api::{
    ErrorDocument, FdbDocument, FdbEntry, FdbOrigin, FdbQuery, FdbWhere, Network, NetworksDocument, Nexthop,
    NexthopState, NexthopsDocument, NexthopsQuery, Place, Traffic, Vif, VifState, VifsDocument, VifsQuery, VtepPath,
};
use hashbrown::{HashMap, HashSet};
use std::net::IpAddr;
use telemetry::VifTotals;
use wire::{MacAddr, Vni};

impl View {
    pub(super) fn vifs(&self, query: &VifsQuery) -> Result<VifsDocument, ErrorDocument> {
        let (network, node) = (&self.loaded.network, &self.loaded.node);
        self.expect_network(query.network.as_deref())?;
        if let Some(port) = query.port.as_deref().filter(|port| node.port(port).is_none()) {
            return Err(not_found("port", port, node.ports.iter().map(|port| port.name.as_str())));
        }
        let wanted = |served: &ServedVmi| {
            let vmi = &network[served.vmi];
            query.network.as_deref().is_none_or(|name| network[vmi.virtual_network].name.as_str() == name)
                && query.port.as_deref().is_none_or(|name| node[served.port].name.as_str() == name)
                && query.vlan.is_none_or(|vlan| served.vlan.value() == vlan)
                && query.name.as_deref().is_none_or(|pattern| fits(pattern, vmi.name.as_str()))
        };
        let up: Vec<bool> = self.plane.ports().into_iter().map(|port| port.link.up).collect();
        let is_up = |served: &ServedVmi| up.get(served.port.position()).is_some_and(|up| *up);
        let served = network.served.iter().enumerate().filter(|(_, served)| wanted(served));
        let ips = self.instance_ips();
        let mut vifs: Vec<Vif> = served.map(|(n, served)| self.vif(n, served, is_up(served), &ips)).collect();
        vifs.sort_by_key(|vif| vif.index);
        let (vifs, total) = page(vifs, query.offset, query.limit);
        Ok(VifsDocument { vifs, total })
    }

    fn vif(&self, n: usize, served: &ServedVmi, port_up: bool, ips: &InstanceIps<'_>) -> Vif {
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
            (None, _) if self.learned.shut.contains(vmi.name.as_str()) => {
                VifState::Inactive { why: "the VMI was shut down: more MACs, or moves of one, than it may have".into() }
            }
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
            inner_vlan: served.inner_vlan.map(|vlan| vlan.value()),
            network: network[vmi.virtual_network].name.to_string(),
            macs,
            ips: ips.get(vmi.name.as_str()).cloned().unwrap_or_default(),
            state,
            traffic: Traffic {
                rx_packets: totals.rx_frames,
                rx_octets: totals.rx_octets,
                tx_packets: totals.tx_frames,
                tx_octets: totals.tx_octets,
            },
            drops: totals.drops,
            cleared_at: status.and_then(|status| status.cleared_at),
            place: Some(Place { file: place.file.to_string(), line: place.line, column: place.column }),
        }
    }

    /// The networks of this node's VMIs, by name.
    pub(super) fn networks_here(&self) -> Vec<&VirtualNetwork> {
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
            // Of a BPDU network, one stands for several ports.
            let mut local_vifs: Vec<String> = here.map(|vmi| vmi.name.to_string()).collect();
            local_vifs.dedup();
            Network {
                id: self.network_id(network),
                label: self.labels.get(&LabelOwner::Network(network.vni)).map(|label| label.value()),
                name: network.name.to_string(),
                vni: network.vni.value(),
                local_vifs,
                flood_vteps: self.flood_vteps(network),
                flood_unknown_unicast: network.flood_unknown_unicast,
                macs: macs.get(network.name.as_str()).copied().unwrap_or(0),
            }
        };
        NetworksDocument { networks: self.networks_here().into_iter().map(one).collect() }
    }

    /// The network's place in the network file: a number for whoever wants one.
    fn network_id(&self, network: &VirtualNetwork) -> u32 {
        let networks = &self.loaded.network.virtual_networks;
        networks.iter().position(|one| one.name == network.name).map_or(u32::MAX, |place| place as u32)
    }

    pub(super) fn flood_vteps(&self, network: &VirtualNetwork) -> Vec<IpAddr> {
        self.routes.floods(network.vni).into_iter().map(|remote| remote.vtep).collect()
    }

    /// That a network that is asked for is one of this node's.
    pub(super) fn expect_network(&self, name: Option<&str>) -> Result<(), ErrorDocument> {
        let here = self.networks_here();
        match name.filter(|name| here.iter().all(|network| network.name.as_str() != *name)) {
            Some(name) => Err(not_found("virtual network", name, here.iter().map(|network| network.name.as_str()))),
            None => Ok(()),
        }
    }

    pub(super) fn fdb(&self, query: &FdbQuery) -> Result<FdbDocument, ErrorDocument> {
        self.expect_network(query.network.as_deref())?;
        let mac: Option<MacAddr> = query.mac.as_deref().map(parse_mac).transpose()?;
        let mac = mac.map(|mac| mac.to_string());
        let mut entries = self.entries(query.network.as_deref());
        entries.retain(|entry| {
            mac.as_ref().is_none_or(|mac| entry.mac == *mac)
                && query.vtep.is_none_or(|vtep| entry.at == FdbWhere::Vtep(vtep))
        });
        entries.sort_by(|a, b| (&a.network, &a.mac).cmp(&(&b.network, &b.mac)));
        let (entries, total) = page(entries, query.offset, query.limit);
        Ok(FdbDocument { entries, total, learning: self.learning_use(query.network.as_deref()) })
    }

    /// Local stations first, learned ones last; a route to a MAC that is local is not in force.
    pub(super) fn entries(&self, only: Option<&str>) -> Vec<FdbEntry> {
        let model = &self.loaded.network;
        let names: HashMap<Vni, &str> = self.networks_here().iter().map(|n| (n.vni, n.name.as_str())).collect();
        let wanted = |name: &str| only.is_none_or(|only| only == name);
        let mut local: HashSet<(Vni, MacAddr)> = HashSet::new();
        let mut entries = Vec::new();
        // As the tables have it: a VMI's own address is its own, and an allowed one that several have is the first one's.
        let instances = || model.served.iter().filter(|served| !model.is_bpdu(served.vmi));
        let vmis = || instances().map(|served| &model[served.vmi]).filter(|vmi| vmi.enabled);
        let own = vmis().map(|vmi| (vmi, vmi.mac));
        let pairs = vmis().flat_map(|vmi| vmi.allowed_address_pairs.iter().map(move |pair| (vmi, pair.mac)));
        for (vmi, mac) in own.chain(pairs) {
            let network = &model[vmi.virtual_network];
            if local.insert((network.vni, mac)) && wanted(network.name.as_str()) {
                let at = FdbWhere::Vif(vmi.name.to_string());
                let (network, mac) = (network.name.to_string(), mac.to_string());
                let (encapsulation, label) = (None, None);
                let origin = FdbOrigin::Config;
                entries.push(FdbEntry { network, mac, at, encapsulation, label, origin, age_s: None });
            }
        }
        for (vni, mac, origin, remote) in self.routes.macs() {
            let Some(name) = names.get(&vni).filter(|name| wanted(name)) else { continue };
            let is_local = local.contains(&(vni, mac)) || self.learned.stations.contains_key(&(vni, mac));
            if !is_local {
                let origin = match origin {
                    Origin::Static => FdbOrigin::Static,
                    Origin::Dynamic => FdbOrigin::Bgp,
                };
                let (at, label) = (FdbWhere::Vtep(remote.vtep), remote.via.label().map(|label| label.value()));
                let encapsulation = Some(remote.via.encapsulation().to_string());
                let (network, mac) = ((*name).into(), mac.to_string());
                entries.push(FdbEntry { network, mac, at, encapsulation, label, origin, age_s: None });
            }
        }
        entries.extend(self.learned_entries(only));
        entries
    }

    pub(super) fn nexthops(&self, query: &NexthopsQuery) -> NexthopsDocument {
        let nexthops = self.tunnels.iter().map(|(vtep, _, resolution)| self.nexthop(*vtep, resolution));
        let mut nexthops: Vec<Nexthop> = nexthops.collect();
        nexthops.retain(|nexthop| query.vtep.is_none_or(|vtep| nexthop.vtep == vtep));
        nexthops.sort_by_key(|nexthop| nexthop.vtep);
        nexthops.dedup_by_key(|nexthop| nexthop.vtep);
        NexthopsDocument { nexthops }
    }

    fn nexthop(&self, vtep: IpAddr, resolution: &Resolution) -> Nexthop {
        let (state, paths) = self.ways(resolution);
        let port = || self.loaded.node.fabric_ports.first().map(|port| self.loaded.node[*port].name.to_string());
        let first = paths.into_iter().next();
        Nexthop {
            vtep,
            state,
            gateway: first.as_ref().map(|path| path.gateway),
            mac: first.as_ref().and_then(|path| path.mac.clone()),
            port: first.and_then(|path| path.port).or_else(port),
            vlan: self.loaded.node.fabric.vlan.map(|vlan| vlan.value()),
        }
    }

    /// Whether a VTEP can be reached, and how: all ways that it is sent to by, or the next hop that does not answer.
    pub(super) fn ways(&self, resolution: &Resolution) -> (NexthopState, Vec<VtepPath>) {
        let node = &self.loaded.node;
        let vlan = node.fabric.vlan.map(|vlan| vlan.value());
        let path = |gateway, mac: Option<MacAddr>, port: Option<&PortIndex>| VtepPath {
            gateway,
            mac: mac.map(|mac| mac.to_string()),
            port: port.map(|port| node[*port].name.to_string()),
            vlan,
        };
        match resolution {
            Resolution::Resolved { paths } => {
                let port = |path: &Path| node.fabric_ports.get(path.interface);
                let paths = paths.iter().map(|one| path(one.next_hop, Some(one.mac), port(one)));
                (NexthopState::Resolved, paths.collect())
            }
            Resolution::Unresolved { next_hop } => {
                // With one fabric port it can only be that one.
                let port = node.fabric_ports.first().filter(|_| node.fabric_ports.len() == 1);
                (NexthopState::Unresolved, vec![path(*next_hop, None, port)])
            }
            Resolution::NoRoute(_) | Resolution::HostInterfaceDown => (NexthopState::NoRoute, Vec::new()),
        }
    }
}
