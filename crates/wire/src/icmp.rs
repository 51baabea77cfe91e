//! ICMP (RFC 792) and ICMPv6 (RFC 4443), as far as neighbour discovery (RFC 4861) and echo need it.

/// Type "echo request" of ICMP.
pub const ECHO_REQUEST: u8 = 8;
/// Type "echo reply" of ICMP.
pub const ECHO_REPLY: u8 = 0;
/// Type "echo request" of ICMPv6.
pub const V6_ECHO_REQUEST: u8 = 128;
/// Type "echo reply" of ICMPv6.
pub const V6_ECHO_REPLY: u8 = 129;
/// Type "neighbour solicitation" of ICMPv6 (RFC 4861 section 4.3).
pub const NEIGHBOUR_SOLICITATION: u8 = 135;
/// Type "neighbour advertisement" of ICMPv6 (RFC 4861 section 4.4).
pub const NEIGHBOUR_ADVERTISEMENT: u8 = 136;
/// A neighbour solicitation or advertisement without options.
pub const NEIGHBOUR_OCTETS: usize = 24;
/// Option "source link-layer address" (RFC 4861 section 4.6.1).
pub const OPTION_SOURCE: u8 = 1;
/// Option "target link-layer address".
pub const OPTION_TARGET: u8 = 2;
/// In the flags of a neighbour advertisement: the sender is a router.
pub const FLAG_ROUTER: u8 = 0x80;
/// It answers a solicitation.
pub const FLAG_SOLICITED: u8 = 0x40;
/// It replaces what is in caches.
pub const FLAG_OVERRIDE: u8 = 0x20;
