//! What a frame between worker and host is, for policing.
//!
//! Eight classes, few enough to have in mind and for their policers to share cache lines, and as many as there are things
//! that must not be lost when another of them comes in floods:
//!
//! | class | what | why it stands alone |
//! |---|---|---|
//! | neighbour | ARP; IPv6 neighbour and router discovery | without it no next hop lives; anybody on the link can flood it |
//! | bfd | BFD over UDP | loses its session within tens of milliseconds |
//! | bgp | TCP port 179 | a lost session loses all routes; anybody who can route to us can flood it |
//! | routing | OSPF, IS-IS, VRRP, IGMP, MLD | the same for the other protocols; link-local, so trusted less far than BGP needs |
//! | link | LACP and other slow protocols, LLDP, STP | a few frames a second that hold the link up |
//! | icmp | ICMP and ICMPv6 but for discovery | a ping flood costs nothing else |
//! | management | all other TCP: ssh, and whatever operators use | an operator's way in while `other` is flooded |
//! | other | everything else, and what cannot be read | |
//!
//! The first five are urgent. Where a protocol says that a packet from beyond the link is not to be believed (a hop limit
//! below 255: RFC 4861 section 6.1, RFC 5881 section 5), such a packet is not of the urgent class either, so that no
//! distant sender can use up its rate.
//!
//! The class is found in a few loads and decides nothing but the policer and the slots: Linux looks at everything again.

use wire::{ethernet, ipv4, ipv6, udp};

/// TCP port of BGP (RFC 4271 section 8.2.1).
const PORT_BGP: u16 = 179;
/// UDP port of single-hop BFD control (RFC 5881 section 4).
const PORT_BFD: u16 = 3784;
/// UDP port of BFD echo (RFC 5881 section 4).
const PORT_BFD_ECHO: u16 = 3785;
/// UDP port of multihop BFD (RFC 5883 section 5).
const PORT_BFD_MULTIHOP: u16 = 4784;
/// Hop limit of a packet that no router has touched (RFC 5082).
const ON_LINK: u8 = 255;

const TYPE_SLOW_PROTOCOLS: u16 = 0x8809;
const TYPE_LLDP: u16 = 0x88cc;
/// The greatest length of an IEEE 802.3 frame; what is above is a type.
const LENGTH_MAX: u16 = 1_500;
/// Link service access points of STP (IEEE 802.1D) and of OSI network protocols (IS-IS).
const LSAP_STP: u8 = 0x42;
const LSAP_OSI: u8 = 0xfe;

const PROTO_ICMP: u8 = 1;
const PROTO_IGMP: u8 = 2;
const PROTO_OSPF: u8 = 89;
const PROTO_VRRP: u8 = 112;

/// What a frame between worker and host is, for policing: the first five come before the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum SlotClass {
    /// ARP, and IPv6 neighbour and router discovery (RFC 4861): without it no next hop lives.
    Neighbour = 0,
    /// BFD, by its UDP destination port.
    Bfd = 1,
    /// BGP, by its TCP port at either end.
    Bgp = 2,
    /// OSPF, IS-IS, VRRP, and the group membership that multicast of routing protocols needs (IGMP, MLD).
    Routing = 3,
    /// Slow protocols (LACP), LLDP and STP.
    Link = 4,
    /// ICMP and ICMPv6 but for discovery.
    Icmp = 5,
    /// TCP other than BGP.
    Management = 6,
    /// Everything else.
    Other = 7,
}

impl SlotClass {
    /// How many classes there are; `class as usize` is below it.
    pub const COUNT: usize = 8;

    /// All classes, in the order of their numbers.
    pub const ALL: [Self; Self::COUNT] =
        [Self::Neighbour, Self::Bfd, Self::Bgp, Self::Routing, Self::Link, Self::Icmp, Self::Management, Self::Other];

