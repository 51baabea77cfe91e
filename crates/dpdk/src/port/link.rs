//! Link state, and the events of drivers that have them.

use super::Problem;
use super::open::step;
use dpdk_sys::{DPDK_SPEED_UNKNOWN, RTE_ETH_EVENT_INTR_LSC, RTE_MAX_ETHPORTS, rte_eth_event_type, rte_eth_link};
use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};

/// Changes seen per port since the process started. Written by EAL's interrupt thread, read by control; the counter
/// carries no other data, so `Relaxed` on both sides.
static EVENTS: [AtomicU32; RTE_MAX_ETHPORTS as usize] = [const { AtomicU32::new(0) }; RTE_MAX_ETHPORTS as usize];

/// A port's link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Carrier is there.
    pub up: bool,
    /// Megabits per second, where known.
    pub speed_mbps: Option<u32>,
}

/// How often the driver has reported a change.
pub(super) fn events(port: u16) -> u32 {
    EVENTS.get(usize::from(port)).map_or(0, |count| count.load(Ordering::Relaxed))
}

/// Has the driver's changes counted. `true` where it promises to report them.
pub(super) fn watch(port: u16) -> bool {
    // SAFETY: the port exists; `changed` is a function for the life of the process and uses no argument.
    let result = unsafe {
        dpdk_sys::rte_eth_dev_callback_register(port, RTE_ETH_EVENT_INTR_LSC, Some(changed), ptr::null_mut())
    };
    result == 0
}

pub(super) fn unwatch(port: u16) {
    // SAFETY: the port exists; where nothing is registered nothing happens. `changed` outlives a running callback.
    unsafe {
        dpdk_sys::rte_eth_dev_callback_unregister(port, RTE_ETH_EVENT_INTR_LSC, Some(changed), ptr::null_mut());
    }
}

// SAFETY: has DPDK's type for callbacks; uses none of the pointers.
unsafe extern "C" fn changed(port: u16, _: rte_eth_event_type, _: *mut c_void, _: *mut c_void) -> c_int {
    if let Some(count) = EVENTS.get(usize::from(port)) {
        count.fetch_add(1, Ordering::Relaxed);
    }
    0
}

pub(super) fn read(port: u16) -> Result<Link, Problem> {
    let mut link = rte_eth_link::default();
    step("read the link", || {
        // SAFETY: the port exists; the callee writes one link.
        unsafe { dpdk_sys::rte_eth_link_get_nowait(port, &raw mut link) }
    })?;
    let speed_mbps = (link.link_speed != 0 && link.link_speed != DPDK_SPEED_UNKNOWN).then_some(link.link_speed);
    Ok(Link { up: link.link_status() != 0, speed_mbps })
}

pub(super) fn set(port: u16, up: bool) -> Result<(), Problem> {
    if up {
        // SAFETY: the port exists.
        step("bring the link up", || unsafe { dpdk_sys::rte_eth_dev_set_link_up(port) })
    } else {
        // SAFETY: the port exists.
        step("take the link down", || unsafe { dpdk_sys::rte_eth_dev_set_link_down(port) })
    }
}
