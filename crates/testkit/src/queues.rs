//! Receive and transmit queues, and time, in memory.

use datapath::io::Clock;
pub use memory::{MemRx, MemTx};
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

/// A clock that advances by one cycle a reading, and by a million a rest.
#[derive(Debug, Clone, Default)]
pub struct FakeClock(Rc<Cell<u64>>);

impl FakeClock {
    /// Lets time pass.
    pub fn advance(&self, cycles: u64) {
        self.0.set(self.0.get() + cycles);
    }
}

impl Clock for FakeClock {
    fn cycles(&self) -> u64 {
        self.advance(1);
        self.0.get()
    }

    fn rest(&mut self, time: Duration) {
        self.advance(time.as_nanos() as u64);
    }
}