    /// The name in documents.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Neighbour => "neighbour",
            Self::Bfd => "bfd",
            Self::Bgp => "bgp",
            Self::Routing => "routing",
            Self::Link => "link",
            Self::Icmp => "icmp",
            Self::Management => "management",
            Self::Other => "other",
        }
    }

    /// Whether the reserved slots are open to this class.
    pub const fn is_urgent(self) -> bool {
        !matches!(self, Self::Icmp | Self::Management | Self::Other)
    }

    /// The class of an Ethernet frame, untagged or with one VLAN tag. Whatever cannot be read is `Other`.
    ///
    /// Later fragments of TCP and UDP are `Other`: they carry no ports. So is what hides behind IPv6 extension headers
    /// but hop-by-hop options, which MLD has: the protocols above send none, and discovery must not (RFC 6980).
    pub fn of_frame(frame: &[u8]) -> Self {
        Self::of_readable_frame(frame).unwrap_or(Self::Other)
    }

    fn of_readable_frame(frame: &[u8]) -> Option<Self> {
        let mut l3 = ethernet::HEADER_OCTETS;
        let mut ether_type = be16_at(frame, l3 - 2)?;
        if wire::is_tag_type(ether_type) {
            l3 += ethernet::TAG_OCTETS;
            ether_type = be16_at(frame, l3 - 2)?;
        }
        let payload = frame.get(l3..)?;
        match ether_type {
            ethernet::TYPE_ARP => Some(Self::Neighbour),
            ethernet::TYPE_IPV4 => Self::of_ipv4(payload),
            ethernet::TYPE_IPV6 => Self::of_ipv6(payload),
            TYPE_SLOW_PROTOCOLS | TYPE_LLDP => Some(Self::Link),
            ..=LENGTH_MAX => Self::of_llc(payload),
            _ => None,
        }
    }

    /// By the service access points of IEEE 802.2, destination and source.
    fn of_llc(payload: &[u8]) -> Option<Self> {
        match payload.first_chunk::<2>()? {
            [LSAP_OSI, LSAP_OSI] => Some(Self::Routing),
            [LSAP_STP, LSAP_STP] => Some(Self::Link),
            _ => None,
        }
    }

    fn of_ipv4(packet: &[u8]) -> Option<Self> {
        const FRAGMENT_OFFSET_MASK: u16 = 0x1fff;
        let header = packet.first_chunk::<{ ipv4::HEADER_OCTETS }>()?;
        match header[9] {
            PROTO_ICMP => Some(Self::Icmp),
            PROTO_IGMP | PROTO_OSPF | PROTO_VRRP => Some(Self::Routing),
            _ if be16_at(header, 6)? & FRAGMENT_OFFSET_MASK != 0 => None,
            protocol => Self::of_ports(protocol, header[8], packet.get(usize::from(header[0] & 0x0f) * 4..)?),
        }
    }

    fn of_ipv6(packet: &[u8]) -> Option<Self> {
        let (header, mut rest) = packet.split_first_chunk::<{ ipv6::HEADER_OCTETS }>()?;
        let (mut next, hop_limit) = (header[6], header[7]);
        if next == ipv6::NEXT_HOP_BY_HOP {
            // RFC 8200 section 4.3: the length counts units of 8 octets beyond the first.
            let [behind, units] = *rest.first_chunk::<2>()?;
            (next, rest) = (behind, rest.get((usize::from(units) + 1) * 8..)?);
        }
        match next {
            ipv6::NEXT_ICMPV6 => match *rest.first()? {
                133..=137 if hop_limit == ON_LINK => Some(Self::Neighbour),
                // RFC 2710 and RFC 3810: multicast listener discovery.
                130..=132 | 143 => Some(Self::Routing),
                _ => Some(Self::Icmp),
            },
            PROTO_OSPF | PROTO_VRRP => Some(Self::Routing),
            protocol => Self::of_ports(protocol, hop_limit, rest),
        }
    }

    fn of_ports(protocol: u8, hop_limit: u8, l4: &[u8]) -> Option<Self> {
        let (source, destination) = (be16_at(l4, 0)?, be16_at(l4, 2)?);
        match protocol {
            ipv4::PROTO_TCP if source == PORT_BGP || destination == PORT_BGP => Some(Self::Bgp),
            ipv4::PROTO_TCP => Some(Self::Management),
            ipv4::PROTO_UDP if l4.len() >= udp::HEADER_OCTETS && is_bfd(destination, hop_limit) => Some(Self::Bfd),
            _ => None,
        }
    }
}

