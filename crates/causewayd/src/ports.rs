//! Opens the ports of the node file, and shows them to control.

use crate::driver::{DpdkRx, Intake, IntakeCounts};
use crate::host;
use anyhow::{Context, Result, anyhow};
use control::config::{Device, NodeModel, PortKind, PortModel, PortRole};
use control::plane::DataPlane;
use dpdk::{Eal, Offloads, Pool, PoolConfig, PoolError, Port, PortConfig, PortReport, PortStats, RxQueues, TxQueue};
use netlink::HostIoReader;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use wire::{MacAddr, ethernet};

/// Two tags and the Ethernet header: what a frame has beyond the MTU.
const FRAME_OVERHEAD: usize = ethernet::HEADER_OCTETS + 2 * ethernet::TAG_OCTETS;
const POOL_CACHE: u32 = 256;

/// One port with its queues, not yet given to workers.
pub(crate) struct Opened {
    pub(crate) port: Port,
    /// The receive queues, each with the number of the worker whose pool feeds it.
    pub(crate) rx: Vec<(usize, DpdkRx)>,
    /// The transmit queues: number `n` is worker `n`'s.
    pub(crate) tx: Vec<TxQueue>,
    /// What the receive queues had to do to frames.
    pub(crate) intake: Vec<Arc<IntakeCounts>>,
}

/// A pool for each worker, with buffers for the largest frame of any port, on the socket of the NICs, else of the worker.
pub(crate) fn pools(eal: &Eal, node: &NodeModel) -> Result<Vec<Pool>> {
    let needed = node.buffers_needed();
    let mbufs = node.memory.mbufs;
    tracing::info!(
        needed = needed.total(),
        rings = needed.rings,
        cache = needed.cache,
        bursts = needed.bursts,
        mbufs,
        octets = needed.octets,
        "packet buffers of each worker"
    );
    let nics = node.ports.iter().find_map(|port| match &port.device {
        Device::Pci(_) => port.device.to_string().parse::<dpdk::PciAddress>().ok()?.socket(),
        Device::Virtual { .. } => None,
    });
    let make = |(worker, core): (usize, usize)| {
        let local = dpdk::lcore::socket(core);
        // A machine with one socket has nothing to choose.
        let socket = local.and(nics.or(local));
        let (name, cache) = (format!("worker{worker}"), POOL_CACHE.min(mbufs / 2));
        let mut config = PoolConfig { name, mbufs, cache, data_room_octets: needed.octets, socket };
        let mut made = Pool::new(eal, &config);
        if socket.is_some() && matches!(made, Err(PoolError::NoMemory { .. })) {
            tracing::warn!(worker, socket, "no memory there for the worker's buffers: taken from another socket");
            config.socket = None;
            made = Pool::new(eal, &config);
        }
        made.with_context(|| format!("memory.mbufs: {mbufs} buffers for worker {worker}"))
    };
    node.workers.iter().map(|core| usize::from(core.value())).enumerate().map(make).collect()
}

/// Opens all ports, each with a transmit queue for each worker, and deals the receive queues to the workers in turn.
pub(crate) fn open_all(eal: &Eal, node: &NodeModel, pools: &[Pool]) -> Result<Vec<Opened>> {
    let workers = pools.len();
    let mut next = 0;
    let open = |model| {
        let opened = open(eal, model, pools, next)?;
        // A port with a queue for everybody does not change whose turn it is.
        next = (next + opened.rx.len()) % workers;
        warn_of_distance(&opened.port, node, &opened.rx);
        Ok(opened)
    };
    let opened: Vec<Opened> = node.ports.iter().map(open).collect::<Result<_>>()?;
    let idle = (0..workers).filter(|worker| !opened.iter().flat_map(|port| &port.rx).any(|(of, _)| of == worker));
    idle.for_each(|worker| tracing::warn!(worker, "no port has a receive queue for this worker: it has nothing to do"));
    Ok(opened)
}

