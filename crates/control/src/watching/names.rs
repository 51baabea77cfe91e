//! What the numbers in a sighting are called, and where the configuration says so.

use super::Clocks;
use super::outer::{self, Outer};
use crate::config::{self, Loaded, PortRole, ServedVmi, VirtualMachineInterface, VirtualNetwork};
use crate::labels::LabelOwner;
use crate::status::{View, not_found};
use api::{ErrorDocument, SeenDirection, SeenFrame, Timestamp};
use fib::{Destination, PortIndex, VifIndex};
use hashbrown::HashMap;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};
use telemetry::sightings::{Direction, Facts, Fate, Sighting};
use wire::{Encapsulation, MacAddr, Tci, Vni, ethernet, is_tag_type};

/// Port, VLAN and inner VLAN; 0 where there is none.
type Segment = (usize, u16, u16);

/// The names of one generation.
pub(super) struct Names {
    loaded: Arc<Loaded>,
    generation: u64,
    /// By row, the position in `loaded.network.served`.
    by_row: HashMap<VifIndex, usize>,
    /// The same positions, by where they are.
    by_segment: HashMap<Segment, Vec<usize>>,
    rows: Vec<Option<VifIndex>>,
    /// Positions in `loaded.network.virtual_networks`.
    by_vni: HashMap<Vni, usize>,
    by_label: HashMap<u32, LabelOwner>,
}

