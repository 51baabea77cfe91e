//! Packets, every field of which can be wrong.

use crate::Mac;
use std::net::Ipv4Addr;

/// An Ethernet frame without its check sequence: any number of 802.1Q tags before the type.
pub fn ethernet(destination: Mac, source: Mac, tags: &[u16], ether_type: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = [destination, source].concat();
    for tci in tags {
        frame.extend([0x81, 0x00]);
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
    ip.around(&datagram.around(payload))
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

/// An IPv4 header (RFC 791). `None`: the right value.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "each is the header field of that name")]
pub struct Ipv4 {
    pub version: u8,
    pub ihl: Option<u8>,
    pub total: Option<u16>,
    pub id: u16,
    pub flags_and_offset: u16,
    pub ttl: u8,
    pub protocol: u8,
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
            total: None,
            id: 0x1234,
            flags_and_offset: 0x4000,
            ttl: 64,
            protocol: 17,
            checksum: None,
            source: Ipv4Addr::new(10, 1, 0, 2),
            destination: Ipv4Addr::new(10, 1, 0, 3),
            options: Vec::new(),
        }
    }
}

impl Ipv4 {
    /// The header and `payload` behind it.
    pub fn around(&self, payload: &[u8]) -> Vec<u8> {
        let header_octets = 20 + self.options.len();
        let ihl = self.ihl.unwrap_or((header_octets / 4) as u8);
        let total = self.total.unwrap_or((header_octets + payload.len()) as u16);
        let mut packet = vec![self.version << 4 | ihl & 0xf, 0];
        packet.extend(total.to_be_bytes());
        packet.extend(self.id.to_be_bytes());
        packet.extend(self.flags_and_offset.to_be_bytes());
        packet.extend([self.ttl, self.protocol, 0, 0]);
        packet.extend(self.source.octets());
        packet.extend(self.destination.octets());
        packet.extend(&self.options);
        let checksum = self.checksum.unwrap_or_else(|| internet_checksum(&packet));
        packet[10..12].copy_from_slice(&checksum.to_be_bytes());
        packet.extend(payload);
        packet
    }
}

/// A UDP header (RFC 768). `None`: the right value; the checksum is none at all unless it is set.
#[derive(Debug, Clone, Copy, Default)]
#[allow(missing_docs, reason = "each is the header field of that name")]
pub struct Udp {
    pub source: u16,
    pub destination: u16,
    pub length: Option<u16>,
    pub checksum: u16,
}

impl Udp {
    /// The header and `payload` behind it.
    pub fn around(&self, payload: &[u8]) -> Vec<u8> {
        let mut datagram = Vec::new();
        datagram.extend(self.source.to_be_bytes());
        datagram.extend(self.destination.to_be_bytes());
        datagram.extend(self.length.unwrap_or((8 + payload.len()) as u16).to_be_bytes());
        datagram.extend(self.checksum.to_be_bytes());
        datagram.extend(payload);
        datagram
    }
}

/// The UDP checksum of a datagram whose checksum field is zero (RFC 768): never zero itself.
pub fn udp_checksum(source: Ipv4Addr, destination: Ipv4Addr, datagram: &[u8]) -> u16 {
    let mut pseudo = [source.octets(), destination.octets()].concat();
    pseudo.extend([0, 17]);
    pseudo.extend((datagram.len() as u16).to_be_bytes());
    pseudo.extend(datagram);
    match internet_checksum(&pseudo) {
        0 => 0xffff,
        sum => sum,
    }
}

/// What the UDP checksum of a VXLAN packet is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UdpSum {
    /// Zero, as RFC 7348 section 5 recommends.
    Zero,
    /// As RFC 768 says.
    Right,
    /// This.
    Value(u16),
}

/// A VXLAN packet over IPv4 (RFC 7348 section 5), from the outer Ethernet header on.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "each is the header field of that name")]
pub struct Vxlan {
    pub outer_destination: Mac,
    pub outer_source: Mac,
    pub tags: Vec<u16>,
    pub ether_type: u16,
    pub ip: Ipv4,
    pub udp: Udp,
    pub udp_sum: UdpSum,
    /// The flags octet; 0x08 is the I flag.
    pub flags: u8,
    pub reserved: [u8; 3],
    pub vni: u32,
    pub last_reserved: u8,
    pub inner: Vec<u8>,
    /// Octets behind the IP packet.
    pub trailer: Vec<u8>,
}

impl Vxlan {
    /// A good packet from the VTEP at `source` to the gateway of `fabric`.
    pub fn new(fabric: &crate::Fabric, source: Ipv4Addr, vni: u32, inner: Vec<u8>) -> Self {
        Self {
            outer_destination: fabric.mac,
            outer_source: [0x02, 0xfa, 0, 0, 0, 9],
            tags: fabric.vlan.into_iter().collect(),
            ether_type: 0x0800,
            ip: Ipv4 { source, destination: fabric.address, ..Ipv4::default() },
            udp: Udp { source: 50_000, destination: 4789, ..Udp::default() },
            udp_sum: UdpSum::Zero,
            flags: 0x08,
            reserved: [0; 3],
            vni,
            last_reserved: 0,
            inner,
            trailer: Vec::new(),
        }
    }

    /// Its octets.
    pub fn octets(&self) -> Vec<u8> {
        let mut payload = vec![self.flags];
        payload.extend(self.reserved);
        payload.extend((self.vni << 8 | u32::from(self.last_reserved)).to_be_bytes());
        payload.extend(&self.inner);
        let plain = self.udp.around(&payload);
        let checksum = match self.udp_sum {
            UdpSum::Zero => 0,
            UdpSum::Value(value) => value,
            UdpSum::Right => udp_checksum(self.ip.source, self.ip.destination, &plain),
        };
        let datagram = Udp { checksum, ..self.udp }.around(&payload);
        let mut packet = self.ip.around(&datagram);
        packet.extend(&self.trailer);
        ethernet(self.outer_destination, self.outer_source, &self.tags, self.ether_type, &packet)
    }
}
