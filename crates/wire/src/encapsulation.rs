use std::fmt;
use std::str::FromStr;

/// How a frame is carried over the fabric. Names and texts are those of the Contrail schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Encapsulation {
    /// MPLS in UDP (RFC 7510), destination port 6635.
    MplsOverUdp,
    /// MPLS in GRE (RFC 4023).
    MplsOverGre,
    /// VXLAN (RFC 7348).
    Vxlan,
}

/// A text that names no encapsulation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected MPLSoUDP, MPLSoGRE or VXLAN")]
pub struct EncapsulationError;

impl Encapsulation {
    /// All of them, in Contrail's default order of preference.
    pub const ALL: [Self; 3] = [Self::MplsOverUdp, Self::MplsOverGre, Self::Vxlan];

    /// The name in configuration and documents.
    pub const fn name(self) -> &'static str {
        match self {
            Self::MplsOverUdp => "MPLSoUDP",
            Self::MplsOverGre => "MPLSoGRE",
            Self::Vxlan => "VXLAN",
        }
    }

    /// Whether it carries a label; else a VNI.
    pub const fn is_mpls(self) -> bool {
        !matches!(self, Self::Vxlan)
    }
}

impl FromStr for Encapsulation {
    type Err = EncapsulationError;

    fn from_str(text: &str) -> Result<Self, EncapsulationError> {
        Self::ALL.into_iter().find(|e| e.name() == text).ok_or(EncapsulationError)
    }
}

impl fmt::Display for Encapsulation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_are_exact() {
        for encapsulation in Encapsulation::ALL {
            assert_eq!(encapsulation.name().parse(), Ok(encapsulation));
        }
        for text in ["vxlan", "MPLSoverUDP", ""] {
            assert_eq!(text.parse::<Encapsulation>(), Err(EncapsulationError), "{text}");
        }
    }
}
