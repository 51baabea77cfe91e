//! Every way a packet can die in Causeway, in the order in which it could.
//!
//! A packet leaves the pipeline in exactly one place. If it is dropped, it is for one of these reasons, and the reason is
//! counted. A reason says what is wrong with *this* packet or with the way ahead, and what an operator can do.

use std::fmt;

/// The stages of the pipeline, in the packet's order. A stage's file and its place here share one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Reading an access frame's header.
    Parse,
    /// VLAN to VMI.
    Classify,
    /// Reading and checking the outer header, VNI to network.
    Decap,
    /// MAC to destination.
    Bridge,
    /// Writing the outer header.
    Encap,
    /// Writing the VLAN tag.
    Rewrite,
    /// Copying to many.
    Flood,
    /// Handing to the host.
    Punt,
    /// Handing to a port.
    Transmit,
}

impl Stage {
    /// All stages, in the packet's order.
    pub const ALL: &'static [Self] = &[
        Self::Parse,
        Self::Classify,
        Self::Decap,
        Self::Bridge,
        Self::Encap,
        Self::Rewrite,
        Self::Flood,
        Self::Punt,
        Self::Transmit,
    ];
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Parse => "parse",
            Self::Classify => "classify",
            Self::Decap => "decap",
            Self::Bridge => "bridge",
            Self::Encap => "encap",
            Self::Rewrite => "rewrite",
            Self::Flood => "flood",
            Self::Punt => "punt",
            Self::Transmit => "transmit",
        })
    }
}

macro_rules! drop_reasons {
    ($( $name:ident, $text:literal, $stage:ident, $explanation:literal, $advice:literal; )*) => {
        /// Why a packet was dropped. The list is closed: what is not here does not happen.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum DropReason { $( #[doc = $explanation] $name, )* }

        impl DropReason {
            /// All reasons, in the order of their numbers.
            pub const ALL: &'static [Self] = &[ $( Self::$name, )* ];

            /// The name in counters and documents.
            pub const fn name(self) -> &'static str {
                match self { $( Self::$name => $text, )* }
            }

            /// The stage that decides it.
            pub const fn stage(self) -> Stage {
                match self { $( Self::$name => Stage::$stage, )* }
            }

            /// What happened, in a sentence.
            pub const fn explanation(self) -> &'static str {
                match self { $( Self::$name => $explanation, )* }
            }

            /// What an operator can do about it, in a sentence.
            pub const fn advice(self) -> &'static str {
                match self { $( Self::$name => $advice, )* }
            }
        }
    };
}

