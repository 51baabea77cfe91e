//! For random configurations and frames: `explain`, over tables that control makes from the files, says what a worker does
//! with tables that were made without files.

mod files;

use api::{ExplainDocument, ExplainOutcome};
use explain::{Arrival, Assumed, Scene};
use proptest::prelude::*;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;
use testkit::{Gateway, Network, Outcome, Vtep, arbitrary};
use wire::MacAddr;

/// What files cannot say, or control leaves out of its tables, is taken out of a network, and what control chooses is put in
/// as it will choose.
fn configurable(mut net: Network) -> Network {
    // A BPDU network's frames are run alike, as the crate's own tests show; its files have rules of their own.
    net.vmis.retain(|vmi| !vmi.macs.is_empty() && net.networks[vmi.network].bpdu.is_none());
    // The order of the logical interfaces: VMIs have labels from 16 up in that order.
    net.vmis.sort_by_key(|vmi| vmi.segment());
    for (n, vmi) in net.vmis.iter_mut().enumerate() {
        vmi.label = Some(16 + n as u32);
        vmi.macs.dedup();
    }
    for vtep in &mut net.vteps {
        vtep.paths.truncate(1);
        vtep.paths.iter_mut().for_each(|(link, _)| *link = 0);
    }
    // A network without VMIs is not served, a VTEP that no network uses not known; one entry for each of both.
    let (vmis, mut seen) = (net.vmis.clone(), HashSet::new());
    let is_served = |network: usize| vmis.iter().any(|vmi| vmi.network == network);
    net.reach.retain(|entry| is_served(entry.network) && seen.insert((entry.network, entry.vtep)));
    net.reach.retain(|entry| entry.flood || !entry.macs.is_empty());
    let is_used: Vec<bool> =
        (0..net.vteps.len()).map(|vtep| net.reach.iter().any(|entry| entry.vtep == vtep)).collect();
    let networks = keep(&mut net.networks, is_served);
    let vteps = keep(&mut net.vteps, |vtep| is_used[vtep]);
    net.vmis.iter_mut().for_each(|vmi| vmi.network = networks[&vmi.network]);
    net.reach.iter_mut().for_each(|entry| (entry.network, entry.vtep) = (networks[&entry.network], vteps[&entry.vtep]));
    for (n, network) in net.networks.iter_mut().enumerate() {
        // In the files every network is `l2`: nobody is its gateway, and no address known.
        (network.label, network.gateway) = (Some(4096 + n as u32), false);
    }
    net.bindings.clear();
    net
}

/// Keeps some of a list; gives the new places by the old ones.
fn keep<T>(list: &mut Vec<T>, is_kept: impl Fn(usize) -> bool) -> HashMap<usize, usize> {
    let kept: HashMap<usize, usize> = (0..list.len()).filter(|n| is_kept(*n)).zip(0..).collect();
    let mut n = 0..;
    list.retain(|_| n.next().is_some_and(|n| kept.contains_key(&n)));
    kept
}

fn assumed(net: &Network) -> Assumed {
    let mac = |vtep: &Vtep| vtep.paths.first().map(|(_, next_hop)| MacAddr::new(*next_hop));
    let next_hops: BTreeMap<IpAddr, Option<MacAddr>> = net.vteps.iter().map(|vtep| (vtep.address, mac(vtep))).collect();
    Assumed { next_hops, fabric_mac: None }
}

fn network_and_frames() -> impl Strategy<Value = (Network, Vec<(usize, testkit::Arrival)>)> {
    let networks = arbitrary::network().prop_map(configurable).prop_filter("nobody", |net| !net.vmis.is_empty());
    networks.prop_flat_map(|net| {
        let frames = proptest::collection::vec(arbitrary::arrival(&net), 1..12);
        (Just(net), frames)
    })
}

