//! `rt`: bridge tables.

use std::path::Path;

use api::{FdbDocument, FdbEntry, FdbQuery, FdbWhere, Network, Response, Show};

use super::{Gathered, Nexthop, not_found, part};
use crate::{
    cli,
    outcome::{Answer, Failure},
};

const BROADCAST: &str = "ff:ff:ff:ff:ff:ff";

pub(super) fn run(socket: &Path, arguments: &cli::Rt) -> Result<Answer, Failure> {
    let all = Gathered::ask(socket)?;
    let vrf = arguments.action.dump.or(arguments.vrf).unwrap_or(0);
    let network = all.networks.networks.iter().find(|network| Some(network.id) == vrf.checked_sub(1));
    let Some(network) = network else {
        return Err(not_found("VRF of a virtual network", vrf, "vif --list"));
    };
    let query =
        FdbQuery { network: Some(network.name.clone()), mac: arguments.action.get.clone(), ..FdbQuery::default() };
    let fdb = part(socket, Show::Fdb(query), |response| match response {
        Response::Fdb(document) => Some(document),
        _ => None,
    })?;
    if let Some(mac) = arguments.action.get.as_ref().filter(|mac| fdb.entries.is_empty() && *mac != BROADCAST) {
        return Err(not_found("MAC address", mac, &format!("rt --dump {vrf}")));
    }
    let wanted = |mac: &str| arguments.action.get.as_deref().is_none_or(|only| only == mac);
    Answer::new(&fdb, text(&all, network, &fdb, wanted(BROADCAST)), &[])
}

/// The broadcast address is no station: it leads to every member of the network.
pub(super) fn text(all: &Gathered, network: &Network, fdb: &FdbDocument, broadcast: bool) -> String {
    let mut text = format!(
        "Flags: L=Label Valid\nvRouter bridge table 0/{}\n\
         Index       DestMac                  Flags           Label/VNID      Nexthop           Stats\n",
        u64::from(network.id) + 1
    );
    if broadcast {
        text += &row(0, BROADCAST, None, Nexthop::Network(network.id));
    }
    for (index, entry) in (1..).zip(&fdb.entries) {
        let (nexthop, label) = destination(all, network, entry);
        text += &row(index, &entry.mac, label, nexthop);
    }
    text
}

fn destination(all: &Gathered, network: &Network, entry: &FdbEntry) -> (Nexthop, Option<u32>) {
    match &entry.at {
        FdbWhere::Vif(name) => {
            let vif = all.live_vifs().find(|vif| vif.name == *name);
            (vif.map_or(Nexthop::Drop, |vif| Nexthop::Vif(vif.index)), None)
        }
        FdbWhere::Vtep(address) => {
            let vtep = all.vteps.vteps.iter().find(|vtep| vtep.address == *address);
            let encapsulation = entry.encapsulation.as_deref().unwrap_or("VXLAN");
            let nexthop = vtep.map_or(Nexthop::Drop, |vtep| Nexthop::tunnel(vtep.id, encapsulation));
            (nexthop, entry.label.or_else(|| (encapsulation == "VXLAN").then_some(network.vni)))
        }
    }
}

/// Octets of a MAC address stand without leading zeros, as the C library prints them.
fn row(index: u64, mac: &str, label: Option<u32>, nexthop: Nexthop) -> String {
    let short = |octet: &str| octet.strip_prefix('0').filter(|rest| !rest.is_empty()).unwrap_or(octet).to_owned();
    let mac: String = mac.split(':').map(short).collect::<Vec<_>>().join(":");
    let flags = if label.is_some() { "L" } else { "" };
    let label = label.map_or_else(|| "-".to_owned(), |label| label.to_string());
    format!("{index:<12}{mac:<20} {flags:>9}{:11} {label:>9}{:6}{:>7}{:4}{:>12}\n", "", "", nexthop.number(), "", 0)
}
