//! One VMI's virtual interface, as a worker sees it: one cache line.

use crate::{NetworkId, PortIndex};
use std::sync::Arc;
use wire::{MacAddr, Tci};

/// Source MACs that are compared in place; a VMI with more has the rest in a sorted list.
const INLINE_SOURCES: usize = 4;
const NO_SOURCE: u64 = u64::MAX;

/// A row of the VIF table.
#[derive(Clone)]
#[repr(C, align(64))]
pub struct Vif {
    sources: [u64; INLINE_SOURCES],
    more_sources: Option<Arc<[u64]>>,
    network: NetworkId,
    port: PortIndex,
    vlan: Tci,
    max_payload: u16,
    used: bool,
}

const NO_NETWORK: NetworkId = match NetworkId::new(0) {
    Some(id) => id,
    None => unreachable!(),
};
const NO_PORT: PortIndex = match PortIndex::new(PortIndex::MAX) {
    Some(port) => port,
    None => unreachable!(),
};

/// What a row number without an interface reads as: it has no source address and no room for any frame.
pub(crate) static NO_VIF: Vif = Vif {
    sources: [NO_SOURCE; INLINE_SOURCES],
    more_sources: None,
    network: NO_NETWORK,
    port: NO_PORT,
    vlan: Tci::new(0),
    max_payload: 0,
    used: false,
};

impl Vif {
    pub(crate) fn new(network: NetworkId, port: PortIndex, vlan: Tci, sources: &[MacAddr], max_payload: u16) -> Self {
        let mut vif = Self { network, port, vlan, max_payload, used: true, ..NO_VIF.clone() };
        let (inline, more) = sources.split_at(sources.len().min(INLINE_SOURCES));
        for (place, mac) in vif.sources.iter_mut().zip(inline) {
            *place = mac.to_bits();
        }
        if !more.is_empty() {
            let mut more: Vec<u64> = more.iter().map(|mac| mac.to_bits()).collect();
            more.sort_unstable();
            vif.more_sources = Some(more.into());
        }
        vif
    }

    /// The network that it belongs to.
    #[inline(always)]
    pub const fn network(&self) -> NetworkId {
        self.network
    }

    /// The access port behind which its instance is.
    #[inline(always)]
    pub const fn port(&self) -> PortIndex {
        self.port
    }

    /// The tag towards its instance; VLAN 0 means none.
    #[inline(always)]
    pub const fn vlan(&self) -> Tci {
        self.vlan
    }

    /// The longest Ethernet payload, in octets, that its port takes (the port's MTU).
    #[inline(always)]
    pub const fn max_payload(&self) -> u16 {
        self.max_payload
    }

    /// Whether this row is an interface at all.
    pub const fn is_used(&self) -> bool {
        self.used
    }

    /// Whether `mac` (as [`MacAddr::to_bits`]) is one of the VMI's own: its MAC and allowed address pairs.
    ///
    /// Up to four are compared without a branch; beyond, a binary search.
    #[inline(always)]
    pub fn owns(&self, mac: u64) -> bool {
        let [a, b, c, d] = self.sources;
        let inline = (a == mac) | (b == mac) | (c == mac) | (d == mac);
        inline || self.owns_more(mac)
    }

    #[inline]
    fn owns_more(&self, mac: u64) -> bool {
        self.more_sources.as_deref().is_some_and(|more| more.binary_search(&mac).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_row_is_one_cache_line() {
        assert_eq!(size_of::<Vif>(), 64);
    }

    proptest! {
        #[test]
        fn owns_exactly_its_sources(sources in proptest::collection::vec(any::<[u8; 6]>(), 0..12), other: [u8; 6]) {
            let macs: Vec<MacAddr> = sources.iter().map(|o| MacAddr::new(*o)).collect();
            let vif = Vif::new(NO_NETWORK, NO_PORT, Tci::default(), &macs, 1500);
            prop_assert!(macs.iter().all(|mac| vif.owns(mac.to_bits())));
            prop_assert_eq!(vif.owns(MacAddr::new(other).to_bits()), sources.contains(&other));
        }
    }
}
