//! A `causewayd` whose ports end in this process: traffic goes in at one and comes out at the other. Everything is in a
//! network namespace of its own that goes with the last process in it.
#![allow(dead_code, unreachable_pub, missing_docs, reason = "each test program uses its part")]

use api::{DropsQuery, Request, Response, Show, VifsQuery};
use arrayvec::ArrayVec;
use dpdk::{Eal, EalConfig, Mbuf, Memory, Offloads, Pool, PoolConfig, Port, PortConfig, RxQueue, RxQueues, TxQueue};
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const INSIDE: &str = "CWTEST_INSIDE";
const PATIENCE: Duration = Duration::from_secs(30);
/// The gateway's fabric port, and the router behind it.
pub const FABRIC_MAC: [u8; 6] = [2, 0, 0, 0, 0xf, 1];
pub const ROUTER_MAC: [u8; 6] = [2, 0, 0, 0, 0xf, 0x99];
/// Instances of the example network here, on VLAN 100 and 200, and behind the VTEP.
pub const BLUE: [u8; 6] = [2, 0, 0, 0, 0x10, 0x64];
pub const GREEN: [u8; 6] = [2, 0, 0, 0, 0x10, 0xc8];
pub const BLUE_REMOTE: [u8; 6] = [2, 0, 0, 0, 0x20, 0x64];
pub const GREEN_REMOTE: [u8; 6] = [2, 0, 0, 0, 0x20, 0xc8];
pub const BLUE_VNI: u32 = 5100;
pub const TAG: u16 = 0x8100;
/// Outer Ethernet, IPv4, UDP and VXLAN headers.
pub const OUTER: usize = 50;

/// Runs `body` in a new network namespace without IPv6, whose kernel then says nothing by itself.
pub fn in_namespace(body: impl FnOnce()) {
    if std::env::var_os(INSIDE).is_some() {
        for scope in ["all", "default"] {
            fs::write(format!("/proc/sys/net/ipv6/conf/{scope}/disable_ipv6"), "1").expect("this needs root");
        }
        ip("link set lo up");
        return body();
    }
    let this = std::env::current_exe().expect("Linux knows the running program");
    let mut again = Command::new("unshare");
    again.args(["--net", "--"]).arg(this).args(std::env::args().skip(1)).env(INSIDE, "1");
    let status = again.status().expect("unshare is part of util-linux");
    assert!(status.success(), "see above");
}

pub fn ip(arguments: &str) {
    let status = Command::new("ip").args(arguments.split(' ')).status().expect("iproute2 is installed");
    assert!(status.success(), "ip {arguments}");
}

/// Asks again until there is an answer.
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// EAL of this process, and its buffers.
pub struct Bench {
    pub eal: Eal,
    pub pool: Pool,
    directory: PathBuf,
}

impl Bench {
    pub fn new(test: &str) -> Self {
        let prefix = format!("cwtest-{test}-{}", std::process::id());
        let directory = std::env::temp_dir().join(&prefix);
        fs::create_dir_all(&directory).expect("the temporary directory is ours");
        let config = EalConfig {
            file_prefix: prefix,
            memory: Memory::Ordinary { size_mb: 128 },
            main_core: dpdk::lcore::available()[0],
            pci_devices: Vec::new(),
            run_dir: directory.clone(),
        };
        let eal = Eal::start(&config).expect("EAL starts on ordinary memory");
        let pool = Pool::new(&eal, &PoolConfig::new("bench", 8191)).expect("128 MB hold that");
        Self { eal, pool, directory }
    }

    /// A path in a directory that is removed at the end.
    pub fn path(&self, name: &str) -> String {
        self.directory.join(name).display().to_string()
    }

    /// The other end of one of the gateway's ports, with so many receive and transmit queues.
    pub fn open(&self, device: &str, (rx, tx): (u16, u16), leaves_checksums: bool) -> End {
        let mut config = PortConfig::new(device, device.parse().expect("a legal device"));
        config.rx_queues = RxQueues::Exactly(rx);
        config.tx_queues = tx;
        config.mtu = 1600;
        config.promiscuous = true;
        config.offloads = Offloads { transmit_l4_checksum: leaves_checksums, ..Offloads::NONE };
        let opened = Port::open(&self.eal, &config, std::slice::from_ref(&self.pool));
        let (port, rx, tx) = opened.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(port.report().granted.transmit_l4_checksum, leaves_checksums);
        End { port, rx, tx, pool: self.pool.clone() }
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.directory));
    }
}

