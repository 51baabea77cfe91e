use super::*;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

fn fabric() -> Fabric {
    Fabric {
        links: [1, 2].map(|n| Link { port: port(n), mac: MacAddr::new([2, 0, 0, 0, 0, n as u8]), mtu: 1600 }).to_vec(),
        vlan: None,
        address: Some(Ipv4Addr::new(172, 16, 0, 1)),
        address_v6: None,
        dont_fragment: true,
        source_check: SourceCheck::Known,
        udp6_zero_checksum_tx: false,
        udp6_zero_checksum_rx: false,
        dscp: [0; 16],
    }
}

fn port(n: usize) -> PortIndex {
    PortIndex::new(n).unwrap()
}

fn vif(n: usize) -> VifIndex {
    VifIndex::new(n).unwrap()
}

fn network(n: usize) -> NetworkId {
    NetworkId::new(n).unwrap()
}

fn vni(v: u64) -> Vni {
    Vni::try_from(v).unwrap()
}

fn label(l: u64) -> MplsLabel {
    MplsLabel::try_from(l).unwrap()
}

fn vlan(id: u32) -> VlanId {
    VlanId::try_from(id).unwrap()
}

fn path(port_number: usize, n: u8) -> Path {
    Path { port: port(port_number), next_hop: MacAddr::new([2, 0xfa, 0, 0, 0, n]) }
}

const MAC: MacAddr = MacAddr::new([2, 0, 0, 0, 0x10, 0x64]);
const OTHER: MacAddr = MacAddr::new([2, 0, 0, 0, 0x10, 0x65]);
const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(172, 16, 0, 2));

fn tunnel_spec(paths: &[Path]) -> TunnelSpec<'_> {
    TunnelSpec { remote: PEER, encapsulation: Encapsulation::Vxlan, paths }
}

fn network_spec(vni_value: u64, label_value: Option<u64>) -> NetworkSpec {
    NetworkSpec { label: label_value.map(label), control_word: true, ..NetworkSpec::new(vni(vni_value)) }
}

fn spec(sources: &[MacAddr], vlan_id: u32, inner: Option<u32>) -> VifSpec<'_> {
    let (port, vlan, inner) = (port(0), vlan(vlan_id), inner.map(vlan));
    VifSpec { network: network(0), port, vlan, inner, sources, max_payload: 1500, label: None }
}

/// A network 0 with VNI 5000 and label 100, VLAN 100 of port 0 as interface 0, tunnel 0 and next hop 0 to 172.16.0.2.
fn built() -> Builder {
    let mut b = Builder::new(fabric(), 7);
    b.add_network(network(0), network_spec(5000, Some(100))).unwrap();
    b.add_vif(vif(0), spec(&[MAC], 100, None)).unwrap();
    let tunnel = TunnelId::new(0).unwrap();
    b.add_tunnel(tunnel, tunnel_spec(&[])).unwrap();
    b.add_nexthop(NexthopId::new(0).unwrap(), tunnel, Target::Vni(vni(5000))).unwrap();
    b
}

#[test]
fn what_was_built_is_found() {
    let mut b = built();
    let nexthop = NexthopId::new(0).unwrap();
    let stranger = IpAddr::V4(Ipv4Addr::new(172, 16, 0, 3));
    b.add_peer(stranger).unwrap();
    b.set_remote(network(0), &[nexthop], &[PEER]).unwrap();
    b.set_mac(network(0), MacAddr::new([2, 0, 0, 0, 0x20, 0x64]), Destination::Remote(nexthop)).unwrap();
    let s = b.finish();
    assert_eq!(s.destination(network(0), MAC), Some(Destination::Vif(vif(0))));
    assert_eq!(s.vnis.lookup(5000).inside(), Some(Inside::Network(network(0))));
    assert_eq!(s.labels.lookup(100).inside(), Some(Inside::Network(network(0))));
    assert!(s.labels.lookup(100).has_control_word() && !s.vnis.lookup(5000).has_control_word());
    let peer = |address| s.peer(s.vteps.lookup(vtep_key(address)).unwrap_or(0), address);
    let row = s.network(network(0)).unwrap();
    assert!(row.takes_flooding_from(peer(PEER).unwrap()) && row.has_peer(peer(PEER).unwrap()));
    assert!(!row.has_peer(peer(stranger).unwrap()));
    assert_eq!(peer(IpAddr::V6(Ipv6Addr::LOCALHOST)), None);
    assert_eq!(s.nexthop(nexthop).unwrap().shim(), 5000 << 8);
    assert_eq!(s.tunnel(TunnelId::new(0).unwrap()).unwrap().shape(), Shape::Unresolved);
}

