//! How many copies the frames of one burst may become, and whose turn it is.

use crate::BURST;
use crate::burst::{LaneMask, Lanes};
use arrayvec::ArrayVec;
use fib::NetworkId;
use telemetry::DropReason;

/// Copies that one burst may make, so that a storm takes only so much of a worker's time. The first frame of a burst may go
/// to more members than that.
pub(super) const COPIES: usize = 4096;
/// Beyond that each network may make so many, which no other can take from it.
const SHARE: usize = COPIES / BURST;

/// One network's part of a burst.
struct Part {
    network: NetworkId,
    frames: usize,
    share: usize,
}

/// Decides which frames of a burst that want too many copies, each as many as its network has `members`, get them; the others
/// are dropped.
///
/// The networks take turns: first comes the first frame of each, then the second of each, and so on, so that one network's
/// storm leaves the others what they need.
#[cold]
#[inline(never)]
pub(super) fn share_out(lanes: &mut Lanes, flooded: LaneMask, members: impl Fn(NetworkId) -> usize) {
    let mut parts: ArrayVec<Part, BURST> = ArrayVec::new();
    let mut turn_of = [0; BURST];
    for lane in flooded {
        let network = lanes.network[lane % BURST];
        if let Some(part) = parts.iter_mut().find(|part| part.network == network) {
            turn_of[lane % BURST] = part.frames;
            part.frames += 1;
        } else {
            // There are no more networks than lanes.
            let _ = parts.try_push(Part { network, frames: 1, share: SHARE });
        }
    }
    let mut left = None;
    for turn in 0..BURST {
        for lane in flooded.also_in(LaneMask::of(&turn_of, |of| of == turn)) {
            let part = parts.iter_mut().find(|part| part.network == lanes.network[lane % BURST]);
            if !part.is_some_and(|part| fits(&mut left, &mut part.share, members(part.network))) {
                lanes.drop(lane, DropReason::FloodBudget);
            }
        }
    }
}

/// Takes the copies off what is left for all, `None` before the first frame, or else off the network's share.
fn fits(left: &mut Option<usize>, share: &mut usize, copies: usize) -> bool {
    let from = match left {
        None => {
            *left = Some(COPIES.saturating_sub(copies));
            return true;
        }
        Some(left) if *left >= copies => left,
        Some(_) => share,
    };
    match from.checked_sub(copies) {
        None => false,
        Some(rest) => {
            *from = rest;
            true
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Verdict;

    /// The lanes that are copied, when frames of these networks come with so many members each.
    fn copied(networks: &[usize], members: impl Fn(usize) -> usize) -> Vec<usize> {
        let mut lanes = Lanes::default();
        for (lane, n) in networks.iter().enumerate() {
            lanes.network[lane] = NetworkId::new(*n).expect("a row");
        }
        share_out(&mut lanes, LaneMask::first(networks.len()), |network| members(network.row()));
        (0..networks.len()).filter(|lane| lanes.verdict[*lane].unpack() == Verdict::Continue).collect()
    }

    #[test]
    fn a_storm_of_one_network_leaves_the_others_theirs() {
        let mut networks = [1; BURST];
        (networks[30], networks[31]) = (2, 3);
        assert_eq!(copied(&networks, |_| 1000), [0, 1, 30, 31], "one of each first, and then the storm's second");
    }

    #[test]
    fn a_network_whose_first_frame_takes_all_leaves_every_other_its_share() {
        let networks: Vec<usize> = (0..BURST).collect();
        assert_eq!(copied(&networks, |n| if n == 0 { 1_000_000 } else { SHARE }), networks, "all come through");
        assert_eq!(
            copied(&networks, |n| if n == 0 { 1_000_000 } else { SHARE + 1 }),
            [0],
            "a share is no more than that"
        );
    }

    #[test]
    fn a_burst_makes_no_more_copies_than_the_first_frame_the_budget_and_the_shares() {
        let networks: Vec<usize> = (0..BURST).collect();
        for members in [1, 127, 128, 129, 500, 4096, 5000] {
            let made = copied(&networks, |_| members).len() * members;
            assert!(made <= members + COPIES + SHARE * BURST, "{members} members: {made} copies");
        }
        assert_eq!(copied(&[7; BURST], |_| 500).len(), 8, "one network alone has all of it");
    }
}
