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
