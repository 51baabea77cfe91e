//! What can be found wrong before DPDK is touched: EAL's own words for these are worse, and some of them it prints.

mod pci;

use super::cgroup::Room;
use super::{EalError, Memory, cgroup};
use crate::device::PciAddress;
use crate::lcore;
pub use pci::PciProblem;
use std::fs;
use std::path::Path;

pub(super) fn check_prefix(prefix: &str) -> Result<(), EalError> {
    let plain = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'.');
    let legal = (1..=60).contains(&prefix.len()) && prefix.bytes().all(plain) && !prefix.starts_with('.');
    if legal { Ok(()) } else { Err(EalError::FilePrefix(prefix.into())) }
}

pub(super) fn check_core(core: usize) -> Result<(), EalError> {
    let available = lcore::available();
    if available.contains(&core) { Ok(()) } else { Err(EalError::Core { core, available }) }
}

/// What the process takes beside EAL's memory: measured as 15 MB with one worker and a small network.
const BESIDE_MB: u64 = 32;

/// EAL would map ordinary pages that are not there, and be killed when it fills them.
pub(super) fn check_memory(memory: Memory) -> Result<(), EalError> {
    check_limit(memory, cgroup::room())?;
    match memory {
        Memory::Hugepages { size_mb: wanted_mb } => {
            let free_mb = free_hugepages_kb(Path::new("/sys/kernel/mm/hugepages")) / 1024;
            let pages = wanted_mb.div_ceil(2);
            let missing = free_mb < u64::from(wanted_mb);
            if missing { Err(EalError::MissingHugepages { wanted_mb, free_mb, pages }) } else { Ok(()) }
        }
        Memory::Ordinary { size_mb: wanted_mb } => match available_mb() {
            Some(available_mb) if available_mb < u64::from(wanted_mb) => {
                Err(EalError::MissingMemory { wanted_mb, available_mb })
            }
            _ => Ok(()),
        },
    }
}

/// EAL passes over functions that it cannot open, and their ports would be missing later without a reason.
pub(super) fn check_pci(addresses: &[PciAddress], memory: Memory) -> Result<(), EalError> {
    let check = |address: &PciAddress| {
        let problem = |problem| EalError::Pci { address: *address, problem };
        pci::Root(Path::new("/")).check(*address, memory).map_err(problem)
    };
    addresses.iter().try_for_each(check)
}

/// Huge pages do not count against this limit.
fn check_limit(memory: Memory, room: Option<Room>) -> Result<(), EalError> {
    let (Memory::Ordinary { size_mb: wanted_mb }, Some(room)) = (memory, room) else { return Ok(()) };
    let needed_mb = u64::from(wanted_mb) + BESIDE_MB;
    let (limit_mb, free_mb) = (room.limit_octets >> 20, room.free_octets >> 20);
    if free_mb < needed_mb { Err(EalError::MemoryLimit { wanted_mb, needed_mb, limit_mb, free_mb }) } else { Ok(()) }
}

/// The kernel's estimate; `None` where it gives none.
fn available_mb() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? / 1024)
}

/// Adds up the free pages of all sizes: directories `hugepages-<size>kB` with a file `free_hugepages` each.
fn free_hugepages_kb(directory: &Path) -> u64 {
    let Ok(sizes) = fs::read_dir(directory) else { return 0 };
    let free_kb = |entry: fs::DirEntry| {
        let name = entry.file_name();
        let page_kb: u64 = name.to_str()?.strip_prefix("hugepages-")?.strip_suffix("kB")?.parse().ok()?;
        let pages: u64 = fs::read_to_string(entry.path().join("free_hugepages")).ok()?.trim().parse().ok()?;
        page_kb.checked_mul(pages)
    };
    sizes.flatten().filter_map(free_kb).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_that_are_no_file_names_are_refused() {
        for prefix in ["", "a/b", "..", "-x y", &"x".repeat(61)] {
            assert!(matches!(check_prefix(prefix), Err(EalError::FilePrefix(_))), "{prefix}");
        }
        assert!(check_prefix("causeway-2.test_a").is_ok());
    }

    #[test]
    fn free_huge_pages_of_all_sizes_count() {
        let directory = std::env::temp_dir().join(format!("cwtest-dpdk-huge-{}", std::process::id()));
        for (name, free) in [("hugepages-2048kB", "3\n"), ("hugepages-1048576kB", "2\n"), ("other", "9\n")] {
            fs::create_dir_all(directory.join(name)).expect("temporary directory");
            fs::write(directory.join(name).join("free_hugepages"), free).expect("temporary file");
        }
        assert_eq!(free_hugepages_kb(&directory), 3 * 2048 + 2 * 1_048_576);
        fs::remove_dir_all(&directory).expect("made above");
    }

    #[test]
    fn a_limit_that_the_kernel_would_kill_for_is_refused_with_what_to_raise() {
        let room = |free_mb: u64| Some(Room { limit_octets: 600 << 20, free_octets: free_mb << 20 });
        let memory = Memory::Ordinary { size_mb: 512 };
        let error =
            check_limit(memory, room(512)).expect_err("nothing is left for the rest of the process").to_string();
        for word in ["512 MB", "limit of 600 MB", "--memory", "memory.size_mb"] {
            assert!(error.contains(word), "{error}");
        }
        assert!(check_limit(memory, room(512 + BESIDE_MB)).is_ok());
        assert!(check_limit(Memory::Hugepages { size_mb: 512 }, room(0)).is_ok(), "they are counted elsewhere");
        assert!(check_limit(memory, None).is_ok());
    }

    #[test]
    fn a_core_that_is_not_ours_is_named_with_those_that_are() {
        let error = check_core(4096).expect_err("no such core");
        assert!(error.to_string().contains("core 4096") && error.to_string().contains("[0"), "{error}");
    }
}
