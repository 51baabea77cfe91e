//! Copies control frames to the other members of their network, before anything else of the burst is sent.
//!
//! Switches that miss three of each other's messages in a row take the other one for gone, and forward: a loop. So these
//! copies do not wait behind other frames, a full queue is tried more often for them, and where the pool has no buffer there
//! is a reserve ([`Outlet::send_first`]). But each member has a limit: a LAN without spanning tree between two members would send
//! the same frames round for ever.

use crate::burst::{LaneMask, Lanes, Side};
use crate::encap::{self, Inner, MACS};
use crate::io::{Frame, Pool, TxQueue};
use crate::transmit::Outlet;
use crate::{BURST, Burst};
use fib::{NexthopId, PortIndex, Snapshot, VifIndex};
use telemetry::DropReason;
use telemetry::notices::{BPDU_OCTETS, BpduCopy, BpduSource, Notice};
use wire::bpdu::{PVST_GROUP, is_link_control};
use wire::{Tci, checksum, ethernet, is_tag_type};

/// Network control, the highest priority (IEEE 802.1Q-2018 table I-2): what the outer headers have.
const PRIORITY: Tci = Tci::new(7 << 13);
/// Of a frame that begins with a tag.
const HEAD: usize = MACS + ethernet::TAG_OCTETS;

/// Copies those of a burst's flooded frames that are control frames to the other members of their networks, and sends each copy
/// at once.
#[cold]
#[inline(never)]
pub(crate) fn all<P: Pool, T: TxQueue<Frame = P::Frame>>(
    t: &Snapshot,
    out: &mut Outlet<P, T>,
    burst: &Burst<P::Frame>,
    side: Side,
    control: LaneMask,
) {
    out.begin_control();
    for (lane, frame) in out.take_floods() {
        if !control.has(lane) {
            out.put_back(lane, frame);
            continue;
        }
        match one(t, out, burst, lane % BURST, &frame, side) {
            Ok(copies) => out.consume_for(copies, Some(frame)),
            Err(reason) => out.bury(frame, reason),
        }
    }
}

fn one<P: Pool, T: TxQueue<Frame = P::Frame>>(
    t: &Snapshot,
    out: &mut Outlet<P, T>,
    burst: &Burst<P::Frame>,
    lane: usize,
    frame: &P::Frame,
    side: Side,
) -> Result<u64, DropReason> {
    let lanes = &burst.lanes;
    let network = t.network(lanes.network[lane % BURST]).ok_or(DropReason::NoNexthop)?;
    let mut head = [0; HEAD];
    let body = Body::of(t, burst, lane, frame, &mut head)?;
    let from = match side {
        Side::Access => BpduSource::Vif(lanes.ingress[lane % BURST]),
        Side::Fabric => BpduSource::Peer(lanes.peer(lane)),
    };
    let copy = BpduCopy {
        network: lanes.network[lane % BURST],
        from,
        octets: body.octets().try_into().unwrap_or(u16::MAX),
        head: body.first_octets(),
    };
    if !out.admits_control(from, lanes.destination[lane % BURST] == PVST_GROUP) {
        return Err(DropReason::ControlPoliced);
    }
    let (telemetry, notices) = out.reporting();
    notices.send(&telemetry.notices, Notice::Bpdu(copy));
    let ingress = (side == Side::Access).then_some(lanes.ingress[lane % BURST]);
    let remote = if side == Side::Access { network.remote() } else { &[] };
    let mut copies = 0;
    for vif in network.segments().iter().filter(|vif| ingress != Some(**vif)) {
        copies += 1;
        to_vif(t, out, &body, *vif);
    }
    for nexthop in remote {
        copies += 1;
        to_remote(t, out, &body, *nexthop, lanes, lane);
    }
    if copies == 0 { Err(DropReason::NoOtherMember) } else { Ok(copies) }
}

