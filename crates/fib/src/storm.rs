//! Storm control: how many flooded frames of each kind an interface, and a network, may send.

use crate::{NetworkId, Snapshot, VifIndex};
use std::fmt;

/// What makes a frame go to every member of its network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum StormClass {
    /// It is addressed to everybody: ff:ff:ff:ff:ff:ff.
    Broadcast,
    /// It is addressed to a station that its network does not know.
    UnknownUnicast,
    /// It is addressed to any other group.
    Multicast,
}

impl StormClass {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 3] = [Self::Broadcast, Self::UnknownUnicast, Self::Multicast];
    /// How many there are.
    pub const COUNT: usize = Self::ALL.len();

    /// The name in documents and in the configuration's keys.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Broadcast => "broadcast",
            Self::UnknownUnicast => "unknown_unicast",
            Self::Multicast => "multicast",
        }
    }
}

impl fmt::Display for StormClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Nanoseconds in a second.
const SECOND: u32 = 1_000_000_000;

/// For each class the time that a frame costs, so that workers divide nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StormBudget {
    /// In nanoseconds; 0: no limit.
    costs_ns: [u32; StormClass::COUNT],
}

impl StormBudget {
    /// No limits.
    pub const NONE: Self = Self { costs_ns: [0; StormClass::COUNT] };

    /// From frames a second, by class; `None` and 0: no limit. What is above a frame a nanosecond is no limit either.
    pub fn new(frames_per_second: [Option<u32>; StormClass::COUNT]) -> Self {
        Self { costs_ns: frames_per_second.map(|rate| rate.map_or(0, |rate| SECOND.checked_div(rate).unwrap_or(0))) }
    }

    /// Nanoseconds that a frame of `class` costs; `None`: no limit.
    #[inline(always)]
    pub fn cost_ns(&self, class: StormClass) -> Option<u64> {
        match self.costs_ns[class as usize] {
            0 => None,
            cost => Some(u64::from(cost)),
        }
    }
}

/// The budgets of all interfaces and networks, by row. Empty where nobody has any.
#[derive(Debug, Clone, Default)]
pub(crate) struct StormBudgets {
    vifs: Vec<StormBudget>,
    networks: Vec<StormBudget>,
}

impl StormBudgets {
    #[inline(always)]
    pub(crate) fn of_vif(&self, vif: VifIndex) -> &StormBudget {
        self.vifs.get(vif.row()).unwrap_or(&StormBudget::NONE)
    }

    #[inline(always)]
    pub(crate) fn of_network(&self, network: NetworkId) -> &StormBudget {
        self.networks.get(network.row()).unwrap_or(&StormBudget::NONE)
    }

    pub(crate) fn set_vif(&mut self, vif: VifIndex, budget: StormBudget) {
        set(&mut self.vifs, vif.row(), budget);
    }

    pub(crate) fn set_network(&mut self, network: NetworkId, budget: StormBudget) {
        set(&mut self.networks, network.row(), budget);
    }
}

impl Snapshot {
    /// What an interface may flood, all its frames together.
    #[inline(always)]
    pub fn vif_storm_budget(&self, vif: VifIndex) -> &StormBudget {
        self.storm.of_vif(vif)
    }

    /// What a network may flood, all its frames from anywhere together.
    #[inline(always)]
    pub fn network_storm_budget(&self, network: NetworkId) -> &StormBudget {
        self.storm.of_network(network)
    }
}

fn set(rows: &mut Vec<StormBudget>, row: usize, budget: StormBudget) {
    if rows.len() <= row {
        rows.resize(row + 1, StormBudget::NONE);
    }
    rows[row] = budget;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_costs_the_second_divided_by_the_rate_and_no_rate_costs_nothing() {
        let budget = StormBudget::new([Some(1), Some(3), None]);
        let costs = StormClass::ALL.map(|class| budget.cost_ns(class));
        assert_eq!(costs, [Some(1_000_000_000), Some(333_333_333), None]);
        assert_eq!(
            StormBudget::new([Some(0), Some(u32::MAX), Some(1_000_000_000)]),
            StormBudget { costs_ns: [0, 0, 1] }
        );
    }

    #[test]
    fn a_row_that_nobody_gave_a_budget_has_no_limit() {
        let mut budgets = StormBudgets::default();
        let (seven, eight) = (VifIndex::new(7).unwrap(), VifIndex::new(8).unwrap());
        let budget = StormBudget::new([Some(10), None, None]);
        budgets.set_vif(seven, budget);
        assert_eq!([budgets.of_vif(seven), budgets.of_vif(eight)], [&budget, &StormBudget::NONE]);
        assert_eq!(budgets.of_network(NetworkId::new(7).unwrap()), &StormBudget::NONE);
    }
}
