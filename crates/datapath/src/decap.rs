//! Reads and checks the outer header of fabric frames, and takes them to their network.
//!
//! The whole of an ordinary tunnel packet is one conjunction: over IPv4 in [`plain`], which takes it to its network in one go,
//! over IPv6 in [`v6`]. What fails it goes to [`exact`], which reads it slowly, in the order of its headers: it accepts what
//! is unusual (label stacks, GRE with a key), says what is wrong, or finds that it is the host's.

mod exact;
mod labels;
mod plain;
mod sources;
mod tunnelled;
mod v6;

use crate::burst::{LaneMask, Lanes, Verdict};
use crate::io::{CONTIGUOUS, Frame, RxMeta};
use crate::parse::{is_no_station, macs};
use crate::{BURST, Burst};
use fib::{Inside, InsideEntry, InsideNumbers, Link, NetworkId, Snapshot, VTEP_KEY_V6, mac_key};
use telemetry::DropReason;
use wire::{Tci, be16, ethernet};

/// What the outer headers of a burst are held to, and the tables that they lead to.
struct Here<'t> {
    t: &'t Snapshot,
    vnis: InsideNumbers<'t>,
    labels: InsideNumbers<'t>,
    priorities: &'t [Tci; 64],
    mac: u64,
    v4: Option<u32>,
    v6: Option<u128>,
    vlan: u16,
    /// The MAC in the order of memory, in the lower six octets.
    mac_word: u64,
    /// The IPv4 address in the order of memory; without one, more than an address can be.
    v4_word: u64,
}

impl<'t> Here<'t> {
    fn new(t: &'t Snapshot, link: &Link) -> Self {
        let fabric = &*t.fabric;
        let (mac, v4) = (link.mac.to_bits(), fabric.address.map(|address| address.to_bits()));
        Self {
            t,
            vnis: t.vnis.numbers(),
            labels: t.labels.numbers(),
            priorities: &t.priorities,
            mac,
            v4,
            v6: fabric.address_v6.map(|address| address.to_bits()),
            vlan: fabric.vlan.map_or(0, |vlan| vlan.value()),
            mac_word: mac.swap_bytes() >> 16,
            v4_word: v4.map_or(u64::MAX, |address| u64::from(address.swap_bytes())),
        }
    }

    /// Untagged and priority-tagged frames are of VLAN 0, which is the fabric's if none is configured.
    #[inline(always)]
    fn is_our_vlan(&self, tag: Option<Tci>) -> bool {
        tag.map_or(0, Tci::vid) == self.vlan
    }
}

/// What tells what a packet is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Number {
    Vni(u32),
    Label(u32),
}

/// The outer source: the key of [`Snapshot::vteps`], and the address itself where the key is only its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Source {
    key: u64,
    v6: u128,
}

impl Source {
    #[inline(always)]
    fn is_v6(self) -> bool {
        self.key & VTEP_KEY_V6 != 0
    }
}

/// What the outer headers of one frame say. Places count from the IP header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Outer {
    source: Source,
    number: Number,
    /// Where the inner frame begins, or the control word before it.
    at: usize,
    /// Where the IP packet ends.
    end: usize,
    /// The priority bits that the outer header carries.
    priority: Tci,
}

/// Checks the outer headers (RFC 791, 8200, 768, 2784, 3032, 7348, 7510), VNI or label to network, and the source by
/// `fabric.source_check`. Fills `l2_at`, `tag_octets`, `tci`, `destination`, `source`, `network`, `peer`, `by_label` and `key`;
/// cuts what follows the IP packet. Reserved VXLAN bits are ignored on receipt.
///
/// Punts what is addressed to this node but is not overlay traffic. Drops: the reasons of stage `decap`. Never allocates;
/// touches two cache lines of a frame, one of the VNI or label table and one of the VTEP table.
#[inline(always)]
pub(crate) fn outer<F: Frame>(t: &Snapshot, burst: &mut Burst<F>) {
    let Some(link) = t.fabric.link(burst.port) else {
        for lane in burst.lanes.live {
            burst.lanes.unread.add(lane);
            burst.lanes.drop(lane, DropReason::NoSuchPort);
        }
        return;
    };
    let here = Here::new(t, link);
    let mut keys = [0u64; BURST];
    burst.lanes.tag_octets = [0; BURST];
    if burst.noted.is_empty() {
        each::<F, false>(&here, burst, &mut keys);
    } else {
        each_noted(&here, burst, &mut keys);
    }
    to_networks(&here, &mut burst.lanes);
    burst.lanes.inside = burst.lanes.live;
    for lane in burst.lanes.live.also_in(LaneMask::of(&burst.lanes.source, is_no_station)) {
        burst.lanes.drop(lane, DropReason::InnerGroupSource);
    }
    sources::check(t, &mut burst.lanes, &keys, burst.frames.len());
}

