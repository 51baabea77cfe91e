//! `vif`: interfaces.

use std::{
    fmt::Write,
    net::{IpAddr, Ipv4Addr},
    path::Path,
};

use api::{Clear, Port, PortRole, Request, Vif};

use super::{Gathered, INDENT, Nexthop, PORT_BASE, not_found};
use crate::{
    cli,
    outcome::{Answer, Failure},
    remote,
    table::printable,
};

const HEADING: &str = "\
Vrouter Interface Table

Flags: Tc=Transmit Checksum Offload, L3=Layer 3, L2=Layer 2, Pr=Promiscuous
       Vnt=Native Vlan Tagged, Uuf=Unknown Unicast Flood, Vof=VLAN insert/strip offload

";

/// What a VMI has for a MAC address of the gateway's: none.
const NO_MAC: &str = "00:00:00:00:00:00";

pub(super) fn run(socket: &Path, arguments: &cli::Vif) -> Result<Answer, Failure> {
    if arguments.action.clear {
        return clear(socket, arguments.id);
    }
    let all = Gathered::ask(socket)?;
    let text = match arguments.action.get {
        None => list(&all),
        Some(index) => get(&all, u64::from(index)).ok_or_else(|| not_found("interface", index, "vif --list"))?,
    };
    Answer::new(&all, text, &[])
}

fn clear(socket: &Path, index: Option<u32>) -> Result<Answer, Failure> {
    let (what, whose) = match index {
        None => (Clear::All, "all interfaces".to_owned()),
        Some(index) => {
            let all = Gathered::ask(socket)?;
            let what = named(&all, u64::from(index)).ok_or_else(|| not_found("interface", index, "vif --list"))?;
            (what, format!("interface {index}"))
        }
    };
    let done = remote::ask(socket, &Request::Clear(what))?;
    Answer::new(&done, format!("\nVif stats cleared successfully on all cores for {whose} \n\n"), &[])
}

/// What the number stands for, by name.
fn named(all: &Gathered, index: u64) -> Option<Clear> {
    match index.checked_sub(PORT_BASE) {
        Some(place) => Some(Clear::Port(all.ports.ports.get(usize::try_from(place).ok()?)?.name.clone())),
        None => Some(Clear::Vif(all.live_vifs().find(|vif| u64::from(vif.index) == index)?.name.clone())),
    }
}

pub(super) fn list(all: &Gathered) -> String {
    let mut text = HEADING.to_owned();
    for vif in all.live_vifs() {
        text = text + &vmi(all, vif) + "\n";
    }
    for (place, one) in all.ports.ports.iter().enumerate() {
        text = text + &port(all, PORT_BASE + place as u64, one) + "\n";
    }
    printable(&text).into_owned()
}

pub(super) fn get(all: &Gathered, index: u64) -> Option<String> {
    let one = match index.checked_sub(PORT_BASE) {
        Some(place) => port(all, index, all.ports.ports.get(usize::try_from(place).ok()?)?),
        None => vmi(all, all.live_vifs().find(|vif| u64::from(vif.index) == index)?),
    };
    Some(printable(&format!("{HEADING}{one}\n")).into_owned())
}

fn vmi(all: &Gathered, vif: &Vif) -> String {
    // An outer and an inner VLAN are what the port has; one tag stands for both, as in vRouter.
    let mut text = format!(
        "{:<12}    {} Vlan(o/i)(,S): {}/{}",
        format!("vif0/{}", vif.index),
        vif.name,
        vif.vlan,
        vif.inner_vlan.unwrap_or(vif.vlan)
    );
    for (place, mac) in vif.macs.iter().enumerate() {
        text += &format!(", {mac} Bridge Index: {place}");
    }
    if let Some(parent) = all.port_number(&vif.port) {
        text += &format!(" Parent:vif0/{parent}");
    }
    text += &format!(" NH: {}\n", Nexthop::Vif(vif.index).number());
    let floods = all.network(&vif.network).is_some_and(|network| network.flood_unknown_unicast);
    text += &address_lines("Virtual(Vlan)", NO_MAC, &vif.ips);
    let flags = if floods { "L2Uuf" } else { "L2" };
    text += &format!("{INDENT}{}\n", state_line(all.vrf(&vif.network), flags, vif.macs.len()));
    let traffic = vif.traffic;
    text += &format!("{INDENT}RX packets:{}  bytes:{} errors:0\n", traffic.rx_packets, traffic.rx_octets);
    text += &format!("{INDENT}TX packets:{}  bytes:{} errors:0\n", traffic.tx_packets, traffic.tx_octets);
    text + &format!("{INDENT}Drops:{}\n", vif.drops)
}

