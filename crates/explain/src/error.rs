//! What cannot be explained.

use crate::run::FRAME_OCTETS_MAX;
use api::{ErrorCode, ErrorDocument};
use std::net::IpAddr;

/// Why there is nothing to run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExplainError {
    /// The node has no such port.
    #[error("no port `{port}`: expected one of {known}")]
    NoPort {
        /// What was asked for.
        port: String,
        /// Those that there are.
        known: String,
    },
    /// No octet at all.
    #[error("the frame has no octets: expected an Ethernet frame without its check sequence")]
    NoOctets,
    /// More octets than any port takes.
    #[error("the frame has {0} octets: expected at most {FRAME_OCTETS_MAX}")]
    TooLong(usize),
    /// Hexadecimal that is none.
    #[error("the frame is not hexadecimal at character {at} (`{found}`): expected two digits an octet")]
    NotHexadecimal {
        /// Where, from 1.
        at: usize,
        /// What is there.
        found: String,
    },
    /// A tunnel packet cannot come in by an access port.
    #[error("port `{0}` is an access port: a tunnel packet comes in by a fabric port")]
    TunnelByAccess(String),
    /// There is no end of the tunnel here.
    #[error("VTEP {0}: this node has no fabric address of that family")]
    NoAddressTowards(IpAddr),
    /// The encapsulation is unknown.
    #[error("encapsulation `{0}`: expected VXLAN, MPLSoUDP or MPLSoGRE")]
    Encapsulation(String),
    /// The VNI or label is none.
    #[error("{what} {number}: expected at most {most}")]
    Number {
        /// `VNI` or `label`.
        what: &'static str,
        /// What was given.
        number: u32,
        /// The greatest one.
        most: u32,
    },
    /// The tables cannot be made from the files.
    #[error("the configuration does not fit into the tables: {0}")]
    Tables(#[from] control::tables::TableError),
}

impl From<ExplainError> for ErrorDocument {
    fn from(error: ExplainError) -> Self {
        let code = match error {
            ExplainError::NoPort { .. } => ErrorCode::NotFound,
            ExplainError::Tables(_) => ErrorCode::Configuration,
            _ => ErrorCode::BadRequest,
        };
        Self::new(code, error.to_string())
    }
}
