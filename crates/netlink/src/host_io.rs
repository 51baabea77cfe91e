use crate::error::NetlinkError;
use crate::tap::Tap;
use counters::Counters;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use telemetry::slots::{ClassRates, Policers, Slot, SlotClass, SlotReceiver, SlotSender, Way};

mod counters;

pub use counters::{HostIoClassCounters, HostIoCounters, HostIoReader};

/// Frames moved each way in one turn, so that neither way starves the other.
const TURN: usize = 64;
/// The first wait after a turn that moved nothing; each further one doubles it.
const SHORTEST_WAIT: Duration = Duration::from_micros(50);
/// Workers make no system call, so that their frames are found by looking: this is the longest that one waits.
const LONGEST_WAIT: Duration = Duration::from_millis(1);
/// The policers' clock, read once a turn, counts nanoseconds.
const TICKS_PER_SECOND: u64 = 1_000_000_000;

/// The thread between the host TAPs and the workers' rings.
///
/// Frames from the workers (ARP, BGP, BFD and whatever else is for this host) go into the TAP of the fabric port they
/// came by; frames that the kernel sends go into the ring of one worker, to leave by the TAP's port. Everything is
/// copied through preallocated slots. The thread allocates nothing after its start, and what finds no room, or is beyond its class's rate
/// ([`ClassRates::TO_FABRIC`]), is dropped and counted. While it drops bulk it goes on reading at full speed, so that BGP and
/// BFD do not wait behind bulk in the kernel's queue.
#[derive(Debug)]
pub struct HostIo {
    taps: Vec<(u16, Tap)>,
    to_host: Vec<SlotReceiver>,
    from_host: SlotSender,
    frame: Vec<u8>,
    started: Instant,
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

impl HostIo {
    /// Starts the thread, with the CPU affinity of the caller.
    ///
    /// `taps`: each with its fabric port's index, which the slots bear both ways. `to_host`: one receiver a worker.
    /// `from_host`: the ring of the worker that injects. Frames longer than that ring's slots are dropped.
    pub fn start(
        taps: Vec<(u16, Tap)>,
        to_host: Vec<SlotReceiver>,
        from_host: SlotSender,
    ) -> Result<HostIoHandle, NetlinkError> {
        let counters = Arc::new(Counters::default());
        let stop = Arc::new(AtomicBool::new(false));
        // One octet more than a slot: a frame that fills it was too long, cut or not.
        let frame = vec![0; from_host.slot_octets() + 1];
        let from_host = from_host.policed(Policers::new(&ClassRates::TO_FABRIC, TICKS_PER_SECOND));
        let (shared, flag) = (Arc::clone(&counters), Arc::clone(&stop));
        let host_io = Self { taps, to_host, from_host, frame, started: Instant::now(), counters: shared, stop: flag };
        let thread = std::thread::Builder::new()
            .name("host-io".into())
            .spawn(move || host_io.run())
            .map_err(NetlinkError::resource("start the host I/O thread"))?;
        Ok(HostIoHandle { counters, stop, thread: Some(thread) })
    }

    fn run(mut self) {
        let mut wait = Duration::ZERO;
        let taps = std::mem::take(&mut self.taps);
        let mut fds: Vec<_> = taps.iter().map(|(_, tap)| PollFd::new(tap, PollFlags::IN)).collect();
        while !self.stop.load(Ordering::Relaxed) {
            self.wait_for_frames(&mut fds, wait);
            let mut moved = self.drain_workers(&taps);
            for ((port, tap), _) in taps.iter().zip(&fds).filter(|(_, fd)| fd.revents().contains(PollFlags::IN)) {
                moved += self.drain_tap(*port, tap);
            }
            wait = match moved {
                0 => (wait * 2).clamp(SHORTEST_WAIT, LONGEST_WAIT),
                _ => Duration::ZERO,
            };
        }
        self.drain_workers(&taps);
    }

    /// Until a TAP has a frame for us, or `wait` is over. What has one shows in `fds`.
    fn wait_for_frames(&self, fds: &mut [PollFd<'_>], wait: Duration) {
        let timeout = Timespec { tv_sec: 0, tv_nsec: wait.subsec_nanos().into() };
        let is_broken = match poll(fds, Some(&timeout)) {
            Ok(_) => {
                let trouble = PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL;
                fds.iter().any(|fd| fd.revents().intersects(trouble))
            }
            Err(errno) => {
                fds.iter_mut().for_each(PollFd::clear_revents);
                errno != rustix::io::Errno::INTR
            }
        };
        if is_broken {
            // An interface was deleted: poll comes back at once for ever. The others, and the workers' rings, are
            // drained all the same.
            self.counters.read_errors.add(1);
            std::thread::sleep(LONGEST_WAIT);
        }
    }

    fn drain_workers(&mut self, taps: &[(u16, Tap)]) -> usize {
        let counters = &self.counters;
        let write = |slot: &Slot| {
            let tap = taps.iter().find(|(port, _)| Way::Port(*port) == slot.way());
            let taken = tap.is_some_and(|(_, tap)| tap.write(slot.octets()).is_ok());
            counters.written(slot.class(), slot.octets().len(), taken);
        };
        let mut moved = 0;
        for ring in &mut self.to_host {
            for _ in 0..TURN {
                if ring.receive(write).is_none() {
                    break;
                }
                moved += 1;
            }
        }
        moved
    }

    fn drain_tap(&mut self, port: u16, tap: &Tap) -> usize {
        self.from_host.tick(self.started.elapsed().as_nanos() as u64);
        for moved in 0..TURN {
            let octets = match tap.read(&mut self.frame) {
                Ok(octets) => octets,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return moved,
                Err(_) => {
                    self.counters.read_errors.add(1);
                    return moved;
                }
            };
            let Some(frame) = self.frame.get(..octets) else { return moved };
            let class = SlotClass::of_frame(frame);
            self.counters.read(class, octets, self.from_host.send(class, Way::Port(port), frame));
        }
        TURN
    }
}

impl HostIoHandle {
    /// The counters now.
    pub fn snapshot(&self) -> HostIoCounters {
        self.counters.snapshot()
    }

    /// The counters for whoever looks later; they stay when the thread has ended.
    pub fn reader(&self) -> HostIoReader {
        HostIoReader::new(Arc::clone(&self.counters))
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
