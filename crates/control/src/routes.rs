//! What lies behind the fabric, whoever says so: the one interface for static configuration now, learning and BGP later.

use crate::config::NetworkModel;
use hashbrown::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use wire::{MacAddr, Vni};

/// Who announced a route. The first in this order wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Origin {
    /// `static_reachability` in the network file.
    Static,
    /// Another control-plane source, through [`RouteChange`].
    Dynamic,
}

/// One thing that lies behind a VTEP. Networks are named by VNI, as routing protocols name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Route {
    /// The station with this MAC.
    Mac(Vni, MacAddr),
    /// The VTEP takes part in the network's flooding.
    Flood(Vni),
}

/// A route that came or went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RouteChange {
    /// `Route` is behind this VTEP, from now on only there as far as this origin says (a flood route: also there).
    Announce(Origin, Route, Ipv4Addr),
    /// `Route` is no longer behind this VTEP.
    Withdraw(Origin, Route, Ipv4Addr),
}

impl RouteChange {
    /// What came or went.
    pub fn route(&self) -> &Route {
        let (Self::Announce(_, route, _) | Self::Withdraw(_, route, _)) = self;
        route
    }
}

/// In order of precedence: each at the place of its number.
const ORIGINS: [Origin; 2] = [Origin::Static, Origin::Dynamic];

/// Where each origin says that a station is.
#[derive(Debug, Clone, Copy, Default)]
struct Station([Option<Ipv4Addr>; ORIGINS.len()]);

impl Station {
    fn best(self) -> Option<(Origin, Ipv4Addr)> {
        ORIGINS.into_iter().zip(self.0).find_map(|(origin, vtep)| Some((origin, vtep?)))
    }

    fn of(&mut self, origin: Origin) -> &mut Option<Ipv4Addr> {
        &mut self.0[origin as usize]
    }
}

/// All that is known of what lies behind the fabric.
///
/// A clone shares everything; a change then copies what is known of its network, once. Whoever renders a million
/// stations meanwhile keeps those of the moment at which it was handed the clone.
#[derive(Debug, Clone, Default)]
pub struct Routes {
    macs: HashMap<Vni, Arc<HashMap<MacAddr, Station>>>,
    floods: HashMap<Vni, Arc<HashSet<(Origin, Ipv4Addr)>>>,
}

impl Routes {
    /// Takes in one change; returns whether the best answer to anything has changed.
    pub fn apply(&mut self, change: RouteChange) -> bool {
        match change {
            RouteChange::Announce(origin, Route::Mac(vni, mac), vtep) => {
                let station = Arc::make_mut(self.macs.entry(vni).or_default()).entry(mac).or_default();
                let before = station.best();
                *station.of(origin) = Some(vtep);
                before != station.best()
            }
            RouteChange::Withdraw(origin, Route::Mac(vni, mac), vtep) => self.withdraw_mac(origin, vni, mac, vtep),
            RouteChange::Announce(origin, Route::Flood(vni), vtep) => {
                let vteps = Arc::make_mut(self.floods.entry(vni).or_default());
                let was_known = is_member(vteps, vtep);
                vteps.insert((origin, vtep));
                !was_known
            }
            RouteChange::Withdraw(origin, Route::Flood(vni), vtep) => self.withdraw_flood(origin, vni, vtep),
        }
    }

    fn withdraw_mac(&mut self, origin: Origin, vni: Vni, mac: MacAddr, vtep: Ipv4Addr) -> bool {
        let Some(stations) = self.macs.get_mut(&vni) else { return false };
        let Some(mut station) = stations.get(&mac).copied().filter(|s| s.0[origin as usize] == Some(vtep)) else {
            return false;
        };
        let before = station.best();
        *station.of(origin) = None;
        let stations = Arc::make_mut(stations);
        match station.best() {
            Some(_) => drop(stations.insert(mac, station)),
            None => drop(stations.remove(&mac)),
        }
        if stations.is_empty() {
            self.macs.remove(&vni);
        }
        before != station.best()
    }

    fn withdraw_flood(&mut self, origin: Origin, vni: Vni, vtep: Ipv4Addr) -> bool {
        let Some(vteps) = self.floods.get_mut(&vni).filter(|vteps| vteps.contains(&(origin, vtep))) else {
            return false;
        };
        let vteps = Arc::make_mut(vteps);
        vteps.remove(&(origin, vtep));
        let is_gone = !is_member(vteps, vtep);
        if vteps.is_empty() {
            self.floods.remove(&vni);
        }
        is_gone
    }

    /// Replaces all static routes by those of a configuration.
    pub fn set_static(&mut self, network: &NetworkModel) {
        self.macs.retain(|_, stations| {
            if stations.values().any(|station| station.0[Origin::Static as usize].is_some()) {
                Arc::make_mut(stations).retain(|_, station| {
                    *station.of(Origin::Static) = None;
                    station.best().is_some()
                });
            }
            !stations.is_empty()
        });
        self.floods.retain(|_, vteps| {
            if vteps.iter().any(|(origin, _)| *origin == Origin::Static) {
                Arc::make_mut(vteps).retain(|(origin, _)| *origin != Origin::Static);
            }
            !vteps.is_empty()
        });
        for entry in network.reachability_here() {
            let vni = network[entry.virtual_network].vni;
            // The tables refuse a configuration with IPv6 VTEPs.
            let IpAddr::V4(vtep) = entry.vtep else { continue };
            for station in &entry.stations {
                self.apply(RouteChange::Announce(Origin::Static, Route::Mac(vni, station.mac), vtep));
            }
            if entry.flood {
                self.apply(RouteChange::Announce(Origin::Static, Route::Flood(vni), vtep));
            }
        }
    }

