//! Networks, MAC addresses and next hops.

use api::{FdbDocument, FdbOrigin, FdbWhere, LearningUse, NetworksDocument, NexthopState, NexthopsDocument};

use crate::{
    quantity::{self, NONE, or_none, some_of},
    show::cleared::left_out,
    table::Table,
};

/// Names listed in one cell; `--json` has them all.
const LISTED_MAX: usize = 4;

pub(super) fn networks(document: &NetworksDocument) -> String {
    if document.networks.is_empty() {
        return "no virtual network has a VMI on this node\n".to_owned();
    }
    let mut table = Table::new(&["NETWORK", ">VNI", ">MACS", "UNKNOWN UNICAST", "LOCAL VMIS", "FLOODS TO VTEPS"]);
    for network in &document.networks {
        let unknown = if network.flood_unknown_unicast { "flooded" } else { "dropped" };
        table.row([
            network.name.clone(),
            network.vni.to_string(),
            network.macs.to_string(),
            unknown.to_owned(),
            some_of(&network.local_vifs, LISTED_MAX),
            some_of(&network.flood_vteps, LISTED_MAX),
        ]);
    }
    table.to_string()
}

pub(super) fn fdb(document: &FdbDocument, narrowed: bool) -> String {
    if document.entries.is_empty() && narrowed {
        return "no MAC address that is known fits\n".to_owned();
    }
    if document.entries.is_empty() {
        return "no MAC address is known\n".to_owned();
    }
    let mut table = Table::new(&["NETWORK", "MAC", "WHERE", "ORIGIN"]);
    for entry in &document.entries {
        let place = match &entry.at {
            FdbWhere::Vif(name) => format!("VMI {name}"),
            FdbWhere::Vtep(address) => format!("VTEP {address}"),
        };
        let origin = match entry.origin {
            FdbOrigin::Config => "config",
            FdbOrigin::Static => "static",
            FdbOrigin::Learned => "learned",
            FdbOrigin::Bgp => "bgp",
        };
        let origin = entry.age_s.map_or_else(|| origin.to_owned(), |age| format!("{origin}, seen {age} s ago"));
        table.row([entry.network.clone(), entry.mac.clone(), place, origin]);
    }
    table.to_string() + &left_out(document.entries.len(), document.total) + &learning(&document.learning)
}

/// How far networks and VMIs are filled with learned addresses.
fn learning(uses: &[LearningUse]) -> String {
    if uses.is_empty() {
        return String::new();
    }
    let mut table = Table::new(&["NETWORK", "VMI", ">LEARNED", ">LIMIT", "BEYOND", "NOW"]);
    for one in uses {
        table.row([
            one.network.clone(),
            one.vif.clone().unwrap_or_else(|| "(all)".to_owned()),
            one.macs.to_string(),
            or_none(one.limit),
            or_none(one.action.as_ref()),
            if one.over { "beyond" } else { NONE }.to_owned(),
        ]);
    }
    format!("\n{table}")
}

pub(super) fn nexthops(document: &NexthopsDocument, narrowed: bool) -> String {
    if document.nexthops.is_empty() && narrowed {
        return "that VTEP is neither configured nor known\n".to_owned();
    }
    if document.nexthops.is_empty() {
        return "no remote VTEP is configured or known\n".to_owned();
    }
    let mut table = Table::new(&["VTEP", "STATE", "NEXT HOP", "MAC", "PORT", "VLAN"]);
    for nexthop in &document.nexthops {
        let state = match nexthop.state {
            NexthopState::Resolved => "resolved",
            NexthopState::Unresolved => "unresolved",
            NexthopState::NoRoute => "no route",
        };
        table.row([
            nexthop.vtep.to_string(),
            state.to_owned(),
            or_none(nexthop.gateway),
            or_none(nexthop.mac.as_ref()),
            or_none(nexthop.port.as_ref()),
            or_none(nexthop.vlan.map(quantity::vlan)),
        ]);
    }
    let in_state = |state| document.nexthops.iter().any(|nexthop| nexthop.state == state);
    let mut text = table.to_string();
    if in_state(NexthopState::Unresolved) || in_state(NexthopState::NoRoute) {
        text.push('\n');
    }
    if in_state(NexthopState::Unresolved) {
        text += "unresolved: the next hop does not answer ARP; see `ip neigh` and the fabric port's link and VLAN\n";
    }
    if in_state(NexthopState::NoRoute) {
        text += "no route: Linux has none through the host interface; see `ip route get VTEP`\n";
    }
    text
}
