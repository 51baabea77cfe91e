use super::{Hop, InterfaceIndex, IpPrefix};
use crate::config::NodeModel;
use std::net::IpAddr;

/// A route of our configuration by way of a host interface. Several for one prefix are one route with several hops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ConfiguredRoute {
    /// For these destinations.
    pub to: IpPrefix,
    /// By this router, which must be on the host interface's link.
    pub via: IpAddr,
    /// The host interface's position among all.
    pub interface: usize,
}

impl ConfiguredRoute {
    /// The routes of the node file, each by the host interface on whose subnet its router is; the first one for a router
    /// that is on none.
    pub fn of(node: &NodeModel) -> Vec<Self> {
        let route = |route: &crate::config::FabricRoute| {
            let to = IpPrefix::covering(route.to, route.to_len).ok()?;
            Some(Self { to, via: route.via, interface: interface_to(node, route.via) })
        };
        node.fabric.routes.iter().filter_map(route).collect()
    }
}

/// Of nested subnets the smallest counts.
fn interface_to(node: &NodeModel, router: IpAddr) -> usize {
    let mut best = (0, 0);
    for (position, (port, _)) in node.host_interfaces().enumerate() {
        for (address, len) in node.host_addresses(port) {
            let covers = IpPrefix::covering(address, len).is_ok_and(|subnet| subnet.covers(router));
            if covers && len > best.1 {
                best = (position, len);
            }
        }
    }
    best.0
}

/// The routes as the kernel takes them: each prefix once, with the hops whose interface `index_of` knows. In the order
/// of the configuration.
pub fn by_prefix(
    routes: &[ConfiguredRoute],
    index_of: impl Fn(usize) -> Option<InterfaceIndex>,
) -> Vec<(IpPrefix, Vec<Hop>)> {
    let mut grouped: Vec<(IpPrefix, Vec<Hop>)> = Vec::new();
    for route in routes {
        let Some(interface) = index_of(route.interface) else { continue };
        let hop = Hop { interface, via: Some(route.via) };
        match grouped.iter_mut().find(|(to, _)| *to == route.to) {
            Some((_, hops)) if hops.contains(&hop) => {}
            Some((_, hops)) => hops.push(hop),
            None => grouped.push((route.to, vec![hop])),
        }
    }
    grouped
}
