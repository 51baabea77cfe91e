//! The frames of both cases, and the files that the ports replay them from.
//!
//! 4,096 UDP flows from 64 VLANs. To the fabric: 64 octets with an 802.1Q tag (68 with the check sequence). From the
//! fabric: the answers, 60 octets, in each encapsulation.

use crate::scene::{self, Site};
use anyhow::{Context, Result};
use std::path::Path;
use wire::Encapsulation;
use wire::checksum::{fold, sum, udp_pseudo_header_v4};

pub(crate) const VLANS: u16 = 64;
pub(crate) const FLOWS: u16 = 4096;
const FIRST_VLAN: u16 = 100;
const FIRST_PORT: u16 = 1024;
const SERVICE_PORT: u16 = 5001;
const PAYLOAD: [u8; 18] = [b'x'; 18];
const TTL: u8 = 64;
const UDP: u8 = 17;
const GRE: u8 = 47;

/// Which way the frames go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    ToFabric,
    FromFabric,
}

/// The frames of one case, in the order in which they arrive, and what the gateway has to make of each.
pub(crate) struct Traffic {
    frames: Vec<Vec<u8>>,
    expected: Vec<Vec<u8>>,
}

impl Traffic {
    /// All flows of a direction.
    pub(crate) fn new(direction: Direction, by: Encapsulation) -> Self {
        let (frames, expected) = (0..FLOWS)
            .map(|flow| {
                let site = Site::of_vlan(FIRST_VLAN + flow % VLANS);
                match direction {
                    Direction::ToFabric => {
                        let frame = request(&site, flow);
                        (ethernet(site.remote, site.local, Some(site.vlan), &frame), {
                            let inner = ethernet(site.remote, site.local, None, &frame);
                            tunnel(by, &site, scene::OWN_ADDRESS, scene::PEER_ADDRESS, 0, &inner)
                        })
                    }
                    Direction::FromFabric => {
                        let frame = answer(&site, flow);
                        let inner = ethernet(site.local, site.remote, None, &frame);
                        let port = 49_152 + (flow * 7) % 16_384;
                        let outer = tunnel(by, &site, scene::PEER_ADDRESS, scene::OWN_ADDRESS, port, &inner);
                        (outer, ethernet(site.local, site.remote, Some(site.vlan), &frame))
                    }
                }
            })
            .unzip();
        Self { frames, expected }
    }

    /// What arrives.
    pub(crate) fn frames(&self) -> &[Vec<u8>] {
        &self.frames
    }

    /// Octets of every frame that arrives; `None` if they differ.
    pub(crate) fn octets(&self) -> Option<usize> {
        let first = self.frames.first()?.len();
        self.frames.iter().all(|frame| frame.len() == first).then_some(first)
    }

    /// What has to leave, frame by frame. Fields that a gateway chooses (IP id, DF, source port) are 0.
    pub(crate) fn expected(&self) -> &[Vec<u8>] {
        &self.expected
    }

    /// Writes them as a pcap file (the classic format, microseconds, little-endian).
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let mut file = Vec::new();
        for word in [0xa1b2_c3d4u32, 4 << 16 | 2, 0, 0, 65_535, 1] {
            file.extend(word.to_le_bytes());
        }
        for frame in &self.frames {
            for word in [0, 0, frame.len() as u32, frame.len() as u32] {
                file.extend(word.to_le_bytes());
            }
            file.extend(frame);
        }
        std::fs::write(path, file).with_context(|| format!("cannot write {}", path.display()))
    }
}

fn request(site: &Site, flow: u16) -> Vec<u8> {
    let (here, there) = addresses(site, flow);
    datagram(here, there, FIRST_PORT + flow, SERVICE_PORT)
}

fn answer(site: &Site, flow: u16) -> Vec<u8> {
    let (here, there) = addresses(site, flow);
    datagram(there, here, SERVICE_PORT, FIRST_PORT + flow)
}

/// The instance's address and its peer's.
fn addresses(site: &Site, flow: u16) -> ([u8; 4], [u8; 4]) {
    let subnet = site.vlan as u8;
    ([10, 1, subnet, 2], [10, 1, subnet, 3 + (flow % 200) as u8])
}

fn ethernet(destination: [u8; 6], source: [u8; 6], vlan: Option<u16>, packet: &[u8]) -> Vec<u8> {
    let tag = vlan.map(|vlan| [[0x81, 0x00], vlan.to_be_bytes()].concat()).unwrap_or_default();
    [&destination[..], &source, &tag, &[0x08, 0x00], packet].concat()
}

fn datagram(source: [u8; 4], destination: [u8; 4], source_port: u16, destination_port: u16) -> Vec<u8> {
    let mut udp = udp(source_port, destination_port, &PAYLOAD);
    let (from, to) = (u32::from_be_bytes(source), u32::from_be_bytes(destination));
    let checksum = !fold(udp_pseudo_header_v4(from, to, udp.len() as u16) + sum(&udp));
    udp[6..8].copy_from_slice(&checksum.to_be_bytes());
    ipv4(source, destination, 1, UDP, &udp)
}

fn udp(source: u16, destination: u16, payload: &[u8]) -> Vec<u8> {
    let length = (8 + payload.len()) as u16;
    let header = [source, destination, length, 0].map(u16::to_be_bytes);
    [header.as_flattened(), payload].concat()
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

/// An outer frame between the peer's router and this node. `port` 0 is an outer frame as this node sends it.
fn tunnel(
    by: Encapsulation,
    site: &Site,
    from: std::net::Ipv4Addr,
    to: std::net::Ipv4Addr,
    port: u16,
    inner: &[u8],
) -> Vec<u8> {
    let ours = from == scene::OWN_ADDRESS;
    let (source, destination) =
        if ours { (scene::OWN_MAC, scene::ROUTER_MAC) } else { (scene::ROUTER_MAC, scene::OWN_MAC) };
    let entry = (site.vni << 12 | 1 << 8 | u32::from(TTL)).to_be_bytes();
    let (protocol, payload) = match by {
        Encapsulation::Vxlan => {
            (UDP, udp(port, 4789, &[&[8, 0, 0, 0], &(site.vni << 8).to_be_bytes()[..], inner].concat()))
        }
        Encapsulation::MplsOverUdp => (UDP, udp(port, 6635, &[&entry, inner].concat())),
        Encapsulation::MplsOverGre => (GRE, [&[0, 0, 0x88, 0x47], &entry[..], inner].concat()),
    };
    let packet = ipv4(from.octets(), to.octets(), u16::from(!ours), protocol, &payload);
    ethernet(destination, source, None, &packet)
}
