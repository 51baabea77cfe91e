//! A storm at the fabric port that is the host's to hear costs neither overlay traffic nor the sessions of the underlay.

#![allow(clippy::disallowed_macros, reason = "what is banned from the packet path may serve to test it")]

use std::net::Ipv4Addr;
use telemetry::slots::{ClassRates, SlotClass};
use telemetry::{DropReason, PassageTotals};
use testkit::example::*;
use testkit::packets::{Ipv4, Udp, ethernet};
use testkit::{Arrival, Gateway, Means};

const CYCLES_PER_SECOND: u64 = 1_000_000_000;
/// What is wanted: a frame of each kind in a burst of 32.
const STORM_A_BURST: usize = 28;
const STORM: usize = 1_000_000;
/// Seven million frames a second are as many as a worker can take at best.
const ROUND_CYCLES: u64 = 4_000;
/// The host thread looks every millisecond.
const ROUNDS_A_LOOK: usize = 250;
/// Slots as in the daemon.
const SLOTS: usize = 512;

fn to_host(ttl: u8, protocol: u8, l4: &[u8]) -> Arrival {
    let fabric = network().fabric;
    let source = Ipv4Addr::new(172, 16, 0, 9);
    let destination = fabric.address.expect("the example has one");
    let ip = Ipv4 { source, destination, ttl, ..Ipv4::default() };
    ethernet(fabric.links[0].mac, [2, 0, 0, 0, 0, 9], &[], 0x0800, &ip.around(protocol, l4)).into()
}

fn tcp(source: u16, destination: u16) -> Vec<u8> {
    [&source.to_be_bytes()[..], &destination.to_be_bytes(), &[0; 16]].concat()
}

fn udp(destination: u16) -> Vec<u8> {
    Udp { source: 49_152, destination, ..Udp::default() }.around(&[], &[0; 24])
}

/// One frame of each class but BGP's and BFD's, and BFD that came over a router.
fn storm() -> Vec<Arrival> {
    let solicitation = [&[0x60, 0, 0, 0, 0, 8, 58, 255][..], &[0xfe; 32], &[135, 0, 0, 0, 0, 0, 0, 0]].concat();
    vec![
        ethernet(BROADCAST, [2; 6], &[], 0x0806, &[0; 46]).into(),
        ethernet([0x33, 0x33, 0xff, 0, 0, 1], [2; 6], &[], 0x86dd, &solicitation).into(),
        to_host(64, 89, &[0; 24]),
        ethernet([1, 0x80, 0xc2, 0, 0, 2], [2; 6], &[], 0x8809, &[1; 50]).into(),
        to_host(64, 1, &[8, 0, 0, 0, 0, 0, 0, 0]),
        to_host(64, 6, &tcp(40_000, 22)),
        to_host(64, 17, &udp(5_000)),
        to_host(254, 17, &udp(3_784)),
    ]
}

/// How many of each wanted frame were sent, and how many came out: overlay, BGP, BFD.
fn survivors(means: Means) -> (usize, [usize; 3], Gateway) {
    let overlay: Arrival = vxlan(untagged(A, REMOTE, 100)).octets().into();
    let (bgp, bfd) = (to_host(1, 6, &tcp(40_000, 179)), to_host(255, 17, &udp(3_784)));
    let (storm, mut wanted) = (storm(), 0);
    let mut gateway = Gateway::with(&network(), means);
    let mut came = [0; 3];
    let mut sent = 0;
    let mut look = |gateway: &mut Gateway| {
        for frame in gateway.take().host {
            came[1] += usize::from(frame == bgp.octets);
            came[2] += usize::from(frame == bfd.octets);
        }
    };
    let mut next = storm.iter().cycle();
    for round in 0..STORM.div_ceil(STORM_A_BURST) {
        next.by_ref().take(STORM_A_BURST).for_each(|frame| gateway.arrive(FABRIC, frame));
        gateway.arrive(FABRIC, &overlay);
        // BGP at 2,500 frames a second, BFD of 50 sessions at 20 ms.
        if round % 100 == 0 {
            gateway.arrive(FABRIC, &bgp);
            gateway.arrive(FABRIC, &bfd);
            wanted += 1;
        }
        gateway.run();
        sent += std::iter::from_fn(|| gateway.tx(ACCESS).take()).count();
        gateway.clock().advance(ROUND_CYCLES);
        if round % ROUNDS_A_LOOK == 0 {
            look(&mut gateway);
        }
    }
    look(&mut gateway);
    came[0] = sent;
    (wanted, came, gateway)
}

#[test]
fn a_million_frames_for_the_host_cost_no_overlay_frame_and_no_frame_of_bgp_or_bfd() {
    let punt_rates = Some((ClassRates::TO_HOST, CYCLES_PER_SECOND));
    let means = Means { host_slots: Some(SLOTS), punt_rates, ..Means::default() };
    let (wanted, came, mut gateway) = survivors(means);
    assert_eq!(came, [STORM.div_ceil(STORM_A_BURST), wanted, wanted], "overlay, BGP, BFD");

    let totals = gateway.settle();
    let punts = SlotClass::ALL.map(|class| gateway.telemetry().punts[class as usize].read());
    let sum = |of: fn(&PassageTotals) -> u64| punts.iter().map(of).sum::<u64>();
    assert_eq!(sum(|class| class.passed), totals.punted);
    assert_eq!(sum(|class| class.policed), gateway.telemetry().dropped(DropReason::PuntPoliced));
    assert_eq!(sum(|class| class.full) + sum(|class| class.too_long), 0, "what passes the policers finds a slot");
    let seconds = (STORM / STORM_A_BURST) as f64 * ROUND_CYCLES as f64 / CYCLES_PER_SECOND as f64;
    for (class, punts) in SlotClass::ALL.into_iter().zip(punts) {
        let rate = ClassRates::TO_HOST.of(class);
        let limit = f64::from(rate.burst) + f64::from(rate.frames_per_second) * (seconds * 1.01);
        assert!(punts.passed as f64 <= limit, "{class}: {} passed, limit {limit}", punts.passed);
        let is_wanted = matches!(class, SlotClass::Bgp | SlotClass::Bfd);
        assert_eq!(punts.policed > 100_000, !is_wanted, "{class}: {punts:?}");
    }
}

#[test]
fn without_policers_the_same_storm_would_cost_bgp_and_bfd() {
    let (wanted, [overlay, bgp, bfd], mut gateway) = survivors(Means { host_slots: Some(SLOTS), ..Means::default() });
    assert!(bgp < wanted / 2 && bfd < wanted / 2, "{bgp} and {bfd} of {wanted}");
    assert_eq!(overlay, STORM.div_ceil(STORM_A_BURST));
    gateway.settle();
}
