//! One payload behind many headers: flooding without copying.
//!
//! A frame is given up to become a shared, immutable payload. Each copy is a header of its own whose next segment is the
//! payload, with one reference counted for it. Whoever frees last gives the buffer back, on whatever thread.

use crate::mbuf::Mbuf;
use dpdk_sys::rte_mbuf;
use std::cell::Cell;
use std::ptr::NonNull;
use std::slice;

/// References taken at once: one atomic operation for a burst of copies instead of one each.
const AHEAD: u16 = 32;

/// A payload that frames may refer to; immutable. Dropping it gives up this handle's reference.
///
/// Invariants: every segment's reference count includes one for this handle and `spare` more, taken ahead of
/// [`chain`](Self::chain). Not `Sync` and not `Clone`: only this handle's owner adds references, so a count checked
/// against overflow can only have sunk when it is raised.
#[derive(Debug)]
pub struct SharedMbuf {
    first: NonNull<rte_mbuf>,
    spare: Cell<u16>,
}

// SAFETY: reference counts are atomic, payload octets are only read, and the handle itself moves as a whole.
unsafe impl Send for SharedMbuf {}

impl From<Mbuf> for SharedMbuf {
    fn from(frame: Mbuf) -> Self {
        Self { first: frame.into_raw(), spare: Cell::new(0) }
    }
}

impl SharedMbuf {
    /// The octets of the payload's first segment.
    #[inline]
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        let first = self.first.as_ptr();
        // SAFETY: the segment is valid; nobody writes this field while it is shared.
        let buffer = unsafe { (*first).buf_addr };
        // SAFETY: as above.
        let offset = usize::from(unsafe { (*first).data_off });
        // SAFETY: as above.
        let length = usize::from(unsafe { (*first).data_len });
        // SAFETY: data_off is within the buffer.
        let start = unsafe { buffer.cast::<u8>().add(offset) };
        // SAFETY: `length` initialised octets from there lie within the buffer and are never written while shared.
        unsafe { slice::from_raw_parts(start, length) }
    }

    /// Octets in all segments.
    #[must_use]
    pub fn total_len(&self) -> u32 {
        // SAFETY: the segment is valid; nobody writes this field while it is shared.
        unsafe { (*self.first.as_ptr()).pkt_len }
    }

    /// Puts the payload behind `header` by reference.
    ///
    /// # Errors
    /// Gives the header back where it has more than one segment or a count is near its limit (65,535).
    #[inline]
    pub fn chain(&self, mut header: Mbuf) -> Result<Mbuf, Mbuf> {
        // SAFETY: the segment is valid; nobody writes this field while it is shared.
        let segments = unsafe { (*self.first.as_ptr()).nb_segs };
        let raw = header.raw();
        let (1, Some(segments), Some(octets)) =
            (raw.nb_segs, segments.checked_add(1), raw.pkt_len.checked_add(self.total_len()))
        else {
            return Err(header);
        };
        if self.spare.get() == 0 && !self.reserve() {
            return Err(header);
        }
        // One of the spare references, of which there are some now, becomes the header's.
        self.spare.set(self.spare.get() - 1);
        let raw = header.raw_mut();
        raw.next = self.first.as_ptr();
        raw.nb_segs = segments;
        raw.pkt_len = octets;
        Ok(header)
    }

    /// Takes references ahead, on all segments or on none.
    fn reserve(&self) -> bool {
        if self.segments().any(|segment| references(segment) > u16::MAX - AHEAD) {
            return false;
        }
        self.segments().for_each(|segment| refer(segment, AHEAD.cast_signed()));
        self.spare.set(self.spare.get() + AHEAD);
        true
    }

    fn release_spare(&self) {
        // At most `AHEAD`.
        let change = self.spare.replace(0).cast_signed();
        if change > 0 {
            self.segments().for_each(|segment| refer(segment, -change));
        }
    }

    fn segments(&self) -> impl Iterator<Item = NonNull<rte_mbuf>> {
        std::iter::successors(Some(self.first), |segment| {
            // SAFETY: a segment that we hold a reference to is valid, and its `next` is not written while shared.
            NonNull::new(unsafe { (*segment.as_ptr()).next })
        })
    }
}

impl Drop for SharedMbuf {
    fn drop(&mut self) {
        self.release_spare();
        // SAFETY: this handle's reference is given up once; the callee frees the segments for which it was the last.
        unsafe { dpdk_sys::shim_pktmbuf_free(self.first.as_ptr()) };
    }
}

fn references(segment: NonNull<rte_mbuf>) -> u16 {
    // SAFETY: the segment is valid; the callee reads its count atomically.
    unsafe { dpdk_sys::shim_mbuf_refcnt_read(segment.as_ptr()) }
}

fn refer(segment: NonNull<rte_mbuf>, change: i16) {
    // SAFETY: the segment is valid, and at least this handle's reference remains after the change.
    unsafe { dpdk_sys::shim_mbuf_refcnt_update(segment.as_ptr(), change) };
}
