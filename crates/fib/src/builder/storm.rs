//! Budgets of flooded frames.

use super::{BuildError, Builder};
use crate::{NetworkId, StormBudget, VifIndex};
use std::sync::Arc;

impl Builder {
    /// Says what an interface may flood; without this, anything.
    pub fn set_vif_storm_budget(&mut self, vif: VifIndex, budget: StormBudget) -> Result<(), BuildError> {
        if !self.next.vif(vif).is_used() {
            return Err(BuildError::NoVif(vif));
        }
        if self.next.vif_storm_budget(vif) != &budget {
            Arc::make_mut(&mut self.next.storm).set_vif(vif, budget);
        }
        Ok(())
    }

    /// Says what a network may flood; without this, anything.
    pub fn set_network_storm_budget(&mut self, network: NetworkId, budget: StormBudget) -> Result<(), BuildError> {
        self.next.network(network).ok_or(BuildError::NoNetwork(network))?;
        if self.next.network_storm_budget(network) != &budget {
            Arc::make_mut(&mut self.next.storm).set_network(network, budget);
        }
        Ok(())
    }
}
