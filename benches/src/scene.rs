//! The network that is forwarded: one description, for the pipeline's tables and the floor's alike.
//!
//! All VLANs of a port are configured, each an interface in a network of its own with one station here and one behind
//! the fabric; 1,000 VTEPs are known. Most traffic uses 64 of the VLANs, the busy ones, and it is those that a scene makes
//! larger: more stations, more VTEPs, more members.

mod tables;

use crate::packets::Family;
use fib::{NetworkId, NexthopId, PortIndex, VifIndex};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use wire::Encapsulation;

/// Ethernet, IPv4, UDP, VXLAN: the outer header that the floor writes.
pub(crate) const OUTER_OCTETS: usize = 50;
pub(crate) const OWN_ADDRESS: Ipv4Addr = Ipv4Addr::new(172, 16, 0, 1);
pub(crate) const PEER_ADDRESS: Ipv4Addr = Ipv4Addr::new(172, 16, 0, 2);
const OWN_ADDRESS_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1);
const PEER_ADDRESS_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2);
pub(crate) const OWN_MAC: [u8; 6] = [2, 0x70, 0x63, 0x61, 0x70, 0];
pub(crate) const ROUTER_MAC: [u8; 6] = [2, 0, 0, 0, 0, 0x99];
/// The busy VLANs.
pub(crate) const FIRST_BUSY: u16 = 100;
pub(crate) const BUSY: u16 = 64;
/// Every VLAN that there is.
pub(crate) const VLANS: u16 = 4094;
/// Those that a reload changes: 1,000 of them, none busy.
const RENUMBERED: std::ops::Range<u16> = 2000..3000;
/// Rows that are kept for VLANs in tables that have further rows.
const ROWS: usize = 4096;
const PEERS: u16 = 1000;
const FIRST_VNI: u32 = 5000;
const LOCAL: u8 = 0x20;
const REMOTE: u8 = 0x10;

/// The whole network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scene {
    /// What carries all frames; `None`: the three take turns, network by network.
    pub(crate) encapsulation: Option<Encapsulation>,
    /// Of the tunnels.
    pub(crate) underlay: Family,
    /// VLANs 1 to this one are configured.
    pub(crate) vlans: u16,
    /// Busy VLANs in a row that are one network.
    pub(crate) vlans_per_network: u16,
    /// VMIs that share each busy VLAN.
    pub(crate) members: u32,
    /// Stations behind each busy VLAN.
    pub(crate) locals: u32,
    /// Stations behind the fabric in each busy network.
    pub(crate) remotes: u32,
    /// VTEPs that those are spread over.
    pub(crate) peers: u16,
    /// VTEPs that each busy network floods to.
    pub(crate) listed: u16,
    /// How often the VNIs of [`RENUMBERED`] VLANs have been exchanged for others.
    pub(crate) renumbered: u16,
}

/// One VLAN and what is behind it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Site {
    pub(crate) vlan: u16,
    /// The first VLAN of its network.
    pub(crate) network: u16,
    /// Its VNI, or its label.
    pub(crate) vni: u32,
}

impl Site {
    /// A station behind the VLAN; that of number `n` is the VMI's own where several share it.
    pub(crate) fn local(&self, n: u32) -> [u8; 6] {
        station(n, LOCAL, self.vlan)
    }

    /// A station behind the fabric.
    pub(crate) fn remote(&self, n: u32) -> [u8; 6] {
        station(n, REMOTE, self.vlan)
    }

    /// Whether others of its network came before it.
    pub(crate) fn is_first(&self) -> bool {
        self.vlan == self.network
    }

    fn network_id(&self) -> NetworkId {
        row(NetworkId::new(self.network.into()))
    }

    fn vif(&self, member: u32) -> VifIndex {
        row(VifIndex::new(usize::from(self.vlan) + ROWS * member as usize))
    }
}

/// The station's number stands in octets 1 to 3.
fn station(n: u32, side: u8, vlan: u16) -> [u8; 6] {
    let [_, high, middle, low] = n.to_be_bytes();
    [2, high, middle, low, side, vlan as u8]
}

impl Scene {
    /// One station on each side of each VLAN, all remote ones behind one VTEP.
    pub(crate) const fn plain(by: Encapsulation) -> Self {
        Self {
            encapsulation: Some(by),
            underlay: Family::V4,
            vlans: VLANS,
            vlans_per_network: 1,
            members: 1,
            locals: 1,
            remotes: 1,
            peers: 1,
            listed: 1,
            renumbered: 0,
        }
    }

    /// Every VLAN that is configured.
    pub(crate) fn sites(&self) -> impl Iterator<Item = Site> {
        (1..=self.vlans).map(|vlan| self.site(vlan))
    }

    /// One VLAN, configured or not.
    pub(crate) fn site(&self, vlan: u16) -> Site {
        let network = busy(vlan).map_or(vlan, |number| vlan - number % self.vlans_per_network);
        let times = if RENUMBERED.contains(&network) { self.renumbered } else { 0 };
        Site { vlan, network, vni: FIRST_VNI + u32::from(VLANS) * u32::from(times) + u32::from(network) }
    }

