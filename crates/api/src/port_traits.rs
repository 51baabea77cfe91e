use serde::{Deserialize, Serialize};

/// What a kind of port does with frames, found out by experiment with DPDK 22.11. `docs/ports.md` is the same in words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortTraits {
    /// Received frames whose TCP or UDP checksum the sender left to somebody else.
    pub partial_checksums: PartialChecksums,
    /// Frames longer than the MTU, which a sender on the same machine makes for somebody else to cut (TSO, GSO, GRO).
    pub large_frames: LargeFrames,
    /// The outermost VLAN tag of received frames.
    pub tags: Tags,
    /// How many queues there are.
    pub queues: Queues,
    /// Who spreads received frames over several queues, and so over workers.
    pub spreading: Spreading,
    /// Where the state of the link comes from.
    pub link: LinkState,
}

/// What becomes of a checksum that is not filled in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartialChecksums {
    /// None arrives: the kernel or the negotiation with the peer sees to it.
    Never,
    /// The port tells which, and they are filled in on receipt.
    Completed,
    /// The port hides which; they are known by what stands in the field, and filled in on receipt.
    Recognised,
    /// Nothing tells, so the peer must not send any.
    #[default]
    PeerMustNot,
}

/// What becomes of frames that are longer than the MTU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LargeFrames {
    /// None arrives: the kernel, the hardware or the negotiation with the peer sees to it.
    Never,
    /// They are dropped, so the peer must be told not to send any.
    #[default]
    Dropped,
}

/// Where the outermost tag of a received frame is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tags {
    /// In the frame, as it was sent.
    #[default]
    InFrame,
    /// Taken out by hardware on ports with TPID 0x8100 that can, else in the frame.
    TakenOut,
    /// Put back into the frame as 0x8100, whatever it was: another TPID cannot be served.
    PutBackAs8100,
    /// In the frame, unless the interface takes it out: then it is lost.
    LostIfTakenOut,
}

/// How many queues a port can have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Queues {
    /// Any number of receive and of transmit queues.
    #[default]
    Free,
    /// As many receive as transmit queues, since frames arrive on all of them.
    Pairs,
    /// As many as the device's arguments name.
    Arguments,
}

/// Who spreads received frames over queues.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spreading {
    /// The hardware, by a hash of addresses and ports (RSS).
    Hardware,
    /// The Linux kernel, by a hash of addresses and ports.
    Kernel,
    /// The peer chooses the queue.
    Peer,
    /// Nobody.
    #[default]
    Nobody,
}

/// Where the state of a link comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkState {
    /// From the cable.
    Cable,
    /// From the Linux interface's state.
    Interface,
    /// Up while the peer is connected.
    Peer,
    /// Always up.
    #[default]
    AlwaysUp,
}
