//! Whom a frame that left by a port is for.

use super::port_name;
use crate::headers;
use crate::scene::{Scene, role};
use datapath::Role;
use fib::PortIndex;
use std::fmt;
use std::net::IpAddr;
use wire::{Tci, ethernet};

/// Whom a frame is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Addressee {
    /// Whoever is on a VLAN of a port.
    Vlan {
        port: String,
        vlan: u16,
        inner: Option<u16>,
        /// The VMIs there, by name.
        vmis: Vec<String>,
    },
    /// A VTEP.
    Vtep(IpAddr),
    /// It cannot be told.
    Unknown,
}

impl Addressee {
    /// Those on a VLAN of a port.
    pub(super) fn vlan(scene: &Scene, port: PortIndex, vlan: u16, inner: Option<u16>) -> Self {
        let model = &scene.loaded.network;
        let vmis = scene.on_vlan(port, vlan, inner).map(|served| &model[served.vmi]).filter(|vmi| vmi.enabled);
        Self::Vlan { port: port_name(scene, port), vlan, inner, vmis: vmis.map(|vmi| vmi.name.to_string()).collect() }
    }
}

impl fmt::Display for Addressee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vlan { port, vlan, inner, vmis } => {
                match &vmis[..] {
                    [] => f.write_str("whoever is on ")?,
                    [vmi] => write!(f, "VMI {vmi} on ")?,
                    vmis => write!(f, "VMIs {} on ", vmis.join(", "))?,
                }
                match (vlan, inner) {
                    (0, _) => write!(f, "{port}, untagged"),
                    (vlan, None) => write!(f, "{port} VLAN {vlan}"),
                    (vlan, Some(inner)) => write!(f, "{port} VLAN {vlan}, inner VLAN {inner}"),
                }
            }
            Self::Vtep(vtep) => write!(f, "VTEP {vtep}"),
            Self::Unknown => f.write_str("somebody unknown"),
        }
    }
}

/// Whom a frame that left by a port is for, by its outermost headers.
pub(crate) fn addressee(scene: &Scene, port: PortIndex, octets: &[u8]) -> Addressee {
    let Some(model) = scene.port(port) else { return Addressee::Unknown };
    if role(model) == Role::Fabric {
        return headers::outer(octets).map_or(Addressee::Unknown, |outer| Addressee::Vtep(outer.destination));
    }
    let (outer, behind) = tag(octets, 2 * 6, model.tpid.value()).map_or((0, 12), |tag| (tag.vid(), 16));
    let inner = tag(octets, behind, ethernet::TYPE_VLAN).map(Tci::vid);
    // An inner tag that is no interface's is the instance's own.
    let inner = inner.filter(|inner| scene.on_vlan(port, outer, Some(*inner)).next().is_some());
    Addressee::vlan(scene, port, outer, inner)
}

fn tag(octets: &[u8], at: usize, tpid: u16) -> Option<Tci> {
    let [a, b, c, d] = *octets.get(at..)?.first_chunk::<4>()?;
    (u16::from_be_bytes([a, b]) == tpid).then(|| Tci::new(u16::from_be_bytes([c, d])))
}
