//! The loop of one core: sends what is due, takes what came, and watches itself.

use crate::arp;
use crate::frame::Way;
use crate::progress::Progress;
use crate::receive::{Books, Receiver};
use crate::send::{Sender, Sent};
use crate::stolen::{Absence, Watch};
use dpdk::lcore::tsc;
use std::sync::mpsc;

/// Rounds between two looks at what is not urgent.
const ROUNDS: u64 = 256;

/// What one core does in a trial.
#[derive(Debug)]
pub struct Lane<'t> {
    /// The core that the thread is pinned to.
    pub core: usize,
    /// Streams to send.
    pub senders: Vec<Sender<'t>>,
    /// Ports to receive from, and the books; none for a lane that only sends.
    pub receiving: Option<(Vec<Receiver<'t>>, Books<'t>)>,
    /// ARP to send beside the stream from the fabric.
    pub asides: Option<mpsc::Receiver<arp::Frame>>,
}

/// What a lane leaves behind.
#[derive(Debug)]
pub struct Left<'t> {
    /// The core.
    pub core: usize,
    /// Rounds of the loop.
    pub rounds: u64,
    /// By direction, what was sent.
    pub sent: [Option<Sent>; 2],
    /// What was received, still open.
    pub books: Option<Books<'t>>,
    /// When it was not there.
    pub absence: Absence,
}

impl<'t> Lane<'t> {
    /// Runs until the trial is over. `tsc_hz` is the clock's rate.
    #[must_use]
    pub fn run(mut self, progress: &Progress, tsc_hz: u64) -> Left<'t> {
        let mut watch = Watch::new(self.core, tsc_hz, tsc());
        let mut rounds = 0u64;
        while !progress.is_over() {
            let now = tsc();
            watch.poll(now);
            for sender in &mut self.senders {
                sender.poll(now);
            }
            if let Some((receivers, books)) = &mut self.receiving {
                for receiver in receivers {
                    books.poll(receiver, tsc);
                }
            }
            rounds += 1;
            if rounds.is_multiple_of(ROUNDS) {
                self.tell(progress);
            }
        }
        let absence = watch.close();
        self.tell(progress);
        let mut sent = [None, None];
        for sender in self.senders {
            let place = sender.way().index();
            sent[place] = Some(sender.close());
        }
        Left { core: self.core, rounds, sent, books: self.receiving.map(|(_, books)| books), absence }
    }

    /// Tells the others where it is, and listens to them.
    fn tell(&mut self, progress: &Progress) {
        let hushed = progress.is_hushed();
        let asides = self.asides.as_ref();
        for sender in &mut self.senders {
            if hushed {
                sender.stop();
            }
            if sender.way() == Way::FromFabric {
                asides.and_then(|asides| asides.try_recv().ok()).iter().for_each(|frame| sender.send_aside(frame));
            }
            progress.set_offered(sender.way(), sender.offered());
            if sender.ends_now() {
                progress.sender_is_done();
            }
        }
        if let Some((_, books)) = &self.receiving {
            Way::BOTH.into_iter().for_each(|way| progress.set_received(way, books.received(way)));
        }
    }
}
