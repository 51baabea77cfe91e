//! Ports and VMIs.

use std::fmt::Write;

use api::{
    LargeFrames, Link, PartialChecksums, Port, PortRole, PortTraits, PortsDocument, Spreading, Tags, Traffic, Vif,
    VifState, VifsDocument,
};

use crate::{
    quantity::{self, NONE, or_none},
    show::cleared,
    table::{Table, printable},
};

pub(super) fn ports(document: &PortsDocument) -> String {
    if document.ports.is_empty() {
        return "no ports\n".to_owned();
    }
    let mut table = Table::new(&[
        "PORT",
        "ROLE",
        "LINK",
        ">MTU",
        "MAC",
        ">RX PACKETS",
        ">RX OCTETS",
        ">TX PACKETS",
        ">TX OCTETS",
        ">LOST",
        "VLANS",
    ]);
    for port in &document.ports {
        let role = match port.role {
            PortRole::Access => "access",
            PortRole::Fabric => "fabric",
        };
        let start =
            [port.name.clone(), role.to_owned(), link(port.link), port.mtu_octets.to_string(), port.mac.clone()];
        let end = [port.losses.total().to_string(), quantity::vlans(&port.vlans)];
        table.row(start.into_iter().chain(traffic(port.traffic)).chain(end));
    }
    let cleared = document.ports.iter().map(|port| (port.name.as_str(), port.cleared_at));
    let closed = |port: &Port| Some(format!("{} is closed: {}\n", port.name, port.closed.as_deref()?));
    let closed: String = document.ports.iter().filter_map(closed).map(|line| printable(&line).into_owned()).collect();
    let start = table.to_string() + &closed + &cleared::lines(cleared);
    document.ports.iter().fold(start, |text, port| text + "\n" + &printable(&port_details(port)))
}

fn link(link: Link) -> String {
    match (link.up, link.speed_mbps) {
        (false, _) => "down".to_owned(),
        (true, None) => "up".to_owned(),
        (true, Some(mbps)) => format!("up, {}", quantity::speed(mbps)),
    }
}

fn traffic(traffic: Traffic) -> [String; 4] {
    [traffic.rx_packets, traffic.rx_octets, traffic.tx_packets, traffic.tx_octets].map(|count| count.to_string())
}

/// What does not fit into a line of the table.
fn port_details(port: &Port) -> String {
    let losses = port.losses;
    let queues = format!("{} receive, {} transmit", port.rx_queues, port.tx_queues);
    let offloads = match (port.offloads_granted.join(", "), port.offloads_missing.join(", ")) {
        (granted, missing) if granted.is_empty() && missing.is_empty() => "none asked for".to_owned(),
        (granted, missing) if missing.is_empty() => granted,
        (granted, missing) if granted.is_empty() => format!("none; in software: {missing}"),
        (granted, missing) => format!("{granted}; in software: {missing}"),
    };
    let mut text = format!(
        "{}\n  device    {} (driver {})\n  queues    {queues}; {}\n  offloads  {offloads}\n  received  {}\n",
        port.name,
        port.device,
        port.driver,
        spreading(port.traits.spreading),
        received(port.traits),
    );
    let intake = [
        (port.checksums_completed, "had no checksum yet: filled in"),
        (port.frames_refused, "cut, too long or without a checksum that can be filled in: dropped"),
    ];
    for (frames, what) in intake.iter().filter(|(frames, _)| *frames > 0) {
        text += &format!("            {frames} {what}\n");
    }
    let kinds = [
        (losses.rx_missed, "arrived while the receive queue was full"),
        (losses.rx_no_mbuf, "arrived while no buffer was free"),
        (losses.rx_errors, "arrived broken"),
        (losses.tx_errors, "taken by the device and not sent"),
    ];
    let lost: Vec<_> = kinds.iter().filter(|(lost, _)| *lost > 0).map(|(lost, how)| format!("{lost} {how}")).collect();
    if !lost.is_empty() {
        text += &format!("  lost      {}\n", lost.join(", "));
    }
    text
}

fn spreading(spreading: Spreading) -> &'static str {
    match spreading {
        Spreading::Hardware => "frames are spread over them by the hardware",
        Spreading::Kernel => "frames are spread over them by the kernel",
        Spreading::Peer => "frames are spread over them by the peer",
        Spreading::Nobody => "frames are not spread over them",
    }
}

/// What such a port does with checksums, long frames and tags; `docs/ports.md` says it at length.
fn received(traits: PortTraits) -> String {
    let checksums = match traits.partial_checksums {
        PartialChecksums::Never => "whole checksums",
        PartialChecksums::Completed => "partial checksums told and filled in",
        PartialChecksums::Recognised => "partial checksums recognised and filled in",
        PartialChecksums::PeerMustNot => "the peer must send whole checksums",
    };
    let large = match traits.large_frames {
        LargeFrames::Never => "no frame above the MTU",
        LargeFrames::Dropped => "frames above the MTU dropped",
    };
    let tags = match traits.tags {
        Tags::InFrame => "tags in the frame",
        Tags::TakenOut => "tags taken out where the hardware can",
        Tags::PutBackAs8100 => "tags put back as 0x8100",
        Tags::LostIfTakenOut => "tags lost if the interface takes them out",
    };
    format!("{checksums}; {large}; {tags}")
}

pub(super) fn vifs(document: &VifsDocument, narrowed: bool) -> String {
    if document.vifs.is_empty() && narrowed {
        return "no VMI on this node fits\n".to_owned();
    }
    if document.vifs.is_empty() {
        return "no VMI is served by this node\n".to_owned();
    }
    let mut table = Table::new(&[
        ">INDEX",
        "VMI",
        "PORT",
        "VLAN",
        "NETWORK",
        "MAC",
        "STATE",
        ">RX PACKETS",
        ">RX OCTETS",
        ">TX PACKETS",
        ">TX OCTETS",
        ">DROPS",
        "CONFIGURED AT",
    ]);
    for vif in &document.vifs {
        let state = match vif.state {
            VifState::Active => "active",
            VifState::Inactive { .. } => "inactive",
        };
        let start = [
            vif.index.to_string(),
            vif.name.clone(),
            vif.port.clone(),
            quantity::vlans_of(vif.vlan, vif.inner_vlan),
            vif.network.clone(),
            macs(vif),
            state.to_owned(),
        ];
        let end = [vif.drops.to_string(), or_none(vif.place.as_ref())];
        table.row(start.into_iter().chain(traffic(vif.traffic)).chain(end));
    }
    let mut text = table.to_string() + &cleared::left_out(document.vifs.len(), document.total);
    text += &cleared::lines(document.vifs.iter().map(|vif| (vif.name.as_str(), vif.cleared_at)));
    let reasons = document.vifs.iter().filter_map(|vif| match &vif.state {
        VifState::Active => None,
        VifState::Inactive { why } => Some((&vif.name, why)),
    });
    for (n, (name, why)) in reasons.enumerate() {
        let gap = if n == 0 { "\n" } else { "" };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{gap}{} is inactive: {}", printable(name), printable(why));
    }
    text
}

/// The VMI's own address, and how many more.
fn macs(vif: &Vif) -> String {
    match vif.macs.as_slice() {
        [] => NONE.to_owned(),
        [own] => own.clone(),
        [own, more @ ..] => format!("{own} (+{})", more.len()),
    }
}
