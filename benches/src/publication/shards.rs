//! The alternative that was not taken: a fixed number of shards behind one flat directory, copied whole when one of its
//! entries changes. Buckets and hash are those of `fib::CowMap`; only what is copied differs.

use super::{Change, ENTRIES, Table, key};
use anyhow::{Result, ensure};
use datapath::BURST;
use fib::prefetch::prefetch;
use std::sync::Arc;

const SLOTS: usize = 5;
/// Slots for an entry, in eighths: 20/8 makes a load of 0.4, the snapshot's with as many entries.
const SLOTS_FOR_EIGHT: usize = 20;

/// Five entries on one cache line.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Bucket {
    keys: [u64; SLOTS],
    values: [u32; SLOTS],
}

/// Shards of `BUCKETS` buckets each.
#[derive(Clone)]
pub(crate) struct Shards<const BUCKETS: usize>(Vec<Arc<[Bucket; BUCKETS]>>);

fn hash(key: u64) -> u64 {
    let wide = u128::from(key ^ 0x5eed) * u128::from(0x9e37_79b9_7f4a_7c15_u64);
    (wide as u64) ^ ((wide >> 64) as u64)
}

impl<const BUCKETS: usize> Shards<BUCKETS> {
    /// The shard and the home bucket of a hash.
    #[inline(always)]
    fn place(&self, hash: u64) -> (usize, usize) {
        (hash as usize & (self.0.len() - 1), (hash >> 48) as usize % BUCKETS)
    }

    /// Sets an entry, or removes it (0); linear probing over the shard's buckets. Needs a free slot.
    fn set(&mut self, key: u64, value: u32) -> Result<()> {
        let (shard, home) = self.place(hash(key));
        let buckets = Arc::make_mut(&mut self.0[shard]);
        let mut places = (0..BUCKETS).flat_map(|step| (0..SLOTS).map(move |slot| ((home + step) % BUCKETS, slot)));
        let known = |b: &Bucket, slot: usize| b.keys[slot] == key || b.keys[slot] == u64::MAX;
        let place = places.find(|&(bucket, slot)| known(&buckets[bucket], slot));
        ensure!(place.is_some(), "a shard is full");
        if let Some((bucket, slot)) = place {
            buckets[bucket].keys[slot] = key;
            buckets[bucket].values[slot] = value;
        }
        Ok(())
    }
}

impl<const BUCKETS: usize> Table for Shards<BUCKETS> {
    fn filled() -> Result<Self> {
        let slots = ENTRIES as usize * SLOTS_FOR_EIGHT / 8;
        let shards = (slots / SLOTS / BUCKETS).next_power_of_two();
        let empty = [Bucket { keys: [u64::MAX; SLOTS], values: [0; SLOTS] }; BUCKETS];
        let mut table = Self((0..shards).map(|_| Arc::new(empty)).collect());
        (0..ENTRIES).try_for_each(|entry| table.set(key(entry), 1))?;
        Ok(table)
    }

    fn changed(&self, changes: &[Change]) -> Result<Self> {
        let mut next = self.clone();
        for change in changes {
            next.set(key(change.entry), change.nexthop.map_or(0, |nexthop| nexthop as u32 + 1))?;
        }
        Ok(next)
    }

    #[inline(always)]
    fn look_up(&self, keys: &[u64; BURST], found: &mut [u32; BURST]) {
        let homes: [&Bucket; BURST] = std::array::from_fn(|lane| {
            let (shard, home) = self.place(hash(keys[lane]));
            let bucket = &self.0[shard][home];
            prefetch(bucket);
            bucket
        });
        for ((value, home), key) in found.iter_mut().zip(homes).zip(keys) {
            *value = 0;
            for (k, v) in home.keys.iter().zip(&home.values) {
                *value |= v & u32::from(k == key).wrapping_neg();
            }
        }
    }

    fn copied_octets(&self, before: &Self) -> usize {
        let changed = self.0.iter().zip(&before.0).filter(|(new, old)| !Arc::ptr_eq(new, old)).count();
        changed * BUCKETS * size_of::<Bucket>() + self.0.len() * size_of::<usize>()
    }

    fn octets(&self) -> usize {
        self.0.len() * (BUCKETS * size_of::<Bucket>() + size_of::<usize>())
    }
}