    /// The VLANs of a network, by any one of them.
    pub(crate) fn neighbours(&self, site: Site) -> impl Iterator<Item = Site> {
        (site.network..).map(|vlan| self.site(vlan)).take_while(move |other| other.network == site.network)
    }

    /// What carries the frames of a network.
    pub(crate) fn encapsulation(&self, site: Site) -> Encapsulation {
        let turn = usize::from(site.network / self.vlans_per_network);
        self.encapsulation.unwrap_or(Encapsulation::ALL[turn % Encapsulation::ALL.len()])
    }

    /// Every VTEP that is known.
    pub(crate) fn peers(&self) -> impl Iterator<Item = IpAddr> {
        (0..PEERS).map(|number| self.peer(number))
    }

    /// The VTEP that a station is behind.
    pub(crate) fn peer_of(&self, site: Site, remote: u32) -> IpAddr {
        self.peer(self.peer_number(site, self.slot(remote)))
    }

    /// This node's end of tunnels.
    pub(crate) fn own_address(&self) -> IpAddr {
        match self.underlay {
            Family::V4 => OWN_ADDRESS.into(),
            Family::V6 => OWN_ADDRESS_V6.into(),
        }
    }

    fn peer(&self, number: u16) -> IpAddr {
        match self.underlay {
            Family::V4 => Ipv4Addr::from_bits(PEER_ADDRESS.to_bits() + u32::from(number)).into(),
            Family::V6 => Ipv6Addr::from_bits(PEER_ADDRESS_V6.to_bits() + u128::from(number)).into(),
        }
    }

    /// Next hops of a network.
    fn slots(&self, site: Site) -> u32 {
        let spread = self.remotes.min(self.peers.into());
        if busy(site.network).is_some() { spread.max(u32::from(self.listed)) } else { 1 }
    }

    /// Which of its network's next hops leads to a station.
    fn slot(&self, remote: u32) -> u32 {
        remote % u32::from(self.peers)
    }

    fn peer_number(&self, site: Site, slot: u32) -> u16 {
        let number = u32::from(busy(site.network).unwrap_or(0)) * self.slots(site) + slot;
        (number % u32::from(self.peers)) as u16
    }

    fn nexthop(&self, site: Site, slot: u32) -> NexthopId {
        let number = match busy(site.network) {
            Some(number) if slot > 0 => ROWS + usize::from(number) * self.slots(site) as usize + slot as usize,
            _ => usize::from(site.network),
        };
        row(NexthopId::new(number))
    }

    /// Where access frames come from and go to.
    pub(crate) fn access_port(&self) -> PortIndex {
        row(PortIndex::new(0))
    }

    /// Where the fabric is.
    pub(crate) fn fabric_port(&self) -> PortIndex {
        row(PortIndex::new(1))
    }

    /// VMIs of a VLAN.
    fn vifs_of(&self, site: Site) -> impl Iterator<Item = VifIndex> {
        let members = if busy(site.vlan).is_some() { self.members } else { 1 };
        (0..members).map(move |member| site.vif(member))
    }

    /// A number for every VIF, so that counters can be made for them.
    pub(crate) fn vifs(&self) -> impl Iterator<Item = VifIndex> {
        self.sites().flat_map(|site| self.vifs_of(site))
    }

    /// Every station: its MAC, its network, and the VLAN or VNI that leads to it.
    pub(crate) fn stations(&self) -> impl Iterator<Item = ([u8; 6], u16, u32)> {
        self.sites().flat_map(|site| {
            let many = |number| if busy(site.vlan).is_some() { number } else { 1 };
            let here =
                (0..many(self.locals.max(self.members))).map(move |n| (site.local(n), site.network, site.vlan.into()));
            let there = (0..many(self.remotes)).map(move |n| (site.remote(n), site.network, site.vni));
            here.chain(there)
        })
    }

    /// The template for the floor: an outer header as for an IP packet of no octets, checksum included. Its identification
    /// makes the checksum so large that the floor may subtract any length from it.
    pub(crate) fn outer_header(&self) -> [u8; OUTER_OCTETS] {
        let mut header = [0; OUTER_OCTETS];
        let parts: [&[u8]; 6] = [
            &ROUTER_MAC,
            &OWN_MAC,
            &[0x08, 0x00, 0x45, 0, 0, 0, 0x40, 0, 0, 0, 64, 17, 0, 0],
            &[OWN_ADDRESS.octets(), PEER_ADDRESS.octets()].concat(),
            &[0, 0, 0x12, 0xb5, 0, 0, 0, 0],
            &[8, 0, 0, 0, 0, 0, 0, 0],
        ];
        for (place, octet) in header.iter_mut().zip(parts.concat()) {
            *place = octet;
        }
        let checksum = !wire::checksum::fold(wire::checksum::sum(&header[14..34]));
        header[24..26].copy_from_slice(&checksum.to_be_bytes());
        header
    }
}

/// The number of a busy VLAN among them.
fn busy(vlan: u16) -> Option<u16> {
    vlan.checked_sub(FIRST_BUSY).filter(|number| *number < BUSY)
}

/// All rows here are small.
fn row<T>(id: Option<T>) -> T {
    id.expect("the largest scene has 16,384 interfaces, 8,192 next hops and two ports")
}
