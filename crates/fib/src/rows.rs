//! Rows by number, for tables that change by the row: what a change copies does not grow with the table.
//!
//! A **page** is 64 rows and the unit of copying, a **chunk** 64 pages. A change of one row copies its page, its chunk's 64
//! pointers, and at 1 M rows the 2 KB of pointers to chunks; further ones in the same page copy nothing until the next
//! publication.

use std::sync::Arc;

const PAGE: usize = 64;
const CHUNK: usize = 64;

type Page<T> = [T; PAGE];
type Chunk<T> = [Arc<Page<T>>; CHUNK];

/// See the module documentation for its shape. Cloning shares everything and copies the pointers to chunks only.
#[derive(Clone)]
pub(crate) struct CowRows<T> {
    chunks: Vec<Arc<Chunk<T>>>,
    len: usize,
}

impl<T> Default for CowRows<T> {
    fn default() -> Self {
        Self { chunks: Vec::new(), len: 0 }
    }
}

impl<T: Clone + Default> CowRows<T> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// A row, if there is one of this number. Three loads that wait for each other.
    #[inline]
    pub(crate) fn get(&self, row: usize) -> Option<&T> {
        // Rows behind the last one are there, with a value that means nothing.
        if row >= self.len {
            return None;
        }
        let page = self.chunks.get(row / (PAGE * CHUNK))?.get(row / PAGE % CHUNK)?;
        page.get(row % PAGE)
    }

    /// The row, made our own.
    pub(crate) fn get_mut(&mut self, row: usize) -> Option<&mut T> {
        if row >= self.len {
            return None;
        }
        let chunk = Arc::make_mut(self.chunks.get_mut(row / (PAGE * CHUNK))?);
        Arc::make_mut(&mut chunk[row / PAGE % CHUNK]).get_mut(row % PAGE)
    }

    /// Adds a row behind the last one.
    pub(crate) fn push(&mut self, value: T) {
        if self.len == self.chunks.len() * PAGE * CHUNK {
            let page = Arc::new(std::array::from_fn(|_| T::default()));
            self.chunks.push(Arc::new(std::array::from_fn(|_| Arc::clone(&page))));
        }
        self.len += 1;
        let row = self.get_mut(self.len - 1).expect("there is a chunk for it");
        *row = value;
    }

    /// All rows, in the order of their numbers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flat_map(|chunk| chunk.iter().flat_map(|page| page.iter())).take(self.len)
    }

    /// Octets that these rows do not share with `before`, which they were made from.
    #[cfg(test)]
    pub(crate) fn octets_beyond(&self, before: &Self) -> usize {
        let old = before.chunks.iter().map(Some).chain(std::iter::repeat(None));
        let chunks = self.chunks.iter().zip(old).filter(|(new, old)| !old.is_some_and(|old| Arc::ptr_eq(new, old)));
        let pages = |new: &Chunk<T>, old: Option<&Arc<Chunk<T>>>| match old {
            Some(old) => new.iter().zip(old.iter()).filter(|(n, o)| !Arc::ptr_eq(n, o)).count(),
            None => CHUNK,
        };
        let copied = chunks.map(|(new, old)| size_of::<Chunk<T>>() + pages(new, old) * size_of::<Page<T>>());
        self.chunks.len() * size_of::<Arc<Chunk<T>>>() + copied.sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn rows_are_what_was_put_there_last_and_earlier_clones_keep_theirs(
            len in 0usize..9_000,
            changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u32>()), 0..40),
        ) {
            let (mut rows, mut model) = (CowRows::default(), Vec::new());
            for n in 0..len as u32 {
                rows.push(n);
                model.push(n);
            }
            let before = rows.clone();
            for (at, value) in changes.into_iter().filter(|_| len > 0) {
                let at = at.index(len);
                *rows.get_mut(at).unwrap() = value;
                model[at] = value;
            }
            prop_assert!(rows.iter().eq(&model));
            prop_assert!(model.iter().enumerate().all(|(n, value)| rows.get(n) == Some(value)));
            prop_assert_eq!((rows.len(), rows.get(len)), (len, None));
            prop_assert_eq!(rows.get_mut(len), None);
            prop_assert!(before.iter().copied().eq(0..len as u32));
        }
    }

    #[test]
    fn a_change_among_a_million_rows_copies_a_page_and_pointers() {
        let mut rows: CowRows<[u64; 4]> = CowRows::default();
        (0..1_000_000).for_each(|n| rows.push([n; 4]));
        let before = rows.clone();
        rows.get_mut(777_777).unwrap()[0] = 1;
        assert_eq!(rows.octets_beyond(&before), 64 * 32 + 64 * 8 + 245 * 8);
    }
}
