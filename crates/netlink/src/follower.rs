use crate::error::NetlinkError;
use crate::messages;
use crate::socket::{ANSWER_TIME, Message, RouteSocket};
use crate::translate::translate;
use crate::wake::Wake;
use control::underlay::{KernelEvent, KernelRequest};
use crossbeam_channel::{Receiver, SendTimeoutError, Sender, TrySendError, bounded};
use netlink_packet_core::{NLM_F_DUMP, NLM_F_DUMP_INTR, NetlinkPayload};
use netlink_packet_route::link::LinkMessage;
use netlink_packet_route::neighbour::NeighbourMessage;
use netlink_packet_route::route::RouteMessage;
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// RTNLGRP_LINK, RTNLGRP_NEIGH, then RTNLGRP_IPV4_IFADDR, _IPV4_ROUTE, _IPV6_IFADDR, _IPV6_ROUTE (linux/rtnetlink.h).
const GROUPS: [u32; 6] = [1, 3, 5, 7, 9, 11];
/// Room for notifications that wait while control is busy; the kernel caps it.
const QUEUE_OCTETS: u32 = 1 << 20;
/// Requests to the kernel that may wait.
const REQUESTS: usize = 1_024;
/// Everything is listed anew this often, in case the kernel changed something without a word.
const RELIST_EVERY: Duration = Duration::from_secs(60);
/// How long after a hint that something changed silently the listing begins: hints come in swarms.
const RELIST_AFTER_HINT: Duration = Duration::from_millis(100);
/// The pause before the socket is opened anew after it failed.
const REOPEN_AFTER: Duration = Duration::from_millis(200);
/// How often a sender that waits for control looks whether it shall stop.
const STOP_LATENCY: Duration = Duration::from_millis(100);

/// Follows the kernel on a thread of its own: links, routes of the main table and neighbours, of IPv4 and IPv6.
///
/// Control gets a listing first, between [`KernelEvent::ResyncBegin`] and [`KernelEvent::ResyncEnd`], and from its
/// begin on every change. When control is slow, the kernel's queue overflows, and a new listing makes up for what was
/// lost. Dropping it stops the thread.
#[derive(Debug)]
pub struct Follower {
    /// Set here, read by the thread; Relaxed, because no other memory is passed along with it.
    stop: Arc<AtomicBool>,
    wake: Arc<Wake>,
    thread: Option<JoinHandle<()>>,
}

/// Takes control's requests to the kernel. Never blocks.
#[derive(Debug, Clone)]
pub struct Requester {
    requests: Sender<KernelRequest>,
    wake: Arc<Wake>,
}

/// Why a request was not taken; it may be made again later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Too many requests wait.
    #[error("{REQUESTS} requests to the kernel wait already")]
    Full,
    /// The follower has stopped.
    #[error("the netlink thread has stopped")]
    Stopped,
}

impl Requester {
    /// Passes a request on; the thread sends it to the kernel at once. One system call, to wake the thread.
    pub fn request(&self, request: KernelRequest) -> Result<(), RequestError> {
        self.requests.try_send(request).map_err(|error| match error {
            TrySendError::Full(_) => RequestError::Full,
            TrySendError::Disconnected(_) => RequestError::Stopped,
        })?;
        self.wake.wake();
        Ok(())
    }
}

impl Follower {
    /// Starts the thread in the network namespace, and with the CPU affinity, of the caller. At most `capacity` events
    /// wait for control.
    pub fn start(capacity: usize) -> Result<(Self, Receiver<KernelEvent>, Requester), NetlinkError> {
        let (events, to_control) = bounded(capacity.max(1));
        let (requests, from_control) = bounded(REQUESTS);
        let wake = Arc::new(Wake::new().map_err(NetlinkError::resource("make an eventfd"))?);
        let stop = Arc::new(AtomicBool::new(false));
        let session = Session {
            socket: subscribed_socket().map_err(NetlinkError::resource("follow the kernel by netlink"))?,
            listing: None,
            relist_at: Instant::now(),
            events,
            requests: from_control,
            stop: Arc::clone(&stop),
            wake: Arc::clone(&wake),
        };
        let thread = std::thread::Builder::new()
            .name("netlink".into())
            .spawn(move || session.run())
            .map_err(NetlinkError::resource("start the netlink thread"))?;
        let follower = Self { stop, wake: Arc::clone(&wake), thread: Some(thread) };
        Ok((follower, to_control, Requester { requests, wake }))
    }

