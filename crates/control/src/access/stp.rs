//! What the switches around a BPDU network say to each other: who is root, who speaks on the link that the gateways make, and
//! whether two do.
//!
//! The gateways are one link to the switches. On a link one port is designated; it alone sends configuration messages
//! steadily, and forwards (IEEE 802.1D-2004 clause 17). Two that both go on sending are two that do not hear each other: a
//! loop. Sans-IO: time is passed in.

mod members;
mod tree;

use super::log::{EventKind, EventLog};
use hashbrown::HashMap;
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, Instant};
use wire::bpdu::Bpdu;

pub use members::Members;
pub use tree::{Heard, Sender, Tree};

/// Most senders that are followed, of all networks: what is beyond is passed on and not looked at.
const MOST_SENDERS: usize = 1024;
/// How long a sender that is silent is still shown.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(600);
/// How often silence is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// At most so many events in so long: a switch that flaps must not fill the log.
const EVENTS: (u32, Duration) = (32, Duration::from_secs(10));

/// By what a control frame reached the gateway.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Member {
    /// An access port of this node.
    Port(String),
    /// Another gateway.
    Vtep(IpAddr),
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port(name) => write!(f, "port {name}"),
            Self::Vtep(address) => write!(f, "VTEP {address}"),
        }
    }
}

/// What a member brought, whoever sent it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MemberCounts {
    /// Spanning tree's messages.
    pub bpdus: u64,
    /// Frames to the network's groups that are none.
    pub others: u64,
    /// Topology changes: notifications, and flags that were raised.
    pub topology_changes: u64,
}

/// One BPDU network.
#[derive(Debug, Clone, Default)]
pub struct Hub {
    /// By member.
    pub members: BTreeMap<Member, MemberCounts>,
    /// The common tree (`None`), and that of each VLAN of PVST+.
    pub trees: BTreeMap<Option<u16>, Tree>,
}

/// All of them, by name.
#[derive(Debug, Clone, Default)]
pub struct Stp {
    hubs: HashMap<String, Hub>,
    senders: usize,
    looked: Option<Instant>,
    said: Said,
}

impl Stp {
    /// A network, if anything was heard in it.
    pub fn hub(&self, network: &str) -> Option<&Hub> {
        self.hubs.get(network)
    }

    /// A control frame, from its destination MAC on, came by a member. Of a long one the beginning is enough.
    pub fn hear(&mut self, now: Instant, network: &str, member: Member, frame: &[u8], log: &mut EventLog) {
        let hub = match self.hubs.get_mut(network) {
            Some(hub) => hub,
            None => self.hubs.entry(network.to_owned()).or_default(),
        };
        if !hub.members.contains_key(&member) && hub.members.len() >= MOST_SENDERS {
            return;
        }
        let counts = hub.members.entry(member.clone()).or_default();
        let Ok(bpdu) = Bpdu::read(frame) else {
            counts.others += 1;
            return;
        };
        counts.bpdus += 1;
        let vlan = bpdu.vlan.filter(|_| bpdu.pvst);
        let is_full = self.senders >= MOST_SENDERS;
        if is_full && !hub.trees.contains_key(&vlan) {
            return;
        }
        let tree = hub.trees.entry(vlan).or_default();
        let before = tree.len();
        let mut events = tree.hear(now, member, &bpdu, is_full);
        self.senders += tree.len() - before;
        events.extend(tree.judge(now));
        counts.topology_changes += events.iter().filter(|event| event.is_topology_change).count() as u64;
        self.said.say(now, network, vlan, events, log);
    }

    /// Whether it is time for a [`tick`](Self::tick).
    pub fn is_due(&self, now: Instant) -> bool {
        self.looked.is_none_or(|looked| now.saturating_duration_since(looked) >= LOOK_EVERY)
    }

    /// Looks for those that have become silent.
    pub fn tick(&mut self, now: Instant, log: &mut EventLog) {
        if !self.is_due(now) {
            return;
        }
        self.looked = Some(now);
        for (network, hub) in &mut self.hubs {
            for (vlan, tree) in &mut hub.trees {
                self.said.say(now, network, *vlan, tree.judge(now), log);
                self.senders -= tree.forget(now);
            }
            hub.trees.retain(|_, tree| tree.len() > 0);
        }
    }

    /// Whether [`tick`](Self::tick) has anything to look at.
    pub fn is_quiet(&self) -> bool {
        self.senders == 0
    }

    /// Forgets networks that are none any more.
    pub fn retain(&mut self, mut keep: impl FnMut(&str) -> bool) {
        self.hubs.retain(|network, _| keep(network));
        self.senders = self.hubs.values().flat_map(|hub| hub.trees.values()).map(Tree::len).sum();
    }
}

/// What is said of a tree, and of what it is.
struct Event {
    what: String,
    is_topology_change: bool,
}

impl From<String> for Event {
    fn from(what: String) -> Self {
        Self { what, is_topology_change: false }
    }
}

/// Keeps the log from being filled.
#[derive(Debug, Clone, Default)]
struct Said {
    since: Option<Instant>,
    events: u32,
    unsaid: u64,
}

impl Said {
    fn say(&mut self, now: Instant, network: &str, vlan: Option<u16>, events: Vec<Event>, log: &mut EventLog) {
        let (most, time) = EVENTS;
        if self.since.is_none_or(|since| now.saturating_duration_since(since) >= time) {
            if self.unsaid > 0 {
                log.add(EventKind::SpanningTree, network, format!("{} events more were not logged", self.unsaid));
            }
            *self = Self { since: Some(now), events: 0, unsaid: 0 };
        }
        for event in events {
            if self.events >= most {
                self.unsaid += 1;
                continue;
            }
            self.events += 1;
            let what = vlan.map_or(event.what.clone(), |vlan| format!("VLAN {vlan}: {}", event.what));
            log.add(EventKind::SpanningTree, network, what);
        }
    }
}

#[cfg(test)]
mod tests;
