//! Frames between a worker and the host or control thread: a bounded channel of preallocated slots.
//!
//! Two single-producer single-consumer rings circulate the same slots: `full` carries them from sender to receiver,
//! `free` carries them back. A frame is copied into a slot and out of it, so neither side ever sees the other's
//! buffers: the host thread never touches a worker's mbuf pool, and a descheduled host thread never makes a worker
//! wait. Every slot is made by [`channel`]; afterwards there is no allocation, no lock and no system call on either
//! side.
//!
//! Nothing can take what another class needs. Each class has a policer ([`Policers`]), which is asked before anything is
//! copied. When the channel runs short all the same, bulk traffic suffers first: a quarter of the slots are kept for the
//! classes that keep the underlay alive ([`SlotClass::is_urgent`]). So a flood of pings cannot cost a BGP session or an
//! ARP reply.

use fib::VifIndex;
use rtrb::{Consumer, Producer, RingBuffer};

mod class;
mod policer;

pub use crate::Rate;
pub use class::SlotClass;
pub use policer::{ClassRates, Policers};

/// One slot of so many is kept for urgent classes.
const URGENT_SHARE: usize = 4;

/// Where a frame came in, or where it is to leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// A port, by its index: the frame is as it is on the port, but for the fabric's VLAN tag.
    Port(u16),
    /// An interface: the frame is untagged, and gets the tags that the interface has when it is sent.
    Vif(VifIndex),
}

/// One frame on its way, in memory that was allocated when the channel was made.
#[derive(Debug)]
pub struct Slot {
    class: SlotClass,
    way: Way,
    len: usize,
    memory: Box<[u8]>,
}

impl Slot {
    /// What the sender took the frame for.
    pub fn class(&self) -> SlotClass {
        self.class
    }

    /// Where the frame came in, or is to leave.
    pub fn way(&self) -> Way {
        self.way
    }

    /// The frame, from its destination MAC, without check sequence.
    pub fn octets(&self) -> &[u8] {
        self.memory.get(..self.len).unwrap_or_default()
    }

    /// Takes a copy of the parts, one behind the other. They fit: the sender compares their length with its slots' first.
    fn fill(&mut self, parts: [&[u8]; 2]) {
        let mut rest = &mut *self.memory;
        self.len = 0;
        for part in parts {
            let Some((place, behind)) = rest.split_at_mut_checked(part.len()) else { break };
            place.copy_from_slice(part);
            self.len += part.len();
            rest = behind;
        }
    }
}

/// Why a frame was not taken; it is the sender's to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendError {
    /// No slot is free for this class: the receiver is slower than the sender.
    Full,
    /// The frame is longer than the slots of this channel.
    TooLong,
    /// The frame's class has had more than its rate and its burst.
    Policed,
}

impl std::fmt::Display for SendError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Full => "no free slot for the frame's class: the receiver is slower than the sender",
            Self::TooLong => "the frame is longer than the channel's slots",
            Self::Policed => "the frame's class is beyond its rate",
        })
    }
}

impl std::error::Error for SendError {}

/// Makes a channel of `capacity` slots of `slot_octets` octets each; the only place that allocates.
///
/// Take `slot_octets` from the greatest MTU plus 14 octets of Ethernet header plus 4 a tag. Memory: about
/// `capacity * slot_octets`. A capacity of 0 makes a channel that is always full.
pub fn channel(capacity: usize, slot_octets: usize) -> (SlotSender, SlotReceiver) {
    let (full_in, full_out) = RingBuffer::new(capacity);
    let (mut free_in, free_out) = RingBuffer::new(capacity);
    for _ in 0..capacity {
        let memory = vec![0; slot_octets].into_boxed_slice();
        put(&mut free_in, Slot { class: SlotClass::Other, way: Way::Port(0), len: 0, memory });
    }
    let reserved = capacity / URGENT_SHARE;
    (
        SlotSender { free: free_out, full: full_in, slot_octets, reserved, policers: Policers::unlimited(), now: 0 },
        SlotReceiver { free: free_in, full: full_out },
    )
}

/// Each of the two rings has room for all slots of the channel, so a push cannot fail.
fn put(ring: &mut Producer<Slot>, slot: Slot) {
    let pushed = ring.push(slot);
    debug_assert!(pushed.is_ok(), "both rings hold all slots of the channel");
}

/// The sending end. Belongs to one thread; never blocks.
#[derive(Debug)]
pub struct SlotSender {
    free: Consumer<Slot>,
    full: Producer<Slot>,
    slot_octets: usize,
    reserved: usize,
    policers: Policers,
    /// What the sender's clock showed at the last [`SlotSender::tick`].
    now: u64,
}

impl SlotSender {
    /// The same sender with limits; without, it takes whatever finds a slot. Whoever sets limits must
    /// [`tick`](Self::tick), or no more than the bursts ever pass.
    #[must_use]
    pub fn policed(mut self, policers: Policers) -> Self {
        self.policers = policers;
        self
    }

