//! Labels, VTEPs and hosts.

use api::{
    FdbOrigin, FdbWhere, Host, HostsDocument, LabelOrigin, LabelTarget, LabelsDocument, NexthopState, Vtep,
    VtepNetwork, VtepsDocument,
};

use super::cleared::left_out;
use crate::{
    quantity::{self, NONE, or_none, some_of},
    table::Table,
};

/// Addresses listed in one cell; `--json` has them all.
const LISTED_MAX: usize = 4;

pub(super) fn labels(document: &LabelsDocument, narrowed: bool) -> String {
    if document.labels.is_empty() {
        return if narrowed { "no label fits\n" } else { "this node answers to no MPLS label\n" }.to_owned();
    }
    let mut table = Table::new(&[">LABEL", "LEADS TO", "NETWORK", "CHOSEN BY"]);
    for label in &document.labels {
        let leads_to = match &label.leads_to {
            LabelTarget::Network(name) => format!("network {name}"),
            LabelTarget::Vif(name) => format!("VMI {name}"),
        };
        let origin = match label.origin {
            LabelOrigin::Config => "config",
            LabelOrigin::Allocated => "this node",
        };
        table.row([label.label.to_string(), leads_to, label.network.clone(), origin.to_owned()]);
    }
    table.to_string() + &left_out(document.labels.len(), document.total)
}

pub(super) fn vteps(document: &VtepsDocument, narrowed: bool) -> String {
    let own = format!("own address: {}\n", some_of(&document.own, LISTED_MAX));
    if document.vteps.is_empty() {
        let none = if narrowed { "no VTEP fits\n" } else { "no remote VTEP is configured or known\n" };
        return own + none;
    }
    let mut ways = Table::new(&["VTEP", "STATE", "NEXT HOP", "MAC", "PORT", "VLAN"]);
    for vtep in &document.vteps {
        paths(vtep, &mut ways);
    }
    let mut carried = Table::new(&["VTEP", "NETWORK", "ENCAPSULATION", ">LABEL/VNI", ">MACS", "FLOODED FRAMES"]);
    for vtep in &document.vteps {
        for network in &vtep.networks {
            carried.row(network_row(vtep, network));
        }
    }
    format!("{own}\n{ways}\n{carried}")
}

/// A row a way; the VTEP stands in the first.
fn paths(vtep: &Vtep, table: &mut Table) {
    let state = match vtep.state {
        NexthopState::Resolved => "resolved",
        NexthopState::Unresolved => "unresolved",
        NexthopState::NoRoute => "no route",
    };
    let start = [vtep.address.to_string(), state.to_owned()];
    if vtep.paths.is_empty() {
        table.row(start.iter().cloned().chain([NONE; 4].map(str::to_owned)));
    }
    for (n, path) in vtep.paths.iter().enumerate() {
        let start = if n == 0 { start.clone() } else { [String::new(), String::new()] };
        let way = [
            path.gateway.to_string(),
            or_none(path.mac.as_ref()),
            or_none(path.port.as_ref()),
            or_none(path.vlan.map(quantity::vlan)),
        ];
        table.row(start.into_iter().chain(way));
    }
}

fn network_row(vtep: &Vtep, network: &VtepNetwork) -> [String; 6] {
    [
        vtep.address.to_string(),
        network.network.clone(),
        network.encapsulation.clone(),
        or_none(network.label.or(network.vni)),
        network.macs.to_string(),
        if network.floods { "a copy of each" } else { "none" }.to_owned(),
    ]
}

pub(super) fn hosts(document: &HostsDocument, narrowed: bool) -> String {
    if document.hosts.is_empty() {
        return if narrowed { "no station that is known fits\n" } else { "no station is known\n" }.to_owned();
    }
    let mut table = Table::new(&["NETWORK", "MAC", "IP ADDRESSES", "WHERE", "PORT", "VLAN", "ORIGIN"]);
    for host in &document.hosts {
        table.row(host_row(host));
    }
    table.to_string() + &left_out(document.hosts.len(), document.total)
}

fn host_row(host: &Host) -> [String; 7] {
    let place = match &host.at {
        FdbWhere::Vif(name) => format!("VMI {name}"),
        FdbWhere::Vtep(address) => format!("VTEP {address}"),
    };
    let origin = match host.origin {
        FdbOrigin::Config => "config",
        FdbOrigin::Static => "static",
        FdbOrigin::Learned => "learned",
        FdbOrigin::Bgp => "bgp",
    };
    [
        host.network.clone(),
        host.mac.clone(),
        some_of(&host.ips, LISTED_MAX),
        place,
        or_none(host.port.as_ref()),
        or_none(host.vlan.map(|vlan| quantity::vlans_of(vlan, host.inner_vlan))),
        origin.to_owned(),
    ]
}
