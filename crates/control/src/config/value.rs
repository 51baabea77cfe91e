//! Texts to values: each function judges one scalar and says what is wrong with it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use wire::{Encapsulation, MacAddr, MplsLabel, Tpid, VlanId, Vni};

use super::name::NameError;
use super::network_model::IpPrefix;
use super::problem::{Excerpt, Problem};

/// What a value function is: key and text in, value or problem out.
pub(super) type Judged<T> = Result<T, Problem>;

/// A decimal number without sign and without leading zeros: in YAML 1.1 a leading zero means octal.
fn decimal(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    plain.then(|| text.parse().ok()).flatten()
}

/// A number from `min` to `max`.
pub(super) fn number<T: TryFrom<u64>>(min: u32, max: u32) -> impl Fn(&'static str, &str) -> Judged<T> {
    move |key, text| {
        let inside = decimal(text).filter(|n| (u64::from(min)..=u64::from(max)).contains(n));
        let value = inside.and_then(|n| T::try_from(n).ok());
        value.ok_or_else(|| Problem::Number { key, value: Excerpt::new(text), min, max })
    }
}

pub(super) fn boolean(key: &'static str, text: &str) -> Judged<bool> {
    match text {
        "true" | "True" | "TRUE" => Ok(true),
        "false" | "False" | "FALSE" => Ok(false),
        _ => Err(Problem::Boolean { key, value: Excerpt::new(text) }),
    }
}

pub(super) fn name<N: FromStr<Err = NameError>>(key: &'static str, text: &str) -> Judged<N> {
    text.parse().map_err(|reason| Problem::Name { key, value: Excerpt::new(text), reason })
}

/// The MAC address of one station.
pub(super) fn station(key: &'static str, text: &str) -> Judged<MacAddr> {
    let mac: MacAddr = text.parse().map_err(|reason| Problem::Mac { key, value: Excerpt::new(text), reason })?;
    match mac {
        MacAddr::ZERO => Err(Problem::ZeroMac { key }),
        mac if mac.is_group() => Err(Problem::GroupMac { key, mac }),
        mac => Ok(mac),
    }
}

fn vlan_from(key: &'static str, text: &str, min: u16, expected: &'static str) -> Judged<VlanId> {
    let id = decimal(text).and_then(|n| u32::try_from(n).ok()).and_then(|n| VlanId::try_from(n).ok());
    let legal = id.filter(|id| id.value() >= min);
    legal.ok_or_else(|| Problem::VlanOutOfRange { key, value: Excerpt::new(text), expected })
}

/// A VLAN of an access port; 0 is untagged.
pub(super) fn vlan(key: &'static str, text: &str) -> Judged<VlanId> {
    vlan_from(key, text, 0, "0 (untagged) to 4094")
}

/// The tag of the fabric VLAN.
pub(super) fn fabric_vlan(key: &'static str, text: &str) -> Judged<VlanId> {
    vlan_from(key, text, 1, "1 to 4094, or no key for an untagged fabric")
}

/// The inner tag of a doubly tagged VLAN.
pub(super) fn inner_vlan(key: &'static str, text: &str) -> Judged<VlanId> {
    vlan_from(key, text, 1, "1 to 4094, or no key for a single tag")
}

pub(super) fn tpid(key: &'static str, text: &str) -> Judged<Tpid> {
    text.parse().map_err(|reason| Problem::Tpid { key, value: Excerpt::new(text), reason })
}

pub(super) fn label(key: &'static str, text: &str) -> Judged<MplsLabel> {
    let (min, max) = (MplsLabel::MIN.value(), MplsLabel::MAX.value());
    let number = decimal(text).ok_or_else(|| Problem::Number { key, value: Excerpt::new(text), min, max })?;
    MplsLabel::try_from(number).map_err(|reason| Problem::Label { key, reason })
}

