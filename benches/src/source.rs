//! One receive queue for all variants: each with its own would find its frames in a colder cache than the one before.

mod feeder;

pub(crate) use feeder::{Feed, Feeder};

use arrayvec::ArrayVec;
use causewayd::driver::{DpdkFrame, DpdkRx};
use datapath::io::RxQueue;
use datapath::{BURST, Burst};
use dpdk::Mbuf;
use std::cell::RefCell;
use std::rc::Rc;

/// A handle to the queue that yields the traffic.
#[derive(Clone)]
pub(crate) struct Source(Rc<RefCell<Inner>>);

struct Inner {
    rx: DpdkRx,
    feeder: Option<Feeder>,
}

impl Source {
    /// A queue that yields frames by itself.
    pub(crate) fn new(queue: dpdk::RxQueue) -> Self {
        Self(Rc::new(RefCell::new(Inner { rx: DpdkRx::new(queue), feeder: None })))
    }

    /// A queue whose port is fed with a burst whenever it is polled.
    pub(crate) fn fed(queue: dpdk::RxQueue, feeder: Feeder) -> Self {
        Self(Rc::new(RefCell::new(Inner { rx: DpdkRx::new(queue), feeder: Some(feeder) })))
    }

    /// Receives without the data path's types, as the floor does.
    #[inline(always)]
    pub(crate) fn raw_burst(&self, frames: &mut ArrayVec<Mbuf, BURST>) -> usize {
        self.0.borrow_mut().fed_queue().queue().burst(frames)
    }
}

impl Inner {
    #[inline(always)]
    fn fed_queue(&mut self) -> &mut DpdkRx {
        if let Some(feeder) = &mut self.feeder {
            feeder.feed();
        }
        &mut self.rx
    }
}

impl RxQueue for Source {
    type Frame = DpdkFrame;

    #[inline(always)]
    fn receive(&mut self, burst: &mut Burst<DpdkFrame>) {
        self.0.borrow_mut().fed_queue().receive(burst);
    }
}
