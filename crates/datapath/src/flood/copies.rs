//! One copy after the other. The usual headers are written by constant places straight into the copy's buffer.

use super::body::{Body, COPIED_OCTETS, Original};
use crate::BURST;
use crate::encap::{self, Inner, MACS, plain};
use crate::io::{Frame, Pool, TxQueue};
use crate::rewrite;
use crate::transmit::Outlet;
use arrayvec::ArrayVec;
use fib::{NexthopId, PortIndex, Shape, Snapshot, Tunnel, Vif, VifIndex, WaysOut};
use telemetry::DropReason;
use wire::{checksum, ethernet};

/// Both MACs and one tag.
const TAGGED: usize = MACS + ethernet::TAG_OCTETS;

/// The copies of one frame.
pub(super) struct Copies<'a, P: Pool, T> {
    t: &'a Snapshot,
    ways: WaysOut<'a>,
    out: &'a mut Outlet<P, T>,
    original: Original,
    body: Body<P>,
    /// What a checksum over the payload needs; `None` until one is wanted.
    sum: Option<u64>,
    tos: u8,
    /// Empty frames, allocated many at once.
    spare: ArrayVec<P::Frame, BURST>,
    /// How many more are likely to be wanted.
    expected: usize,
    made: u64,
}

impl<'a, P: Pool, T: TxQueue<Frame = P::Frame>> Copies<'a, P, T> {
    /// Of this frame, to these next hops and to interfaces, `expected` in all.
    #[inline(always)]
    pub(super) fn new(
        t: &'a Snapshot,
        out: &'a mut Outlet<P, T>,
        original: Original,
        frame: P::Frame,
        remote: &[NexthopId],
        expected: usize,
    ) -> Self {
        let share = original.octets > MACS + COPIED_OCTETS && out.takes_chains();
        // A payload that is shared is out of reach.
        let sum = if share { sum(t, &frame, remote) } else { None };
        let body = Body::new(out.pool(), frame, share);
        let ways = t.ways_out();
        let tos = ways.tos(original.priority);
        Self { t, ways, out, original, body, sum, tos, spare: ArrayVec::new(), expected, made: 0 }
    }

    /// One for the segment of this interface.
    #[inline(always)]
    pub(super) fn send_to_vif(&mut self, egress: VifIndex, vif: &Vif) {
        let payload = self.original.octets - MACS - 2;
        let made = if vif.is_plain() && payload <= usize::from(vif.max_payload()) {
            self.tagged(vif)
        } else {
            self.with_any_tags(vif)
        };
        let counts = self.out.telemetry().vif(egress);
        match &made {
            Ok(frame) => {
                counts.tx_frames.add(1);
                counts.tx_octets.add(frame.total_octets() as u64);
            }
            Err(_) => counts.drops.add(1),
        }
        self.send(made, vif.port());
    }

    /// One for a remote VTEP.
    #[inline(always)]
    pub(super) fn send_to_remote(&mut self, nexthop: NexthopId) {
        if let Some((way, tunnel)) = self.ways.plain(nexthop)
            && self.original.octets <= tunnel.max_frame()
            && matches!(tunnel.only_shape(), Shape::VxlanV4 | Shape::MplsUdpV4 | Shape::MplsGreV4)
        {
            let made = self.by_plain(tunnel, way.shim());
            self.send(made, tunnel.port());
        } else {
            self.by_any(nexthop);
        }
    }

    /// Counts what was made, and the frame that became copies.
    #[inline(always)]
    pub(super) fn finish(mut self) {
        self.out.give_back(&mut self.spare);
        self.out.consume_for(
            self.made,
            match self.body {
                Body::Own(frame) => Some(frame),
                Body::Shared(_) => None,
            },
        );
    }

    #[inline(always)]
    fn send(&mut self, made: Result<P::Frame, DropReason>, port: PortIndex) {
        match made {
            Ok(frame) => {
                self.made += 1;
                self.out.stage(port, frame);
            }
            Err(reason) => self.lose(reason),
        }
    }

    #[cold]
    fn lose(&mut self, reason: DropReason) {
        self.made += 1;
        self.out.lose_copy(reason);
    }

    /// A frame with the body, that begins with the MACs.
    #[inline(always)]
    fn fresh(&mut self) -> Result<P::Frame, DropReason> {
        if self.spare.is_empty() {
            self.refill();
        }
        let copy = self.spare.pop().ok_or(DropReason::NoMbuf)?;
        self.body.put_into(self.out.pool(), copy, &self.original)
    }

