//! What has to come out, said slowly: from RFC 791, 768 and 7348, IEEE 802.1Q, and what the configuration means.
//!
//! Knows nothing of the data path but the names of its drop reasons. A frame with several faults may be dropped for any
//! of them. An outer header is written with IP id, IP checksum and source port zero, an access frame without padding:
//! [`crate::disagreement`] judges those.

mod outer;

use crate::{Arrival, Network, Reach, Vmi};
use telemetry::DropReason::{self, *};

/// What has to come out for one frame.
#[derive(Debug, Clone, Default)]
pub struct Expectation {
    /// Frames, by port.
    pub sent: Vec<(usize, Vec<u8>)>,
    /// Frames for the host.
    pub host: Vec<Vec<u8>>,
    /// Drops, each for one of these reasons.
    pub dropped: Vec<Vec<DropReason>>,
}

/// Where a frame comes from, once it is known to belong to a network.
enum Origin {
    Vmi(usize),
    Vtep(u32),
}

fn dropped(reasons: impl Into<Vec<DropReason>>) -> Expectation {
    Expectation { dropped: vec![reasons.into()], ..Expectation::default() }
}

fn word(octets: &[u8], at: usize) -> usize {
    usize::from(octets[at]) * 256 + usize::from(octets[at + 1])
}

fn cannot_send(mac: &[u8]) -> bool {
    mac[0] & 1 == 1 || mac == [0; 6]
}

/// What has to come out when this arrives at `port` of a gateway that serves `net`.
pub fn expect(net: &Network, port: usize, a: &Arrival) -> Expectation {
    let (b, fabric) = (&a.octets, port == net.fabric_port());
    let in_pieces = a.layout.first.is_some_and(|first| first < b.len().min(128));
    let mut faults = if in_pieces { vec![NotContiguous] } else { vec![] };
    if b.len() < 14 {
        faults.push(if fabric { OuterRunt } else { Runt });
        return dropped(faults);
    }
    let in_frame = a.stripped.is_none() && b[12..14] == [0x81, 0];
    if in_frame && b.len() < 18 {
        faults.extend(if fabric { [OuterRunt, OuterMacNotOurs] } else { [CutTag, GroupSource] });
        return dropped(faults);
    }
    let vlan = a.stripped.map_or(if in_frame { word(b, 14) } else { 0 }, usize::from) & 0xfff;
    let untagged = if in_frame { [&b[..12], &b[16..]].concat() } else { b.clone() };
    if fabric {
        return match outer::read(net, a, vlan, &untagged, faults) {
            Ok(inner) => bridge(net, inner.in_pieces, Origin::Vtep(inner.vtep), inner.network, inner.frame),
            Err(instead) => instead,
        };
    }
    let several = a.layout.first.is_some_and(|first| first < b.len());
    let vmi = net.vmis.iter().position(|vmi| vmi.port == port && usize::from(vmi.vlan) == vlan);
    if cannot_send(&b[6..12]) {
        faults.push(GroupSource);
    }
    match vmi {
        None => faults.push(UnknownVlan),
        Some(n) if !net.vmis[n].macs.iter().any(|mac| mac[..] == b[6..12]) => faults.push(UnknownSourceMac),
        Some(n) if faults.is_empty() => return bridge(net, several, Origin::Vmi(n), net.vmis[n].network, untagged),
        Some(_) => {}
    }
    dropped(faults)
}

