//! Spanning tree's frames (IEEE 802.1D-2004 clause 9, IEEE 802.1Q-2018 clause 14) and the group addresses that they share with
//! other protocols of a link (IEEE 802.1Q-2018 table 8-1). They are read, never written: Causeway takes no part in them.
//!
//! No crate that is looked after reads them, and the whole format is a page.

use crate::{Tci, be16, be32, ethernet, is_tag_type};
use std::fmt;

/// The upper 44 bits of the sixteen reserved group addresses 01:80:c2:00:00:00 to ..:0f, as `MacAddr::to_bits`.
pub const RESERVED_GROUPS: u64 = 0x0180_c200_0000;
/// Where Cisco's per-VLAN spanning tree (PVST+) sends, as `MacAddr::to_bits`: 01:00:0c:cc:cc:cd.
pub const PVST_GROUP: u64 = 0x0100_0ccc_cccd;
/// Reserved groups of a single link, one bit each: pause (..:01), slow protocols such as LACP (..:02), port access
/// control and LLDP through bridges without a link of their own (..:03), LLDP (..:0e). Nobody may carry them on.
pub const LINK_GROUPS: u16 = 1 << 0x1 | 1 << 0x2 | 1 << 0x3 | 1 << 0xe;
/// Types of the protocols of a single link, which also use other reserved groups: MAC control, slow protocols, port access
/// control, LLDP.
const LINK_TYPES: [u16; 4] = [0x8808, 0x8809, 0x888e, 0x88cc];

/// The place of a destination (as `MacAddr::to_bits`) among the sixteen reserved groups; `None` if it is none of them.
#[inline(always)]
pub const fn reserved_group(destination: u64) -> Option<u32> {
    if destination & !0xf == RESERVED_GROUPS { Some((destination & 0xf) as u32) } else { None }
}

/// Whether a frame to `destination` with this type is meant for the other end of its link and nobody else.
#[inline(always)]
pub const fn is_link_control(destination: u64, ether_type: u16) -> bool {
    match reserved_group(destination) {
        None => false,
        Some(group) => LINK_GROUPS >> group & 1 != 0 || is_link_type(ether_type),
    }
}

const fn is_link_type(ether_type: u16) -> bool {
    let [a, b, c, d] = LINK_TYPES;
    ether_type == a || ether_type == b || ether_type == c || ether_type == d
}

/// A bridge: its priority, of which the lower 12 bits may be a VLAN, and its address (IEEE 802.1D-2004 clause 9.2.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BridgeId(pub u64);

impl fmt::Display for BridgeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0 >> 48, crate::MacAddr::from_bits(self.0))
    }
}

/// A port of a bridge: priority in the upper 4 bits, number in the lower 12 (IEEE 802.1D-2004 clause 9.2.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PortId(pub u16);

impl fmt::Display for PortId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", (self.0 >> 12) * 16, self.0 & 0xfff)
    }
}

/// What a port is in the tree, as it says itself (IEEE 802.1D-2004 clause 9.2.9). Legacy spanning tree says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PortRole {
    /// Not said.
    Unknown,
    /// Alternate or backup: it does not forward.
    AlternateOrBackup,
    /// Towards the root.
    Root,
    /// The way to the root for its link.
    Designated,
}

impl fmt::Display for PortRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "unknown",
            Self::AlternateOrBackup => "alternate",
            Self::Root => "root",
            Self::Designated => "designated",
        })
    }
}

/// The flags of a configuration message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Flags(pub u8);

impl Flags {
    /// The topology changes.
    pub const fn topology_change(self) -> bool {
        self.0 & 1 != 0
    }

    /// It wants to forward.
    pub const fn proposal(self) -> bool {
        self.0 & 2 != 0
    }

    /// What the port is.
    pub const fn role(self) -> PortRole {
        match self.0 >> 2 & 3 {
            0 => PortRole::Unknown,
            1 => PortRole::AlternateOrBackup,
            2 => PortRole::Root,
            _ => PortRole::Designated,
        }
    }

    /// It learns addresses.
    pub const fn learning(self) -> bool {
        self.0 & 16 != 0
    }

    /// It forwards.
    pub const fn forwarding(self) -> bool {
        self.0 & 32 != 0
    }

    /// The other end may forward.
    pub const fn agreement(self) -> bool {
        self.0 & 64 != 0
    }

    /// A topology change was heard of.
    pub const fn topology_change_ack(self) -> bool {
        self.0 & 128 != 0
    }
}

/// Which spanning tree a message is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Version {
    /// IEEE 802.1D-1998.
    Stp,
    /// IEEE 802.1D-2004.
    Rstp,
    /// IEEE 802.1Q clause 13.
    Mstp,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stp => "stp",
            Self::Rstp => "rstp",
            Self::Mstp => "mstp",
        })
    }
}

/// Times in 256ths of a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// How old the root's message is.
    pub message_age: u16,
    /// How long it is believed.
    pub max_age: u16,
    /// How often it is repeated.
    pub hello: u16,
    /// How long a port waits before it forwards, in legacy spanning tree.
    pub forward_delay: u16,
}

/// What a configuration message says; of MSTP, what it says of the common tree (CIST).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Configuration {
    /// Its flags.
    pub flags: Flags,
    /// The root of the tree.
    pub root: BridgeId,
    /// What it costs the sender to reach it; of MSTP, to reach it from another region.
    pub root_cost: u32,
    /// The sender.
    pub bridge: BridgeId,
    /// The sender's port.
    pub port: PortId,
    /// Its times.
    pub times: Times,
    /// The region's root, of MSTP.
    pub regional_root: Option<BridgeId>,
}