    /// Whether the thread still runs; it ends by itself only when control no longer listens.
    pub fn is_running(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.wake.wake();
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the netlink thread ended by a panic");
        }
    }
}

fn subscribed_socket() -> io::Result<RouteSocket> {
    let socket = RouteSocket::open()?;
    socket.reserve_queue(QUEUE_OCTETS)?;
    socket.subscribe(&GROUPS)?;
    Ok(socket)
}

/// The parts of a listing, in this order: control must know the host interface before its neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Links,
    Neighbours(AddressFamily),
    Routes(AddressFamily),
}

impl Part {
    fn query(self) -> RouteNetlinkMessage {
        match self {
            Self::Links => RouteNetlinkMessage::GetLink(LinkMessage::default()),
            Self::Neighbours(family) => {
                let mut query = NeighbourMessage::default();
                query.header.family = family;
                RouteNetlinkMessage::GetNeighbour(query)
            }
            Self::Routes(family) => {
                let mut query = RouteMessage::default();
                query.header.address_family = family;
                RouteNetlinkMessage::GetRoute(query)
            }
        }
    }

    fn next(self) -> Option<Self> {
        match self {
            Self::Links => Some(Self::Neighbours(AddressFamily::Inet)),
            Self::Neighbours(AddressFamily::Inet) => Some(Self::Neighbours(AddressFamily::Inet6)),
            Self::Neighbours(_) => Some(Self::Routes(AddressFamily::Inet)),
            Self::Routes(AddressFamily::Inet) => Some(Self::Routes(AddressFamily::Inet6)),
            Self::Routes(_) => None,
        }
    }
}

/// A listing under way.
#[derive(Debug)]
struct Listing {
    part: Part,
    sequence: u32,
    /// The kernel's tables changed under the listing (`NLM_F_DUMP_INTR`): it may have gaps, so that nothing may be
    /// concluded from what is missing.
    has_gaps: bool,
    progress_at: Instant,
}

/// The thread has nothing more to do: it shall stop, or nobody listens.
struct Ended;

struct Session {
    socket: RouteSocket,
    listing: Option<Listing>,
    relist_at: Instant,
    events: Sender<KernelEvent>,
    requests: Receiver<KernelRequest>,
    stop: Arc<AtomicBool>,
    wake: Arc<Wake>,
}

impl Session {
    fn run(mut self) {
        let mut messages = Vec::new();
        while let Ok(turn) = self.turn(&mut messages) {
            let Err(error) = turn else { continue };
            match rustix::io::Errno::from_io_error(&error) {
                Some(rustix::io::Errno::NOBUFS) => {
                    tracing::info!("kernel notifications were lost: listing everything anew");
                }
                _ => tracing::warn!(%error, "netlink socket failed: opening it anew"),
            }
            if self.reopen().is_err() {
                break;
            }
        }
    }

