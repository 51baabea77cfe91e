//! Lets the carrier of each host interface follow the link of its fabric port, so that Linux, a routing daemon and our own
//! choice of paths stop using the port at once. Nobody else would notice: the TAP's own link is this process.

use control::config::NodeModel;
use std::collections::HashMap;

/// The host interfaces by their ports' names.
pub(crate) struct Carriers(HashMap<String, Carrier>);

/// One host interface's carrier.
#[derive(Debug)]
struct Carrier {
    interface: String,
    /// Whether a link that was never up is really down: a virtual driver may not know better.
    driver_knows: bool,
    /// What the port's link said last.
    link_up: Option<bool>,
    seen_up: bool,
    /// What the kernel was told last; attaching to a TAP gives it a carrier.
    on: bool,
    /// The kernel refused, and the log says so.
    refused: bool,
}

impl Carrier {
    fn new(interface: String, driver_knows: bool) -> Self {
        Self { interface, driver_knows, link_up: None, seen_up: false, on: true, refused: false }
    }

    fn link(&mut self, up: bool) {
        self.seen_up |= up;
        self.link_up = Some(up);
    }

    /// What to tell the kernel, if anything.
    fn due(&self) -> Option<bool> {
        let wanted = self.link_up? || !(self.seen_up || self.driver_knows);
        (wanted != self.on).then_some(wanted)
    }
}

impl Carriers {
    pub(crate) fn new(node: &NodeModel) -> Self {
        let carrier = |(port, interface): (_, &control::config::InterfaceName)| {
            let port = &node[port];
            (port.name.to_string(), Carrier::new(interface.to_string(), !port.kind.is_virtual()))
        };
        Self(node.host_interfaces().map(carrier).collect())
    }

    /// A port's link is like this now.
    pub(crate) fn link(&mut self, port: &str, up: bool) {
        if let Some(carrier) = self.0.get_mut(port) {
            carrier.link(up);
        }
    }

    /// Tells the kernel what it was not told yet. What it refuses is tried again at the next call.
    pub(crate) fn follow(&mut self) {
        for carrier in self.0.values_mut() {
            let Some(on) = carrier.due() else { continue };
            match netlink::set_carrier(&carrier.interface, on) {
                Ok(()) => {
                    tracing::info!(interface = %carrier.interface, on, "carrier follows the port's link");
                    (carrier.on, carrier.refused) = (on, false);
                }
                Err(error) => {
                    if !std::mem::replace(&mut carrier.refused, true) {
                        tracing::warn!(%error, "the host interface does not follow its port's link");
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_carrier_goes_and_comes_with_the_link() {
        for driver_knows in [false, true] {
            let mut carrier = Carrier::new("cw-host0".into(), driver_knows);
            assert_eq!(carrier.due(), None, "nothing is known yet");
            carrier.link(true);
            assert_eq!(carrier.due(), None, "it has one since it was attached to");
            carrier.link(false);
            assert_eq!(carrier.due(), Some(false));
            assert_eq!(carrier.due(), Some(false), "until the kernel took it");
            carrier.on = false;
            assert_eq!(carrier.due(), None);
            carrier.link(true);
            assert_eq!(carrier.due(), Some(true));
        }
    }

    #[test]
    fn a_link_that_was_never_up_counts_as_down_only_where_the_driver_knows() {
        for (driver_knows, due) in [(true, Some(false)), (false, None)] {
            let mut carrier = Carrier::new("cw-host0".into(), driver_knows);
            carrier.link(false);
            assert_eq!(carrier.due(), due);
        }
    }
}
