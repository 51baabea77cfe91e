//! All that a worker can know about forwarding.
//!
//! ```text
//!  access port:  (port, VLAN, inner VLAN) --vlans--> vif, or a group --demux, by source MAC--> vif
//!                vif --> network, allowed source MACs
//!  fabric port:  VNI --vnis--> network           label --labels--> network, or a vif
//!                outer source --vteps--> a VTEP that we know
//!  both:         (network, MAC) --macs--> Destination: a local vif, or a remote next hop --> tunnel, VNI or label
//!  ARP, ND:      (network, IP address) --bindings--> a MAC, or the gateway itself
//! ```

use crate::storm::StormBudgets;
use crate::tunnel::NexthopRow;
use crate::vif::NO_VIF;
use crate::{
    Bindings, CowMap, GroupId, InsideTable, Network, NetworkId, Nexthop, NexthopId, PeerId, PortIndex, Tunnel, TunnelId,
};
use crate::{Vif, VifIndex, VlanTable};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use wire::{MacAddr, Tci, VlanId};

/// One generation of forwarding state: tables that are shared with the generation before where they did not change.
///
/// Every id in it resolves within it; only a [`Builder`](crate::Builder) makes one. A clone shares everything.
#[derive(Clone)]
pub struct Snapshot {
    /// (port, VLAN) to VIF.
    pub vlans: VlanTable,
    /// (group, source MAC), by [`demux_key`], to VIF number plus one: VMIs that share a VLAN.
    pub demux: CowMap,
    /// VNI to network.
    pub vnis: InsideTable,
    /// Label to network or VIF.
    pub labels: InsideTable,
    /// [`mac_key`] to [`Destination`], packed.
    pub macs: CowMap,
    /// [`learned_key`](crate::learned_key) to [`Learned`](crate::Learned), packed: sources behind interfaces that learn.
    pub learned: CowMap,
    /// [`vtep_key_v4`] or [`vtep_key_v6`] to a [`PeerId`]'s row plus one: the VTEPs that this node knows. A key of IPv6 is
    /// a hash: see [`Snapshot::peer`].
    pub vteps: CowMap,
    /// (network, IP address) to who has it.
    pub bindings: Bindings,
    /// What each DSCP of an outer header says of the tag's priority: [`Fabric::priorities`].
    pub priorities: Arc<[Tci; 64]>,
    /// This node's place in the underlay. Shared, since only a new configuration changes it.
    pub fabric: Arc<Fabric>,
    pub(crate) vifs: Arc<Vec<Vif>>,
    /// One member of each group.
    pub(crate) groups: Arc<Vec<VifIndex>>,
    pub(crate) networks: Arc<Vec<Option<Network>>>,
    pub(crate) tunnels: Arc<Vec<Option<Tunnel>>>,
    /// By tunnel number: the second and further ways of the underlay. Shorter than `tunnels` where there are none.
    pub(crate) alternates: Arc<Vec<Arc<[Tunnel]>>>,
    pub(crate) nexthops: Arc<Vec<NexthopRow>>,
    pub(crate) peers: Arc<Vec<IpAddr>>,
    pub(crate) storm: Arc<StormBudgets>,
}

/// This node's place in the underlay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fabric {
    /// The fabric ports.
    pub links: Vec<Link>,
    /// The fabric VLAN, if the fabric ports are trunks.
    pub vlan: Option<VlanId>,
    /// Our VTEP address.
    pub address: Option<Ipv4Addr>,
    /// Our VTEP address for remote ends that have one of this family.
    pub address_v6: Option<Ipv6Addr>,
    /// The DF flag of outer IPv4 headers.
    pub dont_fragment: bool,
    /// Who may send us unicast.
    pub source_check: SourceCheck,
    /// Whether UDP in IPv6 is sent without a checksum (RFC 6935 section 5).
    pub udp6_zero_checksum_tx: bool,
    /// Whether UDP in IPv6 without a checksum is taken.
    pub udp6_zero_checksum_rx: bool,
    /// DSCP of the outer header by the tag's PCP and DEI: place `PCP * 2 + DEI`.
    pub dscp: [u8; 16],
}

