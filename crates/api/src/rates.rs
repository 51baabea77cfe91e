//! How fast counters grow, from two looks at them. Made by `causeway show ... --rate` and
//! `causeway show workers`, not served over REST.

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

/// What `causeway show workers --interval TIME --json` says, and `--since-start` and `--watch` in its place.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WorkerLoadsDocument {
    /// The time between the two looks; absent where the figures are over each worker's whole life.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval_ms: Option<u64>,
    /// By ascending id.
    pub workers: Vec<WorkerLoad>,
}

/// How much one worker had to do, and how much more it could. What nothing is known of is absent: without packets there is
/// no cost of one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WorkerLoad {
    /// The worker's id, counted from 0.
    pub id: u16,
    /// The CPU core that it is pinned to.
    pub core: u16,
    /// Share of its time spent on packets, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub busy_share: Option<f64>,
    /// Share of its polls that found nothing, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub empty_polls_share: Option<f64>,
    /// Packets received.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packets_per_s: Option<f64>,
    /// Packets of a burst, of those that held any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packets_per_burst: Option<f64>,
    /// Ticks of its clock for a packet, ports included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cycles_per_packet: Option<f64>,
    /// How many more packets it could take a second at the same cost of each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headroom_packets_per_s: Option<f64>,
    /// The longest time between two polls since it began to work.
    pub longest_poll_gap_ns: u64,
    /// The same without the time that the kernel gave the core to others, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub longest_own_poll_gap_ns: Option<u64>,
}
