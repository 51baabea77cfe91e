//! What this node answers itself, for instances that it knows or as a network's gateway: ARP, neighbour discovery, echo.
//!
//! Only frames that are rare anyway come here: an instance's to a group or to the gateway's MAC. An answer is the request
//! itself, written over in place and sent back out of the interface that it came in by, in the same burst, with that
//! interface's tags. What this node does not answer goes its way. Rules for all answers:
//!
//! - An address is answered for only where a binding says who has it, and its MAC can be reached from here.
//! - Never from a MAC that is at home on the requester's own VLAN: there the owner answers, and a switch would learn it at
//!   the wrong port.
//! - A message whose own idea of its sender's MAC is not the frame's source proves nothing: it is neither answered nor
//!   reported, and bridged as any other.
//! - What says that an instance is there is reported to control, and bridged all the same.
//! - A frame with a tag of the instance's own is none of these: it belongs to a network of the instance's.

mod arp;
mod budgets;
mod echo;
mod neighbour;

pub(crate) use budgets::Budgets;

use crate::burst::Verdict;
use crate::encap::{MACS, mac_octets};
use crate::io::Frame;
use crate::{BURST, Burst, rewrite};
use fib::{Binding, Destination, NetworkId, Snapshot, Vif, VifIndex};
use std::net::IpAddr;
use telemetry::notices::{Heard, HeardHow, Notice, NoticeSender};
use telemetry::{DropReason, Service, WorkerTelemetry};
use wire::{MacAddr, Tci, ethernet};

const TYPE_OCTETS: usize = 2;

/// What answers are counted by, limited by, and reported to.
pub(crate) struct Serving<'o> {
    pub(crate) telemetry: &'o WorkerTelemetry,
    pub(crate) notices: &'o mut NoticeSender,
    pub(crate) budgets: &'o mut Budgets,
}

impl Serving<'_> {
    /// Tells control that an instance said it is there; no address is none.
    fn hear(&mut self, ask: &Ask<'_>, address: IpAddr, how: HeardHow) {
        if address.is_unspecified() {
            return;
        }
        let heard = Heard { vif: ask.ingress, address, mac: MacAddr::from_bits(ask.source), how };
        self.notices.send(&self.telemetry.notices, Notice::Heard(heard));
    }
}

/// What is known of a frame that may ask something of this node.
struct Ask<'t> {
    t: &'t Snapshot,
    network: NetworkId,
    /// Whether this node is the network's gateway: else nothing is answered, and nothing refused.
    is_served: bool,
    /// Whether the frame is addressed to the gateway's MAC, and not to a group.
    to_gateway: bool,
    ingress: VifIndex,
    vif: &'t Vif,
    source: u64,
    /// Where the packet begins, behind the type field.
    l3: usize,
}

/// What becomes of it.
enum Deed {
    /// This node has nothing to do with it.
    Pass,
    /// Its packet is now an answer.
    Answer(Answer),
    /// It was for this node alone.
    Consume,
    /// It is refused.
    Drop(DropReason),
}

/// A packet that was written over: `octets` of it, from one MAC to another.
struct Answer {
    service: Service,
    octets: usize,
    to: u64,
    from: MacAddr,
}

impl Ask<'_> {
    /// The binding by which to answer: none where nobody is known to have the address, or where its MAC is at home on the
    /// requester's VLAN or out of reach.
    fn answer_by(&self, binding: Option<Binding>) -> Option<Binding> {
        let binding = binding.filter(|_| self.is_served)?;
        let mac = binding.mac();
        self.t.destination(self.network, mac)?;
        (!self.t.segment_owns(self.vif, mac.to_bits())).then_some(binding)
    }

    /// A network that has no gateway refuses nothing.
    fn refuse(&self, reason: DropReason) -> Deed {
        if self.is_served { Deed::Drop(reason) } else { Deed::Pass }
    }

    /// Whether the instance may ask once more; if so, that is counted.
    fn is_within(&self, service: Service, serving: &mut Serving<'_>) -> bool {
        serving.budgets.admit(service, self.ingress, serving.notices.now())
    }
}

/// Whether a frame to a group is of a kind that may ask something of this node: most are not.
#[inline(always)]
pub(crate) fn may_ask<F: Frame>(burst: &Burst<F>, lane: usize) -> bool {
    let (lane, lanes) = (lane % BURST, &burst.lanes);
    let at = usize::from(lanes.l2_at[lane]) + usize::from(lanes.tag_octets[lane]) + MACS;
    let ether_type = burst.frames.get(lane).map_or(0, |frame| ether_type(frame.octets(), at));
    ether_type == ethernet::TYPE_ARP || ether_type == ethernet::TYPE_IPV6
}

