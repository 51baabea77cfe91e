//! Which frames of a stream came, how often, and in which order.
//!
//! A bitmap over the last [`WINDOW`] sequence numbers tells lost from late and late from doubled. What leaves the window
//! unseen is lost: a frame that comes even later is counted as stale and stays lost.

use std::ops::Range;

/// Sequence numbers that are kept in mind.
pub const WINDOW: u64 = 1 << 20;
const WORDS: u64 = WINDOW / 64;

/// A number further ahead than this is taken for damage: no port loses a billion frames and then goes on.
const LEAP: u64 = 1 << 30;

/// Runs of lost frames of which the place is kept; of others only their number.
const RUNS_KEPT: usize = 4096;

/// What a frame turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// The first of its number.
    New,
    /// Its number came before.
    Duplicate,
    /// Its number is so old that it counted as lost.
    Stale,
    /// A number that cannot be.
    Impossible,
}

/// The books about one stream.
#[derive(Clone, Debug)]
pub struct Tracker {
    /// A bit a sequence number, in a ring of words.
    seen: Vec<u64>,
    /// The sequence number behind the highest one that came.
    next: u64,
    /// The highest number of each flow that came, and one; 0 for none.
    flows: Vec<u64>,
    counts: Counts,
    runs: Vec<Range<u64>>,
}

/// What is counted of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Numbers that came at least once.
    pub received: u64,
    /// Frames whose number came before.
    pub duplicates: u64,
    /// Frames that came after their number counted as lost.
    pub stale: u64,
    /// New frames that came behind a higher number of their own flow.
    pub reordered: u64,
    /// By how many frames of its flow the most overtaken one came late.
    pub most_displaced: u64,
    /// New frames that came behind a higher number of the stream, their flow or not.
    pub reordered_in_stream: u64,
    /// By how many numbers of the stream at most.
    pub most_displaced_in_stream: u64,
}

impl Tracker {
    /// For a stream of so many flows, which take turns.
    #[must_use]
    pub fn new(flows: usize) -> Self {
        Self {
            seen: vec![0; WORDS as usize],
            next: 0,
            flows: vec![0; flows.max(1)],
            counts: Counts::default(),
            runs: Vec::new(),
        }
    }

    /// Enters a frame.
    #[inline]
    pub fn arrived(&mut self, sequence: u64) -> Arrival {
        if sequence >= self.next {
            if sequence - self.next >= LEAP {
                return Arrival::Impossible;
            }
            self.advance(sequence);
        } else if self.is_gone(sequence / 64) {
            self.counts.stale += 1;
            return Arrival::Stale;
        }
        let bit = 1 << (sequence % 64);
        let word = &mut self.seen[(sequence / 64 % WORDS) as usize];
        if *word & bit != 0 {
            self.counts.duplicates += 1;
            return Arrival::Duplicate;
        }
        *word |= bit;
        self.counts.received += 1;
        self.order(sequence);
        Arrival::New
    }

    /// What was counted up to now.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Closes the books after `offered` numbers: the counts, and where the lost ones lie, as far as that is kept.
    #[must_use]
    pub fn close(mut self, offered: u64) -> (Counts, Vec<Range<u64>>) {
        let first = self.head().saturating_sub(WORDS - 1);
        let last = self.head().min(offered / 64);
        for word in first..=last {
            self.leave(word, offered);
        }
        let rest = self.next.max((last + 1) * 64)..offered;
        if !rest.is_empty() {
            self.lost(rest);
        }
        (self.counts, self.runs)
    }

    /// The newest word in the ring.
    fn head(&self) -> u64 {
        self.next.saturating_sub(1) / 64
    }

    fn is_gone(&self, word: u64) -> bool {
        word + WORDS <= self.head()
    }

    #[inline]
    fn advance(&mut self, sequence: u64) {
        for word in self.head() + 1..=sequence / 64 {
            if word >= WORDS {
                self.leave(word - WORDS, u64::MAX);
            }
            self.seen[(word % WORDS) as usize] = 0;
        }
        self.next = sequence + 1;
    }

    /// A word leaves the window: what of it is below `end` and not seen is lost.
    fn leave(&mut self, word: u64, end: u64) {
        let mut missing = !self.seen[(word % WORDS) as usize];
        while missing != 0 {
            let from = missing.trailing_zeros();
            let length = (missing >> from).trailing_ones();
            let first = word * 64 + u64::from(from);
            let run = first..(first + u64::from(length)).min(end);
            if !run.is_empty() {
                self.lost(run);
            }
            missing &= u64::MAX.checked_shl(from + length).unwrap_or(0);
        }
    }

    fn lost(&mut self, run: Range<u64>) {
        let room = self.runs.len() < RUNS_KEPT;
        match self.runs.last_mut() {
            Some(last) if last.end == run.start => last.end = run.end,
            _ if room => self.runs.push(run),
            _ => {}
        }
    }

    #[inline]
    fn order(&mut self, sequence: u64) {
        let behind = self.next - 1 - sequence;
        if behind > 0 {
            self.counts.reordered_in_stream += 1;
            self.counts.most_displaced_in_stream = self.counts.most_displaced_in_stream.max(behind);
        }
        let flows = self.flows.len() as u64;
        let newest = &mut self.flows[(sequence % flows) as usize];
        if *newest > sequence {
            self.counts.reordered += 1;
            self.counts.most_displaced = self.counts.most_displaced.max((*newest - 1 - sequence) / flows);
        } else {
            *newest = sequence + 1;
        }
    }
}

#[cfg(test)]
mod tests;
