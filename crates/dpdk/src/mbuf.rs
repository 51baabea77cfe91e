//! An owned frame.
//!
//! The handle is one pointer, so a burst is an array of pointers that DPDK reads and writes without conversion. The
//! fields that are read per packet are read here, directly on the structure; whatever walks segments is DPDK's.

use arrayvec::ArrayVec;
use bytemuck::TransparentWrapper;
use dpdk_sys::rte_mbuf;
use std::fmt;
use std::ptr::NonNull;
use std::slice;

/// What the port says of a checksum that it looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// The port did not look.
    Unknown,
    /// Verified, right.
    Good,
    /// Verified, wrong.
    Bad,
    /// Not filled in, as between a VM and its host; the data behind it is intact.
    Partial,
}

/// A frame of one or more segments; dropping it gives its buffers back.
///
/// Invariants: the first segment's reference count is 1 and nobody else points to it, so it may be written; segments
/// behind the first may be shared and are never handed out. Drop frees one frame at a time: for many use [`free_bulk`].
#[repr(transparent)]
pub struct Mbuf(NonNull<rte_mbuf>);

// SAFETY: the handle is the only one, and DPDK lets any thread read, write or free a frame that it owns.
unsafe impl Send for Mbuf {}
// SAFETY: through `&Mbuf` the frame is only read.
unsafe impl Sync for Mbuf {}

// SAFETY: a type has its own representation.
unsafe impl TransparentWrapper<Self> for Mbuf {}

impl Mbuf {
    /// Gives up ownership without freeing.
    pub(crate) fn into_raw(self) -> NonNull<rte_mbuf> {
        std::mem::ManuallyDrop::new(self).0
    }

    #[inline(always)]
    pub(crate) fn raw(&self) -> &rte_mbuf {
        // SAFETY: the invariant: valid, and not written by anybody while `self` is borrowed.
        unsafe { self.0.as_ref() }
    }

    #[inline(always)]
    pub(crate) fn raw_mut(&mut self) -> &mut rte_mbuf {
        // SAFETY: the invariant: valid and ours alone.
        unsafe { self.0.as_mut() }
    }

    /// Start of the frame, whose first segment is `len` octets.
    #[inline(always)]
    fn start(&self) -> NonNull<u8> {
        let raw = self.raw();
        // SAFETY: every frame has a buffer. Saying so saves whoever makes an `Option` of the octets a test.
        let buffer = unsafe { NonNull::new_unchecked(raw.buf_addr.cast::<u8>()) };
        // SAFETY: data_off is within the buffer.
        unsafe { buffer.add(usize::from(raw.data_off)) }
    }

