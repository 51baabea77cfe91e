//! What drives a port: a PCI function or a DPDK virtual device.

use std::fmt;
use std::str::FromStr;

use super::name::InterfaceName;
use super::port_kind::PortKind;

/// A PCI function, `0000:3b:00.0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PciAddress {
    domain: u32,
    bus: u8,
    device: u8,
    function: u8,
}

impl fmt::Display for PciAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04x}:{:02x}:{:02x}.{:x}", self.domain, self.bus, self.device, self.function)
    }
}

/// What drives a port, in the words that EAL takes; displayed as written in the file.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Device {
    /// A PCI function, bound to a driver that DPDK can use.
    Pci(PciAddress),
    /// A virtual device.
    Virtual {
        /// The driver's kind.
        kind: PortKind,
        /// Driver and number, `net_tap0`: the device's name, unique in the process.
        driver: String,
        /// The driver's arguments without the comma before them, `iface=cw-access0`; may be empty.
        args: String,
    },
}

/// Driver names without their number, and the kind of port each makes.
const DRIVERS: [(&str, PortKind); 11] = [
    ("net_tap", PortKind::Tap),
    ("net_af_packet", PortKind::AfPacket),
    ("net_af_xdp", PortKind::AfXdp),
    ("net_memif", PortKind::Memif),
    ("net_vhost", PortKind::Vhost),
    ("eth_vhost", PortKind::Vhost),
    ("net_virtio_user", PortKind::VirtioUser),
    ("net_pcap", PortKind::Pcap),
    ("net_null", PortKind::Null),
    ("net_ring", PortKind::Ring),
    ("virtio_user", PortKind::VirtioUser),
];

/// Why a text is not a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DeviceError {
    /// Neither a PCI address nor a known driver.
    #[error(
        "expected a PCI address (0000:3b:00.0) or one of net_tap, net_af_packet, net_af_xdp, net_memif, net_vhost, \
         net_virtio_user, net_pcap, net_null, net_ring with a number and arguments (net_tap0,iface=cw-access0)"
    )]
    Unknown,
    /// A known driver without the number that makes its name unique.
    #[error("expected a number of one to three digits behind the driver's name, as in net_tap0")]
    Number,
    /// An argument that is empty, or has a blank or a control character in it.
    #[error("expected arguments as key=value, separated by commas, without blanks")]
    Arguments,
    /// A driver that cannot work without an interface, and no `iface=`.
    #[error("expected the argument iface=<Linux interface>")]
    NoInterface,
    /// An `iface=` argument that is no interface name.
    #[error("argument iface: expected an interface name of 1 to 15 letters, digits, . _ -")]
    Interface,
    /// A `framesz=` that cannot be, or that buffers could not hold.
    #[error("argument framesz: expected a multiple of 16 from 2048 to 32768")]
    FrameSize,
    /// An argument that makes vhost hide what a peer left undone.
    #[error("argument legacy-ol-flags=1 hides which checksums a peer has left to this port: remove it")]
    HiddenChecksums,
    /// An argument that lets the peer send frames longer than its MTU.
    #[error("argument tso=1 lets the peer send frames longer than its MTU, which no tunnel takes: remove it")]
    LargeFrames,
}

impl Device {
    /// The kind of port that the device makes.
    pub fn kind(&self) -> PortKind {
        match self {
            Self::Pci(_) => PortKind::Pci,
            Self::Virtual { kind, .. } => *kind,
        }
    }

    /// The Linux interface that the device makes or opens, if it has one (`iface=` of TAP, AF_PACKET, AF_XDP).
    pub fn interface(&self) -> Option<&str> {
        let Self::Virtual { kind, args, .. } = self else { return None };
        has_interface(*kind).then(|| argument(args, "iface")).flatten()
    }

    /// The value of a virtual device's argument.
    pub fn argument(&self, key: &str) -> Option<&str> {
        match self {
            Self::Pci(_) => None,
            Self::Virtual { args, .. } => argument(args, key),
        }
    }

    /// Gives a virtual device an argument, unless it has one of that name.
    pub(super) fn argue(&mut self, key: &str, value: impl fmt::Display) {
        let Self::Virtual { args, .. } = self else { return };
        if argument(args, key).is_none() {
            let comma = if args.is_empty() { "" } else { "," };
            *args = format!("{args}{comma}{key}={value}");
        }
    }
}

fn has_interface(kind: PortKind) -> bool {
    matches!(kind, PortKind::Tap | PortKind::AfPacket | PortKind::AfXdp)
}

fn argument<'a>(args: &'a str, key: &str) -> Option<&'a str> {
    args.split(',').find_map(|arg| arg.strip_prefix(key)?.strip_prefix('='))
}

fn driver_kind(driver: &str) -> Option<PortKind> {
    let stem = driver.trim_end_matches(|c: char| c.is_ascii_digit());
    DRIVERS.iter().find(|(name, _)| *name == stem).map(|(_, kind)| *kind)
}

