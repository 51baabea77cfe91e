//! An ordinary tunnel packet over IPv4, in two comparisons, and from there to its network. What follows an encapsulation's
//! header is at a constant place, so each has its own copy of the rest.

use super::{Here, belongs, inside, network};
use crate::burst::Lanes;
use crate::io::{Checksum, RxMeta};
use fib::{InsideEntry, vtep_key_v4};
use telemetry::DropReason;
use wire::{Tci, ethernet, gre, ipv4, mpls, udp, vxlan};

/// What all three encapsulations have in one piece behind the Ethernet header: IPv4, UDP and VXLAN make 36, and each has an
/// inner Ethernet header.
const HEAD: usize = 40;
const VXLAN_AT: usize = ipv4::HEADER_OCTETS + udp::HEADER_OCTETS + vxlan::HEADER_OCTETS;
const UDP_LABEL_AT: usize = ipv4::HEADER_OCTETS + udp::HEADER_OCTETS + mpls::ENTRY_OCTETS;
const GRE_LABEL_AT: usize = ipv4::HEADER_OCTETS + gre::HEADER_OCTETS + mpls::ENTRY_OCTETS;
/// The inner Ethernet header.
const INNER: usize = ethernet::HEADER_OCTETS;

/// Where a packet ends, or why it goes no further.
pub(super) type Entered = Result<usize, DropReason>;

/// A packet of either family whose headers are right so far.
pub(super) struct Packet<'p> {
    pub(super) octets: &'p [u8],
    pub(super) end: usize,
}

/// Of word 0: version and header length, fragment flag and offset.
const FIXED: u64 = 0xff | (ipv4::FRAGMENT_MASK.swap_bytes() as u64) << 48;
/// Of word 1.
const PROTOCOL: u64 = 0xff00;
const UDP: u64 = (ipv4::PROTO_UDP as u64) << 8;
/// Of word 3, where the UDP header ends with its checksum and VXLAN begins with its flags.
const CHECKSUM: u64 = 0xffff << 16;
const FLAG_I: u64 = (vxlan::FLAG_I as u64) << 32;

/// Reads the header from IPv4 on in words of eight octets in the order of memory, once each. What must be in them is compared
/// bit by bit, all differences are put together, and nothing may be left. It stands in:
///
/// | word | IPv4, UDP and VXLAN | MPLS over UDP | MPLS over GRE |
/// |---|---|---|---|
/// | 0 | version, DSCP, total length, id, flags and fragment offset | | |
/// | 1 | TTL, protocol, checksum, source | | |
/// | 2 | destination, UDP ports | | destination, GRE header |
/// | 3 | UDP length and checksum, VXLAN flags | and the label | the label |
/// | 4 | VNI | | |
///
/// `e` is the Ethernet header. Takes the packet to its network, fills the lanes and returns the key of its source and where it
/// ends; `None` if it is anything but an ordinary tunnel packet to us.
#[inline(always)]
pub(super) fn enter<const L3: usize>(
    here: &Here<'_>,
    meta: RxMeta,
    e: &[u8; L3],
    octets: &[u8],
    available: usize,
    lanes: &mut Lanes,
    lane: usize,
) -> Option<Result<(u64, usize), DropReason>> {
    const TYPE: u16 = ethernet::TYPE_IPV4.swap_bytes();
    const PORT: u64 = vxlan::UDP_PORT.swap_bytes() as u64;
    let head = octets.first_chunk::<HEAD>()?;
    let (words, _) = head.as_chunks::<8>();
    let [a, b, c, d] = std::array::from_fn(|n| words.get(n).map_or(0, |word| u64::from_le_bytes(*word)));
    let to = e.first_chunk().map_or(0, |to| u64::from_le_bytes(*to));
    let ether_type = e.last_chunk().map_or(0, |two| u16::from_le_bytes(*two));
    let strange = (to ^ here.mac_word) << 16
        | u64::from(ether_type ^ TYPE)
        | (a ^ u64::from(ipv4::VERSION_IHL)) & FIXED
        | (c & 0xffff_ffff) ^ here.v4_word;
    let end = usize::from(((a >> 16) as u16).swap_bytes());
    if strange != 0 || end > available || !(meta.ip == Checksum::Good || checksum_is_right(a, b, c)) {
        return None;
    }
    let packet = Packet { octets, end };
    let source = vtep_key_v4(((b >> 32) as u32).swap_bytes());
    // The length must agree with IP's.
    let unlike_udp = (b ^ UDP) & PROTOCOL | (udp_end(d) ^ end) as u64;
    let zero_or_good = if meta.l4 == Checksum::Good { 0 } else { CHECKSUM };
    if unlike_udp | (c >> 48 ^ PORT) | (d ^ FLAG_I) & (FLAG_I | zero_or_good) == 0 {
        let [_, _, _, _, vni] = words else { return None };
        lanes.vni[lane] = (u64::from_be_bytes(*vni) >> 40) as u32;
        let head = packet.octets.first_chunk::<{ VXLAN_AT + INNER }>()?.last_chunk::<INNER>()?;
        if end < VXLAN_AT + INNER {
            return None;
        }
        lanes.by_vni.add(lane);
        lanes.key[lane] = inside(lanes, lane, head, L3 + VXLAN_AT, here.priorities[(a >> 10) as usize & 63]);
        return Some(Ok((source, end)));
    }
    let entered = label::<L3>(here, &packet, lanes, lane, [b, c, d], unlike_udp == 0 && d & zero_or_good == 0)?;
    Some(entered.map(|end| (source, end)))
}

