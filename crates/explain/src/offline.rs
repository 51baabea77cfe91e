//! Tables made from the files, with what Linux and the ports would say made up.
//!
//! Control's own table builder makes them, as after a start. Whatever route the node file does not have is taken to lead
//! straight to the VTEP by the first fabric port, and every neighbour to answer.

use crate::error::ExplainError;
use crate::scene::Scene;
use control::config::{Loaded, NodeModel, PortIndex};
use control::routes::Routes;
use control::tables::{FabricPort, Tables};
use control::underlay::{
    ConfiguredRoute, Hop, InterfaceIndex, IpPrefix, KernelEvent, KernelLink, KernelNeighbour, KernelRoute,
    NeighbourState, RouteChange, Underlay, by_prefix,
};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use wire::MacAddr;

/// What is known although the files do not tell it.
#[derive(Debug, Clone, Default)]
pub struct Assumed {
    /// The MAC of an underlay next hop; `None`: it does not answer.
    pub next_hops: BTreeMap<IpAddr, Option<MacAddr>>,
    /// The MAC of fabric ports to which the node file gives none.
    pub fabric_mac: Option<MacAddr>,
}

impl Scene {
    /// What a daemon with these files would forward by.
    ///
    /// # Errors
    /// If the configuration does not fit into the tables.
    pub fn from_files(loaded: Loaded, assumed: &Assumed) -> Result<Self, ExplainError> {
        let node = &loaded.node;
        let neighbours = neighbours(&loaded);
        let underlay = underlay(node, &neighbours, assumed);
        let tables = Tables::new(fabric_ports(node, assumed), loaded.node.limits.vmis as usize, 0);
        let mut routes = Routes::default();
        routes.set_static(&loaded.network);
        let rebuilt = tables.rebuild(&loaded, &routes, &underlay, 1, 1)?;
        let vteps: BTreeSet<IpAddr> = rebuilt.tables.tunnels().map(|(vtep, _)| vtep).collect();
        let assumptions = assumptions(node, !vteps.is_empty(), assumed);
        Ok(Self {
            resolutions: vteps.into_iter().map(|vtep| (vtep, underlay.resolve(vtep))).collect(),
            vifs: rebuilt.vifs.iter().map(|row| row.map(|row| row.index)).collect(),
            snapshot: rebuilt.snapshot,
            loaded: Arc::new(loaded),
            generation: None,
            assumptions,
        })
    }
}

/// Made up, but always the same, and no other's.
fn made_up_mac(kind: u8, number: usize) -> MacAddr {
    let [.., high, low] = number.to_be_bytes();
    MacAddr::new([0x02, 0, 0, kind, high, low])
}

/// The MAC that the node file gives a port's device.
fn configured_mac(node: &NodeModel, port: PortIndex) -> Option<MacAddr> {
    node[port].device.argument("mac").and_then(|mac| mac.parse().ok())
}

fn fabric_ports(node: &NodeModel, assumed: &Assumed) -> Vec<FabricPort> {
    let port = |(n, port): (usize, &PortIndex)| {
        let mac = configured_mac(node, *port).or(assumed.fabric_mac);
        FabricPort { mac: mac.unwrap_or_else(|| made_up_mac(0xfa, n + 1)), mtu: node[*port].mtu }
    };
    node.fabric_ports.iter().enumerate().map(port).collect()
}

/// All that may turn out to be an underlay next hop, with a MAC for each.
fn neighbours(loaded: &Loaded) -> BTreeMap<IpAddr, MacAddr> {
    let routers = loaded.node.fabric.routes.iter().map(|route| route.via);
    let vteps = loaded.network.reachability_here().map(|entry| entry.vtep);
    let all: BTreeSet<IpAddr> = routers.chain(vteps).collect();
    all.into_iter().enumerate().map(|(n, address)| (address, made_up_mac(0xfe, n + 1))).collect()
}

fn interface(position: usize) -> InterfaceIndex {
    InterfaceIndex(position as u32 + 1)
}

/// The underlay of a Linux that has all host interfaces up, and only the node file's addresses and routes.
fn underlay(node: &NodeModel, neighbours: &BTreeMap<IpAddr, MacAddr>, assumed: &Assumed) -> Underlay {
    let names: Vec<String> = node.host_interfaces().map(|(_, name)| name.to_string()).collect();
    let mut underlay = Underlay::new(names.clone());
    let mut tell = |event| underlay.apply(event);
    for (position, name) in names.into_iter().enumerate() {
        tell(KernelEvent::Link(KernelLink { index: interface(position), name, up: true, mtu: 0, mac: None }));
        for (address, mac) in neighbours {
            let mac = assumed.next_hops.get(address).copied().unwrap_or(Some(*mac));
            let state = if mac.is_some() { NeighbourState::Reachable } else { NeighbourState::Failed };
            let (address, interface) = (*address, interface(position));
            tell(KernelEvent::Neighbour(KernelNeighbour { address, interface, mac, state }));
        }
    }
    for (destination, hops) in routes(node) {
        let route = KernelRoute { destination, metric: 0, hops };
        tell(KernelEvent::Route(RouteChange::Appended, route));
    }
    underlay
}

/// Subnets of the host interfaces, the node file's routes, and last one to everywhere.
fn routes(node: &NodeModel) -> Vec<(IpPrefix, Vec<Hop>)> {
    let on_link = |position: usize| vec![Hop { interface: interface(position), via: None }];
    let subnets = node.host_interfaces().enumerate().flat_map(|(position, (port, _))| {
        let addresses = node.host_addresses(port).into_iter();
        addresses.filter_map(move |(address, len)| Some((IpPrefix::covering(address, len).ok()?, on_link(position))))
    });
    let configured = by_prefix(&ConfiguredRoute::of(node), |position| Some(interface(position)));
    let everywhere = [IpAddr::from(Ipv4Addr::UNSPECIFIED), Ipv6Addr::UNSPECIFIED.into()];
    let everywhere = everywhere.into_iter().filter_map(|all| Some((IpPrefix::covering(all, 0).ok()?, on_link(0))));
    subnets.chain(configured).chain(everywhere).collect()
}

fn assumptions(node: &NodeModel, has_vteps: bool, assumed: &Assumed) -> Vec<String> {
    let mut said = Vec::new();
    let made_up = |port: &&PortIndex| configured_mac(node, **port).is_none();
    match (assumed.fabric_mac, node.fabric_ports.iter().filter(made_up).count()) {
        (_, 0) => {}
        (Some(mac), _) => said.push(format!("the fabric port's MAC is {mac}, which the frame is addressed to")),
        (None, _) => said.push("MACs of fabric ports are made up: the files do not have them".to_owned()),
    }
    if has_vteps {
        said.push(
            "every underlay next hop that is not given answers, with a made-up MAC; whatever the node file has no route \
             to is on the first fabric port's link"
                .to_owned(),
        );
    }
    said
}
