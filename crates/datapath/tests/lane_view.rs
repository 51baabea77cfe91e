//! Whoever looks on sees of each frame what the stages know of it, and nothing of another one.

#![allow(clippy::disallowed_macros, reason = "what is banned from the packet path may serve to test it")]

use datapath::io::{Frame, Outgoing, RxMeta};
use datapath::probe::{Probe, Step};
use datapath::{BURST, Burst, Header, Outlet, OutletConfig, Verdict, pipeline};
use fib::{Destination, NetworkId, PeerId, PortIndex, VifIndex};
use std::sync::Arc;
use telemetry::{DropReason, WorkerTelemetry};
use testkit::example::{A, A_LABEL, ACCESS, B, D, E, F, FABRIC, G, H, REMOTE};
use testkit::memory::{Layout, MemFrame, MemPool};
use testkit::queues::MemTx;
use testkit::{Mac, example};
use wire::{MacAddr, Tci};

/// What is to be seen of one lane at one step.
#[derive(Debug, Clone, PartialEq)]
struct Seen {
    octets: Option<usize>,
    verdict: Verdict,
    header: Option<Header>,
    ingress: Option<VifIndex>,
    network: Option<NetworkId>,
    labelled: Option<VifIndex>,
    peer: Option<PeerId>,
    found: Option<Destination>,
}

/// Writes down all lanes at each step.
#[derive(Default)]
struct Witness(Vec<(Step, Vec<Seen>)>);

impl Probe for Witness {
    fn passed<F: Frame>(&mut self, step: Step, frames: usize, burst: &Burst<F>) {
        let seen = |lane: usize| {
            let lane = burst.lane(lane).expect("a burst has so many lanes");
            Seen {
                octets: lane.frame().map(Frame::total_octets),
                verdict: lane.verdict(),
                header: lane.header(),
                ingress: lane.ingress(),
                network: lane.network(),
                labelled: lane.labelled(),
                peer: lane.peer(),
                found: lane.found(),
            }
        };
        self.0.push((step, (0..frames).map(seen).collect()));
    }
}

impl Witness {
    fn at(&self, step: Step) -> &[Seen] {
        &self.0.iter().rev().find(|(passed, _)| *passed == step).expect("the burst passed it").1
    }
}

/// A pipeline on the example's tables, with one burst per port that is used again and again, as a worker does.
struct Bench {
    tables: fib::Snapshot,
    outlet: Outlet<MemPool, MemTx>,
    bursts: [Burst<MemFrame>; 2],
    pool: MemPool,
    witness: Witness,
}

fn port(n: usize) -> PortIndex {
    PortIndex::new(n).unwrap()
}

impl Bench {
    fn new() -> Self {
        let net = example::network();
        let queues = [ACCESS, FABRIC].map(|n| Outgoing { port: port(n), queue: MemTx::new(4096, true) });
        let telemetry = Arc::new(WorkerTelemetry::new(net.vmis.len()));
        let outlet = Outlet::new(OutletConfig::new(MemPool::new(64, 4096), queues.into(), telemetry));
        Self {
            tables: net.snapshot().unwrap(),
            outlet,
            bursts: [Burst::new(port(ACCESS)), Burst::new(port(FABRIC))],
            pool: MemPool::new(BURST, 4096),
            witness: Witness::default(),
        }
    }

    fn pass(&mut self, by: usize, frames: &[Vec<u8>]) -> &Witness {
        let burst = &mut self.bursts[by];
        for octets in frames {
            let frame = self.pool.frame(octets, Layout::default()).unwrap();
            assert!(burst.push(frame, RxMeta::default()).is_ok());
        }
        self.witness.0.clear();
        if by == ACCESS {
            pipeline::from_access(&self.tables, &mut self.outlet, burst, &mut self.witness);
        } else {
            pipeline::from_fabric(&self.tables, &mut self.outlet, burst, &mut self.witness);
        }
        &self.witness
    }
}

fn vif(n: usize) -> Option<VifIndex> {
    VifIndex::new(n)
}

fn network(n: usize) -> Option<NetworkId> {
    NetworkId::new(n)
}

#[test]
fn each_step_of_the_access_side_tells_what_it_found_out() {
    let mut bench = Bench::new();
    let frame = example::tagged(100, REMOTE, A, 64);
    let witness = bench.pass(ACCESS, std::slice::from_ref(&frame));
    let steps: Vec<Step> = witness.0.iter().map(|(step, _)| *step).collect();
    assert_eq!(steps, [Step::Classify, Step::Bridge, Step::Encap, Step::Rewrite, Step::Transmit]);
    let [classified] = witness.at(Step::Classify) else { panic!("one frame") };
    let header =
        Header { at: 0, destination: MacAddr::new(REMOTE), source: MacAddr::new(A), tag: Tci::new(100), tag_octets: 4 };
    assert_eq!((classified.header, classified.verdict), (Some(header), Verdict::Continue));
    assert_eq!((classified.ingress, classified.network), (vif(0), network(0)));
    let [bridged] = witness.at(Step::Bridge) else { panic!("one frame") };
    assert!(matches!(bridged.found, Some(Destination::Remote(_))), "{bridged:?}");
    let [encapsulated] = witness.at(Step::Encap) else { panic!("one frame") };
    assert_eq!((encapsulated.octets, encapsulated.verdict), (Some(frame.len() - 4 + 50), Verdict::Send(port(FABRIC))));
    let [sent] = witness.at(Step::Transmit) else { panic!("one frame") };
    assert_eq!((sent.octets, sent.verdict), (None, Verdict::Send(port(FABRIC))), "the frame has left");
}