drop_reasons! {
    // From an access port.
    Runt, "runt", Parse,
        "An access frame shorter than an Ethernet header (14 octets).",
        "Look for a broken driver or NIC at the sender.";
    CutTag, "cut_tag", Parse,
        "An access frame that ends within its VLAN tag, or within the inner one of a VLAN that has such.",
        "Look for a broken driver or NIC at the sender.";
    NotContiguous, "not_contiguous", Parse,
        "A frame whose first 128 octets lie in several buffers, or all of it where a checksum or a copy needs it in one.",
        "Raise the port's MTU in the node file, so that buffers are made larger.";
    GroupSource, "group_source", Parse,
        "A frame whose source is a group address or zero, which no station may use (IEEE 802.3 clause 3.2.3).",
        "Find the sender by capturing on the access VLAN.";
    UnknownTpid, "unknown_tpid", Parse,
        "A frame whose outer tag is of another type than the port's (0x8100 or 0x88a8).",
        "Set the port's tpid in the node file to what the switch sends, or the switch's to 0x8100.";
    UnknownVlan, "unknown_vlan", Classify,
        "A frame of a VLAN, or of an inner VLAN, that no logical interface of this port stands for.",
        "Add a logical interface for the VLAN, or take the VLAN off the switch's trunk.";
    UnknownSourceMac, "unknown_source_mac", Classify,
        "A frame whose source is neither the VMI's MAC nor one of its allowed address pairs.",
        "Add the MAC to the VMI's allowed_address_pairs if it is legitimate.";
    MacLimit, "mac_limit", Classify,
        "A frame from a MAC that is not learned, since its interface or network has as many as it may have.",
        "Raise mac_limit_control in the network file, or find out who uses so many addresses: `causeway show fdb`.";
    MacMove, "mac_move", Classify,
        "A frame from a MAC that moved between VMIs more often than its network lets it, and is at home behind another one.",
        "Look for a loop between the access VLANs; else raise mac_move_control of the network.";
    NotControlFrame, "not_control_frame", Classify,
        "A frame of a BPDU network that is not addressed to one of its groups.",
        "Set transparent: true for the network if all its frames should pass; else take the traffic off the native VLAN.";
    LinkControl, "link_control", Classify,
        "A frame that is between two neighbours on one link and never forwarded: LACP, LLDP, 802.1X or pause.",
        "Expected wherever a switch speaks these on the trunk.";
    UplinkDown, "uplink_down", Classify,
        "A frame of, or for, an access port that is closed, since the gateway has no way to the fabric.",
        "See `causeway show events` and `causeway show ports` for what the fabric port lacks.";

    // From the fabric.
    OuterRunt, "outer_runt", Decap,
        "A fabric frame shorter than an Ethernet header.",
        "Look for a broken driver or NIC in the fabric.";
    OuterMacNotOurs, "outer_mac_not_ours", Decap,
        "A fabric frame addressed to another station's MAC.",
        "Harmless if the fabric floods; else look for a stale neighbour entry on the previous hop.";
    FabricVlan, "fabric_vlan", Decap,
        "A fabric frame with a VLAN tag other than the configured fabric VLAN, or without the one that it should have.",
        "Compare fabric.vlan in the node file with the switch's port.";
    OuterTruncated, "outer_truncated", Decap,
        "An outer IP packet that is longer than its frame, or too short for its headers.",
        "Look for a device on the way that cuts packets.";
    OuterIpOptions, "outer_ip_options", Decap,
        "A tunnel packet with IPv4 options, which VTEPs do not send.",
        "Find the sender by its outer source address.";
    OuterFragment, "outer_fragment", Decap,
        "A fragment of a tunnel packet (RFC 7348 section 4.3: VTEPs must not fragment).",
        "Raise the fabric's MTU, or lower the MTU at the remote VTEP.";
    OuterChecksum, "outer_checksum", Decap,
        "An outer IPv4 header with a wrong checksum.",
        "Look for a device on the way that damages packets.";
    OuterIpv6Extension, "outer_ipv6_extension", Decap,
        "A tunnel packet with IPv6 extension headers, which VTEPs do not send.",
        "Find the sender by its outer source address.";
    UdpLength, "udp_length", Decap,
        "An outer UDP length that does not agree with the IP length.",
        "Find the sender by its outer source address.";
    UdpChecksum, "udp_checksum", Decap,
        "An outer UDP checksum that is neither zero nor right.",
        "Look for a device on the way that damages packets.";
    UdpChecksumMissing, "udp_checksum_missing", Decap,
        "A UDP packet in IPv6 without a checksum, which is not allowed here (RFC 6936).",
        "Let the sender compute it, or set fabric.udp6_zero_checksum_rx in the node file.";
    GreFlags, "gre_flags", Decap,
        "A GRE header with flags other than checksum and key, or of another version than 0.",
        "Find the sender by its outer source address; it must not send sequence numbers or routing.";
    GreChecksum, "gre_checksum", Decap,
        "A GRE packet whose checksum is wrong.",
        "Look for a device on the way that damages packets.";
    LabelStack, "label_stack", Decap,
        "A label stack without a bottom, of more than 8 entries, or with labels behind the one that says what is inside.",
        "Find the sender by its outer source address.";
    LabelTtl, "label_ttl", Decap,
        "A label whose time to live has run out: 0 or 1 (RFC 3032 section 2.4.2).",
        "Look for a loop of label switching, or a sender with too low a TTL.";
    ReservedLabel, "reserved_label", Decap,
        "A reserved label (0 to 15) that has no place there.",
        "Find the sender by its outer source address.";
    VxlanFlags, "vxlan_flags", Decap,
        "A VXLAN header without the I flag: its VNI means nothing (RFC 7348 section 5).",
        "Find the sender by its outer source address.";
    OuterSourceInvalid, "outer_source_invalid", Decap,
        "An outer source that cannot be a VTEP: zero, loopback, multicast or broadcast.",
        "Somebody forges packets, or a VTEP has no address yet.";
    OuterSourceOwn, "outer_source_own", Decap,
        "A tunnel packet from our own VTEP address.",
        "Look for a second node with the same fabric address, or for a loop in the fabric.";
    OuterSourceUnknown, "outer_source_unknown", Decap,
        "A tunnel packet from a VTEP that this node does not know, or not in that network (fabric.source_check).",
        "Add the VTEP under static_reachability, or relax fabric.source_check.";
    UnknownVni, "unknown_vni", Decap,
        "A VNI that is no network of this node's.",
        "Compare the VNIs at both ends, or add the network here.";
    UnknownLabel, "unknown_label", Decap,
        "A label that stands for nothing on this node.",
        "Compare `causeway show labels` with what the sender uses.";
    ControlWord, "control_word", Decap,
        "A control word that is not zero, in a network that has one.",
        "Set layer2_control_word alike at both ends: without one, these are the first octets of the frame.";
    InnerRunt, "inner_runt", Decap,
        "A tunnel packet whose inner frame is shorter than an Ethernet header.",
        "Find the sender by its outer source address.";
    InnerGroupSource, "inner_group_source", Decap,
        "An inner frame whose source is a group address or zero.",
        "Find the sender by capturing on the remote network.";
    FloodSourceNotMember, "flood_source_not_member", Decap,
        "A flooded frame from a VTEP that is not in the network's flooding list.",
        "Set flood: true for that VTEP under static_reachability.";

    // Both.
    UnknownUnicast, "unknown_unicast", Bridge,
        "A frame to a MAC that its network does not know.",
        "Add the MAC under static_reachability, or set flood_unknown_unicast for the network.";
    FabricToFabric, "fabric_to_fabric", Bridge,
        "A frame from the fabric for a MAC that is itself behind the fabric: it is never sent back (split horizon).",
        "Correct the sender's idea of where the MAC is.";
    OwnSource, "own_source", Bridge,
        "A frame that would go to the very VMI whose MAC is its source, or to one on the same VLAN.",
        "Expected with several gateways on one LAN; else look for a loop behind the access port.";
    SameSegment, "same_segment", Bridge,
        "A frame for a VMI on the same VLAN of the same port as its sender: the switch there has delivered it.",
        "Harmless while the switch floods it; if the switch isolates its ports, give each VMI a VLAN of its own.";
    MalformedArp, "malformed_arp", Bridge,
        "An ARP packet that is cut, or not of Ethernet and IPv4 (RFC 826).",
        "Find the sender by capturing on the access VLAN.";
    MalformedNd, "malformed_nd", Bridge,
        "A neighbour discovery packet that RFC 4861 says to discard: checksum, hop limit, lengths or addresses.",
        "Find the sender by capturing on the access VLAN.";
    ServicePoliced, "service_policed", Bridge,
        "A request that the gateway would have answered itself (ARP, neighbour discovery, echo), beyond the VMI's rate.",
        "Find out why the instance asks so often, by capturing on its VLAN.";
    GatewayFromFabric, "gateway_from_fabric", Bridge,
        "A frame from the fabric for a network's gateway address or its MAC: each gateway serves its own instances only.",
        "Harmless while a VTEP floods ARP; else look where the sender learned the MAC.";
    NotRouted, "not_routed", Bridge,
        "A frame to the network's gateway MAC that would have to be routed: Causeway does not route yet.",
        "Use another router, or put both ends into one network.";
    StormBroadcast, "storm_broadcast", Flood,
        "A broadcast frame beyond the storm_control budget of its VMI or network.",
        "See `causeway show storm` for the talker; raise the budget if the traffic is legitimate.";
    StormMulticast, "storm_multicast", Flood,
        "A multicast frame beyond the storm_control budget of its VMI or network.",
        "See `causeway show storm` for the talker; raise the budget if the traffic is legitimate.";
    StormUnknownUnicast, "storm_unknown_unicast", Flood,
        "A frame to an unknown MAC beyond the storm_control budget of its VMI or network.",
        "See `causeway show storm` for the talker; raise the budget if the traffic is legitimate.";
    LabelDestination, "label_destination", Bridge,
        "A frame with a VMI's own label whose destination is not an address of that VMI.",
        "The sender confuses labels: compare `causeway show labels` with what it uses.";
    NoNexthop, "no_nexthop", Bridge,
        "A destination that the tables of this generation do not hold.",
        "Report it with `causeway show version` and the configuration: it is a bug.";
    NexthopUnresolved, "nexthop_unresolved", Encap,
        "A remote VTEP without a route, or whose underlay next hop does not answer ARP or neighbour discovery.",
        "See `causeway show nexthops`, then `ip route get` and `ip neigh` on this node.";
    TooBigForFabric, "too_big_for_fabric", Encap,
        "A frame that with its outer header exceeds the fabric's MTU.",
        "Raise the fabric's MTU as `causeway check` says, or lower the instances'.";
    TooBigForPort, "too_big_for_port", Rewrite,
        "A frame that exceeds the MTU of the access port it is for.",
        "Give all access ports of a network the same MTU.";
    InnerTagAmbiguous, "inner_tag_ambiguous", Rewrite,
        "A frame with a tag of its sender's own, for an interface on whose VLAN inner tags are other interfaces.",
        "Give the interface an inner VLAN of its own, or a VLAN without inner ones.";
    NoHeadroom, "no_headroom", Encap,
        "A buffer without room in front for the new header.",
        "Report the port's driver with `causeway show ports`: it leaves less than 96 octets in front.";
    NoTailroom, "no_tailroom", Encap,
        "A buffer without room behind for padding to 60 octets.",
        "Report the port's driver with `causeway show ports`.";
    NoOtherMember, "no_other_member", Flood,
        "A flooded frame of a network with no other member to copy it to.",
        "Expected while the network has one member; else add VTEPs with flood: true.";
    ControlPoliced, "control_policed", Flood,
        "A control frame beyond what one member of a BPDU network may send.",
        "Look for a LAN without spanning tree between two members, which sends the same frames round: `causeway show stp`.";
    FloodBudget, "flood_budget", Flood,
        "A flooded frame beyond what one burst may be replicated to.",
        "Look for a broadcast storm in the network.";
    NoMbuf, "no_mbuf", Flood,
        "No free buffer for a copy or an injected frame.",
        "Raise memory.mbufs in the node file.";
    PuntQueueFull, "punt_queue_full", Punt,
        "A frame for the host that found its channel full.",
        "The host I/O thread gets too little time, or too much is sent: see `causeway show host`.";
    PuntPoliced, "punt_policed", Punt,
        "A frame for the host of a class (ARP, BGP, ICMP and so on) that has had its rate.",
        "See `causeway show host` for the class, and capture on the host interface for the sender.";
    PuntTooLong, "punt_too_long", Punt,
        "A frame for the host that is longer than the host interface's MTU.",
        "Look for a sender with a larger MTU than the fabric port's.";
    NoSuchPort, "no_such_port", Transmit,
        "A destination port that this worker has no queue for.",
        "Report it with `causeway show version` and the configuration: it is a bug.";
    NoSuchVif, "no_such_vif", Transmit,
        "A frame that control originated for an interface that is gone.",
        "Expected now and then while the configuration is reloaded; else report it: it is a bug.";
    TxQueueFull, "tx_queue_full", Transmit,
        "A frame that the port did not take: its transmit queue stayed full.",
        "The link is slower than the traffic; see the port's counters.";
}

impl DropReason {
    /// How many reasons there are.
    pub const COUNT: usize = Self::ALL.len();
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_are_unique_and_numbers_are_places_in_the_list() {
        let names: HashSet<_> = DropReason::ALL.iter().map(|r| r.name()).collect();
        assert_eq!(names.len(), DropReason::COUNT);
        assert!(DropReason::ALL.iter().enumerate().all(|(n, r)| *r as usize == n));
    }

    #[test]
    fn every_reason_explains_itself_in_sentences() {
        for reason in DropReason::ALL {
            assert!(reason.explanation().ends_with('.') && reason.advice().ends_with('.'), "{reason}");
        }
    }
}
