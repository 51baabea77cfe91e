//! The accounting law and the reasons.

use api::{Accounting, DropEntry, DropsDocument};

use crate::{
    quantity::or_none,
    table::{Table, printable},
};

pub(super) fn drops(document: &DropsDocument, narrowed: bool) -> String {
    let mut text = law(document.accounting);
    if document.workers.len() > 1 {
        text = text + "\n" + &per_worker(document);
    }
    text.push('\n');
    let since = document.cleared_at.map(|at| format!(" since {at}, when the reasons were cleared")).unwrap_or_default();
    if document.reasons.is_empty() {
        let place = if narrowed { " in that stage" } else { "" };
        return format!("{text}no packet was dropped{place}{since}\n");
    }
    if document.cleared_at.is_some() {
        text += &format!("dropped{since}; the sums above count from the start of causewayd\n");
    }
    for line in reasons(&document.reasons) {
        text = text + &line + "\n";
    }
    text
}

/// Both sides of the law beside each other, with their sums.
fn law(all: Accounting) -> String {
    let came = [
        ("received", all.received),
        ("injected", all.injected),
        ("generated", all.generated),
        ("copies", all.copies),
        ("taken over", all.taken_over),
    ];
    let went = [
        ("transmitted", all.transmitted),
        ("dropped", all.dropped),
        ("punted", all.punted),
        ("consumed", all.consumed),
        ("handed over", all.handed_over),
        ("held", all.held),
    ];
    let sum = |side: &[(&str, u64)]| side.iter().map(|&(_, count)| u128::from(count)).sum::<u128>();
    let mut table = Table::new(&["IN", ">PACKETS", " ", "OUT", ">PACKETS"]);
    for (row, (out, out_count)) in went.iter().enumerate() {
        let (name, count) =
            came.get(row).map_or((String::new(), String::new()), |&(n, c)| (n.to_owned(), c.to_string()));
        table.row([name, count, String::new(), (*out).to_owned(), out_count.to_string()]);
    }
    table.row(["sum".to_owned(), sum(&came).to_string(), String::new(), "sum".to_owned(), sum(&went).to_string()]);
    let remark = match all.unaccounted {
        0 => "",
        _ => "; expected is 0 at rest: look again, and report it if it stays",
    };
    format!("{table}unaccounted: {} packets{remark}\n", all.unaccounted)
}

fn per_worker(document: &DropsDocument) -> String {
    let mut table = Table::new(&[
        ">WORKER",
        ">RECEIVED",
        ">INJECTED",
        ">COPIES",
        ">TRANSMITTED",
        ">DROPPED",
        ">PUNTED",
        ">HELD",
        ">UNACCOUNTED",
    ]);
    for worker in &document.workers {
        let law = worker.accounting;
        let counts = [law.received, law.injected, law.copies, law.transmitted, law.dropped, law.punted, law.held];
        let counts = counts.iter().map(u64::to_string);
        table.row([worker.worker.to_string()].into_iter().chain(counts).chain([law.unaccounted.to_string()]));
    }
    table.to_string()
}

/// A table whose rows are each followed by what they mean.
fn reasons(entries: &[DropEntry]) -> Vec<String> {
    let mut table = Table::new(&["DROPPED BECAUSE", "STAGE", ">PACKETS", "WORKER: PACKETS"]);
    for entry in entries {
        let workers = entry.per_worker.iter().map(|worker| format!("{}: {}", worker.worker, worker.count));
        table.row([
            entry.reason.clone(),
            or_none(entry.stage.as_ref()),
            entry.count.to_string(),
            workers.collect::<Vec<_>>().join(", "),
        ]);
    }
    let table = table.to_string();
    let mut rows = table.lines().map(str::to_owned);
    let mut lines: Vec<_> = rows.next().into_iter().collect();
    for (row, entry) in rows.zip(entries) {
        lines.push(row);
        lines.push(format!("  {} {}", printable(&entry.explanation), printable(&entry.advice)));
    }
    lines
}
