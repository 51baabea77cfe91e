//! What was learned.

use super::View;
use crate::config::MacLimit;
use api::{FdbEntry, FdbOrigin, FdbWhere, LearningUse};
use std::time::Instant;

impl View {
    /// The stations that were learned, of one network or all.
    pub(super) fn learned_entries(&self, only: Option<&str>) -> impl Iterator<Item = FdbEntry> + '_ {
        let (now, only) = (Instant::now(), only.map(str::to_owned));
        self.learned.stations.iter().filter_map(move |((vni, mac), station)| {
            let network = self.learned.networks.get(vni)?.rules.name.clone();
            let vif = self.learned.vifs.get(&station.vif)?.rules.name.clone();
            only.as_ref().is_none_or(|only| *only == network).then(|| FdbEntry {
                network,
                mac: mac.to_string(),
                at: FdbWhere::Vif(vif),
                encapsulation: None,
                label: None,
                origin: FdbOrigin::Learned,
                age_s: Some(now.saturating_duration_since(station.seen).as_secs()),
            })
        })
    }

    /// How far networks that learn are filled, and those of their VMIs of which there is something to say; by name, each
    /// network before its VMIs.
    pub(super) fn learning_use(&self, only: Option<&str>) -> Vec<LearningUse> {
        let known = &self.learned;
        let name = |vni| known.networks.get(vni).map(|network| network.rules.name.clone());
        let networks =
            known.networks.values().map(|place| (place.rules.name.clone(), None, place.fill, place.rules.limit));
        let vifs = known.vifs.values().filter(|place| place.fill.count > 0 || place.rules.limit != MacLimit::NONE);
        let vifs = vifs.filter_map(|place| {
            Some((name(&place.rules.network)?, Some(place.rules.name.clone()), place.fill, place.rules.limit))
        });
        let all = networks.chain(vifs).filter(|(network, ..)| only.is_none_or(|only| only == network));
        let mut all: Vec<LearningUse> = all
            .map(|(network, vif, fill, limit)| {
                let limited = limit.most > 0;
                LearningUse {
                    network,
                    vif,
                    macs: fill.count.into(),
                    limit: limited.then_some(limit.most),
                    action: limited.then(|| limit.action.name().to_owned()),
                    over: fill.over,
                }
            })
            .collect();
        all.sort_by(|a, b| (&a.network, &a.vif).cmp(&(&b.network, &b.vif)));
        all
    }
}
