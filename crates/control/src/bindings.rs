//! Which addresses of a network are known, whose they are, and which of them are answered for.
//!
//! An address is an instance's by `instance_ips`, or by an allowed address pair with a whole address; the gateway has those
//! of the subnets and, where one of them is of IPv6, a link-local one. All instances count that are enabled, wherever they
//! are served. An address that two MACs may have is nobody's for this purpose: only its user knows who has it now.

use crate::config::{IpPrefix, IpamSubnet, NetworkModel, Place, VirtualNetwork, VmiIndex};
use fib::Binding;
use hashbrown::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use wire::{MacAddr, Vni, ipv6};

/// By what an address is somebody's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// `default_gateway` of a subnet.
    Gateway,
    /// `dns_server_address` of a subnet.
    Service,
    /// What the gateway has beside its address in a subnet of IPv6.
    LinkLocal,
    /// `instance_ips`.
    InstanceIp(VmiIndex),
    /// `allowed_address_pairs`.
    AllowedAddressPair(VmiIndex),
}

/// An address and who has it, or may have it.
#[derive(Debug, Clone, Copy)]
#[allow(dead_code, reason = "what it is for, `show bindings` tells")]
pub(crate) struct Claim<'m> {
    pub(crate) address: IpAddr,
    pub(crate) binding: Binding,
    pub(crate) origin: Origin,
    pub(crate) place: &'m Place,
    /// Whether another MAC may have the address too.
    pub(crate) is_shared: bool,
}

/// The claims of every network, in no order.
pub(crate) struct Claims<'m>(HashMap<Vni, Vec<Claim<'m>>>);

impl<'m> Claims<'m> {
    /// All that a model says. Linear in it.
    pub(crate) fn of(model: &'m NetworkModel) -> Self {
        let mut claims = Self(HashMap::new());
        for ip in &model.instance_ips {
            let claim = (ip.address, model[ip.vmi].mac, Origin::InstanceIp(ip.vmi));
            claims.add_instance(model, ip.vmi, claim, &ip.place);
        }
        for (vmi, of) in model.vmis() {
            for pair in &of.allowed_address_pairs {
                if let Some(address) = pair.ip.and_then(IpPrefix::host) {
                    claims.add_instance(model, vmi, (address, pair.mac, Origin::AllowedAddressPair(vmi)), &of.place);
                }
            }
        }
        for of in model.virtual_networks.iter().filter(|of| of.has_gateway()) {
            claims.add_gateway(of);
        }
        claims.mark_shared();
        claims
    }

    /// Those of a network.
    pub(crate) fn of_network(&self, vni: Vni) -> &[Claim<'m>] {
        self.0.get(&vni).map_or(&[], Vec::as_slice)
    }

    /// What is answered for in a network, each address once or by the same binding again.
    pub(crate) fn answered(&self, network: &VirtualNetwork) -> impl Iterator<Item = (IpAddr, Binding)> {
        let answered = self.of_network(network.vni).iter().filter(|claim| claim.is_answered(network));
        answered.map(|claim| (claim.address, claim.binding))
    }

    fn add_instance(
        &mut self,
        model: &NetworkModel,
        vmi: VmiIndex,
        (address, mac, origin): (IpAddr, MacAddr, Origin),
        place: &'m Place,
    ) {
        let of = &model[vmi];
        if of.enabled {
            let claim = Claim { address, binding: Binding::Instance(mac), origin, place, is_shared: false };
            self.0.entry(model[of.virtual_network].vni).or_default().push(claim);
        }
    }

    fn add_gateway(&mut self, network: &'m VirtualNetwork) {
        let claims = self.0.entry(network.vni).or_default();
        for IpamSubnet { default_gateway, dns_server_address, place, .. } in &network.ipam_subnets {
            let own = [(*default_gateway, Origin::Gateway), (*dns_server_address, Origin::Service)];
            let own = own.into_iter().filter_map(|(address, origin)| Some((address?, origin)));
            claims.extend(own.map(|(address, origin)| Claim {
                address,
                binding: Binding::Gateway,
                origin,
                place,
                is_shared: false,
            }));
        }
        let of_v6 = |subnet: &&IpamSubnet| subnet.addresses().any(|address| address.is_ipv6());
        if let Some(IpamSubnet { place, .. }) = network.ipam_subnets.iter().find(of_v6) {
            let (address, origin) = (LINK_LOCAL, Origin::LinkLocal);
            claims.push(Claim { address, binding: Binding::Gateway, origin, place, is_shared: false });
        }
    }

    fn mark_shared(&mut self) {
        for claims in self.0.values_mut() {
            let mut first: HashMap<IpAddr, (Binding, bool)> = HashMap::new();
            for claim in claims.iter() {
                let (binding, is_shared) = first.entry(claim.address).or_insert((claim.binding, false));
                *is_shared |= *binding != claim.binding;
            }
            for claim in claims {
                claim.is_shared = first.get(&claim.address).is_some_and(|(_, is_shared)| *is_shared);
            }
        }
    }
}