impl Names {
    pub(super) fn of(view: &View) -> Self {
        let loaded = Arc::clone(&view.loaded);
        let network = &loaded.network;
        let rows: Vec<Option<VifIndex>> = view.vifs.iter().map(|vif| vif.map(|vif| vif.index)).collect();
        let by_row = rows.iter().enumerate().filter_map(|(n, row)| Some(((*row)?, n))).collect();
        let mut by_segment: HashMap<Segment, Vec<usize>> = HashMap::new();
        for (n, served) in network.served.iter().enumerate() {
            by_segment.entry(segment_of(served)).or_default().push(n);
        }
        let by_vni = network.virtual_networks.iter().enumerate().map(|(n, network)| (network.vni, n)).collect();
        let by_label = view.labels.iter().map(|(owner, label)| (label.value(), owner.clone())).collect();
        Self { generation: view.generation, by_row, by_segment, rows, by_vni, by_label, loaded }
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// The row of a VMI that this node serves; `None` if it is disabled.
    pub(super) fn vmi(&self, name: &str) -> Result<Option<VifIndex>, ErrorDocument> {
        let network = &self.loaded.network;
        let names = || network.served.iter().map(|served| network[served.vmi].name.as_str());
        let position = names().position(|known| known == name).ok_or_else(|| not_found("VMI", name, names()))?;
        Ok(self.rows.get(position).copied().flatten())
    }

    pub(super) fn port(&self, name: &str) -> Result<PortIndex, ErrorDocument> {
        let ports = &self.loaded.node.ports;
        let position = ports.iter().position(|port| port.name.as_str() == name).and_then(PortIndex::new);
        position.ok_or_else(|| not_found("port", name, ports.iter().map(|port| port.name.as_str())))
    }

    pub(super) fn port_model(&self, port: PortIndex) -> Option<&config::PortModel> {
        self.loaded.node.ports.get(port.row())
    }

    /// The longest frame that a port may have, tags included.
    pub(super) fn longest_frame(&self) -> usize {
        const AROUND: usize = ethernet::HEADER_OCTETS + 2 * ethernet::TAG_OCTETS;
        self.loaded.node.ports.iter().map(|port| usize::from(port.mtu) + AROUND).max().unwrap_or(0)
    }

    pub(super) fn served(&self, vif: VifIndex) -> Option<&ServedVmi> {
        self.loaded.network.served.get(*self.by_row.get(&vif)?)
    }

    pub(super) fn port_of(&self, served: &ServedVmi) -> &config::PortModel {
        &self.loaded.node[served.port]
    }

    pub(super) fn model(&self) -> &config::NetworkModel {
        &self.loaded.network
    }

    /// The network that an outer header leads to on this node.
    pub(super) fn network_inside(&self, outer: &Outer) -> Option<&VirtualNetwork> {
        let model = self.model();
        let by_vni = |vni: &Vni| model.virtual_networks.get(*self.by_vni.get(vni)?);
        if outer.encapsulation == Encapsulation::Vxlan {
            return by_vni(&Vni::try_from(u64::from(outer.number)).ok()?);
        }
        match self.by_label.get(&outer.number)? {
            LabelOwner::Network(vni) => by_vni(vni),
            LabelOwner::Vmi(name) => {
                let served = self.served(self.vmi(name).ok()??)?;
                Some(&model[model[served.vmi].virtual_network])
            }
        }
    }

    /// The VMI that a frame on an access port is for or of, by its tags and, where several share them, by `mac`.
    fn by_tags(&self, port: PortIndex, octets: &[u8], mac: Option<MacAddr>) -> Option<&ServedVmi> {
        let (outer, inner) = tags(octets);
        let of = |inner| self.by_segment.get(&(port.row(), outer, inner));
        let here = of(inner).or_else(|| of(0))?;
        let network = self.model();
        let only = if let [only] = here[..] { Some(only) } else { None };
        let position = only.or_else(|| here.iter().copied().find(|n| owns(&network[network.served[*n].vmi], mac)));
        network.served.get(position?)
    }

    /// Whether a frame that leaves by an access port is for another VMI than this one, of those that share its VLAN.
    pub(super) fn is_for_another(&self, vif: VifIndex, facts: &Facts, octets: &[u8]) -> bool {
        let (Some(port), Direction::Out) = (facts.port, facts.direction) else { return false };
        let found = self.by_tags(port, octets, octets.first_chunk().copied().map(MacAddr::new));
        let own = self.served(vif);
        found.zip(own).is_some_and(|(found, own)| found.vmi != own.vmi)
    }

    /// The VMI that a frame is of: that it came from, or is for.
    pub(super) fn vmi_of(&self, facts: &Facts, octets: &[u8]) -> Option<&ServedVmi> {
        if let Some(vif) = facts.ingress.or(facts.labelled) {
            return self.served(vif);
        }
        let port = facts.port?;
        let is_access = self.port_model(port)?.role == PortRole::Access;
        match (facts.direction, facts.found) {
            (Direction::Out, _) if is_access => {
                self.by_tags(port, octets, octets.first_chunk().copied().map(MacAddr::new))
            }
            (Direction::In, _) if is_access => {
                let source = octets.get(6..).and_then(|rest| rest.first_chunk().copied());
                self.by_tags(port, octets, source.map(MacAddr::new))
            }
            (_, Some(Destination::Vif(vif))) => self.served(vif),
            _ => None,
        }
    }

    /// A frame as a document, with these octets of it.
    pub(super) fn describe(&self, sighting: &Sighting, worker: u16, clocks: Clocks, octets: &[u8]) -> SeenFrame {
        let (facts, model) = (&sighting.facts, self.model());
        let at_ns = clocks.unix_ns(facts.at);
        let vmi = self.vmi_of(facts, sighting.octets()).map(|served| &model[served.vmi]);
        let network = vmi.map(|vmi| &model[vmi.virtual_network]);
        let network = network.or_else(|| self.network_inside(&outer::read(sighting.octets())?));
        let port = facts.port.and_then(|port| self.port_model(port));
        let place = vmi.map(|vmi| &vmi.place).or(network.map(|network| &network.place));
        SeenFrame {
            at: Timestamp::from(UNIX_EPOCH + Duration::from_nanos(at_ns)),
            at_ns,
            worker,
            port: port.map(|port| port.name.to_string()),
            direction: match facts.direction {
                Direction::In => SeenDirection::In,
                Direction::Out => SeenDirection::Out,
            },
            octets: facts.octets,
            data: api::hexadecimal(octets),
            verdict: self.verdict(facts),
            drop: if let Fate::Dropped(reason) = facts.fate { Some(reason.name().to_owned()) } else { None },
            vmi: vmi.map(|vmi| vmi.name.to_string()),
            network: network.map(|network| network.name.to_string()),
            place: place.or(port.map(|port| &port.place)).map(document_place),
            stages: Vec::new(),
            left_as: String::new(),
        }
    }

    pub(super) fn verdict(&self, facts: &Facts) -> String {
        match (facts.fate, facts.direction) {
            (Fate::Sent(_), Direction::Out) => "sent".to_owned(),
            (Fate::Sent(port), Direction::In) => format!("sent by {}", self.port_name(port)),
            (Fate::Flooded, _) => "flooded".to_owned(),
            (Fate::Punted, _) => "to the host".to_owned(),
            (Fate::Consumed, _) => "answered".to_owned(),
            (Fate::Dropped(reason), _) => format!("dropped: {reason}"),
        }
    }

    pub(super) fn port_name(&self, port: PortIndex) -> &str {
        self.port_model(port).map_or("a port of an earlier configuration", |port| port.name.as_str())
    }
}

pub(super) fn document_place(place: &config::Place) -> api::Place {
    api::Place { file: place.file.to_string(), line: place.line, column: place.column }
}

fn segment_of(served: &ServedVmi) -> Segment {
    (served.port.position(), served.vlan.value(), served.inner_vlan.map_or(0, |vlan| vlan.value()))
}

fn owns(vmi: &VirtualMachineInterface, mac: Option<MacAddr>) -> bool {
    mac.is_some_and(|mac| vmi.mac == mac || vmi.allowed_address_pairs.iter().any(|pair| pair.mac == mac))
}

/// The VLAN ids of a frame's first two tags; 0 where there is none.
fn tags(octets: &[u8]) -> (u16, u16) {
    let word =
        |at: usize| octets.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |word| u16::from_be_bytes(*word));
    if !is_tag_type(word(12)) {
        return (0, 0);
    }
    let inner = if word(16) == ethernet::TYPE_VLAN { Tci::new(word(18)).vid() } else { 0 };
    (Tci::new(word(14)).vid(), inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_read_from_the_wire_and_priority_tags_are_vlan_0() {
        let frame = |behind: &[u8]| [&[0; 12][..], behind].concat();
        assert_eq!(tags(&frame(&[8, 0, 0x45, 0])), (0, 0));
        assert_eq!(tags(&frame(&[0x81, 0, 0xe0, 100, 8, 0])), (100, 0));
        assert_eq!(tags(&frame(&[0x81, 0, 0xe0, 0, 8, 0])), (0, 0));
        assert_eq!(tags(&frame(&[0x88, 0xa8, 0, 5, 0x81, 0, 0, 7])), (5, 7));
        assert_eq!(tags(&[]), (0, 0));
    }
}
