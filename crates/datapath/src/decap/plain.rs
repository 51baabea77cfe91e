//! An ordinary tunnel packet over IPv4, in one conjunction.

use super::{Here, Number, Outer, Source};
use crate::io::{Checksum, RxMeta};
use fib::vtep_key_v4;
use wire::{Tci, checksum, ethernet, gre, ipv4, mpls, udp, vxlan};

/// What all three encapsulations have in one piece behind the Ethernet header: IPv4, UDP and VXLAN make 36, and each has an
/// inner Ethernet header.
const HEAD: usize = 40;
const VXLAN_AT: usize = ipv4::HEADER_OCTETS + udp::HEADER_OCTETS + vxlan::HEADER_OCTETS;
const UDP_LABEL_AT: usize = ipv4::HEADER_OCTETS + udp::HEADER_OCTETS + mpls::ENTRY_OCTETS;
const GRE_LABEL_AT: usize = ipv4::HEADER_OCTETS + gre::HEADER_OCTETS + mpls::ENTRY_OCTETS;

/// Reads the header from IPv4 on in five words, once each:
///
/// | word | IPv4, UDP and VXLAN | MPLS over UDP | MPLS over GRE |
/// |---|---|---|---|
/// | 0 | version, DSCP, total length, id, flags and fragment offset | | |
/// | 1 | TTL, protocol, checksum, source | | |
/// | 2 | destination, UDP ports | | destination, GRE header |
/// | 3 | UDP length and checksum, VXLAN flags | and the label | the label |
/// | 4 | VNI | | |
#[inline(always)]
pub(super) fn read(here: &Here<'_>, meta: RxMeta, packet: &[u8], available: usize) -> Option<Outer> {
    /// Version and header length, flags and fragment offset.
    const FIXED: u64 = 0xff << 56 | ipv4::FRAGMENT_MASK as u64;
    const UNFRAGMENTED: u64 = (ipv4::VERSION_IHL as u64) << 56;
    const GRE_OF_MPLS: u32 = ethernet::TYPE_MPLS as u32;
    let head = packet.first_chunk::<HEAD>()?;
    let words = words(head);
    let [length, protocol, destination, ..] = words;
    let end = usize::from((length >> 32) as u16);
    let ip = (length & FIXED == UNFRAGMENTED)
        & (here.v4 == Some((destination >> 32) as u32))
        & (end <= available)
        & (end >= HEAD)
        && (meta.ip == Checksum::Good || checksum_is_right(&words));
    if !ip {
        return None;
    }
    let (at, number, priority) = match (protocol >> 48) as u8 {
        ipv4::PROTO_UDP if udp_is_plain(&words, end, meta) => udp_payload(here, &words)?,
        ipv4::PROTO_GRE if destination as u32 == GRE_OF_MPLS => {
            let (number, priority) = only_label((words[3] >> 32) as u32)?;
            (GRE_LABEL_AT, number, priority)
        }
        _ => return None,
    };
    let source = Source { key: vtep_key_v4(protocol as u32), v6: 0 };
    (end >= at + ethernet::HEADER_OCTETS).then_some(Outer { source, number, at, end, priority })
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

/// The length agrees with IP's, and the checksum is absent or verified.
#[inline(always)]
fn udp_is_plain(words: &[u64; 5], end: usize, meta: RxMeta) -> bool {
    let octets = usize::from((words[3] >> 48) as u16);
    (octets + ipv4::HEADER_OCTETS == end) & ((words[3] >> 32) as u16 == 0 || meta.l4 == Checksum::Good)
}

#[inline(always)]
fn udp_payload(here: &Here<'_>, words: &[u64; 5]) -> Option<(usize, Number, Tci)> {
    match words[2] as u16 {
        vxlan::UDP_PORT if (words[3] >> 24) as u8 & vxlan::FLAG_I != 0 => {
            let dscp = (words[0] >> 50) as usize & 63;
            Some((VXLAN_AT, Number::Vni((words[4] >> 40) as u32), here.t.priorities[dscp]))
        }
        mpls::UDP_PORT | mpls::UDP_PORT_LEGACY => {
            let (number, priority) = only_label(words[3] as u32)?;
            Some((UDP_LABEL_AT, number, priority))
        }
        _ => None,
    }
}

/// A label that is alone on its stack, not reserved, and alive; the priority is its traffic class.
#[inline(always)]
pub(super) fn only_label(entry: u32) -> Option<(Number, Tci)> {
    let label = mpls::label_of(entry);
    let plain = (entry & mpls::BOTTOM != 0) & (mpls::ttl_of(entry) > 1) & (label >= mpls::MplsLabel::MIN.value());
    plain.then_some((Number::Label(label), priority(entry)))
}

/// The traffic class in the place of the PCP.
#[inline(always)]
pub(super) fn priority(entry: u32) -> Tci {
    Tci::new(u16::from(mpls::traffic_class_of(entry)) << 13)
}
