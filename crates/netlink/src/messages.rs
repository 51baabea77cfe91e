//! The few requests that we make of the kernel, as netlink messages.

use crate::error::NetlinkError;
use crate::host_interface::{InterfaceAddress, ROUTE_PROTOCOL};
use crate::socket::RouteSocket;
use crate::translate::route;
use control::underlay::{Hop, InterfaceIndex, IpPrefix};
use netlink_packet_core::{NLM_F_CREATE, NLM_F_REPLACE};
use netlink_packet_route::address::{
    AddressAttribute, AddressFlags, AddressHeaderFlags, AddressMessage, AddressProtocol,
};
use netlink_packet_route::link::{InfoKind, LinkAttribute, LinkFlags, LinkInfo, LinkLayerType, LinkMessage};
use netlink_packet_route::neighbour::{NeighbourAddress, NeighbourAttribute, NeighbourFlags, NeighbourMessage};
use netlink_packet_route::route::{RouteAttribute, RouteHeader, RouteMessage, RouteProtocol};
use netlink_packet_route::route::{RouteNextHop, RouteScope, RouteType, RouteVia};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use std::io;
use std::net::IpAddr;
use wire::MacAddr;

/// Replace what is there, or make it.
const REPLACE: u16 = NLM_F_CREATE | NLM_F_REPLACE;

/// The interface of that name in this network namespace.
pub(crate) fn find_link(socket: &mut RouteSocket, name: &str) -> Result<Option<LinkMessage>, NetlinkError> {
    let mut query = LinkMessage::default();
    query.attributes.push(LinkAttribute::IfName(name.into()));
    match socket.ask(RouteNetlinkMessage::GetLink(query)) {
        Ok(Some(RouteNetlinkMessage::NewLink(link))) => Ok(Some(link)),
        Ok(_) => Ok(None),
        Err(error) if rustix::io::Errno::from_io_error(&error) == Some(rustix::io::Errno::NODEV) => Ok(None),
        Err(error) => Err(NetlinkError::refused("look up interface", name, error)),
    }
}

/// What kind of interface it is, in words, or `None` if it is a TAP.
pub(crate) fn kind_unless_tap(link: &LinkMessage) -> Option<String> {
    let kind = link.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::LinkInfo(infos) => infos.iter().find_map(|info| match info {
            LinkInfo::Kind(kind) => Some(kind),
            _ => None,
        }),
        _ => None,
    });
    match (kind, link.header.link_layer_type) {
        (Some(InfoKind::Tun), LinkLayerType::Ether) => None,
        (Some(InfoKind::Tun), _) => Some("a TUN device (layer 3)".into()),
        (Some(kind), _) => Some(format!("of kind {kind}")),
        (None, LinkLayerType::Loopback) => Some("the loopback interface".into()),
        (None, _) => Some("a physical interface".into()),
    }
}

/// One thing to change about an interface.
pub(crate) enum LinkChange {
    Mac(MacAddr),
    Mtu(u16),
    Up,
    Carrier(bool),
}

pub(crate) fn change_link(socket: &mut RouteSocket, index: u32, change: LinkChange) -> io::Result<()> {
    let mut message = LinkMessage::default();
    message.header.index = index;
    match change {
        LinkChange::Mac(mac) => message.attributes.push(LinkAttribute::Address(mac.octets().to_vec())),
        LinkChange::Mtu(mtu) => message.attributes.push(LinkAttribute::Mtu(mtu.into())),
        LinkChange::Carrier(on) => message.attributes.push(LinkAttribute::Carrier(on.into())),
        LinkChange::Up => {
            message.header.flags = LinkFlags::Up;
            message.header.change_mask = LinkFlags::Up;
        }
    }
    socket.change(RouteNetlinkMessage::SetLink(message), 0)
}

/// Adds an address that bears our mark, or marks the one that is there. An IPv6 address is usable at once: it is not
/// asked for whether somebody else has it (RFC 4862 section 5.4).
pub(crate) fn put_address(socket: &mut RouteSocket, index: u32, address: InterfaceAddress) -> io::Result<()> {
    let mut message = AddressMessage::default();
    message.header.family = family(address.address);
    message.header.prefix_len = address.prefix_len;
    message.header.index = index;
    message.attributes.push(AddressAttribute::Local(address.address));
    message.attributes.push(AddressAttribute::Address(address.address));
    message.attributes.push(AddressAttribute::Protocol(AddressProtocol::Other(ROUTE_PROTOCOL)));
    if address.address.is_ipv6() {
        message.header.flags = AddressHeaderFlags::Nodad;
        message.attributes.push(AddressAttribute::Flags(AddressFlags::Nodad));
    }
    socket.change(RouteNetlinkMessage::NewAddress(message), REPLACE)
}