/// This process's end of a link.
pub struct End {
    pub port: Port,
    rx: Vec<RxQueue>,
    tx: Vec<TxQueue>,
    pool: Pool,
}

impl End {
    /// Sends frames on a queue; all of them, or the test fails.
    pub fn send(&mut self, queue: usize, frames: &[Vec<u8>]) {
        self.send_with(queue, frames, |_| {});
    }

    pub fn send_with(&mut self, queue: usize, frames: &[Vec<u8>], prepare: impl Fn(&mut Mbuf)) {
        for some in frames.chunks(8) {
            let mut burst: ArrayVec<Mbuf, 8> = some
                .iter()
                .map(|octets| {
                    let mut mbuf = self.pool.alloc().expect("buffers come back");
                    mbuf.append(octets.len() as u16).expect("it fits").copy_from_slice(octets);
                    prepare(&mut mbuf);
                    mbuf
                })
                .collect();
            until("room in the transmit queue", || {
                self.tx[queue].burst(&mut burst);
                burst.is_empty().then_some(())
            });
        }
    }

    /// What has arrived on all queues.
    pub fn receive(&mut self) -> Vec<Vec<u8>> {
        let mut all = Vec::new();
        for queue in &mut self.rx {
            let mut burst = ArrayVec::<Mbuf, 32>::new();
            while queue.burst(&mut burst) > 0 {
                all.extend(burst.drain(..).map(|mbuf| mbuf.octets().to_vec()));
            }
        }
        all
    }

    /// Waits for `count` frames that are `wanted`; fails if more arrive within a moment.
    pub fn expect(&mut self, count: usize, wanted: impl Fn(&[u8]) -> bool) -> Vec<Vec<u8>> {
        let mut found: Vec<Vec<u8>> = Vec::new();
        let end = Instant::now() + PATIENCE;
        while found.len() < count && Instant::now() < end {
            found.extend(self.receive().into_iter().filter(|frame| wanted(frame)));
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(20));
        found.extend(self.receive().into_iter().filter(|frame| wanted(frame)));
        assert_eq!(found.len(), count, "frames arrived");
        found
    }
}

/// What the node file says of the gateway under test.
pub struct Node<'a> {
    pub name: &'a str,
    pub workers: usize,
    pub access: &'a str,
    /// Further keys of the access port, each with a comma before it.
    pub access_keys: &'a str,
    /// Of the fabric port.
    pub fabric_keys: &'a str,
}

/// The daemon, on the example network, with a memif as fabric port.
pub struct Gateway {
    child: Child,
    directory: PathBuf,
    socket: PathBuf,
}

