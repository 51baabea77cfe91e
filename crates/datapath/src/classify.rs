//! VLAN to VMI: from here on a frame belongs to an instance's interface.

use crate::Burst;
use crate::io::Frame;
use fib::{Snapshot, VlanEntry, mac_key};
use telemetry::{DropReason, WorkerTelemetry};

/// Fills `ingress`, `network` and `key`, and counts the frame for its interface.
///
/// Drops: `UnknownVlan`, `UnsupportedVlan`, and `UnknownSourceMac` unless the source is one of the VMI's own addresses.
/// One load for the VLAN, one cache line of the VIF table, one of its counters.
#[inline]
pub(crate) fn vlan_to_vif<F: Frame>(t: &Snapshot, telemetry: &WorkerTelemetry, burst: &mut Burst<F>) {
    let lanes = &mut burst.lanes;
    let Some(vlans) = t.vlans.port(burst.port) else {
        for lane in lanes.live {
            lanes.drop(lane, DropReason::UnknownVlan);
        }
        return;
    };
    for lane in lanes.live {
        let ingress = match vlans.lookup(lanes.tci[lane]) {
            VlanEntry::Vif(vif) => vif,
            VlanEntry::None => {
                lanes.drop(lane, DropReason::UnknownVlan);
                continue;
            }
            VlanEntry::MacDemux(_) | VlanEntry::Inner(_) => {
                lanes.drop(lane, DropReason::UnsupportedVlan);
                continue;
            }
        };
        let vif = t.vif(ingress);
        let counts = telemetry.vif(ingress);
        if !vif.owns(lanes.source[lane]) {
            counts.drops.add(1);
            lanes.drop(lane, DropReason::UnknownSourceMac);
            continue;
        }
        let octets = burst.frames.get(lane).map_or(0, Frame::total_octets);
        counts.rx_frames.add(1);
        counts.rx_octets.add(octets as u64);
        lanes.ingress[lane] = ingress;
        lanes.network[lane] = vif.network();
        lanes.key[lane] = mac_key(vif.network(), lanes.destination[lane]);
    }
}
