//! The links of the ports, as far as their drivers know.

use crate::config::{NodeModel, PortIndex};
use hashbrown::HashMap;

/// What was heard of each port's link.
#[derive(Debug, Default)]
pub(crate) struct Links(HashMap<PortIndex, Link>);

#[derive(Debug, Clone, Copy)]
struct Link {
    up: bool,
    seen_up: bool,
}

impl Links {
    /// A port's link is like this now.
    pub(crate) fn set(&mut self, port: PortIndex, up: bool) {
        let link = self.0.entry(port).or_insert(Link { up, seen_up: up });
        (link.up, link.seen_up) = (up, link.seen_up || up);
    }

    /// Whether a port can be used; `None` while nothing was heard of it. A link that was never up is down only where the driver
    /// knows: a virtual one may not know better.
    pub(crate) fn is_up(&self, node: &NodeModel, port: PortIndex) -> Option<bool> {
        let link = self.0.get(&port)?;
        Some(link.up || !link.seen_up && node[port].kind.is_virtual())
    }
}
