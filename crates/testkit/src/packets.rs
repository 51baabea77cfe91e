//! Packets, every field of which can be wrong.

use crate::{Fabric, Mac};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use wire::Encapsulation;

/// An Ethernet frame without its check sequence: any number of 802.1Q tags before the type.
pub fn ethernet(destination: Mac, source: Mac, tags: &[u16], ether_type: u16, payload: &[u8]) -> Vec<u8> {
    let tags: Vec<(u16, u16)> = tags.iter().map(|tci| (0x8100, *tci)).collect();
    ethernet_with(destination, source, &tags, ether_type, payload)
}

/// The same with the type of each tag: `(TPID, TCI)`.
pub fn ethernet_with(destination: Mac, source: Mac, tags: &[(u16, u16)], ether_type: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = [destination, source].concat();
    for (tpid, tci) in tags {
        frame.extend(tpid.to_be_bytes());
        frame.extend(tci.to_be_bytes());
    }
    frame.extend(ether_type.to_be_bytes());
    frame.extend(payload);
    frame
}

/// A UDP datagram in IPv4, as an instance would send it.
pub fn udp_in_ipv4(source: Ipv4Addr, destination: Ipv4Addr, ports: (u16, u16), payload: &[u8]) -> Vec<u8> {
    let datagram = Udp { source: ports.0, destination: ports.1, ..Udp::default() };
    let ip = Ipv4 { source, destination, ..Ipv4::default() };
    ip.around(17, &datagram.around(&[], payload))
}