pub(super) fn encapsulation(key: &'static str, text: &str) -> Judged<Encapsulation> {
    text.parse().map_err(|reason| Problem::Encapsulation { key, value: Excerpt::new(text), reason })
}

pub(super) fn vni(key: &'static str, text: &str) -> Judged<Vni> {
    let range = || Problem::Number { key, value: Excerpt::new(text), min: Vni::MIN.value(), max: Vni::MAX.value() };
    Vni::try_from(decimal(text).ok_or_else(range)?).map_err(Problem::VniOutOfRange)
}

/// The address of one host, IPv4 or IPv6.
pub(super) fn ip_host(key: &'static str, text: &str) -> Judged<IpAddr> {
    let address: IpAddr = text.parse().map_err(|_| Problem::Ip { key, value: Excerpt::new(text) })?;
    match not_a_host(address) {
        Some(what) => Err(Problem::NotAHost { key, value: Excerpt::new(text), what }),
        None => Ok(address),
    }
}

/// The address of one host of the underlay. A link-local one means nothing without its link.
pub(super) fn fabric_host(key: &'static str, text: &str) -> Judged<IpAddr> {
    let address = ip_host(key, text)?;
    match not_in_the_fabric(address) {
        Some(what) => Err(Problem::NotAHost { key, value: Excerpt::new(text), what }),
        None => Ok(address),
    }
}

fn not_in_the_fabric(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V6(a) if a.is_unicast_link_local() => Some("a link-local address"),
        IpAddr::V6(a) if a.to_ipv4_mapped().is_some() => Some("an IPv4-mapped address"),
        _ => None,
    }
}

/// Why an address cannot be that of one host.
fn not_a_host(address: IpAddr) -> Option<&'static str> {
    match address {
        a if a.is_unspecified() => Some("the zero address"),
        a if a.is_loopback() => Some("a loopback address"),
        a if a.is_multicast() => Some("a multicast address"),
        IpAddr::V4(a) if a.is_broadcast() => Some("the broadcast address"),
        IpAddr::V4(a) if a.octets()[0] == 0 => Some("an address of \"this network\""),
        IpAddr::V4(a) if a.octets()[0] >= 240 => Some("a reserved address"),
        _ => None,
    }
}

fn split_prefix(text: &str) -> Option<(IpAddr, u8)> {
    let (address, length) = text.split_once('/')?;
    let address: IpAddr = address.parse().ok()?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let length = decimal(length).filter(|length| *length <= most)?;
    Some((address, u8::try_from(length).ok()?))
}

/// An own address with its prefix, `172.16.0.1/24` or `fd00::1/64`: a host's, neither first nor last of the prefix.
pub(super) fn own_address(key: &'static str, text: &str) -> Judged<(IpAddr, u8)> {
    let bad = || Problem::Prefix { key, value: Excerpt::new(text), example: "172.16.0.1/24 or fd00::1/64" };
    let Some((address, length @ 1..)) = split_prefix(text) else { return Err(bad()) };
    let edge = || edge_of_prefix(address, address, length);
    match not_a_host(address).or_else(|| not_in_the_fabric(address)).or_else(edge) {
        Some(what) => Err(Problem::NotAHost { key, value: Excerpt::new(text), what }),
        None => Ok((address, length)),
    }
}

/// An own IPv4 address with its prefix.
pub(super) fn own_address_v4(key: &'static str, text: &str) -> Judged<(Ipv4Addr, u8)> {
    let bad = Problem::Prefix { key, value: Excerpt::new(text), example: "172.16.0.1/24" };
    match own_address(key, text) {
        Ok((IpAddr::V4(address), length)) => Ok((address, length)),
        Ok(_) | Err(Problem::Prefix { .. }) => Err(bad),
        Err(other) => Err(other),
    }
}

