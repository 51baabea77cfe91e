//! (network, IP address) to who has it: what ARP and neighbour discovery are answered by.

use crate::rows::CowRows;
use crate::{BuildError, CowMap, NetworkId};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use wire::MacAddr;

/// Who has an address of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binding {
    /// An instance, on whatever gateway it is: its MAC there.
    Instance(MacAddr),
    /// The network's gateway: every gateway of the network, by [`MacAddr::VIRTUAL_ROUTER`].
    Gateway,
}

impl Binding {
    /// The MAC that goes with the address.
    pub const fn mac(self) -> MacAddr {
        match self {
            Self::Instance(mac) => mac,
            Self::Gateway => MacAddr::VIRTUAL_ROUTER,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Row {
    network: NetworkId,
    address: IpAddr,
    binding: Binding,
}

/// A row in use, or the free one that comes after this free one, by its number plus one.
#[derive(Debug, Clone, Copy)]
enum Place {
    Used(Row),
    Free(u32),
}

impl Default for Place {
    fn default() -> Self {
        Self::Free(0)
    }
}

/// The table of bindings. A key of IPv4 is the network and the address; one of IPv6 is a hash that nobody outside can foresee,
/// and what its row says is compared. A change copies what it touches: 11 KB in a table of 1 M bindings.
#[derive(Clone)]
pub struct Bindings {
    /// Key to row number plus one.
    keys: CowMap,
    rows: CowRows<Place>,
    /// The first free row, by its number plus one.
    free: u32,
    secrets: [u64; 2],
}

/// Of a key that is of IPv6.
const KEY_V6: u64 = 1 << 63;

impl Bindings {
    pub(crate) fn new(seed: u64) -> Self {
        let secret = |n: u64| (seed ^ n).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29) | 1;
        Self { keys: CowMap::new(secret(3)), rows: CowRows::default(), free: 0, secrets: [secret(1), secret(2)] }
    }

    /// Who has an address of a network, as far as is known. A handful of cache lines; never allocates.
    #[inline]
    pub fn lookup(&self, network: NetworkId, address: IpAddr) -> Option<Binding> {
        let row = self.keys.lookup(self.key(network, address))? as usize - 1;
        let row = self.used(row)?;
        ((row.network, row.address) == (network, address)).then_some(row.binding)
    }

    /// The same for IPv4.
    #[inline]
    pub fn lookup_v4(&self, network: NetworkId, address: u32) -> Option<Binding> {
        self.lookup(network, Ipv4Addr::from_bits(address).into())
    }

    /// The same for IPv6.
    #[inline]
    pub fn lookup_v6(&self, network: NetworkId, address: u128) -> Option<Binding> {
        self.lookup(network, Ipv6Addr::from_bits(address).into())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// All of them, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (NetworkId, IpAddr, Binding)> + '_ {
        let used = |place: &Place| match *place {
            Place::Used(Row { network, address, binding }) => Some((network, address, binding)),
            Place::Free(_) => None,
        };
        self.rows.iter().filter_map(used)
    }

    pub(crate) fn set(&mut self, network: NetworkId, address: IpAddr, binding: Binding) -> Result<(), BuildError> {
        let (key, row) = (self.key(network, address), Row { network, address, binding });
        let Some(found) = self.keys.lookup(key) else { return self.add(key, row) };
        let place = self.rows.get_mut(found as usize - 1);
        match place {
            Some(Place::Used(before)) if (before.network, before.address) == (network, address) => {
                *before = row;
                Ok(())
            }
            _ => Err(BuildError::BindingCollision(address)),
        }
    }

    fn add(&mut self, key: u64, row: Row) -> Result<(), BuildError> {
        let (number, after) = match self.free.checked_sub(1) {
            None => (self.rows.len() as u32 + 1, 0),
            Some(free) => match self.rows.get(free as usize) {
                Some(Place::Free(after)) => (free + 1, *after),
                _ => unreachable!("the list of free rows holds free ones"),
            },
        };
        self.keys.insert(key, number)?;
        match self.rows.get_mut(number as usize - 1) {
            Some(place) => *place = Place::Used(row),
            None => self.rows.push(Place::Used(row)),
        }
        self.free = after;
        Ok(())
    }

    pub(crate) fn remove(&mut self, network: NetworkId, address: IpAddr) -> bool {
        if self.lookup(network, address).is_none() {
            return false;
        }
        let Some(number) = self.keys.remove(self.key(network, address)) else { return false };
        if let Some(place) = self.rows.get_mut(number as usize - 1) {
            *place = Place::Free(self.free);
            self.free = number;
        }
        true
    }

    #[inline]
    fn used(&self, row: usize) -> Option<&Row> {
        match self.rows.get(row)? {
            Place::Used(row) => Some(row),
            Place::Free(_) => None,
        }
    }

    #[inline]
    fn key(&self, network: NetworkId, address: IpAddr) -> u64 {
        match address {
            IpAddr::V4(address) => (network.row() as u64) << 32 | u64::from(address.to_bits()),
            IpAddr::V6(address) => self.key_v6(network, address.to_bits()),
        }
    }

    /// 63 bits of hash: an instance chooses its own address, so it is keyed.
    #[inline]
    fn key_v6(&self, network: NetworkId, address: u128) -> u64 {
        let [first, second] = self.secrets;
        let (high, low) = ((address >> 64) as u64, address as u64);
        let once = folded(high ^ first, (network.row() as u64) << 16 ^ second);
        folded(once ^ low, second) | KEY_V6
    }
}

/// One 64 by 64 to 128 bit multiplication, folded.
#[inline(always)]
fn folded(a: u64, b: u64) -> u64 {
    let wide = u128::from(a) * u128::from(b);
    wide as u64 ^ (wide >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    fn network(n: usize) -> NetworkId {
        NetworkId::new(n).unwrap()
    }

    /// Few of them, so that they meet; the IPv6 ones differ in one bit of either half, the IPv4 ones in the last octet.
    fn address() -> impl Strategy<Value = IpAddr> {
        prop_oneof![
            (0u32..8).prop_map(|n| Ipv4Addr::from_bits(0x0a01_0000 | n).into()),
            (0u32..128).prop_map(|bit| Ipv6Addr::from_bits(0xfd00 << 112 ^ 1 << bit).into()),
        ]
    }

    proptest! {
        #[test]
        fn lookups_agree_with_a_map_through_changes_and_earlier_clones_keep_theirs(
            changes in proptest::collection::vec((0usize..3, address(), any::<Option<[u8; 6]>>()), 0..300),
            seed: u64,
        ) {
            let (mut bindings, mut model) = (Bindings::new(seed), HashMap::new());
            let mut before = (bindings.clone(), model.clone());
            for (n, (id, address, mac)) in changes.into_iter().enumerate() {
                let key = (network(id), address);
                match mac {
                    Some(mac) => {
                        let binding = Binding::Instance(MacAddr::new(mac));
                        bindings.set(key.0, address, binding).unwrap();
                        model.insert(key, binding);
                    }
                    None => prop_assert_eq!(bindings.remove(key.0, address), model.remove(&key).is_some()),
                }
                if n == 100 {
                    before = (bindings.clone(), model.clone());
                }
            }
            for (bindings, model) in [(bindings, model), before] {
                prop_assert_eq!(bindings.len(), model.len());
                prop_assert!(model.iter().all(|((id, address), binding)| bindings.lookup(*id, *address) == Some(*binding)));
                let all: HashMap<_, _> = bindings.iter().map(|(id, address, binding)| ((id, address), binding)).collect();
                prop_assert_eq!(all, model);
            }
        }

        #[test]
        fn addresses_that_differ_in_one_bit_and_networks_have_keys_that_differ(address: u128, bit in 0u32..128, seed: u64) {
            let bindings = Bindings::new(seed);
            let (key, other) = (bindings.key_v6(network(1), address), bindings.key_v6(network(1), address ^ 1 << bit));
            prop_assert_ne!(key, other);
            prop_assert_ne!(key, bindings.key_v6(network(2), address));
            prop_assert!(key & KEY_V6 != 0);
        }
    }

    #[test]
    fn rows_that_became_free_are_used_again() {
        let mut bindings = Bindings::new(7);
        let address = |n: u32| IpAddr::from(Ipv4Addr::from_bits(n));
        for round in 0..10 {
            (0..100).for_each(|n| bindings.set(network(0), address(round * 100 + n), Binding::Gateway).unwrap());
            (0..100).for_each(|n| assert!(bindings.remove(network(0), address(round * 100 + n))));
        }
        assert_eq!((bindings.len(), bindings.rows.len()), (0, 100));
    }

    #[test]
    fn a_change_among_many_copies_what_it_touches() {
        let mut bindings = Bindings::new(7);
        let address = |n: u32| IpAddr::from(Ipv4Addr::from_bits(n));
        (0..100_000).for_each(|n| bindings.set(network(0), address(n), Binding::Gateway).unwrap());
        let before = bindings.clone();
        let moved = Binding::Instance(MacAddr::new([2, 0, 0, 0, 0, 1]));
        bindings.set(network(0), address(77_777), moved).unwrap();
        let copied = bindings.keys.octets_beyond(&before.keys) + bindings.rows.octets_beyond(&before.rows);
        assert!(copied < 12_000, "{copied} octets");
    }
}
