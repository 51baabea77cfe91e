//! MPLS labels of this node: who has which, stable while its owner lives.
//!
//! A network that the configuration gives a label has that one. All others have one from 1,048,575 down, VMIs from 16 up, each in
//! the order in which they are asked for: at a start, so that the same configuration has the same labels again, and one kind
//! does not shift the other. A label that was given up rests until every worker has passed the generation that dropped it, and goes to the end of the queue, so that
//! a remote end which has not heard yet meets "unknown label" rather than another's station for as long as can be.

use hashbrown::{HashMap, HashSet};
use std::collections::VecDeque;
use std::sync::Arc;
use wire::{MplsLabel, Vni};

/// What a label stands for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum LabelOwner {
    /// A network: the destination MAC decides.
    Network(Vni),
    /// A VMI, by name: the frame is for it or for nobody.
    Vmi(String),
}

/// Every label in use, and those that rest.
#[derive(Debug, Clone)]
pub(crate) struct Labels {
    /// Shared with whoever looks.
    owners: Arc<HashMap<LabelOwner, MplsLabel>>,
    /// The lowest that no VMI has had, and the highest that no network has had.
    lowest: u32,
    highest: u32,
    /// Given up: the generation that no longer has the label, oldest first.
    retired: VecDeque<(u64, MplsLabel)>,
    /// Those of the configuration, which are given to nobody else.
    configured: HashSet<MplsLabel>,
}

impl Default for Labels {
    fn default() -> Self {
        let (lowest, highest) = (MplsLabel::MIN.value(), MplsLabel::MAX.value());
        Self { owners: Arc::default(), lowest, highest, retired: VecDeque::new(), configured: HashSet::new() }
    }
}

impl Labels {
    /// Gives up the labels of all owners but those to keep, and every label that is `configured` now or was before, which
    /// [`set`](Self::set) puts back; generation `gone_in` is the first without them.
    pub(crate) fn retain(
        &mut self,
        gone_in: u64,
        configured: HashSet<MplsLabel>,
        mut keep: impl FnMut(&LabelOwner) -> bool,
    ) {
        let retired = &mut self.retired;
        Arc::make_mut(&mut self.owners).retain(|owner, label| {
            let was_configured = self.configured.contains(label);
            let kept = keep(owner) && !configured.contains(label) && !was_configured;
            if !kept && !was_configured {
                retired.push_back((gone_in, *label));
            }
            kept
        });
        self.configured = configured;
    }

    /// A network's configured label.
    pub(crate) fn set(&mut self, owner: LabelOwner, label: MplsLabel) {
        Arc::make_mut(&mut self.owners).insert(owner, label);
    }

    /// The label of an owner, a new one if it has none; `None` when all 1,048,560 are taken.
    pub(crate) fn assign(&mut self, owner: LabelOwner, oldest_in_use: u64) -> Option<MplsLabel> {
        if let Some(label) = self.owners.get(&owner) {
            return Some(*label);
        }
        let label = self.fresh(&owner).or_else(|| self.rested(oldest_in_use))?;
        Arc::make_mut(&mut self.owners).insert(owner, label);
        Some(label)
    }

    /// One that nobody has had.
    fn fresh(&mut self, owner: &LabelOwner) -> Option<MplsLabel> {
        while self.lowest <= self.highest {
            let label = match owner {
                LabelOwner::Vmi(_) => {
                    self.lowest += 1;
                    self.lowest - 1
                }
                LabelOwner::Network(_) => {
                    self.highest -= 1;
                    self.highest + 1
                }
            };
            let label = MplsLabel::try_from(u64::from(label)).ok()?;
            if !self.configured.contains(&label) {
                return Some(label);
            }
        }
        None
    }

    fn rested(&mut self, oldest_in_use: u64) -> Option<MplsLabel> {
        let free = |(gone_in, label): &(u64, MplsLabel)| *gone_in <= oldest_in_use && !self.configured.contains(label);
        let at = self.retired.iter().position(free)?;
        self.retired.remove(at).map(|(_, label)| label)
    }

    /// Every label by its owner.
    pub(crate) fn owners(&self) -> &Arc<HashMap<LabelOwner, MplsLabel>> {
        &self.owners
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(value: u64) -> MplsLabel {
        MplsLabel::try_from(value).expect("a legal label")
    }

    fn vmi(name: &str) -> LabelOwner {
        LabelOwner::Vmi(name.into())
    }

    #[test]
    fn labels_are_stable_begin_at_both_ends_and_pass_over_configured_ones() {
        let mut labels = Labels::default();
        labels.retain(1, HashSet::from([label(17)]), |_| true);
        assert_eq!(labels.assign(LabelOwner::Network(Vni::MAX), 1), Some(MplsLabel::MAX));
        labels.set(LabelOwner::Network(Vni::MIN), label(17));
        assert_eq!(labels.assign(vmi("a"), 1), Some(label(16)));
        assert_eq!(labels.assign(vmi("b"), 1), Some(label(18)));
        assert_eq!(labels.assign(vmi("a"), 1), Some(label(16)));
        assert_eq!(labels.assign(LabelOwner::Network(Vni::MIN), 1), Some(label(17)));
    }

    #[test]
    fn a_label_that_the_configuration_claims_moves_its_owner() {
        let mut labels = Labels::default();
        assert_eq!(labels.assign(vmi("a"), 1), Some(label(16)));
        labels.retain(2, HashSet::from([label(16)]), |_| true);
        labels.set(LabelOwner::Network(Vni::MIN), label(16));
        assert_eq!(labels.assign(vmi("a"), 2), Some(label(17)));
        labels.retain(3, HashSet::new(), |owner| *owner == vmi("a"));
        assert_eq!(**labels.owners(), HashMap::from_iter([(vmi("a"), label(17))]));
    }

    #[test]
    fn a_label_that_the_configuration_gives_up_is_not_given_out_twice() {
        let (mut labels, blue) = (Labels::default(), LabelOwner::Network(Vni::MIN));
        labels.retain(1, HashSet::from([label(20)]), |_| true);
        labels.set(blue.clone(), label(20));
        labels.retain(2, HashSet::new(), |_| true);
        assert_eq!(labels.assign(blue, 2), Some(MplsLabel::MAX));
        let dealt: HashSet<_> = (0..6).map(|n| labels.assign(vmi(&n.to_string()), 2)).collect();
        assert_eq!(dealt, (16..22).map(|n| Some(label(n))).collect());
    }

    #[test]
    fn a_label_is_not_reused_while_there_are_fresh_ones_nor_before_every_worker_has_passed() {
        let mut labels = Labels { lowest: MplsLabel::MAX.value(), ..Labels::default() };
        assert_eq!(labels.assign(vmi("a"), 1), Some(MplsLabel::MAX));
        labels.retain(5, HashSet::new(), |_| false);
        assert_eq!(labels.assign(vmi("b"), 4), None);
        assert_eq!(labels.assign(vmi("b"), 5), Some(MplsLabel::MAX));
    }
}
