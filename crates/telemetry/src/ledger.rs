//! The accounting law: every packet that came is somewhere.
//!
//! ```text
//! received + injected + generated + copies + taken over
//!     = transmitted + dropped (by reason) + punted + consumed + handed over + held
//! ```
//!
//! A flooded frame is *consumed* and its copies are counted as *copies*, each of which then ends like any other packet.

use crate::{Counter, DropReason};

/// One worker's side of the law, as live counters.
#[derive(Debug)]
pub struct Ledger {
    /// Taken from ports.
    pub received: Counter,
    /// Taken from the host or control.
    pub injected: Counter,
    /// Made by the worker itself.
    pub generated: Counter,
    /// Made by flooding.
    pub copies: Counter,
    /// Taken over from other workers.
    pub taken_over: Counter,
    /// Accepted by a port.
    pub transmitted: Counter,
    /// Given to the host.
    pub punted: Counter,
    /// Ended on purpose.
    pub consumed: Counter,
    /// Handed over to another worker.
    pub handed_over: Counter,
    /// A gauge: packets in the worker's hands.
    pub held: Counter,
    dropped: [Counter; DropReason::COUNT],
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            received: Counter::default(),
            injected: Counter::default(),
            generated: Counter::default(),
            copies: Counter::default(),
            taken_over: Counter::default(),
            transmitted: Counter::default(),
            punted: Counter::default(),
            consumed: Counter::default(),
            handed_over: Counter::default(),
            held: Counter::default(),
            dropped: std::array::from_fn(|_| Counter::default()),
        }
    }
}

/// The law's terms at one moment, of one worker or summed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the field of the same name in Ledger")]
pub struct Totals {
    pub received: u64,
    pub injected: u64,
    pub generated: u64,
    pub copies: u64,
    pub taken_over: u64,
    pub transmitted: u64,
    pub dropped: u64,
    pub punted: u64,
    pub consumed: u64,
    pub handed_over: u64,
    pub held: u64,
}

impl Ledger {
    /// The counter of a drop reason.
    #[inline(always)]
    pub fn dropped(&self, reason: DropReason) -> &Counter {
        &self.dropped[reason as usize]
    }

    /// The terms now. While the worker runs they are not of one instant; at rest they are.
    pub fn totals(&self) -> Totals {
        Totals {
            received: self.received.read(),
            injected: self.injected.read(),
            generated: self.generated.read(),
            copies: self.copies.read(),
            taken_over: self.taken_over.read(),
            transmitted: self.transmitted.read(),
            dropped: self.dropped.iter().map(Counter::read).sum(),
            punted: self.punted.read(),
            consumed: self.consumed.read(),
            handed_over: self.handed_over.read(),
            held: self.held.read(),
        }
    }
}

impl Totals {
    /// Left side minus right side: 0 at rest, or there is a bug.
    pub fn unaccounted(&self) -> i64 {
        let came = self.received + self.injected + self.generated + self.copies + self.taken_over;
        let went = self.transmitted + self.dropped + self.punted + self.consumed + self.handed_over + self.held;
        came.wrapping_sub(went) as i64
    }
}

impl std::ops::AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        self.received += other.received;
        self.injected += other.injected;
        self.generated += other.generated;
        self.copies += other.copies;
        self.taken_over += other.taken_over;
        self.transmitted += other.transmitted;
        self.dropped += other.dropped;
        self.punted += other.punted;
        self.consumed += other.consumed;
        self.handed_over += other.handed_over;
        self.held += other.held;
    }
}
