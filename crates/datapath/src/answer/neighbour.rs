//! IPv6 neighbour discovery (RFC 4861): solicitations are answered, advertisements to the gateway heard.
//!
//! Duplicate address detection (RFC 4862 section 5.4) is between the instances: nobody answers in their place. For the
//! gateway's own addresses this node is the owner, and defends them.

use super::{Answer, Ask, Deed, Serving};
use crate::io::Frame;
use fib::Binding;
use std::net::Ipv6Addr;
use telemetry::notices::HeardHow;
use telemetry::{DropReason, Service};
use wire::{MacAddr, be16, checksum, icmp, ipv6};

const HEADER: usize = ipv6::HEADER_OCTETS;
const FIXED: usize = icmp::NEIGHBOUR_OCTETS;
/// An advertisement with its one option.
const ADVERTISEMENT: usize = FIXED + 8;
/// The MAC of ff02::1 (RFC 2464 section 7).
const ALL_NODES_MAC: u64 = 0x3333_0000_0001;

/// What a solicitation or an advertisement says.
#[derive(Clone, Copy)]
struct Message {
    is_solicitation: bool,
    source: u128,
    target: u128,
    /// The sender's link-layer address, if it says so: of a solicitation the source's, of an advertisement the target's.
    link_layer: Option<u64>,
}

impl Message {
    fn is_duplicate_detection(&self) -> bool {
        self.is_solicitation && self.source == 0
    }
}

/// The type of a packet that is ICMPv6 without extension headers: RFC 6980 forbids fragments here, and nobody sends others.
fn kind(packet: &[u8]) -> Option<u8> {
    let header = packet.first_chunk::<HEADER>()?;
    (header[0] >> 4 == 6 && header[6] == ipv6::NEXT_ICMPV6).then_some(*packet.get(HEADER)?)
}

fn address(octets: &[u8], at: usize) -> u128 {
    octets.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |octets| u128::from_be_bytes(*octets))
}

/// The address that a solicitation asks for; whether it is a right one is not asked.
pub(super) fn solicited(packet: &[u8]) -> Option<u128> {
    let is_one = kind(packet)? == icmp::NEIGHBOUR_SOLICITATION && packet.len() >= HEADER + FIXED;
    is_one.then(|| address(packet, HEADER + 8))
}

/// Solicitations for the gateway, or for an instance that is known, are answered. Advertisements to the gateway end here.
/// What is neither passes.
pub(super) fn serve<F: Frame>(ask: &Ask<'_>, serving: &mut Serving<'_>, frame: &mut F) -> Deed {
    let packet = frame.octets().get(ask.l3..).unwrap_or(&[]);
    if !matches!(kind(packet), Some(icmp::NEIGHBOUR_SOLICITATION | icmp::NEIGHBOUR_ADVERTISEMENT)) {
        return Deed::Pass;
    }
    if frame.octets().len() != frame.total_octets() {
        return ask.refuse(DropReason::NotContiguous);
    }
    let Some(message) = read(packet) else { return ask.refuse(DropReason::MalformedNd) };
    if message.link_layer.is_some_and(|mac| mac != ask.source) {
        return if ask.to_gateway { Deed::Drop(DropReason::MalformedNd) } else { Deed::Pass };
    }
    let target = Ipv6Addr::from_bits(message.target).into();
    if !message.is_solicitation {
        let how = if ask.to_gateway { HeardHow::Reply } else { HeardHow::Announcement };
        serving.hear(ask, target, how);
        return if ask.to_gateway { Deed::Consume } else { Deed::Pass };
    }
    let binding = ask.answer_by(ask.t.bindings.lookup_v6(ask.network, message.target));
    if message.is_duplicate_detection() && binding != Some(Binding::Gateway) {
        serving.hear(ask, target, HeardHow::Probe);
        return Deed::Pass;
    }
    match binding {
        Some(_) if ipv6::is_multicast(message.source) => Deed::Pass,
        None => Deed::Pass,
        Some(_) if !ask.is_within(Service::Nd, serving) => Deed::Drop(DropReason::ServicePoliced),
        Some(binding) => answer(ask, frame, message, binding),
    }
}