    /// Waits for something to do and does it. The inner error is the socket's.
    fn turn(&mut self, messages: &mut Vec<Message>) -> Result<io::Result<()>, Ended> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(Ended);
        }
        if let Err(error) = self.list_if_due()? {
            return Ok(Err(error));
        }
        if let Err(error) = self.wait().and_then(|()| self.send_requests()) {
            return Ok(Err(error));
        }
        let received = self.socket.receive(|message| match message {
            Ok(message) => messages.push(message),
            Err(error) => tracing::warn!(%error, "a message of the kernel could not be read"),
        });
        for message in messages.drain(..) {
            if let Err(error) = self.hear(message)? {
                return Ok(Err(error));
            }
        }
        match received {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Ok(Err(error)),
            _ => Ok(Ok(())),
        }
    }

    fn wait(&self) -> io::Result<()> {
        let due = self.listing.as_ref().map_or(self.relist_at, |listing| listing.progress_at + ANSWER_TIME);
        let left = due.saturating_duration_since(Instant::now());
        let timeout = Timespec::try_from(left).map_err(|_| io::ErrorKind::InvalidInput)?;
        let fds = &mut [PollFd::new(&self.socket, PollFlags::IN), PollFd::new(&*self.wake, PollFlags::IN)];
        match poll(fds, Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    fn send_requests(&mut self) -> io::Result<()> {
        self.wake.clear();
        while let Ok(request) = self.requests.try_recv() {
            let (message, flags) = match request {
                KernelRequest::Resolve { address, interface } => messages::use_neighbour(address, interface.0),
                KernelRequest::PutRoute { to, hops } => {
                    tracing::info!(%to, ?hops, "putting back a configured route");
                    messages::route_to_put(to, &hops)
                }
            };
            self.socket.send(message, flags)?;
        }
        Ok(())
    }

    fn list_if_due(&mut self) -> Result<io::Result<()>, Ended> {
        let now = Instant::now();
        match &self.listing {
            Some(listing) if now >= listing.progress_at + ANSWER_TIME => {
                return Ok(Err(io::ErrorKind::TimedOut.into()));
            }
            None if now >= self.relist_at => {}
            _ => return Ok(Ok(())),
        }
        self.relist_at = now + RELIST_EVERY;
        self.tell(KernelEvent::ResyncBegin)?;
        Ok(self.list(Part::Links, false))
    }

    fn list(&mut self, part: Part, has_gaps: bool) -> io::Result<()> {
        let sequence = self.socket.send(part.query(), NLM_F_DUMP)?;
        self.listing = Some(Listing { part, sequence, has_gaps, progress_at: Instant::now() });
        Ok(())
    }

    fn hear(&mut self, message: Message) -> Result<io::Result<()>, Ended> {
        let (header, payload) = message.into_parts();
        let listing = self.listing.as_mut().filter(|listing| listing.sequence == header.sequence_number);
        let is_listed = listing.is_some();
        if let Some(listing) = listing {
            listing.progress_at = Instant::now();
            listing.has_gaps |= header.flags & NLM_F_DUMP_INTR != 0;
        }
        match payload {
            NetlinkPayload::InnerMessage(inner) => {
                let translation = translate(&inner, header.flags, is_listed);
                if translation.relist {
                    self.relist_soon();
                }
                translation.event.map_or(Ok(()), |event| self.tell(event))?;
                Ok(Ok(()))
            }
            NetlinkPayload::Done(_) if is_listed => self.part_ends(),
            NetlinkPayload::Error(error) if is_listed => Ok(Err(error.to_io())),
            NetlinkPayload::Error(error) => {
                tracing::debug!(error = %error.to_io(), "the kernel refused to resolve a neighbour or to put a route back");
                Ok(Ok(()))
            }
            _ => Ok(Ok(())),
        }
    }

    fn part_ends(&mut self) -> Result<io::Result<()>, Ended> {
        let Some(listing) = self.listing.take() else { return Ok(Ok(())) };
        if let Some(next) = listing.part.next() {
            return Ok(self.list(next, listing.has_gaps));
        }
        if listing.has_gaps {
            self.relist_soon();
            return Ok(Ok(()));
        }
        self.tell(KernelEvent::ResyncEnd)?;
        Ok(Ok(()))
    }

    fn relist_soon(&mut self) {
        self.relist_at = self.relist_at.min(Instant::now() + RELIST_AFTER_HINT);
    }

    /// Passes an event to control, and waits while control is busy: the kernel's queue holds the next ones meanwhile.
    fn tell(&self, event: KernelEvent) -> Result<(), Ended> {
        let mut event = event;
        loop {
            match self.events.send_timeout(event, STOP_LATENCY) {
                Ok(()) => return Ok(()),
                Err(SendTimeoutError::Disconnected(_)) => return Err(Ended),
                Err(SendTimeoutError::Timeout(_)) if self.stop.load(Ordering::Relaxed) => return Err(Ended),
                Err(SendTimeoutError::Timeout(again)) => event = again,
            }
        }
    }

    /// A fresh socket, so that no remains of a listing on the old one are taken for the new one's.
    fn reopen(&mut self) -> Result<(), Ended> {
        loop {
            std::thread::sleep(REOPEN_AFTER);
            if self.stop.load(Ordering::Relaxed) {
                return Err(Ended);
            }
            match subscribed_socket() {
                Ok(socket) => {
                    self.socket = socket;
                    self.listing = None;
                    self.relist_at = Instant::now();
                    return Ok(());
                }
                Err(error) => tracing::warn!(%error, "cannot open a netlink socket"),
            }
        }
    }
}
