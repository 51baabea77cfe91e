//! A frame from its fields.

use std::net::{IpAddr, Ipv6Addr};

use etherparse::{
    ArpHardwareId, ArpOperation, ArpPacket, EtherType, IcmpEchoHeader, Icmpv4Type, Icmpv6Type, IpNumber, PacketBuilder,
    PacketBuilderStep,
};
use wire::{MacAddr, ethernet};

use crate::cli::{Carried, Fields, Protocol};

const HOPS: u8 = 64;
/// RFC 4861 section 7.1.1: a neighbour solicitation with less is discarded.
const HOPS_ON_LINK: u8 = 255;
/// RFC 4861 section 4.6.1.
const SOURCE_LINK_LAYER_ADDRESS: [u8; 2] = [1, 1];
/// A type that means nothing to anybody (IEEE 802, clause 9.2.4).
const LOCAL_EXPERIMENT: u16 = 0x88b5;
const TCP_WINDOW: u16 = 64_240;

/// The octets, or which field is missing or does not go with the others.
pub(crate) fn build(fields: &Fields) -> Result<Vec<u8>, String> {
    let source = fields.src.ok_or("--src is missing: expected the source MAC")?;
    let carries = carries(fields);
    let (ether_type, payload) = match carries {
        Carried::Ipv4 | Carried::Ipv6 => ip(fields, carries)?,
        Carried::ArpRequest => (ethernet::TYPE_ARP, arp(fields, source, ArpOperation::REQUEST)?),
        Carried::ArpReply => (ethernet::TYPE_ARP, arp(fields, source, ArpOperation::REPLY)?),
        Carried::NeighbourSolicitation => (ethernet::TYPE_IPV6, solicitation(fields, source)?),
        Carried::Other(ether_type) => (ether_type, vec![0; fields.len.into()]),
    };
    let mut frame = [destination(fields, carries)?.octets(), source.octets()].concat();
    let tags = fields.vlan.map(|vlan| (fields.tpid, fields.priority.unwrap_or(0) << 13 | vlan));
    let inner = fields.inner_vlan.map(|vlan| (ethernet::TYPE_VLAN, vlan));
    for (tpid, tci) in tags.into_iter().chain(inner) {
        frame.extend([tpid.to_be_bytes(), tci.to_be_bytes()].concat());
    }
    frame.extend(ether_type.to_be_bytes());
    frame.extend(payload);
    Ok(frame)
}

/// What was said, or what the addresses say.
fn carries(fields: &Fields) -> Carried {
    match (fields.carries, fields.src_ip.or(fields.dst_ip)) {
        (Some(carries), _) => carries,
        (None, Some(IpAddr::V4(_))) => Carried::Ipv4,
        (None, Some(IpAddr::V6(_))) => Carried::Ipv6,
        (None, None) => Carried::Other(LOCAL_EXPERIMENT),
    }
}

fn destination(fields: &Fields, carries: Carried) -> Result<MacAddr, String> {
    match (fields.dst, carries, fields.dst_ip) {
        (Some(destination), ..) => Ok(destination),
        (None, Carried::ArpRequest, _) => Ok(MacAddr::BROADCAST),
        // RFC 2464 section 7, of the solicited-node multicast address.
        (None, Carried::NeighbourSolicitation, Some(IpAddr::V6(target))) => {
            let [.., a, b, c] = target.octets();
            Ok(MacAddr::new([0x33, 0x33, 0xff, a, b, c]))
        }
        _ => Err("--dst is missing: expected the destination MAC".to_owned()),
    }
}

fn v4(address: Option<IpAddr>, option: &str) -> Result<[u8; 4], String> {
    match address {
        Some(IpAddr::V4(address)) => Ok(address.octets()),
        Some(other) => Err(format!("{option} {other}: expected an IPv4 address")),
        None => Err(format!("{option} is missing: expected an IPv4 address")),
    }
}

fn v6(address: Option<IpAddr>, option: &str) -> Result<[u8; 16], String> {
    match address {
        Some(IpAddr::V6(address)) => Ok(address.octets()),
        Some(other) => Err(format!("{option} {other}: expected an IPv6 address")),
        None => Err(format!("{option} is missing: expected an IPv6 address")),
    }
}

fn arp(fields: &Fields, source: MacAddr, operation: ArpOperation) -> Result<Vec<u8>, String> {
    let (sender, target) = (v4(fields.src_ip, "--src-ip")?, v4(fields.dst_ip, "--dst-ip")?);
    // RFC 826: what is asked for is not known.
    let target_mac = if operation == ArpOperation::REPLY { fields.dst.unwrap_or(MacAddr::ZERO) } else { MacAddr::ZERO };
    let (hardware, protocol) = (ArpHardwareId::ETHERNET, EtherType::IPV4);
    ArpPacket::new(hardware, protocol, operation, &source.octets(), &sender, &target_mac.octets(), &target)
        .map(|arp| arp.to_bytes().to_vec())
        .map_err(|error| error.to_string())
}

