//! What learning needs of the tables.

use super::{Arc, Builder, HashSet, NetworkModel, NexthopId, Routes, TableError, Tables, VifRow};
use crate::access::learning::Learning;
use crate::config::VirtualMachineInterface;
use fib::Destination;
use wire::{MacAddr, Vni};

impl Tables {
    /// How many rows, each with a mark of each worker, at most `stations` learned ones need: a row rests after its station is
    /// forgotten.
    pub fn learned_rows(stations: usize) -> usize {
        Learning::rows(stations)
    }

    /// Leaves these VMIs, by name, out of what is made from now on.
    pub(crate) fn leave_out(&mut self, shut: Arc<HashSet<String>>) {
        self.shut = shut;
    }

    pub(super) fn is_served(&self, vmi: &VirtualMachineInterface) -> bool {
        vmi.enabled && !self.shut.contains(vmi.name.as_str())
    }

    /// Where the routes say that a station is, if there is a next hop for it.
    pub(crate) fn remote(&self, routes: &Routes, vni: Vni, mac: MacAddr) -> Option<Destination> {
        let (_, remote) = routes.mac(vni, mac)?;
        self.nexthops.row(&(vni, remote)).and_then(NexthopId::new).map(Destination::Remote)
    }
}

/// Says what interfaces may flood, and which of them learn; when all are there. Members of BPDU networks have no budget, and
/// learn nothing: what keeps loops away is never held back.
pub(super) fn guard(builder: &mut Builder, network: &NetworkModel, rows: &[Option<VifRow>]) -> Result<(), TableError> {
    for (served, row) in network.served.iter().zip(rows) {
        let (vmi, Some(row)) = (&network[served.vmi], row) else { continue };
        if network.is_bpdu(served.vmi) {
            continue;
        }
        builder.set_vif_storm_budget(row.index, vmi.storm_control.budget())?;
        if network[vmi.virtual_network].mac_learning.enabled {
            builder.set_learns(row.index)?;
        }
    }
    Ok(())
}
