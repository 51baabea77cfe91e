use super::*;

fn fabric() -> Fabric {
    Fabric {
        port: PortIndex::new(1).unwrap(),
        mac: MacAddr::new([2, 0, 0, 0, 0, 1]),
        vlan: None,
        address: Ipv4Addr::new(172, 16, 0, 1),
        mtu: 1600,
        source_check: SourceCheck::Known,
    }
}

fn vni(v: u64) -> Vni {
    Vni::try_from(v).unwrap()
}

const MAC: MacAddr = MacAddr::new([2, 0, 0, 0, 0x10, 0x64]);

/// A network 0 with VNI 5000, VLAN 100 of port 0 as interface 0, tunnel 0 and next hop 0 to 172.16.0.2.
fn built() -> Builder {
    let mut b = Builder::new(fabric(), 7);
    let network = NetworkId::new(0).unwrap();
    b.add_network(network, NetworkSpec { vni: vni(5000), flood_unknown_unicast: false }).unwrap();
    b.add_vif(VifIndex::new(0).unwrap(), spec(network, 100)).unwrap();
    let tunnel = TunnelId::new(0).unwrap();
    b.add_tunnel(tunnel, TunnelSpec { remote: Ipv4Addr::new(172, 16, 0, 2), outer: None }).unwrap();
    b.add_nexthop(NexthopId::new(0).unwrap(), tunnel, vni(5000)).unwrap();
    b
}

fn spec(network: NetworkId, vlan: u32) -> VifSpec<'static> {
    let vlan = VlanId::try_from(vlan).unwrap();
    VifSpec { network, port: PortIndex::new(0).unwrap(), vlan, sources: &[MAC], max_payload: 1500 }
}

#[test]
fn what_was_built_is_found() {
    let mut b = built();
    let network = NetworkId::new(0).unwrap();
    let nexthop = NexthopId::new(0).unwrap();
    b.set_remote(network, &[nexthop], &[Ipv4Addr::new(172, 16, 0, 2)]).unwrap();
    b.set_mac(network, MacAddr::new([2, 0, 0, 0, 0x20, 0x64]), Destination::Remote(nexthop)).unwrap();
    let s = b.finish();
    assert_eq!(s.destination(network, MAC), Some(Destination::Vif(VifIndex::new(0).unwrap())));
    assert_eq!(s.vnis.lookup(5000), Some(network));
    assert!(s.network(network).unwrap().takes_flooding_from(0xac10_0002));
    assert!(!s.network(network).unwrap().has_peer(0xac10_0003));
    assert_eq!(s.nexthop(nexthop).unwrap().shim(), 5000 << 8);
    assert_eq!(s.vteps.lookup(vtep_key(0xac10_0002)), Some(1));
    assert_eq!(s.tunnel(TunnelId::new(0).unwrap()).unwrap().header_octets(), 0);
}

#[test]
fn dangling_and_doubled_ids_are_refused() {
    let mut b = built();
    let (network, absent) = (NetworkId::new(0).unwrap(), NetworkId::new(9).unwrap());
    let vif = |n| VifIndex::new(n).unwrap();
    let spec_9 = NetworkSpec { vni: vni(5000), flood_unknown_unicast: false };
    assert_eq!(b.add_network(absent, spec_9), Err(BuildError::VniTaken(vni(5000))));
    assert_eq!(b.add_vif(vif(0), spec(network, 101)), Err(BuildError::Taken(0)));
    assert!(matches!(b.add_vif(vif(1), spec(network, 100)), Err(BuildError::VlanTaken(..))));
    assert_eq!(b.add_vif(vif(1), spec(absent, 101)), Err(BuildError::NoNetwork(absent)));
    let nexthop = NexthopId::new(5).unwrap();
    assert_eq!(b.set_mac(network, MAC, Destination::Remote(nexthop)), Err(BuildError::NoNexthop(nexthop)));
    assert_eq!(b.set_mac(network, MAC, Destination::Vif(vif(5))), Err(BuildError::NoVif(vif(5))));
    let group = MacAddr::BROADCAST;
    assert_eq!(b.set_mac(network, group, Destination::Vif(vif(0))), Err(BuildError::NotAStation(group)));
    let tunnel = TunnelId::new(3).unwrap();
    assert_eq!(b.set_outer(tunnel, None), Err(BuildError::NoTunnel(tunnel)));
    assert_eq!(b.add_nexthop(nexthop, tunnel, vni(5)), Err(BuildError::NoTunnel(tunnel)));
}

#[test]
fn amending_leaves_the_snapshot_before_as_it_was() {
    let before = built().finish();
    let network = NetworkId::new(0).unwrap();
    let mut b = Builder::amend(&before);
    assert!(b.remove_mac(network, MAC));
    let after = b.finish();
    assert!(before.destination(network, MAC).is_some());
    assert!(after.destination(network, MAC).is_none());
}
