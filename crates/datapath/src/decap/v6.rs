//! An ordinary tunnel packet over IPv6, in one conjunction. The UDP checksum covers the whole packet and is verified here,
//! unless the port has done it.

use super::plain::only_label;
use super::tunnelled::sums_to_ones;
use super::{Here, Number, Outer, Source};
use crate::io::{Checksum, RxMeta};
use fib::vtep_key_v6;
use wire::{checksum, ethernet, gre, ipv4, ipv6, mpls, udp, vxlan};

/// IPv6 and the first eight octets behind it: UDP, or GRE and a label.
const HEAD: usize = ipv6::HEADER_OCTETS + udp::HEADER_OCTETS;
const VXLAN_AT: usize = HEAD + vxlan::HEADER_OCTETS;
const UDP_LABEL_AT: usize = HEAD + mpls::ENTRY_OCTETS;
const GRE_LABEL_AT: usize = ipv6::HEADER_OCTETS + gre::HEADER_OCTETS + mpls::ENTRY_OCTETS;

/// `l3` is where the IP header begins; 0 if the frame may not be for us. `None` if the packet is anything else.
pub(super) fn read(here: &Here<'_>, meta: RxMeta, octets: &[u8], total: usize, l3: usize) -> Option<Outer> {
    let packet = octets.get(l3..).filter(|_| l3 > 0)?;
    let available = total.checked_sub(l3)?;
    let (head, rest) = packet.split_first_chunk::<HEAD>()?;
    let (fixed, l4) = head.split_first_chunk::<{ ipv6::HEADER_OCTETS }>()?;
    let first = u32::from_be_bytes([fixed[0], fixed[1], fixed[2], fixed[3]]);
    let end = ipv6::HEADER_OCTETS + usize::from(u16::from_be_bytes([fixed[4], fixed[5]]));
    let (source, destination) = addresses(fixed);
    let ether_type = octets.get(l3 - 2..)?.first_chunk()?;
    let is_v6 = *ether_type == ethernet::TYPE_IPV6.to_be_bytes() && first >> 28 == 6;
    if !is_v6 || here.v6 != Some(destination) || end > available {
        return None;
    }
    let l4: &[u8; 8] = l4.first_chunk()?;
    let word = |octets: &[u8]| octets.first_chunk().map(|word| u32::from_be_bytes(*word));
    let (at, number, priority) = match fixed[6] {
        ipv4::PROTO_UDP if udp_is_plain(here, meta, packet, l4, end, (source, destination)) => {
            match u16::from_be_bytes([l4[2], l4[3]]) {
                vxlan::UDP_PORT if rest.first()? & vxlan::FLAG_I != 0 => {
                    let number = Number::Vni(word(rest.get(4..)?)? >> 8);
                    (VXLAN_AT, number, here.t.priorities[(first >> 22) as usize & 63])
                }
                mpls::UDP_PORT | mpls::UDP_PORT_LEGACY => {
                    let (label, priority) = only_label(word(rest)?)?;
                    (UDP_LABEL_AT, Number::Label(label), priority)
                }
                _ => return None,
            }
        }
        ipv4::PROTO_GRE if l4[..4] == [0, 0, 0x88, 0x47] => {
            let (label, priority) = only_label(word(&l4[4..])?)?;
            (GRE_LABEL_AT, Number::Label(label), priority)
        }
        _ => return None,
    };
    let source = Source { key: vtep_key_v6(source), v6: source };
    (end >= at + ethernet::HEADER_OCTETS).then_some(Outer { source, number, at, end, priority })
}

/// Source and destination.
pub(super) fn addresses(header: &[u8; ipv6::HEADER_OCTETS]) -> (u128, u128) {
    let address =
        |at: usize| header.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |a| u128::from_be_bytes(*a));
    (address(8), address(24))
}

fn udp_is_plain(
    here: &Here<'_>,
    meta: RxMeta,
    packet: &[u8],
    header: &[u8; udp::HEADER_OCTETS],
    end: usize,
    addresses: (u128, u128),
) -> bool {
    let octets = usize::from(u16::from_be_bytes([header[4], header[5]]));
    let sum = u16::from_be_bytes([header[6], header[7]]);
    if octets + ipv6::HEADER_OCTETS != end {
        return false;
    }
    match sum {
        0 => here.t.fabric.udp6_zero_checksum_rx,
        _ if meta.l4 == Checksum::Good => true,
        _ => {
            let pseudo = checksum::udp_pseudo_header_v6(addresses.0, addresses.1, octets as u32);
            packet.get(ipv6::HEADER_OCTETS..end).is_some_and(|datagram| sums_to_ones(pseudo, datagram))
        }
    }
}
