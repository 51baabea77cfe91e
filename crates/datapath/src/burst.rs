//! A burst of frames and the lanes in which the stages decide what becomes of them.

use crate::io::{Frame, RxMeta};
use arrayvec::ArrayVec;
use fib::{NetworkId, NexthopId, PeerId, PortIndex, VifIndex};
use telemetry::DropReason;
use wire::Tci;

/// Most frames that are handled at once. 32 and 64 measured equal, 256 much worse (it defeats the buffer cache).
pub const BURST: usize = 32;

/// What is to become of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Not decided yet.
    Continue,
    /// Out of this port, as it now is.
    Send(PortIndex),
    /// A copy to each other member of its network.
    Flood,
    /// To the host.
    Punt,
    /// Nowhere.
    Drop(DropReason),
}

/// Where a frame came from, as far as loops are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Access,
    Fabric,
}

/// A set of lanes, one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct LaneMask(u32);

impl LaneMask {
    pub(crate) const fn first(n: usize) -> Self {
        if n >= BURST { Self(u32::MAX) } else { Self((1 << n) - 1) }
    }

    #[inline(always)]
    pub(crate) fn add(&mut self, lane: usize) {
        self.0 |= 1 << (lane % BURST);
    }

    #[inline(always)]
    pub(crate) fn remove(&mut self, lane: usize) {
        self.0 &= !(1 << (lane % BURST));
    }

    #[inline(always)]
    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    #[inline(always)]
    pub(crate) fn also_in(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    #[inline(always)]
    pub(crate) fn remove_all(&mut self, lanes: Self) {
        self.0 &= !lanes.0;
    }
}

/// Yields lane numbers below [`BURST`], which the compiler can see: lanes are indexed without bounds checks.
impl Iterator for LaneMask {
    type Item = usize;

    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        if self.0 == 0 {
            return None;
        }
        let lane = self.0.trailing_zeros() as usize;
        self.0 &= self.0 - 1;
        Some(lane)
    }
}

/// What the stages know and decide, an array per question. A lane is meaningful from the stage that writes it.
pub(crate) struct Lanes {
    /// Not decided yet.
    pub(crate) live: LaneMask,
    /// Decided by `bridge`: to a VIF of this node.
    pub(crate) to_vif: LaneMask,
    /// Decided by `bridge`: to a remote VTEP.
    pub(crate) to_remote: LaneMask,
    pub(crate) verdict: [Verdict; BURST],
    /// Where the frame's own Ethernet header begins: 0, or behind the outer headers.
    pub(crate) l2_at: [u8; BURST],
    /// Octets of tags between its MACs and its type that go: 0, 4 or 8.
    pub(crate) tag_octets: [u8; BURST],
    /// Access side: the outer tag. Fabric side: only its priority bits, as the outer header tells them.
    pub(crate) tci: [Tci; BURST],
    /// Destination and source, as `MacAddr::to_bits`.
    pub(crate) destination: [u64; BURST],
    pub(crate) source: [u64; BURST],
    /// The flow hash, of the frame itself.
    pub(crate) hash: [u32; BURST],
    /// The VIF that it came in by; access side only.
    pub(crate) ingress: [VifIndex; BURST],
    pub(crate) network: [NetworkId; BURST],
    /// One more than the number of the VTEP that it came from; 0: one that this node does not know. Fabric side only.
    pub(crate) peer: [u32; BURST],
    /// Lanes whose outer source is of IPv6, and that source; fabric side only.
    pub(crate) by_v6: LaneMask,
    pub(crate) source_v6: [u128; BURST],
    /// Lanes with a VMI's own label, and the VMI's interface; fabric side only.
    pub(crate) by_label: LaneMask,
    pub(crate) labelled: [VifIndex; BURST],
    /// The key for the MAC table, and what it found.
    pub(crate) key: [u64; BURST],
    pub(crate) found: [u32; BURST],
    pub(crate) egress: [VifIndex; BURST],
    pub(crate) nexthop: [NexthopId; BURST],
}

const NO_VIF: VifIndex = VifIndex::new(0).expect("0 is a row");
const NO_NETWORK: NetworkId = NetworkId::new(0).expect("0 is a row");
const NO_NEXTHOP: NexthopId = NexthopId::new(0).expect("0 is a row");

