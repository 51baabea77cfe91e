//! Raw to model: static reachability, and the rules that need the whole network: each VTEP and each station once on any
//! gateway, none of them ourselves, each label of a VTEP for one network.

use std::hash::Hash;
use std::net::IpAddr;

use hashbrown::HashMap;
use wire::{Encapsulation, MacAddr, MplsLabel};

use super::errors::Problems;
use super::global;
use super::network::{Reading, whole};
use super::network_model::{
    NetworkModel, PhysicalRouterIndex, StaticReachability, Station, VirtualNetwork, VirtualNetworkIndex,
};
use super::node_model::NodeModel;
use super::object::Object;
use super::place::Place;
use super::problem::{Excerpt, Problem};
use super::raw::{RawMacLabel, RawNetwork, RawReachability};
use super::subnets;
use super::value;

impl Reading<'_> {
    /// Reads all entries; `networks` are the networks that were read before.
    pub(super) fn static_reachability(
        &mut self,
        networks: &[Option<VirtualNetwork>],
    ) -> Vec<Option<StaticReachability>> {
        let entries = self.file.list("static_reachability", &self.raw.static_reachability);
        entries
            .map(|(spot, raw)| self.reachability(Object::new(spot, "a static reachability"), raw, networks))
            .collect()
    }

    fn reachability(
        &mut self,
        at: Object<'_>,
        raw: &RawReachability,
        networks: &[Option<VirtualNetwork>],
    ) -> Option<StaticReachability> {
        at.refuse_unknown::<RawReachability>(self.problems, &raw.unknown);
        let to_network = |key, text: &str| self.names.networks.position(key, text);
        let network = at.required(self.problems, "virtual_network", &raw.virtual_network, to_network);
        let vtep = at.required(self.problems, "vtep", &raw.vtep, value::fabric_host);
        let flood = at.or(self.problems, "flood", &raw.flood, false, value::boolean);
        let to_router = |key, text: &str| self.names.routers.position(key, text);
        let router = at.optional(self.problems, "physical_router", &raw.physical_router, to_router);
        let label = at.optional(self.problems, "mpls_label", &raw.mpls_label, value::label);
        let stations = self.stations(at, raw);
        let spoken = self.spoken(at, raw);
        let (network, vtep, spoken) = (VirtualNetworkIndex::at(network?), vtep?, spoken?);
        let encapsulation = self.global.choose(&spoken);
        let (mut label, mut stations, flood) = (label?, stations?, flood?);
        if encapsulation.is_mpls() {
            let network = networks[network.position()].as_ref()?;
            label = label.or(network.mpls_label);
            if label.is_none() && (flood || stations.iter().any(|station| station.label.is_none())) {
                let network = Excerpt::new(network.name.as_str());
                self.problems.add(at.place(), Problem::NoLabel { encapsulation, vtep, network });
            }
        } else {
            label = None;
            stations.iter_mut().for_each(|station| station.label = None);
        }
        Some(StaticReachability {
            virtual_network: network,
            vtep,
            flood,
            encapsulation,
            label,
            stations,
            physical_router: router?.map(PhysicalRouterIndex::at),
            place: at.place(),
        })
    }

    /// What the VTEP speaks. Labels for one that speaks no MPLS are a mistake: most likely `encapsulations` is missing.
    fn spoken(&mut self, at: Object<'_>, raw: &RawReachability) -> Option<Vec<Encapsulation>> {
        let (key, default) = ("encapsulations", [Encapsulation::Vxlan]);
        let spoken = global::encapsulations(at, key, &raw.encapsulations, &default, self.problems)?;
        for (key, is_given) in [("mpls_label", raw.mpls_label.is_some()), ("mac_labels", raw.mac_labels.is_some())] {
            if is_given && !spoken.iter().any(|encapsulation| encapsulation.is_mpls()) {
                let vtep = Excerpt::new(raw.vtep.as_deref().unwrap_or_default());
                self.problems.add(at.key_place(key), Problem::LabelWithoutMpls { key, vtep });
            }
        }
        Some(spoken)
    }

    fn stations(&mut self, at: Object<'_>, raw: &RawReachability) -> Option<Vec<Station>> {
        let mut stations = Vec::new();
        for (spot, text) in at.list("mac_addresses", &raw.mac_addresses) {
            let mac = value::station("mac_addresses", text);
            let mac = mac.map_err(|problem| self.problems.add(spot.place(), problem)).ok();
            stations.push(mac.map(|mac| Station { mac, label: None }));
        }
        for (spot, raw) in at.list("mac_labels", &raw.mac_labels) {
            let at = Object::new(spot, "a MAC label");
            at.refuse_unknown::<RawMacLabel>(self.problems, &raw.unknown);
            let mac = at.required(self.problems, "mac", &raw.mac, value::station);
            let label = at.required(self.problems, "label", &raw.label, value::label);
            stations.push(mac.zip(label).map(|(mac, label)| Station { mac, label: Some(label) }));
        }
        whole(stations)
    }
}

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
        labels: HashMap::new(),
    };
    let objects = file.list("static_reachability", &raw.static_reachability);
    for (entry, (spot, raw)) in network.static_reachability.iter().zip(objects) {
        let at = Object::new(spot, "a static reachability");
        rules.vtep(entry, at, problems);
        rules.stations(entry, at, raw, problems);
        rules.labels(entry, at, raw, problems);
    }
}

