//! Reads one object of the raw tree: each key once, with its place at hand when it is wrong.

use super::errors::Problems;
use super::outline::Spot;
use super::place::Place;
use super::problem::{Excerpt, Problem};
use super::raw::{RawObject, RawValues};
use super::value::Judged;

/// An object's place and kind. Methods answer `None` after they have reported a problem, so that the rest of the object
/// is still read and its own problems found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Object<'o> {
    pub(super) spot: Spot<'o>,
    /// For messages, with its article: `a port`.
    kind: &'static str,
}

/// Attributes of the Contrail schema that Causeway does not serve yet; ignoring them silently would change what the
/// operator asked for.
const NOT_YET: &[(&str, &[&str])] = &[
    (
        "the network file",
        &[
            "access_control_lists",
            "bgp_routers",
            "bgpvpns",
            "bridge_domains",
            "floating_ips",
            "health_checks",
            "interface_route_tables",
            "link_aggregation_groups",
            "logical_routers",
            "network_ipams",
            "network_policies",
            "physical_router_interfaces",
            "qos_configs",
            "route_tables",
            "routing_instances",
            "security_groups",
            "service_instances",
            "subnets",
            "virtual_port_groups",
            "virtual_routers",
        ],
    ),
    (
        "global_vrouter_config",
        &[
            "ecmp_hashing_include_fields",
            "enable_security_logging",
            "flow_aging_timeout_list",
            "flow_export_rate",
            "forwarding_mode",
            "linklocal_services",
            "port_translation_pools",
        ],
    ),
    (
        "a physical router",
        &[
            "physical_router_dataplane_ip",
            "physical_router_loopback_ip",
            "physical_router_management_ip",
            "physical_router_role",
            "virtual_router_refs",
        ],
    ),
    (
        "a physical interface",
        &[
            "ethernet_segment_identifier",
            "physical_interface_flow_control",
            "physical_interface_mac_addresses",
            "physical_interface_mtu",
            "physical_interface_type",
        ],
    ),
    (
        "a virtual network",
        &[
            "address_allocation_mode",
            "bgpvpn_refs",
            "bridge_domains",
            "ecmp_hashing_include_fields",
            "export_route_target_list",
            "external_ipam",
            "fabric_snat",
            "igmp_enable",
            "import_route_target_list",
            "is_provider_network",
            "is_shared",
            "max_flow_rate",
            "max_flows",
            "mirror_destination",
            "multi_policy_service_chains_enabled",
            "network_ipam_refs",
            "network_policy_refs",
            "pbb_etree_enable",
            "pbb_evpn_enable",
            "port_security_enabled",
            "provider_properties",
            "qos_config_refs",
            "route_table_refs",
            "route_target_list",
            "router_external",
            "virtual_network_category",
            "virtual_network_properties",
        ],
    ),
    (
        "an IPAM subnet",
        &[
            "addr_from_start",
            "alloc_unit",
            "allocation_pools",
            "dhcp_option_list",
            "dns_nameservers",
            "enable_dhcp",
            "host_routes",
            "subnet_name",
            "subnet_uuid",
        ],
    ),
    (
        "a virtual machine interface",
        &[
            "bgp_as_a_service",
            "bridge_domain_refs",
            "ecmp_hashing_include_fields",
            "igmp_enable",
            "interface_route_table_refs",
            "port_security_enabled",
            "port_tuple_refs",
            "qos_config_refs",
            "routing_instance_refs",
            "security_group_refs",
            "security_logging_object_refs",
            "service_health_check_refs",
            "virtual_machine_interface_bindings",
            "virtual_machine_interface_device_owner",
            "virtual_machine_interface_dhcp_option_list",
            "virtual_machine_interface_disable_policy",
            "virtual_machine_interface_fat_flow_protocols",
            "virtual_machine_interface_host_routes",
            "virtual_machine_interface_mac_addresses",
            "virtual_machine_interface_properties",
            "virtual_machine_interface_refs",
            "virtual_machine_refs",
            "vlan_tag_based_bridge_domain",
            "vrf_assign_table",
        ],
    ),
    ("an allowed address pair", &["address_mode"]),
    (
        "an instance IP",
        &[
            "instance_ip_family",
            "instance_ip_local_ip",
            "instance_ip_mode",
            "instance_ip_secondary",
            "instance_ip_subscriber_tag",
            "secondary_ip_tracking_ip",
            "service_health_check_ip",
            "service_instance_ip",
            "subnet_uuid",
        ],
    ),
    ("a logical interface", &["logical_interface_port_params", "logical_interface_type"]),
];

