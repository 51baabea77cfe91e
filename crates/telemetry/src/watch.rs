//! Orders to look at frames, from whoever wants to see them to a worker, and back when they are done.
//!
//! A worker that has no order looks at a number once a round, [`Post::rings`], and does nothing else. An order brings all
//! the memory that it needs, and goes back to where it came from, so that a worker neither allocates nor frees.

use crate::Counter;
use crate::sightings::{Direction, SightingReceiver, SightingSender, channel};
use fib::{PortIndex, VifIndex};
use rtrb::{Consumer, Producer, RingBuffer};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Orders that a worker follows at one time.
pub const ORDERS: usize = 2;

/// Which frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// All of a port, as they are on its wire.
    Port(PortIndex),
    /// Those of an interface, as they are on its VLAN.
    Inside(VifIndex),
    /// Those of an interface that cross the fabric, as they are there.
    Outside(VifIndex),
    /// Those that come from an interface, or are for it, each as it comes in by whatever port.
    Path(VifIndex),
}

/// What is to be looked at, and how much of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// Which frames.
    pub point: Point,
    /// Only those that come, or only those that go.
    pub direction: Option<Direction>,
    /// Octets of each.
    pub octets: usize,
    /// Octets of each that came, as it leaves; 0: none.
    pub leaving: usize,
}

/// What both ends of an order share.
#[derive(Debug, Default)]
struct Shared {
    /// Written by the customer, read by the worker. Relaxed: it publishes nothing.
    over: AtomicBool,
    /// Written by the worker.
    lost: Counter,
}

/// An order, in a worker's hands.
#[derive(Debug)]
pub struct Order {
    /// What is wanted.
    pub wanted: Wanted,
    /// Where it goes.
    pub sender: SightingSender,
    shared: Arc<Shared>,
}

impl Order {
    /// Whether the customer has seen enough, or is gone.
    pub fn is_over(&self) -> bool {
        self.shared.over.load(Ordering::Relaxed) || self.sender.is_abandoned()
    }

    /// Counts a frame that was wanted and found no record to be in.
    pub fn lost(&self) {
        self.shared.lost.add(1);
    }
}

/// An order's other end.
#[derive(Debug)]
pub struct Delivery {
    /// What was seen.
    pub receiver: SightingReceiver,
    shared: Arc<Shared>,
}

impl Delivery {
    /// Frames that were wanted but found the channel full.
    pub fn lost(&self) -> u64 {
        self.shared.lost.read()
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
    }
}

/// Makes the two ends of the channel of one worker.
pub fn post() -> (Desk, Post) {
    let (order_in, order_out) = RingBuffer::new(ORDERS);
    let (done_in, done_out) = RingBuffer::new(2 * ORDERS);
    let bell = Arc::new(AtomicU64::new(0));
    (
        Desk { orders: order_in, done: done_out, bell: Arc::clone(&bell), out: 0 },
        Post { orders: order_out, done: done_in, bell, heard: 0 },
    )
}

/// Where orders are given.
#[derive(Debug)]
pub struct Desk {
    orders: Producer<Box<Order>>,
    done: Consumer<Box<Order>>,
    /// Counted up after an order was given (Release); partner: [`Post::rings`].
    bell: Arc<AtomicU64>,
    out: usize,
}

impl Desk {
    /// Gives an order with room for so many records; `None` if the worker has as many as it takes.
    pub fn order(&mut self, wanted: Wanted, capacity: usize) -> Option<Delivery> {
        self.collect();
        if self.out == ORDERS {
            return None;
        }
        let (sender, receiver) = channel(capacity, wanted.octets + wanted.leaving);
        let shared = Arc::new(Shared::default());
        self.orders.push(Box::new(Order { wanted, sender, shared: Arc::clone(&shared) })).ok()?;
        self.out += 1;
        self.bell.fetch_add(1, Ordering::Release);
        Some(Delivery { receiver, shared })
    }

    /// Frees the orders that have come back.
    pub fn collect(&mut self) {
        while self.done.pop().is_ok() {
            self.out -= 1;
        }
    }
}

/// Where a worker gets orders.
#[derive(Debug)]
pub struct Post {
    orders: Consumer<Box<Order>>,
    done: Producer<Box<Order>>,
    bell: Arc<AtomicU64>,
    heard: u64,
}

impl Post {
    /// Whether there may be an order that was not taken. Cost: one load and a comparison.
    #[inline(always)]
    pub fn rings(&self) -> bool {
        self.bell.load(Ordering::Acquire) != self.heard
    }

    /// Takes the next order.
    pub fn take(&mut self) -> Option<Box<Order>> {
        self.heard = self.bell.load(Ordering::Acquire);
        self.orders.pop().ok()
    }

    /// Rings until the next [`take`](Self::take) finds nothing, for a worker that has orders and looks after them every round.
    pub fn keep_ringing(&mut self) {
        self.heard = u64::MAX;
    }

    /// Gives back an order that is over.
    pub fn give_back(&mut self, order: Box<Order>) {
        let pushed = self.done.push(order);
        debug_assert!(pushed.is_ok(), "there is room for all orders that can be out");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted() -> Wanted {
        let point = Point::Port(PortIndex::new(0).expect("a row"));
        Wanted { point, direction: None, octets: 4, leaving: 0 }
    }

    #[test]
    fn the_bell_rings_for_each_order_and_is_silent_when_it_was_taken() {
        let (mut desk, mut post) = post();
        assert!(!post.rings());
        let delivery = desk.order(wanted(), 1).expect("the worker has none");
        assert!(post.rings());
        let order = post.take().expect("it was given");
        assert!(!post.rings() && post.take().is_none());
        assert!(!order.is_over());
        drop(delivery);
        assert!(order.is_over());
    }

    #[test]
    fn a_worker_has_at_most_two_orders_and_takes_another_when_one_came_back() {
        let (mut desk, mut post) = post();
        let _first = desk.order(wanted(), 1).expect("none is out");
        let _second = desk.order(wanted(), 1).expect("one is out");
        assert!(desk.order(wanted(), 1).is_none());
        let order = post.take().expect("two were given");
        assert!(desk.order(wanted(), 1).is_none(), "the worker still has it");
        post.give_back(order);
        assert!(desk.order(wanted(), 1).is_some());
    }

    #[test]
    fn what_a_worker_loses_the_customer_gets_to_know() {
        let (mut desk, mut post) = post();
        let delivery = desk.order(wanted(), 0).expect("none is out");
        let mut order = post.take().expect("it was given");
        assert!(order.sender.draft(0).is_none());
        order.lost();
        assert_eq!(delivery.lost(), 1);
    }
}
