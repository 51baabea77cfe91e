//! The story as text: numbered, each decision with the configuration behind it.

use std::fmt::Write;

use api::{ExplainDocument, ExplainDrop, ExplainFrame, ExplainOutcome, SentFrame};

use crate::{quantity::count, table::printable};

const DUMP_LINE_OCTETS: usize = 16;

/// The whole story.
pub(crate) fn of(document: &ExplainDocument) -> String {
    let mut text = String::new();
    heading(&mut text, document);
    decisions(&mut text, document);
    match document.outcome {
        ExplainOutcome::Dropped => text += "\nIt goes nowhere.\n",
        ExplainOutcome::Consumed => text += "\nIt ends in this node.\n",
        _ => {}
    }
    for sent in &document.sent {
        sent_frame(&mut text, sent);
    }
    if let Some(frame) = &document.to_host {
        text += &format!("\nTo Linux, {}:\n", count(frame.octets, "octet"));
        octets(&mut text, frame);
    }
    document.drops.iter().for_each(|drop| dropped(&mut text, drop));
    printable(&text).into_owned()
}

fn heading(text: &mut String, document: &ExplainDocument) {
    let tables = document.generation.map_or_else(
        || "tables made from the files".to_owned(),
        |generation| format!("the tables in force, generation {generation}"),
    );
    *text += &format!("node {}, {tables}\n", document.node_name);
    for assumption in &document.assumptions {
        *text += &format!("assumed: {assumption}\n");
    }
    let length = count(document.frame.octets, "octet");
    *text += &format!("\nA frame of {length} comes in by {}:\n", document.port);
    headers(text, &document.frame);
    *text += "\n";
}

fn decisions(text: &mut String, document: &ExplainDocument) {
    let stages = document.decisions.iter().map(|decision| decision.stage.len());
    let width = stages.max().unwrap_or(0);
    let objects = || document.decisions.iter().flat_map(|decision| &decision.because_of);
    let place = objects().map(|object| object.place.to_string().len()).max().unwrap_or(0);
    for (n, decision) in (1..).zip(&document.decisions) {
        let dropped = decision.drop.as_ref().map_or_else(String::new, |reason| format!("dropped, {reason}: "));
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{n:>2}  {:<width$}  {dropped}{}", decision.stage, decision.text);
        for object in &decision.because_of {
            let _ = writeln!(text, "    {:<width$}    {:<place$}  {}", "", object.place.to_string(), object.object);
        }
    }
}

fn sent_frame(text: &mut String, sent: &SentFrame) {
    *text += &format!("\nBy {} to {}, {}:\n", sent.port, sent.to, count(sent.frame.octets, "octet"));
    octets(text, &sent.frame);
}

fn dropped(text: &mut String, drop: &ExplainDrop) {
    let copies = if drop.count > 1 { format!(", {} copies", drop.count) } else { String::new() };
    *text += &format!("\nDropped by {}{copies}: {}\n", drop.stage, drop.reason);
    *text += &format!("  {}\n  {}\n", drop.explanation, drop.advice);
}

fn headers(text: &mut String, frame: &ExplainFrame) {
    frame.headers.iter().for_each(|header| *text += &format!("  {header}\n"));
}

/// What a frame says, and its octets as `text2pcap` reads them.
fn octets(text: &mut String, frame: &ExplainFrame) {
    headers(text, frame);
    let digits: Vec<char> = frame.hex.chars().collect();
    for (n, line) in digits.chunks(2 * DUMP_LINE_OCTETS).enumerate() {
        let octets: Vec<String> = line.chunks(2).map(String::from_iter).collect();
        *text += &format!("  {:04x}  {}\n", n * DUMP_LINE_OCTETS, octets.join(" "));
    }
}
