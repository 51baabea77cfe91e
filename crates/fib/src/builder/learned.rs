//! Stations that were learned. What is configured beats them.

use super::{BuildError, Builder};
use crate::learned::{Learned, full_key};
use crate::{Destination, LearnedId, VifIndex, learned_key, mac_key};
use std::sync::Arc;
use wire::MacAddr;

impl Builder {
    /// Has an interface learn: a source that is not its own is then no reason to drop a frame. Returns `false`, and nothing is
    /// changed, if others share its VLAN: nobody could say behind which of them a new source is. When all interfaces are there.
    pub fn set_learns(&mut self, id: VifIndex) -> Result<bool, BuildError> {
        let vif = self.next.vif(id);
        if !vif.is_used() {
            return Err(BuildError::NoVif(id));
        }
        if vif.group().is_some() {
            return Ok(false);
        }
        if !vif.learns() {
            Arc::make_mut(&mut self.next.vifs)[id.row()].set_learns();
        }
        Ok(true)
    }

    /// Puts a station behind an interface that learns; its mark is that of `row`. Returns `false`, and nothing is changed, if
    /// the network knows it from another source. A station that is learned elsewhere has to be forgotten there first.
    pub fn learn(&mut self, id: VifIndex, mac: MacAddr, row: LearnedId) -> Result<bool, BuildError> {
        let vif = self.next.vif(id);
        if !vif.learns() {
            return Err(BuildError::NoVif(id));
        }
        let network = vif.network();
        if !mac.is_station() {
            return Err(BuildError::NotAStation(mac));
        }
        if mac == MacAddr::VIRTUAL_ROUTER || self.next.destination(network, mac).is_some() {
            return Ok(false);
        }
        let key = mac_key(network, mac.to_bits());
        self.next.macs.insert(key, Destination::Vif(id).pack())?;
        if let Err(full) = self.next.learned.insert(learned_key(id, mac.to_bits()), Learned::Here(row).pack()) {
            self.next.macs.remove(key);
            return Err(full.into());
        }
        Ok(true)
    }

    /// Takes a station from behind an interface. Where else it is known to be, the caller has to say then.
    pub fn forget(&mut self, id: VifIndex, mac: MacAddr) {
        if !self.next.is_learned(id, mac.to_bits()) {
            return;
        }
        self.next.learned.remove(learned_key(id, mac.to_bits()));
        let network = self.next.vif(id).network();
        if self.next.destination(network, mac) == Some(Destination::Vif(id)) {
            self.next.macs.remove(mac_key(network, mac.to_bits()));
        }
    }

    /// Keeps a station from sending behind an interface, on which it is not learned.
    pub fn block(&mut self, id: VifIndex, mac: MacAddr) -> Result<(), BuildError> {
        self.next.learned.insert(learned_key(id, mac.to_bits()), Learned::Blocked.pack())?;
        Ok(())
    }

    /// Lets a station send behind an interface again.
    pub fn unblock(&mut self, id: VifIndex, mac: MacAddr) {
        if self.next.learned_at(id, mac.to_bits()) == Some(Learned::Blocked) {
            self.next.learned.remove(learned_key(id, mac.to_bits()));
        }
    }

    /// Says whether frames from stations that are new to an interface are dropped.
    pub fn set_full(&mut self, id: VifIndex, full: bool) -> Result<(), BuildError> {
        match (full, self.next.takes_no_stations(id)) {
            (true, false) => drop(self.next.learned.insert(full_key(id), Learned::Blocked.pack())?),
            (false, true) => drop(self.next.learned.remove(full_key(id))),
            _ => {}
        }
        Ok(())
    }
}
