//! Which learned stations a worker has seen: an octet each, set when a frame comes from one, and taken back by control.
//!
//! A worker writes a mark only where it is not set, and so at most once for each look of control: the packet path reads.

use fib::LearnedId;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use zerocopy::FromZeros;

/// One worker's marks. The system gives their memory page by page, as they are first set.
#[derive(Debug)]
pub struct SeenMarks(Box<[AtomicU8]>);

impl SeenMarks {
    /// For stations `0..rows`.
    ///
    /// # Panics
    /// If so many take more than all memory that a process can address.
    pub(crate) fn new(rows: usize) -> Self {
        Self(<[AtomicU8]>::new_box_zeroed_with_elems(rows).expect("the address space has room for the marks"))
    }

    /// How many stations have one.
    pub fn rows(&self) -> usize {
        self.0.len()
    }

    /// The worker saw a station. Without a mark for it, nobody will know.
    #[inline]
    pub fn set(&self, row: LearnedId) {
        // Relaxed: a mark publishes nothing. A mark that control takes back at this very moment is seen by it, or stays.
        if let Some(mark) = self.0.get(row.row())
            && mark.load(Relaxed) == 0
        {
            mark.store(1, Relaxed);
        }
    }

    /// Whether the worker saw a station since this was last asked; for control.
    pub fn take(&self, row: LearnedId) -> bool {
        self.0.get(row.row()).is_some_and(|mark| mark.load(Relaxed) != 0 && mark.swap(0, Relaxed) != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_seen_once_and_one_without_room_never() {
        let (marks, row, beyond) = (SeenMarks::new(4), LearnedId::new(3).unwrap(), LearnedId::new(4).unwrap());
        marks.set(row);
        marks.set(row);
        marks.set(beyond);
        assert_eq!([row, row, beyond].map(|row| marks.take(row)), [true, false, false]);
    }
}
