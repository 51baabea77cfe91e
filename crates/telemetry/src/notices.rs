//! What a worker saw and control should know: a bounded ring for each worker, which control looks into every turn.
//!
//! A notice is a fact about one moment, sent once and never waited for. Each class has a policer, so that nobody can keep
//! another class from being heard by a flood of his own; what does not pass, or finds the ring full, is counted
//! ([`WorkerTelemetry::notices`](crate::WorkerTelemetry::notices)) and lost: whoever depends on notices must live with that.
//! The ring is made with all its memory: no allocation, no lock and no system call on either side.

use crate::slots::SendError;
use crate::{PassageCounts, Policer, Rate};
use fib::{NetworkId, PeerId, StormClass, VifIndex};
use rtrb::{Consumer, Producer, RingBuffer};
use std::net::IpAddr;
use wire::MacAddr;

/// What a worker saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// An instance said that it is there.
    Heard(Heard),
    /// A source that is new to its interface.
    Learn(Learn),
    /// A control frame of a BPDU network passed.
    Bpdu(BpduCopy),
    /// Somebody went beyond a storm budget.
    Storm(Storm),
}

/// An instance said that it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    /// By which interface.
    pub vif: VifIndex,
    /// The address that it has.
    pub address: IpAddr,
    /// And its MAC there.
    pub mac: MacAddr,
    /// How it said so.
    pub how: HeardHow,
}

/// How an instance said that it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeardHow {
    /// An ARP reply or neighbour advertisement to the gateway.
    Reply,
    /// A gratuitous ARP or an unsolicited neighbour advertisement.
    Announcement,
    /// It looks whether the address is free (RFC 5227 section 2.1, RFC 4862 section 5.4): it does not have it yet.
    Probe,
}

/// A source that is new to its interface, in a network that learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Learn {
    /// The interface.
    pub vif: VifIndex,
    /// The source.
    pub mac: MacAddr,
}

/// Most octets of a control frame that control gets to see.
pub const BPDU_OCTETS: usize = 128;

/// The beginning of a control frame that passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BpduCopy {
    /// The network.
    pub network: NetworkId,
    /// Where it came from.
    pub from: BpduSource,
    /// The frame's length, in octets; what is beyond [`BPDU_OCTETS`] is not here.
    pub octets: u16,
    /// From its destination MAC, zeros behind its end.
    pub head: [u8; BPDU_OCTETS],
}

/// Where a control frame came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BpduSource {
    /// An access port of this node, by its interface.
    Vif(VifIndex),
    /// A VTEP; `None`: one that this node does not know.
    Peer(Option<PeerId>),
}

/// Somebody went beyond a storm budget: the first frame that did since the budget was last full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Storm {
    /// The network.
    pub network: NetworkId,
    /// The interface that the frame came in by; `None`: it came from the fabric.
    pub vif: Option<VifIndex>,
    /// Which kind of frame.
    pub class: StormClass,
    /// Whether the budget was the network's and not the interface's.
    pub of_network: bool,
}

/// The classes of notices; each has its own policer and counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NoticeClass {
    /// [`Notice::Heard`].
    Heard,
    /// [`Notice::Learn`].
    Learn,
    /// [`Notice::Bpdu`].
    Bpdu,
    /// [`Notice::Storm`].
    Storm,
}

impl NoticeClass {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 4] = [Self::Heard, Self::Learn, Self::Bpdu, Self::Storm];
    /// How many there are.
    pub const COUNT: usize = Self::ALL.len();

    /// The name in documents.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Heard => "heard",
            Self::Learn => "learn",
            Self::Bpdu => "bpdu",
            Self::Storm => "storm",
        }
    }

    /// What may pass from one worker. All bursts together are below a ring of [`CAPACITY`] places.
    const fn rate(self) -> Rate {
        let (frames_per_second, burst) = match self {
            // 10,000 VMIs that answer a probe every two seconds, twice over.
            Self::Heard => (20_000, 1_024),
            Self::Learn => (20_000, 1_024),
            // A hundred ports at RSTP's fastest, and a burst of topology changes.
            Self::Bpdu => (500, 128),
            Self::Storm => (100, 32),
        };
        Rate { frames_per_second, burst }
    }
}

impl Notice {
    /// Its class.
    pub const fn class(&self) -> NoticeClass {
        match self {
            Self::Heard(_) => NoticeClass::Heard,
            Self::Learn(_) => NoticeClass::Learn,
            Self::Bpdu(_) => NoticeClass::Bpdu,
            Self::Storm(_) => NoticeClass::Storm,
        }
    }
}

/// A notice with the generation of the tables by whose numbers it speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamped {
    /// The generation.
    pub generation: u64,
    /// The notice.
    pub notice: Notice,
}

