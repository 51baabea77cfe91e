//! IPv6 (RFC 8200).

/// The fixed header.
pub const HEADER_OCTETS: usize = 40;
/// Next header of hop-by-hop options.
pub const NEXT_HOP_BY_HOP: u8 = 0;
/// Next header of a routing header.
pub const NEXT_ROUTING: u8 = 43;
/// Next header of a fragment header.
pub const NEXT_FRAGMENT: u8 = 44;
/// Next header of ICMPv6.
pub const NEXT_ICMPV6: u8 = 58;
/// Next header of an authentication header.
pub const NEXT_AUTHENTICATION: u8 = 51;
/// Next header of destination options.
pub const NEXT_DESTINATION: u8 = 60;
/// The flow label's bits in the first word.
pub const FLOW_LABEL_MASK: u32 = 0xf_ffff;
/// ff02::1, all nodes of the link.
pub const ALL_NODES: u128 = 0xff02 << 112 | 1;
/// ff02::1:ff00:0, to which the last 24 bits of an address make its solicited-node group (RFC 4291 section 2.7.1).
pub const SOLICITED_NODE: u128 = 0xff02 << 112 | 0x1_ff00_0000;

/// Whether an address is a group's.
#[inline(always)]
pub const fn is_multicast(address: u128) -> bool {
    address >> 120 == 0xff
}

/// The link-local address that a station makes from its MAC (RFC 4291 appendix A).
pub const fn link_local(mac: crate::MacAddr) -> u128 {
    let [a, b, c, d, e, f] = mac.octets();
    0xfe80 << 112 | u64::from_be_bytes([a ^ 2, b, c, 0xff, 0xfe, d, e, f]) as u128
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv6Addr;

    #[test]
    fn the_virtual_router_has_a_link_local_address_of_its_own() {
        let address: Ipv6Addr = "fe80::200:5eff:fe00:100".parse().unwrap();
        assert_eq!(link_local(crate::MacAddr::VIRTUAL_ROUTER), address.to_bits());
    }

    #[test]
    fn groups_are_told_from_other_addresses() {
        let of = |text: &str| text.parse::<Ipv6Addr>().unwrap().to_bits();
        assert_eq!((of("ff02::1"), of("ff02::1:ff00:0")), (ALL_NODES, SOLICITED_NODE));
        assert!(is_multicast(of("ff05::2")) && !is_multicast(of("fe80::1")) && !is_multicast(0));
    }
}
