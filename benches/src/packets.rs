//! Octets of frames, written from the standards and not from the gateway's code: what comes out is compared with these.

use std::net::IpAddr;
use wire::Encapsulation;
use wire::checksum::{fold, sum, udp_pseudo_header_v4, udp_pseudo_header_v6};

const TTL: u8 = 64;
const UDP: u8 = 17;
const GRE: u8 = 47;
const VXLAN_PORT: u16 = 4789;
const MPLS_PORT: u16 = 6635;
const TYPE_V4: [u8; 2] = [0x08, 0x00];
const TYPE_V6: [u8; 2] = [0x86, 0xdd];
const TYPE_ARP: [u8; 2] = [0x08, 0x06];
/// Least octets of a frame without its check sequence.
const SHORTEST: usize = 60;

/// A version of IP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    V4,
    V6,
}

/// What stands behind an Ethernet header and tag, with its type.
pub(crate) struct Packet {
    ether_type: [u8; 2],
    octets: Vec<u8>,
}

/// From a station to a station, with a tag or without, padded to the least length.
pub(crate) fn ethernet(destination: [u8; 6], source: [u8; 6], vlan: Option<u16>, packet: &Packet) -> Vec<u8> {
    let tag = vlan.map(|vlan| [[0x81, 0x00], vlan.to_be_bytes()].concat()).unwrap_or_default();
    let mut frame = [&destination[..], &source, &tag, &packet.ether_type, &packet.octets].concat();
    frame.resize(frame.len().max(SHORTEST + tag.len()), 0);
    frame
}

/// A datagram of so many octets of payload, checksum filled in. Both addresses are of one family.
pub(crate) fn datagram(from: (IpAddr, u16), to: (IpAddr, u16), payload: usize) -> Packet {
    let mut udp = udp(from.1, to.1, &vec![b'x'; payload]);
    fill_in(&mut udp, from.0, to.0);
    ip(from.0, to.0, 1, UDP, &udp)
}

/// Who has `wanted`? Tell `own`.
pub(crate) fn arp_request(mac: [u8; 6], own: [u8; 4], wanted: [u8; 4]) -> Packet {
    let head = [0, 1, 8, 0, 6, 4, 0, 1];
    Packet { ether_type: TYPE_ARP, octets: [&head[..], &mac, &own, &[0; 6], &wanted].concat() }
}

/// What tells the far end of a tunnel whose frame it is.
#[derive(Clone, Copy)]
pub(crate) struct Tunnel {
    pub(crate) by: Encapsulation,
    pub(crate) vni: u32,
    pub(crate) from: IpAddr,
    pub(crate) to: IpAddr,
    /// UDP source port.
    pub(crate) port: u16,
    /// IPv4 identification.
    pub(crate) id: u16,
}

impl Tunnel {
    /// The packet that carries a frame.
    pub(crate) fn carry(&self, inner: &[u8]) -> Packet {
        let entry = (self.vni << 12 | 1 << 8 | u32::from(TTL)).to_be_bytes();
        let (protocol, mut payload) = match self.by {
            Encapsulation::Vxlan => {
                let header = [&[8, 0, 0, 0], &(self.vni << 8).to_be_bytes()[..]].concat();
                (UDP, udp(self.port, VXLAN_PORT, &[&header, inner].concat()))
            }
            Encapsulation::MplsOverUdp => (UDP, udp(self.port, MPLS_PORT, &[&entry, inner].concat())),
            Encapsulation::MplsOverGre => (GRE, [&[0, 0, 0x88, 0x47], &entry[..], inner].concat()),
        };
        if protocol == UDP && self.from.is_ipv6() {
            fill_in(&mut payload, self.from, self.to);
        }
        ip(self.from, self.to, self.id, protocol, &payload)
    }
}

/// Sets a UDP checksum.
fn fill_in(udp: &mut [u8], from: IpAddr, to: IpAddr) {
    let checksum = !fold(pseudo_header(from, to, udp.len()) + sum(udp));
    udp[6..8].copy_from_slice(&if checksum == 0 { u16::MAX } else { checksum }.to_be_bytes());
}

/// The sum of what a UDP checksum covers beside the datagram.
pub(crate) fn pseudo_header(from: IpAddr, to: IpAddr, octets: usize) -> u64 {
    match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => udp_pseudo_header_v4(from.to_bits(), to.to_bits(), octets as u16),
        (IpAddr::V6(from), IpAddr::V6(to)) => udp_pseudo_header_v6(from.to_bits(), to.to_bits(), octets as u32),
        _ => unreachable!("both ends of a packet are of one family"),
    }
}

fn udp(source: u16, destination: u16, payload: &[u8]) -> Vec<u8> {
    let length = (8 + payload.len()) as u16;
    let header = [source, destination, length, 0].map(u16::to_be_bytes);
    [header.as_flattened(), payload].concat()
}

fn ip(from: IpAddr, to: IpAddr, id: u16, protocol: u8, payload: &[u8]) -> Packet {
    match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let octets = ipv4(from.octets(), to.octets(), id, protocol, payload);
            Packet { ether_type: TYPE_V4, octets }
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            let length = (payload.len() as u16).to_be_bytes();
            let head = [&[0x60, 0, 0, 0], &length[..], &[protocol, TTL]].concat();
            Packet { ether_type: TYPE_V6, octets: [&head[..], &from.octets(), &to.octets(), payload].concat() }
        }
        _ => unreachable!("both ends of a packet are of one family"),
    }
}

fn ipv4(source: [u8; 4], destination: [u8; 4], id: u16, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let length = ((20 + payload.len()) as u16).to_be_bytes();
    let mut header =
        [&[0x45, 0], &length[..], &id.to_be_bytes(), &[0, 0, TTL, protocol, 0, 0], &source, &destination].concat();
    let checksum = !fold(sum(&header));
    header[10..12].copy_from_slice(&checksum.to_be_bytes());
    header.extend(payload);
    header
}
