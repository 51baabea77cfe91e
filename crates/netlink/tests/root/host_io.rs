use crate::follower::{one_path, take_in};
use crate::host_interface::{MAC, set_up};
use crate::namespace::{eventually, in_namespace, ip, sysctl};
use control::underlay::{KernelEvent, KernelRequest, Resolution, Underlay};
use crossbeam_channel::Receiver;
use netlink::{Follower, HostInterfaces, HostIo, HostIoHandle, Requester};
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};
use telemetry::slots::{SlotClass, SlotReceiver, SlotSender, Way, channel};
use wire::MacAddr;

const OURS: Ipv4Addr = Ipv4Addr::new(172, 16, 0, 1);
const PEER: Ipv4Addr = Ipv4Addr::new(172, 16, 0, 9);
const PEER_MAC: MacAddr = MacAddr::new([2, 0, 0, 0, 0, 9]);
const PORT: u16 = 3;
const REQUEST: u8 = 1;
const REPLY: u8 = 2;

/// An Ethernet frame with an ARP packet (RFC 826), padded to 60 octets.
fn arp(operation: u8, sender: (MacAddr, Ipv4Addr), target: (MacAddr, Ipv4Addr)) -> Vec<u8> {
    let to = if operation == REQUEST { MacAddr::BROADCAST } else { target.0 };
    let mut frame = [to.octets(), sender.0.octets()].concat();
    frame.extend([0x08, 0x06, 0, 1, 0x08, 0x00, 6, 4, 0, operation]);
    for (mac, address) in [sender, target] {
        frame.extend(mac.octets());
        frame.extend(address.octets());
    }
    frame.resize(60, 0);
    frame
}

/// A worker's ends of the rings and everything behind them.
struct Host {
    to_host: SlotSender,
    from_host: SlotReceiver,
    io: HostIoHandle,
    _interface: HostInterfaces,
}

impl Host {
    fn start(slots: usize) -> Self {
        // Made beforehand, so that Linux says nothing in IPv6 that was not asked for.
        ip("tuntap add cw-host0 mode tap");
        sysctl("ipv6/conf/cw-host0/disable_ipv6", "1");
        let (interface, tap) = set_up();
        let (to_host, host_side) = channel(16, 1_700);
        let (inject, from_host) = channel(slots, 1_700);
        let io = HostIo::start(vec![(PORT, tap)], vec![host_side], inject).expect("a thread can be started");
        Self { to_host, from_host, io, _interface: interface }
    }

    /// The next frame from the host with an ARP operation.
    fn arp_from_host(&mut self, operation: u8) -> Option<Vec<u8>> {
        let frame = self.from_host.receive(|slot| {
            assert_eq!(slot.way(), Way::Port(PORT));
            (slot.class() == SlotClass::Neighbour).then(|| slot.octets().to_vec())
        });
        frame.flatten().filter(|frame| frame[21] == operation)
    }
}

#[test]
fn the_kernel_answers_arp_for_the_fabric_address_with_the_port_s_mac() {
    in_namespace(|| {
        let mut host = Host::start(16);
        let asked = arp(REQUEST, (PEER_MAC, PEER), (MacAddr::ZERO, OURS));
        host.to_host.send(SlotClass::Neighbour, Way::Port(PORT), &asked).expect("the ring is empty");
        let reply = eventually("a reply", || host.arp_from_host(REPLY));
        assert_eq!(reply[..42], arp(REPLY, (MAC, OURS), (PEER_MAC, PEER))[..42]);
        let counters = host.io.stop();
        assert_eq!((counters.to_host_frames, counters.to_host_octets, counters.to_host_errors), (1, 60, 0));
        assert!(counters.from_host_frames >= 1 && counters.from_host_octets >= 42, "{counters:?}");
        assert_eq!((counters.from_host_full, counters.from_host_too_long, counters.read_errors), (0, 0, 0));
    });
}

/// What control does: applies events, passes requests on.
fn control_turn(underlay: &mut Underlay, events: &Receiver<KernelEvent>, requester: &Requester) -> usize {
    take_in(underlay, events);
    let requests = underlay.poll(Instant::now());
    for request in &requests {
        requester.request(request.clone()).expect("the netlink thread runs");
    }
    requests.len()
}

