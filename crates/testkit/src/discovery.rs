//! What asks for an address, or says that somebody has it: ARP, IPv6 neighbour discovery, and echo. Every field can be wrong.

use crate::Mac;
use crate::packets::{Ipv4, Ipv6, internet_checksum, pseudo_header};
use std::net::{Ipv4Addr, Ipv6Addr};

/// The virtual router's MAC, by which every gateway answers.
pub const ROUTER: Mac = [0, 0, 0x5e, 0, 1, 0];
/// Its link-local address: RFC 4291 appendix A.
pub const ROUTER_LINK_LOCAL: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0x0200, 0x5eff, 0xfe00, 0x0100);
/// All nodes of the link.
pub const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

/// An ARP packet (RFC 826).
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "each is the packet's field of that name")]
pub struct Arp {
    pub hardware: u16,
    pub protocol: u16,
    pub lengths: [u8; 2],
    pub operation: u16,
    pub sender_mac: Mac,
    pub sender: Ipv4Addr,
    pub target_mac: Mac,
    pub target: Ipv4Addr,
}

impl Arp {
    /// A request of this sender.
    pub const fn request(sender_mac: Mac, sender: Ipv4Addr, target: Ipv4Addr) -> Self {
        let (target_mac, lengths) = ([0; 6], [6, 4]);
        Self { hardware: 1, protocol: 0x0800, lengths, operation: 1, sender_mac, sender, target_mac, target }
    }

    /// A reply.
    pub const fn reply(sender_mac: Mac, sender: Ipv4Addr, target_mac: Mac, target: Ipv4Addr) -> Self {
        Self { operation: 2, target_mac, ..Self::request(sender_mac, sender, target) }
    }

    /// Its 28 octets.
    pub fn octets(&self) -> Vec<u8> {
        let mut packet = [self.hardware.to_be_bytes(), self.protocol.to_be_bytes(), self.lengths].concat();
        packet.extend(self.operation.to_be_bytes());
        packet.extend(
            [self.sender_mac, self.target_mac]
                .iter()
                .zip([self.sender, self.target])
                .flat_map(|(mac, address)| [&mac[..], &address.octets()].concat()),
        );
        packet
    }
}

/// A neighbour solicitation or advertisement (RFC 4861 sections 4.3 and 4.4).
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "each is the packet's field of that name")]
pub struct Neighbour {
    pub kind: u8,
    pub code: u8,
    /// `None`: the right one.
    pub checksum: Option<u16>,
    pub flags: u8,
    pub source: Ipv6Addr,
    pub destination: Ipv6Addr,
    pub hop_limit: u8,
    pub target: Ipv6Addr,
    pub options: Vec<u8>,
    /// Extension headers: each one's number and what follows its first two octets.
    pub extensions: Vec<(u8, Vec<u8>)>,
}

/// The group to which the last 24 bits of an address belong (RFC 4291 section 2.7.1).
pub fn solicited_node(address: Ipv6Addr) -> Ipv6Addr {
    let [.., a, b, c] = address.octets();
    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00 | u16::from(a), u16::from(b) << 8 | u16::from(c))
}

/// The MAC of a group (RFC 2464 section 7).
pub fn group_mac(group: Ipv6Addr) -> Mac {
    let [.., a, b, c, d] = group.octets();
    [0x33, 0x33, a, b, c, d]
}

/// A link-layer address option.
pub fn link_layer(kind: u8, mac: Mac) -> Vec<u8> {
    [&[kind, 1][..], &mac].concat()
}

impl Neighbour {
    /// Of a station that looks for an address.
    pub fn solicitation(mac: Mac, source: Ipv6Addr, target: Ipv6Addr) -> Self {
        let options = if source.is_unspecified() { vec![] } else { link_layer(1, mac) };
        Self {
            kind: 135,
            code: 0,
            checksum: None,
            flags: 0,
            source,
            destination: solicited_node(target),
            hop_limit: 255,
            target,
            options,
            extensions: vec![],
        }
    }

    /// Of a station that has an address.
    pub fn advertisement(mac: Mac, target: Ipv6Addr, destination: Ipv6Addr, flags: u8) -> Self {
        let options = link_layer(2, mac);
        Self { kind: 136, flags, source: target, destination, options, ..Self::solicitation(mac, target, target) }
    }

    /// The IPv6 packet.
    pub fn octets(&self) -> Vec<u8> {
        let mut body = vec![self.kind, self.code, 0, 0, self.flags, 0, 0, 0];
        body.extend(self.target.octets());
        body.extend(&self.options);
        icmp_v6(self.source, self.destination, self.hop_limit, self.checksum, &self.extensions, body)
    }
}

fn icmp_v6(
    source: Ipv6Addr,
    destination: Ipv6Addr,
    hop_limit: u8,
    checksum: Option<u16>,
    extensions: &[(u8, Vec<u8>)],
    mut body: Vec<u8>,
) -> Vec<u8> {
    let pseudo = pseudo_header(&source.octets(), &destination.octets(), 58, body.len());
    let checksum = checksum.unwrap_or_else(|| internet_checksum(&[pseudo, body.clone()].concat()));
    body[2..4].copy_from_slice(&checksum.to_be_bytes());
    let ip = Ipv6 { source, destination, hop_limit, flow_label: 0, extensions: extensions.to_vec(), ..Ipv6::default() };
    ip.around(58, &body)
}

/// An ICMP echo request (RFC 792) in IPv4.
pub fn echo_v4(ip: &Ipv4, id: u16, sequence: u16, data: &[u8]) -> Vec<u8> {
    let mut body = vec![8, 0, 0, 0];
    body.extend([id, sequence].iter().flat_map(|word| word.to_be_bytes()));
    body.extend(data);
    let checksum = internet_checksum(&body);
    body[2..4].copy_from_slice(&checksum.to_be_bytes());
    ip.around(1, &body)
}

/// An ICMPv6 echo request (RFC 4443 section 4.1).
pub fn echo_v6(source: Ipv6Addr, destination: Ipv6Addr, id: u16, sequence: u16, data: &[u8]) -> Vec<u8> {
    let mut body = vec![128, 0, 0, 0];
    body.extend([id, sequence].iter().flat_map(|word| word.to_be_bytes()));
    body.extend(data);
    icmp_v6(source, destination, 64, None, &[], body)
}
