//! What was learned, put into the tables; and what becomes of it when the configuration changes.

use super::{Change, Fill, Key, Learning, NetworkRules, Place, SWEEP_AT_LEAST, SWEEP_AT_MOST, SWEEPS, VifRules};
use fib::{BuildError, Builder, Destination, LearnedId, Snapshot, VifIndex};
use hashbrown::HashMap;
use std::sync::Arc;
use wire::{MacAddr, Vni};

impl Learning {
    /// Whether something waits to be put into the tables.
    pub(crate) fn has_changes(&self) -> bool {
        !self.changes.is_empty()
    }

    /// The tables with all that has changed; `None` if nothing has. `elsewhere` tells where else a station is said to be when
    /// it is not learned any more; `next` is the generation of the result.
    pub(crate) fn amend(
        &mut self,
        current: &Snapshot,
        next: u64,
        elsewhere: impl Fn(Vni, MacAddr) -> Option<Destination>,
    ) -> Option<Snapshot> {
        if self.changes.is_empty() {
            return None;
        }
        let mut builder = Builder::amend(current);
        let mut refused = Vec::new();
        for change in std::mem::take(&mut self.changes) {
            let done = match change {
                Change::Learn(key, vif, row) => {
                    put(&mut builder, &mut refused, key, vif, row);
                    Ok(())
                }
                Change::Move(key, from, to, row) => {
                    builder.forget(from, key.1);
                    put(&mut builder, &mut refused, key, to, row);
                    Ok(())
                }
                Change::Forget((vni, mac), vif) => {
                    builder.forget(vif, mac);
                    let network = current.vif(vif).network();
                    let at = elsewhere(vni, mac).filter(|_| !builder.is_local(network, mac));
                    at.map_or(Ok(()), |at| builder.set_mac(network, mac, at))
                }
                Change::Block(mac, vif) => builder.block(vif, mac),
                Change::Unblock(mac, vif) => {
                    builder.unblock(vif, mac);
                    Ok(())
                }
                Change::Full(vif, full) => builder.set_full(vif, full),
            };
            complain(done);
        }
        self.drop_refused(&refused, next);
        Some(builder.finish())
    }

    /// The tables, made anew as generation `next`, with all that was learned and is still so.
    pub(crate) fn restore(&mut self, rebuilt: Snapshot, next: u64) -> Snapshot {
        self.changes.clear();
        if self.known.vifs.is_empty() {
            return rebuilt;
        }
        let mut builder = Builder::amend(&rebuilt);
        let mut refused = Vec::new();
        for (key, station) in &*self.known.stations {
            put(&mut builder, &mut refused, *key, station.vif, station.row);
        }
        self.drop_refused(&refused, next);
        for ((_, mac), (vif, _)) in &self.blocked {
            complain(builder.block(*vif, *mac));
        }
        for vif in self.known.vifs.keys() {
            complain(builder.set_full(*vif, self.is_full(*vif)));
        }
        builder.finish()
    }

    /// What the network knows by now from a better source, or has no place in the tables, was not learned after all.
    fn drop_refused(&mut self, refused: &[Key], next: u64) {
        for key in refused {
            if let Some(station) = Arc::make_mut(&mut self.known.stations).remove(key) {
                self.give_up(*key, station.row, next);
                self.count(key.0, station.vif, false);
            }
        }
    }

    /// Puts other rules in force, of the interfaces and networks that learn from generation `next` on. Stations stay where
    /// their interface is what it was; those of others are forgotten.
    pub(crate) fn configure(
        &mut self,
        vifs: HashMap<VifIndex, VifRules>,
        networks: HashMap<Vni, NetworkRules>,
        next: u64,
    ) {
        let before = Arc::clone(&self.known.vifs);
        let stays = |vni: Vni, vif: &VifIndex| {
            let (old, new) = (before.get(vif).map(|place| &place.rules), vifs.get(vif));
            old.zip(new).is_some_and(|(old, new)| old.name == new.name && new.network == vni)
        };
        let gone = self.known.stations.iter().filter(|((vni, _), station)| !stays(*vni, &station.vif));
        let gone: Vec<(Key, LearnedId)> = gone.map(|(key, station)| (*key, station.row)).collect();
        for (key, row) in gone {
            Arc::make_mut(&mut self.known.stations).remove(&key);
            self.give_up(key, row, next);
        }
        self.blocked.retain(|(vni, _), (vif, _)| stays(*vni, vif));
        let shortest = networks.values().filter_map(|rules| rules.ageing).min();
        self.sweep_every =
            shortest.map_or(SWEEP_AT_MOST, |ageing| ageing / SWEEPS).clamp(SWEEP_AT_LEAST, SWEEP_AT_MOST);
        self.known.vifs = Arc::new(places(vifs));
        self.known.networks = Arc::new(places(networks));
        let stations: Vec<(Vni, VifIndex)> = self.known.stations.iter().map(|(key, at)| (key.0, at.vif)).collect();
        stations.into_iter().for_each(|(vni, vif)| self.count(vni, vif, true));
    }
}

/// A key that was crafted to fill one place of a table: then nothing is said of it there.
fn complain(done: Result<(), BuildError>) {
    if let Err(error) = done {
        tracing::warn!(%error, "what was learned of a station is not in the tables");
    }
}

/// A station whose key was crafted to fill one place of the table is refused like one that is known otherwise.
fn put(builder: &mut Builder, refused: &mut Vec<Key>, key: Key, vif: VifIndex, row: LearnedId) {
    if builder.learn(vif, key.1, row) != Ok(true) {
        refused.push(key);
    }
}

fn places<K: Eq + std::hash::Hash, R>(rules: HashMap<K, R>) -> HashMap<K, Place<R>> {
    rules.into_iter().map(|(key, rules)| (key, Place { rules, fill: Fill::default() })).collect()
}
