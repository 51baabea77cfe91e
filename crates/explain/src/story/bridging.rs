//! From the network to the way out: MAC to destination, and the headers that lead there.

use super::arriving::whose;
use super::{Story, is_answer, outcome, port_object};
use crate::headers;
use crate::scene::{Configured, role};
use api::{ConfiguredObject, ExplainOutcome};
use control::config::VirtualNetwork;
use control::underlay::{IpPrefix, Resolution};
use datapath::{Role, Verdict};
use fib::{Destination, NexthopId, Tunnel, VifIndex};
use std::net::IpAddr;
use telemetry::Stage;
use wire::MacAddr;

impl<'a> Story<'a> {
    /// Where the frame goes by its destination, and how it gets there.
    pub(super) fn bridging(&mut self) {
        let (Some(header), Some(network)) = (self.facts.header, self.network()) else {
            return self.refuse_anyhow();
        };
        let destination = header.destination;
        match self.facts.found {
            _ if self.facts.verdict == Verdict::Control => {
                let text = format!("{destination} is a group of BPDU network {}: copies go as it came", network.name);
                self.say(Stage::Bridge, text, vec![network.configured()]);
            }
            _ if is_answer(self.facts) => self.answered(network),
            _ if destination.is_group() => {
                let text = format!("{destination} is a group: every other member of {} gets a copy", network.name);
                self.say(Stage::Bridge, text, vec![network.configured()]);
            }
            Some(Destination::Vif(vif)) => self.at_vif(network, destination, vif),
            Some(Destination::Remote(nexthop)) => self.behind_vtep(network, destination, nexthop),
            Some(Destination::Gateway) => {
                let text = format!("{destination} is the gateway of {}: this node itself", network.name);
                self.say(Stage::Bridge, text, vec![network.configured()]);
            }
            None => {
                let floods = if network.flood_unknown_unicast { "floods" } else { "does not flood" };
                let text = format!("nobody in {} has {destination}, and it {floods} unknown unicast", network.name);
                self.say(Stage::Bridge, text, vec![network.configured()]);
            }
        }
        self.refuse_anyhow();
        match self.facts.verdict {
            Verdict::Flood | Verdict::Control => self.copies(network),
            _ if outcome(self.passage) == ExplainOutcome::Consumed => {
                self.say(Stage::Bridge, "it is for this node itself, and ends here", vec![]);
            }
            _ => {}
        }
    }

    /// This node itself is asked, and turns the frame round.
    fn answered(&mut self, network: &VirtualNetwork) {
        let said = self.passage.sent.first().and_then(|(_, octets)| headers::of_frame(octets).pop());
        let text = format!("this node answers for {}: {}", network.name, said.unwrap_or_default());
        self.say(Stage::Bridge, text, vec![network.configured()]);
    }

