//! Whether a frame at a fabric port is a good packet of the overlay to us, and what is in it.

use super::{Bridged, Expectation, Faults, Origin, cannot_send, dropped, owns, stack, word};
use crate::packets::{internet_checksum, pseudo_header};
use crate::{Arrival, Network, Reach, SourceCheck};
use std::net::IpAddr;
use telemetry::DropReason::*;

const UDP: u8 = 17;
const GRE: u8 = 47;

/// An IP packet to us that may be of the overlay.
struct Packet<'p> {
    source: IpAddr,
    /// Both addresses, as they are in the header.
    addresses: &'p [u8],
    protocol: u8,
    dscp: u8,
    /// Octets before what it carries, and with it, as its header says.
    header: usize,
    total: usize,
    /// From what it carries to the end of the frame.
    behind: &'p [u8],
}

/// What a packet carries, and in which encapsulation.
enum Payload<'p> {
    Vxlan(&'p [u8]),
    Mpls(&'p [u8]),
}

/// The inner frame of an `untagged` frame of `vlan`, or what has to come out instead.
pub(super) fn read(
    net: &Network,
    a: &Arrival,
    port: usize,
    vlan: usize,
    frame: &[u8],
    mut faults: Faults,
) -> Result<Bridged, Expectation> {
    let group = frame[0] & 1 == 1;
    let host = || match a.layout.first {
        Some(first) if first < a.octets.len() => dropped([NotContiguous]),
        _ => Expectation { host: vec![frame.to_vec()], ..Expectation::default() },
    };
    faults.when(frame[..6] != net.fabric.links[port - net.fabric_port()].mac && !group, OuterMacNotOurs);
    faults.when(vlan != usize::from(net.fabric.vlan.unwrap_or(0)), FabricVlan);
    let ip = &frame[14..];
    let is = |ether_type, version| word(frame, 12) == ether_type && ip.first().is_none_or(|b| b >> 4 == version);
    let (v4, v6) = (is(0x0800, 4), is(0x86dd, 6));
    if v4 && ip.len() < 20 || v6 && ip.len() < 40 {
        faults.when(true, OuterTruncated);
        faults.when(group, OuterMacNotOurs);
    }
    if !faults.0.is_empty() {
        return Err(dropped(faults.0));
    }
    let packet = if v4 { ipv4(net, a, ip, &mut faults) } else { None };
    let Some(packet) = packet.or_else(|| if v6 { ipv6(net, ip, &mut faults) } else { None }) else {
        return Err(host());
    };
    // RFC 4023 section 3, RFC 7348 section 5, RFC 7510 section 3, and the port that was used before that was written.
    let mark = packet.behind.get(..4).map(|start| word(start, 2));
    if mark.is_some_and(|mark| {
        !(if packet.protocol == UDP { &[4789, 6635, 51234][..] } else { &[0x8847] }).contains(&mark)
    }) {
        return Err(host());
    }
    faults.when(group, OuterMacNotOurs);
    overlay(net, a, ip, &packet, faults)
}

/// RFC 791, and RFC 1122 section 3.2.1: a UDP or GRE packet to us that is not a later fragment.
fn ipv4<'p>(net: &Network, a: &Arrival, ip: &'p [u8], faults: &mut Faults) -> Option<Packet<'p>> {
    let (header, total) = (usize::from(ip[0] & 15) * 4, word(ip, 2));
    let ours = net.fabric.address.is_some_and(|address| ip[16..20] == address.octets());
    if !ours || ![UDP, GRE].contains(&ip[9]) || word(ip, 6) & 0x1fff != 0 && header <= ip.len() {
        return None;
    }
    faults.when(header > 20, OuterIpOptions);
    faults.when(header > ip.len(), OuterTruncated);
    faults.when(header < 20 || total > ip.len() || total < header, OuterTruncated);
    faults.when(!a.verified && ip.get(..header.max(20)).is_some_and(|h| internet_checksum(h) != 0), OuterChecksum);
    faults.when(word(ip, 6) & 0x2000 != 0, OuterFragment);
    Some(Packet {
        source: IpAddr::from([ip[12], ip[13], ip[14], ip[15]]),
        addresses: &ip[12..20],
        protocol: ip[9],
        dscp: ip[1] >> 2,
        header,
        total,
        behind: ip.get(header.max(20)..).unwrap_or(&[]),
    })
}

