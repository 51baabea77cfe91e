use netlink_packet_core::{
    DecodeError, NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use rustix::event::{PollFd, PollFlags, poll};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

/// How long any answer of the kernel may take before we give up on it.
pub(crate) const ANSWER_TIME: Duration = Duration::from_secs(5);
/// The kernel fills one datagram of a listing with at most 32 KiB.
const DATAGRAM_OCTETS: usize = 65_536;

pub(crate) type Message = NetlinkMessage<RouteNetlinkMessage>;

/// A NETLINK_ROUTE socket in the network namespace of the thread that made it.
pub(crate) struct RouteSocket {
    socket: Socket,
    datagram: Vec<u8>,
    sequence: u32,
}

impl RouteSocket {
    pub(crate) fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        socket.set_non_blocking(true)?;
        Ok(Self { socket, datagram: Vec::with_capacity(DATAGRAM_OCTETS), sequence: 0 })
    }

    /// Also receives what the kernel says to these multicast groups.
    pub(crate) fn subscribe(&self, groups: &[u32]) -> io::Result<()> {
        groups.iter().try_for_each(|group| self.socket.add_membership(*group))
    }

    /// Room for `octets` of waiting notifications; the kernel caps it (net.core.rmem_max).
    pub(crate) fn reserve_queue(&self, octets: u32) -> io::Result<()> {
        self.socket.set_rx_buf_sz(octets)
    }

    /// Sends one request and returns its sequence number.
    pub(crate) fn send(&mut self, payload: RouteNetlinkMessage, flags: u16) -> io::Result<u32> {
        self.sequence = self.sequence.wrapping_add(1).max(1);
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST | flags;
        header.sequence_number = self.sequence;
        let mut message = NetlinkMessage::new(header, NetlinkPayload::from(payload));
        message.finalize();
        let mut octets = vec![0; message.buffer_len()];
        message.serialize(&mut octets);
        self.socket.send(&octets, 0)?;
        Ok(self.sequence)
    }

    /// Hands every message of the next datagram to `each`; `WouldBlock` if none waits.
    ///
    /// A message that cannot be decoded is handed over as the error that it is: the others of the datagram still count.
    pub(crate) fn receive(&mut self, mut each: impl FnMut(Result<Message, DecodeError>)) -> io::Result<()> {
        self.datagram.clear();
        self.socket.recv(&mut self.datagram, 0)?;
        for message in messages_of(&self.datagram) {
            each(NetlinkMessage::deserialize(message));
        }
        Ok(())
    }

    /// Sends one request and waits for the kernel's yes or no.
    pub(crate) fn change(&mut self, payload: RouteNetlinkMessage, flags: u16) -> io::Result<()> {
        let sequence = self.send(payload, flags | NLM_F_ACK)?;
        self.await_end(sequence, |_| ())
    }

    /// Sends one request that is answered by a single message.
    pub(crate) fn ask(&mut self, payload: RouteNetlinkMessage) -> io::Result<Option<RouteNetlinkMessage>> {
        let sequence = self.send(payload, NLM_F_ACK)?;
        let mut answer = None;
        self.await_end(sequence, |message| answer = Some(message))?;
        Ok(answer)
    }

    /// Sends one request that is answered by a listing.
    pub(crate) fn list(&mut self, payload: RouteNetlinkMessage) -> io::Result<Vec<RouteNetlinkMessage>> {
        let sequence = self.send(payload, NLM_F_DUMP)?;
        let mut listed = Vec::new();
        self.await_end(sequence, |message| listed.push(message))?;
        Ok(listed)
    }

    fn await_end(&mut self, sequence: u32, mut each: impl FnMut(RouteNetlinkMessage)) -> io::Result<()> {
        let deadline = Instant::now() + ANSWER_TIME;
        let mut end = None;
        while end.is_none() {
            self.await_readable(deadline)?;
            let received = self.receive(|message| {
                let Ok(message) = message else { return };
                if message.header.sequence_number != sequence {
                    return;
                }
                match message.payload {
                    NetlinkPayload::InnerMessage(inner) => each(inner),
                    NetlinkPayload::Error(error) if error.code.is_some() => end = Some(Err(error.to_io())),
                    NetlinkPayload::Error(_) | NetlinkPayload::Done(_) => end = Some(Ok(())),
                    _ => {}
                }
            });
            match received {
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
                _ => {}
            }
        }
        end.unwrap_or(Ok(()))
    }

    fn await_readable(&self, deadline: Instant) -> io::Result<()> {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let timeout = left.try_into().map_err(|_| io::ErrorKind::InvalidInput)?;
        match poll(&mut [PollFd::new(&self.socket, PollFlags::IN)], Some(&timeout)) {
            Err(rustix::io::Errno::INTR) | Ok(_) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }
}

impl AsFd for RouteSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// The messages of a datagram, each from its header; what follows a length that lies is dropped.
fn messages_of(datagram: &[u8]) -> impl Iterator<Item = &[u8]> {
    const HEADER_OCTETS: usize = 16;
    let mut rest = datagram;
    std::iter::from_fn(move || {
        let length = u32::from_ne_bytes(*rest.first_chunk()?) as usize;
        let message = rest.get(..length).filter(|message| message.len() >= HEADER_OCTETS)?;
        // Each message begins at a multiple of four octets (NLMSG_ALIGNTO).
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn message(length: u32, octets: usize) -> Vec<u8> {
        let mut message = vec![0xee; octets];
        message[..4].copy_from_slice(&length.to_ne_bytes());
        message
    }

    #[test]
    fn messages_begin_at_multiples_of_four_and_the_last_may_end_anywhere() {
        let datagram = [message(18, 20), message(16, 16), message(17, 17)].concat();
        let lengths: Vec<_> = messages_of(&datagram).map(<[u8]>::len).collect();
        assert_eq!(lengths, [18, 16, 17]);
    }

    #[test]
    fn a_length_that_lies_ends_the_datagram() {
        for lie in [0, 15, 21, u32::MAX] {
            let datagram = [message(16, 16), message(lie, 20)].concat();
            assert_eq!(messages_of(&datagram).count(), 1, "length {lie}");
        }
    }

    proptest! {
        #[test]
        fn any_octets_split_into_no_more_than_are_there(octets in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(messages_of(&octets).map(<[u8]>::len).sum::<usize>() <= octets.len());
        }
    }
}
