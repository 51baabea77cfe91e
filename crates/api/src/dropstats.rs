//! The counters of the original vRouter's `dropstats`, by the names that its users know.

use serde::{Deserialize, Serialize};

macro_rules! dropstats {
    ($( $( $name:ident, $text:literal; )+ ; )+) => {
        /// A counter of vRouter's `dropstats`. As text it is the name that vRouter prints.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum Dropstats {
            $( $( #[doc = $text] #[serde(rename = $text)] $name, )+ )+
            /// A counter that this version does not know.
            #[serde(other)]
            Other,
        }

        impl Dropstats {
            /// All counters, in vRouter's groups and order.
            pub const GROUPS: &'static [&'static [Self]] = &[ $( &[ $( Self::$name, )+ ], )+ ];

            /// The name that vRouter prints.
            pub fn name(self) -> &'static str {
                match self { $( $( Self::$name => $text, )+ )+ Self::Other => "Misc" }
            }
        }
    };
}

dropstats! {
    InvalidIf, "Invalid IF";
    InvalidArp, "Invalid ARP";
    TrapNoIf, "Trap No IF";
    IfTxDiscard, "IF TX Discard";
    IfDrop, "IF Drop";
    IfRxDiscard, "IF RX Discard";
    ;
    FlowUnusable, "Flow Unusable";
    FlowNoMemory, "Flow No Memory";
    FlowTableFull, "Flow Table Full";
    FlowNatNoRflow, "Flow NAT no rflow";
    FlowActionDrop, "Flow Action Drop";
    FlowActionInvalid, "Flow Action Invalid";
    FlowInvalidProtocol, "Flow Invalid Protocol";
    FlowQueueLimitExceeded, "Flow Queue Limit Exceeded";
    NewFlowDrops, "New Flow Drops";
    FlowUnusableEviction, "Flow Unusable (Eviction)";
    ;
    OriginalPacketTrapped, "Original Packet Trapped";
    ;
    Discards, "Discards";
    TtlExceeded, "TTL Exceeded";
    McastCloneFail, "Mcast Clone Fail";
    ;
    InvalidNh, "Invalid NH";
    InvalidLabel, "Invalid Label";
    InvalidProtocol, "Invalid Protocol";
    EtreeLeafToLeaf, "Etree Leaf to Leaf";
    BmacIsidMismatch, "Bmac/ISID Mismatch";
    RewriteFail, "Rewrite Fail";
    InvalidMcastSource, "Invalid Mcast Source";
    PacketLoop, "Packet Loop";
    ;
    PushFails, "Push Fails";
    PullFails, "Pull Fails";
    Duplicate, "Duplicate";
    HeadAllocFails, "Head Alloc Fails";
    PcowFails, "PCOW fails";
    InvalidPackets, "Invalid Packets";
    ;
    Misc, "Misc";
    NowhereToGo, "Nowhere to go";
    ChecksumErrors, "Checksum errors";
    NoFmd, "No Fmd";
    InvalidVnid, "Invalid VNID";
    FragmentErrors, "Fragment errors";
    InvalidSource, "Invalid Source";
    JumboMcastPktWithDfBit, "Jumbo Mcast Pkt with DF Bit";
    NoL2Route, "No L2 Route";
    MemoryFailures, "Memory Failures";
    FragmentQueueingFailures, "Fragment Queueing Failures";
    NoEncryptPathFailures, "No Encrypt Path Failures";
    InvalidHbsReceivedPacket, "Invalid HBS received packet";
    NoFragmentEntries, "No Fragment Entries";
    IcmpErrors, "ICMP errors";
    CloneFailures, "Clone Failures";
    InvalidUnderlayEcmp, "Invalid underlay ECMP";
    VlanFwdIntfFailedTx, "VLAN fwd intf failed TX";
    VlanFwdIntfFailedEnq, "VLAN fwd intf failed enq";
    ;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_counter_is_printed_once_and_written_by_its_name() {
        let all: Vec<Dropstats> = Dropstats::GROUPS.iter().flat_map(|group| group.iter().copied()).collect();
        assert_eq!(all.iter().map(|counter| counter.name()).collect::<HashSet<_>>().len(), all.len());
        for counter in all {
            let json = serde_json::to_value(counter).expect("a text");
            assert_eq!(json, counter.name());
            assert_eq!(serde_json::from_value::<Dropstats>(json).expect("a counter"), counter);
        }
    }

    #[test]
    fn a_counter_of_a_later_version_is_other() {
        let later: Dropstats = serde_json::from_str(r#""Too Many Moons""#).expect("no error");
        assert_eq!(later, Dropstats::Other);
    }
}
