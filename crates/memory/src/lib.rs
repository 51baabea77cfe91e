//! Frames, pools and queues in ordinary memory: datapath's traits without a driver, for tests, fuzzers, benches and `explain`.
//!
//! A pool makes all of its buffers at once and lends them; a frame gives its buffers back when it is dropped. New octets
//! are poisoned, and so are returned ones, so that whoever relies on what happened to be there is found out.

#![forbid(unsafe_code)]

mod queues;

use arrayvec::ArrayVec;
use datapath::io::{Frame, Pool};
use datapath::{BURST, io};
pub use queues::{MemRx, MemTx};
use std::cell::RefCell;
use std::rc::Rc;

/// What `prepend`, `append` and `allocate` leave in new octets.
const NEW: u8 = 0xa5;
/// What a returned buffer holds.
const FREED: u8 = 0xdb;
/// The most buffers of a frame.
const MOST_SEGMENTS: usize = 4;

struct Buffer {
    id: usize,
    octets: Box<[u8]>,
}

/// The books of a pool: which of its buffers are lent.
struct Books {
    free: Vec<Rc<Buffer>>,
    lent: Vec<bool>,
}

impl Books {
    fn lend(&mut self) -> Option<Rc<Buffer>> {
        let buffer = self.free.pop()?;
        assert!(!std::mem::replace(&mut self.lent[buffer.id], true), "buffer {} was lent twice", buffer.id);
        Some(buffer)
    }

    fn take_back(&mut self, mut buffer: Rc<Buffer>) {
        let octets = Rc::get_mut(&mut buffer).expect("the last owner returns a buffer");
        octets.octets.fill(FREED);
        assert!(std::mem::replace(&mut self.lent[buffer.id], false), "buffer {} was freed twice", buffer.id);
        self.free.push(buffer);
    }
}

/// A pool of a fixed number of buffers. Clones are handles to the same pool.
#[derive(Clone)]
pub struct MemPool {
    books: Rc<RefCell<Books>>,
}

/// Where in its first buffer a frame lies, and whether it has a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Octets in front that `prepend` may use.
    pub headroom: usize,
    /// Octets behind that `append` may use.
    pub tailroom: usize,
    /// Octets in the first buffer, if the rest lies in a second one.
    pub first: Option<usize>,
}

impl Default for Layout {
    /// As a driver delivers: 128 octets in front, 128 behind, one buffer.
    fn default() -> Self {
        Self { headroom: 128, tailroom: 128, first: None }
    }
}

/// A piece of a frame: octets `at..end` of a buffer, which may grow to `0..high`. The last owner gives the buffer back.
struct Segment {
    books: Rc<RefCell<Books>>,
    buffer: Option<Rc<Buffer>>,
    at: usize,
    end: usize,
    high: usize,
}

impl Segment {
    fn buffer(&self) -> &Buffer {
        self.buffer.as_ref().expect("only drop() takes the buffer")
    }

    fn octets(&self) -> &[u8] {
        &self.buffer().octets[self.at..self.end]
    }

    fn octets_mut(&mut self) -> &mut [u8] {
        let buffer = self.buffer.as_mut().and_then(Rc::get_mut);
        let buffer = buffer.expect("a frame's first buffer is its own: share() takes the frame");
        &mut buffer.octets[self.at..self.end]
    }

    fn share(&self) -> Self {
        Self { books: Rc::clone(&self.books), buffer: self.buffer.clone(), at: self.at, end: self.end, high: self.high }
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        if let Some(buffer) = self.buffer.take().filter(|buffer| Rc::strong_count(buffer) == 1) {
            self.books.borrow_mut().take_back(buffer);
        }
    }
}

/// A frame from a [`MemPool`].
pub struct MemFrame(ArrayVec<Segment, MOST_SEGMENTS>);

/// A payload that replicas share.
pub struct MemPayload(ArrayVec<Segment, MOST_SEGMENTS>);

impl MemPool {
    /// A pool of `count` buffers of `octets` octets each.
    pub fn new(count: usize, octets: usize) -> Self {
        let buffer = |id| Rc::new(Buffer { id, octets: vec![FREED; octets].into() });
        let books = Books { free: (0..count).map(buffer).collect(), lent: vec![false; count] };
        Self { books: Rc::new(RefCell::new(books)) }
    }

    /// How many buffers are lent; 0 at rest, or something leaks.
    pub fn in_use(&self) -> usize {
        let books = self.books.borrow();
        let lent = books.lent.iter().filter(|lent| **lent).count();
        assert_eq!(lent + books.free.len(), books.lent.len(), "the pool's books do not balance");
        lent
    }

    /// A frame of these octets, or `None` if the pool is exhausted.
    ///
    /// # Panics
    /// If a part does not fit a buffer.
    pub fn frame(&self, octets: &[u8], layout: Layout) -> Option<MemFrame> {
        let (first, rest) = octets.split_at(layout.first.unwrap_or(octets.len()).min(octets.len()));
        let mut frame = self.empty(layout.headroom)?;
        write(&mut frame.0[0], first, layout.tailroom);
        if !rest.is_empty() {
            let mut tail = self.empty(0)?;
            write(&mut tail.0[0], rest, 0);
            frame.0.extend(tail.0.drain(..));
        }
        Some(frame)
    }

