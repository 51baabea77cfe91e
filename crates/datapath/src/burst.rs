//! A burst of frames and the lanes in which the stages decide what becomes of them.

use crate::io::{Frame, RxMeta};
use arrayvec::ArrayVec;
use fib::simd::lanes_with;
use fib::{NetworkId, PeerId, PortIndex, VifIndex};
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
    /// As `Flood`, of a control frame in a BPDU network: unmodified, and before all others.
    Control,
    /// To the host.
    Punt,
    /// Nowhere: it was for this node, which is done with it.
    Consume,
    /// Nowhere.
    Drop(DropReason),
}

/// A [`Verdict`] in four octets, so that all of a burst are compared in a few instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Packed(u32);

impl Packed {
    pub(crate) const CONTINUE: Self = Self(0);
    const FLOOD: u32 = 1 << 16;
    const PUNT: u32 = 2 << 16;
    const DROP: u32 = 3 << 16;
    const SEND: u32 = 4 << 16;
    const CONTROL: u32 = 5 << 16;
    const CONSUME: u32 = 6 << 16;
    const PAYLOAD: u32 = 0xffff;

    #[inline(always)]
    pub(crate) const fn send(port: PortIndex) -> Self {
        Self(Self::SEND | port.row() as u32)
    }

    #[inline(always)]
    pub(crate) const fn new(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Continue => Self::CONTINUE,
            Verdict::Send(port) => Self::send(port),
            Verdict::Flood => Self(Self::FLOOD),
            Verdict::Control => Self(Self::CONTROL),
            Verdict::Punt => Self(Self::PUNT),
            Verdict::Consume => Self(Self::CONSUME),
            Verdict::Drop(reason) => Self(Self::DROP | reason as u32),
        }
    }

    #[inline(always)]
    pub(crate) fn unpack(self) -> Verdict {
        let payload = (self.0 & Self::PAYLOAD) as usize;
        match self.0 & !Self::PAYLOAD {
            Self::FLOOD => Verdict::Flood,
            Self::CONTROL => Verdict::Control,
            Self::PUNT => Verdict::Punt,
            Self::CONSUME => Verdict::Consume,
            Self::DROP => DropReason::ALL.get(payload).map_or(Verdict::Continue, |reason| Verdict::Drop(*reason)),
            Self::SEND => PortIndex::new(payload).map_or(Verdict::Continue, Verdict::Send),
            _ => Verdict::Continue,
        }
    }
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

    /// The lanes whose value is so, all asked at once and without a branch.
    #[inline(always)]
    pub(crate) fn of<T: Copy>(values: &[T; BURST], is_so: impl Fn(T) -> bool) -> Self {
        Self(values.iter().enumerate().fold(0, |mask, (lane, value)| mask | u32::from(is_so(*value)) << (lane % BURST)))
    }

    /// The lanes whose value, of which only the bits of `mask` count, is `wanted`.
    #[inline(always)]
    pub(crate) fn with(values: &[u32; BURST], mask: u32, wanted: u32) -> Self {
        Self(lanes_with(values, mask, wanted))
    }

    #[inline(always)]
    pub(crate) fn add(&mut self, lane: usize) {
        self.0 |= 1 << (lane % BURST);
    }

    #[inline(always)]
    pub(crate) fn add_all(&mut self, lanes: Self) {
        self.0 |= lanes.0;
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
    pub(crate) fn has(self, lane: usize) -> bool {
        self.0 >> (lane % BURST) & 1 != 0
    }

    #[inline(always)]
    pub(crate) fn count(self) -> u32 {
        self.0.count_ones()
    }

    #[inline(always)]
    pub(crate) fn not_in(self, other: Self) -> Self {
        Self(self.0 & !other.0)
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
    /// Access side: live lanes whose source is not their interface's own, but may be learned.
    pub(crate) strangers: LaneMask,
    /// Decided by `bridge`: to a VIF of this node.
    pub(crate) to_vif: LaneMask,
    /// Decided by `bridge`: to a remote VTEP.
    pub(crate) to_remote: LaneMask,
    pub(crate) verdict: [Packed; BURST],
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
    /// Lanes whose own header no stage could read: nothing of them is meaningful but the verdict.
    pub(crate) unread: LaneMask,
    /// Lanes that have an `ingress`; access side only.
    pub(crate) entered: LaneMask,
    /// The VIF that it came in by; access side only.
    pub(crate) ingress: [VifIndex; BURST],
    /// Lanes whose outer header led to a `network`; fabric side only.
    pub(crate) inside: LaneMask,
    pub(crate) network: [NetworkId; BURST],
    /// One more than the number of the VTEP that it came from; 0: one that this node does not know. Fabric side only.
    pub(crate) peer: [u32; BURST],
    /// Lanes whose outer source is of IPv6, and that source; fabric side only.
    pub(crate) by_v6: LaneMask,
    pub(crate) source_v6: [u128; BURST],
    /// Lanes of VXLAN whose network is still to be found, and their VNI; fabric side only.
    pub(crate) by_vni: LaneMask,
    pub(crate) vni: [u32; BURST],
    /// Lanes with a VMI's own label, and the VMI's interface; fabric side only.
    pub(crate) by_label: LaneMask,
    pub(crate) labelled: [VifIndex; BURST],
    /// The key for the MAC table, and what it found: a [`fib::Destination`], packed.
    pub(crate) key: [u64; BURST],
    pub(crate) found: [u32; BURST],
}

const NO_VIF: VifIndex = VifIndex::new(0).expect("0 is a row");
const NO_NETWORK: NetworkId = NetworkId::new(0).expect("0 is a row");

impl Default for Lanes {
    fn default() -> Self {
        Self {
            live: LaneMask::default(),
            strangers: LaneMask::default(),
            to_vif: LaneMask::default(),
            to_remote: LaneMask::default(),
            verdict: [Packed::CONTINUE; BURST],
            l2_at: [0; BURST],
            tag_octets: [0; BURST],
            tci: [Tci::default(); BURST],
            destination: [0; BURST],
            source: [0; BURST],
            hash: [0; BURST],
            unread: LaneMask::default(),
            entered: LaneMask::default(),
            ingress: [NO_VIF; BURST],
            inside: LaneMask::default(),
            network: [NO_NETWORK; BURST],
            peer: [0; BURST],
            by_v6: LaneMask::default(),
            source_v6: [0; BURST],
            by_vni: LaneMask::default(),
            vni: [0; BURST],
            by_label: LaneMask::default(),
            labelled: [NO_VIF; BURST],
            key: [0; BURST],
            found: [0; BURST],
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
        self.verdict[lane % BURST] = Packed::new(verdict);
    }

    /// Decides that a frame goes out of a port; the stage takes its lanes out of `live` itself, all at once.
    #[inline(always)]
    pub(crate) fn send(&mut self, lane: usize, port: PortIndex) {
        self.verdict[lane % BURST] = Packed::send(port);
    }

    /// The VTEP that a frame from the fabric came from, if this node knows it.
    pub(crate) fn peer(&self, lane: usize) -> Option<PeerId> {
        PeerId::new((self.peer[lane % BURST] as usize).checked_sub(1)?)
    }

    /// The lanes of control frames, in the end.
    #[inline(always)]
    pub(crate) fn control(&self) -> LaneMask {
        LaneMask(lanes_with(&self.verdict.map(|verdict| verdict.0), u32::MAX, Packed::CONTROL))
    }

    /// The port that all of the first `n` lanes go to, if there is one: the usual case.
    #[inline(always)]
    pub(crate) fn one_way(&self, n: usize) -> Option<PortIndex> {
        let [first, ..] = self.verdict;
        let Verdict::Send(port) = first.unpack() else { return None };
        let same = LaneMask(lanes_with(&self.verdict.map(|verdict| verdict.0), u32::MAX, first.0));
        LaneMask::first(n).not_in(same).is_empty().then_some(port)
    }
}

/// Up to [`BURST`] frames from one port, with their lanes. Made once per worker and used again and again.
pub struct Burst<F> {
    pub(crate) port: PortIndex,
    pub(crate) frames: ArrayVec<F, BURST>,
    /// Lanes of which the port said something, and what it said.
    pub(crate) noted: LaneMask,
    notes: [RxMeta; BURST],
    pub(crate) lanes: Lanes,
}

impl<F: Frame> Burst<F> {
    /// An empty burst from `port`.
    pub fn new(port: PortIndex) -> Self {
        let (noted, notes) = (LaneMask::default(), [RxMeta::default(); BURST]);
        Self { port, frames: ArrayVec::new(), noted, notes, lanes: Lanes::default() }
    }

    /// Adds a frame; gives it back if the burst is full.
    #[inline(always)]
    pub fn push(&mut self, frame: F, meta: RxMeta) -> Result<(), F> {
        let lane = self.frames.len();
        if lane == 0 {
            self.noted = LaneMask::default();
        }
        self.frames.try_push(frame).map_err(|full| full.element())?;
        if meta != RxMeta::default() {
            self.noted.add(lane);
            self.notes[lane % BURST] = meta;
        }
        Ok(())
    }

    /// Fills the empty burst by `receive`. The port says nothing of the frames, or says it by [`note`](Self::note).
    #[inline(always)]
    pub fn refill(&mut self, receive: impl FnOnce(&mut ArrayVec<F, BURST>)) {
        debug_assert!(self.frames.is_empty(), "every frame of the burst before has left");
        self.noted = LaneMask::default();
        receive(&mut self.frames);
    }

    /// The frames, for what a driver has to do to them.
    #[inline(always)]
    pub fn frames_mut(&mut self) -> &mut [F] {
        &mut self.frames
    }

    /// Asks of each frame what the port said of it. Before, nothing was.
    pub fn note(&mut self, mut meta_of: impl FnMut(&mut F) -> RxMeta) {
        for (lane, (frame, place)) in self.frames.iter_mut().zip(&mut self.notes).enumerate() {
            *place = meta_of(frame);
            self.noted.add(lane);
        }
    }

    /// What the port said of a frame.
    #[inline(always)]
    pub(crate) fn meta(&self, lane: usize) -> RxMeta {
        if self.noted.has(lane) { self.notes[lane % BURST] } else { RxMeta::default() }
    }

    /// Octets of a frame, with the tag that the port may have taken out.
    pub(crate) fn octets_with_tag(&self, lane: usize) -> usize {
        let tag = if self.meta(lane).stripped.is_some() { wire::ethernet::TAG_OCTETS } else { 0 };
        self.frames.get(lane).map_or(0, Frame::total_octets) + tag
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
    #[inline(always)]
    pub(crate) fn start(&mut self) {
        self.lanes.live = LaneMask::first(self.frames.len());
        self.lanes.strangers = LaneMask::default();
        self.lanes.to_vif = LaneMask::default();
        self.lanes.to_remote = LaneMask::default();
        self.lanes.by_label = LaneMask::default();
        self.lanes.by_vni = LaneMask::default();
        self.lanes.by_v6 = LaneMask::default();
        self.lanes.unread = LaneMask::default();
        self.lanes.entered = LaneMask::default();
        self.lanes.inside = LaneMask::default();
        self.lanes.verdict = [Packed::CONTINUE; BURST];
    }
}
