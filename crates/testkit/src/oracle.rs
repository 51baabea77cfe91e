//! What has to come out, said slowly: from the RFCs named at each rule, IEEE 802.1Q, and what the configuration means.
//!
//! Knows nothing of the data path but the names of its drop reasons. A frame with several faults may be dropped for any
//! of them. What is free in an outer header (IP id, flow label, entropy port) is zero here, and so are the checksums; an
//! access frame is without padding: [`crate::disagreement`] judges those.

mod answers;
mod bpdu;
mod encapsulation;
mod outer;
mod stack;

use crate::{Arrival, Network, Vmi};
use answers::Fate;
pub use answers::Told;
use std::net::IpAddr;
use telemetry::DropReason::{self, *};

/// What has to come of one packet: one of these frames, by port, or a drop for one of these reasons.
#[derive(Debug, Clone, Default)]
pub struct Out {
    /// The ways that it may leave.
    pub ways: Vec<(usize, Vec<u8>)>,
    /// The reasons for which it may be dropped.
    pub dropped: Vec<DropReason>,
}

/// What has to come out for one frame.
#[derive(Debug, Clone, Default)]
pub struct Expectation {
    /// Itself or each of its copies.
    pub out: Vec<Out>,
    /// Frames for the host.
    pub host: Vec<Vec<u8>>,
}

/// A frame without the tags or headers by which it came, once it is known to belong to a network.
struct Bridged {
    /// As a place in [`Network::networks`].
    network: usize,
    octets: Vec<u8>,
    /// Whether it lies in several buffers.
    in_pieces: bool,
    /// PCP and DEI, in their places of a TCI.
    priority: u16,
    from: Origin,
}

#[derive(Clone, Copy, PartialEq)]
enum Origin {
    Segment((usize, u16, Option<u16>)),
    Vtep(IpAddr),
}

/// What is wrong with a packet.
#[derive(Default)]
struct Faults(Vec<DropReason>);

impl Faults {
    fn when(&mut self, is: bool, reason: DropReason) {
        self.0.extend(is.then_some(reason));
    }
}

fn dropped(reasons: impl Into<Vec<DropReason>>) -> Expectation {
    Expectation { out: vec![Out { ways: vec![], dropped: reasons.into() }], ..Expectation::default() }
}

pub(crate) fn word(octets: &[u8], at: usize) -> usize {
    usize::from(octets[at]) * 256 + usize::from(octets[at + 1])
}

fn cannot_send(mac: &[u8]) -> bool {
    mac[0] & 1 == 1 || mac == [0; 6]
}

/// The VMI of a BPDU network stands for its ports: nobody is at home there.
fn owns(net: &Network, vmi: &Vmi, mac: &[u8]) -> bool {
    net.networks[vmi.network].bpdu.is_none() && vmi.macs.iter().any(|own| own[..] == *mac)
}

/// What has to come out when this arrives at `port` of a gateway that serves `net`.
pub fn expect(net: &Network, port: usize, a: &Arrival) -> Expectation {
    classify(net, port, a).map_or_else(|instead| instead, |frame| bridge(net, &frame))
}

/// What control has to be told of it: who has or wants an address.
pub fn told(net: &Network, port: usize, a: &Arrival) -> Option<Told> {
    answers::judge(net, &classify(net, port, a).ok()?).1
}

/// A frame of an instance or of the fabric, as it is in its network; else what becomes of it.
fn classify(net: &Network, port: usize, a: &Arrival) -> Result<Bridged, Expectation> {
    let b = &a.octets;
    let fabric = net.link(port).is_some();
    let mut faults = Faults::default();
    faults.when(a.layout.first.is_some_and(|first| first < b.len().min(128)), NotContiguous);
    if b.len() < 14 {
        faults.when(true, if fabric { OuterRunt } else { Runt });
        return Err(dropped(faults.0));
    }
    let tpid = if fabric { 0x8100 } else { net.access[port].tpid.value() };
    let in_frame = a.stripped.is_none() && word(b, 12) == usize::from(tpid);
    if in_frame && b.len() < 18 {
        faults.0.extend(if fabric { [OuterRunt, OuterMacNotOurs] } else { [CutTag, GroupSource] });
        return Err(dropped(faults.0));
    }
    let tci = a.stripped.unwrap_or(if in_frame { word(b, 14) as u16 } else { 0 });
    let untagged = if in_frame { [&b[..12], &b[16..]].concat() } else { b.clone() };
    if fabric {
        outer::read(net, a, port, usize::from(tci) & 0xfff, &untagged, faults)
    } else {
        faults.when(a.stripped.is_none() && !in_frame && is_tag(word(b, 12)), UnknownTpid);
        access(net, a, port, tci, untagged, faults)
    }
}

