//! The frames that control originates, untagged: what asks an instance whether it is there, and what tells a switch and the
//! instances behind it where somebody is.
//!
//! All are sent as the network's virtual router ([`MacAddr::VIRTUAL_ROUTER`]), which every gateway has alike, so that whatever an
//! instance remembers of one holds for the next; only [`station_is_here`] bears another's MAC.

use arrayvec::ArrayVec;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use wire::{MacAddr, checksum, ethernet, ipv6};

/// The longest of them: a neighbour advertisement with one option.
pub(crate) const MOST_OCTETS: usize = ethernet::HEADER_OCTETS + ipv6::HEADER_OCTETS + ND_OCTETS;

/// The virtual router's link-local address: its MAC as a modified EUI-64 (RFC 4291 appendix A).
pub(crate) const LINK_LOCAL: Ipv6Addr = Ipv6Addr::from_bits(ipv6::link_local(MacAddr::VIRTUAL_ROUTER));

/// All nodes of a link, and the MAC that they have (RFC 2464 section 7).
const ALL_NODES: Ipv6Addr = Ipv6Addr::from_bits(ipv6::ALL_NODES);
const ALL_NODES_MAC: MacAddr = MacAddr::new([0x33, 0x33, 0, 0, 0, 1]);

/// Hardware Ethernet, protocol IPv4, and the lengths of their addresses (RFC 826).
const ARP_HEAD: [u8; 6] = [0, 1, 8, 0, 6, 4];
const ARP_REQUEST: u16 = 1;
/// "Request reverse" (RFC 903), with a type of its own.
const RARP_REQUEST: u16 = 3;
const TYPE_RARP: u16 = 0x8035;

/// Solicitation and advertisement with the option for one link-layer address (RFC 4861 sections 4.3, 4.4 and 4.6.1).
const ND_OCTETS: usize = 32;
const SOLICITATION: u8 = 135;
const ADVERTISEMENT: u8 = 136;
const OPTION_SOURCE: u8 = 1;
const OPTION_TARGET: u8 = 2;
/// The flags of an advertisement: from a router, and its link-layer address takes the place of whatever was known.
const ROUTER: u8 = 0x80;
const OVERRIDE: u8 = 0x20;
/// What no router has lowered: the receiver insists on it (RFC 4861 section 7.1).
const HOP_LIMIT: u8 = 255;

/// A frame that control originates.
pub(crate) type Frame = ArrayVec<u8, MOST_OCTETS>;

/// Asks the station of `mac` for `address`, as `source`: an ARP request (RFC 826) or a neighbour solicitation (RFC 4861
/// section 7.2.2), to that station alone, so that nobody else behind the VLAN is woken by it.
///
/// Without a source address of the family, ARP asks from 0.0.0.0 (RFC 5227 section 2.1.1), neighbour discovery from
/// [`LINK_LOCAL`].
pub(crate) fn question(mac: MacAddr, address: IpAddr, source: Option<IpAddr>) -> Frame {
    match (address, source) {
        (IpAddr::V4(address), source) => {
            let own = if let Some(IpAddr::V4(source)) = source { source } else { Ipv4Addr::UNSPECIFIED };
            arp(mac, ethernet::TYPE_ARP, ARP_REQUEST, (MacAddr::VIRTUAL_ROUTER, own), (MacAddr::ZERO, address))
        }
        (IpAddr::V6(address), source) => {
            let own = if let Some(IpAddr::V6(source)) = source { source } else { LINK_LOCAL };
            let said = Discovery { kind: SOLICITATION, flags: 0, target: address, option: OPTION_SOURCE };
            discovery((mac, address), own, &said)
        }
    }
}

/// Tells everybody on the VLAN that the virtual router has `address`: a gratuitous ARP request (RFC 5227 section 3) or an
/// unsolicited neighbour advertisement (RFC 4861 section 7.2.6).
pub(crate) fn router_has(address: IpAddr) -> Frame {
    match address {
        IpAddr::V4(own) => {
            let sender = (MacAddr::VIRTUAL_ROUTER, own);
            arp(MacAddr::BROADCAST, ethernet::TYPE_ARP, ARP_REQUEST, sender, (MacAddr::ZERO, own))
        }
        IpAddr::V6(own) => {
            let said = Discovery { kind: ADVERTISEMENT, flags: ROUTER | OVERRIDE, target: own, option: OPTION_TARGET };
            discovery((ALL_NODES_MAC, ALL_NODES), own, &said)
        }
    }
}

/// Has the switch learn that the station of `mac` is behind the port that this comes out of: what hypervisors send when a
/// virtual machine has moved. It speaks of no address, so that no instance remembers anything wrong.
pub(crate) fn station_is_here(mac: MacAddr) -> Frame {
    let nowhere = (mac, Ipv4Addr::UNSPECIFIED);
    arp_like(MacAddr::BROADCAST, mac, TYPE_RARP, RARP_REQUEST, nowhere, nowhere)
}

type Station = (MacAddr, Ipv4Addr);

fn arp(to: MacAddr, ether_type: u16, operation: u16, sender: Station, target: Station) -> Frame {
    arp_like(to, sender.0, ether_type, operation, sender, target)
}

fn arp_like(to: MacAddr, by: MacAddr, ether_type: u16, operation: u16, sender: Station, target: Station) -> Frame {
    let mut frame = ethernet_header(to, by, ether_type);
    put(&mut frame, &ARP_HEAD);
    put(&mut frame, &operation.to_be_bytes());
    for (mac, address) in [sender, target] {
        put(&mut frame, &mac.octets());
        put(&mut frame, &address.octets());
    }
    frame
}

/// What a solicitation or an advertisement says, beside the virtual router's MAC in the option.
struct Discovery {
    kind: u8,
    flags: u8,
    target: Ipv6Addr,
    option: u8,
}

fn discovery((mac, to): (MacAddr, Ipv6Addr), source: Ipv6Addr, said: &Discovery) -> Frame {
    let mut message = ArrayVec::<u8, ND_OCTETS>::new();
    message.extend([said.kind, 0, 0, 0, said.flags, 0, 0, 0]);
    message.extend(said.target.octets());
    message.extend([said.option, 1]);
    message.extend(MacAddr::VIRTUAL_ROUTER.octets());
    let sum = !checksum::fold(pseudo_header(source, to) + checksum::sum(&message));
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    let mut frame = ethernet_header(mac, MacAddr::VIRTUAL_ROUTER, ethernet::TYPE_IPV6);
    put(&mut frame, &[0x60, 0, 0, 0, 0, ND_OCTETS as u8, ipv6::NEXT_ICMPV6, HOP_LIMIT]);
    put(&mut frame, &source.octets());
    put(&mut frame, &to.octets());
    put(&mut frame, &message);
    frame
}

/// The sum of the pseudo-header of a message of neighbour discovery (RFC 8200 section 8.1).
fn pseudo_header(source: Ipv6Addr, to: Ipv6Addr) -> u64 {
    let rest = ND_OCTETS as u64 + u64::from(ipv6::NEXT_ICMPV6);
    checksum::sum(&source.octets()) + checksum::sum(&to.octets()) + rest
}

fn ethernet_header(to: MacAddr, by: MacAddr, ether_type: u16) -> Frame {
    let mut frame = Frame::new();
    put(&mut frame, &to.octets());
    put(&mut frame, &by.octets());
    put(&mut frame, &ether_type.to_be_bytes());
    frame
}

fn put(frame: &mut Frame, octets: &[u8]) {
    frame.try_extend_from_slice(octets).expect("no frame here is longer than an advertisement");
}

#[cfg(test)]
mod tests;
