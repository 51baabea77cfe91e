//! Devices plugged in and out: each port is probed on its own, so that each failure has its own error.

use super::{Problem, link};
use crate::device::{Device, PciAddress};
use crate::eal::Eal;
use crate::eal_log;
use crate::errno::Errno;
use std::ffi::CString;
use std::path::Path;

/// A device that is an Ethernet port of DPDK's. Dropping it stops and closes the port and unplugs the device.
#[derive(Debug)]
pub(crate) struct Attached {
    id: u16,
    device: Device,
    /// See [`super::oversize`].
    pkt_len_limit: Option<u32>,
    eal: Eal,
}

impl Attached {
    /// DPDK's number of the port.
    #[inline(always)]
    pub(crate) fn id(&self) -> u16 {
        self.id
    }

    /// The `pkt_len` above which the driver does not transmit, where frames may nevertheless be longer.
    #[inline(always)]
    pub(crate) fn pkt_len_limit(&self) -> Option<u32> {
        self.pkt_len_limit
    }

    pub(super) fn limit_pkt_len(&mut self, limit: Option<u32>) {
        self.pkt_len_limit = limit;
    }

    /// Plugs `device` in. PCI functions were probed when EAL started and may be there already.
    pub(super) fn plug(eal: &Eal, device: &Device) -> Result<Self, Problem> {
        let mut in_use = eal.ports();
        let present = find(device);
        if present.is_some_and(|id| in_use.contains(&id)) {
            return Err(Problem::InUse);
        }
        let id = match present {
            Some(id) => id,
            None => probe(eal, device)?,
        };
        in_use.push(id);
        Ok(Self { id, device: device.clone(), pkt_len_limit: None, eal: eal.clone() })
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        let mut in_use = self.eal.ports();
        link::unwatch(self.id);
        let name = self.device.name();
        // SAFETY: the port exists, and all queue handles are gone.
        let stopped = Errno::check(unsafe { dpdk_sys::rte_eth_dev_stop(self.id) });
        // SAFETY: the port exists and is stopped; nobody uses it afterwards.
        let closed = Errno::check(unsafe { dpdk_sys::rte_eth_dev_close(self.id) });
        for (step, result) in [("stop", stopped), ("close", closed)] {
            if let Err(errno) = result {
                tracing::warn!(target: "dpdk::port", "cannot {step} {name}: {errno}");
            }
        }
        if let Ok(name) = CString::new(&*name) {
            // SAFETY: both are C strings; the port is closed.
            unsafe { dpdk_sys::rte_eal_hotplug_remove(self.device.bus().as_ptr(), name.as_ptr()) };
        }
        in_use.retain(|id| *id != self.id);
    }
}

fn find(device: &Device) -> Option<u16> {
    let name = CString::new(&*device.name()).ok()?;
    let mut id = 0;
    // SAFETY: a C string and a place for one number.
    let result = unsafe { dpdk_sys::rte_eth_dev_get_port_by_name(name.as_ptr(), &raw mut id) };
    (result == 0).then_some(id)
}

fn probe(eal: &Eal, device: &Device) -> Result<u16, Problem> {
    if let Device::Pci(address) = device {
        check_pci(eal, *address)?;
    }
    let failed = |errno: Errno| explain(device, errno);
    let text = CString::new(device.to_string()).map_err(|_| failed(Errno::from_return(-22)))?;
    eal_log::forget();
    // SAFETY: EAL runs; `text` is a C string that the callee copies.
    Errno::check(unsafe { dpdk_sys::rte_dev_probe(text.as_ptr()) }).map_err(failed)?;
    find(device).ok_or_else(|| failed(Errno::from_return(-19)))
}

fn check_pci(eal: &Eal, address: PciAddress) -> Result<(), Problem> {
    if !address.is_present() {
        return Err(Problem::UnknownPci);
    }
    if eal.allows(address) { Ok(()) } else { Err(Problem::PciNotAllowed) }
}

fn explain(device: &Device, errno: Errno) -> Problem {
    let complaint = eal_log::complaint();
    let name = match device {
        Device::Pci(address) => {
            let kernel_driver = address.kernel_driver().unwrap_or_else(|| "none".into());
            return Problem::PciNotBound { kernel_driver, complaint };
        }
        Device::Virtual { name, .. } => name,
    };
    // The bus of virtual devices parses only names that begin with a driver's.
    if complaint.mentions("failed to parse device") {
        return Problem::UnknownDriver { complaint };
    }
    if errno.is_existing() {
        return Problem::InUse;
    }
    // net_tap does not say why it fails; these are the two reasons that have nothing to do with its arguments.
    if name.starts_with("net_tap") && !Path::new("/dev/net/tun").exists() {
        return Problem::NoTun;
    }
    let needs = KERNEL_DRIVERS.iter().any(|driver| name.starts_with(driver));
    if complaint.mentions("not permitted") || needs && !has_capability(CAP_NET_ADMIN) {
        return Problem::MissingRights { complaint };
    }
    Problem::Probe { errno, complaint }
}

/// Drivers on netdevs of the kernel's.
const KERNEL_DRIVERS: [&str; 3] = ["net_tap", "net_af_packet", "net_af_xdp"];

/// Bit in the kernel's capability masks.
const CAP_NET_ADMIN: u32 = 12;

/// Whether this process has the capability; `true` where the kernel does not tell.
fn has_capability(capability: u32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let mask = mask.and_then(|text| u64::from_str_radix(text.trim(), 16).ok());
    mask.is_none_or(|mask| mask & (1 << capability) != 0)
}