fn port(all: &Gathered, number: u64, port: &Port) -> String {
    let mut text = format!("{:<12}{}", format!("vif0/{number}"), device(port));
    if let Some(speed) = port.link.speed_mbps {
        text += &format!(" (Speed {speed}, Duplex 1)");
    }
    text.push('\n');
    text += &address_lines("Physical", &port.mac, if port.role == PortRole::Fabric { &all.vteps.own } else { &[] });
    let here = all.live_vifs().filter(|vif| vif.port == port.name).count();
    text += &format!("{INDENT}{}\n", state_line(0, &port_flags(port), here + 1));
    let status = if port.link.up { "UP" } else { "DOWN" };
    text += &format!("{INDENT}Fabric Interface: {}  Status: {status}  Driver: {}\n", port.name, port.driver);
    let (traffic, losses) = (port.traffic, port.losses);
    let errors = losses.rx_missed.saturating_add(losses.rx_errors);
    // Writing to a string cannot fail.
    let _ = write!(text, "{INDENT}RX packets:{}  bytes:{} errors:{errors}", traffic.rx_packets, traffic.rx_octets);
    if losses.rx_no_mbuf > 0 {
        text += &format!(" no mbufs:{}", losses.rx_no_mbuf);
    }
    let (packets, octets, errors) = (traffic.tx_packets, traffic.tx_octets, losses.tx_errors);
    text + &format!("\n{INDENT}TX packets:{packets}  bytes:{octets} errors:{errors}\n{INDENT}Drops:0\n")
}

/// `PCI: 0000:3b:00.0`, or `Ethernet: access0` for a virtual device.
fn device(port: &Port) -> String {
    let pci = port.device.split(',').next().filter(|device| {
        let parts: Vec<_> = device.split([':', '.']).collect();
        parts.len() == 4 && parts.iter().all(|part| u32::from_str_radix(part, 16).is_ok())
    });
    pci.map_or_else(|| format!("Ethernet: {}", port.name), |address| format!("PCI: {address}"))
}

fn address_lines(kind: &str, mac: &str, ips: &[IpAddr]) -> String {
    let v4 = ips.iter().find(|ip| ip.is_ipv4()).copied().unwrap_or(Ipv4Addr::UNSPECIFIED.into());
    let mut text = format!("{INDENT}Type:{kind} HWaddr:{mac} IPaddr:{v4}\n");
    if let Some(v6) = ips.iter().find(|ip| ip.is_ipv6()) {
        text += &format!("{INDENT}IP6addr:{v6}\n");
    }
    text
}

fn state_line(vrf: u64, flags: &str, references: usize) -> String {
    format!("Vrf:{vrf} Mcast Vrf:{vrf} Flags:{flags} QOS:-1 Ref:{references}")
}

/// In vRouter's order.
fn port_flags(port: &Port) -> String {
    let granted = |word: &str| port.offloads_granted.iter().any(|offload| offload.contains(word));
    let is_access = port.role == PortRole::Access;
    [
        ("Tc", granted("checksum")),
        ("L3", !is_access),
        ("L2", is_access),
        ("Pr", is_access),
        ("Vnt", is_access),
        ("Vof", granted("vlan")),
    ]
    .iter()
    .filter_map(|(symbol, holds)| holds.then_some(*symbol))
    .collect()
}
