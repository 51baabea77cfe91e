//! One worker, two workers, and two workers on ports with one receive queue each forward the same traffic alike: the same
//! packets, each flow in order, the same counters. Needs root.

mod rig;

use api::{Response, Show};
use rig::{
    BLUE, BLUE_REMOTE, Bench, End, Gateway, Node, OUTER, ROUTER_MAC, TAG, change, frame, in_namespace, packet,
    tunnelled,
};
use std::collections::BTreeMap;

const FLOWS: u16 = 16;
const TURNS: u16 = 40;

/// How the gateway and the links are laid out.
struct Layout {
    name: &'static str,
    workers: u16,
    /// Receive queues of each of the gateway's ports.
    queues: u16,
    keys: &'static str,
}

/// What came out, without what depends on how many packets there were before.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Outcome {
    fabric: BTreeMap<u16, Vec<Vec<u8>>>,
    access: BTreeMap<u16, Vec<Vec<u8>>>,
    counters: BTreeMap<String, u64>,
}

fn main() {
    in_namespace(|| {
        let bench = Bench::new("workers");
        let layouts = [
            Layout { name: "one worker", workers: 1, queues: 1, keys: "" },
            Layout { name: "two workers", workers: 2, queues: 2, keys: "" },
            Layout { name: "two workers, one receive queue a port", workers: 2, queues: 1, keys: ", queues: 1" },
        ];
        let mut first: Option<Outcome> = None;
        for (number, layout) in layouts.iter().enumerate() {
            println!("test {} ...", layout.name);
            let outcome = with(&bench, &format!("alike{number}"), layout);
            assert_eq!(&outcome, first.get_or_insert(outcome.clone()), "{}", layout.name);
        }
        println!("all held");
    });
}

fn with(bench: &Bench, name: &str, layout: &Layout) -> Outcome {
    let socket = bench.path(name);
    let device = |role: &str| format!("net_memif1,role={role},socket={socket}.sock,socket-abstract=no,id=1");
    let access = device("server");
    let workers = usize::from(layout.workers);
    let node = Node { name, workers, access: &access, access_keys: layout.keys, fabric_keys: layout.keys };
    let gateway = Gateway::start(bench, &node);
    // The gateway transmits on a queue of every worker's.
    let queues = (layout.workers, layout.queues);
    let mut access = bench.open(&device("client"), queues, false);
    let mut fabric = bench.open(&gateway.fabric_device(), queues, false);
    rig::meet(&mut access, &mut fabric);

    let (counters, packets) = (gateway.counters(), packets_of_workers(&gateway));
    let queue = |flow: u16| usize::from(flow % layout.queues);
    for turn in 0..TURNS {
        for flow in 0..FLOWS {
            access.send(queue(flow), &[outgoing(flow, turn)]);
            fabric.send(queue(flow), &[tunnelled(0xc000 + flow, &incoming(flow, turn))]);
        }
        // Of a VLAN that is nobody's, and a broadcast: a copy to the VTEP.
        access.send(queue(turn), &[frame(BLUE_REMOTE, BLUE, &[(TAG, 999)], &[0; 50])]);
        access.send(queue(turn), &[frame([0xff; 6], BLUE, &[(TAG, 100)], &numbered(FLOWS, turn))]);
    }
    let outcome = collect(&mut access, &mut fabric);
    let counters = rig::until("the workers' counters", || {
        let counters = change(&counters, &gateway.counters());
        let all = u64::from(TURNS) * u64::from(2 * FLOWS + 2);
        (counters.get("received") == Some(&all)).then_some(counters)
    });
    let worked = packets_of_workers(&gateway);
    let idle = worked.iter().zip(&packets).filter(|(after, before)| after == before).count();
    assert_eq!((worked.len(), idle), (workers, 0), "every worker had its share");
    Outcome { counters, ..outcome }
}

fn packets_of_workers(gateway: &Gateway) -> Vec<u64> {
    let Response::Workers(workers) = gateway.show(Show::Workers) else { panic!("it answers what it is asked") };
    workers.workers.iter().map(|worker| worker.packets).collect()
}

/// A UDP packet whose source port is the flow, and whose data begins with the turn.
fn numbered(flow: u16, turn: u16) -> Vec<u8> {
    packet(false, 17, flow, &[&turn.to_be_bytes()[..], &[0x5a; 98]].concat()).0
}

fn outgoing(flow: u16, turn: u16) -> Vec<u8> {
    frame(BLUE_REMOTE, BLUE, &[(TAG, 100)], &numbered(flow, turn))
}

fn incoming(flow: u16, turn: u16) -> Vec<u8> {
    frame(BLUE, BLUE_REMOTE, &[], &numbered(flow, turn))
}

/// Flow and turn of a frame whose IP header stands at `ip`.
fn label(frame: &[u8], ip: usize) -> (u16, u16) {
    let word = |at: usize| u16::from_be_bytes([frame[at], frame[at + 1]]);
    (word(ip + 20), word(ip + 28))
}

fn collect(access: &mut End, fabric: &mut End) -> Outcome {
    let count = usize::from(FLOWS * TURNS);
    let out = fabric.expect(count + usize::from(TURNS), |packet| packet[..6] == ROUTER_MAC);
    let back = access.expect(count, |frame| frame[..6] == BLUE);
    let mut outcome = Outcome { fabric: BTreeMap::new(), access: BTreeMap::new(), counters: BTreeMap::new() };
    for mut packet in out {
        // The outer IP id, and its checksum with it.
        packet[18..20].fill(0);
        packet[24..26].fill(0);
        outcome.fabric.entry(label(&packet, OUTER + 14).0).or_default().push(packet);
    }
    for frame in back {
        outcome.access.entry(label(&frame, 18).0).or_default().push(frame);
    }
    for (flow, packets) in &outcome.fabric {
        let turns: Vec<_> = packets.iter().map(|packet| label(packet, OUTER + 14).1).collect();
        // Broadcasts come from every queue in turn, so their order is the workers'.
        let ordered = turns.is_sorted() || *flow == FLOWS;
        assert!(ordered && turns.len() == usize::from(TURNS), "flow {flow}: {turns:?}");
    }
    if let Some(broadcasts) = outcome.fabric.get_mut(&FLOWS) {
        broadcasts.sort();
    }
    for (flow, frames) in &outcome.access {
        let turns: Vec<_> = frames.iter().map(|frame| label(frame, 18).1).collect();
        assert!(turns.is_sorted() && turns.len() == usize::from(TURNS), "flow {flow}: {turns:?}");
    }
    outcome
}
