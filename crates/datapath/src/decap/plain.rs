//! An ordinary tunnel packet over IPv4, in one conjunction, and from there to its network. What follows an encapsulation's
//! header is at a constant place, so each has its own copy of the rest.

use super::tunnelled::sums_to_ones;
use super::{Here, inside, network};
use crate::burst::Lanes;
use crate::io::{Checksum, RxMeta};
use fib::{InsideEntry, vtep_key_v4};
use telemetry::DropReason;
use wire::{Tci, checksum, ethernet, gre, ipv4, mpls, udp, vxlan};

/// What all three encapsulations have in one piece behind the Ethernet header: IPv4, UDP and VXLAN make 36, and each has an
/// inner Ethernet header.
const HEAD: usize = 40;
const VXLAN_AT: usize = ipv4::HEADER_OCTETS + udp::HEADER_OCTETS + vxlan::HEADER_OCTETS;
const UDP_LABEL_AT: usize = ipv4::HEADER_OCTETS + udp::HEADER_OCTETS + mpls::ENTRY_OCTETS;
const GRE_LABEL_AT: usize = ipv4::HEADER_OCTETS + gre::HEADER_OCTETS + mpls::ENTRY_OCTETS;
/// The inner Ethernet header.
const INNER: usize = ethernet::HEADER_OCTETS;

/// What came of a packet: the key of its source and where it ends.
type Entered = Result<(u64, usize), DropReason>;

/// A packet whose headers are right so far.
struct Packet<'p> {
    octets: &'p [u8],
    source: u32,
    end: usize,
}

/// Reads the header from IPv4 on in five words, once each:
///
/// | word | IPv4, UDP and VXLAN | MPLS over UDP | MPLS over GRE |
/// |---|---|---|---|
/// | 0 | version, DSCP, total length, id, flags and fragment offset | | |
/// | 1 | TTL, protocol, checksum, source | | |
/// | 2 | destination, UDP ports | | destination, GRE header |
/// | 3 | UDP length and checksum, VXLAN flags | and the label | the label |
/// | 4 | VNI | | |
///
/// Takes it to its network and fills the lanes; `None` if it is anything but an ordinary tunnel packet.
#[inline(always)]
pub(super) fn enter<const L3: usize>(
    here: &Here<'_>,
    meta: RxMeta,
    octets: &[u8],
    available: usize,
    lanes: &mut Lanes,
    lane: usize,
) -> Option<Entered> {
    /// Version and header length, flags and fragment offset.
    const FIXED: u64 = 0xff << 56 | ipv4::FRAGMENT_MASK as u64;
    const UNFRAGMENTED: u64 = (ipv4::VERSION_IHL as u64) << 56;
    const GRE_OF_MPLS: u32 = ethernet::TYPE_MPLS as u32;
    let words = words(octets.first_chunk::<HEAD>()?);
    let [length, protocol, destination, behind, vni] = words;
    let end = usize::from((length >> 32) as u16);
    let ip = (length & FIXED == UNFRAGMENTED) & (here.v4 == Some((destination >> 32) as u32)) & (end <= available)
        && (meta.ip == Checksum::Good || checksum_is_right(&words));
    if !ip {
        return None;
    }
    let packet = Packet { octets, source: protocol as u32, end };
    match (protocol >> 48) as u8 {
        ipv4::PROTO_UDP if udp_is_plain(&words, &packet, meta) => match destination as u16 {
            vxlan::UDP_PORT if (behind >> 24) as u8 & vxlan::FLAG_I != 0 => {
                let entry = here.t.vnis.lookup((vni >> 40) as u32);
                let priority = here.t.priorities[(length >> 50) as usize & 63];
                let to = (entry, priority, DropReason::UnknownVni);
                rest::<L3, VXLAN_AT, { VXLAN_AT + INNER }>(here, &packet, lanes, lane, to)
            }
            mpls::UDP_PORT | mpls::UDP_PORT_LEGACY => {
                let to = labelled(here, behind as u32)?;
                rest::<L3, UDP_LABEL_AT, { UDP_LABEL_AT + INNER }>(here, &packet, lanes, lane, to)
            }
            _ => None,
        },
        ipv4::PROTO_GRE if destination as u32 == GRE_OF_MPLS => {
            let to = labelled(here, (behind >> 32) as u32)?;
            rest::<L3, GRE_LABEL_AT, { GRE_LABEL_AT + INNER }>(here, &packet, lanes, lane, to)
        }
        _ => None,
    }
}

