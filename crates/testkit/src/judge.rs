//! Compares what came out with what had to.

use crate::oracle::{self, Expectation, Out, word};
use crate::packets::{internet_checksum, pseudo_header};
use crate::{Network, Outcome};

/// The first thing in which an outcome is not as expected; nothing if it is.
///
/// Order between ports and among copies is free. Of an encapsulated packet the IP id and the flow label are free, the
/// checksums have to fit, and the UDP source port has to be one of RFC 7348's and RFC 7510's. An access frame is padded with zeros
/// to 60 octets, or to what it has with its tags then (IEEE 802.1Q allows both).
pub fn disagreement(network: &Network, expected: &Expectation, outcome: &Outcome) -> Option<String> {
    let mut left = outcome.sent.clone();
    let mut drops = outcome.drops.clone();
    // First what can only be one thing.
    let mut all: Vec<&Out> = expected.out.iter().collect();
    all.sort_by_key(|out| (out.ways.len().min(1) + out.dropped.len().min(1), out.dropped.len()));
    for Out { ways, dropped } in all {
        let is_one = |(p, f): &(usize, Vec<u8>)| ways.iter().any(|(port, way)| port == p && same(network, *p, way, f));
        if let Some(found) = left.iter().position(is_one) {
            left.swap_remove(found);
        } else if let Some(reason) = dropped.iter().find(|reason| drops.get(reason).is_some_and(|n| *n > 0)) {
            drops.entry(*reason).and_modify(|n| *n -= 1);
        } else {
            return Some(format!(
                "neither one of {ways:02x?}\nnor a drop for one of {dropped:?}\nleft are {left:02x?}\nwith {:?}, {} for the host",
                outcome.drops,
                outcome.host.len(),
            ));
        }
    }
    if !left.is_empty() || drops.values().any(|n| *n > 0) {
        return Some(format!("too much: sent {left:02x?}, dropped {drops:?}\nexpected {expected:02x?}"));
    }
    (expected.host != outcome.host)
        .then(|| format!("for the host {:02x?}, expected {:02x?}", outcome.host, expected.host))
}

fn same(network: &Network, port: usize, expected: &[u8], sent: &[u8]) -> bool {
    if network.link(port).is_some() {
        return normal_outer(network, sent).as_deref() == Some(expected);
    }
    let is_tag = |at: usize| expected.get(at..at + 2).is_some_and(|tpid| oracle::is_tag(word(tpid, 0)));
    let tags = if !is_tag(12) { 0 } else { 1 + usize::from(is_tag(16)) };
    let padded = |to: usize| [expected, &vec![0; to.saturating_sub(expected.len())]].concat();
    (0..=tags).any(|tags| sent == padded(60 + tags * 4))
}

/// A packet for the fabric with the fields zero that are free or computed, if they have legal values.
fn normal_outer(network: &Network, packet: &[u8]) -> Option<Vec<u8>> {
    let mut normal = packet.to_vec();
    let ip = if network.fabric.vlan.is_some() { 18 } else { 14 };
    let (udp, protocol, addresses) = if *packet.get(ip)? >> 4 == 4 {
        if internet_checksum(packet.get(ip..ip + 20)?) != 0 {
            return None;
        }
        normal[ip + 4..ip + 6].fill(0);
        normal[ip + 10..ip + 12].fill(0);
        (ip + 20, packet[ip + 9], None)
    } else {
        normal[ip + 1] &= 0xf0;
        normal[ip + 2..ip + 4].fill(0);
        (ip + 40, *packet.get(ip + 6)?, Some(packet.get(ip + 8..ip + 40)?))
    };
    if protocol != 17 {
        return Some(normal);
    }
    let datagram = packet.get(udp..).filter(|datagram| datagram.len() >= 8)?;
    let summed = addresses.filter(|_| !network.fabric.udp6_zero_checksum_tx);
    if let Some(addresses) = summed {
        let pseudo = pseudo_header(addresses, &[], 17, datagram.len());
        if datagram[6..8] == [0, 0] || internet_checksum(&[&pseudo, datagram].concat()) != 0 {
            return None;
        }
        normal[udp + 6..udp + 8].fill(0);
    }
    normal[udp..udp + 2].fill(0);
    (datagram[0] >= 0xc0).then_some(normal)
}