    #[inline(never)]
    fn refill(&mut self) {
        let wanted = self.expected.clamp(1, BURST);
        self.expected = self.expected.saturating_sub(wanted);
        self.out.pool().allocate_many(&mut self.spare, wanted);
    }

    #[inline(always)]
    fn tagged(&mut self, vif: &Vif) -> Result<P::Frame, DropReason> {
        let mut copy = self.fresh()?;
        let octets = copy.prepend(ethernet::TAG_OCTETS).ok_or(DropReason::NoHeadroom)?;
        let window = octets.first_chunk_mut::<TAGGED>().ok_or(DropReason::NotContiguous)?;
        let tag = vif.outer_tag() | u32::from(self.original.priority.priority());
        *window = (self.original.macs | u128::from(tag)).to_be_bytes();
        Ok(copy)
    }

    #[inline(never)]
    fn with_any_tags(&mut self, vif: &Vif) -> Result<P::Frame, DropReason> {
        let Original { destination, source, priority, octets, ether_type, .. } = self.original;
        rewrite::fits(vif, Some(&ether_type), octets - MACS)?;
        let tags = rewrite::tag_octets(vif, Some(&ether_type));
        let mut copy = self.fresh()?;
        let octets = copy.prepend(tags).ok_or(DropReason::NoHeadroom)?;
        rewrite::write(octets, vif, encap::mac_octets(destination, source), tags, priority)?;
        Ok(copy)
    }

    #[inline(always)]
    fn by_plain(&mut self, tunnel: &Tunnel, shim: u32) -> Result<P::Frame, DropReason> {
        let id = self.out.ids().take();
        let mut copy = self.fresh()?;
        let Original { octets, hash, priority, .. } = self.original;
        let outer = plain::Outer { octets, hash, shim, tos: self.tos, priority, id };
        match tunnel.only_shape() {
            Shape::VxlanV4 => plain::vxlan::<0, P::Frame>(&mut copy, tunnel, outer),
            Shape::MplsUdpV4 => plain::mpls_over_udp::<0, P::Frame>(&mut copy, tunnel, outer),
            _ => plain::mpls_over_gre::<0, P::Frame>(&mut copy, tunnel, outer),
        }
        .ok_or(DropReason::NoHeadroom)?;
        Ok(copy)
    }

    /// By any tunnel.
    #[inline(never)]
    fn by_any(&mut self, nexthop: NexthopId) {
        let found = self.t.nexthop(nexthop);
        let found = found.and_then(|way| Some((way, self.t.tunnel_for(way.tunnel(), self.original.hash)?)));
        let Some((way, tunnel)) = found else { return self.lose(DropReason::NoNexthop) };
        let made = self.by_variable_places(tunnel, way.shim(), way.control_word_octets());
        self.send(made, tunnel.port());
    }

    fn by_variable_places(&mut self, tunnel: &Tunnel, shim: u32, word: usize) -> Result<P::Frame, DropReason> {
        let Original { destination, source, hash, priority, octets, .. } = self.original;
        encap::check(tunnel, octets + word)?;
        let inner = Inner { octets, destination, source, hash, shim, tos: self.tos, priority };
        let sum = match (tunnel.has_udp_checksum(), self.sum) {
            (false, _) => 0,
            (true, Some(sum)) => sum,
            (true, None) => *self.sum.insert(self.body.sum(&self.original)),
        };
        let id = self.out.ids().take();
        let mut copy = self.fresh()?;
        let header = tunnel.header_octets() + word;
        let octets = copy.prepend(header).ok_or(DropReason::NoHeadroom)?;
        let window = octets.get_mut(..header + MACS).ok_or(DropReason::NotContiguous)?;
        encap::any::write(window, tunnel, &inner, word, id, sum);
        Ok(copy)
    }
}

/// The one's complement sum of what follows the MACs, if a tunnel wants it.
#[inline(never)]
fn sum<F: Frame>(t: &Snapshot, frame: &F, remote: &[NexthopId]) -> Option<u64> {
    let wants = |nexthop: &NexthopId| {
        let tunnel = t.nexthop(*nexthop).and_then(|way| t.tunnel(way.tunnel()));
        tunnel.is_some_and(Tunnel::has_udp_checksum)
    };
    let octets = frame.octets().get(MACS..)?;
    remote.iter().any(wants).then(|| checksum::sum(octets))
}