/// Looks at an instance's frame to a group or to the gateway. Returns whether its fate is decided; else it is bridged.
///
/// Drops: `MalformedArp`, `MalformedNd`, `ServicePoliced`, `NotContiguous`, `TooBigForPort`, `NoHeadroom`, `NoTailroom`.
/// Counts for the interface.
#[inline(never)]
pub(crate) fn serve<F: Frame>(t: &Snapshot, mut serving: Serving<'_>, burst: &mut Burst<F>, lane: usize) -> bool {
    let (lane, lanes) = (lane % BURST, &mut burst.lanes);
    let Some(frame) = burst.frames.get_mut(lane) else { return false };
    let (ingress, network) = (lanes.ingress[lane], lanes.network[lane]);
    // A BPDU network has no instances.
    let Some(served) = t.network(network).filter(|network| network.control().is_none()) else { return false };
    let front = MACS + usize::from(lanes.tag_octets[lane]);
    let ask = Ask {
        t,
        network,
        is_served: served.has_gateway(),
        to_gateway: Destination::is_gateway(lanes.found[lane]),
        ingress,
        vif: t.vif(ingress),
        source: lanes.source[lane],
        l3: front + TYPE_OCTETS,
    };
    let deed = match ether_type(frame.octets(), front) {
        ethernet::TYPE_ARP => arp::serve(&ask, &mut serving, frame),
        ethernet::TYPE_IPV6 => match neighbour::serve(&ask, &mut serving, frame) {
            Deed::Pass if ask.to_gateway => echo::serve_v6(&ask, &mut serving, frame),
            deed => deed,
        },
        ethernet::TYPE_IPV4 if ask.to_gateway => echo::serve_v4(&ask, &mut serving, frame),
        _ => Deed::Pass,
    };
    let verdict = match deed {
        Deed::Pass => return false,
        Deed::Consume => Verdict::Consume,
        Deed::Drop(reason) => Verdict::Drop(reason),
        Deed::Answer(answer) => send_back(&ask, serving.telemetry, frame, answer, lanes.tci[lane]),
    };
    if matches!(verdict, Verdict::Drop(_)) {
        serving.telemetry.vif(ingress).drops.add(1);
    }
    lanes.decide(lane, verdict);
    true
}

/// Makes the frame one of its own interface's VLAN again.
fn send_back<F: Frame>(
    ask: &Ask<'_>,
    telemetry: &WorkerTelemetry,
    frame: &mut F,
    answer: Answer,
    priority: Tci,
) -> Verdict {
    let Answer { service, octets, to, from } = answer;
    frame.truncate(ask.l3 + octets);
    let macs = mac_octets(to, from.to_bits());
    if let Err(reason) = rewrite::replace_front(frame, ask.l3 - TYPE_OCTETS, ask.vif, macs, priority) {
        return Verdict::Drop(reason);
    }
    telemetry.answers[service as usize].add(1);
    let counts = telemetry.vif(ask.ingress);
    counts.tx_frames.add(1);
    counts.tx_octets.add(frame.total_octets() as u64);
    Verdict::Send(ask.vif.port())
}

/// Whether a flooded frame from the fabric asks for the network's gateway: each gateway answers its own instances alone.
#[inline(never)]
pub(crate) fn is_for_gateway<F: Frame>(t: &Snapshot, burst: &Burst<F>, lane: usize) -> bool {
    let (lane, lanes) = (lane % BURST, &burst.lanes);
    let octets = burst.frames.get(lane).map_or(&[][..], Frame::octets);
    let front = usize::from(lanes.l2_at[lane]) + MACS + usize::from(lanes.tag_octets[lane]);
    let packet = octets.get(front + TYPE_OCTETS..).unwrap_or(&[]);
    let binding = match ether_type(octets, front) {
        ethernet::TYPE_ARP => arp::requested(packet).and_then(|ip| t.bindings.lookup_v4(lanes.network[lane], ip)),
        ethernet::TYPE_IPV6 => {
            neighbour::solicited(packet).and_then(|ip| t.bindings.lookup_v6(lanes.network[lane], ip))
        }
        _ => None,
    };
    binding == Some(Binding::Gateway)
}

#[inline(always)]
fn ether_type(octets: &[u8], at: usize) -> u16 {
    octets.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |octets| u16::from_be_bytes(*octets))
}
