//! Setting a port up: queues, MTU, spreading, offloads, in the order that drivers want.

use super::report::{PortKind, PortReport};
use super::{Attached, PortConfig, Problem, RxQueues, link, oversize};
use crate::eal::Eal;
use crate::eal_log;
use crate::errno::Errno;
use crate::pool::Pool;
use dpdk_sys::{rte_eth_conf, rte_eth_dev_info};
use std::ffi::CStr;

/// Ethernet header, two VLAN tags and the frame check sequence: what a frame has beyond the MTU.
const FRAME_OVERHEAD: u32 = 14 + 8 + 4;

/// Runs one step of DPDK's; a negative result becomes an error with what was logged meanwhile.
pub(super) fn step(name: &'static str, run: impl FnOnce() -> i32) -> Result<(), Problem> {
    eal_log::forget();
    Errno::check(run()).map_err(|errno| Problem::Step { step: name, errno, complaint: eal_log::complaint() })
}

/// A running port, and what it turned out to be.
pub(super) fn open(eal: &Eal, config: &PortConfig, pools: &[Pool]) -> Result<(Attached, PortReport), Problem> {
    let mut attached = Attached::plug(eal, &config.device)?;
    let id = attached.id();
    let info = device_info(id)?;
    let (rx_queues, tx_queues) = check(config, pools, &info)?;
    let driver = driver(&info);
    let kind = PortKind::of_driver(&driver);
    let granted = config.offloads.granted_by(&info, kind);

    let mut conf = rte_eth_conf::default();
    conf.rxmode.mtu = u32::from(oversize::configured_mtu(kind, config.mtu));
    conf.rxmode.offloads = granted.receive_bits();
    // Fast free is never asked for: it forbids shared payloads and frames of several pools.
    conf.txmode.offloads = granted.transmit_bits(kind);
    let link_events = has_link_events(&info, kind);
    conf.intr_conf.set_lsc(u32::from(link_events));
    let rss = rx_queues > 1 && spread(&mut conf, &info);
    // SAFETY: the port exists and is stopped; the callee copies the configuration.
    step("configure", || unsafe { dpdk_sys::rte_eth_dev_configure(id, rx_queues, tx_queues, &raw const conf) })?;
    let (rx_descriptors, tx_descriptors) = descriptors(id, config)?;
    let socket = socket(id);
    let fed = pools.iter().cycle().take(usize::from(rx_queues));
    set_up_receive(id, fed, rx_descriptors, &info, &conf, socket)?;
    set_up_transmit(id, tx_queues, tx_descriptors, &info, &conf, socket)?;
    let mtu = set_mtu(id, kind, config.mtu, &info)?;
    receive_as_sent(kind, info.if_index, &config.name);
    attached.limit_pkt_len(oversize::pkt_len_limit(kind, mtu));
    // SAFETY: the port is configured and has its queues.
    step("start", || unsafe { dpdk_sys::rte_eth_dev_start(id) })?;
    let link_events = link_events && link::watch(id);
    let promiscuous = config.promiscuous && enable_promiscuous(id)?;

    let report = PortReport {
        id,
        driver,
        kind,
        mac: mac(id)?,
        mtu,
        max_mtu: info.max_mtu,
        rx_queues,
        tx_queues,
        rx_descriptors,
        tx_descriptors,
        socket: u8::try_from(socket).ok(),
        promiscuous,
        rss,
        link_events,
        asked: config.offloads,
        granted,
    };
    Ok((attached, report))
}

fn device_info(id: u16) -> Result<rte_eth_dev_info, Problem> {
    let mut info = rte_eth_dev_info::default();
    // SAFETY: the port exists; the callee writes one structure.
    step("read the device's abilities", || unsafe { dpdk_sys::rte_eth_dev_info_get(id, &raw mut info) })?;
    Ok(info)
}

/// The numbers of queues, when they, the MTU and the buffers fit the device.
fn check(config: &PortConfig, pools: &[Pool], info: &rte_eth_dev_info) -> Result<(u16, u16), Problem> {
    let most = info.max_rx_queues;
    let asked = match config.rx_queues {
        RxQueues::OnePerPool => pools.len(),
        RxQueues::Exactly(asked) => usize::from(asked),
        RxQueues::AtMost(asked) => usize::from(asked.min(most)),
    };
    let rx_queues = u16::try_from(asked).ok().filter(|asked| (1..=most).contains(asked) && !pools.is_empty());
    let rx_queues = rx_queues.ok_or(Problem::Queues { direction: "receive", asked, most })?;
    if config.tx_queues == 0 || config.tx_queues > info.max_tx_queues {
        let asked = usize::from(config.tx_queues);
        return Err(Problem::Queues { direction: "transmit", asked, most: info.max_tx_queues });
    }
    if !(info.min_mtu..=info.max_mtu).contains(&config.mtu) {
        return Err(Problem::Mtu { asked: config.mtu, least: info.min_mtu, most: info.max_mtu });
    }
    let needed = u32::from(config.mtu) + FRAME_OVERHEAD;
    match pools.iter().find(|pool| u32::from(pool.data_room_octets()) < needed) {
        None => Ok((rx_queues, config.tx_queues)),
        Some(pool) => Err(Problem::Buffer {
            mtu: config.mtu,
            needed,
            pool: pool.name().into(),
            data_room: pool.data_room_octets(),
        }),
    }
}

/// Asks for frames to be spread over the receive queues by addresses and ports. `false` where the device cannot.
fn spread(conf: &mut rte_eth_conf, info: &rte_eth_dev_info) -> bool {
    let flows = info.flow_type_rss_offloads & dpdk_sys::DPDK_RSS_FLOWS;
    if flows != 0 {
        conf.rxmode.mq_mode = dpdk_sys::RTE_ETH_MQ_RX_RSS;
        conf.rx_adv_conf.rss_conf.rss_hf = flows;
    }
    flows != 0
}

