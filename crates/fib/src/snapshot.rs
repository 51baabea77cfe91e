//! All that a worker can know about forwarding.
//!
//! ```text
//!  access port:  (port, VLAN) --vlans--> vif --> network, allowed source MACs
//!  fabric port:  VNI --vnis--> network           outer source --vteps--> a VTEP that we know
//!  both:         (network, MAC) --macs--> Destination: a local vif, or a remote next hop --> tunnel, VNI
//! ```

use crate::{CowMap, Network, NetworkId, Nexthop, NexthopId, PortIndex, Tunnel, TunnelId, Vif, VifIndex, VlanTable};
use crate::{VniTable, vif::NO_VIF};
use std::net::Ipv4Addr;
use std::sync::Arc;
use wire::{MacAddr, VlanId};

/// One generation of forwarding state: tables that are shared with the generation before where they did not change.
///
/// Every id in it resolves within it; only a [`Builder`](crate::Builder) makes one. A clone shares everything.
#[derive(Clone)]
pub struct Snapshot {
    /// (port, VLAN) to VIF.
    pub vlans: VlanTable,
    /// VNI to network.
    pub vnis: VniTable,
    /// [`mac_key`] to [`Destination`], packed.
    pub macs: CowMap,
    /// [`vtep_key`] to tunnel number plus one: the VTEPs that this node knows.
    pub vteps: CowMap,
    /// This node's place in the underlay.
    pub fabric: Fabric,
    pub(crate) vifs: Arc<Vec<Vif>>,
    pub(crate) networks: Arc<Vec<Option<Network>>>,
    pub(crate) tunnels: Arc<Vec<Option<Tunnel>>>,
    pub(crate) nexthops: Arc<Vec<Option<Nexthop>>>,
}

/// This node's place in the underlay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fabric {
    /// The fabric port.
    pub port: PortIndex,
    /// Its MAC: outer frames must be addressed to it.
    pub mac: MacAddr,
    /// The fabric VLAN, if the fabric port is a trunk.
    pub vlan: Option<VlanId>,
    /// Our VTEP address.
    pub address: Ipv4Addr,
    /// The longest outer IP packet, in octets.
    pub mtu: u16,
    /// Who may send us unicast.
    pub source_check: SourceCheck,
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
}

const LOCAL: u32 = 1 << 30;
const REMOTE: u32 = 2 << 30;
const PAYLOAD: u32 = LOCAL - 1;

impl Destination {
    /// As a value of [`Snapshot::macs`]: never 0.
    pub(crate) const fn pack(self) -> u32 {
        match self {
            Self::Vif(vif) => LOCAL | vif.row() as u32,
            Self::Remote(nexthop) => REMOTE | nexthop.row() as u32,
        }
    }

    /// From a value of [`Snapshot::macs`]; 0, "not found", is `None`.
    #[inline(always)]
    pub const fn unpack(value: u32) -> Option<Self> {
        let row = (value & PAYLOAD) as usize;
        match value & !PAYLOAD {
            LOCAL => match VifIndex::new(row) {
                Some(vif) => Some(Self::Vif(vif)),
                None => None,
            },
            REMOTE => match NexthopId::new(row) {
                Some(nexthop) => Some(Self::Remote(nexthop)),
                None => None,
            },
            _ => None,
        }
    }
}

/// The key of `mac` (as [`MacAddr::to_bits`]) in `network`, for [`Snapshot::macs`].
#[inline(always)]
pub const fn mac_key(network: NetworkId, mac: u64) -> u64 {
    (network.row() as u64) << 48 | mac
}

/// The key of a VTEP's IPv4 address, for [`Snapshot::vteps`].
#[inline(always)]
pub const fn vtep_key(address: u32) -> u64 {
    address as u64
}

impl Snapshot {
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
        *self.nexthops.get(nexthop.row())?
    }

    /// The tunnel of a row number.
    #[inline(always)]
    pub fn tunnel(&self, tunnel: TunnelId) -> Option<&Tunnel> {
        self.tunnels.get(tunnel.row())?.as_ref()
    }

    /// Where `mac` of `network` is. One packet at a time; the packet path looks up whole bursts.
    pub fn destination(&self, network: NetworkId, mac: MacAddr) -> Option<Destination> {
        Destination::unpack(self.macs.lookup(mac_key(network, mac.to_bits())).unwrap_or(0))
    }
}
