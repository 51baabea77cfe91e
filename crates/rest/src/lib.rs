//! The HTTP face on a unix socket.
//!
//! HTTP/1.1 with one request a connection, on an OS thread of its own with a single-threaded async runtime: what the
//! operator does must never cost a worker or control anything but the call itself. Everything is bounded: connections,
//! sizes, and the time for each step. Who may connect is decided by the socket's mode and group; who may *change*
//! something, or see frames, again by the credentials that the kernel vouches for.
//!
//! | method and path | answer |
//! |---|---|
//! | `GET /v1/ports`, `networks`, `workers`, `config`, `version` | the document of that name |
//! | `GET /v1/vifs`, narrowed down by [`api::VifsQuery`] | [`api::VifsDocument`] |
//! | `GET /v1/fdb`, narrowed down by [`api::FdbQuery`] | [`api::FdbDocument`] |
//! | `GET /v1/nexthops`, narrowed down by [`api::NexthopsQuery`] | [`api::NexthopsDocument`] |
//! | `GET /v1/labels`, narrowed down by [`api::LabelsQuery`] | [`api::LabelsDocument`] |
//! | `GET /v1/vteps`, narrowed down by [`api::VtepsQuery`] | [`api::VtepsDocument`] |
//! | `GET /v1/hosts`, narrowed down by [`api::HostsQuery`] | [`api::HostsDocument`] |
//! | `GET /v1/drops`, narrowed down by [`api::DropsQuery`] | [`api::DropsDocument`] |
//! | `GET /v1/reachability`, narrowed down by [`api::ReachabilityQuery`] | [`api::ReachabilityDocument`] |
//! | `GET /v1/events`, narrowed down by [`api::EventsQuery`] | [`api::EventsDocument`] |
//! | `POST /v1/explain` with an [`api::ExplainRequest`] | [`api::ExplainDocument`] |
//! | `POST /v1/counters/clear`, `?vif=NAME`, `?port=NAME` or `?drops=true` | [`api::ClearDocument`] |
//! | `GET /v1/drops/last`, narrowed down by [`api::LastDropsQuery`] | [`api::LastDropsDocument`] |
//! | `POST /v1/watches`, which [`api::WatchQuery`] describes | [`api::WatchDocument`] |
//! | `POST /v1/watches/next?id=ID`, `end?id=ID` | [`api::SeenDocument`] |
//! | `POST /v1/reload` | [`api::ReloadDocument`] |
//! | whatever fails | [`api::ErrorDocument`] and a status that fits its code |

#![forbid(unsafe_code)]

pub mod client;
mod parameters;
mod peer;
mod routes;
mod server;
mod socket;

pub use server::{Backend, Config, Handle, RestError, serve};
