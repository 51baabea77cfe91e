//! ARP for IPv4 over Ethernet (RFC 826).

/// The whole packet, in octets.
pub const PACKET_OCTETS: usize = 28;
/// Hardware Ethernet, protocol IPv4, and the lengths of their addresses: the packet's first six octets.
pub const ETHERNET_IPV4: [u8; 6] = [0, 1, 8, 0, 6, 4];
/// Operation "request".
pub const REQUEST: u16 = 1;
/// Operation "reply".
pub const REPLY: u16 = 2;
