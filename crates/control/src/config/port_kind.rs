//! The kinds of port, and what each does with frames.

use std::fmt;

use api::{LargeFrames, LinkState, PartialChecksums, PortTraits, Queues, Spreading, Tags};

/// The kinds of port that Causeway knows; they decide what a port can do and how it is polled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PortKind {
    /// A PCI function.
    Pci,
    /// A Linux TAP interface that the device makes (`net_tap`).
    Tap,
    /// An existing Linux interface by packet socket (`net_af_packet`).
    AfPacket,
    /// An existing Linux interface by XDP socket (`net_af_xdp`).
    AfXdp,
    /// Shared memory with another process (`net_memif`).
    Memif,
    /// The host's side of vhost-user (`net_vhost`, `eth_vhost`).
    Vhost,
    /// The guest's side of vhost-user or vhost-net (`net_virtio_user`).
    VirtioUser,
    /// Capture files or libpcap (`net_pcap`).
    Pcap,
    /// Makes and swallows packets (`net_null`).
    Null,
    /// Software rings in the process (`net_ring`).
    Ring,
}

impl PortKind {
    /// Whether the port is made of software: then idle workers may sleep between polls.
    pub fn is_virtual(self) -> bool {
        self != Self::Pci
    }

    /// Whether frames arrive on as many queues as there are to transmit, so that all must be polled.
    pub fn is_paired(self) -> bool {
        self.traits().queues == Queues::Pairs
    }

    /// What such a port does with frames. `docs/ports.md` is held to this by a test; the experiments behind it are
    /// `crates/causewayd/tests/port_kinds.rs` where this machine can run them.
    pub fn traits(self) -> PortTraits {
        let plain = PortTraits::default();
        match self {
            Self::Pci => PortTraits {
                partial_checksums: PartialChecksums::Completed,
                large_frames: LargeFrames::Never,
                tags: Tags::TakenOut,
                queues: Queues::Free,
                spreading: Spreading::Hardware,
                link: LinkState::Cable,
            },
            // Neither the header for offloads (IFF_VNET_HDR) nor TUN_F_CSUM is ever asked of the kernel.
            Self::Tap => PortTraits {
                partial_checksums: PartialChecksums::Never,
                large_frames: LargeFrames::Never,
                queues: Queues::Pairs,
                spreading: Spreading::Kernel,
                link: LinkState::Interface,
                ..plain
            },
            Self::AfPacket => PortTraits {
                partial_checksums: PartialChecksums::Recognised,
                tags: Tags::PutBackAs8100,
                queues: Queues::Pairs,
                spreading: Spreading::Kernel,
                ..plain
            },
            Self::AfXdp => PortTraits {
                partial_checksums: PartialChecksums::Recognised,
                tags: Tags::LostIfTakenOut,
                queues: Queues::Pairs,
                spreading: Spreading::Hardware,
                link: LinkState::Interface,
                ..plain
            },
            Self::Memif => PortTraits { spreading: Spreading::Peer, link: LinkState::Peer, ..plain },
            // VIRTIO_NET_F_CSUM is offered, and no argument of the driver's keeps it back.
            Self::Vhost => PortTraits {
                partial_checksums: PartialChecksums::Completed,
                large_frames: LargeFrames::Never,
                queues: Queues::Pairs,
                spreading: Spreading::Peer,
                link: LinkState::Peer,
                ..plain
            },
            // VIRTIO_NET_F_GUEST_CSUM and the GUEST_TSO features are not accepted.
            Self::VirtioUser => PortTraits {
                partial_checksums: PartialChecksums::Never,
                large_frames: LargeFrames::Never,
                queues: Queues::Pairs,
                spreading: Spreading::Peer,
                link: LinkState::Peer,
                ..plain
            },
            Self::Pcap => PortTraits { queues: Queues::Arguments, ..plain },
            Self::Null => plain,
            Self::Ring => PortTraits { queues: Queues::Arguments, ..plain },
        }
    }
}

impl fmt::Display for PortKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pci => "pci",
            Self::Tap => "tap",
            Self::AfPacket => "af_packet",
            Self::AfXdp => "af_xdp",
            Self::Memif => "memif",
            Self::Vhost => "vhost",
            Self::VirtioUser => "virtio_user",
            Self::Pcap => "pcap",
            Self::Null => "null",
            Self::Ring => "ring",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manual_has_the_same_table() {
        let manual = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/ports.md"));
        let manual = manual.expect("the manual is there");
        let kinds = [
            PortKind::Pci,
            PortKind::Tap,
            PortKind::AfPacket,
            PortKind::AfXdp,
            PortKind::Memif,
            PortKind::Vhost,
            PortKind::VirtioUser,
            PortKind::Pcap,
            PortKind::Null,
            PortKind::Ring,
        ];
        for kind in kinds {
            let row = manual.lines().find(|line| line.starts_with(&format!("| {kind} |")));
            let row: Vec<_> =
                row.unwrap_or_else(|| panic!("{kind}")).trim_matches('|').split('|').map(str::trim).collect();
            let PortTraits { partial_checksums, large_frames, tags, queues, spreading, link } = kind.traits();
            let words = [
                format!("{partial_checksums:?}"),
                format!("{large_frames:?}"),
                format!("{tags:?}"),
                format!("{queues:?}"),
                format!("{spreading:?}"),
                format!("{link:?}"),
            ];
            assert_eq!(row[2..], words.map(snake_case), "{kind}");
        }
    }

    /// A variant's name as the document spells it.
    fn snake_case(name: String) -> String {
        let underscored = |(n, c): (usize, char)| if n > 0 && c.is_uppercase() { vec!['_', c] } else { vec![c] };
        name.chars().enumerate().flat_map(underscored).flat_map(char::to_lowercase).collect()
    }
}
