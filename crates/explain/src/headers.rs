//! What octets say, header by header, in words. For eyes only: nothing is decided by it.

use etherparse::{ArpPacketSlice, Icmpv4Slice, Icmpv6Slice, IpNumber, LaxIpSlice, TcpSlice, UdpSlice};
use std::net::{IpAddr, Ipv6Addr};
use wire::{MacAddr, MplsLabel, Tci, ethernet, gre, is_tag_type, mpls, vxlan};

/// Tunnels within tunnels that are followed.
const DEPTH_MAX: usize = 4;
/// Entries of a label stack that are followed.
const LABELS_MAX: usize = 16;

/// The headers of a frame, the outermost first.
pub(crate) fn of_frame(octets: &[u8]) -> Vec<String> {
    read(octets).said
}

/// The outermost tunnel of a frame: between whom, and the number that tells what is inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outer {
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    pub(crate) number: Number,
}

/// What tells what is inside a tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Number {
    Vni(u32),
    /// The last label of the stack that is not reserved.
    Label(u32),
}

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Vni(vni) => write!(f, "VNI {vni}"),
            Self::Label(label) => write!(f, "label {label}"),
        }
    }
}

/// The outermost tunnel of a frame, if it is in one.
pub(crate) fn outer(octets: &[u8]) -> Option<Outer> {
    let Headers { addresses, number, .. } = read(octets);
    let ((source, destination), number) = addresses.zip(number)?;
    Some(Outer { source, destination, number })
}

fn read(octets: &[u8]) -> Headers {
    let mut headers = Headers::default();
    headers.frame(octets, DEPTH_MAX);
    headers
}

/// Octets as whoever explains them has them.
pub(crate) fn document(octets: &[u8]) -> api::ExplainFrame {
    let hex = octets.iter().map(|octet| format!("{octet:02x}")).collect();
    api::ExplainFrame { octets: octets.len() as u64, headers: of_frame(octets), hex }
}

#[derive(Default)]
struct Headers {
    said: Vec<String>,
    /// Of the outermost IP packet.
    addresses: Option<(IpAddr, IpAddr)>,
    /// Of the outermost tunnel.
    number: Option<Number>,
}

impl Headers {
    fn say(&mut self, header: impl Into<String>) {
        self.said.push(header.into());
    }

    /// Octets that are not looked into.
    fn rest(&mut self, what: &str, octets: &[u8]) {
        if !octets.is_empty() {
            self.say(format!("{} {what}", count(octets.len())));
        }
    }

    fn frame(&mut self, octets: &[u8], depth: usize) {
        let Some((header, mut rest)) = octets.split_first_chunk::<{ ethernet::HEADER_OCTETS }>() else {
            return self.rest("too few for an Ethernet header", octets);
        };
        let [to, from] = [0, 6].map(|at| MacAddr::new(std::array::from_fn(|n| header[at + n])));
        self.say(format!("Ethernet {from} > {to}"));
        let mut ether_type = u16::from_be_bytes([header[12], header[13]]);
        while is_tag_type(ether_type) {
            let Some(([a, b, c, d], behind)) = rest.split_first_chunk::<{ ethernet::TAG_OCTETS }>() else {
                return self.rest("of a cut tag", rest);
            };
            self.say(tag(ether_type, Tci::new(u16::from_be_bytes([*a, *b]))));
            (ether_type, rest) = (u16::from_be_bytes([*c, *d]), behind);
        }
        match ether_type {
            ethernet::TYPE_IPV4 | ethernet::TYPE_IPV6 => self.ip(rest, depth),
            ethernet::TYPE_ARP => self.say(arp(rest)),
            ethernet::TYPE_MPLS if depth > 0 => self.labels(rest, depth - 1),
            // IEEE 802.3 clause 3.2.6: up to 1500 it is a length.
            ..=1500 => self.say(format!("LLC, {}", count(rest.len()))),
            other => self.say(format!("type 0x{other:04x}, {}", count(rest.len()))),
        }
    }

    fn ip(&mut self, octets: &[u8], depth: usize) {
        let Ok((ip, _)) = LaxIpSlice::from_slice(octets) else { return self.rest("that are no IP packet", octets) };
        let dscp = match &ip {
            LaxIpSlice::Ipv4(v4) => v4.header().dcp(),
            LaxIpSlice::Ipv6(v6) => v6.header().dscp(),
        };
        let (version, dscp) = (if ip.ipv4().is_some() { 4 } else { 6 }, u8::from(dscp));
        let dscp = if dscp == 0 { String::new() } else { format!(", DSCP {dscp}") };
        let fragment = if ip.is_fragmenting_payload() { ", a fragment" } else { "" };
        self.say(format!("IPv{version} {} > {}{dscp}{fragment}", ip.source_addr(), ip.destination_addr()));
        self.addresses.get_or_insert((ip.source_addr(), ip.destination_addr()));
        let payload = ip.payload();
        match payload.ip_number {
            _ if payload.fragmented => self.rest("of the fragment", payload.payload),
            IpNumber::UDP => self.udp(payload.payload, depth),
            IpNumber::TCP => self.tcp(payload.payload),
            IpNumber::ICMP => self.icmp(payload.payload),
            IpNumber::IPV6_ICMP => self.icmpv6(payload.payload),
            IpNumber::GRE => self.gre(payload.payload, depth),
            other => self.say(format!("{}, {}", other.keyword_str().unwrap_or("?"), count(payload.payload.len()))),
        }
    }

