//! Labels, VTEPs and hosts: who is where, and under which label.

use super::View;
use super::filter::{page, parse_mac};
use crate::config::{ServedVmi, StaticReachability, VirtualMachineInterface, VirtualNetwork};
use crate::labels::LabelOwner;
use crate::underlay::Resolution;
use api::{
    ErrorDocument, FdbQuery, FdbWhere, Host, HostsDocument, HostsQuery, Label, LabelOrigin, LabelTarget,
    LabelsDocument, LabelsQuery, Vtep, VtepNetwork, VtepsDocument, VtepsQuery,
};
use hashbrown::HashMap;
use std::net::IpAddr;
use wire::{Encapsulation, MacAddr, MplsLabel, Vni};

/// How many MACs of a network are behind a VTEP.
type Macs = HashMap<(String, IpAddr), u64>;

impl View {
    pub(super) fn labels(&self, query: &LabelsQuery) -> Result<LabelsDocument, ErrorDocument> {
        self.expect_network(query.network.as_deref())?;
        let model = &self.loaded.network;
        let names: HashMap<Vni, &VirtualNetwork> = self.networks_here().into_iter().map(|n| (n.vni, n)).collect();
        let of_vmi: HashMap<&str, &VirtualNetwork> =
            self.served_by_vmi().into_iter().map(|(name, (_, vmi))| (name, &model[vmi.virtual_network])).collect();
        let one = |(owner, label): (&LabelOwner, &MplsLabel)| {
            let (leads_to, network, is_configured) = match owner {
                LabelOwner::Network(vni) => {
                    let network = names.get(vni)?;
                    (LabelTarget::Network(network.name.to_string()), network, network.mpls_label == Some(*label))
                }
                LabelOwner::Vmi(name) => (LabelTarget::Vif(name.clone()), of_vmi.get(name.as_str())?, false),
            };
            let origin = if is_configured { LabelOrigin::Config } else { LabelOrigin::Allocated };
            Some(Label { label: label.value(), leads_to, network: network.name.to_string(), origin })
        };
        let wanted = |label: &Label| query.network.as_deref().is_none_or(|only| only == label.network);
        let mut labels: Vec<Label> = self.labels.iter().filter_map(one).filter(wanted).collect();
        labels.sort_by_key(|label| label.label);
        let (labels, total) = page(labels, query.offset, query.limit);
        Ok(LabelsDocument { labels, total })
    }

    pub(super) fn vteps(&self, query: &VtepsQuery) -> Result<VtepsDocument, ErrorDocument> {
        self.expect_network(query.network.as_deref())?;
        let (mut macs, behind) = (Macs::new(), self.behind());
        for entry in self.entries(None) {
            if let FdbWhere::Vtep(vtep) = entry.at {
                *macs.entry((entry.network, vtep)).or_default() += 1;
            }
        }
        let wanted = |vtep: &Vtep| {
            let has = |name: &str| vtep.networks.iter().any(|network| network.network == name);
            query.vtep.is_none_or(|only| only == vtep.address) && query.network.as_deref().is_none_or(has)
        };
        let mut resolved: Vec<_> = self.tunnels.iter().map(|(vtep, _, way)| (*vtep, way)).collect();
        resolved.sort_by_key(|(vtep, _)| *vtep);
        resolved.dedup_by_key(|(vtep, _)| *vtep);
        let vteps = (0u32..).zip(resolved);
        let vteps =
            vteps.map(|(id, (address, way))| self.vtep(id, address, way, &macs, &behind)).filter(wanted).collect();
        Ok(VtepsDocument { own: self.loaded.node.fabric.addresses().map(|(address, _)| address).collect(), vteps })
    }

    fn vtep(&self, id: u32, address: IpAddr, way: &Resolution, macs: &Macs, behind: &Behind<'_>) -> Vtep {
        let (state, paths) = self.ways(way);
        Vtep { id, address, state, paths, networks: self.vtep_networks(address, macs, behind) }
    }

    fn vtep_networks(&self, address: IpAddr, macs: &Macs, behind: &Behind<'_>) -> Vec<VtepNetwork> {
        let mut networks = Vec::new();
        for network in self.networks_here() {
            let name = network.name.to_string();
            let count = macs.get(&(name.clone(), address)).copied().unwrap_or(0);
            let flooded = self.routes.floods(network.vni).into_iter().find(|remote| remote.vtep == address);
            let floods = flooded.is_some();
            if count == 0 && !floods {
                continue;
            }
            let (encapsulation, label) = flooded.map_or_else(
                || behind.to(network.name.as_str(), address),
                |remote| (remote.via.encapsulation(), remote.via.label().map(|label| label.value())),
            );
            networks.push(VtepNetwork {
                network: name,
                encapsulation: encapsulation.to_string(),
                vni: (!encapsulation.is_mpls()).then(|| network.vni.value()),
                label,
                floods,
                macs: count,
            });
        }
        networks
    }

