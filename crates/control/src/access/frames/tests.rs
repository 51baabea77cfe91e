//! Golden octets, made with scapy from the fields that the RFCs name.

use super::*;

const VMI: MacAddr = MacAddr::new([2, 0, 0, 0, 0x10, 0x64]);
const STATION: MacAddr = MacAddr::new([2, 0, 0, 0, 0x20, 0x64]);

fn v4(host: u8) -> IpAddr {
    Ipv4Addr::new(10, 1, 0, host).into()
}

fn v6(host: u16) -> IpAddr {
    Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, host).into()
}

fn hex(frame: &Frame) -> String {
    frame.iter().map(|octet| format!("{octet:02x}")).collect()
}

#[test]
fn frames_are_what_scapy_makes_of_the_same_fields() {
    for (made, golden) in [
        (
            question(VMI, v4(4), Some(v4(2))),
            "02000000106400005e0001000806000108000604000100005e0001000a0100020000000000000a010004",
        ),
        (
            question(VMI, v4(4), None),
            "02000000106400005e0001000806000108000604000100005e000100000000000000000000000a010004",
        ),
        (
            question(VMI, v6(4), None),
            "02000000106400005e00010086dd6000000000203afffe8000000000000002005efffe00010020010db8000100000000\
             00000000000487005ea60000000020010db8000100000000000000000004010100005e000100",
        ),
        (
            question(VMI, v6(4), Some(v6(1))),
            "02000000106400005e00010086dd6000000000203aff20010db800010000000000000000000120010db8000100000000\
             00000000000487008f6c0000000020010db8000100000000000000000004010100005e000100",
        ),
        (router_has(v4(1)), "ffffffffffff00005e0001000806000108000604000100005e0001000a0100010000000000000a010001"),
        (
            router_has(v6(1)),
            "33330000000100005e00010086dd6000000000203aff20010db8000100000000000000000001ff020000000000000000\
             00000000000188001c29a000000020010db8000100000000000000000001020100005e000100",
        ),
        (
            station_is_here(STATION),
            "ffffffffffff020000002064803500010800060400030200000020640000000002000000206400000000",
        ),
    ] {
        assert_eq!(hex(&made), golden);
    }
}

#[test]
fn a_source_of_the_other_family_is_none() {
    assert_eq!(question(VMI, v4(4), Some(v6(1))), question(VMI, v4(4), None));
    assert_eq!(question(VMI, v6(4), Some(v4(1))), question(VMI, v6(4), None));
}