#[test]
fn a_tracked_vtep_is_resolved_kept_fresh_and_given_up_when_it_no_longer_answers() {
    in_namespace(|| {
        let mut host = Host::start(64);
        // Quicker than the defaults: 5 s before the first probe, probes a second apart.
        sysctl("ipv4/neigh/cw-host0/delay_first_probe_time", "1");
        sysctl("ipv4/neigh/cw-host0/retrans_time_ms", "200");
        let (_follower, events, requester) = Follower::start(1_024).expect("netlink is there");
        let mut underlay = Underlay::new(["cw-host0"]);
        underlay.track([PEER.into()]);

        let asked = eventually("the kernel asks for the next hop", || {
            control_turn(&mut underlay, &events, &requester);
            host.arp_from_host(REQUEST)
        });
        assert_eq!(asked[..42], arp(REQUEST, (MAC, OURS), (MacAddr::ZERO, PEER))[..42]);
        assert_eq!(underlay.resolve(PEER.into()), Resolution::Unresolved { next_hop: PEER.into() });

        let reply = arp(REPLY, (PEER_MAC, PEER), (MAC, OURS));
        host.to_host.send(SlotClass::Neighbour, Way::Port(PORT), &reply).expect("the ring is empty");
        let resolved = one_path(PEER.into(), PEER_MAC);
        eventually("the next hop is resolved", || {
            control_turn(&mut underlay, &events, &requester);
            (underlay.resolve(PEER.into()) == resolved).then_some(())
        });
        assert!(ip("neigh show 172.16.0.9 dev cw-host0").contains("REACHABLE"));

        // A stale entry is poked: the kernel asks the peer by unicast, which answers.
        ip("neigh change 172.16.0.9 lladdr 02:00:00:00:00:09 dev cw-host0 nud stale");
        let probe = eventually("the kernel verifies the stale next hop", || {
            control_turn(&mut underlay, &events, &requester);
            host.arp_from_host(REQUEST)
        });
        assert_eq!(probe[..6], PEER_MAC.octets(), "a probe is unicast");
        host.to_host.send(SlotClass::Neighbour, Way::Port(PORT), &reply).expect("the ring is empty");
        eventually("it is reachable again", || {
            ip("neigh show 172.16.0.9 dev cw-host0").contains("REACHABLE").then_some(())
        });
        control_turn(&mut underlay, &events, &requester);
        assert_eq!(underlay.resolve(PEER.into()), resolved);

        // Now it is dead.
        ip("neigh change 172.16.0.9 lladdr 02:00:00:00:00:09 dev cw-host0 nud stale");
        eventually("a dead next hop is given up", || {
            control_turn(&mut underlay, &events, &requester);
            while host.from_host.receive(|_| ()).is_some() {}
            (underlay.resolve(PEER.into()) == Resolution::Unresolved { next_hop: PEER.into() }).then_some(())
        });
        let asked_again = eventually("and asked for again", || {
            control_turn(&mut underlay, &events, &requester);
            host.arp_from_host(REQUEST)
        });
        assert_eq!(asked_again[..6], MacAddr::BROADCAST.octets());
    });
}

#[test]
fn a_request_for_an_interface_that_is_gone_does_no_harm() {
    in_namespace(|| {
        let _host = Host::start(16);
        let (follower, events, requester) = Follower::start(1_024).expect("netlink is there");
        let interface = control::underlay::InterfaceIndex(4_242);
        requester.request(KernelRequest::Resolve { address: PEER.into(), interface }).expect("the thread runs");
        let mut underlay = Underlay::new(["cw-host0"]);
        eventually("the listing comes all the same", || {
            take_in(&mut underlay, &events);
            (underlay.resolve(PEER.into()) == Resolution::Unresolved { next_hop: PEER.into() }).then_some(())
        });
        assert!(follower.is_running());
    });
}

#[test]
fn a_worker_that_does_not_take_its_frames_costs_counted_drops_and_nothing_else() {
    in_namespace(|| {
        let mut host = Host::start(4);
        ip("neigh add 172.16.0.9 lladdr 02:00:00:00:00:09 dev cw-host0");
        for _ in 0..20 {
            ip("neigh add 172.16.0.10 lladdr 02:00:00:00:00:10 dev cw-host0");
            ip("neigh del 172.16.0.10 dev cw-host0");
            let socket = std::net::UdpSocket::bind((OURS, 0)).expect("the address is ours");
            socket.send_to(&[0; 100], (PEER, 9)).expect("the route is there");
        }
        let counters = eventually("all 20 frames are accounted for", || {
            Some(host.io.snapshot()).filter(|c| c.from_host_frames + c.from_host_full == 20)
        });
        assert_eq!(counters.from_host_frames, 3, "one of four slots is kept for urgent frames");
        let asked = arp(REQUEST, (PEER_MAC, PEER), (MacAddr::ZERO, OURS));
        host.to_host.send(SlotClass::Neighbour, Way::Port(PORT), &asked).expect("the ring is empty");
        eventually("the urgent frame gets through", || (host.io.snapshot().from_host_frames == 4).then_some(()));
    });
}

