//! The few requests that we make of the kernel, as netlink messages.

use crate::error::NetlinkError;
use crate::host_interface::{ROUTE_PROTOCOL, StaticRoute};
use crate::socket::RouteSocket;
use netlink_packet_core::{NLM_F_CREATE, NLM_F_REPLACE};
use netlink_packet_route::address::{AddressAttribute, AddressMessage, AddressProtocol};
use netlink_packet_route::link::{InfoKind, LinkAttribute, LinkFlags, LinkInfo, LinkLayerType, LinkMessage};
use netlink_packet_route::neighbour::{NeighbourAddress, NeighbourAttribute, NeighbourFlags, NeighbourMessage};
use netlink_packet_route::route::{RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol};
use netlink_packet_route::route::{RouteScope, RouteType};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use std::io;
use std::net::{IpAddr, Ipv4Addr};
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
}

pub(crate) fn change_link(socket: &mut RouteSocket, index: u32, change: LinkChange) -> io::Result<()> {
    let mut message = LinkMessage::default();
    message.header.index = index;
    match change {
        LinkChange::Mac(mac) => message.attributes.push(LinkAttribute::Address(mac.octets().to_vec())),
        LinkChange::Mtu(mtu) => message.attributes.push(LinkAttribute::Mtu(mtu.into())),
        LinkChange::Up => {
            message.header.flags = LinkFlags::Up;
            message.header.change_mask = LinkFlags::Up;
        }
    }
    socket.change(RouteNetlinkMessage::SetLink(message), 0)
}

/// Adds an address that bears our mark, or marks the one that is there.
pub(crate) fn put_address(socket: &mut RouteSocket, index: u32, address: Ipv4Addr, len: u8) -> io::Result<()> {
    let mut message = AddressMessage::default();
    message.header.family = AddressFamily::Inet;
    message.header.prefix_len = len;
    message.header.index = index;
    message.attributes.push(AddressAttribute::Local(IpAddr::V4(address)));
    message.attributes.push(AddressAttribute::Address(IpAddr::V4(address)));
    message.attributes.push(AddressAttribute::Protocol(AddressProtocol::Other(ROUTE_PROTOCOL)));
    socket.change(RouteNetlinkMessage::NewAddress(message), REPLACE)
}

/// Removes from the interface the addresses that bear our mark, but for the one to keep.
pub(crate) fn remove_our_addresses(
    socket: &mut RouteSocket,
    index: u32,
    keep: (Ipv4Addr, u8),
) -> io::Result<Vec<Ipv4Addr>> {
    let mut query = AddressMessage::default();
    query.header.family = AddressFamily::Inet;
    let ours = AddressAttribute::Protocol(AddressProtocol::Other(ROUTE_PROTOCOL));
    let mut removed = Vec::new();
    for listed in socket.list(RouteNetlinkMessage::GetAddress(query))? {
        let RouteNetlinkMessage::NewAddress(message) = listed else { continue };
        let local = message.attributes.iter().find_map(|attribute| match attribute {
            AddressAttribute::Local(IpAddr::V4(local)) => Some(*local),
            _ => None,
        });
        let Some(local) = local else { continue };
        let is_kept = (local, message.header.prefix_len) == keep;
        if message.header.index == index && message.attributes.contains(&ours) && !is_kept {
            socket.change(RouteNetlinkMessage::DelAddress(message), 0)?;
            removed.push(local);
        }
    }
    Ok(removed)
}

fn our_route(index: u32, route: &StaticRoute) -> RouteMessage {
    let mut message = RouteMessage::default();
    message.header.address_family = AddressFamily::Inet;
    message.header.destination_prefix_length = route.to.len();
    message.header.table = RouteHeader::RT_TABLE_MAIN;
    message.header.protocol = RouteProtocol::Other(ROUTE_PROTOCOL);
    message.header.scope = RouteScope::Universe;
    message.header.kind = RouteType::Unicast;
    message.attributes.push(RouteAttribute::Destination(RouteAddress::Inet(route.to.address())));
    message.attributes.push(RouteAttribute::Gateway(RouteAddress::Inet(route.via)));
    message.attributes.push(RouteAttribute::Oif(index));
    message
}

/// Adds a route, in the place of one of the same prefix and metric 0 if there is one.
pub(crate) fn put_route(socket: &mut RouteSocket, index: u32, route: &StaticRoute) -> io::Result<()> {
    let (message, flags) = route_to_put(index, route);
    socket.change(message, flags)
}

/// The request that [`put_route`] makes.
pub(crate) fn route_to_put(index: u32, route: &StaticRoute) -> (RouteNetlinkMessage, u16) {
    (RouteNetlinkMessage::NewRoute(our_route(index, route)), REPLACE)
}

/// Removes the routes that bear our mark from the interface, but for those to keep. Returns how many.
pub(crate) fn remove_our_routes(socket: &mut RouteSocket, index: u32, keep: &[StaticRoute]) -> io::Result<usize> {
    let mut query = RouteMessage::default();
    query.header.address_family = AddressFamily::Inet;
    let kept: Vec<RouteMessage> = keep.iter().map(|route| our_route(index, route)).collect();
    let mut removed = 0;
    for listed in socket.list(RouteNetlinkMessage::GetRoute(query))? {
        let RouteNetlinkMessage::NewRoute(message) = listed else { continue };
        let ours = message.header.protocol == RouteProtocol::Other(ROUTE_PROTOCOL);
        let by_host = message.attributes.contains(&RouteAttribute::Oif(index));
        if ours && by_host && !kept.iter().any(|route| is_same_route(route, &message)) {
            match socket.change(RouteNetlinkMessage::DelRoute(message), 0) {
                Err(error) if rustix::io::Errno::from_io_error(&error) == Some(rustix::io::Errno::SRCH) => {}
                result => result.map(|()| removed += 1)?,
            }
        }
    }
    Ok(removed)
}

/// The kernel lists the default route without a destination, and every route with more attributes than we gave.
fn is_same_route(ours: &RouteMessage, listed: &RouteMessage) -> bool {
    let is_default = ours.header.destination_prefix_length == 0;
    ours.header.destination_prefix_length == listed.header.destination_prefix_length
        && ours.attributes.iter().all(|attribute| {
            (is_default && matches!(attribute, RouteAttribute::Destination(_))) || listed.attributes.contains(attribute)
        })
}

/// The request that makes the kernel treat the neighbour as if a packet had just been sent to it (`NTF_USE`).
pub(crate) fn use_neighbour(address: Ipv4Addr, index: u32) -> (RouteNetlinkMessage, u16) {
    let mut message = NeighbourMessage::default();
    message.header.family = AddressFamily::Inet;
    message.header.ifindex = index;
    message.header.flags = NeighbourFlags::Use;
    message.attributes.push(NeighbourAttribute::Destination(NeighbourAddress::Inet(address)));
    // Without NLM_F_REPLACE an entry that is there keeps its MAC and its state machine goes on from where it is.
    (RouteNetlinkMessage::NewNeighbour(message), NLM_F_CREATE)
}
