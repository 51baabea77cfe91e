//! The REST and CLI documents as serde types, versioned (`/v1`).
//!
//! Every answer is a JSON object, never a bare list, so that a field can be added without breaking a reader. Readers
//! ignore fields that they do not know; a field is never renamed, retyped or removed within `/v1`. Names and addresses are
//! text as an operator writes them (`02:00:00:00:10:64`, `172.16.0.2`), counts are integers since the start of the
//! process, or since `cleared_at` where that stands beside them, and every other number has its unit in its name.
//!
//! "Received" and "transmitted" are always seen from the gateway: what a VMI receives is the gateway's `tx`.

#![forbid(unsafe_code)]

mod check;
mod clear;
mod config;
mod drops;
mod dropstats;
mod error;
mod events;
mod explain;
mod fdb;
mod host;
mod hosts;
mod labels;
mod networks;
mod nexthops;
mod port_traits;
mod ports;
mod query;
mod rates;
mod reachability;
mod reload;
mod request;
mod storm;
mod stp;
mod timestamp;
mod traffic;
mod version;
mod vifs;
mod vteps;
mod watch;
mod workers;

pub use check::{BuffersCheck, CheckDocument};
pub use clear::{Clear, ClearDocument};
pub use config::{ConfigDocument, ConfigFile};
pub use drops::{Accounting, DropEntry, DropsDocument, WorkerAccounting, WorkerCount};
pub use dropstats::Dropstats;
pub use error::{ErrorCode, ErrorDocument, Finding, Place};
pub use events::{Event, EventsDocument};
pub use explain::{
    ConfiguredObject, Decision, ExplainDocument, ExplainDrop, ExplainFrame, ExplainOutcome, ExplainRequest,
    ExplainTunnel, SentFrame,
};
pub use fdb::{FdbDocument, FdbEntry, FdbOrigin, FdbWhere, LearningUse};
pub use host::{FromHost, HostClass, HostDocument, ToHost};
pub use hosts::{Host, HostsDocument};
pub use labels::{Label, LabelOrigin, LabelTarget, LabelsDocument};
pub use networks::{Network, NetworksDocument};
pub use nexthops::{Nexthop, NexthopState, NexthopsDocument};
pub use port_traits::{LargeFrames, LinkState, PartialChecksums, PortTraits, Queues, Spreading, Tags};
pub use ports::{Link, Port, PortLosses, PortRole, PortsDocument};
pub use query::{
    DropsQuery, EventsQuery, FdbQuery, HostsQuery, LabelsQuery, NexthopsQuery, ReachabilityQuery, StormQuery,
    VifsQuery, VtepsQuery,
};
pub use rates::{
    DropRate, DropRatesDocument, PortRate, PortRatesDocument, TrafficRate, VifRate, VifRatesDocument, WorkerLoad,
    WorkerLoadsDocument,
};
pub use reachability::{AddressReachability, ReachabilityDocument, ReachabilityState};
pub use reload::{Changes, ReloadDocument};
pub use request::{Request, Response, Show};
pub use storm::{StormDocument, StormTalker};
pub use stp::{StpDocument, StpMember, StpNetwork, StpSender, StpTree};
pub use timestamp::{ParseTimestampError, Timestamp};
pub use traffic::Traffic;
pub use version::VersionDocument;
pub use vifs::{Vif, VifState, VifsDocument};
pub use vteps::{Vtep, VtepNetwork, VtepPath, VtepsDocument};
pub use watch::{
    LastDropsDocument, LastDropsQuery, SeenDirection, SeenDocument, SeenFrame, SeenStage, SeenTotals, WatchDocument,
    WatchKind, WatchQuery, hexadecimal, octets_of,
};
pub use workers::{PollingMode, PoolUse, Worker, WorkersDocument};

/// The version of these documents, the first part of every path: `/v1/ports`.
pub const VERSION: &str = "v1";
