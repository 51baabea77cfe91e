//! Whether the access ports are open: only while the fabric can carry what comes in by them.
//!
//! A gateway that has lost the fabric looks alive to the switch behind its access port: it would go on sending into a hole,
//! and hear no BPDUs by which it could know better. So the ports are closed when the last fabric port is lost, and opened
//! when one is back and the VTEPs are reached, or a hold-down is over: one VTEP that is gone must not keep all from the rest.

use crate::config::UplinkModel;
use std::time::{Duration, Instant};

/// A port that begins closed keeps its link for so long: most are opened at once, and a link that flaps costs its peer more.
const LINK_STAYS: Duration = Duration::from_secs(1);

/// How the access ports are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Open.
    Open,
    /// Closed: no fabric port with a link and a host interface that is up.
    FabricDown,
    /// Closed: the fabric is up, and not all VTEPs are reached yet.
    Waiting,
}

impl State {
    /// Why the ports are closed, if they are.
    pub(crate) fn why_closed(self) -> Option<&'static str> {
        match self {
            Self::Open => None,
            Self::FabricDown => Some("no fabric port has a link and a host interface that is up"),
            Self::Waiting => Some("not all VTEPs are reached yet, and the hold-down is not over"),
        }
    }
}

/// The fabric as it is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fabric {
    /// Whether a fabric port is up.
    pub(crate) is_up: bool,
    /// VTEPs that are sent to and not reached.
    pub(crate) unresolved: usize,
}

/// The decision, and what it depends on.
#[derive(Debug)]
pub(crate) struct Uplink {
    model: UplinkModel,
    state: State,
    began: Instant,
    fabric_up_since: Option<Instant>,
    was_open: bool,
}

impl Uplink {
    /// Closed until the fabric is seen to be up; open if it is not tracked.
    pub(crate) fn new(now: Instant, model: UplinkModel) -> Self {
        let state = if model.enabled { State::FabricDown } else { State::Open };
        Self { model, state, began: now, fabric_up_since: None, was_open: false }
    }

    /// How the ports are.
    pub(crate) fn state(&self) -> State {
        self.state
    }

    /// Goes by this from now on.
    pub(crate) fn configure(&mut self, model: UplinkModel) {
        self.model = model;
    }

    /// Decides anew. Returns what happened if the ports were opened or closed.
    pub(crate) fn turn(&mut self, now: Instant, fabric: Fabric) -> Option<String> {
        let before = self.state;
        let (state, what) = self.decide(now, fabric);
        self.state = state;
        self.was_open |= state == State::Open;
        ((state == State::Open) != (before == State::Open)).then_some(what)
    }

    fn decide(&mut self, now: Instant, Fabric { is_up, unresolved }: Fabric) -> (State, String) {
        if !self.model.enabled {
            return (State::Open, "opened: uplink_tracking is off".into());
        }
        if !is_up {
            self.fabric_up_since = None;
            let why = State::FabricDown.why_closed().unwrap_or_default();
            return (State::FabricDown, format!("closed: {why}"));
        }
        let since = *self.fabric_up_since.get_or_insert(now);
        if self.state == State::Open {
            return (State::Open, String::new());
        }
        let waited = now.saturating_duration_since(since);
        match unresolved {
            0 => (State::Open, "opened: the fabric is up and every VTEP is reached".into()),
            n if waited >= self.model.hold_down => {
                let waited = self.model.hold_down.as_millis();
                (
                    State::Open,
                    format!("opened: the fabric has been up for {waited} ms; VTEPs that are not reached: {n}"),
                )
            }
            _ => (State::Waiting, String::new()),
        }
    }

    /// Whether the ports should have a link.
    pub(crate) fn wants_links(&self, now: Instant) -> bool {
        let is_fresh = !self.was_open && now.saturating_duration_since(self.began) < LINK_STAYS;
        self.state == State::Open || is_fresh
    }