/// A port that takes tags out of frames, or verifies checksums, says so of each.
#[inline(never)]
fn each_noted<F: Frame>(here: &Here<'_>, burst: &mut Burst<F>, keys: &mut [u64; BURST]) {
    each::<F, true>(here, burst, keys);
}

#[inline(always)]
fn each<F: Frame, const NOTED: bool>(here: &Here<'_>, burst: &mut Burst<F>, keys: &mut [u64; BURST]) {
    for lane in burst.lanes.live {
        let meta = if NOTED { burst.meta(lane) } else { RxMeta::default() };
        let Some(frame) = burst.frames.get_mut(lane) else { break };
        match one(here, meta, frame, &mut burst.lanes, lane) {
            Ok(key) => keys[lane] = key,
            Err(verdict) => {
                burst.lanes.unread.add(lane);
                burst.lanes.decide(lane, verdict);
            }
        }
    }
}

/// One frame: its outer header checked, its network found, its inner MACs read, its tail cut. Returns its source's key.
#[inline(always)]
fn one<F: Frame>(here: &Here<'_>, meta: RxMeta, frame: &mut F, lanes: &mut Lanes, lane: usize) -> Result<u64, Verdict> {
    if here.is_our_vlan(meta.stripped)
        && let Some(entered) = at::<14, false, F>(here, meta, frame, lanes, lane)
    {
        return entered;
    }
    tagged_or_unusual(here, meta, frame, lanes, lane)
}

/// Not inlined: the compiler would merge all ways into one whose places are variables.
#[inline(never)]
fn tagged_or_unusual<F: Frame>(
    here: &Here<'_>,
    meta: RxMeta,
    frame: &mut F,
    lanes: &mut Lanes,
    lane: usize,
) -> Result<u64, Verdict> {
    let lane = lane % BURST;
    if here.is_our_vlan(meta.stripped)
        && let Some(entered) = at::<14, true, F>(here, meta, frame, lanes, lane)
    {
        return entered;
    }
    // Behind a tag that the port took out, a second one is the payload's.
    let head = frame.octets().first_chunk::<18>().filter(|_| meta.stripped.is_none());
    let tag = head.filter(|h| be16::<12, 18>(h) == ethernet::TYPE_VLAN).map(|h| Tci::new(be16::<14, 18>(h)));
    if tag.is_some() && here.is_our_vlan(tag) {
        let entered = at::<18, false, F>(here, meta, frame, lanes, lane);
        if let Some(entered) = entered.or_else(|| at::<18, true, F>(here, meta, frame, lanes, lane)) {
            return entered;
        }
    }
    unusual(here, meta, frame, lanes, lane)
}

/// An ordinary packet to us, over IPv4 or, if `V6`, over IPv6, whose header begins at `L3`: 14, or 18 behind a tag. `None` if it
/// is anything else.
#[inline(always)]
fn at<const L3: usize, const V6: bool, F: Frame>(
    here: &Here<'_>,
    meta: RxMeta,
    frame: &mut F,
    lanes: &mut Lanes,
    lane: usize,
) -> Option<Result<u64, Verdict>> {
    let (octets, total) = (frame.octets(), frame.total_octets());
    if octets.len() != total && octets.len() < CONTIGUOUS {
        return None;
    }
    let (e, packet) = octets.split_first_chunk::<L3>()?;
    let entered = if V6 {
        v6::enter::<L3>(here, meta, e, packet, total - L3, lanes, lane)?
    } else {
        plain::enter::<L3>(here, meta, e, packet, total - L3, lanes, lane)?
    };
    match entered {
        Ok((key, end)) => {
            if total > L3 + end {
                frame.truncate(L3 + end);
            }
            Some(Ok(key))
        }
        Err(reason) => Some(Err(Verdict::Drop(reason))),
    }
}