/// What a spanning tree message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message {
    /// The topology changes (TCN; legacy spanning tree's, towards the root).
    TopologyChange,
    /// Who is root, and how far.
    Configuration(Configuration),
}

/// A spanning tree message in its frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bpdu {
    /// Of which protocol.
    pub version: Version,
    /// Whether in Cisco's per-VLAN form.
    pub pvst: bool,
    /// The VLAN that the message is about: of PVST+ only.
    pub vlan: Option<u16>,
    /// What it says.
    pub message: Message,
}

/// Why a frame is not a spanning tree message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BpduError {
    /// Another protocol's LLC header, or none.
    #[error("the frame is of another protocol")]
    OtherProtocol,
    /// It ends too early.
    #[error("the frame ends within its message")]
    Truncated,
    /// A protocol identifier other than 0.
    #[error("protocol identifier {0} is not spanning tree's (0)")]
    Protocol(u16),
    /// Neither of the types that there are.
    #[error("message type {0} is not known")]
    Type(u8),
}

/// LLC: both service access points 0x42, unnumbered information.
const LLC: [u8; 3] = [0x42, 0x42, 3];
/// LLC and SNAP: organization Cisco, protocol PVST+.
const SNAP_PVST: [u8; 8] = [0xaa, 0xaa, 3, 0, 0, 0x0c, 1, 0x0b];
/// Of a configuration message of legacy spanning tree.
const CONFIGURATION: usize = 35;
/// Of MSTP, as far as the common tree is concerned.
const MST: usize = 102;
/// Where PVST+ says which VLAN it is about: type 0, length 2, the VLAN.
const PVST_VLAN: usize = 36;

impl Bpdu {
    /// Reads a frame from its destination address on, with or without VLAN tags. What is behind the frame's own length is
    /// ignored (IEEE 802.1D-2004 clause 9.3.4 has receivers tolerate more than they know).
    ///
    /// # Errors
    /// If it is none.
    pub fn read(frame: &[u8]) -> Result<Self, BpduError> {
        let mut rest = frame.get(12..).ok_or(BpduError::Truncated)?;
        let length = loop {
            let kind = be16::<0, 2>(rest.first_chunk().ok_or(BpduError::Truncated)?);
            if !is_tag_type(kind) {
                break usize::from(kind);
            }
            rest = rest.get(ethernet::TAG_OCTETS..).ok_or(BpduError::Truncated)?;
        };
        // From 1,536 on it is a type.
        if length >= 1536 {
            return Err(BpduError::OtherProtocol);
        }
        let data = rest.get(2..).unwrap_or(&[]);
        let data = data.get(..length).unwrap_or(data);
        let (message, pvst) = match (data.strip_prefix(&LLC[..]), data.strip_prefix(&SNAP_PVST[..])) {
            (Some(message), _) => (message, false),
            (None, Some(message)) => (message, true),
            (None, None) => return Err(BpduError::OtherProtocol),
        };
        let vlan = if pvst { pvst_vlan(message) } else { None };
        let (version, message) = read_message(message)?;
        Ok(Self { version, pvst, vlan, message })
    }
}

fn pvst_vlan(message: &[u8]) -> Option<u16> {
    let tlv = message.get(PVST_VLAN..)?.first_chunk::<6>()?;
    (be32::<0, 6>(tlv) == 2).then(|| Tci::new(be16::<4, 6>(tlv)).vid())
}

/// Clause 14.5 of IEEE 802.1Q-2018: what is too short for its version is of the version that it is long enough for.
fn read_message(message: &[u8]) -> Result<(Version, Message), BpduError> {
    let head = message.first_chunk::<4>().ok_or(BpduError::Truncated)?;
    match (be16::<0, 4>(head), head[2], head[3]) {
        (0, _, 0x80) => Ok((Version::Stp, Message::TopologyChange)),
        (0, _, 0) => Ok((Version::Stp, Message::Configuration(configuration(message)?))),
        (0, version, 2) => {
            let common = configuration(message)?;
            // Behind the version 1 length, which is 0, and the version 3 length, the region's identifier of 51 octets.
            match message.first_chunk::<MST>() {
                Some(all) if version >= 3 && all[35] == 0 => {
                    let regional_root = Some(common.bridge);
                    let bridge = BridgeId(u64::from(be32::<93, MST>(all)) << 32 | u64::from(be32::<97, MST>(all)));
                    Ok((Version::Mstp, Message::Configuration(Configuration { bridge, regional_root, ..common })))
                }
                _ => Ok((Version::Rstp, Message::Configuration(common))),
            }
        }
        (0, _, kind) => Err(BpduError::Type(kind)),
        (protocol, _, _) => Err(BpduError::Protocol(protocol)),
    }
}

fn configuration(message: &[u8]) -> Result<Configuration, BpduError> {
    let m = message.first_chunk::<CONFIGURATION>().ok_or(BpduError::Truncated)?;
    Ok(Configuration {
        flags: Flags(m[4]),
        root: BridgeId(u64::from(be32::<5, CONFIGURATION>(m)) << 32 | u64::from(be32::<9, CONFIGURATION>(m))),
        root_cost: be32::<13, CONFIGURATION>(m),
        bridge: BridgeId(u64::from(be32::<17, CONFIGURATION>(m)) << 32 | u64::from(be32::<21, CONFIGURATION>(m))),
        port: PortId(be16::<25, CONFIGURATION>(m)),
        times: Times {
            message_age: be16::<27, CONFIGURATION>(m),
            max_age: be16::<29, CONFIGURATION>(m),
            hello: be16::<31, CONFIGURATION>(m),
            forward_delay: be16::<33, CONFIGURATION>(m),
        },
        regional_root: None,
    })
}

#[cfg(test)]
mod tests;
