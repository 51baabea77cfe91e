//! What threads tell each other during a trial.

use crate::frame::Way;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// Shared by the lanes and the thread that waits for them. Numbers and flags on their own, none of which guards other
/// data, so `Relaxed` everywhere.
#[derive(Debug)]
pub struct Progress {
    offered: [AtomicU64; 2],
    received: [AtomicU64; 2],
    senders: AtomicUsize,
    hushed: AtomicBool,
    over: AtomicBool,
}

impl Progress {
    /// A trial with so many senders.
    #[must_use]
    pub fn new(senders: usize) -> Self {
        Self {
            offered: [AtomicU64::new(0), AtomicU64::new(0)],
            received: [AtomicU64::new(0), AtomicU64::new(0)],
            senders: AtomicUsize::new(senders),
            hushed: AtomicBool::new(false),
            over: AtomicBool::new(false),
        }
    }

    /// A sender's count so far.
    pub fn set_offered(&self, way: Way, frames: u64) {
        self.offered[way.index()].store(frames, Ordering::Relaxed);
    }

    /// The receiver's count so far.
    pub fn set_received(&self, way: Way, frames: u64) {
        self.received[way.index()].store(frames, Ordering::Relaxed);
    }

    /// Offered and received frames of a direction.
    #[must_use]
    pub fn counts(&self, way: Way) -> (u64, u64) {
        let [offered, received] = [&self.offered, &self.received].map(|list| list[way.index()].load(Ordering::Relaxed));
        (offered, received)
    }

    /// A sender has sent all that it had to.
    pub fn sender_is_done(&self) {
        self.senders.fetch_sub(1, Ordering::Relaxed);
    }

    /// All senders have.
    #[must_use]
    pub fn all_sent(&self) -> bool {
        self.senders.load(Ordering::Relaxed) == 0
    }

    /// No frame is to be sent any more.
    pub fn hush(&self) {
        self.hushed.store(true, Ordering::Relaxed);
    }

    /// Whether [`Self::hush`] was called.
    #[must_use]
    pub fn is_hushed(&self) -> bool {
        self.hushed.load(Ordering::Relaxed)
    }

    /// The lanes are to end.
    pub fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    /// Whether [`Self::end`] was called.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }
}
