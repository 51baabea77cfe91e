//! IPv6, and two host interfaces.

use crate::follower::{resolves, take_in};
use crate::host_interface::{MAC, configs, route};
use crate::namespace::{eventually, in_namespace, ip};
use control::underlay::{ConfiguredRoute, KernelEvent, NoRoute, Path, Resolution, Underlay};
use crossbeam_channel::Receiver;
use netlink::{Follower, HostInterfaces, HostIo, HostIoHandle, Requester, Tap, set_carrier};
use std::net::{IpAddr, Ipv6Addr};
use std::time::Instant;
use telemetry::slots::{SlotClass, SlotReceiver, SlotSender, Way, channel};
use wire::MacAddr;

const ROUTERS: [MacAddr; 2] = [MacAddr::new([2, 0, 0, 0, 0, 0xa]), MacAddr::new([2, 0, 0, 0, 0, 0xb])];
/// The ports' positions in the node file.
const PORTS: [u16; 2] = [3, 1];

fn addr(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn routes() -> Vec<ConfiguredRoute> {
    vec![
        route("10.0.0.0/8", "172.16.0.254", 0),
        route("10.0.0.0/8", "172.16.1.254", 1),
        route("fd0a::/16", "fd00::fe", 0),
        route("fd0a::/16", "fd00:1::fe", 1),
        route("fd0b::/16", "fd00:1::fe", 1),
    ]
}

fn set_up() -> (HostInterfaces, Vec<Tap>) {
    HostInterfaces::set_up(&configs(), &routes()).expect("root may make TAPs")
}

fn unresolved(next_hop: &str) -> Resolution {
    Resolution::Unresolved { next_hop: addr(next_hop) }
}

/// By router A on the first interface, router B on the second.
fn paths(of: &[(&str, usize)]) -> Resolution {
    let path =
        |&(next_hop, interface): &(&str, usize)| Path { next_hop: addr(next_hop), mac: ROUTERS[interface], interface };
    Resolution::Resolved { paths: of.iter().map(path).collect() }
}

/// Follows both interfaces, and knows the routers.
fn followed() -> (Follower, Receiver<KernelEvent>, Requester, Underlay) {
    for (router, interface) in [("172.16.0.254", 0), ("fd00::fe", 0), ("172.16.1.254", 1), ("fd00:1::fe", 1)] {
        ip(&format!("neigh add {router} lladdr {} dev cw-host{interface}", ROUTERS[interface]));
    }
    let (follower, events, requester) = Follower::start(1_024).expect("netlink is there");
    (follower, events, requester, Underlay::new(["cw-host0", "cw-host1"]).with_routes(routes()))
}

#[test]
fn both_interfaces_bear_their_addresses_and_routes_of_both_families_and_keep_them_over_a_restart() {
    in_namespace(|| {
        for _ in 0..2 {
            let (interfaces, taps) = set_up();
            assert_eq!(taps.iter().map(Tap::name).collect::<Vec<_>>(), ["cw-host0", "cw-host1"]);
            for (at, index) in interfaces.indices().iter().enumerate() {
                assert!(ip(&format!("link show dev cw-host{at}")).starts_with(&format!("{}:", index.0)));
                let conf = |name: &str| std::fs::read_to_string(format!("/proc/sys/net/ipv6/conf/cw-host{at}/{name}"));
                assert_eq!(conf("accept_ra").ok().as_deref(), Some("0\n"));
                assert_eq!(conf("keep_addr_on_down").ok().as_deref(), Some("1\n"));
            }
            for (interface, v4, v6) in [(0, "172.16.0.1/24", "fd00::1/64"), (1, "172.16.1.1/24", "fd00:1::1/64")] {
                let addresses = ip(&format!("-o addr show scope global dev cw-host{interface}"));
                assert!(addresses.contains(v4) && addresses.contains(v6), "{addresses}");
                assert!(!addresses.contains("tentative"), "usable at once: {addresses}");
                assert_eq!(addresses.lines().count(), 2, "{addresses}");
                let local = || ip(&format!("-o addr show scope link dev cw-host{interface}"));
                eventually("a link-local address", || {
                    (local().contains("fe80::") && !local().contains("tentative")).then_some(())
                });
            }
            let routes = ip("-4 route show proto 202") + &ip("-6 route show proto 202");
            for hop in ["172.16.0.254 dev cw-host0", "172.16.1.254 dev cw-host1", "fd00::fe dev cw-host0"] {
                assert_eq!(routes.matches(&format!("nexthop via {hop}")).count(), 1, "{routes}");
            }
            assert!(routes.contains("fd0b::/16 via fd00:1::fe dev cw-host1"), "{routes}");
            assert_eq!(routes.lines().filter(|line| !line.trim_start().starts_with("nexthop")).count(), 3, "{routes}");
        }
    });
}

#[test]
fn former_addresses_and_routes_of_ours_go_and_an_operator_s_stay_in_ipv6_too() {
    in_namespace(|| {
        drop(set_up());
        ip("addr add 2001:db8::1/64 dev cw-host0");
        ip("route add fd0c::/16 via 2001:db8::fe");
        let [mut first, second] = configs();
        first.addresses.pop();
        let one = [route("fd0a::/16", "fd00:1::fe", 1)];
        let (interfaces, _taps) = HostInterfaces::set_up(&[first, second], &one).expect("the TAPs are free again");
        let addresses = ip("-6 addr show");
        assert!(addresses.contains("2001:db8::1/64") && addresses.contains("fd00:1::1/64"), "{addresses}");
        assert!(!addresses.contains("fd00::1/64"), "{addresses}");
        let routes = ip("-6 route show");
        assert!(routes.contains("fd0c::/16 via 2001:db8::fe"), "{routes}");
        assert!(routes.contains("fd0a::/16 via fd00:1::fe dev cw-host1 proto 202"), "{routes}");
        assert!(!routes.contains("fd0b::/16") && !routes.contains("fd00::fe"), "{routes}");
        assert!(!ip("-4 route show").contains("10.0.0.0/8"));
        interfaces.remove_routes().expect("they are ours");
        assert_eq!(ip("-6 route show proto 202"), "");
    });
}

#[test]
fn ipv6_that_is_off_is_switched_on_where_there_is_an_ipv6_address_to_give() {
    in_namespace(|| {
        ip("tuntap add cw-host0 mode tap");
        crate::namespace::sysctl("ipv6/conf/cw-host0/disable_ipv6", "1");
        let (_interfaces, _taps) = set_up();
        assert!(ip("-6 addr show dev cw-host0").contains("fd00::1/64"));
    });
}

#[test]
fn both_hops_of_a_route_are_paths_in_both_families_and_follow_what_ip_does() {
    in_namespace(|| {
        let (_interfaces, _taps) = set_up();
        let (_follower, events, _, mut underlay) = followed();
        let mut expect = |vtep: &str, expected| resolves(&mut underlay, &events, addr(vtep), expected);
        expect("10.1.1.1", paths(&[("172.16.0.254", 0), ("172.16.1.254", 1)]));
        expect("fd0a::1", paths(&[("fd00::fe", 0), ("fd00:1::fe", 1)]));
        expect("fd0b::1", paths(&[("fd00:1::fe", 1)]));
        ip("neigh del fd00::fe dev cw-host0");
        expect("fd0a::1", paths(&[("fd00:1::fe", 1)]));
        ip("route del fd0a::/16 via fd00::fe");
        ip("neigh add fd00::fe lladdr 02:00:00:00:00:0a dev cw-host0");
        expect("fd00::fe", paths(&[("fd00::fe", 0)]));
        expect("fd0a::1", paths(&[("fd00:1::fe", 1)]));
        ip("-6 route append fd0a::/16 via fd00::fe");
        expect("fd0a::1", paths(&[("fd00::fe", 0), ("fd00:1::fe", 1)]));
        ip("-6 route replace fd0a::/16 via fd00::fe");
        expect("fd0a::1", paths(&[("fd00::fe", 0)]));
        ip("-6 route add unreachable fd0a::/112");
        expect("fd0a::1", Resolution::NoRoute(NoRoute::Refused));
        ip("-6 route del unreachable fd0a::/112");
        expect("fd0a::1", paths(&[("fd00::fe", 0)]));
        ip("-6 route del fd0a::/16");
        expect("fd0a::1", Resolution::NoRoute(NoRoute::NotCovered));
        // One link-local router on each link, and IPv4 by one of them.
        for (at, mac) in ROUTERS.iter().enumerate() {
            ip(&format!("neigh add fe80::fe lladdr {mac} dev cw-host{at}"));
        }
        ip("-6 route add fd0a::/16 nexthop via fe80::fe dev cw-host0 nexthop via fe80::fe dev cw-host1");
        expect("fd0a::1", paths(&[("fe80::fe", 0), ("fe80::fe", 1)]));
        ip("route add 10.2.0.0/16 via inet6 fe80::fe dev cw-host1");
        expect("10.2.0.1", paths(&[("fe80::fe", 1)]));
    });
}

#[test]
fn a_nexthop_group_as_routing_daemons_make_them_is_followed() {
    in_namespace(|| {
        let (_interfaces, _taps) = set_up();
        let (_follower, events, _, mut underlay) = followed();
        let mut expect = |vtep: &str, expected| resolves(&mut underlay, &events, addr(vtep), expected);
        ip("nexthop add id 1 via fd00::fe dev cw-host0");
        ip("nexthop add id 2 via fd00:1::fe dev cw-host1");
        ip("nexthop add id 10 group 1/2");
        ip("-6 route add fd0d::/16 nhid 10");
        expect("fd0d::1", paths(&[("fd00::fe", 0), ("fd00:1::fe", 1)]));
        ip("nexthop replace id 10 group 2");
        expect("fd0d::1", paths(&[("fd00:1::fe", 1)]));
        ip("nexthop del id 10");
        expect("fd0d::1", Resolution::NoRoute(NoRoute::NotCovered));
    });
}

#[test]
fn an_interface_whose_carrier_is_taken_is_used_no_more_and_keeps_addresses_and_routes() {
    in_namespace(|| {
        let (_interfaces, _taps) = set_up();
        let (_follower, events, _, mut underlay) = followed();
        let both = [paths(&[("172.16.0.254", 0), ("172.16.1.254", 1)]), paths(&[("fd00::fe", 0), ("fd00:1::fe", 1)])];
        let vteps = [addr("10.1.1.1"), addr("fd0a::1")];
        for (vtep, both) in vteps.iter().zip(&both) {
            resolves(&mut underlay, &events, *vtep, both.clone());
        }
        set_carrier("cw-host0", false).expect("the TAP is there");
        resolves(&mut underlay, &events, vteps[0], paths(&[("172.16.1.254", 1)]));
        resolves(&mut underlay, &events, vteps[1], paths(&[("fd00:1::fe", 1)]));
        assert!(ip("link show dev cw-host0").contains("NO-CARRIER"));
        assert!(ip("-6 addr show dev cw-host0").contains("fd00::1/64"));
        for way in [ip("route get 10.1.1.1"), ip("-6 route get fd0a::1")] {
            assert!(way.contains("dev cw-host1"), "Linux itself takes the other port: {way}");
        }
        set_carrier("cw-host0", true).expect("the TAP is there");
        for (vtep, both) in vteps.iter().zip(&both) {
            resolves(&mut underlay, &events, *vtep, both.clone());
        }
        let error = set_carrier("cw-host9", true).expect_err("it is not there");
        assert_eq!(error.to_string(), "no interface cw-host9 in this network namespace");
    });
}

/// Linux says nothing of a route one of whose dead hops lives again, nor of one that is put back as it is.
#[test]
fn an_interface_whose_carrier_was_away_over_a_listing_is_used_again() {
    in_namespace(|| {
        let (_interfaces, _taps) = set_up();
        let (_follower, events, _, mut underlay) = followed();
        let both = [paths(&[("172.16.0.254", 0), ("172.16.1.254", 1)]), paths(&[("fd00::fe", 0), ("fd00:1::fe", 1)])];
        let vteps = [addr("10.1.1.1"), addr("fd0a::1")];
        resolves(&mut underlay, &events, vteps[0], both[0].clone());
        set_carrier("cw-host0", false).expect("the TAP is there");
        let (mut is_down, mut is_listed) = (false, false);
        eventually("a listing without the dead hops", || {
            for event in events.try_iter() {
                is_down |= matches!(&event, KernelEvent::Link(link) if link.name == "cw-host0" && !link.up);
                is_listed |= is_down && event == KernelEvent::ResyncEnd;
                underlay.apply(event);
            }
            is_listed.then_some(())
        });
        resolves(&mut underlay, &events, vteps[0], paths(&[("172.16.1.254", 1)]));
        set_carrier("cw-host0", true).expect("the TAP is there");
        for (vtep, both) in vteps.iter().zip(both) {
            resolves(&mut underlay, &events, *vtep, both);
        }
    });
}

#[test]
fn the_loss_of_a_carrier_is_told_at_once_even_soon_after_another_change() {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").expect("Linux says which it is");
    let mut version = release.split('.').map_while(|part| part.parse::<u32>().ok());
    if (version.next(), version.next()) < (Some(6), Some(8)) {
        eprintln!("skipped: Linux {release} takes up to a second");
        return;
    }
    in_namespace(|| {
        let (_interfaces, _taps) = set_up();
        for (name, on, dead_hops) in [("cw-host0", false, 1), ("cw-host1", false, 2), ("cw-host0", true, 1)] {
            set_carrier(name, on).expect("the TAP is there");
            let routes = ip("route show 10.0.0.0/8");
            assert_eq!(routes.matches("linkdown").count(), dead_hops, "after {name} {on}: {routes}");
        }
    });
}

#[test]
fn an_interface_set_down_and_up_by_hand_has_its_ipv6_address_and_routes_again() {
    in_namespace(|| {
        let (_interfaces, _taps) = set_up();
        let (_follower, events, requester, mut underlay) = followed();
        let both = [paths(&[("172.16.0.254", 0), ("172.16.1.254", 1)]), paths(&[("fd00::fe", 0), ("fd00:1::fe", 1)])];
        let vteps = [addr("10.1.1.1"), addr("fd0a::1")];
        resolves(&mut underlay, &events, vteps[1], both[1].clone());
        ip("link set cw-host1 down");
        resolves(&mut underlay, &events, vteps[0], paths(&[("172.16.0.254", 0)]));
        resolves(&mut underlay, &events, vteps[1], paths(&[("fd00::fe", 0)]));
        resolves(&mut underlay, &events, addr("fd0b::1"), Resolution::NoRoute(NoRoute::NotCovered));
        ip("link set cw-host1 up");
        eventually("both routes are back with both hops", || {
            take_in(&mut underlay, &events);
            for request in underlay.poll(Instant::now()) {
                requester.request(request).expect("the thread runs");
            }
            let routes = ip("-4 route show proto 202") + &ip("-6 route show proto 202");
            (routes.matches("nexthop via").count() == 4 && routes.contains("fd0b::/16")).then_some(())
        });
        assert!(ip("-6 addr show dev cw-host1").contains("fd00:1::1/64"));
        for (router, address) in [("172.16.1.254", "-4"), ("fd00:1::fe", "-6")] {
            ip(&format!("{address} neigh replace {router} lladdr {} dev cw-host1", ROUTERS[1]));
        }
        for (vtep, both) in vteps.iter().zip(both) {
            resolves(&mut underlay, &events, *vtep, both);
        }
        resolves(&mut underlay, &events, addr("fd0b::1"), paths(&[("fd00:1::fe", 1)]));
    });
}

/// An ICMPv6 packet (RFC 4443) in an Ethernet frame, its checksum computed.
fn icmpv6(macs: (MacAddr, MacAddr), source: Ipv6Addr, destination: Ipv6Addr, message: &[u8]) -> Vec<u8> {
    let mut sum = message.len() as u32 + 58;
    for half in source.segments().iter().chain(&destination.segments()) {
        sum += u32::from(*half);
    }
    sum += message.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1])).sum::<u32>();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    let mut frame = [macs.1.octets(), macs.0.octets()].concat();
    frame.extend([0x86, 0xdd, 0x60, 0, 0, 0, 0, message.len() as u8, 58, 255]);
    frame.extend(source.octets());
    frame.extend(destination.octets());
    frame.extend(message);
    frame[14 + 40 + 2..14 + 40 + 4].copy_from_slice(&(!(sum as u16)).to_be_bytes());
    frame
}

