//! What comes in: numbers into the books, ARP to whoever answers it, the rest into a count.

use crate::arp;
use crate::frame::{Traffic, Way};
use crate::latency::Latency;
use crate::number::{Number, Reading};
use crate::track::{Arrival, Counts, Tracker};
use crate::tunnel::Tunnel;
use arrayvec::ArrayVec;
use dpdk::{Mbuf, RxQueue, free_bulk};
use std::ops::Range;
use std::sync::mpsc;
use wire::{MacAddr, ethernet, ipv4, vxlan};

/// Frames that are taken from a port at once, at most.
pub const BURST: usize = 64;

/// Where a port is.
#[derive(Clone, Copy, Debug)]
pub enum Side {
    /// Tagged frames.
    Access,
    /// Tunnels.
    Fabric(Tunnel),
}

/// A port to receive from.
#[derive(Debug)]
pub struct Receiver<'t> {
    /// The port's queue.
    pub queue: &'t mut RxQueue,
    /// Where it is.
    pub side: Side,
}

/// A stream that may come in.
#[derive(Debug)]
pub struct Expected<'t> {
    traffic: &'t Traffic,
    tracker: Tracker,
    latency: Latency,
    corrupted: u64,
    misdirected: u64,
}

/// What was received of a stream.
#[derive(Clone, Debug)]
pub struct Received {
    /// Numbers, doubles, order.
    pub counts: Counts,
    /// Numbers that did not come, as far as the places are kept.
    pub lost: Vec<Range<u64>>,
    /// Frames with the right number and another payload than was sent.
    pub corrupted: u64,
    /// Frames with the tag of another VLAN, or the VNI of another network.
    pub misdirected: u64,
    /// Times under way.
    pub latency: Latency,
}

/// Frames that are of no stream of the trial.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Strays {
    /// Without a number: ARP, or whatever else a gateway says.
    pub foreign: u64,
    /// With a number that is damaged.
    pub damaged: u64,
    /// Of an earlier trial.
    pub belated: u64,
}

/// The books of the lane that receives.
#[derive(Debug)]
pub struct Books<'t> {
    expected: [Option<Expected<'t>>; 2],
    /// The bits of a stream's number above the direction.
    trial: u16,
    /// Whether every octet of a payload is compared.
    verify: bool,
    strays: Strays,
    answers: mpsc::Sender<arp::Frame>,
    gateway_mac: Option<MacAddr>,
}

/// The number of a direction's stream in a trial.
#[must_use]
pub fn stream_number(trial: u16, way: Way) -> u16 {
    trial << 1 | way.index() as u16
}

impl<'t> Books<'t> {
    /// For a trial in which the directions with `traffic` are sent. ARP frames to send go into `answers`.
    #[must_use]
    pub fn new(
        trial: u16,
        traffic: [Option<&'t Traffic>; 2],
        flows: usize,
        verify: bool,
        tsc_hz: u64,
        answers: mpsc::Sender<arp::Frame>,
    ) -> Self {
        let expected = |traffic: &'t Traffic| Expected {
            traffic,
            tracker: Tracker::new(flows),
            latency: Latency::new(tsc_hz),
            corrupted: 0,
            misdirected: 0,
        };
        Self {
            expected: traffic.map(|traffic| traffic.map(expected)),
            trial,
            verify,
            strays: Strays::default(),
            answers,
            gateway_mac: None,
        }
    }

    /// Takes a burst from a port; `now` reads the clock behind it. Returns how many came.
    #[inline]
    pub fn poll(&mut self, receiver: &mut Receiver<'_>, now: impl Fn() -> u64) -> usize {
        let mut burst = ArrayVec::<Mbuf, BURST>::new();
        let count = receiver.queue.burst(&mut burst);
        if count > 0 {
            let now = now();
            for frame in &burst {
                self.enter(frame.octets(), &receiver.side, now);
            }
            free_bulk(&mut burst);
        }
        count
    }

