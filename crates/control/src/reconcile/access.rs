//! What concerns the access ports: links are heard, ports opened and closed, frames sent.

use super::{Control, Instant, TURN_MESSAGES, learning};
use crate::access::uplink::Fabric;
use crate::underlay::Resolution;
use telemetry::slots::{SlotClass, Way};

impl Control {
    pub(super) fn hear_links(&mut self, now: Instant) {
        for (port, up) in self.means.links.try_iter().take(TURN_MESSAGES) {
            self.access.set_link(now, &self.loaded.node, &port, up);
        }
    }

    /// Opens or closes the access ports as the fabric is.
    pub(super) fn follow_uplink(&mut self, now: Instant) {
        // One of the two fabric ports is enough, if both it and its host interface are up.
        let host_up = |interface: &str| {
            let mut links = self.underlay.host_links();
            links.any(|(name, link)| name == interface && link.is_some_and(|link| link.up))
        };
        let node = &self.loaded.node;
        let mut ports = node.host_interfaces();
        let is_up = ports.any(|(port, interface)| self.access.has_link(node, port) && host_up(interface.as_str()));
        let unresolved = if self.access.is_waiting() && is_up { self.unresolved() } else { 0 };
        if self.access.follow(now, node, Fabric { is_up, unresolved }) {
            self.means.tables.set_closed(self.access.why_closed().is_some());
            self.access_moved = true;
        }
        if let Some(up) = self.access.take_wanted_links(now) {
            self.means.plane.want_access_links(up);
        }
    }

    /// VTEPs that are sent to and not reached. Linear in the VTEPs.
    fn unresolved(&self) -> usize {
        let is_reached = |vtep| matches!(self.underlay.resolve(vtep), Resolution::Resolved { .. });
        self.means.tables.tunnels().filter(|(vtep, _)| !is_reached(*vtep)).count()
    }

    pub(super) fn look_after_access(&mut self, now: Instant) {
        let inject = &mut self.means.inject;
        inject.tick(u64::try_from(now.saturating_duration_since(self.started).as_nanos()).unwrap_or(u64::MAX));
        let tables = learning::in_force(&mut self.means.publisher);
        let send = |vif, frame: &[u8]| inject.send(SlotClass::of_frame(frame), Way::Vif(vif), frame).is_ok();
        self.access.turn(now, tables, send);
    }
}
