//! Puts a frame into a tunnel packet to this node, as a remote VTEP would.

use crate::error::ExplainError;
use crate::scene::Scene;
use etherparse::{IpHeaders, IpNumber, Ipv4Header, Ipv6FlowLabel, Ipv6Header, PacketBuilder, VlanHeader};
use fib::{Link, PortIndex};
use std::net::IpAddr;
use wire::{Encapsulation, MplsLabel, Vni, ethernet, mpls, udp, vxlan};

/// The previous hop, whose MAC nothing depends on.
const PREVIOUS_HOP: [u8; 6] = [0x02, 0, 0, 0xff, 0, 1];
const HOPS: u8 = 64;

/// A tunnel that ends here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tunnel {
    /// The VTEP at the other end.
    pub from: IpAddr,
    /// How it sends.
    pub encapsulation: Encapsulation,
    /// The VNI or label.
    pub number: u32,
}

impl TryFrom<&api::ExplainTunnel> for Tunnel {
    type Error = ExplainError;

    fn try_from(asked: &api::ExplainTunnel) -> Result<Self, ExplainError> {
        let encapsulation = asked.encapsulation.parse();
        let encapsulation: Encapsulation =
            encapsulation.map_err(|_| ExplainError::Encapsulation(asked.encapsulation.clone()))?;
        let (what, most) =
            if encapsulation.is_mpls() { ("label", MplsLabel::MAX.value()) } else { ("VNI", Vni::MAX.value()) };
        let number = asked.number;
        if number > most {
            return Err(ExplainError::Number { what, number, most });
        }
        Ok(Self { from: asked.from, encapsulation, number })
    }
}

/// The packet as it comes in by a fabric port.
pub(crate) fn wrap(scene: &Scene, port: PortIndex, tunnel: &Tunnel, frame: &[u8]) -> Result<Vec<u8>, ExplainError> {
    let fabric = &scene.snapshot.fabric;
    let name = || ExplainError::TunnelByAccess(scene.port(port).map_or_else(String::new, |port| port.name.to_string()));
    let Link { mac, .. } = fabric.link(port).ok_or_else(name)?;
    let payload = [shim(scene, tunnel), frame.to_vec()].concat();
    let packet = PacketBuilder::ethernet2(PREVIOUS_HOP, mac.octets());
    let header = ip(scene, tunnel)?;
    let tag = fabric.vlan.and_then(|vlan| {
        Some(etherparse::SingleVlanHeader {
            vlan_id: etherparse::VlanId::try_new(vlan.value()).ok()?,
            ..Default::default()
        })
    });
    let packet = match tag {
        Some(tag) => packet.vlan(VlanHeader::Single(tag)).ip(header),
        None => packet.ip(header),
    };
    let too_long = |_| ExplainError::TooLong(frame.len());
    let mut octets = Vec::with_capacity(payload.len() + 128);
    match tunnel.encapsulation {
        Encapsulation::Vxlan => {
            packet.udp(udp::ENTROPY_BASE, vxlan::UDP_PORT).write(&mut octets, &payload).map_err(too_long)?;
        }
        Encapsulation::MplsOverUdp => {
            packet.udp(udp::ENTROPY_BASE, mpls::UDP_PORT).write(&mut octets, &payload).map_err(too_long)?;
        }
        Encapsulation::MplsOverGre => {
            let [high, low] = ethernet::TYPE_MPLS.to_be_bytes();
            let payload = [&[0, 0, high, low], &payload[..]].concat();
            packet.write(&mut octets, IpNumber::GRE, &payload).map_err(too_long)?;
        }
    }
    Ok(octets)
}

fn ip(scene: &Scene, tunnel: &Tunnel) -> Result<IpHeaders, ExplainError> {
    let fabric = &scene.snapshot.fabric;
    let none = ExplainError::NoAddressTowards(tunnel.from);
    Ok(match tunnel.from {
        IpAddr::V4(from) => {
            let destination = fabric.address.ok_or(none)?.octets();
            let header = Ipv4Header { time_to_live: HOPS, source: from.octets(), destination, ..Default::default() };
            IpHeaders::Ipv4(header, Default::default())
        }
        IpAddr::V6(from) => {
            let destination = fabric.address_v6.ok_or(none)?.octets();
            let header = Ipv6Header {
                hop_limit: HOPS,
                source: from.octets(),
                destination,
                flow_label: Ipv6FlowLabel::ZERO,
                ..Default::default()
            };
            IpHeaders::Ipv6(header, Default::default())
        }
    })
}

/// What stands between the outer header and the frame.
fn shim(scene: &Scene, tunnel: &Tunnel) -> Vec<u8> {
    if !tunnel.encapsulation.is_mpls() {
        return [[vxlan::FLAG_I, 0, 0, 0], (tunnel.number << 8).to_be_bytes()].concat();
    }
    let mut shim = (tunnel.number << 12 | mpls::BOTTOM | u32::from(mpls::TTL)).to_be_bytes().to_vec();
    if scene.snapshot.labels.lookup(tunnel.number).has_control_word() {
        shim.extend([0; mpls::CONTROL_WORD_OCTETS]);
    }
    shim
}