/// All but a plain packet.
#[inline(never)]
fn unusual<F: Frame>(
    here: &Here<'_>,
    meta: RxMeta,
    frame: &mut F,
    lanes: &mut Lanes,
    lane: usize,
) -> Result<u64, Verdict> {
    let (octets, total) = (frame.octets(), frame.total_octets());
    let (l3, outer) = exact::read(here, meta, octets, total)?;
    enter(here.t, lanes, lane, l3, octets, &outer).map_err(Verdict::Drop)?;
    if total > l3 + outer.end {
        frame.truncate(l3 + outer.end);
    }
    if outer.source.is_v6() {
        lanes.by_v6.add(lane);
        lanes.source_v6[lane % BURST] = outer.source.v6;
    }
    Ok(outer.source.key)
}

/// VNI or label to network; then what is inside is a frame of that network.
fn enter(
    t: &Snapshot,
    lanes: &mut Lanes,
    lane: usize,
    l3: usize,
    octets: &[u8],
    outer: &Outer,
) -> Result<(), DropReason> {
    let lane = lane % BURST;
    let (entry, unknown) = match outer.number {
        Number::Vni(vni) => (t.vnis.lookup(vni), DropReason::UnknownVni),
        Number::Label(label) => (t.labels.lookup(label), DropReason::UnknownLabel),
    };
    let network = network(t, lanes, lane, entry).ok_or(unknown)?;
    let mut at = l3 + outer.at;
    if entry.has_control_word() {
        at = behind_control_word(octets, at)?;
    }
    if l3 + outer.end < at + ethernet::HEADER_OCTETS {
        return Err(DropReason::InnerRunt);
    }
    let head = octets.get(at..).and_then(|inner| inner.first_chunk::<{ ethernet::HEADER_OCTETS }>());
    let destination = inside(lanes, lane, head.ok_or(DropReason::NotContiguous)?, at, outer.priority);
    belongs(lanes, lane, network, destination);
    Ok(())
}

/// The network that a VNI or label leads to; `None` if it leads nowhere.
#[inline(always)]
fn network(t: &Snapshot, lanes: &mut Lanes, lane: usize, entry: InsideEntry) -> Option<NetworkId> {
    match entry.inside()? {
        Inside::Network(network) => Some(network),
        Inside::Vif(vif) => {
            lanes.by_label.add(lane);
            lanes.labelled[lane] = vif;
            Some(t.vif(vif).network())
        }
    }
}

/// The networks of the lanes that [`plain`] found to be VXLAN. A loop of its own: each look-up waits for three loads in turn,
/// and so many wait at once.
#[inline(always)]
fn to_networks(here: &Here<'_>, lanes: &mut Lanes) {
    for lane in lanes.by_vni {
        match here.vnis.lookup(lanes.vni[lane]).plain_network() {
            Some(network) => belongs(lanes, lane, network, lanes.key[lane]),
            // A VNI is a network's, never an interface's, and no control word follows one.
            None => lanes.drop(lane, DropReason::UnknownVni),
        }
    }
}

#[inline(always)]
fn belongs(lanes: &mut Lanes, lane: usize, network: NetworkId, destination: u64) {
    lanes.network[lane] = network;
    lanes.key[lane] = mac_key(network, destination);
}

/// Fills the lanes by the inner Ethernet header, which begins at `at`, and returns its destination. Whether its source can be
/// one is asked of all lanes at once.
#[inline(always)]
fn inside(lanes: &mut Lanes, lane: usize, head: &[u8; ethernet::HEADER_OCTETS], at: usize, priority: Tci) -> u64 {
    let (destination, source) = macs(head);
    lanes.destination[lane] = destination;
    lanes.source[lane] = source;
    lanes.l2_at[lane] = at as u8;
    lanes.tci[lane] = priority;
    destination
}

/// RFC 4448 section 4.6 lets a receiver ignore the sequence number; like the original we send zeros and take nothing else,
/// since a sender without the word would have the frame's first octets here.
#[inline(never)]
fn behind_control_word(octets: &[u8], at: usize) -> Result<usize, DropReason> {
    match octets.get(at..).and_then(|rest| rest.first_chunk::<4>()) {
        Some([0, 0, 0, 0]) => Ok(at + 4),
        Some(_) => Err(DropReason::ControlWord),
        None => Err(DropReason::InnerRunt),
    }
}
