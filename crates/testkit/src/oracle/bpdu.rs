//! BPDU networks, said slowly: what switches say to each other, between the ports that are members, as it came.

use super::{Bridged, Expectation, Faults, Origin, Out, cannot_send, dropped, encapsulation, is_tag, owns, word};
use crate::{Arrival, Bpdu, Mac, Network, Vmi};
use telemetry::DropReason::{self, *};

/// Where PVST+ sends.
const PVST: Mac = [1, 0, 0x0c, 0xcc, 0xcc, 0xcd];

/// Frames of this rule's network that are carried as they are.
fn lists(rule: Bpdu, to: &[u8]) -> bool {
    let reserved = to[..5] == [1, 0x80, 0xc2, 0, 0] && to[5] < 16;
    let ends_at_the_link = [1, 2, 3, 14].contains(&to[5]);
    reserved && !ends_at_the_link && rule.groups >> to[5] & 1 == 1 || rule.pvst && *to == PVST
}

/// IEEE 802.1Q table 8-1, 802.3 annex 31B and 57A, 802.1AB: pause, slow protocols, 802.1X and LLDP end at the other side of a link.
pub(super) fn ends_at_the_link(octets: &[u8]) -> bool {
    let reserved = octets[..5] == [1, 0x80, 0xc2, 0, 0] && octets[5] < 16;
    reserved && ([1, 2, 3, 14].contains(&octets[5]) || [0x8808, 0x8809, 0x888e, 0x88cc].contains(&word(octets, 12)))
}

/// What a member's port does with a frame, if it is not what any port does: `frame` is without the tag `tci`. The rules stand in
/// this order: a listed destination, then the source of an ordinary VMI, then the BPDU network or nothing.
pub(super) fn access(
    net: &Network,
    a: &Arrival,
    port: usize,
    tci: u16,
    frame: &[u8],
    mut faults: Vec<DropReason>,
) -> Option<Result<Bridged, Expectation>> {
    let is_member = |vmi: &&Vmi| vmi.port == port && net.networks[vmi.network].bpdu.is_some();
    let member = net.vmis.iter().find(is_member)?;
    let rule = net.networks[member.network].bpdu?;
    let (to, vlan) = (&frame[..6], tci & 0xfff);
    let is_pvst = rule.pvst && *to == PVST;
    if cannot_send(&frame[6..12]) {
        faults.push(GroupSource);
    }
    let is_control = is_pvst || vlan == 0 && lists(rule, to);
    let is_an_instances = net.vmis.iter().any(|vmi| (vmi.port, vmi.vlan) == (port, 0) && owns(net, vmi, &frame[6..12]));
    if !is_control && (vlan != 0 || is_an_instances) {
        return None;
    }
    if !is_control && !rule.transparent {
        faults.extend(if ends_at_the_link(frame) { [LinkControl, LinkControl] } else { [NotControlFrame; 2] });
    }
    if !faults.is_empty() {
        return Some(Err(dropped(faults)));
    }
    let tag = [net.access[port].tpid.value(), tci].map(u16::to_be_bytes).concat();
    Some(Ok(Bridged {
        network: member.network,
        octets: if vlan == 0 { frame.to_vec() } else { [&frame[..12], &tag, &frame[12..]].concat() },
        in_pieces: a.layout.first.is_some_and(|first| first < a.octets.len()),
        priority: tci & 0xf000,
        from: Origin::Segment((port, 0, None)),
    }))
}

/// What a BPDU network does with a frame, if it is not what any network does.
pub(super) fn bridge(net: &Network, frame: &Bridged) -> Option<Expectation> {
    let (n, to) = (frame.network, &frame.octets[..6]);
    let rule = net.networks[n].bpdu?;
    let flooders = || net.reach.iter().filter(|r| r.network == n && r.flood);
    let mut faults = Faults::default();
    if let Origin::Vtep(source) = frame.from {
        let known = flooders().any(|r| net.vteps[r.vtep].address == source);
        faults.when(!known && (to[0] & 1 == 1 || net.networks[n].flood_unknown_unicast), FloodSourceNotMember);
        // It can also be one for a station that is behind the fabric.
        faults.when(!lists(rule, to) && !rule.transparent && to[0] & 1 == 0, FabricToFabric);
    }
    if !lists(rule, to) {
        faults.when(!rule.transparent, NotControlFrame);
        return (!rule.transparent).then(|| dropped(faults.0));
    }
    faults.when(frame.in_pieces, NotContiguous);
    faults.when(ends_at_the_link(&frame.octets), LinkControl);
    let has_tag = is_tag(word(&frame.octets, 12));
    faults.when(has_tag && *to != PVST, NotControlFrame);
    if !faults.0.is_empty() {
        return Some(dropped(faults.0));
    }
    // IEEE 802.1Q table I-2: network control.
    let urgent = Bridged { priority: 7 << 13, octets: frame.octets.clone(), ..*frame };
    let mut out = vec![];
    if let Origin::Segment(_) = frame.from {
        out.extend(flooders().map(|r| encapsulation::to_fabric(net, r, &urgent)));
    }
    let members = net.vmis.iter().filter(|vmi| vmi.network == n);
    for vmi in members.filter(|vmi| frame.from != Origin::Segment((vmi.port, 0, None))) {
        let too_big = frame.octets.len() - 14 > usize::from(net.access[vmi.port].mtu) + if has_tag { 4 } else { 0 };
        out.push(match too_big {
            true => Out { ways: vec![], dropped: vec![TooBigForPort] },
            false => Out { ways: vec![(vmi.port, frame.octets.clone())], dropped: vec![] },
        });
    }
    Some(if out.is_empty() { dropped([NoOtherMember]) } else { Expectation { out, host: vec![] } })
}