impl Default for Lanes {
    fn default() -> Self {
        Self {
            live: LaneMask::default(),
            to_vif: LaneMask::default(),
            to_remote: LaneMask::default(),
            verdict: [Verdict::Continue; BURST],
            l2_at: [0; BURST],
            tag_octets: [0; BURST],
            tci: [Tci::default(); BURST],
            destination: [0; BURST],
            source: [0; BURST],
            hash: [0; BURST],
            ingress: [NO_VIF; BURST],
            network: [NO_NETWORK; BURST],
            peer: [0; BURST],
            by_v6: LaneMask::default(),
            source_v6: [0; BURST],
            by_label: LaneMask::default(),
            labelled: [NO_VIF; BURST],
            key: [0; BURST],
            found: [0; BURST],
            egress: [NO_VIF; BURST],
            nexthop: [NO_NEXTHOP; BURST],
        }
    }
}

impl Lanes {
    /// Out of line: inlined, the compiler makes one way of it and the usual one, which then carries its values too.
    #[cold]
    #[inline(never)]
    pub(crate) fn drop(&mut self, lane: usize, reason: DropReason) {
        self.decide(lane, Verdict::Drop(reason));
    }

    #[inline(always)]
    pub(crate) fn decide(&mut self, lane: usize, verdict: Verdict) {
        self.live.remove(lane);
        self.verdict[lane % BURST] = verdict;
    }

    /// The VTEP that a frame from the fabric came from, if this node knows it.
    pub(crate) fn peer(&self, lane: usize) -> Option<PeerId> {
        PeerId::new((self.peer[lane % BURST] as usize).checked_sub(1)?)
    }

    /// The port that all of the first `n` lanes go to, if there is one: the usual case.
    #[inline(always)]
    pub(crate) fn one_way(&self, n: usize) -> Option<PortIndex> {
        let [Verdict::Send(port), ..] = self.verdict else { return None };
        let same = |verdict: &Verdict| matches!(*verdict, Verdict::Send(other) if other == port);
        self.verdict.iter().take(n).fold(true, |all, verdict| all & same(verdict)).then_some(port)
    }
}

/// Up to [`BURST`] frames from one port, with their lanes. Made once per worker and used again and again.
pub struct Burst<F> {
    pub(crate) port: PortIndex,
    pub(crate) frames: ArrayVec<F, BURST>,
    pub(crate) meta: [RxMeta; BURST],
    pub(crate) lanes: Lanes,
}

impl<F: Frame> Burst<F> {
    /// An empty burst from `port`.
    pub fn new(port: PortIndex) -> Self {
        Self { port, frames: ArrayVec::new(), meta: [RxMeta::default(); BURST], lanes: Lanes::default() }
    }

    /// Adds a frame; gives it back if the burst is full.
    #[inline(always)]
    pub fn push(&mut self, frame: F, meta: RxMeta) -> Result<(), F> {
        let lane = self.frames.len();
        self.frames.try_push(frame).map_err(|full| full.element())?;
        if let Some(place) = self.meta.get_mut(lane) {
            *place = meta;
        }
        Ok(())
    }

    /// Fills the empty burst with what arrived, up to [`BURST`] frames.
    #[inline(always)]
    pub fn fill(&mut self, arrivals: impl IntoIterator<Item = (F, RxMeta)>) {
        debug_assert!(self.frames.is_empty(), "every frame of the burst before has left");
        self.frames.clear();
        self.frames.extend(self.meta.iter_mut().zip(arrivals).map(|(place, (frame, meta))| {
            *place = meta;
            frame
        }));
    }

    /// How many frames it holds.
    pub fn len(&self) -> usize {
        self.frames.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Forgets the decisions of the burst before: all its frames are live.
    #[inline]
    pub(crate) fn start(&mut self) {
        self.lanes.live = LaneMask::first(self.frames.len());
        self.lanes.to_vif = LaneMask::default();
        self.lanes.to_remote = LaneMask::default();
        self.lanes.by_label = LaneMask::default();
        self.lanes.by_v6 = LaneMask::default();
        self.lanes.verdict = [Verdict::Continue; BURST];
    }
}
