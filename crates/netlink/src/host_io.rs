use crate::error::NetlinkError;
use crate::tap::Tap;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use telemetry::slots::{SendError, SlotClass, SlotReceiver, SlotSender};

/// Frames moved each way in one turn, so that neither way starves the other.
const TURN: usize = 64;
/// The first wait after a turn that moved nothing; each further one doubles it.
const SHORTEST_WAIT: Duration = Duration::from_micros(50);
/// Workers make no system call, so that their frames are found by looking: this is the longest that one waits.
const LONGEST_WAIT: Duration = Duration::from_millis(1);

/// The thread between the host TAP and the workers' rings.
///
/// Frames from the workers (ARP, BGP, BFD and whatever else is for this host) go into the TAP; frames that the kernel
/// sends go into the ring of one worker, to leave by the fabric port. Everything is copied through preallocated slots.
/// The thread allocates nothing after its start, and what finds no room is dropped and counted.
#[derive(Debug)]
pub struct HostIo {
    tap: Tap,
    to_host: Vec<SlotReceiver>,
    from_host: SlotSender,
    port: u16,
    frame: Vec<u8>,
    counters: Arc<Counters>,
    /// Set by the handle; Relaxed, because no other memory is passed along with it.
    stop: Arc<AtomicBool>,
}

/// Stops the thread when dropped.
#[derive(Debug)]
pub struct HostIoHandle {
    counters: Arc<Counters>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread has done since its start.
///
/// Each number is exact; taken together they may be some frames apart, as they are read one after the other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HostIoCounters {
    /// Frames from workers that the kernel took.
    pub to_host_frames: u64,
    /// Their octets.
    pub to_host_octets: u64,
    /// Frames from workers that the kernel did not take: the interface is down, or its queue is full.
    pub to_host_errors: u64,
    /// Frames of the kernel that were passed to the worker.
    pub from_host_frames: u64,
    /// Their octets.
    pub from_host_octets: u64,
    /// Frames of the kernel that were dropped because the worker's ring was full for their class.
    pub from_host_full: u64,
    /// Frames of the kernel that were dropped because they exceed a slot: the TAP's MTU was raised.
    pub from_host_too_long: u64,
    /// Failed reads: more than a few mean that the interface was deleted.
    pub read_errors: u64,
}

/// Written by the thread alone, read by anybody; Relaxed, because each stands for itself.
#[derive(Debug, Default)]
struct Counters {
    to_host_frames: AtomicU64,
    to_host_octets: AtomicU64,
    to_host_errors: AtomicU64,
    from_host_frames: AtomicU64,
    from_host_octets: AtomicU64,
    from_host_full: AtomicU64,
    from_host_too_long: AtomicU64,
    read_errors: AtomicU64,
}

fn add(counter: &AtomicU64, n: usize) {
    counter.fetch_add(n as u64, Ordering::Relaxed);
}

impl HostIo {
    /// Starts the thread, with the CPU affinity of the caller.
    ///
    /// `to_host`: one receiver a worker. `from_host`: the ring of the worker that injects; `port`: the fabric port's
    /// index, which the injected slots bear. Frames longer than that ring's slots are dropped.
    pub fn start(
        tap: Tap,
        to_host: Vec<SlotReceiver>,
        from_host: SlotSender,
        port: u16,
    ) -> Result<HostIoHandle, NetlinkError> {
        let counters = Arc::new(Counters::default());
        let stop = Arc::new(AtomicBool::new(false));
        // One octet more than a slot: a frame that fills it was too long, cut or not.
        let frame = vec![0; from_host.slot_octets() + 1];
        let (shared, flag) = (Arc::clone(&counters), Arc::clone(&stop));
        let host_io = Self { tap, to_host, from_host, port, frame, counters: shared, stop: flag };
        let thread = std::thread::Builder::new()
            .name("host-io".into())
            .spawn(move || host_io.run())
            .map_err(NetlinkError::resource("start the host I/O thread"))?;
        Ok(HostIoHandle { counters, stop, thread: Some(thread) })
    }

