//! Counters that one worker writes and anybody reads.

use crate::notices::NoticeClass;
use crate::slots::{SendError, SlotClass};
use crate::{DropReason, Ledger, SeenMarks, Service, StormTable};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use zerocopy::FromZeros;

/// A counter with one writer: a load and a store, no locked instruction. Readers may see it a moment late, never torn.
#[derive(Debug, Default, FromZeros)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds; only the owning worker may.
    #[inline(always)]
    pub fn add(&self, n: u64) {
        // Relaxed: no other memory is published by a count, and there is no second writer.
        self.0.store(self.0.load(Relaxed).wrapping_add(n), Relaxed);
    }

    /// Sets, for gauges; only the owning worker may.
    #[inline(always)]
    pub fn set(&self, n: u64) {
        self.0.store(n, Relaxed);
    }

    /// The value.
    #[inline(always)]
    pub fn read(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// What one worker did for one interface: one cache line. "Received" is what the instance sent.
#[derive(Debug, Default, FromZeros)]
#[repr(align(64))]
pub struct VifCounts {
    /// Frames taken from the instance, after classification.
    pub rx_frames: Counter,
    /// Their octets, tag included.
    pub rx_octets: Counter,
    /// Frames given to the instance's port.
    pub tx_frames: Counter,
    /// Their octets, tag included.
    pub tx_octets: Counter,
    /// Frames of its VLAN that were dropped, whatever the reason.
    pub drops: Counter,
}

/// Sums of [`VifCounts`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct VifTotals {
    /// Frames taken from the instance.
    pub rx_frames: u64,
    /// Their octets.
    pub rx_octets: u64,
    /// Frames given to the instance's port.
    pub tx_frames: u64,
    /// Their octets.
    pub tx_octets: u64,
    /// Frames dropped.
    pub drops: u64,
}

impl VifCounts {
    /// The values now.
    pub fn read(&self) -> VifTotals {
        VifTotals {
            rx_frames: self.rx_frames.read(),
            rx_octets: self.rx_octets.read(),
            tx_frames: self.tx_frames.read(),
            tx_octets: self.tx_octets.read(),
            drops: self.drops.read(),
        }
    }
}

impl std::ops::AddAssign for VifTotals {
    fn add_assign(&mut self, other: Self) {
        self.rx_frames += other.rx_frames;
        self.rx_octets += other.rx_octets;
        self.tx_frames += other.tx_frames;
        self.tx_octets += other.tx_octets;
        self.drops += other.drops;
    }
}

impl std::ops::SubAssign for VifTotals {
    fn sub_assign(&mut self, other: Self) {
        self.rx_frames -= other.rx_frames;
        self.rx_octets -= other.rx_octets;
        self.tx_frames -= other.tx_frames;
        self.tx_octets -= other.tx_octets;
        self.drops -= other.drops;
    }
}

/// What became of the frames of one class at the sending end of a channel between worker and host.
#[derive(Debug, Default)]
pub struct PassageCounts {
    /// Taken by the channel.
    pub passed: Counter,
    /// Beyond the class's rate.
    pub policed: Counter,
    /// Found no slot.
    pub full: Counter,
    /// Longer than a slot.
    pub too_long: Counter,
}

/// The values of [`PassageCounts`], or sums of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the field of the same name in PassageCounts")]
pub struct PassageTotals {
    pub passed: u64,
    pub policed: u64,
    pub full: u64,
    pub too_long: u64,
}

impl PassageCounts {
    /// Counts one frame, by what the channel said of it.
    #[inline]
    pub fn count(&self, sent: Result<(), SendError>) {
        let counter = match sent {
            Ok(()) => &self.passed,
            Err(SendError::Policed) => &self.policed,
            Err(SendError::Full) => &self.full,
            Err(SendError::TooLong) => &self.too_long,
        };
        counter.add(1);
    }

    /// The values now.
    pub fn read(&self) -> PassageTotals {
        PassageTotals {
            passed: self.passed.read(),
            policed: self.policed.read(),
            full: self.full.read(),
            too_long: self.too_long.read(),
        }
    }
}

impl std::ops::AddAssign for PassageTotals {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.policed += other.policed;
        self.full += other.full;
        self.too_long += other.too_long;
    }
}

/// One worker's counters of all interfaces.
#[derive(Debug, Clone, Copy)]
pub struct VifCounters<'t> {
    vifs: &'t [VifCounts],
    nowhere: &'t VifCounts,
}

impl<'t> VifCounters<'t> {
    /// An interface's counters.
    #[inline(always)]
    pub fn get(self, vif: fib::VifIndex) -> &'t VifCounts {
        self.vifs.get(vif.row()).unwrap_or(self.nowhere)
    }
}

