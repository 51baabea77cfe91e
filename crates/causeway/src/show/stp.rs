//! Spanning tree, as switches tell it.

use std::time::Duration;

use api::{StpDocument, StpNetwork, StpSender, StpTree};

use crate::{
    quantity::{duration, or_none},
    table::Table,
};

pub(super) fn stp(document: &StpDocument) -> String {
    if document.networks.is_empty() {
        return "no BPDU network has a VMI on this node\n".to_owned();
    }
    let networks: Vec<String> = document.networks.iter().map(network).collect();
    networks.join("\n")
}

fn network(of: &StpNetwork) -> String {
    let mut members = Table::new(&["MEMBER", "WHERE", ">BPDUS", ">OTHERS", ">CHANGES"]);
    for member in &of.members {
        members.row([
            member.member.clone(),
            if member.local { "port" } else { "VTEP" }.to_owned(),
            member.bpdus.to_string(),
            member.other_frames.to_string(),
            member.topology_changes.to_string(),
        ]);
    }
    let mut text = format!("{}\n\n{members}", of.network);
    if of.trees.is_empty() {
        text += "\nno switch was heard\n";
    }
    of.trees.iter().for_each(|of| text += &format!("\n{}", tree(of)));
    text
}

fn tree(of: &StpTree) -> String {
    let name = of.vlan.map_or("spanning tree".to_owned(), |vlan| format!("spanning tree of VLAN {vlan}"));
    let mut table = Table::new(&[
        "HEARD BY", "BRIDGE", "PORT", "VERSION", "ROLE", "STATE", ">HEARD", "ROOT", ">COST", ">CHANGES", "NOTES",
    ]);
    of.senders.iter().for_each(|sender| table.row(row(sender)));
    let danger = match of.dual_active {
        true => "DANGER OF A LOOP: several ports go on being designated, and forward\n",
        false => "",
    };
    format!("{name}, root {}\n{danger}{table}", or_none(of.root.as_ref()))
}

fn row(of: &StpSender) -> [String; 11] {
    let mut notes: Vec<String> = of.flags.iter().map(|flag| flag.replace('_', " ")).collect();
    if of.designated {
        notes.insert(0, "forwards for the link".to_owned());
    }
    if !of.live {
        notes.insert(0, "silent".to_owned());
    }
    [
        of.member.clone(),
        of.bridge.clone(),
        of.port.clone(),
        of.version.clone(),
        of.role.clone(),
        or_none(of.state.as_ref()),
        format!("{} ago", duration(Duration::from_millis(of.heard_ago_ms))),
        of.root.clone(),
        of.root_cost.to_string(),
        of.topology_changes.to_string(),
        if notes.is_empty() { or_none(None::<String>) } else { notes.join(", ") },
    ]
}
