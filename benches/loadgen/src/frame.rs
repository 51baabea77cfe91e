//! The frames of a direction: which flow, VLAN and length a sequence number stands for, and the octets.
//!
//! Headers are built once, for each flow and length; a frame is then two copies and its number. What the receiver has to
//! know of a frame follows from its sequence number alone, so it verifies every octet of the payload and the VLAN.

use crate::number::{self, Number};
use crate::sizes::{self, Sizes};
use crate::tunnel::{Tunnel, ethernet_header, ipv4_header, udp_header};
use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;
use wire::{MacAddr, VlanId, checksum, ethernet, ipv4, udp};

/// Ethernet, IPv4 and UDP, without a tag.
const INNER_HEADERS: usize = ethernet::HEADER_OCTETS + ipv4::HEADER_OCTETS + udp::HEADER_OCTETS;

/// The UDP port of the fabric's end of the first 64,000 flows.
const PORT: u16 = 5001;
/// Flows that one port has room for.
const FLOWS_A_PORT: u32 = 64_000;
/// The most flows.
pub const FLOWS_MAX: u32 = 1 << 20;

/// Where a stream goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From VLANs to tunnels.
    ToFabric,
    /// From tunnels to VLANs.
    FromFabric,
}

impl Way {
    /// Both, in the order of their indices.
    pub const BOTH: [Self; 2] = [Self::ToFabric, Self::FromFabric];

    /// 0 or 1.
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self == Self::FromFabric)
    }

    /// As in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ToFabric => "to-fabric",
            Self::FromFabric => "from-fabric",
        }
    }
}

/// A range of VLANs, none of them 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vlans {
    first: u16,
    count: u16,
}

/// A text that is no range of VLANs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a VLAN or a range of them, 1 to 4094, as in 100-163")]
pub struct VlansError;

impl Vlans {
    /// All of them, in order.
    pub fn all(self) -> impl Iterator<Item = u16> {
        self.first..self.first + self.count
    }

    /// How many.
    #[must_use]
    pub fn count(self) -> u16 {
        self.count
    }

    /// Flows are dealt to them in turn.
    #[inline]
    fn of_flow(self, flow: u64) -> u16 {
        self.first + (flow % u64::from(self.count)) as u16
    }
}

impl FromStr for Vlans {
    type Err = VlansError;

    fn from_str(text: &str) -> Result<Self, VlansError> {
        let id = |text: &str| text.parse::<u16>().ok().filter(|id| (1..=VlanId::MAX.value()).contains(id));
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        match (id(first), id(last)) {
            (Some(first), Some(last)) if first <= last => Ok(Self { first, count: last - first + 1 }),
            _ => Err(VlansError),
        }
    }
}

impl fmt::Display for Vlans {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.first, self.first + self.count - 1)
    }
}

/// What the frames of both directions have in common.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Lengths.
    pub sizes: Sizes,
    /// VLANs, each with one instance and one peer behind the fabric.
    pub vlans: Vlans,
    /// Number of flows, 1 to [`FLOWS_MAX`].
    pub flows: u32,
}

/// The MAC of a VLAN's peer behind the fabric (`02:00:00:00:10:64` for VLAN 100), and that of its instance
/// (`02:00:00:00:20:64`). The upper bits of the VLAN are in the fourth octet.
#[must_use]
pub fn macs(vlan: u16) -> (MacAddr, MacAddr) {
    let [high, low] = vlan.to_be_bytes();
    (MacAddr::new([2, 0, 0, high, 0x10, low]), MacAddr::new([2, 0, 0, high, 0x20, low]))
}

/// The frames of one direction, by sequence number.
#[derive(Clone, Debug)]
pub struct Traffic {
    plan: Plan,
    header_octets: usize,
    /// One after the other: all flows for the first length, all for the second, and so on.
    headers: Vec<u8>,
}

impl Traffic {
    /// Frames with a tag, or in a tunnel. Their addresses are those of `way`.
    #[must_use]
    pub fn new(plan: &Plan, way: Way, tunnel: Option<&Tunnel>) -> Self {
        let mut headers = Vec::new();
        for size in plan.sizes.distinct() {
            for flow in 0..plan.flows.clamp(1, FLOWS_MAX) {
                headers.extend(header(plan, way, tunnel, flow, usize::from(size - sizes::CHECK_SEQUENCE)));
            }
        }
        let header_octets = INNER_HEADERS + tunnel.map_or(ethernet::TAG_OCTETS, Tunnel::octets);
        Self { plan: plan.clone(), header_octets, headers }
    }

    /// Octets of a frame as the port gets it, without check sequence.
    #[inline]
    #[must_use]
    pub fn octets(&self, sequence: u64) -> usize {
        self.header_octets + self.payload_octets(sequence)
    }

    /// Octets of the longest frame.
    #[must_use]
    pub fn longest(&self) -> usize {
        usize::from(self.plan.sizes.longest() - sizes::CHECK_SEQUENCE) - INNER_HEADERS + self.header_octets
    }

