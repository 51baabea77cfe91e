//! VNI or label to what it stands for: a direct two-level table, two loads, memory in proportion to the 256-blocks in use.

use crate::{NetworkId, VifIndex};
use std::sync::Arc;
use wire::{MplsLabel, Vni};

const LEAF: usize = 256;
const ROOT: usize = 1 << 16;
const NETWORK: u32 = 1 << 30;
const VIF: u32 = 2 << 30;
const CONTROL_WORD: u32 = 1 << 29;
const ROW: u32 = CONTROL_WORD - 1;

/// What a packet from the fabric is in, by its VNI or label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inside {
    /// A network: the destination MAC decides.
    Network(NetworkId),
    /// One VMI's own label: the frame is for it or for nobody.
    Vif(VifIndex),
}

/// A place of an [`InsideTable`]: [`Inside`], and whether a control word stands before the frame. Four octets, 0: nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InsideEntry(u32);

impl InsideEntry {
    pub(crate) const fn new(inside: Inside, control_word: bool) -> Self {
        let place = match inside {
            Inside::Network(network) => NETWORK | network.row() as u32,
            Inside::Vif(vif) => VIF | vif.row() as u32,
        };
        Self(place | if control_word { CONTROL_WORD } else { 0 })
    }

    /// What it stands for; `None` if the number is nobody's.
    #[inline(always)]
    pub const fn inside(self) -> Option<Inside> {
        match self.0 & (NETWORK | VIF) {
            NETWORK => Some(Inside::Network(NetworkId::unpacked(self.0 & ROW))),
            VIF => Some(Inside::Vif(VifIndex::unpacked(self.0 & ROW))),
            _ => None,
        }
    }

    /// The network that it stands for, if no control word stands before the frame: the usual case, asked in one comparison.
    #[inline(always)]
    pub const fn plain_network(self) -> Option<NetworkId> {
        if self.0 & !ROW == NETWORK { Some(NetworkId::unpacked(self.0 & ROW)) } else { None }
    }

    /// Whether a control word stands between the label and the frame (RFC 4448 section 4.6); of a VNI never.
    #[inline(always)]
    pub const fn has_control_word(self) -> bool {
        self.0 & CONTROL_WORD != 0
    }
}

/// What each number of up to 24 bits stands for. Leaf 0 is the empty one, to which every unused root place points.
#[derive(Clone)]
pub struct InsideTable {
    root: Arc<[u16; ROOT]>,
    leaves: Vec<Arc<[u32; LEAF]>>,
}

impl Default for InsideTable {
    fn default() -> Self {
        Self { root: Arc::new([0; ROOT]), leaves: vec![Arc::new([0; LEAF])] }
    }
}

/// An [`InsideTable`], taken once for a burst.
#[derive(Clone, Copy)]
pub struct InsideNumbers<'t> {
    root: &'t [u16; ROOT],
    leaves: &'t [Arc<[u32; LEAF]>],
}

impl InsideNumbers<'_> {
    /// What a VNI or label stands for, as it stands in a frame (24 bits; more are ignored).
    #[inline(always)]
    pub fn lookup(self, number: u32) -> InsideEntry {
        let leaf = self.root[(number >> 8) as usize & (ROOT - 1)];
        InsideEntry(self.leaves.get(usize::from(leaf)).map_or(0, |leaf| leaf[number as usize & (LEAF - 1)]))
    }
}

impl InsideTable {
    /// The table for the packets of one burst.
    #[inline(always)]
    pub fn numbers(&self) -> InsideNumbers<'_> {
        InsideNumbers { root: &self.root, leaves: &self.leaves }
    }

    /// What a VNI or label stands for, as it stands in a frame (24 bits; more are ignored).
    #[inline(always)]
    pub fn lookup(&self, number: u32) -> InsideEntry {
        self.numbers().lookup(number)
    }

    /// Every number in use with what it stands for, ascending.
    pub fn iter(&self) -> impl Iterator<Item = (u32, InsideEntry)> + '_ {
        let blocks = (0u32..).zip(self.root.iter()).filter(|(_, leaf)| **leaf != 0);
        blocks.flat_map(|(high, leaf)| {
            let entries = (0u32..).zip(self.leaves[usize::from(*leaf)].iter());
            entries.filter(|(_, entry)| **entry != 0).map(move |(low, entry)| (high << 8 | low, InsideEntry(*entry)))
        })
    }

    pub(crate) fn set_vni(&mut self, vni: Vni, entry: InsideEntry) {
        self.set(vni.value(), entry);
    }

    pub(crate) fn set_label(&mut self, label: MplsLabel, entry: InsideEntry) {
        self.set(label.value(), entry);
    }

    fn set(&mut self, number: u32, entry: InsideEntry) {
        let (high, low) = (number as usize >> 8 & (ROOT - 1), number as usize & (LEAF - 1));
        if self.root[high] == 0 {
            // At most 65,535 networks, hence as many VNIs in as many leaves; labels have 4,096 blocks of 256.
            Arc::make_mut(&mut self.root)[high] = self.leaves.len() as u16;
            self.leaves.push(Arc::new([0; LEAF]));
        }
        let leaf = &mut self.leaves[usize::from(self.root[high])];
        Arc::make_mut(leaf)[low] = entry.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn entry() -> impl Strategy<Value = InsideEntry> {
        let inside = prop_oneof![
            (0usize..=NetworkId::MAX).prop_map(|row| Inside::Network(NetworkId::new(row).unwrap())),
            (0usize..=VifIndex::MAX).prop_map(|row| Inside::Vif(VifIndex::new(row).unwrap())),
        ];
        (inside, any::<bool>()).prop_map(|(inside, control_word)| InsideEntry::new(inside, control_word))
    }

    proptest! {
        #[test]
        fn agrees_with_the_standard_map(
            entries in proptest::collection::btree_map(1u64..=0xff_ffff, entry(), 0..200),
            probe in 0u32..=0xff_ffff,
        ) {
            let mut table = InsideTable::default();
            for (vni, entry) in &entries {
                table.set_vni(Vni::try_from(*vni).unwrap(), *entry);
            }
            let oracle: BTreeMap<u32, InsideEntry> = entries.iter().map(|(v, e)| (*v as u32, *e)).collect();
            for vni in entries.keys().map(|v| *v as u32).chain([probe, 0]) {
                prop_assert_eq!(table.lookup(vni).inside(), oracle.get(&vni).and_then(|entry| entry.inside()));
            }
            prop_assert!(table.iter().eq(oracle));
        }

        #[test]
        fn an_entry_keeps_what_it_was_made_of(row in 0usize..=VifIndex::MAX, control_word: bool) {
            let vif = Inside::Vif(VifIndex::new(row).unwrap());
            let entry = InsideEntry::new(vif, control_word);
            prop_assert_eq!((entry.inside(), entry.has_control_word()), (Some(vif), control_word));
        }
    }
}