impl Claim<'_> {
    /// Whether requests for the address are answered in its network.
    pub(crate) fn is_answered(&self, network: &VirtualNetwork) -> bool {
        let suppresses = network.arp_suppression || self.binding == Binding::Gateway;
        network.has_gateway() && suppresses && !self.is_shared
    }
}

/// The gateway's link-local address in every network: what its MAC makes of it.
pub(crate) const LINK_LOCAL: IpAddr = IpAddr::V6(Ipv6Addr::from_bits(ipv6::link_local(MacAddr::VIRTUAL_ROUTER)));

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{parse_network, parse_node};

    const NODE: &str = "version: 1\nname: gw9\nmode: server\ncores: { workers: [1] }\nports:\n\
        - { name: f, role: fabric, device: 'net_tap0,iface=f' }\n\
        fabric: { address: 172.16.0.1/24, host_interface: host0 }\n";

    /// The addresses that are answered for in network `n`, each with the last octet of its MAC, sorted.
    fn answered(network: &str, vmis: &str) -> Vec<(String, u8)> {
        let node = parse_node(NODE, "node.yaml").expect("a legal node").model;
        let text = format!(
            "version: 1\nvirtual_networks:\n- {{ name: n, vxlan_network_identifier: 5, {network} }}\n\
             - {{ name: other, vxlan_network_identifier: 6 }}\n{vmis}"
        );
        let model = parse_network(&text, "network.yaml", &node).expect("a legal network").model;
        let claims = Claims::of(&model);
        let answered = claims.answered(&model.virtual_networks[0]);
        let mut found: Vec<_> = answered.map(|(ip, who)| (ip.to_string(), who.mac().octets()[5])).collect();
        found.sort();
        found.dedup();
        found
    }

    const VMIS: &str = "virtual_machine_interfaces:\n\
        - { name: a, virtual_network: n, mac_address: 02:00:00:00:00:0a, allowed_address_pairs: [\n\
        { ip: 10.0.0.20/32 }, { mac: 00:00:5e:00:01:07, ip: 10.0.0.21/32 }, { ip: 10.0.0.22/31 }, { ip: 10.0.0.3/32 }] }\n\
        - { name: b, virtual_network: n, mac_address: 02:00:00:00:00:0b, allowed_address_pairs: [\n\
        { ip: 10.0.0.20/32 }, { mac: 00:00:5e:00:01:07, ip: 10.0.0.21/32 }] }\n\
        - { name: off, virtual_network: n, mac_address: 02:00:00:00:00:0c, id_perms: { enable: false } }\n\
        - { name: d, virtual_network: other, mac_address: 02:00:00:00:00:0d }\n\
        instance_ips:\n\
        - { name: i1, virtual_machine_interface: a, instance_ip_address: 10.0.0.2 }\n\
        - { name: i2, virtual_machine_interface: b, instance_ip_address: 10.0.0.3 }\n\
        - { name: i3, virtual_machine_interface: b, instance_ip_address: '2001:db8::b' }\n\
        - { name: i4, virtual_machine_interface: off, instance_ip_address: 10.0.0.4 }\n\
        - { name: i5, virtual_machine_interface: d, instance_ip_address: 10.0.0.5 }\n";

    fn expected(pairs: &[(&str, u8)]) -> Vec<(String, u8)> {
        pairs.iter().map(|(address, mac)| ((*address).to_owned(), *mac)).collect()
    }

    #[test]
    fn addresses_of_enabled_instances_and_whole_pairs_are_known_wherever_they_are_served() {
        // 10.0.0.20 and 10.0.0.3 may be one's or the other's; 10.0.0.21 has one MAC, whoever uses it.
        assert_eq!(answered("", VMIS), expected(&[("10.0.0.2", 0x0a), ("10.0.0.21", 7), ("2001:db8::b", 0x0b)]));
    }

    #[test]
    fn the_gateway_has_its_addresses_of_all_subnets_and_a_link_local_one_with_ipv6() {
        let v4 = "{ subnet: 10.0.0.0/24, default_gateway: 10.0.0.1, dns_server_address: 10.0.0.9 }";
        let gateway = [("10.0.0.1", 0), ("10.0.0.9", 0)];
        assert_eq!(answered(&format!("ipam_subnets: [{v4}]"), ""), expected(&gateway));
        let subnets = format!(
            "ipam_subnets: [{v4}, {{ subnet: '2001:db8::/64', default_gateway: '2001:db8::1' }},\n\
             {{ subnet: '2001:db8:1::/64', default_gateway: '2001:db8:1::1' }}]"
        );
        let both = [gateway[0], gateway[1], ("2001:db8:1::1", 0), ("2001:db8::1", 0), ("fe80::200:5eff:fe00:100", 0)];
        assert_eq!(answered(&subnets, ""), expected(&both));
        assert_eq!(answered(&format!("arp_suppression: false, {subnets}"), VMIS), expected(&both));
        assert_eq!(answered(&format!("forwarding_mode: l2, {subnets}"), VMIS), []);
    }
}
