//! The shape of the node file.

use super::{Mapping, RawObject, RawValues};
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;
use std::marker::PhantomData;

raw_object! {
    /// The node file.
    RawNode {
        version: String,
        name: String,
        mode: String,
        cores: RawCores,
        memory: RawMemory,
        ports: Vec<RawPort>,
        fabric: RawFabric,
        api: RawApi,
        limits: RawLimits,
        uplink_tracking: RawUplink,
    }
}
raw_object! {
    /// `cores`.
    RawCores { workers: Vec<String>, polling: String, }
}
raw_object! {
    /// `memory`.
    RawMemory { hugepages: String, size_mb: String, mbufs: String, file_prefix: String, }
}
raw_object! {
    /// One of `ports`.
    RawPort {
        name: String,
        role: String,
        device: String,
        mtu: String,
        rx_descriptors: String,
        tx_descriptors: String,
        queues: String,
        tpid: String,
        host_interface: String,
        address: RawValues,
    }
}
raw_object! {
    /// `fabric`.
    RawFabric {
        address: String,
        address_v6: String,
        host_interface: String,
        vlan: String,
        routes: Vec<RawRoute>,
        dont_fragment: String,
        source_check: String,
        udp6_zero_checksum_tx: String,
        udp6_zero_checksum_rx: String,
        dscp: Vec<String>,
    }
}
raw_object! {
    /// One of `fabric.routes`.
    RawRoute { to: String, via: String, }
}
raw_object! {
    /// `api`.
    RawApi { socket: String, group: String, }
}
raw_object! {
    /// `limits`.
    RawLimits { vmis: String, learned_macs: String, }
}
raw_object! {
    /// `uplink_tracking`.
    RawUplink { enabled: String, hold_down_ms: String, }
}
