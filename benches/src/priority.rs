//! Before others on the machine: what they do is the largest part of the noise.

use std::fs;

/// Where the priority of the session stands.
const AUTOGROUP: &str = "/proc/self/autogroup";
/// The highest.
const NICE: &str = "-20";

/// The session has a high priority while this lives. Linux schedules sessions as groups, so that `nice` only counts among the
/// processes of one (sched(7), "The autogroup feature"). Changes nothing where the kernel does not do that, or not let it be done.
pub(crate) struct Priority {
    before: Option<String>,
}

impl Priority {
    /// Remembers the priority that the session has, and takes the highest.
    pub(crate) fn take() -> Self {
        let line = fs::read_to_string(AUTOGROUP).unwrap_or_default();
        // "/autogroup-123 nice 0"
        let before = line.trim().rsplit_once("nice ").map(|(_, nice)| nice.to_owned());
        let taken = before.is_some() && fs::write(AUTOGROUP, NICE).is_ok();
        Self { before: before.filter(|_| taken) }
    }
}

impl Drop for Priority {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            // It was writable before.
            _ = fs::write(AUTOGROUP, before);
        }
    }
}
