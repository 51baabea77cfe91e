//! The frames of a case, what the gateway has to make of each, and the files that ports replay them from.
//!
//! 4,096 UDP flows, as a rule from the 64 busy VLANs. To the fabric: a frame of 64 octets with an 802.1Q tag (68 with the
//! check sequence). From the fabric: the answers, 60 octets, in a tunnel.

mod mixed;

use crate::packets::{self, Family, Packet, Tunnel};
use crate::scene::{self, OUTER_OCTETS, Scene, Site};
use anyhow::{Context, Result};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;
use std::path::Path;

pub(crate) const FLOWS: u16 = 4096;
const FIRST_PORT: u16 = 1024;
const SERVICE_PORT: u16 = 5001;
const BROADCAST: [u8; 6] = [0xff; 6];
/// Octets that are not payload: check sequence, Ethernet header, UDP header.
const CHECK_AND_HEADERS: usize = 4 + 14 + 8;
/// Of the shortest frame's payload.
const LEAST_PAYLOAD: usize = 18;
/// Where a destination MAC has the lower half of its station's number.
const NUMBER_IN_MAC: Range<usize> = 2..4;

/// Which way the frames go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    ToFabric,
    FromFabric,
}

/// Octets of a frame with its check sequence, without tag and outer headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    Octets(usize),
    /// Of 48 frames 28 have 64 octets, 16 have 570, and 4 have 1,518, evenly interleaved.
    Imix,
}

impl Size {
    fn of_frame(self, number: u16) -> usize {
        match self {
            Self::Octets(octets) => octets,
            Self::Imix if number % 12 == 11 => 1518,
            Self::Imix if number % 3 == 1 => 570,
            Self::Imix => 64,
        }
    }
}

/// What kind of frames they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// From station to station.
    Unicast,
    /// To all of a network.
    Broadcast,
    /// Of VLANs or VNIs that are not configured.
    Unknown,
    /// Of everything something, in each burst.
    Mixed,
}

/// What traffic is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Load {
    pub(crate) direction: Direction,
    pub(crate) scene: Scene,
    pub(crate) kind: Kind,
    /// First VLAN, and number of VLANs.
    pub(crate) vlans: (u16, u16),
    /// Of the packets inside.
    pub(crate) inner: Family,
    pub(crate) size: Size,
    pub(crate) frames: u16,
}

impl Load {
    /// The plain one: all flows of the busy VLANs, IPv4, shortest frames.
    pub(crate) const fn plain(direction: Direction, scene: Scene) -> Self {
        let (kind, inner, size) = (Kind::Unicast, Family::V4, Size::Octets(64));
        let vlans = (scene::FIRST_BUSY, scene::BUSY);
        Self { direction, scene, kind, vlans, inner, size, frames: FLOWS }
    }

    /// The VLAN of a flow, and its number among those of the VLAN.
    fn place(&self, flow: u16) -> (Site, u32) {
        let (first, count) = self.vlans;
        (self.scene.site(first + flow % count), u32::from(flow / count))
    }

    fn stations(&self, site: Site, number: u32) -> Stations {
        let home = self.scene.site(site.network);
        let remote = number % self.scene.remotes;
        Stations {
            local: site.local(number % self.scene.members.max(self.scene.locals)),
            remote: home.remote(remote),
            tunnel: Tunnel {
                by: self.scene.encapsulation(site),
                vni: site.vni,
                from: self.scene.own_address(),
                to: self.scene.peer_of(site, remote),
                port: 0,
                id: 0,
            },
        }
    }

    fn payload(&self, flow: u16) -> usize {
        let ip = if self.inner == Family::V4 { 20 } else { 40 };
        self.size.of_frame(flow).saturating_sub(CHECK_AND_HEADERS + ip).max(LEAST_PAYLOAD)
    }
}

/// The two ends of a flow.
struct Stations {
    local: [u8; 6],
    remote: [u8; 6],
    /// As this node writes it.
    tunnel: Tunnel,
}

impl Stations {
    /// The tunnel as the other end writes it.
    fn answering(&self, flow: u16) -> Tunnel {
        let port = 49_152 + (flow * 7) % 16_384;
        Tunnel { from: self.tunnel.to, to: self.tunnel.from, port, id: 1, ..self.tunnel }
    }
}

/// The frames of one case, in the order in which they arrive, and what the gateway has to make of them.
#[derive(Default)]
pub(crate) struct Traffic {
    frames: Vec<Vec<u8>>,
    /// What leaves towards the VLANs, in order.
    pub(crate) to_vlans: Vec<Vec<u8>>,
    /// What leaves towards the fabric, in order. Fields that a gateway chooses are 0 (IP id, DF, source port).
    pub(crate) to_fabric: Vec<Vec<u8>>,
    /// How many lead nowhere.
    pub(crate) dropped: usize,
}

impl Traffic {
    /// All of a load.
    pub(crate) fn new(load: &Load) -> Self {
        let mut traffic = Self::default();
        match load.kind {
            Kind::Unicast => (0..load.frames).for_each(|flow| traffic.add_unicast(load, flow)),
            Kind::Broadcast => (0..load.frames).for_each(|flow| traffic.add_broadcast(load, flow)),
            Kind::Unknown => (0..load.frames).for_each(|flow| traffic.add_unknown(load, flow)),
            Kind::Mixed => mixed::fill(&mut traffic, load),
        }
        traffic
    }

