//! Reads and checks the outer header of fabric frames, and takes them to their network.
//!
//! The whole of an ordinary tunnel packet is one conjunction: over IPv4 in [`plain`], over IPv6 in [`v6`]. What fails it goes
//! to [`exact`], which reads it slowly, in the order of its headers: it accepts what is unusual (label stacks, GRE with a
//! key, UDP checksums), says what is wrong, or finds that it is the host's.

mod exact;
mod labels;
mod plain;
mod sources;
mod tunnelled;
mod v6;

use crate::burst::{Lanes, Verdict};
use crate::io::{CONTIGUOUS, Frame, RxMeta};
use crate::parse::{MAC_BITS, be64, is_group, macs};
use crate::{BURST, Burst};
use fib::{Inside, Link, Snapshot, mac_key};
use telemetry::DropReason;
use wire::{Tci, be16, ethernet};

/// What the outer headers of a burst are held to.
struct Here<'t> {
    t: &'t Snapshot,
    mac: u64,
    v4: Option<u32>,
    v6: Option<u128>,
    vlan: u16,
}

impl<'t> Here<'t> {
    fn new(t: &'t Snapshot, link: &Link) -> Self {
        let fabric = &*t.fabric;
        Self {
            t,
            mac: link.mac.to_bits(),
            v4: fabric.address.map(|address| address.to_bits()),
            v6: fabric.address_v6.map(|address| address.to_bits()),
            vlan: fabric.vlan.map_or(0, |vlan| vlan.value()),
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
    /// See [`fib::vtep_key_v6`].
    #[inline(always)]
    fn is_v6(self) -> bool {
        self.key >> 63 != 0
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
#[inline]
pub(crate) fn outer<F: Frame>(t: &Snapshot, burst: &mut Burst<F>) {
    let Some(link) = t.fabric.link(burst.port) else {
        for lane in burst.lanes.live {
            burst.lanes.drop(lane, DropReason::NoSuchPort);
        }
        return;
    };
    let here = Here::new(t, link);
    let mut keys = [0u64; BURST];
    for lane in burst.lanes.live {
        let Some(frame) = burst.frames.get_mut(lane) else { break };
        match one(&here, burst.meta[lane], frame, &mut burst.lanes, lane) {
            Ok(source) => {
                keys[lane] = source.key;
                if source.is_v6() {
                    burst.lanes.source_v6[lane] = source.v6;
                }
            }
            Err(verdict) => burst.lanes.decide(lane, verdict),
        }
    }
    sources::check(t, &mut burst.lanes, &keys, burst.frames.len());
}

/// One frame: its outer header checked, its network found, its inner MACs read, its tail cut.
#[inline(always)]
fn one<F: Frame>(
    here: &Here<'_>,
    meta: RxMeta,
    frame: &mut F,
    lanes: &mut Lanes,
    lane: usize,
) -> Result<Source, Verdict> {
    // Behind a tag that the port took out, a second one is the payload's.
    let head = frame.octets().first_chunk::<{ ethernet::HEADER_OCTETS }>();
    if meta.stripped.is_none() && head.is_some_and(|h| be16::<12, 14>(h) == ethernet::TYPE_VLAN) {
        one_tagged(here, meta, frame, lanes, lane)
    } else {
        one_at::<14, F>(here, meta, frame, lanes, lane)
    }
}

/// Not inlined: the compiler would merge both ways into one whose places are variables.
#[inline(never)]
fn one_tagged<F: Frame>(
    here: &Here<'_>,
    meta: RxMeta,
    frame: &mut F,
    lanes: &mut Lanes,
    lane: usize,
) -> Result<Source, Verdict> {
    one_at::<18, F>(here, meta, frame, lanes, lane)
}

/// `L3` is where the outer IP header begins: 14, or 18 behind a tag.
#[inline(always)]
fn one_at<const L3: usize, F: Frame>(
    here: &Here<'_>,
    meta: RxMeta,
    frame: &mut F,
    lanes: &mut Lanes,
    lane: usize,
) -> Result<Source, Verdict> {
    let (octets, total) = (frame.octets(), frame.total_octets());
    let outer = match usual::<L3>(here, meta, octets, total) {
        Some(outer) => outer,
        None => exact::read(here, meta, octets, total)?,
    };
    enter(here.t, lanes, lane, L3, octets, &outer).map_err(Verdict::Drop)?;
    if total > L3 + outer.end {
        frame.truncate(L3 + outer.end);
    }
    Ok(outer.source)
}

/// The outer header of an ordinary tunnel packet to us; `None` if it is anything else.
#[inline(always)]
fn usual<const L3: usize>(here: &Here<'_>, meta: RxMeta, octets: &[u8], total: usize) -> Option<Outer> {
    let (e, packet) = octets.split_first_chunk::<L3>()?;
    let tagged = L3 > ethernet::HEADER_OCTETS;
    let tag = if tagged { Some(Tci::new(u16::from_be_bytes([e[L3 - 4], e[L3 - 3]]))) } else { meta.stripped };
    let contiguous = octets.len() >= CONTIGUOUS.min(total);
    let ours = (macs(e).0 == here.mac) & contiguous & here.is_our_vlan(tag);
    match u16::from_be_bytes([e[L3 - 2], e[L3 - 1]]) {
        ethernet::TYPE_IPV4 if ours => plain::read(here, meta, packet, total - L3),
        ethernet::TYPE_IPV6 if ours => v6::read(here, meta, packet, total - L3),
        _ => None,
    }
}

/// VNI or label to network; then what is inside is a frame of that network.
#[inline(always)]
fn enter(
    t: &Snapshot,
    lanes: &mut Lanes,
    lane: usize,
    l3: usize,
    octets: &[u8],
    outer: &Outer,
) -> Result<(), DropReason> {
    let (entry, unknown) = match outer.number {
        Number::Vni(vni) => (t.vnis.lookup(vni), DropReason::UnknownVni),
        Number::Label(label) => (t.labels.lookup(label), DropReason::UnknownLabel),
    };
    let network = match entry.inside().ok_or(unknown)? {
        Inside::Network(network) => network,
        Inside::Vif(vif) => {
            lanes.by_label.add(lane);
            lanes.labelled[lane] = vif;
            t.vif(vif).network()
        }
    };
    let mut at = l3 + outer.at;
    if entry.has_control_word() {
        at = behind_control_word(octets, at)?;
    }
    if l3 + outer.end < at + ethernet::HEADER_OCTETS {
        return Err(DropReason::InnerRunt);
    }
    let head = octets.get(at..).and_then(|inner| inner.first_chunk::<{ ethernet::HEADER_OCTETS }>());
    let head = head.ok_or(DropReason::NotContiguous)?;
    let (destination, source) = (be64::<0, 14>(head) >> 16, be64::<4, 14>(head) & MAC_BITS);
    if is_group(source) || source == 0 {
        return Err(DropReason::InnerGroupSource);
    }
    lanes.destination[lane] = destination;
    lanes.source[lane] = source;
    lanes.l2_at[lane] = at as u8;
    lanes.tag_octets[lane] = 0;
    lanes.tci[lane] = outer.priority;
    lanes.network[lane] = network;
    lanes.key[lane] = mac_key(network, destination);
    Ok(())
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