#[test]
fn a_frame_longer_than_a_slot_is_counted_and_not_passed_on() {
    in_namespace(|| {
        let mut host = Host::start(16);
        ip("neigh add 172.16.0.9 lladdr 02:00:00:00:00:09 dev cw-host0");
        ip("link set cw-host0 mtu 9000");
        let socket = std::net::UdpSocket::bind((OURS, 0)).expect("the address is ours");
        socket.send_to(&[0; 4_000], (PEER, 9)).expect("the route is there");
        eventually("the drop is counted", || (host.io.snapshot().from_host_too_long == 1).then_some(()));
        assert_eq!(host.from_host.receive(|_| ()), None);
    });
}

#[test]
fn frames_for_an_interface_that_is_down_are_counted_and_flow_again_when_it_is_up() {
    in_namespace(|| {
        let mut host = Host::start(16);
        let asked = arp(REQUEST, (PEER_MAC, PEER), (MacAddr::ZERO, OURS));
        ip("link set cw-host0 down");
        host.to_host.send(SlotClass::Neighbour, Way::Port(PORT), &asked).expect("the ring is empty");
        eventually("the error is counted", || (host.io.snapshot().to_host_errors == 1).then_some(()));
        ip("link set cw-host0 up");
        host.to_host.send(SlotClass::Neighbour, Way::Port(PORT), &asked).expect("the ring is empty");
        eventually("a reply", || host.arp_from_host(REPLY));
    });
}

#[test]
fn a_deleted_interface_neither_spins_nor_stops_the_thread() {
    in_namespace(|| {
        let mut host = Host::start(16);
        ip("link del cw-host0");
        eventually("the loss shows", || (host.io.snapshot().read_errors > 3).then_some(()));
        let before = host.io.snapshot().read_errors;
        std::thread::sleep(Duration::from_millis(200));
        let errors = host.io.snapshot().read_errors - before;
        assert!(errors <= 200, "{errors} turns in 200 ms: more than one a millisecond");
        host.to_host.send(SlotClass::Other, Way::Port(PORT), &[0; 60]).expect("the ring is empty");
        eventually("the worker's frames are still taken", || (host.io.snapshot().to_host_errors == 1).then_some(()));
        assert!(host.io.is_running());
        host.io.stop();
    });
}

#[test]
fn a_flood_of_the_host_s_is_policed_and_takes_no_slot_from_urgent_frames() {
    in_namespace(|| {
        // More slots than the burst of a class, and nobody takes anything out: only the policer can stop the flood.
        let mut host = Host::start(2_048);
        let asked = arp(REQUEST, (PEER_MAC, PEER), (MacAddr::ZERO, OURS));
        host.to_host.send(SlotClass::Neighbour, Way::Port(PORT), &asked).expect("the ring is empty");
        eventually("the kernel answers", || host.arp_from_host(REPLY));
        ip(&format!("neigh replace {PEER} lladdr {PEER_MAC} dev cw-host0"));
        let socket = std::net::UdpSocket::bind((OURS, 0)).expect("the address is up");
        let flood = Instant::now();
        let mut sent = 0u64;
        while host.io.snapshot().from_host_policed == 0 && flood.elapsed() < Duration::from_secs(5) {
            sent += u64::from(socket.send_to(&[0; 100], (PEER, 5_000)).is_ok());
        }
        let seen = host.io.snapshot();
        let other = seen.classes[SlotClass::Other as usize].from_host;
        assert!(other.policed > 0 && other.passed >= 256, "{other:?} of {sent} sent");
        host.to_host.send(SlotClass::Neighbour, Way::Port(PORT), &asked).expect("the ring is empty");
        eventually("an answer in the flood", || (0..2_048).find_map(|_| host.arp_from_host(REPLY)));
        assert_eq!(host.io.stop().classes[SlotClass::Neighbour as usize].from_host.policed, 0);
    });
}
