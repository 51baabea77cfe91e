//! Who is who in the numbers of the tables.

use super::Member;
use crate::config::Loaded;
use crate::tables::VifRow;
use fib::{NetworkId, PeerId, Snapshot, VifIndex};
use hashbrown::HashMap;
use std::net::IpAddr;
use telemetry::notices::{BpduCopy, BpduSource};

/// The members of all BPDU networks, from a generation on.
#[derive(Debug, Default)]
pub struct Members {
    networks: HashMap<NetworkId, String>,
    ports: HashMap<VifIndex, String>,
    vteps: Vec<IpAddr>,
    since: u64,
}

impl Members {
    /// Of tables that were made anew; `rows` are those of `loaded.network.served`.
    pub(in crate::access) fn of(snapshot: &Snapshot, loaded: &Loaded, rows: &[Option<VifRow>], since: u64) -> Self {
        let (network, node) = (&loaded.network, &loaded.node);
        let mut members = Self { since, ..Self::default() };
        for (served, row) in network.served.iter().zip(rows).filter(|(served, _)| network.is_bpdu(served.vmi)) {
            let Some(row) = row else { continue };
            let name = network[network[served.vmi].virtual_network].name.to_string();
            members.networks.insert(snapshot.vif(row.index).network(), name);
            members.ports.insert(row.index, node[served.port].name.to_string());
        }
        if !members.ports.is_empty() {
            let vteps = (0..).map_while(|row| snapshot.peer_address(PeerId::new(row)?));
            members.vteps = vteps.collect();
        }
        members
    }

    /// Whether a network of this name is one of them.
    pub(in crate::access) fn has(&self, network: &str) -> bool {
        self.networks.values().any(|name| name == network)
    }

    /// The network of a control frame, and the member that it came by; `None` by numbers of earlier tables.
    pub(in crate::access) fn name(&self, generation: u64, copy: &BpduCopy) -> Option<(&str, Member)> {
        let network = self.networks.get(&copy.network).filter(|_| generation >= self.since)?;
        let member = match copy.from {
            BpduSource::Vif(vif) => Member::Port(self.ports.get(&vif)?.clone()),
            BpduSource::Peer(peer) => Member::Vtep(*self.vteps.get(peer?.row())?),
        };
        Some((network, member))
    }
}