    /// Enters one frame.
    #[inline]
    fn enter(&mut self, frame: &[u8], side: &Side, now: u64) {
        let number = match Number::read(frame) {
            Reading::Number(number) => number,
            Reading::Damaged => {
                self.strays.damaged += 1;
                return;
            }
            Reading::Foreign => return self.foreign(frame, side),
        };
        let expected = match &mut self.expected[usize::from(number.stream & 1)] {
            Some(expected) if number.stream >> 1 == self.trial => expected,
            _ => {
                self.strays.belated += 1;
                return;
            }
        };
        match expected.tracker.arrived(number.sequence) {
            Arrival::Impossible => self.strays.damaged += 1,
            Arrival::New => {
                expected.latency.record(number.age(now));
                expected.check(frame, number.sequence, side, self.verify);
            }
            Arrival::Duplicate | Arrival::Stale => {}
        }
    }

    /// Frames of a direction that came so far.
    #[must_use]
    pub fn received(&self, way: Way) -> u64 {
        self.expected[way.index()].as_ref().map_or(0, |expected| expected.tracker.counts().received)
    }

    /// The gateway's MAC, once it has told it.
    #[must_use]
    pub fn gateway_mac(&self) -> Option<MacAddr> {
        self.gateway_mac
    }

    /// Closes the books of a direction of which so many frames were offered.
    #[must_use]
    pub fn close(&mut self, way: Way, offered: u64) -> Option<Received> {
        let expected = self.expected[way.index()].take()?;
        let (counts, lost) = expected.tracker.close(offered);
        let (corrupted, misdirected, latency) = (expected.corrupted, expected.misdirected, expected.latency);
        Some(Received { counts, lost, corrupted, misdirected, latency })
    }

    /// What else came.
    #[must_use]
    pub fn strays(&self) -> Strays {
        self.strays
    }

    #[cold]
    fn foreign(&mut self, frame: &[u8], side: &Side) {
        self.strays.foreign += 1;
        let (Side::Fabric(tunnel), Some(message)) = (side, arp::Message::read(frame)) else { return };
        if message.sender == tunnel.gateway {
            self.gateway_mac = Some(message.sender_mac);
        }
        if let Some(answer) = message.answer(tunnel.vtep, tunnel.vtep_mac) {
            // Nobody listens where nothing is sent to the fabric.
            let _ = self.answers.send(answer);
        }
    }
}

impl Expected<'_> {
    #[inline]
    fn check(&mut self, frame: &[u8], sequence: u64, side: &Side, verify: bool) {
        if verify {
            let payload = frame.len().checked_sub(self.traffic.payload_octets(sequence));
            let payload = payload.and_then(|start| frame.get(start..)).unwrap_or_default();
            self.corrupted += u64::from(!payload.starts_with(self.traffic.filler(sequence)));
        }
        let vlan = self.traffic.vlan(sequence);
        let strayed = match side {
            Side::Access => tag(frame).is_some_and(|tag| tag != vlan),
            Side::Fabric(tunnel) => vni(frame).is_some_and(|vni| vni != tunnel.vni(vlan)),
        };
        self.misdirected += u64::from(strayed);
    }
}

/// The VLAN of a tagged frame.
#[inline]
fn tag(frame: &[u8]) -> Option<u16> {
    let head: &[u8; 16] = frame.first_chunk()?;
    let tagged = u16::from_be_bytes([head[12], head[13]]) == ethernet::TYPE_VLAN;
    tagged.then(|| u16::from_be_bytes([head[14], head[15]]) & 0xfff)
}

/// The VNI of an untagged frame that is VXLAN in IPv4 without options.
#[inline]
fn vni(frame: &[u8]) -> Option<u32> {
    let head: &[u8; 50] = frame.first_chunk()?;
    let port = u16::from_be_bytes([head[36], head[37]]);
    let is_vxlan = u16::from_be_bytes([head[12], head[13]]) == ethernet::TYPE_IPV4
        && head[14] == ipv4::VERSION_IHL
        && head[23] == ipv4::PROTO_UDP
        && port == vxlan::UDP_PORT;
    is_vxlan.then(|| u32::from_be_bytes([0, head[46], head[47], head[48]]))
}

#[cfg(test)]
mod tests;