    fn network(&self) -> Option<&'a VirtualNetwork> {
        self.facts.network.and_then(|network| self.scene.network(network))
    }

    /// Says why the frame was dropped, if it was.
    fn refuse_anyhow(&mut self) {
        if let Verdict::Drop(reason) = self.facts.verdict {
            self.refuse(reason);
        }
    }

    fn at_vif(&mut self, network: &VirtualNetwork, destination: MacAddr, vif: VifIndex) {
        let Some((served, vmi)) = self.scene.vmi(vif) else { return };
        let text = format!("{destination} in {} is VMI {}: {}", network.name, vmi.name, whose(vmi, destination));
        self.say(Stage::Bridge, text, vec![network.configured(), vmi.configured()]);
        if !matches!(self.facts.verdict, Verdict::Send(_)) {
            return;
        }
        let logical = self.scene.logical_interface(served);
        let port = &self.scene.node()[served.port];
        let tags = match (served.vlan.value(), served.inner_vlan) {
            (0, _) => "untagged".to_owned(),
            (vlan, None) => format!("with the tag of VLAN {vlan}"),
            (vlan, Some(inner)) => format!("with the tags of VLAN {vlan} and inner VLAN {inner}"),
        };
        let text = format!("it leaves by {} {tags}", port.name);
        self.say(Stage::Rewrite, text, vec![logical.configured(), port.configured()]);
    }

    fn behind_vtep(&mut self, network: &VirtualNetwork, destination: MacAddr, nexthop: NexthopId) {
        let nexthop = self.scene.snapshot.nexthop(nexthop);
        let Some((nexthop, tunnel)) = nexthop
            .and_then(|nexthop| Some((nexthop, self.scene.snapshot.tunnel_for(nexthop.tunnel(), self.facts.hash)?)))
        else {
            return;
        };
        let vtep = tunnel.remote();
        let station = self.scene.station(network, vtep, destination);
        let origin = if station.is_some() { "by static reachability" } else { "as was announced" };
        let text = format!("{destination} in {} is behind VTEP {vtep}, {origin}", network.name);
        let mut because_of = vec![network.configured()];
        because_of.extend(station.map(Configured::configured));
        self.say(Stage::Bridge, text, because_of);
        if role(self.port) == Role::Access && matches!(self.facts.verdict, Verdict::Send(_)) {
            let ways = self.scene.snapshot.ways(nexthop.tunnel()).count();
            self.tunnelled(tunnel, ways);
        }
    }

    fn tunnelled(&mut self, tunnel: &Tunnel, ways: usize) {
        let vtep = tunnel.remote();
        let local = self.scene.node().fabric.address_towards(vtep);
        let local = local.map_or_else(String::new, |local| format!(" from {local}"));
        let octets = tunnel.header_octets();
        let dscp = self.dscp_in_words();
        let sent = self.passage.sent.first().and_then(|(_, octets)| headers::outer(octets));
        let number = sent.map_or_else(String::new, |outer| format!(", {}", outer.number));
        let text = format!("{}{local} to {vtep}{number}: {octets} octets go in front{dscp}", tunnel.encapsulation());
        self.say(Stage::Encap, text, vec![]);
        let (next_hop, because_of) = self.way(tunnel);
        let one_of = if ways > 1 { format!(", one of {ways} ways: by the hash of its flow",) } else { String::new() };
        let mut objects = port_object(self.scene, tunnel.port());
        objects.extend(because_of);
        let port = super::port_name(self.scene, tunnel.port());
        self.say(Stage::Encap, format!("by {port} to {next_hop}{one_of}"), objects);
    }

    fn dscp_in_words(&self) -> String {
        let Some(header) = self.facts.header else { return String::new() };
        match self.scene.snapshot.ways_out().tos(header.tag) >> 2 {
            0 => String::new(),
            dscp => format!(", DSCP {dscp} by priority {}", header.tag.pcp()),
        }
    }

    /// The underlay next hop that a tunnel's header leads to, and the route of the node file behind it.
    fn way(&self, tunnel: &Tunnel) -> (String, Option<ConfiguredObject>) {
        let vtep = tunnel.remote();
        let mac = tunnel.header().first_chunk().map(|mac| MacAddr::new(*mac));
        let position = |port: usize| self.scene.node().fabric_ports.get(port).map(|port| port.position());
        let next_hop = match self.scene.resolutions.get(&vtep) {
            Some(Resolution::Resolved { paths }) => paths
                .iter()
                .find(|path| Some(path.mac) == mac && position(path.interface) == Some(tunnel.port().row()))
                .map(|path| path.next_hop),
            _ => None,
        };
        let at = mac.map_or_else(String::new, |mac| format!(" at {mac}"));
        match next_hop {
            Some(next_hop) if next_hop != vtep => (format!("next hop {next_hop}{at}"), self.route(vtep, next_hop)),
            Some(_) => (format!("VTEP {vtep}{at}, which is on the link"), None),
            None => (format!("its next hop{at}"), None),
        }
    }

    /// The route of the node file that leads to a VTEP by this router.
    fn route(&self, vtep: IpAddr, via: IpAddr) -> Option<ConfiguredObject> {
        let routes = self.scene.node().fabric.routes.iter();
        let covers = |to: IpAddr, len: u8| IpPrefix::covering(to, len).is_ok_and(|prefix| prefix.covers(vtep));
        let leading = routes.filter(|route| route.via == via && covers(route.to, route.to_len));
        leading.max_by_key(|route| route.to_len).map(Configured::configured)
    }
}