    /// Octets of a frame's UDP payload, the number included.
    #[inline]
    #[must_use]
    pub fn payload_octets(&self, sequence: u64) -> usize {
        let size = self.plan.sizes.distinct()[self.plan.sizes.index(sequence)];
        usize::from(size - sizes::CHECK_SEQUENCE) - INNER_HEADERS
    }

    /// What stands in the payload before the number.
    #[inline]
    #[must_use]
    pub fn filler(&self, sequence: u64) -> &'static [u8] {
        let octets = self.payload_octets(sequence).saturating_sub(number::OCTETS);
        FILLER.get(..octets).unwrap_or(&FILLER)
    }

    /// The flow of a frame.
    #[inline]
    #[must_use]
    pub fn flow(&self, sequence: u64) -> usize {
        (sequence % u64::from(self.plan.flows)) as usize
    }

    /// The VLAN of a frame.
    #[inline]
    #[must_use]
    pub fn vlan(&self, sequence: u64) -> u16 {
        self.plan.vlans.of_flow(self.flow(sequence) as u64)
    }

    /// Writes a frame into [`Self::octets`] octets; `false`, and nothing written, where `out` has another length.
    #[inline]
    #[must_use]
    pub fn write(&self, number: Number, out: &mut [u8]) -> bool {
        let sequence = number.sequence;
        let kind = self.plan.sizes.index(sequence) * self.plan.flows as usize + self.flow(sequence);
        let filler = self.filler(sequence);
        let header = self.headers.get(kind * self.header_octets..(kind + 1) * self.header_octets);
        let (Some(header), Some((head, rest))) = (header, out.split_at_mut_checked(self.header_octets)) else {
            return false;
        };
        let Some((body, end)) = rest.split_at_mut_checked(filler.len()) else { return false };
        if end.len() != number::OCTETS {
            return false;
        }
        head.copy_from_slice(header);
        body.copy_from_slice(filler);
        end.copy_from_slice(&number.trailer());
        true
    }
}

/// What payloads are filled with: no two neighbours alike, and not the same every 256 octets.
static FILLER: [u8; sizes::MAX as usize] = {
    let mut filler = [0; sizes::MAX as usize];
    let mut at = 0;
    while at < filler.len() {
        filler[at] = (at * 167 + at / 256 + 13) as u8;
        at += 1;
    }
    filler
};

/// All headers of a frame whose inner part has `inner` octets.
fn header(plan: &Plan, way: Way, tunnel: Option<&Tunnel>, flow: u32, inner: usize) -> Vec<u8> {
    let vlan = plan.vlans.of_flow(u64::from(flow));
    let (remote, local) = macs(vlan);
    let (destination, source) = if way == Way::ToFabric { (remote, local) } else { (local, remote) };
    let mut out = match tunnel {
        Some(tunnel) => {
            let mut out = tunnel.headers(vlan, flow, inner);
            out.extend(ethernet_header(destination, source, ethernet::TYPE_IPV4));
            out
        }
        None => {
            let mut out = ethernet_header(destination, source, ethernet::TYPE_VLAN);
            out.extend(vlan.to_be_bytes());
            out.extend(ethernet::TYPE_IPV4.to_be_bytes());
            out
        }
    };
    out.extend(datagram_headers(vlan, way, flow, inner - ethernet::HEADER_OCTETS));
    out
}

/// IPv4 and UDP of a packet of `octets`, with checksums.
fn datagram_headers(vlan: u16, way: Way, flow: u32, octets: usize) -> Vec<u8> {
    let [high, low] = vlan.to_be_bytes();
    let address = |host: u32| Ipv4Addr::new(10, 1 + high, low, host as u8);
    let ends = [(address(2), 1024 + (flow % FLOWS_A_PORT) as u16), (address(3 + flow % 200), far_port(flow))];
    let [source, destination] = if way == Way::ToFabric { ends } else { [ends[1], ends[0]] };
    let payload = octets - ipv4::HEADER_OCTETS - udp::HEADER_OCTETS;
    let ip = ipv4_header(source.0, destination.0, ipv4::PROTO_UDP, octets - ipv4::HEADER_OCTETS);
    let mut udp = udp_header(source.1, destination.1, payload);
    let length = u16::try_from(octets - ipv4::HEADER_OCTETS).unwrap_or(u16::MAX);
    let pseudo = checksum::udp_pseudo_header_v4(source.0.into(), destination.0.into(), length);
    // The number adds nothing to it.
    let filler = FILLER.get(..payload.saturating_sub(number::OCTETS)).unwrap_or(&FILLER);
    let sum = !checksum::fold(pseudo + checksum::sum(&udp) + checksum::sum(filler));
    // 0 would say that there is none (RFC 768).
    udp[6..].copy_from_slice(&(if sum == 0 { 0xffff } else { sum }).to_be_bytes());
    [&ip[..], &udp].concat()
}

fn far_port(flow: u32) -> u16 {
    PORT + (flow / FLOWS_A_PORT) as u16
}

#[cfg(test)]
mod tests;
