//! What Linux says about the way to each VTEP, and what we ask of Linux to keep it true.
//!
//! Linux is the authority for the underlay: routes, ARP and link state are the kernel's, whoever put them there (an
//! administrator, FRR, DHCP). This module only follows. It is a pure state machine: [`KernelEvent`]s go in, a
//! [`Resolution`] per VTEP and [`KernelRequest`]s come out, time is an argument. The netlink adapter does the talking.
//!
//! Overlay traffic does not pass the kernel, so the kernel would neither resolve our next hops nor notice that one has
//! died: its entry would rest in STALE for ever. [`Underlay::poll`] therefore asks for every unresolved next hop of a
//! tracked VTEP, and pokes every stale one; the kernel then goes through DELAY and PROBE to REACHABLE or FAILED.
//!
//! When an interface is set down, the kernel forgets its static routes. Those of our configuration are put back when the
//! host interface comes up again; whatever else was there is up to who put it there.

mod freshness;
mod kernel;
mod prefix;
mod routes;
#[cfg(test)]
mod tests;

use freshness::Freshness;
use hashbrown::{HashMap, HashSet};
pub use kernel::{
    Hop, InterfaceIndex, KernelEvent, KernelLink, KernelNeighbour, KernelRequest, KernelRoute, NeighbourState,
    RouteChange,
};
pub use prefix::{Ipv4Prefix, PrefixError};
use routes::RouteTable;
use std::net::Ipv4Addr;
use std::time::Instant;
use wire::MacAddr;

/// Most routes of the main table that are followed; those beyond are counted in [`Underlay::ignored`].
pub const MAX_ROUTES: usize = 262_144;
/// Most neighbours of the host interface that are followed; those beyond are counted in [`Underlay::ignored`].
pub const MAX_NEIGHBOURS: usize = 65_536;
/// Most VTEPs whose next hops are kept resolved; those beyond are counted in [`Underlay::ignored`].
pub const MAX_TRACKED: usize = 65_536;

/// Most requests that come out of one [`Underlay::poll`]; the rest come out of the next ones.
pub const MAX_REQUESTS: usize = 64;

/// How to reach a VTEP at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    /// Send to this MAC.
    Resolved {
        /// The router, or the VTEP itself if it is on the link.
        next_hop: Ipv4Addr,
        /// Its MAC.
        mac: MacAddr,
    },
    /// There is a route, but no MAC of its next hop.
    Unresolved {
        /// The router, or the VTEP itself if it is on the link.
        next_hop: Ipv4Addr,
    },
    /// No usable route.
    NoRoute(NoRoute),
    /// The host interface does not exist, or is down.
    HostInterfaceDown,
}

/// Why there is no usable route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoRoute {
    /// No route of the main table covers the address.
    NotCovered,
    /// The best route refuses (unreachable, blackhole, prohibit).
    Refused,
    /// The best route leaves by another interface than the host interface.
    OtherInterface(InterfaceIndex),
}

/// The kernel's underlay as far as it concerns us.
#[derive(Debug)]
pub struct Underlay {
    host_interface: String,
    host: Option<KernelLink>,
    routes: RouteTable,
    neighbours: HashMap<Ipv4Addr, Neighbour>,
    tracked: HashSet<Ipv4Addr>,
    freshness: Freshness,
    /// Whether the next hops that `freshness` keeps may differ from those of the tracked VTEPs.
    next_hops_moved: bool,
    round: u32,
    host_round: u32,
    ignored: u64,
    configured: Vec<(Ipv4Prefix, Ipv4Addr)>,
    /// Whether the configured routes may have gone, because the host interface was down.
    routes_lost: bool,
}

#[derive(Debug, Clone, Copy)]
struct Neighbour {
    mac: Option<MacAddr>,
    state: NeighbourState,
    round: u32,
}

impl Neighbour {
    fn usable_mac(&self) -> Option<MacAddr> {
        self.mac.filter(|mac| self.state.is_usable() && mac.is_station())
    }
}

