//! ARP (RFC 826), with what makes it safe to answer for others: probes and announcements (RFC 5227) reach their owners.

use super::{Answer, Ask, Deed, Serving};
use crate::io::Frame;
use fib::Binding;
use std::net::{IpAddr, Ipv4Addr};
use telemetry::notices::HeardHow;
use telemetry::{DropReason, Service};
use wire::{MacAddr, arp, be16, be32};

/// What a packet says.
#[derive(Clone, Copy)]
struct Packet {
    operation: u16,
    sender_mac: u64,
    sender: u32,
    target: u32,
}

/// Of a packet that is of Ethernet and IPv4, and not cut.
fn read(packet: &[u8]) -> Option<Packet> {
    let packet: &[u8; arp::PACKET_OCTETS] = packet.first_chunk()?;
    packet.starts_with(&arp::ETHERNET_IPV4).then_some(Packet {
        operation: be16::<6, _>(packet),
        sender_mac: u64::from(be32::<8, _>(packet)) << 16 | u64::from(be16::<12, _>(packet)),
        sender: be32::<14, _>(packet),
        target: be32::<24, _>(packet),
    })
}

/// The address that a request asks for.
pub(super) fn requested(packet: &[u8]) -> Option<u32> {
    read(packet).filter(|packet| packet.operation == arp::REQUEST).map(|packet| packet.target)
}

/// Requests for the gateway, or for an instance that is known, are answered. Replies to the gateway end here.
pub(super) fn serve<F: Frame>(ask: &Ask<'_>, serving: &mut Serving<'_>, frame: &mut F) -> Deed {
    let Some(packet) = read(frame.octets().get(ask.l3..).unwrap_or(&[])) else {
        return ask.refuse(DropReason::MalformedArp);
    };
    if packet.sender_mac != ask.source {
        return if ask.to_gateway { Deed::Drop(DropReason::MalformedArp) } else { Deed::Pass };
    }
    let hear = |serving: &mut Serving<'_>, address: u32, how| serving.hear(ask, address_of(address), how);
    match packet.operation {
        arp::REQUEST => {}
        arp::REPLY if ask.to_gateway => {
            hear(serving, packet.sender, HeardHow::Reply);
            return Deed::Consume;
        }
        arp::REPLY => {
            hear(serving, packet.sender, HeardHow::Announcement);
            return Deed::Pass;
        }
        _ => return Deed::Pass,
    }
    if packet.sender == packet.target {
        hear(serving, packet.sender, HeardHow::Announcement);
        return Deed::Pass;
    }
    let binding = ask.answer_by(ask.t.bindings.lookup_v4(ask.network, packet.target));
    if packet.sender == 0 && binding != Some(Binding::Gateway) {
        // RFC 5227 section 2.1.1: it asks whether anybody has the address; who has it defends it, and nobody else can.
        hear(serving, packet.target, HeardHow::Probe);
        return Deed::Pass;
    }
    match binding {
        None => Deed::Pass,
        Some(_) if !ask.is_within(Service::Arp, serving) => Deed::Drop(DropReason::ServicePoliced),
        Some(binding) => answer(ask, frame, packet, binding.mac()),
    }
}

/// RFC 826, "Packet Reception": the fields are swapped, the sender's hardware address filled in.
fn answer<F: Frame>(ask: &Ask<'_>, frame: &mut F, packet: Packet, mac: MacAddr) -> Deed {
    if frame.octets().len() != frame.total_octets() {
        return Deed::Drop(DropReason::NotContiguous);
    }
    let place = frame.octets_mut().get_mut(ask.l3..).and_then(|rest| rest.first_chunk_mut::<{ arp::PACKET_OCTETS }>());
    let Some(place) = place else { return Deed::Drop(DropReason::MalformedArp) };
    let [.., a, b, c, d, e, f] = ask.source.to_be_bytes();
    place[6..8].copy_from_slice(&arp::REPLY.to_be_bytes());
    place[8..14].copy_from_slice(&mac.octets());
    place[14..18].copy_from_slice(&packet.target.to_be_bytes());
    place[18..24].copy_from_slice(&[a, b, c, d, e, f]);
    place[24..].copy_from_slice(&packet.sender.to_be_bytes());
    Deed::Answer(Answer { service: Service::Arp, octets: arp::PACKET_OCTETS, to: ask.source, from: mac })
}

fn address_of(bits: u32) -> IpAddr {
    Ipv4Addr::from_bits(bits).into()
}
