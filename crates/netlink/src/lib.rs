//! Linux as the authority for the underlay: routes, neighbours, links, and the host TAP.
//!
//! Each fabric port has a persistent TAP in the daemon's own network namespace ([`HostInterfaces`]), whose MAC is the
//! port's and which bears its addresses. [`HostIo`] carries frames between the TAPs and the workers, so that ARP, ND,
//! BGP, BFD and ssh work with ordinary Linux tools and no worker makes a system call. [`Follower`] tells control what the
//! kernel says about links, routes and neighbours, and asks the kernel on control's behalf.
//!
//! Netlink is spoken on plain blocking sockets, one thread, no async runtime. Notifications and listings of the
//! follower share one socket on purpose: the kernel queues them in the order in which they came true, and two sockets
//! (or two channels of a demultiplexer) would lose that order, so that a route deleted during a listing could return as
//! a ghost. Whatever a full queue or the kernel's silence loses, the next listing repairs.

#![forbid(unsafe_code)]

mod carrier;
mod error;
mod follower;
mod host_interface;
mod host_io;
mod link_address;
mod messages;
mod settings;
mod socket;
mod tap;
mod translate;
mod wake;

pub use carrier::set_carrier;
pub use error::NetlinkError;
pub use follower::{Follower, RequestError, Requester};
pub use host_interface::{HostInterfaceConfig, HostInterfaces, InterfaceAddress, ROUTE_PROTOCOL};
pub use host_io::{HostIo, HostIoClassCounters, HostIoCounters, HostIoHandle, HostIoReader};
pub use link_address::{kernel_side_address, set_link_address};
pub use tap::Tap;
