//! The data path's traits on DPDK's types. Nothing here decides anything.

use crate::partial;
use arrayvec::ArrayVec;
use bytemuck::TransparentWrapper;
use datapath::io::{self, Checksum, Clock, Frame, RxMeta};
use datapath::{BURST, Burst};
use dpdk::{Mbuf, SharedMbuf};
use rustix::thread::{Timespec, nanosleep};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Duration;
use telemetry::Counter;
use wire::Tci;

/// A frame in a DPDK buffer.
#[derive(TransparentWrapper)]
#[repr(transparent)]
pub struct DpdkFrame(Mbuf);

/// No frame's part is longer, so a longer one simply does not fit.
#[inline(always)]
fn octets16(n: usize) -> u16 {
    u16::try_from(n).unwrap_or(u16::MAX)
}

impl Frame for DpdkFrame {
    #[inline(always)]
    fn octets(&self) -> &[u8] {
        self.0.octets()
    }

    #[inline(always)]
    fn octets_mut(&mut self) -> &mut [u8] {
        self.0.octets_mut()
    }

    #[inline(always)]
    fn total_octets(&self) -> usize {
        self.0.total_len() as usize
    }

    fn copy_out(&self, at: usize, place: &mut [u8]) -> usize {
        self.0.copy_out(at, place)
    }

    #[inline(always)]
    fn prepend(&mut self, n: usize) -> Option<&mut [u8]> {
        self.0.grow_front(octets16(n)).then(|| self.0.octets_mut())
    }

    #[inline(always)]
    fn trim_front(&mut self, n: usize) {
        let trimmed = self.0.trim_front(octets16(n));
        debug_assert!(trimmed, "the pipeline cuts within the first buffer");
    }

    #[inline(always)]
    fn append(&mut self, n: usize) -> Option<&mut [u8]> {
        self.0.append(octets16(n))
    }

    #[inline(always)]
    fn truncate(&mut self, total: usize) {
        // A frame of several buffers keeps its tail: what follows the IP packet is padding, which its receiver ignores.
        let _ = self.0.truncate(octets16(total));
    }
}

/// A worker's buffers.
pub struct DpdkPool(dpdk::Pool);

impl DpdkPool {
    /// The buffers of `pool`; the worker that uses them must be registered.
    pub fn new(pool: dpdk::Pool) -> Self {
        Self(pool)
    }
}

impl io::Pool for DpdkPool {
    type Frame = DpdkFrame;
    type Payload = SharedMbuf;

    fn allocate(&mut self) -> Option<DpdkFrame> {
        self.0.alloc().map(DpdkFrame)
    }

    fn allocate_many(&mut self, frames: &mut ArrayVec<DpdkFrame, BURST>, count: usize) {
        // All or none in bulk: a pool that is nearly empty gives what it has one by one.
        if self.0.alloc_bulk(frames, count) {
            return;
        }
        for _ in 0..count.min(frames.remaining_capacity()) {
            let Some(frame) = self.allocate() else { return };
            // There is room: it was counted.
            let _ = frames.try_push(frame);
        }
    }

    fn share(&mut self, frame: DpdkFrame) -> SharedMbuf {
        SharedMbuf::from(frame.0)
    }

    fn chain(&mut self, payload: &SharedMbuf, head: DpdkFrame) -> Option<DpdkFrame> {
        payload.chain(head.0).ok().map(DpdkFrame)
    }

    fn free(&mut self, frames: &mut ArrayVec<DpdkFrame, BURST>) {
        dpdk::free_bulk(frames);
    }
}

/// What has to be done to received frames before they are whole, by what the port tells of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intake {
    /// A checksum that the port calls partial is (virtio).
    Told,
    /// Drivers of other hardware mean by the same flag that they did not look: it may be partial.
    Unsure,
    /// The port never tells, and may hand on what the kernel has cut: each frame is looked at. No whole frame has more
    /// octets than this.
    Hidden(usize),
}

/// What a receive queue had to do to its frames. Written by the worker that polls it.
#[derive(Debug, Default)]
pub struct IntakeCounts {
    /// Frames whose checksum was filled in.
    pub completed: Counter,
    /// Frames that cannot be made whole: they are emptied, so the pipeline drops them as runts.
    pub refused: Counter,
}

/// A receive queue of a DPDK port.
pub struct DpdkRx {
    queue: dpdk::RxQueue,
    intake: Intake,
    counts: Arc<IntakeCounts>,
}

impl DpdkRx {
    /// The queue of a port that tells what it knows.
    pub fn new(queue: dpdk::RxQueue) -> Self {
        Self::with_intake(queue, Intake::Unsure)
    }

    /// The queue of a port of which this is known.
    pub fn with_intake(queue: dpdk::RxQueue, intake: Intake) -> Self {
        Self { queue, intake, counts: Arc::default() }
    }

    /// The queue as DPDK has it, whose frames the data path then does not see.
    pub fn queue(&mut self) -> &mut dpdk::RxQueue {
        &mut self.queue
    }

    /// What it did to frames so far, and will.
    pub fn counts(&self) -> Arc<IntakeCounts> {
        Arc::clone(&self.counts)
    }
}

impl io::RxQueue for DpdkRx {
    type Frame = DpdkFrame;

