//! How fast counters grow, from two looks at them. Made by `causeway show ... --rate`, not served over REST.

use serde::{Deserialize, Serialize};

/// What `causeway show vifs --rate --json` says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct VifRatesDocument {
    /// The time between the two looks.
    pub interval_ms: u64,
    /// By ascending index; a VMI that came or went between the two looks is left out.
    pub vifs: Vec<VifRate>,
}

/// The rates of one VMI.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct VifRate {
    /// Its index in the tables of the workers.
    pub index: u32,
    /// The VMI's name in the network file.
    pub name: String,
    /// The access port.
    pub port: String,
    /// The VLAN id on that port; 0 stands for untagged.
    pub vlan: u16,
    /// The virtual network.
    pub network: String,
    /// What went through.
    pub traffic: TrafficRate,
    /// Packets from this VMI that were dropped.
    pub drops_per_s: f64,
}

/// What `causeway show ports --rate --json` says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PortRatesDocument {
    /// The time between the two looks.
    pub interval_ms: u64,
    /// In the order of the node file.
    pub ports: Vec<PortRate>,
}

/// The rates of one port.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PortRate {
    /// The name in the node file.
    pub name: String,
    /// What went through.
    pub traffic: TrafficRate,
    /// Packets that the port lost itself.
    pub lost_per_s: f64,
}

/// What `causeway show drops --rate --json` says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DropRatesDocument {
    /// The time between the two looks.
    pub interval_ms: u64,
    /// Packets that the workers took from ports.
    pub received_per_s: f64,
    /// Packets that ports accepted from the workers.
    pub transmitted_per_s: f64,
    /// Packets dropped, for whatever reason.
    pub dropped_per_s: f64,
    /// The reasons for which packets were dropped between the two looks.
    pub reasons: Vec<DropRate>,
}

/// How fast packets are dropped for one reason.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DropRate {
    /// The reason's name.
    pub reason: String,
    /// The stage of the pipeline that decides it, where it is one stage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
    /// Packets.
    pub packets_per_s: f64,
}

/// The growth of [`Traffic`](crate::Traffic), seen from the gateway. Bits are those of Ethernet frames without their FCS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "each is a field of Traffic a second")]
pub struct TrafficRate {
    pub rx_packets_per_s: f64,
    pub rx_bits_per_s: f64,
    pub tx_packets_per_s: f64,
    pub tx_bits_per_s: f64,
}
