//! The only way to a [`Snapshot`]: each step refers to what an earlier one made, so no id can dangle.

use crate::*;
use std::net::Ipv4Addr;
use std::sync::Arc;
use wire::{MacAddr, VlanId, Vni};

/// What is wrong with a build step. Control's model rules all of these out; reaching one is a bug, not a user's mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// The row is taken.
    #[error("row {0} is already used")]
    Taken(usize),
    /// A network that is not there.
    #[error("there is no network {0}")]
    NoNetwork(NetworkId),
    /// An interface that is not there.
    #[error("there is no interface {0}")]
    NoVif(VifIndex),
    /// A tunnel that is not there.
    #[error("there is no tunnel {0}")]
    NoTunnel(TunnelId),
    /// A next hop that is not there.
    #[error("there is no next hop {0}")]
    NoNexthop(NexthopId),
    /// The VNI is another network's.
    #[error("VNI {0} belongs to another network")]
    VniTaken(Vni),
    /// The VLAN of that port is another interface's.
    #[error("VLAN {1} of port {0} belongs to another interface")]
    VlanTaken(PortIndex, VlanId),
    /// A group address or zero where one station is meant.
    #[error("{0} is not the address of one station")]
    NotAStation(MacAddr),
    /// A hash table refused a key.
    #[error(transparent)]
    Full(#[from] MapFull),
}

/// A network to be.
#[derive(Debug, Clone, Copy)]
pub struct NetworkSpec {
    /// Its VNI.
    pub vni: Vni,
    /// Whether unknown unicast is flooded.
    pub flood_unknown_unicast: bool,
}

/// An interface to be. Its MACs become known in its network.
#[derive(Debug, Clone, Copy)]
pub struct VifSpec<'a> {
    /// Its network.
    pub network: NetworkId,
    /// Its port.
    pub port: PortIndex,
    /// Its VLAN there.
    pub vlan: VlanId,
    /// Its own MAC addresses, the VMI's first.
    pub sources: &'a [MacAddr],
    /// The port's MTU.
    pub max_payload: u16,
}

/// A tunnel to be.
#[derive(Debug, Clone, Copy)]
pub struct TunnelSpec {
    /// The remote VTEP.
    pub remote: Ipv4Addr,
    /// The way there; `None` while the next hop is unresolved.
    pub outer: Option<OuterHeader>,
}

/// Makes a new [`Snapshot`], from nothing or from the one before.
pub struct Builder {
    next: Snapshot,
}

fn place<T: Clone>(rows: &mut Vec<Option<T>>, row: usize, value: T) -> Result<(), BuildError> {
    if rows.len() <= row {
        rows.resize(row + 1, None);
    }
    match &mut rows[row] {
        Some(_) => Err(BuildError::Taken(row)),
        free => {
            *free = Some(value);
            Ok(())
        }
    }
}

impl Builder {
    /// From nothing: no VLAN, no network, no route. `seed` makes the hash tables unpredictable.
    pub fn new(fabric: Fabric, seed: u64) -> Self {
        let next = Snapshot {
            vlans: VlanTable::default(),
            vnis: VniTable::default(),
            macs: CowMap::new(seed),
            vteps: CowMap::new(seed.rotate_left(32)),
            fabric,
            vifs: Arc::default(),
            networks: Arc::default(),
            tunnels: Arc::default(),
            nexthops: Arc::default(),
        };
        Self { next }
    }

    /// From the snapshot before, sharing all that will not be changed: for routes and next hops that come and go.
    pub fn amend(before: &Snapshot) -> Self {
        Self { next: before.clone() }
    }

    /// Adds a network.
    pub fn add_network(&mut self, id: NetworkId, spec: NetworkSpec) -> Result<(), BuildError> {
        if self.next.vnis.lookup(spec.vni.value()).is_some() {
            return Err(BuildError::VniTaken(spec.vni));
        }
        let network = Network::new(spec.vni, spec.flood_unknown_unicast);
        place(Arc::make_mut(&mut self.next.networks), id.row(), network)?;
        self.next.vnis.set(spec.vni, id);
        Ok(())
    }

    /// Adds an interface: its VLAN entry, its place in its network's flooding, and its MACs.
    pub fn add_vif(&mut self, id: VifIndex, spec: VifSpec<'_>) -> Result<(), BuildError> {
        if self.next.vlans.lookup(spec.port, spec.vlan) != VlanEntry::None {
            return Err(BuildError::VlanTaken(spec.port, spec.vlan));
        }
        if self.next.vif(id).is_used() {
            return Err(BuildError::Taken(id.row()));
        }
        self.network_mut(spec.network)?.add_local(id);
        let vifs = Arc::make_mut(&mut self.next.vifs);
        if vifs.len() <= id.row() {
            vifs.resize(id.row() + 1, vif::NO_VIF.clone());
        }
        vifs[id.row()] = Vif::new(spec.network, spec.port, spec.vlan.into(), spec.sources, spec.max_payload);
        self.next.vlans.set(spec.port, spec.vlan, VlanEntry::Vif(id));
        spec.sources.iter().try_for_each(|mac| self.set_mac(spec.network, *mac, Destination::Vif(id)))
    }

