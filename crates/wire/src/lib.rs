//! Bytes to typed headers and back, and ids that cannot hold an illegal value.
//!
//! Two rules carry this crate. An id type ([`VlanId`], [`Vni`], [`MacAddr`]) can only be made from a legal value, so no
//! later code checks it again. A header is read by one length check that yields a fixed-size array (`first_chunk`), so
//! the accessors behind it neither panic nor check. Nothing here allocates.

#![forbid(unsafe_code)]

pub mod arp;
pub mod bpdu;
pub mod checksum;
mod encapsulation;
pub mod ethernet;
pub mod gre;
pub mod icmp;
pub mod ipv4;
pub mod ipv6;
mod mac;
pub mod mpls;
mod tpid;
pub mod udp;
mod vlan;
mod vni;
pub mod vxlan;

pub use encapsulation::{Encapsulation, EncapsulationError};
pub use mac::{MacAddr, MacAddrError};
pub use mpls::{MplsLabel, MplsLabelError};
pub use tpid::{Tpid, TpidError, is_tag_type};
pub use vlan::{Tci, VlanId, VlanIdError};
pub use vni::{Vni, VniError};

/// Reads two octets in network order at constant offset `O` of a fixed-size header view.
///
/// With `O + 2 <= N` known at compile time there is no bounds check left; a wrong `O` does not compile.
#[inline(always)]
pub fn be16<const O: usize, const N: usize>(b: &[u8; N]) -> u16 {
    const { assert!(O + 2 <= N) };
    u16::from_be_bytes([b[O], b[O + 1]])
}

/// Reads four octets in network order at constant offset `O` of a fixed-size header view.
#[inline(always)]
pub fn be32<const O: usize, const N: usize>(b: &[u8; N]) -> u32 {
    const { assert!(O + 4 <= N) };
    u32::from_be_bytes([b[O], b[O + 1], b[O + 2], b[O + 3]])
}