impl Fabric {
    /// The link of a port, if it is one of the fabric's. Linear in at most a handful.
    #[inline(always)]
    pub fn link(&self, port: PortIndex) -> Option<&Link> {
        self.links.iter().find(|link| link.port == port)
    }

    /// What DSCP values mean on receipt: the priority bits of the first PCP and DEI that are sent as that, or 0.
    pub fn priorities(&self) -> [Tci; 64] {
        let place = |dscp: usize| self.dscp.iter().position(|sent| usize::from(*sent) == dscp).unwrap_or(0);
        std::array::from_fn(|dscp| Tci::new((place(dscp) as u16) << 12))
    }
}

/// A fabric port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// The port.
    pub port: PortIndex,
    /// Its MAC: outer frames must be addressed to it.
    pub mac: MacAddr,
    /// The longest outer IP packet, in octets.
    pub mtu: u16,
}

/// From which VTEPs a unicast frame is taken. Flooded ones come only from the network's own list, whatever this says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceCheck {
    /// From those that take part in the frame's network.
    Strict,
    /// From any that this node knows, in whatever network.
    Known,
    /// From anybody.
    Any,
}

/// Where a MAC is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    /// Behind a VLAN of this node.
    Vif(VifIndex),
    /// Behind the fabric.
    Remote(NexthopId),
    /// The network's gateway, which is this node: [`MacAddr::VIRTUAL_ROUTER`].
    Gateway,
}

const LOCAL: u32 = 1 << 30;
const REMOTE: u32 = 2 << 30;
const GATEWAY: u32 = 3 << 30;
const PAYLOAD: u32 = LOCAL - 1;

impl Destination {
    /// The bits of a value of [`Snapshot::macs`] that tell a `Vif` ([`VIF`](Self::VIF)) from a `Remote`
    /// ([`REMOTE`](Self::REMOTE)); both are 0 where nothing was found.
    pub const KIND: u32 = !PAYLOAD;
    /// See [`KIND`](Self::KIND).
    pub const VIF: u32 = LOCAL;
    /// See [`KIND`](Self::KIND).
    pub const REMOTE: u32 = REMOTE;

    /// As a value of [`Snapshot::macs`]: never 0.
    #[inline(always)]
    pub const fn pack(self) -> u32 {
        match self {
            Self::Vif(vif) => LOCAL | vif.row() as u32,
            Self::Remote(nexthop) => REMOTE | nexthop.row() as u32,
            Self::Gateway => GATEWAY,
        }
    }

    /// Whether a value of [`Snapshot::macs`] is `Remote`.
    #[inline(always)]
    pub const fn is_remote(value: u32) -> bool {
        value & !PAYLOAD == REMOTE
    }

    /// Whether a value of [`Snapshot::macs`] is `Gateway`.
    #[inline(always)]
    pub const fn is_gateway(value: u32) -> bool {
        value & !PAYLOAD == GATEWAY
    }

    /// The interface in a value that is a `Vif`; of any other it means nothing.
    #[inline(always)]
    pub const fn vif_of(value: u32) -> VifIndex {
        VifIndex::unpacked(value & PAYLOAD)
    }

    /// The next hop in a value that is `Remote`; of any other it means nothing.
    #[inline(always)]
    pub const fn nexthop_of(value: u32) -> NexthopId {
        NexthopId::unpacked(value & PAYLOAD)
    }

    /// From a value of [`Snapshot::macs`], made by [`pack`](Self::pack); 0, "not found", is `None`.
    #[inline(always)]
    pub const fn unpack(value: u32) -> Option<Self> {
        match value & !PAYLOAD {
            LOCAL => Some(Self::Vif(Self::vif_of(value))),
            REMOTE => Some(Self::Remote(Self::nexthop_of(value))),
            GATEWAY => Some(Self::Gateway),
            _ => None,
        }
    }
}

