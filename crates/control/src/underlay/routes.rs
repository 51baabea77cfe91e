use super::{Hop, IpPrefix, KernelRoute, RouteChange};
use hashbrown::HashMap;
use std::net::IpAddr;

/// The kernel's main table: per prefix its routes in the kernel's order of preference, looked up length by length.
#[derive(Debug)]
pub(super) struct RouteTable {
    by_prefix: HashMap<IpPrefix, Vec<Entry>>,
    /// How many prefixes of each family and length there are, so that a look-up skips the lengths without any.
    lengths: [[usize; IpPrefix::MAX_LEN as usize + 1]; 2],
    len: usize,
}

#[derive(Debug)]
struct Entry {
    metric: u32,
    /// In ascending order, none twice: the kernel's order may differ from one word about a route to the next.
    hops: Vec<Hop>,
    /// The listing in which it was last mentioned.
    round: u32,
}

impl Default for RouteTable {
    fn default() -> Self {
        Self { by_prefix: HashMap::new(), lengths: [[0; IpPrefix::MAX_LEN as usize + 1]; 2], len: 0 }
    }
}

fn family(address: IpAddr) -> usize {
    usize::from(address.is_ipv6())
}

impl RouteTable {
    /// The hops of each route that covers `address`, the most preferred route first: the longest prefix, then the least
    /// metric, then the kernel's order.
    pub(super) fn matches(&self, address: IpAddr) -> impl Iterator<Item = &[Hop]> {
        let lengths = &self.lengths[family(address)];
        (0..=IpPrefix::longest(address))
            .rev()
            .filter(|len| lengths[usize::from(*len)] > 0)
            .filter_map(move |len| self.by_prefix.get(&IpPrefix::covering(address, len).ok()?))
            .flatten()
            .map(|entry| entry.hops.as_slice())
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

    /// Returns whether the routes of the prefix, or their order, changed.
    pub(super) fn apply(&mut self, change: RouteChange, route: KernelRoute, round: u32) -> bool {
        let KernelRoute { destination, metric, mut hops } = route;
        hops.sort_unstable();
        hops.dedup();
        let entries = self.by_prefix.entry(destination).or_default();
        let count_before = entries.len();
        let entry = Entry { metric, hops, round };
        let changed = match destination.address() {
            IpAddr::V4(_) => apply_v4(entries, change, entry),
            IpAddr::V6(_) => apply_v6(entries, change, entry),
        };
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
                lengths[family(prefix.address())][usize::from(prefix.len())] -= 1;
            }
            !entries.is_empty()
        });
        self.len != before
    }

    fn recount(&mut self, prefix: IpPrefix, before: usize, now: usize) {
        self.len = self.len - before + now;
        let of_length = &mut self.lengths[family(prefix.address())][usize::from(prefix.len())];
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

/// IPv4: what the kernel says of a route is always about the whole of it.
fn apply_v4(entries: &mut Vec<Entry>, change: RouteChange, entry: Entry) -> bool {
    let metric = entry.metric;
    let known = entries.iter().position(|other| other.metric == metric && other.hops == entry.hops);
    let first_of_metric = entries.iter().position(|other| other.metric == metric);
    match (change, known, first_of_metric) {
        // The hops of a removal may lack those that died meanwhile.
        (RouteChange::Removed, Some(at), _) | (RouteChange::Removed, None, Some(at)) => {
            entries.remove(at);
        }
        (RouteChange::Removed, None, None) => return false,
        (RouteChange::Replaced, _, Some(first)) => return replace(entries, first, known, entry),
        (_, Some(at), _) => {
            entries[at].round = entry.round;
            return false;
        }
        (RouteChange::Appended, None, _) => {
            entries.insert(entries.partition_point(|other| other.metric <= metric), entry);
        }
        (RouteChange::Added | RouteChange::Replaced, None, _) => {
            entries.insert(entries.partition_point(|other| other.metric < metric), entry);
        }
    }
    true
}

/// IPv6: a route with several hops is several routes of one metric that the kernel holds together. It announces all of
/// them when one joins, and only the one that leaves. A new one of a metric stands behind those of the same.
fn apply_v6(entries: &mut Vec<Entry>, change: RouteChange, entry: Entry) -> bool {
    let is_same = |other: &Entry| {
        let shares_hop = other.hops.iter().any(|hop| entry.hops.contains(hop));
        other.metric == entry.metric && (shares_hop || other.hops == entry.hops)
    };
    let same = entries.iter().position(is_same);
    let first_of_metric = entries.iter().position(|other| other.metric == entry.metric);
    let place = match change {
        // Of a removal whose hops had all died none is left to go by.
        RouteChange::Removed if entry.hops.is_empty() => same.or(first_of_metric),
        RouteChange::Replaced => first_of_metric,
        RouteChange::Removed | RouteChange::Added | RouteChange::Appended => same,
    };
    match (change, place) {
        (RouteChange::Removed, None) => return false,
        (RouteChange::Removed, Some(at)) => {
            entries[at].hops.retain(|hop| !entry.hops.contains(hop) && !entry.hops.is_empty());
            if entries[at].hops.is_empty() {
                entries.remove(at);
            }
        }
        (_, None) => entries.insert(entries.partition_point(|other| other.metric <= entry.metric), entry),
        (_, Some(mut at)) => {
            let mut changed = entries[at].hops != entry.hops;
            for other in (0..entries.len()).rev().filter(|other| *other != at).collect::<Vec<_>>() {
                if is_same(&entries[other]) {
                    entries.remove(other);
                    at -= usize::from(other < at);
                    changed = true;
                }
            }
            entries[at] = entry;
            return changed;
        }
    }
    true
}

/// Puts `entry` in the place of the one at `at`; if it was known behind that already, it is not there twice.
fn replace(entries: &mut Vec<Entry>, at: usize, known: Option<usize>, entry: Entry) -> bool {
    let mut changed = entries[at].hops != entry.hops;
    entries[at] = entry;
    if let Some(duplicate) = known.filter(|known| *known != at) {
        entries.remove(duplicate);
        changed = true;
    }
    changed
}