    /// How long until it may decide otherwise by itself.
    pub(crate) fn pause(&self, now: Instant) -> Option<Duration> {
        let since = self.fabric_up_since.filter(|_| self.state == State::Waiting)?;
        Some((since + self.model.hold_down).saturating_duration_since(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOLD_DOWN: Duration = Duration::from_secs(10);
    const UP: Fabric = Fabric { is_up: true, unresolved: 0 };
    const HALF: Fabric = Fabric { is_up: true, unresolved: 3 };
    const DOWN: Fabric = Fabric { is_up: false, unresolved: 3 };

    fn model(enabled: bool) -> UplinkModel {
        UplinkModel { enabled, hold_down: HOLD_DOWN }
    }

    #[test]
    fn ports_open_at_once_when_every_vtep_is_reached_and_close_when_the_fabric_is_lost() {
        let now = Instant::now();
        let mut uplink = Uplink::new(now, model(true));
        assert_eq!((uplink.turn(now, DOWN), uplink.state()), (None, State::FabricDown));
        let opened = uplink.turn(now, UP).expect("it opens");
        assert_eq!(
            (opened.as_str(), uplink.state()),
            ("opened: the fabric is up and every VTEP is reached", State::Open)
        );
        // A VTEP that goes later is the VTEP's business.
        assert_eq!((uplink.turn(now, HALF), uplink.state()), (None, State::Open));
        let closed = uplink.turn(now, DOWN).expect("it closes");
        assert_eq!(closed, "closed: no fabric port has a link and a host interface that is up");
        assert_eq!(uplink.turn(now, DOWN), None);
    }

    #[test]
    fn a_vtep_that_is_not_reached_keeps_ports_closed_for_the_hold_down_and_no_longer() {
        let now = Instant::now();
        let mut uplink = Uplink::new(now, model(true));
        assert_eq!((uplink.turn(now, HALF), uplink.state()), (None, State::Waiting));
        assert_eq!(uplink.pause(now + HOLD_DOWN / 4), Some(HOLD_DOWN / 4 * 3));
        // What was lost in between begins anew.
        let again = now + HOLD_DOWN / 2;
        uplink.turn(again, DOWN);
        uplink.turn(again, HALF);
        assert_eq!(uplink.turn(now + HOLD_DOWN, HALF), None);
        let opened = uplink.turn(again + HOLD_DOWN, HALF).expect("it opens");
        assert_eq!(opened, "opened: the fabric has been up for 10000 ms; VTEPs that are not reached: 3");
        assert_eq!(uplink.pause(now), None);
    }

    #[test]
    fn links_go_with_a_loss_at_once_and_stay_at_the_start_unless_it_takes_long() {
        let now = Instant::now();
        let mut uplink = Uplink::new(now, model(true));
        uplink.turn(now, DOWN);
        assert!(uplink.wants_links(now) && !uplink.wants_links(now + LINK_STAYS));
        uplink.turn(now, HALF);
        assert!(uplink.wants_links(now) && !uplink.wants_links(now + LINK_STAYS));
        uplink.turn(now, UP);
        assert!(uplink.wants_links(now + HOLD_DOWN));
        uplink.turn(now, DOWN);
        assert!(!uplink.wants_links(now));
        uplink.turn(now, HALF);
        assert!(!uplink.wants_links(now), "it comes when the ports open");
    }

    #[test]
    fn without_tracking_ports_are_always_open_and_a_reload_may_turn_it_on_or_off() {
        let now = Instant::now();
        let mut uplink = Uplink::new(now, model(false));
        assert_eq!((uplink.turn(now, DOWN), uplink.state()), (None, State::Open));
        uplink.configure(model(true));
        assert!(uplink.turn(now, DOWN).is_some_and(|what| what.starts_with("closed")));
        uplink.configure(model(false));
        assert_eq!(uplink.turn(now, DOWN).as_deref(), Some("opened: uplink_tracking is off"));
    }
}
