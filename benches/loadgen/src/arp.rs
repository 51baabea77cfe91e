//! ARP on the fabric (RFC 826): the gateway asks who has our VTEP address, and we ask for the gateway's MAC.

use std::net::Ipv4Addr;
use wire::{MacAddr, ethernet};

/// Hardware type Ethernet, protocol IPv4, and the lengths of their addresses.
const KIND: [u8; 6] = [0, 1, 8, 0, 6, 4];
const REQUEST: u16 = 1;
const REPLY: u16 = 2;

/// A whole frame, padded to the least length.
pub type Frame = [u8; ethernet::MIN_FRAME_OCTETS];

/// What an ARP frame says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// A question; else an answer.
    pub is_request: bool,
    /// The MAC of who says it.
    pub sender_mac: MacAddr,
    /// The address of who says it.
    pub sender: Ipv4Addr,
    /// The address that is asked for; of an answer, who it is for.
    pub target: Ipv4Addr,
}

impl Message {
    /// Reads an untagged frame. `None` where it is no question or answer about IPv4.
    #[must_use]
    pub fn read(frame: &[u8]) -> Option<Self> {
        let packet: &[u8; 28] = frame.get(ethernet::HEADER_OCTETS..)?.first_chunk()?;
        let ether_type = frame.get(12..14)?;
        if ether_type != ethernet::TYPE_ARP.to_be_bytes() || packet[..6] != KIND {
            return None;
        }
        let is_request = match u16::from_be_bytes([packet[6], packet[7]]) {
            REQUEST => true,
            REPLY => false,
            _ => return None,
        };
        let address = |at: usize| Ipv4Addr::new(packet[at], packet[at + 1], packet[at + 2], packet[at + 3]);
        let mac = MacAddr::new([packet[8], packet[9], packet[10], packet[11], packet[12], packet[13]]);
        Some(Self { is_request, sender_mac: mac, sender: address(14), target: address(24) })
    }

    /// The answer to a question for `address`, which `mac` has; `None` where that was not asked.
    #[must_use]
    pub fn answer(&self, address: Ipv4Addr, mac: MacAddr) -> Option<Frame> {
        let asked = self.is_request && self.target == address;
        asked.then(|| frame(REPLY, mac, address, self.sender_mac, self.sender_mac, self.sender))
    }
}

/// A question for `target`.
#[must_use]
pub fn request(mac: MacAddr, address: Ipv4Addr, target: Ipv4Addr) -> Frame {
    frame(REQUEST, mac, address, MacAddr::BROADCAST, MacAddr::ZERO, target)
}

fn frame(operation: u16, mac: MacAddr, address: Ipv4Addr, to: MacAddr, target_mac: MacAddr, target: Ipv4Addr) -> Frame {
    let parts = [
        &to.octets()[..],
        &mac.octets(),
        &ethernet::TYPE_ARP.to_be_bytes(),
        &KIND,
        &operation.to_be_bytes(),
        &mac.octets(),
        &address.octets(),
        &target_mac.octets(),
        &target.octets(),
    ];
    let mut frame = [0; ethernet::MIN_FRAME_OCTETS];
    for (octet, value) in frame.iter_mut().zip(parts.into_iter().flatten()) {
        *octet = *value;
    }
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: MacAddr = MacAddr::new([2, 0, 0, 0, 0, 0x99]);
    const THEIRS: MacAddr = MacAddr::new([2, 0, 0, 0, 0, 1]);

    #[test]
    fn a_question_for_our_address_is_answered_and_no_other() {
        let (ours, theirs) = (Ipv4Addr::new(172, 16, 0, 2), Ipv4Addr::new(172, 16, 0, 1));
        let question = Message::read(&request(THEIRS, theirs, ours)).expect("ARP");
        assert_eq!(question, Message { is_request: true, sender_mac: THEIRS, sender: theirs, target: ours });
        let answer = question.answer(ours, OURS).expect("it is ours");
        assert_eq!(answer[..6], THEIRS.octets());
        let read = Message::read(&answer);
        assert_eq!(read, Some(Message { is_request: false, sender_mac: OURS, sender: ours, target: theirs }));
        assert_eq!(question.answer(theirs, OURS), None);
        assert_eq!(read.and_then(|answer| answer.answer(theirs, OURS)), None, "an answer is no question");
    }

    #[test]
    fn what_is_no_arp_is_passed_over() {
        let good = request(THEIRS, Ipv4Addr::LOCALHOST, Ipv4Addr::LOCALHOST);
        for at in [12, 14, 16, 18, 20] {
            let mut frame = good;
            frame[at] ^= 0x40;
            assert_eq!(Message::read(&frame), None, "octet {at}");
        }
        assert_eq!(Message::read(&good[..41]), None);
    }
}
