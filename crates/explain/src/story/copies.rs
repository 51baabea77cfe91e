//! A flooded frame's copies: who gets one, who does not, and why.

use super::leaving::Addressee;
use super::{Story, addressee, port_name};
use crate::scene::{Configured, role};
use api::ConfiguredObject;
use control::config::VirtualNetwork;
use datapath::{Role, Verdict};
use fib::{NexthopId, VifIndex};
use std::collections::HashSet;
use telemetry::{DropReason, Stage};

impl Story<'_> {
    /// Every member of the network that a copy could be for.
    pub(super) fn copies(&mut self, network: &VirtualNetwork) {
        let got: HashSet<Addressee> =
            self.passage.sent.iter().map(|(port, octets)| addressee(self.scene, *port, octets)).collect();
        let Some(members) = self.facts.network.and_then(|network| self.scene.snapshot.network(network)) else { return };
        for vif in members.segments() {
            self.copy_to_segment(*vif, &got);
        }
        if role(self.port) == Role::Access {
            for nexthop in members.remote() {
                self.copy_to_vtep(network, *nexthop, &got);
            }
        } else if !members.remote().is_empty() {
            let text = "no VTEP gets a copy: what came from the fabric never returns to it".to_owned();
            self.say(Stage::Flood, text, vec![]);
        }
        for (reason, _) in &self.passage.drops {
            self.refuse(*reason);
        }
    }

    fn copy_to_segment(&mut self, vif: VifIndex, got: &HashSet<Addressee>) {
        let Some((served, _)) = self.scene.vmi(vif) else { return };
        let (vlan, inner) = (served.vlan.value(), served.inner_vlan.map(|inner| inner.value()));
        let at = self.scene.snapshot.vif(vif).port();
        let to = Addressee::vlan(self.scene, at, vlan, inner);
        let because_of = vec![self.scene.logical_interface(served).configured()];
        // A control frame goes as it came, perhaps with a tag of its own.
        let by_port = |to: &Addressee| matches!(to, Addressee::Vlan { port, .. } if *port == port_name(self.scene, at));
        let got_it = got.contains(&to) || self.facts.verdict == Verdict::Control && got.iter().any(by_port);
        let text = if got_it {
            format!("a copy to {to}")
        } else if self.facts.ingress.is_some_and(|ingress| self.is_segment_of(ingress, vif)) {
            format!("no copy to {to}: the frame came in there")
        } else if self.has_source_at_home(vif) {
            format!("no copy to {to}: the frame's source is at home there")
        } else {
            format!("no copy to {to}: {}", self.lost_by())
        };
        self.say(Stage::Flood, text, because_of);
    }

    fn is_segment_of(&self, ingress: VifIndex, member: VifIndex) -> bool {
        let (from, to) = (self.scene.snapshot.vif(ingress), self.scene.snapshot.vif(member));
        ingress == member || from.group().is_some() && from.group() == to.group()
    }

    fn has_source_at_home(&self, member: VifIndex) -> bool {
        let vif = self.scene.snapshot.vif(member);
        self.facts.header.is_some_and(|header| self.scene.snapshot.segment_owns(vif, header.source.to_bits()))
    }

    fn copy_to_vtep(&mut self, network: &VirtualNetwork, nexthop: NexthopId, got: &HashSet<Addressee>) {
        let tunnel = self.scene.snapshot.nexthop(nexthop).map(|nexthop| nexthop.tunnel());
        let Some(tunnel) = tunnel.and_then(|tunnel| self.scene.snapshot.tunnel(tunnel)) else { return };
        let vtep = tunnel.remote();
        let entries = self.scene.reach(network, vtep).filter(|entry| entry.flood);
        let because_of: Vec<ConfiguredObject> = entries.map(Configured::configured).collect();
        let text = if got.contains(&Addressee::Vtep(vtep)) {
            format!("a copy to VTEP {vtep} by {}", tunnel.encapsulation())
        } else if tunnel.port().row() >= self.scene.node().ports.len() {
            format!("no copy: {}", self.unreachable(vtep))
        } else {
            format!("no copy to VTEP {vtep} by {}: {}", port_name(self.scene, tunnel.port()), self.lost_by())
        };
        self.say(Stage::Flood, text, because_of);
    }

    /// The reasons for which copies were lost.
    fn lost_by(&self) -> String {
        let dropped = self.passage.drops.iter().map(|(reason, _)| *reason);
        let own = |reason: &DropReason| self.facts.verdict != Verdict::Drop(*reason);
        let names: Vec<&str> = dropped.filter(own).map(DropReason::name).collect();
        if names.is_empty() { "it is not known why".to_owned() } else { names.join(" or ") }
    }
}