impl std::fmt::Display for SlotClass {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// An echo packet comes back to its sender through one router, its neighbour.
fn is_bfd(port: u16, hop_limit: u8) -> bool {
    match port {
        PORT_BFD => hop_limit == ON_LINK,
        PORT_BFD_ECHO => hop_limit >= ON_LINK - 1,
        PORT_BFD_MULTIHOP => true,
        _ => false,
    }
}

fn be16_at(octets: &[u8], offset: usize) -> Option<u16> {
    octets.get(offset..)?.first_chunk().map(|two| u16::from_be_bytes(*two))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TAGS: [&[u8]; 3] = [&[], &[0x81, 0x00, 0x00, 0x64], &[0x88, 0xa8, 0xe0, 0x64]];

    fn frame(tag: &[u8], ether_type: u16, payload: &[u8]) -> Vec<u8> {
        [&[0xaa; 12], tag, &ether_type.to_be_bytes(), payload].concat()
    }

    fn ports(source: u16, destination: u16) -> Vec<u8> {
        [&source.to_be_bytes()[..], &destination.to_be_bytes(), &[0; 16]].concat()
    }

    fn ipv4_packet(ttl: u8, protocol: u8, options_words: u8, l4: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x45 + options_words, 0xc0, 0, 40, 0, 0, 0x40, 0, ttl, protocol, 0, 0];
        packet.extend([10, 0, 0, 1, 10, 0, 0, 2]);
        packet.extend(vec![1; usize::from(options_words) * 4]);
        packet.extend(l4);
        packet
    }

    fn ipv6_packet(hop_limit: u8, next: u8, behind: &[u8]) -> Vec<u8> {
        [&[0x60, 0, 0, 0, 0, 0, next, hop_limit][..], &[0xfe; 32], behind].concat()
    }

    /// With as many units of 8 octets beyond the first.
    fn hop_by_hop(units: u8, next: u8, behind: &[u8]) -> Vec<u8> {
        [&[next, units, 5, 2, 0, 0, 1, 0][..], &vec![0; usize::from(units) * 8], behind].concat()
    }

    #[track_caller]
    fn assert_class(ether_type: u16, payload: &[u8], expected: SlotClass) {
        for tag in TAGS {
            assert_eq!(SlotClass::of_frame(&frame(tag, ether_type, payload)), expected, "tag {tag:x?}");
        }
    }

    #[test]
    fn numbers_are_places_in_the_list_and_names_are_unique() {
        let names: std::collections::HashSet<_> = SlotClass::ALL.iter().map(|class| class.name()).collect();
        assert_eq!(names.len(), SlotClass::COUNT);
        assert!(SlotClass::ALL.iter().enumerate().all(|(n, class)| *class as usize == n));
    }

    #[test]
    fn tcp_and_udp_are_told_apart_by_their_ports_in_both_families() {
        for (protocol, source, destination, expected) in [
            (6, 40_000, 179, SlotClass::Bgp),
            (6, 179, 40_000, SlotClass::Bgp),
            (6, 40_000, 22, SlotClass::Management),
            (6, 3784, 3784, SlotClass::Management),
            (17, 49_152, 3784, SlotClass::Bfd),
            (17, 49_152, 3785, SlotClass::Bfd),
            (17, 49_152, 4784, SlotClass::Bfd),
            (17, 3784, 49_152, SlotClass::Other),
            (17, 179, 179, SlotClass::Other),
            (47, 179, 179, SlotClass::Other),
        ] {
            let l4 = ports(source, destination);
            for options in [0, 3] {
                assert_class(0x0800, &ipv4_packet(255, protocol, options, &l4), expected);
            }
            assert_class(0x86dd, &ipv6_packet(255, protocol, &l4), expected);
            assert_class(0x86dd, &ipv6_packet(255, 0, &hop_by_hop(1, protocol, &l4)), expected);
        }
    }

    #[test]
    fn neighbours_are_found_in_both_families_also_behind_hop_by_hop_options() {
        assert_class(0x0806, &[0; 28], SlotClass::Neighbour);
        for icmp_type in 133..=137 {
            let message = [icmp_type, 0, 0, 0, 0, 0, 0, 0];
            assert_class(0x86dd, &ipv6_packet(255, 58, &message), SlotClass::Neighbour);
            for units in [0, 2] {
                assert_class(0x86dd, &ipv6_packet(255, 0, &hop_by_hop(units, 58, &message)), SlotClass::Neighbour);
            }
        }
    }

