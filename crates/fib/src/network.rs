//! A virtual network, as a worker sees it: what flooding and source checks need.

use crate::{NexthopId, VifIndex};
use std::net::Ipv4Addr;
use std::sync::Arc;
use wire::Vni;

/// A row of the network table. The lists are shared with earlier snapshots where they did not change.
#[derive(Debug, Clone)]
pub struct Network {
    vni: Vni,
    flood_unknown_unicast: bool,
    local: Arc<Vec<VifIndex>>,
    remote: Arc<[NexthopId]>,
    flooders: Arc<[u32]>,
    peers: Arc<[u32]>,
}

impl Network {
    pub(crate) fn new(vni: Vni, flood_unknown_unicast: bool) -> Self {
        let (flooders, peers): (Arc<[u32]>, Arc<[u32]>) = (Arc::new([]), Arc::new([]));
        Self { vni, flood_unknown_unicast, local: Arc::default(), remote: Arc::new([]), flooders, peers }
    }

    pub(crate) fn add_local(&mut self, vif: VifIndex) {
        Arc::make_mut(&mut self.local).push(vif);
    }

    pub(crate) fn set_remote(&mut self, remote: &[NexthopId], flooders: &[Ipv4Addr], peers: &[Ipv4Addr]) {
        let sorted = |addresses: &[Ipv4Addr]| {
            let mut bits: Vec<u32> = addresses.iter().map(|a| a.to_bits()).collect();
            bits.sort_unstable();
            bits.dedup();
            Arc::from(bits)
        };
        self.remote = remote.into();
        self.flooders = sorted(flooders);
        self.peers = sorted(peers);
    }

    /// Its VNI.
    pub fn vni(&self) -> Vni {
        self.vni
    }

    /// Whether a unicast frame to an unknown MAC goes to every member instead of being dropped.
    #[inline(always)]
    pub fn flood_unknown_unicast(&self) -> bool {
        self.flood_unknown_unicast
    }

    /// Its interfaces on this node: a copy of a flooded frame goes to each.
    pub fn local(&self) -> &[VifIndex] {
        &self.local
    }

    /// The remote VTEPs that a flooded frame from here goes to (ingress replication).
    pub fn remote(&self) -> &[NexthopId] {
        &self.remote
    }

    /// Whether the VTEP at `address` may send us flooded frames of this network. Binary search.
    pub fn takes_flooding_from(&self, address: u32) -> bool {
        self.flooders.binary_search(&address).is_ok()
    }

    /// Whether the VTEP at `address` takes part in this network at all. Binary search.
    pub fn has_peer(&self, address: u32) -> bool {
        self.peers.binary_search(&address).is_ok()
    }
}
