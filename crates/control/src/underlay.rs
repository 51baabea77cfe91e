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
//! There is a host interface for each fabric port, and both families are followed alike. Whatever leaves by a host
//! interface that is down counts as not there, as Linux does it with `ignore_routes_with_linkdown`: the next best route
//! takes its place.
//!
//! When an interface is set down, the kernel forgets its static routes. Those of our configuration are put back when the
//! host interface comes up again; whatever else was there is up to who put it there.

mod configured;
mod freshness;
mod host;
mod kernel;
mod prefix;
mod routes;
#[cfg(test)]
mod tests;

use arrayvec::ArrayVec;
pub use configured::{ConfiguredRoute, by_prefix};
use freshness::{Freshness, NextHop};
use hashbrown::{HashMap, HashSet};
use host::Host;
pub use kernel::{
    Hop, InterfaceIndex, KernelEvent, KernelLink, KernelNeighbour, KernelRequest, KernelRoute, NeighbourState,
    RouteChange,
};
pub use prefix::{IpPrefix, PrefixError};
use routes::RouteTable;
use std::net::IpAddr;
use std::time::Instant;
use wire::MacAddr;

/// Most routes of the main table that are followed; those beyond are counted in [`Underlay::ignored`].
pub const MAX_ROUTES: usize = 262_144;
/// Most neighbours of the host interfaces that are followed; those beyond are counted in [`Underlay::ignored`].
pub const MAX_NEIGHBOURS: usize = 65_536;
/// Most VTEPs whose next hops are kept resolved; those beyond are counted in [`Underlay::ignored`].
pub const MAX_TRACKED: usize = 65_536;

/// Most requests that come out of one [`Underlay::poll`]; the rest come out of the next ones.
pub const MAX_REQUESTS: usize = 64;

/// Most ways to one VTEP that are used at a time.
pub const MAX_PATHS: usize = 8;

/// How to reach a VTEP at this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "nearly all are resolved, and none lives long")]
pub enum Resolution {
    /// Send by any of these, of which there is at least one.
    Resolved {
        /// All hops of the best route that have a MAC; the order stays while they do.
        paths: ArrayVec<Path, MAX_PATHS>,
    },
    /// There is a route, but no MAC of any next hop.
    Unresolved {
        /// The router, or the VTEP itself if it is on the link; the first of several.
        next_hop: IpAddr,
    },
    /// No usable route.
    NoRoute(NoRoute),
    /// No host interface exists and is up.
    HostInterfaceDown,
}

/// One way to a VTEP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Path {
    /// The router, or the VTEP itself if it is on the link.
    pub next_hop: IpAddr,
    /// Its MAC.
    pub mac: MacAddr,
    /// Position among the host interfaces, which is that of the fabric port.
    pub interface: usize,
}

/// Why there is no usable route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoRoute {
    /// No route of the main table covers the address.
    NotCovered,
    /// The best route refuses (unreachable, blackhole, prohibit).
    Refused,
    /// The best route leaves by another interface than the host's.
    OtherInterface(InterfaceIndex),
    /// Every route leaves by a host interface that is down, the best one by this.
    InterfaceDown(InterfaceIndex),
}

