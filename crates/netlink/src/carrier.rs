use crate::error::NetlinkError;
use crate::messages::{self, LinkChange};
use crate::socket::RouteSocket;

/// Gives a TAP of this thread's network namespace its carrier, or takes it: Linux, and whoever follows it, then stops
/// using the interface, but keeps its addresses and routes. Blocks for three exchanges with the kernel.
///
/// Only a TAP that a process serves can be given a carrier; it has one when the process attaches to it.
pub fn set_carrier(name: &str, on: bool) -> Result<(), NetlinkError> {
    let mut socket = RouteSocket::open().map_err(NetlinkError::resource("open a netlink socket"))?;
    let link =
        messages::find_link(&mut socket, name)?.ok_or_else(|| NetlinkError::NoSuchInterface { name: name.into() })?;
    messages::change_link(&mut socket, link.header.index, LinkChange::Carrier(on))
        .map_err(|source| NetlinkError::refused("set the carrier of", name, source))?;
    // The kernel makes a loss known up to a second later if another interface has changed just before. Kernels since 6.8 make
    // it known before they answer a question about the interface.
    messages::find_link(&mut socket, name).map(drop)
}
