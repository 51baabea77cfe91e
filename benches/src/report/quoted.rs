//! Figures of systems that cannot be run beside Causeway here. They are not of this run, so no ratio is made of them.

use serde::Serialize;

/// A figure from elsewhere.
#[derive(Debug, Serialize)]
pub(crate) struct Quoted {
    pub(super) system: &'static str,
    /// The case whose work is nearest.
    pub(super) case: &'static str,
    pub(super) cycles_per_packet: f64,
    /// What it did, and who measured it where and when.
    pub(super) source: &'static str,
}

/// What the README and the plots quote.
pub(super) const QUOTED: &[Quoted] = &[
    Quoted {
        system: "VPP 23.02",
        case: "to-fabric/vxlan/64-vlans",
        cycles_per_packet: 277.0,
        source: "802.1Q, bridge domain with learning, VXLAN; 4,096 flows, net_pcap to net_null; one core of a two-core AMD EPYC (Zen 4) \
                 VM, TSC 2.6 GHz, 22 Nov 2026",
    },
    Quoted {
        system: "VPP 23.02",
        case: "from-fabric/vxlan/64-vlans",
        cycles_per_packet: 302.0,
        source: "the same in the other direction, same machine and day",
    },
];
