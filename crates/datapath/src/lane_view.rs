//! What the stages know of one frame and have decided about it, for whoever looks on ([`Probe`](crate::probe::Probe)).

use crate::burst::{LaneMask, Lanes};
use crate::{BURST, Burst, Verdict};
use fib::{Destination, NetworkId, PeerId, PortIndex, VifIndex};
use telemetry::{DropReason, Stage};
use wire::{MacAddr, Tci};

/// One lane of a [`Burst`], read only. What no stage has found out yet, or none could of this frame, is `None`.
pub struct LaneView<'b, F> {
    lanes: &'b Lanes,
    frame: Option<&'b F>,
    lane: usize,
}

/// What a frame's own Ethernet header says: of one from the fabric, the header inside the tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Where it begins: 0, or behind the outer headers.
    pub at: usize,
    /// Its destination.
    pub destination: MacAddr,
    /// Its source.
    pub source: MacAddr,
    /// The outer tag, 0 if there is none. Of a frame from the fabric only the priority, as the outer header tells it.
    pub tag: Tci,
    /// Octets of tags behind the source that are the access VLAN's and not the instance's.
    pub tag_octets: usize,
}

impl<F> Burst<F> {
    /// The lane of the `n`th frame, also after that has left; `None` where there can be no such lane.
    pub fn lane(&self, n: usize) -> Option<LaneView<'_, F>> {
        (n < BURST).then(|| LaneView { lanes: &self.lanes, frame: self.frames.get(n), lane: n })
    }

    /// The port that its frames came in by.
    pub const fn port(&self) -> PortIndex {
        self.port
    }
}

impl<'b, F> LaneView<'b, F> {
    /// The lane of a frame that has been taken out of its burst.
    pub(crate) fn of_taken(lanes: &'b Lanes, lane: usize, frame: &'b F) -> Self {
        Self { lanes, frame: Some(frame), lane }
    }

    /// The frame as it now is; `None` once it has left.
    pub fn frame(&self) -> Option<&'b F> {
        self.frame
    }

    /// What is to become of it. The packet's last fate may be another: a port that is full, or a flooded frame that nobody
    /// gets, is only found out when verdicts are carried out.
    pub fn verdict(&self) -> Verdict {
        self.of(&self.lanes.verdict).unpack()
    }

    /// Its own header. From `Classify` or `Decap` on, unless it cannot be read, or is the host's.
    pub fn header(&self) -> Option<Header> {
        let Lanes { unread, l2_at, destination, source, tci, tag_octets, .. } = &self.lanes;
        (!unread.has(self.lane)).then(|| Header {
            at: self.of(l2_at).into(),
            destination: MacAddr::from_bits(self.of(destination)),
            source: MacAddr::from_bits(self.of(source)),
            tag: self.of(tci),
            tag_octets: self.of(tag_octets).into(),
        })
    }

    /// Its flow hash, which chooses among the ways of a tunnel. Access side only, with the [header](Self::header).
    pub fn hash(&self) -> u32 {
        self.of(&self.lanes.hash)
    }

    /// The interface that it came in by. Access side only.
    pub fn ingress(&self) -> Option<VifIndex> {
        self.has(self.lanes.entered).then(|| self.of(&self.lanes.ingress))
    }

    /// Its network.
    pub fn network(&self) -> Option<NetworkId> {
        let refused = matches!(self.verdict(), Verdict::Drop(DropReason::UnknownSourceMac | DropReason::GroupSource));
        let known = self.has(self.lanes.inside) || self.has(self.lanes.entered) && !refused;
        known.then(|| self.of(&self.lanes.network))
    }

    /// The VTEP that it came from, if this node knows that one. Fabric side only.
    pub fn peer(&self) -> Option<PeerId> {
        self.has(self.lanes.inside).then(|| self.lanes.peer(self.lane))?
    }

    /// The interface whose own label it came with. Fabric side only.
    pub fn labelled(&self) -> Option<VifIndex> {
        self.has(self.lanes.by_label).then(|| self.of(&self.lanes.labelled))
    }

    /// What the MAC table has for its destination. From `Bridge` on.
    pub fn found(&self) -> Option<Destination> {
        let undecided = match self.verdict() {
            Verdict::Drop(reason) => !matches!(reason.stage(), Stage::Parse | Stage::Classify | Stage::Decap),
            Verdict::Punt | Verdict::Control => false,
            Verdict::Continue | Verdict::Send(_) | Verdict::Flood | Verdict::Consume => true,
        };
        undecided.then(|| Destination::unpack(self.of(&self.lanes.found)))?
    }

    fn of<T: Copy>(&self, lanes: &[T; BURST]) -> T {
        lanes[self.lane % BURST]
    }

    fn has(&self, lanes: LaneMask) -> bool {
        lanes.has(self.lane)
    }
}
