//! Rates: two looks at counters, an interval apart.
//!
//! Whoever interrupts it with Ctrl-C ends it between two tables, since each is written as a whole; nothing of the
//! terminal was changed that would have to be put back.

use std::{
    ops::ControlFlow,
    path::Path,
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

use api::{
    DropRate, DropRatesDocument, DropsDocument, PortRate, PortRatesDocument, PortsDocument, Request, Response, Show,
    Traffic, TrafficRate, VifRate, VifRatesDocument, VifsDocument,
};

use crate::{
    cli::{Cli, Command, Sampling},
    load,
    outcome::{self, Answer, Failure},
    remote,
    show::rates,
};

/// The counters at one moment.
struct Look {
    response: Response,
    at: Instant,
}

/// What rates are asked for, if any.
pub(crate) fn asked_for(cli: &Cli) -> Option<(Show, Sampling)> {
    let Command::Show { what } = &cli.command else { return None };
    Some((what.document()?, what.sampling(cli.json)?))
}

/// Tells the rates, once or until interrupted.
pub(crate) fn report(cli: &Cli, show: Show, sampling: Sampling) -> ExitCode {
    // The reasons that never occurred are wanted in the first look: they may have occurred by the second.
    let show = match show {
        Show::Drops(query) => Show::Drops(api::DropsQuery { all: true, ..query }),
        show => show,
    };
    let request = Request::Show(show);
    let mut before = match look(&cli.socket, &request) {
        Ok(look) => look,
        Err(failure) => return outcome::report(&Err(failure), cli.json),
    };
    loop {
        thread::sleep(sampling.interval);
        let outcome = look(&cli.socket, &request).and_then(|after| {
            let answer = answer(&before, &after, sampling.watch);
            before = after;
            answer
        });
        match outcome::report_one(&outcome, cli.json) {
            ControlFlow::Break(status) => return status,
            ControlFlow::Continue(()) if !sampling.watch => return ExitCode::SUCCESS,
            ControlFlow::Continue(()) => {}
        }
    }
}

/// The moment is the middle of the call: the daemon reads the counters somewhere within.
fn look(socket: &Path, request: &Request) -> Result<Look, Failure> {
    let started = Instant::now();
    let response = remote::ask(socket, request)?;
    Ok(Look { response, at: started + started.elapsed() / 2 })
}

/// An empty line sets the tables of `--watch` apart.
fn answer(before: &Look, after: &Look, watch: bool) -> Result<Answer, Failure> {
    let interval = after.at.saturating_duration_since(before.at);
    let end = if watch { "\n" } else { "" };
    match (&before.response, &after.response) {
        (Response::Vifs(before), Response::Vifs(after)) => {
            let document = vifs(before, after, interval);
            Answer::new(&document, rates::vifs(&document) + end, &[])
        }
        (Response::Ports(before), Response::Ports(after)) => {
            let document = ports(before, after, interval);
            Answer::new(&document, rates::ports(&document) + end, &[])
        }
        (Response::Drops(before), Response::Drops(after)) => {
            let document = drops(before, after, interval);
            Answer::new(&document, rates::drops(&document) + end, &[])
        }
        (Response::Workers(before), Response::Workers(after)) => {
            let document = load::between(before, after, interval);
            // What else there is to say of workers does not change from look to look.
            let text = if watch { rates::workers(&document) + end } else { load::text(after, &document) };
            Answer::new(&document, text, &[])
        }
        _ => {
            unreachable!("rates are asked for of ports, VMIs, drops and workers only, and the answer is the request's")
        }
    }
}

fn vifs(before: &VifsDocument, after: &VifsDocument, interval: Duration) -> VifRatesDocument {
    let rate = |vif: &api::Vif| {
        let old = before.vifs.iter().find(|old| old.index == vif.index && old.name == vif.name)?;
        Some(VifRate {
            index: vif.index,
            name: vif.name.clone(),
            port: vif.port.clone(),
            vlan: vif.vlan,
            network: vif.network.clone(),
            traffic: traffic(old.traffic, vif.traffic, interval),
            drops_per_s: per_second(old.drops, vif.drops, interval),
        })
    };
    VifRatesDocument { interval_ms: milliseconds(interval), vifs: after.vifs.iter().filter_map(rate).collect() }
}

fn ports(before: &PortsDocument, after: &PortsDocument, interval: Duration) -> PortRatesDocument {
    let rate = |port: &api::Port| {
        let old = before.ports.iter().find(|old| old.name == port.name)?;
        Some(PortRate {
            name: port.name.clone(),
            traffic: traffic(old.traffic, port.traffic, interval),
            lost_per_s: per_second(old.losses.total(), port.losses.total(), interval),
        })
    };
    PortRatesDocument { interval_ms: milliseconds(interval), ports: after.ports.iter().filter_map(rate).collect() }
}

fn drops(before: &DropsDocument, after: &DropsDocument, interval: Duration) -> DropRatesDocument {
    let rate = |entry: &api::DropEntry| {
        let old = before.reasons.iter().find(|old| old.reason == entry.reason).map_or(0, |old| old.count);
        let packets_per_s = per_second(old, entry.count, interval);
        (packets_per_s > 0.0).then(|| DropRate {
            reason: entry.reason.clone(),
            stage: entry.stage.clone(),
            packets_per_s,
        })
    };
    let (old, new) = (before.accounting, after.accounting);
    DropRatesDocument {
        interval_ms: milliseconds(interval),
        received_per_s: per_second(old.received, new.received, interval),
        transmitted_per_s: per_second(old.transmitted, new.transmitted, interval),
        dropped_per_s: per_second(old.dropped, new.dropped, interval),
        reasons: after.reasons.iter().filter_map(rate).collect(),
    }
}

fn traffic(before: Traffic, after: Traffic, interval: Duration) -> TrafficRate {
    let bits = |before: u64, after: u64| per_second(before, after, interval) * 8.0;
    TrafficRate {
        rx_packets_per_s: per_second(before.rx_packets, after.rx_packets, interval),
        rx_bits_per_s: bits(before.rx_octets, after.rx_octets).round(),
        tx_packets_per_s: per_second(before.tx_packets, after.tx_packets, interval),
        tx_bits_per_s: bits(before.tx_octets, after.tx_octets).round(),
    }
}

/// To a tenth. A counter that is lower than before was cleared in between: then what it shows is what came since.
fn per_second(before: u64, after: u64, interval: Duration) -> f64 {
    let grown = after.checked_sub(before).unwrap_or(after) as f64;
    (grown / interval.as_secs_f64().max(f64::EPSILON) * 10.0).round() / 10.0
}

pub(crate) fn milliseconds(interval: Duration) -> u64 {
    u64::try_from(interval.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALF_A_SECOND: Duration = Duration::from_millis(500);

    #[test]
    fn rates_are_growth_by_time() {
        assert_eq!(per_second(100, 150, HALF_A_SECOND), 100.0);
        assert_eq!(per_second(7, 7, HALF_A_SECOND), 0.0);
        assert_eq!(per_second(0, 1, Duration::from_secs(3)), 0.3);
        let before = Traffic { rx_octets: 1000, ..Traffic::default() };
        let after = Traffic { rx_octets: 2000, tx_packets: 1, ..Traffic::default() };
        let rate = traffic(before, after, HALF_A_SECOND);
        assert_eq!((rate.rx_bits_per_s, rate.tx_packets_per_s), (16_000.0, 2.0));
    }

    #[test]
    fn a_counter_that_was_cleared_in_between_is_no_huge_number() {
        assert_eq!(per_second(1_000_000, 50, HALF_A_SECOND), 100.0);
    }

    #[test]
    fn what_came_or_went_in_between_is_left_out() {
        let port = |name: &str, rx_packets| -> serde_json::Value {
            serde_json::json!({
                "name": name, "role": "access", "driver": "d", "device": "d", "mac": "m", "mtu_octets": 1500,
                "link": {"up": true}, "rx_queues": 1, "tx_queues": 1, "offloads_granted": [], "offloads_missing": [],
                "traffic": {"rx_packets": rx_packets, "rx_octets": 0, "tx_packets": 0, "tx_octets": 0},
                "losses": {"rx_missed": 0, "rx_no_mbuf": 0, "rx_errors": 0, "tx_errors": 0}, "vlans": []
            })
        };
        let document = |ports: Vec<serde_json::Value>| -> PortsDocument {
            serde_json::from_value(serde_json::json!({ "ports": ports })).expect("a document of ports")
        };
        let (before, after) = (document(vec![port("a", 5), port("b", 5)]), document(vec![port("a", 6), port("c", 9)]));
        let rates = ports(&before, &after, HALF_A_SECOND);
        assert_eq!(rates.ports.iter().map(|port| port.name.as_str()).collect::<Vec<_>>(), ["a"]);
        assert_eq!(rates.ports[0].traffic.rx_packets_per_s, 2.0);
    }
}