/// IEEE 802.1Q table 9-1, and what was used before there was one.
pub(crate) fn is_tag(ether_type: usize) -> bool {
    [0x8100, 0x88a8, 0x9100, 0x9200, 0x9300].contains(&ether_type)
}

/// The VLAN, where it has inner ones the tag behind it, and the source decide.
///
/// A tag behind a VLAN with inner ones names one of these or none, also VLAN 0: a priority tag is still a tag.
fn access(
    net: &Network,
    a: &Arrival,
    port: usize,
    tci: u16,
    frame: Vec<u8>,
    mut faults: Faults,
) -> Result<Bridged, Expectation> {
    if let Some(special) = bpdu::access(net, a, port, tci, &frame, faults.0.clone()) {
        return special;
    }
    let is_here = |vmi: &&Vmi| (vmi.port, vmi.vlan) == (port, tci & 0xfff) && net.networks[vmi.network].bpdu.is_none();
    let here = || net.vmis.iter().filter(is_here);
    let has_inner = here().any(|vmi| vmi.inner.is_some());
    let (mut inner, mut octets) = (None, frame.clone());
    if has_inner && word(&frame, 12) == 0x8100 {
        faults.when(frame.len() < 18, CutTag);
        if frame.len() >= 18 {
            inner = Some((word(&frame, 14) & 0xfff) as u16);
            octets = [&frame[..12], &frame[16..]].concat();
        }
    }
    let segment = (port, tci & 0xfff, inner);
    faults.when(cannot_send(&frame[6..12]), GroupSource);
    faults.when(!here().any(|vmi| vmi.inner == inner), UnknownVlan);
    let sender = here().find(|vmi| vmi.inner == inner && owns(net, vmi, &frame[6..12]));
    faults.when(sender.is_none() && here().any(|vmi| vmi.inner == inner), UnknownSourceMac);
    match sender {
        Some(sender) if faults.0.is_empty() => Ok(Bridged {
            network: sender.network,
            octets,
            in_pieces: a.layout.first.is_some_and(|first| first < a.octets.len()),
            priority: tci & 0xf000,
            from: Origin::Segment(segment),
        }),
        _ => Err(dropped(faults.0)),
    }
}

/// Where the frame's destination is, and the rules against loops.
fn bridge(net: &Network, frame: &Bridged) -> Expectation {
    if let Some(special) = bpdu::bridge(net, frame) {
        return special;
    }
    if let (Fate::Ends(expectation), _) = answers::judge(net, frame) {
        return expectation;
    }
    let (n, to, by) = (frame.network, &frame.octets[..6], &frame.octets[6..12]);
    let vmi = net.vmis.iter().find(|vmi| vmi.network == n && owns(net, vmi, to));
    let remote = net.reach.iter().find(|r| r.network == n && r.macs.iter().any(|mac| mac[..] == *to));
    if to[0] & 1 == 1 || vmi.is_none() && remote.is_none() && net.networks[n].flood_unknown_unicast {
        return flood(net, frame);
    }
    let loops = |vmi: &Vmi| net.vmis.iter().any(|other| is_beside(vmi, other) && owns(net, other, by));
    let out = match (vmi, remote, frame.from) {
        (Some(vmi), ..) => {
            let mut faults = Faults::default();
            faults.when(frame.from == Origin::Segment(vmi.segment()), SameSegment);
            faults.when(loops(vmi), OwnSource);
            if !faults.0.is_empty() {
                return dropped(faults.0);
            }
            to_port(net, vmi, frame)
        }
        (None, Some(_), Origin::Vtep(_)) => return dropped([FabricToFabric]),
        (None, Some(remote), Origin::Segment(_)) => encapsulation::to_fabric(net, remote, frame),
        (None, None, _) => return dropped([UnknownUnicast]),
    };
    Expectation { out: vec![out], host: vec![] }
}

