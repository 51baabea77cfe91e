//! The rules of static reachability, which need the whole network: each VTEP and each station once on any gateway, none
//! of them ourselves.

use std::hash::Hash;
use std::net::Ipv4Addr;

use hashbrown::HashMap;
use wire::MacAddr;

use super::errors::Problems;
use super::network_model::{NetworkModel, PhysicalRouterIndex, StaticReachability, VirtualNetworkIndex};
use super::node_model::NodeModel;
use super::object::Object;
use super::place::Place;
use super::problem::{Excerpt, Problem};
use super::raw::{RawNetwork, RawReachability};
use super::value;

/// The gateway that an entry is for; `None` is every gateway.
type Scope = Option<PhysicalRouterIndex>;

/// Checks all entries of a network that is otherwise right; `file` and `raw` are what it was read from.
pub(super) fn check(
    network: &NetworkModel,
    node: &NodeModel,
    file: Object<'_>,
    raw: &RawNetwork,
    problems: &mut Problems,
) {
    let own = network.physical_routers.iter().position(|router| router.name == node.name);
    let local = network.served.iter().map(|served| &network[served.vmi]);
    let mut rules = Rules {
        network,
        node,
        own: own.map(PhysicalRouterIndex::at),
        local: local.map(|vmi| ((vmi.virtual_network, vmi.mac), &vmi.place)).collect(),
        vteps: Earlier(HashMap::new()),
        stations: Earlier(HashMap::new()),
    };
    let objects = file.list("static_reachability", &raw.static_reachability);
    for (entry, (spot, raw)) in network.static_reachability.iter().zip(objects) {
        let at = Object::new(spot, "a static reachability");
        rules.vtep(entry, at, problems);
        rules.stations(entry, at, raw, problems);
    }
}

struct Rules<'n> {
    network: &'n NetworkModel,
    node: &'n NodeModel,
    own: Scope,
    /// Stations of VMIs that this node serves.
    local: HashMap<(VirtualNetworkIndex, MacAddr), &'n Place>,
    vteps: Earlier<(VirtualNetworkIndex, Ipv4Addr)>,
    stations: Earlier<(VirtualNetworkIndex, MacAddr)>,
}

impl Rules<'_> {
    fn is_for_us(&self, entry: &StaticReachability) -> bool {
        entry.physical_router.is_none() || entry.physical_router == self.own
    }

    fn vtep(&mut self, entry: &StaticReachability, at: Object<'_>, problems: &mut Problems) {
        let (place, vtep, fabric) = (at.place_of("vtep"), entry.vtep, &self.node.fabric);
        if self.is_for_us(entry) && vtep == fabric.address {
            problems.add(place.clone(), Problem::OwnVtep { vtep, node: fabric.place.clone() });
        } else if let Some(what) = value::edge_of_prefix(vtep, fabric.address, fabric.prefix_len) {
            let value = Excerpt::new(&vtep.to_string());
            problems.add(place.clone(), Problem::NotAHost { key: "vtep", value, what });
        }
        let key = (entry.virtual_network, vtep);
        if let Some(first) = self.vteps.conflict(key, entry.physical_router, &place) {
            let network = Excerpt::new(self.network[entry.virtual_network].name.as_str());
            problems.add(place, Problem::DuplicateVtep { vtep, network, first });
        }
    }

    fn stations(&mut self, entry: &StaticReachability, at: Object<'_>, raw: &RawReachability, problems: &mut Problems) {
        let for_us = self.is_for_us(entry);
        let places = at.list("mac_addresses", &raw.mac_addresses).map(|(spot, _)| spot.place());
        for (&mac, place) in entry.mac_addresses.iter().zip(places) {
            let key = (entry.virtual_network, mac);
            if let Some(vmi) = self.local.get(&key).filter(|_| for_us) {
                problems.add(place.clone(), Problem::StaticMacIsLocal { mac, first: (*vmi).clone() });
            }
            if let Some(first) = self.stations.conflict(key, entry.physical_router, &place) {
                let network = Excerpt::new(self.network[entry.virtual_network].name.as_str());
                problems.add(place, Problem::DuplicateStaticMac { mac, network, first });
            }
        }
    }
}

/// What has stood under each key, at most once for each gateway.
struct Earlier<K>(HashMap<K, Vec<(Scope, Place)>>);

impl<K: Hash + Eq> Earlier<K> {
    /// The earlier place that is in use on a gateway together with this one; else this one is entered.
    fn conflict(&mut self, key: K, scope: Scope, place: &Place) -> Option<Place> {
        let earlier = self.0.entry(key).or_default();
        let meets = |other: Scope| other.is_none() || scope.is_none() || other == scope;
        if let Some((_, first)) = earlier.iter().find(|(other, _)| meets(*other)) {
            return Some(first.clone());
        }
        earlier.push((scope, place.clone()));
        None
    }
}