struct Rules<'n> {
    network: &'n NetworkModel,
    node: &'n NodeModel,
    own: Scope,
    /// Stations of VMIs that this node serves.
    local: HashMap<(VirtualNetworkIndex, MacAddr), &'n Place>,
    vteps: Earlier<(VirtualNetworkIndex, IpAddr)>,
    stations: Earlier<(VirtualNetworkIndex, MacAddr)>,
    /// What each label of a VTEP stood for first, whoever the entry is for: labels are the VTEP's own.
    labels: HashMap<(IpAddr, MplsLabel), (VirtualNetworkIndex, Place)>,
}

impl Rules<'_> {
    fn is_for_us(&self, entry: &StaticReachability) -> bool {
        entry.physical_router.is_none() || entry.physical_router == self.own
    }

    fn vtep(&mut self, entry: &StaticReachability, at: Object<'_>, problems: &mut Problems) {
        let (place, vtep, node) = (at.place_of("vtep"), entry.vtep, self.node);
        let own = node.own_addresses().find(|(address, ..)| *address == vtep);
        let edge = |(address, length, _): (IpAddr, u8, &Place)| value::edge_of_prefix(vtep, address, length);
        if let Some((_, _, node)) = own.filter(|_| self.is_for_us(entry)) {
            problems.add(place.clone(), Problem::OwnVtep { vtep, node: node.clone() });
        } else if let Some(what) = node.own_addresses().find_map(edge) {
            let value = Excerpt::new(&vtep.to_string());
            problems.add(place.clone(), Problem::NotAHost { key: "vtep", value, what });
        } else if self.is_for_us(entry) && node.fabric.address_towards(vtep).is_none() {
            let node = node.fabric.place.clone();
            problems.add(place.clone(), Problem::NoAddressOfFamily { key: "vtep", address: vtep, node });
        }
        let key = (entry.virtual_network, vtep);
        if let Some(first) = self.vteps.conflict(key, entry.physical_router, &place) {
            let network = Excerpt::new(self.network[entry.virtual_network].name.as_str());
            problems.add(place, Problem::DuplicateVtep { vtep, network, first });
        }
    }

    fn stations(&mut self, entry: &StaticReachability, at: Object<'_>, raw: &RawReachability, problems: &mut Problems) {
        let for_us = self.is_for_us(entry);
        let plain = at.list("mac_addresses", &raw.mac_addresses).map(|(spot, _)| spot.place());
        let labelled = at.list("mac_labels", &raw.mac_labels);
        let labelled = labelled.map(|(spot, _)| Object::new(spot, "a MAC label").place_of("mac"));
        for (&Station { mac, .. }, place) in entry.stations.iter().zip(plain.chain(labelled)) {
            let key = (entry.virtual_network, mac);
            subnets::refuse_mac(self.network, entry.virtual_network, mac, place.clone(), "mac", problems);
            if let Some(vmi) = self.local.get(&key).filter(|_| for_us) {
                problems.add(place.clone(), Problem::StaticMacIsLocal { mac, first: (*vmi).clone() });
            }
            if let Some(first) = self.stations.conflict(key, entry.physical_router, &place) {
                let network = Excerpt::new(self.network[entry.virtual_network].name.as_str());
                problems.add(place, Problem::DuplicateStaticMac { mac, network, first });
            }
        }
    }

    fn labels(&mut self, entry: &StaticReachability, at: Object<'_>, raw: &RawReachability, problems: &mut Problems) {
        let own = entry.label.map(|label| (label, at.place_of("mpls_label")));
        let labelled = entry.stations.iter().skip(raw.mac_addresses.as_ref().map_or(0, Vec::len));
        let places = at.list("mac_labels", &raw.mac_labels);
        let places = places.map(|(spot, _)| Object::new(spot, "a MAC label").place_of("label"));
        let labelled = labelled.zip(places).filter_map(|(station, place)| Some((station.label?, place)));
        for (label, place) in own.into_iter().chain(labelled) {
            let meaning = (entry.virtual_network, place.clone());
            let (other, first) = self.labels.entry((entry.vtep, label)).or_insert(meaning);
            if *other != entry.virtual_network {
                let name = |network: VirtualNetworkIndex| Excerpt::new(self.network[network].name.as_str());
                let (network, other, vtep) = (name(entry.virtual_network), name(*other), entry.vtep);
                let problem = Problem::LabelOfTwoNetworks { label, vtep, network, other, first: first.clone() };
                problems.add(place, problem);
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
