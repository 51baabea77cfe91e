//! EAL, DPDK's environment: started once per process, on a thread of its own.
//!
//! EAL pins the thread that starts it, and every thread started from there inherits the pin. So a thread that does
//! nothing else starts it, sleeps until the end, and cleans up; its core also carries EAL's interrupt thread.

mod cgroup;
mod preflight;

use crate::device::PciAddress;
use crate::eal_log::{self, Complaint};
use crate::errno::Errno;
use crate::instance_lock::{InstanceLock, LockError};
use crate::lcore;
use parking_lot::{Mutex, MutexGuard};
use std::ffi::{CStr, CString, c_char, c_int};
use std::fs;
use std::io;
use std::path::PathBuf;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

pub use preflight::PciProblem;

/// EAL cannot be started twice in a process, not even after cleanup. Set once; orders nothing else.
static STARTED: AtomicBool = AtomicBool::new(false);

/// Memory for pools, queues and drivers, taken at start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// Huge pages that the machine has reserved.
    Hugepages {
        /// Megabytes to take at start.
        size_mb: u32,
    },
    /// Ordinary pages: for virtual ports, tests and small machines. PCI devices need huge pages.
    Ordinary {
        /// Megabytes, fixed for the life of the process.
        size_mb: u32,
    },
}

/// How EAL starts.
#[derive(Clone, Debug)]
pub struct EalConfig {
    /// Name of this instance; letters, digits, `-`, `_` and `.`. One process at a time per prefix.
    pub file_prefix: String,
    /// Where and how much memory.
    pub memory: Memory,
    /// Core of EAL's own threads, which are nearly idle. Not a worker's.
    pub main_core: usize,
    /// PCI functions that EAL may touch; with none the PCI bus is left alone.
    pub pci_devices: Vec<PciAddress>,
    /// Directory of the lock file `<file_prefix>.lock`; made where it is missing. `/run/causeway` in production.
    pub run_dir: PathBuf,
}

/// Why EAL did not start.
#[derive(Debug, thiserror::Error)]
pub enum EalError {
    /// The prefix is empty, too long, or has a character that does not belong into a file name.
    #[error("file prefix `{0}`: expected 1 to 60 letters, digits, `-`, `_` or `.`, not beginning with `.`")]
    FilePrefix(Box<str>),
    /// Another instance runs with this prefix, or the lock file cannot be made.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// EAL was started in this process before.
    #[error("EAL was started before in this process; DPDK allows it once")]
    AlreadyStarted,
    /// The main core is outside what this process may use.
    #[error("core {core} for EAL's threads is not among this process's cores {available:?}: choose one of these")]
    Core {
        /// The core asked for.
        core: usize,
        /// Cores in the process's affinity mask.
        available: Vec<usize>,
    },
    /// Too few free huge pages.
    #[error(
        "{wanted_mb} MB of huge pages wanted, {free_mb} MB free: reserve more \
         (echo {pages} > /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages), or set `hugepages: false`"
    )]
    MissingHugepages {
        /// Megabytes asked for.
        wanted_mb: u32,
        /// Megabytes free in all page sizes.
        free_mb: u64,
        /// 2 MB pages that would do.
        pages: u32,
    },
    /// Less memory is available than is asked for.
    #[error("{wanted_mb} MB of memory wanted, {available_mb} MB available: lower `memory.size_mb`")]
    MissingMemory {
        /// Megabytes asked for.
        wanted_mb: u32,
        /// Megabytes that could be had without swapping.
        available_mb: u64,
    },
    /// A PCI function that is there cannot be driven from here.
    #[error("PCI device {address}: {problem}")]
    Pci {
        /// The function.
        address: PciAddress,
        /// Why not, and what to do.
        problem: PciProblem,
    },
    /// The control group's limit would have the process killed.
    #[error(
        "{wanted_mb} MB of memory wanted, and {needed_mb} MB needed with the rest of the process, but of this container's limit of \
         {limit_mb} MB {free_mb} MB are free: raise the limit (docker run `--memory`, compose `mem_limit`, systemd `MemoryMax`), or \
         lower `memory.size_mb`"
    )]
    MemoryLimit {
        /// Megabytes asked for.
        wanted_mb: u32,
        /// Megabytes that the process will use.
        needed_mb: u64,
        /// The tightest limit.
        limit_mb: u64,
        /// What is left of it.
        free_mb: u64,
    },
    /// The process lacks rights.
    #[error(
        "EAL lacks a right: {errno}; start as root, or with CAP_IPC_LOCK, CAP_NET_ADMIN and, for NUMA, CAP_SYS_NICE \
         ({complaint})"
    )]
    MissingRights {
        /// DPDK's error.
        errno: Errno,
        /// What it logged.
        complaint: Complaint,
    },
    /// Memory of the size asked for cannot be had.
    #[error(
        "EAL could not take {wanted_mb} MB of memory: {errno}; lower `memory.size_mb` or free memory ({complaint})"
    )]
    Memory {
        /// Megabytes asked for.
        wanted_mb: u32,
        /// DPDK's error.
        errno: Errno,
        /// What it logged.
        complaint: Complaint,
    },
    /// The thread that owns EAL cannot be made.
    #[error("cannot start EAL's thread: {0}")]
    Thread(io::Error),
    /// DPDK's log cannot be redirected.
    #[error("cannot take over DPDK's log: {0}")]
    Log(Errno),
    /// Anything else that EAL refuses.
    #[error("EAL did not start: {errno} ({complaint})")]
    Refused {
        /// DPDK's error.
        errno: Errno,
        /// What it logged.
        complaint: Complaint,
    },
}

