//! Ports: opened from configuration, reported on, watched, and closed when the last handle goes.

mod attach;
mod link;
mod open;
pub(crate) mod oversize;
mod report;

pub(crate) use attach::Attached;
pub use link::Link;
pub use report::{Offloads, PortKind, PortReport, PortStats};

use crate::device::Device;
use crate::eal::Eal;
use crate::eal_log::Complaint;
use crate::errno::Errno;
use crate::pool::Pool;
use crate::queue::{RxQueue, TxQueue};
use std::sync::Arc;

/// What a port is to be.
#[derive(Clone, Debug)]
pub struct PortConfig {
    /// The operator's name for it; only used in messages.
    pub name: String,
    /// What it stands on.
    pub device: Device,
    /// Receive queues. Queue `n` is fed from pool `n` of those that it is opened with, which are begun again at the end.
    pub rx_queues: RxQueues,
    /// Number of transmit queues: one per worker.
    pub tx_queues: u16,
    /// Descriptors per receive queue; the driver may round.
    pub rx_descriptors: u16,
    /// Descriptors per transmit queue; the driver may round.
    pub tx_descriptors: u16,
    /// Largest layer 3 packet in octets, without Ethernet header and tags.
    pub mtu: u16,
    /// Receive frames for every destination MAC: what an access port needs.
    pub promiscuous: bool,
    /// What the port should do in hardware; the report says what it grants.
    pub offloads: Offloads,
}

/// How many receive queues a port is to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RxQueues {
    /// As many as it is given pools.
    OnePerPool,
    /// So many.
    Exactly(u16),
    /// So many, or what the device has.
    AtMost(u16),
}

impl PortConfig {
    /// A port with one transmit queue, 1,024 descriptors, MTU 1500, and all offloads wanted.
    #[must_use]
    pub fn new(name: impl Into<String>, device: Device) -> Self {
        Self {
            name: name.into(),
            device,
            rx_queues: RxQueues::OnePerPool,
            tx_queues: 1,
            rx_descriptors: 1024,
            tx_descriptors: 1024,
            mtu: 1500,
            promiscuous: false,
            offloads: Offloads::ALL,
        }
    }
}

/// Why a port is not there, or does not do what it was told. Names the port and its device.
#[derive(Debug, thiserror::Error)]
#[error("port `{name}` ({device}): {problem}")]
pub struct PortError {
    /// The operator's name.
    pub name: Box<str>,
    /// The device.
    pub device: Box<str>,
    /// What went wrong.
    pub problem: Problem,
}

/// What can go wrong with a port.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// No such PCI function.
    #[error("this machine has no PCI device of that address; `lspci -D` lists them")]
    UnknownPci,
    /// EAL was not told about the PCI function when it started.
    #[error("EAL may not touch this PCI device: it must be among the devices given at start; restart after adding it")]
    PciNotAllowed,
    /// The PCI function is there, but no DPDK driver takes it.
    #[error(
        "no DPDK driver takes this PCI device, which the kernel driver `{kernel_driver}` holds: bind it with \
         `dpdk-devbind.py -b vfio-pci` unless its driver works beside the kernel's, as mlx5 does ({complaint})"
    )]
    PciNotBound {
        /// Kernel driver, `none` where there is none.
        kernel_driver: Box<str>,
        /// What DPDK logged.
        complaint: Complaint,
    },
    /// No driver of that name.
    #[error("DPDK has no driver for it; is its plugin (librte_net_*.so) installed? ({complaint})")]
    UnknownDriver {
        /// What DPDK logged.
        complaint: Complaint,
    },
    /// The driver is there and refuses.
    #[error("the driver does not start it: check its arguments ({complaint})")]
    Probe {
        /// DPDK's error; drivers of virtual devices return 1 whatever the reason, so it is not shown.
        errno: Errno,
        /// What it logged.
        complaint: Complaint,
    },
    /// The process lacks a right that the driver needs.
    #[error("a right is missing: start as root, or with CAP_NET_ADMIN and CAP_NET_RAW ({complaint})")]
    MissingRights {
        /// What DPDK logged.
        complaint: Complaint,
    },
    /// The kernel's TAP device is missing.
    #[error("/dev/net/tun is missing: `modprobe tun`, or give the container `--device /dev/net/tun`")]
    NoTun,
    /// The device is a port already.
    #[error("the device is in use by another port")]
    InUse,
    /// More queues than the device has.
    #[error(
        "{asked} {direction} queues wanted, the device has {most}: use fewer workers, or a device with more queues"
    )]
    Queues {
        /// `receive` or `transmit`.
        direction: &'static str,
        /// Queues asked for.
        asked: usize,
        /// Queues there are.
        most: u16,
    },
    /// The MTU is outside the device's range.
    #[error("MTU {asked} wanted, the device takes {least} to {most}")]
    Mtu {
        /// MTU asked for.
        asked: u16,
        /// Smallest.
        least: u16,
        /// Largest.
        most: u16,
    },
    /// A frame of that MTU does not fit into one buffer.
    #[error("MTU {mtu} needs buffers of {needed} octets, those of pool `{pool}` hold {data_room}")]
    Buffer {
        /// MTU asked for.
        mtu: u16,
        /// Octets of such a frame with two tags and checksum.
        needed: u32,
        /// The pool of the receive queue.
        pool: Box<str>,
        /// Octets its buffers hold.
        data_room: u16,
    },
    /// Any other step that the driver refuses.
    #[error("cannot {step}: {errno} ({complaint})")]
    Step {
        /// The step, as a verb phrase.
        step: &'static str,
        /// DPDK's error.
        errno: Errno,
        /// What it logged.
        complaint: Complaint,
    },
}

