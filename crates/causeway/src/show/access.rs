//! The instances behind the access ports, and what has happened.

use std::time::Duration;

use api::{AddressReachability, EventsDocument, ReachabilityDocument, ReachabilityState};

use super::cleared::left_out;
use crate::{
    quantity::{self, duration, or_none},
    table::Table,
};

pub(super) fn reachability(document: &ReachabilityDocument, narrowed: bool) -> String {
    if document.addresses.is_empty() {
        let text = if narrowed { "no address fits\n" } else { "no VMI here has an address that is asked for\n" };
        return text.to_owned();
    }
    let mut table =
        Table::new(&["VMI", "ADDRESS", "NETWORK", "PORT", "VLAN", "STATE", ">FOR", ">HEARD", "MAC", ">UNANSWERED"]);
    for address in &document.addresses {
        table.row(row(address));
    }
    let period = duration(Duration::from_millis(document.period_ms));
    format!("{table}{}each address is asked for every {period}\n", left_out(document.addresses.len(), document.total))
}

fn row(of: &AddressReachability) -> [String; 10] {
    let state = match of.state {
        ReachabilityState::Unknown => "unknown",
        ReachabilityState::Reachable => "reachable",
        ReachabilityState::Unreachable => "unreachable",
        ReachabilityState::PortDown => "port down",
    };
    let time = |ms| duration(Duration::from_millis(ms));
    [
        of.vmi.clone(),
        of.address.to_string(),
        of.network.clone(),
        of.port.clone(),
        quantity::vlans_of(of.vlan, of.inner_vlan),
        state.to_owned(),
        time(of.for_ms),
        or_none(of.heard_ago_ms.map(|ms| format!("{} ago", time(ms)))),
        or_none(of.mac.as_ref()),
        of.unanswered.to_string(),
    ]
}

pub(super) fn events(document: &EventsDocument, narrowed: bool) -> String {
    if document.events.is_empty() {
        return if narrowed { "no event fits\n" } else { "nothing has happened yet\n" }.to_owned();
    }
    let mut table = Table::new(&[">NUMBER", "TIME", "KIND", "ABOUT", "WHAT"]);
    for event in &document.events {
        let texts = [&event.kind, &event.about, &event.what].map(String::clone);
        table.row([event.number.to_string(), event.at.to_string()].into_iter().chain(texts));
    }
    let forgotten = match document.first_kept {
        0 | 1 => String::new(),
        first => format!("events before number {first} are forgotten\n"),
    };
    format!("{table}{}{forgotten}", left_out(document.events.len(), document.total))
}
