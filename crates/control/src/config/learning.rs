//! Raw to model: MAC learning, its limits, and what a MAC may move.

use std::fmt;
use std::time::Duration;

use super::errors::Problems;
use super::object::Object;
use super::problem::{Excerpt, Problem};
use super::raw::{RawMacLimit, RawMacMove, RawVirtualNetwork};
use super::value::{self, Judged};

/// A day: the longest that a station is remembered without a sign of life, unless it is for ever.
const MAX_AGEING_S: u32 = 86_400;
/// As long as switches remember.
const AGEING_S: u32 = 300;
/// The most that a limit can say; above the most that a node learns it says nothing.
const MAX_MACS: u32 = 1_048_576;
const MAX_MOVES: u32 = 1_000_000;
const MAX_WINDOW_S: u32 = 3_600;

/// How a network learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MacLearning {
    /// `mac_learning_enabled`.
    pub enabled: bool,
    /// `mac_aging_time` in seconds; 0: stations are never forgotten for their silence.
    pub aging_time_s: u32,
    /// `mac_limit_control`: stations of the network that may be learned on this node.
    pub limit: MacLimit,
    /// `mac_move_control`: how often a station may move.
    pub moves: MacMove,
}

impl MacLearning {
    /// After how much silence a station is forgotten, if ever.
    pub fn ageing(&self) -> Option<Duration> {
        (self.aging_time_s > 0).then(|| Duration::from_secs(self.aging_time_s.into()))
    }
}

/// How many stations may be learned, and what happens when there is one more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MacLimit {
    /// 0: no limit.
    pub most: u32,
    /// What happens then.
    pub action: MacLimitAction,
}

impl MacLimit {
    /// No limit.
    pub const NONE: Self = Self { most: 0, action: MacLimitAction::Log };

    /// Whether so many stations are as many as there may be.
    pub const fn is_reached(self, count: u32) -> bool {
        self.most > 0 && count >= self.most
    }
}

/// How often a station may move between the interfaces of a network within a time, and what happens when it does once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MacMove {
    /// 0: as often as it likes.
    pub most: u32,
    /// The time, in seconds.
    pub window_s: u32,
    /// What happens then.
    pub action: MacLimitAction,
}

impl MacMove {
    /// What holds for a network that says nothing: a virtual machine moves once, a loop all the time.
    pub const DEFAULT: Self = Self { most: 5, window_s: 10, action: MacLimitAction::Log };

    /// The time.
    pub fn window(&self) -> Duration {
        Duration::from_secs(self.window_s.into())
    }
}

/// What happens to a station that is one too many, or moves once too often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MacLimitAction {
    /// It is not learned, or stays where it was; an event tells.
    Log,
    /// And its interface or network is marked until there is room.
    Alarm,
    /// And the VMI stops forwarding.
    Shutdown,
    /// And its frames are dropped.
    Drop,
}

impl MacLimitAction {
    const ALL: [Self; 4] = [Self::Log, Self::Alarm, Self::Shutdown, Self::Drop];

    /// The word in the file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Alarm => "alarm",
            Self::Shutdown => "shutdown",
            Self::Drop => "drop",
        }
    }
}

impl fmt::Display for MacLimitAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

fn action(key: &'static str, text: &str) -> Judged<MacLimitAction> {
    let expected = "log, alarm, shutdown or drop";
    let known = MacLimitAction::ALL.into_iter().find(|action| action.name() == text);
    known.ok_or_else(|| Problem::Choice { key, value: Excerpt::new(text), expected })
}

/// Reads what a virtual network says of learning.
pub(super) fn read(at: Object<'_>, problems: &mut Problems, raw: &RawVirtualNetwork) -> Option<MacLearning> {
    let enabled = at.or(problems, "mac_learning_enabled", &raw.mac_learning_enabled, false, value::boolean);
    let ageing = value::number(0, MAX_AGEING_S);
    let ageing = at.or(problems, "mac_aging_time", &raw.mac_aging_time, AGEING_S, ageing);
    let limit = limit(at, problems, raw.mac_limit_control.as_ref());
    let moves = moves(at, problems, raw.mac_move_control.as_ref());
    Some(MacLearning { enabled: enabled?, aging_time_s: ageing?, limit: limit?, moves: moves? })
}

/// Reads `mac_limit_control` of an object.
pub(super) fn limit(of: Object<'_>, problems: &mut Problems, raw: Option<&RawMacLimit>) -> Option<MacLimit> {
    let Some(raw) = raw else { return Some(MacLimit::NONE) };
    let at = of.section("mac_limit_control", "mac_limit_control");
    at.refuse_unknown::<RawMacLimit>(problems, &raw.unknown);
    let most = at.required(problems, "mac_limit", &raw.mac_limit, value::number(0, MAX_MACS));
    let action = at.or(problems, "mac_limit_action", &raw.mac_limit_action, MacLimitAction::Log, action);
    Some(MacLimit { most: most?, action: action? })
}

fn moves(of: Object<'_>, problems: &mut Problems, raw: Option<&RawMacMove>) -> Option<MacMove> {
    let default = MacMove::DEFAULT;
    let Some(raw) = raw else { return Some(default) };
    let at = of.section("mac_move_control", "mac_move_control");
    at.refuse_unknown::<RawMacMove>(problems, &raw.unknown);
    let most = at.or(problems, "mac_move_limit", &raw.mac_move_limit, default.most, value::number(0, MAX_MOVES));
    let window = value::number(1, MAX_WINDOW_S);
    let window = at.or(problems, "mac_move_time_window", &raw.mac_move_time_window, default.window_s, window);
    let action = at.or(problems, "mac_move_limit_action", &raw.mac_move_limit_action, default.action, action);
    Some(MacMove { most: most?, window_s: window?, action: action? })
}
