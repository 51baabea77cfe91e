//! Storms: who goes beyond a budget, since when, and how much of it was suppressed.
//!
//! A worker tells when one begins; that it has ended is seen from its counters. Sans-IO: time and counters are passed in.

use super::log::{EventKind, EventLog};
use crate::config::{Loaded, ServedVmi, VirtualNetwork};
use crate::status::VifStatus;
use fib::{NetworkId, StormClass, VifIndex};
use hashbrown::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use telemetry::notices::Storm;
use telemetry::{StormTotals, WorkerTelemetry};
use wire::Vni;

/// How often counters of storms are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A storm has ended when nothing was suppressed for so long.
const QUIET: Duration = Duration::from_secs(3);

/// Who has a budget: an interface or a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Talker {
    Vif(VifIndex),
    Network(NetworkId),
}

impl Talker {
    /// What all workers counted in its row.
    pub(crate) fn totals<'a>(self, workers: impl Iterator<Item = &'a WorkerTelemetry>) -> StormTotals {
        let mut sum = StormTotals::default();
        workers.for_each(|worker| {
            sum += match self {
                Self::Vif(vif) => worker.storm.vif(vif).read(),
                Self::Network(network) => worker.storm.network(network).read(),
            }
        });
        sum
    }
}

/// A storm that goes on.
#[derive(Debug, Clone, Copy)]
struct Active {
    begun: Instant,
    /// What was suppressed before it, and at the last look.
    before: u64,
    last: u64,
    grew: Instant,
}

/// What is known of one that has a budget.
#[derive(Debug, Clone)]
struct Known {
    /// For events.
    name: String,
    /// What its row counted when it became its own, or was cleared.
    baseline: StormTotals,
    active: [Option<Active>; StormClass::COUNT],
}

/// All storms. A clone shares everything; a change then copies it, once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Storms {
    known: Arc<HashMap<Talker, Known>>,
    looked: Option<Instant>,
}

impl Storms {
    /// Says who is there, by name. Counters of those that are new in their row count from what `totals` says now.
    pub(crate) fn configure(
        &mut self,
        talkers: impl Iterator<Item = (Talker, String)>,
        totals: impl Fn(Talker) -> StormTotals,
    ) {
        let known = talkers.map(|(talker, name)| {
            let before = self.known.get(&talker).filter(|known| known.name == name).cloned();
            let fresh = || Known { name, baseline: totals(talker), active: [None; StormClass::COUNT] };
            (talker, before.unwrap_or_else(fresh))
        });
        self.known = Arc::new(known.collect());
    }

    /// Counters count from 0 again: all, or those of one interface.
    pub(crate) fn clear(&mut self, only: Option<Talker>, totals: impl Fn(Talker) -> StormTotals) {
        for (talker, known) in Arc::make_mut(&mut self.known).iter_mut() {
            if only.is_none_or(|only| only == *talker) {
                known.baseline = totals(*talker);
            }
        }
    }

    /// What a talker's row counted when it became its own.
    pub(crate) fn baseline(&self, talker: Talker) -> StormTotals {
        self.known.get(&talker).map_or_else(StormTotals::default, |known| known.baseline)
    }

    /// Whether a storm goes on.
    pub(crate) fn is_active(&self, talker: Talker, class: StormClass) -> bool {
        self.known.get(&talker).is_some_and(|known| known.active[class as usize].is_some())
    }