/// Opens a port; its first receive queue is for worker `first`.
fn open(eal: &Eal, model: &PortModel, pools: &[Pool], first: usize) -> Result<Opened> {
    let setup = model.setup(pools.len());
    let device = setup.device.to_string();
    let device = device.parse().map_err(|e| anyhow!("{}: port {}: {e}", model.place, model.name))?;
    let mut config = PortConfig::new(model.name.to_string(), device);
    let is_asked = model.queues.is_some() || setup.rx_queues == setup.tx_queues && model.kind.is_paired();
    config.rx_queues = if is_asked { RxQueues::Exactly(setup.rx_queues) } else { RxQueues::AtMost(setup.rx_queues) };
    config.tx_queues = setup.tx_queues;
    config.rx_descriptors = setup.rx_descriptors;
    config.tx_descriptors = setup.tx_descriptors;
    config.mtu = model.mtu;
    config.promiscuous = model.role == PortRole::Access;
    config.offloads = wanted(model);
    let feeding: Vec<Pool> = pools.iter().cycle().skip(first).take(pools.len()).cloned().collect();
    let (port, rx, tx) = Port::open(eal, &config, &feeding).with_context(|| format!("{}", model.place))?;
    let report = port.report();
    let granted: Vec<_> = report.granted.names().collect();
    tracing::info!(port = %model.name, driver = %report.driver, mac = %MacAddr::new(report.mac), mtu = report.mtu,
        queues = report.rx_queues, offloads = granted.join(","), device = %config.device, "port opened");
    if model.kind == PortKind::Tap {
        part_from_kernel(model, MacAddr::new(report.mac))?;
    }
    let intake = intake(model, report);
    let rx = rx.into_iter().enumerate();
    let rx: Vec<_> = rx.map(|(n, queue)| ((first + n) % pools.len(), DpdkRx::with_intake(queue, intake))).collect();
    let intake = rx.iter().map(|(_, queue)| queue.counts()).collect();
    Ok(Opened { port, rx, tx, intake })
}

/// Memory of another socket costs every packet; DPDK does not say so.
fn warn_of_distance(port: &Port, node: &NodeModel, rx: &[(usize, DpdkRx)]) {
    let Some(socket) = port.report().socket else { return };
    for (worker, _) in rx {
        let core = usize::from(node.workers[*worker].value());
        if dpdk::lcore::socket(core).is_some_and(|of_core| of_core != socket) {
            let port = port.name();
            tracing::warn!(port, socket, worker, core, "the worker's core is on another socket than its port");
        }
    }
}

/// Tags are taken out and checksums verified where hardware does it; a virtual driver would do it in software, later
/// and slower than the pipeline. The outer header's checksum is computed from the template in any case.
fn wanted(model: &PortModel) -> Offloads {
    let hardware = !model.kind.is_virtual();
    Offloads {
        // Hardware takes out 0x8100, and does not tell the type of what it took.
        vlan_strip: hardware && model.tpid == wire::Tpid::Customer,
        ipv4_checksum: hardware,
        // Of vhost this asks which checksums the guest has left to us; without, the driver fills them in uncounted.
        udp_checksum: hardware || model.kind == PortKind::Vhost,
        multi_segment_transmit: true,
        transmit_l4_checksum: false,
    }
}

/// What the kind and driver of a port tell of its frames.
fn intake(model: &PortModel, report: &PortReport) -> Intake {
    match model.kind {
        PortKind::Vhost | PortKind::VirtioUser => Intake::Told,
        PortKind::Pci if &*report.driver == "net_virtio" => Intake::Told,
        PortKind::AfPacket | PortKind::AfXdp => Intake::Hidden(usize::from(model.mtu) + FRAME_OVERHEAD),
        _ => Intake::Unsure,
    }
}

/// Gives the kernel's end of a TAP another MAC than the port's, or a bridge would take frames for the gateway as local.
fn part_from_kernel(model: &PortModel, mac: MacAddr) -> Result<()> {
    let Some(interface) = model.device.interface() else { return Ok(()) };
    let other = netlink::kernel_side_address(mac);
    netlink::set_link_address(interface, other).with_context(|| format!("{}: port {}", model.place, model.name))
}

/// A port whose queues the workers have.
pub(crate) struct RunningPort {
    port: Port,
    model: PortModel,
    intake: Vec<Arc<IntakeCounts>>,
    link: AccessLink,
}

/// The running ports, pools and clock, as control sees them.
pub(crate) struct Running {
    ports: Mutex<Vec<RunningPort>>,
    pools: Vec<Pool>,
    host_io: HostIoReader,
    cycles_per_second: u64,
    /// Whether access ports are to have links. Written by control, read by the watch; it stands for nothing else: Relaxed.
    access_links: AtomicBool,
}

impl Running {
    pub(crate) fn new(
        opened: Vec<Opened>,
        node: &NodeModel,
        pools: Vec<Pool>,
        host_io: HostIoReader,
        eal: &Eal,
    ) -> Arc<Self> {
        let running = |(opened, model): (Opened, &PortModel)| RunningPort {
            port: opened.port,
            model: model.clone(),
            intake: opened.intake,
            link: AccessLink::default(),
        };
        let ports = opened.into_iter().zip(&node.ports).map(running).collect();
        let (ports, cycles_per_second) = (Mutex::new(ports), dpdk::lcore::tsc_hz(eal));
        Arc::new(Self { ports, pools, host_io, cycles_per_second, access_links: AtomicBool::new(true) })
    }

    /// How many ports there are.
    pub(crate) fn count(&self) -> usize {
        self.ports.lock().len()
    }

