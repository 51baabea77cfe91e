//! Frames made in the process, for what a replayed file cannot do: more stations than fit in one, short bursts, cold
//! headers. All who take turns are fed alike, so the price is in the ports' own figure.

use crate::random::Random;
use crate::traffic::Traffic;
use arrayvec::ArrayVec;
use datapath::BURST;
use dpdk::{Mbuf, Pool, TxQueue};
use std::collections::VecDeque;
use std::hint::black_box;
use std::ops::Range;

/// Octets of a line of a cache.
const LINE: usize = 64;

/// How frames are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Feed {
    /// Frames at a time, at most [`BURST`].
    pub(crate) burst: usize,
    /// Buffers that wait between being filled and being received, as in the ring of a network card.
    pub(crate) waiting: usize,
    /// Octets of other memory that are read before each burst.
    pub(crate) thrashed: usize,
    /// Two octets of each frame that a random number is written to, of so many bits.
    pub(crate) rewritten: Option<(Range<usize>, u32)>,
}

impl Feed {
    /// Full bursts, filled just before they are received.
    pub(crate) const WARM: Self = Self { burst: BURST, waiting: 0, thrashed: 0, rewritten: None };
}

/// Fills buffers and sends them to a port that hands them back.
pub(crate) struct Feeder {
    feed: Feed,
    pool: Pool,
    tx: TxQueue,
    frames: Vec<Vec<u8>>,
    next: usize,
    random: Random,
    fresh: ArrayVec<Mbuf, BURST>,
    waiting: VecDeque<Mbuf>,
    /// A number from each line of a cache.
    other: Vec<[u64; 8]>,
}

impl Feeder {
    /// Of the frames of `traffic`, again and again, from buffers of `pool` into `tx`.
    pub(crate) fn new(feed: Feed, traffic: &Traffic, pool: Pool, tx: TxQueue) -> Self {
        let waiting = VecDeque::with_capacity(feed.waiting + BURST);
        let (frames, random) = (traffic.frames().to_vec(), Random::new(0x1234_5678));
        // Not zeros, for which the kernel has one page.
        let other = vec![[1; 8]; feed.thrashed / LINE];
        Self { feed, pool, tx, frames, next: 0, random, fresh: ArrayVec::new(), waiting, other }
    }

    /// Another burst. Nothing comes while buffers are still being laid to wait.
    #[inline(always)]
    pub(crate) fn feed(&mut self) {
        if !self.pool.alloc_bulk(&mut self.fresh, self.feed.burst) {
            return;
        }
        for mbuf in &mut self.fresh {
            let frame = &self.frames[self.next];
            self.next = if self.next + 1 == self.frames.len() { 0 } else { self.next + 1 };
            if let Some(octets) = mbuf.append(frame.len() as u16) {
                octets.copy_from_slice(frame);
                if let Some((range, bits)) = &self.feed.rewritten {
                    let number = self.random.next() as u16 & ((1 << bits) - 1);
                    octets[range.start..][..2].copy_from_slice(&number.to_be_bytes());
                }
            }
        }
        if self.feed.waiting > 0 {
            self.waiting.extend(self.fresh.drain(..));
            let ready = self.waiting.len().saturating_sub(self.feed.waiting).min(BURST);
            self.fresh.extend(self.waiting.drain(..ready));
        }
        if !self.other.is_empty() {
            black_box(self.other.iter().fold(0u64, |sum, line| sum.wrapping_add(line[0])));
        }
        self.tx.burst(&mut self.fresh);
        dpdk::free_bulk(&mut self.fresh);
    }
}
