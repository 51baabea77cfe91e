//! Whether a frame at the fabric port is a good VXLAN packet to us, and what is in it.

use super::{Expectation, cannot_send, dropped, word};
use crate::packets::internet_checksum;
use crate::{Arrival, Network, Reach, SourceCheck};
use telemetry::DropReason::{self, *};

/// An inner frame and how it came.
pub(super) struct Inner {
    pub(super) vtep: u32,
    /// As a place in [`Network::networks`].
    pub(super) network: usize,
    pub(super) frame: Vec<u8>,
    /// Whether it lies in several buffers.
    pub(super) in_pieces: bool,
}

/// What is wrong with a packet.
struct Faults(Vec<DropReason>);

impl Faults {
    fn when(&mut self, is: bool, reason: DropReason) {
        self.0.extend(is.then_some(reason));
    }
}

/// The inner frame of an `untagged` frame of `vlan`, or what has to come out instead.
pub(super) fn read(
    net: &Network,
    a: &Arrival,
    vlan: usize,
    frame: &[u8],
    mut faults: Vec<DropReason>,
) -> Result<Inner, Expectation> {
    let group = frame[0] & 1 == 1;
    let host = || match a.layout.first {
        Some(first) if first < a.octets.len() => dropped([NotContiguous]),
        _ => Expectation { host: vec![frame.to_vec()], ..Expectation::default() },
    };
    if frame[..6] != net.fabric.mac && !group {
        faults.push(OuterMacNotOurs);
    }
    if vlan != usize::from(net.fabric.vlan.unwrap_or(0)) {
        faults.push(FabricVlan);
    }
    let ip = &frame[14..];
    let ipv4 = frame[12..14] == [8, 0] && ip.first().is_none_or(|b| b >> 4 == 4);
    if ipv4 && ip.len() < 20 {
        faults.extend([OuterTruncated, OuterMacNotOurs].into_iter().take(if group { 2 } else { 1 }));
    }
    if !faults.is_empty() || !ipv4 {
        return Err(if faults.is_empty() { host() } else { dropped(faults) });
    }
    let header = usize::from(ip[0] & 15) * 4;
    if ip[16..20] != net.fabric.address.octets() || ip[9] != 17 {
        return Err(host());
    }
    if header > ip.len() {
        return Err(dropped([if group { OuterMacNotOurs } else { OuterTruncated }]));
    }
    if word(ip, 6) & 0x1fff != 0 {
        return Err(host());
    }
    let udp = ip.get(header.max(20)..).unwrap_or(&[]);
    if udp.len() >= 4 && word(udp, 2) != 4789 {
        return Err(host());
    }
    let faults = if group { vec![OuterMacNotOurs] } else { vec![] };
    vxlan(net, a, ip, udp, faults)
}

/// An IP packet to us, for the VXLAN port: each of its headers.
fn vxlan(net: &Network, a: &Arrival, ip: &[u8], udp: &[u8], faults: Vec<DropReason>) -> Result<Inner, Expectation> {
    let (header, total) = (usize::from(ip[0] & 15) * 4, word(ip, 2));
    let lies = header < 20 || total > ip.len() || total < header + 16;
    let header_sum = || internet_checksum(&ip[..header.max(20)]);
    let end = a.octets.len() - ip.len() + total;
    let in_pieces = a.layout.first.is_some_and(|first| first < end.min(a.octets.len()));
    let mut faults = Faults(faults);
    faults.when(header > 20, OuterIpOptions);
    faults.when(!a.verified && header_sum() != 0, OuterChecksum);
    faults.when(word(ip, 6) & 0x2000 != 0, OuterFragment);
    faults.when(lies, OuterTruncated);
    faults.when(udp.len() >= 6 && word(udp, 4) + header != total, UdpLength);
    if udp.len() >= 16 && !lies {
        let mut pseudo = [&ip[12..20], &[0, 17], &udp[4..6]].concat();
        pseudo.extend(&udp[..total - header]);
        faults.when(word(udp, 6) != 0 && !a.verified && internet_checksum(&pseudo) != 0, UdpChecksum);
        faults.when(word(udp, 6) != 0 && !a.verified && in_pieces, NotContiguous);
        faults.when(udp[8] & 8 == 0, VxlanFlags);
        faults.when(total - header < 30, InnerRunt);
    }
    if !faults.0.is_empty() {
        return Err(dropped(faults.0));
    }
    let inner = enter(net, ip, &udp[..total - header])?;
    Ok(Inner { in_pieces, ..inner })
}

/// A good VXLAN packet to us: its network, its source, what is in it.
fn enter(net: &Network, ip: &[u8], udp: &[u8]) -> Result<Inner, Expectation> {
    let (vni, inner) = (u32::from_be_bytes([0, udp[12], udp[13], udp[14]]), udp[16..].to_vec());
    let source = std::net::Ipv4Addr::new(ip[12], ip[13], ip[14], ip[15]);
    let network = net.networks.iter().position(|network| network.vni == vni);
    let peer = |r: &Reach| net.vteps[r.vtep].address == source && Some(r.network) == network;
    let mut faults = Faults(vec![]);
    faults.when(network.is_none(), UnknownVni);
    faults.when(cannot_send(&inner[6..12]), InnerGroupSource);
    faults.when(source == net.fabric.address, OuterSourceOwn);
    let nobody = source.is_unspecified() || source.is_loopback() || source.is_multicast() || source.is_broadcast();
    faults.when(nobody, OuterSourceInvalid);
    let welcome = match net.fabric.source_check {
        SourceCheck::Strict => net.reach.iter().any(peer),
        SourceCheck::Known => net.vteps.iter().any(|vtep| vtep.address == source),
        SourceCheck::Any => true,
    };
    faults.when(!welcome && !nobody && source != net.fabric.address, OuterSourceUnknown);
    match network {
        Some(network) if faults.0.is_empty() => {
            Ok(Inner { vtep: source.to_bits(), network, frame: inner, in_pieces: false })
        }
        _ => Err(dropped(faults.0)),
    }
}
