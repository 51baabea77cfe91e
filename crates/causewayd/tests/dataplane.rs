//! The pipeline on DPDK's own buffers: frames come in by memory rings and go out to files, where libpcap puts them
//! together from their segments; replicas by reference; and every buffer back at the end.
//!
//! One test, since EAL starts once in a process.

use arrayvec::ArrayVec;
use causewayd::driver::{DpdkPool, DpdkRx, DpdkTx, TscClock};
use datapath::io::Outgoing;
use datapath::{Inlet, Outlet, OutletConfig, Polling, Role, Worker};
use dpdk::{Eal, EalConfig, Mbuf, Memory, Pool, PoolConfig, Port, PortConfig, RxQueue, TxQueue};
use fib::{
    Builder, Destination, Fabric, Link, NetworkId, NetworkSpec, NexthopId, Path, PortIndex, Snapshot, SourceCheck,
    Target, TunnelId, TunnelSpec, VifIndex, VifSpec,
};
use rcu::Publisher;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use telemetry::{DropReason, WorkerTelemetry};
use wire::{Encapsulation, MacAddr, VlanId, Vni};

const OURS: MacAddr = MacAddr::new([2, 0, 0, 0, 0, 1]);
const ROUTER: MacAddr = MacAddr::new([2, 0, 0, 0, 0, 0x99]);
const REMOTE: MacAddr = MacAddr::new([2, 0, 0, 0, 0x20, 0]);
const VNI: u64 = 5000;
const HERE: Ipv4Addr = Ipv4Addr::new(172, 16, 0, 1);

fn local(n: u8) -> MacAddr {
    MacAddr::new([2, 0, 0, 0, 0x10, n])
}

fn vtep(n: u8) -> Ipv4Addr {
    Ipv4Addr::new(172, 16, 0, 10 + n)
}

/// One network: VLANs 100 to 102 of port 0, and two VTEPs, the first of which has `REMOTE`.
fn snapshot() -> Snapshot {
    let port = PortIndex::new(1).expect("a legal port");
    let fabric = Fabric {
        links: vec![Link { port, mac: OURS, mtu: 1600 }],
        vlan: None,
        address: Some(HERE),
        address_v6: None,
        dont_fragment: true,
        source_check: SourceCheck::Known,
        udp6_zero_checksum_tx: false,
        udp6_zero_checksum_rx: false,
        dscp: [0; 16],
    };
    let paths = [Path { port, next_hop: ROUTER }];
    let (network, vni) = (NetworkId::new(0).expect("a row"), Vni::try_from(VNI).expect("a legal VNI"));
    let mut b = Builder::new(fabric, 1);
    let spec = NetworkSpec::new(vni);
    b.add_network(network, spec).expect("the first network");
    for n in 0..3u8 {
        let (port, vlan) = (PortIndex::new(0).expect("a port"), VlanId::try_from(100 + u32::from(n)).expect("a VLAN"));
        let sources = &[local(n)];
        let spec = VifSpec { network, port, vlan, inner: None, sources, max_payload: 1500, label: None };
        b.add_vif(VifIndex::new(n.into()).expect("a row"), spec).expect("a free VLAN");
    }
    for n in 0..2u8 {
        let (tunnel, remote) = (TunnelId::new(n.into()).expect("a row"), vtep(n));
        let spec = TunnelSpec { remote: remote.into(), encapsulation: Encapsulation::Vxlan, paths: &paths };
        b.add_tunnel(tunnel, spec).expect("a free row");
        b.add_nexthop(NexthopId::new(n.into()).expect("a row"), tunnel, Target::Vni(vni)).expect("a free row");
    }
    let nexthops = [0, 1].map(|n| NexthopId::new(n).expect("a row"));
    b.set_remote(network, &nexthops, &[vtep(0).into(), vtep(1).into()]).expect("both exist");
    b.set_mac(network, REMOTE, Destination::Remote(nexthops[0])).expect("it exists");
    b.finish()
}