#[test]
fn the_fabric_side_tells_whom_a_packet_is_from_and_whose_label_it_has() {
    let mut bench = Bench::new();
    let inner = example::untagged(A, REMOTE, 64);
    let by_vni = example::vxlan(inner.clone()).octets();
    let mut by_label = example::overlay((wire::Encapsulation::MplsOverUdp, example::VTEP.into()), 0, inner);
    by_label.set_mpls(&[testkit::packets::entry(A_LABEL, 0, true, 64)], None);
    let [vni, label] = bench.pass(FABRIC, &[by_vni, by_label.octets()]).at(Step::Rewrite) else { panic!("two frames") };
    for (seen, at) in [(vni, 50), (label, 46)] {
        assert_eq!(seen.header.map(|header| (header.at, header.source)), Some((at, MacAddr::new(REMOTE))));
        assert_eq!((seen.network, seen.peer, seen.ingress), (network(0), PeerId::new(0), None));
        assert_eq!((seen.found, seen.verdict), (vif(0).map(Destination::Vif), Verdict::Send(port(ACCESS))));
    }
    assert_eq!((vni.labelled, label.labelled), (None, vif(0)));
}

/// Frames that are dropped before it is known whose they are, behind ones in the same lanes of which all was known.
#[test]
fn of_a_frame_that_was_not_read_or_not_placed_nothing_is_told_of_the_one_before_it() {
    const STRANGER: Mac = [2, 9, 9, 9, 9, 9];
    let mut bench = Bench::new();
    bench.pass(ACCESS, &vec![example::tagged(300, E, D, 64); 5]);
    let unplaced = [
        (vec![0; 9], DropReason::Runt, false, None),
        (example::tagged(999, B, A, 64), DropReason::UnknownVlan, true, None),
        (example::tagged(101, B, A, 64), DropReason::UnknownSourceMac, true, vif(1)),
        (example::tagged(300, E, STRANGER, 64), DropReason::UnknownSourceMac, true, None),
        (example::tagged(300, E, [1, 0, 0, 0, 0, 9], 64), DropReason::GroupSource, true, None),
    ];
    let frames: Vec<Vec<u8>> = unplaced.iter().map(|(frame, ..)| frame.clone()).collect();
    let witness = bench.pass(ACCESS, &frames);
    for step in [Step::Classify, Step::Rewrite, Step::Transmit] {
        for ((_, reason, read, ingress), seen) in unplaced.iter().zip(witness.at(step)) {
            assert_eq!((seen.verdict, seen.header.is_some()), (Verdict::Drop(*reason), *read), "{seen:?}");
            assert_eq!((seen.ingress, seen.network, seen.found), (*ingress, None, None), "{reason} at {step:?}");
        }
    }
}

#[test]
fn of_what_is_no_tunnel_packet_nothing_is_told_of_the_packet_before_it() {
    let mut bench = Bench::new();
    bench.pass(FABRIC, &vec![example::vxlan(example::untagged(A, REMOTE, 64)).octets(); 3]);
    let mut unknown = example::vxlan(example::untagged(A, REMOTE, 64));
    unknown.vxlan().vni = 77;
    let host = testkit::packets::ethernet([0xff; 6], [2, 0xfa, 0, 0, 0, 2], &[], 0x0806, &[0; 46]);
    let unread = bench.pass(FABRIC, &[vec![0; 9], host, unknown.octets()]).at(Step::Rewrite).to_vec();
    let verdicts = unread.iter().map(|seen| (seen.verdict, seen.header.is_some()));
    let unknown = (Verdict::Drop(DropReason::UnknownVni), true);
    assert!(verdicts.eq([(Verdict::Drop(DropReason::OuterRunt), false), (Verdict::Punt, false), unknown]));
    for seen in &unread {
        assert_eq!((seen.network, seen.peer, seen.found, seen.ingress), (None, None, None, None), "{seen:?}");
    }
}

#[test]
fn an_inner_vlan_and_a_shared_one_lead_to_their_interface() {
    let mut bench = Bench::new();
    let qinq = testkit::packets::ethernet(F, H, &[400, 8], 0x0800, &example::datagram(64));
    let frames = [example::tagged(300, F, E, 64), qinq, example::tagged(400, G, F, 64)];
    let seen = bench.pass(ACCESS, &frames).at(Step::Bridge);
    assert_eq!(seen.iter().map(|seen| seen.ingress).collect::<Vec<_>>(), [vif(4), vif(7), vif(5)]);
    assert_eq!(seen.iter().map(|seen| seen.header.unwrap().tag_octets).collect::<Vec<_>>(), [4, 8, 4]);
    assert!(seen.iter().all(|seen| seen.network == network(2)));
}
