//! The frames were made with scapy, and tshark reads of them what is expected here.

use super::*;
use proptest::prelude::*;

const STP: &str = "0180c200000002000000001100264242030000000081800002aa0000000100030d44f00002bb000000028003010014000200\
    0f000000000000000000";
const TCN: &str = "0180c20000000200000000110007424203000000800000000000000000000000000000000000000000000000000000000000\
    00000000000000000000";
const RST: &str = "0180c20000000200000000110027424203000002027e800002aa0000000100030d44f00002bb000000028003010014000200\
    0f000000000000000000";
const MST: &str = "0180c20000000200000000110069424203000003023c800002aa0000000100030d44f00002bb000000028003010014000200\
    0f0000004000726567696f6e3100000000000000000000000000000000000000000000000000000700010203040506070809\
    0a0b0c0d0e0f00004e20100002cc0000000313";
const PVST: &str = "01000ccccccd0200000000118100e0640032aaaa0300000c010b000002027e800002aa0000000100030d44f00002bb000000\
    0280030100140002000f0000000000020064";

fn octets(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2).map(|n| u8::from_str_radix(&hex[2 * n..2 * n + 2], 16).unwrap()).collect()
}

/// What all of the frames say.
fn common(flags: u8) -> Configuration {
    Configuration {
        flags: Flags(flags),
        root: BridgeId(0x8000_02aa_0000_0001),
        root_cost: 200_004,
        bridge: BridgeId(0xf000_02bb_0000_0002),
        port: PortId(0x8003),
        times: Times { message_age: 256, max_age: 20 * 256, hello: 2 * 256, forward_delay: 15 * 256 },
        regional_root: None,
    }
}

#[test]
fn each_version_is_read_as_tshark_reads_it() {
    let plain = |version, message| Ok(Bpdu { version, pvst: false, vlan: None, message });
    assert_eq!(Bpdu::read(&octets(STP)), plain(Version::Stp, Message::Configuration(common(0x81))));
    assert_eq!(Bpdu::read(&octets(TCN)), plain(Version::Stp, Message::TopologyChange));
    assert_eq!(Bpdu::read(&octets(RST)), plain(Version::Rstp, Message::Configuration(common(0x7e))));
    let regional_root = Some(common(0).bridge);
    let mst = Configuration { bridge: BridgeId(0x1000_02cc_0000_0003), regional_root, ..common(0x3c) };
    assert_eq!(Bpdu::read(&octets(MST)), plain(Version::Mstp, Message::Configuration(mst)));
    let pvst =
        Bpdu { version: Version::Rstp, pvst: true, vlan: Some(100), message: Message::Configuration(common(0x7e)) };
    assert_eq!(Bpdu::read(&octets(PVST)), Ok(pvst));
}

#[test]
fn flags_and_ids_are_written_as_administrators_know_them() {
    let flags = Flags(0x7e);
    assert!(flags.proposal() && flags.agreement() && flags.learning() && flags.forwarding());
    assert!(!flags.topology_change() && !flags.topology_change_ack());
    assert_eq!((flags.role(), Flags(0x81).role()), (PortRole::Designated, PortRole::Unknown));
    assert!(Flags(0x81).topology_change() && Flags(0x81).topology_change_ack());
    assert_eq!(common(0).root.to_string(), "32768.02:aa:00:00:00:01");
    assert_eq!(common(0).port.to_string(), "128.3");
}

#[test]
fn what_is_no_bpdu_says_why() {
    let changed = |frame: &str, at: usize, value: u8| {
        let mut octets = octets(frame);
        octets[at] = value;
        Bpdu::read(&octets)
    };
    assert_eq!(changed(RST, 14, 0x43), Err(BpduError::OtherProtocol));
    assert_eq!(changed(RST, 12, 8), Err(BpduError::OtherProtocol));
    assert_eq!(changed(RST, 17, 1), Err(BpduError::Protocol(256)));
    assert_eq!(changed(RST, 20, 7), Err(BpduError::Type(7)));
    assert_eq!(changed(RST, 13, 30), Err(BpduError::Truncated));
    // A region's part that is cut leaves rapid spanning tree's.
    assert!(changed(MST, 13, 80).is_ok_and(|bpdu| bpdu.version == Version::Rstp));
    assert_eq!(Bpdu::read(&octets(RST)[..13]), Err(BpduError::Truncated));
}

#[test]
fn link_protocols_are_told_from_what_bridges_say_to_each_other() {
    let group = |n: u64| RESERVED_GROUPS | n;
    for n in 0..16 {
        assert_eq!(reserved_group(group(n)), Some(n as u32));
        assert_eq!(is_link_control(group(n), 39), [1, 2, 3, 14].contains(&n), "{n}");
        assert!(is_link_control(group(n), 0x88cc) && is_link_control(group(n), 0x8809));
    }
    assert_eq!(reserved_group(group(16)), None);
    assert!(!is_link_control(group(16), 0x88cc) && !is_link_control(PVST_GROUP, 0x8809));
}

proptest! {
    #[test]
    fn no_octets_make_reading_panic(
        frame in 0usize..5,
        changes in proptest::collection::vec((0usize..130, any::<u8>()), 0..6),
        length in 0usize..130,
    ) {
        let mut octets = octets([STP, TCN, RST, MST, PVST][frame]);
        for (at, value) in changes {
            if let Some(place) = octets.get_mut(at) {
                *place = value;
            }
        }
        octets.truncate(length);
        let _ = Bpdu::read(&octets);
    }
}
