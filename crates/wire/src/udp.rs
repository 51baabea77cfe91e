//! UDP (RFC 768).

/// The header.
pub const HEADER_OCTETS: usize = 8;
/// The lowest dynamic port (RFC 6335 section 6): entropy ports are 49,152 to 65,535 (RFC 7348 section 5).
pub const ENTROPY_BASE: u16 = 49_152;

/// The entropy source port for a flow hash: the 14 low bits above [`ENTROPY_BASE`].
#[inline(always)]
pub const fn entropy_port(hash: u32) -> u16 {
    ENTROPY_BASE | (hash & 0x3fff) as u16
}
