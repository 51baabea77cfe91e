//! Several gateways serve the same instances on one LAN, with no STP at all: nothing loops, and copies are bounded.
//!
//! The LAN is the worst that there is: it gives every frame to every other gateway, whatever its destination. So is the
//! fabric: gateways flood to each other.

#![allow(clippy::disallowed_macros, reason = "what is banned from the packet path may serve to test it")]

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::Ipv4Addr;
use testkit::packets::{Overlay, ethernet};
use testkit::{Access, Fabric, Gateway, Link, Mac, Network, Reach, VirtualNetwork, Vmi, Vtep};
use wire::Encapsulation;

const ACCESS: usize = 0;
const FABRIC: usize = 1;
const REMOTE: Mac = [2, 0, 0, 0, 0x20, 1];
const BROADCAST: Mac = [0xff; 6];
const MULTICAST: Mac = [1, 0, 0x5e, 0, 0, 0x0a];
const UNKNOWN: Mac = [2, 0xee, 0, 0, 0, 1];
/// The VTEP beside the gateways, which is somebody else's.
const HOST: Ipv4Addr = Ipv4Addr::new(172, 16, 0, 200);

fn underlay_mac(gateway: usize) -> Mac {
    [2, 0xfa, 0, 0, 0, gateway as u8 + 1]
}

fn address(gateway: usize) -> Ipv4Addr {
    Ipv4Addr::new(172, 16, 0, gateway as u8 + 1)
}

/// An instance: its network, its MACs, and its VLAN at each gateway that serves it.
#[derive(Debug, Clone)]
struct Instance {
    network: usize,
    macs: Vec<Mac>,
    vlans: Vec<Option<u16>>,
}

const VNIS: [u32; 2] = [5100, 5200];

fn fabric(gateway: usize) -> Fabric {
    let links = vec![Link { mac: underlay_mac(gateway), mtu: 1600 }];
    Fabric { links, address: Some(address(gateway)), ..Fabric::default() }
}

fn network(vni: u32) -> VirtualNetwork {
    let control_word = vni == VNIS[1];
    VirtualNetwork { label: Some(vni), control_word, flood_unknown_unicast: true, ..VirtualNetwork::new(vni) }
}

/// What gateway number `me` of `count` serves: every other one is a VTEP that it floods to.
fn view(me: usize, count: usize, instances: &[Instance]) -> Network {
    let others = (0..count).filter(|other| *other != me);
    let mut vteps: Vec<Vtep> =
        others.map(|other| Vtep { address: address(other).into(), paths: vec![(0, underlay_mac(other))] }).collect();
    vteps.push(Vtep { address: HOST.into(), paths: vec![(0, [2, 0xfa, 0, 0, 0, 200])] });
    let everywhere = (0..VNIS.len()).flat_map(|network| (0..vteps.len()).map(move |vtep| (network, vtep)));
    let remote = |vtep, network| if vtep + 1 == count && network == 0 { vec![REMOTE] } else { vec![] };
    Network {
        fabric: fabric(me),
        access: vec![Access::trunk(1500)],
        networks: VNIS.map(network).into(),
        vmis: instances
            .iter()
            .filter_map(|i| {
                let (vlan, inner, label) = (i.vlans[me]?, None, None);
                Some(Vmi { network: i.network, port: ACCESS, vlan, inner, label, macs: i.macs.clone() })
            })
            .collect(),
        reach: everywhere
            .map(|(network, vtep)| Reach {
                network,
                vtep,
                // Whatever the encapsulation: one of each between the gateways.
                encapsulation: Encapsulation::ALL[vtep % 3],
                label: None,
                flood: true,
                macs: remote(vtep, network),
            })
            .collect(),
        vteps,
        bindings: vec![],
    }
}

/// What was seen on the wires until they fell silent.
#[derive(Debug, Default)]
struct Seen {
    /// Frames that gateways sent to the LAN, by VLAN.
    lan: BTreeMap<u16, usize>,
    /// Packets that reached the VTEP beside the gateways.
    host: usize,
    /// Packets between gateways.
    between: usize,
}

struct World {
    gateways: Vec<Gateway>,
}

impl World {
    fn new(count: usize, instances: &[Instance]) -> Self {
        Self { gateways: (0..count).map(|me| Gateway::new(&view(me, count, instances))).collect() }
    }

    /// An instance sends a frame, which every gateway on the LAN hears.
    fn instance_sends(&mut self, frame: &[u8]) -> Seen {
        let heard = (0..self.gateways.len()).map(|gateway| (gateway, ACCESS, frame.to_vec())).collect();
        self.until_silent(heard)
    }

    /// The host behind the fabric sends a frame to every gateway.
    fn host_sends(&mut self, vni: u32, inner: &[u8]) -> Seen {
        let packet = |gateway| {
            let packet = Overlay::new(&fabric(gateway), HOST.into(), Encapsulation::Vxlan, vni, inner.to_vec());
            (gateway, FABRIC, packet.octets())
        };
        let heard = (0..self.gateways.len()).map(packet).collect();
        self.until_silent(heard)
    }