    fn run(mut self) {
        let mut wait = Duration::ZERO;
        while !self.stop.load(Ordering::Relaxed) {
            let is_readable = self.wait_for_frames(wait);
            let moved = self.drain_workers() + if is_readable { self.drain_tap() } else { 0 };
            wait = match moved {
                0 => (wait * 2).clamp(SHORTEST_WAIT, LONGEST_WAIT),
                _ => Duration::ZERO,
            };
        }
        self.drain_workers();
    }

    /// Whether the TAP has a frame for us. Comes back after `wait` at the latest.
    fn wait_for_frames(&self, wait: Duration) -> bool {
        let timeout = Timespec { tv_sec: 0, tv_nsec: wait.subsec_nanos().into() };
        let mut fds = [PollFd::new(&self.tap, PollFlags::IN)];
        let is_broken = match poll(&mut fds, Some(&timeout)) {
            Ok(_) => fds[0].revents().intersects(PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL),
            Err(errno) => errno != rustix::io::Errno::INTR,
        };
        if is_broken {
            // The interface was deleted: poll comes back at once for ever. The workers' rings are drained all the same.
            add(&self.counters.read_errors, 1);
            std::thread::sleep(LONGEST_WAIT);
            return false;
        }
        fds[0].revents().contains(PollFlags::IN)
    }

    fn drain_workers(&mut self) -> usize {
        let (tap, counters) = (&self.tap, &self.counters);
        let mut moved = 0;
        for ring in &mut self.to_host {
            for _ in 0..TURN {
                let Some((octets, written)) = ring.receive(|slot| (slot.octets().len(), tap.write(slot.octets())))
                else {
                    break;
                };
                moved += 1;
                match written {
                    Ok(()) => {
                        add(&counters.to_host_frames, 1);
                        add(&counters.to_host_octets, octets);
                    }
                    Err(_) => add(&counters.to_host_errors, 1),
                }
            }
        }
        moved
    }

    fn drain_tap(&mut self) -> usize {
        for moved in 0..TURN {
            let octets = match self.tap.read(&mut self.frame) {
                Ok(octets) => octets,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return moved,
                Err(_) => {
                    add(&self.counters.read_errors, 1);
                    return moved;
                }
            };
            let Some(frame) = self.frame.get(..octets) else { return moved };
            match self.from_host.send(SlotClass::of_frame(frame), self.port, frame) {
                Ok(()) => {
                    add(&self.counters.from_host_frames, 1);
                    add(&self.counters.from_host_octets, octets);
                }
                Err(SendError::Full) => add(&self.counters.from_host_full, 1),
                Err(SendError::TooLong) => add(&self.counters.from_host_too_long, 1),
            }
        }
        TURN
    }
}

impl HostIoHandle {
    /// The counters now.
    pub fn snapshot(&self) -> HostIoCounters {
        let c = &self.counters;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        HostIoCounters {
            to_host_frames: read(&c.to_host_frames),
            to_host_octets: read(&c.to_host_octets),
            to_host_errors: read(&c.to_host_errors),
            from_host_frames: read(&c.from_host_frames),
            from_host_octets: read(&c.from_host_octets),
            from_host_full: read(&c.from_host_full),
            from_host_too_long: read(&c.from_host_too_long),
            read_errors: read(&c.read_errors),
        }
    }

    /// Whether the thread still runs; it ends only when it is told to.
    pub fn is_running(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    /// Stops the thread, which passes on what waits in the rings first, closes the TAP's file, and returns the last
    /// counters.
    pub fn stop(mut self) -> HostIoCounters {
        self.join();
        self.snapshot()
    }

    fn join(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the host I/O thread ended by a panic");
        }
    }
}

impl Drop for HostIoHandle {
    fn drop(&mut self) {
        self.join();
    }
}