/// Where a number leads, with the packet's priority, and what is wrong if it leads nowhere.
type To = (InsideEntry, Tci, DropReason);

/// The frame inside, which begins at `AT`; `N` is where its Ethernet header ends.
#[inline(always)]
fn rest<const L3: usize, const AT: usize, const N: usize>(
    here: &Here<'_>,
    packet: &Packet<'_>,
    lanes: &mut Lanes,
    lane: usize,
    (entry, priority, unknown): To,
) -> Option<Entered> {
    let head = packet.octets.first_chunk::<N>()?.last_chunk::<INNER>()?;
    if packet.end < N || entry.has_control_word() {
        return None;
    }
    let Some(network) = network(here.t, lanes, lane, entry) else { return Some(Err(unknown)) };
    let inside = inside(lanes, lane, network, head, L3 + AT, priority);
    Some(inside.map(|()| (vtep_key_v4(packet.source), packet.end)))
}

#[inline(always)]
fn labelled(here: &Here<'_>, entry: u32) -> Option<To> {
    let (label, priority) = only_label(entry)?;
    Some((here.t.labels.lookup(label), priority, DropReason::UnknownLabel))
}

#[inline(always)]
fn words(head: &[u8; HEAD]) -> [u64; 5] {
    let (words, _) = head.as_chunks::<8>();
    std::array::from_fn(|n| words.get(n).map_or(0, |word| u64::from_be_bytes(*word)))
}

/// RFC 1071, over the 20 octets of the header: it sums to all ones.
#[inline(always)]
fn checksum_is_right(words: &[u64; 5]) -> bool {
    let [a, b, c, ..] = *words;
    const LOW: u64 = 0xffff_ffff;
    checksum::fold((a & LOW) + (a >> 32) + (b & LOW) + (b >> 32) + (c >> 32)) == 0xffff
}

/// The length agrees with IP's, and the checksum is absent or right.
#[inline(always)]
fn udp_is_plain(words: &[u64; 5], packet: &Packet<'_>, meta: RxMeta) -> bool {
    let octets = usize::from((words[3] >> 48) as u16);
    octets + ipv4::HEADER_OCTETS == packet.end
        && ((words[3] >> 32) as u16 == 0
            || meta.l4 == Checksum::Good
            || is_summed(packet.octets, packet.source, (words[2] >> 32) as u32, packet.end))
}

/// Whether a checksum that is there is right. It covers the whole packet. All by value: references would keep the numbers of
/// every packet in memory.
#[inline(never)]
fn is_summed(packet: &[u8], source: u32, destination: u32, end: usize) -> bool {
    let pseudo = checksum::udp_pseudo_header_v4(source, destination, (end - ipv4::HEADER_OCTETS) as u16);
    packet.get(ipv4::HEADER_OCTETS..end).is_some_and(|datagram| sums_to_ones(pseudo, datagram))
}

/// A label that is alone on its stack, not reserved, and alive; the priority is its traffic class.
#[inline(always)]
pub(super) fn only_label(entry: u32) -> Option<(u32, Tci)> {
    let label = mpls::label_of(entry);
    let plain = (entry & mpls::BOTTOM != 0) & (mpls::ttl_of(entry) > 1) & (label >= mpls::MplsLabel::MIN.value());
    plain.then_some((label, priority(entry)))
}

/// The traffic class in the place of the PCP.
#[inline(always)]
pub(super) fn priority(entry: u32) -> Tci {
    Tci::new(u16::from(mpls::traffic_class_of(entry)) << 13)
}
