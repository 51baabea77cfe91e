//! Since when counters count, if they were cleared.

use std::collections::BTreeMap;

use api::Timestamp;

use crate::{quantity::some_of, table::printable};

/// Names listed in one line.
const LISTED_MAX: usize = 8;

/// A line for each time at which some of the counters were cleared; nothing if none was.
pub(super) fn lines<'a>(counters: impl Iterator<Item = (&'a str, Option<Timestamp>)>) -> String {
    let (mut all, mut cleared) = (0, BTreeMap::<Timestamp, Vec<&str>>::new());
    for (name, at) in counters {
        all += 1;
        if let Some(at) = at {
            cleared.entry(at).or_default().push(name);
        }
    }
    let whose = |names: &[&str]| if names.len() == all { "all".to_owned() } else { some_of(names, LISTED_MAX) };
    let line = |(at, names): (&Timestamp, &Vec<&str>)| format!("counters cleared {at}: {}\n", printable(&whose(names)));
    cleared.iter().map(line).collect()
}

/// That only a part of a list is shown, if so.
pub(super) fn left_out(shown: usize, total: u64) -> String {
    match total.saturating_sub(shown as u64) {
        0 => String::new(),
        _ => format!("{shown} of {total} listed\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_clearing_are_told_once_each() {
        let at = |text: &str| Some(text.parse::<Timestamp>().expect("a time"));
        let (early, late) = (at("2026-11-22T18:33:00Z"), at("2026-11-22T19:00:00Z"));
        assert_eq!(lines([("a", None), ("b", None)].into_iter()), "");
        assert_eq!(lines([("a", early), ("b", early)].into_iter()), "counters cleared 2026-11-22T18:33:00Z: all\n");
        assert_eq!(
            lines([("a", late), ("b", early), ("c", None)].into_iter()),
            "counters cleared 2026-11-22T18:33:00Z: b\ncounters cleared 2026-11-22T19:00:00Z: a\n"
        );
    }

    #[test]
    fn a_part_of_a_list_says_so() {
        assert_eq!(left_out(3, 3), "");
        assert_eq!(left_out(3, 1000), "3 of 1000 listed\n");
    }
}
