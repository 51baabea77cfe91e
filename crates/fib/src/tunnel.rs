//! Tunnels and next hops: how a frame gets to a remote VTEP.
//!
//! A [`Tunnel`] is one way to one remote VTEP in one encapsulation, with the outer header that leads there, ready to copy. A
//! [`Nexthop`] is a tunnel and the VNI or label in it, eight octets, so that thousands of networks share one header
//! template in cache. Where the underlay has several ways, the others are alternates of the first.

use crate::template::{self, HEADER_ROOM, Outer};
use crate::{Fabric, PortIndex, TunnelId};
use std::net::IpAddr;
use wire::{Encapsulation, MacAddr, MplsLabel, Vni, mpls, vxlan};

/// The most ways of the underlay among which the flows to one VTEP are spread.
pub const MAX_PATHS: usize = 8;

/// One way of the underlay to a remote VTEP: out of this port, to that station.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Path {
    /// The fabric port that it leaves by.
    pub port: PortIndex,
    /// The underlay next hop's MAC.
    pub next_hop: MacAddr,
}

/// The outer headers that the packet path writes with constant places; all others share one way with variable places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Shape {
    /// None: the next hop is unresolved.
    Unresolved,
    /// VXLAN over IPv4 without a fabric VLAN: 50 octets.
    VxlanV4,
    /// MPLS over UDP over IPv4 without a fabric VLAN: 46 octets.
    MplsUdpV4,
    /// MPLS over GRE over IPv4 without a fabric VLAN: 42 octets.
    MplsGreV4,
    /// Another one over IPv4.
    V4,
    /// VXLAN over IPv6 without a fabric VLAN: 70 octets.
    VxlanV6,
    /// MPLS over UDP over IPv6 without a fabric VLAN: 66 octets.
    MplsUdpV6,
    /// MPLS over GRE over IPv6 without a fabric VLAN: 62 octets.
    MplsGreV6,
    /// Any one over IPv6, where the encapsulation does not matter.
    V6,
}

/// A row of the tunnel table: two cache lines, the first being most of the header.
#[derive(Debug, Clone)]
#[repr(C, align(64))]
pub struct Tunnel {
    header: [u8; HEADER_ROOM],
    checksum: u32,
    max_frame: u16,
    port: PortIndex,
    remote: IpAddr,
    encapsulation: Encapsulation,
    shape: Shape,
    only_shape: Shape,
    header_octets: u8,
    ip_at: u8,
    paths: u8,
    sums: bool,
}

impl Tunnel {
    /// A tunnel by each of the `paths`, at most [`MAX_PATHS`] of them; one that is unresolved if there are none, or if
    /// the node has no address of the remote's family.
    pub(crate) fn ways(fabric: &Fabric, remote: IpAddr, encapsulation: Encapsulation, paths: &[Path]) -> Vec<Self> {
        let usable = paths.iter().filter_map(|path| {
            let link = fabric.link(path.port)?;
            Some((*path, template::build(fabric, link, path, remote, encapsulation)?, link.mtu))
        });
        let ways: Vec<_> = usable.take(MAX_PATHS).collect();
        let paths = ways.len() as u8;
        if ways.is_empty() {
            return vec![Self::unresolved(remote, encapsulation)];
        }
        ways.into_iter().map(|(path, outer, mtu)| Self::new(remote, encapsulation, path, outer, mtu, paths)).collect()
    }

    fn unresolved(remote: IpAddr, encapsulation: Encapsulation) -> Self {
        Self {
            header: [0; HEADER_ROOM],
            checksum: 0,
            max_frame: 0,
            port: NO_PORT,
            remote,
            encapsulation,
            shape: Shape::Unresolved,
            only_shape: Shape::Unresolved,
            header_octets: 0,
            ip_at: 0,
            paths: 0,
            sums: false,
        }
    }

    fn new(remote: IpAddr, encapsulation: Encapsulation, path: Path, outer: Outer, mtu: u16, paths: u8) -> Self {
        let in_ip = outer.octets - outer.ip_at;
        let shape = match (remote, encapsulation, outer.ip_at) {
            (IpAddr::V6(_), Encapsulation::Vxlan, 14) => Shape::VxlanV6,
            (IpAddr::V6(_), Encapsulation::MplsOverUdp, 14) => Shape::MplsUdpV6,
            (IpAddr::V6(_), Encapsulation::MplsOverGre, 14) => Shape::MplsGreV6,
            (IpAddr::V6(_), ..) => Shape::V6,
            (_, Encapsulation::Vxlan, 14) => Shape::VxlanV4,
            (_, Encapsulation::MplsOverUdp, 14) => Shape::MplsUdpV4,
            (_, Encapsulation::MplsOverGre, 14) => Shape::MplsGreV4,
            _ => Shape::V4,
        };
        Self {
            header: outer.header,
            checksum: outer.checksum,
            max_frame: mtu.saturating_sub(in_ip as u16),
            port: path.port,
            remote,
            encapsulation,
            shape: if remote.is_ipv6() { Shape::V6 } else { shape },
            only_shape: if paths == 1 { shape } else { Shape::Unresolved },
            header_octets: outer.octets as u8,
            ip_at: outer.ip_at as u8,
            paths,
            sums: outer.sums,
        }
    }

    /// The header in the first [`header_octets`](Self::header_octets) octets, from Ethernet to the VNI or the label stack
    /// entry. Zero, to be patched per packet: IP length, IPv4 id and checksum, DSCP, IPv6 flow label, UDP source port,
    /// length and checksum, VNI word or stack entry.
    #[inline(always)]
    pub fn header(&self) -> &[u8; HEADER_ROOM] {
        &self.header
    }