/// A control frame as it has to leave: what is before the type field, or its own tag, and the rest.
struct Body<'a> {
    head: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Body<'a> {
    /// Without the priority tag of an untagged one; with the tag that the port took out of one of PVST+'s.
    fn of<F: Frame>(
        t: &Snapshot,
        burst: &Burst<F>,
        lane: usize,
        frame: &'a F,
        head: &'a mut [u8; HEAD],
    ) -> Result<Self, DropReason> {
        let (lanes, lane, octets) = (&burst.lanes, lane % BURST, frame.octets());
        if octets.len() != frame.total_octets() {
            return Err(DropReason::NotContiguous);
        }
        let at = usize::from(lanes.l2_at[lane]);
        let macs = octets.get(at..).and_then(|octets| octets.first_chunk::<MACS>()).ok_or(DropReason::NotContiguous)?;
        let rest = octets.get(at + MACS + usize::from(lanes.tag_octets[lane])..).unwrap_or(&[]);
        let (destination, tag) = (lanes.destination[lane], burst.meta(lane).stripped);
        let ether_type = rest.first_chunk().map_or(0, |octets| u16::from_be_bytes(*octets));
        if is_link_control(destination, ether_type) {
            return Err(DropReason::LinkControl);
        }
        // It would leave as another VLAN's.
        if is_tag_type(ether_type) && destination != PVST_GROUP {
            return Err(DropReason::NotControlFrame);
        }
        let (place, tag_place) = head.split_at_mut(MACS);
        place.copy_from_slice(macs);
        // Only the access side's: a tag that a fabric port took out is the fabric's.
        let own = tag.filter(|tag| at == 0 && destination == PVST_GROUP && tag.vid() != 0);
        if let Some(tag) = own {
            let tag = u32::from(t.vlans.tpid(burst.port).value()) << 16 | u32::from(tag.bits());
            tag_place.copy_from_slice(&tag.to_be_bytes());
        }
        let head = head.get(..if own.is_some() { HEAD } else { MACS }).unwrap_or(&[]);
        Ok(Self { head, rest })
    }

    fn octets(&self) -> usize {
        self.head.len() + self.rest.len()
    }

    fn first_octets(&self) -> [u8; BPDU_OCTETS] {
        let mut first = [0; BPDU_OCTETS];
        first.iter_mut().zip(self.head.iter().chain(self.rest)).for_each(|(to, from)| *to = *from);
        first
    }

    /// A frame of its own with these octets, and zeros up to 60, as on every Ethernet wire.
    fn copy<P: Pool, T: TxQueue<Frame = P::Frame>>(&self, out: &mut Outlet<P, T>) -> Result<P::Frame, DropReason> {
        let mut copy = out.allocate_for_control().ok_or(DropReason::NoMbuf)?;
        for part in [self.head, self.rest] {
            let place = copy.append(part.len()).and_then(|place| place.get_mut(..part.len()));
            place.ok_or(DropReason::NoTailroom)?.copy_from_slice(part);
        }
        encap::pad(&mut copy, ethernet::MIN_FRAME_OCTETS.saturating_sub(self.octets()))?;
        Ok(copy)
    }
}

fn to_vif<P: Pool, T: TxQueue<Frame = P::Frame>>(
    t: &Snapshot,
    out: &mut Outlet<P, T>,
    body: &Body<'_>,
    egress: VifIndex,
) {
    let vif = t.vif(egress);
    let is_tagged =
        body.head.len() == HEAD || body.rest.first_chunk().is_some_and(|t| is_tag_type(u16::from_be_bytes(*t)));
    let header = ethernet::HEADER_OCTETS + if is_tagged { ethernet::TAG_OCTETS } else { 0 };
    let fits = body.octets() <= header + usize::from(vif.max_payload());
    let made = if fits { body.copy(out) } else { Err(DropReason::TooBigForPort) };
    let counts = out.telemetry().vif(egress);
    match made {
        Ok(copy) => {
            counts.tx_frames.add(1);
            counts.tx_octets.add(copy.total_octets() as u64);
            out.send_first(vif.port(), copy);
        }
        Err(reason) => {
            counts.drops.add(1);
            out.lose_copy(reason);
        }
    }
}

fn to_remote<P: Pool, T: TxQueue<Frame = P::Frame>>(
    t: &Snapshot,
    out: &mut Outlet<P, T>,
    body: &Body<'_>,
    nexthop: NexthopId,
    lanes: &Lanes,
    lane: usize,
) {
    let id = out.ids().take();
    let made = body.copy(out).and_then(|mut copy| Ok((encapsulate(t, &mut copy, nexthop, lanes, lane, id)?, copy)));
    match made {
        Ok((port, copy)) => out.send_first(port, copy),
        Err(reason) => out.lose_copy(reason),
    }
}

/// Puts the outer header before a copy; returns the port that it leaves by.
fn encapsulate<F: Frame>(
    t: &Snapshot,
    copy: &mut F,
    nexthop: NexthopId,
    lanes: &Lanes,
    lane: usize,
    id: u16,
) -> Result<PortIndex, DropReason> {
    let (lane, octets) = (lane % BURST, copy.total_octets());
    let hash = lanes.hash[lane];
    let nexthop = t.nexthop(nexthop).ok_or(DropReason::NoNexthop)?;
    let tunnel = t.tunnel_for(nexthop.tunnel(), hash).ok_or(DropReason::NoNexthop)?;
    let word = nexthop.control_word_octets();
    encap::check(tunnel, octets + word)?;
    let (destination, source) = (lanes.destination[lane], lanes.source[lane]);
    let (shim, tos) = (nexthop.shim(), t.ways_out().tos(PRIORITY));
    let inner = Inner { octets, destination, source, hash, shim, tos, priority: PRIORITY };
    let sum = match copy.octets().get(MACS..) {
        Some(behind) if tunnel.has_udp_checksum() => checksum::sum(behind),
        _ => 0,
    };
    let header = tunnel.header_octets() + word;
    let octets = copy.prepend(header).ok_or(DropReason::NoHeadroom)?;
    let window = octets.get_mut(..header + MACS).ok_or(DropReason::NotContiguous)?;
    encap::any::write(window, tunnel, &inner, word, id, sum);
    Ok(tunnel.port())
}