/// The key of `mac` (as [`MacAddr::to_bits`]) in `network`, for [`Snapshot::macs`].
#[inline(always)]
pub const fn mac_key(network: NetworkId, mac: u64) -> u64 {
    (network.row() as u64) << 48 | mac
}

/// The key of `mac` (as [`MacAddr::to_bits`]) in `group`, for [`Snapshot::demux`].
#[inline(always)]
pub const fn demux_key(group: GroupId, mac: u64) -> u64 {
    (group.row() as u64) << 48 | mac
}

/// The key of a VTEP's IPv4 address, for [`Snapshot::vteps`].
#[inline(always)]
pub const fn vtep_key_v4(address: u32) -> u64 {
    address as u64
}

/// The key of a VTEP's IPv6 address, for [`Snapshot::vteps`]: 63 bits of hash, never one of IPv4's.
#[inline(always)]
pub const fn vtep_key_v6(address: u128) -> u64 {
    let (high, low) = ((address >> 64) as u64, address as u64);
    // The lowest bit gives way to the mark: the highest is the only one that the first bit of an interface id reaches.
    ((high.rotate_left(29) ^ low).wrapping_mul(0x9fb2_1c65_1e98_df25) ^ high) >> 1 | VTEP_KEY_V6
}

/// Of a key that is of IPv6.
pub const VTEP_KEY_V6: u64 = 1 << 63;

/// The key of a VTEP's address, for [`Snapshot::vteps`].
pub const fn vtep_key(address: IpAddr) -> u64 {
    match address {
        IpAddr::V4(address) => vtep_key_v4(address.to_bits()),
        IpAddr::V6(address) => vtep_key_v6(address.to_bits()),
    }
}

/// The table of interfaces. Whoever handles a burst takes it once: it is found again in every turn of a loop that writes to
/// frames, since the compiler cannot know that those are no tables.
#[derive(Clone, Copy)]
pub struct Vifs<'t>(&'t [Vif]);

impl<'t> Vifs<'t> {
    /// The interface of a row number. A number without an interface reads as one that owns and takes nothing.
    #[inline(always)]
    pub fn get(self, vif: VifIndex) -> &'t Vif {
        self.0.get(vif.row()).unwrap_or(&NO_VIF)
    }
}

/// The tables that lead out to the fabric, taken once for a burst as [`Vifs`] is.
#[derive(Clone, Copy)]
pub struct WaysOut<'t> {
    nexthops: &'t [NexthopRow],
    tunnels: &'t [Option<Tunnel>],
    dscp: &'t [u8; 16],
}

impl<'t> WaysOut<'t> {
    /// A next hop without a control word, and its tunnel's first way; `None` if it is not such a one.
    #[inline(always)]
    pub fn plain(self, nexthop: NexthopId) -> Option<(Nexthop, &'t Tunnel)> {
        let nexthop = self.nexthops.get(nexthop.row())?.plain()?;
        Some((nexthop, self.tunnels.get(nexthop.tunnel().row())?.as_ref()?))
    }

    /// The DSCP for PCP and DEI of a tag, in its place in the outer header.
    #[inline(always)]
    pub fn tos(self, priority: Tci) -> u8 {
        self.dscp[usize::from(priority.bits() >> 12)] << 2
    }
}