/// The kernel's underlay as far as it concerns us.
#[derive(Debug)]
pub struct Underlay {
    hosts: Vec<Host>,
    routes: RouteTable,
    neighbours: HashMap<NextHop, Neighbour>,
    tracked: HashSet<IpAddr>,
    freshness: Freshness,
    /// Whether the next hops that `freshness` keeps may differ from those of the tracked VTEPs.
    next_hops_moved: bool,
    round: u32,
    ignored: u64,
    configured: Vec<ConfiguredRoute>,
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
    /// Knows nothing yet; every VTEP is [`Resolution::HostInterfaceDown`] until the kernel has spoken. The host interfaces
    /// by name, in the order of the fabric ports.
    pub fn new(host_interfaces: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            hosts: host_interfaces.into_iter().map(|name| Host::new(name.into())).collect(),
            routes: RouteTable::default(),
            neighbours: HashMap::new(),
            tracked: HashSet::new(),
            freshness: Freshness::default(),
            next_hops_moved: true,
            round: 0,
            ignored: 0,
            configured: Vec::new(),
        }
    }

    /// The routes that are put back when their host interface comes up after it was down.
    pub fn with_routes(self, configured: Vec<ConfiguredRoute>) -> Self {
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

    /// How to reach `vtep` now: longest prefix, then least metric, then the kernel's order, of the routes of its family
    /// that do not leave by a host interface that is down.
    ///
    /// All hops of that route count, whatever their weights, by all host interfaces; hops that leave by other interfaces
    /// do not. Cost: a hash look-up for each length of prefix that there is (at most 129), and one for each hop.
    pub fn resolve(&self, vtep: IpAddr) -> Resolution {
        if !self.hosts.iter().any(Host::is_up) {
            return Resolution::HostInterfaceDown;
        }
        let Some(hops) = self.best_hops(vtep) else {
            let best = self.routes.matches(vtep).flatten().next();
            return Resolution::NoRoute(best.map_or(NoRoute::NotCovered, |hop| NoRoute::InterfaceDown(hop.interface)));
        };
        let Some(first) = hops.first() else { return Resolution::NoRoute(NoRoute::Refused) };
        let mut paths = ArrayVec::new();
        let mut wanted = None;
        for hop in hops {
            let Some((interface, next_hop)) = self.way_out(hop, vtep) else { continue };
            wanted = wanted.or(Some(next_hop.1));
            let Some(mac) = self.neighbours.get(&next_hop).and_then(Neighbour::usable_mac) else { continue };
            if paths.try_push(Path { next_hop: next_hop.1, mac, interface }).is_err() {
                break;
            }
        }
        match wanted {
            _ if !paths.is_empty() => Resolution::Resolved { paths },
            Some(next_hop) => Resolution::Unresolved { next_hop },
            None => Resolution::NoRoute(NoRoute::OtherInterface(first.interface)),
        }
    }

    /// From now on the next hops of exactly these VTEPs are kept resolved.
    pub fn track(&mut self, vteps: impl IntoIterator<Item = IpAddr>) {
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
        if !self.hosts.iter().any(Host::is_up) {
            return Vec::new();
        }
        if std::mem::take(&mut self.next_hops_moved) {
            let next_hops = self.tracked.iter().flat_map(|vtep| self.next_hops(*vtep)).collect();
            self.freshness.follow(next_hops, now);
        }
        let neighbours = &self.neighbours;
        let state = |next_hop: NextHop| neighbours.get(&next_hop).map(|n| (n.state, n.usable_mac().is_some()));
        let due = self.freshness.due(now, state);
        let resolve = due.into_iter().map(|(interface, address)| KernelRequest::Resolve { address, interface });
        self.routes_to_put().into_iter().chain(resolve).collect()
    }

    /// The host interfaces in their order: the name, and what the kernel has of that name.
    pub fn host_links(&self) -> impl Iterator<Item = (&str, Option<&KernelLink>)> {
        self.hosts.iter().map(|host| (host.name.as_str(), host.link.as_ref()))
    }

    /// How many routes, neighbours or VTEPs were not taken in because a limit was reached.
    pub fn ignored(&self) -> u64 {
        self.ignored
    }

    /// The best route that does not leave by a host interface that is down. No hops: it refuses.
    fn best_hops(&self, vtep: IpAddr) -> Option<&[Hop]> {
        let leads_out = |hop: &Hop| self.host(hop.interface).is_none_or(|at| self.hosts[at].is_up());
        self.routes.matches(vtep).find(|hops| hops.is_empty() || hops.iter().any(leads_out))
    }

    /// The neighbour that a hop leads to, and the host interface it is on, unless that is down or not ours.
    fn way_out(&self, hop: &Hop, vtep: IpAddr) -> Option<(usize, NextHop)> {
        let at = self.host(hop.interface).filter(|at| self.hosts[*at].is_up())?;
        Some((at, (hop.interface, hop.via.unwrap_or(vtep))))
    }

    /// Every next hop that may come to carry traffic to `vtep`.
    fn next_hops(&self, vtep: IpAddr) -> impl Iterator<Item = NextHop> {
        let hops = self.best_hops(vtep).unwrap_or_default();
        hops.iter().filter_map(move |hop| self.way_out(hop, vtep)).map(|(_, next_hop)| next_hop)
    }

    /// The configured routes of the host interfaces that came up, with all hops that there are at this moment.
    fn routes_to_put(&mut self) -> Vec<KernelRequest> {
        let back: Vec<_> = self.hosts.iter_mut().filter_map(Host::came_back).collect();
        if back.is_empty() {
            return Vec::new();
        }
        let up = |at: usize| self.hosts.get(at).and_then(Host::index_if_up);
        let mut routes = by_prefix(&self.configured, up);
        routes.retain(|(_, hops)| hops.iter().any(|hop| back.contains(&hop.interface)));
        routes.into_iter().map(|(to, hops)| KernelRequest::PutRoute { to, hops }).collect()
    }

    /// Which host interface has this number.
    fn host(&self, index: InterfaceIndex) -> Option<usize> {
        self.hosts.iter().position(|host| host.link.as_ref().is_some_and(|link| link.index == index))
    }

    fn link(&mut self, link: KernelLink) -> bool {
        let (index, round) = (link.index, self.round);
        let Some(host) = self.hosts.iter_mut().find(|host| host.name == link.name) else {
            // The host interface may have been renamed: its number stays.
            return self.link_gone(index);
        };
        let before = host.link.as_ref().map(|link| (link.index, link.up));
        let changed = before != Some((index, link.up));
        host.told(link, round);
        if let Some((former, _)) = before.filter(|(former, _)| *former != index) {
            self.neighbours.retain(|(interface, _), _| *interface != former);
        }
        changed
    }

    fn link_gone(&mut self, index: InterfaceIndex) -> bool {
        let Some(at) = self.host(index) else { return false };
        self.hosts[at].gone();
        self.neighbours.retain(|(interface, _), _| *interface != index);
        true
    }

    fn route(&mut self, change: RouteChange, route: KernelRoute) -> bool {
        if self.routes.len() >= MAX_ROUTES && change != RouteChange::Removed && !self.routes.holds(&route) {
            self.ignored += 1;
            return false;
        }
        self.routes.apply(change, route, self.round)
    }

    fn neighbour(&mut self, told: KernelNeighbour) -> bool {
        if self.host(told.interface).is_none() {
            return false;
        }
        let key = (told.interface, told.address);
        if self.neighbours.len() >= MAX_NEIGHBOURS && !self.neighbours.contains_key(&key) {
            self.ignored += 1;
            return false;
        }
        let neighbour = Neighbour { mac: told.mac, state: told.state, round: self.round };
        let before = self.neighbours.insert(key, neighbour);
        before.and_then(|before| before.usable_mac()) != neighbour.usable_mac()
    }

    fn neighbour_gone(&mut self, address: IpAddr, interface: InterfaceIndex) -> bool {
        self.neighbours.remove(&(interface, address)).is_some_and(|gone| gone.usable_mac().is_some())
    }

    /// Forgets what the listing that just ended did not mention.
    fn sweep(&mut self) -> bool {
        let round = self.round;
        let mut changed = false;
        let missing = self.hosts.iter().filter(|host| host.round != round).filter_map(|host| host.link.as_ref());
        for index in missing.map(|link| link.index).collect::<Vec<_>>() {
            changed |= self.link_gone(index);
        }
        self.neighbours.retain(|_, neighbour| {
            let stays = neighbour.round == round;
            changed |= !stays && neighbour.usable_mac().is_some();
            stays
        });
        self.routes.sweep(round) | changed
    }
}
