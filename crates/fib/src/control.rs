//! Which frames of a VLAN 0 are control frames of a BPDU network, and which interface has them.

use crate::{VifIndex, VlanEntry};
use wire::bpdu::{LINK_GROUPS, PVST_GROUP, reserved_group};

/// What a BPDU network carries between its members. Frames of a single link (pause, LACP, LLDP) are never among it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ControlFrames {
    groups: u16,
    pvst: bool,
    transparent: bool,
}

impl ControlFrames {
    /// Those to the reserved groups whose bits are set (bit `n`: 01:80:c2:00:00:0`n`), to PVST+'s group if `pvst`, and
    /// everything else that is untagged if `transparent`.
    pub const fn new(groups: u16, pvst: bool, transparent: bool) -> Self {
        Self { groups: groups & !LINK_GROUPS, pvst, transparent }
    }

    /// Whether a frame to `destination` (as `MacAddr::to_bits`) is one of them. Of a tagged frame, only PVST+'s is.
    #[inline(always)]
    pub const fn lists(self, destination: u64) -> bool {
        match reserved_group(destination) {
            Some(group) => self.groups >> group & 1 != 0,
            None => self.takes_pvst(destination),
        }
    }

    /// Whether a frame to `destination`, tagged or not, goes from trunk to trunk with its tag.
    #[inline(always)]
    pub const fn takes_pvst(self, destination: u64) -> bool {
        self.pvst && destination == PVST_GROUP
    }

    /// Whether all other untagged frames that are no interface's are the network's too.
    #[inline(always)]
    pub const fn is_transparent(self) -> bool {
        self.transparent
    }
}

/// The number of a port's [`ControlVlan`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ControlPort(pub(crate) u32);

/// The VLAN 0 of a port that is a member of a BPDU network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ControlVlan {
    /// The interface of the BPDU network: it has the control frames, and what is nobody's.
    pub vif: VifIndex,
    /// What the VLAN stands for otherwise: nothing, an interface, or several by their sources.
    pub others: VlanEntry,
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::bpdu::RESERVED_GROUPS;

    #[test]
    fn groups_of_a_link_cannot_be_listed_and_others_are_what_was_asked_for() {
        let all = ControlFrames::new(u16::MAX, false, false);
        for n in 0..16 {
            assert_eq!(all.lists(RESERVED_GROUPS | n), ![1, 2, 3, 14].contains(&n), "{n}");
        }
        let two = ControlFrames::new(1 | 1 << 8, true, false);
        let listed: Vec<u64> = (0..16).filter(|n| two.lists(RESERVED_GROUPS | n)).collect();
        assert_eq!(listed, [0, 8]);
        assert!(two.lists(PVST_GROUP) && two.takes_pvst(PVST_GROUP) && !two.takes_pvst(RESERVED_GROUPS));
        assert!(!all.lists(PVST_GROUP) && !all.lists(RESERVED_GROUPS | 16) && !all.lists(0));
    }
}
