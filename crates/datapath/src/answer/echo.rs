//! Echo (RFC 792, RFC 4443 section 4) to the gateway's addresses, so that an instance can see that its gateway is there.

use super::{Answer, Ask, Deed, Serving};
use crate::io::Frame;
use fib::Binding;
use telemetry::{DropReason, Service};
use wire::{MacAddr, be16, be32, checksum, icmp, ipv4, ipv6};

const TTL: u8 = 64;
const V4: usize = ipv4::HEADER_OCTETS;
const V6: usize = ipv6::HEADER_OCTETS;
/// Type, code, checksum, identifier and sequence number.
const ICMP: usize = 8;

/// Answers a whole IPv4 datagram without options that is an echo request to the gateway; anything else passes.
pub(super) fn serve_v4<F: Frame>(ask: &Ask<'_>, serving: &mut Serving<'_>, frame: &mut F) -> Deed {
    let behind = frame.total_octets().saturating_sub(ask.l3);
    let place = frame.octets_mut().get_mut(ask.l3..).and_then(|rest| rest.first_chunk_mut::<{ V4 + ICMP }>());
    let Some(packet) = place else { return Deed::Pass };
    let octets = usize::from(be16::<2, _>(packet));
    let (source, destination) = (be32::<12, _>(packet), be32::<16, _>(packet));
    let is_whole = packet[0] == ipv4::VERSION_IHL
        && be16::<6, _>(packet) & ipv4::FRAGMENT_MASK == 0
        && (V4 + ICMP..=behind).contains(&octets)
        && packet.first_chunk().is_some_and(checksum::ipv4_header_is_valid);
    let is_echo = packet[9] == ipv4::PROTO_ICMP && packet[V4..V4 + 2] == [icmp::ECHO_REQUEST, 0];
    if !is_whole
        || !is_echo
        || !is_host_v4(source)
        || !is_gateway(ask, ask.t.bindings.lookup_v4(ask.network, destination))
    {
        return Deed::Pass;
    }
    if !ask.is_within(Service::Echo, serving) {
        return Deed::Drop(DropReason::ServicePoliced);
    }
    // An atomic datagram: its identification means nothing (RFC 6864 section 4.1).
    packet[4..8].copy_from_slice(&[0, 0, 0x40, 0]);
    packet[8] = TTL;
    packet[10..12].fill(0);
    packet[12..16].copy_from_slice(&destination.to_be_bytes());
    packet[16..20].copy_from_slice(&source.to_be_bytes());
    let header = !checksum::fold(checksum::sum(&packet[..V4]));
    packet[10..12].copy_from_slice(&header.to_be_bytes());
    turn(packet, V4, icmp::ECHO_REPLY);
    answer(ask, octets)
}

/// The same for IPv6, without extension headers.
pub(super) fn serve_v6<F: Frame>(ask: &Ask<'_>, serving: &mut Serving<'_>, frame: &mut F) -> Deed {
    let behind = frame.total_octets().saturating_sub(ask.l3);
    let place = frame.octets_mut().get_mut(ask.l3..).and_then(|rest| rest.first_chunk_mut::<{ V6 + ICMP }>());
    let Some(packet) = place else { return Deed::Pass };
    let octets = V6 + usize::from(be16::<4, _>(packet));
    let (source, destination) = (address(packet, 8), address(packet, 24));
    let is_whole = packet[0] >> 4 == 6 && (V6 + ICMP..=behind).contains(&octets);
    let is_echo = packet[6] == ipv6::NEXT_ICMPV6 && packet[V6..V6 + 2] == [icmp::V6_ECHO_REQUEST, 0];
    // RFC 4443 section 4.2: the reply goes to the request's source, so that has to be one.
    let is_host = source > 1 && !ipv6::is_multicast(source);
    if !is_whole || !is_echo || !is_host || !is_gateway(ask, ask.t.bindings.lookup_v6(ask.network, destination)) {
        return Deed::Pass;
    }
    if !ask.is_within(Service::Echo, serving) {
        return Deed::Drop(DropReason::ServicePoliced);
    }
    // The traffic class stays, the flow label was the requester's.
    packet[1] &= 0xf0;
    packet[2..4].fill(0);
    packet[7] = TTL;
    packet[8..24].copy_from_slice(&destination.to_be_bytes());
    packet[24..40].copy_from_slice(&source.to_be_bytes());
    turn(packet, V6, icmp::V6_ECHO_REPLY);
    answer(ask, octets)
}

/// Changes the type of the message at `at`. Its data, and what is wrong with its checksum, stay as they are: addresses that
/// change places make no difference.
fn turn(packet: &mut [u8], at: usize, kind: u8) {
    let Some([was, code, high, low]) = packet.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) else { return };
    let (from, to) = (u16::from_be_bytes([*was, *code]), u16::from_be_bytes([kind, *code]));
    let sum = checksum::updated(u16::from_be_bytes([*high, *low]), from, to);
    *was = kind;
    [*high, *low] = sum.to_be_bytes();
}

fn answer(ask: &Ask<'_>, octets: usize) -> Deed {
    Deed::Answer(Answer { service: Service::Echo, octets, to: ask.source, from: MacAddr::VIRTUAL_ROUTER })
}

fn is_gateway(ask: &Ask<'_>, binding: Option<Binding>) -> bool {
    binding == Some(Binding::Gateway) && ask.answer_by(binding).is_some()
}

/// RFC 1122 section 3.2.1.3: what may be the source of a datagram that is answered.
fn is_host_v4(source: u32) -> bool {
    let [network, ..] = source.to_be_bytes();
    network != 0 && network != 127 && network < 224
}

fn address(octets: &[u8], at: usize) -> u128 {
    octets.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |octets| u128::from_be_bytes(*octets))
}