/// A frame of VLAN `vlan` with `payload` octets that count upwards.
fn tagged(destination: MacAddr, source: MacAddr, vlan: u16, payload: usize) -> Vec<u8> {
    let mut frame = [destination.octets(), source.octets()].concat();
    frame.extend([0x81, 0]);
    frame.extend(vlan.to_be_bytes());
    frame.extend([0x88, 0xb5]);
    frame.extend((0..payload).map(|n| n as u8));
    frame
}

/// What of a tagged frame is inside a tunnel.
fn untagged(frame: &[u8]) -> Vec<u8> {
    [&frame[..12], &frame[16..]].concat()
}

/// A port with its only queues.
struct Opened {
    port: Port,
    rx: RxQueue,
    tx: TxQueue,
}

fn open(eal: &Eal, device: &str, pool: &Pool) -> Opened {
    let config = PortConfig::new(device, device.parse().expect("a legal device"));
    let (port, mut rx, mut tx) = Port::open(eal, &config, std::slice::from_ref(pool)).expect("a virtual port opens");
    Opened { port, rx: rx.pop().expect("one queue"), tx: tx.pop().expect("one queue") }
}

/// A file that a port writes its frames to.
struct Written {
    path: PathBuf,
    seen: usize,
}

impl Written {
    /// The frames that are new since the last call. The driver flushes the file after each burst, header included.
    fn frames(&mut self) -> Vec<Vec<u8>> {
        const FILE_HEADER: usize = 24;
        const RECORD_HEADER: usize = 16;
        let file = std::fs::read(&self.path).expect("the port made the file");
        let (mut rest, mut all) = (file.get(FILE_HEADER..).unwrap_or(&[]), Vec::new());
        while let Some((header, body)) = rest.split_first_chunk::<RECORD_HEADER>() {
            let [.., a, b, c, d, _, _, _, _] = *header;
            let (frame, next) = body.split_at(u32::from_le_bytes([a, b, c, d]) as usize);
            all.push(frame.to_vec());
            rest = next;
        }
        let new = all.split_off(self.seen);
        self.seen += new.len();
        new
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.path));
    }
}

/// The gateway: access and fabric side each a ring that it receives from and a file that it sends to.
struct Rig {
    worker: Worker<DpdkPool, DpdkRx, DpdkTx, TscClock>,
    pool: Pool,
    telemetry: Arc<WorkerTelemetry>,
    inward: [TxQueue; 2],
    outward: [Written; 2],
    _ports: Vec<Port>,
    _snapshots: Publisher<Snapshot>,
}

impl Rig {
    fn new(eal: &Eal) -> Self {
        let pool = Pool::new(eal, &PoolConfig::new("rig", 4095)).expect("128 MB hold that");
        let mut snapshots = Publisher::new(snapshot());
        let telemetry = Arc::new(WorkerTelemetry::new(8));
        let (mut inlets, mut queues, mut inward, mut outward, mut ports) = (vec![], vec![], vec![], vec![], vec![]);
        for (n, role) in [Role::Access, Role::Fabric].into_iter().enumerate() {
            let number = PortIndex::new(n).expect("a port");
            let path = std::env::temp_dir().join(format!("cwtest-dataplane-{}-{n}.pcap", std::process::id()));
            let ring = open(eal, &format!("net_ring{n}"), &pool);
            let file = open(eal, &format!("net_pcap{n},tx_pcap={}", path.display()), &pool);
            inlets.push(Inlet::new(number, role, DpdkRx::new(ring.rx)));
            queues.push(Outgoing { port: number, queue: DpdkTx::new(file.tx, true) });
            inward.push(ring.tx);
            outward.push(Written { path, seen: 0 });
            ports.extend([ring.port, file.port]);
        }
        let buffers = DpdkPool::new(pool.clone());
        let config = OutletConfig::new(buffers, queues, Arc::clone(&telemetry));
        let clock = TscClock::new(dpdk::lcore::tsc_hz(eal));
        let worker = Worker::new(inlets, Outlet::new(config), snapshots.reader(), Vec::new(), clock, Polling::Busy);
        let inward = inward.try_into().expect("two sides");
        let outward = outward.try_into().unwrap_or_else(|_| unreachable!("two sides"));
        Self { worker, pool, telemetry, inward, outward, _ports: ports, _snapshots: snapshots }
    }

