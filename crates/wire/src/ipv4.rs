//! IPv4 (RFC 791).

/// The header without options.
pub const HEADER_OCTETS: usize = 20;
/// Version 4 and a header length of five words.
pub const VERSION_IHL: u8 = 0x45;
/// "Don't fragment" in the flags and offset field.
pub const DONT_FRAGMENT: u16 = 0x4000;
/// "More fragments" and the fragment offset: zero exactly for a whole datagram.
pub const FRAGMENT_MASK: u16 = 0x3fff;
/// Protocol number of ICMP.
pub const PROTO_ICMP: u8 = 1;
/// Protocol number of TCP.
pub const PROTO_TCP: u8 = 6;
/// Protocol number of UDP.
pub const PROTO_UDP: u8 = 17;
/// Protocol number of GRE.
pub const PROTO_GRE: u8 = 47;
/// Protocol number of SCTP.
pub const PROTO_SCTP: u8 = 132;
/// The largest total length.
pub const MAX_TOTAL_OCTETS: usize = 65_535;
