//! Copies one frame to each other member of its network (ingress replication, RFC 7348 section 4.2 by unicast).
//!
//! Each copy has headers of its own. Payloads up to 256 octets are copied; longer ones are shared by reference, where all
//! ports take frames in several buffers. Copies are packets of their own in the ledger; the frame itself is consumed.

use crate::bridge::is_same_segment;
use crate::burst::{Lanes, Side};
use crate::encap::{self, Inner, MACS, WINDOW};
use crate::io::{Frame, Pool, TxQueue};
use crate::rewrite::{self, TAGGED_TWICE};
use crate::transmit::Outlet;
use fib::{Destination, Network, NetworkId, NexthopId, PortIndex, Snapshot, VifIndex};
use telemetry::DropReason;
use wire::{MacAddr, checksum, ethernet};

/// Copies that one burst may make. A single frame may go to more members than that, a second one then not.
pub(crate) const BUDGET: usize = 4096;

/// Payloads up to this length are copied: cheaper than a second buffer (measured: 27 cycles a replica at any length, a
/// copy 29 at 64 octets and 49 at 570).
const COPIED_OCTETS: usize = 256;

/// A frame whose MACs and whatever was in front of its type field are gone, ready to be put behind other headers.
enum Body<P: Pool> {
    Own(P::Frame),
    Shared(P::Payload),
}

/// What all copies of one frame have in common.
struct Original {
    macs: [u8; MACS],
    inner: Inner,
    /// Octets from the type field on.
    rest: usize,
    /// Their one's complement sum, if a tunnel wants it.
    sum: u64,
    ether_type: [u8; 2],
}

/// Replicates the frame of `lane`, which has the verdict `Flood`, and gives the copies to the outlet.
pub(crate) fn replicate<P: Pool, T: TxQueue<Frame = P::Frame>>(
    t: &Snapshot,
    out: &mut Outlet<P, T>,
    lanes: &Lanes,
    lane: usize,
    mut frame: P::Frame,
    side: Side,
    budget: &mut usize,
) {
    let Some(network) = t.network(lanes.network[lane]) else { return out.bury(frame, DropReason::NoNexthop) };
    let remote = if side == Side::Access { network.remote() } else { &[] };
    let members = network.segments().len() + remote.len();
    if members > *budget && *budget < BUDGET {
        return out.bury(frame, DropReason::FloodBudget);
    }
    *budget = budget.saturating_sub(members);
    let mut original = match prepare(&mut frame, lanes, lane) {
        Ok(original) => original,
        Err(reason) => return out.bury(frame, reason),
    };
    if remote.iter().any(|nexthop| wants_sum(t, *nexthop)) {
        original.sum = checksum::sum(frame.octets());
    }
    let ingress = (side == Side::Access).then_some(lanes.ingress[lane]);
    let targets = Targets::new(t, lanes.network[lane], network, ingress, original.inner.source);
    if targets.is_empty() && remote.is_empty() {
        let reason = if targets.own_source { DropReason::OwnSource } else { DropReason::NoOtherMember };
        return out.bury(frame, reason);
    }
    let body = body(out, frame, original.rest);
    targets.for_each(|vif| one_local(t, out, &body, &original, vif));
    remote.iter().for_each(|nexthop| one_remote(t, out, &body, &original, *nexthop));
    out.consume(match body {
        Body::Own(frame) => Some(frame),
        Body::Shared(_) => None,
    });
}

/// The segments of the network on this node that get a copy, each by one of its interfaces: not the one that the frame
/// came in by, and none on which its source is at home.
struct Targets<'t> {
    t: &'t Snapshot,
    network: &'t Network,
    ingress: Option<VifIndex>,
    source: u64,
    /// Whether the source is somebody's on this node at all: if not, no segment has to be asked.
    known_source: bool,
    own_source: bool,
    count: usize,
}

impl<'t> Targets<'t> {
    fn new(t: &'t Snapshot, id: NetworkId, network: &'t Network, ingress: Option<VifIndex>, source: u64) -> Self {
        let at = t.destination(id, MacAddr::from_bits(source));
        let known_source = matches!(at, Some(Destination::Vif(_)));
        let at_home = |vif: &VifIndex| t.segment_owns(t.vif(*vif), source);
        let own_source = known_source && ingress.is_none() && network.segments().iter().any(at_home);
        let mut targets = Self { t, network, ingress, source, known_source, own_source, count: 0 };
        let mut count = 0;
        targets.for_each(|_| count += 1);
        targets.count = count;
        targets
    }

    fn is_empty(&self) -> bool {
        self.count == 0
    }

    fn for_each(&self, mut f: impl FnMut(VifIndex)) {
        for vif in self.network.segments() {
            let row = self.t.vif(*vif);
            let came_from = |ingress| ingress == *vif || is_same_segment(self.t, row, ingress);
            let at_home = || self.known_source && self.t.segment_owns(row, self.source);
            if !self.ingress.is_some_and(came_from) && !at_home() {
                f(*vif);
            }
        }
    }
}

