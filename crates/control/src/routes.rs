//! What lies behind the fabric, whoever says so: the one interface for static configuration now, learning and BGP later.

use crate::config::NetworkModel;
use hashbrown::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::Arc;
use wire::{Encapsulation, MacAddr, MplsLabel, Vni};

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

/// The other end of a tunnel as one network's frames go there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Remote {
    /// The VTEP.
    pub vtep: IpAddr,
    /// What it is sent.
    pub via: Via,
}

/// An encapsulation, with the label at the remote end where one tells what is inside. In VXLAN the network's VNI does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Via {
    /// VXLAN.
    Vxlan,
    /// MPLS over UDP.
    MplsOverUdp(MplsLabel),
    /// MPLS over GRE.
    MplsOverGre(MplsLabel),
}

impl Via {
    /// `None` for MPLS without a label.
    pub fn new(encapsulation: Encapsulation, label: Option<MplsLabel>) -> Option<Self> {
        match encapsulation {
            Encapsulation::Vxlan => Some(Self::Vxlan),
            Encapsulation::MplsOverUdp => label.map(Self::MplsOverUdp),
            Encapsulation::MplsOverGre => label.map(Self::MplsOverGre),
        }
    }

    /// Without the label.
    pub fn encapsulation(self) -> Encapsulation {
        match self {
            Self::Vxlan => Encapsulation::Vxlan,
            Self::MplsOverUdp(_) => Encapsulation::MplsOverUdp,
            Self::MplsOverGre(_) => Encapsulation::MplsOverGre,
        }
    }

    /// The label at the remote end.
    pub fn label(self) -> Option<MplsLabel> {
        match self {
            Self::Vxlan => None,
            Self::MplsOverUdp(label) | Self::MplsOverGre(label) => Some(label),
        }
    }
}

/// A route that came or went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RouteChange {
    /// `Route` is behind this VTEP, from now on only there as far as this origin says (a flood route: also there).
    Announce(Origin, Route, Remote),
    /// `Route` is no longer behind this VTEP.
    Withdraw(Origin, Route, IpAddr),
}

impl RouteChange {
    /// What came or went.
    pub fn route(&self) -> &Route {
        match self {
            Self::Announce(_, route, _) | Self::Withdraw(_, route, _) => route,
        }
    }
}

/// In order of precedence: each at the place of its number.
const ORIGINS: [Origin; 2] = [Origin::Static, Origin::Dynamic];

/// Where each origin says that a station is.
#[derive(Debug, Clone, Copy, Default)]
struct Station([Option<Remote>; ORIGINS.len()]);

impl Station {
    fn best(self) -> Option<(Origin, Remote)> {
        ORIGINS.into_iter().zip(self.0).find_map(|(origin, remote)| Some((origin, remote?)))
    }

    fn remote(self) -> Option<Remote> {
        self.best().map(|(_, remote)| remote)
    }

    fn of(&mut self, origin: Origin) -> &mut Option<Remote> {
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
    floods: HashMap<Vni, Arc<HashMap<IpAddr, Station>>>,
}

impl Routes {
    /// Takes in one change; returns whether the best answer to anything has changed.
    pub fn apply(&mut self, change: RouteChange) -> bool {
        match change {
            RouteChange::Announce(origin, Route::Mac(vni, mac), remote) => {
                announce(Arc::make_mut(self.macs.entry(vni).or_default()), mac, origin, remote)
            }
            RouteChange::Announce(origin, Route::Flood(vni), remote) => {
                announce(Arc::make_mut(self.floods.entry(vni).or_default()), remote.vtep, origin, remote)
            }
            RouteChange::Withdraw(origin, Route::Mac(vni, mac), vtep) => {
                withdraw(&mut self.macs, vni, mac, origin, vtep)
            }
            RouteChange::Withdraw(origin, Route::Flood(vni), vtep) => {
                withdraw(&mut self.floods, vni, vtep, origin, vtep)
            }
        }
    }

    /// Replaces all static routes by those of a configuration.
    pub fn set_static(&mut self, network: &NetworkModel) {
        forget_static(&mut self.macs);
        forget_static(&mut self.floods);
        for entry in network.reachability_here() {
            let vni = network[entry.virtual_network].vni;
            // A checked entry has a label wherever MPLS needs one.
            let mut announce = |route, label| {
                if let Some(via) = Via::new(entry.encapsulation, label) {
                    self.apply(RouteChange::Announce(Origin::Static, route, Remote { vtep: entry.vtep, via }));
                }
            };
            for station in &entry.stations {
                announce(Route::Mac(vni, station.mac), station.label.or(entry.label));
            }
            if entry.flood {
                announce(Route::Flood(vni), entry.label);
            }
        }
    }

    /// Where a station is, and who says so.
    pub fn mac(&self, vni: Vni, mac: MacAddr) -> Option<(Origin, Remote)> {
        self.macs.get(&vni)?.get(&mac)?.best()
    }

