//! An ordinary tunnel packet over IPv6, in two comparisons, and from there to its network: as `plain` does over IPv4. The UDP
//! checksum covers the whole packet and is verified here, unless the port has done it.

use super::Here;
use super::plain::{Entered, Packet, labelled, rest};
use crate::burst::Lanes;
use crate::io::{Checksum, RxMeta};
use fib::vtep_key_v6;
use telemetry::DropReason;
use wire::{checksum, ethernet, gre, ipv4, ipv6, mpls, udp, vxlan};

/// What all three encapsulations have in one piece behind the Ethernet header: IPv6, UDP and VXLAN.
const HEAD: usize = VXLAN_AT;
const VXLAN_AT: usize = ipv6::HEADER_OCTETS + udp::HEADER_OCTETS + vxlan::HEADER_OCTETS;
const UDP_LABEL_AT: usize = ipv6::HEADER_OCTETS + udp::HEADER_OCTETS + mpls::ENTRY_OCTETS;
const GRE_LABEL_AT: usize = ipv6::HEADER_OCTETS + gre::HEADER_OCTETS + mpls::ENTRY_OCTETS;
/// The inner Ethernet header.
const INNER: usize = ethernet::HEADER_OCTETS;

/// Reads the header from IPv6 on in words in the order of memory, as `plain` does:
///
/// | word | UDP and VXLAN | MPLS over UDP | MPLS over GRE |
/// |---|---|---|---|
/// | 0 | version, traffic class, flow label, payload length, next header | | |
/// | 1 to 4 | source, destination | | |
/// | 5 | UDP | | GRE header and label |
/// | 6 | VXLAN | label | |
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
    const TYPE: u16 = ethernet::TYPE_IPV6.swap_bytes();
    const VERSION: u64 = 6 << 4;
    let head = octets.first_chunk::<HEAD>()?;
    let (words, _) = head.as_chunks::<8>();
    let [a, b, c, d, f, g, h] = std::array::from_fn(|n| words.get(n).map_or(0, |word| u64::from_le_bytes(*word)));
    let to = e.first_chunk().map_or(0, |to| u64::from_le_bytes(*to));
    let ether_type = e.last_chunk().map_or(0, |two| u16::from_le_bytes(*two));
    let ours = here.v6?.swap_bytes();
    let strange = (to ^ here.mac_word) << 16
        | u64::from(ether_type ^ TYPE)
        | (a ^ VERSION) & 0xf0
        | (d ^ ours as u64)
        | (f ^ (ours >> 64) as u64);
    let length = ((a >> 32) as u16).swap_bytes();
    let packet = Packet { octets, end: ipv6::HEADER_OCTETS + usize::from(length) };
    if strange != 0 || packet.end > available {
        return None;
    }
    let next = (a >> 48) as u8;
    let entered = if next == ipv4::PROTO_UDP {
        let class = u32::from_be(a as u32) >> 22 & 63;
        datagram::<L3>(here, meta, &packet, lanes, lane, [g, h], class as usize)?
    } else {
        const GRE_OF_MPLS: u32 = (ethernet::TYPE_MPLS.swap_bytes() as u32) << 16;
        if next != ipv4::PROTO_GRE || g as u32 != GRE_OF_MPLS {
            return None;
        }
        let to = labelled(here, ((g >> 32) as u32).swap_bytes())?;
        rest::<L3, GRE_LABEL_AT, { GRE_LABEL_AT + INNER }>(here, &packet, lanes, lane, to)?
    };
    let source = (u128::from(c) << 64 | u128::from(b)).swap_bytes();
    lanes.by_v6.add(lane);
    lanes.source_v6[lane] = source;
    Some(entered.map(|end| (vtep_key_v6(source), end)))
}

/// VXLAN or MPLS over UDP: `g` is the UDP header, `h` what follows.
#[inline(always)]
fn datagram<const L3: usize>(
    here: &Here<'_>,
    meta: RxMeta,
    packet: &Packet<'_>,
    lanes: &mut Lanes,
    lane: usize,
    [g, h]: [u64; 2],
    class: usize,
) -> Option<Entered> {
    const PORT: u16 = vxlan::UDP_PORT.swap_bytes();
    let length = ((g >> 32) as u16).swap_bytes();
    // It must agree with IP's.
    if ipv6::HEADER_OCTETS + usize::from(length) != packet.end || !sum_is_right(here, meta, packet, g >> 48, length) {
        return None;
    }
    let port = (g >> 16) as u16;
    if port == PORT && h & u64::from(vxlan::FLAG_I) != 0 {
        let vni = ((h >> 32) as u32).swap_bytes() >> 8;
        let to = (here.vnis.lookup(vni), here.priorities[class & 63], DropReason::UnknownVni);
        return rest::<L3, VXLAN_AT, { VXLAN_AT + INNER }>(here, packet, lanes, lane, to);
    }
    if !matches!(port.swap_bytes(), mpls::UDP_PORT | mpls::UDP_PORT_LEGACY) {
        return None;
    }
    let to = labelled(here, (h as u32).swap_bytes())?;
    rest::<L3, UDP_LABEL_AT, { UDP_LABEL_AT + INNER }>(here, packet, lanes, lane, to)
}

/// RFC 8200 section 8.1: over source, destination, length, next header and all of UDP, of which the addresses and UDP lie
/// together.
#[inline(always)]
fn sum_is_right(here: &Here<'_>, meta: RxMeta, packet: &Packet<'_>, sum: u64, length: u16) -> bool {
    const ADDRESSES_AT: usize = ipv6::HEADER_OCTETS - 32;
    if sum == 0 {
        return here.t.fabric.udp6_zero_checksum_rx;
    }
    if meta.l4 == Checksum::Good {
        return true;
    }
    let Some(covered) = packet.octets.get(ADDRESSES_AT..packet.end) else { return false };
    let pseudo = checksum::to_memory_order(u64::from(ipv4::PROTO_UDP) + u64::from(length));
    checksum::is_all_ones(checksum::add(checksum::sum_in_memory_order(covered), pseudo))
}

/// Source and destination.
pub(super) fn addresses(header: &[u8; ipv6::HEADER_OCTETS]) -> (u128, u128) {
    let address =
        |at: usize| header.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |a| u128::from_be_bytes(*a));
    (address(8), address(24))
}
