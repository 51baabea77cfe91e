//! Raw to model: what holds for all networks, and lists of encapsulations.

use hashbrown::HashMap;
use wire::Encapsulation;

use super::errors::Problems;
use super::network_model::{GlobalVrouterConfig, VxlanNetworkIdentifierMode};
use super::object::Object;
use super::place::Place;
use super::problem::{Excerpt, Problem};
use super::raw::{RawGlobal, RawNetwork};
use super::value::{self, Judged};

/// Reads `global_vrouter_config` of the network file.
pub(super) fn read(file: Object<'_>, raw: &RawNetwork, problems: &mut Problems) -> Option<GlobalVrouterConfig> {
    let default = GlobalVrouterConfig::default();
    let Some(raw) = &raw.global_vrouter_config else { return Some(default) };
    let global = file.section("global_vrouter_config", "global_vrouter_config");
    global.refuse_unknown::<RawGlobal>(problems, &raw.unknown);
    let (key, texts) = ("encapsulation_priorities", &raw.encapsulation_priorities);
    let priorities = encapsulations(global, key, texts, &default.encapsulation_priorities, problems);
    let (key, text) = ("vxlan_network_identifier_mode", &raw.vxlan_network_identifier_mode);
    let mode = global.or(problems, key, text, default.vxlan_network_identifier_mode, mode);
    Some(GlobalVrouterConfig { encapsulation_priorities: priorities?, vxlan_network_identifier_mode: mode? })
}

fn mode(key: &'static str, text: &str) -> Judged<VxlanNetworkIdentifierMode> {
    match text {
        "configured" => Ok(VxlanNetworkIdentifierMode::Configured),
        "automatic" => Ok(VxlanNetworkIdentifierMode::Automatic),
        _ => Err(Problem::Choice { key, value: Excerpt::new(text), expected: "configured or automatic" }),
    }
}

/// A list of encapsulations, in the file's order: at least one, none twice.
pub(super) fn encapsulations(
    at: Object<'_>,
    key: &'static str,
    texts: &Option<Vec<String>>,
    default: &[Encapsulation],
    problems: &mut Problems,
) -> Option<Vec<Encapsulation>> {
    if texts.is_none() {
        return Some(default.to_vec());
    }
    let mut firsts: HashMap<Encapsulation, Place> = HashMap::new();
    let mut list = Vec::new();
    for (spot, text) in at.list(key, texts) {
        let encapsulation = value::encapsulation(key, text);
        let encapsulation = encapsulation.map_err(|problem| problems.add(spot.place(), problem)).ok();
        if let Some(encapsulation) = encapsulation
            && let Some(first) = firsts.insert(encapsulation, spot.place())
        {
            problems.add(spot.place(), Problem::DuplicateEncapsulation { key, encapsulation, first });
        }
        list.push(encapsulation);
    }
    if list.is_empty() {
        problems.add(at.place_of(key), Problem::NoEncapsulation { key });
        return None;
    }
    list.into_iter().collect()
}