    /// Every station with the best way there, in no order.
    pub fn macs(&self) -> impl Iterator<Item = (Vni, MacAddr, Origin, Remote)> + '_ {
        self.macs.iter().flat_map(|(vni, stations)| {
            stations.iter().filter_map(|(mac, station)| {
                let (origin, remote) = station.best()?;
                Some((*vni, *mac, origin, remote))
            })
        })
    }

    /// The VTEPs that take part in a network's flooding, ascending, each once.
    pub fn floods(&self, vni: Vni) -> Vec<Remote> {
        let vteps = self.floods.get(&vni).into_iter().flat_map(|vteps| vteps.values());
        let mut remotes: Vec<Remote> = vteps.filter_map(|station| Some(station.best()?.1)).collect();
        remotes.sort_unstable();
        remotes
    }
}

/// Returns whether the best answer has changed.
fn announce<K: Eq + Hash>(stations: &mut HashMap<K, Station>, key: K, origin: Origin, remote: Remote) -> bool {
    let station = stations.entry(key).or_default();
    let before = station.remote();
    *station.of(origin) = Some(remote);
    before != station.remote()
}

type Networks<K> = HashMap<Vni, Arc<HashMap<K, Station>>>;

/// Returns whether the best answer has changed. What is behind another VTEP meanwhile stays.
fn withdraw<K: Eq + Hash + Copy>(networks: &mut Networks<K>, vni: Vni, key: K, origin: Origin, vtep: IpAddr) -> bool {
    let Some(stations) = networks.get_mut(&vni) else { return false };
    let is_there = |station: &Station| station.0[origin as usize].is_some_and(|remote| remote.vtep == vtep);
    let Some(mut station) = stations.get(&key).copied().filter(is_there) else { return false };
    let before = station.remote();
    *station.of(origin) = None;
    let stations = Arc::make_mut(stations);
    match station.best() {
        Some(_) => drop(stations.insert(key, station)),
        None => drop(stations.remove(&key)),
    }
    if stations.is_empty() {
        networks.remove(&vni);
    }
    before != station.remote()
}

fn forget_static<K: Eq + Hash + Copy>(networks: &mut Networks<K>) {
    networks.retain(|_, stations| {
        if stations.values().any(|station| station.0[Origin::Static as usize].is_some()) {
            Arc::make_mut(stations).retain(|_, station| {
                *station.of(Origin::Static) = None;
                station.best().is_some()
            });
        }
        !stations.is_empty()
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    const MAC: MacAddr = MacAddr::new([2, 0, 0, 0, 0x20, 0x64]);
    const NEAR: Remote = vxlan(IpAddr::V4(Ipv4Addr::new(172, 16, 0, 2)));
    const FAR: Remote = vxlan(IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 3)));

    const fn vxlan(vtep: IpAddr) -> Remote {
        Remote { vtep, via: Via::Vxlan }
    }

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
        assert!(routes.apply(RouteChange::Withdraw(Origin::Static, route, NEAR.vtep)));
        assert_eq!(routes.mac(vni(), MAC), Some((Origin::Dynamic, FAR)));
        assert!(routes.apply(RouteChange::Withdraw(Origin::Dynamic, route, FAR.vtep)));
        assert_eq!(routes.macs().count(), 0);
    }

    #[test]
    fn a_moved_station_is_behind_its_new_vtep_only() {
        let (mut routes, route) = (Routes::default(), Route::Mac(vni(), MAC));
        routes.apply(RouteChange::Announce(Origin::Dynamic, route, NEAR));
        assert!(routes.apply(RouteChange::Announce(Origin::Dynamic, route, FAR)));
        assert!(!routes.apply(RouteChange::Withdraw(Origin::Dynamic, route, NEAR.vtep)));
        assert_eq!(routes.mac(vni(), MAC), Some((Origin::Dynamic, FAR)));
    }

    #[test]
    fn another_label_for_the_same_station_is_a_change_and_so_is_another_encapsulation() {
        let (mut routes, route) = (Routes::default(), Route::Mac(vni(), MAC));
        let label = |label: u64| MplsLabel::try_from(label).expect("a legal label");
        let by_label = |n: u64| Remote { via: Via::MplsOverUdp(label(n)), ..NEAR };
        let news = [NEAR, by_label(16), by_label(16), by_label(17)]
            .map(|remote| routes.apply(RouteChange::Announce(Origin::Dynamic, route, remote)));
        assert_eq!(news, [true, true, false, true]);
    }

    #[test]
    fn flooding_goes_to_each_vtep_once_whoever_announced_it() {
        let (mut routes, route) = (Routes::default(), Route::Flood(vni()));
        let both = [(Origin::Static, FAR), (Origin::Dynamic, FAR), (Origin::Static, NEAR)];
        let news = both.map(|(origin, vtep)| routes.apply(RouteChange::Announce(origin, route, vtep)));
        assert_eq!(news, [true, false, true]);
        assert_eq!(routes.floods(vni()), [NEAR, FAR]);
        let news = both.map(|(origin, far)| routes.apply(RouteChange::Withdraw(origin, route, far.vtep)));
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
