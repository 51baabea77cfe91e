//! Why a frame was dropped: the reason's own words, and what they are about in this case.

use super::{Story, port_object};
use crate::headers;
use crate::scene::{Configured, addresses};
use api::ConfiguredObject;
use control::underlay::{NoRoute, Resolution};
use fib::Destination;
use std::net::IpAddr;
use telemetry::DropReason;
use wire::MacAddr;

/// More than so many of something are counted instead of listed.
const LISTED_MAX: usize = 8;

impl Story<'_> {
    /// What a reason is about here; where there is no more to say than the reason says itself, that.
    pub(super) fn why_refused(&self, reason: DropReason) -> (String, Vec<ConfiguredObject>) {
        self.particulars(reason).unwrap_or_else(|| (reason.explanation().to_owned(), vec![]))
    }

    fn particulars(&self, reason: DropReason) -> Option<(String, Vec<ConfiguredObject>)> {
        match reason {
            DropReason::UnknownTpid => {
                let text = format!("outer tags on {} are of type 0x{:04x}", self.port.name, self.port.tpid.value());
                Some((text, vec![self.port.configured()]))
            }
            DropReason::UnknownVlan => self.unknown_vlan(),
            DropReason::UnknownSourceMac => self.unknown_source(),
            DropReason::OuterMacNotOurs => {
                let mac = self.scene.snapshot.fabric.link(self.index)?.mac;
                Some((format!("the MAC of {} is {mac}", self.port.name), vec![self.port.configured()]))
            }
            DropReason::FabricVlan => {
                let vlan = self.scene.node().fabric.vlan;
                let expected = vlan.map_or_else(|| "no tag".to_owned(), |vlan| format!("the tag of VLAN {vlan}"));
                Some((format!("fabric frames have {expected} here"), vec![self.scene.node().fabric.configured()]))
            }
            DropReason::UnknownVni | DropReason::UnknownLabel => {
                let number = headers::outer(self.octets)?.number;
                Some((format!("{number} is nothing on this node"), vec![]))
            }
            DropReason::OuterSourceUnknown => {
                let source = headers::outer(self.octets)?.source;
                let check = self.scene.node().fabric.source_check;
                let text = format!("VTEP {source} may not send here (fabric.source_check: {check})");
                Some((text, vec![self.scene.node().fabric.configured()]))
            }
            DropReason::FloodSourceNotMember => self.not_flooding(),
            DropReason::NotControlFrame => {
                let (network, destination) = (self.scene.network(self.facts.network?)?, self.facts.header?.destination);
                let text = format!("{destination} is no group that BPDU network {} carries", network.name);
                Some((text, vec![network.configured()]))
            }
            DropReason::NexthopUnresolved => {
                let Destination::Remote(nexthop) = self.facts.found? else { return None };
                let tunnel = self.scene.snapshot.tunnel(self.scene.snapshot.nexthop(nexthop)?.tunnel())?;
                Some((self.unreachable(tunnel.remote()), vec![]))
            }
            DropReason::TooBigForFabric => self.too_big_for_fabric(),
            DropReason::TooBigForPort => {
                let Destination::Vif(vif) = self.facts.found? else { return None };
                let port = self.scene.snapshot.vif(vif).port();
                let model = self.scene.port(port)?;
                Some((format!("the MTU of {} is {}", model.name, model.mtu), port_object(self.scene, port)))
            }
            _ => None,
        }
    }

    fn unknown_vlan(&self) -> Option<(String, Vec<ConfiguredObject>)> {
        let vlan = self.facts.header?.tag.vid();
        let network = &self.scene.loaded.network;
        let here: Vec<_> = self.scene.on_port_vlan(self.index, vlan).collect();
        if let Some(served) = here.iter().find(|served| !network[served.vmi].enabled) {
            let (logical, vmi) = (self.scene.logical_interface(served), &network[served.vmi]);
            let text = format!("{} is VMI {}, which is disabled", self.vlan_in_words(vlan, None), vmi.name);
            return Some((text, vec![logical.configured(), vmi.configured()]));
        }
        let because_of = here.iter().map(|served| self.scene.logical_interface(served).configured()).collect();
        let text = if here.is_empty() {
            format!("{} is nobody's", self.vlan_in_words(vlan, None))
        } else {
            let inner = here.iter().filter_map(|served| served.inner_vlan).map(|inner| inner.to_string());
            format!("{} has inner VLANs {}, and this is none", self.vlan_in_words(vlan, None), listed(inner))
        };
        Some((text, because_of))
    }

    fn unknown_source(&self) -> Option<(String, Vec<ConfiguredObject>)> {
        let header = self.facts.header?;
        let network = &self.scene.loaded.network;
        if let Some((_, vmi)) = self.facts.ingress.and_then(|ingress| self.scene.vmi(ingress)) {
            let own = listed(addresses(vmi).iter().map(MacAddr::to_string));
            return Some((format!("{} is no address of VMI {}, which has {own}", header.source, vmi.name), vec![]));
        }
        let here: Vec<_> = self.scene.on_port_vlan(self.index, header.tag.vid()).collect();
        let vmis = here.iter().map(|served| &network[served.vmi]).filter(|vmi| vmi.enabled);
        let names = listed(vmis.map(|vmi| vmi.name.to_string()));
        let on = self.vlan_in_words(header.tag.vid(), None);
        let because_of = here.first().map(|served| self.scene.logical_interface(served).configured());
        Some((
            format!("{on} is shared by {names}, and {} is none's address", header.source),
            because_of.into_iter().collect(),
        ))
    }

    fn not_flooding(&self) -> Option<(String, Vec<ConfiguredObject>)> {
        let source = headers::outer(self.octets)?.source;
        let network = self.scene.network(self.facts.network?)?;
        let entries: Vec<ConfiguredObject> = self.scene.reach(network, source).map(Configured::configured).collect();
        let text = if entries.is_empty() {
            format!("VTEP {source} takes no part in {}", network.name)
        } else {
            format!("VTEP {source} takes part in {} without flood: true", network.name)
        };
        Some((text, entries))
    }

    fn too_big_for_fabric(&self) -> Option<(String, Vec<ConfiguredObject>)> {
        let Destination::Remote(nexthop) = self.facts.found? else { return None };
        let nexthop = self.scene.snapshot.nexthop(nexthop)?;
        let tunnel = self.scene.snapshot.tunnel_for(nexthop.tunnel(), self.facts.hash)?;
        let model = self.scene.port(tunnel.port())?;
        let text = format!(
            "{} over {} carries frames of at most {} octets, for its MTU is {}",
            tunnel.encapsulation(),
            model.name,
            tunnel.max_frame().saturating_sub(nexthop.control_word_octets()),
            model.mtu
        );
        Some((text, port_object(self.scene, tunnel.port())))
    }

    /// Why a VTEP cannot be reached.
    pub(super) fn unreachable(&self, vtep: IpAddr) -> String {
        match self.scene.resolutions.get(&vtep) {
            Some(Resolution::Unresolved { next_hop }) if *next_hop == vtep => {
                format!("VTEP {vtep} is on the link and does not answer ARP or neighbour discovery")
            }
            Some(Resolution::Unresolved { next_hop }) => format!("next hop {next_hop} towards {vtep} does not answer"),
            Some(Resolution::NoRoute(NoRoute::NotCovered)) => format!("Linux has no route to {vtep}"),
            Some(Resolution::NoRoute(NoRoute::Refused)) => format!("the route of Linux to {vtep} refuses"),
            Some(Resolution::NoRoute(NoRoute::OtherInterface(_))) => {
                format!("the route of Linux to {vtep} leads out of another interface than a host interface")
            }
            Some(Resolution::NoRoute(NoRoute::InterfaceDown(_))) => format!("the interface towards {vtep} is down"),
            Some(Resolution::HostInterfaceDown) => "no host interface is up".to_owned(),
            Some(Resolution::Resolved { .. }) | None if self.scene.node().fabric.address_towards(vtep).is_none() => {
                format!("this node has no fabric address of the family of {vtep}")
            }
            Some(Resolution::Resolved { .. }) | None => format!("there is no way to {vtep} yet"),
        }
    }
}

/// The first of a list, in a row.
fn listed(items: impl Iterator<Item = String>) -> String {
    let items: Vec<String> = items.collect();
    match items.len().checked_sub(LISTED_MAX) {
        None | Some(0) => items.join(", "),
        Some(more) => format!("{} and {more} more", items[..LISTED_MAX].join(", ")),
    }
}
