//! Raw to model: the fabric section of the node file.

use std::net::IpAddr;

use hashbrown::HashMap;

use super::errors::Problems;
use super::name::InterfaceName;
use super::network_model::IpPrefix;
use super::node_model::{FabricModel, FabricRoute, SourceCheck};
use super::object::Object;
use super::place::Place;
use super::problem::{Excerpt, Problem};
use super::raw::{RawFabric, RawNode, RawRoute};
use super::value::{self, Judged};

/// An own address, the length of its prefix, and where it stands.
type Own = (IpAddr, u8, Place);

/// Reads the section; the addresses of the ports count among ours.
pub(super) fn read(
    node: Object<'_>,
    raw_node: &RawNode,
    raw: &RawFabric,
    problems: &mut Problems,
) -> Option<FabricModel> {
    let fabric = node.section("fabric", "fabric");
    fabric.refuse_unknown::<RawFabric>(problems, &raw.unknown);
    let address = fabric.optional(problems, "address", &raw.address, value::own_address_v4);
    let address_v6 = fabric.optional(problems, "address_v6", &raw.address_v6, value::own_address_v6);
    if raw.address.is_none() && raw.address_v6.is_none() {
        problems.add(fabric.place(), Problem::NoFabricAddress);
    }
    let host_interface: Option<Option<InterfaceName>> =
        fabric.optional(problems, "host_interface", &raw.host_interface, value::name);
    let vlan = fabric.optional(problems, "vlan", &raw.vlan, value::fabric_vlan);
    let dont_fragment = fabric.or(problems, "dont_fragment", &raw.dont_fragment, true, value::boolean);
    let source_check = fabric.or(problems, "source_check", &raw.source_check, SourceCheck::Known, source_check);
    let (tx, rx) = ("udp6_zero_checksum_tx", "udp6_zero_checksum_rx");
    let tx = fabric.or(problems, tx, &raw.udp6_zero_checksum_tx, false, value::boolean);
    let rx = fabric.or(problems, rx, &raw.udp6_zero_checksum_rx, false, value::boolean);
    let dscp = dscp(fabric, raw, problems);
    let own = own_addresses(node, fabric, raw_node, raw, problems);
    // A broken address is an error already; next hops are then not held against those that are left.
    let own = (address.is_some() && address_v6.is_some()).then_some(own);
    let routes = routes(fabric, raw, own, problems);
    Some(FabricModel {
        address: address?,
        address_v6: address_v6?,
        host_interface: host_interface?,
        vlan: vlan?,
        routes: routes?,
        dont_fragment: dont_fragment?,
        source_check: source_check?,
        udp6_zero_checksum_tx: tx?,
        udp6_zero_checksum_rx: rx?,
        dscp: dscp?,
        place: fabric.place_of("address"),
        place_v6: fabric.place_of("address_v6"),
        place_dscp: fabric.place_of("dscp"),
    })
}

fn source_check(key: &'static str, text: &str) -> Judged<SourceCheck> {
    match text {
        "strict" => Ok(SourceCheck::Strict),
        "known" => Ok(SourceCheck::Known),
        "any" => Ok(SourceCheck::Any),
        _ => Err(Problem::Choice { key, value: Excerpt::new(text), expected: "strict, known or any" }),
    }
}

/// The table at PCP * 2 + DEI; of eight values each stands for both DEI.
fn dscp(fabric: Object<'_>, raw: &RawFabric, problems: &mut Problems) -> Option<[u8; 16]> {
    let mut values = Vec::new();
    for (spot, text) in fabric.list("dscp", &raw.dscp) {
        let value: Judged<u8> = value::number(0, 63)("dscp", text);
        values.push(value.map_err(|problem| problems.add(spot.place(), problem)).ok());
    }
    let each = match (&raw.dscp, values.len()) {
        (None, _) => return Some([0; 16]),
        (_, 8) => 2,
        (_, 16) => 1,
        (_, found) => {
            problems.add(fabric.place_of("dscp"), Problem::DscpCount { found });
            return None;
        }
    };
    let values: Vec<u8> = values.into_iter().collect::<Option<_>>()?;
    Some(std::array::from_fn(|n| values[n / each]))
}

