//! Sources that are not their interface's own, where its network learns: known ones are marked, new ones told to control.
//!
//! A worker learns nothing itself. It writes nothing that another reads but its own marks, and those only where they are
//! not set; what is learned comes back with the next tables.

use crate::burst::Lanes;
use crate::io::{Frame, Pool, TxQueue};
use crate::{BURST, Burst, Outlet, classify};
use fib::{Learned, Snapshot, learned_key};
use telemetry::notices::{Learn, Notice, NoticeSender};
use telemetry::{DropReason, WorkerTelemetry};
use wire::MacAddr;

/// Places for sources that control was told of, each for those whose key leads there.
const TOLD: usize = 256;

/// What one worker told control: a source is told again after a while, not with every frame.
pub(crate) struct Learner {
    told: Box<[Told; TOLD]>,
    /// Ticks of the clock until then.
    again_after: u64,
}

#[derive(Clone, Copy, Default)]
struct Told {
    key: u64,
    until: u64,
}

impl Learner {
    /// On a clock of so many ticks a second, a tenth of which is "a while": control has published by then.
    pub(crate) fn new(ticks_per_second: u64) -> Self {
        Self { told: Box::new([Told::default(); TOLD]), again_after: ticks_per_second / 10 }
    }

    /// Whether control is to be told of a source now.
    fn is_due(&mut self, key: u64, now: u64) -> bool {
        let place = (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as usize;
        let told = &mut self.told[place % TOLD];
        if told.key == key && now < told.until {
            return false;
        }
        *told = Told { key, until: now.saturating_add(self.again_after) };
        true
    }
}

/// Decides about the frames whose source their interface does not own but may learn. They go on, unless the source is known
/// to be elsewhere from a better source (`UnknownSourceMac`), the interface takes no more stations (`MacLimit`), or the station
/// moved too often (`MacMove`). All are looked up at once.
#[inline(always)]
pub(crate) fn sources<P, T>(t: &Snapshot, out: &mut Outlet<P, T>, burst: &mut Burst<P::Frame>)
where
    P: Pool,
    T: TxQueue<Frame = P::Frame>,
{
    if !burst.lanes.strangers.is_empty() {
        let (telemetry, notices, learner) = out.learning();
        each(t, telemetry, notices, learner, burst);
    }
}

#[inline(never)]
fn each<F: Frame>(
    t: &Snapshot,
    telemetry: &WorkerTelemetry,
    notices: &mut NoticeSender,
    learner: &mut Learner,
    burst: &mut Burst<F>,
) {
    let (mut keys, mut of, mut found, mut n) = ([0; BURST], [0; BURST], [0; BURST], 0);
    for lane in burst.lanes.strangers {
        keys[n % BURST] = learned_key(burst.lanes.ingress[lane], burst.lanes.source[lane]);
        of[n % BURST] = lane;
        n += 1;
    }
    t.learned.lookup_burst(&keys, n, &mut found);
    for ((lane, key), found) in of.into_iter().zip(keys).zip(found).take(n) {
        let decided = match Learned::unpack(found) {
            Some(Learned::Here(row)) => {
                telemetry.seen.set(row);
                Ok(())
            }
            Some(Learned::Blocked) => Err(DropReason::MacMove),
            None => unknown(t, telemetry, notices, learner, &burst.lanes, lane, key),
        };
        let counts = telemetry.vif(burst.lanes.ingress[lane % BURST]);
        match decided {
            Ok(()) => {
                let octets = burst.octets_with_tag(lane);
                classify::belongs(t.vif(burst.lanes.ingress[lane % BURST]), counts, &mut burst.lanes, lane, octets);
            }
            Err(reason) => {
                counts.drops.add(1);
                burst.lanes.drop(lane, reason);
            }
        }
    }
}

/// A source that is not known behind its interface.
fn unknown(
    t: &Snapshot,
    telemetry: &WorkerTelemetry,
    notices: &mut NoticeSender,
    learner: &mut Learner,
    lanes: &Lanes,
    lane: usize,
    key: u64,
) -> Result<(), DropReason> {
    let (vif, mac) = (lanes.ingress[lane % BURST], MacAddr::from_bits(lanes.source[lane % BURST]));
    if t.is_settled(t.vif(vif).network(), mac) {
        return Err(DropReason::UnknownSourceMac);
    }
    if t.takes_no_stations(vif) {
        return Err(DropReason::MacLimit);
    }
    if learner.is_due(key, notices.now()) {
        notices.send(&telemetry.notices, Notice::Learn(Learn { vif, mac }));
    }
    Ok(())
}
