//! What each stage made of a frame, from what was decided about it.

use super::names::{Names, document_place};
use super::outer;
use crate::config::{Place, PortRole};
use api::SeenStage;
use fib::Destination;
use telemetry::sightings::{Addresses, Facts, Fate, Sighting};
use telemetry::{DropReason, Stage};

/// The stages that a frame has passed, in their order, and the one that decided its fate.
pub(super) fn stages(names: &Names, sighting: &Sighting) -> Vec<SeenStage> {
    let facts = &sighting.facts;
    let mut told = Telling { names, sighting, facts, stages: Vec::new() };
    let dropped = if let Fate::Dropped(reason) = facts.fate { Some(reason) } else { None };
    told.came(dropped);
    if dropped.is_none_or(|reason| is_behind(reason.stage(), Stage::Bridge)) {
        told.bridge();
    }
    match (facts.fate, dropped) {
        (_, Some(reason)) => told.dropped(reason),
        (Fate::Sent(port), _) => told.sent(port),
        (Fate::Flooded, _) => {
            told.add(Stage::Flood, "a copy to each other member of the network".to_owned(), None);
        }
        (Fate::Punted, _) => told.add(Stage::Punt, "to the host: it is no overlay traffic".to_owned(), None),
        (Fate::Consumed, _) => told.add(Stage::Bridge, "answered by the gateway itself".to_owned(), None),
        (Fate::Dropped(_), None) => {}
    }
    told.stages
}

/// Whether a stage comes later than another.
fn is_behind(stage: Stage, other: Stage) -> bool {
    let at = |stage| Stage::ALL.iter().position(|known| *known == stage);
    at(stage) >= at(other)
}

struct Telling<'a> {
    names: &'a Names,
    sighting: &'a Sighting,
    facts: &'a Facts,
    stages: Vec<SeenStage>,
}

impl Telling<'_> {
    fn add(&mut self, stage: Stage, said: String, place: Option<&Place>) {
        self.stages.push(SeenStage { stage: stage.to_string(), said, place: place.map(document_place) });
    }

    /// How it came, and whose it is.
    fn came(&mut self, dropped: Option<DropReason>) {
        let names = self.names;
        let port = self.facts.port.and_then(|port| names.port_model(port));
        let is_access = port.is_none_or(|port| port.role == PortRole::Access);
        let by = port.map_or("a port", |port| port.name.as_str());
        let from = format!("{} octets by {by}", self.facts.octets);
        let addresses = self.facts.addresses.map(|addresses| format!(": {}", header(&addresses, is_access)));
        let said = from + &addresses.unwrap_or_default();
        if is_access {
            self.add(Stage::Parse, said, port.map(|port| &port.place));
            if let Some(served) = self.facts.ingress.and_then(|vif| names.served(vif)) {
                let model = names.model();
                let (vmi, interface) = (&model[served.vmi], &model[served.logical_interface]);
                let network = &model[vmi.virtual_network];
                let said =
                    format!("VMI {} of network {}, by logical interface {}", vmi.name, network.name, interface.name);
                self.add(Stage::Classify, said, Some(&interface.place));
            }
            return;
        }
        let outer = outer::read(self.sighting.octets());
        let said = outer.map_or(said.clone(), |outer| format!("{said}; {outer}"));
        self.add(Stage::Decap, said, port.map(|port| &port.place));
        let known = dropped.is_none_or(|reason| is_behind(reason.stage(), Stage::Bridge));
        if let Some(network) = outer.filter(|_| known).and_then(|outer| names.network_inside(&outer)) {
            self.add(Stage::Decap, format!("network {}", network.name), Some(&network.place));
        }
    }

    fn bridge(&mut self) {
        let Some(addresses) = self.facts.addresses else { return };
        let destination = addresses.destination;
        let (names, model) = (self.names, self.names.model());
        match self.facts.found {
            Some(Destination::Vif(vif)) => {
                let Some(served) = names.served(vif) else { return };
                let (vmi, port) = (&model[served.vmi], &names.port_of(served).name);
                let said = format!("{destination} is VMI {} on {port}, VLAN {}", vmi.name, served.vlan);
                self.add(Stage::Bridge, said, Some(&vmi.place));
            }
            found => {
                let what = match found {
                    Some(Destination::Remote(_)) => "is behind the fabric",
                    Some(_) => "is the gateway",
                    None if destination.is_group() => "is a group",
                    None => "is nobody that the network knows",
                };
                self.add(Stage::Bridge, format!("{destination} {what}"), None);
            }
        }
    }

    fn sent(&mut self, port: fib::PortIndex) {
        let left = self.sighting.leaving();
        let names = self.names;
        if let Some(outer) =
            outer::read(left).filter(|_| names.port_model(port).is_some_and(|p| p.role == PortRole::Fabric))
        {
            let entropy = format!("{outer}, {} octets in front; flow hash {:#010x}", outer.octets, self.facts.hash);
            self.add(Stage::Encap, entropy, None);
        } else if let Some(tag) = left.get(12..16) {
            self.add(Stage::Rewrite, format!("what follows the addresses is {}", api::hexadecimal(tag)), None);
        }
        let model = names.port_model(port);
        self.add(Stage::Transmit, format!("sent by {}", names.port_name(port)), model.map(|port| &port.place));
    }

    fn dropped(&mut self, reason: DropReason) {
        let said = format!("dropped, {reason}: {} {}", reason.explanation(), reason.advice());
        self.add(reason.stage(), said, None);
    }
}

fn header(addresses: &Addresses, is_access: bool) -> String {
    let Addresses { destination, source, tag, .. } = addresses;
    if is_access {
        format!("{source} > {destination}, VLAN {}, priority {}", tag.vid(), tag.pcp())
    } else {
        format!("{source} > {destination}, priority {}", tag.pcp())
    }
}
