use super::{Hop, Ipv4Prefix, KernelRoute, RouteChange};
use hashbrown::HashMap;
use std::net::Ipv4Addr;

/// The kernel's main table: per prefix its routes in the kernel's order of preference, looked up length by length.
#[derive(Debug)]
pub(super) struct RouteTable {
    by_prefix: HashMap<Ipv4Prefix, Vec<Entry>>,
    /// How many prefixes of each length there are, so that a look-up skips the lengths without any.
    lengths: [usize; Ipv4Prefix::MAX_LEN as usize + 1],
    len: usize,
}

#[derive(Debug)]
struct Entry {
    metric: u32,
    hops: Vec<Hop>,
    /// The listing in which it was last mentioned.
    round: u32,
}

impl Default for RouteTable {
    fn default() -> Self {
        Self { by_prefix: HashMap::new(), lengths: [0; Ipv4Prefix::MAX_LEN as usize + 1], len: 0 }
    }
}

impl RouteTable {
    /// The hops of the most preferred route of the longest prefix that covers `address`.
    pub(super) fn longest_match(&self, address: Ipv4Addr) -> Option<&[Hop]> {
        (0..=Ipv4Prefix::MAX_LEN)
            .rev()
            .filter(|len| self.lengths[usize::from(*len)] > 0)
            .filter_map(|len| self.by_prefix.get(&Ipv4Prefix::covering(address, len).ok()?)?.first())
            .map(|entry| entry.hops.as_slice())
            .next()
    }

    /// How many routes there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Whether a route of this prefix and metric is here, so that another event about it does not add one.
    pub(super) fn holds(&self, route: &KernelRoute) -> bool {
        let entries = self.by_prefix.get(&route.destination);
        entries.is_some_and(|entries| entries.iter().any(|entry| entry.metric == route.metric))
    }

    /// Returns whether the most preferred route of the prefix changed.
    pub(super) fn apply(&mut self, change: RouteChange, route: KernelRoute, round: u32) -> bool {
        let KernelRoute { destination, metric, hops } = route;
        let entries = self.by_prefix.entry(destination).or_default();
        let before = entries.first().map(|entry| entry.hops.clone());
        let count_before = entries.len();
        let known = entries.iter().position(|entry| entry.metric == metric && entry.hops == hops);
        let first_of_metric = entries.iter().position(|entry| entry.metric == metric);
        let entry = Entry { metric, hops, round };
        match (change, known, first_of_metric) {
            // The hops of a removal may lack those that died meanwhile.
            (RouteChange::Removed, Some(at), _) | (RouteChange::Removed, None, Some(at)) => {
                entries.remove(at);
            }
            (RouteChange::Removed, None, None) => {}
            (RouteChange::Replaced, _, Some(first)) => replace(entries, first, known, entry),
            (_, Some(at), _) => entries[at].round = round,
            (RouteChange::Appended, None, _) => {
                entries.insert(entries.partition_point(|other| other.metric <= metric), entry);
            }
            (RouteChange::Added | RouteChange::Replaced, None, _) => {
                entries.insert(entries.partition_point(|other| other.metric < metric), entry);
            }
        }
        let changed = before.as_deref() != entries.first().map(|entry| entry.hops.as_slice());
        let count = entries.len();
        self.recount(destination, count_before, count);
        changed
    }

    /// Forgets the routes that were last mentioned in another round. Returns whether there were any.
    pub(super) fn sweep(&mut self, round: u32) -> bool {
        let before = self.len;
        let (lengths, len) = (&mut self.lengths, &mut self.len);
        self.by_prefix.retain(|prefix, entries| {
            let count = entries.len();
            entries.retain(|entry| entry.round == round);
            *len -= count - entries.len();
            if entries.is_empty() {
                lengths[usize::from(prefix.len())] -= 1;
            }
            !entries.is_empty()
        });
        self.len != before
    }

    fn recount(&mut self, prefix: Ipv4Prefix, before: usize, now: usize) {
        self.len = self.len - before + now;
        let of_length = &mut self.lengths[usize::from(prefix.len())];
        match (before, now) {
            (0, 1..) => *of_length += 1,
            (1.., 0) => *of_length -= 1,
            _ => {}
        }
        if now == 0 {
            self.by_prefix.remove(&prefix);
        }
    }
}

/// Puts `entry` in the place of the first of its metric; if it was known behind that already, it is not there twice.
fn replace(entries: &mut Vec<Entry>, first: usize, known: Option<usize>, entry: Entry) {
    entries[first] = entry;
    if let Some(duplicate) = known.filter(|known| *known != first) {
        entries.remove(duplicate);
    }
}
