use crate::host_interface::{routes, set_up};
use crate::namespace::{eventually, in_namespace, ip};
use control::underlay::{KernelEvent, NoRoute, Path, Resolution, Underlay};
use crossbeam_channel::Receiver;
use netlink::Follower;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};
use wire::MacAddr;

const FAR: IpAddr = v4(10, 1, 1, 1);
const NEAR: IpAddr = v4(172, 16, 0, 9);

const fn v4(a: u8, b: u8, c: u8, d: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(a, b, c, d))
}

pub(crate) fn one_path(next_hop: IpAddr, mac: MacAddr) -> Resolution {
    Resolution::Resolved { paths: [Path { next_hop, mac, interface: 0 }].into_iter().collect() }
}

/// Applies what has arrived.
pub(crate) fn take_in(underlay: &mut Underlay, events: &Receiver<KernelEvent>) {
    for event in events.try_iter() {
        underlay.apply(event);
    }
}

/// Applies what arrives until the VTEP resolves to what is expected.
#[track_caller]
pub(crate) fn resolves(underlay: &mut Underlay, events: &Receiver<KernelEvent>, vtep: IpAddr, expected: Resolution) {
    eventually(&format!("{vtep} is {expected:?}"), || {
        take_in(underlay, events);
        (underlay.resolve(vtep) == expected).then_some(())
    });
}

#[test]
fn routes_and_neighbours_are_followed_from_before_the_start_and_after() {
    in_namespace(|| {
        let (_interface, _tap) = set_up();
        ip("neigh add 172.16.0.9 lladdr 02:00:00:00:00:09 dev cw-host0");
        let (_follower, events, _) = Follower::start(1_024).expect("netlink is there");
        let mut underlay = Underlay::new(["cw-host0"]);
        let mac = "02:00:00:00:00:09".parse().expect("a MAC");
        resolves(&mut underlay, &events, NEAR, one_path(NEAR, mac));
        let unresolved = |last: u8| Resolution::Unresolved { next_hop: v4(172, 16, 0, last) };
        resolves(&mut underlay, &events, FAR, unresolved(254));
        ip("route add 10.0.0.0/8 via 172.16.0.253");
        resolves(&mut underlay, &events, FAR, unresolved(253));
        ip("route replace 10.0.0.0/8 via 172.16.0.252");
        resolves(&mut underlay, &events, FAR, unresolved(252));
        ip("route add unreachable 10.1.0.0/16");
        resolves(&mut underlay, &events, FAR, Resolution::NoRoute(NoRoute::Refused));
        ip("route del unreachable 10.1.0.0/16");
        resolves(&mut underlay, &events, FAR, unresolved(252));
        ip("route del 10.0.0.0/8");
        resolves(&mut underlay, &events, FAR, unresolved(254));
        ip("route del default");
        resolves(&mut underlay, &events, FAR, Resolution::NoRoute(NoRoute::NotCovered));
        ip("route add 10.1.0.0/16 nexthop via 172.16.0.9 nexthop via 172.16.0.8");
        resolves(&mut underlay, &events, FAR, one_path(NEAR, mac));
        ip("neigh del 172.16.0.9 dev cw-host0");
        resolves(&mut underlay, &events, NEAR, unresolved(9));
    });
}

#[test]
fn a_configured_route_is_back_when_the_interface_was_set_down_and_up_by_hand() {
    in_namespace(|| {
        let (_interface, _tap) = set_up();
        let (_follower, events, requester) = Follower::start(1_024).expect("netlink is there");
        let router = v4(172, 16, 0, 254);
        let mut underlay = Underlay::new(["cw-host0"]).with_routes(routes());
        resolves(&mut underlay, &events, FAR, Resolution::Unresolved { next_hop: router });
        ip("link set cw-host0 down");
        ip("link set cw-host0 up");
        eventually("the route is back", || {
            take_in(&mut underlay, &events);
            for request in underlay.poll(Instant::now()) {
                requester.request(request).expect("the thread runs");
            }
            ip("route show default").contains("via 172.16.0.254 dev cw-host0 proto 202").then_some(())
        });
        resolves(&mut underlay, &events, FAR, Resolution::Unresolved { next_hop: router });
    });
}

