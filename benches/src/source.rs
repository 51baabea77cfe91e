//! One receive queue for all variants: each with its own would find its frames in a colder cache than the one before.

use arrayvec::ArrayVec;
use causewayd::driver::{DpdkFrame, DpdkRx};
use datapath::io::RxQueue;
use datapath::{BURST, Burst};
use dpdk::Mbuf;
use std::cell::RefCell;
use std::rc::Rc;

/// A handle to the queue that replays the traffic.
#[derive(Clone)]
pub(crate) struct Source(Rc<RefCell<DpdkRx>>);

impl Source {
    pub(crate) fn new(queue: dpdk::RxQueue) -> Self {
        Self(Rc::new(RefCell::new(DpdkRx::new(queue))))
    }

    /// Receives without the data path's types, as the floor does.
    #[inline(always)]
    pub(crate) fn raw_burst(&self, frames: &mut ArrayVec<Mbuf, BURST>) -> usize {
        self.0.borrow_mut().queue().burst(frames)
    }
}

impl RxQueue for Source {
    type Frame = DpdkFrame;

    #[inline(always)]
    fn receive(&mut self, burst: &mut Burst<DpdkFrame>) {
        self.0.borrow_mut().receive(burst);
    }
}
