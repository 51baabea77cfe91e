use super::*;
use crate::frame::Plan;
use crate::number::Number;
use proptest::prelude::*;
use std::net::Ipv4Addr;
use wire::Encapsulation;

const HZ: u64 = 1_000_000_000;

fn tunnel() -> Tunnel {
    Tunnel {
        encapsulation: Encapsulation::Vxlan,
        gateway: Ipv4Addr::new(172, 16, 0, 1),
        gateway_mac: MacAddr::ZERO,
        vtep: Ipv4Addr::new(172, 16, 0, 2),
        vtep_mac: MacAddr::new([2, 0, 0, 0, 0, 0x99]),
        vni_base: 5000,
        label_base: 100_000,
    }
}

fn traffic(way: Way) -> Traffic {
    let (sizes, vlans) = ("570".parse().expect("a size"), "100-163".parse().expect("a range"));
    let tunnel = tunnel();
    Traffic::new(&Plan { sizes, vlans, flows: 128 }, way, (way == Way::FromFabric).then_some(&tunnel))
}

fn frame(traffic: &Traffic, trial: u16, way: Way, sequence: u64) -> Vec<u8> {
    let mut frame = vec![0; traffic.octets(sequence)];
    assert!(traffic.write(Number { stream: stream_number(trial, way), sequence, sent_tsc: 1000 }, &mut frame));
    frame
}

#[test]
fn each_thing_that_can_happen_to_a_frame_is_counted_as_that() {
    let traffic = traffic(Way::FromFabric);
    let (answers, _asides) = mpsc::channel();
    let mut books = Books::new(3, [None, Some(&traffic)], 128, true, HZ, answers);
    let number = |sequence| frame(&traffic, 3, Way::FromFabric, sequence);
    let inner = |sequence| number(sequence).split_off(50);
    let tagged = |sequence, vlan: u8| {
        let plain = inner(sequence);
        [&plain[..12], &[0x81, 0, 0, vlan], &plain[12..]].concat()
    };
    // As it should be: tagged, and as it was sent, and without a tag.
    books.enter(&tagged(0, 100), &Side::Access, 1000 + 500);
    books.enter(&number(1), &Side::Fabric(tunnel()), 1000 + 700);
    books.enter(&inner(2), &Side::Access, 1000 + 700);
    // Twice; on another VLAN; in another network; with another octet; with another number; of another trial.
    books.enter(&tagged(0, 100), &Side::Access, 2000);
    books.enter(&tagged(4, 105), &Side::Access, 2000);
    let mut astray = number(5);
    astray[48] ^= 1;
    books.enter(&astray, &Side::Fabric(tunnel()), 2000);
    let mut spoilt = tagged(6, 106);
    spoilt[100] ^= 0x10;
    books.enter(&spoilt, &Side::Access, 2000);
    let mut damaged = tagged(7, 107);
    let at = damaged.len() - 5;
    damaged[at] ^= 1;
    books.enter(&damaged, &Side::Access, 2000);
    books.enter(&frame(&traffic, 2, Way::FromFabric, 8), &Side::Access, 2000);
    books.enter(&[0; 60], &Side::Access, 2000);
    assert_eq!(books.received(Way::FromFabric), 6);
    assert_eq!(books.strays(), Strays { foreign: 1, damaged: 1, belated: 1 });
    let received = books.close(Way::FromFabric, 10).expect("it was expected");
    assert_eq!((received.counts.received, received.counts.duplicates), (6, 1));
    assert_eq!((received.corrupted, received.misdirected), (1, 2));
    assert_eq!(received.lost, [3..4, 7..10]);
    assert_eq!(received.latency.summary().frames, 6);
    assert!(books.close(Way::ToFabric, 0).is_none());
}

#[test]
fn the_gateway_is_answered_and_its_address_kept() {
    let (answers, asides) = mpsc::channel();
    let mut books = Books::new(1, [None, None], 1, true, HZ, answers);
    let (gateway, mac) = (tunnel().gateway, MacAddr::new([2, 0, 0, 0, 0, 7]));
    let question = arp::request(mac, gateway, tunnel().vtep);
    books.enter(&question, &Side::Access, 0);
    assert_eq!((books.gateway_mac(), asides.try_recv().is_err()), (None, true), "only on the fabric");
    books.enter(&question, &Side::Fabric(tunnel()), 0);
    let answer = arp::Message::read(&asides.try_recv().expect("an answer")).expect("ARP");
    assert_eq!((books.gateway_mac(), answer.sender_mac), (Some(mac), tunnel().vtep_mac));
}

proptest! {
    #[test]
    fn no_frame_is_too_strange(
        octets in prop::collection::vec(any::<u8>(), 0..120),
        numbered: bool,
        sequence in prop_oneof![0u64..200, any::<u64>()],
    ) {
        let traffic = traffic(Way::FromFabric);
        let (answers, _asides) = mpsc::channel();
        let mut books = Books::new(1, [None, Some(&traffic)], 128, true, HZ, answers);
        let trailer = Number { stream: stream_number(1, Way::FromFabric), sequence, sent_tsc: 5 }.trailer();
        let frame = if numbered { [octets, trailer.to_vec()].concat() } else { octets };
        books.enter(&frame, &Side::Access, 10);
        books.enter(&frame, &Side::Fabric(tunnel()), 10);
        let strays = books.strays();
        let known = books.received(Way::FromFabric) * 2;
        // It is entered twice; the second time a number is a double.
        prop_assert_eq!(strays.foreign + strays.damaged + strays.belated + known, 2);
    }
}
