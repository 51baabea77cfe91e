//! What the workers count, by interface.

use super::Control;
use crate::status::VifStatus;
use crate::tables::VifRow;
use fib::VifIndex;
use hashbrown::HashMap;
use telemetry::VifTotals;

impl Control {
    /// The counters of new interfaces begin where the row's earlier owner left them.
    pub(super) fn count_from_here(&self, rows: &[Option<VifRow>]) -> Vec<Option<VifStatus>> {
        let before: HashMap<_, _> = self.vifs.iter().flatten().map(|vif| (vif.index, *vif)).collect();
        let status = |row: &VifRow| {
            for worker in &self.means.workers {
                if !worker.has_room_for(row.index) {
                    tracing::error!(vif = %row.index, "no room for the counters of this interface: they stay zero");
                }
            }
            let before = if row.is_new { None } else { before.get(&row.index).copied() };
            before.unwrap_or_else(|| VifStatus { index: row.index, baseline: self.totals(row.index), cleared_at: None })
        };
        rows.iter().map(|row| row.as_ref().map(status)).collect()
    }

    /// What all workers counted for an interface's row.
    pub(super) fn totals(&self, index: VifIndex) -> VifTotals {
        let mut sum = VifTotals::default();
        self.means.workers.iter().for_each(|worker| sum += worker.vif(index).read());
        sum
    }
}
