//! The latest frames that were dropped: of each reason, and of each of the VMIs that had some last.

use super::Clocks;
use super::names::Names;
use crate::status::not_found;
use api::{ErrorDocument, LastDropsDocument, LastDropsQuery, SeenFrame};
use hashbrown::HashMap;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use telemetry::{DropReason, DropRecords};

/// Frames that are kept of each reason, and of each VMI.
const KEPT: usize = 4;
/// VMIs that are remembered.
const VMIS: usize = 64;

type Latest = VecDeque<(u64, Arc<SeenFrame>)>;

/// What is kept.
#[derive(Default)]
pub(super) struct LastDrops {
    seen: u64,
    by_reason: HashMap<String, Latest>,
    /// The VMI whose frame came last is the last one.
    by_vmi: VecDeque<(String, Latest)>,
}

impl LastDrops {
    /// Takes in what a worker recorded; returns the newest generation that it spoke of.
    pub(super) fn take_in(&mut self, worker: u16, records: &mut DropRecords, names: &Names, clocks: Clocks) -> u64 {
        let mut newest = 0;
        while let Some((frame, generation)) = records.receiver.receive(|sighting| {
            (names.describe(sighting, worker, clocks, sighting.octets()), sighting.facts.generation)
        }) {
            newest = newest.max(generation);
            self.keep(frame);
        }
        newest
    }

    fn keep(&mut self, frame: SeenFrame) {
        self.seen += 1;
        let (seen, frame) = (self.seen, Arc::new(frame));
        if let Some(reason) = &frame.drop {
            add(self.by_reason.entry_ref(reason.as_str()).or_default(), seen, &frame);
        }
        let Some(vmi) = &frame.vmi else { return };
        let known = self.by_vmi.iter().position(|(name, _)| name == vmi);
        let mut entry = known.and_then(|at| self.by_vmi.remove(at)).unwrap_or_else(|| (vmi.clone(), Latest::new()));
        add(&mut entry.1, seen, &frame);
        if self.by_vmi.len() == VMIS {
            self.by_vmi.pop_front();
        }
        self.by_vmi.push_back(entry);
    }

    /// What is asked for, newest first.
    pub(super) fn document(
        &self,
        query: &LastDropsQuery,
        names: Option<&Names>,
        lost: u64,
    ) -> Result<LastDropsDocument, ErrorDocument> {
        let reasons = || DropReason::ALL.iter().map(|reason| reason.name());
        if let Some(reason) = query.reason.as_deref().filter(|wanted| reasons().all(|name| name != *wanted)) {
            return Err(not_found("drop reason", reason, reasons()));
        }
        if let (Some(vif), Some(names)) = (&query.vif, names) {
            names.vmi(vif)?;
        }
        let latest = self.by_reason.values().chain(self.by_vmi.iter().map(|(_, latest)| latest));
        let all: BTreeMap<u64, &Arc<SeenFrame>> = latest.flatten().map(|(seen, frame)| (*seen, frame)).collect();
        let wanted = |frame: &&Arc<SeenFrame>| query.reason.is_none() || frame.drop == query.reason;
        let of_vif = |frame: &&Arc<SeenFrame>| query.vif.is_none() || frame.vmi == query.vif;
        let frames = all.into_values().rev().filter(wanted).filter(of_vif);
        Ok(LastDropsDocument { frames: frames.map(|frame| SeenFrame::clone(frame)).collect(), lost })
    }
}

fn add(latest: &mut Latest, seen: u64, frame: &Arc<SeenFrame>) {
    if latest.len() == KEPT {
        latest.pop_front();
    }
    latest.push_back((seen, Arc::clone(frame)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(n: u64, reason: &str, vmi: Option<&str>) -> SeenFrame {
        let json = serde_json::json!({"at": "2026-11-25T00:00:00Z", "at_ns": n, "worker": 0, "direction": "in", "octets": 60,
            "data": "", "verdict": "", "drop": reason, "vmi": vmi});
        serde_json::from_value(json).expect("a frame")
    }

    fn times(drops: &LastDrops, reason: Option<&str>, vif: Option<&str>) -> Vec<u64> {
        let query = LastDropsQuery { reason: reason.map(str::to_owned), vif: vif.map(str::to_owned) };
        let document = drops.document(&query, None, 0).expect("a reason that there is");
        document.frames.iter().map(|frame| frame.at_ns).collect()
    }

    #[test]
    fn the_latest_of_each_reason_are_kept_newest_first() {
        let mut drops = LastDrops::default();
        for n in 0..10 {
            drops.keep(frame(n, "unknown_vlan", None));
        }
        drops.keep(frame(10, "runt", None));
        assert_eq!(times(&drops, None, None), [10, 9, 8, 7, 6]);
        assert_eq!(times(&drops, Some("unknown_vlan"), None), [9, 8, 7, 6]);
        assert!(times(&drops, Some("cut_tag"), None).is_empty());
        let query = LastDropsQuery { reason: Some("nonsense".into()), vif: None };
        assert!(
            drops.document(&query, None, 0).expect_err("no such reason").message.contains("no drop reason `nonsense`")
        );
    }

    #[test]
    fn a_storm_of_one_vmi_does_not_push_out_what_another_lost() {
        let mut drops = LastDrops::default();
        drops.keep(frame(0, "unknown_source_mac", Some("quiet")));
        for n in 1..100 {
            drops.keep(frame(n, "unknown_source_mac", Some("loud")));
        }
        assert_eq!(times(&drops, None, Some("quiet")), [0]);
        assert_eq!(times(&drops, None, Some("loud")), [99, 98, 97, 96]);
    }

    #[test]
    fn only_the_vmis_that_lost_something_last_are_remembered() {
        let mut drops = LastDrops::default();
        for n in 0..VMIS as u64 + 1 {
            drops.keep(frame(n, "runt", Some(&format!("vmi{n}"))));
            drops.keep(frame(1000 + n, "cut_tag", Some("vmi1")));
        }
        assert!(times(&drops, None, Some("vmi0")).is_empty());
        assert_eq!(times(&drops, Some("runt"), Some("vmi2")), [2]);
        assert_eq!(times(&drops, None, Some("vmi1")).len(), KEPT);
    }
}
