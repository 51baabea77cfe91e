//! Pools of frame buffers. A pool lives as long as EAL: dropping the handle gives nothing back.
//!
//! A pool's cache belongs to registered lcores, and its ring is not preemptible: a thread that the kernel takes off its
//! core in the middle of a get makes every worker on that pool spin. So one pool per worker, and control threads
//! allocate from none of them.

use crate::eal::Eal;
use crate::eal_log::{self, Complaint};
use crate::errno::Errno;
use crate::mbuf::Mbuf;
use arrayvec::ArrayVec;
use bytemuck::TransparentWrapper;
use dpdk_sys::rte_mempool;
use std::ffi::CString;
use std::ptr::NonNull;
use std::sync::Arc;

/// Largest cache per lcore.
pub const CACHE_MAX: u32 = dpdk_sys::RTE_MEMPOOL_CACHE_MAX_SIZE;

/// Octets before the frame in a fresh or received buffer.
pub const HEADROOM: u16 = dpdk_sys::RTE_PKTMBUF_HEADROOM as u16;

/// What a pool is made of.
#[derive(Clone, Debug)]
pub struct PoolConfig {
    /// Unique within the process.
    pub name: String,
    /// Number of buffers. A power of two less one uses memory best.
    pub mbufs: u32,
    /// Buffers that each lcore keeps for itself: at least four bursts, at most two thirds of `mbufs`. A cache equal to
    /// the burst is as bad as none.
    pub cache: u32,
    /// Octets of frame a buffer holds, without the headroom.
    pub data_room_octets: u16,
    /// NUMA socket of the memory; `None` for any.
    pub socket: Option<u8>,
}

impl PoolConfig {
    /// A pool for frames up to 2,048 octets, with a cache of 256, on any socket.
    #[must_use]
    pub fn new(name: impl Into<String>, mbufs: u32) -> Self {
        Self { name: name.into(), mbufs, cache: 256, data_room_octets: 2048, socket: None }
    }
}

/// Why a pool was not made.
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    /// The name is empty, too long, or not a C string.
    #[error("pool name `{name}`: expected 1 to {max} octets without a zero", max = dpdk_sys::DPDK_POOL_NAME_OCTETS)]
    Name {
        /// The name asked for.
        name: Box<str>,
    },
    /// The cache does not fit.
    #[error("pool `{name}`: a cache of {cache} needs {} mbufs or more, has {mbufs}; most is {CACHE_MAX}", cache.saturating_mul(3).div_ceil(2))]
    Cache {
        /// The pool.
        name: Box<str>,
        /// Cache asked for.
        cache: u32,
        /// Buffers asked for.
        mbufs: u32,
    },
    /// A buffer would be larger than an mbuf can say.
    #[error("pool `{name}`: data room of {octets} octets, most is {max}", max = u16::MAX - HEADROOM)]
    DataRoom {
        /// The pool.
        name: Box<str>,
        /// Octets asked for.
        octets: u16,
    },
    /// A pool of that name is there.
    #[error("pool `{name}` is there already")]
    Exists {
        /// The pool.
        name: Box<str>,
    },
    /// EAL's memory is too small.
    #[error("no memory for pool `{name}` of {mbufs} mbufs (about {about_mb} MB): raise `memory.size_mb` ({complaint})")]
    NoMemory {
        /// The pool.
        name: Box<str>,
        /// Buffers asked for.
        mbufs: u32,
        /// Megabytes they need.
        about_mb: u64,
        /// What DPDK logged.
        complaint: Complaint,
    },
    /// Anything else that DPDK refuses.
    #[error("pool `{name}` was not made: {errno} ({complaint})")]
    Refused {
        /// The pool.
        name: Box<str>,
        /// DPDK's error.
        errno: Errno,
        /// What it logged.
        complaint: Complaint,
    },
}

/// A handle to a pool; clones are the same pool.
#[derive(Clone, Debug)]
pub struct Pool(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    raw: NonNull<rte_mempool>,
    name: Box<str>,
    mbufs: u32,
    data_room_octets: u16,
    _eal: Eal,
}

// SAFETY: a mempool with the default ring may be used on any number of threads at once.
unsafe impl Send for Inner {}
// SAFETY: as above.
unsafe impl Sync for Inner {}

