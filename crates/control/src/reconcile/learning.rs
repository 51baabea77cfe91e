//! Learning in the loop: rules out of the configuration, marks out of the workers, stations into the tables.

use super::{Control, Instant, Loaded, VifRow};
use crate::access::InForce;
use crate::access::learning::{Learning, NetworkRules, VifRules};
use crate::config::ServedVmi;
use crate::tables::Rebuilt;
use fib::{PortIndex, Snapshot, VifIndex};
use hashbrown::HashMap;
use rcu::Publisher;
use std::time::Duration;
use wire::Vni;

/// How often it is looked whether ports have lost their link.
const LOOK_AT_LINKS: Duration = Duration::from_secs(1);

/// Which ports had a link when that was last looked at.
#[derive(Debug, Default)]
pub(super) struct Links {
    looked: Option<Instant>,
    up: Vec<bool>,
}

impl Control {
    /// Puts the rules of a configuration in force; returns the tables, which become generation `next`, with all that is still
    /// learned.
    pub(super) fn learn_anew(&mut self, loaded: &Loaded, rebuilt: &Rebuilt, next: u64) -> Snapshot {
        let snapshot = rebuilt.snapshot.clone();
        let learning = self.access.learning_mut();
        let (vifs, networks) = rules(learning, loaded, &rebuilt.vifs, &snapshot, next);
        learning.configure(vifs, networks, next);
        learning.restore(snapshot, next)
    }

    /// The tables with what was learned and forgotten since; `None` if nothing was.
    pub(super) fn amend_learned(&mut self, before: Option<&Snapshot>) -> Option<Snapshot> {
        let (tables, routes, publisher) = (&self.means.tables, &self.routes, &self.means.publisher);
        let elsewhere = |vni, mac| tables.remote(routes, vni, mac);
        let current = before.unwrap_or(publisher.current());
        self.access.learning_mut().amend(current, publisher.generation() + 1, elsewhere)
    }

    /// Forgets what is behind ports that have lost their link; and has the tables made anew without VMIs that were shut down.
    pub(super) fn look_after_learning(&mut self, now: Instant) {
        self.rebuild |= self.access.learning_mut().take_newly_shut();
        let links = &mut self.links;
        let is_due = links.looked.is_none_or(|looked| now.saturating_duration_since(looked) >= LOOK_AT_LINKS);
        if !is_due || self.access.learning().known().vifs.is_empty() {
            return;
        }
        let up: Vec<bool> = self.means.plane.ports().into_iter().map(|port| port.link.up).collect();
        let before = std::mem::replace(&mut links.up, up);
        links.looked = Some(now);
        let lost = before.iter().zip(&links.up).enumerate().filter(|(_, (before, now))| **before && !**now);
        let lost: Vec<PortIndex> = lost.filter_map(|(port, _)| PortIndex::new(port)).collect();
        lost.into_iter().for_each(|port| self.access.flush_port(now, port, in_force(&mut self.means.publisher)));
    }

    /// Lets VMIs that were shut down forward again, all or one.
    pub(super) fn reopen(&mut self, only: Option<&str>) {
        if self.access.learning_mut().reopen(only) > 0 {
            self.rebuild = true;
        }
    }
}

/// The tables in force, as learning sees them.
pub(super) fn in_force(publisher: &mut Publisher<Snapshot>) -> InForce<'_> {
    let (next, oldest_in_use) = (publisher.generation() + 1, publisher.oldest_in_use());
    InForce { current: publisher.current(), next, oldest_in_use }
}

type Rules = (HashMap<VifIndex, VifRules>, HashMap<Vni, NetworkRules>);

/// What learns in these tables, by which rules.
fn rules(learning: &Learning, loaded: &Loaded, rows: &[Option<VifRow>], snapshot: &Snapshot, next: u64) -> Rules {
    let (network, known) = (&loaded.network, learning.known());
    let of_vif = |(served, row): (&ServedVmi, &Option<VifRow>)| {
        let row = row.as_ref().filter(|row| snapshot.vif(row.index).learns())?;
        let vmi = &network[served.vmi];
        let before = known.vifs.get(&row.index).filter(|_| !row.is_new);
        let rules = VifRules {
            name: vmi.name.to_string(),
            network: network[vmi.virtual_network].vni,
            port: snapshot.vif(row.index).port(),
            since: before.map_or(if row.is_new { next } else { 0 }, |before| before.rules.since),
            limit: vmi.mac_limit,
        };
        Some((row.index, rules))
    };
    let vifs: HashMap<_, _> = network.served.iter().zip(rows).filter_map(of_vif).collect();
    let learns = network.virtual_networks.iter().filter(|model| model.mac_learning.enabled);
    let of_network = |model: &crate::config::VirtualNetwork| {
        let learning = &model.mac_learning;
        let (ageing, limit, moves) = (learning.ageing(), learning.limit, learning.moves);
        (model.vni, NetworkRules { name: model.name.to_string(), ageing, limit, moves })
    };
    (vifs, learns.map(of_network).collect())
}
