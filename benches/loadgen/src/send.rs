//! One stream on its way out.

use crate::frame::{Traffic, Way};
use crate::number::Number;
use crate::pace::Pace;
use arrayvec::ArrayVec;
use dpdk::{Mbuf, Pool, TxQueue, free_bulk};

/// Frames that are handed to a port at once, at most.
pub const BURST: usize = 32;

/// Points in time that are kept of a stream, at most.
const TIMES_KEPT: u64 = 100_000;

/// When a stream begins and how it ends.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Time stamp at which the first frame is due.
    pub start: u64,
    /// Time stamp from which on none is sent.
    pub end: u64,
    /// Frames at most.
    pub frames: u64,
    /// Frames a second; `None` for as fast as the port takes them.
    pub rate: Option<f64>,
}

/// What became of a stream at the sender.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sent {
    /// Frames that were numbered and offered to the port.
    pub offered: u64,
    /// Frames of these that the port had no room for.
    pub refused: u64,
    /// Frames that were never made, since the sender itself came too late.
    pub slipped: u64,
    /// Times without a free buffer.
    pub no_buffer: u64,
    /// Time stamps of the first and of the last burst.
    pub first_and_last: Option<(u64, u64)>,
    /// Now and then, the next number and the time stamp.
    pub times: Vec<(u64, u64)>,
}

/// Sends one stream.
#[derive(Debug)]
pub struct Sender<'t> {
    way: Way,
    stream: u16,
    traffic: Option<&'t Traffic>,
    queue: &'t mut TxQueue,
    pool: &'t Pool,
    pace: Pace,
    limits: Limits,
    burst: ArrayVec<Mbuf, BURST>,
    sent: Sent,
    next_time: u64,
    time_step: u64,
    done: bool,
    told: bool,
}

impl<'t> Sender<'t> {
    /// A stream of `traffic` with this number, or none that only sends aside. `tsc_hz` is the clock's rate.
    #[must_use]
    pub fn new(
        (way, stream): (Way, u16),
        traffic: Option<&'t Traffic>,
        queue: &'t mut TxQueue,
        pool: &'t Pool,
        limits: Limits,
        tsc_hz: u64,
    ) -> Self {
        let time_step = (limits.end.saturating_sub(limits.start) / TIMES_KEPT).max(tsc_hz / 10_000);
        let times = Vec::with_capacity(TIMES_KEPT as usize);
        Self {
            way,
            stream,
            traffic,
            queue,
            pool,
            pace: Pace::new(limits.rate, tsc_hz, limits.start),
            limits,
            burst: ArrayVec::new(),
            sent: Sent { times, ..Sent::default() },
            next_time: 0,
            time_step,
            done: false,
            told: false,
        }
    }

    /// The stream's direction.
    #[must_use]
    pub fn way(&self) -> Way {
        self.way
    }

    /// Frames offered so far.
    #[must_use]
    pub fn offered(&self) -> u64 {
        self.sent.offered
    }

    /// Whether it has sent all that it had to; `true` only the first time.
    pub fn ends_now(&mut self) -> bool {
        self.done && !std::mem::replace(&mut self.told, true)
    }

    /// Sends what is due at `now`.
    #[inline]
    pub fn poll(&mut self, now: u64) {
        let Some(traffic) = self.traffic else { return self.stop() };
        if self.done || now.wrapping_sub(self.limits.start) >> 63 != 0 {
            return;
        }
        if now >= self.limits.end || self.sent.offered >= self.limits.frames {
            self.stop();
            return;
        }
        let most = BURST.min((self.limits.frames - self.sent.offered) as usize);
        // At full speed a port that is full is asked again, and nothing new is made meanwhile.
        let due = if self.burst.is_empty() { self.pace.due(now, most) } else { 0 };
        if due > 0 {
            self.build(traffic, due, now);
        }
        if !self.burst.is_empty() {
            self.hand_over();
        }
    }

    /// Hands a frame that is no part of the stream to the port; it may be lost.
    pub fn send_aside(&mut self, octets: &[u8]) {
        let mut one = ArrayVec::<Mbuf, 1>::new();
        let Ok(length) = u16::try_from(octets.len()) else { return };
        let Some(mut frame) = self.pool.alloc() else { return };
        if let Some(room) = frame.append(length) {
            room.copy_from_slice(octets);
            one.push(frame);
            self.queue.burst(&mut one);
        }
    }

    /// No more is to be sent. Frames that still waited for room in the port, the last numbers, were never offered.
    pub fn stop(&mut self) {
        self.sent.offered -= self.burst.len() as u64;
        free_bulk(&mut self.burst);
        self.done = true;
    }

    /// What became of the stream.
    #[must_use]
    pub fn close(mut self) -> Sent {
        self.stop();
        self.sent.slipped = self.pace.slipped();
        self.sent
    }

    fn build(&mut self, traffic: &Traffic, count: usize, now: u64) {
        if !self.pool.alloc_bulk(&mut self.burst, count) {
            self.sent.no_buffer += 1;
            // They were due and are not there: offered, and refused.
            self.sent.offered += count as u64;
            self.sent.refused += count as u64;
            return;
        }
        if now >= self.next_time {
            self.next_time = now + self.time_step;
            self.sent.times.push((self.sent.offered, now));
        }
        for frame in &mut self.burst {
            let number = Number { stream: self.stream, sequence: self.sent.offered, sent_tsc: now };
            let octets = traffic.octets(number.sequence) as u16;
            let written = frame.append(octets).is_some_and(|room| traffic.write(number, room));
            debug_assert!(written, "buffers were made for the longest frame");
            self.sent.offered += 1;
        }
        let first = self.sent.first_and_last.map_or(now, |(first, _)| first);
        self.sent.first_and_last = Some((first, now));
    }

    #[inline]
    fn hand_over(&mut self) {
        self.queue.burst(&mut self.burst);
        if self.limits.rate.is_some() && !self.burst.is_empty() {
            // As on a cable: what comes when there is no room is lost.
            self.sent.refused += self.burst.len() as u64;
            free_bulk(&mut self.burst);
        }
    }
}
