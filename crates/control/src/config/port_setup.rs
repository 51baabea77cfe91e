//! What follows from a port's kind for how it is opened: queues, arguments, and the buffers that all ports need.
//!
//! One place, so that `causeway check` computes what `causewayd` will do.

use api::Queues;

use super::device::Device;
use super::node_model::{NodeModel, PortModel};
use super::port_kind::PortKind;

/// Descriptors of a ring that the node file does not size.
const USUAL_RING: u16 = 1024;
/// Entries of a virtio-user ring, unless an argument says otherwise.
const VIRTIO_RING: u16 = 256;
/// Octets of frame that a buffer holds at least.
const LEAST_ROOM: u16 = 2048;
/// Ethernet header, two tags and the check sequence: what a frame has beyond the MTU.
const FRAME_OVERHEAD: u16 = 14 + 2 * 4 + 4;
/// What the kernel puts before a frame in a slot of a packet socket, rounded up.
const PACKET_SLOT_OVERHEAD: u16 = 96;
/// The slots that net_af_packet makes by itself, and the block that holds them.
const PACKET_SLOT: u16 = 2048;
const PACKET_BLOCK: u16 = 4096;
/// Buffers that a worker's cache of its pool may hold: DPDK gives back above one and a half times the cache's size.
const CACHE: u32 = 256 * 3 / 2;
/// Most frames that a worker has in hand for one purpose.
const BURST: u32 = 32;

/// How a port is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortSetup {
    /// The device, with the arguments that Causeway adds where the node file leaves them out.
    pub device: Device,
    /// Receive queues: exactly so many if the node file says so, else at most.
    pub rx_queues: u16,
    /// Transmit queues: one for each worker, and as many as receive queues where they come in pairs.
    pub tx_queues: u16,
    /// Descriptors of each receive queue.
    pub rx_descriptors: u16,
    /// Descriptors of each transmit queue.
    pub tx_descriptors: u16,
    /// Octets of frame that its buffers must hold.
    pub buffer_octets: u16,
}

impl PortModel {
    /// How the port is opened for so many workers.
    pub fn setup(&self, workers: usize) -> PortSetup {
        let workers = u16::try_from(workers).unwrap_or(u16::MAX);
        let wanted = self.queues.unwrap_or(workers);
        let (rx_queues, tx_queues) = match self.kind.traits().queues {
            Queues::Pairs => (wanted.max(workers), wanted.max(workers)),
            Queues::Free | Queues::Arguments => (wanted, workers),
        };
        let mut setup = PortSetup {
            device: self.device.clone(),
            rx_queues,
            tx_queues,
            rx_descriptors: self.rx_descriptors.unwrap_or(USUAL_RING),
            tx_descriptors: self.tx_descriptors.unwrap_or(USUAL_RING),
            buffer_octets: LEAST_ROOM.max(self.mtu.saturating_add(FRAME_OVERHEAD).next_multiple_of(64)),
        };
        setup.argue(self.kind, self.mtu);
        setup
    }
}

impl PortSetup {
    /// Adds the arguments that make the kind right, where the node file has not given them.
    fn argue(&mut self, kind: PortKind, mtu: u16) {
        let pairs = self.rx_queues;
        match kind {
            PortKind::Vhost => {
                self.device.argue("tso", 0);
                self.device.argue("queues", pairs);
            }
            PortKind::VirtioUser => {
                self.device.argue("queues", pairs);
                let ring = self.rx_descriptors.max(self.tx_descriptors);
                if ring != USUAL_RING {
                    self.device.argue("queue_size", ring.next_power_of_two());
                }
                let ring = self.device.argument("queue_size").and_then(|size| size.parse().ok()).unwrap_or(VIRTIO_RING);
                self.rx_descriptors = self.rx_descriptors.min(ring);
                self.tx_descriptors = self.tx_descriptors.min(ring);
            }
            PortKind::AfPacket => {
                self.device.argue("qpairs", pairs);
                let slot = (mtu + FRAME_OVERHEAD + PACKET_SLOT_OVERHEAD).next_power_of_two();
                if slot > PACKET_SLOT && self.device.argument("framesz").is_none() {
                    self.device.argue("framesz", slot);
                    self.device.argue("blocksz", slot.max(PACKET_BLOCK));
                }
                let slot = self.device.argument("framesz").and_then(|size| size.parse().ok()).unwrap_or(PACKET_SLOT);
                self.buffer_octets = self.buffer_octets.max(slot);
            }
            PortKind::AfXdp => self.device.argue("queue_count", pairs),
            PortKind::Pci | PortKind::Tap | PortKind::Memif | PortKind::Pcap | PortKind::Null | PortKind::Ring => {}
        }
    }

    /// Buffers that the rings of one receive queue and of one transmit queue may hold.
    fn held(&self, kind: PortKind) -> (u32, u32) {
        let (rx, tx) = (u32::from(self.rx_descriptors), u32::from(self.tx_descriptors));
        match kind {
            PortKind::Pci | PortKind::AfXdp | PortKind::VirtioUser => (rx, tx),
            PortKind::Memif if self.device.argument("zero-copy") == Some("yes") => (rx, tx),
            // Written to the kernel at once; the ring of the other is its wire.
            PortKind::Tap | PortKind::Ring => (rx, 0),
            // These copy, in both directions.
            PortKind::AfPacket | PortKind::Memif | PortKind::Vhost | PortKind::Pcap | PortKind::Null => (0, 0),
        }
    }
}

/// The packet buffers that the worker with the most queues needs so that nothing ever waits for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BuffersNeeded {
    /// In the rings of all ports, if they are full.
    pub rings: u32,
    /// In the worker's cache of its pool.
    pub cache: u32,
    /// In the worker's hands.
    pub bursts: u32,
    /// Octets of frame that each holds.
    pub octets: u16,
}