/// Removes from the interface the addresses that bear our mark, but for those to keep.
pub(crate) fn remove_our_addresses(
    socket: &mut RouteSocket,
    index: u32,
    keep: &[InterfaceAddress],
) -> io::Result<Vec<IpAddr>> {
    let ours = AddressAttribute::Protocol(AddressProtocol::Other(ROUTE_PROTOCOL));
    let mut removed = Vec::new();
    for listed in socket.list(RouteNetlinkMessage::GetAddress(AddressMessage::default()))? {
        let RouteNetlinkMessage::NewAddress(message) = listed else { continue };
        // The kernel tells an IPv6 address as such alone.
        let local = message.attributes.iter().find_map(|attribute| match attribute {
            AddressAttribute::Local(address) => Some(*address),
            AddressAttribute::Address(address) if address.is_ipv6() => Some(*address),
            _ => None,
        });
        let Some(address) = local else { continue };
        let is_kept = keep.contains(&InterfaceAddress { address, prefix_len: message.header.prefix_len });
        if message.header.index == index && message.attributes.contains(&ours) && !is_kept {
            socket.change(RouteNetlinkMessage::DelAddress(message), 0)?;
            removed.push(address);
        }
    }
    Ok(removed)
}

fn family(address: IpAddr) -> AddressFamily {
    if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 }
}

fn our_route(to: IpPrefix, hops: &[Hop]) -> RouteMessage {
    let mut message = RouteMessage::default();
    message.header.address_family = family(to.address());
    message.header.destination_prefix_length = to.len();
    message.header.table = RouteHeader::RT_TABLE_MAIN;
    message.header.protocol = RouteProtocol::Other(ROUTE_PROTOCOL);
    message.header.scope = RouteScope::Universe;
    message.header.kind = RouteType::Unicast;
    message.attributes.push(RouteAttribute::Destination(to.address().into()));
    let router = |hop: &Hop| match (to.address(), hop.via?) {
        (IpAddr::V4(_), IpAddr::V6(v6)) => Some(RouteAttribute::Via(RouteVia::Inet6(v6))),
        (_, via) => Some(RouteAttribute::Gateway(via.into())),
    };
    if let [hop] = hops {
        message.attributes.extend(router(hop));
        message.attributes.push(RouteAttribute::Oif(hop.interface.0));
    } else {
        let next_hop = |hop: &Hop| {
            let mut next_hop = RouteNextHop::default();
            next_hop.interface_index = hop.interface.0;
            next_hop.attributes.extend(router(hop));
            next_hop
        };
        message.attributes.push(RouteAttribute::MultiPath(hops.iter().map(next_hop).collect()));
    }
    message
}

/// Adds a route with all its hops, in the place of one of the same prefix and the default metric if there is one.
pub(crate) fn put_route(socket: &mut RouteSocket, to: IpPrefix, hops: &[Hop]) -> io::Result<()> {
    let (message, flags) = route_to_put(to, hops);
    socket.change(message, flags)
}

/// The request that [`put_route`] makes.
pub(crate) fn route_to_put(to: IpPrefix, hops: &[Hop]) -> (RouteNetlinkMessage, u16) {
    (RouteNetlinkMessage::NewRoute(our_route(to, hops)), REPLACE)
}

/// Removes the routes that bear our mark and leave by one of the interfaces, but for those to keep. Returns how many.
pub(crate) fn remove_our_routes(
    socket: &mut RouteSocket,
    interfaces: &[InterfaceIndex],
    keep: &[(IpPrefix, Vec<Hop>)],
) -> io::Result<usize> {
    let mut removed = 0;
    for family in [AddressFamily::Inet, AddressFamily::Inet6] {
        let mut query = RouteMessage::default();
        query.header.address_family = family;
        for listed in socket.list(RouteNetlinkMessage::GetRoute(query))? {
            let RouteNetlinkMessage::NewRoute(message) = listed else { continue };
            if message.header.protocol != RouteProtocol::Other(ROUTE_PROTOCOL) {
                continue;
            }
            let Some(found) = route(&message) else { continue };
            let by_ours = found.hops.iter().any(|hop| interfaces.contains(&hop.interface));
            if !by_ours || keep.iter().any(|(to, hops)| *to == found.destination && is_same(hops, &found.hops)) {
                continue;
            }
            let mut gone = our_route(found.destination, &found.hops);
            gone.attributes.push(RouteAttribute::Priority(found.metric));
            match socket.change(RouteNetlinkMessage::DelRoute(gone), 0) {
                Err(error) if rustix::io::Errno::from_io_error(&error) == Some(rustix::io::Errno::SRCH) => {}
                result => result.map(|()| removed += 1)?,
            }
        }
    }
    Ok(removed)
}

/// The kernel may list hops in another order than they were given in.
fn is_same(ours: &[Hop], listed: &[Hop]) -> bool {
    ours.len() == listed.len() && ours.iter().all(|hop| listed.contains(hop))
}

/// The request that makes the kernel treat the neighbour as if a packet had just been sent to it (`NTF_USE`).
pub(crate) fn use_neighbour(address: IpAddr, index: u32) -> (RouteNetlinkMessage, u16) {
    let mut message = NeighbourMessage::default();
    message.header.family = family(address);
    message.header.ifindex = index;
    message.header.flags = NeighbourFlags::Use;
    let destination = match address {
        IpAddr::V4(v4) => NeighbourAddress::Inet(v4),
        IpAddr::V6(v6) => NeighbourAddress::Inet6(v6),
    };
    message.attributes.push(NeighbourAttribute::Destination(destination));
    // Without NLM_F_REPLACE an entry that is there keeps its MAC and its state machine goes on from where it is.
    (RouteNetlinkMessage::NewNeighbour(message), NLM_F_CREATE)
}
