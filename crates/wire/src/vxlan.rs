//! VXLAN (RFC 7348 section 5).
//!
//! ```text
//!  0                   1                   2                   3
//!  |R|R|R|R|I|R|R|R|            Reserved                           |
//!  |                VXLAN Network Identifier (VNI) |   Reserved    |
//! ```

use crate::Vni;

/// The header.
pub const HEADER_OCTETS: usize = 8;
/// IANA's destination port.
pub const UDP_PORT: u16 = 4789;
/// The I flag in the first octet: the VNI is valid.
pub const FLAG_I: u8 = 0x08;
/// Ethernet, IPv4, UDP and VXLAN before the inner frame, without a fabric VLAN tag.
pub const OUTER_OCTETS: usize = 50;

/// The second word of the header for `vni`, host order: VNI and eight reserved bits, zero on transmission.
#[inline(always)]
pub const fn vni_word(vni: Vni) -> u32 {
    vni.value() << 8
}