/// The running EAL. Clones are handles to the same; when the last one, and all that was made from it, is gone, EAL is
/// cleaned up.
#[derive(Clone, Debug)]
pub struct Eal(Arc<Running>);

impl Eal {
    /// Starts EAL. The calling thread's affinity stays as it is.
    ///
    /// # Errors
    /// See [`EalError`]. A wrong prefix, a held lock, a wrong core, PCI functions that are not ready and missing pages are found
    /// before DPDK is touched, and
    /// starting can be tried again; after any other error it cannot.
    pub fn start(config: &EalConfig) -> Result<Self, EalError> {
        preflight::check_prefix(&config.file_prefix)?;
        preflight::check_core(config.main_core)?;
        preflight::check_pci(&config.pci_devices, config.memory)?;
        preflight::check_memory(config.memory)?;
        let lock = InstanceLock::acquire(&config.run_dir, &config.file_prefix)?;
        if STARTED.swap(true, Ordering::Relaxed) {
            return Err(EalError::AlreadyStarted);
        }
        eal_log::capture().map_err(EalError::Log)?;
        let owner = Owner::start(config)?;
        Ok(Self(Arc::new(Running {
            owner: Some(owner),
            pci_devices: config.pci_devices.clone(),
            pools: Mutex::default(),
            ports: Mutex::default(),
            _lock: lock,
        })))
    }

    /// Keeps the pool in mind for the end. It is never freed before EAL's memory is.
    pub(crate) fn adopt(&self, pool: NonNull<dpdk_sys::rte_mempool>) {
        self.0.pools.lock().push(PoolHandle(pool));
    }

    /// Whether EAL was given this PCI function at start.
    pub(crate) fn allows(&self, address: PciAddress) -> bool {
        self.0.pci_devices.contains(&address)
    }

    /// The ids of ports in use. Held while ports are plugged and unplugged, which is done one at a time.
    pub(crate) fn ports(&self) -> MutexGuard<'_, Vec<u16>> {
        self.0.ports.lock()
    }
}

/// A pool, known to be valid while EAL's memory is.
#[derive(Debug)]
struct PoolHandle(NonNull<dpdk_sys::rte_mempool>);

// SAFETY: the pointer is only passed to rte_mempool_avail_count, which may be called on any thread.
unsafe impl Send for PoolHandle {}

impl PoolHandle {
    fn is_whole(&self) -> bool {
        // SAFETY: pools are never freed before EAL's cleanup.
        let pool = unsafe { self.0.as_ref() };
        // SAFETY: `pool` is a valid pool.
        let available = unsafe { dpdk_sys::rte_mempool_avail_count(pool) };
        available == pool.size
    }
}

#[derive(Debug)]
struct Running {
    /// Taken when it is stopped.
    owner: Option<Owner>,
    pci_devices: Vec<PciAddress>,
    pools: Mutex<Vec<PoolHandle>>,
    ports: Mutex<Vec<u16>>,
    _lock: InstanceLock,
}

impl Drop for Running {
    /// No pool handle, port, queue or registered worker is left. A frame may be: then its memory must stay. A thread
    /// that frees one right now is not registered (its guard would keep us alive), so it puts it into the pool's ring,
    /// which counts a buffer only after the last write.
    fn drop(&mut self) {
        let whole = self.pools.get_mut().iter().all(PoolHandle::is_whole);
        if !whole {
            tracing::warn!(target: "dpdk::eal", "frames outlive EAL: its memory stays mapped until the process ends");
        }
        let runtime_dir = runtime_dir();
        if let Some(owner) = self.owner.take() {
            owner.stop(if whole { End::CleanUp } else { End::Abandon });
        }
        // EAL makes its directory even when it puts nothing there. Only empty ones go: what is in use stays.
        let _ = fs::remove_dir(&runtime_dir);
        if let Some(parent) = runtime_dir.parent() {
            let _ = fs::remove_dir(parent);
        }
    }
}

enum End {
    CleanUp,
    Abandon,
}