/// Whether both are on one segment, as members of one network: beside them there may be a BPDU network's VMI.
fn is_beside(vmi: &Vmi, other: &Vmi) -> bool {
    (vmi.segment(), vmi.network) == (other.segment(), other.network)
}

/// A copy to each VTEP that takes part, unless it comes from one, and one to each other segment of the network.
fn flood(net: &Network, frame: &Bridged) -> Expectation {
    let n = frame.network;
    let flooders = || net.reach.iter().filter(|r| r.network == n && r.flood);
    let mut out = vec![];
    match frame.from {
        Origin::Vtep(source) if !flooders().any(|r| net.vteps[r.vtep].address == source) => {
            return dropped([FloodSourceNotMember]);
        }
        _ if frame.in_pieces => return dropped([NotContiguous]),
        _ if bpdu::ends_at_the_link(&frame.octets) => return dropped([LinkControl]),
        Origin::Vtep(_) => {}
        Origin::Segment(_) => out.extend(flooders().map(|r| encapsulation::to_fabric(net, r, frame))),
    }
    let mut segments = vec![];
    for vmi in net.vmis.iter().filter(|vmi| vmi.network == n && !owns(net, vmi, &frame.octets[6..12])) {
        let owned = |other: &Vmi| is_beside(vmi, other) && owns(net, other, &frame.octets[6..12]);
        let is_origin = frame.from == Origin::Segment(vmi.segment());
        if !is_origin && !segments.contains(&vmi.segment()) && !net.vmis.iter().any(owned) {
            segments.push(vmi.segment());
            out.push(to_port(net, vmi, frame));
        }
    }
    if out.is_empty() { dropped([NoOtherMember, OwnSource]) } else { Expectation { out, host: vec![] } }
}

/// IEEE 802.1Q clause 6.9: the VLAN's tag behind the addresses, and for QinQ the inner one behind that, both with the
/// frame's priority; none for VLAN 0, unless what follows would be taken for one. A frame that an instance tagged itself
/// may be four octets longer than the MTU (IEEE 802.3 clause 3.2.7), unless that would make three tags: ports count on two.
fn to_port(net: &Network, vmi: &Vmi, frame: &Bridged) -> Out {
    let (access, octets) = (net.access[vmi.port], &frame.octets);
    let own_tag = is_tag(word(octets, 12));
    let mut faults = Faults::default();
    // On the wire it would be one of the inner VLAN that its own tag names: another interface's, maybe another network's.
    let inner_vlans =
        net.vmis.iter().any(|other| (other.port, other.vlan) == (vmi.port, vmi.vlan) && other.inner.is_some());
    faults.when(vmi.inner.is_none() && inner_vlans && word(octets, 12) == 0x8100, InnerTagAmbiguous);
    let limit = usize::from(access.mtu) + if own_tag && vmi.inner.is_none() { 4 } else { 0 };
    faults.when(octets.len() - 14 > limit, TooBigForPort);
    if !faults.0.is_empty() {
        return Out { ways: vec![], dropped: faults.0 };
    }
    let tag = |tpid: u16, vlan: u16| [tpid, vlan | frame.priority].map(u16::to_be_bytes).concat();
    let mut tags = if vmi.vlan == 0 && !own_tag { vec![] } else { tag(access.tpid.value(), vmi.vlan) };
    tags.extend(vmi.inner.map_or(vec![], |inner| tag(0x8100, inner)));
    Out { ways: vec![(vmi.port, [&octets[..12], &tags, &octets[12..]].concat())], dropped: vec![] }
}
