//! What a port turned out to be, what it grants, and what it counts.

use super::Problem;
use super::open::step;
use dpdk_sys::{rte_eth_dev_info, rte_eth_stats};
use std::fmt;

/// Kinds of port, by driver; behaviour that depends on the driver is decided by this, not by names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PortKind {
    /// `net_tap`: a netdev of the kernel on this machine; system calls per burst.
    Tap,
    /// `net_af_packet`: a netdev opened by a packet socket. Takes VLAN tags out and hides partial checksums.
    AfPacket,
    /// `net_af_xdp`: a netdev opened by an XDP socket.
    AfXdp,
    /// `net_memif`: shared memory with another process.
    Memif,
    /// `net_vhost`: the host's side of a vhost-user socket.
    Vhost,
    /// `net_virtio_user`: the guest's side of a vhost-user socket, or of the kernel's vhost.
    VirtioUser,
    /// `net_pcap`: files or netdevs through libpcap; for tests and benches.
    Pcap,
    /// `net_null`: makes and swallows frames; for tests and benches.
    Null,
    /// `net_ring`: hands frames over in memory; for tests and benches.
    Ring,
    /// Everything else: hardware.
    Physical,
}

impl PortKind {
    pub(super) fn of_driver(driver: &str) -> Self {
        match driver {
            "net_tap" => Self::Tap,
            "net_af_packet" => Self::AfPacket,
            "net_af_xdp" => Self::AfXdp,
            "net_memif" => Self::Memif,
            "net_vhost" => Self::Vhost,
            "net_virtio_user" => Self::VirtioUser,
            "net_pcap" => Self::Pcap,
            "net_null" => Self::Null,
            "net_ring" => Self::Ring,
            _ => Self::Physical,
        }
    }

    /// net_null and net_pcap do not advertise transmit of several segments, and refuse to be asked for it, yet the first
    /// frees whole frames and the second writes them whole.
    fn takes_segments_unasked(self) -> bool {
        matches!(self, Self::Null | Self::Pcap)
    }

    /// No hardware queue stands behind it: polling it costs a system call or finds nothing most of the time.
    #[must_use]
    pub fn is_virtual(self) -> bool {
        self != Self::Physical
    }
}

impl fmt::Display for PortKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tap => "tap",
            Self::AfPacket => "af_packet",
            Self::AfXdp => "af_xdp",
            Self::Memif => "memif",
            Self::Vhost => "vhost",
            Self::VirtioUser => "virtio_user",
            Self::Pcap => "pcap",
            Self::Null => "null",
            Self::Ring => "ring",
            Self::Physical => "physical",
        })
    }
}

/// Work that a port may do for its workers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offloads {
    /// Take the outer VLAN tag out of received frames.
    pub vlan_strip: bool,
    /// Verify IPv4 header checksums on receipt.
    pub ipv4_checksum: bool,
    /// Verify UDP checksums on receipt.
    pub udp_checksum: bool,
    /// Transmit frames of several segments: what flooding by reference needs.
    pub multi_segment_transmit: bool,
    /// Fill in TCP and UDP checksums on transmit, or have the peer do it; see [`crate::Mbuf::leave_l4_checksum`].
    pub transmit_l4_checksum: bool,
}

impl Offloads {
    /// Everything.
    pub const ALL: Self = Self {
        vlan_strip: true,
        ipv4_checksum: true,
        udp_checksum: true,
        multi_segment_transmit: true,
        transmit_l4_checksum: true,
    };

    /// Nothing.
    pub const NONE: Self = Self {
        vlan_strip: false,
        ipv4_checksum: false,
        udp_checksum: false,
        multi_segment_transmit: false,
        transmit_l4_checksum: false,
    };

    /// What of these the device can do.
    pub(super) fn granted_by(self, info: &rte_eth_dev_info, kind: PortKind) -> Self {
        let (rx, tx) = (info.rx_offload_capa, info.tx_offload_capa);
        let segments = kind.takes_segments_unasked() || tx & dpdk_sys::DPDK_TX_OFFLOAD_MULTI_SEGS != 0;
        Self {
            vlan_strip: self.vlan_strip && rx & dpdk_sys::DPDK_RX_OFFLOAD_VLAN_STRIP != 0,
            ipv4_checksum: self.ipv4_checksum && rx & dpdk_sys::DPDK_RX_OFFLOAD_IPV4_CKSUM != 0,
            udp_checksum: self.udp_checksum && rx & dpdk_sys::DPDK_RX_OFFLOAD_UDP_CKSUM != 0,
            multi_segment_transmit: self.multi_segment_transmit && segments,
            transmit_l4_checksum: self.transmit_l4_checksum && tx & dpdk_sys::DPDK_TX_OFFLOAD_L4_CKSUM != 0,
        }
    }