/// An own IPv6 address with its prefix.
pub(super) fn own_address_v6(key: &'static str, text: &str) -> Judged<(Ipv6Addr, u8)> {
    let bad = Problem::Prefix { key, value: Excerpt::new(text), example: "fd00::1/64" };
    match own_address(key, text) {
        Ok((IpAddr::V6(address), length)) => Ok((address, length)),
        Ok(_) | Err(Problem::Prefix { .. }) => Err(bad),
        Err(other) => Err(other),
    }
}

/// What the edges of a prefix are called.
pub(super) struct Edges {
    first_v4: &'static str,
    last_v4: &'static str,
    first_v6: &'static str,
}

/// Those of a prefix of the fabric.
const FABRIC: Edges = Edges {
    first_v4: "the network address of the fabric's prefix",
    last_v4: "the broadcast address of the fabric's prefix",
    first_v6: "the routers' anycast address of the fabric's prefix",
};
/// Those of a subnet of a virtual network.
pub(super) const SUBNET: Edges = Edges {
    first_v4: "the network address of its subnet",
    last_v4: "the broadcast address of its subnet",
    first_v6: "the routers' anycast address of its subnet",
};

/// What an address is if it cannot be a host's in the fabric's prefix that another one is in.
pub(super) fn edge_of_prefix(address: IpAddr, other: IpAddr, length: u8) -> Option<&'static str> {
    edge(address, other, length, &FABRIC)
}

/// The same in any prefix.
pub(super) fn edge(address: IpAddr, other: IpAddr, length: u8, edges: &Edges) -> Option<&'static str> {
    match (address, other) {
        (IpAddr::V4(address), IpAddr::V4(other)) => edge_of_v4(address, other, length, edges),
        (IpAddr::V6(address), IpAddr::V6(other)) => {
            // RFC 4291 section 2.6.1; RFC 6164 excepts 127 bits.
            let is_first = length < 127 && address.to_bits() == other.to_bits() & mask_v6(length);
            is_first.then_some(edges.first_v6)
        }
        _ => None,
    }
}

/// Whether two addresses are of one family and agree in as many leading bits.
pub(super) fn same_prefix(one: IpAddr, other: IpAddr, length: u8) -> bool {
    match (one, other) {
        (IpAddr::V4(one), IpAddr::V4(other)) => (one.to_bits() ^ other.to_bits()) & mask_v4(length) == 0,
        (IpAddr::V6(one), IpAddr::V6(other)) => (one.to_bits() ^ other.to_bits()) & mask_v6(length) == 0,
        _ => false,
    }
}

/// The first and the last of a prefix (RFC 3021 excepts 31 bits).
fn edge_of_v4(address: Ipv4Addr, other: Ipv4Addr, length: u8, edges: &Edges) -> Option<&'static str> {
    let mask = mask_v4(length);
    let (bits, network) = (address.to_bits(), other.to_bits() & mask);
    match bits {
        _ if length >= 31 => None,
        _ if bits == network => Some(edges.first_v4),
        _ if bits == network | !mask => Some(edges.last_v4),
        _ => None,
    }
}

/// The network mask of a length.
fn mask_v4(length: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(length.min(32))).unwrap_or(0)
}

fn mask_v6(length: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(length.min(128))).unwrap_or(0)
}

/// An IPv4 or IPv6 prefix with zero host bits.
pub(super) fn prefix(key: &'static str, text: &str) -> Judged<IpPrefix> {
    let bad = || Problem::Prefix { key, value: Excerpt::new(text), example: "10.2.0.10/32 or 2001:db8::/64" };
    let (address, length) = split_prefix(text).ok_or_else(bad)?;
    let network: IpAddr = match address {
        IpAddr::V4(a) => Ipv4Addr::from_bits(a.to_bits() & mask_v4(length)).into(),
        IpAddr::V6(a) => Ipv6Addr::from_bits(a.to_bits() & mask_v6(length)).into(),
    };
    if network != address {
        let expected = Excerpt::new(&format!("{network}/{length}"));
        return Err(Problem::HostBits { key, value: Excerpt::new(text), expected });
    }
    Ok(IpPrefix { address, length })
}
