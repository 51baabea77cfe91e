//! From the kernel's messages to what control understands. Pure.

use control::underlay::{
    Hop, InterfaceIndex, IpPrefix, KernelEvent, KernelLink, KernelNeighbour, KernelRoute, NeighbourState, RouteChange,
};
use netlink_packet_core::{NLM_F_APPEND, NLM_F_REPLACE};
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use netlink_packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourFlags, NeighbourMessage, NeighbourState as Nud,
};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteNextHop, RouteNextHopFlags, RouteType,
    RouteVia,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use wire::MacAddr;

/// What one message of the kernel means to us.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Translation {
    pub(crate) event: Option<KernelEvent>,
    /// The kernel may have changed routes without a word: it announces no removal when an interface goes down, nor when
    /// an address goes that a route preferred, and nothing of the hops that live again when an interface comes up. Only a
    /// listing tells.
    pub(crate) relist: bool,
}

/// `listed`: the message is part of a listing, in the kernel's order of preference.
pub(crate) fn translate(message: &RouteNetlinkMessage, flags: u16, listed: bool) -> Translation {
    let event = match message {
        RouteNetlinkMessage::NewLink(message) => link(message).map(KernelEvent::Link),
        RouteNetlinkMessage::DelLink(message) => link(message).map(|link| KernelEvent::LinkGone(link.index)),
        RouteNetlinkMessage::NewNeighbour(message) => neighbour(message).map(KernelEvent::Neighbour),
        RouteNetlinkMessage::DelNeighbour(message) => neighbour(message)
            .map(|gone| KernelEvent::NeighbourGone { address: gone.address, interface: gone.interface }),
        RouteNetlinkMessage::NewRoute(message) => {
            route(message).map(|route| KernelEvent::Route(route_change(flags, listed), route))
        }
        RouteNetlinkMessage::DelRoute(message) => {
            route(message).map(|route| KernelEvent::Route(RouteChange::Removed, route))
        }
        RouteNetlinkMessage::DelAddress(_) => return Translation { event: None, relist: true },
        _ => None,
    };
    let relist = match &event {
        Some(KernelEvent::Link(_)) => !listed,
        Some(KernelEvent::LinkGone(_)) => true,
        _ => false,
    };
    Translation { event, relist }
}

fn link(message: &LinkMessage) -> Option<KernelLink> {
    // A bridge speaks of its ports in messages of its own family, and of a port that leaves it as "deleted".
    if message.header.interface_family != AddressFamily::Unspec {
        return None;
    }
    let up = LinkFlags::Up | LinkFlags::LowerUp;
    let (mut name, mut mtu, mut mac) = (None, 0, None);
    for attribute in &message.attributes {
        match attribute {
            LinkAttribute::IfName(text) => name = Some(text.clone()),
            LinkAttribute::Mtu(octets) => mtu = *octets,
            LinkAttribute::Address(octets) => mac = mac_of(octets),
            _ => {}
        }
    }
    let index = InterfaceIndex(message.header.index);
    Some(KernelLink { index, name: name?, up: message.header.flags.contains(up), mtu, mac })
}

fn mac_of(octets: &[u8]) -> Option<MacAddr> {
    octets.try_into().ok().map(MacAddr::new)
}

fn neighbour(message: &NeighbourMessage) -> Option<KernelNeighbour> {
    let is_proxy = message.header.flags.contains(NeighbourFlags::Proxy);
    let (mut address, mut mac) = (None, None);
    for attribute in &message.attributes {
        match attribute {
            NeighbourAttribute::Destination(NeighbourAddress::Inet(v4)) => address = Some(IpAddr::V4(*v4)),
            NeighbourAttribute::Destination(NeighbourAddress::Inet6(v6)) => address = Some(IpAddr::V6(*v6)),
            NeighbourAttribute::LinkLayerAddress(octets) => mac = mac_of(octets),
            _ => {}
        }
    }
    let address = address.filter(|_| !is_proxy)?;
    let interface = InterfaceIndex(message.header.ifindex);
    Some(KernelNeighbour { address, interface, mac, state: neighbour_state(message.header.state) })
}

