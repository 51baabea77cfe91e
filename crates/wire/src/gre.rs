//! GRE (RFC 2784, RFC 2890), as it carries MPLS (RFC 4023 section 3).

/// The header without optional fields.
pub const HEADER_OCTETS: usize = 4;
/// Checksum and reserved field (RFC 2784 section 2.1), when the C bit is set.
pub const CHECKSUM_OCTETS: usize = 4;
/// Key (RFC 2890 section 2.1), when the K bit is set.
pub const KEY_OCTETS: usize = 4;
/// The C bit in the first two octets: a checksum follows.
pub const FLAG_CHECKSUM: u16 = 0x8000;
/// The K bit: a key follows.
pub const FLAG_KEY: u16 = 0x2000;