    /// Where a station is, and who says so.
    pub fn mac(&self, vni: Vni, mac: MacAddr) -> Option<(Origin, Ipv4Addr)> {
        self.macs.get(&vni)?.get(&mac)?.best()
    }

    /// Every station with its best VTEP, in no order.
    pub fn macs(&self) -> impl Iterator<Item = (Vni, MacAddr, Origin, Ipv4Addr)> + '_ {
        self.macs.iter().flat_map(|(vni, stations)| {
            stations.iter().filter_map(|(mac, station)| {
                let (origin, vtep) = station.best()?;
                Some((*vni, *mac, origin, vtep))
            })
        })
    }

    /// The VTEPs that take part in a network's flooding, ascending, each once.
    pub fn floods(&self, vni: Vni) -> Vec<Ipv4Addr> {
        let mut vteps: Vec<_> =
            self.floods.get(&vni).into_iter().flat_map(|vteps| vteps.iter()).map(|(_, vtep)| *vtep).collect();
        vteps.sort_unstable();
        vteps.dedup();
        vteps
    }
}

fn is_member(vteps: &HashSet<(Origin, Ipv4Addr)>, vtep: Ipv4Addr) -> bool {
    ORIGINS.into_iter().any(|origin| vteps.contains(&(origin, vtep)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: MacAddr = MacAddr::new([2, 0, 0, 0, 0x20, 0x64]);
    const NEAR: Ipv4Addr = Ipv4Addr::new(172, 16, 0, 2);
    const FAR: Ipv4Addr = Ipv4Addr::new(172, 16, 0, 3);

    fn vni() -> Vni {
        Vni::try_from(5100).expect("a legal VNI")
    }

    #[test]
    fn static_wins_over_dynamic_and_withdrawal_brings_the_other_back() {
        let (mut routes, route) = (Routes::default(), Route::Mac(vni(), MAC));
        assert!(routes.apply(RouteChange::Announce(Origin::Dynamic, route, FAR)));
        assert!(routes.apply(RouteChange::Announce(Origin::Static, route, NEAR)));
        assert!(!routes.apply(RouteChange::Announce(Origin::Dynamic, route, FAR)));
        assert_eq!(routes.mac(vni(), MAC), Some((Origin::Static, NEAR)));
        assert!(routes.apply(RouteChange::Withdraw(Origin::Static, route, NEAR)));
        assert_eq!(routes.mac(vni(), MAC), Some((Origin::Dynamic, FAR)));
        assert!(routes.apply(RouteChange::Withdraw(Origin::Dynamic, route, FAR)));
        assert_eq!(routes.macs().count(), 0);
    }

    #[test]
    fn a_moved_station_is_behind_its_new_vtep_only() {
        let (mut routes, route) = (Routes::default(), Route::Mac(vni(), MAC));
        routes.apply(RouteChange::Announce(Origin::Dynamic, route, NEAR));
        assert!(routes.apply(RouteChange::Announce(Origin::Dynamic, route, FAR)));
        assert!(!routes.apply(RouteChange::Withdraw(Origin::Dynamic, route, NEAR)));
        assert_eq!(routes.mac(vni(), MAC), Some((Origin::Dynamic, FAR)));
    }

    #[test]
    fn flooding_goes_to_each_vtep_once_whoever_announced_it() {
        let (mut routes, route) = (Routes::default(), Route::Flood(vni()));
        let both = [(Origin::Static, FAR), (Origin::Dynamic, FAR), (Origin::Static, NEAR)];
        let news = both.map(|(origin, vtep)| routes.apply(RouteChange::Announce(origin, route, vtep)));
        assert_eq!(news, [true, false, true]);
        assert_eq!(routes.floods(vni()), [NEAR, FAR]);
        let news = both.map(|(origin, vtep)| routes.apply(RouteChange::Withdraw(origin, route, vtep)));
        assert_eq!(news, [false, true, true]);
        assert!(routes.floods(vni()).is_empty() && routes.floods.is_empty());
    }

    #[test]
    fn a_change_under_a_clone_copies_its_network_only() {
        let (mut routes, other) = (Routes::default(), Vni::try_from(5200).expect("a legal VNI"));
        for vni in [vni(), other] {
            routes.apply(RouteChange::Announce(Origin::Dynamic, Route::Mac(vni, MAC), NEAR));
        }
        let before = routes.clone();
        assert!(routes.apply(RouteChange::Announce(Origin::Dynamic, Route::Mac(vni(), MAC), FAR)));
        assert_eq!(before.mac(vni(), MAC), Some((Origin::Dynamic, NEAR)));
        assert_eq!(routes.mac(vni(), MAC), Some((Origin::Dynamic, FAR)));
        assert!(Arc::ptr_eq(&before.macs[&other], &routes.macs[&other]));
    }
}