    /// The octets of the first segment.
    #[inline(always)]
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        // SAFETY: `data_len` initialised octets from the start lie within the buffer, unwritten while borrowed.
        unsafe { slice::from_raw_parts(self.start().as_ptr(), self.len()) }
    }

    /// The octets of the first segment, to write. Later segments, which may be shared, are out of reach.
    #[inline(always)]
    #[must_use]
    pub fn octets_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `octets`, and the first segment is ours alone.
        unsafe { slice::from_raw_parts_mut(self.start().as_ptr(), self.len()) }
    }

    /// Octets in the first segment.
    #[inline(always)]
    #[must_use]
    pub fn len(&self) -> usize {
        usize::from(self.raw().data_len)
    }

    /// The first segment has no octets.
    #[inline(always)]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.raw().data_len == 0
    }

    /// Octets in all segments.
    #[inline(always)]
    #[must_use]
    pub fn total_len(&self) -> u32 {
        self.raw().pkt_len
    }

    /// Number of segments.
    #[inline(always)]
    #[must_use]
    pub fn segments(&self) -> u16 {
        self.raw().nb_segs
    }

    /// Each segment, first to last. Those behind the first may be shared, and their counts change meanwhile: never make
    /// references of them.
    fn segments_of(&self) -> impl Iterator<Item = NonNull<rte_mbuf>> {
        std::iter::successors(Some(self.0), |segment| {
            // SAFETY: a segment of this frame is valid while it is borrowed, and nobody writes `next` meanwhile.
            NonNull::new(unsafe { (*segment.as_ptr()).next })
        })
    }

    /// Octets of each segment, first to last.
    pub(crate) fn segment_lengths(&self) -> impl Iterator<Item = u16> {
        // SAFETY: as in `segments_of`.
        self.segments_of().map(|segment| unsafe { (*segment.as_ptr()).data_len })
    }

    /// Copies octets from the `at`th on into `place`, over all segments; returns how many there were.
    pub fn copy_out(&self, at: usize, place: &mut [u8]) -> usize {
        let (mut skip, mut copied) = (at, 0);
        for segment in self.segments_of().map(NonNull::as_ptr) {
            // SAFETY: the segment is valid; nobody writes this field while the frame is borrowed, shared or not.
            let buffer = unsafe { (*segment).buf_addr };
            // SAFETY: as above.
            let offset = usize::from(unsafe { (*segment).data_off });
            // SAFETY: as above.
            let length = usize::from(unsafe { (*segment).data_len });
            // SAFETY: data_off is within the buffer.
            let start = unsafe { buffer.cast::<u8>().add(offset) };
            // SAFETY: `length` initialised octets from there lie within the buffer and are not written meanwhile.
            let octets = unsafe { slice::from_raw_parts(start, length) };
            let octets = octets.get(skip..).unwrap_or(&[]);
            skip = skip.saturating_sub(length);
            let room = place.get_mut(copied..).unwrap_or(&mut []);
            copied += octets.len().min(room.len());
            room.iter_mut().zip(octets).for_each(|(to, from)| *to = *from);
        }
        copied
    }

    /// Octets free before the first one.
    #[inline(always)]
    #[must_use]
    pub fn headroom(&self) -> u16 {
        self.raw().data_off
    }

    /// Octets free behind the last one of the first segment.
    #[inline(always)]
    #[must_use]
    pub fn tailroom(&self) -> u16 {
        let raw = self.raw();
        raw.buf_len.saturating_sub(raw.data_off).saturating_sub(raw.data_len)
    }

    /// Makes the frame longer by `octets` at the front and gives them to be filled in; what they hold is old data.
    /// `None`, and no change, where the headroom is less.
    #[inline(always)]
    #[must_use]
    pub fn prepend(&mut self, octets: u16) -> Option<&mut [u8]> {
        if self.grow_front(octets) { self.octets_mut().get_mut(..usize::from(octets)) } else { None }
    }

    /// Makes the frame longer by `octets` at the front; what they hold is old data. `false`, and no change, where the headroom
    /// is less.
    #[inline(always)]
    #[must_use]
    pub fn grow_front(&mut self, octets: u16) -> bool {
        let raw = self.raw_mut();
        let Some(data_off) = raw.data_off.checked_sub(octets) else { return false };
        raw.data_off = data_off;
        // At most buf_len, which fits: data_off + data_len did not change.
        // Volatile, or the compiler reads four octets, for which the processor waits if two of them were just written.
        // SAFETY: the field is ours to read and initialised.
        let data_len = unsafe { (&raw const raw.data_len).read_volatile() };
        raw.data_len = data_len.wrapping_add(octets);
        // 65,535 segments of 65,535 octets are less than this can count.
        raw.pkt_len = raw.pkt_len.wrapping_add(u32::from(octets));
        true
    }

    /// Asks for the cache line in which the frame begins, and for the one before, where headers will go.
    #[inline(always)]
    pub fn prefetch(&self) {
        const LINE: usize = 64;
        let start = self.start().as_ptr();
        // SAFETY: the instruction accepts any address.
        #[cfg(target_arch = "x86_64")]
        unsafe {
            use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            _mm_prefetch::<{ _MM_HINT_T0 }>(start.cast());
        }
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        unsafe {
            use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            _mm_prefetch::<{ _MM_HINT_T0 }>(start.wrapping_sub(LINE).cast());
        }
    }

    /// Removes `octets` at the front of the first segment. `false`, and no change, where it is shorter.
    #[inline(always)]
    #[must_use]
    pub fn trim_front(&mut self, octets: u16) -> bool {
        let raw = self.raw_mut();
        let Some(data_len) = raw.data_len.checked_sub(octets) else { return false };
        // At most buf_len: data_off + data_len did not change.
        raw.data_off = raw.data_off.wrapping_add(octets);
        raw.data_len = data_len;
        // The first segment's octets are among all.
        raw.pkt_len = raw.pkt_len.wrapping_sub(u32::from(octets));
        true
    }

    /// Makes the frame longer by `octets` at the end and gives them to be filled in; what they hold is old data.
    /// `None`, and no change, where the tailroom is less or the frame has more than one segment.
    #[inline(always)]
    #[must_use]
    pub fn append(&mut self, octets: u16) -> Option<&mut [u8]> {
        if octets > self.tailroom() || self.segments() != 1 {
            return None;
        }
        let old = self.len();
        let raw = self.raw_mut();
        raw.data_len = raw.data_len.wrapping_add(octets);
        raw.pkt_len = raw.pkt_len.wrapping_add(u32::from(octets));
        self.octets_mut().get_mut(old..)
    }

    /// Shortens the frame to `octets`. `false`, and no change, where it is shorter already or has more than one segment.
    #[inline(always)]
    #[must_use]
    pub fn truncate(&mut self, octets: u16) -> bool {
        let raw = self.raw_mut();
        if octets > raw.data_len || raw.nb_segs != 1 {
            return false;
        }
        raw.data_len = octets;
        raw.pkt_len = u32::from(octets);
        true
    }

    /// The port that received the frame, by DPDK's number; see [`crate::PortReport::id`].
    #[inline(always)]
    #[must_use]
    pub fn port(&self) -> u16 {
        self.raw().port
    }

    /// Whether the receiving port noted anything: a tag that it took out, or a checksum that it looked at. Many note
    /// nothing, and then there is no need to ask for each.
    #[inline(always)]
    #[must_use]
    pub fn has_notes(&self) -> bool {
        const NOTES: u64 = (dpdk_sys::RTE_MBUF_F_RX_VLAN_STRIPPED
            | dpdk_sys::RTE_MBUF_F_RX_IP_CKSUM_GOOD
            | dpdk_sys::RTE_MBUF_F_RX_IP_CKSUM_BAD
            | dpdk_sys::RTE_MBUF_F_RX_L4_CKSUM_GOOD
            | dpdk_sys::RTE_MBUF_F_RX_L4_CKSUM_BAD) as u64;
        self.raw().ol_flags & NOTES != 0
    }

    /// The tag control information (RFC 802.1Q: priority, DEI, VLAN id) that the port took out of the frame.
    /// `None` where the tag, if any, is still in the frame.
    #[inline(always)]
    #[must_use]
    pub fn stripped_tci(&self) -> Option<u16> {
        let raw = self.raw();
        (raw.ol_flags & u64::from(dpdk_sys::RTE_MBUF_F_RX_VLAN_STRIPPED) != 0).then_some(raw.vlan_tci)
    }

    /// The port's word on the checksum of the frame's outer IPv4 header.
    #[inline(always)]
    #[must_use]
    pub fn ipv4_checksum(&self) -> Checksum {
        const GOOD: u64 = dpdk_sys::RTE_MBUF_F_RX_IP_CKSUM_GOOD as u64;
        const BAD: u64 = dpdk_sys::RTE_MBUF_F_RX_IP_CKSUM_BAD as u64;
        checksum::<GOOD, BAD>(self.raw().ol_flags)
    }

    /// The port's word on the checksum of the frame's outer UDP or TCP header.
    #[inline(always)]
    #[must_use]
    pub fn l4_checksum(&self) -> Checksum {
        const GOOD: u64 = dpdk_sys::RTE_MBUF_F_RX_L4_CKSUM_GOOD as u64;
        const BAD: u64 = dpdk_sys::RTE_MBUF_F_RX_L4_CKSUM_BAD as u64;
        checksum::<GOOD, BAD>(self.raw().ol_flags)
    }

    /// Leaves the TCP or UDP checksum to the transmitting port, or to whoever is behind it: for ports that granted
    /// [`crate::Offloads::transmit_l4_checksum`]. The IP header starts behind `l2_octets` and is `l3_octets` long; the
    /// checksum field must hold the sum of the pseudo-header. For programs that play an instance: the gateway sends
    /// whole frames.
    #[inline]
    pub fn leave_l4_checksum(&mut self, l2_octets: u16, l3_octets: u16, is_udp: bool) {
        // SAFETY: the frame is ours alone; the callee writes its offload fields only.
        unsafe { dpdk_sys::shim_mbuf_leave_l4_checksum(self.raw_mut(), l2_octets, l3_octets, i32::from(is_udp)) };
    }
}

