//! Which addresses are asked for, and who the virtual router is on each VLAN: from the configuration.

use super::announce::{Member, Place, Segment};
use super::probes::Target;
use crate::bindings::LINK_LOCAL;
use crate::config::{
    ForwardingMode, Loaded, NetworkModel, PhysicalInterfaceIndex, ServedVmi, VirtualNetwork, VirtualNetworkIndex,
    VmiIndex,
};
use crate::tables::{VifRow, port_index};
use hashbrown::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;
use wire::MacAddr;

/// Every address of every enabled VMI that this node serves. `rows` are those of `loaded.network.served`, in force from
/// `generation` on. Linear in both.
pub(super) fn targets(loaded: &Loaded, rows: &[Option<VifRow>], generation: u64) -> Vec<Target> {
    let network = &loaded.network;
    let mut addresses: HashMap<VmiIndex, Vec<IpAddr>> = HashMap::new();
    for ip in &network.instance_ips {
        addresses.entry(ip.vmi).or_default().push(ip.address);
    }
    let mut targets = Vec::new();
    for (served, row) in network.served.iter().zip(rows) {
        let (Some(row), Some(addresses)) = (row, addresses.get(&served.vmi)) else { continue };
        let vmi = &network[served.vmi];
        let of = &network[vmi.virtual_network];
        if !is_gateway_of(of) || network.is_bpdu(served.vmi) {
            continue;
        }
        let name: Arc<str> = vmi.name.as_str().into();
        targets.extend(addresses.iter().map(|&address| Target {
            vmi: Arc::clone(&name),
            vif: row.index,
            port: port_index(served.port),
            mac: vmi.mac,
            address,
            source: source(of, address),
            since_generation: if row.is_new { generation } else { 0 },
        }));
    }
    targets
}

/// Whether this node is a network's virtual router: elsewhere it says nothing as such.
fn is_gateway_of(of: &VirtualNetwork) -> bool {
    of.forwarding_mode == ForwardingMode::L2L3
}

/// What an address is asked from: the service address of its subnet, else the gateway's, if either is of its family.
fn source(of: &VirtualNetwork, address: IpAddr) -> Option<IpAddr> {
    let subnet = of.ipam_subnets.iter().find(|subnet| subnet.subnet.covers(address))?;
    subnet.dns_server_address.or(subnet.default_gateway)
}

/// What is announced in a network: the virtual router's addresses, and the members behind the fabric.
type Said = (Arc<[IpAddr]>, Arc<[Member]>);

/// Where a served VMI is.
fn place(served: &ServedVmi) -> Place {
    Place { port: port_index(served.port), vlan: served.vlan, inner: served.inner_vlan }
}

/// Every VLAN with an interface of this node's, and what is announced there; and the VLAN of each interface. Linear in the network
/// file.
pub(super) fn segments(
    loaded: &Loaded,
    rows: &[Option<VifRow>],
) -> (HashMap<Place, Segment>, HashMap<fib::VifIndex, Place>) {
    let network = &loaded.network;
    let (mut segments, mut places) = (HashMap::new(), HashMap::new());
    let mut said: HashMap<VirtualNetworkIndex, Said> = HashMap::new();
    let mut members = members(network);
    for (served, row) in network.served.iter().zip(rows) {
        let Some(VifRow { index: vif, .. }) = *row else { continue };
        let of = network[served.vmi].virtual_network;
        if network.is_bpdu(served.vmi) {
            continue;
        }
        let (router, members) = said
            .entry(of)
            .or_insert_with(|| (router(&network[of]).into(), members.remove(&of).unwrap_or_default().into()));
        let segment = || Segment { vif, router: Arc::clone(router), members: Arc::clone(members) };
        segments.entry(place(served)).or_insert_with(segment);
        places.insert(vif, place(served));
    }
    (segments, places)
}

/// The addresses that the virtual router has in a network.
fn router(of: &VirtualNetwork) -> Vec<IpAddr> {
    if !is_gateway_of(of) {
        return Vec::new();
    }
    let addresses: Vec<IpAddr> = of.ipam_subnets.iter().flat_map(|subnet| subnet.addresses()).collect();
    let link_local = addresses.iter().any(IpAddr::is_ipv6).then_some(LINK_LOCAL);
    addresses.into_iter().chain(link_local).collect()
}

/// The members of each network that are behind the fabric: stations behind VTEPs, and VMIs that other gateways serve. What
/// may be behind a port of this node, as the address of a VMI or of an allowed address pair, is not among them.
fn members(network: &NetworkModel) -> HashMap<VirtualNetworkIndex, Vec<Member>> {
    let here: HashSet<(VirtualNetworkIndex, MacAddr)> =
        network.served.iter().flat_map(|s| macs(network, s.vmi)).collect();
    let mut members: HashMap<VirtualNetworkIndex, HashMap<MacAddr, Member>> = HashMap::new();
    let mut add = |(of, mac): (VirtualNetworkIndex, MacAddr), tags| {
        if !here.contains(&(of, mac)) {
            let new = || Member { mac, tags: Vec::new() };
            members.entry(of).or_default().entry(mac).or_insert_with(new).tags.extend(tags);
        }
    };
    for entry in network.reachability_here() {
        entry.stations.iter().for_each(|station| add((entry.virtual_network, station.mac), None));
    }
    let elsewhere = |port: PhysicalInterfaceIndex| network.own_router != Some(network[port].physical_router);
    for interface in network.logical_interfaces.iter().filter(|li| elsewhere(li.physical_interface)) {
        for &vmi in interface.vmis.iter().filter(|vmi| network[**vmi].enabled) {
            macs(network, vmi).for_each(|mac| add(mac, Some((interface.vlan, interface.inner_vlan))));
        }
    }
    let sorted = |members: HashMap<MacAddr, Member>| {
        let mut members: Vec<Member> = members.into_values().collect();
        members.sort_unstable_by_key(|member| member.mac);
        members
    };
    members.into_iter().map(|(of, members)| (of, sorted(members))).collect()
}

/// The addresses that a VMI may use, in its network.
fn macs(network: &NetworkModel, vmi: VmiIndex) -> impl Iterator<Item = (VirtualNetworkIndex, MacAddr)> + '_ {
    let vmi = &network[vmi];
    let pairs = vmi.allowed_address_pairs.iter().map(|pair| pair.mac);
    [vmi.mac].into_iter().chain(pairs).map(|mac| (vmi.virtual_network, mac))
}
