//! Settings of an interface that only /proc/sys has. Best effort: in many containers it is read-only.

/// What every host interface gets.
///
/// The kernel shall not configure itself by the answers of IPv6 routers, and use an address at once: the port's link is
/// up before anybody could ask whether the address is taken. Addresses outlive the interface being set down. When a
/// former address goes, an operator's addresses of the same subnet shall not go with it. A route by a port without link
/// gives way to the next best, for the host as for the overlay.
const SETTINGS: [(&str, &str, &str); 8] = [
    ("ipv6", "accept_ra", "0"),
    ("ipv6", "router_solicitations", "0"),
    ("ipv6", "accept_dad", "0"),
    ("ipv6", "dad_transmits", "0"),
    ("ipv6", "keep_addr_on_down", "1"),
    ("ipv6", "ignore_routes_with_linkdown", "1"),
    ("ipv4", "ignore_routes_with_linkdown", "1"),
    ("ipv4", "promote_secondaries", "1"),
];

/// Settles the interface. `ipv6`: it is to have IPv6 addresses. `several`: it is not the only one.
pub(crate) fn settle(name: &str, ipv6: bool, several: bool) {
    if ipv6 && lacks_ipv6(name) {
        set(name, "ipv6", "disable_ipv6", "0");
    }
    for (family, setting, value) in SETTINGS {
        set(name, family, setting, value);
    }
    // What the fabric sends to an address of ours may come by the other port than the one that leads back (RFC 3704).
    if several && read(name, "ipv4", "rp_filter").as_deref() == Some("1") {
        set(name, "ipv4", "rp_filter", "2");
    }
}

/// Whether the kernel takes no IPv6 address for the interface.
pub(crate) fn lacks_ipv6(name: &str) -> bool {
    read(name, "ipv6", "disable_ipv6").as_deref() != Some("0")
}

fn path(name: &str, family: &str, setting: &str) -> String {
    format!("/proc/sys/net/{family}/conf/{name}/{setting}")
}

fn read(name: &str, family: &str, setting: &str) -> Option<String> {
    std::fs::read_to_string(path(name, family, setting)).ok().map(|text| text.trim().to_owned())
}

fn set(name: &str, family: &str, setting: &str, value: &str) {
    let path = path(name, family, setting);
    if let Err(error) = std::fs::write(&path, value) {
        tracing::debug!(path, value, %error, "setting left as it is");
    }
}
