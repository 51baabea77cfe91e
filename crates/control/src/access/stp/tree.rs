//! One tree of a BPDU network: who sends, who is designated, and whether two are.

use super::{Event, FORGOTTEN_AFTER, Member};
use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};
use wire::bpdu::{Bpdu, BridgeId, Configuration, Message, PortId, PortRole, Version};

/// Whoever misses so many of a port's messages in a row takes it for gone (IEEE 802.1D-2004 clause 17.21.23).
const MISSED: u32 = 3;

/// A port of a switch, and by which member it is heard.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sender {
    /// The switch.
    pub bridge: BridgeId,
    /// Its port.
    pub port: PortId,
    /// Where it is.
    pub member: Member,
}

impl fmt::Display for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "port {} of bridge {}, by {}", self.port, self.bridge, self.member)
    }
}

/// What a sender said last, and when.
#[derive(Debug, Clone, Copy)]
pub struct Heard {
    /// When it said the last.
    pub last: Instant,
    /// How many messages it sent.
    pub bpdus: u64,
    /// How many topology changes it told.
    pub topology_changes: u64,
    /// Its protocol.
    pub version: Version,
    /// Whether in PVST+'s form.
    pub pvst: bool,
    /// What it said.
    pub said: Configuration,
    /// Since when it has been sending as a designated port that may forward, without a gap.
    designated_since: Option<Instant>,
    is_silent: bool,
}

impl Heard {
    /// What the port is. Legacy spanning tree's configuration messages come from designated ports alone.
    pub fn role(&self) -> PortRole {
        if self.version == Version::Stp { PortRole::Designated } else { self.said.flags.role() }
    }

    /// Whether it forwards, as far as it says: legacy spanning tree does not.
    pub fn forwards(&self) -> Option<bool> {
        (self.version != Version::Stp).then_some(self.said.flags.forwarding())
    }

    /// How long it may be silent: three of its hello times.
    fn patience(&self) -> Duration {
        let hello = Duration::from_secs(1) * u32::from(self.said.times.hello) / 256;
        hello.clamp(Duration::from_secs(1), Duration::from_secs(10)) * MISSED
    }

    /// Whether it still sends.
    pub fn is_live(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.last) <= self.patience()
    }

    fn is_designated(&self) -> bool {
        self.role() == PortRole::Designated
    }

    /// The order in which ports are better: IEEE 802.1D-2004 clause 17.6.
    fn priority(&self) -> (BridgeId, u32, BridgeId, PortId) {
        (self.said.root, self.said.root_cost, self.said.bridge, self.said.port)
    }
}

/// One spanning tree.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    senders: BTreeMap<Sender, Heard>,
    root: Option<BridgeId>,
    designated: Option<Sender>,
    dual_active: bool,
}

impl Tree {
    /// Who was heard, and what he said.
    pub fn senders(&self) -> impl Iterator<Item = (&Sender, &Heard)> {
        self.senders.iter()
    }

    /// How many.
    pub(super) fn len(&self) -> usize {
        self.senders.len()
    }

    /// The root, as the designated port says.
    pub fn root(&self) -> Option<BridgeId> {
        self.root
    }

    /// The best of those that are designated now.
    pub fn designated(&self) -> Option<&Sender> {
        self.designated.as_ref()
    }

    /// Whether two ports forward.
    pub fn is_dual_active(&self) -> bool {
        self.dual_active
    }

    /// Takes in a message. A sender that is new is not followed if there `is_no_room`.
    pub(super) fn hear(&mut self, now: Instant, member: Member, bpdu: &Bpdu, is_no_room: bool) -> Vec<Event> {
        let change =
            |by: &dyn fmt::Display| Event { what: format!("topology change from {by}"), is_topology_change: true };
        let Message::Configuration(said) = bpdu.message else { return vec![change(&member)] };
        let sender = Sender { bridge: said.bridge, port: said.port, member };
        let before = self.senders.get(&sender).copied();
        if before.is_none() && is_no_room {
            return Vec::new();
        }
        let is_raised =
            said.flags.topology_change() && !before.is_some_and(|before| before.said.flags.topology_change());
        let went_on = before.filter(|before| before.is_live(now)).and_then(|before| before.designated_since);
        let mut heard = Heard {
            last: now,
            bpdus: before.map_or(0, |before| before.bpdus) + 1,
            topology_changes: before.map_or(0, |before| before.topology_changes) + u64::from(is_raised),
            version: bpdu.version,
            pvst: bpdu.pvst,
            said,
            designated_since: None,
            is_silent: false,
        };
        if heard.is_designated() && heard.forwards() != Some(false) {
            heard.designated_since = went_on.or(Some(now));
        }
        let events = if is_raised { vec![change(&sender)] } else { Vec::new() };
        self.senders.insert(sender, heard);
        events
    }

    /// Says what is different now.
    pub(super) fn judge(&mut self, now: Instant) -> Vec<Event> {
        let mut events = Vec::new();
        for (sender, heard) in &mut self.senders {
            if !heard.is_silent && !heard.is_live(now) {
                heard.is_silent = true;
                if heard.is_designated() {
                    events.push(format!("nothing more is heard from {sender}").into());
                }
            }
        }
        self.judge_designated(now, &mut events);
        self.judge_loop(now, &mut events);
        events
    }

    fn judge_designated(&mut self, now: Instant, events: &mut Vec<Event>) {
        let live = self.senders.iter().filter(|(_, heard)| heard.is_live(now) && heard.is_designated());
        let Some((sender, heard)) = live.min_by_key(|(_, heard)| heard.priority()) else {
            self.designated = None;
            return;
        };
        if self.designated.as_ref() != Some(sender) {
            events.push(format!("designated is {sender} ({})", heard.version).into());
            self.designated = Some(sender.clone());
        }
        if self.root != Some(heard.said.root) {
            events.push(format!("root is {}", heard.said.root).into());
            self.root = Some(heard.said.root);
        }
    }

    /// Two that have both been sending for so long that each has had time to hear the other three times.
    fn judge_loop(&mut self, now: Instant, events: &mut Vec<Event>) {
        let lasts = |heard: &Heard| {
            let since = heard.designated_since.filter(|_| heard.is_live(now));
            since.is_some_and(|since| now.saturating_duration_since(since) >= heard.patience())
        };
        let mut forwarding: Vec<&Sender> = Vec::new();
        for (sender, _) in self.senders.iter().filter(|(_, heard)| lasts(heard)) {
            // A port that is heard by two members is one port: the link behind them is one, and no loop of two ports.
            if !forwarding.iter().any(|other| (other.bridge, other.port) == (sender.bridge, sender.port)) {
                forwarding.push(sender);
            }
        }
        let is = forwarding.len() > 1;
        if is && !self.dual_active {
            let list: Vec<String> = forwarding.iter().map(ToString::to_string).collect();
            events.push(format!("danger of a loop: {} are all designated", list.join(" and ")).into());
        }
        if !is && self.dual_active {
            events.push("no more than one port is designated again".to_owned().into());
        }
        self.dual_active = is;
    }

    /// Forgets who has been silent for long; returns how many.
    pub(super) fn forget(&mut self, now: Instant) -> usize {
        let before = self.senders.len();
        self.senders.retain(|_, heard| now.saturating_duration_since(heard.last) < FORGOTTEN_AFTER);
        before - self.senders.len()
    }
}