impl Underlay {
    /// Knows nothing yet; every VTEP is [`Resolution::HostInterfaceDown`] until the kernel has spoken.
    pub fn new(host_interface: impl Into<String>) -> Self {
        Self {
            host_interface: host_interface.into(),
            host: None,
            routes: RouteTable::default(),
            neighbours: HashMap::new(),
            tracked: HashSet::new(),
            freshness: Freshness::default(),
            next_hops_moved: true,
            round: 0,
            host_round: 0,
            ignored: 0,
            configured: Vec::new(),
            routes_lost: false,
        }
    }

    /// The routes by the host interface, each with its router, that are put back when it comes up after it was down.
    pub fn with_routes(self, configured: Vec<(Ipv4Prefix, Ipv4Addr)>) -> Self {
        Self { configured, ..self }
    }

    /// Takes in one event. Returns whether the resolution of some VTEP may have changed.
    pub fn apply(&mut self, event: KernelEvent) -> bool {
        let changed = match event {
            KernelEvent::ResyncBegin => {
                self.round = self.round.wrapping_add(1);
                false
            }
            KernelEvent::ResyncEnd => self.sweep(),
            KernelEvent::Link(link) => self.link(link),
            KernelEvent::LinkGone(index) => self.link_gone(index),
            KernelEvent::Route(change, route) => self.route(change, route),
            KernelEvent::Neighbour(neighbour) => self.neighbour(neighbour),
            KernelEvent::NeighbourGone { address, interface } => self.neighbour_gone(address, interface),
        };
        self.next_hops_moved |= changed;
        changed
    }

    /// How to reach `vtep` now: longest prefix, then least metric, then the kernel's order.
    ///
    /// Of several hops of a multipath route one is taken by the VTEP's address; while it has no MAC, another that has.
    /// Hops that leave by other interfaces than the host's do not count. Cost: at most 33 hash look-ups.
    pub fn resolve(&self, vtep: Ipv4Addr) -> Resolution {
        let Some(host) = self.host.as_ref().filter(|host| host.up) else { return Resolution::HostInterfaceDown };
        let Some(hops) = self.routes.longest_match(vtep) else { return Resolution::NoRoute(NoRoute::NotCovered) };
        let Some(first) = hops.first() else { return Resolution::NoRoute(NoRoute::Refused) };
        let ours = || hops.iter().filter(|hop| hop.interface == host.index).map(|hop| hop.via.unwrap_or(vtep));
        let count = ours().count();
        if count == 0 {
            return Resolution::NoRoute(NoRoute::OtherInterface(first.interface));
        }
        let from = spread_of(vtep) as usize % count;
        let in_turn = || ours().cycle().skip(from).take(count);
        let resolved = in_turn().find_map(|next_hop| Some((next_hop, self.neighbours.get(&next_hop)?.usable_mac()?)));
        match (resolved, in_turn().next()) {
            (Some((next_hop, mac)), _) => Resolution::Resolved { next_hop, mac },
            (None, Some(next_hop)) => Resolution::Unresolved { next_hop },
            (None, None) => Resolution::NoRoute(NoRoute::NotCovered),
        }
    }

    /// From now on the next hops of exactly these VTEPs are kept resolved.
    pub fn track(&mut self, vteps: impl IntoIterator<Item = Ipv4Addr>) {
        self.tracked.clear();
        for vtep in vteps {
            if self.tracked.len() < MAX_TRACKED || self.tracked.contains(&vtep) {
                self.tracked.insert(vtep);
            } else {
                self.ignored += 1;
            }
        }
        self.next_hops_moved = true;
    }

    /// What to ask of the kernel now; call it a few times a second. At most [`MAX_REQUESTS`] at a time about neighbours.
    pub fn poll(&mut self, now: Instant) -> Vec<KernelRequest> {
        let Some((interface, true)) = self.host.as_ref().map(|host| (host.index, host.up)) else { return Vec::new() };
        if std::mem::take(&mut self.next_hops_moved) {
            let next_hops = self.tracked.iter().flat_map(|vtep| self.next_hops(*vtep, interface)).collect();
            self.freshness.follow(next_hops, now);
        }
        let neighbours = &self.neighbours;
        let state = |next_hop: Ipv4Addr| neighbours.get(&next_hop).map(|n| (n.state, n.usable_mac().is_some()));
        let due = self.freshness.due(now, state);
        let resolve = due.into_iter().map(|address| KernelRequest::Resolve { address, interface });
        let lost = if std::mem::take(&mut self.routes_lost) { self.configured.as_slice() } else { &[] };
        let put = lost.iter().map(|&(to, via)| KernelRequest::PutRoute { to, via, interface });
        put.chain(resolve).collect()
    }

