use serde::{Deserialize, Serialize};

use crate::{PortTraits, Timestamp, Traffic};

/// `GET /v1/ports`: the data path ports of this node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortsDocument {
    /// In the order of the node file.
    pub ports: Vec<Port>,
}

/// One data path port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Port {
    /// The name in the node file.
    pub name: String,
    /// Which side of the gateway it is.
    pub role: PortRole,
    /// The driver that DPDK found for it, `net_tap`, `mlx5_pci`.
    pub driver: String,
    /// The device as configured: a PCI address or a virtual device with its arguments.
    pub device: String,
    /// The port's own MAC address.
    pub mac: String,
    /// The largest layer 3 payload in octets, as set on the device.
    pub mtu_octets: u16,
    /// The state of the link.
    pub link: Link,
    /// Receive queues, one a worker where the device can.
    pub rx_queues: u16,
    /// Transmit queues, one a worker where the device can.
    pub tx_queues: u16,
    /// Offloads that were asked for and that the device has, `rx_vlan_strip`, `tx_ipv4_checksum`.
    pub offloads_granted: Vec<String>,
    /// Offloads that were asked for and that the device lacks: done in software.
    pub offloads_missing: Vec<String>,
    /// What went through.
    pub traffic: Traffic,
    /// What the port itself lost, before or after the accounting of the workers.
    pub losses: PortLosses,
    /// When the counters were cleared last; without it they count from the start of the process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cleared_at: Option<Timestamp>,
    /// What the kind of port does with frames, whatever its settings.
    #[serde(default)]
    pub traits: PortTraits,
    /// Received frames whose TCP or UDP checksum the sender had left to this port, and which was filled in here.
    #[serde(default)]
    pub checksums_completed: u64,
    /// Received frames that this port could not give on whole: cut by the kernel or longer than the MTU allows, or with a
    /// checksum left to it that it cannot fill in. They are emptied, and the workers drop them as runts.
    #[serde(default)]
    pub frames_refused: u64,
    /// Why this access port is closed, if it is: it takes and sends nothing then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<String>,
    /// VLAN ids that lead to a VMI on this port, ascending; 0 stands for untagged. Empty for the fabric port.
    pub vlans: Vec<u16>,
}

/// Which side of the gateway a port is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PortRole {
    /// Towards the remote instances: VLANs.
    Access,
    /// Towards the IP fabric: overlay packets.
    Fabric,
}

/// The state of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Whether frames can pass.
    pub up: bool,
    /// Megabits a second, where the device tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed_mbps: Option<u32>,
}

/// Packets that the port lost itself. No worker saw the received ones, and a worker already counted the sent ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortLosses {
    /// Arrived while the receive queue was full: the workers are too slow.
    pub rx_missed: u64,
    /// Arrived while no buffer was free: `memory.mbufs` is too small.
    pub rx_no_mbuf: u64,
    /// Arrived broken: bad FCS, bad length.
    pub rx_errors: u64,
    /// Taken by the device and then not sent.
    pub tx_errors: u64,
}

impl PortLosses {
    /// All losses of the port together.
    pub fn total(&self) -> u64 {
        self.rx_missed.saturating_add(self.rx_no_mbuf).saturating_add(self.rx_errors).saturating_add(self.tx_errors)
    }
}