    /// What the network file says of what is behind VTEPs, by what it is asked for.
    fn behind(&self) -> Behind<'_> {
        let model = &self.loaded.network;
        let mut behind = Behind::default();
        for entry in model.reachability_here() {
            let network = model[entry.virtual_network].name.as_str();
            behind.vteps.insert((network, entry.vtep), entry);
        }
        behind
    }

    pub(super) fn hosts(&self, query: &HostsQuery) -> Result<HostsDocument, ErrorDocument> {
        self.expect_network(query.network.as_deref())?;
        let mac: Option<MacAddr> = query.mac.as_deref().map(parse_mac).transpose()?;
        let behind = FdbQuery { network: query.network.clone(), vtep: query.vtep, ..FdbQuery::default() };
        let (here, instance_ips) = (self.served_by_vmi(), self.instance_ips());
        let ip = |prefix: &String| query.ip.is_none_or(|ip| covers(prefix, ip));
        let mut hosts = Vec::new();
        for entry in self.fdb(&behind)?.entries {
            if mac.is_some_and(|mac| entry.mac != mac.to_string()) {
                continue;
            }
            let served = match &entry.at {
                FdbWhere::Vif(name) => here.get(name.as_str()),
                FdbWhere::Vtep(_) => None,
            };
            let ips = served.map_or_else(Vec::new, |(_, vmi)| ips(vmi, &entry.mac, &instance_ips));
            if query.ip.is_some() && !ips.iter().any(ip) {
                continue;
            }
            hosts.push(Host {
                network: entry.network,
                mac: entry.mac,
                ips,
                at: entry.at,
                port: served.map(|(served, _)| self.loaded.node[served.port].name.to_string()),
                vlan: served.map(|(served, _)| served.vlan.value()),
                inner_vlan: served.and_then(|(served, _)| served.inner_vlan).map(|vlan| vlan.value()),
                origin: entry.origin,
            });
        }
        let (hosts, total) = page(hosts, query.offset, query.limit);
        Ok(HostsDocument { hosts, total })
    }

    pub(super) fn served_by_vmi(&self) -> HashMap<&str, (&ServedVmi, &VirtualMachineInterface)> {
        let network = &self.loaded.network;
        let vmis = network.served.iter().map(|served| (served, &network[served.vmi]));
        vmis.map(|(served, vmi)| (vmi.name.as_str(), (served, vmi))).collect()
    }

    /// The addresses of instances, by their VMIs.
    pub(super) fn instance_ips(&self) -> InstanceIps<'_> {
        let network = &self.loaded.network;
        let mut ips = InstanceIps::new();
        for ip in &network.instance_ips {
            ips.entry(network[ip.vmi].name.as_str()).or_default().push(ip.address);
        }
        ips
    }
}

/// By the VMI's name.
pub(super) type InstanceIps<'a> = HashMap<&'a str, Vec<IpAddr>>;

/// What the network file says of what is behind VTEPs.
#[derive(Default)]
struct Behind<'a> {
    vteps: HashMap<(&'a str, IpAddr), &'a StaticReachability>,
}

impl<'a> Behind<'a> {
    /// How frames of a network go to a VTEP, and under which label if there is one. What another source than the
    /// network file says is behind a VTEP goes by VXLAN.
    fn to(&self, network: &'a str, vtep: IpAddr) -> (Encapsulation, Option<u32>) {
        let Some(entry) = self.vteps.get(&(network, vtep)) else { return (Encapsulation::Vxlan, None) };
        let label = entry.label.filter(|_| entry.encapsulation.is_mpls());
        (entry.encapsulation, label.map(|label| label.value()))
    }
}

/// The addresses that go with a MAC of a VMI: with its own the instance's, with any the allowed pairs'.
fn ips(vmi: &VirtualMachineInterface, mac: &str, instance_ips: &InstanceIps<'_>) -> Vec<String> {
    let own = instance_ips.get(vmi.name.as_str()).filter(|_| vmi.mac.to_string() == mac);
    let pairs = vmi.allowed_address_pairs.iter().filter(|pair| pair.mac.to_string() == mac);
    let pairs = pairs.filter_map(|pair| pair.ip).map(|prefix| prefix.to_string());
    own.into_iter().flatten().map(ToString::to_string).chain(pairs).collect()
}

/// Whether an address, or a prefix written as `address/length`, covers an address.
fn covers(prefix: &str, ip: IpAddr) -> bool {
    let (network, length) = prefix.split_once('/').map_or((prefix, None), |(network, length)| (network, Some(length)));
    let bits = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => (u128::from(u32::from(ip)) << 96, 32),
        IpAddr::V6(ip) => (u128::from(ip), 128),
    };
    let Ok(network) = network.parse::<IpAddr>() else { return false };
    let ((network, width), (address, wide)) = (bits(network), bits(ip));
    let length = length.map_or(Ok(width), str::parse::<u32>).unwrap_or(width).min(width);
    let differing = (network ^ address).checked_shr(128 - length).unwrap_or(0);
    width == wide && differing == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_covers_what_shares_its_leading_bits() {
        for (prefix, ip, expected) in [
            ("10.1.0.4", "10.1.0.4", true),
            ("10.1.0.4", "10.1.0.5", false),
            ("10.1.0.0/24", "10.1.0.255", true),
            ("10.1.0.0/24", "10.1.1.0", false),
            ("0.0.0.0/0", "192.0.2.1", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("::/0", "2001:db8::1", true),
            ("2001:db8::1", "2001:db8::2", false),
        ] {
            assert_eq!(covers(prefix, ip.parse().expect("an address")), expected, "{prefix} {ip}");
        }
    }
}
