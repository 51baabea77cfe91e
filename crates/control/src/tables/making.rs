//! The second half of a rebuild: what lies behind the fabric.

use super::{BTreeMap, BuildError, HashMap, HashSet, IpAddr, TableError, Tables, paths, tunnel_of};
use crate::config::{NodeModel, VirtualNetwork};
use crate::routes::{Remote, Routes};
use crate::underlay::Underlay;
use fib::{Builder, Destination, NexthopId, Snapshot, Target, TunnelId, TunnelSpec};
use wire::{MacAddr, Vni};

/// One rebuild under way.
pub(super) struct Making<'a> {
    pub(super) tables: &'a mut Tables,
    pub(super) builder: Builder,
    pub(super) node: &'a NodeModel,
    pub(super) underlay: &'a Underlay,
    pub(super) here: &'a BTreeMap<Vni, &'a VirtualNetwork>,
    pub(super) oldest_in_use: u64,
}

impl Making<'_> {
    /// The snapshot with all that the routes say, and every next hop in it.
    pub(super) fn remote_ends(mut self, routes: &Routes) -> Result<(Snapshot, HashSet<(Vni, Remote)>), TableError> {
        let mut used = HashSet::new();
        let mut members: HashMap<Vni, HashSet<IpAddr>> = HashMap::new();
        for (vni, mac, _, remote) in routes.macs() {
            if self.here.contains_key(&vni) {
                used.insert((vni, remote));
                members.entry(vni).or_default().insert(remote.vtep);
                self.set_remote_mac(vni, mac, remote)?;
            }
        }
        for vni in self.here.keys() {
            let floods = routes.floods(*vni);
            used.extend(floods.iter().map(|remote| (*vni, *remote)));
            let members = members.entry(*vni).or_default();
            members.extend(floods.iter().map(|remote| remote.vtep));
            let peers: Vec<IpAddr> = members.iter().copied().collect();
            self.set_members(*vni, &floods, &peers)?;
        }
        Ok((self.builder.finish(), used))
    }

    /// The next hop to a remote end for a network; makes tunnel and next hop when they are first asked for.
    fn nexthop(&mut self, vni: Vni, remote: Remote) -> Result<NexthopId, TableError> {
        let tables = &mut *self.tables;
        let too_many = |what, limit| TableError::Limit { what, limit, hint: "serve fewer networks on this node" };
        let (tunnels, nexthops) = (tables.tunnels.limit(), tables.nexthops.limit());
        let key = tunnel_of(&remote);
        let (row, _) = tables.tunnels.assign(&key, self.oldest_in_use).ok_or(too_many("tunnels to VTEPs", tunnels))?;
        let tunnel = TunnelId::new(row).ok_or(BuildError::Taken(row))?;
        if !self.builder.has_tunnel(tunnel) {
            let paths = paths(self.node, self.underlay, remote.vtep);
            let spec = TunnelSpec { remote: remote.vtep, encapsulation: remote.via.encapsulation(), paths: &paths };
            self.builder.add_tunnel(tunnel, spec)?;
        }
        let key = (vni, remote);
        let (row, _) = tables.nexthops.assign(&key, self.oldest_in_use).ok_or(too_many("next hops", nexthops))?;
        let id = NexthopId::new(row).ok_or(BuildError::Taken(row))?;
        if !self.builder.has_nexthop(id) {
            self.builder.add_nexthop(id, tunnel, self.target(vni, remote))?;
        }
        Ok(id)
    }

    fn target(&self, vni: Vni, remote: Remote) -> Target {
        let control_word = self.here.get(&vni).is_some_and(|model| model.layer2_control_word);
        remote.via.label().map_or(Target::Vni(vni), |label| Target::Label(label, control_word))
    }

    /// A station behind a VTEP. A MAC that is a local VMI's stays local: the VMI is here, whatever a route says.
    fn set_remote_mac(&mut self, vni: Vni, mac: MacAddr, remote: Remote) -> Result<(), TableError> {
        let id = self.nexthop(vni, remote)?;
        let network = self.tables.network(vni, self.oldest_in_use)?;
        if !self.builder.is_local(network, mac) {
            self.builder.set_mac(network, mac, Destination::Remote(id))?;
        }
        Ok(())
    }

    fn set_members(&mut self, vni: Vni, floods: &[Remote], peers: &[IpAddr]) -> Result<(), TableError> {
        let nexthops = floods.iter().map(|remote| self.nexthop(vni, *remote)).collect::<Result<Vec<_>, _>>()?;
        let network = self.tables.network(vni, self.oldest_in_use)?;
        self.builder.set_remote(network, &nexthops, peers)?;
        Ok(())
    }
}