/// An untagged frame of network `n`: where its destination is, and the rules against loops.
fn bridge(net: &Network, in_pieces: bool, from: Origin, n: usize, frame: Vec<u8>) -> Expectation {
    let (to, by) = (&frame[..6], &frame[6..12]);
    let vmi = net.vmis.iter().find(|vmi| vmi.network == n && vmi.macs.iter().any(|mac| mac[..] == *to));
    let remote = net.reach.iter().find(|r| r.network == n && r.macs.iter().any(|mac| mac[..] == *to));
    let owns_source = |vmi: &Vmi| vmi.macs.iter().any(|mac| mac[..] == *by);
    let mut out = Expectation::default();
    if frame[0] & 1 == 1 || vmi.is_none() && remote.is_none() && net.networks[n].flood_unknown_unicast {
        let flooders = || net.reach.iter().filter(|r| r.network == n && r.flood);
        match from {
            Origin::Vtep(source) if !flooders().any(|r| net.vteps[r.vtep].address.to_bits() == source) => {
                return dropped([FloodSourceNotMember]);
            }
            _ if in_pieces => return dropped([NotContiguous]),
            Origin::Vtep(_) => {}
            Origin::Vmi(_) => flooders().for_each(|r| to_fabric(net, &mut out, r, &frame)),
        }
        for (row, vmi) in net.vmis.iter().enumerate().filter(|(_, vmi)| vmi.network == n && !owns_source(vmi)) {
            if !matches!(from, Origin::Vmi(ingress) if ingress == row) {
                to_port(net, &mut out, vmi, &frame);
            }
        }
        let nobody = out.sent.is_empty() && out.dropped.is_empty();
        return if nobody { dropped([NoOtherMember, OwnSource]) } else { out };
    }
    match (vmi, remote, from) {
        (Some(vmi), ..) if owns_source(vmi) => return dropped([OwnSource]),
        (Some(vmi), ..) => to_port(net, &mut out, vmi, &frame),
        (None, Some(_), Origin::Vtep(_)) => return dropped([FabricToFabric]),
        (None, Some(remote), Origin::Vmi(_)) => to_fabric(net, &mut out, remote, &frame),
        (None, None, _) => return dropped([UnknownUnicast]),
    }
    out
}

/// IEEE 802.1Q: the VLAN's tag behind the addresses; none for VLAN 0, unless what follows would be taken for one.
fn to_port(net: &Network, out: &mut Expectation, vmi: &Vmi, frame: &[u8]) {
    let inner_tag = if frame[12..14] == [0x81, 0] { 4 } else { 0 };
    if frame.len() - 14 > usize::from(net.access_mtus[vmi.port]) + inner_tag {
        return out.dropped.push(vec![TooBigForPort]);
    }
    let [high, low] = vmi.vlan.to_be_bytes();
    let tag = if vmi.vlan == 0 && inner_tag == 0 { vec![] } else { vec![0x81, 0, high, low] };
    out.sent.push((vmi.port, [&frame[..12], &tag, &frame[12..]].concat()));
}

/// RFC 7348 section 5, the inner frame padded to 60 octets.
fn to_fabric(net: &Network, out: &mut Expectation, to: &Reach, frame: &[u8]) {
    let (f, vtep, vni) = (&net.fabric, &net.vteps[to.vtep], net.networks[to.network].vni);
    let inner = [frame, &vec![0; 60_usize.saturating_sub(frame.len())]].concat();
    let length = |more: usize| ((inner.len() + more) as u16).to_be_bytes();
    let too_big = inner.len() + 36 > usize::from(f.mtu);
    let Some(next_hop) = vtep.next_hop.filter(|_| !too_big) else {
        let unresolved = vtep.next_hop.is_none().then_some(NexthopUnresolved);
        return out.dropped.push(unresolved.into_iter().chain(too_big.then_some(TooBigForFabric)).collect());
    };
    let tag: Vec<u8> = f.vlan.iter().flat_map(|vlan| [0x81, 0, (vlan >> 8) as u8, *vlan as u8]).collect();
    let flags = if f.dont_fragment { 0x40 } else { 0 };
    let ip = [&[0x45, 0], &length(36)[..], &[0, 0, flags, 0, 64, 17, 0, 0]].concat();
    let addresses = [f.address.octets(), vtep.address.octets()].concat();
    let udp = [&[0, 0, 0x12, 0xb5], &length(16)[..], &[0, 0]].concat();
    let vxlan = [&[8, 0, 0, 0], &(vni << 8).to_be_bytes()[..]].concat();
    let ethernet = [&next_hop[..], &f.mac, &tag, &[8, 0]].concat();
    out.sent.push((net.fabric_port(), [ethernet, ip, addresses, udp, vxlan, inner].concat()));
}