impl Gateway {
    /// Starts it; the fabric port's other end is [`Self::fabric_device`].
    pub fn start(bench: &Bench, node: &Node<'_>) -> Self {
        let directory = bench.directory.join(node.name);
        fs::create_dir_all(&directory).expect("writable");
        let socket = directory.join("api.sock");
        let [a, b, c, d, e, f] = FABRIC_MAC;
        let text = format!(
            "version: 1\nname: gw1\nmode: server\ncores: {{ workers: {:?}, polling: adaptive }}\n\
             memory: {{ hugepages: false, size_mb: 160, mbufs: 8191, file_prefix: cwtest-{}-{} }}\nports:\n\
             - {{ name: access0, role: access, device: \"{}\"{} }}\n\
             - {{ name: fabric0, role: fabric, mtu: 1600, device: \"net_memif0,role=server,socket={},socket-abstract=no,\
             mac={a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}\"{} }}\n\
             fabric: {{ address: 172.16.0.1/24, host_interface: cwt-host }}\napi: {{ socket: {}, group: root }}\n",
            (0..node.workers).collect::<Vec<_>>(),
            node.name,
            std::process::id(),
            node.access,
            node.access_keys,
            directory.join("fabric.sock").display(),
            node.fabric_keys,
            socket.display(),
        );
        fs::write(directory.join("node.yaml"), text).expect("writable");
        fs::write(directory.join("network.yaml"), include_str!("../../../../config/network.yaml")).expect("writable");
        let log = fs::File::create(directory.join("log")).expect("writable");
        let child = Command::new(env!("CARGO_BIN_EXE_causewayd"))
            .arg("--node")
            .arg(directory.join("node.yaml"))
            .arg("--network")
            .arg(directory.join("network.yaml"))
            .stdin(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("it was built with this test");
        let mut gateway = Self { child, directory, socket };
        until("the gateway's start", || {
            assert!(gateway.child.try_wait().expect("our child").is_none(), "ended early:\n{}", gateway.log());
            gateway.log().contains("the gateway serves").then_some(())
        });
        let [a, b, c, d, e, f] = ROUTER_MAC;
        ip(&format!(
            "neigh replace 172.16.0.2 lladdr {a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x} dev cwt-host nud permanent"
        ));
        gateway
    }

    pub fn fabric_device(&self) -> String {
        format!("net_memif0,role=client,socket={},socket-abstract=no", self.directory.join("fabric.sock").display())
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.join("log")).unwrap_or_default()
    }

    pub fn show(&self, show: Show) -> Response {
        let answer = rest::client::call(&self.socket, &Request::Show(show), Duration::from_secs(10));
        answer.unwrap_or_else(|error| panic!("{error}\n{}", self.log()))
    }

    pub fn port(&self, name: &str) -> api::Port {
        let Response::Ports(ports) = self.show(Show::Ports) else { panic!("it answers what it is asked") };
        ports.ports.into_iter().find(|port| port.name == name).expect("it is in the node file")
    }

    /// Counters by name: the books, the drop reasons, and what each VMI sent and got.
    pub fn counters(&self) -> BTreeMap<String, u64> {
        let Response::Drops(drops) = self.show(Show::Drops(DropsQuery::default())) else {
            panic!("it answers what it is asked")
        };
        let Response::Vifs(vifs) = self.show(Show::Vifs(VifsQuery::default())) else {
            panic!("it answers what it is asked")
        };
        let books = drops.accounting;
        assert_eq!(books.unaccounted, 0);
        let books = [("received", books.received), ("transmitted", books.transmitted), ("copies", books.copies)];
        let mut counters: BTreeMap<_, _> = books.map(|(name, count)| (name.to_owned(), count)).into();
        counters.extend(drops.reasons.iter().map(|entry| (format!("drop {}", entry.reason), entry.count)));
        for vif in &vifs.vifs {
            let traffic = vif.traffic;
            counters.insert(format!("{} rx", vif.name), traffic.rx_packets);
            counters.insert(format!("{} rx octets", vif.name), traffic.rx_octets);
            counters.insert(format!("{} tx", vif.name), traffic.tx_packets);
            counters.insert(format!("{} tx octets", vif.name), traffic.tx_octets);
            counters.insert(format!("{} drops", vif.name), vif.drops);
        }
        counters
    }
}

impl Drop for Gateway {
    /// Cleanly, so that its interfaces are gone before the next one starts.
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("{}", self.log());
        }
        drop(Command::new("kill").arg(self.child.id().to_string()).status());
        let end = Instant::now() + Duration::from_secs(10);
        while self.child.try_wait().is_ok_and(|status| status.is_none()) && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(10));
        }
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// How counters have changed; what has not is left out.
pub fn change(before: &BTreeMap<String, u64>, after: &BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    let since = |(name, count): (&String, &u64)| (name.clone(), count - before.get(name).unwrap_or(&0));
    after.iter().map(since).filter(|(_, count)| *count > 0).collect()
}

