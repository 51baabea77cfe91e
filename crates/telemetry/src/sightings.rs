//! What a worker saw of single frames: copies of their octets, with what it knew of them and decided.
//!
//! A bounded channel of preallocated records, as in [`slots`](crate::slots): two single-producer single-consumer rings
//! circulate the same records, so neither end ever allocates, locks or waits. A sender fills a record *in hand* first, by
//! place, and may send it or fill it anew: when a frame arrives nobody knows yet whether anybody wants to hear of it.

use crate::DropReason;
use fib::{Destination, NetworkId, PortIndex, VifIndex};
use rtrb::{Consumer, Producer, RingBuffer};
use wire::{MacAddr, Tci};

/// Records that a sender may have in hand: one for each frame of a burst that arrives, and one for each that leaves.
pub const PLACES: usize = 64;

/// Whether a frame came by a port or went to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// It came.
    In,
    /// It went.
    Out,
}

/// What was decided about a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It goes out of this port, or has.
    Sent(PortIndex),
    /// A copy goes to each other member of its network.
    Flooded,
    /// It goes to the host.
    Punted,
    /// It was answered, or had its effect, in the worker itself.
    Consumed,
    /// It goes nowhere.
    Dropped(DropReason),
}

/// The frame's own Ethernet header: of one from the fabric, the header inside the tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addresses {
    /// Where it begins in the frame as it came.
    pub at: u8,
    /// Destination.
    pub destination: MacAddr,
    /// Source.
    pub source: MacAddr,
    /// The outer tag, 0 without one; of a frame from the fabric only the priority, as the outer header tells it.
    pub tag: Tci,
}

/// What a worker knew of a frame. What it had not found out is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// The worker's clock, at the beginning of the round.
    pub at: u64,
    /// The generation of the tables by whose numbers this speaks.
    pub generation: u64,
    /// The port that it came by or went to.
    pub port: Option<PortIndex>,
    /// Which of both.
    pub direction: Direction,
    /// The frame's whole length.
    pub octets: u32,
    /// What was decided.
    pub fate: Fate,
    /// Its own addresses.
    pub addresses: Option<Addresses>,
    /// The interface that it came in by.
    pub ingress: Option<VifIndex>,
    /// Its network.
    pub network: Option<NetworkId>,
    /// The interface whose own label it came with.
    pub labelled: Option<VifIndex>,
    /// Where the tables say that its destination is.
    pub found: Option<Destination>,
    /// Its flow hash; access side only.
    pub hash: u32,
}

impl Facts {
    /// Of a frame of which nothing else is known.
    pub const fn new(at: u64, generation: u64, direction: Direction, fate: Fate) -> Self {
        Self {
            at,
            generation,
            port: None,
            direction,
            octets: 0,
            fate,
            addresses: None,
            ingress: None,
            network: None,
            labelled: None,
            found: None,
            hash: 0,
        }
    }
}

/// One frame that was seen, in memory that was allocated when the channel was made.
#[derive(Debug)]
pub struct Sighting {
    /// What was known of it.
    pub facts: Facts,
    octets: usize,
    leaving: usize,
    memory: Box<[u8]>,
}

impl Sighting {
    fn new(slot_octets: usize) -> Self {
        let facts = Facts::new(0, 0, Direction::In, Fate::Flooded);
        Self { facts, octets: 0, leaving: 0, memory: vec![0; slot_octets].into_boxed_slice() }
    }

    /// The frame's first octets, as many as were wanted and had room.
    pub fn octets(&self) -> &[u8] {
        self.memory.get(..self.octets).unwrap_or_default()
    }

    /// Its first octets as it left, if those were wanted.
    pub fn leaving(&self) -> &[u8] {
        self.memory.get(self.octets..self.octets + self.leaving).unwrap_or_default()
    }

    /// Has `copy` write the frame's first octets and say how many.
    pub fn copy_octets(&mut self, copy: impl FnOnce(&mut [u8]) -> usize) {
        (self.octets, self.leaving) = (0, 0);
        self.octets = copy(&mut self.memory).min(self.memory.len());
    }

    /// The same for the frame as it leaves, into what room is left.
    pub fn copy_leaving(&mut self, copy: impl FnOnce(&mut [u8]) -> usize) {
        let room = self.memory.get_mut(self.octets..).unwrap_or_default();
        let most = room.len();
        self.leaving = copy(room).min(most);
    }
}

/// Makes a channel of `capacity` records of `slot_octets` octets each; the only place that allocates.
pub fn channel(capacity: usize, slot_octets: usize) -> (SightingSender, SightingReceiver) {
    let (full_in, full_out) = RingBuffer::new(capacity);
    let (mut free_in, free_out) = RingBuffer::new(capacity);
    for _ in 0..capacity {
        put(&mut free_in, Sighting::new(slot_octets));
    }
    let hand = std::array::from_fn(|_| None);
    (SightingSender { free: free_out, full: full_in, hand }, SightingReceiver { free: free_in, full: full_out })
}