/// One's complement sum of 16-bit words, word by word (RFC 1071 section 4.1), inverted.
pub fn internet_checksum(octets: &[u8]) -> u16 {
    let mut sum = 0u32;
    for pair in octets.chunks(2) {
        sum += u32::from(pair[0]) * 256 + u32::from(*pair.get(1).unwrap_or(&0));
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// What a UDP checksum is computed over besides the datagram: RFC 768, RFC 8200 section 8.1. Both sum to the same, since
/// the order of words and words of zero do not count.
pub fn pseudo_header(source: &[u8], destination: &[u8], protocol: u8, octets: usize) -> Vec<u8> {
    [source, destination, &(octets as u32).to_be_bytes(), &[0, 0, 0, protocol]].concat()
}

/// An IPv4 header (RFC 791). `None`: the right value.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "each is the header field of that name")]
pub struct Ipv4 {
    pub version: u8,
    pub ihl: Option<u8>,
    pub tos: u8,
    pub total: Option<u16>,
    pub id: u16,
    pub flags_and_offset: u16,
    pub ttl: u8,
    pub protocol: Option<u8>,
    pub checksum: Option<u16>,
    pub source: Ipv4Addr,
    pub destination: Ipv4Addr,
    pub options: Vec<u8>,
}

impl Default for Ipv4 {
    fn default() -> Self {
        Self {
            version: 4,
            ihl: None,
            tos: 0,
            total: None,
            id: 0x1234,
            flags_and_offset: 0x4000,
            ttl: 64,
            protocol: None,
            checksum: None,
            source: Ipv4Addr::new(10, 1, 0, 2),
            destination: Ipv4Addr::new(10, 1, 0, 3),
            options: Vec::new(),
        }
    }
}

impl Ipv4 {
    /// The header and `payload`, which is of `protocol`, behind it.
    pub fn around(&self, protocol: u8, payload: &[u8]) -> Vec<u8> {
        let header_octets = 20 + self.options.len();
        let ihl = self.ihl.unwrap_or((header_octets / 4) as u8);
        let total = self.total.unwrap_or((header_octets + payload.len()) as u16);
        let mut packet = vec![self.version << 4 | ihl & 0xf, self.tos];
        packet.extend(total.to_be_bytes());
        packet.extend(self.id.to_be_bytes());
        packet.extend(self.flags_and_offset.to_be_bytes());
        packet.extend([self.ttl, self.protocol.unwrap_or(protocol), 0, 0]);
        packet.extend(self.source.octets());
        packet.extend(self.destination.octets());
        packet.extend(&self.options);
        let checksum = self.checksum.unwrap_or_else(|| internet_checksum(&packet));
        packet[10..12].copy_from_slice(&checksum.to_be_bytes());
        packet.extend(payload);
        packet
    }
}

/// An IPv6 header (RFC 8200) and its extension headers. `None`: the right value.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "each is the header field of that name")]
pub struct Ipv6 {
    pub version: u8,
    pub traffic_class: u8,
    pub flow_label: u32,
    pub length: Option<u16>,
    pub protocol: Option<u8>,
    pub hop_limit: u8,
    pub source: Ipv6Addr,
    pub destination: Ipv6Addr,
    /// Each one's number and what follows its first two octets.
    pub extensions: Vec<(u8, Vec<u8>)>,
}

impl Default for Ipv6 {
    fn default() -> Self {
        Self {
            version: 6,
            traffic_class: 0,
            flow_label: 0x1_2345,
            length: None,
            protocol: None,
            hop_limit: 64,
            source: Ipv6Addr::LOCALHOST,
            destination: Ipv6Addr::LOCALHOST,
            extensions: vec![],
        }
    }
}

impl Ipv6 {
    /// The headers and `payload`, which is of `protocol`, behind them.
    pub fn around(&self, protocol: u8, payload: &[u8]) -> Vec<u8> {
        let protocol = self.protocol.unwrap_or(protocol);
        let (mut next, mut behind) = (protocol, payload.to_vec());
        for (number, body) in self.extensions.iter().rev() {
            // RFC 8200 section 4: in units of eight octets without the first; RFC 4302 section 2.2: of four without two.
            let octets = body.len() + 2;
            let length = if *number == 51 { (octets / 4).wrapping_sub(2) } else { (octets / 8).wrapping_sub(1) };
            behind = [&[next, length as u8], &body[..], &behind].concat();
            next = *number;
        }
        let first = u32::from(self.version) << 28 | u32::from(self.traffic_class) << 20 | self.flow_label & 0xf_ffff;
        let mut packet = first.to_be_bytes().to_vec();
        packet.extend(self.length.unwrap_or(behind.len() as u16).to_be_bytes());
        packet.extend([next, self.hop_limit]);
        packet.extend(self.source.octets());
        packet.extend(self.destination.octets());
        packet.extend(behind);
        packet
    }
}

/// What a checksum is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sum {
    /// Zero, as RFC 7348 section 5 recommends over IPv4.
    #[default]
    Zero,
    /// As the RFC says.
    Right,
    /// This.
    Value(u16),
}

/// A UDP header (RFC 768). `None`: the right value.
#[derive(Debug, Clone, Copy, Default)]
#[allow(missing_docs, reason = "each is the header field of that name")]
pub struct Udp {
    pub source: u16,
    pub destination: u16,
    pub length: Option<u16>,
    pub sum: Sum,
}

impl Udp {
    /// The header and `payload` behind it. `addresses`: both, for the checksum.
    pub fn around(&self, addresses: &[u8], payload: &[u8]) -> Vec<u8> {
        let length = self.length.unwrap_or((8 + payload.len()) as u16);
        let mut datagram = [self.source, self.destination, length, 0].map(u16::to_be_bytes).concat();
        datagram.extend(payload);
        let checksum = match self.sum {
            Sum::Zero => 0,
            Sum::Value(value) => value,
            Sum::Right => {
                let pseudo = pseudo_header(addresses, &[], 17, datagram.len());
                match internet_checksum(&[pseudo, datagram.clone()].concat()) {
                    0 => 0xffff,
                    sum => sum,
                }
            }
        };
        datagram[6..8].copy_from_slice(&checksum.to_be_bytes());
        datagram
    }
}

/// A GRE header (RFC 2784, RFC 2890).
#[derive(Debug, Clone, Copy)]
pub struct Gre {
    /// The first two octets; the C and K bits are set as needed.
    pub flags: u16,
    /// What follows: 0x8847 is MPLS.
    pub protocol: u16,
    /// With the C bit: the checksum.
    pub checksum: Option<Sum>,
    /// With the K bit: the key.
    pub key: Option<u32>,
}

impl Default for Gre {
    fn default() -> Self {
        Self { flags: 0, protocol: 0x8847, checksum: None, key: None }
    }
}

impl Gre {
    /// The header and `payload` behind it.
    pub fn around(&self, payload: &[u8]) -> Vec<u8> {
        let c = if self.checksum.is_some() { 0x8000 } else { 0 };
        let k = if self.key.is_some() { 0x2000 } else { 0 };
        let mut packet = [self.flags | c | k, self.protocol].map(u16::to_be_bytes).concat();
        packet.extend(self.checksum.map_or(vec![], |_| vec![0; 4]));
        packet.extend(self.key.map_or(vec![], |key| key.to_be_bytes().to_vec()));
        packet.extend(payload);
        let sum = match self.checksum {
            None => return packet,
            Some(Sum::Zero) => 0,
            Some(Sum::Value(value)) => value,
            Some(Sum::Right) => internet_checksum(&packet),
        };
        packet[4..6].copy_from_slice(&sum.to_be_bytes());
        packet
    }
}

/// The outer network header.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "each is the header of that name")]
pub enum Ip {
    V4(Ipv4),
    V6(Ipv6),
}

/// What carries the overlay's header.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs, reason = "each is the header of that name")]
pub enum Carrier {
    Udp(Udp),
    Gre(Gre),
}

/// A VXLAN header (RFC 7348 section 5).
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs, reason = "each is the header field of that name")]
pub struct Vxlan {
    /// The first octet; 0x08 is the I flag.
    pub flags: u8,
    pub reserved: [u8; 3],
    pub vni: u32,
    pub last_reserved: u8,
}

/// The overlay's header: what the frame belongs to.
#[derive(Debug, Clone)]
pub enum Shim {
    /// A VXLAN header.
    Vxlan(Vxlan),
    /// A label stack, and what stands between it and the frame.
    Mpls(Vec<u32>, Option<u32>),
}

/// A label stack entry (RFC 3032 section 2.1).
pub const fn entry(label: u32, class: u8, bottom: bool, ttl: u8) -> u32 {
    label << 12 | (class as u32) << 9 | (bottom as u32) << 8 | ttl as u32
}

