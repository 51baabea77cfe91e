//! What the host I/O thread counts: it alone writes, anybody reads.

use std::sync::Arc;
use telemetry::slots::{SendError, SlotClass};
use telemetry::{Counter, PassageCounts, PassageTotals};

/// What the thread has done since its start.
///
/// Each number is exact; taken together they may be some frames apart, as they are read one after the other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HostIoCounters {
    /// Frames from workers that the kernel took.
    pub to_host_frames: u64,
    /// Their octets.
    pub to_host_octets: u64,
    /// Frames from workers that the kernel did not take: the interface is down, its queue is full, or the port has none.
    pub to_host_errors: u64,
    /// Frames of the kernel that were passed to the worker.
    pub from_host_frames: u64,
    /// Their octets.
    pub from_host_octets: u64,
    /// Frames of the kernel that were dropped because their class had its rate.
    pub from_host_policed: u64,
    /// Frames of the kernel that were dropped because the worker's ring was full for their class.
    pub from_host_full: u64,
    /// Frames of the kernel that were dropped because they exceed a slot: the TAP's MTU was raised.
    pub from_host_too_long: u64,
    /// Failed reads: more than a few mean that an interface was deleted.
    pub read_errors: u64,
    /// The frames above by class, in the order of [`SlotClass::ALL`].
    pub classes: [HostIoClassCounters; SlotClass::COUNT],
}

/// The part of [`HostIoCounters`] that one class has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HostIoClassCounters {
    /// Frames from workers that the kernel took.
    pub to_host_frames: u64,
    /// Frames from workers that the kernel did not take.
    pub to_host_errors: u64,
    /// Frames of the kernel, by what became of them.
    pub from_host: PassageTotals,
}

/// Reads the counters of a host I/O thread.
#[derive(Debug, Clone)]
pub struct HostIoReader(Arc<Counters>);

impl HostIoReader {
    pub(super) fn new(counters: Arc<Counters>) -> Self {
        Self(counters)
    }

    /// The counters now.
    pub fn snapshot(&self) -> HostIoCounters {
        self.0.snapshot()
    }
}

#[derive(Debug, Default)]
struct ClassCounters {
    to_host_frames: Counter,
    to_host_errors: Counter,
    from_host: PassageCounts,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    classes: [ClassCounters; SlotClass::COUNT],
    to_host_octets: Counter,
    from_host_octets: Counter,
    pub(super) read_errors: Counter,
}

impl Counters {
    /// A worker's frame was offered to the kernel.
    pub(super) fn written(&self, class: SlotClass, octets: usize, taken: bool) {
        let counters = &self.classes[class as usize];
        if taken {
            counters.to_host_frames.add(1);
            self.to_host_octets.add(octets as u64);
        } else {
            counters.to_host_errors.add(1);
        }
    }

    /// A frame of the kernel's was offered to the worker.
    pub(super) fn read(&self, class: SlotClass, octets: usize, sent: Result<(), SendError>) {
        self.classes[class as usize].from_host.count(sent);
        if sent.is_ok() {
            self.from_host_octets.add(octets as u64);
        }
    }

    pub(super) fn snapshot(&self) -> HostIoCounters {
        let classes = std::array::from_fn(|n| {
            let class = &self.classes[n];
            HostIoClassCounters {
                to_host_frames: class.to_host_frames.read(),
                to_host_errors: class.to_host_errors.read(),
                from_host: class.from_host.read(),
            }
        });
        let mut from_host = PassageTotals::default();
        classes.iter().for_each(|class| from_host += class.from_host);
        HostIoCounters {
            to_host_frames: classes.iter().map(|class| class.to_host_frames).sum(),
            to_host_octets: self.to_host_octets.read(),
            to_host_errors: classes.iter().map(|class| class.to_host_errors).sum(),
            from_host_frames: from_host.passed,
            from_host_octets: self.from_host_octets.read(),
            from_host_policed: from_host.policed,
            from_host_full: from_host.full,
            from_host_too_long: from_host.too_long,
            read_errors: self.read_errors.read(),
            classes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_are_the_sums_of_the_classes() {
        let counters = Counters::default();
        counters.written(SlotClass::Bgp, 100, true);
        counters.written(SlotClass::Icmp, 60, true);
        counters.written(SlotClass::Icmp, 60, false);
        for sent in [Ok(()), Err(SendError::Policed), Err(SendError::Full), Err(SendError::TooLong)] {
            counters.read(SlotClass::Other, 1_000, sent);
        }
        counters.read(SlotClass::Bfd, 66, Ok(()));
        let seen = counters.snapshot();
        assert_eq!((seen.to_host_frames, seen.to_host_octets, seen.to_host_errors), (2, 160, 1));
        assert_eq!((seen.from_host_frames, seen.from_host_octets), (2, 1_066));
        assert_eq!((seen.from_host_policed, seen.from_host_full, seen.from_host_too_long), (1, 1, 1));
        let other = PassageTotals { passed: 1, policed: 1, full: 1, too_long: 1 };
        assert_eq!(seen.classes[SlotClass::Other as usize].from_host, other);
        assert_eq!(seen.classes[SlotClass::Icmp as usize].to_host_errors, 1);
    }
}
