//! Compares what came out with what had to.

use crate::oracle::Expectation;
use crate::packets::internet_checksum;
use crate::{Network, Outcome};
use telemetry::DropReason;

/// The first thing in which an outcome is not as expected; nothing if it is.
///
/// Order between ports and among copies is free. Of an encapsulated frame the IP id is free, the IP checksum has to fit,
/// the UDP source port has to be one of RFC 7348's. An access frame is padded with zeros to 60 octets, or to 64 with its
/// tag (IEEE 802.1Q allows both).
pub fn disagreement(network: &Network, expected: &Expectation, outcome: &Outcome) -> Option<String> {
    let mut left = outcome.sent.clone();
    for (port, frame) in &expected.sent {
        let is_it = |(p, f): &(usize, Vec<u8>)| p == port && same(network, *port, frame, f);
        let Some(found) = left.iter().position(is_it) else {
            return Some(format!(
                "missing from port {port}: {frame:02x?}\nleft are {left:02x?}\nwith {:?}",
                outcome.drops
            ));
        };
        left.swap_remove(found);
    }
    if !left.is_empty() {
        return Some(format!("sent too much: {left:02x?}"));
    }
    if expected.host != outcome.host {
        return Some(format!(
            "for the host {:02x?}, expected {:02x?}; {:?}",
            outcome.host, expected.host, outcome.drops
        ));
    }
    drops(expected, outcome)
}

fn drops(expected: &Expectation, outcome: &Outcome) -> Option<String> {
    let mut left = outcome.drops.clone();
    let mut sets: Vec<&Vec<DropReason>> = expected.dropped.iter().collect();
    sets.sort_by_key(|set| set.len());
    for set in sets {
        let Some(reason) = set.iter().find(|reason| left.get(reason).is_some_and(|n| *n > 0)) else {
            return Some(format!("no drop for one of {set:?}, but {:?}", outcome.drops));
        };
        left.entry(*reason).and_modify(|n| *n -= 1);
    }
    left.values().any(|n| *n > 0).then(|| format!("dropped too much: {left:?}, expected {:?}", expected.dropped))
}

fn same(network: &Network, port: usize, expected: &[u8], sent: &[u8]) -> bool {
    if port == network.fabric_port() {
        return normal_outer(network, sent).as_deref() == Some(expected);
    }
    let tagged = expected[12..14] == [0x81, 0];
    let padded = |to: usize| [expected, &vec![0; to.saturating_sub(expected.len())]].concat();
    sent == padded(60) || tagged && sent == padded(64)
}

/// A packet for the fabric with the fields zero that are free, if they have legal values.
fn normal_outer(network: &Network, packet: &[u8]) -> Option<Vec<u8>> {
    let ip = if network.fabric.vlan.is_some() { 18 } else { 14 };
    if internet_checksum(packet.get(ip..ip + 20)?) != 0 || *packet.get(ip + 20)? < 0xc0 {
        return None;
    }
    let mut packet = packet.to_vec();
    for field in [ip + 4, ip + 10, ip + 20] {
        packet[field..field + 2].fill(0);
    }
    Some(packet)
}