    pub(super) fn receive_bits(self) -> u64 {
        bit(self.vlan_strip, dpdk_sys::DPDK_RX_OFFLOAD_VLAN_STRIP)
            | bit(self.ipv4_checksum, dpdk_sys::DPDK_RX_OFFLOAD_IPV4_CKSUM)
            | bit(self.udp_checksum, dpdk_sys::DPDK_RX_OFFLOAD_UDP_CKSUM)
    }

    pub(super) fn transmit_bits(self, kind: PortKind) -> u64 {
        let segments = self.multi_segment_transmit && !kind.takes_segments_unasked();
        bit(segments, dpdk_sys::DPDK_TX_OFFLOAD_MULTI_SEGS)
            | bit(self.transmit_l4_checksum, dpdk_sys::DPDK_TX_OFFLOAD_L4_CKSUM)
    }

    /// The names of those that are set, as the REST document shows them.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        [
            (self.vlan_strip, "vlan_strip"),
            (self.ipv4_checksum, "ipv4_checksum"),
            (self.udp_checksum, "udp_checksum"),
            (self.multi_segment_transmit, "multi_segment_transmit"),
            (self.transmit_l4_checksum, "transmit_l4_checksum"),
        ]
        .into_iter()
        .filter_map(|(set, name)| set.then_some(name))
    }
}

fn bit(set: bool, value: u64) -> u64 {
    if set { value } else { 0 }
}

/// What was found and granted when a port was opened.
#[derive(Clone, Debug)]
pub struct PortReport {
    /// DPDK's number of the port.
    pub id: u16,
    /// DPDK's name of the driver.
    pub driver: Box<str>,
    /// What that means.
    pub kind: PortKind,
    /// The port's MAC.
    pub mac: [u8; 6],
    /// The MTU in force.
    pub mtu: u16,
    /// The largest MTU that the device takes.
    pub max_mtu: u16,
    /// Receive queues.
    pub rx_queues: u16,
    /// Transmit queues.
    pub tx_queues: u16,
    /// Descriptors per receive queue, as the driver rounded them.
    pub rx_descriptors: u16,
    /// Descriptors per transmit queue, as the driver rounded them.
    pub tx_descriptors: u16,
    /// NUMA socket, where there is one.
    pub socket: Option<u8>,
    /// Promiscuous mode was asked for and is on.
    pub promiscuous: bool,
    /// Frames are spread over the receive queues by a hash of addresses and ports.
    pub rss: bool,
    /// The driver reports link changes by itself.
    pub link_events: bool,
    /// Offloads asked for.
    pub asked: Offloads,
    /// Those of them that the port does.
    pub granted: Offloads,
}

/// A port's own counters. What is lost here never reached a worker, or was lost after a worker gave it away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortStats {
    /// Frames received.
    pub rx_packets: u64,
    /// Frames transmitted.
    pub tx_packets: u64,
    /// Octets received.
    pub rx_octets: u64,
    /// Octets transmitted.
    pub tx_octets: u64,
    /// Frames lost because the receive queues were full.
    pub rx_missed: u64,
    /// Frames received in error.
    pub rx_errors: u64,
    /// Frames that could not be transmitted after the port had taken them.
    pub tx_errors: u64,
    /// Frames lost because the pool was empty.
    pub rx_no_mbuf: u64,
}

pub(super) fn stats(id: u16) -> Result<PortStats, Problem> {
    let mut raw = rte_eth_stats::default();
    // SAFETY: the port exists; the callee writes one structure.
    step("read the counters", || unsafe { dpdk_sys::rte_eth_stats_get(id, &raw mut raw) })?;
    Ok(PortStats {
        rx_packets: raw.ipackets,
        tx_packets: raw.opackets,
        rx_octets: raw.ibytes,
        tx_octets: raw.obytes,
        rx_missed: raw.imissed,
        rx_errors: raw.ierrors,
        tx_errors: raw.oerrors,
        rx_no_mbuf: raw.rx_nombuf,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_grants_what_it_can_of_what_is_asked() {
        let info = rte_eth_dev_info {
            rx_offload_capa: dpdk_sys::DPDK_RX_OFFLOAD_VLAN_STRIP,
            tx_offload_capa: dpdk_sys::DPDK_TX_OFFLOAD_L4_CKSUM,
            ..rte_eth_dev_info::default()
        };
        let granted = Offloads::ALL.granted_by(&info, PortKind::Physical);
        assert_eq!(granted.names().collect::<Vec<_>>(), ["vlan_strip", "transmit_l4_checksum"]);
        assert_eq!(Offloads::NONE.granted_by(&info, PortKind::Physical), Offloads::NONE);
    }

    #[test]
    fn what_a_driver_does_without_being_asked_is_granted_but_not_asked_for() {
        let info = rte_eth_dev_info::default();
        let granted = Offloads::ALL.granted_by(&info, PortKind::Null);
        assert!(granted.multi_segment_transmit);
        assert_eq!((granted.receive_bits(), granted.transmit_bits(PortKind::Null)), (0, 0));
    }
}