    /// The host interface as the kernel has it, if it exists.
    pub fn host_link(&self) -> Option<&KernelLink> {
        self.host.as_ref()
    }

    /// How many routes, neighbours or VTEPs were not taken in because a limit was reached.
    pub fn ignored(&self) -> u64 {
        self.ignored
    }

    /// Every next hop that may come to carry traffic to `vtep`, so that a multipath route's spare ones are verified
    /// too.
    fn next_hops(&self, vtep: Ipv4Addr, interface: InterfaceIndex) -> impl Iterator<Item = Ipv4Addr> {
        let hops = self.routes.longest_match(vtep).unwrap_or_default();
        hops.iter().filter(move |hop| hop.interface == interface).map(move |hop| hop.via.unwrap_or(vtep))
    }

    fn link(&mut self, link: KernelLink) -> bool {
        if link.name != self.host_interface {
            // The host interface may have been renamed: its number stays.
            return self.link_gone(link.index);
        }
        self.host_round = self.round;
        let before = self.host.as_ref().map(|host| (host.index, host.up));
        if before.is_none_or(|(index, _)| index != link.index) {
            self.neighbours.clear();
        }
        let changed = before != Some((link.index, link.up));
        self.routes_lost |= !link.up;
        self.host = Some(link);
        changed
    }

    fn link_gone(&mut self, index: InterfaceIndex) -> bool {
        let ours = self.host.as_ref().is_some_and(|host| host.index == index);
        if ours {
            self.host = None;
            self.routes_lost = true;
            self.neighbours.clear();
        }
        ours
    }

    fn route(&mut self, change: RouteChange, route: KernelRoute) -> bool {
        if self.routes.len() >= MAX_ROUTES && change != RouteChange::Removed && !self.routes.holds(&route) {
            self.ignored += 1;
            return false;
        }
        self.routes.apply(change, route, self.round)
    }

    fn neighbour(&mut self, told: KernelNeighbour) -> bool {
        if self.host.as_ref().is_none_or(|host| host.index != told.interface) {
            return false;
        }
        if self.neighbours.len() >= MAX_NEIGHBOURS && !self.neighbours.contains_key(&told.address) {
            self.ignored += 1;
            return false;
        }
        let neighbour = Neighbour { mac: told.mac, state: told.state, round: self.round };
        let before = self.neighbours.insert(told.address, neighbour);
        before.and_then(|before| before.usable_mac()) != neighbour.usable_mac()
    }

    fn neighbour_gone(&mut self, address: Ipv4Addr, interface: InterfaceIndex) -> bool {
        if self.host.as_ref().is_none_or(|host| host.index != interface) {
            return false;
        }
        self.neighbours.remove(&address).is_some_and(|gone| gone.usable_mac().is_some())
    }

    /// Forgets what the listing that just ended did not mention.
    fn sweep(&mut self) -> bool {
        let round = self.round;
        let mut changed = false;
        if self.host.is_some() && self.host_round != round {
            self.host = None;
            self.neighbours.clear();
            changed = true;
        }
        self.neighbours.retain(|_, neighbour| {
            let stays = neighbour.round == round;
            changed |= !stays && neighbour.usable_mac().is_some();
            stays
        });
        self.routes.sweep(round) | changed
    }
}

/// A number that differs from address to address in all its bits, the same on every run (Knuth's multiplicative hash).
fn spread_of(address: Ipv4Addr) -> u32 {
    let mixed = u32::from(address).wrapping_mul(0x9e37_79b1);
    mixed ^ (mixed >> 15)
}
