//! VNI to network: a direct two-level table, two loads, memory in proportion to the 256-blocks in use.

use crate::NetworkId;
use std::sync::Arc;
use wire::Vni;

const LEAF: usize = 256;
const ROOT: usize = 1 << 16;

/// Network of each VNI in use. Leaf 0 is the empty one, to which every unused root place points.
#[derive(Clone)]
pub struct VniTable {
    root: Arc<[u16; ROOT]>,
    leaves: Vec<Arc<[u16; LEAF]>>,
}

impl Default for VniTable {
    fn default() -> Self {
        Self { root: Arc::new([0; ROOT]), leaves: vec![Arc::new([0; LEAF])] }
    }
}

impl VniTable {
    /// The network of a VNI as it stands in a frame (24 bits; more are ignored).
    #[inline(always)]
    pub fn lookup(&self, vni: u32) -> Option<NetworkId> {
        let leaf = self.root[(vni >> 8) as usize & (ROOT - 1)];
        match self.leaves.get(usize::from(leaf))?[vni as usize & (LEAF - 1)] {
            0 => None,
            network => NetworkId::new(usize::from(network) - 1),
        }
    }

    pub(crate) fn set(&mut self, vni: Vni, network: NetworkId) {
        let (high, low) = (vni.value() as usize >> 8, vni.value() as usize & (LEAF - 1));
        if self.root[high] == 0 {
            // At most 65,535 networks, hence at most as many leaves.
            Arc::make_mut(&mut self.root)[high] = self.leaves.len() as u16;
            self.leaves.push(Arc::new([0; LEAF]));
        }
        let leaf = &mut self.leaves[usize::from(self.root[high])];
        Arc::make_mut(leaf)[low] = network.row() as u16 + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    proptest! {
        #[test]
        fn agrees_with_the_standard_map(
            entries in proptest::collection::hash_map(1u64..=0xff_ffff, 0usize..=NetworkId::MAX, 0..200),
            probe in 0u32..=0xff_ffff,
        ) {
            let mut table = VniTable::default();
            for (vni, network) in &entries {
                table.set(Vni::try_from(*vni).unwrap(), NetworkId::new(*network).unwrap());
            }
            let oracle: HashMap<u32, usize> = entries.iter().map(|(v, n)| (*v as u32, *n)).collect();
            for vni in entries.keys().map(|v| *v as u32).chain([probe, 0]) {
                prop_assert_eq!(table.lookup(vni).map(NetworkId::row), oracle.get(&vni).copied());
            }
        }
    }
}