    /// Sends one frame to a side of the gateway, lets it work, and returns what came out, by side.
    fn pass(&mut self, side: usize, frame: &[u8]) -> [Vec<Vec<u8>>; 2] {
        let mut mbuf = self.pool.alloc().expect("nothing is kept");
        mbuf.append(frame.len() as u16).expect("it fits").copy_from_slice(frame);
        let mut one: ArrayVec<Mbuf, 1> = ArrayVec::from([mbuf]);
        assert_eq!(self.inward[side].burst(&mut one), 1);
        assert_eq!(self.worker.run_rounds(1, &mut ()), 1);
        let [access, fabric] = &mut self.outward;
        [access.frames(), fabric.frames()]
    }

    fn dropped(&self, reason: DropReason) -> u64 {
        self.telemetry.dropped(reason)
    }
}

#[test]
fn frames_and_buffers_come_out_right_on_dpdk() {
    let config = EalConfig {
        file_prefix: format!("cwtest-dataplane-{}", std::process::id()),
        memory: Memory::Ordinary { size_mb: 128 },
        main_core: dpdk::lcore::available()[0],
        pci_devices: Vec::new(),
        run_dir: std::env::temp_dir(),
    };
    let eal = Eal::start(&config).expect("EAL starts on ordinary memory");
    let _registered = dpdk::Worker::register(&eal, config.main_core).expect("this process may use its own core");
    let mut rig = Rig::new(&eal);
    unicast_both_ways(&mut rig);
    // Copied payloads, and payloads by reference.
    for payload in [60, 1400] {
        flooded(&mut rig, payload);
    }
    rig.pass(0, &tagged(REMOTE, local(0), 999, 60));
    assert_eq!(rig.dropped(DropReason::UnknownVlan), 1);
    let totals = rig.telemetry.ledger.totals();
    assert_eq!((totals.unaccounted(), totals.dropped), (0, 1));
    assert_eq!(rig.pool.in_use(), 0, "every buffer is back");
}

fn unicast_both_ways(rig: &mut Rig) {
    let frame = tagged(REMOTE, local(0), 100, 200);
    let [access, fabric] = rig.pass(0, &frame);
    assert!(access.is_empty());
    let [packet] = fabric.as_slice() else { panic!("one packet, not {}", fabric.len()) };
    assert_eq!(packet[50..], untagged(&frame));
    // The answer: the same packet from the VTEP, with inner addresses swapped.
    let mut answer = packet.clone();
    answer[..12].copy_from_slice(&[OURS.octets(), ROUTER.octets()].concat());
    answer[26..34].copy_from_slice(&[vtep(0).octets(), HERE.octets()].concat());
    answer[50..62].copy_from_slice(&[local(0).octets(), REMOTE.octets()].concat());
    let [access, fabric] = rig.pass(1, &answer);
    assert!(fabric.is_empty());
    assert_eq!(access, [tagged(local(0), REMOTE, 100, 200)]);
    // To another VLAN of the same port.
    let [access, fabric] = rig.pass(0, &tagged(local(2), local(1), 101, 100));
    assert!(fabric.is_empty());
    assert_eq!(access, [tagged(local(2), local(1), 102, 100)]);
}

fn flooded(rig: &mut Rig, payload: usize) {
    let frame = tagged(MacAddr::BROADCAST, local(0), 100, payload);
    let [access, fabric] = rig.pass(0, &frame);
    let others = [101, 102].map(|vlan| tagged(MacAddr::BROADCAST, local(0), vlan, payload));
    assert_eq!(access, others);
    let insides: Vec<_> = fabric.iter().map(|packet| packet[50..].to_vec()).collect();
    assert_eq!(insides, [untagged(&frame), untagged(&frame)]);
    let destinations: Vec<_> = fabric.iter().map(|packet| packet[30..34].to_vec()).collect();
    assert_eq!(destinations, [vtep(0).octets(), vtep(1).octets()]);
}
