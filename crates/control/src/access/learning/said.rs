//! What learning tells operators, at a pace: in a loop every station of a network moves all the time.

use super::Turn;
use crate::access::log::EventKind;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Events a second.
const PACE: u32 = 20;
const SECOND: Duration = Duration::from_secs(1);

/// What was said in this second.
#[derive(Debug, Default)]
pub(super) struct Said {
    begun: Option<Instant>,
    events: u32,
    untold: u64,
}

impl Said {
    /// Adds an event, or counts it if there were many.
    pub(super) fn say(&mut self, turn: &mut Turn<'_>, about: String, what: String) {
        self.look(turn);
        self.events += 1;
        if self.events <= PACE {
            Arc::make_mut(turn.log).add(EventKind::Learning, about, what);
        } else {
            self.untold += 1;
        }
    }

    /// Begins another second, and tells how much the one before left out.
    pub(super) fn look(&mut self, turn: &mut Turn<'_>) {
        if self.begun.is_some_and(|begun| turn.now.saturating_duration_since(begun) < SECOND) {
            return;
        }
        (self.begun, self.events) = (Some(turn.now), 0);
        match std::mem::take(&mut self.untold) {
            0 => {}
            untold => {
                let what = format!("{untold} more events of learning in a second");
                Arc::make_mut(turn.log).add(EventKind::Learning, "all", what);
            }
        }
    }
}
