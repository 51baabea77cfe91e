//! Before anything is measured: both programs make of every frame what they have to, and lose none.

use crate::floor::{Floor, Work};
use crate::gateway::Gateway;
use crate::packets::pseudo_header;
use crate::traffic::Traffic;
use anyhow::{Context, Result, ensure};
use arrayvec::ArrayVec;
use causewayd::driver::DpdkFrame;
use datapath::BURST;
use datapath::io::{Frame, TxQueue};
use std::cell::RefCell;
use std::collections::HashSet;
use std::net::{IpAddr, Ipv6Addr};
use std::ops::Range;
use std::rc::Rc;
use telemetry::{DropReason, WorkerTelemetry};

/// Polls that may yield nothing while a source begins.
const PATIENCE: usize = 2048;
const V6_HEADER_END: usize = 54;

/// A transmit queue that keeps a copy of every frame that begins in one piece.
pub(crate) struct Witness {
    seen: Rc<RefCell<Vec<Vec<u8>>>>,
    chains: bool,
}

impl TxQueue for Witness {
    type Frame = DpdkFrame;

    fn transmit(&mut self, frames: &mut ArrayVec<DpdkFrame, BURST>) {
        self.seen.borrow_mut().extend(frames.drain(..).map(|frame| frame.octets().to_vec()));
    }

    fn takes_chains(&self) -> bool {
        self.chains
    }
}

/// What there is to compare with.
pub(crate) struct Expected<'a> {
    pub(crate) traffic: &'a Traffic,
    /// Where frames that leave have a random number, if that is how they are made.
    pub(crate) random: Option<Range<usize>>,
}

impl Expected<'_> {
    fn arrivals(&self) -> usize {
        self.traffic.frames().len()
    }
}

/// Sends all frames through the floor and compares what comes out with what is expected, field by field but for those
/// that a gateway chooses.
pub(crate) fn floor(expected: &Expected<'_>, floor: &mut Floor<'_>, work: Work) -> Result<()> {
    let (mut sent, mut idle) = (Vec::new(), 0);
    while sent.len() < expected.arrivals() {
        let (frames, failed) = floor.work_on_one_burst(work);
        ensure!(failed == 0, "{failed} lookups or checks of the floor failed in one burst");
        idle = if frames.is_empty() { idle + 1 } else { 0 };
        ensure!(idle < PATIENCE, "the source yields nothing");
        sent.extend(frames.iter().map(|frame| frame.octets().to_vec()));
    }
    let traffic = expected.traffic;
    let wanted = if traffic.to_fabric.is_empty() { &traffic.to_vlans } else { &traffic.to_fabric };
    agree("the floor", &sent, wanted, expected)
}

/// The same through a gateway. Where its queues take `chains`, only the first parts of frames are compared.
pub(crate) fn gateway(
    expected: &Expected<'_>,
    chains: bool,
    gateway: impl FnOnce([Witness; 2]) -> Result<Gateway<Witness>>,
) -> Result<()> {
    let (vlans, fabric) = (Rc::default(), Rc::default());
    let witness = |seen| Witness { seen: Rc::clone(seen), chains };
    let mut gateway = gateway([witness(&vlans), witness(&fabric)])?;
    let mut polls = 0;
    while gateway.telemetry.ledger.received.read() < expected.arrivals() as u64 {
        gateway.run(1);
        polls += 1;
        ensure!(polls < expected.arrivals() + PATIENCE, "the source yields nothing");
    }
    let totals = gateway.telemetry.ledger.totals();
    ensure!(totals.dropped == expected.traffic.dropped as u64, "not what has to be dropped: {totals:?}");
    nothing_lost(&gateway.telemetry)?;
    agree("the pipeline, to VLANs", &vlans.take(), &expected.traffic.to_vlans, expected)?;
    agree("the pipeline, to the fabric", &fabric.take(), &expected.traffic.to_fabric, expected)
}