    #[test]
    fn what_came_over_a_router_is_no_discovery_and_no_single_hop_bfd() {
        assert_class(0x86dd, &ipv6_packet(254, 58, &[135, 0, 0, 0]), SlotClass::Icmp);
        let bfd = |port| ports(49_152, port);
        assert_class(0x0800, &ipv4_packet(254, 17, 0, &bfd(3784)), SlotClass::Other);
        assert_class(0x86dd, &ipv6_packet(254, 17, &bfd(3784)), SlotClass::Other);
        assert_class(0x0800, &ipv4_packet(254, 17, 0, &bfd(3785)), SlotClass::Bfd);
        assert_class(0x0800, &ipv4_packet(253, 17, 0, &bfd(3785)), SlotClass::Other);
        assert_class(0x0800, &ipv4_packet(3, 17, 0, &bfd(4784)), SlotClass::Bfd);
    }

    #[test]
    fn routing_protocols_go_by_protocol_or_access_point() {
        for protocol in [2, 89, 112] {
            assert_class(0x0800, &ipv4_packet(1, protocol, 0, &[0; 8]), SlotClass::Routing);
        }
        for protocol in [89, 112] {
            assert_class(0x86dd, &ipv6_packet(1, protocol, &[0; 8]), SlotClass::Routing);
        }
        for icmp_type in [130, 131, 132, 143] {
            let listener = hop_by_hop(0, 58, &[icmp_type, 0, 0, 0]);
            assert_class(0x86dd, &ipv6_packet(1, 0, &listener), SlotClass::Routing);
        }
        assert_class(1_497, &[0xfe, 0xfe, 0x03, 0x83], SlotClass::Routing);
    }

    #[test]
    fn link_protocols_go_by_type_or_access_point() {
        assert_class(0x8809, &[1, 1], SlotClass::Link);
        assert_class(0x88cc, &[2, 7], SlotClass::Link);
        assert_class(38, &[0x42, 0x42, 0x03, 0], SlotClass::Link);
        assert_class(38, &[0xaa, 0xaa, 0x03, 0], SlotClass::Other);
        assert_class(0x8847, &[0xfe, 0xfe, 0x03], SlotClass::Other);
    }

    #[test]
    fn pings_are_of_their_own_class() {
        assert_class(0x0800, &ipv4_packet(255, 1, 0, &[8, 0]), SlotClass::Icmp);
        for icmp_type in [1, 2, 128, 129, 138] {
            assert_class(0x86dd, &ipv6_packet(255, 58, &[icmp_type, 0]), SlotClass::Icmp);
        }
    }

    #[test]
    fn a_later_fragment_has_no_ports_to_go_by() {
        let mut packet = ipv4_packet(255, 6, 0, &ports(179, 179));
        packet[7] = 1;
        assert_class(0x0800, &packet, SlotClass::Other);
        packet[9] = 1;
        assert_class(0x0800, &packet, SlotClass::Icmp);
        let fragment = [&[58, 0, 0, 0, 0, 0, 0, 1][..], &[135, 0, 0, 0]].concat();
        assert_class(0x86dd, &ipv6_packet(255, 44, &fragment), SlotClass::Other);
    }

    /// Frames that begin like something known and then go wrong.
    fn mangled() -> impl Strategy<Value = Vec<u8>> {
        let types = prop::sample::select(vec![0x0800u16, 0x0806, 0x86dd, 0x8809, 0x88cc, 100, 0x8100, 0x88a8]);
        let tag = prop::sample::select(TAGS.to_vec());
        (types, tag, prop::collection::vec(any::<u8>(), 0..120), any::<bool>()).prop_map(
            |(t, tag, mut payload, plain)| {
                if let (true, [first, ..]) = (plain, payload.as_mut_slice()) {
                    *first = if t == 0x86dd { 0x60 } else { 0x45 };
                }
                frame(tag, t, &payload)
            },
        )
    }

    proptest! {
        #[test]
        fn any_octets_have_a_class(octets in prop::collection::vec(any::<u8>(), 0..200)) {
            SlotClass::of_frame(&octets);
        }

        #[test]
        fn what_is_almost_a_packet_has_a_class_and_so_has_each_part_of_it(octets in mangled()) {
            for end in 0..=octets.len() {
                SlotClass::of_frame(&octets[..end]);
            }
        }
    }

    #[test]
    fn a_cut_frame_is_never_taken_for_more_than_the_whole_one() {
        let whole = frame(&[], 0x86dd, &ipv6_packet(255, 6, &ports(179, 179)));
        for end in 0..=whole.len() {
            let expected = if end < 58 { SlotClass::Other } else { SlotClass::Bgp };
            assert_eq!(SlotClass::of_frame(&whole[..end]), expected, "{end} octets");
        }
    }
}
