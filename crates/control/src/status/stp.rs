//! What switches say to each other in BPDU networks.

use super::View;
use crate::access::stp::{Heard, Hub, Member, MemberCounts, Sender, Tree};
use crate::config::VirtualNetwork;
use api::{StpDocument, StpMember, StpNetwork, StpSender, StpTree};
use std::collections::BTreeMap;
use std::time::Instant;
use wire::bpdu::Flags;

impl View {
    pub(super) fn stp(&self) -> StpDocument {
        let now = Instant::now();
        let of = self.networks_here().into_iter().filter(|network| network.bpdu.is_some());
        StpDocument { networks: of.map(|network| self.stp_network(now, network)).collect() }
    }

    fn stp_network(&self, now: Instant, of: &VirtualNetwork) -> StpNetwork {
        let (model, nothing) = (&self.loaded.network, Hub::default());
        let hub = self.stp.hub(of.name.as_str()).unwrap_or(&nothing);
        // Those of the configuration, also if they are silent, and whoever else was heard.
        let here = model.served.iter().filter(|served| model[model[served.vmi].virtual_network].vni == of.vni);
        let ports = here.map(|served| Member::Port(self.loaded.node[served.port].name.to_string()));
        let vteps = self.flood_vteps(of).into_iter().map(Member::Vtep);
        let mut members: BTreeMap<Member, MemberCounts> =
            ports.chain(vteps).map(|member| (member, MemberCounts::default())).collect();
        members.extend(hub.members.iter().map(|(member, counts)| (member.clone(), *counts)));
        StpNetwork {
            network: of.name.to_string(),
            members: members.iter().map(member).collect(),
            trees: hub.trees.iter().map(|(vlan, of)| tree(now, *vlan, of)).collect(),
        }
    }
}

fn name(member: &Member) -> String {
    match member {
        Member::Port(name) => name.clone(),
        Member::Vtep(address) => address.to_string(),
    }
}

fn member((member, counts): (&Member, &MemberCounts)) -> StpMember {
    StpMember {
        member: name(member),
        local: matches!(member, Member::Port(_)),
        bpdus: counts.bpdus,
        other_frames: counts.others,
        topology_changes: counts.topology_changes,
    }
}

fn tree(now: Instant, vlan: Option<u16>, of: &Tree) -> StpTree {
    StpTree {
        vlan,
        root: of.root().map(|root| root.to_string()),
        dual_active: of.is_dual_active(),
        senders: of.senders().map(|(sender, heard)| self::sender(now, of, sender, heard)).collect(),
    }
}

fn sender(now: Instant, tree: &Tree, of: &Sender, heard: &Heard) -> StpSender {
    let milliseconds = |time: u16| u64::from(time) * 1000 / 256;
    let state = heard.forwards().map(|forwards| match (forwards, heard.said.flags.learning()) {
        (true, _) => "forwarding",
        (false, true) => "learning",
        (false, false) => "discarding",
    });
    StpSender {
        member: name(&of.member),
        bridge: of.bridge.to_string(),
        port: of.port.to_string(),
        version: heard.version.to_string(),
        role: heard.role().to_string(),
        state: state.map(str::to_owned),
        designated: tree.designated() == Some(of),
        live: heard.is_live(now),
        heard_ago_ms: u64::try_from(now.saturating_duration_since(heard.last).as_millis()).unwrap_or(u64::MAX),
        root: heard.said.root.to_string(),
        root_cost: heard.said.root_cost,
        flags: flags(heard.said.flags).iter().map(ToString::to_string).collect(),
        bpdus: heard.bpdus,
        topology_changes: heard.topology_changes,
        hello_ms: milliseconds(heard.said.times.hello),
        max_age_ms: milliseconds(heard.said.times.max_age),
    }
}

fn flags(of: Flags) -> Vec<&'static str> {
    let all = [
        ("topology_change", of.topology_change()),
        ("topology_change_ack", of.topology_change_ack()),
        ("proposal", of.proposal()),
        ("agreement", of.agreement()),
    ];
    all.into_iter().filter(|(_, is_set)| *is_set).map(|(name, _)| name).collect()
}
