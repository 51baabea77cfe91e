//! Peers beside a case: they have their turns at a few points between its rounds.

use super::Means;
use super::plan::Plan;
use crate::peers::{Peer, TURNS};
use crate::statistics::{Slices, Summary};
use crate::traffic::Traffic;
use anyhow::Result;

/// Parts of the rounds, each with a turn of every peer.
const PARTS: usize = TURNS as usize;

/// The peers of a case and their figures so far.
pub(super) struct Company<'a> {
    means: &'a Means<'a>,
    case: &'a str,
    peers: Vec<(Box<dyn Peer>, Vec<Slices>)>,
    /// Rounds from one turn to the next.
    part: usize,
}

impl<'a> Company<'a> {
    /// Starts those that can do the case's work on `traffic`, if there are to be any.
    ///
    /// # Errors
    /// Files for them cannot be written.
    pub(super) fn invite(means: &'a Means<'a>, plan: &'a Plan, traffic: &Traffic) -> Result<Self> {
        let peers = match means.peers {
            Some(peers) => peers.beside(&plan.name, &plan.own.load, traffic)?,
            None => Vec::new(),
        };
        let with_slices = |peer: Box<dyn Peer>| {
            let slices = peer.names().iter().map(|name| Slices::new(name)).collect();
            (peer, slices)
        };
        let part = (means.rounds / PARTS).max(1);
        Ok(Self { means, case: &plan.name, peers: peers.into_iter().map(with_slices).collect(), part })
    }

    /// Nobody: only says when to stop.
    pub(super) fn nobody(means: &'a Means<'a>) -> Self {
        Self { means, case: "", peers: Vec::new(), part: 1 }
    }

    /// To be called before each round. Whether to go on: not if the run is interrupted.
    pub(super) fn before(&mut self, round: usize) -> bool {
        // The first round does not count.
        let is_due = round > 0 && (round - 1).is_multiple_of(self.part) && (round - 1) / self.part < PARTS;
        if is_due {
            self.peers.retain_mut(|(peer, slices)| turn(self.means, self.case, peer.as_mut(), slices));
        }
        !self.means.is_interrupted()
    }

    /// Against the ports alone and the floor, of which the same parts are taken.
    pub(super) fn summaries(&self, ports: &Slices, floor: Option<&Slices>, hz: u64) -> Vec<Summary> {
        let (ports, floor) = (ports.in_parts(self.part), floor.map(|floor| floor.in_parts(self.part)));
        let slices = self.peers.iter().flat_map(|(_, slices)| slices);
        slices.map(|slices| slices.summary(&ports, floor.as_ref(), hz)).collect()
    }

    /// The median ratio of a variant of the case to a peer.
    pub(super) fn ratio(&self, own: &Slices, peer: &str) -> Option<f64> {
        let mut slices = self.peers.iter().flat_map(|(_, slices)| slices);
        slices.find(|slices| slices.name() == peer).map(|peer| own.in_parts(self.part).ratio(peer))
    }
}

/// Whether the peer stays: not if it failed, which is noted.
fn turn(means: &Means<'_>, case: &str, peer: &mut dyn Peer, slices: &mut [Slices]) -> bool {
    if means.is_interrupted() {
        return true;
    }
    match peer.measure() {
        Ok(figures) => slices.iter_mut().zip(figures).for_each(|(slices, cycles)| slices.push(cycles)),
        Err(error) => {
            if let Some(peers) = means.peers {
                peers.note(case, &error);
            }
            return false;
        }
    }
    true
}