    #[inline(always)]
    fn receive(&mut self, burst: &mut Burst<DpdkFrame>) {
        let Self { queue, intake, counts } = self;
        burst.refill(|frames| {
            queue.burst(frames);
        });
        let mut noted = false;
        for DpdkFrame(mbuf) in burst.frames_mut() {
            if let Intake::Hidden(longest) = *intake {
                look_at(mbuf, longest, counts);
            }
            noted |= mbuf.has_notes();
            mbuf.prefetch();
        }
        if noted {
            burst.note(|frame| notes(&mut frame.0, *intake, counts));
        }
    }
}

/// What the port noted of a frame.
#[inline(never)]
fn notes(mbuf: &mut Mbuf, intake: Intake, counts: &IntakeCounts) -> RxMeta {
    let l4 = mbuf.l4_checksum();
    if l4 == dpdk::Checksum::Partial {
        make_whole(mbuf, intake, counts);
    }
    let stripped = mbuf.stripped_tci().map(Tci::new);
    RxMeta { stripped, ip: verified(mbuf.ipv4_checksum()), l4: verified(l4) }
}

/// Only senders on the same machine leave checksums to others, and most frames are not theirs.
#[cold]
#[inline(never)]
fn make_whole(mbuf: &mut Mbuf, intake: Intake, counts: &IntakeCounts) {
    // Data in further buffers is out of reach. No frame within the MTU has any.
    let in_one_piece = mbuf.segments() == 1;
    let completed = in_one_piece
        && match intake {
            Intake::Told => partial::complete(mbuf.octets_mut()),
            Intake::Unsure | Intake::Hidden(_) => partial::recognise(mbuf.octets_mut()),
        };
    if completed {
        counts.completed.add(1);
    } else if intake == Intake::Told {
        refuse(mbuf, counts);
    }
}

/// A frame of a port that tells nothing.
#[cold]
#[inline(never)]
fn look_at(mbuf: &mut Mbuf, longest: usize, counts: &IntakeCounts) {
    if mbuf.segments() != 1 || mbuf.len() > longest {
        refuse(mbuf, counts);
    } else if partial::recognise(mbuf.octets_mut()) {
        counts.completed.add(1);
    }
}

/// Empties the frame: the pipeline drops it and accounts for it.
fn refuse(mbuf: &mut Mbuf, counts: &IntakeCounts) {
    counts.refused.add(1);
    let octets = octets16(mbuf.len());
    let emptied = mbuf.trim_front(octets);
    debug_assert!(emptied, "a first buffer can be cut by its own length");
}

/// Only "good" is taken on trust; whatever else a port says is verified by the pipeline.
#[inline(always)]
fn verified(checksum: dpdk::Checksum) -> Checksum {
    if checksum == dpdk::Checksum::Good { Checksum::Good } else { Checksum::Unknown }
}

/// A transmit queue of a DPDK port.
pub struct DpdkTx {
    queue: dpdk::TxQueue,
    chains: bool,
}

impl DpdkTx {
    /// The queue; `chains` if its port takes frames of several segments.
    pub fn new(queue: dpdk::TxQueue, chains: bool) -> Self {
        Self { queue, chains }
    }
}

impl io::TxQueue for DpdkTx {
    type Frame = DpdkFrame;

    #[inline(always)]
    fn transmit(&mut self, frames: &mut ArrayVec<DpdkFrame, BURST>) {
        self.queue.burst(frames);
    }

    fn takes_chains(&self) -> bool {
        self.chains
    }
}

/// The processor's clock, a short sleep, and what the kernel's scheduler says of the thread that made it.
pub struct TscClock {
    cycles_per_second: u64,
    schedstat: Option<File>,
    waited_ns: u64,
}

impl TscClock {
    /// For the calling thread.
    pub fn new(cycles_per_second: u64) -> Self {
        let mut clock =
            Self { cycles_per_second, schedstat: File::open("/proc/thread-self/schedstat").ok(), waited_ns: 0 };
        clock.stolen();
        clock
    }

    /// Nanoseconds that the thread has waited for its core so far: the second number of its `schedstat`.
    fn waited_ns(&self) -> Option<u64> {
        let mut text = [0; 96];
        let length = self.schedstat.as_ref()?.read_at(&mut text, 0).ok()?;
        let text = std::str::from_utf8(text.get(..length)?).ok()?;
        text.split_ascii_whitespace().nth(1)?.parse().ok()
    }
}

impl Clock for TscClock {
    #[inline(always)]
    fn cycles(&self) -> u64 {
        dpdk::lcore::tsc()
    }

    /// Not `std::thread::sleep`, which panics if the kernel refuses. A signal ends it early: there will be another.
    fn rest(&mut self, time: Duration) {
        if let Ok(time) = Timespec::try_from(time) {
            let _ = nanosleep(&time);
        }
    }

    fn stolen(&mut self) -> u64 {
        let Some(waited_ns) = self.waited_ns() else { return 0 };
        let since = waited_ns.saturating_sub(std::mem::replace(&mut self.waited_ns, waited_ns));
        (u128::from(since) * u128::from(self.cycles_per_second) / 1_000_000_000) as u64
    }
}
