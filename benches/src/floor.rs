//! The floor (`floor/floor.h`), safe to call: the one file of this package that may use unsafe code.
//!
//! The floor checks nothing, so what it needs of a frame is held here: it only ever sees frames of the receive queue
//! that it was made with, which replays [`Traffic`], in one segment each.

#![allow(unsafe_code)]

use crate::scene::{self, Scene};
use crate::source::Source;
use crate::traffic::Traffic;
use anyhow::{Result, ensure};
use arrayvec::ArrayVec;
use datapath::BURST;
use dpdk::{Eal, Mbuf, TxQueue};
use std::ffi::{c_int, c_uint, c_void};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};

/// Shortest frame that the floor may be given: `FLOOR_SHORTEST`.
const SHORTEST: usize = 64;

/// How much of the work is done; see `enum floor_work`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub(crate) enum Work {
    /// Receive and transmit: what the ports themselves cost.
    Nothing = 0,
    /// To the fabric, without a MAC lookup.
    Push = 1,
    /// To the fabric, complete.
    PushLookup = 2,
    /// From the fabric, outer header believed.
    PopLookup = 3,
    /// From the fabric, complete.
    PopChecked = 4,
}

// SAFETY: these are the declarations of floor.h.
unsafe extern "C" {
    fn floor_start(stations: u32) -> c_int;
    fn floor_stop();
    fn floor_set_vlan(vlan: u16, network: u16, vni: u32);
    fn floor_set_vni(vni: u32, network: u16);
    fn floor_add_station(mac: u64, network: u16, vlan_or_vni: u32) -> c_int;
    fn floor_add_peer(address: u32) -> c_int;
    fn floor_set_header(header: *const [u8; scene::OUTER_OCTETS], own_address: u32);
    fn floor_process(work: Work, frames: *mut c_void, count: u16) -> c_uint;
}

/// The floor's tables are static: there is one [`Tables`] at a time, which is not changed once it is made. Orders nothing
/// else: it is given to other threads by means that order.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// The floor's tables, filled with a scene.
pub(crate) struct Tables {
    _eal: Eal,
}

impl Tables {
    /// Fills them with the VLANs, stations and peers of `scene`.
    pub(crate) fn new(eal: &Eal, scene: &Scene) -> Result<Self> {
        ensure!(!TAKEN.swap(true, Ordering::Relaxed), "the floor's tables are filled already");
        let stations = scene.stations().count() as u32;
        // SAFETY: EAL runs (`eal`), and the tables are not there yet (`TAKEN`).
        let started = unsafe { floor_start(room_for(stations)) };
        ensure!(started == 0, "no memory for the floor's tables of {stations} stations: raise EAL's memory");
        let tables = Self { _eal: eal.clone() };
        for site in scene.sites() {
            // SAFETY: writes a static table at a masked index; this is the only thread that uses it.
            unsafe { floor_set_vlan(site.vlan, site.network, site.vni) };
            // SAFETY: as above.
            unsafe { floor_set_vni(site.vni, site.network) };
        }
        for (mac, network, leads_to) in scene.stations() {
            // SAFETY: the table is there, and this is the only thread that uses it.
            let added = unsafe { floor_add_station(number(mac), network, leads_to) };
            ensure!(added >= 0, "the floor's table of stations is full at network {network}");
        }
        for peer in scene.peers() {
            let IpAddr::V4(peer) = peer else { continue };
            // SAFETY: as above.
            let added = unsafe { floor_add_peer(peer.to_bits()) };
            ensure!(added >= 0, "the floor's table of peers is full at {peer}");
        }
        // SAFETY: the header is a live array of that length, which the callee copies.
        unsafe { floor_set_header(&scene.outer_header(), scene::OWN_ADDRESS.to_bits()) };
        Ok(tables)
    }
}

impl Drop for Tables {
    fn drop(&mut self) {
        // SAFETY: EAL runs (`_eal`), nobody uses the tables any more: every `Floor` borrows this.
        unsafe { floor_stop() };
        TAKEN.store(false, Ordering::Relaxed);
    }
}

/// The entries that a table is made with. The usual number is that of the floor which the goals were set by.
fn room_for(stations: u32) -> u32 {
    const USUAL: u32 = 1 << 16;
    USUAL.max((stations + stations / 2).next_power_of_two())
}

fn number(mac: [u8; 6]) -> u64 {
    let [a, b, c, d, e, f] = mac;
    u64::from_le_bytes([a, b, c, d, e, f, 0, 0])
}

/// The floor between two queues.
pub(crate) struct Floor<'t> {
    rx: Source,
    tx: TxQueue,
    frames: ArrayVec<Mbuf, BURST>,
    _tables: &'t Tables,
}

impl<'t> Floor<'t> {
    /// `rx` replays `traffic`, each frame in a buffer with DPDK's usual headroom.
    pub(crate) fn new(tables: &'t Tables, traffic: &Traffic, rx: Source, tx: TxQueue) -> Result<Self> {
        let shortest = traffic.frames().iter().map(Vec::len).min().unwrap_or(0);
        ensure!(shortest >= SHORTEST, "a frame of {shortest} octets, the floor needs {SHORTEST}");
        Ok(Self { rx, tx, frames: ArrayVec::new(), _tables: tables })
    }

    /// Receives a burst, does the work and sends it; returns how many frames came.
    #[inline]
    pub(crate) fn round(&mut self, work: Work) -> usize {
        let (received, _) = self.take(work);
        self.tx.burst(&mut self.frames);
        dpdk::free_bulk(&mut self.frames);
        received
    }

    /// One burst, worked on but not sent, and how many checks of it failed.
    pub(crate) fn work_on_one_burst(&mut self, work: Work) -> (ArrayVec<Mbuf, BURST>, u32) {
        let (_, failed) = self.take(work);
        (self.frames.take(), failed)
    }

    #[inline(always)]
    fn take(&mut self, work: Work) -> (usize, u32) {
        let received = self.rx.raw_burst(&mut self.frames);
        // SAFETY: `frames` begins with `received` pointers to mbufs that are ours alone, at most FLOOR_BURST, each of one
        // segment of at least FLOOR_SHORTEST octets with 128 octets of headroom (see `new`); the tables are filled.
        let failed = unsafe { floor_process(work, self.frames.as_mut_ptr().cast(), received as u16) };
        (received, failed)
    }
}