    /// From 42 (MPLS over GRE over IPv4) to 74 (VXLAN over IPv6 with a fabric VLAN tag); 0 while unresolved.
    #[inline(always)]
    pub fn header_octets(&self) -> usize {
        usize::from(self.header_octets)
    }

    /// Where the IP header begins: 14, or 18 behind a fabric VLAN tag.
    #[inline(always)]
    pub fn ip_at(&self) -> usize {
        usize::from(self.ip_at)
    }

    /// How the header is written; `V6` for all over IPv6.
    #[inline(always)]
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// How the header is written, if this is the only way to the remote end; `Unresolved` if there is none, or are several.
    #[inline(always)]
    pub fn only_shape(&self) -> Shape {
        self.only_shape
    }

    /// What it carries frames in.
    #[inline(always)]
    pub fn encapsulation(&self) -> Encapsulation {
        self.encapsulation
    }

    /// A one's complement sum of constant words, folded to 16 bits. IPv4: of the IP header; add DSCP, length and id, fold,
    /// invert. IPv6: of the pseudo-header without length, if [`has_udp_checksum`](Self::has_udp_checksum).
    #[inline(always)]
    pub fn checksum(&self) -> u32 {
        self.checksum
    }

    /// Whether the UDP checksum is computed over every packet: over IPv6, unless it is configured to be zero.
    #[inline(always)]
    pub fn has_udp_checksum(&self) -> bool {
        self.sums
    }

    /// The port that it leaves by.
    #[inline(always)]
    pub fn port(&self) -> PortIndex {
        self.port
    }

    /// The longest inner frame, in octets from its destination MAC and with a control word if there is one, that fits the
    /// fabric's MTU.
    #[inline(always)]
    pub fn max_frame(&self) -> usize {
        usize::from(self.max_frame)
    }

    /// How many ways of the underlay there are to the same remote end.
    #[inline(always)]
    pub fn paths(&self) -> usize {
        usize::from(self.paths)
    }

    /// The remote VTEP's address.
    pub fn remote(&self) -> IpAddr {
        self.remote
    }

    /// Whether both write the same octets, by the same port. The rest of a row follows from these and from what no
    /// amendment changes.
    pub(crate) fn same_way(&self, other: &Self) -> bool {
        (self.header_octets, self.port, self.paths) == (other.header_octets, other.port, other.paths)
            && self.header == other.header
    }
}

const NO_PORT: PortIndex = match PortIndex::new(PortIndex::MAX) {
    Some(port) => port,
    None => unreachable!(),
};

/// What tells the remote VTEP which network a packet is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// In VXLAN.
    Vni(Vni),
    /// In MPLS over UDP or GRE; and whether a control word follows.
    Label(MplsLabel, bool),
}

/// How a frame gets to a remote VTEP in one network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nexthop {
    shim: u32,
    tunnel: u16,
    control_word: bool,
}

impl Nexthop {
    pub(crate) fn new(tunnel: TunnelId, target: Target) -> Self {
        let (shim, control_word) = match target {
            Target::Vni(vni) => (vxlan::vni_word(vni), false),
            Target::Label(label, control_word) => (mpls::bottom_entry(label), control_word),
        };
        // A tunnel's number has 16 bits.
        Self { shim, tunnel: tunnel.row() as u16, control_word }
    }

    /// The tunnel that it uses.
    #[inline(always)]
    pub fn tunnel(self) -> TunnelId {
        TunnelId::unpacked(self.tunnel as u32)
    }

    /// The last four octets of the outer header, host order: VNI and a reserved octet, or the label stack entry with
    /// traffic class 0.
    #[inline(always)]
    pub fn shim(self) -> u32 {
        self.shim
    }

    /// Octets of control word behind the outer header: 0 or 4.
    #[inline(always)]
    pub fn control_word_octets(self) -> usize {
        if self.control_word { mpls::CONTROL_WORD_OCTETS } else { 0 }
    }
}

/// A row of the next hop table: shim, tunnel, and what it is, in one word. 0: vacant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct NexthopRow(u64);

impl NexthopRow {
    const PLAIN: u64 = 1;
    const WITH_CONTROL_WORD: u64 = 2;

    pub(crate) fn new(nexthop: Nexthop) -> Self {
        let kind = if nexthop.control_word { Self::WITH_CONTROL_WORD } else { Self::PLAIN };
        Self(kind << 48 | u64::from(nexthop.tunnel) << 32 | u64::from(nexthop.shim))
    }

    /// What it holds, whatever that is.
    #[inline(always)]
    pub(crate) fn get(self) -> Option<Nexthop> {
        match self.0 >> 48 {
            Self::PLAIN => Some(self.unpacked(false)),
            Self::WITH_CONTROL_WORD => Some(self.unpacked(true)),
            _ => None,
        }
    }

    /// What it holds, if that has no control word: asked in one comparison.
    #[inline(always)]
    pub(crate) fn plain(self) -> Option<Nexthop> {
        (self.0 >> 48 == Self::PLAIN).then_some(self.unpacked(false))
    }

    #[inline(always)]
    fn unpacked(self, control_word: bool) -> Nexthop {
        Nexthop { shim: self.0 as u32, tunnel: (self.0 >> 32) as u16, control_word }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tunnel_is_two_cache_lines_and_a_next_hop_eight_octets() {
        assert_eq!(size_of::<Option<Tunnel>>(), 128);
        assert_eq!(size_of::<NexthopRow>(), 8);
    }
}
