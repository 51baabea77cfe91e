//! What lies behind the fabric, whoever says so: the one interface for static configuration now, learning and BGP later.

use crate::config::NetworkModel;
use hashbrown::{HashMap, HashSet};
use std::net::Ipv4Addr;
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

/// All that is known of what lies behind the fabric.
#[derive(Debug, Clone, Default)]
pub struct Routes {
    macs: HashMap<(Vni, MacAddr), Vec<(Origin, Ipv4Addr)>>,
    floods: HashMap<Vni, HashSet<(Origin, Ipv4Addr)>>,
}

impl Routes {
    /// Takes in one change; returns whether the best answer to anything has changed.
    pub fn apply(&mut self, change: RouteChange) -> bool {
        match change {
            RouteChange::Announce(origin, Route::Mac(vni, mac), vtep) => {
                let entry = self.macs.entry((vni, mac)).or_default();
                let before = entry.first().map(|(_, vtep)| *vtep);
                entry.retain(|(o, _)| *o != origin);
                entry.push((origin, vtep));
                entry.sort_unstable();
                before != entry.first().map(|(_, vtep)| *vtep)
            }
            RouteChange::Withdraw(origin, Route::Mac(vni, mac), vtep) => {
                let Some(entry) = self.macs.get_mut(&(vni, mac)) else { return false };
                let before = entry.first().copied();
                entry.retain(|known| *known != (origin, vtep));
                let changed = before != entry.first().copied();
                if entry.is_empty() {
                    self.macs.remove(&(vni, mac));
                }
                changed
            }
            RouteChange::Announce(origin, Route::Flood(vni), vtep) => {
                self.floods.entry(vni).or_default().insert((origin, vtep))
            }
            RouteChange::Withdraw(origin, Route::Flood(vni), vtep) => {
                self.floods.get_mut(&vni).is_some_and(|vteps| vteps.remove(&(origin, vtep)))
            }
        }
    }

    /// Replaces all static routes by those of a configuration.
    pub fn set_static(&mut self, network: &NetworkModel) {
        self.macs.retain(|_, entry| {
            entry.retain(|(origin, _)| *origin != Origin::Static);
            !entry.is_empty()
        });
        self.floods.values_mut().for_each(|vteps| vteps.retain(|(origin, _)| *origin != Origin::Static));
        for entry in network.reachability_here() {
            let vni = network[entry.virtual_network].vni;
            for mac in &entry.mac_addresses {
                self.apply(RouteChange::Announce(Origin::Static, Route::Mac(vni, *mac), entry.vtep));
            }
            if entry.flood {
                self.apply(RouteChange::Announce(Origin::Static, Route::Flood(vni), entry.vtep));
            }
        }
    }

    /// Where a station is, and who says so.
    pub fn mac(&self, vni: Vni, mac: MacAddr) -> Option<(Origin, Ipv4Addr)> {
        self.macs.get(&(vni, mac))?.first().copied()
    }

    /// Every station with its best VTEP, in no order.
    pub fn macs(&self) -> impl Iterator<Item = (Vni, MacAddr, Origin, Ipv4Addr)> + '_ {
        self.macs.iter().filter_map(|((vni, mac), entry)| entry.first().map(|(o, vtep)| (*vni, *mac, *o, *vtep)))
    }

    /// The VTEPs that take part in a network's flooding, ascending, each once.
    pub fn floods(&self, vni: Vni) -> Vec<Ipv4Addr> {
        let mut vteps: Vec<_> = self.floods.get(&vni).into_iter().flatten().map(|(_, vtep)| *vtep).collect();
        vteps.sort_unstable();
        vteps.dedup();
        vteps
    }
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
        for (origin, vtep) in [(Origin::Static, FAR), (Origin::Dynamic, FAR), (Origin::Static, NEAR)] {
            assert!(routes.apply(RouteChange::Announce(origin, route, vtep)));
        }
        assert_eq!(routes.floods(vni()), [NEAR, FAR]);
    }
}
