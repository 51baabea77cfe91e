//! Row numbers for things with names, stable while the thing lives, and not reused too early.

use hashbrown::HashMap;
use std::collections::VecDeque;
use std::hash::Hash;

/// Gives a row below `space` to each of at most `limit` keys. A row that was given up in generation `g` is handed out again only
/// when every worker has reached `g`: until then a worker may still read the old thing by that number. Where keys are exchanged
/// at the limit, the new ones need rows while the old ones' still rest: then `space` is the greater.
#[derive(Debug, Clone)]
pub(crate) struct Rows<K> {
    rows: HashMap<K, usize>,
    next: usize,
    limit: usize,
    space: usize,
    /// Given up: the generation that no longer has the row, and the row, oldest first.
    retired: VecDeque<(u64, usize)>,
}

impl<K: Hash + Eq + Clone> Rows<K> {
    pub(crate) fn new(limit: usize, space: usize) -> Self {
        Self { rows: HashMap::new(), next: 0, limit, space, retired: VecDeque::new() }
    }

    /// The row of `key`, a new one if it has none; and whether it is new. `None` when all are taken.
    pub(crate) fn assign(&mut self, key: &K, oldest_in_use: u64) -> Option<(usize, bool)> {
        if let Some(row) = self.rows.get(key) {
            return Some((*row, false));
        }
        if self.rows.len() >= self.limit {
            return None;
        }
        let row = match self.retired.front() {
            Some(&(dropped_in, row)) if dropped_in <= oldest_in_use => {
                self.retired.pop_front();
                row
            }
            _ if self.next < self.space => {
                self.next += 1;
                self.next - 1
            }
            _ => return None,
        };
        self.rows.insert(key.clone(), row);
        Some((row, true))
    }

    /// The row of `key`, if it has one.
    pub(crate) fn row(&self, key: &K) -> Option<usize> {
        self.rows.get(key).copied()
    }

    /// Every key with its row, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, usize)> {
        self.rows.iter().map(|(key, row)| (key, *row))
    }

    /// How many keys there may be.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// Gives up the row of a key, if it has one; generation `gone_in` is the first without it.
    pub(crate) fn give_up(&mut self, key: &K, gone_in: u64) {
        if let Some(row) = self.rows.remove(key) {
            self.retired.push_back((gone_in, row));
        }
    }

    /// Gives up the rows of all keys but those to keep; generation `gone_in` is the first without them.
    pub(crate) fn retain(&mut self, gone_in: u64, mut keep: impl FnMut(&K) -> bool) {
        let retired = &mut self.retired;
        self.rows.retain(|key, row| {
            let kept = keep(key);
            if !kept {
                retired.push_back((gone_in, *row));
            }
            kept
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_stable_while_its_key_lives() {
        let mut rows = Rows::new(10, 10);
        assert_eq!(rows.assign(&"a", 1), Some((0, true)));
        assert_eq!(rows.assign(&"b", 1), Some((1, true)));
        rows.retain(2, |key| *key == "b");
        assert_eq!(rows.assign(&"b", 2), Some((1, false)));
        assert_eq!(rows.row(&"a"), None);
    }

    #[test]
    fn a_row_is_not_reused_before_every_worker_has_passed_the_generation_that_dropped_it() {
        let mut rows = Rows::new(2, 2);
        rows.assign(&"a", 1);
        rows.assign(&"b", 1);
        rows.retain(5, |key| *key == "b");
        assert_eq!(rows.assign(&"c", 4), None);
        assert_eq!(rows.assign(&"c", 5), Some((0, true)));
    }

    #[test]
    fn a_row_that_was_given_up_alone_rests_like_the_others() {
        let mut rows = Rows::new(1, 1);
        rows.assign(&"a", 1);
        rows.give_up(&"a", 3);
        rows.give_up(&"a", 4);
        assert_eq!(rows.assign(&"b", 2), None);
        assert_eq!(rows.assign(&"b", 3), Some((0, true)));
    }

    #[test]
    fn rows_beyond_the_limit_serve_those_that_take_another_s_place_and_no_more() {
        let mut rows = Rows::new(2, 4);
        rows.assign(&"a", 1);
        rows.assign(&"b", 1);
        assert_eq!(rows.assign(&"c", 1), None);
        rows.retain(5, |key| *key == "b");
        assert_eq!(rows.assign(&"c", 4), Some((2, true)));
        assert_eq!(rows.assign(&"d", 5), None);
    }
}