impl Pool {
    /// Makes a pool.
    ///
    /// # Errors
    /// See [`PoolError`].
    pub fn new(eal: &Eal, config: &PoolConfig) -> Result<Self, PoolError> {
        let name = check(config)?;
        let socket = config.socket.map_or(-1, i32::from);
        let octets = config.data_room_octets + HEADROOM;
        eal_log::forget();
        // SAFETY: EAL runs (`eal`), the name is a C string that the callee copies; numbers are checked by the callee.
        let raw =
            unsafe { dpdk_sys::rte_pktmbuf_pool_create(name.as_ptr(), config.mbufs, config.cache, 0, octets, socket) };
        let raw = NonNull::new(raw).ok_or_else(|| explain(config, Errno::last()))?;
        eal.adopt(raw);
        Ok(Self(Arc::new(Inner {
            raw,
            name: config.name.as_str().into(),
            mbufs: config.mbufs,
            data_room_octets: config.data_room_octets,
            _eal: eal.clone(),
        })))
    }

    /// The name it was made with.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Number of buffers, in use or not.
    #[must_use]
    pub fn mbufs(&self) -> u32 {
        self.0.mbufs
    }

    /// Octets of frame a buffer holds behind its headroom.
    #[must_use]
    pub fn data_room_octets(&self) -> u16 {
        self.0.data_room_octets
    }

    /// Buffers that could be allocated, those in lcores' caches included. Walks all lcores: for control, not per burst.
    #[must_use]
    pub fn available(&self) -> u32 {
        // SAFETY: the pool lives as long as EAL, which this handle keeps.
        unsafe { dpdk_sys::rte_mempool_avail_count(self.raw()) }
    }

    /// Buffers in frames, port queues and drivers. Counts while others work are approximate.
    #[must_use]
    pub fn in_use(&self) -> u32 {
        self.mbufs().saturating_sub(self.available())
    }

    /// One empty frame, or `None` when the pool is empty.
    #[inline]
    #[must_use]
    pub fn alloc(&self) -> Option<Mbuf> {
        let mut one = ArrayVec::<Mbuf, 1>::new();
        self.alloc_bulk(&mut one, 1).then(|| one.pop()).flatten()
    }

    /// Appends `count` empty frames to `out`, or none and `false` when the pool has fewer or `out` has no room.
    #[inline]
    #[must_use]
    pub fn alloc_bulk<F: TransparentWrapper<Mbuf>, const N: usize>(
        &self,
        out: &mut ArrayVec<F, N>,
        count: usize,
    ) -> bool {
        let length = out.len();
        let Ok(wanted) = u32::try_from(count) else { return false };
        if count > out.remaining_capacity() {
            return false;
        }
        // SAFETY: `length` is within the storage.
        let free = unsafe { out.as_mut_ptr().add(length) };
        // SAFETY: the pool is valid; `free` has room for `count` pointers, and F is an Mbuf, one pointer.
        let result = unsafe { dpdk_sys::shim_pktmbuf_alloc_bulk(self.raw(), free.cast(), wanted) };
        if result != 0 {
            return false;
        }
        // SAFETY: the callee wrote `count` pointers to fresh, unshared mbufs behind `length`.
        unsafe { out.set_len(length + count) };
        true
    }

    pub(crate) fn raw(&self) -> *mut rte_mempool {
        self.0.raw.as_ptr()
    }
}

fn check(config: &PoolConfig) -> Result<CString, PoolError> {
    let label = || config.name.as_str().into();
    let length = config.name.len() as u64;
    let name = CString::new(config.name.as_str()).map_err(|_| PoolError::Name { name: label() })?;
    if length == 0 || length > dpdk_sys::DPDK_POOL_NAME_OCTETS {
        return Err(PoolError::Name { name: label() });
    }
    if config.cache > CACHE_MAX || u64::from(config.cache) * 3 > u64::from(config.mbufs) * 2 {
        return Err(PoolError::Cache { name: label(), cache: config.cache, mbufs: config.mbufs });
    }
    if config.data_room_octets > u16::MAX - HEADROOM {
        return Err(PoolError::DataRoom { name: label(), octets: config.data_room_octets });
    }
    Ok(name)
}

fn explain(config: &PoolConfig, errno: Errno) -> PoolError {
    let name = config.name.as_str().into();
    let complaint = eal_log::complaint();
    if errno.is_existing() {
        return PoolError::Exists { name };
    }
    if errno.is_out_of_memory() {
        // An mbuf, its private data and the pool's own header come to 256 octets.
        let octets = u64::from(config.mbufs) * (u64::from(config.data_room_octets) + u64::from(HEADROOM) + 256);
        return PoolError::NoMemory { name, mbufs: config.mbufs, about_mb: octets.div_ceil(1 << 20), complaint };
    }
    PoolError::Refused { name, errno, complaint }
}
