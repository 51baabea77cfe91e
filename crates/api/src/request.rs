use serde::Serialize;

use crate::{
    Clear, ClearDocument, ConfigDocument, DropsDocument, DropsQuery, EventsDocument, EventsQuery, ExplainDocument,
    ExplainRequest, FdbDocument, FdbQuery, HostDocument, HostsDocument, HostsQuery, LabelsDocument, LabelsQuery,
    NetworksDocument, NexthopsDocument, NexthopsQuery, PortsDocument, ReachabilityDocument, ReachabilityQuery,
    ReloadDocument, StormDocument, StormQuery, StpDocument, VersionDocument, VifsDocument, VifsQuery, VtepsDocument,
    VtepsQuery, WorkersDocument,
};

use crate::watch::{LastDropsDocument, LastDropsQuery, SeenDocument, WatchDocument, WatchQuery};

/// All that can be asked of the daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Look at something. Changes nothing.
    Show(Show),
    /// Tell what would become of a frame. Changes nothing, and sends nothing.
    Explain(ExplainRequest),
    /// Have counters count from 0 again.
    Clear(Clear),
    /// Read the configuration files again and put them in force, or refuse them and change nothing.
    Reload,
    /// The latest frames that were dropped.
    LastDrops(LastDropsQuery),
    /// Begin to look at frames.
    Watch(WatchQuery),
    /// What was seen since the last time by the look of this number.
    WatchNext(u64),
    /// End the look of this number.
    WatchEnd(u64),
}

/// All that can be looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Show {
    /// [`PortsDocument`]
    Ports,
    /// [`VifsDocument`]
    Vifs(VifsQuery),
    /// [`NetworksDocument`]
    Networks,
    /// [`FdbDocument`]
    Fdb(FdbQuery),
    /// [`NexthopsDocument`]
    Nexthops(NexthopsQuery),
    /// [`LabelsDocument`]
    Labels(LabelsQuery),
    /// [`VtepsDocument`]
    Vteps(VtepsQuery),
    /// [`HostsDocument`]
    Hosts(HostsQuery),
    /// [`DropsDocument`]
    Drops(DropsQuery),
    /// [`StpDocument`]
    Stp,
    /// [`StormDocument`]
    Storm(StormQuery),
    /// [`ReachabilityDocument`]
    Reachability(ReachabilityQuery),
    /// [`EventsDocument`]
    Events(EventsQuery),
    /// [`HostDocument`]
    Host,
    /// [`WorkersDocument`]
    Workers,
    /// [`ConfigDocument`]
    Config,
    /// [`VersionDocument`]
    Version,
}

/// The answer to a [`Request`], one variant for each. Serialises as the document alone: which one it is follows from the
/// request.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Response {
    /// To [`Show::Ports`].
    Ports(PortsDocument),
    /// To [`Show::Vifs`].
    Vifs(VifsDocument),
    /// To [`Show::Networks`].
    Networks(NetworksDocument),
    /// To [`Show::Fdb`].
    Fdb(FdbDocument),
    /// To [`Show::Nexthops`].
    Nexthops(NexthopsDocument),
    /// To [`Show::Labels`].
    Labels(LabelsDocument),
    /// To [`Show::Vteps`].
    Vteps(VtepsDocument),
    /// To [`Show::Hosts`].
    Hosts(HostsDocument),
    /// To [`Show::Drops`].
    Drops(DropsDocument),
    /// To [`Show::Stp`].
    Stp(StpDocument),
    /// To [`Show::Storm`].
    Storm(StormDocument),
    /// To [`Show::Reachability`].
    Reachability(ReachabilityDocument),
    /// To [`Show::Events`].
    Events(EventsDocument),
    /// To [`Show::Host`].
    Host(HostDocument),
    /// To [`Show::Workers`].
    Workers(WorkersDocument),
    /// To [`Show::Config`].
    Config(ConfigDocument),
    /// To [`Show::Version`].
    Version(VersionDocument),
    /// To [`Request::Explain`].
    Explain(ExplainDocument),
    /// To [`Request::Clear`].
    Clear(ClearDocument),
    /// To [`Request::Reload`].
    Reload(ReloadDocument),
    /// To [`Request::LastDrops`].
    LastDrops(LastDropsDocument),
    /// To [`Request::Watch`].
    Watch(WatchDocument),
    /// To [`Request::WatchNext`] and [`Request::WatchEnd`].
    Seen(SeenDocument),
}

