//! What has happened, for operators: the last events, with numbers by which a reader sees what he missed.

use api::Timestamp;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

/// How many events are kept.
pub const KEPT: usize = 4096;

/// What an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EventKind {
    /// A port's link.
    Link,
    /// An access port was opened or closed.
    Access,
    /// An address of an instance is reachable, or not any more.
    Reachability,
    /// The switches' spanning tree.
    SpanningTree,
    /// A MAC that moved, or is one too many.
    Learning,
    /// A storm began or ended.
    Storm,
}

impl EventKind {
    /// All kinds.
    pub const ALL: &'static [Self] =
        &[Self::Link, Self::Access, Self::Reachability, Self::SpanningTree, Self::Learning, Self::Storm];

    /// The name in documents.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Access => "access",
            Self::Reachability => "reachability",
            Self::SpanningTree => "spanning-tree",
            Self::Learning => "learning",
            Self::Storm => "storm",
        }
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Events are numbered from 1 since the start.
    pub number: u64,
    /// When.
    pub at: Timestamp,
    /// About what.
    pub kind: EventKind,
    /// Which object: a port, a VMI, a network, an address.
    pub about: String,
    /// What happened, in a few words.
    pub what: String,
}

/// The last [`KEPT`] events, the oldest first.
#[derive(Debug, Clone, Default)]
pub struct EventLog {
    events: VecDeque<Arc<Event>>,
    last: u64,
}

impl EventLog {
    /// Adds an event, here and to the process's log.
    pub fn add(&mut self, kind: EventKind, about: impl Into<String>, what: impl Into<String>) {
        let (about, what) = (about.into(), what.into());
        tracing::info!(kind = kind.name(), %about, "{what}");
        self.last += 1;
        if self.events.len() >= KEPT {
            self.events.pop_front();
        }
        self.events.push_back(Arc::new(Event { number: self.last, at: Timestamp::now(), kind, about, what }));
    }

    /// The events that are kept, the oldest first.
    pub fn events(&self) -> impl DoubleEndedIterator<Item = &Event> + ExactSizeIterator {
        self.events.iter().map(|event| &**event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_events_are_kept_and_numbered() {
        let mut log = EventLog::default();
        for n in 1..=KEPT + 3 {
            log.add(EventKind::Link, "access0", n.to_string());
        }
        assert_eq!(log.events().len(), KEPT);
        assert_eq!(log.events().next().map(|event| (event.number, &*event.what)), Some((4, "4")));
        assert_eq!(log.events().next_back().map(|event| event.number), Some(KEPT as u64 + 3));
    }
}
