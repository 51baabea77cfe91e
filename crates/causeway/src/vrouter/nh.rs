//! `nh`: next hops.

use std::path::Path;

use api::{Network, NexthopState, Vif, Vtep, VtepNetwork, VtepPath};

use super::{Gathered, Nexthop, not_found};
use crate::{
    cli,
    outcome::{Answer, Failure},
    table::printable,
};

/// Columns of a composite's parts before a new line.
const PARTS_COLUMNS: usize = 60;

pub(super) fn run(socket: &Path, arguments: &cli::Nh) -> Result<Answer, Failure> {
    let all = Gathered::ask(socket)?;
    let text = match arguments.get {
        None => list(&all),
        Some(number) => get(&all, number).ok_or_else(|| not_found("next hop", number, "nh --list"))?,
    };
    Answer::new(&all, text, &[])
}

pub(super) fn list(all: &Gathered) -> String {
    printable(&entries(all).into_iter().map(|(_, text)| text).collect::<String>()).into_owned()
}

pub(super) fn get(all: &Gathered, number: u64) -> Option<String> {
    let (_, text) = entries(all).into_iter().find(|(one, _)| *one == number)?;
    Some(printable(&text).into_owned())
}

/// By number.
fn entries(all: &Gathered) -> Vec<(u64, String)> {
    let mut entries = vec![(0, entry(Nexthop::Drop, "Drop", "AF_UNSPEC", 1, 0, "Valid, ", &[]))];
    entries.extend(all.live_vifs().map(|vif| (Nexthop::Vif(vif.index).number(), encap(all, vif))));
    let networks = all.networks.networks.iter();
    entries.extend(networks.map(|network| (Nexthop::Network(network.id).number(), composite(all, network))));
    for vtep in &all.vteps.vteps {
        let mut kinds: Vec<&str> = vtep.networks.iter().map(|network| network.encapsulation.as_str()).collect();
        kinds.sort_unstable();
        kinds.dedup();
        entries.extend(kinds.iter().map(|kind| (Nexthop::tunnel(vtep.id, kind).number(), tunnel(all, vtep, kind))));
    }
    entries.sort_by_key(|(number, _)| *number);
    entries
}

fn entry(
    nexthop: Nexthop,
    kind: &str,
    family: &str,
    references: u64,
    vrf: u64,
    flags: &str,
    lines: &[String],
) -> String {
    let id = nexthop.number();
    let mut text = format!("Id:{id:<9}  Type:{kind:<13}  Fmly:{family:>8}  Rid:0  Ref_cnt:{references:<10} Vrf:{vrf}");
    for line in [&[format!("Flags:{flags}")], lines].concat() {
        text += &format!("\n{:14}{line}", "");
    }
    text + "\n\n"
}

/// To a VMI. Frames are bridged, so there is no header to write.
fn encap(all: &Gathered, vif: &Vif) -> String {
    let lines = [format!("EncapFmly:0806 Oif:{} Len:0", vif.index), "Encap Data: ".to_owned()];
    let references = vif.macs.len() as u64;
    entry(Nexthop::Vif(vif.index), "Encap", "AF_BRIDGE", references, all.vrf(&vif.network), "Valid, ", &lines)
}

/// To every member of a network: its VMIs, and the VTEPs that flood it with the label or VNI that they want.
fn composite(all: &Gathered, network: &Network) -> String {
    let here = all.live_vifs().filter(|vif| vif.network == network.name);
    let here = here.map(|vif| format!(" {}", Nexthop::Vif(vif.index).number()));
    let behind = |vtep: &Vtep| {
        let way = vtep.networks.iter().find(|way| way.network == network.name && way.floods)?;
        let number = Nexthop::tunnel(vtep.id, &way.encapsulation).number();
        Some(way.label.or(way.vni).map_or_else(|| format!(" {number}"), |label| format!(" {number}({label})")))
    };
    let mut lines = vec!["Sub NH(label):".to_owned()];
    let mut columns = 0;
    for part in here.chain(all.vteps.vteps.iter().filter_map(behind)) {
        if columns > PARTS_COLUMNS {
            lines.push(format!("{:14}", ""));
            columns = 0;
        }
        columns += part.len();
        if let Some(line) = lines.last_mut() {
            *line += &part;
        }
    }
    let flags = if network.flood_unknown_unicast { "Valid, Multicast, Unicast Flood, " } else { "Valid, Multicast, " };
    let (nexthop, vrf) = (Nexthop::Network(network.id), u64::from(network.id) + 1);
    entry(nexthop, "Composite", "AF_BRIDGE", 1 + u64::from(network.label.is_some()), vrf, flags, &lines)
}

/// To a VTEP by one encapsulation. Several ways are shown by the first; `show vteps` has all.
fn tunnel(all: &Gathered, vtep: &Vtep, encapsulation: &str) -> String {
    let header = vtep.paths.iter().find_map(|path| header(all, vtep, path));
    let port = vtep.paths.first().and_then(|path| all.port_number(path.port.as_ref()?)).unwrap_or(0);
    let (octets, data) = header.map_or((0, String::new()), |octets| {
        (octets.len(), octets.iter().map(|octet| format!("{octet:02x} ")).collect::<String>())
    });
    let own = all.vteps.own.iter().find(|own| own.is_ipv4() == vtep.address.is_ipv4());
    let own = own.map_or_else(|| "-".to_owned(), ToString::to_string);
    let (family, ends) = match vtep.address.is_ipv4() {
        true => ("AF_INET", format!("Sip:{own} Dip:{}", vtep.address)),
        false => ("AF_INET6", format!("Sip: {own} Dip: {}", vtep.address)),
    };
    let name = if encapsulation == "VXLAN" { "Vxlan" } else { encapsulation };
    let flags = match vtep.state {
        NexthopState::Resolved => format!("Valid, {name}, "),
        NexthopState::Unresolved | NexthopState::NoRoute => format!("{name}, "),
    };
    let carried = vtep.networks.iter().filter(|network| network.encapsulation == encapsulation);
    let references = |network: &VtepNetwork| network.macs + u64::from(network.floods);
    let lines = [format!("Oif:{port} Len:{octets} Data:{data}"), ends];
    let nexthop = Nexthop::tunnel(vtep.id, encapsulation);
    entry(nexthop, "Tunnel", family, carried.map(references).sum(), 0, &flags, &lines)
}

/// The Ethernet header that packets on this way begin with; none while the next hop is not resolved.
fn header(all: &Gathered, vtep: &Vtep, path: &VtepPath) -> Option<Vec<u8>> {
    let port = all.ports.ports.iter().find(|port| Some(&port.name) == path.port.as_ref())?;
    let mut octets = [mac(path.mac.as_ref()?)?, mac(&port.mac)?].concat();
    if let Some(vlan) = path.vlan {
        octets.extend([0x81, 0x00]);
        octets.extend(vlan.to_be_bytes());
    }
    octets.extend(if vtep.address.is_ipv4() { [0x08, 0x00] } else { [0x86, 0xdd] });
    Some(octets)
}

fn mac(text: &str) -> Option<[u8; 6]> {
    let octets: Vec<u8> = text.split(':').map(|octet| u8::from_str_radix(octet, 16)).collect::<Result<_, _>>().ok()?;
    octets.try_into().ok()
}