/// The frame as whoever explains it has it: in one piece, with its tag.
fn plain(net: &Network, port: usize, mut arrival: testkit::Arrival) -> Vec<u8> {
    if let Some(tci) = arrival.stripped.filter(|_| arrival.octets.len() >= 12) {
        let tpid = net.access.get(port).map_or(0x8100, |access| access.tpid.value());
        arrival.octets.splice(12..12, [tpid.to_be_bytes(), tci.to_be_bytes()].concat());
    }
    arrival.octets
}

/// What left by ports, what the host got, and what was dropped, in one order.
type Result = (Vec<(String, String)>, Option<String>, BTreeMap<String, u64>);

/// Copies to VTEPs have no order, and IP ids count them: without those, and the header checksum over them.
fn unordered(sent: impl Iterator<Item = (String, String)>) -> Vec<(String, String)> {
    let plain = |(port, mut hex): (String, String)| {
        let ip = if hex.get(24..28) == Some("8100") { 36 } else { 28 };
        if port.starts_with("fabric") && hex.get(ip - 4..ip + 2) == Some("080045") {
            [8..12, 20..24].into_iter().for_each(|field| hex.replace_range(ip + field.start..ip + field.end, "----"));
        }
        (port, hex)
    };
    let mut sent: Vec<_> = sent.map(plain).collect();
    sent.sort();
    sent
}

fn explained(document: &ExplainDocument) -> Result {
    let sent = unordered(document.sent.iter().map(|sent| (sent.port.clone(), sent.frame.hex.clone())));
    let drops = document.drops.iter().map(|drop| (drop.reason.clone(), drop.count)).collect();
    (sent, document.to_host.as_ref().map(|frame| frame.hex.clone()), drops)
}

fn happened(net: &Network, outcome: &Outcome) -> Result {
    let hex = |octets: &Vec<u8>| octets.iter().map(|octet| format!("{octet:02x}")).collect::<String>();
    let sent = unordered(outcome.sent.iter().map(|(port, octets)| (files::port_name(net, *port), hex(octets))));
    let mut drops: BTreeMap<_, _> =
        outcome.drops.iter().map(|(reason, count)| (reason.name().to_owned(), *count)).collect();
    // The test's gateway takes more for the host than the daemon, which takes the MTU and the headers in front.
    let fits = usize::from(net.fabric.links.iter().map(|link| link.mtu).max().unwrap_or(0)) + 18;
    let (host, too_long): (Vec<_>, Vec<_>) = outcome.host.iter().partition(|frame| frame.len() <= fits);
    drops.extend(too_long.first().map(|_| ("punt_too_long".to_owned(), 1)));
    (sent, host.first().map(|frame| hex(frame)), drops)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, max_global_rejects: 100_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_explained_is_what_a_worker_does((net, frames) in network_and_frames()) {
        let loaded = files::loaded(&net);
        prop_assume!(loaded.is_some());
        let scene = Scene::from_files(loaded.expect("assumed"), &assumed(&net)).expect("it fits");
        for (port, arrival) in frames {
            let octets = plain(&net, port, arrival);
            if octets.is_empty() {
                continue;
            }
            // A worker's IP ids count up: each frame has a worker of its own.
            let outcome = Gateway::new(&net).pass(port, octets.clone());
            let arrival = Arrival { port: files::port_name(&net, port), octets, tunnel: None };
            let document = scene.explain(&arrival).expect("a port and a frame");
            prop_assert_eq!(explained(&document), happened(&net, &outcome), "{:#?}", document);
            prop_assert!(!document.decisions.is_empty() && document.outcome != ExplainOutcome::Other);
            let nowhere = document.sent.is_empty() && document.to_host.is_none();
            let gone = [ExplainOutcome::Dropped, ExplainOutcome::Consumed].contains(&document.outcome);
            prop_assert_eq!(gone, nowhere);
            let told = |reason: &String| document.decisions.iter().any(|one| one.drop.as_ref() == Some(reason));
            prop_assert!(document.drops.iter().all(|drop| told(&drop.reason)), "a drop without a story: {:#?}", document);
        }
    }
}
