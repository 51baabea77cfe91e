//! A virtual network, as a worker sees it: what flooding and source checks need.

use crate::{ControlFrames, NexthopId, PeerId, VifIndex};
use std::sync::Arc;
use wire::Vni;

/// A row of the network table. The lists are shared with earlier snapshots where they did not change.
#[derive(Debug, Clone)]
pub struct Network {
    vni: Vni,
    flood_unknown_unicast: bool,
    control: Option<ControlFrames>,
    has_gateway: bool,
    segments: Arc<Vec<VifIndex>>,
    remote: Arc<[NexthopId]>,
    flooders: Arc<[PeerId]>,
    peers: Arc<[PeerId]>,
}

impl Network {
    pub(crate) fn new(vni: Vni, flood_unknown_unicast: bool, has_gateway: bool) -> Self {
        let nobody: Arc<[PeerId]> = Arc::new([]);
        let (flooders, peers) = (Arc::clone(&nobody), nobody);
        let (segments, remote) = (Arc::default(), Arc::new([]) as Arc<[NexthopId]>);
        Self { vni, flood_unknown_unicast, control: None, has_gateway, segments, remote, flooders, peers }
    }

    /// Makes it a BPDU network.
    pub(crate) fn set_control(&mut self, control: Option<ControlFrames>) {
        self.control = control;
    }

    pub(crate) fn add_segment(&mut self, vif: VifIndex) {
        Arc::make_mut(&mut self.segments).push(vif);
    }

    pub(crate) fn set_remote(&mut self, remote: &[NexthopId], flooders: Vec<PeerId>, peers: Vec<PeerId>) {
        let sorted = |mut peers: Vec<PeerId>| {
            peers.sort_unstable();
            peers.dedup();
            Arc::from(peers)
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

    /// What it carries, if it is a BPDU network.
    #[inline(always)]
    pub fn control(&self) -> Option<ControlFrames> {
        self.control
    }

    /// Whether this node is its gateway.
    pub fn has_gateway(&self) -> bool {
        self.has_gateway
    }

    /// Its segments on this node, each by one of the interfaces on it: a segment is a VLAN of a port, and one copy of a
    /// flooded frame reaches all VMIs on it.
    pub fn segments(&self) -> &[VifIndex] {
        &self.segments
    }

    /// The remote VTEPs that a flooded frame from here goes to (ingress replication).
    pub fn remote(&self) -> &[NexthopId] {
        &self.remote
    }

    /// Whether a VTEP may send us flooded frames of this network. Binary search.
    pub fn takes_flooding_from(&self, peer: PeerId) -> bool {
        self.flooders.binary_search(&peer).is_ok()
    }

    /// Whether a VTEP takes part in this network at all. Binary search.
    pub fn has_peer(&self, peer: PeerId) -> bool {
        self.peers.binary_search(&peer).is_ok()
    }
}
