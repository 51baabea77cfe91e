//! What the pipeline asks of a driver.

use crate::{BURST, Burst};
use arrayvec::ArrayVec;
use fib::PortIndex;
use std::time::Duration;
use wire::Tci;

/// Octets that every frame of a burst must have in one piece, or be shorter altogether.
pub const CONTIGUOUS: usize = 128;

/// A frame in one worker's hands: unique and mutable. Dropping it frees it.
///
/// The frame may continue in further buffers that only the driver sees: [`octets`](Self::octets) is the first, and
/// [`total_octets`](Self::total_octets) counts all.
pub trait Frame: Sized {
    /// The octets in the first buffer, from the destination MAC on.
    fn octets(&self) -> &[u8];

    /// The same, to write.
    fn octets_mut(&mut self) -> &mut [u8];

    /// The frame's length over all its buffers.
    fn total_octets(&self) -> usize;

    /// Copies octets from the `at`th on into `place`, over all its buffers; returns how many there were. For whoever looks
    /// on: no stage needs it.
    fn copy_out(&self, at: usize, place: &mut [u8]) -> usize;

    /// Grows the frame by `n` octets in front and returns its first buffer; `None` (and no change) without headroom.
    /// The new octets have any value.
    fn prepend(&mut self, n: usize) -> Option<&mut [u8]>;

    /// Cuts `n` octets in front; at most the first buffer's length.
    fn trim_front(&mut self, n: usize);

    /// Grows the frame by `n` octets behind and returns them; `None` (and no change) without tailroom, or if the frame
    /// is in several buffers. The new octets have any value.
    fn append(&mut self, n: usize) -> Option<&mut [u8]>;

    /// Cuts the frame to `total` octets, if it is longer.
    fn truncate(&mut self, total: usize);
}

/// Where frames come from and go to die.
pub trait Pool {
    /// What it holds.
    type Frame: Frame;
    /// A payload that several frames share and none can write.
    type Payload;

    /// An empty frame with at least [`CONTIGUOUS`] octets of headroom.
    fn allocate(&mut self) -> Option<Self::Frame>;

    /// Adds `count` such frames to `frames`, which has room for them; fewer only if there are no more.
    fn allocate_many(&mut self, frames: &mut ArrayVec<Self::Frame, BURST>, count: usize) {
        for _ in 0..count.min(frames.remaining_capacity()) {
            let Some(frame) = self.allocate() else { return };
            // There is room: it was counted.
            let _ = frames.try_push(frame);
        }
    }

    /// Makes a frame immutable, to be the tail of replicas.
    fn share(&mut self, frame: Self::Frame) -> Self::Payload;

    /// Puts the payload behind an empty frame of this pool; `None`, and the frame is freed, if it cannot be shared once more.
    fn chain(&mut self, payload: &Self::Payload, head: Self::Frame) -> Option<Self::Frame>;

    /// Frees all of `frames` at once.
    fn free(&mut self, frames: &mut ArrayVec<Self::Frame, BURST>);
}

/// What a port verified of a checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Checksum {
    /// Nothing.
    #[default]
    Unknown,
    /// It is right.
    Good,
}

/// What a port says about a received frame, in the same form whatever the port did with tags and checksums.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RxMeta {
    /// The outermost VLAN tag, if the port took it out of the frame.
    pub stripped: Option<Tci>,
    /// The IPv4 header checksum of the outermost packet.
    pub ip: Checksum,
    /// The UDP or TCP checksum of the outermost packet.
    pub l4: Checksum,
}

/// A receive queue of one port, polled by one worker.
pub trait RxQueue {
    /// What it yields.
    type Frame: Frame;

    /// Pushes up to [`BURST`] frames, each with its [`RxMeta`], to the empty burst.
    fn receive(&mut self, burst: &mut Burst<Self::Frame>);
}

/// A transmit queue of one port, fed by one worker.
pub trait TxQueue {
    /// What it takes.
    type Frame: Frame;

    /// Takes frames from the front, as many as there is room for; what stays was not taken.
    fn transmit(&mut self, frames: &mut ArrayVec<Self::Frame, BURST>);

    /// Whether it takes frames in several buffers, as replicas with a shared payload are.
    fn takes_chains(&self) -> bool;
}

/// Time and rest, for one worker.
pub trait Clock {
    /// The time stamp counter.
    fn cycles(&self) -> u64;

    /// Sleeps about so long because there was nothing to do.
    fn rest(&mut self, time: Duration);

    /// Cycles since the last call in which the worker was ready to run and the kernel ran something else on its core.
    /// May make a system call: it is asked only after a long gap, when the harm is done.
    fn stolen(&mut self) -> u64 {
        0
    }
}

/// A port's transmit queue together with its number.
#[derive(Debug)]
pub struct Outgoing<T> {
    /// The port.
    pub port: PortIndex,
    /// This worker's queue of it.
    pub queue: T,
}
