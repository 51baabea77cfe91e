//! Publish a snapshot to all workers without ever making one wait.
//!
//! The control thread holds a [`Publisher`], each worker a [`Reader`]. A reader asks once per burst whether the
//! generation moved: one relaxed-cost load when it did not. When it did, the reader *tries* the lock around the current
//! `Arc`; if the publisher holds it at that very moment, the reader keeps its snapshot for one more burst. So no reader
//! ever waits, and no reader ever frees: the publisher keeps its own reference to every snapshot until all readers have
//! let go, so the last reference is dropped, and destructors run, on the control thread.
//!
//! Each reader also tells which generation it has reached. [`Publisher::oldest_in_use`] is therefore the bound for
//! reusing an id: what generation `g` dropped may be reused once the bound is at least `g`.

#![forbid(unsafe_code)]

mod sync;

use sync::{Arc, AtomicU64, Mutex, Ordering};

struct Shared<T> {
    /// Written by the publisher after `current` (Release); read by readers (Acquire).
    generation: AtomicU64,
    current: Mutex<(u64, Arc<T>)>,
}

/// The writing end, owned by the control thread. Must outlive no one: readers keep their snapshot if it goes first, but
/// then the last of them frees it.
pub struct Publisher<T> {
    shared: Arc<Shared<T>>,
    current: Arc<T>,
    generation: u64,
    retired: Vec<Arc<T>>,
    readers: Vec<Arc<AtomicU64>>,
}

/// The reading end, owned by one worker.
pub struct Reader<T> {
    shared: Arc<Shared<T>>,
    snapshot: Arc<T>,
    generation: u64,
    /// Partner: `Publisher::oldest_in_use`. Stored (Release) only when the generation changes.
    reached: Arc<AtomicU64>,
}

impl<T> Publisher<T> {
    /// Publishes `first` as generation 1.
    pub fn new(first: T) -> Self {
        let current = Arc::new(first);
        let shared = Shared { generation: AtomicU64::new(1), current: Mutex::new((1, Arc::clone(&current))) };
        Self { shared: Arc::new(shared), current, generation: 1, retired: Vec::new(), readers: Vec::new() }
    }

    /// A new reader, starting at the current generation.
    pub fn reader(&mut self) -> Reader<T> {
        let reached = Arc::new(AtomicU64::new(self.generation));
        self.readers.push(Arc::clone(&reached));
        Reader {
            shared: Arc::clone(&self.shared),
            snapshot: Arc::clone(&self.current),
            generation: self.generation,
            reached,
        }
    }

    /// Makes `next` the current snapshot and returns its generation. Then frees what no reader holds any more.
    ///
    /// Readers see it at their next [`Reader::refresh`]. The lock is held for one pointer assignment.
    pub fn publish(&mut self, next: T) -> u64 {
        self.generation += 1;
        let next = Arc::new(next);
        let held_by_lock = self.shared.current.replace((self.generation, Arc::clone(&next)));
        self.shared.generation.store(self.generation, Ordering::Release);
        drop(held_by_lock);
        self.retired.push(std::mem::replace(&mut self.current, next));
        self.collect();
        self.generation
    }

    /// Frees every retired snapshot that no reader holds, on this thread; returns how many are still held.
    pub fn collect(&mut self) -> usize {
        self.retired.retain(|old| Arc::strong_count(old) > 1);
        self.retired.len()
    }

    /// The current snapshot.
    pub fn current(&self) -> &T {
        &self.current
    }

    /// The current generation; the first is 1.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The oldest generation that any live reader may still use; the current one without readers.
    pub fn oldest_in_use(&mut self) -> u64 {
        self.readers.retain(|reached| Arc::strong_count(reached) > 1);
        self.readers.iter().map(|reached| reached.load(Ordering::Acquire)).min().unwrap_or(self.generation)
    }
}

impl<T> Reader<T> {
    /// The newest snapshot that can be had without waiting. Call it once per burst; the borrow ends before the next.
    ///
    /// Costs one load when nothing changed; never blocks, never allocates, never frees a snapshot.
    #[inline(always)]
    pub fn refresh(&mut self) -> &T {
        if self.shared.generation.load(Ordering::Acquire) != self.generation {
            self.follow();
        }
        &self.snapshot
    }

    /// The snapshot of the last [`refresh`](Self::refresh).
    #[inline(always)]
    pub fn snapshot(&self) -> &T {
        &self.snapshot
    }

    /// The generation of the snapshot in use.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    #[cold]
    fn follow(&mut self) {
        let Some((generation, newest)) = self.shared.current.try_read() else { return };
        self.snapshot = newest;
        self.generation = generation;
        self.reached.store(generation, Ordering::Release);
    }
}

#[cfg(all(test, not(loom)))]
mod tests;

#[cfg(all(test, loom))]
mod model;
