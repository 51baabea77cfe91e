//! Ports that the kernel sees, in a network namespace of their own: TAP and af_packet. Needs root and iproute2.

mod support;

use arrayvec::ArrayVec;
use dpdk::{Eal, Mbuf, Pool, Port, PortConfig, PortKind, Problem, RxQueue, SharedMbuf, TxQueue, free_bulk};
use std::process::Command;
use std::time::{Duration, Instant};
use support::{frame, port_config};

const NAMESPACE: &str = "cwtest-dpdk-tap";

/// The far end of what these tests wait for; everything happens within milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);

struct Bench {
    eal: Eal,
    pool: Pool,
}

fn main() {
    match support::scenario().as_deref() {
        None => {
            let _namespace = Namespace::new();
            let inside = ["ip", "netns", "exec", NAMESPACE];
            let output = support::succeed(support::child("inside", &inside));
            print!("{}", String::from_utf8_lossy(&output.stdout));
            println!("test a TAP port without the right to make one says which right ...");
            let powerless = ["setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin"];
            support::succeed(support::child("powerless", &powerless));
        }
        Some("powerless") => powerless(),
        Some(_) => inside(),
    }
}

struct Namespace;

impl Namespace {
    fn new() -> Self {
        ip(&["netns", "add", NAMESPACE]);
        Self
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "delete", NAMESPACE]).status();
    }
}

fn ip(arguments: &[&str]) {
    let status = Command::new("ip").args(arguments).status().expect("iproute2 is installed");
    assert!(status.success(), "ip {}", arguments.join(" "));
}

fn inside() {
    let eal = Eal::start(&support::config("tap")).expect("ordinary memory and a free prefix");
    let pool = support::pool(&eal, "tap");
    support::run(
        &Bench { eal, pool },
        &[
            ("the kernel answers ARP through a TAP port", arp),
            ("frames above the driver's own limit pass a TAP port both ways", oversize),
            ("a TAP port follows its netdev and goes with its handles", follow),
            ("a TAP port has a queue per worker", queues),
            ("an af_packet port leaves or takes the tag as asked, and sends segments whole", af_packet),
        ],
    );
}

fn powerless() {
    let eal = Eal::start(&support::config("powerless")).expect("ordinary memory needs no rights");
    let pool = support::pool(&eal, "powerless");
    let error = Port::open(&eal, &port_config("net_tap0,iface=cwt-none"), &[pool]).expect_err("no CAP_NET_ADMIN");
    assert!(matches!(error.problem, Problem::MissingRights { .. }), "{error:?}");
}

fn open(bench: &Bench, config: &PortConfig) -> (Port, RxQueue, TxQueue) {
    let (port, mut rx, mut tx) =
        Port::open(&bench.eal, config, std::slice::from_ref(&bench.pool)).unwrap_or_else(|error| panic!("{error}"));
    (port, rx.remove(0), tx.remove(0))
}

fn sysfs(netdev: &str, file: &str) -> Option<String> {
    Some(std::fs::read_to_string(format!("/sys/class/net/{netdev}/{file}")).ok()?.trim().to_owned())
}

/// Asks again until there is an answer.
fn wait<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        if let Some(found) = look() {
            return found;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("{what} did not happen within {PATIENCE:?}");
}

/// Those of the next frames to arrive that are `wanted`, at least one.
fn receive(rx: &mut RxQueue, wanted: impl Fn(&Mbuf) -> bool) -> ArrayVec<Mbuf, 32> {
    wait("the frame's arrival", || {
        let mut burst = ArrayVec::<Mbuf, 32>::new();
        rx.burst(&mut burst);
        burst.retain(|frame| wanted(frame));
        (!burst.is_empty()).then_some(burst)
    })
}

const OURS: [u8; 6] = [2, 0, 0, 0, 0, 2];

/// Who has 10.99.0.1? Tell 10.99.0.2 (RFC 826).
fn arp_request() -> Vec<u8> {
    let mut octets = [&[0xff; 6][..], &OURS, &[8, 6, 0, 1, 8, 0, 6, 4, 0, 1], &OURS, &[10, 99, 0, 2]].concat();
    octets.extend([0, 0, 0, 0, 0, 0, 10, 99, 0, 1]);
    octets
}