/// The thread that starts EAL, sleeps, and ends it.
#[derive(Debug)]
struct Owner {
    end: mpsc::Sender<End>,
    thread: JoinHandle<()>,
}

impl Owner {
    fn start(config: &EalConfig) -> Result<Self, EalError> {
        let (end, ended) = mpsc::channel();
        let (report, reported) = mpsc::channel();
        let arguments = arguments(config);
        let core = config.main_core;
        let body = move || {
            // With only this core in its mask EAL also puts its service threads here, and not onto a worker's core.
            // A core that is not allowed was refused before.
            lcore::pin(core);
            let result = initialise(&arguments);
            let started = result.is_ok();
            if report.send(result).is_err() || !started {
                return;
            }
            if let Ok(End::CleanUp) = ended.recv() {
                // SAFETY: called once, on the thread of rte_eal_init, with no object of EAL's left in use.
                unsafe { dpdk_sys::rte_eal_cleanup() };
            }
        };
        let thread = thread::Builder::new().name("eal".into()).spawn(body).map_err(EalError::Thread)?;
        match reported.recv() {
            Ok(Ok(())) => Ok(Self { end, thread }),
            Ok(Err(errno)) => Err(explain(config, errno)),
            Err(mpsc::RecvError) => Err(EalError::Thread(io::Error::other("it ended without a word"))),
        }
    }

    fn stop(self, end: End) {
        // The thread sleeps on the channel; should it have died, there is nothing left to stop.
        let _ = self.end.send(end);
        let _ = self.thread.join();
    }
}

/// Calls `rte_eal_init` with arguments that stay for the life of the process, since EAL keeps pointers to them.
fn initialise(arguments: &[CString]) -> Result<(), Errno> {
    let pointers: Vec<*mut c_char> = arguments.iter().map(|argument| argument.clone().into_raw()).collect();
    let count = c_int::try_from(pointers.len()).unwrap_or(c_int::MAX);
    let pointers = Vec::leak(pointers);
    eal_log::forget();
    // SAFETY: `pointers` are `count` C strings, leaked on purpose; no other thread is inside EAL (STARTED).
    let result = unsafe { dpdk_sys::rte_eal_init(count, pointers.as_mut_ptr()) };
    if result < 0 { Err(Errno::last()) } else { Ok(()) }
}

fn arguments(config: &EalConfig) -> Vec<CString> {
    let core = format!("0@{}", config.main_core);
    let mut list = ["causeway", "--no-telemetry", "--file-prefix", &config.file_prefix, "--lcores", &core]
        .map(String::from)
        .to_vec();
    let (flag, size_mb) = match config.memory {
        // Both leave no files behind; EAL refuses the first together with ordinary pages.
        Memory::Hugepages { size_mb } => ("--in-memory", size_mb),
        Memory::Ordinary { size_mb } => ("--no-shconf", size_mb),
    };
    list.extend([flag.into(), "-m".into(), size_mb.to_string()]);
    if matches!(config.memory, Memory::Ordinary { .. }) {
        list.push("--no-huge".into());
    }
    if config.pci_devices.is_empty() {
        list.push("--no-pci".into());
    }
    list.extend(config.pci_devices.iter().flat_map(|address| ["-a".into(), address.to_string()]));
    // No zero octet can be in them: the prefix is checked, the rest is made here.
    list.into_iter().filter_map(|argument| CString::new(argument).ok()).collect()
}

fn explain(config: &EalConfig, errno: Errno) -> EalError {
    let complaint = eal_log::complaint();
    let (Memory::Hugepages { size_mb: wanted_mb } | Memory::Ordinary { size_mb: wanted_mb }) = config.memory;
    if errno.is_permission() || complaint.mentions("ermission denied") {
        EalError::MissingRights { errno, complaint }
    } else if errno.is_out_of_memory() || complaint.mentions("init memory") {
        EalError::Memory { wanted_mb, errno, complaint }
    } else {
        EalError::Refused { errno, complaint }
    }
}

/// The version of DPDK in use, e.g. `DPDK 22.11.11`.
#[must_use]
pub fn version() -> &'static str {
    // SAFETY: no obligations; the callee returns a static string.
    let version = unsafe { dpdk_sys::rte_version() };
    // SAFETY: `version` is a closed C string that lives as long as the process.
    let version = unsafe { CStr::from_ptr(version) };
    version.to_str().unwrap_or("DPDK")
}

fn runtime_dir() -> PathBuf {
    // SAFETY: EAL is initialised; the callee returns a static string.
    let directory = unsafe { dpdk_sys::rte_eal_get_runtime_dir() };
    // SAFETY: `directory` is a closed C string that lives as long as the process.
    let directory = unsafe { CStr::from_ptr(directory) };
    PathBuf::from(directory.to_string_lossy().into_owned())
}