/// RFC 8200: the same, behind whatever extension headers.
fn ipv6<'p>(net: &Network, ip: &'p [u8], faults: &mut Faults) -> Option<Packet<'p>> {
    if net.fabric.address_v6.is_none_or(|address| ip[24..40] != address.octets()) {
        return None;
    }
    let (mut next, mut header, mut found) = (ip[6], 40, Faults::default());
    // RFC 8200 section 4, RFC 4302: hop-by-hop options, routing, fragment, authentication, destination options. It wants no
    // more than seven in a packet; what has more, or ends nowhere, is left to the host.
    while [0, 43, 44, 51, 60].contains(&next) {
        if found.0.len() == 7 {
            return None;
        }
        let extension = ip.get(header..header + 8)?;
        if next == 44 && word(extension, 2) & 0xfff8 != 0 {
            return None;
        }
        found.when(true, if next == 44 { OuterFragment } else { OuterIpv6Extension });
        header += match next {
            44 => 8,
            51 => (usize::from(extension[1]) + 2) * 4,
            _ => (usize::from(extension[1]) + 1) * 8,
        };
        next = extension[0];
    }
    let total = word(ip, 4) + 40;
    if ![UDP, GRE].contains(&next) {
        return None;
    }
    faults.0.extend(found.0);
    faults.when(total > ip.len() || total < header, OuterTruncated);
    let source: [u8; 16] = ip[8..24].try_into().expect("sixteen octets");
    Some(Packet {
        source: source.into(),
        addresses: &ip[8..40],
        protocol: next,
        dscp: (word(ip, 0) >> 6 & 0x3f) as u8,
        header,
        total,
        behind: ip.get(header..)?,
    })
}

/// A packet to us of the overlay: each of its headers.
fn overlay(
    net: &Network,
    a: &Arrival,
    ip: &[u8],
    packet: &Packet<'_>,
    mut faults: Faults,
) -> Result<Bridged, Expectation> {
    let end = a.octets.len() - ip.len() + packet.total;
    let in_pieces = a.layout.first.is_some_and(|first| first < end.min(a.octets.len()));
    let header_end = a.octets.len() - packet.behind.len() + 8;
    faults.when(in_pieces && a.layout.first.is_some_and(|first| first < header_end), NotContiguous);
    let carried = packet.total.checked_sub(packet.header).and_then(|octets| packet.behind.get(..octets));
    let payload = match carried {
        Some(carried) if packet.protocol == UDP => udp(net, a, packet, carried, in_pieces, &mut faults),
        Some(carried) => gre(carried, in_pieces, &mut faults),
        None => {
            let length = packet.behind.get(4..6).map(|octets| word(octets, 0));
            let lies = length.is_some_and(|length| length + packet.header != packet.total);
            faults.when(lies && packet.protocol == UDP, UdpLength);
            None
        }
    };
    faults.when(payload.is_none(), OuterTruncated);
    sources(net, packet.source, &mut faults);
    let inside = payload.and_then(|payload| match payload {
        Payload::Vxlan(vxlan) => in_vxlan(net, packet, vxlan, &mut faults),
        Payload::Mpls(stack) => in_mpls(net, stack, &mut faults),
    });
    match inside {
        Some((network, priority, frame)) => {
            let member = |r: &Reach| net.vteps[r.vtep].address == packet.source && r.network == network;
            let stranger = net.fabric.source_check == SourceCheck::Strict && !net.reach.iter().any(member);
            faults.when(stranger, OuterSourceUnknown);
            faults.when(frame.len() < 14, InnerRunt);
            faults.when(frame.len() >= 12 && cannot_send(&frame[6..12]), InnerGroupSource);
            if faults.0.is_empty() {
                let (octets, from) = (frame.to_vec(), Origin::Vtep(packet.source));
                return Ok(Bridged { network, octets, in_pieces, priority, from });
            }
            let floods = net.networks[network].flood_unknown_unicast || frame.first().is_some_and(|b| b & 1 == 1);
            faults.when(floods && !net.reach.iter().any(|r| r.flood && member(r)), FloodSourceNotMember);
            Err(dropped(faults.0))
        }
        None => Err(dropped(faults.0)),
    }
}

/// RFC 768; over IPv6, RFC 8200 section 8.1 wants a checksum and RFC 6935 section 5 lets a node be told otherwise.
fn udp<'p>(
    net: &Network,
    a: &Arrival,
    packet: &Packet<'_>,
    udp: &'p [u8],
    in_pieces: bool,
    faults: &mut Faults,
) -> Option<Payload<'p>> {
    let payload = udp.get(8..)?;
    let has_sum = word(udp, 6) != 0;
    let pseudo = pseudo_header(packet.addresses, &[], UDP, word(udp, 4));
    faults.when(word(udp, 4) != udp.len(), UdpLength);
    faults.when(has_sum && !a.verified && internet_checksum(&[&pseudo, udp].concat()) != 0, UdpChecksum);
    faults.when(has_sum && !a.verified && in_pieces, NotContiguous);
    faults.when(!has_sum && packet.source.is_ipv6() && !net.fabric.udp6_zero_checksum_rx, UdpChecksumMissing);
    Some(if word(udp, 2) == 4789 { Payload::Vxlan(payload) } else { Payload::Mpls(payload) })
}