/// A packet of the overlay, from the outer Ethernet header on.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "each is the header or header field of that name")]
pub struct Overlay {
    pub outer_destination: Mac,
    pub outer_source: Mac,
    pub tags: Vec<u16>,
    /// `None`: the right one.
    pub ether_type: Option<u16>,
    pub ip: Ip,
    pub carrier: Carrier,
    pub shim: Shim,
    pub inner: Vec<u8>,
    /// Octets behind the IP packet.
    pub trailer: Vec<u8>,
}

impl Overlay {
    /// A good packet from the VTEP at `source` to the first port of the gateway of `fabric`, for this VNI or label.
    pub fn new(fabric: &Fabric, source: IpAddr, encapsulation: Encapsulation, number: u32, inner: Vec<u8>) -> Self {
        let ip = match source {
            IpAddr::V4(source) => {
                let destination = fabric.address.unwrap_or(Ipv4Addr::new(172, 16, 0, 1));
                Ip::V4(Ipv4 { source, destination, ..Ipv4::default() })
            }
            IpAddr::V6(source) => {
                let destination = fabric.address_v6.unwrap_or(Ipv6Addr::LOCALHOST);
                Ip::V6(Ipv6 { source, destination, ..Ipv6::default() })
            }
        };
        // RFC 6935: over IPv6 a checksum is the rule, over IPv4 zero is.
        let sum = if source.is_ipv4() { Sum::Zero } else { Sum::Right };
        let udp = |destination| Carrier::Udp(Udp { source: 50_000, destination, length: None, sum });
        let carrier = match encapsulation {
            Encapsulation::Vxlan => udp(4789),
            Encapsulation::MplsOverUdp => udp(6635),
            Encapsulation::MplsOverGre => Carrier::Gre(Gre::default()),
        };
        let shim = match encapsulation {
            Encapsulation::Vxlan => Shim::Vxlan(Vxlan { flags: 0x08, reserved: [0; 3], vni: number, last_reserved: 0 }),
            _ => Shim::Mpls(vec![entry(number, 0, true, 64)], None),
        };
        Self {
            outer_destination: fabric.links[0].mac,
            outer_source: [0x02, 0xfa, 0, 0, 0, 9],
            tags: fabric.vlan.into_iter().collect(),
            ether_type: None,
            ip,
            carrier,
            shim,
            inner,
            trailer: Vec::new(),
        }
    }

    /// Its IPv4 header.
    pub fn ipv4(&mut self) -> &mut Ipv4 {
        let Ip::V4(ip) = &mut self.ip else { panic!("the packet is IPv6") };
        ip
    }

    /// Its IPv6 header.
    pub fn ipv6(&mut self) -> &mut Ipv6 {
        let Ip::V6(ip) = &mut self.ip else { panic!("the packet is IPv4") };
        ip
    }

    /// Its UDP header.
    pub fn udp(&mut self) -> &mut Udp {
        let Carrier::Udp(udp) = &mut self.carrier else { panic!("the packet is GRE") };
        udp
    }

    /// Its GRE header.
    pub fn gre(&mut self) -> &mut Gre {
        let Carrier::Gre(gre) = &mut self.carrier else { panic!("the packet is UDP") };
        gre
    }

    /// Its VXLAN header.
    pub fn vxlan(&mut self) -> &mut Vxlan {
        let Shim::Vxlan(vxlan) = &mut self.shim else { panic!("the packet is MPLS") };
        vxlan
    }

    /// Sets its label stack and control word.
    pub fn set_mpls(&mut self, stack: &[u32], control_word: Option<u32>) {
        self.shim = Shim::Mpls(stack.to_vec(), control_word);
    }

    /// Its octets.
    pub fn octets(&self) -> Vec<u8> {
        let mut payload = match &self.shim {
            Shim::Vxlan(v) => {
                [&[v.flags], &v.reserved[..], &(v.vni << 8 | u32::from(v.last_reserved)).to_be_bytes()].concat()
            }
            Shim::Mpls(stack, word) => stack.iter().chain(word).flat_map(|word| word.to_be_bytes()).collect(),
        };
        payload.extend(&self.inner);
        let addresses = match &self.ip {
            Ip::V4(ip) => [ip.source.octets(), ip.destination.octets()].concat(),
            Ip::V6(ip) => [ip.source.octets(), ip.destination.octets()].concat(),
        };
        let (protocol, carried) = match &self.carrier {
            Carrier::Udp(udp) => (17, udp.around(&addresses, &payload)),
            Carrier::Gre(gre) => (47, gre.around(&payload)),
        };
        let (ether_type, mut packet) = match &self.ip {
            Ip::V4(ip) => (0x0800, ip.around(protocol, &carried)),
            Ip::V6(ip) => (0x86dd, ip.around(protocol, &carried)),
        };
        packet.extend(&self.trailer);
        let ether_type = self.ether_type.unwrap_or(ether_type);
        ethernet(self.outer_destination, self.outer_source, &self.tags, ether_type, &packet)
    }
}