#[test]
fn dangling_and_doubled_ids_are_refused() {
    let mut b = built();
    let absent = network(9);
    assert_eq!(b.add_network(absent, network_spec(5000, None)), Err(BuildError::VniTaken(vni(5000))));
    assert_eq!(b.add_network(absent, network_spec(5001, Some(100))), Err(BuildError::LabelTaken(label(100))));
    let mut b = built();
    assert_eq!(b.add_vif(vif(0), spec(&[OTHER], 101, None)), Err(BuildError::Taken(0)));
    let elsewhere = VifSpec { network: absent, ..spec(&[OTHER], 101, None) };
    assert_eq!(b.add_vif(vif(1), elsewhere), Err(BuildError::NoNetwork(absent)));
    let labelled = VifSpec { label: Some((label(100), false)), ..spec(&[OTHER], 101, None) };
    assert_eq!(b.add_vif(vif(1), labelled), Err(BuildError::LabelTaken(label(100))));
    let nexthop = NexthopId::new(5).unwrap();
    assert_eq!(b.set_mac(network(0), MAC, Destination::Remote(nexthop)), Err(BuildError::NoNexthop(nexthop)));
    assert_eq!(b.set_mac(network(0), MAC, Destination::Vif(vif(5))), Err(BuildError::NoVif(vif(5))));
    let group = MacAddr::BROADCAST;
    assert_eq!(b.set_mac(network(0), group, Destination::Vif(vif(0))), Err(BuildError::NotAStation(group)));
    let tunnel = TunnelId::new(3).unwrap();
    assert_eq!(b.set_paths(tunnel, &[]), Err(BuildError::NoTunnel(tunnel)));
    assert_eq!(b.add_nexthop(nexthop, tunnel, Target::Vni(vni(5))), Err(BuildError::NoTunnel(tunnel)));
    let vxlan = TunnelId::new(0).unwrap();
    assert_eq!(b.add_nexthop(nexthop, vxlan, Target::Label(label(20), false)), Err(BuildError::WrongTarget(vxlan)));
}

#[test]
fn amending_leaves_the_snapshot_before_as_it_was() {
    let before = built().finish();
    let mut b = Builder::amend(&before);
    assert!(b.remove_mac(network(0), MAC));
    let after = b.finish();
    assert!(before.destination(network(0), MAC).is_some());
    assert!(after.destination(network(0), MAC).is_none());
}

#[test]
fn interfaces_of_one_network_share_a_vlan_and_are_told_apart_by_source() {
    let mut b = built();
    b.add_vif(vif(1), spec(&[OTHER], 100, None)).unwrap();
    b.add_vif(vif(2), spec(&[MacAddr::new([2, 0, 0, 0, 0x10, 0x66])], 100, None)).unwrap();
    assert_eq!(b.add_vif(vif(3), spec(&[MAC], 100, None)), Err(BuildError::SourceTaken(MAC)));
    let s = b.finish();
    let VlanEntry::MacDemux(group) = s.vlans.lookup(port(0), vlan(100), None) else { panic!("no group") };
    assert_eq!(s.member(group, MAC.to_bits()), Some(vif(0)));
    assert_eq!(s.member(group, OTHER.to_bits()), Some(vif(1)));
    assert_eq!(s.member(group, 5), None);
    assert!((0..3).all(|n| s.vif(vif(n)).group() == Some(group)));
    assert_eq!(s.network(network(0)).unwrap().segments(), [vif(0)]);
    assert!(s.segment_owns(s.vif(vif(2)), MAC.to_bits()));
}

#[test]
fn interfaces_of_two_networks_cannot_share_a_vlan() {
    let mut b = built();
    b.add_network(network(1), network_spec(6000, None)).unwrap();
    let elsewhere = VifSpec { network: network(1), ..spec(&[OTHER], 100, None) };
    assert_eq!(b.add_vif(vif(1), elsewhere), Err(BuildError::VlanTaken(port(0), vlan(100))));
}

#[test]
fn inner_vlans_are_segments_of_their_own_beside_the_plain_one() {
    let mut b = built();
    b.set_tpid(port(0), Tpid::Service);
    b.add_vif(vif(1), spec(&[OTHER], 100, Some(7))).unwrap();
    let s = b.finish();
    assert_eq!(s.vlans.lookup(port(0), vlan(100), None), VlanEntry::Vif(vif(0)));
    assert_eq!(s.vlans.lookup(port(0), vlan(100), Some(vlan(7))), VlanEntry::Vif(vif(1)));
    assert_eq!(s.vlans.lookup(port(0), vlan(100), Some(vlan(8))), VlanEntry::None);
    assert!(s.vif(vif(0)).is_beside_inner() && !s.vif(vif(1)).is_beside_inner());
    assert_eq!((s.vif(vif(1)).outer_tag(), s.vif(vif(1)).inner_vlan().vid()), (0x88a8_0064, 7));
    assert_eq!(s.network(network(0)).unwrap().segments(), [vif(0), vif(1)]);
}

