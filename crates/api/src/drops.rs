use serde::{Deserialize, Serialize};

use crate::{Dropstats, Timestamp};

/// `GET /v1/drops`, narrowed down or widened by [`DropsQuery`](crate::DropsQuery): where every packet went.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DropsDocument {
    /// The accounting law over all workers.
    pub accounting: Accounting,
    /// The same for each worker.
    pub workers: Vec<WorkerAccounting>,
    /// Why packets were dropped: the reasons that occurred, or with `all` every reason there is.
    pub reasons: Vec<DropEntry>,
    /// When the reasons were cleared last: they count from then. The accounting law counts from the start of the
    /// process, whatever was cleared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cleared_at: Option<Timestamp>,
}

/// `received + injected + generated + copies + taken_over = transmitted + dropped + punted + consumed + handed_over + held`.
/// What the two sides differ by is `unaccounted`, and is 0 at rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accounting {
    /// Taken from ports.
    pub received: u64,
    /// Given to a worker by the host or by control.
    pub injected: u64,
    /// Made by a worker itself.
    pub generated: u64,
    /// Made by flooding, beyond the frame itself.
    pub copies: u64,
    /// Taken over from another worker.
    pub taken_over: u64,
    /// Accepted by a port.
    pub transmitted: u64,
    /// Dropped, for one of the reasons.
    pub dropped: u64,
    /// Given to the host.
    pub punted: u64,
    /// Ended in a worker on purpose, answered or absorbed.
    pub consumed: u64,
    /// Handed over to another worker.
    pub handed_over: u64,
    /// Still in a worker's hands.
    pub held: u64,
    /// The left side less the right side. Anything but 0 at rest is a bug in Causeway.
    pub unaccounted: i64,
}

/// The accounting law for one worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerAccounting {
    /// The worker's id.
    pub worker: u16,
    /// Its side of the law.
    pub accounting: Accounting,
}

/// How often packets were dropped for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DropEntry {
    /// The reason's name, `unknown_vlan`.
    pub reason: String,
    /// The stage of the pipeline that decides it, where it is one stage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
    /// The counter of vRouter's `dropstats` that comes nearest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dropstats: Option<Dropstats>,
    /// How often, over all workers.
    pub count: u64,
    /// How often in each worker; workers without any may be left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub per_worker: Vec<WorkerCount>,
    /// What happened, in a sentence.
    pub explanation: String,
    /// What an operator can do about it, in a sentence.
    pub advice: String,
}

/// A count in one worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerCount {
    /// The worker's id.
    pub worker: u16,
    /// How often.
    pub count: u64,
}

impl Accounting {
    /// Sets `unaccounted` from the other fields.
    #[must_use]
    pub fn balanced(mut self) -> Self {
        let came = [self.received, self.injected, self.generated, self.copies, self.taken_over];
        let went = [self.transmitted, self.dropped, self.punted, self.consumed, self.handed_over, self.held];
        let sum = |side: &[u64]| side.iter().map(|&count| i128::from(count)).sum::<i128>();
        let difference = sum(&came) - sum(&went);
        self.unaccounted = i64::try_from(difference).unwrap_or(if difference < 0 { i64::MIN } else { i64::MAX });
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn balanced_is_left_side_less_right_side() {
        let even = Accounting { received: 7, copies: 2, transmitted: 8, dropped: 1, ..Accounting::default() };
        assert_eq!(even.balanced().unaccounted, 0);
        let lost = Accounting { received: 7, transmitted: 4, ..Accounting::default() };
        assert_eq!(lost.balanced().unaccounted, 3);
        let invented = Accounting { held: 5, ..Accounting::default() };
        assert_eq!(invented.balanced().unaccounted, -5);
    }

    #[test]
    fn balanced_saturates_instead_of_wrapping() {
        let much = Accounting { received: u64::MAX, injected: u64::MAX, ..Accounting::default() };
        assert_eq!(much.balanced().unaccounted, i64::MAX);
        let little = Accounting { dropped: u64::MAX, punted: u64::MAX, ..Accounting::default() };
        assert_eq!(little.balanced().unaccounted, i64::MIN);
    }
}