/// The two rings of the host I/O thread that serves both TAPs.
struct Rings {
    to_host: SlotSender,
    from_host: SlotReceiver,
    io: HostIoHandle,
}

impl Rings {
    fn start(taps: Vec<Tap>) -> Self {
        let (to_host, host_side) = channel(64, 1_700);
        let (inject, from_host) = channel(64, 1_700);
        let io = HostIo::start(PORTS.into_iter().zip(taps).collect(), vec![host_side], inject);
        Self { to_host, from_host, io: io.expect("a thread can be started") }
    }

    /// The next neighbour solicitation (RFC 4861 section 4.3) for `target`, and the port it is to leave by.
    fn solicitation(&mut self, target: Ipv6Addr) -> Option<Way> {
        self.from_host.receive(|slot| {
            let frame = slot.octets();
            let is_for = frame.get(54) == Some(&135) && frame.get(62..78) == Some(&target.octets()[..]);
            is_for.then(|| slot.way())
        })?
    }
}

#[test]
fn ipv6_next_hops_are_asked_for_and_answered_on_their_own_port() {
    in_namespace(|| {
        let (_interfaces, taps) = set_up();
        let mut rings = Rings::start(taps);
        let (_follower, events, requester) = Follower::start(1_024).expect("netlink is there");
        let mut underlay = Underlay::new(["cw-host0", "cw-host1"]);
        underlay.track([addr("fd0a::1")]);
        let routers: [Ipv6Addr; 2] = ["fd00::fe".parse().expect("legal"), "fd00:1::fe".parse().expect("legal")];
        let ours: [Ipv6Addr; 2] = ["fd00::1".parse().expect("legal"), "fd00:1::1".parse().expect("legal")];
        let macs = [MAC, configs()[1].mac];
        for at in 0..2 {
            let port = eventually("the kernel asks for the next hop", || {
                take_in(&mut underlay, &events);
                for request in underlay.poll(Instant::now()) {
                    requester.request(request).expect("the thread runs");
                }
                rings.solicitation(routers[at])
            });
            assert_eq!(port, Way::Port(PORTS[at]));
            // A solicited advertisement that overrides, with the target's link-layer address (RFC 4861 section 4.4).
            let mut advertisement = vec![136, 0, 0, 0, 0x60, 0, 0, 0];
            advertisement.extend(routers[at].octets());
            advertisement.extend([2, 1]);
            advertisement.extend(ROUTERS[at].octets());
            let frame = icmpv6((ROUTERS[at], macs[at]), routers[at], ours[at], &advertisement);
            rings.to_host.send(SlotClass::Other, Way::Port(PORTS[at]), &frame).expect("the ring is not full");
            let expected: Vec<_> = [("fd00::fe", 0), ("fd00:1::fe", 1)][..=at].to_vec();
            resolves(&mut underlay, &events, addr("fd0a::1"), paths(&expected));
        }
        assert_eq!(unresolved("fd00::77"), underlay.resolve(addr("fd00::77")));
    });
}