#[test]
fn flows_are_spread_over_all_ways_and_each_keeps_its_own() {
    let mut b = built();
    let tunnel = TunnelId::new(0).unwrap();
    assert_eq!(b.set_paths(tunnel, &[path(1, 1), path(2, 2), path(1, 3)]), Ok(true));
    assert_eq!(b.set_paths(tunnel, &[path(1, 1), path(2, 2), path(1, 3)]), Ok(false));
    let s = b.finish();
    let mut counts = [0; 3];
    for n in 0u32..3000 {
        let hash = n.wrapping_mul(0x9e37_79b1);
        let way = s.tunnel_for(tunnel, hash).unwrap();
        assert_eq!(way.header()[..6], s.tunnel_for(tunnel, hash).unwrap().header()[..6]);
        counts[usize::from(way.header()[5]) - 1] += 1;
    }
    assert!(counts.iter().all(|count| (900..1100).contains(count)), "{counts:?}");
    assert_eq!(s.ways(tunnel).map(Tunnel::port).collect::<Vec<_>>(), [port(1), port(2), port(1)]);
    let mut b = Builder::amend(&s);
    assert_eq!(b.set_paths(tunnel, &[path(2, 2)]), Ok(true));
    assert_eq!(b.finish().ways(tunnel).count(), 1);
    assert_eq!(s.ways(tunnel).count(), 3);
}

#[test]
fn a_way_by_a_port_that_is_not_the_fabrics_is_none() {
    let mut b = built();
    let tunnel = TunnelId::new(0).unwrap();
    assert_eq!(b.set_paths(tunnel, &[path(0, 1)]), Ok(false));
    assert_eq!(b.finish().tunnel(tunnel).unwrap().header_octets(), 0);
}

#[test]
fn an_address_that_several_interfaces_may_use_is_the_first_ones_unless_it_is_ones_own() {
    let shared = MacAddr::new([0, 0, 0x5e, 0, 1, 0x0a]);
    let third = MacAddr::new([2, 0, 0, 0, 0x10, 0x66]);
    let mut b = Builder::new(fabric(), 7);
    b.add_network(network(0), network_spec(5000, None)).unwrap();
    b.add_vif(vif(0), spec(&[MAC, shared, OTHER], 100, None)).unwrap();
    b.add_vif(vif(1), spec(&[OTHER, shared], 200, None)).unwrap();
    b.add_vif(vif(2), spec(&[third, MAC], 300, None)).unwrap();
    let s = b.finish();
    let at = |mac| s.destination(network(0), mac);
    assert_eq!(at(shared), Some(Destination::Vif(vif(0))));
    assert_eq!([at(MAC), at(OTHER), at(third)], [0, 1, 2].map(|n| Some(Destination::Vif(vif(n)))));
}

/// Interfaces 0 and 1 of network 0 that learn, on VLANs of their own.
fn learning() -> Builder {
    let mut b = built();
    b.add_vif(vif(1), spec(&[OTHER], 101, None)).unwrap();
    assert_eq!([0, 1].map(|n| b.set_learns(vif(n))), [Ok(true); 2]);
    b
}

const LEARNED: MacAddr = MacAddr::new([2, 0, 0, 0, 0x30, 0x01]);

#[test]
fn a_learned_station_is_known_by_its_interface_and_in_its_network_until_it_is_forgotten() {
    let (mut b, row) = (learning(), LearnedId::new(5).unwrap());
    assert_eq!(b.learn(vif(1), LEARNED, row), Ok(true));
    let s = b.finish();
    assert_eq!(s.learned_at(vif(1), LEARNED.to_bits()), Some(Learned::Here(row)));
    assert_eq!(s.learned_at(vif(0), LEARNED.to_bits()), None);
    assert_eq!(s.destination(network(0), LEARNED), Some(Destination::Vif(vif(1))));
    let mut b = Builder::amend(&s);
    b.forget(vif(0), LEARNED);
    assert!(b.next.is_learned(vif(1), LEARNED.to_bits()), "it was not there");
    b.forget(vif(1), LEARNED);
    let s = b.finish();
    assert_eq!((s.destination(network(0), LEARNED), s.learned.len()), (None, 0));
}