    /// Adds a tunnel; its remote end is from now on a VTEP that this node knows.
    pub fn add_tunnel(&mut self, id: TunnelId, spec: TunnelSpec) -> Result<(), BuildError> {
        let Fabric { port, mtu, .. } = self.next.fabric;
        let tunnel = Tunnel::new(spec.remote, port, mtu, spec.outer.as_ref());
        place(Arc::make_mut(&mut self.next.tunnels), id.row(), tunnel)?;
        self.next.vteps.insert(vtep_key(spec.remote.to_bits()), id.row() as u32 + 1)?;
        Ok(())
    }

    /// Changes the way to a tunnel's remote end; `None`: unresolved. Returns whether it was another before; if not,
    /// nothing is copied.
    pub fn set_outer(&mut self, id: TunnelId, outer: Option<OuterHeader>) -> Result<bool, BuildError> {
        let Fabric { port, mtu, .. } = self.next.fabric;
        let before = self.next.tunnel(id).ok_or(BuildError::NoTunnel(id))?;
        let tunnel = Tunnel::new(before.remote(), port, mtu, outer.as_ref());
        // The rest of a row follows from its header and from what no amendment changes.
        if (before.header(), before.header_octets()) == (tunnel.header(), tunnel.header_octets()) {
            return Ok(false);
        }
        Arc::make_mut(&mut self.next.tunnels)[id.row()] = Some(tunnel);
        Ok(true)
    }

    /// Adds the next hop for `vni` through `tunnel`.
    pub fn add_nexthop(&mut self, id: NexthopId, tunnel: TunnelId, vni: Vni) -> Result<(), BuildError> {
        self.next.tunnel(tunnel).ok_or(BuildError::NoTunnel(tunnel))?;
        place(Arc::make_mut(&mut self.next.nexthops), id.row(), Nexthop::vxlan(tunnel, vni))
    }

    /// Says who beyond this node takes part in a network: `remote` is flooded to and taken flooding from, `peers` are
    /// all VTEPs in it.
    pub fn set_remote(&mut self, id: NetworkId, remote: &[NexthopId], peers: &[Ipv4Addr]) -> Result<(), BuildError> {
        let address = |nexthop: &NexthopId| {
            let found = self.next.nexthop(*nexthop).ok_or(BuildError::NoNexthop(*nexthop))?;
            self.next.tunnel(found.tunnel()).map(Tunnel::remote).ok_or(BuildError::NoTunnel(found.tunnel()))
        };
        let flooders = remote.iter().map(address).collect::<Result<Vec<_>, _>>()?;
        self.network_mut(id)?.set_remote(remote, &flooders, peers);
        Ok(())
    }

    /// Says where a MAC of a network is.
    pub fn set_mac(&mut self, network: NetworkId, mac: MacAddr, at: Destination) -> Result<(), BuildError> {
        self.next.network(network).ok_or(BuildError::NoNetwork(network))?;
        match at {
            _ if !mac.is_station() => return Err(BuildError::NotAStation(mac)),
            Destination::Vif(id) if !self.next.vif(id).is_used() => return Err(BuildError::NoVif(id)),
            Destination::Remote(id) if self.next.nexthop(id).is_none() => return Err(BuildError::NoNexthop(id)),
            _ => {}
        }
        self.next.macs.insert(mac_key(network, mac.to_bits()), at.pack())?;
        Ok(())
    }

    /// Forgets a MAC; returns whether it was known.
    pub fn remove_mac(&mut self, network: NetworkId, mac: MacAddr) -> bool {
        self.next.macs.remove(mac_key(network, mac.to_bits())).is_some()
    }

    /// Whether there is a tunnel of this number.
    pub fn has_tunnel(&self, id: TunnelId) -> bool {
        self.next.tunnel(id).is_some()
    }

    /// Whether there is a next hop of this number.
    pub fn has_nexthop(&self, id: NexthopId) -> bool {
        self.next.nexthop(id).is_some()
    }

    /// Whether a MAC of a network is an interface's on this node.
    pub fn is_local(&self, network: NetworkId, mac: MacAddr) -> bool {
        matches!(self.next.destination(network, mac), Some(Destination::Vif(_)))
    }

    /// The snapshot.
    pub fn finish(self) -> Snapshot {
        self.next
    }

    fn network_mut(&mut self, id: NetworkId) -> Result<&mut Network, BuildError> {
        let rows = Arc::make_mut(&mut self.next.networks);
        rows.get_mut(id.row()).and_then(Option::as_mut).ok_or(BuildError::NoNetwork(id))
    }
}

#[cfg(test)]
mod tests;
