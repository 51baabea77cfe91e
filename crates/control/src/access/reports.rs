//! What of the instances' reachability goes into the event log: each change, unless a thousand come at once, whose number is
//! said instead, so that they do not drive everything else out of it.

use super::log::{EventKind, EventLog};
use super::probes::{MISSED, Reachability, State, Target};
use std::time::{Duration, Instant};

/// Changes that are events of their own, in each second.
const TOLD: u32 = 100;
const SECOND: Duration = Duration::from_secs(1);

/// What was not told one by one of late.
#[derive(Debug, Default)]
pub(super) struct Reports {
    began: Option<Instant>,
    told: u32,
    appeared: u32,
    vanished: u32,
}

impl Reports {
    /// An address of an instance has changed. Nothing is said of one that never was there.
    pub(super) fn add(&mut self, now: Instant, log: &mut EventLog, before: State, (of, is): (&Target, &Reachability)) {
        let appeared = match (before, is.state) {
            (_, State::Reachable) => true,
            (State::Reachable, State::Unreachable) => false,
            // The port's own event says so for all behind it.
            _ => return,
        };
        self.began.get_or_insert(now);
        self.told += 1;
        if self.told > TOLD {
            *(if appeared { &mut self.appeared } else { &mut self.vanished }) += 1;
            return;
        }
        let what = match is.mac {
            Some(mac) if appeared && mac != of.mac => format!("reachable with another MAC, {mac}"),
            _ if appeared => "reachable".to_owned(),
            _ => format!("unreachable: {MISSED} probes in a row without an answer"),
        };
        log.add(EventKind::Reachability, format!("{} {}", of.vmi, of.address), what);
    }

    /// Whether nothing is left to be said.
    pub(super) fn is_idle(&self) -> bool {
        self.began.is_none()
    }

    /// Says how many more there were, when the second is over.
    pub(super) fn turn(&mut self, now: Instant, log: &mut EventLog) {
        if self.began.is_none_or(|began| now.saturating_duration_since(began) < SECOND) {
            return;
        }
        for (count, what) in [(self.appeared, "reachable"), (self.vanished, "unreachable")] {
            if count > 0 {
                log.add(EventKind::Reachability, "further addresses", format!("{count} more became {what}"));
            }
        }
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fib::{PortIndex, VifIndex};
    use wire::MacAddr;

    const MAC: MacAddr = MacAddr::new([2, 0, 0, 0, 0, 1]);

    fn target(n: u32) -> Target {
        Target {
            vmi: "vmi".into(),
            vif: VifIndex::new(0).unwrap(),
            port: PortIndex::new(0).unwrap(),
            mac: MAC,
            address: std::net::Ipv4Addr::from_bits(n).into(),
            source: None,
            since_generation: 0,
        }
    }

    fn texts(log: &EventLog) -> Vec<String> {
        log.events().map(|event| format!("{}: {}", event.about, event.what)).collect()
    }

    #[test]
    fn changes_are_told_one_by_one_until_they_are_too_many() {
        let (mut reports, mut log, now) = (Reports::default(), EventLog::default(), Instant::now());
        let is = |state, mac| Reachability { state, since: now, heard: None, mac, unanswered: 3 };
        let mut add = |n, before, is| reports.add(now, &mut log, before, (&target(n), &is));
        add(1, State::Unknown, is(State::Reachable, Some(MAC)));
        add(1, State::Reachable, is(State::Unreachable, Some(MAC)));
        add(1, State::Unreachable, is(State::Reachable, Some(MacAddr::new([2, 0, 0, 0, 0, 2]))));
        add(2, State::Unknown, is(State::Unreachable, None));
        add(3, State::Reachable, is(State::PortDown, None));
        (0..1000).for_each(|n| add(n, State::Reachable, is(State::Unreachable, None)));
        reports.turn(now, &mut log);
        assert_eq!(log.events().len(), TOLD as usize);
        assert_eq!(
            texts(&log)[..3],
            [
                "vmi 0.0.0.1: reachable",
                "vmi 0.0.0.1: unreachable: 3 probes in a row without an answer",
                "vmi 0.0.0.1: reachable with another MAC, 02:00:00:00:00:02"
            ]
        );
        reports.turn(now + SECOND, &mut log);
        assert_eq!(texts(&log).last().unwrap(), "further addresses: 903 more became unreachable");
        reports.add(now, &mut log, State::Unknown, (&target(9), &is(State::Reachable, None)));
        assert_eq!(texts(&log).last().unwrap(), "vmi 0.0.0.9: reachable");
    }
}
