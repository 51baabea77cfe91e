use crate::namespace::{in_namespace, ip};
use control::underlay::{ConfiguredRoute, IpPrefix};
use netlink::{
    HostInterfaceConfig, HostInterfaces, InterfaceAddress, NetlinkError, Tap, kernel_side_address, set_link_address,
};
use rustix::thread::{CapabilitySet, capabilities, set_capabilities};
use std::net::IpAddr;
use wire::MacAddr;

pub(crate) const MAC: MacAddr = MacAddr::new([0x02, 0, 0, 0, 0, 0x01]);

fn ip_address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// `to` as PREFIX/LENGTH.
pub(crate) fn route(to: &str, via: &str, interface: usize) -> ConfiguredRoute {
    let (address, len) = to.split_once('/').expect("a prefix has a slash");
    let to = IpPrefix::covering(ip_address(address), len.parse().expect("a length")).expect("a legal length");
    ConfiguredRoute { to, via: ip_address(via), interface }
}

fn address(text: &str, prefix_len: u8) -> InterfaceAddress {
    InterfaceAddress { address: ip_address(text), prefix_len }
}

pub(crate) fn config() -> HostInterfaceConfig {
    HostInterfaceConfig { name: "cw-host0".into(), mac: MAC, mtu: 1600, addresses: vec![address("172.16.0.1", 24)] }
}

pub(crate) fn routes() -> Vec<ConfiguredRoute> {
    vec![route("0.0.0.0/0", "172.16.0.254", 0)]
}

/// Two host interfaces, both with addresses of both families.
pub(crate) fn configs() -> [HostInterfaceConfig; 2] {
    let first = vec![address("172.16.0.1", 24), address("fd00::1", 64)];
    let second = vec![address("172.16.1.1", 24), address("fd00:1::1", 64)];
    let (name, mac) = ("cw-host1".into(), MacAddr::new([2, 0, 0, 0, 0, 2]));
    [
        HostInterfaceConfig { addresses: first, ..config() },
        HostInterfaceConfig { name, mac, addresses: second, ..config() },
    ]
}

fn try_set_up(config: &HostInterfaceConfig, routes: &[ConfiguredRoute]) -> Result<(HostInterfaces, Tap), NetlinkError> {
    let (interfaces, mut taps) = HostInterfaces::set_up(std::slice::from_ref(config), routes)?;
    Ok((interfaces, taps.remove(0)))
}

/// The one host interface of [`config`].
pub(crate) fn set_up() -> (HostInterfaces, Tap) {
    try_set_up(&config(), &routes()).expect("root may make a TAP")
}

#[test]
fn the_host_interface_bears_the_port_s_mac_its_mtu_the_address_and_the_routes() {
    in_namespace(|| {
        let (interface, tap) = set_up();
        assert_eq!(tap.name(), "cw-host0");
        let link = ip("-o link show dev cw-host0");
        for expected in ["mtu 1600", "link/ether 02:00:00:00:00:01", ",UP,LOWER_UP>"] {
            assert!(link.contains(expected), "{expected} in: {link}");
        }
        assert!(link.starts_with(&format!("{}:", interface.indices()[0].0)), "{link}");
        assert!(ip("-d link show dev cw-host0").contains("tun type tap pi off vnet_hdr off persist on"));
        let address = ip("-4 addr show dev cw-host0");
        assert!(address.contains("inet 172.16.0.1/24 scope global cw-host0"), "{address}");
        assert!(ip("route show").contains("default via 172.16.0.254 dev cw-host0 proto 202"));
        assert_eq!(std::fs::read_to_string("/proc/sys/net/ipv6/conf/cw-host0/accept_ra").ok().as_deref(), Some("0\n"));
    });
}

