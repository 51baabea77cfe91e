//! How many stations there may be, of an interface and of a network, and what happens when there is one more.

use super::{Change, Key, Learning, Turn};
use crate::config::{MacLimit, MacLimitAction};
use fib::VifIndex;
use std::sync::Arc;
use wire::Vni;

/// How far an interface or network is filled with learned stations.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Fill {
    pub(crate) count: u32,
    /// A station was one too many, and there has been no room since.
    pub(crate) over: bool,
}

impl Fill {
    fn add(&mut self, one_more: bool) {
        self.count = if one_more { self.count + 1 } else { self.count.saturating_sub(1) };
    }

    fn drops(self, limit: MacLimit) -> bool {
        self.over && limit.action == MacLimitAction::Drop
    }
}

impl Learning {
    /// Whether one more station may be behind an interface, and in its network if it is new there. If not, what is
    /// configured for that happens.
    pub(super) fn has_room(&mut self, turn: &mut Turn<'_>, key: Key, vif: VifIndex, in_network: bool) -> bool {
        let limits = self.known.vifs.get(&vif).zip(self.known.networks.get(&key.0));
        let Some((place, network)) = limits else { return false };
        let of_vif = place.rules.limit.is_reached(place.fill.count);
        let of_network = in_network && network.rules.limit.is_reached(network.fill.count);
        let (limit, was_over) = match (of_vif, of_network) {
            (false, false) => return true,
            (true, _) => (place.rules.limit, place.fill.over),
            (false, true) => (network.rules.limit, network.fill.over),
        };
        if !was_over {
            self.set_over(key.0, of_vif.then_some(vif), true);
            self.one_too_many(turn, key, vif, of_vif, limit);
        }
        false
    }

    fn one_too_many(&mut self, turn: &mut Turn<'_>, (vni, mac): Key, vif: VifIndex, of_vif: bool, limit: MacLimit) {
        let about = if of_vif { self.name_of(vif) } else { self.name_of_network(vni) };
        let then = match limit.action {
            MacLimitAction::Log => "further MACs are not learned",
            MacLimitAction::Alarm => "further MACs are not learned, ALARM",
            MacLimitAction::Drop => {
                self.tell_full(vni);
                "frames from further MACs are dropped"
            }
            MacLimitAction::Shutdown => {
                self.shut_down(vif);
                "the VMI behind which the last one is is shut down"
            }
        };
        let what = format!("{mac} is more than the {} MACs that may be learned: {then}", limit.most);
        self.said.say(turn, about, what);
    }

    /// After a station is gone: what was over its limit is not any more.
    pub(super) fn has_room_again(&mut self, turn: &mut Turn<'_>, vni: Vni, vif: VifIndex) {
        let has_room = |fill: Fill, limit: MacLimit| fill.over && !limit.is_reached(fill.count);
        let of_vif = self.known.vifs.get(&vif).is_some_and(|place| has_room(place.fill, place.rules.limit));
        let of_network = self.known.networks.get(&vni).is_some_and(|place| has_room(place.fill, place.rules.limit));
        for (again, only, about) in
            [(of_vif, Some(vif), self.name_of(vif)), (of_network, None, self.name_of_network(vni))]
        {
            if again {
                self.set_over(vni, only, false);
                self.said.say(turn, about, "there is room for MACs again".into());
            }
        }
        if of_vif || of_network {
            self.tell_full(vni);
        }
    }

    fn set_over(&mut self, vni: Vni, vif: Option<VifIndex>, over: bool) {
        let fill = match vif {
            Some(vif) => Arc::make_mut(&mut self.known.vifs).get_mut(&vif).map(|place| &mut place.fill),
            None => Arc::make_mut(&mut self.known.networks).get_mut(&vni).map(|network| &mut network.fill),
        };
        if let Some(fill) = fill {
            fill.over = over;
        }
    }

    /// Whether an interface drops what it would have to learn.
    pub(super) fn is_full(&self, vif: VifIndex) -> bool {
        let Some(place) = self.known.vifs.get(&vif) else { return false };
        let network = self.known.networks.get(&place.rules.network);
        place.fill.drops(place.rules.limit) || network.is_some_and(|network| network.fill.drops(network.rules.limit))
    }

    /// Has the tables say which interfaces of a network are full.
    fn tell_full(&mut self, vni: Vni) {
        let of_network = self.known.vifs.iter().filter(|(_, place)| place.rules.network == vni);
        let full: Vec<Change> = of_network.map(|(vif, _)| Change::Full(*vif, self.is_full(*vif))).collect();
        self.changes.extend(full);
    }

    pub(super) fn count(&mut self, vni: Vni, vif: VifIndex, one_more: bool) {
        self.count_vif(vif, one_more);
        if let Some(network) = Arc::make_mut(&mut self.known.networks).get_mut(&vni) {
            network.fill.add(one_more);
        }
    }

    pub(super) fn count_vif(&mut self, vif: VifIndex, one_more: bool) {
        if let Some(place) = Arc::make_mut(&mut self.known.vifs).get_mut(&vif) {
            place.fill.add(one_more);
        }
    }

    /// The VMI stops forwarding until an operator says otherwise.
    pub(super) fn shut_down(&mut self, vif: VifIndex) {
        if let Some(place) = self.known.vifs.get(&vif) {
            Arc::make_mut(&mut self.known.shut).insert(place.rules.name.clone());
            self.newly_shut = true;
        }
    }

    /// Whether a VMI was shut down since this was last asked: then the tables are to be made without it.
    pub(crate) fn take_newly_shut(&mut self) -> bool {
        std::mem::take(&mut self.newly_shut)
    }

    /// Lets VMIs that were shut down forward again, all or one; returns how many.
    pub(crate) fn reopen(&mut self, only: Option<&str>) -> usize {
        let before = self.known.shut.len();
        if before > 0 {
            Arc::make_mut(&mut self.known.shut).retain(|name| only.is_some_and(|only| only != name));
        }
        before - self.known.shut.len()
    }

    pub(super) fn name_of_network(&self, vni: Vni) -> String {
        self.known.networks.get(&vni).map_or_else(|| format!("VNI {vni}"), |network| network.rules.name.clone())
    }
}
