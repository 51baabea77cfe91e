//! Writes the table of rules that the packet path keeps, and of the requirements that come from the original gateway, each
//! with the tests that hold it to them, from a test run:
//!
//! ```text
//! cargo test 2>&1 | cargo run -q -p testkit --example conformance > docs/conformance.md
//! ```
//!
//! Fails if a test that is named did not run or did not pass.

#![forbid(unsafe_code)]

mod checklist;
mod rules;
mod tunnels;

use std::collections::BTreeMap;
use std::io::Read;
use std::process::ExitCode;

/// Each test's status from what `cargo test` prints: by `file::name` of a file below `tests`, by `crate::path::name` of a
/// test beside the code.
fn statuses(run: &str) -> BTreeMap<String, String> {
    let (mut file, mut statuses) = (String::new(), BTreeMap::new());
    for line in run.lines() {
        if let Some((_, path)) = line.split_once("Running ") {
            file = source(path).unwrap_or_default();
        } else if let Some((name, status)) = line.strip_prefix("test ").and_then(|test| test.split_once(" ... ")) {
            statuses.insert(format!("{file}::{}", name.trim_end_matches(" - should panic")), status.to_owned());
        }
    }
    statuses
}

/// The file of `tests/FILE.rs (...)` or `tests/FILE/main.rs (...)`; the crate of `unittests src/lib.rs (.../CRATE-HASH)`.
fn source(path: &str) -> Option<String> {
    let (path, binary) = path.split_once(".rs (")?;
    if path.starts_with("unittests ") {
        let (name, _hash) = binary.rsplit('/').next()?.rsplit_once('-')?;
        return Some(name.to_owned());
    }
    path.trim_end_matches("/main").rsplit('/').next().map(str::to_owned)
}

/// The status of tests together, and how many of them did not pass.
fn together(statuses: &BTreeMap<String, String>, tests: &[&str]) -> (String, usize) {
    let of = |test: &&str| statuses.get(*test).map_or("not run", String::as_str);
    let bad: Vec<&str> = tests.iter().map(of).filter(|status| *status != "ok").collect();
    (bad.first().map_or("ok", |status| status).to_owned(), bad.len())
}

fn main() -> ExitCode {
    let mut run = String::new();
    if let Err(error) = std::io::stdin().read_to_string(&mut run) {
        eprintln!("conformance: the test run on standard input cannot be read: {error}");
        return ExitCode::FAILURE;
    }
    let statuses = statuses(&run);
    println!("# Conformance\n");
    println!("Made from a test run by `crates/testkit/examples/conformance`; not to be edited.\n");
    println!("## The packet path\n");
    println!("The rules that it keeps, and the test in `crates/datapath/tests` that holds it to each.\n");
    println!("| rule | | source | test | status |\n|---|---|---|---|---|");
    let mut missing = 0;
    for [id, rule, source, test] in rules::PACKETS.iter().chain(tunnels::TUNNELS) {
        let (status, bad) = together(&statuses, &[test]);
        missing += bad;
        println!("| {id} | {rule} | {source} | `{test}` | {status} |");
    }
    println!("\n## The original gateway\n");
    println!("What Contrail's remote instances do, by the points of our list of requirements. A deviation is meant.\n");
    println!("| point | requirement | tests | status | deviation, and why |\n|---|---|---|---|---|");
    for checklist::Point { number, requirement, tests, deviation } in checklist::POINTS {
        let (status, bad) = together(&statuses, tests);
        missing += bad;
        let tests: Vec<String> = tests.iter().map(|test| format!("`{test}`")).collect();
        println!("| {number} | {requirement} | {} | {status} | {} |", tests.join("<br>"), deviation.unwrap_or("none"));
    }
    if missing > 0 {
        eprintln!("conformance: {missing} of the tests that are named did not pass");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
