//! Opens the ports of the node file, and shows them to control.

use crate::host;
use anyhow::{Context, Result, anyhow};
use control::config::{NodeModel, PortModel, PortRole};
use control::plane::DataPlane;
use dpdk::{Eal, Offloads, Pool, PoolConfig, Port, PortConfig, PortKind, PortStats, RxQueue, TxQueue};
use netlink::HostIoReader;
use parking_lot::Mutex;
use std::sync::Arc;
use wire::{MacAddr, ethernet};

/// Octets of frame that a buffer holds at least.
const DATA_ROOM: u16 = 2048;
/// Two VLAN tags and the check sequence beside the Ethernet header.
const FRAME_OVERHEAD: u16 = ethernet::HEADER_OCTETS as u16 + 2 * ethernet::TAG_OCTETS as u16 + 4;
const POOL_CACHE: u32 = 256;

/// One port with its queues, not yet given to workers.
pub(crate) struct Opened {
    pub(crate) port: Port,
    pub(crate) rx: Vec<RxQueue>,
    pub(crate) tx: Vec<TxQueue>,
}

/// A pool for each worker, with buffers for the largest MTU.
pub(crate) fn pools(eal: &Eal, node: &NodeModel) -> Result<Vec<Pool>> {
    let largest = node.ports.iter().map(|port| port.mtu).max().unwrap_or(0);
    let data_room = DATA_ROOM.max(largest.saturating_add(FRAME_OVERHEAD).next_multiple_of(64));
    let make = |worker: usize| {
        let mbufs = node.memory.mbufs;
        let cache = POOL_CACHE.min(mbufs / 2);
        let name = format!("worker{worker}");
        let config = PoolConfig { name, mbufs, cache, data_room_octets: data_room, socket: None };
        Pool::new(eal, &config).with_context(|| format!("memory.mbufs: {mbufs} buffers for worker {worker}"))
    };
    (0..node.workers.len()).map(make).collect()
}

/// Opens a port with one receive and one transmit queue for each worker.
pub(crate) fn open(eal: &Eal, model: &PortModel, pools: &[Pool]) -> Result<Opened> {
    let device = model.device.to_string().parse().map_err(|e| anyhow!("{}: port {}: {e}", model.place, model.name))?;
    let mut config = PortConfig::new(model.name.to_string(), device);
    config.tx_queues = pools.len() as u16;
    config.rx_descriptors = model.rx_descriptors.unwrap_or(config.rx_descriptors);
    config.tx_descriptors = model.tx_descriptors.unwrap_or(config.tx_descriptors);
    config.mtu = model.mtu;
    config.promiscuous = model.role == PortRole::Access;
    config.offloads = wanted(!model.kind.is_virtual());
    let (port, rx, tx) = Port::open(eal, &config, pools).with_context(|| format!("{}", model.place))?;
    let report = port.report();
    let granted: Vec<_> = report.granted.names().collect();
    tracing::info!(port = %model.name, driver = %report.driver, mac = %MacAddr::new(report.mac), mtu = report.mtu,
        queues = report.rx_queues, offloads = granted.join(","), "port opened");
    if report.kind == PortKind::Tap {
        part_from_kernel(model, MacAddr::new(report.mac))?;
    }
    Ok(Opened { port, rx, tx })
}

/// Tags are taken out and checksums verified where hardware does it; a virtual driver would do it in software, later
/// and slower than the pipeline. The outer header's checksum is computed from the template in any case.
fn wanted(hardware: bool) -> Offloads {
    Offloads {
        vlan_strip: hardware,
        ipv4_checksum: hardware,
        udp_checksum: hardware,
        multi_segment_transmit: true,
        transmit_ipv4_checksum: false,
    }
}

/// Gives the kernel's end of a TAP another MAC than the port's, or a bridge would take frames for the gateway as local.
fn part_from_kernel(model: &PortModel, mac: MacAddr) -> Result<()> {
    let Some(interface) = model.device.interface() else { return Ok(()) };
    let other = netlink::kernel_side_address(mac);
    netlink::set_link_address(interface, other).with_context(|| format!("{}: port {}", model.place, model.name))
}

/// The running ports, pools and clock, as control sees them.
pub(crate) struct Running {
    ports: Mutex<Vec<(Port, PortModel)>>,
    pools: Vec<Pool>,
    host_io: HostIoReader,
    cycles_per_second: u64,
}

impl Running {
    pub(crate) fn new(ports: Vec<(Port, PortModel)>, pools: Vec<Pool>, host_io: HostIoReader, eal: &Eal) -> Arc<Self> {
        Arc::new(Self { ports: Mutex::new(ports), pools, host_io, cycles_per_second: dpdk::lcore::tsc_hz(eal) })
    }

    /// How many ports there are.
    pub(crate) fn count(&self) -> usize {
        self.ports.lock().len()
    }

    /// The ports whose link has changed since the last call, and how.
    pub(crate) fn link_changes(&self) -> Vec<(String, bool)> {
        let mut ports = self.ports.lock();
        let changed = |(port, model): &mut (Port, PortModel)| match port.link_change() {
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
    fn ports(&self) -> Vec<api::Port> {
        self.ports.lock().iter().map(|(port, model)| document(port, model)).collect()
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

fn document(port: &Port, model: &PortModel) -> api::Port {
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
        vlans: Vec::new(),
    }
}
