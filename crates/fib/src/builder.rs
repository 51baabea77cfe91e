//! The only way to a [`Snapshot`]: each step refers to what an earlier one made, so no id can dangle.

mod learned;
mod segments;
mod storm;

use crate::tunnel::NexthopRow;
use crate::*;
use std::net::IpAddr;
use std::sync::Arc;
use wire::{Encapsulation, MacAddr, MplsLabel, Tpid, VlanId, Vni};

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
    /// The label stands for something else.
    #[error("label {0} stands for something else")]
    LabelTaken(MplsLabel),
    /// A label in a VXLAN tunnel, or a VNI in an MPLS one.
    #[error("tunnel {0} does not carry what the next hop has")]
    WrongTarget(TunnelId),
    /// The VLAN of that port is another network's.
    #[error("VLAN {1} of port {0} belongs to an interface of another network")]
    VlanTaken(PortIndex, VlanId),
    /// An interface of a BPDU network that is not on VLAN 0.
    #[error("VLAN {1} of port {0}: expected VLAN 0, since the network is a BPDU network")]
    NotUntagged(PortIndex, VlanId),
    /// The MAC is another interface's on the same VLAN.
    #[error("{0} belongs to another interface on the same VLAN")]
    SourceTaken(MacAddr),
    /// More VLANs that several interfaces share than there are numbers for.
    #[error("more than {} VLANs are shared by several interfaces", GroupId::MAX + 1)]
    TooManyGroups,
    /// More VTEPs than there are numbers for.
    #[error("more than {} VTEPs", PeerId::MAX + 1)]
    TooManyPeers,
    /// Two VTEPs whose addresses share a 63-bit hash.
    #[error("the hash of {0} is another VTEP's: give it another address")]
    PeerCollision(IpAddr),
    /// Two addresses of a network share a 63-bit hash.
    #[error("the hash of {0} is another address's: give the instance another one")]
    BindingCollision(IpAddr),
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
    /// Its MPLS label on this node.
    pub label: Option<MplsLabel>,
    /// Whether a control word follows the label, in both directions.
    pub control_word: bool,
    /// Whether unknown unicast is flooded.
    pub flood_unknown_unicast: bool,
    /// Whether this node is its gateway, by [`MacAddr::VIRTUAL_ROUTER`].
    pub gateway: bool,
    /// What it carries, if it is a BPDU network: control frames between the VLANs 0 of its members, and little else.
    pub control: Option<ControlFrames>,
}

impl NetworkSpec {
    /// A network with a VNI and nothing else.
    pub const fn new(vni: Vni) -> Self {
        Self { vni, label: None, control_word: false, flood_unknown_unicast: false, gateway: false, control: None }
    }
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
    /// The VLAN of the tag behind that one (QinQ).
    pub inner: Option<VlanId>,
    /// Its own MAC addresses, the VMI's first.
    pub sources: &'a [MacAddr],
    /// The port's MTU.
    pub max_payload: u16,
    /// Its own MPLS label on this node, and whether a control word follows.
    pub label: Option<(MplsLabel, bool)>,
}

