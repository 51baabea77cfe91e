//! What a gateway answers by itself, and to whom it says nothing.
//!
//! RFC 826 and RFC 5227 for ARP, RFC 4861 and RFC 4862 for IPv6, RFC 792 and RFC 4443 for echo; whose an address is, and that
//! an owner on the requester's own VLAN answers for himself, is the configuration's meaning.

use super::{Bridged, Expectation, Origin, dropped, owns, to_port, word};
use crate::discovery::{ALL_NODES, Neighbour, ROUTER};
use crate::packets::{internet_checksum, pseudo_header};
use crate::{Mac, Network, Vmi};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use telemetry::DropReason::*;
use telemetry::notices::HeardHow;

/// What becomes of a frame.
pub(super) enum Fate {
    /// It is bridged like any other.
    Bridged,
    /// This, and no more.
    Ends(Expectation),
}

/// What control hears: who has or wants which address.
pub type Told = (IpAddr, Mac, HeardHow);

/// A frame's fate and what control is told of it.
pub(super) type Judged = (Fate, Option<Told>);

fn ends(expectation: Expectation) -> Judged {
    (Fate::Ends(expectation), None)
}

const BRIDGED: Judged = (Fate::Bridged, None);

/// A packet from an instance, in a network.
struct Asking<'n> {
    net: &'n Network,
    frame: &'n Bridged,
    sender: &'n Vmi,
    /// Behind the type.
    packet: &'n [u8],
    /// Whether it is addressed to the gateway's MAC.
    to_gateway: bool,
    /// Whether the network has a gateway.
    served: bool,
}

/// Who has an address: `Some(None)` is the gateway.
fn holder(net: &Network, network: usize, address: IpAddr) -> Option<Option<Mac>> {
    net.bindings.iter().find(|bound| (bound.network, bound.address) == (network, address)).map(|bound| bound.mac)
}

pub(super) fn judge(net: &Network, frame: &Bridged) -> Judged {
    let served = net.networks[frame.network].gateway;
    let to_gateway = served && frame.octets[..6] == ROUTER;
    let of_switches = net.networks[frame.network].bpdu.is_some();
    if of_switches || frame.octets[0] & 1 == 0 && !to_gateway {
        return BRIDGED;
    }
    let packet = &frame.octets[14..];
    let Origin::Segment(segment) = frame.from else {
        return from_fabric(net, frame, packet, to_gateway);
    };
    let by = &frame.octets[6..12];
    let is_sender = |vmi: &&Vmi| vmi.network == frame.network && vmi.segment() == segment && owns(net, vmi, by);
    let sender = net.vmis.iter().find(is_sender).expect("it was classified");
    let asking = Asking { net, frame, sender, packet, to_gateway, served };
    match word(&frame.octets, 12) {
        0x0806 => asking.arp(),
        0x86dd => asking.ipv6(),
        0x0800 => asking.ipv4(),
        _ => asking.nothing(None),
    }
}

/// A gateway serves its own instances: what comes over the fabric for its addresses goes nowhere.
fn from_fabric(net: &Network, frame: &Bridged, packet: &[u8], to_gateway: bool) -> Judged {
    if to_gateway {
        return ends(dropped([GatewayFromFabric]));
    }
    let asked: Option<IpAddr> = match word(&frame.octets, 12) {
        0x0806 if packet.len() >= 28 && packet[..8] == [0, 1, 8, 0, 6, 4, 0, 1] => Some(v4(&packet[24..28])),
        0x86dd if packet.len() >= 64 && packet[0] >> 4 == 6 && packet[6] == 58 && packet[40] == 135 => {
            Some(v6(&packet[48..64]).into())
        }
        _ => None,
    };
    match asked.and_then(|address| holder(net, frame.network, address)) {
        Some(None) => ends(dropped([GatewayFromFabric, FloodSourceNotMember])),
        _ => BRIDGED,
    }
}

fn v4(octets: &[u8]) -> IpAddr {
    Ipv4Addr::new(octets[0], octets[1], octets[2], octets[3]).into()
}

fn v6(octets: &[u8]) -> Ipv6Addr {
    Ipv6Addr::from(<[u8; 16]>::try_from(octets).expect("sixteen octets"))
}