/// The control side of an open port. The port runs until this and all of its queues are dropped.
#[derive(Debug)]
pub struct Port {
    attached: Arc<Attached>,
    config: PortConfig,
    report: PortReport,
    last_link: Option<(u32, Link)>,
}

impl Port {
    /// Plugs the device in, sets it up and starts it. See [`PortConfig::rx_queues`] for what `pools` are.
    ///
    /// # Errors
    /// See [`Problem`]. Nothing is left behind.
    pub fn open(
        eal: &Eal,
        config: &PortConfig,
        pools: &[Pool],
    ) -> Result<(Self, Vec<RxQueue>, Vec<TxQueue>), PortError> {
        let (attached, report) = open::open(eal, config, pools).map_err(|problem| blame(config, problem))?;
        let attached = Arc::new(attached);
        let rx = (0..report.rx_queues).map(|queue| RxQueue::new(Arc::clone(&attached), queue)).collect();
        let tx = (0..report.tx_queues).map(|queue| TxQueue::new(Arc::clone(&attached), queue)).collect();
        Ok((Self { attached, config: config.clone(), report, last_link: None }, rx, tx))
    }

    /// What was found and granted when the port was opened.
    #[must_use]
    pub fn report(&self) -> &PortReport {
        &self.report
    }

    /// The operator's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.config.name
    }

    /// The port's own counters since it was opened.
    ///
    /// # Errors
    /// Where the driver has none.
    pub fn stats(&self) -> Result<PortStats, PortError> {
        report::stats(self.attached.id()).map_err(|problem| blame(&self.config, problem))
    }

    /// The link now, without waiting.
    ///
    /// # Errors
    /// Where the driver does not know.
    pub fn link(&self) -> Result<Link, PortError> {
        link::read(self.attached.id()).map_err(|problem| blame(&self.config, problem))
    }

    /// The link, the first time and whenever it has changed since the last call. Cheap where the driver reports changes
    /// ([`PortReport::link_events`]); elsewhere it asks the driver each time.
    ///
    /// # Errors
    /// Where the driver does not know.
    pub fn link_change(&mut self) -> Result<Option<Link>, PortError> {
        // Read before the link itself: a change in between is then seen by the next call.
        let events = link::events(self.attached.id());
        if self.report.link_events && self.last_link.is_some_and(|(seen, _)| seen == events) {
            return Ok(None);
        }
        let link = self.link()?;
        let before = self.last_link.replace((events, link));
        Ok(before.is_none_or(|(_, before)| before != link).then_some(link))
    }

    /// Brings the link up, or takes it down: a peer on a cable, or the kernel behind a TAP, sees it.
    ///
    /// # Errors
    /// Where the driver cannot.
    pub fn set_link(&self, up: bool) -> Result<(), PortError> {
        link::set(self.attached.id(), up).map_err(|problem| blame(&self.config, problem))
    }
}

fn blame(config: &PortConfig, problem: Problem) -> PortError {
    PortError { name: config.name.as_str().into(), device: config.device.to_string().into(), problem }
}
