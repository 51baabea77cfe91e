//! Ethernet II and 802.1Q (IEEE 802.3 clause 3, IEEE 802.1Q clause 9).

/// Destination, source and type, in octets.
pub const HEADER_OCTETS: usize = 14;
/// One 802.1Q tag.
pub const TAG_OCTETS: usize = 4;
/// The least length of a frame without its check sequence.
pub const MIN_FRAME_OCTETS: usize = 60;

/// EtherType of IPv4.
pub const TYPE_IPV4: u16 = 0x0800;
/// EtherType of ARP.
pub const TYPE_ARP: u16 = 0x0806;
/// Tag protocol identifier of a customer VLAN tag.
pub const TYPE_VLAN: u16 = 0x8100;
/// Tag protocol identifier of a service VLAN tag (802.1ad).
pub const TYPE_SERVICE_VLAN: u16 = 0x88a8;
/// EtherType of MPLS (RFC 5332: unicast, or downstream-assigned).
pub const TYPE_MPLS: u16 = 0x8847;
/// EtherType of IPv6.
pub const TYPE_IPV6: u16 = 0x86dd;