#[test]
fn a_frame_goes_into_the_tap_of_its_port_and_one_of_no_port_is_counted() {
    in_namespace(|| {
        let (_interfaces, taps) = set_up();
        let mut rings = Rings::start(taps);
        let solicit = |target: Ipv6Addr| {
            let mut message = vec![135, 0, 0, 0, 0, 0, 0, 0];
            message.extend(target.octets());
            message.extend([1, 1]);
            message.extend(ROUTERS[1].octets());
            message
        };
        // A solicitation for the second port's address, from the second port's router, by each port: it is answered by
        // the second interface alone, which alone has the source on its link.
        let (ours, router): (Ipv6Addr, Ipv6Addr) =
            ("fd00:1::1".parse().expect("legal"), "fd00:1::fe".parse().expect("legal"));
        let frame = icmpv6((ROUTERS[1], configs()[1].mac), router, ours, &solicit(ours));
        // Again and again: the kernel takes a moment to make a new address its own.
        let port = eventually("an advertisement", || {
            let _ = rings.to_host.send(SlotClass::Other, Way::Port(PORTS[1]), &frame);
            rings.from_host.receive(|slot| (slot.octets().get(54) == Some(&136)).then(|| slot.way()))?
        });
        assert_eq!(port, Way::Port(PORTS[1]));
        assert!(ip("-6 neigh show fd00:1::fe dev cw-host1").contains("02:00:00:00:00:0b"));
        rings.to_host.send(SlotClass::Other, Way::Port(7), &frame).expect("the ring is not full");
        eventually("the frame is counted", || (rings.io.snapshot().to_host_errors == 1).then_some(()));
        ip("link del cw-host0");
        eventually("the loss shows", || (rings.io.snapshot().read_errors > 0).then_some(()));
        rings.to_host.send(SlotClass::Other, Way::Port(PORTS[1]), &frame).expect("the ring is not full");
        eventually("the other interface is served all the same", || {
            rings.from_host.receive(|slot| (slot.octets().get(54) == Some(&136)).then(|| slot.way()))?
        });
    });
}
