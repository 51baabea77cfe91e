//! Ports on drivers that need nothing from the system: ring, null, pcap; and every way a port can be refused.

mod support;

use arrayvec::ArrayVec;
use dpdk::{
    Eal, Mbuf, Offloads, PciAddress, Pool, PoolConfig, Port, PortConfig, PortError, PortKind, Problem, RxQueue,
    SharedMbuf, TxQueue, free_bulk,
};
use std::fs;
use support::{frame, port_config};

struct Bench {
    eal: Eal,
    pool: Pool,
}

/// A PCI function that no machine has.
const ABSENT: &str = "ffff:ff:1f.7";

fn main() {
    let absent: PciAddress = ABSENT.parse().expect("an address");
    let mut config = support::config("ports");
    config.pci_devices.push(absent);
    let eal = Eal::start(&config).expect("an absent PCI function is the port's error");
    let pool = support::pool(&eal, "ports");
    let bench = Bench { eal, pool };
    support::run(
        &bench,
        &[
            ("a ring gives back what it was given, in order", ring_order),
            ("a full ring leaves the rest in front", ring_full),
            ("a frame with a shared payload crosses a ring whole", ring_shared),
            ("a null port makes frames and swallows them", null),
            ("a pcap repeats its file for ever, without a transmit stream", pcap),
            ("a queue keeps its port running, and the device can be opened again", queues_keep_the_port),
            ("counters and link are read", stats_and_link),
            ("an unknown driver is refused", unknown_driver),
            ("wrong arguments are refused with the driver's words", wrong_arguments),
            ("an absent PCI function is refused", absent_pci),
            ("a device is one port at a time", in_use),
            ("queues, MTU and buffers must fit the device", misfits),
            ("offloads are granted only when asked for", segments),
        ],
    );
}

fn open(bench: &Bench, device: &str) -> (Port, RxQueue, TxQueue) {
    open_with(bench, &port_config(device))
}

fn open_with(bench: &Bench, config: &PortConfig) -> (Port, RxQueue, TxQueue) {
    let (port, mut rx, mut tx) =
        Port::open(&bench.eal, config, std::slice::from_ref(&bench.pool)).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((rx.len(), tx.len()), (1, 1));
    (port, rx.remove(0), tx.remove(0))
}

fn refused(bench: &Bench, config: &PortConfig) -> PortError {
    let in_use = bench.pool.in_use();
    let error = Port::open(&bench.eal, config, std::slice::from_ref(&bench.pool)).expect_err("cannot be opened");
    assert_eq!(bench.pool.in_use(), in_use, "nothing is left behind");
    let text = error.to_string();
    assert!(text.contains("`test`") && text.contains(&config.device.to_string()), "{text}");
    error
}

fn ring_order(bench: &Bench) {
    let (port, mut rx, mut tx) = open(bench, "net_ring0");
    assert_eq!((port.report().kind, port.report().mtu), (PortKind::Ring, 1500));
    let mut sent = 0u32;
    let mut received = 0u32;
    for round in 0..200 {
        let mut burst = ArrayVec::<Mbuf, 32>::new();
        for _ in 0..=round % 32 {
            burst.push(frame(&bench.pool, &sent.to_be_bytes().repeat(16)));
            sent += 1;
        }
        assert_eq!(tx.burst(&mut burst), round % 32 + 1);
        assert!(burst.is_empty());
        // Receives behind what is there already.
        let mut arrived = ArrayVec::<Mbuf, 32>::new();
        while received < sent {
            arrived.push(frame(&bench.pool, b"stays in front"));
            assert_ne!(rx.burst(&mut arrived), 0);
            assert_eq!(arrived[0].octets(), b"stays in front");
            for frame in &arrived[1..] {
                assert_eq!(frame.octets(), received.to_be_bytes().repeat(16));
                received += 1;
            }
            free_bulk(&mut arrived);
        }
    }
    drop((port, rx, tx));
    assert_eq!(bench.pool.in_use(), 0);
}