/// All that one worker counts. Shared between it and control; cache-line aligned so that no two workers share a line.
#[derive(Debug)]
#[repr(align(128))]
pub struct WorkerTelemetry {
    /// Its side of the accounting law.
    pub ledger: Ledger,
    /// Rounds of its loop.
    pub polls: Counter,
    /// Rounds that found nothing to do.
    pub empty_polls: Counter,
    /// Bursts that held at least one frame.
    pub bursts: Counter,
    /// TSC cycles from the start of rounds that found something to the start of the next.
    pub busy_cycles: Counter,
    /// The TSC when it began to work.
    pub started_tsc: Counter,
    /// The TSC at the start of the latest round: its heartbeat.
    pub heartbeat_tsc: Counter,
    /// The longest time between the starts of two rounds, in TSC cycles, deliberate sleep excluded.
    pub longest_gap_cycles: Counter,
    /// The same without what the kernel took of the worker's core meanwhile.
    pub longest_own_gap_cycles: Counter,
    /// The snapshot generation in use.
    pub generation: Counter,
    /// What it had for the host, by class. Frames in several buffers have no class; they count as drops alone.
    pub punts: [PassageCounts; SlotClass::COUNT],
    /// What it had to say to control, by class; a notice is never too long.
    pub notices: [PassageCounts; NoticeClass::COUNT],
    /// What it flooded, and what storm control kept it from flooding.
    pub storm: StormTable,
    /// The learned stations that it has seen.
    pub seen: SeenMarks,
    /// What it answered itself.
    pub answers: [Counter; Service::COUNT],
    vifs: Box<[VifCounts]>,
    nowhere: VifCounts,
}

impl WorkerTelemetry {
    /// With room for the counters of interfaces `0..vifs`, 128 octets each. The system gives the memory page by page, when
    /// one of the interfaces on it first counts.
    ///
    /// # Panics
    /// If so many take more than all memory that a process can address.
    pub fn new(vifs: usize) -> Self {
        Self::with_marks(vifs, 0)
    }

    /// The same, and with marks for learned stations `0..stations`, an octet each.
    ///
    /// # Panics
    /// If so many take more than all memory that a process can address.
    pub fn with_marks(vifs: usize, stations: usize) -> Self {
        Self {
            ledger: Ledger::default(),
            polls: Counter::default(),
            empty_polls: Counter::default(),
            bursts: Counter::default(),
            busy_cycles: Counter::default(),
            started_tsc: Counter::default(),
            heartbeat_tsc: Counter::default(),
            longest_gap_cycles: Counter::default(),
            longest_own_gap_cycles: Counter::default(),
            generation: Counter::default(),
            punts: std::array::from_fn(|_| PassageCounts::default()),
            notices: std::array::from_fn(|_| PassageCounts::default()),
            storm: StormTable::new(vifs),
            seen: SeenMarks::new(stations),
            answers: std::array::from_fn(|_| Counter::default()),
            vifs: <[VifCounts]>::new_box_zeroed_with_elems(vifs).expect("the address space has room for the counters"),
            nowhere: VifCounts::default(),
        }
    }

    /// Whether the interface's row is within what this was made for.
    pub fn has_room_for(&self, vif: fib::VifIndex) -> bool {
        vif.row() < self.vifs.len()
    }

    /// How many interfaces this was made for.
    pub fn room_for_vifs(&self) -> usize {
        self.vifs.len()
    }

    /// The counters of all interfaces, taken once for a burst.
    #[inline(always)]
    pub fn vifs(&self) -> VifCounters<'_> {
        VifCounters { vifs: &self.vifs, nowhere: &self.nowhere }
    }

    /// An interface's counters. Counts for one without [room](Self::has_room_for) are thrown together.
    #[inline(always)]
    pub fn vif(&self, vif: fib::VifIndex) -> &VifCounts {
        self.vifs().get(vif)
    }

    /// How many packets were dropped for `reason`.
    pub fn dropped(&self, reason: DropReason) -> u64 {
        self.ledger.dropped(reason).read()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fib::VifIndex;

    #[test]
    fn interfaces_count_apart_and_beyond_the_room_together() {
        let telemetry = WorkerTelemetry::new(1000);
        let (a, b, beyond) = (VifIndex::new(3).unwrap(), VifIndex::new(900).unwrap(), VifIndex::new(5000).unwrap());
        assert!(telemetry.has_room_for(a) && telemetry.has_room_for(b) && !telemetry.has_room_for(beyond));
        telemetry.vif(a).rx_frames.add(2);
        telemetry.vif(b).rx_frames.add(5);
        telemetry.vif(beyond).rx_frames.add(7);
        assert_eq!([a, b, beyond].map(|vif| telemetry.vif(vif).read().rx_frames), [2, 5, 7]);
    }
}
