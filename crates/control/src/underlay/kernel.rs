//! What the kernel says and is asked, in our words.

use super::IpPrefix;
use std::net::IpAddr;
use wire::MacAddr;

/// The kernel's number of a network interface; never 0, and not reused while the interface lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InterfaceIndex(pub u32);

/// One thing the kernel said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KernelEvent {
    /// A full listing follows: what is not mentioned again before [`KernelEvent::ResyncEnd`] no longer exists.
    ResyncBegin,
    /// The listing is complete.
    ResyncEnd,
    /// An interface exists and looks like this.
    Link(KernelLink),
    /// An interface is gone.
    LinkGone(InterfaceIndex),
    /// A unicast route of the main table, type of service 0.
    Route(RouteChange, KernelRoute),
    /// A neighbour exists and looks like this.
    Neighbour(KernelNeighbour),
    /// A neighbour entry was deleted.
    NeighbourGone {
        /// Its address.
        address: IpAddr,
        /// The interface it was on.
        interface: InterfaceIndex,
    },
}

/// A network interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KernelLink {
    /// Its number.
    pub index: InterfaceIndex,
    /// Its name; may change while the number stays.
    pub name: String,
    /// Administratively up, with carrier.
    pub up: bool,
    /// Greatest IP packet, in octets.
    pub mtu: u32,
    /// Its address, if it has one of Ethernet's kind.
    pub mac: Option<MacAddr>,
}

/// What happened to a route. The kernel orders routes of one prefix by metric, and of one metric by these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RouteChange {
    /// New, before those of the same prefix and metric.
    Added,
    /// New, behind those of the same prefix and metric. A listing arrives as these.
    Appended,
    /// Stands in the place of the first of the same prefix and metric, which was not announced as removed.
    Replaced,
    /// No longer there.
    Removed,
}

/// A route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KernelRoute {
    /// The destinations it is for.
    pub destination: IpPrefix,
    /// Among routes of one prefix the least wins.
    pub metric: u32,
    /// The ways out, several for a multipath route; none if the route refuses (unreachable, blackhole, prohibit).
    pub hops: Vec<Hop>,
}

/// One way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hop {
    /// The interface it leaves by.
    pub interface: InterfaceIndex,
    /// The router, or `None` if the destination is on the link. May be an IPv6 address for an IPv4 destination too (RFC
    /// 8950).
    pub via: Option<IpAddr>,
}

/// An entry of the kernel's ARP or neighbour discovery cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KernelNeighbour {
    /// Its address.
    pub address: IpAddr,
    /// The interface it is on.
    pub interface: InterfaceIndex,
    /// Its MAC, once known.
    pub mac: Option<MacAddr>,
    /// How sure the kernel is of it.
    pub state: NeighbourState,
}

/// The kernel's neighbour unreachability states (`NUD_*`, after RFC 4861 section 7.3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NeighbourState {
    /// Being resolved for the first time.
    Incomplete,
    /// Confirmed a short while ago.
    Reachable,
    /// Not confirmed for a while, and not used since.
    Stale,
    /// Used while stale; waiting for a confirmation before probing.
    Delay,
    /// Being asked.
    Probe,
    /// Did not answer.
    Failed,
    /// Set by an administrator; never verified.
    Permanent,
    /// Needs no resolution.
    NoArp,
}

impl NeighbourState {
    pub(super) fn is_usable(self) -> bool {
        !matches!(self, Self::Incomplete | Self::Failed)
    }
}

/// One thing we ask the kernel to do.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum KernelRequest {
    /// Resolve this neighbour, or verify it if it is stale, as if a packet had been sent to it.
    Resolve {
        /// The neighbour.
        address: IpAddr,
        /// The interface it is on.
        interface: InterfaceIndex,
    },
    /// Put a configured route back, in the place of one of the same prefix and the default metric if there is one.
    PutRoute {
        /// For these destinations.
        to: IpPrefix,
        /// By these routers, at least one.
        hops: Vec<Hop>,
    },
}
