//! A hash map from 64-bit keys to non-zero 32-bit values for the packet path: read by many, changed by copying 4 KB.
//!
//! A **bucket** is one cache line with five keys and values in place, so a lookup touches one line of the table proper.
//! A **segment** is 64 buckets and the unit of copying. A directory of segment pointers, in two levels so that copying it
//! is cheap too, is indexed by the low bits of the hash.
//!
//! | a change of one entry copies | octets |
//! |---|---:|
//! | its segment | 4,160 |
//! | its directory chunk (64 pointers) | 512 |
//! | the directory's root, at 1 M entries | about 2,048 |
//!
//! Further changes to the same segment before the next publication copy nothing. When a segment fills, the directory
//! doubles and every segment is split: rare, linear in the size, and on the control thread only.

use crate::prefetch::prefetch;
use crate::simd::place_of;
use std::sync::Arc;

const SLOTS: usize = 5;
const BUCKETS: usize = 64;
const CHUNK_BITS: u32 = 6;
const CHUNK: usize = 1 << CHUNK_BITS;
/// Entries at which a segment counts as full: 0.6 of its slots. With hashed keys the fullest of thousands of segments is
/// there when the average is near 0.45, so the load is 0.23 to 0.45.
const FULL: u16 = 192;
/// A directory with fewer entries a segment than this does not double: crafted keys that share their hash's low bits run
/// into [`MapFull`], not into all memory.
const SPARSE: usize = 24;
const EMPTY_KEY: u64 = u64::MAX;

/// A segment is full although the table is nearly empty: keys were crafted to collide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("hash segment full: {FULL} keys share all hash bits of a sparse table")]
pub struct MapFull;

/// What a bucket finds of a key that is not in it, though it may be in a later bucket of the segment. No value is this.
const SPILLED: u32 = u32::MAX;

/// Five entries on one cache line. An empty slot has value 0. Behind the values stands what is found of any other key: 0, or
/// [`SPILLED`].
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Bucket {
    keys: [u64; SLOTS],
    values: [u32; SLOTS + 1],
}

const EMPTY: Bucket = Bucket { keys: [EMPTY_KEY; SLOTS], values: [0; SLOTS + 1] };
static NOWHERE: Bucket = EMPTY;

#[derive(Clone)]
struct Segment {
    buckets: [Bucket; BUCKETS],
    len: u16,
}

#[derive(Clone)]
struct Chunk([Arc<Segment>; CHUNK]);

/// See the module documentation for its shape. Cloning shares everything and copies the directory's root only.
#[derive(Clone)]
pub struct CowMap {
    root: Vec<Arc<Chunk>>,
    /// The directory has `2^depth` places, `2^(depth - 6)` of them chunks.
    depth: u32,
    seed: u64,
    len: usize,
}

/// Where a hash leads: the directory uses its low bits, the bucket its high ones.
#[inline(always)]
fn bucket_of(hash: u64) -> usize {
    (hash >> 58) as usize
}

/// One 64 by 64 to 128 bit multiplication, folded.
#[inline(always)]
fn hash(key: u64, seed: u64) -> u64 {
    let wide = u128::from(key ^ seed) * u128::from(0x9e37_79b9_7f4a_7c15_u64);
    (wide as u64) ^ ((wide >> 64) as u64)
}

impl Bucket {
    /// The value of `key`; without it 0, or [`SPILLED`]. Branch-free: which slot it is, nobody can predict.
    #[inline(always)]
    fn find(&self, key: u64) -> u32 {
        self.values.get(place_of(&self.keys, key)).copied().unwrap_or(0)
    }
}

impl Segment {
    const fn new() -> Self {
        Self { buckets: [EMPTY; BUCKETS], len: 0 }
    }

    /// The rest of a lookup whose home bucket has spilled: the buckets behind it, until one that has not.
    #[cold]
    fn find_spilled(&self, home: usize, key: u64) -> u32 {
        for step in 1..BUCKETS {
            let Some(bucket) = self.buckets.get((home + step) % BUCKETS) else { break };
            let value = bucket.find(key);
            if value != SPILLED {
                return value;
            }
        }
        0
    }

    fn find(&self, home: usize, key: u64) -> u32 {
        let Some(bucket) = self.buckets.get(home) else { return 0 };
        let value = bucket.find(key);
        if value != SPILLED { value } else { self.find_spilled(home, key) }
    }

