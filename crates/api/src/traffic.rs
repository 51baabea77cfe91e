use serde::{Deserialize, Serialize};

/// Packets and octets through a port or a VMI since the start of the process, seen from the gateway.
/// Octets are those of the Ethernet frame without its FCS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// Packets that the gateway received from it.
    pub rx_packets: u64,
    /// Octets that the gateway received from it.
    pub rx_octets: u64,
    /// Packets that the gateway sent to it.
    pub tx_packets: u64,
    /// Octets that the gateway sent to it.
    pub tx_octets: u64,
}