#[test]
fn what_is_known_otherwise_is_not_learned() {
    let (mut b, row) = (learning(), LearnedId::new(0).unwrap());
    let nexthop = NexthopId::new(0).unwrap();
    b.set_mac(network(0), LEARNED, Destination::Remote(nexthop)).unwrap();
    for mac in [MAC, LEARNED, MacAddr::VIRTUAL_ROUTER] {
        assert_eq!(b.learn(vif(1), mac, row), Ok(false), "{mac}");
    }
    assert_eq!(b.learn(vif(1), MacAddr::BROADCAST, row), Err(BuildError::NotAStation(MacAddr::BROADCAST)));
    assert_eq!(b.learn(vif(9), LEARNED, row), Err(BuildError::NoVif(vif(9))));
    b.forget(vif(0), MAC);
    assert_eq!(b.finish().destination(network(0), MAC), Some(Destination::Vif(vif(0))), "its own is no learned one");
}

#[test]
fn interfaces_that_share_a_vlan_do_not_learn() {
    let mut b = built();
    b.add_vif(vif(1), spec(&[OTHER], 100, None)).unwrap();
    assert_eq!([0, 1].map(|n| b.set_learns(vif(n))), [Ok(false); 2]);
    assert_eq!(b.set_learns(vif(9)), Err(BuildError::NoVif(vif(9))));
}

#[test]
fn an_interface_takes_no_stations_only_while_it_is_full_and_a_block_is_no_home() {
    let mut b = learning();
    b.set_full(vif(0), true).unwrap();
    b.block(vif(1), LEARNED).unwrap();
    assert!(b.next.takes_no_stations(vif(0)) && !b.next.takes_no_stations(vif(1)));
    assert_eq!(b.next.learned_at(vif(1), LEARNED.to_bits()), Some(Learned::Blocked));
    assert!(!b.next.is_learned(vif(1), LEARNED.to_bits()));
    assert_eq!(b.next.destination(network(0), LEARNED), None);
    b.set_full(vif(0), false).unwrap();
    b.forget(vif(1), LEARNED);
    assert!(!b.next.learned.is_empty(), "what is blocked was not learned");
    b.unblock(vif(1), LEARNED);
    assert!(b.finish().learned.is_empty());
}

#[test]
fn storm_budgets_stand_with_what_they_are_of() {
    let (mut b, budget) = (built(), StormBudget::new([Some(10), None, None]));
    b.set_vif_storm_budget(vif(0), budget).unwrap();
    b.set_network_storm_budget(network(0), budget).unwrap();
    assert_eq!(b.set_vif_storm_budget(vif(1), budget), Err(BuildError::NoVif(vif(1))));
    assert_eq!(b.set_network_storm_budget(network(1), budget), Err(BuildError::NoNetwork(network(1))));
    let s = b.finish();
    assert_eq!([s.vif_storm_budget(vif(0)), s.network_storm_budget(network(0))], [&budget; 2]);
}

#[test]
fn a_bpdu_network_has_vlan_0_of_its_members_beside_what_is_there() {
    let mut b = built();
    let control = ControlFrames::new(1, false, false);
    b.add_network(network(1), NetworkSpec { control: Some(control), ..network_spec(6000, None) }).unwrap();
    let member = VifSpec { network: network(1), ..spec(&[OTHER], 0, None) };
    let third = MacAddr::new([2, 0, 0, 0, 0x10, 0x66]);
    b.add_vif(vif(1), spec(&[third], 0, None)).unwrap();
    b.add_vif(vif(2), member).unwrap();
    b.add_vif(vif(3), spec(&[MacAddr::new([2, 0, 0, 0, 0x10, 0x67])], 0, None)).unwrap();
    b.add_vif(vif(4), VifSpec { port: port(1), ..member }).unwrap();
    assert_eq!(b.add_vif(vif(5), member), Err(BuildError::VlanTaken(port(0), vlan(0))));
    let tagged = VifSpec { vlan: vlan(7), ..member };
    assert_eq!(b.add_vif(vif(5), tagged), Err(BuildError::NotUntagged(port(0), vlan(7))));
    let s = b.finish();
    assert_eq!(s.network(network(1)).unwrap().segments(), [vif(2), vif(4)]);
    assert_eq!(s.network(network(0)).unwrap().segments(), [vif(0), vif(1)]);
    let VlanEntry::Control(number) = s.vlans.port(port(0)).lookup(wire::Tci::new(0)) else { panic!("no member") };
    let ControlVlan { vif: own, others: VlanEntry::MacDemux(group) } = s.vlans.control(number).unwrap() else {
        panic!("the other two are a group")
    };
    assert_eq!((own, s.member(group, third.to_bits())), (vif(2), Some(vif(1))));
    let other = s.vlans.port(port(1)).control().and_then(|number| s.vlans.control(number));
    assert_eq!(other, Some(ControlVlan { vif: vif(4), others: VlanEntry::None }));
    // Whoever uses the address of the network's VMI is anybody.
    assert!(s.destination(network(1), OTHER).is_none() && !s.vif(vif(2)).owns(OTHER.to_bits()));
}
