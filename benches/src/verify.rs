//! Before anything is measured: both programs make of every frame what they have to, and lose none.

use crate::floor::{Floor, Work};
use crate::gateway::Gateway;
use crate::traffic::Traffic;
use anyhow::{Result, ensure};
use arrayvec::ArrayVec;
use causewayd::driver::DpdkFrame;
use datapath::BURST;
use datapath::io::{Frame, TxQueue};
use std::cell::RefCell;
use std::rc::Rc;
use telemetry::WorkerTelemetry;

/// A transmit queue that keeps a copy of every frame.
pub(crate) struct Witness(Rc<RefCell<Vec<Vec<u8>>>>);

impl TxQueue for Witness {
    type Frame = DpdkFrame;

    fn transmit(&mut self, frames: &mut ArrayVec<DpdkFrame, BURST>) {
        self.0.borrow_mut().extend(frames.drain(..).map(|frame| frame.octets().to_vec()));
    }

    fn takes_chains(&self) -> bool {
        false
    }
}

/// Sends all frames of `traffic` through the floor and compares what comes out with what is expected, field by field but for
/// those that a gateway chooses.
pub(crate) fn floor(traffic: &Traffic, floor: &mut Floor<'_>, work: Work) -> Result<()> {
    let bursts = traffic.frames().len() / BURST;
    let mut sent = Vec::new();
    for _ in 0..bursts {
        let (frames, failed) = floor.work_on_one_burst(work);
        ensure!(failed == 0, "{failed} lookups or checks of the floor failed in one burst");
        sent.extend(frames.iter().map(|frame| frame.octets().to_vec()));
    }
    agree("the floor", &sent, traffic)
}

/// The same through a gateway.
pub(crate) fn gateway(traffic: &Traffic, gateway: impl FnOnce([Witness; 2]) -> Result<Gateway<Witness>>) -> Result<()> {
    let bursts = traffic.frames().len() / BURST;
    let (access, fabric) = (Rc::default(), Rc::default());
    let mut gateway = gateway([Witness(Rc::clone(&access)), Witness(Rc::clone(&fabric))])?;
    for _ in 0..bursts {
        gateway.round();
    }
    nothing_lost(&gateway.telemetry)?;
    let (access, fabric) = (access.take(), fabric.take());
    let ours = if access.is_empty() { fabric } else { access };
    agree("the pipeline", &ours, traffic)
}

fn agree(who: &str, frames: &[Vec<u8>], traffic: &Traffic) -> Result<()> {
    let expected = traffic.expected();
    ensure!(frames.len() == expected.len(), "{who} sent {} frames of {}", frames.len(), expected.len());
    for (number, (frame, expected)) in frames.iter().zip(expected).enumerate() {
        let plain = without_choices(frame.clone());
        ensure!(
            plain == without_choices(expected.clone()),
            "{who} made of frame {number}\n{frame:02x?}\ninstead of\n{expected:02x?}"
        );
        ensure!(header_is_valid(frame), "{who}: IPv4 checksum of frame {number} is wrong: {frame:02x?}");
    }
    Ok(())
}

/// Everything that came was sent.
pub(crate) fn nothing_lost(telemetry: &WorkerTelemetry) -> Result<()> {
    let totals = telemetry.ledger.totals();
    ensure!(totals.received > 0 && totals.received == totals.transmitted, "not all frames were sent: {totals:?}");
    ensure!(totals.unaccounted() == 0, "frames are unaccounted for: {totals:?}");
    Ok(())
}

/// In an outer header: IP id, DF, checksum and UDP source port are the gateway's choice.
fn without_choices(mut frame: Vec<u8>) -> Vec<u8> {
    if frame[12..14] == [0x08, 0x00] {
        let is_udp = frame[23] == 17;
        for chosen in [18..22, 24..26].into_iter().chain(is_udp.then_some(34..36)) {
            frame[chosen].fill(0);
        }
    }
    frame
}

fn header_is_valid(frame: &[u8]) -> bool {
    let at = if frame[12..14] == [0x81, 0x00] { 18 } else { 14 };
    wire::checksum::fold(wire::checksum::sum(&frame[at..at + 20])) == 0xffff
}
