//! The packet's road. One function per direction; what it calls is what happens, in that order.

use crate::burst::Side;
use crate::io::{Pool, TxQueue};
use crate::{Burst, Outlet, bridge, classify, decap, encap, parse, rewrite};
use fib::Snapshot;

/// From an access port: 802.1Q in; out by VXLAN or MPLS to the fabric, or by 802.1Q to another VLAN of this node.
///
/// Nothing that comes in here ever reaches the underlay or the host.
pub fn from_access<P, T>(t: &Snapshot, out: &mut Outlet<P, T>, burst: &mut Burst<P::Frame>)
where
    P: Pool,
    T: TxQueue<Frame = P::Frame>,
{
    burst.start();
    let n = burst.len();
    parse::access(t.vlans.tpid(burst.port), burst); //                MACs, tag, flow hash
    classify::vlan_to_vif(t, out.telemetry(), burst); //              (port, VLANs) > VMI; source MAC enforced
    bridge::lookup(t, out.telemetry(), &mut burst.lanes, n, Side::Access); // (network, MAC) > VIF | VTEP | flood
    encap::to_fabric(t, out.ids(), burst); //                         outer header
    rewrite::to_access(t, out.telemetry(), burst); //                 the other VLAN's tags
    out.carry_out(t, burst, Side::Access); //                         send, flood, drop, count
}

/// From a fabric port: VXLAN or MPLS in, 802.1Q out. What is not overlay traffic goes to the host.
pub fn from_fabric<P, T>(t: &Snapshot, out: &mut Outlet<P, T>, burst: &mut Burst<P::Frame>)
where
    P: Pool,
    T: TxQueue<Frame = P::Frame>,
{
    burst.start();
    let n = burst.len();
    decap::outer(t, burst); //                                        outer header checked; VNI, label > network
    bridge::lookup(t, out.telemetry(), &mut burst.lanes, n, Side::Fabric); // (network, MAC) > VIF | flood
    rewrite::to_access(t, out.telemetry(), burst); //                 outer header off, tags on
    out.carry_out(t, burst, Side::Fabric); //                         send, flood, drop, punt, count
}
