//! Bursts with something of everything: what a lane does must not be paid by all the others.
//!
//! To the fabric, of 32 frames: 20 IPv4 and 6 IPv6 packets by three encapsulations, 2 to another VLAN of this node, 2 from
//! unknown VLANs, 2 ARP requests. From the fabric the same, without hairpins and with unknown VNIs. The requests come
//! last, since flooding follows all else.

use super::{BROADCAST, Direction, Load, Stations, Traffic, answer, outer, request};
use crate::packets::{self, Family, Packet};
use crate::scene::Site;
use datapath::BURST;

const HAIRPINS: std::ops::Range<u16> = 26..28;
const UNKNOWN: std::ops::Range<u16> = 28..30;
const SIXES: std::ops::Range<u16> = 20..26;
const REQUESTS: std::ops::Range<u16> = 30..32;
/// A VNI or label that is no network's.
const NO_VNI: u32 = 900_000;

/// Every burst; the scene has VLANs 1 to `scene.vlans`, and two in each network.
pub(super) fn fill(traffic: &mut Traffic, load: &Load) {
    for flow in 0..load.frames {
        let (site, number) = load.place(flow);
        let ends = load.stations(site, number);
        let lane = flow % BURST as u16;
        let load = Load { inner: if SIXES.contains(&lane) { Family::V6 } else { Family::V4 }, ..*load };
        match load.direction {
            Direction::ToFabric => to_fabric(traffic, &load, (site, flow, lane), &ends),
            Direction::FromFabric => from_fabric(traffic, &load, (site, flow, lane), &ends),
        }
    }
}

fn to_fabric(traffic: &mut Traffic, load: &Load, (site, flow, lane): (Site, u16, u16), ends: &Stations) {
    let packet = request(load, site, flow);
    if HAIRPINS.contains(&lane) {
        let other = other(load, site);
        let to = other.local(0);
        traffic.frames.push(packets::ethernet(to, ends.local, Some(site.vlan), &packet));
        traffic.to_vlans.push(packets::ethernet(to, ends.local, Some(other.vlan), &packet));
    } else if UNKNOWN.contains(&lane) {
        traffic.frames.push(packets::ethernet(ends.remote, ends.local, Some(load.scene.vlans + 1), &packet));
        traffic.dropped += 1;
    } else if REQUESTS.contains(&lane) {
        let packet = arp(site, ends.local);
        traffic.arrives_tagged(site, BROADCAST, ends, &packet);
        let vlan = Some(other(load, site).vlan);
        traffic.to_vlans.push(packets::ethernet(BROADCAST, ends.local, vlan, &packet));
    } else {
        traffic.arrives_tagged(site, ends.remote, ends, &packet);
    }
}

fn from_fabric(traffic: &mut Traffic, load: &Load, (site, flow, lane): (Site, u16, u16), ends: &Stations) {
    let packet = answer(load, site, flow);
    if UNKNOWN.contains(&lane) {
        let mut tunnel = ends.answering(flow);
        tunnel.vni = NO_VNI;
        traffic.frames.push(outer(&tunnel, &packets::ethernet(ends.local, ends.remote, None, &packet)));
        traffic.dropped += 1;
    } else if REQUESTS.contains(&lane) {
        let packet = arp(site, ends.remote);
        let inner = packets::ethernet(BROADCAST, ends.remote, None, &packet);
        traffic.frames.push(outer(&ends.answering(flow), &inner));
        for member in load.scene.neighbours(site) {
            traffic.to_vlans.push(packets::ethernet(BROADCAST, ends.remote, Some(member.vlan), &packet));
        }
    } else {
        traffic.arrives_in_tunnel(site, ends.local, ends, flow, &packet);
    }
}

/// The other VLAN of a network of two.
fn other(load: &Load, site: Site) -> Site {
    load.scene.neighbours(site).find(|other| other.vlan != site.vlan).unwrap_or(site)
}

fn arp(site: Site, asker: [u8; 6]) -> Packet {
    let subnet = site.vlan as u8;
    packets::arp_request(asker, [10, 1, subnet, 2], [10, 1, subnet, 3])
}
