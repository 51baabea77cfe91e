//! The two ends of a port, one handle per queue: moved to a worker, polled by nobody else.

use crate::mbuf::Mbuf;
use crate::port::{Attached, oversize};
use arrayvec::ArrayVec;
use bytemuck::TransparentWrapper;
use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::Arc;

/// A receive queue. Keeps its port running.
#[derive(Debug)]
pub struct RxQueue {
    port: Arc<Attached>,
    queue: u16,
    _one_thread: PhantomData<Cell<()>>,
}

impl RxQueue {
    pub(crate) fn new(port: Arc<Attached>, queue: u16) -> Self {
        Self { port, queue, _one_thread: PhantomData }
    }

    /// The port's number; frames received here carry it.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.id()
    }

    /// The queue's number within its port.
    #[must_use]
    pub fn queue(&self) -> u16 {
        self.queue
    }

    /// Appends what has arrived to `out`, as much as there is room for; returns how many. Writes straight into the
    /// storage of `out`. Some drivers receive nothing at all when there is room for fewer than 4 or 8. A frame is an [`Mbuf`],
    /// or a type of the caller's own around one.
    #[inline(always)]
    pub fn burst<F: TransparentWrapper<Mbuf>, const N: usize>(&mut self, out: &mut ArrayVec<F, N>) -> usize {
        let length = out.len();
        let room = u16::try_from(out.remaining_capacity()).unwrap_or(u16::MAX);
        // SAFETY: `length` is within the storage.
        let free = unsafe { out.as_mut_ptr().add(length) };
        // SAFETY: the port is started while `self.port` lives, the queue exists, no other thread polls it (`&mut`, one
        // handle), `free` has room for `room` pointers, and F is an Mbuf, hence one non-null pointer.
        let received = unsafe { dpdk_sys::shim_rx_burst(self.port.id(), self.queue, free.cast(), room) };
        let received = usize::from(received.min(room));
        // SAFETY: the driver wrote `received` pointers to frames that are ours now.
        unsafe { out.set_len(length + received) };
        received
    }
}

/// A transmit queue. Keeps its port running.
#[derive(Debug)]
pub struct TxQueue {
    port: Arc<Attached>,
    queue: u16,
    _one_thread: PhantomData<Cell<()>>,
}

impl TxQueue {
    pub(crate) fn new(port: Arc<Attached>, queue: u16) -> Self {
        Self { port, queue, _one_thread: PhantomData }
    }

    /// The port's number.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.id()
    }

    /// The queue's number within its port.
    #[must_use]
    pub fn queue(&self) -> u16 {
        self.queue
    }

    /// Hands frames to the port, first to last, and removes those it took; returns how many. The rest, which the queue
    /// has no room for, moves to the front.
    ///
    /// A port that did not grant [`crate::Offloads::multi_segment_transmit`] must not be given frames of several
    /// segments.
    #[inline(always)]
    pub fn burst<F: TransparentWrapper<Mbuf>, const N: usize>(&mut self, frames: &mut ArrayVec<F, N>) -> usize {
        let length = frames.len();
        let offered = u16::try_from(length).unwrap_or(u16::MAX);
        if let Some(limit) = self.port.pkt_len_limit() {
            oversize::understate(F::peel_slice_mut(frames), limit);
        }
        let first = frames.as_mut_ptr();
        // SAFETY: the port is started while `self.port` lives, the queue exists, no other thread uses it (`&mut`, one
        // handle), and `first` begins `offered` pointers to frames that are ours, since F is an Mbuf.
        let sent = unsafe { dpdk_sys::shim_tx_burst(self.port.id(), self.queue, first.cast(), offered) };
        let sent = usize::from(sent.min(offered));
        let rest = length - sent;
        // SAFETY: the `rest` frames stay ours; below the new length no frame belongs to the driver after the copy.
        unsafe { frames.set_len(rest) };
        if sent > 0 && rest > 0 {
            // SAFETY: `sent` is within the storage.
            let unsent = unsafe { first.add(sent) };
            // SAFETY: both ranges are within the storage; `copy` allows overlap, and handles are moved, not doubled.
            unsafe { std::ptr::copy(unsent, first, rest) };
        }
        if self.port.pkt_len_limit().is_some() {
            oversize::restate(F::peel_slice_mut(frames));
        }
        sent
    }
}
