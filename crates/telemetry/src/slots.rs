//! Frames between a worker and the host or control thread: a bounded channel of preallocated slots.
//!
//! Two single-producer single-consumer rings circulate the same slots: `full` carries them from sender to receiver,
//! `free` carries them back. A frame is copied into a slot and out of it, so neither side ever sees the other's
//! buffers: the host thread never touches a worker's mbuf pool, and a descheduled host thread never makes a worker
//! wait. Every slot is made by [`channel`]; afterwards there is no allocation, no lock and no system call on either
//! side.
//!
//! When the channel runs short, bulk traffic suffers first: a quarter of the slots are kept for the classes that keep
//! the underlay alive ([`SlotClass::is_urgent`]), so a flood of pings cannot cost a BGP session or an ARP reply.

use rtrb::{Consumer, Producer, RingBuffer};
use wire::{ethernet, ipv4, udp};

/// TCP port of BGP (RFC 4271 section 8.2.1).
const PORT_BGP: u16 = 179;
/// UDP ports of BFD: single-hop control and echo (RFC 5881 section 4), multihop (RFC 5883 section 5).
const PORTS_BFD: [u16; 3] = [3784, 3785, 4784];
/// One slot of so many is kept for urgent classes.
const URGENT_SHARE: usize = 4;

/// What a frame between worker and host is, for policing: the first three come before the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum SlotClass {
    /// Address resolution: without it no next hop lives.
    Arp = 0,
    /// BGP, by its TCP port at either end.
    Bgp = 1,
    /// BFD, by its UDP destination port.
    Bfd = 2,
    /// Everything else.
    Other = 3,
}

impl SlotClass {
    /// How many classes there are; `class as usize` is below it.
    pub const COUNT: usize = 4;

    /// Whether the reserved slots are open to this class.
    pub const fn is_urgent(self) -> bool {
        !matches!(self, Self::Other)
    }

    /// The class of an Ethernet frame, untagged or with one 802.1Q tag. Whatever cannot be read is `Other`.
    ///
    /// Non-first fragments are `Other`: they carry no ports.
    pub fn of_frame(frame: &[u8]) -> Self {
        Self::of_readable_frame(frame).unwrap_or(Self::Other)
    }

    fn of_readable_frame(frame: &[u8]) -> Option<Self> {
        let mut l3 = ethernet::HEADER_OCTETS;
        let mut ether_type = be16_at(frame, l3 - 2)?;
        if ether_type == ethernet::TYPE_VLAN {
            l3 += ethernet::TAG_OCTETS;
            ether_type = be16_at(frame, l3 - 2)?;
        }
        match ether_type {
            ethernet::TYPE_ARP => Some(Self::Arp),
            ethernet::TYPE_IPV4 => Self::of_ipv4(frame.get(l3..)?),
            _ => None,
        }
    }

    fn of_ipv4(packet: &[u8]) -> Option<Self> {
        const FRAGMENT_OFFSET_MASK: u16 = 0x1fff;
        if be16_at(packet, 6)? & FRAGMENT_OFFSET_MASK != 0 {
            return None;
        }
        let l4 = packet.get(usize::from(packet.first()? & 0x0f) * 4..)?;
        let (source, destination) = (be16_at(l4, 0)?, be16_at(l4, 2)?);
        match *packet.get(9)? {
            ipv4::PROTO_TCP if source == PORT_BGP || destination == PORT_BGP => Some(Self::Bgp),
            ipv4::PROTO_UDP if l4.len() >= udp::HEADER_OCTETS && PORTS_BFD.contains(&destination) => Some(Self::Bfd),
            _ => None,
        }
    }
}

fn be16_at(octets: &[u8], offset: usize) -> Option<u16> {
    octets.get(offset..)?.first_chunk().map(|two| u16::from_be_bytes(*two))
}

/// One frame on its way, in memory that was allocated when the channel was made.
#[derive(Debug)]
pub struct Slot {
    class: SlotClass,
    port: u16,
    len: usize,
    memory: Box<[u8]>,
}

impl Slot {
    /// What the sender took the frame for.
    pub fn class(&self) -> SlotClass {
        self.class
    }

    /// Index of the port the frame came in by, or is to leave by.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The frame, from its destination MAC, without check sequence.
    pub fn octets(&self) -> &[u8] {
        &self.memory[..self.len]
    }
}

/// Why a frame was not taken; it is the sender's to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendError {
    /// No slot is free for this class: the receiver is slower than the sender.
    Full,
    /// The frame is longer than the slots of this channel.
    TooLong,
}

impl std::fmt::Display for SendError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Full => "no free slot for the frame's class: the receiver is slower than the sender",
            Self::TooLong => "the frame is longer than the channel's slots",
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
        put(&mut free_in, Slot { class: SlotClass::Other, port: 0, len: 0, memory });
    }
    let reserved = capacity / URGENT_SHARE;
    (
        SlotSender { free: free_out, full: full_in, slot_octets, reserved },
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
}

impl SlotSender {
    /// Copies `frame` into a free slot and passes it on. Cost: one copy and four ring indices; no allocation.
    pub fn send(&mut self, class: SlotClass, port: u16, frame: &[u8]) -> Result<(), SendError> {
        self.send_parts(class, port, frame, &[])
    }