/// Reads a message, if RFC 4861 sections 7.1.1 and 7.1.2 do not say to discard it.
fn read(packet: &[u8]) -> Option<Message> {
    let header = packet.first_chunk::<HEADER>()?;
    let (octets, hop_limit) = (usize::from(be16::<4, _>(header)), header[7]);
    let (source, destination) = (address(header, 8), address(header, 24));
    let body = packet.get(HEADER..HEADER + octets)?;
    let fixed = body.first_chunk::<FIXED>()?;
    let [kind, code, ..] = *fixed;
    let target = address(fixed, 8);
    if hop_limit != 255 || code != 0 || ipv6::is_multicast(target) || !has_right_checksum(body, source, destination) {
        return None;
    }
    let is_solicitation = kind == icmp::NEIGHBOUR_SOLICITATION;
    let wanted = if is_solicitation { icmp::OPTION_SOURCE } else { icmp::OPTION_TARGET };
    let link_layer = link_layer(body.get(FIXED..)?, wanted).ok()?;
    let to_solicited_node = destination & !0xff_ffff == ipv6::SOLICITED_NODE;
    let is_right = if is_solicitation {
        // "If the IP source address is the unspecified address [...]"
        source != 0 || (to_solicited_node && link_layer.is_none())
    } else {
        // "If the IP Destination Address is a multicast address the Solicited flag is zero."
        !ipv6::is_multicast(destination) || fixed[4] & icmp::FLAG_SOLICITED == 0
    };
    is_right.then_some(Message { is_solicitation, source, target, link_layer })
}

fn has_right_checksum(body: &[u8], source: u128, destination: u128) -> bool {
    let pseudo = checksum::pseudo_header_v6(source, destination, ipv6::NEXT_ICMPV6, body.len() as u32);
    checksum::is_all_ones(checksum::add(checksum::sum(body), pseudo))
}

/// An option has no length, or more than there is.
struct BadOption;

/// The MAC in the first option of this kind. "All included options have a length that is greater than zero."
fn link_layer(mut options: &[u8], wanted: u8) -> Result<Option<u64>, BadOption> {
    let mut found = None;
    while let [kind, units, ..] = *options {
        let (option, rest) = options.split_at_checked(usize::from(units) * 8).ok_or(BadOption)?;
        if units == 0 {
            return Err(BadOption);
        }
        if kind == wanted && units == 1 && found.is_none() {
            found = option.first_chunk::<8>().map(|option| u64::from_be_bytes(*option) & 0xffff_ffff_ffff);
        }
        options = rest;
    }
    if options.is_empty() { Ok(found) } else { Err(BadOption) }
}

/// Writes an advertisement over a solicitation (RFC 4861 section 7.2.4). The link-layer address is the owner's own, so it
/// overrides what is in caches. A node that looks for duplicates has no address yet: it is told by all nodes' group.
fn answer<F: Frame>(ask: &Ask<'_>, frame: &mut F, message: Message, binding: Binding) -> Deed {
    let (destination, to, solicited) = if message.is_duplicate_detection() {
        (ipv6::ALL_NODES, ALL_NODES_MAC, 0)
    } else {
        (message.source, ask.source, icmp::FLAG_SOLICITED)
    };
    let router = if binding == Binding::Gateway { icmp::FLAG_ROUTER } else { 0 };
    let (mac, flags) = (binding.mac(), router | solicited | icmp::FLAG_OVERRIDE);
    let missing = (ask.l3 + HEADER + ADVERTISEMENT).saturating_sub(frame.total_octets());
    if missing > 0 && frame.append(missing).is_none() {
        return Deed::Drop(DropReason::NoTailroom);
    }
    let place = frame.octets_mut().get_mut(ask.l3..).and_then(|rest| rest.first_chunk_mut());
    let Some(place) = place else { return Deed::Drop(DropReason::NotContiguous) };
    *place = advertisement(message.target, destination, mac, flags);
    Deed::Answer(Answer { service: Service::Nd, octets: HEADER + ADVERTISEMENT, to, from: mac })
}

fn advertisement(target: u128, destination: u128, mac: MacAddr, flags: u8) -> [u8; HEADER + ADVERTISEMENT] {
    let mut packet = [0; HEADER + ADVERTISEMENT];
    packet[..8].copy_from_slice(&[0x60, 0, 0, 0, 0, ADVERTISEMENT as u8, ipv6::NEXT_ICMPV6, 255]);
    packet[8..24].copy_from_slice(&target.to_be_bytes());
    packet[24..40].copy_from_slice(&destination.to_be_bytes());
    packet[40] = icmp::NEIGHBOUR_ADVERTISEMENT;
    packet[44] = flags;
    packet[48..64].copy_from_slice(&target.to_be_bytes());
    packet[64..66].copy_from_slice(&[icmp::OPTION_TARGET, 1]);
    packet[66..].copy_from_slice(&mac.octets());
    let pseudo = checksum::pseudo_header_v6(target, destination, ipv6::NEXT_ICMPV6, ADVERTISEMENT as u32);
    let sum = checksum::fold(checksum::add(checksum::sum(&packet[HEADER..]), pseudo));
    packet[42..44].copy_from_slice(&(!sum).to_be_bytes());
    packet
}