impl Snapshot {
    /// The interfaces.
    #[inline(always)]
    pub fn vifs(&self) -> Vifs<'_> {
        Vifs(&self.vifs)
    }

    /// What leads out to the fabric.
    #[inline(always)]
    pub fn ways_out(&self) -> WaysOut<'_> {
        WaysOut { nexthops: &self.nexthops, tunnels: &self.tunnels, dscp: &self.fabric.dscp }
    }

    /// The interface of a row number. A number without an interface reads as one that owns and takes nothing.
    #[inline(always)]
    pub fn vif(&self, vif: VifIndex) -> &Vif {
        self.vifs.get(vif.row()).unwrap_or(&NO_VIF)
    }

    /// The network of a row number.
    #[inline(always)]
    pub fn network(&self, network: NetworkId) -> Option<&Network> {
        self.networks.get(network.row())?.as_ref()
    }

    /// The next hop of a row number.
    #[inline(always)]
    pub fn nexthop(&self, nexthop: NexthopId) -> Option<Nexthop> {
        self.nexthops.get(nexthop.row())?.get()
    }

    /// The first way of a tunnel.
    #[inline(always)]
    pub fn tunnel(&self, tunnel: TunnelId) -> Option<&Tunnel> {
        self.tunnels.get(tunnel.row())?.as_ref()
    }

    /// The way of a tunnel that flows with this hash take: spread by the hash's upper half over all ways. Where there are
    /// several it costs three cache lines more.
    #[inline(always)]
    pub fn tunnel_for(&self, tunnel: TunnelId, hash: u32) -> Option<&Tunnel> {
        let first = self.tunnels.get(tunnel.row())?.as_ref()?;
        if first.paths() <= 1 { Some(first) } else { Some(self.alternate(tunnel, first, hash)) }
    }

    #[inline(never)]
    fn alternate<'t>(&'t self, tunnel: TunnelId, first: &'t Tunnel, hash: u32) -> &'t Tunnel {
        let chosen = ((hash >> 16) as usize * first.paths()) >> 16;
        match (chosen, self.alternates.get(tunnel.row())) {
            (1.., Some(others)) => others.get(chosen - 1).unwrap_or(first),
            _ => first,
        }
    }

    /// All ways of a tunnel, the first one first.
    pub fn ways(&self, tunnel: TunnelId) -> impl Iterator<Item = &Tunnel> {
        let others = self.alternates.get(tunnel.row()).map_or(&[][..], |others| others);
        self.tunnel(tunnel).into_iter().chain(others)
    }

    /// The VTEP at an address, given what [`Snapshot::vteps`] found for its key. Exact: what IPv6 keys have in common by
    /// chance is told apart here.
    #[inline(always)]
    pub fn peer(&self, found: u32, address: IpAddr) -> Option<PeerId> {
        let row = (found as usize).checked_sub(1)?;
        (*self.peers.get(row)? == address).then(|| PeerId::new(row))?
    }

    /// The address of a VTEP that this node knows.
    pub fn peer_address(&self, peer: PeerId) -> Option<IpAddr> {
        self.peers.get(peer.row()).copied()
    }

    /// The interface of `group` whose own address `mac` (as [`MacAddr::to_bits`]) is.
    pub fn member(&self, group: GroupId, mac: u64) -> Option<VifIndex> {
        VifIndex::new((self.demux.lookup(demux_key(group, mac))? as usize).checked_sub(1)?)
    }

    /// Whether `mac` (as [`MacAddr::to_bits`]) is an own address of the interface, or of one that shares its VLAN.
    #[inline(always)]
    pub fn segment_owns(&self, vif: &Vif, mac: u64) -> bool {
        match vif.group() {
            None => vif.owns(mac),
            Some(group) => self.member(group, mac).is_some(),
        }
    }

    /// Where `mac` of `network` is. One packet at a time; the packet path looks up whole bursts.
    pub fn destination(&self, network: NetworkId, mac: MacAddr) -> Option<Destination> {
        Destination::unpack(self.macs.lookup(mac_key(network, mac.to_bits())).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ipv6_vteps_that_differ_in_one_bit_have_keys_that_differ(address: u128, bit in 0u32..128) {
            prop_assert_ne!(vtep_key_v6(address), vtep_key_v6(address ^ 1 << bit));
            prop_assert!(vtep_key_v6(address) & VTEP_KEY_V6 != 0);
        }
    }
}