    /// The place of `key`, as (bucket, slot).
    fn place(&self, home: usize, key: u64) -> Option<(usize, usize)> {
        (0..BUCKETS).map(|step| (home + step) % BUCKETS).find_map(|b| {
            let bucket = self.buckets.get(b)?;
            (0..SLOTS).find(|&s| bucket.values[s] != 0 && bucket.keys[s] == key).map(|s| (b, s))
        })
    }

    /// Adds a key that is not here. Needs a free slot, which `len < FULL` guarantees.
    fn add(&mut self, home: usize, key: u64, value: u32) {
        for step in 0..BUCKETS {
            let bucket = &mut self.buckets[(home + step) % BUCKETS];
            if let Some(slot) = bucket.values.iter().take(SLOTS).position(|&v| v == 0) {
                bucket.keys[slot] = key;
                bucket.values[slot] = value;
                self.len += 1;
                return;
            }
            bucket.values[SLOTS] = SPILLED;
        }
    }

    fn entries(&self) -> impl Iterator<Item = (u64, u32)> + '_ {
        self.buckets.iter().flat_map(|b| b.keys.iter().copied().zip(b.values.iter().copied())).filter(|&(_, v)| v != 0)
    }
}

impl CowMap {
    /// An empty map. `seed` makes the hash unpredictable to whoever chooses keys.
    pub fn new(seed: u64) -> Self {
        let segment = Arc::new(Segment::new());
        let chunk = Chunk(std::array::from_fn(|_| Arc::clone(&segment)));
        Self { root: vec![Arc::new(chunk)], depth: CHUNK_BITS, seed, len: 0 }
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    #[inline(always)]
    fn hash(&self, key: u64) -> u64 {
        hash(key, self.seed)
    }

    #[inline(always)]
    fn segment(&self, hash: u64) -> Option<&Segment> {
        let place = (hash as usize) & ((1 << self.depth) - 1);
        let chunk = self.root.get(place >> CHUNK_BITS)?;
        Some(&chunk.0[place % CHUNK])
    }

    /// The value of `key`, if any.
    pub fn lookup(&self, key: u64) -> Option<u32> {
        let hash = self.hash(key);
        match self.segment(hash)?.find(bucket_of(hash), key) {
            0 => None,
            value => Some(value),
        }
    }

    /// Looks up the first `n` keys at once; a lane of `values` is 0 where its key is not in the map.
    ///
    /// All home buckets are prefetched before the first is read, so the misses overlap: on tables beyond the L2 cache
    /// this is worth more than anything else on the packet path. Never allocates.
    #[inline(always)]
    pub fn lookup_burst<const N: usize>(&self, keys: &[u64; N], n: usize, values: &mut [u32; N]) {
        let n = n.min(N);
        let mut homes: [&Bucket; N] = [&NOWHERE; N];
        // The hint counts as a change of memory: what is read of the map in the loop would be read anew in every turn.
        let (root, seed, places) = (&self.root[..], self.seed, (1 << self.depth) - 1);
        for (home, &key) in homes[..n].iter_mut().zip(&keys[..n]) {
            let hash = hash(key, seed);
            let place = hash as usize & places;
            if let Some(chunk) = root.get(place >> CHUNK_BITS) {
                *home = &chunk.0[place % CHUNK].buckets[bucket_of(hash)];
                prefetch(*home);
            }
        }
        let mut most = 0;
        for ((value, home), &key) in values[..n].iter_mut().zip(&homes[..n]).zip(&keys[..n]) {
            *value = home.find(key);
            most = most.max(*value);
        }
        if most == SPILLED {
            self.finish_spilled(&keys[..n], &mut values[..n]);
        }
    }

    #[cold]
    #[inline(never)]
    fn finish_spilled(&self, keys: &[u64], values: &mut [u32]) {
        for (key, value) in keys.iter().zip(values).filter(|(_, value)| **value == SPILLED) {
            *value = self.lookup(*key).unwrap_or(0);
        }
    }

    /// The segment of `hash`, made our own.
    fn segment_mut(&mut self, hash: u64) -> &mut Segment {
        let place = (hash as usize) & ((1 << self.depth) - 1);
        let chunk = Arc::make_mut(&mut self.root[place >> CHUNK_BITS]);
        Arc::make_mut(&mut chunk.0[place % CHUNK])
    }

    /// Sets `key` to `value` (neither 0 nor the largest); returns the value before.
    ///
    /// # Errors
    /// [`MapFull`] when the key's segment can be split no further; the map is as before.
    ///
    /// # Panics
    /// If `value` is 0, which means "absent", or `u32::MAX`, which means "further on".
    pub fn insert(&mut self, key: u64, value: u32) -> Result<Option<u32>, MapFull> {
        assert!(value != 0 && value != SPILLED, "0 means absent, and the largest number further on");
        let hash = self.hash(key);
        let home = bucket_of(hash);
        loop {
            let segment = self.segment_mut(hash);
            if let Some((b, s)) = segment.place(home, key) {
                return Ok(Some(std::mem::replace(&mut segment.buckets[b].values[s], value)));
            }
            if segment.len < FULL {
                segment.add(home, key, value);
                self.len += 1;
                return Ok(None);
            }
            self.double()?;
        }
    }

    /// Removes `key`; returns its value. Rebuilds the segment, so that no spill mark outlives its reason.
    pub fn remove(&mut self, key: u64) -> Option<u32> {
        let hash = self.hash(key);
        let old = self.lookup(key)?;
        let mut after = Segment::new();
        for (k, v) in self.segment(hash)?.entries().filter(|&(k, _)| k != key) {
            after.add(bucket_of(self.hash(k)), k, v);
        }
        *self.segment_mut(hash) = after;
        self.len -= 1;
        Some(old)
    }

    /// Splits every segment by one more hash bit.
    fn double(&mut self) -> Result<(), MapFull> {
        if self.len < SPARSE << self.depth {
            return Err(MapFull);
        }
        let (mut low, mut high) = (Vec::with_capacity(self.root.len() * 2), Vec::with_capacity(self.root.len()));
        for chunk in &self.root {
            let mut halves = chunk.0.iter().map(|segment| self.halves(segment));
            let mut highs = Vec::with_capacity(CHUNK);
            low.push(Arc::new(Chunk(std::array::from_fn(|_| {
                let (l, h) = halves.next().expect("a chunk has as many segments as a chunk");
                highs.push(h);
                l
            }))));
            let mut highs = highs.into_iter();
            high.push(Arc::new(Chunk(std::array::from_fn(|_| highs.next().expect("one was pushed for each")))));
        }
        low.append(&mut high);
        self.root = low;
        self.depth += 1;
        Ok(())
    }

    /// The entries of a segment whose next hash bit is 0, and those where it is 1.
    fn halves(&self, segment: &Segment) -> (Arc<Segment>, Arc<Segment>) {
        let (mut low, mut high) = (Segment::new(), Segment::new());
        for (key, value) in segment.entries() {
            let hash = self.hash(key);
            let half = if hash >> self.depth & 1 == 0 { &mut low } else { &mut high };
            half.add(bucket_of(hash), key, value);
        }
        (Arc::new(low), Arc::new(high))
    }

    fn segments(&self) -> impl Iterator<Item = &Segment> {
        self.root.iter().flat_map(|chunk| chunk.0.iter()).map(|segment| &**segment)
    }

    /// All entries, in no order; each once.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u32)> + '_ {
        self.segments().flat_map(Segment::entries)
    }

    /// Octets that this map does not share with `before`, which it was made from: what the changes in between copied.
    pub fn octets_beyond(&self, before: &Self) -> usize {
        if self.depth != before.depth {
            return self.octets();
        }
        let segments = |new: &Chunk, old: &Chunk| new.0.iter().zip(&old.0).filter(|(n, o)| !Arc::ptr_eq(n, o)).count();
        let chunks = self.root.iter().zip(&before.root).filter(|(new, old)| !Arc::ptr_eq(new, old));
        let copied = chunks.map(|(new, old)| size_of::<Chunk>() + segments(new, old) * size_of::<Segment>());
        self.root.len() * size_of::<Arc<Chunk>>() + copied.sum::<usize>()
    }

    /// Octets of memory that the table takes, counting what it shares with other clones.
    pub fn octets(&self) -> usize {
        self.root.len() * (size_of::<Arc<Chunk>>() + size_of::<Chunk>() + CHUNK * size_of::<Segment>())
    }
}

#[cfg(test)]
mod tests;