    fn add_unicast(&mut self, load: &Load, flow: u16) {
        let (site, number) = load.place(flow);
        let ends = load.stations(site, number);
        match load.direction {
            Direction::ToFabric => self.arrives_tagged(site, ends.remote, &ends, &request(load, site, flow)),
            Direction::FromFabric => self.arrives_in_tunnel(site, ends.local, &ends, flow, &answer(load, site, flow)),
        }
    }

    /// A tagged frame that goes to the fabric.
    fn arrives_tagged(&mut self, site: Site, to: [u8; 6], ends: &Stations, packet: &Packet) {
        self.frames.push(packets::ethernet(to, ends.local, Some(site.vlan), packet));
        self.leaves_in_tunnel(&ends.tunnel, &packets::ethernet(to, ends.local, None, packet));
    }

    fn leaves_in_tunnel(&mut self, tunnel: &Tunnel, inner: &[u8]) {
        self.to_fabric.push(packets::ethernet(scene::ROUTER_MAC, scene::OWN_MAC, None, &tunnel.carry(inner)));
    }

    /// A frame in a tunnel that goes to a VLAN.
    fn arrives_in_tunnel(&mut self, site: Site, to: [u8; 6], ends: &Stations, flow: u16, packet: &Packet) {
        let inner = packets::ethernet(to, ends.remote, None, packet);
        self.frames.push(outer(&ends.answering(flow), &inner));
        self.to_vlans.push(packets::ethernet(to, ends.remote, Some(site.vlan), packet));
    }

    /// To every VTEP on the network's list, or to every VLAN of the network.
    fn add_broadcast(&mut self, load: &Load, flow: u16) {
        let (site, number) = load.place(flow);
        let (ends, scene) = (load.stations(site, number), &load.scene);
        match load.direction {
            Direction::ToFabric => {
                let packet = request(load, site, flow);
                self.frames.push(packets::ethernet(BROADCAST, ends.local, Some(site.vlan), &packet));
                let inner = packets::ethernet(BROADCAST, ends.local, None, &packet);
                for slot in 0..scene.listed {
                    let to = scene.peer_of(site, slot.into());
                    self.leaves_in_tunnel(&Tunnel { to, ..ends.tunnel }, &inner);
                }
            }
            Direction::FromFabric => {
                let packet = answer(load, site, flow);
                let inner = packets::ethernet(BROADCAST, ends.remote, None, &packet);
                self.frames.push(outer(&ends.answering(flow), &inner));
                for other in scene.neighbours(site) {
                    self.to_vlans.push(packets::ethernet(BROADCAST, ends.remote, Some(other.vlan), &packet));
                }
            }
        }
    }

    fn add_unknown(&mut self, load: &Load, flow: u16) {
        let (site, number) = load.place(flow);
        let ends = load.stations(site, number);
        match load.direction {
            Direction::ToFabric => {
                let packet = request(load, site, flow);
                self.frames.push(packets::ethernet(ends.remote, ends.local, Some(site.vlan), &packet));
            }
            Direction::FromFabric => {
                let inner = packets::ethernet(ends.local, ends.remote, None, &answer(load, site, flow));
                self.frames.push(outer(&ends.answering(flow), &inner));
            }
        }
        self.dropped += 1;
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

    /// The longest frame that arrives or leaves.
    pub(crate) fn longest(&self) -> usize {
        let all = self.frames.iter().chain(&self.to_vlans).chain(&self.to_fabric);
        all.map(Vec::len).max().unwrap_or(0)
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

fn outer(tunnel: &Tunnel, inner: &[u8]) -> Vec<u8> {
    packets::ethernet(scene::OWN_MAC, scene::ROUTER_MAC, None, &tunnel.carry(inner))
}

/// Where the lower half of a station's number is in the destination MAC of a VXLAN frame: as it arrives, and as it leaves.
pub(crate) fn number_in_frame(direction: Direction) -> (Range<usize>, Range<usize>) {
    let behind = OUTER_OCTETS + NUMBER_IN_MAC.start..OUTER_OCTETS + NUMBER_IN_MAC.end;
    match direction {
        Direction::ToFabric => (NUMBER_IN_MAC, behind),
        Direction::FromFabric => (behind, NUMBER_IN_MAC),
    }
}

fn request(load: &Load, site: Site, flow: u16) -> Packet {
    let (here, there) = addresses(load.inner, site, flow);
    packets::datagram((here, FIRST_PORT + flow), (there, SERVICE_PORT), load.payload(flow))
}

fn answer(load: &Load, site: Site, flow: u16) -> Packet {
    let (here, there) = addresses(load.inner, site, flow);
    packets::datagram((there, SERVICE_PORT), (here, FIRST_PORT + flow), load.payload(flow))
}

/// The instance's address and its peer's.
fn addresses(family: Family, site: Site, flow: u16) -> (IpAddr, IpAddr) {
    let (subnet, host) = (site.vlan as u8, 3 + (flow % 200) as u8);
    match family {
        Family::V4 => (Ipv4Addr::new(10, 1, subnet, 2).into(), Ipv4Addr::new(10, 1, subnet, host).into()),
        Family::V6 => {
            let address = |host: u8| Ipv6Addr::new(0xfd01, 0, 0, subnet.into(), 0, 0, 0, host.into());
            (address(2).into(), address(host).into())
        }
    }
}