fn wants_sum(t: &Snapshot, nexthop: NexthopId) -> bool {
    let tunnel = t.nexthop(nexthop).and_then(|nexthop| t.tunnel(nexthop.tunnel()));
    tunnel.is_some_and(|tunnel| tunnel.has_udp_checksum())
}

/// Cuts the frame to its type field and payload, padded so that the whole is at least 60 octets.
fn prepare<F: Frame>(frame: &mut F, lanes: &Lanes, lane: usize) -> Result<Original, DropReason> {
    let front = usize::from(lanes.l2_at[lane]) + MACS + usize::from(lanes.tag_octets[lane]);
    if frame.octets().len() != frame.total_octets() {
        return Err(DropReason::NotContiguous);
    }
    frame.trim_front(front);
    let short = (ethernet::MIN_FRAME_OCTETS - MACS).saturating_sub(frame.total_octets());
    if short > 0 {
        encap::pad(frame, short)?;
    }
    let rest = frame.total_octets();
    let (destination, source, priority) = (lanes.destination[lane], lanes.source[lane], lanes.tci[lane]);
    Ok(Original {
        macs: encap::mac_octets(destination, source),
        inner: Inner { octets: rest + MACS, destination, source, hash: lanes.hash[lane], shim: 0, tos: 0, priority },
        rest,
        sum: 0,
        ether_type: frame.octets().first_chunk().copied().unwrap_or_default(),
    })
}

fn body<P: Pool, T: TxQueue<Frame = P::Frame>>(out: &mut Outlet<P, T>, frame: P::Frame, rest: usize) -> Body<P> {
    if rest > COPIED_OCTETS && out.takes_chains() { Body::Shared(out.pool().share(frame)) } else { Body::Own(frame) }
}

/// A frame with the body and `header` in front of it.
fn copy<P: Pool>(pool: &mut P, body: &Body<P>, header: &[u8]) -> Result<P::Frame, DropReason> {
    let mut copy = match body {
        Body::Shared(payload) => pool.replicate(payload).ok_or(DropReason::NoMbuf)?,
        Body::Own(original) => {
            let mut copy = pool.allocate().ok_or(DropReason::NoMbuf)?;
            let octets = original.octets();
            let place = copy.append(octets.len()).and_then(|place| place.get_mut(..octets.len()));
            place.ok_or(DropReason::NoTailroom)?.copy_from_slice(octets);
            copy
        }
    };
    let head = copy.prepend(header.len()).ok_or(DropReason::NoHeadroom)?;
    head.get_mut(..header.len()).ok_or(DropReason::NoHeadroom)?.copy_from_slice(header);
    Ok(copy)
}

fn one_local<P: Pool, T: TxQueue<Frame = P::Frame>>(
    t: &Snapshot,
    out: &mut Outlet<P, T>,
    body: &Body<P>,
    original: &Original,
    egress: VifIndex,
) {
    let vif = t.vif(egress);
    let tag = rewrite::tag_octets(vif, Some(&original.ether_type));
    let mut header = [0; TAGGED_TWICE];
    let made = rewrite::fits(vif, Some(&original.ether_type), original.rest)
        .and_then(|()| rewrite::write(&mut header, vif, original.macs, tag, original.inner.priority))
        .and_then(|()| copy(out.pool(), body, header.get(..MACS + tag).unwrap_or(&header)));
    if let Ok(frame) = &made {
        rewrite::count(out.telemetry(), egress, frame);
    } else {
        out.telemetry().vif(egress).drops.add(1);
    }
    finish(out, made, vif.port());
}

fn one_remote<P: Pool, T: TxQueue<Frame = P::Frame>>(
    t: &Snapshot,
    out: &mut Outlet<P, T>,
    body: &Body<P>,
    original: &Original,
    nexthop: NexthopId,
) {
    let hash = original.inner.hash;
    let found = t.nexthop(nexthop).and_then(|nexthop| Some((nexthop, t.tunnel_for(nexthop.tunnel(), hash)?)));
    let Some((nexthop, tunnel)) = found else { return out.lose_copy(DropReason::NoNexthop) };
    let word = nexthop.control_word_octets();
    let tos = t.ways_out().tos(original.inner.priority);
    let inner = Inner { shim: nexthop.shim(), tos, ..original.inner.clone() };
    let mut window = [0; WINDOW];
    let made = encap::check(tunnel, inner.octets + word).and_then(|()| {
        let window = window.get_mut(..tunnel.header_octets() + word + MACS).ok_or(DropReason::NoHeadroom)?;
        encap::any::write(window, tunnel, &inner, word, out.ids().take(), original.sum);
        copy(out.pool(), body, window)
    });
    finish(out, made, tunnel.port());
}

fn finish<P: Pool, T: TxQueue<Frame = P::Frame>>(
    out: &mut Outlet<P, T>,
    made: Result<P::Frame, DropReason>,
    port: PortIndex,
) {
    match made {
        Ok(frame) => out.send_copy(port, frame),
        Err(reason) => out.lose_copy(reason),
    }
}
