//! Clearing counters: what they show now is remembered, and the counters themselves go on.

use super::{Arc, Control};
use crate::access::storm::Talker;
use crate::status::not_found;
use api::{Clear, ClearDocument, ErrorDocument, Timestamp};
use telemetry::VifTotals;

impl Control {
    /// Takes the counters that are meant as they are now for 0. Linear in what is cleared and the workers.
    pub(super) fn clear(&mut self, clear: &Clear) -> Result<ClearDocument, ErrorDocument> {
        let now = Timestamp::now();
        let mut done = ClearDocument { cleared_at: now, vifs: 0, ports: 0, drops: false };
        match clear {
            Clear::All => {
                done.vifs = self.clear_vifs(None, now)?;
                done.ports = self.clear_ports(None, now)?;
                done.drops = self.clear_drops(now);
                self.access.clear_storms(None);
                self.reopen(None);
            }
            Clear::Vif(name) => {
                done.vifs = self.clear_vifs(Some(name), now)?;
                self.reopen(Some(name));
            }
            Clear::Port(name) => done.ports = self.clear_ports(Some(name), now)?,
            Clear::Drops => done.drops = self.clear_drops(now),
        }
        tracing::info!(vifs = done.vifs, ports = done.ports, drops = done.drops, "counters cleared");
        Ok(done)
    }

    fn clear_vifs(&mut self, only: Option<&str>, now: Timestamp) -> Result<u64, ErrorDocument> {
        let loaded = Arc::clone(&self.loaded);
        let network = &loaded.network;
        let names = || network.served.iter().map(|served| network[served.vmi].name.as_str());
        if let Some(name) = only.filter(|only| names().all(|name| name != *only)) {
            return Err(not_found("VMI", name, names()));
        }
        let totals: Vec<Option<VifTotals>> =
            self.vifs.iter().map(|vif| vif.as_ref().map(|vif| self.totals(vif.index))).collect();
        let mut cleared = 0;
        for ((vif, totals), name) in Arc::make_mut(&mut self.vifs).iter_mut().zip(totals).zip(names()) {
            let (Some(vif), Some(baseline)) = (vif, totals) else { continue };
            if only.is_none_or(|only| only == name) {
                (vif.baseline, vif.cleared_at) = (baseline, Some(now));
                cleared += 1;
                self.access.clear_storms(Some(Talker::Vif(vif.index)));
            }
        }
        Ok(cleared)
    }

    fn clear_ports(&mut self, only: Option<&str>, now: Timestamp) -> Result<u64, ErrorDocument> {
        let ports = self.means.plane.ports();
        if let Some(name) = only.filter(|only| ports.iter().all(|port| port.name != *only)) {
            return Err(not_found("port", name, ports.iter().map(|port| port.name.as_str())));
        }
        let cleared = Arc::make_mut(&mut self.cleared);
        let wanted: Vec<_> = ports.iter().filter(|port| only.is_none_or(|only| only == port.name)).collect();
        wanted.iter().for_each(|port| cleared.clear_port(port, now));
        Ok(wanted.len() as u64)
    }

    fn clear_drops(&mut self, now: Timestamp) -> bool {
        let workers = self.means.workers.iter().map(Arc::as_ref);
        Arc::make_mut(&mut self.cleared).clear_drops(workers, now);
        true
    }
}
