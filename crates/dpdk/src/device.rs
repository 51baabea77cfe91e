//! What a port stands on: a PCI function, or a DPDK virtual device with its arguments.

use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::str::FromStr;

/// Longest device name that DPDK keeps (`RTE_DEV_NAME_MAX_LEN`, 64, with the closing zero).
const NAME_MAX: usize = 63;

/// A text that is neither a PCI address nor a virtual device.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeviceError {
    /// Neither form fits.
    #[error(
        "device `{0}` is neither a PCI address (0000:3b:00.0) nor a DPDK virtual device (net_tap0,iface=name): \
         the name of a virtual device begins with `net_`, `eth_` or `virtio_user`"
    )]
    Unknown(Box<str>),
    /// The name of the virtual device is too long.
    #[error("the name of device `{0}` is longer than {NAME_MAX} octets")]
    TooLong(Box<str>),
}

/// The address of a PCI function in full: domain, bus, device and function, as in `0000:3b:00.0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PciAddress {
    domain: u32,
    bus: u8,
    device: u8,
    function: u8,
}

impl PciAddress {
    /// Whether this machine has the function.
    #[must_use]
    pub fn is_present(self) -> bool {
        self.sysfs().exists()
    }

    /// The kernel driver that holds the function, e.g. `ixgbe` or `vfio-pci`.
    #[must_use]
    pub fn kernel_driver(self) -> Option<Box<str>> {
        let link = fs::read_link(self.sysfs().join("driver")).ok()?;
        Some(link.file_name()?.to_string_lossy().into())
    }

    /// The NUMA socket that the function hangs under, where the machine has several.
    #[must_use]
    pub fn socket(self) -> Option<u8> {
        let text = fs::read_to_string(self.sysfs().join("numa_node")).ok()?;
        // -1 where there is none.
        text.trim().parse().ok()
    }

    fn sysfs(self) -> PathBuf {
        PathBuf::from(format!("/sys/bus/pci/devices/{self}"))
    }
}

impl FromStr for PciAddress {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<Self, DeviceError> {
        let parse = || {
            let (domain, rest) = text.split_once(':')?;
            let (bus, rest) = rest.split_once(':')?;
            let (device, function) = rest.split_once('.')?;
            let address = Self {
                domain: hex(domain, 4..=8)?,
                bus: u8::try_from(hex(bus, 2..=2)?).ok()?,
                device: u8::try_from(hex(device, 2..=2)?).ok()?,
                function: u8::try_from(hex(function, 1..=1)?).ok()?,
            };
            (address.device < 32 && address.function < 8).then_some(address)
        };
        parse().ok_or_else(|| DeviceError::Unknown(text.into()))
    }
}

/// A hexadecimal number without sign, of as many digits as `digits` allows.
fn hex(text: &str, digits: std::ops::RangeInclusive<usize>) -> Option<u32> {
    let plain = digits.contains(&text.len()) && text.bytes().all(|octet| octet.is_ascii_hexdigit());
    plain.then(|| u32::from_str_radix(text, 16).ok()).flatten()
}

impl fmt::Display for PciAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04x}:{:02x}:{:02x}.{}", self.domain, self.bus, self.device, self.function)
    }
}

/// A port's device, parsed from the configuration's `device`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Device {
    /// A PCI function.
    Pci(PciAddress),
    /// A virtual device.
    Virtual {
        /// Driver and number, e.g. `net_tap0`.
        name: Box<str>,
        /// Everything behind the first comma, e.g. `iface=cw-access0`; may be empty.
        arguments: Box<str>,
    },
}

impl Device {
    /// The name under which DPDK knows the device.
    #[must_use]
    pub fn name(&self) -> Box<str> {
        match self {
            Self::Pci(address) => address.to_string().into(),
            Self::Virtual { name, .. } => name.clone(),
        }
    }

    /// DPDK's name of the bus that the device is on.
    pub(crate) fn bus(&self) -> &'static std::ffi::CStr {
        match self {
            Self::Pci(_) => c"pci",
            Self::Virtual { .. } => c"vdev",
        }
    }
}

impl FromStr for Device {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<Self, DeviceError> {
        if let Ok(address) = text.parse() {
            return Ok(Self::Pci(address));
        }
        let (name, arguments) = text.split_once(',').unwrap_or((text, ""));
        let plain = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'_' || octet == b'-';
        let number = |prefix| name.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty());
        if !["net_", "eth_", "virtio_user"].into_iter().any(number)
            || !name.bytes().all(plain)
            || arguments.contains('\0')
        {
            return Err(DeviceError::Unknown(text.into()));
        }
        if name.len() > NAME_MAX {
            return Err(DeviceError::TooLong(text.into()));
        }
        Ok(Self::Virtual { name: name.into(), arguments: arguments.into() })
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pci(address) => address.fmt(f),
            Self::Virtual { name, arguments } if arguments.is_empty() => f.write_str(name),
            Self::Virtual { name, arguments } => write!(f, "{name},{arguments}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_come_back_as_written() {
        for text in [
            "0000:3b:00.0",
            "10000:e1:1f.7",
            "net_tap0,iface=cw-access0",
            "net_null0",
            "eth_vhost0,iface=/s",
            "virtio_user0",
        ] {
            assert_eq!(text.parse::<Device>().map(|device| device.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn what_is_neither_is_refused_by_name() {
        for text in
            ["", "eth0", "3b:00.0", "0000:3b:20.0", "0000:3b:00.8", "0000:+b:00.0", "net_", "net_tap 0", "net_a;b"]
        {
            let error = text.parse::<Device>().expect_err(text);
            assert!(error.to_string().contains(&format!("`{text}`")), "{error}");
        }
    }

    #[test]
    fn a_name_that_dpdk_would_cut_is_refused() {
        let text = format!("net_tap{}", "0".repeat(60));
        assert_eq!(text.parse::<Device>(), Err(DeviceError::TooLong(text.clone().into())));
    }
}