/// Notices that may wait for control, for each worker: what comes in 100 ms, its longest time between two turns, and more.
pub const CAPACITY: usize = 4096;

/// Makes the ring of one worker whose clock has so many ticks a second.
pub fn channel(capacity: usize, ticks_per_second: u64) -> (NoticeSender, NoticeReceiver) {
    let (sender, receiver) = RingBuffer::new(capacity);
    let policers = NoticeClass::ALL.map(|class| Policer::new(class.rate(), ticks_per_second));
    (NoticeSender { ring: sender, policers, now: 0, generation: 0 }, NoticeReceiver { ring: receiver })
}

/// The worker's end. Never blocks.
#[derive(Debug)]
pub struct NoticeSender {
    ring: Producer<Stamped>,
    policers: [Policer; NoticeClass::COUNT],
    now: u64,
    generation: u64,
}

impl NoticeSender {
    /// Tells the time and the tables' generation: once a round.
    #[inline(always)]
    pub fn tick(&mut self, now: u64, generation: u64) {
        (self.now, self.generation) = (now, generation);
    }

    /// What the clock showed at the last [`tick`](Self::tick).
    #[inline(always)]
    pub fn now(&self) -> u64 {
        self.now
    }

    /// Passes a notice on, and counts it by its class; returns whether it goes.
    #[inline(never)]
    pub fn send(&mut self, counts: &[PassageCounts; NoticeClass::COUNT], notice: Notice) -> bool {
        let class = notice.class() as usize;
        let sent = if self.policers[class].admit(self.now) {
            let stamped = Stamped { generation: self.generation, notice };
            self.ring.push(stamped).map_err(|_| SendError::Full)
        } else {
            Err(SendError::Policed)
        };
        counts[class].count(sent);
        sent.is_ok()
    }
}

/// Control's end. Never blocks.
#[derive(Debug)]
pub struct NoticeReceiver {
    ring: Consumer<Stamped>,
}

impl NoticeReceiver {
    /// The oldest notice that waits.
    pub fn receive(&mut self) -> Option<Stamped> {
        self.ring.pop().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learn(n: u64) -> Notice {
        let vif = VifIndex::new(7).expect("a row");
        Notice::Learn(Learn { vif, mac: MacAddr::from_bits(n) })
    }

    fn storm() -> Notice {
        let (network, class) = (NetworkId::new(3).expect("a row"), StormClass::Broadcast);
        Notice::Storm(Storm { network, vif: None, class, of_network: true })
    }

    fn counts() -> [PassageCounts; NoticeClass::COUNT] {
        std::array::from_fn(|_| PassageCounts::default())
    }

    #[test]
    fn notices_come_in_order_and_with_their_generation() {
        let (mut sender, mut receiver) = channel(8, 1_000_000);
        let counts = counts();
        sender.tick(5, 41);
        assert!(sender.send(&counts, learn(1)));
        sender.tick(6, 42);
        assert!(sender.send(&counts, storm()));
        assert_eq!(receiver.receive(), Some(Stamped { generation: 41, notice: learn(1) }));
        assert_eq!(receiver.receive(), Some(Stamped { generation: 42, notice: storm() }));
        assert_eq!(receiver.receive(), None);
    }

    #[test]
    fn a_flood_of_one_class_is_policed_and_leaves_the_others_room() {
        let (mut sender, mut receiver) = channel(CAPACITY, 1_000_000);
        let counts = counts();
        let passed = (0..100_000).filter(|n| sender.send(&counts, learn(*n))).count();
        assert_eq!(passed, NoticeClass::Learn.rate().burst as usize);
        assert!(sender.send(&counts, storm()));
        let learned = counts[NoticeClass::Learn as usize].read();
        assert_eq!((learned.passed, learned.policed, learned.full), (passed as u64, 100_000 - passed as u64, 0));
        assert_eq!(std::iter::from_fn(|| receiver.receive()).count(), passed + 1);
    }

    #[test]
    fn what_finds_the_ring_full_is_counted() {
        let (mut sender, _receiver) = channel(2, 1_000_000);
        let counts = counts();
        assert_eq!([1, 2, 3].map(|n| sender.send(&counts, learn(n))), [true, true, false]);
        assert_eq!(counts[NoticeClass::Learn as usize].read().full, 1);
    }

    #[test]
    fn all_bursts_together_find_room() {
        let bursts: u32 = NoticeClass::ALL.iter().map(|class| class.rate().burst).sum();
        assert!((bursts as usize) < CAPACITY);
        assert!(NoticeClass::ALL.iter().enumerate().all(|(n, class)| *class as usize == n));
    }
}
