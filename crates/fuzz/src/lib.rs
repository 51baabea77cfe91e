//! What the data path's targets share: an input becomes a frame, the frame passes a gateway, and what comes out is held to
//! the oracle and to the accounting law.

#![forbid(unsafe_code)]

use std::cell::RefCell;
use testkit::arbitrary::repair_outer_checksums;
use testkit::memory::Layout;
use testkit::{Arrival, Gateway, Means, Network, SourceCheck, TICKS_PER_SECOND, disagreement, example, oracle};

/// The longest frame: a buffer of the test pools takes it with headroom and tailroom.
const LONGEST: usize = 3000;

thread_local! {
    static GATEWAYS: RefCell<Vec<(Network, Gateway)>> = RefCell::new(networks().into_iter().map(with_gateway).collect());
}

/// The example network, and three that take other branches.
fn networks() -> [Network; 4] {
    // Instances and their addresses are known, and the gateway answers for them.
    let plain = example::served();
    let mut trunk = example::wide_network();
    trunk.fabric.source_check = SourceCheck::Strict;
    let mut open = plain.clone();
    open.fabric.source_check = SourceCheck::Any;
    open.fabric.udp6_zero_checksum_rx = true;
    open.fabric.udp6_zero_checksum_tx = true;
    open.fabric.dscp = std::array::from_fn(|place| 3 * place as u8);
    open.vmis[0].vlan = 0;
    open.networks.iter_mut().for_each(|network| network.flood_unknown_unicast = true);
    let mut narrow = plain.clone();
    (narrow.fabric.links[0].mtu, narrow.access[0].mtu) = (576, 400);
    [plain, trunk, open, narrow]
}

fn with_gateway(network: Network) -> (Network, Gateway) {
    let gateway = Gateway::with(&network, Means { buffers: 16, ..Means::default() });
    (network, gateway)
}

/// How the frame arrives, from the input's first four octets: `[flags, tag, tag, first]`.
struct Manner {
    network: usize,
    stripped: Option<u16>,
    verified: bool,
    first: Option<usize>,
    repair: bool,
    second: bool,
}

impl Manner {
    fn of(header: [u8; 4]) -> Self {
        let [flags, high, low, first] = header;
        Self {
            network: usize::from(flags & 3),
            stripped: (flags & 4 != 0).then_some(u16::from_be_bytes([high, low])),
            verified: flags & 8 != 0,
            first: (flags & 16 != 0).then_some(usize::from(first)),
            repair: flags & 32 != 0,
            second: flags & 64 != 0,
        }
    }
}

/// Lets the input arrive as a frame at the port that `port` names, or at the second fabric port where there is one.
///
/// # Panics
/// If a packet is lost, or something else comes out than the oracle says: then the fuzzer has found a bug.
pub fn pass(input: &[u8], port: fn(&Network) -> usize) {
    let Some((header, octets)) = input.split_first_chunk::<4>() else { return };
    let manner = Manner::of(*header);
    let mut octets = octets[..octets.len().min(LONGEST)].to_vec();
    if manner.repair {
        repair_outer_checksums(&mut octets);
    }
    let layout = Layout { first: manner.first, ..Layout::default() };
    let arrival = Arrival { octets, stripped: manner.stripped, verified: manner.verified, layout };
    GATEWAYS.with_borrow_mut(|gateways| {
        let (network, gateway) = &mut gateways[manner.network];
        let port = port(network);
        let second = manner.second && network.link(port).is_some() && network.link(port + 1).is_some();
        let port = port + usize::from(second);
        // Whoever asked before has his rate again.
        gateway.clock().advance(TICKS_PER_SECOND);
        let outcome = gateway.pass(port, arrival.clone());
        let difference = disagreement(network, &oracle::expect(network, port, &arrival), &outcome);
        assert_eq!(difference, None, "{arrival:02x?}");
        gateway.settle();
    });
}