/// RFC 2784 section 2, RFC 2890 section 2. No port verifies this checksum for us.
fn gre<'p>(gre: &'p [u8], in_pieces: bool, faults: &mut Faults) -> Option<Payload<'p>> {
    let flags = word(gre.get(..4)?, 0);
    // Routing, sequence number, strict source route, recursion, and the version: what would change the meaning. RFC 2784
    // section 2.2: "a receiver MUST discard a packet where any of bits 1-5 are non-zero", bits 6-12 "MUST be ignored".
    faults.when(flags & 0x5c07 != 0, GreFlags);
    let (has_checksum, has_key) = (flags & 0x8000 != 0, flags & 0x2000 != 0);
    let header = 4 + if has_checksum { 4 } else { 0 } + if has_key { 4 } else { 0 };
    faults.when(has_checksum && internet_checksum(gre) != 0, GreChecksum);
    faults.when(has_checksum && in_pieces, NotContiguous);
    gre.get(header..).map(Payload::Mpls)
}

/// RFC 1122 section 3.2.1.3, RFC 4291 sections 2.5.2, 2.5.3 and 2.7: who cannot be a VTEP, and who is none of ours.
fn sources(net: &Network, source: IpAddr, faults: &mut Faults) {
    let broadcast = matches!(source, IpAddr::V4(source) if source.is_broadcast());
    let nobody = source.is_unspecified() || source.is_loopback() || source.is_multicast() || broadcast;
    let own = net.fabric.address_for(source) == Some(source);
    let known = net.vteps.iter().any(|vtep| vtep.address == source);
    faults.when(own, OuterSourceOwn);
    faults.when(nobody, OuterSourceInvalid);
    faults.when(!known && !own && !nobody && net.fabric.source_check != SourceCheck::Any, OuterSourceUnknown);
}

type Inside<'p> = Option<(usize, u16, &'p [u8])>;

/// RFC 7348 section 5. The priority is the first that is sent with this DSCP, or none.
fn in_vxlan<'p>(net: &Network, packet: &Packet<'_>, vxlan: &'p [u8], faults: &mut Faults) -> Inside<'p> {
    let Some(inner) = vxlan.get(8..) else {
        faults.when(true, OuterTruncated);
        return None;
    };
    faults.when(vxlan[0] & 8 == 0, VxlanFlags);
    let vni = u32::from_be_bytes([0, vxlan[4], vxlan[5], vxlan[6]]);
    let network = net.networks.iter().position(|network| network.vni == vni);
    faults.when(network.is_none(), UnknownVni);
    let priority = net.fabric.dscp.iter().position(|dscp| *dscp == packet.dscp).unwrap_or(0);
    Some((network?, (priority as u16) << 12, inner))
}

/// A network's label, or a VMI's own, which is for that VMI alone; RFC 4385 section 3: a control word of zero.
fn in_mpls<'p>(net: &Network, payload: &'p [u8], faults: &mut Faults) -> Inside<'p> {
    // A packet that ends within its only entry is cut, whichever of both one calls it.
    faults.when(payload.len() < 4, OuterTruncated);
    let stack = stack::read(payload, faults);
    let (label, class) = stack.service?;
    let vmi = net.vmis.iter().find(|vmi| vmi.label == Some(label));
    let network = net.networks.iter().position(|network| network.label == Some(label));
    let network = network.or(vmi.map(|vmi| vmi.network));
    faults.when(network.is_none(), UnknownLabel);
    let (network, mut inner) = (network?, payload.get(stack.octets?..)?);
    if net.networks[network].control_word {
        // One that is not there is no more zero than it is part of the frame.
        faults.when(inner.len() < 4 || inner[..4] != [0; 4], ControlWord);
        faults.when(inner.len() < 4, InnerRunt);
        inner = inner.get(4..).unwrap_or(&[]);
    }
    faults.when(vmi.is_some_and(|vmi| inner.len() < 6 || !owns(net, vmi, &inner[..6])), LabelDestination);
    Some((network, u16::from(class) << 13, inner))
}