    /// Gives the access ports the links that control wants them to have.
    pub(crate) fn follow_access_links(&self) {
        let up = self.access_links.load(Ordering::Relaxed);
        for RunningPort { port, model, link, .. } in self.ports.lock().iter_mut() {
            if model.role == PortRole::Access {
                link.follow(port, model, up);
            }
        }
    }

    /// The ports whose link has changed since the last call, and how.
    pub(crate) fn link_changes(&self) -> Vec<(String, bool)> {
        let mut ports = self.ports.lock();
        let changed = |RunningPort { port, model, .. }: &mut RunningPort| match port.link_change() {
            Ok(change) => change.map(|link| (model.name.to_string(), link.up)),
            Err(error) => {
                tracing::debug!(%error, "the driver does not tell the link");
                None
            }
        };
        ports.iter_mut().filter_map(changed).collect()
    }
}

impl DataPlane for Running {
    fn want_access_links(&self, up: bool) {
        self.access_links.store(up, Ordering::Relaxed);
    }

    fn ports(&self) -> Vec<api::Port> {
        self.ports.lock().iter().map(document).collect()
    }

    fn pools(&self) -> Vec<api::PoolUse> {
        self.pools.iter().map(|pool| api::PoolUse { in_use: pool.in_use(), size: pool.mbufs() }).collect()
    }

    fn host(&self) -> api::HostDocument {
        host::document(&self.host_io)
    }

    fn cycles(&self) -> u64 {
        dpdk::lcore::tsc()
    }

    fn cycles_per_second(&self) -> u64 {
        self.cycles_per_second
    }

    fn dpdk_version(&self) -> String {
        dpdk::version().into()
    }
}

/// The link that an access port was told to have last.
struct AccessLink {
    up: bool,
    refused: bool,
}

impl Default for AccessLink {
    fn default() -> Self {
        Self { up: true, refused: false }
    }
}

impl AccessLink {
    /// Takes the link of a port away, or gives it back: hardware's by its driver, a TAP's by its carrier, so that an interface
    /// that an operator set up stays up. Other kinds have none to take. What is refused is tried again.
    fn follow(&mut self, port: &Port, model: &PortModel, up: bool) {
        if up == self.up {
            return;
        }
        let done = match (model.kind, model.device.interface()) {
            (PortKind::Pci, _) => port.set_link(up).map_err(anyhow::Error::from),
            (PortKind::Tap, Some(interface)) => netlink::set_carrier(interface, up).map_err(anyhow::Error::from),
            _ => Ok(()),
        };
        match done {
            Ok(()) => (self.up, self.refused) = (up, false),
            Err(error) => {
                if !std::mem::replace(&mut self.refused, true) {
                    tracing::warn!(port = %model.name, up, %error, "the port's link does not follow; its forwarding does");
                }
            }
        }
    }
}

fn document(running: &RunningPort) -> api::Port {
    let RunningPort { port, model, intake, .. } = running;
    let report = port.report();
    // A driver without counters or link shows none: zeros and "down" would be wrong, but there is nothing better.
    let stats = port.stats().unwrap_or_else(|_| PortStats::default());
    let link = port.link().ok();
    let missing = report.asked.names().filter(|name| !report.granted.names().any(|granted| granted == *name));
    api::Port {
        name: model.name.to_string(),
        role: match model.role {
            PortRole::Access => api::PortRole::Access,
            PortRole::Fabric => api::PortRole::Fabric,
        },
        driver: report.driver.to_string(),
        device: model.device.to_string(),
        mac: MacAddr::new(report.mac).to_string(),
        mtu_octets: report.mtu,
        link: api::Link { up: link.is_some_and(|link| link.up), speed_mbps: link.and_then(|link| link.speed_mbps) },
        rx_queues: report.rx_queues,
        tx_queues: report.tx_queues,
        offloads_granted: report.granted.names().map(str::to_owned).collect(),
        offloads_missing: missing.map(str::to_owned).collect(),
        traffic: api::Traffic {
            rx_packets: stats.rx_packets,
            rx_octets: stats.rx_octets,
            tx_packets: stats.tx_packets,
            tx_octets: stats.tx_octets,
        },
        losses: api::PortLosses {
            rx_missed: stats.rx_missed,
            rx_no_mbuf: stats.rx_no_mbuf,
            rx_errors: stats.rx_errors,
            tx_errors: stats.tx_errors,
        },
        cleared_at: None,
        traits: traits(model, report),
        checksums_completed: intake.iter().map(|counts| counts.completed.read()).sum(),
        frames_refused: intake.iter().map(|counts| counts.refused.read()).sum(),
        closed: None,
        vlans: Vec::new(),
    }
}

/// What the kind does, less what this device cannot.
fn traits(model: &PortModel, report: &PortReport) -> api::PortTraits {
    let mut traits = model.kind.traits();
    if model.kind == PortKind::Pci && report.rx_queues > 1 && !report.rss {
        traits.spreading = api::Spreading::Nobody;
    }
    traits
}
