use super::*;
use crate::config::{self, Loaded};
use hashbrown::HashSet;
use proptest::collection::vec;
use proptest::prelude::*;
use telemetry::notices::{Heard, HeardHow, channel};
use wire::MacAddr;

const NODE: &str = include_str!("../../../../config/node.yaml");

/// One VMI: its network, the gateway's number that serves it, its VLAN, and further MACs by number.
#[derive(Debug, Clone)]
struct Vmi {
    network: usize,
    gateway: usize,
    vlan: u16,
    pairs: Vec<u8>,
}

fn mac(n: usize) -> String {
    format!("02:00:00:00:10:{n:02x}")
}

/// The network file of these VMIs, with `stations` of network 0 behind a VTEP, by the numbers of MACs.
fn network_file(vmis: &[Vmi], stations: &[u8]) -> String {
    let mut text = "version: 1
physical_routers: [{ name: gw1 }, { name: gw2 }]
physical_interfaces:
  - { name: access0, physical_router: gw1 }
  - { name: access0, physical_router: gw2 }
virtual_networks:
  - name: net0
    vxlan_network_identifier: 100
    ipam_subnets:
      - { subnet: 10.0.0.0/24, default_gateway: 10.0.0.1, dns_server_address: 10.0.0.2 }
      - { subnet: \"2001:db8::/64\", default_gateway: \"2001:db8::1\" }
  - { name: net1, vxlan_network_identifier: 101, forwarding_mode: l2 }
virtual_machine_interfaces:
"
    .to_owned();
    for (n, vmi) in vmis.iter().enumerate() {
        let pairs: Vec<String> =
            vmi.pairs.iter().map(|pair| format!("{{ mac: \"{}\" }}", mac(usize::from(*pair)))).collect();
        let (own, network) = (mac(n), vmi.network);
        text += &format!("  - {{ name: vmi{n}, virtual_network: net{network}, mac_address: \"{own}\"");
        text += &if pairs.is_empty() {
            " }\n".into()
        } else {
            format!(", allowed_address_pairs: [{}] }}\n", pairs.join(", "))
        };
    }
    text += "instance_ips:\n";
    for n in 0..vmis.len() {
        for (family, address) in [(4, format!("10.0.0.{}", 10 + n)), (6, format!("\"2001:db8::{:x}\"", 16 + n))] {
            text += &format!(
                "  - {{ name: ip{n}v{family}, virtual_machine_interface: vmi{n}, instance_ip_address: {address} }}\n"
            );
        }
    }
    text += "logical_interfaces:\n";
    let mut places: Vec<(usize, u16)> = vmis.iter().map(|vmi| (vmi.gateway, vmi.vlan)).collect();
    places.sort_unstable();
    places.dedup();
    for (gateway, vlan) in places {
        let here = vmis.iter().enumerate().filter(|(_, vmi)| (vmi.gateway, vmi.vlan) == (gateway, vlan));
        let here: Vec<String> = here.map(|(n, _)| format!("vmi{n}")).collect();
        text += &format!(
            "  - {{ name: gw{gateway}.{vlan}, physical_interface: \"gw{gateway}:access0\", logical_interface_vlan_tag: {vlan}, \
             virtual_machine_interfaces: [{}] }}\n",
            here.join(", ")
        );
    }
    if !stations.is_empty() {
        let stations: Vec<String> = stations.iter().map(|n| format!("\"{}\"", mac(usize::from(*n)))).collect();
        text += &format!(
            "static_reachability: [{{ virtual_network: net0, vtep: 172.16.0.2, mac_addresses: [{}] }}]\n",
            stations.join(", ")
        );
    }
    text
}

fn loaded(text: &str) -> Option<Loaded> {
    let node = config::parse_node(NODE, "node.yaml").expect("the example is legal").model;
    let network = config::parse_network(text, "network.yaml", &node).ok()?.model;
    Some(Loaded { node, network, warnings: vec![] })
}

fn rows(loaded: &Loaded) -> Vec<Option<VifRow>> {
    let row = |n| VifRow { index: VifIndex::new(n).expect("a test has few"), is_new: true };
    (0..loaded.network.served.len()).map(|n| Some(row(n))).collect()
}

/// What control originates within some seconds in which everybody is heard, by interface.
fn originated(loaded: &Loaded) -> Vec<(VifIndex, Vec<u8>)> {
    let mut now = Instant::now();
    let (mut sender, receiver) = channel(4096, 1_000_000_000);
    let mut access = Access::new(now, &loaded.node, vec![receiver], vec![], 1);
    access.configure(now, loaded, &rows(loaded), 0);
    access.set_port(now, PortIndex::new(0).expect("a port"), true);
    let mut sent = Vec::new();
    let tables = crate::tables::Tables::new(vec![], 1, 7).empty(&loaded.node);
    let told = Arc::new(WorkerTelemetry::new(1));
    for _ in 0..1_200 {
        now += Duration::from_millis(5);
        access.turn(now, InForce { current: &tables, next: 2, oldest_in_use: 1 }, |vif, frame| {
            sent.push((vif, frame.to_vec()));
            true
        });
        for (target, _) in access.reachability().iter() {
            let heard = Heard { vif: target.vif, address: target.address, mac: target.mac, how: HeardHow::Reply };
            sender.send(&told.notices, Notice::Heard(heard));
        }
    }
    sent
}

fn vmi() -> impl Strategy<Value = Vmi> {
    // A VLAN is of one network.
    (0usize..2, 1usize..3, 0u16..3, vec(0u8..16, 0..3)).prop_map(|(network, gateway, vlan, pairs)| Vmi {
        network,
        gateway,
        vlan: vlan * 2 + network as u16,
        pairs,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn nothing_that_control_originates_bears_a_source_that_is_at_home_where_it_goes(
        vmis in vec(vmi(), 1..9),
        stations in vec(0u8..20, 0..6).prop_map(|mut stations| { stations.sort_unstable(); stations.dedup(); stations }),
    ) {
        // Not all of these are legal: a MAC may be two stations'.
        let Some(loaded) = loaded(&network_file(&vmis, &stations)) else { return Ok(()) };
        let network = &loaded.network;
        for (vif, frame) in originated(&loaded) {
            let source = MacAddr::new(frame[6..12].try_into().expect("six octets"));
            let to = &network.served[vif.row()];
            let on_vlan = network.served.iter().filter(|other| {
                (other.port, other.vlan, other.inner_vlan) == (to.port, to.vlan, to.inner_vlan)
            });
            for vmi in on_vlan.map(|served| &network[served.vmi]) {
                prop_assert!(vmi.mac != source && vmi.allowed_address_pairs.iter().all(|pair| pair.mac != source));
            }
            let is_router = source == MacAddr::VIRTUAL_ROUTER;
            let is_l2 = network[network[to.vmi].virtual_network].name.as_str() == "net1";
            prop_assert!(!(is_router && is_l2), "the virtual router is not in a network of l2");
        }
    }
}

fn simple(network: usize, gateway: usize, vlan: u16) -> Vmi {
    Vmi { network, gateway, vlan, pairs: vec![] }
}

#[test]
fn every_address_is_asked_for_from_the_service_address_of_its_subnet() {
    let loaded = loaded(&network_file(&[simple(0, 1, 0), simple(1, 1, 1), simple(0, 2, 0)], &[])).expect("legal");
    let targets = targets::targets(&loaded, &rows(&loaded), 7);
    let of: Vec<(String, Option<String>)> = targets
        .iter()
        .map(|target| (target.address.to_string(), target.source.map(|source| source.to_string())))
        .collect();
    let some = |text: &str| Some(text.to_owned());
    // Neither the VMI of the network of l2, nor that of the other gateway.
    assert_eq!(of, [("10.0.0.10".into(), some("10.0.0.2")), ("2001:db8::10".into(), some("2001:db8::1"))]);
    assert!(targets.iter().all(|target| target.since_generation == 7));
}

#[test]
fn a_disabled_vmi_is_neither_asked_nor_told_anything() {
    let text =
        network_file(&[simple(0, 1, 0)], &[9]).replace("mac_address:", "id_perms: { enable: false }, mac_address:");
    let loaded = loaded(&text).expect("legal");
    assert!(targets::targets(&loaded, &[None], 1).is_empty());
    assert!(targets::segments(&loaded, &[None]).0.is_empty());
}

#[test]
fn the_router_s_addresses_are_announced_and_the_members_behind_the_fabric() {
    let vmis = [simple(0, 1, 0), simple(0, 1, 2), simple(0, 2, 4), simple(1, 1, 1)];
    let loaded = loaded(&network_file(&vmis, &[9])).expect("legal");
    let sent: HashSet<(usize, Vec<u8>)> = originated(&loaded).into_iter().map(|(vif, f)| (vif.row(), f)).collect();
    // In the order of the VLANs: the network of l2 is between.
    let router = ["10.0.0.1", "10.0.0.2", "2001:db8::1", "fe80::200:5eff:fe00:100"];
    for vif in [0, 2] {
        for address in router {
            let frame = frames::router_has(address.parse().expect("an address"));
            assert!(sent.contains(&(vif, frame.to_vec())), "{address} on interface {vif}");
        }
        // The other gateway's VMI and the station, but not the MAC of our own.
        for (n, told) in [(2, true), (9, true), (0, false), (1, false)] {
            let frame = frames::station_is_here(mac(n).parse().expect("a MAC"));
            assert_eq!(sent.contains(&(vif, frame.to_vec())), told, "MAC {n} on interface {vif}");
        }
    }
    assert!(sent.iter().all(|(vif, _)| *vif != 1), "nothing in the network of l2 without members elsewhere");
}