impl Asking<'_> {
    fn source(&self) -> Mac {
        self.frame.octets[6..12].try_into().expect("six octets")
    }

    /// Not for this node. What is addressed to the gateway would have to be routed.
    fn nothing(&self, told: Option<Told>) -> Judged {
        let fate = if self.to_gateway { Fate::Ends(dropped([NotRouted])) } else { Fate::Bridged };
        (fate, told.filter(|(address, ..)| !address.is_unspecified()))
    }

    fn told(&self, address: IpAddr, how: HeardHow) -> Option<Told> {
        Some((address, self.source(), how)).filter(|_| !address.is_unspecified())
    }

    /// For this node alone.
    fn consumed(&self, told: Option<Told>) -> Judged {
        (Fate::Ends(Expectation::default()), told)
    }

    fn malformed(&self, reason: telemetry::DropReason) -> Judged {
        if self.served { ends(dropped([reason])) } else { BRIDGED }
    }

    /// Back to where it came from, on that VLAN.
    fn answered(&self, to: Mac, from: Mac, ether_type: u16, packet: Vec<u8>) -> Judged {
        let octets = [&to[..], &from, &ether_type.to_be_bytes(), &packet].concat();
        let answer = Bridged { octets, in_pieces: false, ..*self.frame };
        ends(Expectation { out: vec![to_port(self.net, self.sender, &answer)], ..Expectation::default() })
    }

    /// The MAC by which to answer for an address, and whether the gateway has it.
    fn answer_for(&self, address: IpAddr) -> Option<(Mac, bool)> {
        let holder = holder(self.net, self.frame.network, address).filter(|_| self.served)?;
        let mac = holder.unwrap_or(ROUTER);
        let on_segment = |vmi: &&Vmi| vmi.segment() == self.sender.segment();
        if self.net.vmis.iter().filter(on_segment).any(|vmi| owns(self.net, vmi, &mac)) {
            return None;
        }
        let n = self.frame.network;
        let here = self.net.vmis.iter().any(|vmi| vmi.network == n && owns(self.net, vmi, &mac));
        let there = self.net.reach.iter().any(|reach| reach.network == n && reach.macs.contains(&mac));
        (holder.is_none() || here || there).then_some((mac, holder.is_none()))
    }

    fn arp(&self) -> Judged {
        let b = self.packet;
        // RFC 826, "Packet Reception": "Do I have the hardware type [...]? Do I speak the protocol?"
        if b.len() < 28 || b[..6] != [0, 1, 8, 0, 6, 4] {
            return self.malformed(MalformedArp);
        }
        let (operation, sender_mac) = (word(b, 6), &b[8..14]);
        let (sender, target) = (v4(&b[14..18]), v4(&b[24..28]));
        if *sender_mac != self.source() {
            return if self.to_gateway { ends(dropped([MalformedArp])) } else { BRIDGED };
        }
        match operation {
            2 if self.to_gateway => return self.consumed(self.told(sender, HeardHow::Reply)),
            2 => return self.nothing(self.told(sender, HeardHow::Announcement)),
            1 => {}
            _ => return self.nothing(None),
        }
        // RFC 5227 section 3: an announcement has both addresses the same.
        if sender == target {
            return self.nothing(self.told(sender, HeardHow::Announcement));
        }
        let is_probe = sender.is_unspecified();
        match self.answer_for(target) {
            Some((mac, is_gateway)) if is_gateway || !is_probe => {
                if self.frame.in_pieces {
                    return ends(dropped([NotContiguous]));
                }
                let reply = [&[0, 1, 8, 0, 6, 4, 0, 2], &mac[..], &b[24..28], &self.source()[..], &b[14..18]].concat();
                self.answered(self.source(), mac, 0x0806, reply)
            }
            _ if is_probe => self.nothing(self.told(target, HeardHow::Probe)),
            _ => self.nothing(None),
        }
    }

    fn ipv6(&self) -> Judged {
        let b = self.packet;
        let is_icmp = b.len() > 40 && b[0] >> 4 == 6 && b[6] == 58;
        match is_icmp.then(|| b[40]) {
            Some(135 | 136) => self.neighbour(),
            Some(128) if self.to_gateway => self.echo_v6(),
            _ => self.nothing(None),
        }
    }

    /// RFC 4861 sections 7.1.1 and 7.1.2; `None`: "MUST silently discard". Else the link-layer address in it.
    fn valid_neighbour(&self) -> Option<Option<Mac>> {
        let b = self.packet;
        let body = b[40..].get(..word(b, 4))?;
        let (source, destination) = (v6(&b[8..24]), v6(&b[24..40]));
        let pseudo = pseudo_header(&b[8..24], &b[24..40], 58, body.len());
        if body.len() < 24 || b[7] != 255 || body[1] != 0 || internet_checksum(&[&pseudo, body].concat()) != 0 {
            return None;
        }
        if v6(&body[8..24]).is_multicast() {
            return None;
        }
        let wanted = if body[0] == 135 { 1 } else { 2 };
        let (mut at, mut mac) = (24, None);
        while at < body.len() {
            let octets = usize::from(*body.get(at + 1)?) * 8;
            let option = body.get(at..at + octets).filter(|_| octets > 0)?;
            if option[0] == wanted && octets == 8 && mac.is_none() {
                mac = Some(option[2..8].try_into().expect("six octets"));
            }
            at += octets;
        }
        let group = destination.octets()[..13] == [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff];
        if body[0] == 135 && source.is_unspecified() && (!group || mac.is_some()) {
            return None;
        }
        if body[0] == 136 && destination.is_multicast() && body[4] & 0x40 != 0 {
            return None;
        }
        Some(mac)
    }

    fn neighbour(&self) -> Judged {
        if self.frame.in_pieces {
            return ends(dropped([NotContiguous]));
        }
        let Some(mac) = self.valid_neighbour() else { return self.malformed(MalformedNd) };
        if mac.is_some_and(|mac| mac != self.source()) {
            return if self.to_gateway { ends(dropped([MalformedNd])) } else { BRIDGED };
        }
        let b = self.packet;
        let (source, target) = (v6(&b[8..24]), v6(&b[48..64]));
        if b[40] == 136 {
            return if self.to_gateway {
                self.consumed(self.told(target.into(), HeardHow::Reply))
            } else {
                self.nothing(self.told(target.into(), HeardHow::Announcement))
            };
        }
        // RFC 4862 section 5.4.3: somebody looks for a duplicate; only the owner may answer.
        let is_dad = source.is_unspecified();
        match self.answer_for(target.into()) {
            Some((mac, is_gateway)) if (is_gateway || !is_dad) && !source.is_multicast() => {
                self.advertised(target, mac, is_gateway, (!is_dad).then_some(source))
            }
            _ if is_dad => self.nothing(self.told(target.into(), HeardHow::Probe)),
            _ => self.nothing(None),
        }
    }

    /// RFC 4861 section 7.2.4: to the source; if there is none, to all nodes and not "solicited".
    fn advertised(&self, target: Ipv6Addr, mac: Mac, is_gateway: bool, to: Option<Ipv6Addr>) -> Judged {
        let flags = 0x20 + if is_gateway { 0x80 } else { 0 } + if to.is_some() { 0x40 } else { 0 };
        let destination = to.unwrap_or(ALL_NODES);
        let packet = Neighbour::advertisement(mac, target, destination, flags).octets();
        let to = if to.is_some() { self.source() } else { [0x33, 0x33, 0, 0, 0, 1] };
        self.answered(to, mac, 0x86dd, packet)
    }

    fn ipv4(&self) -> Judged {
        let b = self.packet;
        let total = if b.len() >= 28 { word(b, 2) } else { 0 };
        let is_echo = self.to_gateway
            && (28..=b.len()).contains(&total)
            && b[0] == 0x45
            && word(b, 6) & 0x3fff == 0
            && internet_checksum(&b[..20]) == 0
            && (b[9], b[20], b[21]) == (1, 8, 0);
        if !is_echo || holder(self.net, self.frame.network, v4(&b[16..20])) != Some(None) {
            return self.nothing(None);
        }
        // RFC 1122 section 3.2.1.3: addresses that are nobody's source.
        if b[12] == 0 || b[12] == 127 || b[12] >= 224 {
            return self.nothing(None);
        }
        if self.answer_for(v4(&b[16..20])).is_none() {
            return self.nothing(None);
        }
        let mut reply = b[..total].to_vec();
        reply[4..8].copy_from_slice(&[0, 0, 0x40, 0]);
        reply[8] = 64;
        reply[10..12].fill(0);
        reply[12..16].copy_from_slice(&b[16..20]);
        reply[16..20].copy_from_slice(&b[12..16]);
        let sum = internet_checksum(&reply[..20]);
        reply[10..12].copy_from_slice(&sum.to_be_bytes());
        reply[20] = 0;
        self.answered(self.source(), ROUTER, 0x0800, with_icmp_sum(reply, b, &[], 20))
    }

    fn echo_v6(&self) -> Judged {
        let b = self.packet;
        let end = 40 + word(b, 4);
        let (source, destination) = (v6(&b[8..24]), v6(&b[24..40]));
        let is_host = !source.is_unspecified() && !source.is_loopback() && !source.is_multicast();
        let is_gateway = holder(self.net, self.frame.network, destination.into()) == Some(None)
            && self.answer_for(destination.into()).is_some();
        if end < 48 || end > b.len() || b[41] != 0 || !is_host || !is_gateway {
            return self.nothing(None);
        }
        let mut reply = b[..end].to_vec();
        reply[1] &= 0xf0;
        reply[2..4].fill(0);
        reply[7] = 64;
        reply[8..24].copy_from_slice(&b[24..40]);
        reply[24..40].copy_from_slice(&b[8..24]);
        reply[40] = 129;
        let pseudo = pseudo_header(&b[8..24], &b[24..40], 58, end - 40);
        self.answered(self.source(), ROUTER, 0x86dd, with_icmp_sum(reply, b, &pseudo, 40))
    }
}

/// The reply with a right checksum if the request's is right, and with one as wrong if not: the sum over all, which is that of
/// all ones in a right packet, is the same in both (RFC 1071, modulo 2^16 - 1).
fn with_icmp_sum(mut reply: Vec<u8>, request: &[u8], pseudo: &[u8], at: usize) -> Vec<u8> {
    let end = reply.len();
    let sum = |packet: &[u8]| u32::from(!internet_checksum(&[pseudo, &packet[at..end]].concat()));
    reply[at + 2..at + 4].fill(0);
    let checksum = (sum(request) + 2 * 0xffff - sum(&reply)) % 0xffff;
    reply[at + 2..at + 4].copy_from_slice(&(checksum as u16).to_be_bytes());
    reply
}
