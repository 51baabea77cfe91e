use serde::{Deserialize, Serialize};

/// `GET /v1/host`: what goes between the fabric and Linux, by way of the host interface.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostDocument {
    /// Frames that may wait in one channel; each worker has one to Linux, and one worker the one from Linux. A quarter is
    /// kept for urgent classes.
    pub channel_slots: u32,
    /// Octets that Linux took.
    pub to_host_octets: u64,
    /// Octets that Linux sent and a worker was given.
    pub from_host_octets: u64,
    /// Failed reads of the host interface.
    pub read_errors: u64,
    /// Each class, the urgent ones first.
    pub classes: Vec<HostClass>,
}

/// What one class of frames did, and how much of it may pass.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostClass {
    /// `neighbour`, `bfd`, `bgp`, `routing`, `link`, `icmp`, `management` or `other`; there may be more one day.
    pub class: String,
    /// Whether the kept slots are open to it.
    pub urgent: bool,
    /// From the fabric to Linux.
    pub to_host: ToHost,
    /// From Linux to the fabric.
    pub from_host: FromHost,
}

/// From the fabric to Linux.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToHost {
    /// Frames a second that each worker lets pass.
    pub limit_pps: u32,
    /// Frames that may come at once after a pause.
    pub burst: u32,
    /// Frames that workers passed on.
    pub punted: u64,
    /// Dropped beyond the limit: a part of the drop reason `punt_policed`.
    pub policed: u64,
    /// Dropped for want of a free slot: a part of `punt_queue_full`.
    pub channel_full: u64,
    /// Dropped because longer than a slot: a part of `punt_too_long`.
    pub too_long: u64,
    /// Of those passed on, taken by Linux.
    pub delivered: u64,
    /// Of those passed on, not taken by Linux: the host interface is down or gone.
    pub refused: u64,
}

/// From Linux to the fabric. Frames dropped here have not come to a worker, and are in none of its drop reasons.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FromHost {
    /// Frames a second that may pass.
    pub limit_pps: u32,
    /// Frames that may come at once after a pause.
    pub burst: u32,
    /// Frames given to a worker, which sends them by a fabric port.
    pub injected: u64,
    /// Dropped beyond the limit.
    pub policed: u64,
    /// Dropped for want of a free slot.
    pub channel_full: u64,
    /// Dropped because longer than a slot.
    pub too_long: u64,
}