fn agree(who: &str, frames: &[Vec<u8>], wanted: &[Vec<u8>], expected: &Expected<'_>) -> Result<()> {
    ensure!(frames.len() == wanted.len(), "{who}: {} frames instead of {}", frames.len(), wanted.len());
    let mut numbers = HashSet::new();
    for (number, (frame, wanted)) in frames.iter().zip(wanted).enumerate() {
        let plain = |frame: &[u8]| {
            let mut plain = without_choices(frame);
            expected.random.clone().and_then(|range| plain.get_mut(range)).unwrap_or_default().fill(0);
            plain
        };
        // Of a frame in several parts the first is here.
        let (ours, theirs) = (plain(frame), plain(wanted));
        let same = if ours.len() < theirs.len() { theirs.starts_with(&ours) } else { ours == theirs };
        ensure!(same, "{who}: frame {number} is\n{frame:02x?}\ninstead of\n{wanted:02x?}");
        check_sums(frame, wanted.len()).with_context(|| format!("{who}: frame {number}: {frame:02x?}"))?;
        numbers.extend(expected.random.clone().and_then(|range| frame.get(range)));
    }
    ensure!(expected.random.is_none() || numbers.len() >= frames.len() / 4, "{who}: {} stations", numbers.len());
    Ok(())
}

/// Everything that came was sent, or came of a VLAN or VNI that nobody has.
pub(crate) fn nothing_lost(telemetry: &WorkerTelemetry) -> Result<()> {
    let ledger = &telemetry.ledger;
    let totals = ledger.totals();
    let foreseen: u64 = [DropReason::UnknownVlan, DropReason::UnknownVni, DropReason::UnknownLabel]
        .map(|reason| ledger.dropped(reason).read())
        .iter()
        .sum();
    ensure!(totals.received > 0 && totals.dropped == foreseen, "frames were lost: {totals:?}");
    ensure!(totals.unaccounted() == 0, "frames are unaccounted for: {totals:?}");
    Ok(())
}

/// In an outer header the gateway chooses: IP id, DF and thus the checksum; the flow label; the UDP source port and thus,
/// over IPv6, the checksum.
fn without_choices(frame: &[u8]) -> Vec<u8> {
    let mut frame = frame.to_vec();
    if frame.len() < V6_HEADER_END {
        // The first part of a frame for a VLAN.
        return frame;
    }
    let chosen: &[Range<usize>] = match (&frame[12..14], frame[23], frame[20]) {
        ([0x08, 0x00], 17, _) => &[18..22, 24..26, 34..36],
        ([0x08, 0x00], ..) => &[18..22, 24..26],
        ([0x86, 0xdd], _, 17) => &[15..18, 54..56, 60..62],
        _ => &[],
    };
    for range in chosen {
        frame[range.clone()].fill(0);
    }
    frame
}

/// The outermost checksum: of the IPv4 header, or of UDP in IPv6. `whole` octets are in the frame.
fn check_sums(frame: &[u8], whole: usize) -> Result<()> {
    if frame.len() < V6_HEADER_END {
        return Ok(());
    }
    let at = if frame[12..14] == [0x81, 0x00] { 18 } else { 14 };
    let is_right = match frame[at - 2..at] {
        [0x08, 0x00] => wire::checksum::fold(wire::checksum::sum(&frame[at..at + 20])) == 0xffff,
        [0x86, 0xdd] if at == 14 && frame[20] == 17 && frame.len() == whole => {
            let address = |at: usize| frame[at..].first_chunk().copied().map_or(Ipv6Addr::UNSPECIFIED, Ipv6Addr::from);
            let (from, to): (IpAddr, IpAddr) = (address(22).into(), address(38).into());
            let udp = &frame[V6_HEADER_END..];
            wire::checksum::fold(pseudo_header(from, to, udp.len()) + wire::checksum::sum(udp)) == 0xffff
        }
        _ => true,
    };
    ensure!(is_right, "the checksum is wrong");
    Ok(())
}
