//! Raw to model: what a virtual network is beside a flat layer 2 one: its forwarding mode, its subnets with the addresses of
//! its gateway, and the rules that need the whole network: nobody else has these addresses, or the gateway's MAC.

use std::net::IpAddr;

use hashbrown::HashMap;
use wire::MacAddr;

use super::errors::Problems;
use super::network::{Reading, whole};
use super::network_model::{ForwardingMode, IpPrefix, IpamSubnet, NetworkModel, VirtualNetworkIndex};
use super::object::Object;
use super::place::Place;
use super::problem::{Excerpt, Problem};
use super::raw::{RawIpamSubnet, RawNetwork, RawVirtualNetwork};
use super::value::{self, Judged};

impl Reading<'_> {
    pub(super) fn ipam_subnets(&mut self, network: Object<'_>, raw: &RawVirtualNetwork) -> Option<Vec<IpamSubnet>> {
        let subnets = network.list("ipam_subnets", &raw.ipam_subnets);
        let subnets = subnets.map(|(spot, raw)| self.ipam_subnet(Object::new(spot, "an IPAM subnet"), raw)).collect();
        let subnets = whole(subnets)?;
        self.refuse_overlaps(&subnets);
        Some(subnets)
    }

    fn ipam_subnet(&mut self, at: Object<'_>, raw: &RawIpamSubnet) -> Option<IpamSubnet> {
        at.refuse_unknown::<RawIpamSubnet>(self.problems, &raw.unknown);
        let subnet = at.required(self.problems, "subnet", &raw.subnet, value::prefix);
        let inside = |key: &'static str, text: &str| in_subnet(key, text, subnet);
        let gateway = at.optional(self.problems, "default_gateway", &raw.default_gateway, inside);
        let service = at.optional(self.problems, "dns_server_address", &raw.dns_server_address, inside);
        let (subnet, default_gateway, dns_server_address) = (subnet?, gateway?, service?);
        if let Some(address) = dns_server_address.filter(|_| dns_server_address == default_gateway) {
            self.problems.add(at.place_of("dns_server_address"), Problem::ServiceIsGateway { address });
        }
        Some(IpamSubnet { subnet, default_gateway, dns_server_address, place: at.place() })
    }

    fn refuse_overlaps(&mut self, subnets: &[IpamSubnet]) {
        let mut sorted: Vec<&IpamSubnet> = subnets.iter().collect();
        sorted.sort_by_key(|of| (of.subnet.address(), of.subnet.length(), of.place.line, of.place.column));
        // In this order whoever overlaps with an earlier one overlaps with the last that did not.
        let mut before: Option<&IpamSubnet> = None;
        for one in sorted {
            let Some(other) = before.filter(|other| other.subnet.covers(one.subnet.address())) else {
                before = Some(one);
                continue;
            };
            let text = |of: &IpamSubnet| Excerpt::new(&of.subnet.to_string());
            let (subnet, other, first) = (text(one), text(other), other.place.clone());
            self.problems.add(one.place.clone(), Problem::OverlappingSubnets { subnet, other, first });
        }
    }
}

/// An address for the gateway: a host's in its subnet.
fn in_subnet(key: &'static str, text: &str, subnet: Option<IpPrefix>) -> Judged<IpAddr> {
    let address = value::ip_host(key, text)?;
    // Without one there is a problem already.
    let Some(subnet) = subnet else { return Ok(address) };
    if !subnet.covers(address) {
        let subnet = Excerpt::new(&subnet.to_string());
        return Err(Problem::OutsideSubnet { key, address, subnet });
    }
    match value::edge(address, subnet.address(), subnet.length(), &value::SUBNET) {
        Some(what) => Err(Problem::NotAHost { key, value: Excerpt::new(text), what }),
        None => Ok(address),
    }
}

pub(super) fn forwarding_mode(key: &'static str, text: &str) -> Judged<ForwardingMode> {
    match text {
        "l2_l3" => Ok(ForwardingMode::L2L3),
        "l2" => Ok(ForwardingMode::L2),
        "l3" => {
            let expected = "l2_l3 or l2, since routing is not there yet";
            Err(Problem::ValueNotSupportedYet { key, value: Excerpt::new(text), expected })
        }
        _ => Err(Problem::Choice { key, value: Excerpt::new(text), expected: "l2_l3 or l2" }),
    }
}

/// The addresses of each network's gateway, and where they stand.
type Gateways<'n> = HashMap<(VirtualNetworkIndex, IpAddr), &'n Place>;

/// Checks that no instance of a network has what is its gateway's; `file` and `raw` are what it was read from.
pub(super) fn check(network: &NetworkModel, file: Object<'_>, raw: &RawNetwork, problems: &mut Problems) {
    let gateways = gateways(network);
    for (ip, (spot, _)) in network.instance_ips.iter().zip(file.list("instance_ips", &raw.instance_ips)) {
        let at = Object::new(spot, "an instance IP");
        let of = network[ip.vmi].virtual_network;
        refuse_address(&gateways, of, ip.address, at, "instance_ip_address", problems);
    }
    let vmis = file.list("virtual_machine_interfaces", &raw.virtual_machine_interfaces);
    for (vmi, (spot, raw)) in network.virtual_machine_interfaces.iter().zip(vmis) {
        let at = Object::new(spot, "a virtual machine interface");
        let of = vmi.virtual_network;
        refuse_mac(network, of, vmi.mac, at.place_of("mac_address"), "mac_address", problems);
        let pairs = at.list("allowed_address_pairs", &raw.allowed_address_pairs);
        for (pair, (spot, raw)) in vmi.allowed_address_pairs.iter().zip(pairs) {
            let at = Object::new(spot, "an allowed address pair");
            if raw.mac.is_some() {
                refuse_mac(network, of, pair.mac, at.place_of("mac"), "mac", problems);
            }
            if let Some(address) = pair.ip.and_then(IpPrefix::host) {
                refuse_address(&gateways, of, address, at, "ip", problems);
            }
        }
    }
}

fn gateways(network: &NetworkModel) -> Gateways<'_> {
    let networks = network.virtual_networks.iter().enumerate();
    let subnets = networks.flat_map(|(n, of)| of.ipam_subnets.iter().map(move |subnet| (n, subnet)));
    let addresses = subnets.flat_map(|(n, subnet)| {
        subnet.addresses().map(move |address| ((VirtualNetworkIndex::at(n), address), &subnet.place))
    });
    addresses.collect()
}

fn refuse_address(
    gateways: &Gateways<'_>,
    network: VirtualNetworkIndex,
    address: IpAddr,
    at: Object<'_>,
    key: &'static str,
    problems: &mut Problems,
) {
    if let Some(first) = gateways.get(&(network, address)) {
        problems.add(at.place_of(key), Problem::AddressOfGateway { key, address, first: (*first).clone() });
    }
}

/// Reports a station's MAC that is the gateway's, in a network that has one.
pub(super) fn refuse_mac(
    network: &NetworkModel,
    of: VirtualNetworkIndex,
    mac: MacAddr,
    place: Place,
    key: &'static str,
    problems: &mut Problems,
) {
    if mac == MacAddr::VIRTUAL_ROUTER && network[of].forwarding_mode == ForwardingMode::L2L3 {
        problems.add(place, Problem::MacOfGateway { key, mac });
    }
}