    /// A worker says that one begins; one that goes on already is no news, nor is one in a row that is nobody's by now.
    pub(crate) fn hear(
        &mut self,
        now: Instant,
        storm: Storm,
        totals: impl Fn(Talker) -> StormTotals,
        log: &mut Arc<EventLog>,
    ) {
        let of_vif = storm.vif.filter(|_| !storm.of_network).map(Talker::Vif);
        let talker = of_vif.unwrap_or(Talker::Network(storm.network));
        if !self.known.contains_key(&talker) || self.is_active(talker, storm.class) {
            return;
        }
        let source = match storm.vif.filter(|_| storm.of_network).map(Talker::Vif).and_then(|vif| self.known.get(&vif))
        {
            Some(vif) => format!(", the first frame beyond is from VMI {}", vif.name),
            None if storm.vif.is_none() => ", the first frame beyond is from the fabric".to_owned(),
            None => String::new(),
        };
        let Some(known) = Arc::make_mut(&mut self.known).get_mut(&talker) else { return };
        let last = totals(talker).suppressed[storm.class as usize];
        let active = Active { begun: now, before: last.saturating_sub(1), last, grew: now };
        known.active[storm.class as usize] = Some(active);
        let what = format!("{} storm: frames beyond the budget are dropped{source}", in_words(storm.class));
        Arc::make_mut(log).add(EventKind::Storm, known.name.clone(), what);
    }

    /// Sees which storms have ended. Does nothing most of the time.
    pub(crate) fn look(&mut self, now: Instant, totals: impl Fn(Talker) -> StormTotals, log: &mut Arc<EventLog>) {
        if self.looked.is_some_and(|looked| now.saturating_duration_since(looked) < LOOK_EVERY) {
            return;
        }
        self.looked = Some(now);
        let is_active = |known: &Known| known.active.iter().any(Option::is_some);
        if !self.known.values().any(is_active) {
            return;
        }
        for (talker, known) in Arc::make_mut(&mut self.known).iter_mut().filter(|(_, known)| is_active(known)) {
            let suppressed = totals(*talker).suppressed;
            for class in StormClass::ALL {
                let place = &mut known.active[class as usize];
                let Some(active) = place else { continue };
                let count = suppressed[class as usize];
                if count != active.last {
                    (active.last, active.grew) = (count, now);
                } else if now.saturating_duration_since(active.grew) >= QUIET {
                    let (frames, lasted) = (count.saturating_sub(active.before), active.grew - active.begun);
                    let seconds = lasted.as_secs();
                    let what = format!("{} storm ended: {frames} frames dropped in {seconds} s", in_words(class));
                    Arc::make_mut(log).add(EventKind::Storm, known.name.clone(), what);
                    *place = None;
                }
            }
        }
    }
}

/// Who has a storm budget, each with its name.
pub(crate) fn talkers<'a>(
    loaded: &'a Loaded,
    vifs: &'a [Option<VifStatus>],
    networks: &'a HashMap<Vni, NetworkId>,
) -> impl Iterator<Item = (Talker, String)> + 'a {
    let network = &loaded.network;
    let rows = network.served.iter().zip(vifs);
    let vif = |(served, status): (&ServedVmi, &Option<VifStatus>)| {
        Some((Talker::Vif(status.as_ref()?.index), network[served.vmi].name.to_string()))
    };
    let of_network = |model: &VirtualNetwork| {
        let id = networks.get(&model.vni)?;
        Some((Talker::Network(*id), model.name.to_string()))
    };
    rows.filter_map(vif).chain(network.virtual_networks.iter().filter_map(of_network))
}

