//! Worker threads: ordinary threads, pinned and made known to EAL, and the clock that they read.

use crate::eal::Eal;
use crate::errno::Errno;
use core_affinity::CoreId;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::marker::PhantomData;

/// Why a thread did not become a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WorkerError {
    /// The core does not exist, or this process may not use it.
    #[error("cannot pin the worker to core {core}: it does not exist or is outside this process's cores")]
    Core {
        /// The core asked for.
        core: usize,
    },
    /// EAL refuses the thread.
    #[error("EAL does not register the worker of core {core}: {errno}; DPDK takes 127 workers at most")]
    Refused {
        /// The core asked for.
        core: usize,
        /// DPDK's error.
        errno: Errno,
    },
}

/// The calling thread is a worker while this lives. It stays on the thread that made it.
///
/// Registration gives the thread an lcore id; without one it would go past the caches of the pools, at more than twice
/// the price per packet.
#[derive(Debug)]
pub struct Worker {
    core: usize,
    lcore: u32,
    _eal: Eal,
    _this_thread: PhantomData<*const ()>,
}

impl Worker {
    /// Pins the calling thread to `core` and registers it with EAL. The pin stays when the guard is dropped.
    ///
    /// # Errors
    /// See [`WorkerError`].
    pub fn register(eal: &Eal, core: usize) -> Result<Self, WorkerError> {
        if !pin(core) {
            return Err(WorkerError::Core { core });
        }
        // SAFETY: EAL runs (`eal`).
        if unsafe { dpdk_sys::rte_thread_register() } < 0 {
            return Err(WorkerError::Refused { core, errno: Errno::last() });
        }
        // SAFETY: reads a thread-local integer; no obligations.
        let lcore = unsafe { dpdk_sys::shim_lcore_id() };
        Ok(Self { core, lcore, _eal: eal.clone(), _this_thread: PhantomData })
    }

    /// The core that it is pinned to.
    #[must_use]
    pub fn core(&self) -> usize {
        self.core
    }

    /// DPDK's number for the thread, which is not the core's.
    #[must_use]
    pub fn lcore(&self) -> u32 {
        self.lcore
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // SAFETY: this thread registered itself, and the guard cannot leave it.
        unsafe { dpdk_sys::rte_thread_unregister() };
    }
}

/// The cores that the calling thread may run on, by their numbers.
#[must_use]
pub fn available() -> Vec<usize> {
    core_affinity::get_core_ids().unwrap_or_default().iter().map(|core| core.id).collect()
}

/// Keeps the calling thread, and threads that it starts from now on, off these cores. Where no other core is left to it, it stays
/// as it is: `false`. A [`Worker`] chooses its core nevertheless.
pub fn keep_off(cores: &[usize]) -> bool {
    let Ok(mut allowed) = sched_getaffinity(None) else { return false };
    cores.iter().filter(|core| **core < CpuSet::MAX_CPU).for_each(|core| allowed.unset(*core));
    allowed.count() > 0 && sched_setaffinity(None, &allowed).is_ok()
}

/// The NUMA socket of a core, where the machine has several.
#[must_use]
pub fn socket(core: usize) -> Option<u8> {
    let node = |socket: u8| std::path::PathBuf::from(format!("/sys/devices/system/node/node{socket}"));
    node(1).exists().then(|| (0..u8::MAX).find(|socket| node(*socket).join(format!("cpu{core}")).exists())).flatten()
}

/// Pins the calling thread. `false` where the core does not exist or is not allowed.
pub(crate) fn pin(core: usize) -> bool {
    // core_affinity writes into a set of 1,024 cores and would panic beyond.
    core < 1024 && core_affinity::set_for_current(CoreId { id: core })
}

/// The time stamp counter: one read, about 20 cycles, not ordered against other instructions.
#[inline(always)]
#[must_use]
pub fn tsc() -> u64 {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every x86-64 processor has the instruction, and Linux allows it in user space.
    return unsafe { std::arch::x86_64::_rdtsc() };
    #[cfg(not(target_arch = "x86_64"))]
    // SAFETY: reads a counter; no obligations.
    return unsafe { dpdk_sys::shim_tsc() };
}

/// Ticks of [`tsc`] in a second, as EAL measured them at start.
#[must_use]
pub fn tsc_hz(_eal: &Eal) -> u64 {
    // SAFETY: EAL runs (`_eal`).
    unsafe { dpdk_sys::rte_get_tsc_hz() }
}