#[test]
fn a_restart_takes_the_tap_over_and_touches_only_what_is_ours() {
    in_namespace(|| {
        let first = set_up();
        ip("addr add 192.0.2.1/24 dev cw-host0");
        ip("addr add 172.16.0.7/24 dev cw-host0");
        ip("route add 198.51.100.0/24 via 192.0.2.254");
        drop(first); // as if killed: nothing is cleaned up
        let mut other = config();
        other.addresses = vec![address("172.16.0.2", 24)];
        let other_routes = [route("10.0.0.0/8", "172.16.0.253", 0), route("0.0.0.0/0", "172.16.0.253", 0)];
        let (interface, _tap) = try_set_up(&other, &other_routes).expect("the TAP is free again");
        let addresses = ip("-4 addr show dev cw-host0");
        for expected in ["172.16.0.2/24", "192.0.2.1/24", "172.16.0.7/24"] {
            assert!(addresses.contains(expected), "{expected} in: {addresses}");
        }
        assert!(!addresses.contains("172.16.0.1/24"), "{addresses}");
        let routes = ip("route show");
        for expected in ["default via 172.16.0.253", "10.0.0.0/8 via 172.16.0.253", "198.51.100.0/24 via 192.0.2.254"] {
            assert!(routes.contains(expected), "{expected} in: {routes}");
        }
        assert!(!routes.contains("172.16.0.254"), "{routes}");
        interface.remove_routes().expect("they are ours");
        let routes = ip("route show");
        assert!(!routes.contains("proto 202") && routes.contains("198.51.100.0/24"), "{routes}");
        assert!(ip("-4 addr show dev cw-host0").contains("172.16.0.2/24"), "the address stays");
    });
}

#[test]
fn setting_up_twice_the_same_keeps_the_routes_without_a_gap() {
    in_namespace(|| {
        drop(set_up());
        let (_interface, _tap) = set_up();
        assert_eq!(ip("route show default").lines().count(), 1);
        assert_eq!(ip("-o -4 addr show dev cw-host0").lines().count(), 1);
    });
}

#[test]
fn a_tap_that_is_served_already_is_reported_busy() {
    in_namespace(|| {
        let _served = set_up();
        let error = try_set_up(&config(), &routes()).expect_err("it is served");
        assert!(matches!(error, NetlinkError::TapBusy { .. }), "{error}");
    });
}

#[test]
fn a_name_that_another_kind_of_interface_has_is_refused_and_says_which() {
    in_namespace(|| {
        ip("link add cw-host0 type bridge");
        ip("tuntap add cw-tun0 mode tun");
        for (name, kind) in
            [("cw-host0", "of kind bridge"), ("cw-tun0", "a TUN device"), ("lo", "the loopback interface")]
        {
            let named = HostInterfaceConfig { name: name.into(), ..config() };
            let error = try_set_up(&named, &[]).expect_err(name).to_string();
            assert!(error.contains(name) && error.contains(kind), "{error}");
        }
    });
}

#[test]
fn a_route_by_a_router_that_is_not_on_the_fabric_names_the_route() {
    in_namespace(|| {
        let wrong = [route("10.0.0.0/8", "203.0.113.1", 0)];
        let error = try_set_up(&config(), &wrong).expect_err("the router cannot be reached").to_string();
        assert!(error.contains("10.0.0.0/8 via 203.0.113.1 by cw-host0"), "{error}");
    });
}

#[test]
fn without_the_right_to_it_the_missing_capability_is_named() {
    in_namespace(|| {
        let mut sets = capabilities(None).expect("every thread may ask");
        sets.effective.remove(CapabilitySet::NET_ADMIN);
        set_capabilities(None, sets).expect("every thread may give up a right");
        let error = try_set_up(&config(), &routes()).expect_err("it has no right to");
        assert!(matches!(error, NetlinkError::NoRight { .. }), "{error}");
        assert!(error.to_string().contains("CAP_NET_ADMIN"), "{error}");
    });
}

#[test]
fn the_kernel_side_of_a_port_gets_another_mac() {
    in_namespace(|| {
        let (_interface, _tap) = set_up();
        set_link_address("cw-host0", kernel_side_address(MAC)).expect("a TAP takes another MAC while it is up");
        assert!(ip("link show dev cw-host0").contains(&format!("link/ether {}", kernel_side_address(MAC))));
    });
}