/// Both bits mean partial, none means unknown.
#[inline(always)]
fn checksum<const GOOD: u64, const BAD: u64>(flags: u64) -> Checksum {
    match (flags & GOOD != 0, flags & BAD != 0) {
        (false, false) => Checksum::Unknown,
        (true, false) => Checksum::Good,
        (false, true) => Checksum::Bad,
        (true, true) => Checksum::Partial,
    }
}

impl Drop for Mbuf {
    fn drop(&mut self) {
        // SAFETY: the frame is ours alone and not used afterwards; shared segments are counted by the callee.
        unsafe { dpdk_sys::shim_pktmbuf_free(self.0.as_ptr()) };
    }
}

impl fmt::Debug for Mbuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mbuf({} octets in {} segments)", self.total_len(), self.segments())
    }
}

/// Frees all frames of a burst in one go and leaves it empty.
#[inline]
pub fn free_bulk<F: TransparentWrapper<Mbuf>, const N: usize>(frames: &mut ArrayVec<F, N>) {
    let count = u32::try_from(frames.len()).unwrap_or(0);
    // SAFETY: zero is within the capacity; the frames stay in the storage for the call below, which owns them now.
    unsafe { frames.set_len(0) };
    // SAFETY: the storage begins with `count` pointers to frames that are ours alone, since F is an Mbuf.
    unsafe { dpdk_sys::shim_pktmbuf_free_bulk(frames.as_mut_ptr().cast(), count) };
}
