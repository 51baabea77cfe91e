//! The table.

use super::Report;
use crate::capacity::Capacity;
use crate::outcome::{Outcome, Stream};
use std::fmt::Write;

/// The report for people.
#[must_use]
pub fn text(report: &Report) -> String {
    let mut out = format!(
        "{} octets, {} flows in VLANs {}, {} from the fabric\n",
        report.size, report.flows, report.vlans, report.encapsulation
    );
    if let Some(run) = &report.run {
        out += &outcome(run);
    }
    out.extend(report.searches.iter().map(capacity));
    if !report.complete {
        out += "Interrupted: the figures are those up to then.\n";
    }
    out
}

/// What a search found.
fn capacity(capacity: &Capacity) -> String {
    let search = &capacity.search;
    let held = if search.verified { "held in the last trial" } else { "NOT verified" };
    let limit = match (search.limited_by_generator, search.too_noisy) {
        (true, _) => "; the generator does no more",
        (false, true) => "; at higher rates others had the cores too often to say",
        (false, false) => "",
    };
    let mut out = format!(
        "{} ({} % lost at most): {} frames a second in each direction, {held}, {} trials{limit}\n",
        search.goal.to_uppercase(),
        search.tolerance * 100.0,
        grouped(search.rate_pps as u64),
        search.trials.len()
    );
    out.extend(capacity.at_rate.as_ref().map(outcome));
    out
}

const HEADER: [&str; 13] = [
    "",
    "offered/s",
    "offered",
    "received",
    "lost",
    "(stolen)",
    "twice",
    "reordered",
    "spoilt",
    "p50 us",
    "p99 us",
    "p99.9 us",
    "max us",
];

/// One trial.
fn outcome(outcome: &Outcome) -> String {
    let mut rows = vec![HEADER.map(str::to_owned)];
    rows.extend(outcome.streams.iter().map(row));
    let mut out = aligned(&rows);
    for stream in &outcome.streams {
        let loss = stream.lost as f64 * 100.0 / stream.offered.max(1) as f64;
        if stream.lost > 0 {
            let _ = writeln!(out, "{}: {loss:.4} % lost, {} refused by the port", stream.way, grouped(stream.refused));
        }
        if stream.slipped > 0 {
            let _ = writeln!(out, "{}: {} not sent, the generator was late", stream.way, grouped(stream.slipped));
        }
        if stream.reordered > 0 {
            let most = grouped(stream.most_displaced);
            let _ = writeln!(out, "{}: overtaken by up to {most} frames of the same flow", stream.way);
        }
    }
    for lane in &outcome.lanes {
        let us = |ns: u64| ns as f64 / 1000.0;
        let _ = writeln!(
            out,
            "core {}: longest poll gap {:.1} us, own {:.1} us; {:.1} us stolen in all",
            lane.core,
            us(lane.longest_gap_ns),
            us(lane.longest_own_gap_ns),
            us(lane.stolen_ns)
        );
    }
    out
}

fn row(stream: &Stream) -> [String; HEADER.len()] {
    let us = |ns: u64| format!("{:.1}", ns as f64 / 1000.0);
    let latency = stream.latency;
    [
        stream.way.to_owned(),
        grouped(stream.offered_pps.round() as u64),
        grouped(stream.offered),
        grouped(stream.received),
        grouped(stream.lost),
        grouped(stream.lost_near_stolen_time),
        grouped(stream.duplicates),
        grouped(stream.reordered),
        grouped(stream.corrupted + stream.misdirected),
        us(latency.p50_ns),
        us(latency.p99_ns),
        us(latency.p999_ns),
        us(latency.max_ns),
    ]
}

/// Columns as wide as they have to be, the first to the left.
fn aligned<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let mut out = String::new();
    for row in rows {
        for (column, cell) in row.iter().enumerate() {
            let width = width(column);
            let _ = if column == 0 { write!(out, "{cell:width$}") } else { write!(out, "  {cell:>width$}") };
        }
        out.push('\n');
    }
    out
}

/// `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped() {
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn columns_line_up() {
        let rows = [["a".to_owned(), "bb".to_owned()], ["ccc".to_owned(), "d".to_owned()]];
        assert_eq!(aligned(&rows), "a    bb\nccc   d\n");
    }
}