fn send(bench: &Bench, tx: &mut TxQueue, octets: &[u8]) {
    let mut burst = ArrayVec::<Mbuf, 1>::new();
    burst.push(frame(&bench.pool, octets));
    assert_eq!(tx.burst(&mut burst), 1);
}

fn arp(bench: &Bench) {
    let mut config = port_config("net_tap0,iface=cwt-tap0");
    (config.mtu, config.promiscuous) = (1600, true);
    let (port, mut rx, mut tx) = open(bench, &config);
    let report = port.report();
    assert_eq!((report.kind, report.mtu, report.promiscuous), (PortKind::Tap, 1600, true));
    assert!(report.granted.multi_segment_transmit && !report.link_events);
    assert_eq!(sysfs("cwt-tap0", "mtu").as_deref(), Some("1600"));

    ip(&["addr", "add", "10.99.0.1/24", "dev", "cwt-tap0"]);
    send(bench, &mut tx, &arp_request());
    let is_answer = |frame: &Mbuf| frame.octets().get(12..14) == Some(&[8, 6]) && frame.octets()[..6] == OURS;
    let answers = receive(&mut rx, is_answer);
    let answer = &answers[0];
    assert_eq!((&answer.octets()[6..12], &answer.octets()[20..22]), (&report.mac[..], &[0, 2][..]));
    assert_eq!(&answer.octets()[28..32], [10, 99, 0, 1]);
    drop(answers);
    let stats = port.stats().expect("TAP counts");
    assert!(stats.rx_packets >= 1 && stats.tx_packets == 1 && stats.tx_octets == 42, "{stats:?}");

    drop((port, rx, tx));
    assert_eq!(bench.pool.in_use(), 0);
    assert_eq!(sysfs("cwt-tap0", "mtu"), None, "the netdev is gone");
}

/// An echo request (RFC 792) of `length` octets of payload from 10.99.0.2 to 10.99.0.1, without Ethernet header.
fn echo_request(length: u16) -> Vec<u8> {
    let sum = |octets: &[u8]| {
        let words = octets.chunks(2).map(|word| u32::from(word[0]) << 8 | u32::from(*word.get(1).unwrap_or(&0)));
        let sum = words.sum::<u32>();
        let folded = (sum & 0xffff) + (sum >> 16);
        (!u16::try_from((folded & 0xffff) + (folded >> 16)).expect("folded twice")).to_be_bytes()
    };
    let mut ip =
        [&[0x45, 0][..], &(28 + length).to_be_bytes(), &[0, 0, 0, 0, 64, 1, 0, 0], &[10, 99, 0, 2, 10, 99, 0, 1]]
            .concat();
    let checksum = sum(&ip);
    ip[10..12].copy_from_slice(&checksum);
    let mut icmp = vec![8, 0, 0, 0, 0, 1, 0, 1];
    icmp.extend((0..length).map(|octet| octet as u8));
    let checksum = sum(&icmp);
    icmp[2..4].copy_from_slice(&checksum);
    [ip, icmp].concat()
}