/// Our addresses in the fabric that are right, none of which may stand twice.
fn own_addresses(
    node: Object<'_>,
    fabric: Object<'_>,
    raw_node: &RawNode,
    raw: &RawFabric,
    problems: &mut Problems,
) -> Vec<Own> {
    let mut texts: Vec<(&'static str, &str, Place)> = Vec::new();
    for (key, text) in [("address", &raw.address), ("address_v6", &raw.address_v6)] {
        texts.extend(text.iter().map(|text| (key, text.as_str(), fabric.place_of(key))));
    }
    for (spot, raw) in node.list("ports", &raw_node.ports) {
        let port = Object::new(spot, "a port");
        texts.extend(port.values("address", &raw.address).map(|(spot, text)| ("address", text.as_str(), spot.place())));
    }
    let mut firsts: HashMap<IpAddr, Place> = HashMap::new();
    let mut own = Vec::new();
    for (key, text, place) in texts {
        let Ok((address, length)) = value::own_address(key, text) else { continue };
        if key == "address_v6" && address.is_ipv4() {
            continue;
        }
        if let Some(first) = firsts.insert(address, place.clone()) {
            problems.add(place.clone(), Problem::DuplicateOwnAddress { address, first });
        }
        own.push((address, length, place));
    }
    own
}

fn routes(
    fabric: Object<'_>,
    raw: &RawFabric,
    own: Option<Vec<Own>>,
    problems: &mut Problems,
) -> Option<Vec<FabricRoute>> {
    let read = |(spot, raw)| route(Object::new(spot, "a route"), raw, problems);
    let routes: Vec<Option<FabricRoute>> = fabric.list("routes", &raw.routes).map(read).collect();
    let mut seen = HashMap::new();
    for route in routes.iter().flatten() {
        if let Some(first) = seen.insert((route.to, route.to_len, route.via), route.place.clone()) {
            let to = Excerpt::new(&format!("{}/{}", route.to, route.to_len));
            problems.add(route.place.clone(), Problem::DuplicateRoute { to, via: route.via, first });
        }
        let off_link = own.as_ref().and_then(|own| off_link(route, own, fabric));
        if let Some(problem) = off_link {
            problems.add(route.place.clone(), problem);
        }
    }
    routes.into_iter().collect()
}

/// What is wrong with a next hop that is not another host in the prefix of an own address.
fn off_link(route: &FabricRoute, own: &[Own], fabric: Object<'_>) -> Option<Problem> {
    let via = route.via;
    let is_own = own.iter().any(|(address, ..)| *address == via);
    if !is_own && own.iter().any(|(address, length, _)| value::same_prefix(via, *address, *length)) {
        return None;
    }
    let family: Vec<&Own> = own.iter().filter(|(address, ..)| address.is_ipv4() == via.is_ipv4()).collect();
    let Some((_, _, first)) = family.first() else {
        return Some(Problem::NoAddressOfFamily { key: "via", address: via, node: fabric.place() });
    };
    let prefixes: Vec<String> = family.iter().map(|(address, length, _)| format!("{address}/{length}")).collect();
    Some(Problem::NextHopOffLink { via, prefix: Excerpt::new(&prefixes.join(" or ")), first: first.clone() })
}

fn route(route: Object<'_>, raw: &RawRoute, problems: &mut Problems) -> Option<FabricRoute> {
    route.refuse_unknown::<RawRoute>(problems, &raw.unknown);
    let to = route.required(problems, "to", &raw.to, value::prefix);
    let via = route.required(problems, "via", &raw.via, value::fabric_host);
    let (to, via): (IpPrefix, IpAddr) = (to?, via?);
    if to.address().is_ipv4() != via.is_ipv4() {
        let to = Excerpt::new(&to.to_string());
        problems.add(route.place_of("via"), Problem::RouteOfTwoFamilies { to, via });
        return None;
    }
    Some(FabricRoute { to: to.address(), to_len: to.length(), via, place: route.place() })
}