fn descriptors(id: u16, config: &PortConfig) -> Result<(u16, u16), Problem> {
    let (mut rx, mut tx) = (config.rx_descriptors, config.tx_descriptors);
    step("choose the number of descriptors", || {
        // SAFETY: the port exists; the callee reads and writes two numbers.
        unsafe { dpdk_sys::rte_eth_dev_adjust_nb_rx_tx_desc(id, &raw mut rx, &raw mut tx) }
    })?;
    Ok((rx, tx))
}

fn set_up_receive<'p>(
    id: u16,
    pools: impl Iterator<Item = &'p Pool>,
    descriptors: u16,
    info: &rte_eth_dev_info,
    conf: &rte_eth_conf,
    socket: i32,
) -> Result<(), Problem> {
    let mut queue_conf = info.default_rxconf;
    queue_conf.offloads = conf.rxmode.offloads;
    let socket = socket.cast_unsigned();
    for (queue, pool) in (0..).zip(pools) {
        step("set up a receive queue", || {
            // SAFETY: the port is configured with these queues and stopped; the pool lives as long as EAL.
            unsafe {
                let conf = &raw const queue_conf;
                dpdk_sys::rte_eth_rx_queue_setup(id, queue, descriptors, socket, conf, pool.raw())
            }
        })?;
    }
    Ok(())
}

fn set_up_transmit(
    id: u16,
    queues: u16,
    descriptors: u16,
    info: &rte_eth_dev_info,
    conf: &rte_eth_conf,
    socket: i32,
) -> Result<(), Problem> {
    let mut queue_conf = info.default_txconf;
    queue_conf.offloads = conf.txmode.offloads;
    let socket = socket.cast_unsigned();
    for queue in 0..queues {
        step("set up a transmit queue", || {
            // SAFETY: the port is configured with these queues and stopped; the callee copies the configuration.
            unsafe { dpdk_sys::rte_eth_tx_queue_setup(id, queue, descriptors, socket, &raw const queue_conf) }
        })?;
    }
    Ok(())
}

/// The MTU in force after asking for `mtu`. Drivers without one of their own (net_ring) take what the configuration said;
/// the others must be told.
fn set_mtu(id: u16, kind: PortKind, mtu: u16, info: &rte_eth_dev_info) -> Result<u16, Problem> {
    if oversize::is_oversize(kind, mtu) {
        return oversize::set_netdev_mtu(info.if_index, mtu).map(|()| mtu);
    }
    // SAFETY: the port exists.
    match step("set the MTU", || unsafe { dpdk_sys::rte_eth_dev_set_mtu(id, mtu) }) {
        Err(Problem::Step { errno, .. }) if errno.is_unsupported() => {}
        other => other?,
    }
    let mut result = 0;
    // SAFETY: the port exists; the callee writes one number.
    step("read the MTU", || unsafe { dpdk_sys::rte_eth_dev_get_mtu(id, &raw mut result) })?;
    Ok(result)
}

/// A netdev that is opened by a socket may join frames, or take their tags out: then they are not what was sent.
fn receive_as_sent(kind: PortKind, netdev: u32, name: &str) {
    let keep_tags = kind == PortKind::AfXdp;
    if !keep_tags && kind != PortKind::AfPacket || netdev == 0 {
        return;
    }
    // SAFETY: takes two numbers; no obligations.
    let result = unsafe { dpdk_sys::shim_netdev_receive_as_sent(netdev, i32::from(keep_tags)) };
    if let Err(errno) = Errno::check(result) {
        tracing::warn!(target: "dpdk::port", "port {name}: cannot turn GRO and LRO off on its netdev: {errno}");
    }
}

/// `false` where the driver has no such mode: the virtual ones without it receive everything anyway.
fn enable_promiscuous(id: u16) -> Result<bool, Problem> {
    // SAFETY: the port exists.
    match step("receive for every MAC", || unsafe { dpdk_sys::rte_eth_promiscuous_enable(id) }) {
        Err(Problem::Step { errno, .. }) if errno.is_unsupported() => Ok(false),
        other => other.map(|()| true),
    }
}

/// Whether the driver calls back. net_tap says so and follows the kernel's link messages, but tells nobody.
fn has_link_events(info: &rte_eth_dev_info, kind: PortKind) -> bool {
    // SAFETY: null, or a word in the device's data, which is valid while the port is plugged.
    let flags = unsafe { info.dev_flags.as_ref() };
    kind != PortKind::Tap && flags.is_some_and(|flags| flags & dpdk_sys::DPDK_DEV_INTR_LSC != 0)
}

fn driver(info: &rte_eth_dev_info) -> Box<str> {
    if info.driver_name.is_null() {
        return "unknown".into();
    }
    // SAFETY: a closed C string in the driver's data.
    unsafe { CStr::from_ptr(info.driver_name) }.to_string_lossy().into()
}

/// The NUMA socket, negative for none or unknown.
fn socket(id: u16) -> i32 {
    // SAFETY: the port exists.
    unsafe { dpdk_sys::rte_eth_dev_socket_id(id) }
}

fn mac(id: u16) -> Result<[u8; 6], Problem> {
    let mut address = dpdk_sys::rte_ether_addr::default();
    // SAFETY: the port exists; the callee writes one address.
    step("read the MAC", || unsafe { dpdk_sys::rte_eth_macaddr_get(id, &raw mut address) })?;
    Ok(address.addr_bytes)
}
