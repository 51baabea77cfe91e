//! Narrowing lists down where they are made: a million addresses need not travel for the one that was asked for.

use api::{ErrorCode, ErrorDocument};
use wire::MacAddr;

/// Most names that a message lists.
const LISTED_MAX: usize = 20;

/// That there is no `kind` of that name here, and what there is.
pub(crate) fn not_found<'a>(kind: &str, name: &str, known: impl Iterator<Item = &'a str>) -> ErrorDocument {
    let mut known: Vec<&str> = known.collect();
    let more = known.len().saturating_sub(LISTED_MAX);
    known.truncate(LISTED_MAX);
    let expected = match (known.is_empty(), more) {
        (true, _) => "there is none".to_owned(),
        (false, 0) => format!("expected one of {}", known.join(", ")),
        (false, more) => format!("expected one of {} and {more} more", known.join(", ")),
    };
    ErrorDocument::new(ErrorCode::NotFound, format!("no {kind} `{name}` on this node: {expected}"))
}

/// What of `list` is asked for, and how much there is in all.
pub(super) fn page<T>(list: Vec<T>, offset: u64, limit: Option<u64>) -> (Vec<T>, u64) {
    let total = list.len() as u64;
    let (offset, limit) = (usize::try_from(offset), limit.map(usize::try_from));
    let skipped = list.into_iter().skip(offset.unwrap_or(usize::MAX));
    (skipped.take(limit.and_then(Result::ok).unwrap_or(usize::MAX)).collect(), total)
}

/// The MAC address that is asked for.
pub(super) fn parse_mac(text: &str) -> Result<MacAddr, ErrorDocument> {
    text.parse().map_err(|_| {
        let message = format!("`{text}` is no MAC address: expected six octets as in 02:00:00:00:10:64");
        ErrorDocument::new(ErrorCode::BadRequest, message)
    })
}

/// Whether a name fits a pattern, in which `*` stands for any text and `?` for any one character. Linear in the name for
/// each `*`: no pattern takes long.
pub(super) fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut seen) = (0, 0);
    // Where the latest `*` is, and how much of the name it stands for so far.
    let mut star: Option<(usize, usize)> = None;
    while seen < name.len() {
        match (pattern.get(at), star) {
            (Some('*'), _) => {
                star = Some((at, seen));
                at += 1;
            }
            (Some(&c), _) if c == '?' || c == name[seen] => (at, seen) = (at + 1, seen + 1),
            (_, Some((place, taken))) => {
                star = Some((place, taken + 1));
                (at, seen) = (place + 1, taken + 1);
            }
            (_, None) => return false,
        }
    }
    pattern[at..].iter().all(|&c| c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_any_text_and_a_question_mark_any_one_character() {
        for (pattern, name, expected) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("*", "blue-server", true),
            ("blue-*", "blue-server", true),
            ("blue-*", "blue", false),
            ("*-server", "blue-server", true),
            ("*-server", "blue-servers", false),
            ("b*e*r", "blue-server", true),
            ("blue-serve?", "blue-server", true),
            ("blue-server?", "blue-server", false),
            ("*a*a*b", "aaaaaaaaab", true),
            ("*a*a*c", "aaaaaaaaab", false),
            ("Blue*", "blue-server", false),
            ("gr\u{fc}n?", "gr\u{fc}n1", true),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn a_page_tells_how_much_there_is_in_all() {
        assert_eq!(page(vec![1, 2, 3], 0, None), (vec![1, 2, 3], 3));
        assert_eq!(page(vec![1, 2, 3], 1, Some(1)), (vec![2], 3));
        assert_eq!(page(vec![1, 2, 3], 9, Some(9)), (vec![], 3));
        assert_eq!(page(vec![1], u64::MAX, Some(u64::MAX)), (vec![], 1));
    }

    #[test]
    fn an_unknown_name_is_told_what_there_is_but_not_all_of_many() {
        let names: Vec<String> = (0..25).map(|n| format!("n{n}")).collect();
        let error = not_found("port", "x", names.iter().map(String::as_str));
        assert!(error.message.starts_with("no port `x` on this node: expected one of n0, n1, "), "{error}");
        assert!(error.message.ends_with(", n19 and 5 more"), "{error}");
        assert_eq!(not_found("port", "x", std::iter::empty()).message, "no port `x` on this node: there is none");
    }
}
