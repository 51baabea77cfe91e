//! From the port to the network: VLAN to VMI, or tunnel to network.

use super::Story;
use crate::headers::{self, Number};
use crate::scene::Configured;
use api::ConfiguredObject;
use control::config::{SourceCheck, VirtualMachineInterface};
use datapath::{Header, Verdict};
use std::net::IpAddr;
use telemetry::Stage;
use telemetry::slots::SlotClass;
use wire::MacAddr;

impl Story<'_> {
    /// Reads the tag, finds the VMI. `None` if the frame did not get further.
    pub(super) fn by_access(&mut self) -> Option<()> {
        let Some(header) = self.facts.header else {
            self.refuse_in(&[Stage::Parse]);
            return None;
        };
        self.say(Stage::Parse, self.tag_in_words(&header), vec![self.port.configured()]);
        if let Some((served, vmi)) = self.facts.ingress.and_then(|ingress| self.scene.vmi(ingress)) {
            let on = self.vlan_in_words(served.vlan.value(), served.inner_vlan.map(|inner| inner.value()));
            let neighbours = self.scene.on_vlan(self.index, served.vlan.value(), served.inner_vlan.map(|v| v.value()));
            let shared = neighbours.filter(|other| other.vmi != served.vmi).count();
            let how = if shared == 0 {
                format!("{on} is VMI {}", vmi.name)
            } else {
                format!("{on} is VMI {}'s and {shared} other's: the source MAC tells them apart", vmi.name)
            };
            let because_of = vec![self.scene.logical_interface(served).configured(), vmi.configured()];
            let text = match self.facts.network.and_then(|network| self.scene.snapshot.network(network)) {
                // Switches send from addresses of their own.
                Some(network) if network.control().is_some() => how,
                Some(_) => format!("{how}; {} is {}", header.source, whose(vmi, header.source)),
                None => how,
            };
            self.say(Stage::Classify, text, because_of);
        }
        self.refuse_in(&[Stage::Parse, Stage::Classify])
    }

    /// `None`, and said so, if one of these stages dropped the frame.
    fn refuse_in(&mut self, stages: &[Stage]) -> Option<()> {
        match self.dropped_in(stages) {
            Some(reason) => {
                self.refuse(reason);
                None
            }
            None => Some(()),
        }
    }

    fn tag_in_words(&self, header: &Header) -> String {
        let priority = match header.tag.pcp() {
            0 => String::new(),
            priority => format!(", priority {priority}"),
        };
        match header.tag_octets {
            0 if header.tag.vid() != 0 => format!("the tag of VLAN {} stays in the frame", header.tag.vid()),
            0 => "no tag: VLAN 0".to_owned(),
            _ if header.tag.vid() == 0 => format!("a priority tag: VLAN 0{priority}"),
            _ => format!("the tag is of VLAN {}{priority}", header.tag.vid()),
        }
    }

    pub(super) fn vlan_in_words(&self, vlan: u16, inner: Option<u16>) -> String {
        let inner = inner.map_or_else(String::new, |inner| format!(", inner VLAN {inner},"));
        format!("VLAN {vlan}{inner} of {}", self.port.name)
    }

    /// Reads the tunnel, finds the network. `None` if the frame did not get further.
    pub(super) fn by_fabric(&mut self) -> Option<()> {
        if self.facts.verdict == Verdict::Punt {
            self.host_gets_it();
            return None;
        }
        let outer = headers::outer(self.octets);
        if let Some(network) = self.facts.network.and_then(|network| self.scene.network(network))
            && let Some(outer) = outer
        {
            let mut because_of = vec![network.configured()];
            let to = match self.facts.labelled.and_then(|vif| self.scene.vmi(vif)) {
                Some((_, vmi)) => {
                    because_of.push(vmi.configured());
                    format!("is VMI {}'s own, in virtual network {}", vmi.name, network.name)
                }
                None => format!("is virtual network {}", network.name),
            };
            let chosen = match outer.number {
                Number::Label(_) if network.mpls_label.is_none() => ", a label that this node chose",
                _ => "",
            };
            self.say(Stage::Decap, format!("{} {to}{chosen}", outer.number), because_of);
            self.source_in_words(outer.source);
        }
        self.refuse_in(&[Stage::Decap, Stage::Transmit])
    }

    fn source_in_words(&mut self, source: IpAddr) {
        let Some(network) = self.facts.network.and_then(|network| self.scene.network(network)) else { return };
        let fabric = &self.scene.node().fabric;
        let reach: Vec<ConfiguredObject> = self.scene.reach(network, source).map(Configured::configured).collect();
        let check = fabric.source_check;
        let known = self.facts.peer.is_some();
        let refused = self.dropped_in(&[Stage::Decap]).is_some();
        let text = match (reach.is_empty(), known) {
            _ if refused => return,
            (false, _) => format!("VTEP {source} takes part in {}", network.name),
            (true, true) => {
                format!("VTEP {source} is known, if not in {} (fabric.source_check: {check})", network.name)
            }
            (true, false) => format!("nobody knows VTEP {source}, and anybody may send (fabric.source_check: {check})"),
        };
        let because_of =
            if reach.is_empty() && check != SourceCheck::Strict { vec![fabric.configured()] } else { reach };
        self.say(Stage::Decap, text, because_of);
    }

    fn host_gets_it(&mut self) {
        let class = SlotClass::of_frame(self.octets);
        let port = self.scene.node().port(self.port.name.as_str()).map(|(port, _)| port);
        let interface = port.and_then(|port| self.scene.node().host_interface(port));
        let interface = interface.map_or_else(String::new, |name| format!(" by host interface {name}"));
        let text = format!("no tunnel packet to this node: Linux gets it{interface}, class {class}");
        self.say(Stage::Decap, text, vec![self.port.configured()]);
        for (reason, _) in &self.passage.drops {
            self.refuse(*reason);
        }
    }
}

/// In which way an address is a VMI's.
pub(super) fn whose(vmi: &VirtualMachineInterface, mac: MacAddr) -> String {
    if vmi.mac == mac {
        "its own MAC".to_owned()
    } else if vmi.allowed_address_pairs.iter().any(|pair| pair.mac == mac) {
        "one of its allowed address pairs".to_owned()
    } else {
        "an address that was learned on it".to_owned()
    }
}
