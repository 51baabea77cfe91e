//! The largest network to design for: 64 k VMIs in 4,096 networks on 17 ports, and a million stations behind the fabric.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use control::config::{NETWORK_FILE_LIMIT, NodeModel, parse_network, parse_node};

const VMIS: u32 = 65_536;
const NETWORKS: u32 = 4096;
const VLANS: u32 = 4094;
const STATIONS: u32 = 1 << 20;

fn node(ports: u32) -> NodeModel {
    let access: String =
        (0..ports).map(|n| format!("  - {{ name: p{n}, role: access, device: net_ring{n} }}\n")).collect();
    let text = format!(
        "version: 1\nname: gw1\nmode: server\ncores: {{ workers: [1] }}\nlimits: {{ vmis: {VMIS} }}\nports:\n{access}\
         \x20 - {{ name: f, role: fabric, device: net_ring99 }}\nfabric: {{ address: 172.16.0.1/24, host_interface: h }}\n"
    );
    parse_node(&text, "node.yaml").unwrap_or_else(|e| panic!("{e}")).model
}

fn mac(prefix: u8, n: u32) -> String {
    let [a, b, c, d] = n.to_be_bytes();
    format!("02:{prefix:02x}:{a:02x}:{b:02x}:{c:02x}:{d:02x}")
}

/// Networks, and VMIs with their instance IPs and logical interfaces, written as the example is.
fn vmis(ports: u32) -> Result<String, std::fmt::Error> {
    let mut text = "version: 1\nphysical_routers:\n  - name: gw1\nphysical_interfaces:\n".to_owned();
    for port in 0..ports {
        writeln!(text, "  - name: p{port}\n    physical_router: gw1")?;
    }
    text.push_str("virtual_networks:\n");
    for n in 0..NETWORKS {
        writeln!(text, "  - name: network-{n}\n    vxlan_network_identifier: {}", n + 1)?;
    }
    text.push_str("virtual_machine_interfaces:\n");
    for n in 0..VMIS {
        writeln!(
            text,
            "  - name: vmi-{n}\n    virtual_network: network-{}\n    mac_address: {}",
            n % NETWORKS,
            mac(0, n)
        )?;
    }
    text.push_str("instance_ips:\n");
    for n in 0..VMIS {
        let [_, b, c, d] = n.to_be_bytes();
        writeln!(
            text,
            "  - name: ip-{n}\n    virtual_machine_interface: vmi-{n}\n    instance_ip_address: 10.{b}.{c}.{d}"
        )?;
    }
    text.push_str("logical_interfaces:\n");
    for n in 0..VMIS {
        let (port, vlan) = (n / VLANS, n % VLANS + 1);
        writeln!(
            text,
            "  - name: p{port}.{vlan}\n    physical_interface: gw1:p{port}\n    logical_interface_vlan_tag: {vlan}\n    \
             virtual_machine_interfaces: [vmi-{n}]"
        )?;
    }
    Ok(text)
}

fn stations(text: &mut String) -> std::fmt::Result {
    text.push_str("static_reachability:\n");
    for network in 0..NETWORKS {
        writeln!(text, "  - virtual_network: network-{network}\n    vtep: 172.16.1.2\n    mac_addresses:")?;
        for n in 0..STATIONS / NETWORKS {
            writeln!(text, "      - {}", mac(1, n))?;
        }
    }
    Ok(())
}

#[test]
fn the_largest_network_is_read_in_seconds() {
    let ports = VMIS.div_ceil(VLANS);
    let node = node(ports);
    let mut text = vmis(ports).expect("to a string");
    let read = |text: &str| {
        let start = Instant::now();
        let model = parse_network(text, "network.yaml", &node).unwrap_or_else(|e| panic!("{e}")).model;
        println!("{} octets in {:?}", text.len(), start.elapsed());
        assert!(text.len() as u64 <= NETWORK_FILE_LIMIT && start.elapsed() < Duration::from_secs(30));
        model
    };
    assert_eq!(read(&text).served.len(), VMIS as usize);
    stations(&mut text).expect("to a string");
    let model = read(&text);
    let stations: usize = model.reachability_here().map(|entry| entry.stations.len()).sum();
    assert_eq!((model.served.len(), stations), (VMIS as usize, STATIONS as usize));
}

/// 1,024 VMIs on each of 64 VLANs, a quarter of which have an inner tag, and 64 k stations with labels of their own.
#[test]
fn a_thousand_macs_on_each_vlan_are_read_in_seconds() {
    const SHARE: u32 = 1024;
    let node = node(1);
    let mut text =
        "version: 1\nphysical_routers: [{ name: gw1 }]\nphysical_interfaces: [{ name: p0, physical_router: gw1 }]\n\
                    virtual_networks:\n"
            .to_owned();
    let write = |text: &mut String| -> std::fmt::Result {
        for vlan in 0..VMIS / SHARE {
            writeln!(
                text,
                "  - {{ name: n{vlan}, vxlan_network_identifier: {}, mpls_label: {} }}",
                vlan + 1,
                vlan + 16
            )?;
        }
        text.push_str("virtual_machine_interfaces:\n");
        for n in 0..VMIS {
            writeln!(text, "  - {{ name: v{n}, virtual_network: n{}, mac_address: '{}' }}", n / SHARE, mac(0, n))?;
        }
        text.push_str("logical_interfaces:\n");
        for vlan in 0..VMIS / SHARE {
            writeln!(
                text,
                "  - name: l{vlan}\n    physical_interface: gw1:p0\n    logical_interface_vlan_tag: {}",
                vlan + 1
            )?;
            if vlan % 4 == 0 {
                text.push_str("    logical_interface_inner_vlan_tag: 7\n");
            }
            let vmis: Vec<String> = (0..SHARE).map(|n| format!("v{}", vlan * SHARE + n)).collect();
            writeln!(text, "    virtual_machine_interfaces: [{}]", vmis.join(", "))?;
        }
        text.push_str("static_reachability:\n");
        for network in 0..VMIS / SHARE {
            writeln!(text, "  - virtual_network: n{network}\n    vtep: 172.16.0.2\n    encapsulations: [MPLSoUDP]")?;
            text.push_str("    mac_labels:\n");
            for n in 0..SHARE {
                let label = 1000 + network * SHARE + n;
                writeln!(text, "      - {{ mac: '{}', label: {label} }}", mac(1, n))?;
            }
        }
        Ok(())
    };
    write(&mut text).expect("to a string");
    let start = Instant::now();
    let model = parse_network(&text, "network.yaml", &node).unwrap_or_else(|e| panic!("{e}")).model;
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
    let stations: usize = model.reachability_here().map(|entry| entry.stations.len()).sum();
    assert_eq!((model.served.len(), stations), (VMIS as usize, VMIS as usize));
    assert!(model.logical_interfaces.iter().all(|interface| interface.vmis.len() == SHARE as usize));
}