fn oversize(bench: &Bench) {
    let mut config = port_config("net_tap0,iface=cwt-tap0");
    config.mtu = 1700;
    let (port, mut rx, mut tx) = open(bench, &config);
    ip(&["addr", "add", "10.99.0.1/24", "dev", "cwt-tap0"]);
    ip(&["neigh", "add", "10.99.0.2", "lladdr", "02:00:00:00:00:02", "dev", "cwt-tap0"]);
    let request = echo_request(1700 - 28);
    // Headers and payload in segments of their own, as a flooded frame has them.
    let payload = SharedMbuf::from(frame(&bench.pool, &request));
    let header = [&port.report().mac[..], &OURS, &[8, 0]].concat();
    let mut burst = ArrayVec::<Mbuf, 2>::new();
    burst.push(payload.chain(frame(&bench.pool, &header)).expect("one segment"));
    burst.push(frame(&bench.pool, &[header, request.clone()].concat()));
    assert_eq!(tx.burst(&mut burst), 2);
    let mut answers = 0;
    while answers < 2 {
        for answer in receive(&mut rx, |frame| frame.octets().get(23) == Some(&1) && frame.octets().get(34) == Some(&0))
        {
            assert_eq!((answer.len(), answer.segments(), &answer.octets()[42..]), (1714, 1, &request[28..]));
            answers += 1;
        }
    }

    // What the netdev refuses comes back with its true length.
    ip(&["link", "set", "cwt-tap0", "down"]);
    burst.push(payload.chain(frame(&bench.pool, &[0; 14])).expect("one segment"));
    assert_eq!((tx.burst(&mut burst), burst.len()), (0, 1));
    assert_eq!(burst[0].total_len(), 1714);
    drop((burst, payload, port, rx, tx));
    assert_eq!(bench.pool.in_use(), 0);
}

fn follow(bench: &Bench) {
    let (mut port, ..) = open(bench, &port_config("net_tap0,iface=cwt-tap0"));
    let link = port.link_change().expect("TAP has a link").expect("the first look");
    assert!(link.up);
    assert_eq!(port.link_change().expect("TAP has a link"), None);
    ip(&["link", "set", "cwt-tap0", "down"]);
    assert!(!wait("link down", || port.link_change().expect("TAP has a link")).up);
    ip(&["link", "set", "cwt-tap0", "up"]);
    assert!(wait("link up", || port.link_change().expect("TAP has a link")).up);
    port.set_link(false).expect("TAP can");
    assert!(!wait("link down", || port.link_change().expect("TAP has a link")).up);
}

fn queues(bench: &Bench) {
    let mut config = port_config("net_tap0,iface=cwt-tap0");
    config.tx_queues = 2;
    let pools = [bench.pool.clone(), bench.pool.clone()];
    let (port, rx, tx) = Port::open(&bench.eal, &config, &pools).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((rx.len(), tx.len(), port.report().rx_queues), (2, 2, 2));
    assert_eq!(rx.iter().map(RxQueue::queue).collect::<Vec<_>>(), [0, 1]);
}

fn af_packet(bench: &Bench) {
    ip(&["link", "add", "cwt-a", "type", "veth", "peer", "name", "cwt-b"]);
    for netdev in ["cwt-a", "cwt-b"] {
        ip(&["link", "set", netdev, "up"]);
    }
    for strip in [true, false] {
        let mut config = port_config("net_af_packet1,iface=cwt-b");
        config.offloads.vlan_strip = strip;
        config.mtu = 1600;
        let (b, mut rx, _b_tx) = open(bench, &config);
        config.device = "net_af_packet0,iface=cwt-a".parse().expect("a device");
        let (a, _a_rx, mut tx) = open(bench, &config);
        assert_eq!((a.report().kind, a.report().mtu, b.report().granted.vlan_strip), (PortKind::AfPacket, 1600, strip));
        assert!(a.report().granted.multi_segment_transmit);
        let header = [&[0xff; 6][..], &OURS, &[0x81, 0, 0x60, 100], &[0x88, 0xb5]].concat();
        let payload = SharedMbuf::from(frame(&bench.pool, &[7; 1600]));
        let mut burst = ArrayVec::<Mbuf, 1>::new();
        burst.push(payload.chain(frame(&bench.pool, &header)).expect("one segment"));
        assert_eq!(tx.burst(&mut burst), 1);
        let mut arrived = receive(&mut rx, |frame| frame.octets().ends_with(&[7; 1600]));
        let expected =
            if strip { [&header[..12], &header[16..], payload.octets()] } else { [&header[..], &[], payload.octets()] };
        assert_eq!(arrived[0].octets(), expected.concat());
        assert_eq!(arrived[0].stripped_tci(), strip.then_some(0x6064));
        free_bulk(&mut arrived);
        drop(payload);
    }
    assert_eq!(bench.pool.in_use(), 0);
}
