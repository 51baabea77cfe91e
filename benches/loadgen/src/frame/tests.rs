use super::*;
use crate::number::Reading;
use proptest::prelude::*;
use wire::Encapsulation;

pub(crate) fn tunnel(encapsulation: Encapsulation) -> Tunnel {
    Tunnel {
        encapsulation,
        gateway: Ipv4Addr::new(172, 16, 0, 1),
        gateway_mac: MacAddr::new([2, 0x70, 0x63, 0x61, 0x70, 0]),
        vtep: Ipv4Addr::new(172, 16, 0, 2),
        vtep_mac: MacAddr::new([2, 0, 0, 0, 0, 0x99]),
        vni_base: 5000,
        label_base: 100_000,
    }
}

fn plan(sizes: &str) -> Plan {
    let (sizes, vlans) = (sizes.parse().expect("a size"), "100-163".parse().expect("a range"));
    Plan { sizes, vlans, flows: 4096 }
}

fn built(traffic: &Traffic, number: Number) -> Vec<u8> {
    let mut frame = vec![0; traffic.octets(number.sequence)];
    assert!(traffic.write(number, &mut frame));
    frame
}

fn numbered(sequence: u64) -> Number {
    Number { stream: 6, sequence, sent_tsc: 0x1234_5678_9abc }
}

/// What a gateway does to a frame from an instance: the tag goes, a tunnel comes; or the other way round, or the tag changes.
fn through_a_gateway(frame: &[u8], tagged: bool, change: u8) -> Vec<u8> {
    let plain = if tagged { [&frame[..12], &frame[16..]].concat() } else { frame[frame.len() - 60..].to_vec() };
    match change {
        0 => plain,
        1 => [&plain[..12], &[0x81, 0, 0x20, 7], &plain[12..]].concat(),
        2 => [&plain[..12], &[0x88, 0xa8, 0, 9, 0x81, 0, 0, 7], &plain[12..]].concat(),
        n => [vec![0xee; 38 + usize::from(n)], plain].concat(),
    }
}

proptest! {
    #[test]
    fn numbering_survives_what_a_gateway_does(sequence in 0u64..1 << 40, from_fabric: bool, change in 0u8..20) {
        let tunnel = tunnel(Encapsulation::Vxlan);
        let way = if from_fabric { Way::FromFabric } else { Way::ToFabric };
        let traffic = Traffic::new(&plan("64"), way, from_fabric.then_some(&tunnel));
        let frame = built(&traffic, numbered(sequence));
        let passed = through_a_gateway(&frame, !from_fabric, change);
        prop_assert_eq!(Number::read(&passed), Reading::Number(numbered(sequence)));
        let payload = &passed[passed.len() - traffic.payload_octets(sequence)..];
        prop_assert!(payload.starts_with(traffic.filler(sequence)));
    }
}

#[test]
fn a_short_frame_has_the_length_and_addresses_that_benchmarks_use() {
    let traffic = Traffic::new(&plan("64"), Way::ToFabric, None);
    let frame = built(&traffic, numbered(4096 + 65));
    assert_eq!((frame.len(), traffic.longest()), (64, 64));
    assert_eq!(frame[..18], [2, 0, 0, 0, 0x10, 0x65, 2, 0, 0, 0, 0x20, 0x65, 0x81, 0, 0, 101, 8, 0]);
    assert_eq!(frame[30..38], [10, 1, 101, 2, 10, 1, 101, 68]);
    assert_eq!((traffic.vlan(4096 + 65), traffic.flow(4096 + 65)), (101, 65));
}

#[test]
fn lengths_count_without_tag_and_tunnel_and_with_the_check_sequence() {
    let vxlan = tunnel(Encapsulation::Vxlan);
    for size in [64usize, 65, 570, 1518, 9000, 9600] {
        let plan = plan(&size.to_string());
        assert_eq!(Traffic::new(&plan, Way::ToFabric, None).octets(3), size);
        assert_eq!(Traffic::new(&plan, Way::FromFabric, Some(&vxlan)).octets(3), size - 4 + 50);
    }
}

#[test]
fn a_wrong_length_is_not_written_to() {
    let traffic = Traffic::new(&plan("64"), Way::ToFabric, None);
    for octets in [0, 45, 63, 65] {
        assert!(!traffic.write(numbered(0), &mut vec![0; octets]));
    }
}

#[test]
fn vlans_are_a_range_of_usable_ones() {
    assert_eq!("7".parse(), Ok(Vlans { first: 7, count: 1 }));
    assert_eq!("1-4094".parse::<Vlans>().map(Vlans::count), Ok(4094));
    for text in ["0-3", "5-4", "4095", "1-", "", "a"] {
        assert_eq!(text.parse::<Vlans>(), Err(VlansError), "{text}");
    }
    assert_ne!(macs(100), macs(100 + 256));
}