fn solicitation(fields: &Fields, source: MacAddr) -> Result<Vec<u8>, String> {
    let (sender, target) = (v6(fields.src_ip, "--src-ip")?, v6(fields.dst_ip, "--dst-ip")?);
    let [.., a, b, c] = target;
    let to = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00 | u16::from(a), u16::from_be_bytes([b, c]));
    let mut asked = target.to_vec();
    // RFC 4861 section 4.3: not from the unspecified address, which looks for duplicates.
    if sender != Ipv6Addr::UNSPECIFIED.octets() {
        asked.extend(SOURCE_LINK_LAYER_ADDRESS);
        asked.extend(source.octets());
    }
    let packet = PacketBuilder::ipv6(sender, to.octets(), HOPS_ON_LINK).icmpv6(Icmpv6Type::NeighborSolicitation);
    let mut octets = Vec::new();
    packet.write(&mut octets, &asked).map_err(|error| error.to_string())?;
    Ok(octets)
}

fn ip(fields: &Fields, carries: Carried) -> Result<(u16, Vec<u8>), String> {
    let payload = vec![0; fields.len.into()];
    if carries == Carried::Ipv6 {
        let packet = PacketBuilder::ipv6(v6(fields.src_ip, "--src-ip")?, v6(fields.dst_ip, "--dst-ip")?, HOPS);
        return Ok((ethernet::TYPE_IPV6, transport(packet, fields, carries, &payload)?));
    }
    let packet = PacketBuilder::ipv4(v4(fields.src_ip, "--src-ip")?, v4(fields.dst_ip, "--dst-ip")?, HOPS);
    Ok((ethernet::TYPE_IPV4, transport(packet, fields, carries, &payload)?))
}

fn transport(
    packet: PacketBuilderStep<etherparse::IpHeaders>,
    fields: &Fields,
    carries: Carried,
    payload: &[u8],
) -> Result<Vec<u8>, String> {
    let mut octets = Vec::new();
    let (from, to) = (fields.sport, fields.dport);
    let echo = IcmpEchoHeader { id: 1, seq: 1 };
    match fields.proto {
        Protocol::Udp => packet.udp(from, to).write(&mut octets, payload),
        Protocol::Tcp => packet.tcp(from, to, 1, TCP_WINDOW).syn().write(&mut octets, payload),
        Protocol::Echo if carries == Carried::Ipv6 => {
            packet.icmpv6(Icmpv6Type::EchoRequest(echo)).write(&mut octets, payload)
        }
        Protocol::Echo => packet.icmpv4(Icmpv4Type::EchoRequest(echo)).write(&mut octets, payload),
        Protocol::Other(number) => packet.write(&mut octets, IpNumber(number), payload),
    }
    .map_err(|error| format!("--len {}: {error}", payload.len()))?;
    Ok(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields() -> Fields {
        let mac = |last| Some(MacAddr::new([2, 0, 0, 0, 0, last]));
        Fields { src: mac(1), dst: mac(2), tpid: 0x8100, sport: 1, dport: 2, len: 4, ..Fields::default() }
    }

    fn parse(text: &str) -> Option<IpAddr> {
        Some(text.parse().expect("an address"))
    }

    #[test]
    fn tags_and_type_follow_the_addresses() {
        let tagged = Fields { vlan: Some(100), priority: Some(3), inner_vlan: Some(7), ..fields() };
        let frame = build(&Fields { carries: Some(Carried::Other(0x88cc)), ..tagged }).expect("complete");
        let expected = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x81, 0, 0x60, 100, 0x81, 0, 0, 7, 0x88, 0xcc, 0, 0, 0, 0];
        assert_eq!(frame, expected);
    }

    #[test]
    fn an_arp_request_goes_to_everybody_and_a_solicitation_to_its_group() {
        let arp = Fields {
            carries: Some(Carried::ArpRequest),
            src_ip: parse("10.1.0.2"),
            dst_ip: parse("10.1.0.1"),
            ..fields()
        };
        let frame = build(&Fields { dst: None, ..arp }).expect("complete");
        assert_eq!(frame[..6], [0xff; 6]);
        assert_eq!(
            frame[12..],
            [8, 6, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 1, 0, 2, 0, 0, 0, 0, 0, 0, 10, 1, 0, 1]
        );
        let carries = Some(Carried::NeighbourSolicitation);
        let asked = Fields { carries, src_ip: parse("fd00::2"), dst_ip: parse("fd00::1:2:3"), ..fields() };
        let frame = build(&Fields { dst: None, ..asked }).expect("complete");
        assert_eq!((&frame[..6], frame.len()), (&[0x33, 0x33, 0xff, 2, 0, 3][..], 14 + 40 + 8 + 16 + 8));
    }

    #[test]
    fn a_field_that_is_missing_or_of_another_family_is_named() {
        let missing = |fields| build(&fields).expect_err("incomplete");
        assert!(missing(Fields { dst: None, ..fields() }).starts_with("--dst is missing"));
        assert!(missing(Fields { src_ip: parse("10.1.0.2"), ..fields() }).starts_with("--dst-ip is missing"));
        let mixed = Fields { src_ip: parse("10.1.0.2"), dst_ip: parse("fd00::1"), ..fields() };
        assert_eq!(missing(mixed), "--dst-ip fd00::1: expected an IPv4 address");
        assert!(missing(Fields { carries: Some(Carried::ArpReply), ..fields() }).starts_with("--src-ip is missing"));
    }
}