impl<'o> Object<'o> {
    pub(super) fn new(spot: Spot<'o>, kind: &'static str) -> Self {
        Self { spot, kind }
    }

    pub(super) fn place(self) -> Place {
        self.spot.place()
    }

    /// The place of a key's value; the object's if the key is absent.
    pub(super) fn place_of(self, key: &str) -> Place {
        self.spot.key(key).unwrap_or(self.spot).place()
    }

    /// The place of a key; the object's if the key is absent.
    pub(super) fn key_place(self, key: &str) -> Place {
        self.spot.key(key).map_or_else(|| self.place(), Spot::key_place)
    }

    /// The object below a key, for a section.
    pub(super) fn section(self, key: &str, kind: &'static str) -> Self {
        Self { spot: self.spot.key(key).unwrap_or(self.spot), kind }
    }

    /// The elements of the list below a key, each with its place, in step with the raw list.
    pub(super) fn list<'r, T>(self, key: &str, raw: &'r Option<Vec<T>>) -> impl Iterator<Item = (Spot<'o>, &'r T)> {
        let spots = self.spot.key(key).into_iter().flat_map(Spot::children).map(Some);
        let spot = self.spot;
        let mut spots = spots.chain(std::iter::repeat(None));
        raw.iter().flatten().map(move |element| (spots.next().flatten().unwrap_or(spot), element))
    }

    /// The values below a key that takes one value or a list, each with its place.
    pub(super) fn values<'r>(
        self,
        key: &str,
        raw: &'r Option<RawValues>,
    ) -> impl Iterator<Item = (Spot<'o>, &'r String)> {
        let at = self.spot.key(key).unwrap_or(self.spot);
        let mut spots = at.children();
        raw.iter().flat_map(|values| &values.0).map(move |text| (spots.next().unwrap_or(at), text))
    }

    /// Reports the keys that the schema does not have.
    pub(super) fn refuse_unknown<R: RawObject>(self, problems: &mut Problems, unknown: &[String]) {
        for name in unknown {
            if problems.is_full() {
                // Looking for the place of each of very many keys would take quadratic time.
                problems.leave_out();
                continue;
            }
            let place = self.spot.key(name).unwrap_or(self.spot).key_place();
            let not_yet = NOT_YET.iter().any(|(kind, keys)| *kind == self.kind && keys.contains(&name.as_str()));
            let (key, object) = (Excerpt::new(name), self.kind);
            problems.add(
                place,
                if not_yet {
                    Problem::KeyNotSupportedYet { key, object }
                } else {
                    Problem::UnknownKey { key, object, expected: R::KEYS }
                },
            );
        }
    }

    /// A value that must be there.
    pub(super) fn required<T>(
        self,
        problems: &mut Problems,
        key: &'static str,
        raw: &Option<String>,
        judge: impl Fn(&'static str, &str) -> Judged<T>,
    ) -> Option<T> {
        match raw {
            Some(_) => self.optional(problems, key, raw, judge).flatten(),
            None => {
                problems.add(self.place(), Problem::MissingKey { key, object: self.kind });
                None
            }
        }
    }

    /// A value that may be absent: `Some(None)` then.
    pub(super) fn optional<T>(
        self,
        problems: &mut Problems,
        key: &'static str,
        raw: &Option<String>,
        judge: impl Fn(&'static str, &str) -> Judged<T>,
    ) -> Option<Option<T>> {
        let Some(text) = raw else { return Some(None) };
        match judge(key, text) {
            Ok(value) => Some(Some(value)),
            Err(problem) => {
                problems.add(self.place_of(key), problem);
                None
            }
        }
    }

    /// A value with a default.
    pub(super) fn or<T>(
        self,
        problems: &mut Problems,
        key: &'static str,
        raw: &Option<String>,
        default: T,
        judge: impl Fn(&'static str, &str) -> Judged<T>,
    ) -> Option<T> {
        self.optional(problems, key, raw, judge).map(|value| value.unwrap_or(default))
    }

    /// A section that must be there.
    pub(super) fn required_section<'r, T>(
        self,
        problems: &mut Problems,
        key: &'static str,
        raw: &'r Option<T>,
    ) -> Option<&'r T> {
        if raw.is_none() {
            problems.add(self.place(), Problem::MissingKey { key, object: self.kind });
        }
        raw.as_ref()
    }
}