    fn udp(&mut self, octets: &[u8], depth: usize) {
        let Ok(udp) = UdpSlice::from_slice_lax(octets) else { return self.rest("of a cut UDP header", octets) };
        let (payload, to) = (udp.payload(), udp.destination_port());
        let tunnel = depth > 0 && matches!(to, vxlan::UDP_PORT | mpls::UDP_PORT | mpls::UDP_PORT_LEGACY);
        let carried = if tunnel { String::new() } else { format!(", {}", count(payload.len())) };
        self.say(format!("UDP {} > {to}{carried}", udp.source_port()));
        match to {
            _ if !tunnel => {}
            vxlan::UDP_PORT => self.vxlan(payload, depth - 1),
            _ => self.labels(payload, depth - 1),
        }
    }

    fn tcp(&mut self, octets: &[u8]) {
        let Ok(tcp) = TcpSlice::from_slice(octets) else { return self.rest("of a cut TCP header", octets) };
        let flags = [(tcp.syn(), "SYN"), (tcp.ack(), "ACK"), (tcp.fin(), "FIN"), (tcp.rst(), "RST")];
        let flags: Vec<_> = flags.into_iter().filter_map(|(set, name)| set.then_some(name)).collect();
        let (from, to, flags) = (tcp.source_port(), tcp.destination_port(), flags.join(" "));
        let flags = if flags.is_empty() { flags } else { format!(", {flags}") };
        self.say(format!("TCP {from} > {to}{flags}, {}", count(tcp.payload().len())));
    }

    fn icmp(&mut self, octets: &[u8]) {
        let Ok(icmp) = Icmpv4Slice::from_slice(octets) else { return self.rest("of a cut ICMP header", octets) };
        let meaning = match icmp.type_u8() {
            0 => "echo reply",
            3 => "destination unreachable",
            8 => "echo request",
            11 => "time exceeded",
            _ => return self.say(format!("ICMP type {} code {}", icmp.type_u8(), icmp.code_u8())),
        };
        self.say(format!("ICMP {meaning}"));
    }

    fn icmpv6(&mut self, octets: &[u8]) {
        let Ok(icmp) = Icmpv6Slice::from_slice(octets) else { return self.rest("of a cut ICMPv6 header", octets) };
        let target = icmp.payload().first_chunk::<16>().map(|target| Ipv6Addr::from(*target));
        let meaning = match (icmp.type_u8(), target) {
            (1, _) => "destination unreachable".to_owned(),
            (2, _) => "packet too big".to_owned(),
            (128, _) => "echo request".to_owned(),
            (129, _) => "echo reply".to_owned(),
            (133, _) => "router solicitation".to_owned(),
            (134, _) => "router advertisement".to_owned(),
            (135, Some(target)) => format!("neighbour solicitation for {target}"),
            (136, Some(target)) => format!("neighbour advertisement of {target}"),
            _ => format!("type {} code {}", icmp.type_u8(), icmp.code_u8()),
        };
        self.say(format!("ICMPv6 {meaning}"));
    }

    fn gre(&mut self, octets: &[u8], depth: usize) {
        let Some(([a, b, c, d], _)) = octets.split_first_chunk::<{ gre::HEADER_OCTETS }>() else {
            return self.rest("of a cut GRE header", octets);
        };
        let (flags, carries) = (u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d]));
        let optional = [(gre::FLAG_CHECKSUM, gre::CHECKSUM_OCTETS), (gre::FLAG_KEY, gre::KEY_OCTETS)];
        let optional: usize = optional.into_iter().filter_map(|(flag, n)| (flags & flag != 0).then_some(n)).sum();
        self.say(if flags == 0 { "GRE".to_owned() } else { format!("GRE, flags 0x{flags:04x}") });
        let rest = octets.get(gre::HEADER_OCTETS + optional..).unwrap_or_default();
        if carries == ethernet::TYPE_MPLS && depth > 0 {
            self.labels(rest, depth - 1);
        } else {
            self.rest(&format!("of type 0x{carries:04x}"), rest);
        }
    }

    fn vxlan(&mut self, octets: &[u8], depth: usize) {
        let Some((header, inner)) = octets.split_first_chunk::<{ vxlan::HEADER_OCTETS }>() else {
            return self.rest("of a cut VXLAN header", octets);
        };
        let vni = u32::from_be_bytes([0, header[4], header[5], header[6]]);
        let flag = if header[0] & vxlan::FLAG_I == 0 { ", without the I flag" } else { "" };
        self.say(format!("VXLAN VNI {vni}{flag}"));
        self.number.get_or_insert(Number::Vni(vni));
        self.frame(inner, depth);
    }

    fn labels(&mut self, mut octets: &[u8], depth: usize) {
        let mut last = None;
        for _ in 0..LABELS_MAX {
            let Some((entry, rest)) = octets.split_first_chunk::<{ mpls::ENTRY_OCTETS }>() else {
                return self.rest("of a cut label stack", octets);
            };
            let entry = u32::from_be_bytes(*entry);
            let class = match mpls::traffic_class_of(entry) {
                0 => String::new(),
                class => format!(", traffic class {class}"),
            };
            self.say(format!("MPLS label {}{class}, TTL {}", mpls::label_of(entry), mpls::ttl_of(entry)));
            last = MplsLabel::try_from(u64::from(mpls::label_of(entry))).ok().or(last);
            octets = rest;
            if entry & mpls::BOTTOM != 0 {
                break;
            }
        }
        self.number = self.number.or(last.map(|label| Number::Label(label.value())));
        // No station's address begins so.
        if let Some(behind) = octets.strip_prefix(&[0; mpls::CONTROL_WORD_OCTETS]) {
            self.say("control word 0");
            octets = behind;
        }
        self.frame(octets, depth);
    }
}

