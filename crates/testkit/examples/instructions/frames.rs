//! Frames that cost as little as a driver's: a pointer to a buffer that knows where its octets are. What the tests' frames
//! check and poison would hide what the pipeline does.

use arrayvec::ArrayVec;
use datapath::io::{CONTIGUOUS, Frame, Pool, RxQueue, TxQueue};
use datapath::{BURST, Burst};
use std::cell::RefCell;
use std::rc::Rc;

const BUFFER_OCTETS: usize = 1024;

struct Buffer {
    octets: [u8; BUFFER_OCTETS],
    at: usize,
    end: usize,
    tail: Option<Rc<PlainFrame>>,
}

/// A frame: a buffer, and at most one more behind it that others share.
pub(crate) struct PlainFrame(Box<Buffer>);

impl PlainFrame {
    fn tail(&self) -> &[u8] {
        self.0.tail.as_ref().map_or(&[], |tail| tail.octets())
    }
}

impl Frame for PlainFrame {
    #[inline(always)]
    fn octets(&self) -> &[u8] {
        &self.0.octets[self.0.at..self.0.end]
    }

    #[inline(always)]
    fn octets_mut(&mut self) -> &mut [u8] {
        let Buffer { octets, at, end, .. } = &mut *self.0;
        &mut octets[*at..*end]
    }

    #[inline(always)]
    fn total_octets(&self) -> usize {
        self.0.end - self.0.at + self.tail().len()
    }

    fn copy_out(&self, at: usize, place: &mut [u8]) -> usize {
        let first = self.octets();
        let parts = [first.get(at..), self.tail().get(at.saturating_sub(first.len())..)].map(Option::unwrap_or_default);
        let mut copied = 0;
        for part in parts {
            let room = &mut place[copied..];
            let n = part.len().min(room.len());
            room[..n].copy_from_slice(&part[..n]);
            copied += n;
        }
        copied
    }

    #[inline(always)]
    fn prepend(&mut self, n: usize) -> Option<&mut [u8]> {
        self.0.at = self.0.at.checked_sub(n)?;
        Some(self.octets_mut())
    }

    #[inline(always)]
    fn trim_front(&mut self, n: usize) {
        self.0.at += n;
    }

    #[inline(always)]
    fn append(&mut self, n: usize) -> Option<&mut [u8]> {
        let before = self.0.end;
        if self.0.tail.is_some() || before + n > BUFFER_OCTETS {
            return None;
        }
        self.0.end += n;
        self.0.octets.get_mut(before..before + n)
    }

    #[inline(always)]
    fn truncate(&mut self, total: usize) {
        self.0.end = self.0.end.min(self.0.at + total);
    }
}

/// Buffers that are lent; clones are the same pool.
#[derive(Clone)]
pub(crate) struct PlainPool(Rc<RefCell<Vec<PlainFrame>>>);

impl PlainPool {
    /// A pool of `count` buffers.
    pub(crate) fn new(count: usize) -> Self {
        let buffer = || Buffer { octets: [0; BUFFER_OCTETS], at: CONTIGUOUS, end: CONTIGUOUS, tail: None };
        Self(Rc::new(RefCell::new((0..count).map(|_| PlainFrame(Box::new(buffer()))).collect())))
    }

    /// A frame of these octets.
    pub(crate) fn frame(&self, octets: &[u8]) -> PlainFrame {
        let mut frame = self.take().expect("a workload has a burst and its copies at once");
        frame.append(octets.len()).expect("a workload's frames are short").copy_from_slice(octets);
        frame
    }

    fn take(&self) -> Option<PlainFrame> {
        let mut frame = self.0.borrow_mut().pop()?;
        (frame.0.at, frame.0.end, frame.0.tail) = (CONTIGUOUS, CONTIGUOUS, None);
        Some(frame)
    }
}

impl Pool for PlainPool {
    type Frame = PlainFrame;
    type Payload = Rc<PlainFrame>;

    fn allocate(&mut self) -> Option<PlainFrame> {
        self.take()
    }

    fn share(&mut self, frame: PlainFrame) -> Rc<PlainFrame> {
        Rc::new(frame)
    }

    fn chain(&mut self, payload: &Rc<PlainFrame>, mut head: PlainFrame) -> Option<PlainFrame> {
        head.0.tail = Some(Rc::clone(payload));
        Some(head)
    }

    fn free(&mut self, frames: &mut ArrayVec<PlainFrame, BURST>) {
        self.0.borrow_mut().extend(frames.drain(..));
    }
}

/// A receive queue; clones are the same queue.
#[derive(Clone, Default)]
pub(crate) struct PlainRx(Rc<RefCell<Vec<PlainFrame>>>);

impl PlainRx {
    /// A frame arrives.
    pub(crate) fn arrive(&self, frame: PlainFrame) {
        self.0.borrow_mut().push(frame);
    }
}

impl RxQueue for PlainRx {
    type Frame = PlainFrame;

    #[inline(always)]
    fn receive(&mut self, burst: &mut Burst<PlainFrame>) {
        burst.refill(|frames| frames.extend(self.0.borrow_mut().drain(..)));
    }
}

/// A transmit queue that takes everything; clones are the same queue.
#[derive(Clone, Default)]
pub(crate) struct PlainTx(Rc<RefCell<Vec<PlainFrame>>>);

impl PlainTx {
    /// Gives the buffers of all that was sent back to the pool.
    pub(crate) fn empty(&self, pool: &PlainPool) {
        pool.0.borrow_mut().append(&mut self.0.borrow_mut());
    }
}

impl TxQueue for PlainTx {
    type Frame = PlainFrame;

    #[inline(always)]
    fn transmit(&mut self, frames: &mut ArrayVec<PlainFrame, BURST>) {
        self.0.borrow_mut().extend(frames.drain(..));
    }

    fn takes_chains(&self) -> bool {
        true
    }
}