fn ring_full(bench: &Bench) {
    let (_port, mut rx, mut tx) = open(bench, "net_ring0");
    let mut number = 0u16;
    loop {
        let mut burst = ArrayVec::<Mbuf, 30>::new();
        for _ in 0..30 {
            burst.push(frame(&bench.pool, &number.to_be_bytes()));
            number += 1;
        }
        let sent = tx.burst(&mut burst);
        assert_eq!(burst.len(), 30 - sent);
        if sent < 30 {
            let first = number - u16::try_from(burst.len()).expect("at most 30");
            for (frame, expected) in burst.iter().zip(first..) {
                assert_eq!(frame.octets(), expected.to_be_bytes());
            }
            assert_eq!(tx.burst(&mut burst), 0, "still full");
            break;
        }
    }
    let mut out = ArrayVec::<Mbuf, 32>::new();
    while rx.burst(&mut out) > 0 {
        free_bulk(&mut out);
    }
    assert_eq!(bench.pool.in_use(), 0);
}

fn ring_shared(bench: &Bench) {
    let (_port, mut rx, mut tx) = open(bench, "net_ring0");
    let payload = SharedMbuf::from(frame(&bench.pool, &[9; 1000]));
    let mut burst: ArrayVec<Mbuf, 4> =
        (0..4u8).map(|to| payload.chain(frame(&bench.pool, &[to; 50])).expect("one segment")).collect();
    assert_eq!(tx.burst(&mut burst), 4);
    drop(payload);
    assert_eq!(bench.pool.in_use(), 5);
    let mut out = ArrayVec::<Mbuf, 32>::new();
    assert_eq!(rx.burst(&mut out), 4);
    for (frame, to) in out.iter().zip(0..) {
        assert_eq!((frame.octets(), frame.total_len(), frame.segments()), (&[to; 50][..], 1050, 2));
    }
    out.truncate(1);
    assert_eq!(bench.pool.in_use(), 2);
    drop(out);
    assert_eq!(bench.pool.in_use(), 0);
}

fn null(bench: &Bench) {
    let (port, mut rx, mut tx) = open(bench, "net_null0,size=64");
    assert_eq!(port.report().kind, PortKind::Null);
    let mut burst = ArrayVec::<Mbuf, 32>::new();
    assert_eq!(rx.burst(&mut burst), 32);
    assert!(burst.iter().all(|frame| frame.len() == 64 && frame.port() == port.report().id));
    assert_eq!(tx.burst(&mut burst), 32);
    assert_eq!((burst.len(), bench.pool.in_use()), (0, 0));
    drop((port, rx, tx));

    let (_port, mut rx, _tx) = open(bench, "net_null0,no-rx=1");
    assert_eq!(rx.burst(&mut burst), 0);
}

/// A capture file of `frames`, in libpcap's format 2.4.
fn write_pcap(path: &std::path::Path, frames: &[Vec<u8>]) {
    let mut file: Vec<u8> =
        [0xa1b2_c3d4u32, 0x0004_0002, 0, 0, 65_535, 1].iter().flat_map(|word| word.to_le_bytes()).collect();
    for frame in frames {
        let length = u32::try_from(frame.len()).expect("short");
        file.extend([0, 0, length, length].iter().flat_map(|word| word.to_le_bytes()));
        file.extend(frame);
    }
    fs::write(path, file).expect("temporary file");
}

fn pcap(bench: &Bench) {
    let path = std::env::temp_dir().join(format!("cwtest-dpdk-{}.pcap", std::process::id()));
    let frames: Vec<Vec<u8>> = (1..=5u8).map(|number| vec![number; 60 + usize::from(number)]).collect();
    write_pcap(&path, &frames);
    let (port, mut rx, mut tx) = open(bench, &format!("net_pcap0,rx_pcap={},infinite_rx=1", path.display()));
    assert_eq!(port.report().kind, PortKind::Pcap);
    let mut burst = ArrayVec::<Mbuf, 32>::new();
    let mut expected = frames.iter().cycle();
    for _ in 0..100 {
        assert_ne!(rx.burst(&mut burst), 0);
        for frame in &burst {
            assert_eq!(Some(frame.octets()), expected.next().map(Vec::as_slice));
        }
        assert_ne!(tx.burst(&mut burst), 0);
        free_bulk(&mut burst);
    }
    drop((port, rx, tx));
    assert_eq!(bench.pool.in_use(), 0);
    fs::remove_file(path).expect("written above");
}

