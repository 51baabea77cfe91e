use crate::error::NetlinkError;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use tun_rs::{DeviceBuilder, Layer, SyncDevice};

/// The longest interface name: the kernel's IFNAMSIZ less the closing zero.
const MAX_NAME_OCTETS: usize = 15;

/// The file behind a TAP interface: what is written to it the kernel receives on the interface, and the reverse.
///
/// Persistent: the interface stays when the file is closed, without carrier, with all that is configured on it.
pub struct Tap {
    name: String,
    device: SyncDevice,
}

impl Tap {
    /// Attaches to the TAP of that name in this thread's network namespace, and makes it if there is none.
    pub(crate) fn open(name: &str) -> Result<Self, NetlinkError> {
        if !Path::new("/dev/net/tun").exists() {
            return Err(NetlinkError::TunDeviceMissing);
        }
        let builder = DeviceBuilder::new().name(name).layer(Layer::L2).inherit_enable_state();
        let device = builder.build_sync().map_err(|error| match error.kind() {
            io::ErrorKind::ResourceBusy => NetlinkError::TapBusy { name: name.into() },
            io::ErrorKind::NotFound => NetlinkError::TunDeviceMissing,
            _ => NetlinkError::refused("make or attach to the TAP", name, error),
        })?;
        device.persist().map_err(|error| NetlinkError::refused("make persistent the TAP", name, error))?;
        device.set_nonblocking(true).map_err(|error| NetlinkError::refused("configure the TAP", name, error))?;
        Ok(Self { name: name.into(), device })
    }

    /// The interface's name when it was attached to.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Reads one frame that the kernel sent out of the interface; `WouldBlock` if none waits. A longer frame is cut.
    pub fn read(&self, frame: &mut [u8]) -> io::Result<usize> {
        self.device.recv(frame)
    }

    /// Hands one frame to the kernel as received on the interface. Fails with an I/O error while the interface is down.
    pub fn write(&self, frame: &[u8]) -> io::Result<()> {
        self.device.send(frame).map(|_| ())
    }
}

impl AsFd for Tap {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.device.as_fd()
    }
}

impl std::fmt::Debug for Tap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tap").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The kernel's own rule (dev_valid_name).
pub(crate) fn check_name(name: &str) -> Result<(), NetlinkError> {
    let legal = (1..=MAX_NAME_OCTETS).contains(&name.len())
        && name != "."
        && name != ".."
        && !name.contains(|c: char| c == '/' || c == ':' || c == '\0' || c.is_whitespace());
    if legal { Ok(()) } else { Err(NetlinkError::IllegalName { name: name.into() }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_the_kernel_refuses_are_refused_before_it_is_asked() {
        for name in ["", ".", "..", "a/b", "a b", "a:1", "sixteen-letters-"] {
            let error = check_name(name).expect_err(name);
            assert!(error.to_string().contains(&format!("`{name}`")), "{error}");
        }
        for name in ["a", "cw-host0", "fifteen-letters", "eth0.100"] {
            check_name(name).expect(name);
        }
    }
}
