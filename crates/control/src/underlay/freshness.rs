use super::{InterfaceIndex, MAX_REQUESTS, NeighbourState};
use hashbrown::{HashMap, HashSet};
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// How long after a request the next one about the same next hop is due, at first.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The waits double up to this.
const LONGEST_WAIT: Duration = Duration::from_secs(8);

/// A neighbour, where it is: a link-local address may be somebody else's on another link.
pub(super) type NextHop = (InterfaceIndex, IpAddr);

/// When to ask the kernel about which next hop.
#[derive(Debug, Default)]
pub(super) struct Freshness {
    attempts: HashMap<NextHop, Attempt>,
}

#[derive(Debug)]
struct Attempt {
    due: Instant,
    wait: Duration,
}

impl Freshness {
    /// From now on these next hops are kept, and no others. What is already being asked keeps its waits.
    pub(super) fn follow(&mut self, next_hops: HashSet<NextHop>, now: Instant) {
        self.attempts.retain(|next_hop, _| next_hops.contains(next_hop));
        for next_hop in next_hops {
            self.attempts.entry(next_hop).or_insert(Attempt { due: now, wait: FIRST_WAIT });
        }
    }

    /// The next hops to ask about now. `state` tells what the kernel knows of one: its state and whether it has a MAC.
    pub(super) fn due(
        &mut self,
        now: Instant,
        state: impl Fn(NextHop) -> Option<(NeighbourState, bool)>,
    ) -> Vec<NextHop> {
        let mut asked = Vec::new();
        for (&next_hop, attempt) in &mut self.attempts {
            if is_settled(state(next_hop)) {
                attempt.wait = FIRST_WAIT;
                // Not before its first wait is over: a next hop that turns stale at once is not asked in a tight loop.
                continue;
            }
            if attempt.due <= now && asked.len() < MAX_REQUESTS {
                attempt.due = now + spread(attempt.wait, next_hop);
                attempt.wait = (attempt.wait * 2).min(LONGEST_WAIT);
                asked.push(next_hop);
            }
        }
        asked
    }
}

/// Whether there is nothing to ask: the kernel is sure of the next hop, or is verifying it already.
fn is_settled(state: Option<(NeighbourState, bool)>) -> bool {
    match state {
        Some((NeighbourState::Stale, _)) | None => false,
        Some((_, has_usable_mac)) => has_usable_mac,
    }
}

/// The wait, up to an eighth shorter or longer by the next hop's address: thousands lost at once are not asked at once.
fn spread(wait: Duration, (_, address): NextHop) -> Duration {
    let eighths = wait / 8;
    wait - eighths + eighths * 2 * (spread_of(address) >> 24) / 256
}

/// A number that differs from address to address in all its bits, the same on every run (Knuth's multiplicative hash).
fn spread_of(address: IpAddr) -> u32 {
    let bits = match address {
        IpAddr::V4(v4) => v4.to_bits(),
        IpAddr::V6(v6) => v6.segments().iter().fold(0u32, |bits, part| bits.rotate_left(5) ^ u32::from(*part)),
    };
    let mixed = bits.wrapping_mul(0x9e37_79b1);
    mixed ^ (mixed >> 15)
}