/// A tunnel to be.
#[derive(Debug, Clone, Copy)]
pub struct TunnelSpec<'a> {
    /// The remote VTEP.
    pub remote: IpAddr,
    /// What it carries frames in.
    pub encapsulation: Encapsulation,
    /// The ways there; none while the next hop is unresolved. Those beyond [`MAX_PATHS`] are not used.
    pub paths: &'a [Path],
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
            demux: CowMap::new(seed.rotate_left(16)),
            vnis: InsideTable::default(),
            labels: InsideTable::default(),
            macs: CowMap::new(seed),
            learned: CowMap::new(seed.rotate_left(48)),
            vteps: CowMap::new(seed.rotate_left(32)),
            bindings: Bindings::new(seed.rotate_left(48)),
            priorities: Arc::new(fabric.priorities()),
            fabric: Arc::new(fabric),
            vifs: Arc::default(),
            groups: Arc::default(),
            networks: Arc::default(),
            tunnels: Arc::default(),
            alternates: Arc::default(),
            nexthops: Arc::default(),
            peers: Arc::default(),
            storm: Arc::default(),
        };
        Self { next }
    }

    /// From the snapshot before, sharing all that will not be changed: for routes and next hops that come and go.
    pub fn amend(before: &Snapshot) -> Self {
        Self { next: before.clone() }
    }

    /// Says what outer tags are on an access port; 0x8100 if this is not called. Before the port's first interface.
    pub fn set_tpid(&mut self, port: PortIndex, tpid: Tpid) {
        self.next.vlans.set_tpid(port, tpid);
    }

    /// Closes an access port, or opens it: while it is closed, nothing that it receives is of any interface, and nothing is
    /// sent out of it. After its interfaces were added. Returns whether it was otherwise before. Costs a copy of the
    /// interfaces.
    pub fn set_closed(&mut self, port: PortIndex, closed: bool) -> bool {
        if !self.next.vlans.set_closed(port, closed) {
            return false;
        }
        let vifs = Arc::make_mut(&mut self.next.vifs);
        vifs.iter_mut().filter(|vif| vif.is_used() && vif.port() == port).for_each(|vif| vif.set_shut(closed));
        true
    }

    /// Adds a network.
    pub fn add_network(&mut self, id: NetworkId, spec: NetworkSpec) -> Result<(), BuildError> {
        if self.next.vnis.lookup(spec.vni.value()).inside().is_some() {
            return Err(BuildError::VniTaken(spec.vni));
        }
        let mut network = Network::new(spec.vni, spec.flood_unknown_unicast, spec.gateway);
        network.set_control(spec.control);
        place(Arc::make_mut(&mut self.next.networks), id.row(), network)?;
        self.next.vnis.set_vni(spec.vni, InsideEntry::new(Inside::Network(id), false));
        if spec.gateway {
            self.set_mac(id, MacAddr::VIRTUAL_ROUTER, Destination::Gateway)?;
        }
        spec.label.map_or(Ok(()), |label| self.set_label(label, Inside::Network(id), spec.control_word))
    }

    fn set_label(&mut self, label: MplsLabel, inside: Inside, control_word: bool) -> Result<(), BuildError> {
        if self.next.labels.lookup(label.value()).inside().is_some() {
            return Err(BuildError::LabelTaken(label));
        }
        self.next.labels.set_label(label, InsideEntry::new(inside, control_word));
        Ok(())
    }

    /// Adds an interface: its VLAN entry, its place in its network's flooding, its MACs, and its label.
    ///
    /// On a VLAN that is another interface's of the same network, both become members of a group and are told apart by
    /// source MAC. Of a BPDU network it is on VLAN 0, beside whatever is there, has no MAC of its own, and no label leads to it.
    pub fn add_vif(&mut self, id: VifIndex, spec: VifSpec<'_>) -> Result<(), BuildError> {
        if self.next.vif(id).is_used() {
            return Err(BuildError::Taken(id.row()));
        }
        if self.next.network(spec.network).is_some_and(|network| network.control().is_some()) {
            return self.enter_control(id, &spec);
        }
        self.enter_segment(id, &spec)?;
        if let Some((label, control_word)) = spec.label {
            self.set_label(label, Inside::Vif(id), control_word)?;
        }
        let Some((own, pairs)) = spec.sources.split_first() else { return Ok(()) };
        // An address that several interfaces may use is behind the first of them, unless it is one's very own.
        let free = pairs.iter().filter(|mac| !self.is_local(spec.network, **mac));
        let macs: Vec<MacAddr> = [own].into_iter().chain(free).copied().collect();
        macs.into_iter().try_for_each(|mac| self.set_mac(spec.network, mac, Destination::Vif(id)))
    }

    /// Adds a tunnel; its remote end is from now on a VTEP that this node knows.
    pub fn add_tunnel(&mut self, id: TunnelId, spec: TunnelSpec<'_>) -> Result<(), BuildError> {
        let mut ways = Tunnel::ways(&self.next.fabric, spec.remote, spec.encapsulation, spec.paths).into_iter();
        let first = ways.next().expect("there is one way at least, if only an unresolved one");
        place(Arc::make_mut(&mut self.next.tunnels), id.row(), first)?;
        self.set_alternates(id, ways.collect());
        self.add_peer(spec.remote)
    }

    /// A VTEP that this node knows, though it may have no tunnel to it.
    pub fn add_peer(&mut self, address: IpAddr) -> Result<(), BuildError> {
        let key = vtep_key(address);
        if let Some(found) = self.next.vteps.lookup(key) {
            return self.next.peer(found, address).map(drop).ok_or(BuildError::PeerCollision(address));
        }
        let peers = Arc::make_mut(&mut self.next.peers);
        PeerId::new(peers.len()).ok_or(BuildError::TooManyPeers)?;
        peers.push(address);
        let number = peers.len() as u32;
        self.next.vteps.insert(key, number)?;
        Ok(())
    }

    fn set_alternates(&mut self, id: TunnelId, others: Vec<Tunnel>) {
        if others.is_empty() && self.next.alternates.get(id.row()).is_none_or(|before| before.is_empty()) {
            return;
        }
        let rows = Arc::make_mut(&mut self.next.alternates);
        if rows.len() <= id.row() {
            rows.resize(id.row() + 1, Arc::new([]));
        }
        rows[id.row()] = others.into();
    }

    /// Changes the ways to a tunnel's remote end; none: unresolved. Returns whether they were others before; if not,
    /// nothing is copied.
    pub fn set_paths(&mut self, id: TunnelId, paths: &[Path]) -> Result<bool, BuildError> {
        let before = self.next.tunnel(id).ok_or(BuildError::NoTunnel(id))?;
        let ways = Tunnel::ways(&self.next.fabric, before.remote(), before.encapsulation(), paths);
        let same = ways.len() == self.next.ways(id).count()
            && ways.iter().zip(self.next.ways(id)).all(|(new, old)| new.same_way(old));
        if same {
            return Ok(false);
        }
        let mut ways = ways.into_iter();
        Arc::make_mut(&mut self.next.tunnels)[id.row()] = ways.next();
        self.set_alternates(id, ways.collect());
        Ok(true)
    }

    /// Adds the next hop for `target` through `tunnel`.
    pub fn add_nexthop(&mut self, id: NexthopId, tunnel: TunnelId, target: Target) -> Result<(), BuildError> {
        let through = self.next.tunnel(tunnel).ok_or(BuildError::NoTunnel(tunnel))?;
        if through.encapsulation().is_mpls() != matches!(target, Target::Label(..)) {
            return Err(BuildError::WrongTarget(tunnel));
        }
        let rows = Arc::make_mut(&mut self.next.nexthops);
        if rows.len() <= id.row() {
            rows.resize(id.row() + 1, NexthopRow::default());
        }
        if rows[id.row()] != NexthopRow::default() {
            return Err(BuildError::Taken(id.row()));
        }
        rows[id.row()] = NexthopRow::new(Nexthop::new(tunnel, target));
        Ok(())
    }

    /// Says who beyond this node takes part in a network: `remote` is flooded to and taken flooding from, `peers` are
    /// all VTEPs in it.
    pub fn set_remote(&mut self, id: NetworkId, remote: &[NexthopId], peers: &[IpAddr]) -> Result<(), BuildError> {
        let address = |nexthop: &NexthopId| {
            let found = self.next.nexthop(*nexthop).ok_or(BuildError::NoNexthop(*nexthop))?;
            self.next.tunnel(found.tunnel()).map(Tunnel::remote).ok_or(BuildError::NoTunnel(found.tunnel()))
        };
        let flooders = remote.iter().map(address).collect::<Result<Vec<_>, _>>()?;
        peers.iter().try_for_each(|peer| self.add_peer(*peer))?;
        let known = |address: &IpAddr| self.next.peer(self.next.vteps.lookup(vtep_key(*address))?, *address);
        let (flooders, peers) = (flooders.iter().filter_map(known).collect(), peers.iter().filter_map(known).collect());
        self.network_mut(id)?.set_remote(remote, flooders, peers);
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

    /// Says who has an address of a network.
    pub fn set_binding(&mut self, network: NetworkId, address: IpAddr, binding: Binding) -> Result<(), BuildError> {
        self.next.network(network).ok_or(BuildError::NoNetwork(network))?;
        if !binding.mac().is_station() {
            return Err(BuildError::NotAStation(binding.mac()));
        }
        self.next.bindings.set(network, address, binding)
    }

    /// Forgets who has an address; returns whether it was known.
    pub fn remove_binding(&mut self, network: NetworkId, address: IpAddr) -> bool {
        self.next.bindings.remove(network, address)
    }

    /// Whether there is a tunnel of this number.
    pub fn has_tunnel(&self, id: TunnelId) -> bool {
        self.next.tunnel(id).is_some()
    }

    /// Whether there is a next hop of this number.
    pub fn has_nexthop(&self, id: NexthopId) -> bool {
        self.next.nexthop(id).is_some()
    }

    /// Whether a MAC of a network is this node's: an interface's, or the gateway's.
    pub fn is_local(&self, network: NetworkId, mac: MacAddr) -> bool {
        matches!(self.next.destination(network, mac), Some(Destination::Vif(_) | Destination::Gateway))
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
