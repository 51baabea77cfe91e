//! Whether a frame on a port's wire is of an interface's VLAN, by its octets.

use crate::encap::MACS;
use fib::{PortIndex, Vif};
use wire::{ethernet, is_tag_type};

/// PCP and DEI of a tag, in its four octets.
const PRIORITY: u32 = 0xf000;
const VLAN: u32 = 0x0fff;

/// An interface's place on an access port.
#[derive(Debug, Clone, Copy)]
pub(super) struct Segment {
    port: PortIndex,
    outer: u32,
    inner: u32,
    tag_octets: usize,
    beside_inner: bool,
}

impl Segment {
    pub(super) fn of(vif: &Vif) -> Self {
        let inner = u32::from(ethernet::TYPE_VLAN) << 16 | u32::from(vif.inner_vlan().vid());
        Self {
            port: vif.port(),
            outer: vif.outer_tag(),
            inner,
            tag_octets: vif.tag_octets(),
            beside_inner: vif.is_beside_inner(),
        }
    }

    pub(super) fn port(&self) -> PortIndex {
        self.port
    }

    /// Whether a frame that begins so is of this VLAN.
    pub(super) fn has(&self, octets: &[u8]) -> bool {
        let word = |at: usize| Some(u32::from_be_bytes(*octets.get(at..)?.first_chunk()?));
        let Some(first) = word(MACS) else { return self.tag_octets == 0 };
        let second = word(MACS + ethernet::TAG_OCTETS);
        match self.tag_octets {
            0 => !is_tag_type((first >> 16) as u16) || first & VLAN == 0,
            ethernet::TAG_OCTETS => {
                let others = second.is_some_and(|word| word >> 16 == u32::from(ethernet::TYPE_VLAN));
                first & !PRIORITY == self.outer && !(self.beside_inner && others)
            }
            _ => first & !PRIORITY == self.outer && second.is_some_and(|word| word & !PRIORITY == self.inner),
        }
    }
}
