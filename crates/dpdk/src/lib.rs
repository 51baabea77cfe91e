//! Safe, small DPDK: EAL, lcores, pools, mbufs, ports, queues, vdevs.
//!
//! What keeps the safe surface sound, in one place:
//!
//! * An [`Eal`] lives as long as anything made from it: pools, ports, queues and registered workers hold it. Frames do
//!   not (a handle is one pointer), so EAL's memory is given back only when every pool has all its buffers; otherwise
//!   it stays mapped until the process ends, and the log says so.
//! * An [`Mbuf`] is the only owner of its first segment. A [`SharedMbuf`] may be referred to by many frames and is never
//!   reachable as `&mut`.
//! * A queue handle exists once and is not `Sync`, so no two threads poll one queue. It keeps its port running.
//!
//! EAL shares nothing with other processes (`--in-memory`, or `--no-shconf` on ordinary pages): it makes no files, so
//! that even a process that is killed leaves no memory taken. The price is that secondary processes (`dpdk-pdump`,
//! `dpdk-proc-info`) cannot attach.

mod device;
mod eal;
mod eal_log;
mod errno;
mod instance_lock;
pub mod lcore;
mod mbuf;
mod pool;
mod port;
mod queue;
pub mod rights;
mod shared;

pub use device::{Device, DeviceError, PciAddress};
pub use eal::{Eal, EalConfig, EalError, Memory, PciProblem, version};
pub use eal_log::Complaint;
pub use errno::Errno;
pub use instance_lock::LockError;
pub use lcore::{Worker, WorkerError};
pub use mbuf::{Checksum, Mbuf, free_bulk};
pub use pool::{CACHE_MAX, HEADROOM, Pool, PoolConfig, PoolError};
pub use port::{Link, Offloads, Port, PortConfig, PortError, PortKind, PortReport, PortStats, Problem, RxQueues};
pub use queue::{RxQueue, TxQueue};
pub use shared::SharedMbuf;
