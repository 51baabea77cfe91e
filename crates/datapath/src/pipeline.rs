//! The packet's road. One function per direction; what it calls is what happens, in that order.

use crate::burst::Side;
use crate::io::{Pool, TxQueue};
use crate::probe::{Probe, Step};
use crate::{Burst, Outlet, bridge, classify, decap, encap, learn, rewrite};
use fib::Snapshot;

/// From an access port: 802.1Q in; out by VXLAN or MPLS to the fabric, or by 802.1Q to another VLAN of this node.
///
/// Nothing that comes in here ever reaches the underlay or the host.
#[inline(always)]
pub fn from_access<P, T>(t: &Snapshot, out: &mut Outlet<P, T>, burst: &mut Burst<P::Frame>, probe: &mut impl Probe)
where
    P: Pool,
    T: TxQueue<Frame = P::Frame>,
{
    burst.start();
    let n = burst.len();
    classify::frame_to_vif(t, out.telemetry(), burst); //      header read; (port, VLANs) > VMI; source MAC enforced
    learn::sources(t, out, burst); //                          those that are not the VMI's own, where its network learns
    probe.passed(Step::Classify, n, burst);
    bridge::lookup(t, out, burst, Side::Access); //            (network, MAC) > VIF | VTEP | flood
    probe.passed(Step::Bridge, n, burst);
    encap::to_fabric(t, out.ids(), burst); //                  outer header
    probe.passed(Step::Encap, n, burst);
    rewrite::to_access(t, out.telemetry(), burst, Side::Access); // the other VLAN's tags
    probe.passed(Step::Rewrite, n, burst);
    out.carry_out(t, burst, Side::Access); //                  send, flood, drop, count
    probe.passed(Step::Transmit, n, burst);
}

/// From a fabric port: VXLAN or MPLS in, 802.1Q out. What is not overlay traffic goes to the host.
#[inline(always)]
pub fn from_fabric<P, T>(t: &Snapshot, out: &mut Outlet<P, T>, burst: &mut Burst<P::Frame>, probe: &mut impl Probe)
where
    P: Pool,
    T: TxQueue<Frame = P::Frame>,
{
    burst.start();
    let n = burst.len();
    decap::outer(t, burst); //                                 outer header checked; VNI, label > network
    probe.passed(Step::Decap, n, burst);
    bridge::lookup(t, out, burst, Side::Fabric); //            (network, MAC) > VIF | flood
    probe.passed(Step::Bridge, n, burst);
    rewrite::to_access(t, out.telemetry(), burst, Side::Fabric); // outer header off, tags on
    probe.passed(Step::Rewrite, n, burst);
    out.carry_out(t, burst, Side::Fabric); //                  send, flood, drop, punt, count
    probe.passed(Step::Transmit, n, burst);
}