/// MPLS over UDP, if the UDP header is right, or over GRE.
#[inline(always)]
fn label<const L3: usize>(
    here: &Here<'_>,
    packet: &Packet<'_>,
    lanes: &mut Lanes,
    lane: usize,
    [b, c, d]: [u64; 3],
    udp_is_right: bool,
) -> Option<Entered> {
    const GRE_OF_MPLS: u64 = (ethernet::TYPE_MPLS.swap_bytes() as u64) << 16;
    const GRE: u64 = (ipv4::PROTO_GRE as u64) << 8;
    let port = ((c >> 48) as u16).swap_bytes();
    if udp_is_right && matches!(port, mpls::UDP_PORT | mpls::UDP_PORT_LEGACY) {
        let to = labelled(here, ((d >> 32) as u32).swap_bytes())?;
        return rest::<L3, UDP_LABEL_AT, { UDP_LABEL_AT + INNER }>(here, packet, lanes, lane, to);
    }
    if (b & PROTOCOL ^ GRE) | (c >> 32 ^ GRE_OF_MPLS) == 0 {
        let to = labelled(here, (d as u32).swap_bytes())?;
        return rest::<L3, GRE_LABEL_AT, { GRE_LABEL_AT + INNER }>(here, packet, lanes, lane, to);
    }
    None
}

/// Where the IP packet ends by the length of UDP.
#[inline(always)]
fn udp_end(d: u64) -> usize {
    usize::from((d as u16).swap_bytes()) + ipv4::HEADER_OCTETS
}

/// Where a number leads, with the packet's priority, and what is wrong if it leads nowhere.
pub(super) type To = (InsideEntry, Tci, DropReason);

/// The frame inside, which begins at `AT`; `N` is where its Ethernet header ends.
#[inline(always)]
pub(super) fn rest<const L3: usize, const AT: usize, const N: usize>(
    here: &Here<'_>,
    packet: &Packet<'_>,
    lanes: &mut Lanes,
    lane: usize,
    (entry, priority, unknown): To,
) -> Option<Entered> {
    let head = packet.octets.first_chunk::<N>()?.last_chunk::<INNER>()?;
    if packet.end < N {
        return None;
    }
    let network = match entry.plain_network() {
        Some(network) => network,
        None if entry.has_control_word() => return None,
        None => match network(here.t, lanes, lane, entry) {
            Some(network) => network,
            None => return Some(Err(unknown)),
        },
    };
    let destination = inside(lanes, lane, head, L3 + AT, priority);
    belongs(lanes, lane, network, destination);
    Some(Ok(packet.end))
}

#[inline(always)]
pub(super) fn labelled(here: &Here<'_>, entry: u32) -> Option<To> {
    let (label, priority) = only_label(entry)?;
    Some((here.labels.lookup(label), priority, DropReason::UnknownLabel))
}

/// RFC 1071, over the 20 octets of the header, of which `c` has the last four: they sum to all ones, that is to a multiple of
/// that, since not all are zero. The sum is the same in either order of octets.
#[inline(always)]
fn checksum_is_right(a: u64, b: u64, c: u64) -> bool {
    const LOW: u64 = 0xffff_ffff;
    ((a & LOW) + (a >> 32) + (b & LOW) + (b >> 32) + (c & LOW)).is_multiple_of(0xffff)
}

/// A label that is alone on its stack, not reserved, and alive; the priority is its traffic class.
#[inline(always)]
fn only_label(entry: u32) -> Option<(u32, Tci)> {
    let label = mpls::label_of(entry);
    let plain = (entry & mpls::BOTTOM != 0) & (mpls::ttl_of(entry) > 1) & (label >= mpls::MplsLabel::MIN.value());
    plain.then_some((label, priority(entry)))
}

/// The traffic class in the place of the PCP.
#[inline(always)]
pub(super) fn priority(entry: u32) -> Tci {
    Tci::new(u16::from(mpls::traffic_class_of(entry)) << 13)
}