/// Each of the two rings has room for all records of the channel, so a push cannot fail.
fn put(ring: &mut Producer<Sighting>, sighting: Sighting) {
    let pushed = ring.push(sighting);
    debug_assert!(pushed.is_ok(), "both rings hold all records of the channel");
}

/// The sending end, of one worker. Never blocks.
#[derive(Debug)]
pub struct SightingSender {
    free: Consumer<Sighting>,
    full: Producer<Sighting>,
    hand: [Option<Sighting>; PLACES],
}

impl SightingSender {
    /// The record in hand at a place, whatever is in it; a free one if there was none. `None` if none is free.
    pub fn draft(&mut self, place: usize) -> Option<&mut Sighting> {
        let hand = self.hand.get_mut(place)?;
        if hand.is_none() {
            *hand = self.free.pop().ok();
        }
        hand.as_mut()
    }

    /// The record in hand at a place, if there is one.
    pub fn in_hand(&mut self, place: usize) -> Option<&mut Sighting> {
        self.hand.get_mut(place)?.as_mut()
    }

    /// Sends the record in hand at a place; `false` if there is none.
    pub fn send(&mut self, place: usize) -> bool {
        let Some(sighting) = self.hand.get_mut(place).and_then(Option::take) else { return false };
        put(&mut self.full, sighting);
        true
    }

    /// Whether the receiving end is gone.
    pub fn is_abandoned(&self) -> bool {
        self.full.is_abandoned()
    }
}

/// The receiving end. Never blocks.
#[derive(Debug)]
pub struct SightingReceiver {
    free: Producer<Sighting>,
    full: Consumer<Sighting>,
}

impl SightingReceiver {
    /// Shows the oldest record that waits to `f`, then gives its memory back. `None` if nothing waits.
    pub fn receive<R>(&mut self, f: impl FnOnce(&Sighting) -> R) -> Option<R> {
        let sighting = self.full.pop().ok()?;
        let result = f(&sighting);
        put(&mut self.free, sighting);
        Some(result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    fn write(octets: &[u8]) -> impl FnOnce(&mut [u8]) -> usize + '_ {
        |room| {
            let n = octets.len().min(room.len());
            room[..n].copy_from_slice(&octets[..n]);
            n
        }
    }

    #[test]
    fn a_frame_and_what_it_became_stand_one_behind_the_other() {
        let (mut sender, mut receiver) = channel(2, 10);
        let draft = sender.draft(0).expect("two are free");
        draft.copy_octets(write(&[1, 2, 3]));
        draft.copy_leaving(write(&[9; 20]));
        assert!(sender.send(0) && !sender.send(0), "it is sent once");
        let seen = receiver.receive(|seen| (seen.octets().to_vec(), seen.leaving().to_vec()));
        assert_eq!(seen, Some((vec![1, 2, 3], vec![9; 7])), "what has no room is cut");
    }

    #[test]
    fn a_record_in_hand_that_is_not_sent_is_filled_anew() {
        let (mut sender, mut receiver) = channel(1, 4);
        sender.draft(5).expect("one is free").copy_octets(write(&[1; 4]));
        assert!(sender.draft(6).is_none(), "the only one is in hand elsewhere");
        sender.draft(5).expect("it is in hand").copy_octets(write(&[2]));
        assert!(sender.send(5));
        assert_eq!(receiver.receive(|seen| seen.octets().to_vec()), Some(vec![2]));
        assert!(sender.draft(6).is_some(), "its memory came back");
        assert!(sender.draft(PLACES).is_none(), "no such place");
    }

    #[test]
    fn the_sender_learns_that_the_receiver_is_gone() {
        let (sender, receiver) = channel(1, 4);
        assert!(!sender.is_abandoned());
        drop(receiver);
        assert!(sender.is_abandoned());
    }

    proptest! {
        #[test]
        fn the_channel_behaves_as_a_bounded_queue(
            capacity in 0usize..6,
            steps in prop::collection::vec((0usize..4, any::<u8>(), 0u8..3), 0..100),
        ) {
            let (mut sender, mut receiver) = channel(capacity, 1);
            let (mut queue, mut hands) = (VecDeque::new(), [None; 4]);
            for (place, octet, step) in steps {
                match step {
                    0 => {
                        let held = hands.iter().flatten().count() + queue.len();
                        let expected = hands[place].is_some() || held < capacity;
                        let draft = sender.draft(place);
                        prop_assert_eq!(draft.is_some(), expected);
                        if let Some(draft) = draft {
                            draft.copy_octets(write(&[octet]));
                            hands[place] = Some(octet);
                        }
                    }
                    1 => {
                        prop_assert_eq!(sender.send(place), hands[place].is_some());
                        queue.extend(hands[place].take());
                    }
                    _ => prop_assert_eq!(receiver.receive(|seen| seen.octets()[0]), queue.pop_front()),
                }
            }
        }
    }
}
