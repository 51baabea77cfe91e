//! Names and keys that may stand once, and references to names.

use std::hash::Hash;

use hashbrown::HashMap;
use hashbrown::hash_map::{Entry, EntryRef};

use super::errors::Problems;
use super::place::Place;
use super::problem::{Excerpt, Problem};
use super::value::Judged;

/// The names of one kind of object, with the position of each in its list and its place.
#[derive(Debug)]
pub(super) struct Register {
    object: &'static str,
    names: HashMap<String, (usize, Place)>,
}

impl Register {
    /// An empty register of a kind of object, named without an article for messages.
    pub(super) fn of(object: &'static str) -> Self {
        Self { object, names: HashMap::new() }
    }

    /// Enters a name, or reports that it is taken.
    pub(super) fn enter(&mut self, problems: &mut Problems, name: &str, position: usize, place: Place) {
        match self.names.entry_ref(name) {
            EntryRef::Occupied(taken) => {
                let (name, first) = (Excerpt::new(name), taken.get().1.clone());
                problems.add(place, Problem::DuplicateName { object: self.object, name, first });
            }
            EntryRef::Vacant(free) => {
                free.insert((position, place));
            }
        }
    }

    /// Judges a reference: the position of the object of that name.
    pub(super) fn position(&self, key: &'static str, name: &str) -> Judged<usize> {
        match self.names.get(name) {
            Some((position, _)) => Ok(*position),
            None => Err(Problem::Dangling { key, object: self.object, name: Excerpt::new(name) }),
        }
    }
}

/// Where each key of a kind stood first.
#[derive(Debug)]
pub(super) struct Firsts<K>(HashMap<K, Place>);

impl<K> Default for Firsts<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Hash + Eq> Firsts<K> {
    pub(super) fn new() -> Self {
        Self(HashMap::new())
    }

    /// Enters a key that may stand once, or reports the conflict with the first place.
    pub(super) fn enter(
        &mut self,
        problems: &mut Problems,
        key: K,
        at: Place,
        conflict: impl FnOnce(Place) -> Problem,
    ) {
        match self.0.entry(key) {
            Entry::Occupied(taken) => problems.add(at, conflict(taken.get().clone())),
            Entry::Vacant(free) => {
                free.insert(at);
            }
        }
    }
}