impl BuffersNeeded {
    /// All together.
    pub fn total(&self) -> u32 {
        self.rings + self.cache + self.bursts
    }
}

impl NodeModel {
    /// The buffers that a worker needs for the ports of this node.
    pub fn buffers_needed(&self) -> BuffersNeeded {
        let workers = self.workers.len();
        let setups = self.ports.iter().map(|port| (port.kind, port.setup(workers)));
        let none = BuffersNeeded { rings: 0, cache: CACHE, bursts: 0, octets: LEAST_ROOM };
        let mut needed = setups.fold(none, |needed, (kind, setup)| {
            let polled = u32::from(setup.rx_queues).div_ceil(workers.max(1) as u32);
            let (rx, tx) = setup.held(kind);
            BuffersNeeded {
                rings: needed.rings + polled * rx + tx,
                // A burst received, and one staged for the port.
                bursts: needed.bursts + (polled + 1) * BURST,
                octets: needed.octets.max(setup.buffer_octets),
                ..needed
            }
        });
        // Frames to flood, dropped frames, and frames of the host's.
        needed.bursts += 3 * BURST;
        needed
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{NodeModel, parse_node};

    fn node(workers: &str, device: &str) -> NodeModel {
        let text = format!(
            "version: 1\nname: gw1\ncores: {{ workers: {workers} }}\nports:\n  - {{ name: a, role: access, device: '{device} }}\n  \
             - {{ name: f, role: fabric, device: net_null9 }}\nfabric: {{ address: 172.16.0.1/24, host_interface: h }}\n"
        );
        parse_node(&text, "node.yaml").unwrap_or_else(|e| panic!("{e}")).model
    }

    fn device(workers: &str, device: &str) -> String {
        let node = node(workers, device);
        node.ports[0].setup(node.workers.len()).device.to_string()
    }

    #[test]
    fn arguments_are_added_where_none_are_given() {
        assert_eq!(device("[0]", "net_vhost0,iface=/s'"), "net_vhost0,iface=/s,tso=0,queues=1");
        assert_eq!(device("[0, 1]", "net_vhost0,iface=/s,queues=4'"), "net_vhost0,iface=/s,queues=4,tso=0");
        assert_eq!(device("[0, 1]", "net_virtio_user0,path=/s'"), "net_virtio_user0,path=/s,queues=2");
        assert_eq!(
            device("[0]", "net_virtio_user0,path=/s', rx_descriptors: 300, tx_descriptors: 64"),
            "net_virtio_user0,path=/s,queues=1,queue_size=512"
        );
        assert_eq!(device("[0, 1]", "net_af_packet0,iface=a'"), "net_af_packet0,iface=a,qpairs=2");
        assert_eq!(
            device("[0]", "net_af_packet0,iface=a', mtu: 9000"),
            "net_af_packet0,iface=a,qpairs=1,framesz=16384,blocksz=16384"
        );
        assert_eq!(device("[0, 1]", "net_af_xdp0,iface=a'"), "net_af_xdp0,iface=a,queue_count=2");
        for as_it_is in ["net_tap0,iface=a", "net_memif0", "net_null0", "0000:3b:00.0"] {
            assert_eq!(device("[0, 1]", &format!("{as_it_is}'")), as_it_is);
        }
    }

    #[test]
    fn a_buffer_holds_whatever_a_packet_socket_may_put_into_it() {
        let room = |device: &str| node("[0]", device).buffers_needed().octets;
        assert_eq!(room("net_af_packet0,iface=a'"), 2048);
        assert_eq!(room("net_af_packet0,iface=a', mtu: 9000"), 16_384);
        assert_eq!(room("net_af_packet0,iface=a,framesz=8192'"), 8192);
        assert_eq!(room("net_tap0,iface=a', mtu: 9000"), 9088);
    }

    #[test]
    fn every_worker_has_a_transmit_queue_and_pairs_are_all_polled() {
        let queues = |workers: &str, device: &str| {
            let node = node(workers, device);
            let setup = node.ports[0].setup(node.workers.len());
            (setup.rx_queues, setup.tx_queues)
        };
        assert_eq!(queues("[0, 1, 2]", "net_memif0', queues: 2"), (2, 3));
        assert_eq!(queues("[0, 1, 2]", "net_tap0,iface=a', queues: 2"), (3, 3));
        assert_eq!(queues("[0]", "net_vhost0,iface=/s', queues: 4"), (4, 4));
        assert_eq!(queues("[0, 1]", "0000:3b:00.0'"), (2, 2));
    }

    #[test]
    fn the_buffers_are_those_of_the_worker_with_the_most_queues() {
        let needed = |workers: &str, device: &str| {
            let needed = node(workers, device).buffers_needed();
            assert_eq!((needed.cache, needed.total()), (384, needed.rings + 384 + needed.bursts));
            (needed.rings, needed.bursts)
        };
        assert_eq!(needed("[0]", "0000:3b:00.0'"), (2048, 7 * 32));
        assert_eq!(needed("[0]", "0000:3b:00.0', rx_descriptors: 512, tx_descriptors: 256"), (768, 7 * 32));
        assert_eq!(needed("[0, 1]", "0000:3b:00.0', queues: 3"), (3072, 8 * 32));
        assert_eq!(needed("[0]", "net_vhost0,iface=/s'"), (0, 7 * 32));
        assert_eq!(needed("[0]", "net_virtio_user0,path=/s'"), (512, 7 * 32));
        assert_eq!(needed("[0]", "net_memif0,zero-copy=yes'"), (2048, 7 * 32));
        assert_eq!(needed("[0]", "net_tap0,iface=a'"), (1024, 7 * 32));
    }
}