fn in_words(class: StormClass) -> &'static str {
    match class {
        StormClass::Broadcast => "broadcast",
        StormClass::UnknownUnicast => "unknown unicast",
        StormClass::Multicast => "multicast",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    const CLASS: StormClass = StormClass::Broadcast;

    fn vif(n: usize) -> Talker {
        Talker::Vif(VifIndex::new(n).expect("a row"))
    }

    fn network() -> Talker {
        Talker::Network(NetworkId::new(0).expect("a row"))
    }

    /// Storms of a VMI and its network, whose row has suppressed so much.
    struct Scene {
        storms: Storms,
        log: Arc<EventLog>,
        suppressed: Cell<u64>,
        start: Instant,
    }

    impl Scene {
        fn new() -> Self {
            let mut scene = Self {
                storms: Storms::default(),
                log: Arc::default(),
                suppressed: Cell::new(100),
                start: Instant::now(),
            };
            let talkers = [(vif(1), "blue-server".to_owned()), (network(), "blue".to_owned())];
            scene
                .storms
                .configure(talkers.into_iter(), |_| StormTotals { suppressed: [40, 0, 0], ..Default::default() });
            scene
        }

        fn notice(&mut self, after_ms: u64, of_network: bool, from: Option<usize>) {
            let vif = from.map(|n| VifIndex::new(n).expect("a row"));
            let storm = Storm { network: NetworkId::new(0).expect("a row"), vif, class: CLASS, of_network };
            let totals = totals(&self.suppressed);
            self.storms.hear(self.start + Duration::from_millis(after_ms), storm, totals, &mut self.log);
        }

        fn look(&mut self, after_ms: u64) {
            let totals = totals(&self.suppressed);
            self.storms.look(self.start + Duration::from_millis(after_ms), totals, &mut self.log);
        }

        fn said(&self) -> Vec<(&str, &str)> {
            self.log.events().map(|event| (&*event.about, &*event.what)).collect()
        }
    }

    fn totals(suppressed: &Cell<u64>) -> impl Fn(Talker) -> StormTotals {
        let suppressed = suppressed.get();
        move |_| StormTotals { flooded: [0; 3], suppressed: [suppressed, 0, 0] }
    }

    #[test]
    fn a_storm_begins_once_and_ends_when_nothing_was_suppressed_for_a_while() {
        let mut scene = Scene::new();
        scene.suppressed.set(101);
        scene.notice(0, false, Some(1));
        scene.notice(10, false, Some(1));
        assert!(scene.storms.is_active(vif(1), CLASS) && !scene.storms.is_active(network(), CLASS));
        for second in 1..=5 {
            scene.suppressed.set(100 + second * 1_000);
            scene.look(second * 1_000);
        }
        (6..8).for_each(|second| scene.look(second * 1_000));
        assert!(scene.storms.is_active(vif(1), CLASS), "two seconds are no end");
        scene.look(8_000);
        assert!(!scene.storms.is_active(vif(1), CLASS));
        let expected = [
            ("blue-server", "broadcast storm: frames beyond the budget are dropped"),
            ("blue-server", "broadcast storm ended: 5000 frames dropped in 5 s"),
        ];
        assert_eq!(scene.said(), expected);
        scene.notice(9_000, false, Some(1));
        assert_eq!(scene.said().len(), 3, "the next one is another");
    }

    #[test]
    fn a_networks_storm_says_where_it_comes_from() {
        let mut scene = Scene::new();
        scene.notice(0, true, Some(1));
        assert_eq!(
            scene.said(),
            [(
                "blue",
                "broadcast storm: frames beyond the budget are dropped, the first frame beyond is from VMI blue-server"
            )]
        );
        let mut scene = Scene::new();
        scene.notice(0, true, None);
        assert!(scene.said()[0].1.ends_with("is from the fabric"), "{:?}", scene.said());
    }

    #[test]
    fn a_row_that_changes_hands_counts_anew_and_its_storm_is_nobodys() {
        let mut scene = Scene::new();
        scene.notice(0, false, Some(1));
        assert_eq!(scene.storms.baseline(vif(1)).suppressed[0], 40);
        scene.storms.configure([(vif(1), "red-server".to_owned())].into_iter(), totals(&scene.suppressed));
        assert_eq!(scene.storms.baseline(vif(1)).suppressed[0], 100);
        assert!(!scene.storms.is_active(vif(1), CLASS));
        scene.notice(10, true, Some(1));
        assert_eq!(scene.said().len(), 1, "the network has gone");
    }

    #[test]
    fn clearing_counts_from_now() {
        let mut scene = Scene::new();
        scene.storms.clear(Some(vif(1)), totals(&scene.suppressed));
        let baseline = |talker| scene.storms.baseline(talker).suppressed[0];
        assert_eq!([baseline(vif(1)), baseline(network())], [100, 40]);
    }
}