impl FromStr for Device {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<Self, DeviceError> {
        if let Some(address) = pci(text) {
            return Ok(Self::Pci(address));
        }
        let (driver, args) = text.split_once(',').unwrap_or((text, ""));
        let kind = driver_kind(driver).ok_or(DeviceError::Unknown)?;
        let digits = driver.bytes().rev().take_while(u8::is_ascii_digit).count();
        if !(1..=3).contains(&digits) {
            return Err(DeviceError::Number);
        }
        let legal = |arg: &str| !arg.is_empty() && arg.bytes().all(|b| b.is_ascii_graphic());
        if text.contains(',') && !args.split(',').all(legal) {
            return Err(DeviceError::Arguments);
        }
        match argument(args, "iface") {
            Some(name) if has_interface(kind) && name.parse::<InterfaceName>().is_err() => {
                return Err(DeviceError::Interface);
            }
            None if has_interface(kind) => return Err(DeviceError::NoInterface),
            _ => {}
        }
        refuse_harmful(kind, args)?;
        Ok(Self::Virtual { kind, driver: driver.to_owned(), args: args.to_owned() })
    }
}

/// Arguments with which a port would pass on what is wrong.
fn refuse_harmful(kind: PortKind, args: &str) -> Result<(), DeviceError> {
    let is_set = |key| argument(args, key).is_some_and(|value| value != "0");
    // The driver copies frames of up to this size into a buffer without asking for the buffer's.
    let legal =
        |size: &str| size.parse().is_ok_and(|size: u32| (2048..=32_768).contains(&size) && size.is_multiple_of(16));
    match kind {
        PortKind::AfPacket if !argument(args, "framesz").is_none_or(legal) => Err(DeviceError::FrameSize),
        PortKind::Vhost if is_set("legacy-ol-flags") => Err(DeviceError::HiddenChecksums),
        PortKind::Vhost if is_set("tso") => Err(DeviceError::LargeFrames),
        _ => Ok(()),
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pci(address) => address.fmt(f),
            Self::Virtual { driver, args, .. } if args.is_empty() => f.write_str(driver),
            Self::Virtual { driver, args, .. } => write!(f, "{driver},{args}"),
        }
    }
}

/// `[domain:]bus:device.function`, all hexadecimal.
fn pci(text: &str) -> Option<PciAddress> {
    let (rest, function) = text.rsplit_once('.')?;
    let mut parts = rest.rsplit(':');
    let device = hex(parts.next()?, 2)?;
    let bus = hex(parts.next()?, 2)?;
    let domain = parts.next().map_or(Some(0), |domain| hex(domain, 8))?;
    let function = hex(function, 1)?;
    if parts.next().is_some() || device > 31 || function > 7 {
        return None;
    }
    Some(PciAddress {
        domain,
        bus: u8::try_from(bus).ok()?,
        device: u8::try_from(device).ok()?,
        function: u8::try_from(function).ok()?,
    })
}

fn hex(text: &str, digits: usize) -> Option<u32> {
    let legal = (1..=digits).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit());
    legal.then(|| u32::from_str_radix(text, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_device_round_trips(text in "([0-9a-f]{2}:[01][0-9a-f]\\.[0-7]|net_(tap|af_xdp)[0-9],iface=[a-z]{1,15}|net_ring[0-9])") {
            let device: Device = text.parse().expect("the pattern makes only devices");
            prop_assert_eq!(device.to_string().parse::<Device>(), Ok(device));
        }

        #[test]
        fn any_text_is_answered(text in any::<String>()) {
            if let Ok(device) = text.parse::<Device>() {
                prop_assert_eq!(device.to_string().parse::<Device>(), Ok(device));
            }
        }
    }

    #[test]
    fn kinds_and_interfaces_are_known() {
        let tap: Device = "net_tap0,iface=cw-access0".parse().expect("legal");
        assert_eq!((tap.kind(), tap.interface()), (PortKind::Tap, Some("cw-access0")));
        let pci: Device = "3b:00.1".parse().expect("legal");
        assert_eq!((pci.kind(), pci.to_string().as_str()), (PortKind::Pci, "0000:3b:00.1"));
        assert!(PortKind::Ring.is_virtual() && !PortKind::Pci.is_virtual());
    }

    #[test]
    fn each_rule_has_its_error() {
        let error = |text: &str| text.parse::<Device>().expect_err(text);
        assert_eq!(error("eth0"), DeviceError::Unknown);
        assert_eq!(error("0000:3b:20.0"), DeviceError::Unknown);
        assert_eq!(error("net_tap,iface=x"), DeviceError::Number);
        assert_eq!(error("net_memif0,,x"), DeviceError::Arguments);
        assert_eq!(error("net_tap0"), DeviceError::NoInterface);
        assert_eq!(error("net_tap0,iface=sixteen-letters-x"), DeviceError::Interface);
        assert_eq!(error("net_af_packet0,iface=a,framesz=65536"), DeviceError::FrameSize);
        assert_eq!(error("net_af_packet0,iface=a,framesz=many"), DeviceError::FrameSize);
        assert_eq!(error("net_vhost0,iface=/s,legacy-ol-flags=1"), DeviceError::HiddenChecksums);
        assert_eq!(error("eth_vhost0,iface=/s,tso=1"), DeviceError::LargeFrames);
        assert!("net_vhost0,iface=/s,tso=0,legacy-ol-flags=0".parse::<Device>().is_ok());
    }
}