    /// Carries frames between the gateways until there are none.
    fn until_silent(&mut self, mut wires: VecDeque<(usize, usize, Vec<u8>)>) -> Seen {
        let mut seen = Seen::default();
        let mut carried = 0;
        while let Some((gateway, port, frame)) = wires.pop_front() {
            carried += 1;
            assert!(carried < 10_000, "a loop: {seen:?}");
            for (port, frame) in self.gateways[gateway].pass(port, frame).sent {
                if port == ACCESS {
                    *seen.lan.entry(vlan(&frame)).or_default() += 1;
                    let hearers = (0..self.gateways.len()).filter(|other| *other != gateway);
                    wires.extend(hearers.map(|other| (other, ACCESS, frame.clone())));
                } else if let Some(other) = (0..self.gateways.len()).find(|n| frame[..6] == underlay_mac(*n)) {
                    seen.between += 1;
                    wires.push_back((other, FABRIC, frame));
                } else {
                    seen.host += 1;
                }
            }
        }
        self.gateways.iter_mut().for_each(|gateway| {
            gateway.settle();
        });
        seen
    }
}

fn vlan(frame: &[u8]) -> u16 {
    assert_eq!(frame[12..14], [0x81, 0]);
    u16::from_be_bytes([frame[14], frame[15]])
}

fn frame(vlan: u16, to: Mac, by: Mac) -> Vec<u8> {
    ethernet(to, by, &[vlan], 0x88b5, &[0x77; 300])
}

fn instance(n: u8, gateways: usize) -> Instance {
    let vlan = 100 + u16::from(n);
    Instance { network: 0, macs: vec![[2, 0, 0, 0, 0x10, n]], vlans: vec![Some(vlan); gateways] }
}

#[test]
fn one_instance_behind_two_gateways_never_hears_itself() {
    let mut world = World::new(2, &[instance(0, 2)]);
    for to in [BROADCAST, MULTICAST, UNKNOWN] {
        let seen = world.instance_sends(&frame(100, to, [2, 0, 0, 0, 0x10, 0]));
        assert_eq!(seen.lan, BTreeMap::new());
        // Both gateways flood to the host and to each other, and what came from the fabric does not return to it.
        assert_eq!((seen.host, seen.between), (2, 2));
    }
}

#[test]
fn what_the_host_floods_reaches_an_instance_once_a_gateway() {
    let mut world = World::new(2, &[instance(0, 2)]);
    for to in [BROADCAST, MULTICAST, UNKNOWN] {
        let seen = world.host_sends(5100, &ethernet(to, REMOTE, &[], 0x88b5, &[0x77; 300]));
        assert_eq!((seen.lan, seen.host, seen.between), ([(100, 2)].into(), 0, 0));
    }
}

#[test]
fn two_instances_behind_two_gateways_hear_each_other_a_bounded_number_of_times() {
    let mut world = World::new(2, &[instance(0, 2), instance(1, 2)]);
    for to in [BROADCAST, MULTICAST, UNKNOWN] {
        let seen = world.instance_sends(&frame(100, to, [2, 0, 0, 0, 0x10, 0]));
        // From each gateway its own copy, and the one that it got from the other.
        assert_eq!((seen.lan, seen.host, seen.between), ([(101, 4)].into(), 2, 2));
    }
}

#[test]
fn three_gateways_do_not_loop_either() {
    let mut world = World::new(3, &[instance(0, 3), instance(1, 3), instance(2, 3)]);
    let seen = world.instance_sends(&frame(100, BROADCAST, [2, 0, 0, 0, 0x10, 0]));
    assert_eq!((seen.lan, seen.host, seen.between), ([(101, 9), (102, 9)].into(), 3, 6));
}

/// Instances 0, 1 and 2 share VLAN 100, instance 3 has VLAN 103.
fn sharing(gateways: usize) -> Vec<Instance> {
    let mut all: Vec<Instance> = (0..4).map(|n| instance(n, gateways)).collect();
    all[..3].iter_mut().for_each(|instance| instance.vlans = vec![Some(100); gateways]);
    all
}

#[test]
fn instances_that_share_a_vlan_never_hear_it_again_through_two_gateways() {
    let mut world = World::new(2, &sharing(2));
    for to in [BROADCAST, MULTICAST, UNKNOWN] {
        for sender in 0..3 {
            let seen = world.instance_sends(&frame(100, to, [2, 0, 0, 0, 0x10, sender]));
            // Nothing on VLAN 100: its own LAN has brought it to the others there.
            assert_eq!((seen.lan, seen.host, seen.between), ([(103, 4)].into(), 2, 2));
        }
        let seen = world.instance_sends(&frame(103, to, [2, 0, 0, 0, 0x10, 3]));
        assert_eq!((seen.lan, seen.host, seen.between), ([(100, 4)].into(), 2, 2));
        let seen = world.host_sends(5100, &ethernet(to, REMOTE, &[], 0x88b5, &[0x77; 300]));
        // One copy a gateway and VLAN, however many instances are on it.
        assert_eq!((seen.lan, seen.host, seen.between), ([(100, 2), (103, 2)].into(), 0, 0));
    }
}

