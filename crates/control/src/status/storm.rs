//! Who floods how much, and what storm control did about it.

use super::View;
use super::filter::page;
use crate::access::storm::Talker;
use crate::config::StormControl;
use api::{ErrorDocument, StormDocument, StormQuery, StormTalker};
use fib::StormClass;
use std::cmp::Reverse;
use telemetry::StormTotals;

impl View {
    pub(super) fn storm(&self, query: &StormQuery) -> Result<StormDocument, ErrorDocument> {
        self.expect_network(query.network.as_deref())?;
        let mut talkers: Vec<StormTalker> = self.storm_talkers().collect();
        talkers.retain(|talker| query.network.as_ref().is_none_or(|network| talker.network == *network));
        talkers.sort_by(|a, b| {
            let most = |talker: &StormTalker| Reverse((talker.suppressed, talker.flooded));
            (most(a), &a.network, &a.vif, &a.class).cmp(&(most(b), &b.network, &b.vif, &b.class))
        });
        let (talkers, total) = page(talkers, query.offset, query.limit);
        Ok(StormDocument { talkers, total, workers: self.workers.len() as u16 })
    }

    /// Everything that was flooded by anybody.
    fn storm_talkers(&self) -> impl Iterator<Item = StormTalker> + '_ {
        let model = &self.loaded.network;
        let vifs = model.served.iter().zip(self.vifs.iter()).filter_map(|(served, status)| {
            let (vmi, status) = (&model[served.vmi], status.as_ref()?);
            let network = model[vmi.virtual_network].name.to_string();
            Some((Talker::Vif(status.index), network, Some(vmi.name.to_string()), vmi.storm_control))
        });
        let networks = self.networks_here().into_iter().filter_map(|network| {
            let id = self.network_rows.get(&network.vni)?;
            Some((Talker::Network(*id), network.name.to_string(), None, network.storm_control))
        });
        vifs.chain(networks).flat_map(|(talker, network, vif, control)| self.by_class(talker, &network, &vif, control))
    }

    fn by_class(
        &self,
        talker: Talker,
        network: &str,
        vif: &Option<String>,
        control: StormControl,
    ) -> impl Iterator<Item = StormTalker> + use<> {
        let now = talker.totals(self.workers.iter().map(|worker| &**worker));
        let StormTotals { flooded, suppressed } = self.storms.baseline(talker);
        let one = |class: StormClass| StormTalker {
            network: network.to_owned(),
            vif: vif.clone(),
            class: class.name().to_owned(),
            budget_pps: control.of(class),
            flooded: now.flooded[class as usize].saturating_sub(flooded[class as usize]),
            suppressed: now.suppressed[class as usize].saturating_sub(suppressed[class as usize]),
            storming: self.storms.is_active(talker, class),
        };
        let all = StormClass::ALL.map(one);
        all.into_iter().filter(|talker| talker.flooded + talker.suppressed > 0)
    }
}
