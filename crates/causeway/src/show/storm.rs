//! Storm control.

use api::{StormDocument, StormTalker};

use super::cleared::left_out;
use crate::{
    quantity::{NONE, or_none},
    table::Table,
};

pub(super) fn storm(document: &StormDocument, narrowed: bool) -> String {
    if document.talkers.is_empty() {
        return if narrowed { "nothing that fits was flooded\n" } else { "nothing was flooded\n" }.to_owned();
    }
    let mut table = Table::new(&["NETWORK", "VMI", "CLASS", ">BUDGET/S", ">FLOODED", ">SUPPRESSED", "NOW"]);
    for talker in &document.talkers {
        table.row(row(talker));
    }
    let workers = match document.workers {
        0 | 1 => String::new(),
        n => format!("each of {n} workers lets the whole budget pass\n"),
    };
    table.to_string() + &workers + &left_out(document.talkers.len(), document.total)
}

fn row(talker: &StormTalker) -> [String; 7] {
    [
        talker.network.clone(),
        talker.vif.clone().unwrap_or_else(|| "(all)".to_owned()),
        talker.class.replace('_', " "),
        or_none(talker.budget_pps),
        talker.flooded.to_string(),
        talker.suppressed.to_string(),
        if talker.storming { "storm" } else { NONE }.to_owned(),
    ]
}
