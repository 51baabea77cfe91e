//! Raw to model: storm control, of a virtual network or a VMI.

use fib::{StormBudget, StormClass};

use super::errors::Problems;
use super::object::Object;
use super::problem::{Excerpt, Problem};
use super::raw::RawStormControl;
use super::value::Judged;

/// The most that a budget can be; one beyond what a port carries is `off`.
pub(super) const MAX_PPS: u32 = 100_000_000;

/// Flooded frames that may pass each second, by kind; `None`: no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StormControl {
    /// To everybody.
    pub broadcast_pps: Option<u32>,
    /// To stations that the network does not know.
    pub unknown_unicast_pps: Option<u32>,
    /// To other groups.
    pub multicast_pps: Option<u32>,
}

impl StormControl {
    /// What holds for a VMI that says nothing. An instance with a thousand neighbours that asks for all of them anew within a
    /// second stays below it; a loop does not.
    pub const OF_VMI: Self = Self::all(1_000, 1_000, 10_000);
    /// What holds for a network that says nothing: ten such VMIs at once.
    pub const OF_NETWORK: Self = Self::all(10_000, 10_000, 100_000);

    const fn all(broadcast: u32, unknown_unicast: u32, multicast: u32) -> Self {
        Self {
            broadcast_pps: Some(broadcast),
            unknown_unicast_pps: Some(unknown_unicast),
            multicast_pps: Some(multicast),
        }
    }

    /// Frames a second of a class; `None`: no limit.
    pub const fn of(&self, class: StormClass) -> Option<u32> {
        match class {
            StormClass::Broadcast => self.broadcast_pps,
            StormClass::UnknownUnicast => self.unknown_unicast_pps,
            StormClass::Multicast => self.multicast_pps,
        }
    }

    /// As workers take it.
    pub fn budget(&self) -> StormBudget {
        StormBudget::new(StormClass::ALL.map(|class| self.of(class)))
    }
}

/// Reads `storm_control` of an object; what is not in it is as in `default`.
pub(super) fn read(
    of: Object<'_>,
    problems: &mut Problems,
    raw: Option<&RawStormControl>,
    default: StormControl,
) -> Option<StormControl> {
    let Some(raw) = raw else { return Some(default) };
    let at = of.section("storm_control", "storm_control");
    at.refuse_unknown::<RawStormControl>(problems, &raw.unknown);
    let mut rate = |key, text, default| at.or(problems, key, text, default, frames_per_second);
    let broadcast = rate("broadcast_pps", &raw.broadcast_pps, default.broadcast_pps);
    let unknown = rate("unknown_unicast_pps", &raw.unknown_unicast_pps, default.unknown_unicast_pps);
    let multicast = rate("multicast_pps", &raw.multicast_pps, default.multicast_pps);
    Some(StormControl { broadcast_pps: broadcast?, unknown_unicast_pps: unknown?, multicast_pps: multicast? })
}

/// A budget, or `off`. Not 0, which some take for none and others for no limit.
fn frames_per_second(key: &'static str, text: &str) -> Judged<Option<u32>> {
    if text == "off" {
        return Ok(None);
    }
    let number = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
    let rate = text.parse().ok().filter(|rate| number && (1..=MAX_PPS).contains(rate));
    rate.map(Some).ok_or_else(|| Problem::RateOrOff { key, value: Excerpt::new(text), max: MAX_PPS })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_plain_number_or_off() {
        for (text, expected) in [
            ("off", Some(None)),
            ("1", Some(Some(1))),
            ("100000000", Some(Some(100_000_000))),
            ("100000001", None),
            ("0", None),
            ("01", None),
            ("+1", None),
            ("1_000", None),
            ("1e3", None),
            ("Off", None),
            ("", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(frames_per_second("broadcast_pps", text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn budgets_follow_the_classes() {
        let control = StormControl { broadcast_pps: Some(1), unknown_unicast_pps: None, multicast_pps: Some(3) };
        assert_eq!(StormClass::ALL.map(|class| control.of(class)), [Some(1), None, Some(3)]);
        assert_eq!(control.budget(), StormBudget::new([Some(1), None, Some(3)]));
    }
}
