//! What there is to look at, as documents. Control makes one [`View`] a turn, which costs it a look-up for each VTEP, and
//! hands out clones of it, which cost a few reference counts; whoever asked renders it on a thread of its own.

mod access;
mod dropstats;
mod effective;
mod filter;
mod forwarding;
mod learned;
mod running;
mod stations;
mod storm;
mod stp;

use crate::access::learning::Known;
use crate::access::log::EventLog;
use crate::access::probes::{Reachability, Target};
use crate::access::storm::Storms;
use crate::access::stp::Stp;
use crate::cleared::Cleared;
use crate::config::Loaded;
use crate::labels::LabelOwner;
use crate::plane::DataPlane;
use crate::routes::Routes;
use crate::underlay::Resolution;
use api::{ErrorDocument, Response, Show, Timestamp};
use fib::{NetworkId, Snapshot, VifIndex};
use hashbrown::HashMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use telemetry::{VifTotals, WorkerTelemetry};
use wire::{Encapsulation, MplsLabel, Vni};

pub(crate) use crate::reconcile::finding;
pub(crate) use filter::not_found;

/// Who the process is.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The program's version.
    pub version: String,
    /// The commit that it was built from, where known.
    pub commit: Option<String>,
    /// `release` or `debug`.
    pub build: String,
    /// When it was started.
    pub started_at: Timestamp,
    /// The cores of the workers, by id.
    pub worker_cores: Vec<u16>,
}

/// Where the configuration in force came from.
#[derive(Debug, Clone)]
pub(crate) struct Sources {
    files: Vec<api::ConfigFile>,
    loaded_at: Timestamp,
    generation: u64,
}

impl Sources {
    pub(crate) fn now((node, network): &(PathBuf, PathBuf), generation: u64) -> Self {
        let file = |path: &PathBuf| api::ConfigFile {
            path: path.display().to_string(),
            size_octets: std::fs::metadata(path).map_or(0, |m| m.len()),
        };
        Self { files: vec![file(node), file(network)], loaded_at: Timestamp::now(), generation }
    }
}

/// An interface's row, and what its counters showed when the row became its own or they were cleared.
#[derive(Debug, Clone, Copy)]
pub(crate) struct VifStatus {
    pub(crate) index: VifIndex,
    pub(crate) baseline: VifTotals,
    pub(crate) cleared_at: Option<Timestamp>,
}

/// The state at one moment. Cheap to clone; while it lives, a route that changes costs control a copy of its network's.
#[derive(Clone)]
pub struct View {
    pub(crate) loaded: Arc<Loaded>,
    pub(crate) sources: Arc<Sources>,
    pub(crate) routes: Arc<Routes>,
    /// In the order of `loaded.network.served`; `None` for a disabled VMI.
    pub(crate) vifs: Arc<Vec<Option<VifStatus>>>,
    /// Rows of the networks here.
    pub(crate) network_rows: Arc<HashMap<Vni, NetworkId>>,
    pub(crate) storms: Storms,
    pub(crate) learned: Known,
    pub(crate) stp: Arc<Stp>,
    pub(crate) cleared: Arc<Cleared>,
    pub(crate) generation: u64,
    /// What the workers forward by. A clone shares all tables.
    pub(crate) snapshot: Snapshot,
    /// Every VTEP that is sent to, once for each encapsulation.
    pub(crate) tunnels: Arc<[(IpAddr, Encapsulation, Resolution)]>,
    /// Every label that this node answers to.
    pub(crate) labels: Arc<HashMap<LabelOwner, MplsLabel>>,
    pub(crate) reachability: Arc<Vec<(Target, Reachability)>>,
    pub(crate) log: Arc<EventLog>,
    /// Why the access ports are closed, if they are.
    pub(crate) closed: Option<&'static str>,
    pub(crate) workers: Arc<[Arc<WorkerTelemetry>]>,
    pub(crate) plane: Arc<dyn DataPlane>,
    pub(crate) identity: Arc<Identity>,
}

impl View {
    /// The document that was asked for.
    ///
    /// # Errors
    /// If it is about an object that does not exist.
    pub fn render(&self, show: &Show) -> Result<Response, ErrorDocument> {
        Ok(match show {
            Show::Ports => Response::Ports(self.ports()),
            Show::Vifs(query) => Response::Vifs(self.vifs(query)?),
            Show::Networks => Response::Networks(self.networks()),
            Show::Fdb(query) => Response::Fdb(self.fdb(query)?),
            Show::Nexthops(query) => Response::Nexthops(self.nexthops(query)),
            Show::Labels(query) => Response::Labels(self.labels(query)?),
            Show::Vteps(query) => Response::Vteps(self.vteps(query)?),
            Show::Hosts(query) => Response::Hosts(self.hosts(query)?),
            Show::Drops(query) => Response::Drops(self.drops(query)?),
            Show::Stp => Response::Stp(self.stp()),
            Show::Storm(query) => Response::Storm(self.storm(query)?),
            Show::Reachability(query) => Response::Reachability(self.reachability(query)?),
            Show::Events(query) => Response::Events(self.events(query)?),
            Show::Host => Response::Host(self.host()),
            Show::Workers => Response::Workers(self.workers()),
            Show::Config => Response::Config(self.config()),
            Show::Version => Response::Version(self.version()),
        })
    }

    /// The configuration in force.
    pub fn loaded(&self) -> &Arc<Loaded> {
        &self.loaded
    }

    /// The tables in force.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// The generation of the tables in force.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The row of each interface, in the order of the model's `served`; `None` for a disabled VMI.
    pub fn vif_rows(&self) -> impl Iterator<Item = Option<VifIndex>> + '_ {
        self.vifs.iter().map(|vif| vif.map(|status| status.index))
    }

    /// How each VTEP that is sent to can be reached.
    pub fn resolutions(&self) -> impl Iterator<Item = (IpAddr, &Resolution)> {
        self.tunnels.iter().map(|(vtep, _, resolution)| (*vtep, resolution))
    }
}