/// RFC 1071 section 4.1, word by word.
pub fn sum(octets: &[u8]) -> u16 {
    let mut sum = 0u32;
    for pair in octets.chunks(2) {
        sum += u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

/// Ethernet addresses, these tags, and what follows them, type first.
pub fn frame(destination: [u8; 6], source: [u8; 6], tags: &[(u16, u16)], rest: &[u8]) -> Vec<u8> {
    let mut frame = [destination, source].concat();
    for (tpid, tci) in tags {
        frame.extend(tpid.to_be_bytes());
        frame.extend(tci.to_be_bytes());
    }
    frame.extend(rest);
    frame
}

/// An IPv4 or IPv6 packet with its Ethernet type in front: TCP (6) or UDP (17) with a right checksum. Beside it, the
/// pseudo-header's sum and where in the packet the checksum stands.
pub fn packet(v6: bool, protocol: u8, flow: u16, payload: &[u8]) -> (Vec<u8>, u16, usize) {
    let mut segment = vec![0u8; if protocol == 6 { 20 } else { 8 }];
    segment[..2].copy_from_slice(&flow.to_be_bytes());
    segment[2..4].copy_from_slice(&9u16.to_be_bytes());
    let length = (segment.len() + payload.len()) as u16;
    let field = if protocol == 6 { 16 } else { 6 };
    if protocol == 6 {
        segment[12] = 0x50;
    } else {
        segment[4..6].copy_from_slice(&length.to_be_bytes());
    }
    segment.extend(payload);
    let addresses: Vec<u8> = if v6 { (1..33).collect() } else { vec![10, 1, 0, 2, 10, 1, 0, 3] };
    let pseudo = sum(&[&addresses[..], &[0, protocol], &length.to_be_bytes()].concat());
    let whole = match !sum(&[&pseudo.to_be_bytes()[..], &segment[..]].concat()) {
        0 => 0xffff,
        whole => whole,
    };
    segment[field..field + 2].copy_from_slice(&whole.to_be_bytes());
    let mut octets = if v6 {
        [&[0x86, 0xdd, 0x60, 0, 0, 0][..], &length.to_be_bytes(), &[protocol, 64]].concat()
    } else {
        let mut header = [&[0x45, 0][..], &(20 + length).to_be_bytes(), &[0, 1, 0x40, 0, 64, protocol, 0, 0]].concat();
        let checksum = !sum(&[&header[..], &addresses[..]].concat());
        header[10..12].copy_from_slice(&checksum.to_be_bytes());
        [&[8, 0][..], &header[..]].concat()
    };
    octets.extend(addresses);
    let field = octets.len() + field;
    octets.extend(segment);
    (octets, pseudo, field)
}

/// Waits until both links are up and the gateway knows its way: until a frame comes through.
pub fn meet(access: &mut End, fabric: &mut End) {
    let probe = frame(BLUE_REMOTE, BLUE, &[(TAG, 100)], &[&[0x88, 0xb5][..], &[0; 46]].concat());
    until("the first frame's way through", || {
        // memif connects when it is asked for its link.
        drop((access.port.link(), fabric.port.link()));
        access.send(0, std::slice::from_ref(&probe));
        std::thread::sleep(Duration::from_millis(20));
        // A memif can be sent to once its receiver has looked for the first time.
        access.receive();
        (!fabric.receive().is_empty()).then_some(())
    });
    std::thread::sleep(Duration::from_millis(200));
    fabric.receive();
}

/// What a remote VTEP makes of a frame of the blue network.
pub fn tunnelled(entropy: u16, inner: &[u8]) -> Vec<u8> {
    let udp = (8 + 8 + inner.len()) as u16;
    let mut ip = [&[0x45, 0][..], &(20 + udp).to_be_bytes(), &[0, 1, 0x40, 0, 64, 17, 0, 0]].concat();
    ip.extend([172, 16, 0, 2, 172, 16, 0, 1]);
    let checksum = !sum(&ip);
    ip[10..12].copy_from_slice(&checksum.to_be_bytes());
    let mut packet = frame(FABRIC_MAC, ROUTER_MAC, &[], &[&[8, 0][..], &ip].concat());
    packet.extend([entropy.to_be_bytes(), 4789u16.to_be_bytes(), udp.to_be_bytes(), [0, 0], [8, 0], [0, 0]].concat());
    packet.extend((BLUE_VNI << 8).to_be_bytes());
    packet.extend(inner);
    packet
}
