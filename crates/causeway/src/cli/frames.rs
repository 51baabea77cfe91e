//! Looking at frames: captures, traces and the latest dropped ones.

use std::{path::PathBuf, time::Duration};

use api::{LastDropsQuery, SeenDirection, WatchKind, WatchQuery};
use clap::{Args, ValueEnum, builder::NonEmptyStringValueParser, value_parser};

use super::value;

/// Whose frames: exactly one.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Whose {
    /// The frames of this VMI
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) vif: Option<String>,
    /// The frames of this port
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) port: Option<String>,
}

/// When it ends, and which frames.
#[derive(Debug, Args)]
#[group(skip)]
pub(crate) struct Bounds {
    /// End after so many frames
    #[arg(short, long, value_name = "COUNT", value_parser = value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// End after so long, as in 500ms, 10s or 1m
    #[arg(long, value_name = "TIME", value_parser = value::interval)]
    duration: Option<Duration>,
    /// Only frames that fit this, in tcpdump's syntax: see pcap-filter(7)
    #[arg(value_name = "FILTER", trailing_var_arg = true)]
    filter: Vec<String>,
}

/// A capture.
#[derive(Debug, Args)]
#[group(skip)]
pub(crate) struct Capture {
    #[command(flatten)]
    pub(crate) whose: Whose,
    /// Those of the VMI that cross the fabric, with their outer headers; else as they are on its VLAN
    #[arg(long, visible_alias = "tunnel", requires = "vif")]
    pub(crate) outside: bool,
    /// Only frames that come in, or only those that go out
    #[arg(long, value_enum, value_name = "WAY")]
    direction: Option<Way>,
    /// Write pcapng to this file; - is standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) write: Option<PathBuf>,
    /// At most so many octets of each frame
    #[arg(short, long, value_name = "OCTETS", value_parser = value_parser!(u32).range(1..))]
    snaplen: Option<u32>,
    #[command(flatten)]
    bounds: Bounds,
}

/// A trace.
#[derive(Debug, Args)]
#[group(skip)]
pub(crate) struct Trace {
    #[command(flatten)]
    whose: Whose,
    #[command(flatten)]
    bounds: Bounds,
}

/// Seen from the gateway.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Way {
    /// From the wire to the gateway
    In,
    /// From the gateway to the wire
    Out,
}

impl Bounds {
    fn query(&self, kind: WatchKind, whose: &Whose) -> WatchQuery {
        WatchQuery {
            kind,
            vif: whose.vif.clone(),
            port: whose.port.clone(),
            outside: false,
            direction: None,
            filter: (!self.filter.is_empty()).then(|| self.filter.join(" ")),
            snaplen: None,
            count: self.count,
            duration_ms: self.duration.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
        }
    }
}

impl Capture {
    /// What the daemon is asked for.
    pub(crate) fn query(&self) -> WatchQuery {
        let direction = self.direction.map(|way| match way {
            Way::In => SeenDirection::In,
            Way::Out => SeenDirection::Out,
        });
        let (outside, snaplen) = (self.outside, self.snaplen);
        WatchQuery { outside, direction, snaplen, ..self.bounds.query(WatchKind::Capture, &self.whose) }
    }
}

impl Trace {
    /// What the daemon is asked for.
    pub(crate) fn query(&self) -> WatchQuery {
        self.bounds.query(WatchKind::Trace, &self.whose)
    }
}

/// The latest dropped frames instead of counts.
#[derive(Debug, Args)]
#[group(skip)]
pub(crate) struct Last {
    /// Show the latest dropped frames themselves, as far as they were kept
    #[arg(long, conflicts_with_all = ["all", "stage", "rate"])]
    last: bool,
    /// Only frames that were dropped for this reason
    #[arg(long, value_name = "REASON", requires = "last", value_parser = NonEmptyStringValueParser::new())]
    reason: Option<String>,
    /// Only frames of this VMI
    #[arg(long, value_name = "NAME", requires = "last", value_parser = NonEmptyStringValueParser::new())]
    vif: Option<String>,
}

impl Last {
    /// What the daemon is asked for, if the latest frames are.
    pub(crate) fn query(&self) -> Option<LastDropsQuery> {
        self.last.then(|| LastDropsQuery { reason: self.reason.clone(), vif: self.vif.clone() })
    }
}