fn queues_keep_the_port(bench: &Bench) {
    let (port, rx, mut tx) = open(bench, "net_ring0");
    drop((port, rx));
    let mut burst = ArrayVec::<Mbuf, 1>::new();
    burst.push(frame(&bench.pool, b"left inside"));
    assert_eq!(tx.burst(&mut burst), 1);
    let error = refused(bench, &port_config("net_ring0"));
    assert!(matches!(error.problem, Problem::InUse), "{error}");
    drop(tx);
    let (_port, mut rx, _tx) = open(bench, "net_ring0");
    let mut out = ArrayVec::<Mbuf, 32>::new();
    rx.burst(&mut out);
    drop(out);
    assert_eq!(bench.pool.in_use(), 0);
}

fn stats_and_link(bench: &Bench) {
    let (mut port, mut rx, mut tx) = open(bench, "net_ring0");
    let mut burst = ArrayVec::<Mbuf, 2>::new();
    burst.push(frame(&bench.pool, &[1; 60]));
    burst.push(frame(&bench.pool, &[2; 60]));
    tx.burst(&mut burst);
    rx.burst(&mut ArrayVec::<Mbuf, 32>::new());
    let stats = port.stats().expect("ring counts");
    assert_eq!((stats.tx_packets, stats.rx_packets), (2, 2));
    let link = port.link_change().expect("ring has a link").expect("the first look is a change");
    assert!(link.up);
    assert_eq!(port.link_change().expect("ring has a link"), None);
    port.set_link(false).expect("ring can");
    assert!(!port.link_change().expect("ring has a link").expect("it changed").up);
    port.set_link(true).expect("ring can");
    assert!(port.link_change().expect("ring has a link").expect("it changed").up);
}

fn unknown_driver(bench: &Bench) {
    let error = refused(bench, &port_config("net_nosuch0"));
    assert!(matches!(error.problem, Problem::UnknownDriver { .. }), "{error:?}");
}

fn wrong_arguments(bench: &Bench) {
    for device in ["net_null0,nosuch=1", "net_pcap0,rx_pcap=/no/such/file", "net_af_packet0,iface=cwtest-none"] {
        let error = refused(bench, &port_config(device));
        let Problem::Probe { complaint, .. } = &error.problem else { panic!("{error:?}") };
        assert_ne!(complaint.lines().count(), 0, "{error}");
        println!("    {error}");
    }
}

fn absent_pci(bench: &Bench) {
    for device in [ABSENT, "fffe:00:00.0"] {
        let error = refused(bench, &port_config(device));
        assert!(matches!(error.problem, Problem::UnknownPci), "{error:?}");
    }
}

fn in_use(bench: &Bench) {
    let _first = open(bench, "net_null0,no-rx=1");
    let error = refused(bench, &port_config("net_null0"));
    assert!(matches!(error.problem, Problem::InUse), "{error:?}");
}

fn misfits(bench: &Bench) {
    let config = |change: &dyn Fn(&mut PortConfig)| {
        let mut config = port_config("net_ring0");
        change(&mut config);
        config
    };
    let error = refused(bench, &config(&|config| config.tx_queues = 2000));
    assert!(matches!(error.problem, Problem::Queues { direction: "transmit", asked: 2000, .. }), "{error:?}");
    let error = refused(bench, &config(&|config| config.tx_queues = 0));
    assert!(matches!(error.problem, Problem::Queues { asked: 0, .. }), "{error:?}");
    let error = refused(bench, &config(&|config| config.mtu = 20));
    assert!(matches!(error.problem, Problem::Mtu { asked: 20, .. }), "{error:?}");
    let error = refused(bench, &config(&|config| config.mtu = 2030));
    assert!(matches!(error.problem, Problem::Buffer { needed: 2056, data_room: 2048, .. }), "{error:?}");

    let large = PoolConfig { cache: 32, data_room_octets: 9100, ..PoolConfig::new("jumbo", 255) };
    let large = Pool::new(&bench.eal, &large).expect("2 MB");
    let jumbo = config(&|config| config.mtu = 9000);
    let (port, _, _) = Port::open(&bench.eal, &jumbo, &[large]).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(port.report().mtu, 9000);
}

fn segments(bench: &Bench) {
    for device in ["net_null0", "net_ring0"] {
        let (port, ..) = open(bench, device);
        assert!(port.report().granted.multi_segment_transmit);
    }
    let mut config = port_config("net_ring0");
    config.offloads = Offloads::NONE;
    let (port, ..) = open_with(bench, &config);
    assert_eq!((port.report().asked, port.report().granted), (Offloads::NONE, Offloads::NONE));
}
