//! Raw to model: the virtual networks of the network file.

use wire::{MplsLabel, Vni};

use super::learning;
use super::network::Reading;
use super::network_model::{ForwardingMode, VirtualNetwork, VirtualNetworkIndex, VxlanNetworkIdentifierMode};
use super::object::Object;
use super::problem::Problem;
use super::raw::RawVirtualNetwork;
use super::register::Firsts;
use super::storm::{self, StormControl};
use super::subnets;
use super::value;

impl Reading<'_> {
    pub(super) fn virtual_networks(&mut self) -> Vec<Option<VirtualNetwork>> {
        let is_automatic = self.global.vxlan_network_identifier_mode == VxlanNetworkIdentifierMode::Automatic;
        let (mut vnis, mut ids, mut labels): (Firsts<Vni>, Firsts<u32>, Firsts<MplsLabel>) = Default::default();
        let mut list = Vec::new();
        for (position, (spot, raw)) in self.file.list("virtual_networks", &self.raw.virtual_networks).enumerate() {
            let network = Object::new(spot, "a virtual network");
            if let Some(text) = &raw.name {
                self.names.networks.enter(self.problems, text, position, network.place());
            }
            let read = self.virtual_network(network, raw);
            if let Some(VirtualNetwork { virtual_network_network_id: Some(id), .. }) = read {
                let place = network.place_of("virtual_network_network_id");
                ids.enter(self.problems, id, place, |first| Problem::DuplicateNetworkId { id, first });
            }
            if let Some(VirtualNetwork { vni, .. }) = read
                && !is_automatic
            {
                let place = network.place_of("vxlan_network_identifier");
                vnis.enter(self.problems, vni, place, |first| Problem::DuplicateVni { vni, first });
            }
            if let Some(VirtualNetwork { mpls_label: Some(label), .. }) = read {
                let place = network.place_of("mpls_label");
                labels.enter(self.problems, label, place, |first| Problem::DuplicateLabel { label, first });
            }
            // Also one that is otherwise wrong, so that its VMIs are not judged as instances.
            if raw.bpdu_network.as_deref().is_some_and(|text| value::boolean("bpdu_network", text) == Ok(true)) {
                self.bpdu_networks.insert(VirtualNetworkIndex::at(position));
            }
            list.push(read);
        }
        list
    }

    fn virtual_network(&mut self, at: Object<'_>, raw: &RawVirtualNetwork) -> Option<VirtualNetwork> {
        at.refuse_unknown::<RawVirtualNetwork>(self.problems, &raw.unknown);
        let name = at.required(self.problems, "name", &raw.name, value::name);
        let (vni_key, id_key) = ("vxlan_network_identifier", "virtual_network_network_id");
        let configured = at.optional(self.problems, vni_key, &raw.vxlan_network_identifier, value::vni);
        let range = value::number(Vni::MIN.value(), Vni::MAX.value());
        let id: Option<Option<u32>> = at.optional(self.problems, id_key, &raw.virtual_network_network_id, range);
        let flood = &raw.flood_unknown_unicast;
        let flood = at.or(self.problems, "flood_unknown_unicast", flood, false, value::boolean);
        let word = &raw.layer2_control_word;
        let word = at.or(self.problems, "layer2_control_word", word, false, value::boolean);
        let label = at.optional(self.problems, "mpls_label", &raw.mpls_label, value::label);
        let bpdu = self.bpdu(at, raw);
        let mode = self.forwarding_mode(at, raw, matches!(bpdu, Some(Some(_))));
        let subnets = self.ipam_subnets(at, raw);
        let suppression = at.or(self.problems, "arp_suppression", &raw.arp_suppression, true, value::boolean);
        let learning = learning::read(at, self.problems, raw);
        let storm = storm::read(at, self.problems, raw.storm_control.as_ref(), StormControl::OF_NETWORK);
        let (configured, id) = (configured?, id?);
        let (key, vni) = match self.global.vxlan_network_identifier_mode {
            VxlanNetworkIdentifierMode::Configured => (vni_key, configured),
            VxlanNetworkIdentifierMode::Automatic => (id_key, id.and_then(|id| Vni::try_from(u64::from(id)).ok())),
        };
        if vni.is_none() {
            self.problems.add(at.place(), Problem::MissingKey { key, object: "a virtual network" });
        }
        Some(VirtualNetwork {
            name: name?,
            vni: vni?,
            vxlan_network_identifier: configured,
            virtual_network_network_id: id,
            flood_unknown_unicast: flood?,
            layer2_control_word: word?,
            mpls_label: label?,
            forwarding_mode: mode?,
            ipam_subnets: subnets?,
            arp_suppression: suppression?,
            storm_control: storm?,
            bpdu: bpdu?,
            mac_learning: learning?,
            place: at.place(),
        })
    }

    /// Switches have no use for a gateway: a BPDU network has none.
    fn forwarding_mode(&mut self, at: Object<'_>, raw: &RawVirtualNetwork, is_bpdu: bool) -> Option<ForwardingMode> {
        const KEY: &str = "forwarding_mode";
        let default = if is_bpdu { ForwardingMode::L2 } else { ForwardingMode::L2L3 };
        let mode = at.or(self.problems, KEY, &raw.forwarding_mode, default, subnets::forwarding_mode);
        if is_bpdu && mode == Some(ForwardingMode::L2L3) {
            self.problems.add(at.place_of(KEY), Problem::GatewayOfBpduNetwork);
        }
        mode
    }
}