#[test]
fn unicast_between_instances_that_share_a_vlan_stays_on_their_lan() {
    let mut world = World::new(2, &sharing(2));
    let seen = world.instance_sends(&frame(100, [2, 0, 0, 0, 0x10, 1], [2, 0, 0, 0, 0x10, 0]));
    assert_eq!((seen.lan, seen.host, seen.between), (BTreeMap::new(), 0, 0));
    let seen = world.instance_sends(&frame(103, [2, 0, 0, 0, 0x10, 1], [2, 0, 0, 0, 0x10, 3]));
    assert_eq!((seen.lan, seen.host, seen.between), ([(100, 2)].into(), 0, 0));
}

/// Up to four gateways; VLANs with up to three instances, which a gateway serves all or none of.
fn shared_world() -> impl Strategy<Value = (usize, Vec<Instance>)> {
    (1usize..5).prop_flat_map(|gateways| {
        let vlans = vec(proptest::option::weighted(0.8, 0u16..2), gateways);
        let macs = vec(vec((0u8..6).prop_map(|n| [2, 0, 0, 0, 0x10, n]), 1..3), 1..4);
        let groups = vec((0usize..2, macs, vlans), 1..4).prop_map(|groups| {
            let mut instances = vec![];
            for ((network, members, mut vlans), first) in groups.into_iter().zip((100..).step_by(2)) {
                vlans.iter_mut().flatten().for_each(|vlan| *vlan += first);
                let mut taken = BTreeSet::new();
                for macs in members {
                    // No address twice on one VLAN.
                    let macs: Vec<Mac> = macs.into_iter().filter(|mac| taken.insert(*mac)).collect();
                    if !macs.is_empty() {
                        instances.push(Instance { network, macs, vlans: vlans.clone() });
                    }
                }
            }
            instances
        });
        (Just(gateways), groups)
    })
}

/// Up to four gateways; instances with MACs that may also be another's (VRRP), each on one of two VLANs of its own.
///
/// A VLAN of the LAN is one instance's, whichever gateway serves it. If it were one's at this gateway and another's of the
/// same network at that, the overlay would join the VLAN with itself.
fn world() -> impl Strategy<Value = (usize, Vec<Instance>)> {
    (1usize..5).prop_flat_map(|gateways| {
        let vlans = vec(proptest::option::weighted(0.8, 0u16..2), gateways);
        let instance = (0usize..2, vec((0u8..6).prop_map(|n| [2, 0, 0, 0, 0x10, n]), 1..4), vlans);
        let instance = instance.prop_map(|(network, macs, vlans)| Instance { network, macs, vlans });
        let instances = vec(instance, 1..6).prop_map(|mut all: Vec<Instance>| {
            for (instance, first) in all.iter_mut().zip((100..).step_by(2)) {
                instance.vlans.iter_mut().flatten().for_each(|vlan| *vlan += first);
            }
            all
        });
        (Just(gateways), instances)
    })
}

fn destination() -> impl Strategy<Value = Mac> {
    let instance = (0u8..6).prop_map(|n| [2, 0, 0, 0, 0x10, n]);
    prop_oneof![Just(BROADCAST), Just(MULTICAST), Just(UNKNOWN), Just(REMOTE), instance]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_topology_loops_and_copies_are_bounded(
        (count, instances) in prop_oneof![world(), shared_world()],
        (sender, gateway, mac) in any::<(Index, Index, Index)>(),
        to in destination(),
        stranger in proptest::option::weighted(0.1, destination()),
        vni in prop::sample::select(&VNIS[..]),
    ) {
        let sender = &instances[sender.index(instances.len())];
        let vlan = sender.vlans[gateway.index(count)].unwrap_or(100);
        let by = stranger.unwrap_or(sender.macs[mac.index(sender.macs.len())]);
        let mut world = World::new(count, &instances);
        // Each VLAN stands for at most one instance at each gateway; a gateway sends it its own copy, and one for each
        // copy that it got from another gateway.
        let most = count * count;
        for seen in [world.instance_sends(&frame(vlan, to, by)), world.host_sends(vni, &ethernet(to, by, &[], 0x88b5, &[7; 60]))] {
            for (vlan, copies) in &seen.lan {
                prop_assert!(*copies <= most, "{copies} copies on VLAN {vlan}: {seen:?}");
            }
            prop_assert!(seen.host <= count && seen.between <= count * count, "{seen:?}");
        }
    }
}
