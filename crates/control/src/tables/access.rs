//! Access ports that are closed, in the tables.

use super::{Builder, NodeModel, Snapshot, Tables, port_index};

impl Tables {
    /// Has the access ports closed, or open, in all that is made from now on.
    pub fn set_closed(&mut self, closed: bool) {
        self.closed = closed;
    }

    /// The snapshot in force with the access ports as they now are; `None` if that makes no difference. Costs a copy of the
    /// interfaces.
    pub fn amend_access(&self, current: &Snapshot, node: &NodeModel) -> Option<Snapshot> {
        let mut builder = Builder::amend(current);
        self.close(&mut builder, node).then(|| builder.finish())
    }

    /// Closes or opens the ports, whose interfaces are all there; returns whether any was otherwise.
    pub(super) fn close(&self, builder: &mut Builder, node: &NodeModel) -> bool {
        let mut differs = false;
        for (port, _) in node.access_ports() {
            differs |= builder.set_closed(port_index(port), self.closed);
        }
        differs
    }
}
