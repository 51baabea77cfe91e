//! The shape of the network file.

use super::{Mapping, RawObject};
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;
use std::marker::PhantomData;

raw_object! {
    /// The network file.
    RawNetwork {
        version: String,
        global_vrouter_config: RawGlobal,
        physical_routers: Vec<RawPhysicalRouter>,
        physical_interfaces: Vec<RawPhysicalInterface>,
        virtual_networks: Vec<RawVirtualNetwork>,
        virtual_machine_interfaces: Vec<RawVmi>,
        instance_ips: Vec<RawInstanceIp>,
        logical_interfaces: Vec<RawLogicalInterface>,
        static_reachability: Vec<RawReachability>,
    }
}
raw_object! {
    /// `global_vrouter_config`.
    RawGlobal { encapsulation_priorities: Vec<String>, vxlan_network_identifier_mode: String, }
}
raw_object! {
    /// One of `physical_routers`.
    RawPhysicalRouter { name: String, }
}
raw_object! {
    /// One of `physical_interfaces`.
    RawPhysicalInterface { name: String, physical_router: String, }
}
raw_object! {
    /// One of `virtual_networks`.
    RawVirtualNetwork {
        name: String,
        vxlan_network_identifier: String,
        virtual_network_network_id: String,
        flood_unknown_unicast: String,
        layer2_control_word: String,
        mpls_label: String,
        forwarding_mode: String,
        ipam_subnets: Vec<RawIpamSubnet>,
        arp_suppression: String,
        storm_control: RawStormControl,
        bpdu_network: String,
        bpdu_groups: Vec<String>,
        bpdu_pvst: String,
        transparent: String,
        mac_learning_enabled: String,
        mac_aging_time: String,
        mac_limit_control: RawMacLimit,
        mac_move_control: RawMacMove,
    }
}
raw_object! {
    /// `mac_limit_control` of a virtual network or a VMI.
    RawMacLimit { mac_limit: String, mac_limit_action: String, }
}
raw_object! {
    /// `mac_move_control` of a virtual network.
    RawMacMove { mac_move_limit: String, mac_move_time_window: String, mac_move_limit_action: String, }
}
raw_object! {
    /// One of `ipam_subnets`.
    RawIpamSubnet { subnet: String, default_gateway: String, dns_server_address: String, }
}
raw_object! {
    /// `storm_control` of a virtual network or a VMI.
    RawStormControl { broadcast_pps: String, unknown_unicast_pps: String, multicast_pps: String, }
}
raw_object! {
    /// One of `virtual_machine_interfaces`.
    RawVmi {
        name: String,
        virtual_network: String,
        mac_address: String,
        allowed_address_pairs: Vec<RawAddressPair>,
        id_perms: RawIdPerms,
        storm_control: RawStormControl,
        mac_limit_control: RawMacLimit,
    }
}
raw_object! {
    /// One of `allowed_address_pairs`.
    RawAddressPair { mac: String, ip: String, }
}
raw_object! {
    /// `id_perms` of a VMI.
    RawIdPerms { enable: String, }
}
raw_object! {
    /// One of `instance_ips`.
    RawInstanceIp { name: String, virtual_machine_interface: String, instance_ip_address: String, }
}
raw_object! {
    /// One of `logical_interfaces`.
    RawLogicalInterface {
        name: String,
        physical_interface: String,
        logical_interface_vlan_tag: String,
        logical_interface_inner_vlan_tag: String,
        virtual_machine_interfaces: Vec<String>,
    }
}
raw_object! {
    /// One of `static_reachability`.
    RawReachability {
        virtual_network: String,
        vtep: String,
        flood: String,
        encapsulations: Vec<String>,
        mpls_label: String,
        mac_addresses: Vec<String>,
        mac_labels: Vec<RawMacLabel>,
        physical_router: String,
    }
}
raw_object! {
    /// One of `mac_labels`.
    RawMacLabel { mac: String, label: String, }
}
