//! Rates as text.

use std::time::Duration;

use api::{DropRatesDocument, PortRatesDocument, TrafficRate, VifRatesDocument, WorkerLoad, WorkerLoadsDocument};

use crate::{
    quantity::{self, bits_per_second, duration, or_none, per_second},
    table::Table,
};

pub(crate) fn vifs(document: &VifRatesDocument) -> String {
    if document.vifs.is_empty() {
        return "no VMI on this node fits\n".to_owned();
    }
    let mut table = Table::new(&[
        ">INDEX",
        "VMI",
        "PORT",
        "VLAN",
        "NETWORK",
        ">RX PACKETS/S",
        ">RX BIT/S",
        ">TX PACKETS/S",
        ">TX BIT/S",
        ">DROPS/S",
    ]);
    for vif in &document.vifs {
        let vlan = quantity::vlan(vif.vlan);
        let start = [vif.index.to_string(), vif.name.clone(), vif.port.clone(), vlan, vif.network.clone()];
        table.row(start.into_iter().chain(traffic(vif.traffic)).chain([per_second(vif.drops_per_s)]));
    }
    table.to_string() + &over(document.interval_ms)
}

pub(crate) fn ports(document: &PortRatesDocument) -> String {
    let mut table = Table::new(&["PORT", ">RX PACKETS/S", ">RX BIT/S", ">TX PACKETS/S", ">TX BIT/S", ">LOST/S"]);
    for port in &document.ports {
        let lost = per_second(port.lost_per_s);
        table.row([port.name.clone()].into_iter().chain(traffic(port.traffic)).chain([lost]));
    }
    table.to_string() + &over(document.interval_ms)
}

pub(crate) fn drops(document: &DropRatesDocument) -> String {
    let mut table = Table::new(&["", ">PACKETS/S"]);
    for (name, rate) in [
        ("received", document.received_per_s),
        ("transmitted", document.transmitted_per_s),
        ("dropped", document.dropped_per_s),
    ] {
        table.row([name.to_owned(), per_second(rate)]);
    }
    let mut text = table.to_string();
    if !document.reasons.is_empty() {
        let mut table = Table::new(&["DROPPED BECAUSE", "STAGE", ">PACKETS/S"]);
        for reason in &document.reasons {
            table.row([reason.reason.clone(), or_none(reason.stage.as_ref()), per_second(reason.packets_per_s)]);
        }
        text = text + "\n" + &table.to_string();
    }
    text + &over(document.interval_ms)
}

pub(crate) fn workers(document: &WorkerLoadsDocument) -> String {
    let mut table = Table::new(&[
        ">WORKER",
        ">CORE",
        ">BUSY",
        ">EMPTY POLLS",
        ">MPPS",
        ">PACKETS/BURST",
        ">CYCLES/PACKET",
        ">HEADROOM MPPS",
        ">LONGEST GAP",
        ">OWN GAP",
    ]);
    document.workers.iter().for_each(|worker| table.row(worker_row(worker)));
    let over = document.interval_ms.map_or_else(|| "since the start\n".to_owned(), over);
    format!(
        "{table}{over}headroom is how many more packets would take the rest of the time, at the same cost of each\n"
    )
}

fn worker_row(worker: &WorkerLoad) -> [String; 10] {
    let percent = |share: f64| format!("{:.1} %", share * 100.0);
    let millions = |rate: f64| format!("{:.3}", rate / 1e6);
    let tenths = |value: f64| format!("{value:.1}");
    [
        worker.id.to_string(),
        worker.core.to_string(),
        or_none(worker.busy_share.map(percent)),
        or_none(worker.empty_polls_share.map(percent)),
        or_none(worker.packets_per_s.map(millions)),
        or_none(worker.packets_per_burst.map(tenths)),
        or_none(worker.cycles_per_packet.map(tenths)),
        or_none(worker.headroom_packets_per_s.map(millions)),
        duration(Duration::from_nanos(worker.longest_poll_gap_ns)),
        or_none(worker.longest_own_poll_gap_ns.map(Duration::from_nanos).map(duration)),
    ]
}

fn traffic(rate: TrafficRate) -> [String; 4] {
    [
        per_second(rate.rx_packets_per_s),
        bits_per_second(rate.rx_bits_per_s),
        per_second(rate.tx_packets_per_s),
        bits_per_second(rate.tx_bits_per_s),
    ]
}

fn over(interval_ms: u64) -> String {
    format!("over {}\n", duration(Duration::from_millis(interval_ms)))
}