fn tag(tpid: u16, tci: Tci) -> String {
    let name = match tpid {
        ethernet::TYPE_VLAN => "802.1Q".to_owned(),
        ethernet::TYPE_SERVICE_VLAN => "802.1ad".to_owned(),
        other => format!("tag 0x{other:04x}"),
    };
    let priority = if tci.pcp() == 0 { String::new() } else { format!(", priority {}", tci.pcp()) };
    let eligible = if tci.bits() & 0x1000 == 0 { "" } else { ", drop eligible" };
    format!("{name} VLAN {}{priority}{eligible}", tci.vid())
}

fn arp(octets: &[u8]) -> String {
    let Ok(arp) = ArpPacketSlice::from_slice(octets) else { return format!("ARP, cut to {}", count(octets.len())) };
    let arp = arp.to_packet();
    let mac = |octets: &[u8]| octets.try_into().ok().map(MacAddr::new);
    let ip = |octets: &[u8]| octets.try_into().ok().map(|v4: [u8; 4]| IpAddr::from(v4));
    let sender = mac(arp.sender_hw_addr()).zip(ip(arp.sender_protocol_addr()));
    match (arp.operation.0, sender, ip(arp.target_protocol_addr())) {
        (1, Some((mac, ip)), Some(target)) => format!("ARP {ip} ({mac}) asks who has {target}"),
        (2, Some((mac, ip)), Some(_)) => format!("ARP {ip} is at {mac}"),
        (operation, ..) => format!("ARP, operation {operation}"),
    }
}

fn count(octets: usize) -> String {
    if octets == 1 { "1 octet".to_owned() } else { format!("{octets} octets") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use testkit::example;

    #[test]
    fn a_tunnel_packet_is_told_down_to_its_payload() {
        let inner = example::untagged(example::A, example::REMOTE, 64);
        let said = of_frame(&example::vxlan(inner.clone()).octets());
        let inside = [
            "Ethernet 02:00:00:00:20:64 > 02:00:00:00:10:64",
            "IPv4 10.1.0.2 > 10.1.0.3",
            "UDP 40000 > 5001, 64 octets",
        ];
        assert_eq!(said[said.len() - 3..], inside);
        assert!(said[1].starts_with("IPv4 172.16.0.2 > 172.16.0.1") && said[3] == "VXLAN VNI 5100", "{said:?}");
        let labelled = example::overlay((wire::Encapsulation::MplsOverGre, example::VTEP6.into()), 2, inner);
        let said = of_frame(&labelled.octets());
        assert_eq!(said[2..5], ["GRE", "MPLS label 1048575, TTL 64", "control word 0"]);
        assert_eq!(said[said.len() - 3..], inside);
    }

    #[test]
    fn arp_and_tags_are_told_in_words() {
        let request =
            [&[0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 16, 100, 10, 1, 0, 2][..], &[0; 6], &[10, 1, 0, 1]].concat();
        let frame = testkit::packets::ethernet([0xff; 6], example::A, &[0x6064], 0x0806, &request);
        assert_eq!(
            of_frame(&frame)[1..],
            ["802.1Q VLAN 100, priority 3", "ARP 10.1.0.2 (02:00:00:00:10:64) asks who has 10.1.0.1"]
        );
        assert_eq!(of_frame(&[1, 2, 3]), ["3 octets too few for an Ethernet header"]);
    }

    proptest! {
        #[test]
        fn whatever_comes_something_is_said(octets: Vec<u8>) {
            prop_assert!(octets.is_empty() || !of_frame(&octets).is_empty());
        }

        #[test]
        fn frames_that_mean_something_are_told((_, arrival) in testkit::arbitrary::arrival(&example::network())) {
            prop_assert!(arrival.octets.is_empty() || !of_frame(&arrival.octets).is_empty());
        }
    }
}
