//! One VMI's virtual interface, as a worker sees it: one cache line.

use crate::{GroupId, NetworkId, PortIndex};
use std::sync::Arc;
use wire::{MacAddr, Tci, Tpid, VlanId};

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
    /// Type and VLAN of the outer tag, as they go on the wire.
    tag: u32,
    /// Behind the VLAN's tag; 0: none, since a VLAN 0 of a QinQ interface cannot be configured.
    inner: Tci,
    max_payload: u16,
    /// One more than the group's number; 0: alone on its VLAN.
    group: u16,
    tag_octets: u8,
    flags: u8,
}

const USED: u8 = 1;
const BESIDE_INNER: u8 = 2;
const PLAIN: u8 = 4;
const LEARNS: u8 = 8;
const SHUT: u8 = 16;

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
    tag: 0,
    inner: Tci::new(0),
    max_payload: 0,
    group: 0,
    tag_octets: 0,
    flags: 0,
};

/// Where an interface's frames are on an access port: the outer tag, and the one behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tags {
    pub(crate) tpid: Tpid,
    pub(crate) vlan: VlanId,
    pub(crate) inner: Option<VlanId>,
}

impl Vif {
    pub(crate) fn new(network: NetworkId, port: PortIndex, tags: Tags, sources: &[MacAddr], max_payload: u16) -> Self {
        let inner = tags.inner.map_or(Tci::default(), Tci::from);
        let tag = u32::from(tags.tpid.value()) << 16 | u32::from(tags.vlan.value());
        let tag_octets = match (tags.inner, tags.vlan.is_untagged()) {
            (Some(_), _) => 8,
            (None, false) => 4,
            (None, true) => 0,
        };
        let flags = if tag_octets == 4 { USED | PLAIN } else { USED };
        let mut vif = Self { network, port, tag, inner, tag_octets, max_payload, flags, ..NO_VIF.clone() };
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

    /// The outer tag towards its instance: the port's tag type, priority 0, and the VLAN.
    #[inline(always)]
    pub const fn outer_tag(&self) -> u32 {
        self.tag
    }

    /// The tag behind that one (QinQ: the C-VLAN), always of type 0x8100; VLAN 0 means none.
    #[inline(always)]
    pub const fn inner_vlan(&self) -> Tci {
        self.inner
    }

    /// Octets of tags towards its instance: 0 on VLAN 0, 4, or 8 for QinQ.
    #[inline(always)]
    pub const fn tag_octets(&self) -> usize {
        self.tag_octets as usize
    }

    /// The group with which it shares its VLAN, if others do.
    #[inline(always)]
    pub const fn group(&self) -> Option<GroupId> {
        match self.group {
            0 => None,
            n => GroupId::new(n as usize - 1),
        }
    }

    /// Whether it has one tag towards its instance, and its VLAN to itself, inner tags included, on a port that is open: the usual
    /// interface.
    #[inline(always)]
    pub const fn is_plain(&self) -> bool {
        self.flags & (PLAIN | BESIDE_INNER | SHUT) == PLAIN
    }

    /// Whether its port is closed: nothing goes out of it.
    #[inline(always)]
    pub const fn is_shut(&self) -> bool {
        self.flags & SHUT != 0
    }

    pub(crate) fn set_shut(&mut self, shut: bool) {
        self.flags = if shut { self.flags | SHUT } else { self.flags & !SHUT };
    }

    /// Whether it is [plain](Self::is_plain) and the stations behind it are those that it [owns](Self::owns), and no others.
    #[inline(always)]
    pub const fn is_plain_and_closed(&self) -> bool {
        self.flags & (PLAIN | BESIDE_INNER | LEARNS | SHUT) == PLAIN
    }

    /// Whether stations are learned behind it.
    #[inline(always)]
    pub const fn learns(&self) -> bool {
        self.flags & LEARNS != 0
    }

    pub(crate) fn set_learns(&mut self) {
        self.flags |= LEARNS;
    }

    /// Whether its port is closed, or inner tags on its VLAN are other interfaces while it has none itself.
    #[inline(always)]
    pub const fn is_shut_or_beside_inner(&self) -> bool {
        self.flags & (BESIDE_INNER | SHUT) != 0
    }

    /// Whether inner tags on its VLAN are other interfaces, while it has none itself.
    #[inline(always)]
    pub const fn is_beside_inner(&self) -> bool {
        self.flags & BESIDE_INNER != 0
    }

    pub(crate) fn set_beside_inner(&mut self) {
        self.flags |= BESIDE_INNER;
    }

    pub(crate) fn join(&mut self, group: GroupId) {
        // A group's largest number is one less than fits.
        self.group = group.row() as u16 + 1;
        self.flags &= !PLAIN;
    }

    /// All its own addresses, as [`MacAddr::to_bits`].
    pub fn sources(&self) -> impl Iterator<Item = u64> + '_ {
        let inline = self.sources.iter().copied().filter(|source| *source != NO_SOURCE);
        inline.chain(self.more_sources.iter().flat_map(|more| more.iter().copied()))
    }

    /// The longest Ethernet payload, in octets, that its port takes (the port's MTU).
    #[inline(always)]
    pub const fn max_payload(&self) -> u16 {
        self.max_payload
    }

    /// Whether this row is an interface at all.
    pub const fn is_used(&self) -> bool {
        self.flags & USED != 0
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
            let tags = Tags { tpid: Tpid::Service, vlan: VlanId::UNTAGGED, inner: None };
            let vif = Vif::new(NO_NETWORK, NO_PORT, tags, &macs, 1500);
            prop_assert_eq!(vif.sources().count(), macs.len());
            prop_assert!(macs.iter().all(|mac| vif.owns(mac.to_bits())));
            prop_assert_eq!(vif.owns(MacAddr::new(other).to_bits()), sources.contains(&other));
        }
    }
}