    /// Tells the time, in the policers' ticks: once a round, so that no frame costs a reading of a clock.
    #[inline(always)]
    pub fn tick(&mut self, now: u64) {
        self.now = now;
    }

    /// Copies `frame` into a free slot and passes it on. Cost: one copy and four ring indices; no allocation.
    pub fn send(&mut self, class: SlotClass, way: Way, frame: &[u8]) -> Result<(), SendError> {
        self.send_parts(class, way, frame, &[])
    }

    /// As [`SlotSender::send`], for a frame whose header and payload lie apart (a replica, an undone tag).
    pub fn send_parts(&mut self, class: SlotClass, way: Way, head: &[u8], tail: &[u8]) -> Result<(), SendError> {
        let len = head.len() + tail.len();
        if len > self.slot_octets {
            return Err(SendError::TooLong);
        }
        if !self.policers.admit(class, self.now) {
            return Err(SendError::Policed);
        }
        if !class.is_urgent() && self.free.slots() <= self.reserved {
            return Err(SendError::Full);
        }
        let mut slot = self.free.pop().map_err(|_| SendError::Full)?;
        slot.fill([head, tail]);
        (slot.class, slot.way) = (class, way);
        put(&mut self.full, slot);
        Ok(())
    }

    /// The longest frame this channel takes, in octets.
    pub fn slot_octets(&self) -> usize {
        self.slot_octets
    }

    /// Whether the receiving end is gone: whatever is sent now is never read.
    pub fn is_abandoned(&self) -> bool {
        self.full.is_abandoned()
    }
}

/// The receiving end. Belongs to one thread; never blocks.
#[derive(Debug)]
pub struct SlotReceiver {
    free: Producer<Slot>,
    full: Consumer<Slot>,
}

impl SlotReceiver {
    /// Shows the oldest waiting frame to `f`, then gives its slot back. `None` if nothing waits.
    pub fn receive<R>(&mut self, f: impl FnOnce(&Slot) -> R) -> Option<R> {
        let slot = self.full.pop().ok()?;
        let result = f(&slot);
        put(&mut self.free, slot);
        Some(result)
    }

    /// Whether nothing waits. Cost: one load when something did at the last look, two otherwise.
    pub fn is_empty(&self) -> bool {
        self.full.is_empty()
    }