fn neighbour_state(state: Nud) -> NeighbourState {
    match state {
        Nud::Reachable => NeighbourState::Reachable,
        Nud::Stale => NeighbourState::Stale,
        Nud::Delay => NeighbourState::Delay,
        Nud::Probe => NeighbourState::Probe,
        Nud::Failed => NeighbourState::Failed,
        Nud::Permanent => NeighbourState::Permanent,
        Nud::Noarp => NeighbourState::NoArp,
        // An entry that was just made (NUD_NONE), and whatever a later kernel may add, is not yet usable.
        _ => NeighbourState::Incomplete,
    }
}

fn route_change(flags: u16, listed: bool) -> RouteChange {
    if listed || flags & NLM_F_APPEND != 0 {
        RouteChange::Appended
    } else if flags & NLM_F_REPLACE != 0 {
        RouteChange::Replaced
    } else {
        RouteChange::Added
    }
}

/// A route of the main table that any packet to its destinations takes.
pub(crate) fn route(message: &RouteMessage) -> Option<KernelRoute> {
    let header = &message.header;
    let in_main_table = table(message) == u32::from(RouteHeader::RT_TABLE_MAIN);
    let is_cached = header.flags.contains(RouteFlags::Cloned);
    if !in_main_table || header.tos != 0 || header.source_prefix_length != 0 || is_cached {
        return None;
    }
    let mut address: IpAddr = match header.address_family {
        AddressFamily::Inet => Ipv4Addr::UNSPECIFIED.into(),
        AddressFamily::Inet6 => Ipv6Addr::UNSPECIFIED.into(),
        _ => return None,
    };
    let mut metric = 0;
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Destination(destination) => address = address_of(destination)?,
            RouteAttribute::Priority(priority) => metric = *priority,
            _ => {}
        }
    }
    let hops = match header.kind {
        RouteType::Unicast => hops(message),
        RouteType::BlackHole | RouteType::Unreachable | RouteType::Prohibit | RouteType::Throw => Vec::new(),
        _ => return None,
    };
    let destination = IpPrefix::covering(address, header.destination_prefix_length).ok()?;
    Some(KernelRoute { destination, metric, hops })
}

fn table(message: &RouteMessage) -> u32 {
    let wide = message.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Table(table) => Some(*table),
        _ => None,
    });
    wide.unwrap_or(message.header.table.into())
}

fn hops(message: &RouteMessage) -> Vec<Hop> {
    let several = message.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::MultiPath(hops) => Some(hops),
        _ => None,
    });
    if let Some(several) = several {
        let alive = |hop: &&RouteNextHop| !hop.flags.contains(RouteNextHopFlags::Dead);
        return several.iter().filter(alive).filter_map(|h| hop(Some(h.interface_index), &h.attributes)).collect();
    }
    let interface = message.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Oif(index) => Some(*index),
        _ => None,
    });
    hop(interface, &message.attributes).into_iter().collect()
}

/// A way out that we can take: not one that the kernel encapsulates for.
fn hop(interface: Option<u32>, attributes: &[RouteAttribute]) -> Option<Hop> {
    let mut via = None;
    for attribute in attributes {
        match attribute {
            RouteAttribute::Gateway(router) => via = Some(address_of(router)?),
            RouteAttribute::Via(RouteVia::Inet(v4)) => via = Some(IpAddr::V4(*v4)),
            RouteAttribute::Via(RouteVia::Inet6(v6)) => via = Some(IpAddr::V6(*v6)),
            RouteAttribute::Via(_) | RouteAttribute::Encap(_) => return None,
            _ => {}
        }
    }
    Some(Hop { interface: InterfaceIndex(interface?), via })
}

fn address_of(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(v4) => Some(IpAddr::V4(*v4)),
        RouteAddress::Inet6(v6) => Some(IpAddr::V6(*v6)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
