use serde::{Deserialize, Serialize};

/// `GET /v1/workers`: the threads that carry packets.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WorkersDocument {
    /// The generation that control published last; a worker with an older one has not polled since.
    pub generation: u64,
    /// By ascending id.
    pub workers: Vec<Worker>,
}

/// One worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Worker {
    /// The worker's id, counted from 0.
    pub id: u16,
    /// The CPU core that it is pinned to.
    pub core: u16,
    /// Ticks of its clock a second.
    pub tsc_hz: u64,
    /// The generation of the snapshot that it forwards by.
    pub generation: u64,
    /// What it does when idle.
    pub polling: PollingMode,
    /// Bursts with at least one packet.
    pub bursts: u64,
    /// Times it asked its queues for packets.
    pub polls: u64,
    /// Times all of them were empty.
    pub empty_polls: u64,
    /// Packets received.
    pub packets: u64,
    /// Share of its time spent on packets, 0 to 1.
    pub busy_share: f64,
    /// Ticks of its clock that it spent on packets; with the next one it tells the load between two looks. Absent from
    /// daemons that do not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub busy_cycles: Option<u64>,
    /// Ticks of its clock since it began to work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub life_cycles: Option<u64>,
    /// The longest time between two polls.
    pub longest_poll_gap_ns: u64,
    /// The same without the time that the kernel gave the core to others, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub longest_own_poll_gap_ns: Option<u64>,
    /// Time since it last showed life.
    pub heartbeat_age_ms: u64,
    /// Its packet buffers.
    pub pool: PoolUse,
}

/// What a worker does when its queues are empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PollingMode {
    /// Polls on: a core of its own, always fully used.
    Busy,
    /// Backs off.
    Adaptive,
}

/// How much of a packet buffer pool is in use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolUse {
    /// Buffers in use, those that wait in receive queues included.
    pub in_use: u32,
    /// Buffers in all.
    pub size: u32,
}