    /// How many frames wait; the sender may add to them at any time.
    pub fn waiting(&self) -> usize {
        self.full.slots()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    #[test]
    fn a_frame_comes_out_as_it_went_in() {
        let (mut sender, mut receiver) = channel(4, 64);
        sender.send_parts(SlotClass::Neighbour, Way::Port(7), &[1, 2], &[3]).expect("four slots are free");
        let seen = receiver.receive(|s| (s.class(), s.way(), s.octets().to_vec()));
        assert_eq!(seen, Some((SlotClass::Neighbour, Way::Port(7), vec![1, 2, 3])));
        assert_eq!(receiver.receive(|_| ()), None);
    }

    #[test]
    fn every_interface_can_be_named_as_a_way() {
        let (mut sender, mut receiver) = channel(1, 64);
        for row in [0, 65_536, VifIndex::MAX] {
            let way = Way::Vif(VifIndex::new(row).expect("a row of the table"));
            sender.send(SlotClass::Neighbour, way, &[1]).expect("the only slot is free");
            assert_eq!(receiver.receive(Slot::way), Some(way));
        }
    }

    #[test]
    fn a_frame_longer_than_a_slot_is_refused_and_costs_no_slot() {
        let (mut sender, mut receiver) = channel(1, 4);
        assert_eq!(sender.send(SlotClass::Neighbour, Way::Port(0), &[0; 5]), Err(SendError::TooLong));
        assert_eq!(sender.send(SlotClass::Neighbour, Way::Port(0), &[9; 4]), Ok(()));
        assert_eq!(receiver.receive(|s| s.octets().len()), Some(4));
    }

    #[test]
    fn a_short_frame_shows_nothing_of_the_longer_one_before_it() {
        let (mut sender, mut receiver) = channel(1, 8);
        for frame in [&[1u8; 8][..], &[2; 3]] {
            sender.send(SlotClass::Neighbour, Way::Port(0), frame).expect("the only slot is free");
            assert_eq!(receiver.receive(|s| s.octets() == frame), Some(true));
        }
    }

    #[test]
    fn bulk_traffic_cannot_take_the_slots_kept_for_urgent_frames() {
        let (mut sender, mut receiver) = channel(8, 64);
        let taken = (0..20).filter(|_| sender.send(SlotClass::Other, Way::Port(0), &[0; 64]).is_ok()).count();
        assert_eq!(taken, 6);
        assert_eq!(sender.send(SlotClass::Neighbour, Way::Port(0), &[0; 64]), Ok(()));
        assert_eq!(sender.send(SlotClass::Bgp, Way::Port(0), &[0; 64]), Ok(()));
        assert_eq!(sender.send(SlotClass::Bfd, Way::Port(0), &[0; 64]), Err(SendError::Full));
        receiver.receive(|_| ());
        assert_eq!(sender.send(SlotClass::Other, Way::Port(0), &[0; 64]), Err(SendError::Full));
        assert_eq!(sender.send(SlotClass::Bfd, Way::Port(0), &[0; 64]), Ok(()));
    }

    #[test]
    fn a_class_beyond_its_rate_takes_no_slot_and_costs_no_other_class_one() {
        let rates = ClassRates::all(Rate { frames_per_second: 10, burst: 2 });
        let (sender, mut receiver) = channel(64, 64);
        let mut sender = sender.policed(Policers::new(&rates, 1_000));
        let mut send = |now, class| {
            sender.tick(now);
            sender.send(class, Way::Port(0), &[0; 64])
        };
        let policed = Err(SendError::Policed);
        for class in SlotClass::ALL {
            assert_eq!([0, 0, 0, 99].map(|now| send(now, class)), [Ok(()), Ok(()), policed, policed], "{class}");
            assert_eq!([100, 100].map(|now| send(now, class)), [Ok(()), policed], "{class}");
        }
        assert_eq!(std::iter::from_fn(|| receiver.receive(|_| ())).count(), 3 * SlotClass::COUNT);
    }

    #[test]
    fn a_frame_that_is_too_long_does_not_count_for_the_rate() {
        let rates = ClassRates::all(Rate { frames_per_second: 1, burst: 1 });
        let (sender, _receiver) = channel(4, 64);
        let mut sender = sender.policed(Policers::new(&rates, 1_000));
        assert_eq!(sender.send(SlotClass::Bgp, Way::Port(0), &[0; 65]), Err(SendError::TooLong));
        assert_eq!(sender.send(SlotClass::Bgp, Way::Port(0), &[0; 64]), Ok(()));
    }

    #[test]
    fn a_channel_without_slots_is_always_full() {
        let (mut sender, mut receiver) = channel(0, 64);
        assert_eq!(sender.send(SlotClass::Neighbour, Way::Port(0), &[]), Err(SendError::Full));
        assert_eq!(receiver.receive(|_| ()), None);
    }

    #[test]
    fn the_sender_learns_that_the_receiver_is_gone() {
        let (sender, receiver) = channel(2, 64);
        assert!(!sender.is_abandoned());
        drop(receiver);
        assert!(sender.is_abandoned());
    }

    #[test]
    fn two_threads_pass_every_frame_once_and_in_order() {
        const FRAMES: u32 = 200_000;
        let (mut sender, mut receiver) = channel(64, 256);
        let producer = std::thread::spawn(move || {
            for n in 0..FRAMES {
                let tail = vec![n as u8; n as usize % 200];
                while sender.send_parts(SlotClass::Bgp, Way::Port(n as u16), &n.to_be_bytes(), &tail)
                    == Err(SendError::Full)
                {
                    std::thread::yield_now();
                }
            }
        });
        for n in 0..FRAMES {
            let check = |slot: &Slot| {
                assert_eq!(slot.way(), Way::Port(n as u16));
                assert_eq!(slot.octets()[..4], n.to_be_bytes());
                assert_eq!(slot.octets().len(), 4 + n as usize % 200);
                assert!(slot.octets()[4..].iter().all(|&octet| octet == n as u8));
            };
            while receiver.receive(check).is_none() {
                std::thread::yield_now();
            }
        }
        producer.join().expect("the producer does not panic");
        assert!(receiver.is_empty());
    }

    #[derive(Debug, Clone)]
    enum Step {
        Send(bool, Vec<u8>),
        Receive,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let send = (any::<bool>(), prop::collection::vec(any::<u8>(), 0..20)).prop_map(|(u, f)| Step::Send(u, f));
        prop::collection::vec(prop_oneof![3 => send, 2 => Just(Step::Receive)], 0..200)
    }

    proptest! {
        #[test]
        fn the_channel_behaves_as_a_bounded_queue(capacity in 0usize..12, steps in steps()) {
            let (mut sender, mut receiver) = channel(capacity, 16);
            let mut queue: VecDeque<Vec<u8>> = VecDeque::new();
            for step in steps {
                match step {
                    Step::Send(urgent, frame) => {
                        let class = if urgent { SlotClass::Bfd } else { SlotClass::Other };
                        let limit = if urgent { capacity } else { capacity - capacity / 4 };
                        let expected = if frame.len() > 16 {
                            Err(SendError::TooLong)
                        } else if queue.len() >= limit {
                            Err(SendError::Full)
                        } else {
                            queue.push_back(frame.clone());
                            Ok(())
                        };
                        prop_assert_eq!(sender.send(class, Way::Port(0), &frame), expected);
                    }
                    Step::Receive => {
                        prop_assert_eq!(receiver.receive(|s| s.octets().to_vec()), queue.pop_front());
                    }
                }
                prop_assert_eq!(receiver.waiting(), queue.len());
            }
        }

        #[test]
        fn classifying_any_octets_never_panics(octets in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = SlotClass::of_frame(&octets);
        }
    }
}