#[test]
fn routes_that_the_kernel_drops_without_a_word_are_dropped() {
    in_namespace(|| {
        let (_interface, _tap) = set_up();
        let (_follower, events, _) = Follower::start(1_024).expect("netlink is there");
        let mut underlay = Underlay::new(["cw-host0"]);
        let by_router = Resolution::Unresolved { next_hop: v4(172, 16, 0, 254) };
        resolves(&mut underlay, &events, FAR, by_router.clone());
        ip("link set cw-host0 down");
        resolves(&mut underlay, &events, FAR, Resolution::HostInterfaceDown);
        ip("link set cw-host0 up");
        resolves(&mut underlay, &events, FAR, Resolution::NoRoute(NoRoute::NotCovered));
        resolves(&mut underlay, &events, NEAR, Resolution::Unresolved { next_hop: NEAR });
        ip("route add 10.0.0.0/8 via 172.16.0.254 src 172.16.0.1");
        resolves(&mut underlay, &events, FAR, by_router);
        ip("addr add 172.16.0.3/24 dev cw-host0");
        ip("addr del 172.16.0.1/24 dev cw-host0");
        resolves(&mut underlay, &events, FAR, Resolution::NoRoute(NoRoute::NotCovered));
    });
}

#[test]
fn a_deleted_host_interface_counts_as_down_and_a_new_one_of_its_name_is_found() {
    in_namespace(|| {
        let first = set_up();
        let (_follower, events, _) = Follower::start(1_024).expect("netlink is there");
        let mut underlay = Underlay::new(["cw-host0"]);
        resolves(&mut underlay, &events, NEAR, Resolution::Unresolved { next_hop: NEAR });
        ip("link del cw-host0");
        resolves(&mut underlay, &events, NEAR, Resolution::HostInterfaceDown);
        drop(first);
        let second = set_up();
        resolves(&mut underlay, &events, NEAR, Resolution::Unresolved { next_hop: NEAR });
        let links: Vec<_> = underlay.host_links().filter_map(|(_, link)| link).map(|link| link.index).collect();
        assert_eq!(links, second.0.indices());
    });
}

#[test]
fn what_a_full_queue_loses_a_new_listing_brings_back() {
    in_namespace(|| {
        const ROUTES: u32 = 20_000;
        let (_interface, _tap) = set_up();
        let (_follower, events, _) = Follower::start(4).expect("netlink is there");
        let mut underlay = Underlay::new(["cw-host0"]);
        resolves(&mut underlay, &events, NEAR, Resolution::Unresolved { next_hop: NEAR });
        // Control does not listen meanwhile: four events wait in the channel, the rest in the kernel until it drops
        // them.
        let destination = |n: u32| IpAddr::from(Ipv4Addr::from(0x0a00_0000 + n));
        let mut batch = String::new();
        for n in 0..ROUTES {
            writeln!(batch, "route add {}/32 via 172.16.0.253", destination(n)).expect("a String takes all");
        }
        for n in (0..ROUTES).step_by(2) {
            writeln!(batch, "route del {}/32", destination(n)).expect("a String takes all");
        }
        let file = std::env::temp_dir().join(format!("netlink-test-routes-{}", std::process::id()));
        std::fs::write(&file, batch).expect("the batch is small");
        ip(&format!("-batch {}", file.display()));
        std::fs::remove_file(&file).expect("it was just written");
        let by = |last: u8| Resolution::Unresolved { next_hop: v4(172, 16, 0, last) };
        let mut listings = 0;
        eventually("the kernel's routes and no others", || {
            while let Ok(event) = events.recv_timeout(Duration::from_millis(500)) {
                listings += u32::from(event == KernelEvent::ResyncBegin);
                underlay.apply(event);
            }
            let right = (0..ROUTES).all(|n| underlay.resolve(destination(n)) == by(if n % 2 == 0 { 254 } else { 253 }));
            right.then_some(())
        });
        assert!(listings >= 1, "the queue was meant to overflow");
    });
}

#[test]
fn a_follower_nobody_listens_to_stops_and_so_does_one_that_waits_for_control() {
    in_namespace(|| {
        let (follower, events, _) = Follower::start(1).expect("netlink is there");
        assert!(follower.is_running());
        drop(events);
        eventually("the thread ends", || (!follower.is_running()).then_some(()));
        let (follower, _events, _) = Follower::start(1).expect("netlink is there");
        drop(follower); // returns although the channel is full
    });
}