impl Show {
    /// Whether it asks for a part of a list only: an empty answer then means that nothing fits.
    pub fn is_narrowed(&self) -> bool {
        match self {
            Self::Vifs(query) => *query != VifsQuery::default(),
            Self::Fdb(query) => *query != FdbQuery::default(),
            Self::Nexthops(query) => *query != NexthopsQuery::default(),
            Self::Labels(query) => *query != LabelsQuery::default(),
            Self::Vteps(query) => *query != VtepsQuery::default(),
            Self::Hosts(query) => *query != HostsQuery::default(),
            Self::Storm(query) => *query != StormQuery::default(),
            Self::Drops(query) => query.stage.is_some(),
            Self::Reachability(query) => *query != ReachabilityQuery::default(),
            Self::Events(query) => query.kind.is_some() || query.since.is_some(),
            Self::Ports | Self::Networks | Self::Stp | Self::Host | Self::Workers | Self::Config | Self::Version => {
                false
            }
        }
    }
}

impl Request {
    /// Whether granting it changes anything: such requests are for privileged peers.
    pub fn changes(&self) -> bool {
        match self {
            Self::Show(_) | Self::Explain(_) | Self::LastDrops(_) => false,
            Self::Clear(_) | Self::Reload | Self::Watch(_) | Self::WatchNext(_) | Self::WatchEnd(_) => true,
        }
    }

    /// Whether the answer has octets of frames: such requests are for privileged peers too.
    pub fn shows_frames(&self) -> bool {
        matches!(self, Self::LastDrops(_) | Self::Watch(_) | Self::WatchNext(_) | Self::WatchEnd(_))
    }

    /// Reads the answer to this request from JSON.
    ///
    /// # Errors
    /// If `json` is not the document that answers this request.
    pub fn read_response(&self, json: &[u8]) -> Result<Response, serde_json::Error> {
        Ok(match self {
            Self::Show(Show::Ports) => Response::Ports(serde_json::from_slice(json)?),
            Self::Show(Show::Vifs(_)) => Response::Vifs(serde_json::from_slice(json)?),
            Self::Show(Show::Networks) => Response::Networks(serde_json::from_slice(json)?),
            Self::Show(Show::Fdb(_)) => Response::Fdb(serde_json::from_slice(json)?),
            Self::Show(Show::Nexthops(_)) => Response::Nexthops(serde_json::from_slice(json)?),
            Self::Show(Show::Labels(_)) => Response::Labels(serde_json::from_slice(json)?),
            Self::Show(Show::Vteps(_)) => Response::Vteps(serde_json::from_slice(json)?),
            Self::Show(Show::Hosts(_)) => Response::Hosts(serde_json::from_slice(json)?),
            Self::Show(Show::Drops(_)) => Response::Drops(serde_json::from_slice(json)?),
            Self::Show(Show::Stp) => Response::Stp(serde_json::from_slice(json)?),
            Self::Show(Show::Storm(_)) => Response::Storm(serde_json::from_slice(json)?),
            Self::Show(Show::Reachability(_)) => Response::Reachability(serde_json::from_slice(json)?),
            Self::Show(Show::Events(_)) => Response::Events(serde_json::from_slice(json)?),
            Self::Show(Show::Host) => Response::Host(serde_json::from_slice(json)?),
            Self::Show(Show::Workers) => Response::Workers(serde_json::from_slice(json)?),
            Self::Show(Show::Config) => Response::Config(serde_json::from_slice(json)?),
            Self::Show(Show::Version) => Response::Version(serde_json::from_slice(json)?),
            Self::Explain(_) => Response::Explain(serde_json::from_slice(json)?),
            Self::Clear(_) => Response::Clear(serde_json::from_slice(json)?),
            Self::Reload => Response::Reload(serde_json::from_slice(json)?),
            Self::LastDrops(_) => Response::LastDrops(serde_json::from_slice(json)?),
            Self::Watch(_) => Response::Watch(serde_json::from_slice(json)?),
            Self::WatchNext(_) | Self::WatchEnd(_) => Response::Seen(serde_json::from_slice(json)?),
        })
    }
}
