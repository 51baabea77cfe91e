//! Raw to model: BPDU networks, which carry what switches say to each other between the members that have VLAN 0.

mod warnings;

use hashbrown::HashMap;
use wire::MacAddr;
use wire::bpdu::reserved_group;

use super::network::Reading;
use super::network_model::{NetworkModel, ServedVmi, VmiIndex};
use super::object::Object;
use super::place::Place;
use super::problem::{Excerpt, Problem};
use super::raw::RawVirtualNetwork;
use super::value::{self, Judged};

pub(super) use warnings::warnings;

/// What a BPDU network carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BpduNetwork {
    groups: u16,
    /// `bpdu_pvst`: whether PVST+'s frames go from trunk to trunk, with their tags.
    pub pvst: bool,
    /// `transparent`: whether all other untagged frames that are no VMI's are carried too.
    pub transparent: bool,
}

impl Default for BpduNetwork {
    /// The bridge group, 01:80:c2:00:00:00, and the provider bridges', ..:08.
    fn default() -> Self {
        Self { groups: 1 | 1 << 8, pvst: false, transparent: false }
    }
}

impl BpduNetwork {
    /// The groups that it carries frames of, one bit each: bit `n` is 01:80:c2:00:00:0`n`.
    pub fn group_bits(&self) -> u16 {
        self.groups
    }

    /// The same as addresses.
    pub fn groups(&self) -> impl Iterator<Item = MacAddr> + use<> {
        let groups = self.groups;
        let listed = (0..16).filter(move |n| groups >> n & 1 != 0);
        listed.map(|n| MacAddr::from_bits(wire::bpdu::RESERVED_GROUPS | n))
    }
}

impl NetworkModel {
    /// By what the row of something served is known, as long as that is the same: the VMI, and of a BPDU network its port too.
    pub(crate) fn row_name(&self, served: &ServedVmi) -> String {
        let vmi = self[served.vmi].name.to_string();
        // Neither name has a line end in it.
        if self.is_bpdu(served.vmi) { format!("{vmi}\n{}", self[served.logical_interface].name) } else { vmi }
    }

    /// Whether a VMI is of a BPDU network: it stands for ports and is no instance, so nothing is asked of it or told about it.
    pub fn is_bpdu(&self, vmi: VmiIndex) -> bool {
        self[self[vmi].virtual_network].bpdu.is_some()
    }
}

impl Reading<'_> {
    /// What a virtual network says of control frames; `Some(None)` if it is no BPDU network.
    pub(super) fn bpdu(&mut self, at: Object<'_>, raw: &RawVirtualNetwork) -> Option<Option<BpduNetwork>> {
        let is = at.or(self.problems, "bpdu_network", &raw.bpdu_network, false, value::boolean);
        let groups = self.bpdu_groups(at, raw);
        let pvst = at.or(self.problems, "bpdu_pvst", &raw.bpdu_pvst, false, value::boolean);
        let transparent = at.or(self.problems, "transparent", &raw.transparent, false, value::boolean);
        if is == Some(false) {
            let given = [
                ("bpdu_groups", raw.bpdu_groups.is_some()),
                ("bpdu_pvst", raw.bpdu_pvst.is_some()),
                ("transparent", raw.transparent.is_some()),
            ];
            for (key, _) in given.into_iter().filter(|(_, is_given)| *is_given) {
                self.problems.add(at.key_place(key), Problem::NotABpduNetwork { key });
            }
            return Some(None);
        }
        is?;
        Some(Some(BpduNetwork { groups: groups?, pvst: pvst?, transparent: transparent? }))
    }

    fn bpdu_groups(&mut self, at: Object<'_>, raw: &RawVirtualNetwork) -> Option<u16> {
        const KEY: &str = "bpdu_groups";
        if raw.bpdu_groups.is_none() {
            return Some(BpduNetwork::default().groups);
        }
        let mut firsts: HashMap<u32, Place> = HashMap::new();
        let (mut groups, mut is_whole) = (0, true);
        for (spot, text) in at.list(KEY, &raw.bpdu_groups) {
            let problem = match group(KEY, text) {
                Err(problem) => problem,
                Ok(number) => match firsts.insert(number, spot.place()) {
                    Some(first) => Problem::DuplicateGroup { value: Excerpt::new(text), first },
                    None => {
                        groups |= 1 << number;
                        continue;
                    }
                },
            };
            self.problems.add(spot.place(), problem);
            is_whole = false;
        }
        if is_whole && groups == 0 {
            self.problems.add(at.place_of(KEY), Problem::NoGroup);
        }
        (is_whole && groups != 0).then_some(groups)
    }
}

/// The place of a reserved group address among the sixteen (IEEE 802.1Q-2018 table 8-1).
fn group(key: &'static str, text: &str) -> Judged<u32> {
    let mac: MacAddr = text.parse().map_err(|reason| Problem::Mac { key, value: Excerpt::new(text), reason })?;
    let refuse = |reason| Err(Problem::Group { value: Excerpt::new(text), reason });
    match reserved_group(mac.to_bits()) {
        None => refuse("is not one of 01:80:c2:00:00:00 to 01:80:c2:00:00:0f"),
        Some(0x1) => refuse("is for pause frames, which end at the other side of a link"),
        Some(0x2) => refuse("is for LACP and other slow protocols, which end at the other side of a link"),
        Some(0x3) => refuse("is for 802.1X, which ends at the other side of a link"),
        Some(0xe) => refuse("is for LLDP, which ends at the other side of a link"),
        Some(number) => Ok(number),
    }
}