    fn empty(&self, at: usize) -> Option<MemFrame> {
        let buffer = self.books.borrow_mut().lend()?;
        let high = buffer.octets.len();
        let mut list = ArrayVec::new();
        list.push(Segment { books: Rc::clone(&self.books), buffer: Some(buffer), at, end: at, high });
        Some(MemFrame(list))
    }
}

fn write(segment: &mut Segment, octets: &[u8], tailroom: usize) {
    segment.end = segment.at + octets.len();
    segment.high = segment.end + tailroom;
    assert!(segment.high <= segment.buffer().octets.len(), "{} octets do not fit the pool's buffers", octets.len());
    segment.octets_mut().copy_from_slice(octets);
}

impl MemFrame {
    /// All its octets, from all its buffers.
    pub fn to_vec(&self) -> Vec<u8> {
        self.0.iter().flat_map(|segment| segment.octets().iter().copied()).collect()
    }

    /// How many buffers it has.
    pub fn buffers(&self) -> usize {
        self.0.len()
    }
}

impl Frame for MemFrame {
    fn octets(&self) -> &[u8] {
        self.0[0].octets()
    }

    fn octets_mut(&mut self) -> &mut [u8] {
        self.0[0].octets_mut()
    }

    fn total_octets(&self) -> usize {
        self.0.iter().map(|segment| segment.octets().len()).sum()
    }

    fn copy_out(&self, at: usize, place: &mut [u8]) -> usize {
        let octets = self.0.iter().flat_map(|segment| segment.octets()).skip(at);
        place.iter_mut().zip(octets).map(|(to, from)| *to = *from).count()
    }

    fn prepend(&mut self, n: usize) -> Option<&mut [u8]> {
        let first = &mut self.0[0];
        first.at = first.at.checked_sub(n)?;
        let octets = first.octets_mut();
        octets[..n].fill(NEW);
        Some(octets)
    }

    fn trim_front(&mut self, n: usize) {
        let first = &mut self.0[0];
        assert!(n <= first.octets().len(), "trim_front beyond the first buffer");
        first.at += n;
    }

    fn append(&mut self, n: usize) -> Option<&mut [u8]> {
        let [only] = &mut self.0[..] else { return None };
        let before = only.octets().len();
        only.end = only.end.checked_add(n).filter(|end| *end <= only.high)?;
        let new = &mut only.octets_mut()[before..];
        new.fill(NEW);
        Some(new)
    }

    fn truncate(&mut self, total: usize) {
        let mut left = total;
        for segment in &mut self.0 {
            let keep = segment.octets().len().min(left);
            segment.end = segment.at + keep;
            left -= keep;
        }
        while self.0.len() > 1 && self.0.last().is_some_and(|segment| segment.octets().is_empty()) {
            self.0.pop();
        }
    }
}

impl Pool for MemPool {
    type Frame = MemFrame;
    type Payload = MemPayload;

    fn allocate(&mut self) -> Option<MemFrame> {
        self.empty(io::CONTIGUOUS)
    }

    fn share(&mut self, frame: MemFrame) -> MemPayload {
        MemPayload(frame.0)
    }

    fn chain(&mut self, payload: &MemPayload, mut head: MemFrame) -> Option<MemFrame> {
        head.0.extend(payload.0.iter().map(Segment::share));
        Some(head)
    }

    fn free(&mut self, frames: &mut ArrayVec<MemFrame, BURST>) {
        frames.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replicas_share_their_payload_and_the_last_gives_it_back() {
        let mut pool = MemPool::new(3, 512);
        let payload = pool.frame(&[7; 100], Layout::default()).unwrap();
        let payload = pool.share(payload);
        let [a, b] = [(); 2].map(|()| pool.allocate().unwrap());
        let mut a = pool.chain(&payload, a).unwrap();
        let b = pool.chain(&payload, b).unwrap();
        assert!(pool.allocate().is_none());
        a.prepend(2).unwrap().copy_from_slice(&[1, 2]);
        assert_eq!((a.total_octets(), a.buffers(), a.to_vec()[..3].to_vec()), (102, 2, vec![1, 2, 7]));
        drop(payload);
        drop(a);
        assert_eq!((pool.in_use(), b.to_vec()), (2, vec![7; 100]));
        drop(b);
        assert_eq!(pool.in_use(), 0);
    }

    #[test]
    fn room_in_front_and_behind_is_what_the_layout_says() {
        let pool = MemPool::new(2, 512);
        let mut frame = pool.frame(&[1; 20], Layout { headroom: 4, tailroom: 3, first: None }).unwrap();
        assert!(frame.prepend(5).is_none() && frame.append(4).is_none());
        assert!(frame.prepend(4).is_some() && frame.append(3).is_some());
        assert_eq!(frame.total_octets(), 27);
        frame.truncate(5);
        assert_eq!(frame.to_vec(), [NEW, NEW, NEW, NEW, 1]);
    }

    #[test]
    fn a_frame_in_two_buffers_cannot_grow_behind_and_truncates_across() {
        let pool = MemPool::new(2, 512);
        let octets: Vec<u8> = (0..200).collect();
        let mut frame = pool.frame(&octets, Layout { first: Some(130), ..Layout::default() }).unwrap();
        assert!(frame.append(1).is_none());
        assert_eq!((frame.octets().len(), frame.total_octets()), (130, 200));
        frame.truncate(150);
        assert_eq!(frame.to_vec(), octets[..150]);
        frame.truncate(50);
        assert_eq!((frame.to_vec(), frame.octets().len()), (octets[..50].to_vec(), 50));
    }
}
