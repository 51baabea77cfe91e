//! Receive and transmit queues. Whoever holds the other end feeds and empties them.

use crate::MemFrame;
use arrayvec::ArrayVec;
use datapath::io::{RxMeta, RxQueue, TxQueue};
use datapath::{BURST, Burst};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

/// A receive queue; clones are the same queue.
#[derive(Clone, Default)]
pub struct MemRx(Rc<RefCell<VecDeque<(MemFrame, RxMeta)>>>);

impl MemRx {
    /// A frame arrives.
    pub fn arrive(&self, frame: MemFrame, meta: RxMeta) {
        self.0.borrow_mut().push_back((frame, meta));
    }

    /// How many frames wait.
    pub fn waiting(&self) -> usize {
        self.0.borrow().len()
    }
}

impl RxQueue for MemRx {
    type Frame = MemFrame;

    fn receive(&mut self, burst: &mut Burst<MemFrame>) {
        let mut waiting = self.0.borrow_mut();
        while burst.len() < BURST {
            let Some((frame, meta)) = waiting.pop_front() else { return };
            assert!(burst.push(frame, meta).is_ok(), "a burst takes {BURST} frames");
        }
    }
}

struct Sent {
    frames: VecDeque<MemFrame>,
    capacity: usize,
    chains: bool,
    refusals: usize,
}

/// A transmit queue; clones are the same queue.
#[derive(Clone)]
pub struct MemTx(Rc<RefCell<Sent>>);

impl MemTx {
    /// A queue that takes `capacity` frames until it is emptied, in several buffers or only in one.
    pub fn new(capacity: usize, chains: bool) -> Self {
        let frames = VecDeque::with_capacity(capacity);
        Self(Rc::new(RefCell::new(Sent { frames, capacity, chains, refusals: 0 })))
    }

    /// Has the queue take nothing so many times.
    pub fn refuse(&self, times: usize) {
        self.0.borrow_mut().refusals = times;
    }

    /// Takes the oldest frame out.
    pub fn take(&self) -> Option<MemFrame> {
        self.0.borrow_mut().frames.pop_front()
    }
}

impl TxQueue for MemTx {
    type Frame = MemFrame;

    fn transmit(&mut self, frames: &mut ArrayVec<MemFrame, BURST>) {
        let mut sent = self.0.borrow_mut();
        if sent.refusals > 0 {
            sent.refusals -= 1;
            return;
        }
        let room = (sent.capacity - sent.frames.len()).min(frames.len());
        for frame in frames.drain(..room) {
            assert!(sent.chains || frame.buffers() == 1, "a frame in several buffers for a port that takes none");
            sent.frames.push_back(frame);
        }
    }

    fn takes_chains(&self) -> bool {
        self.0.borrow().chains
    }
}