    /// As [`SlotSender::send`], for a frame whose header and payload lie apart (a replica, an undone tag).
    pub fn send_parts(&mut self, class: SlotClass, port: u16, head: &[u8], tail: &[u8]) -> Result<(), SendError> {
        let len = head.len() + tail.len();
        if len > self.slot_octets {
            return Err(SendError::TooLong);
        }
        if !class.is_urgent() && self.free.slots() <= self.reserved {
            return Err(SendError::Full);
        }
        let mut slot = self.free.pop().map_err(|_| SendError::Full)?;
        slot.memory[..head.len()].copy_from_slice(head);
        slot.memory[head.len()..len].copy_from_slice(tail);
        (slot.class, slot.port, slot.len) = (class, port, len);
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
        sender.send_parts(SlotClass::Arp, 7, &[1, 2], &[3]).expect("four slots are free");
        let seen = receiver.receive(|s| (s.class(), s.port(), s.octets().to_vec()));
        assert_eq!(seen, Some((SlotClass::Arp, 7, vec![1, 2, 3])));
        assert_eq!(receiver.receive(|_| ()), None);
    }

    #[test]
    fn a_frame_longer_than_a_slot_is_refused_and_costs_no_slot() {
        let (mut sender, mut receiver) = channel(1, 4);
        assert_eq!(sender.send(SlotClass::Arp, 0, &[0; 5]), Err(SendError::TooLong));
        assert_eq!(sender.send(SlotClass::Arp, 0, &[9; 4]), Ok(()));
        assert_eq!(receiver.receive(|s| s.octets().len()), Some(4));
    }

    #[test]
    fn a_short_frame_shows_nothing_of_the_longer_one_before_it() {
        let (mut sender, mut receiver) = channel(1, 8);
        for frame in [&[1u8; 8][..], &[2; 3]] {
            sender.send(SlotClass::Arp, 0, frame).expect("the only slot is free");
            assert_eq!(receiver.receive(|s| s.octets() == frame), Some(true));
        }
    }

    #[test]
    fn bulk_traffic_cannot_take_the_slots_kept_for_urgent_frames() {
        let (mut sender, mut receiver) = channel(8, 64);
        let taken = (0..20).filter(|_| sender.send(SlotClass::Other, 0, &[0; 64]).is_ok()).count();
        assert_eq!(taken, 6);
        assert_eq!(sender.send(SlotClass::Arp, 0, &[0; 64]), Ok(()));
        assert_eq!(sender.send(SlotClass::Bgp, 0, &[0; 64]), Ok(()));
        assert_eq!(sender.send(SlotClass::Bfd, 0, &[0; 64]), Err(SendError::Full));
        receiver.receive(|_| ());
        assert_eq!(sender.send(SlotClass::Other, 0, &[0; 64]), Err(SendError::Full));
        assert_eq!(sender.send(SlotClass::Bfd, 0, &[0; 64]), Ok(()));
    }

    #[test]
    fn a_channel_without_slots_is_always_full() {
        let (mut sender, mut receiver) = channel(0, 64);
        assert_eq!(sender.send(SlotClass::Arp, 0, &[]), Err(SendError::Full));
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
                while sender.send_parts(SlotClass::Bgp, n as u16, &n.to_be_bytes(), &tail) == Err(SendError::Full) {
                    std::thread::yield_now();
                }
            }
        });
        for n in 0..FRAMES {
            let check = |slot: &Slot| {
                assert_eq!(slot.port(), n as u16);
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

    /// An IPv4 frame with the given protocol and ports, hand-laid.
    fn ipv4_frame(tagged: bool, protocol: u8, options_words: u8, source: u16, destination: u16) -> Vec<u8> {
        let mut frame = vec![0xaa; 12];
        if tagged {
            frame.extend([0x81, 0x00, 0x00, 0x64]);
        }
        frame.extend([0x08, 0x00, 0x45 + options_words, 0, 0, 40, 0, 0, 0x40, 0, 64, protocol, 0, 0]);
        frame.extend([10, 0, 0, 1, 10, 0, 0, 2]);
        frame.extend(vec![1; usize::from(options_words) * 4]);
        frame.extend(source.to_be_bytes());
        frame.extend(destination.to_be_bytes());
        frame.extend([0; 16]);
        frame
    }

    #[test]
    fn arp_bgp_and_bfd_are_recognised_tagged_and_with_options() {
        for tagged in [false, true] {
            for options in [0, 3] {
                let class = |protocol, s, d| SlotClass::of_frame(&ipv4_frame(tagged, protocol, options, s, d));
                assert_eq!(class(6, 40_000, 179), SlotClass::Bgp);
                assert_eq!(class(6, 179, 40_000), SlotClass::Bgp);
                assert_eq!(class(17, 49_152, 3784), SlotClass::Bfd);
                assert_eq!(class(17, 49_152, 4784), SlotClass::Bfd);
                assert_eq!(class(17, 179, 179), SlotClass::Other);
                assert_eq!(class(6, 3784, 3784), SlotClass::Other);
                assert_eq!(class(1, 179, 179), SlotClass::Other);
            }
        }
        let arp = [&[0xff; 12][..], &[0x08, 0x06], &[0; 28]].concat();
        assert_eq!(SlotClass::of_frame(&arp), SlotClass::Arp);
    }

    #[test]
    fn a_later_fragment_has_no_ports_to_go_by() {
        let mut frame = ipv4_frame(false, 6, 0, 179, 179);
        frame[14 + 7] = 1;
        assert_eq!(SlotClass::of_frame(&frame), SlotClass::Other);
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
                        prop_assert_eq!(sender.send(class, 0, &frame), expected);
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
