//! Whether a PCI function can be driven from here. EAL passes over one that it cannot open without an error, and says why in
//! its log at most.

use crate::device::PciAddress;
use crate::eal::Memory;
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// Kernel drivers other than VFIO's that hand a function over to a process.
const HANDING_OVER: [&str; 2] = ["uio_pci_generic", "igb_uio"];
/// Kernel drivers that DPDK's drivers work beside: the function stays with them.
const BESIDE: [&str; 2] = ["mlx4_core", "mlx5_core"];
/// Drivers of other functions of an IOMMU group that do not keep VFIO from it, beside VFIO's own: they do no DMA.
const HARMLESS: [&str; 2] = ["pci-stub", "pcieport"];

/// Why a PCI function cannot be driven from here.
#[derive(Debug, thiserror::Error)]
pub enum PciProblem {
    /// A driver of the kernel's own has it.
    #[error(
        "the kernel driver `{driver}` holds it: expected vfio-pci. Bind it with `bind-nic bind {address}` (scripts/bind-nic; \
         its --dry-run says what that does)"
    )]
    KernelDriver {
        /// The function.
        address: PciAddress,
        /// The driver that holds it.
        driver: Box<str>,
    },
    /// No driver has it.
    #[error("no kernel driver holds it: expected vfio-pci. Bind it with `bind-nic bind {address}` (scripts/bind-nic)")]
    NoDriver {
        /// The function.
        address: PciAddress,
    },
    /// Bound to `vfio-pci`, but in no group: the kernel does not offer it.
    #[error(
        "it is in no IOMMU group: switch the IOMMU on in the firmware, and in the kernel by `intel_iommu=on iommu=pt` \
         (AMD: `iommu=pt`)"
    )]
    NoGroup,
    /// Others of the same group are not with VFIO.
    #[error(
        "IOMMU group {group} has other functions that kernel drivers hold: {others}. A group goes to one process as a whole: \
         bind these too, or move the card to a slot with a group of its own"
    )]
    SharedGroup {
        /// The group's number.
        group: Box<str>,
        /// The others with their drivers.
        others: Box<str>,
    },
    /// A device file of VFIO's cannot be opened.
    #[error("cannot open {path}: {error}; {advice}", path = .path.display())]
    DeviceFile {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
        /// What to do.
        advice: &'static str,
    },
    /// VFIO pins all memory, and the process may not pin as much.
    #[error(
        "{wanted_mb} MB of memory have to be locked for it, {limit_mb} MB may be: grant CAP_IPC_LOCK, or raise the limit \
         (`LimitMEMLOCK=infinity` in the systemd unit, `ulimit -l unlimited`)"
    )]
    LockedMemory {
        /// Megabytes that DPDK takes.
        wanted_mb: u32,
        /// Megabytes that this process may lock.
        limit_mb: u64,
    },
}

/// Where the kernel shows its devices: `/` but in tests.
pub(super) struct Root<'a>(pub(super) &'a Path);

impl Root<'_> {
    /// Looks at a function that is there; one that is not is found when its port is opened, by the port's name.
    pub(super) fn check(&self, address: PciAddress, memory: Memory) -> Result<(), PciProblem> {
        let function = self.0.join(format!("sys/bus/pci/devices/{address}"));
        if !function.exists() {
            return Ok(());
        }
        let Some(driver) = link_name(&function.join("driver")) else { return Err(PciProblem::NoDriver { address }) };
        match &*driver {
            "vfio-pci" => self.check_group(&function).and_then(|()| self.check_limit(memory)),
            driver if HANDING_OVER.contains(&driver) || BESIDE.contains(&driver) => Ok(()),
            _ => Err(PciProblem::KernelDriver { address, driver }),
        }
    }

    fn check_group(&self, function: &Path) -> Result<(), PciProblem> {
        let group = link_name(&function.join("iommu_group")).ok_or(PciProblem::NoGroup)?;
        let directory = self.0.join("sys/kernel/iommu_groups").join(&*group);
        let others = conflicts(&directory.join("devices"));
        if !others.is_empty() {
            return Err(PciProblem::SharedGroup { group, others: others.join(", ").into() });
        }
        // Without an IOMMU, if the operator has switched that on, the kernel makes a group up and marks it.
        let unsafe_group = fs::read_to_string(directory.join("name")).is_ok_and(|name| name.trim() == "vfio-noiommu");
        self.open("dev/vfio/vfio", "load the module: modprobe vfio-pci")?;
        let name = if unsafe_group { format!("dev/vfio/noiommu-{group}") } else { format!("dev/vfio/{group}") };
        self.open(
            &name,
            if unsafe_group { "without an IOMMU VFIO asks for CAP_SYS_RAWIO" } else { "is it bound to vfio-pci?" },
        )
    }

    fn open(&self, name: &str, advice: &'static str) -> Result<(), PciProblem> {
        let path = self.0.join(name);
        let Err(error) = OpenOptions::new().read(true).write(true).open(&path) else { return Ok(()) };
        let advice = match error.kind() {
            ErrorKind::PermissionDenied if !name.contains("noiommu") => {
                "start as root, or give the file to the group of this process (packaging/udev does), and the device to the \
                 container (--device)"
            }
            ErrorKind::ResourceBusy => "another process has it: stop that one first",
            _ => advice,
        };
        Err(PciProblem::DeviceFile { path, error, advice })
    }

    /// The kernel counts what VFIO pins against the limit unless the process may lock without one.
    fn check_limit(&self, memory: Memory) -> Result<(), PciProblem> {
        let (Memory::Hugepages { size_mb: wanted_mb } | Memory::Ordinary { size_mb: wanted_mb }) = memory;
        let read = |name: &str| fs::read_to_string(self.0.join("proc/self").join(name)).unwrap_or_default();
        match lock_limit_mb(&read("status"), &read("limits")) {
            Some(limit_mb) if limit_mb < u64::from(wanted_mb) => Err(PciProblem::LockedMemory { wanted_mb, limit_mb }),
            _ => Ok(()),
        }
    }
}

/// The last part of what a symbolic link points to.
fn link_name(link: &Path) -> Option<Box<str>> {
    Some(fs::read_link(link).ok()?.file_name()?.to_string_lossy().into())
}

/// Members of a group whose drivers keep VFIO from it, as `0000:3b:00.1 (ixgbe)`.
fn conflicts(devices: &Path) -> Vec<String> {
    let Ok(members) = fs::read_dir(devices) else { return Vec::new() };
    let conflict = |member: fs::DirEntry| {
        let driver = link_name(&member.path().join("driver"))?;
        let harmless = driver.starts_with("vfio") || HARMLESS.contains(&&*driver);
        (!harmless).then(|| format!("{} ({driver})", member.file_name().to_string_lossy()))
    };
    let mut conflicts: Vec<String> = members.flatten().filter_map(conflict).collect();
    conflicts.sort();
    conflicts
}

/// Bit of CAP_IPC_LOCK in the kernel's capability masks.
const CAP_IPC_LOCK: u32 = 14;

/// Megabytes that a process may lock, by its `status` and `limits` in /proc; `None` without a limit.
fn lock_limit_mb(status: &str, limits: &str) -> Option<u64> {
    let mask = status.lines().find_map(|line| line.strip_prefix("CapEff:"))?;
    if u64::from_str_radix(mask.trim(), 16).ok()? & (1 << CAP_IPC_LOCK) != 0 {
        return None;
    }
    let line = limits.lines().find_map(|line| line.strip_prefix("Max locked memory"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? >> 20)
}

#[cfg(test)]
mod tests;
