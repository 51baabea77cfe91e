//! Quantities in words.

use std::time::Duration;

/// What stands for a value that there is none of.
pub(crate) const NONE: &str = "-";

/// `813 ns`, `12.3 us`, `4.51 ms`, `1.25 s`, `61 s`, `2 h 5 min`, `3 d 4 h`: three digits tell enough.
pub(crate) fn duration(duration: Duration) -> String {
    let nanoseconds = duration.as_nanos();
    let seconds = duration.as_secs();
    match nanoseconds {
        0..1_000 => format!("{nanoseconds} ns"),
        1_000..1_000_000 => three_digits(nanoseconds, 1_000, "us"),
        1_000_000..1_000_000_000 => three_digits(nanoseconds, 1_000_000, "ms"),
        1_000_000_000..60_000_000_000 => three_digits(nanoseconds, 1_000_000_000, "s"),
        _ if seconds < 3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ if seconds < 86_400 => format!("{} h {} min", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3_600 % 24),
    }
}

/// Cut off rather than rounded: 999.9 us is not yet 1 ms.
fn three_digits(value: u128, unit: u128, name: &str) -> String {
    let (whole, hundredths) = (value / unit, value % unit * 100 / unit);
    match whole {
        0..10 => format!("{whole}.{hundredths:02} {name}"),
        10..100 => format!("{whole}.{} {name}", hundredths / 10),
        _ => format!("{whole} {name}"),
    }
}

/// `100 Mbit/s`, `2.5 Gbit/s`, `10 Gbit/s`.
pub(crate) fn speed(mbps: u32) -> String {
    match (mbps / 1_000, mbps % 1_000) {
        (0, _) => format!("{mbps} Mbit/s"),
        (gbps, 0) => format!("{gbps} Gbit/s"),
        (gbps, rest) => format!("{gbps}.{} Gbit/s", format!("{rest:03}").trim_end_matches('0')),
    }
}

/// `0`, `0.5`, `9.9`, `10`, `14880952`: of what comes a second.
pub(crate) fn per_second(rate: f64) -> String {
    if rate > 0.0 && rate < 9.95 { format!("{rate:.1}") } else { format!("{rate:.0}") }
}

/// `0`, `640`, `64.0 k`, `1.25 M`, `9.87 G`: bits a second, to three digits.
pub(crate) fn bits_per_second(rate: f64) -> String {
    let (value, unit) = match rate {
        1e9.. => (rate / 1e9, " G"),
        1e6.. => (rate / 1e6, " M"),
        1e3.. => (rate / 1e3, " k"),
        _ => return format!("{rate:.0}"),
    };
    match value {
        100.0.. => format!("{value:.0}{unit}"),
        10.0.. => format!("{value:.1}{unit}"),
        _ => format!("{value:.2}{unit}"),
    }
}

/// `0, 100-102, 200`, of ascending VLAN ids.
pub(crate) fn vlans(ids: &[u16]) -> String {
    let mut ranges: Vec<(u16, u16)> = Vec::new();
    for &id in ids {
        match ranges.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(id) => *last = id,
            _ => ranges.push((id, id)),
        }
    }
    let range = |&(first, last): &(u16, u16)| match last - first {
        0 => vlan(first),
        _ => format!("{}-{last}", vlan(first)),
    };
    if ranges.is_empty() { NONE.to_owned() } else { ranges.iter().map(range).collect::<Vec<_>>().join(", ") }
}

/// `100`, or `untagged` for 0.
pub(crate) fn vlan(id: u16) -> String {
    if id == 0 { "untagged".to_owned() } else { id.to_string() }
}

/// `100`, `untagged`, or `100.7` for two tags, the outer one first.
pub(crate) fn vlans_of(outer: u16, inner: Option<u16>) -> String {
    inner.map_or_else(|| vlan(outer), |inner| format!("{outer}.{inner}"))
}

/// `a, b, c and 12 more`: at most `most` of the names.
pub(crate) fn some_of<T: ToString>(names: &[T], most: usize) -> String {
    let listed = names.iter().take(most).map(T::to_string).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(most) {
        _ if names.is_empty() => NONE.to_owned(),
        0 => listed,
        more => format!("{listed} and {more} more"),
    }
}

/// The value, or [`NONE`].
pub(crate) fn or_none<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| NONE.to_owned(), |value| value.to_string())
}

/// `1 VMI`, `2 VMIs`.
pub(crate) fn count(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_three_digits_and_a_unit() {
        for (nanoseconds, text) in [
            (0, "0 ns"),
            (999, "999 ns"),
            (1_000, "1.00 us"),
            (999_999, "999 us"),
            (4_512_345, "4.51 ms"),
            (45_123_456, "45.1 ms"),
            (1_250_000_000, "1.25 s"),
            (59_999_999_999, "59.9 s"),
            (60_000_000_000, "1 min 0 s"),
            (7_500_000_000_000, "2 h 5 min"),
            (273_600_000_000_000, "3 d 4 h"),
        ] {
            assert_eq!(duration(Duration::from_nanos(nanoseconds)), text);
        }
    }

    #[test]
    fn speeds_read_as_on_the_box() {
        assert_eq!(speed(100), "100 Mbit/s");
        assert_eq!(speed(2_500), "2.5 Gbit/s");
        assert_eq!(speed(100_000), "100 Gbit/s");
    }

    #[test]
    fn rates_have_three_digits() {
        for (rate, text) in [(0.0, "0"), (0.5, "0.5"), (9.9, "9.9"), (12.3, "12"), (14_880_952.4, "14880952")] {
            assert_eq!(per_second(rate), text);
        }
        for (rate, text) in [
            (0.0, "0"),
            (999.0, "999"),
            (64_000.0, "64.0 k"),
            (1_250_000.0, "1.25 M"),
            (9.87e9, "9.87 G"),
            (1e11, "100 G"),
        ] {
            assert_eq!(bits_per_second(rate), text);
        }
    }

    #[test]
    fn vlans_run_together() {
        assert_eq!(vlans(&[]), "-");
        assert_eq!(vlans(&[0, 100, 101, 102, 200]), "untagged, 100-102, 200");
        assert_eq!(vlans(&[u16::MAX]), "65535");
    }

    #[test]
    fn long_lists_are_cut_and_say_so() {
        assert_eq!(some_of::<String>(&[], 3), "-");
        assert_eq!(some_of(&["a", "b", "c"], 3), "a, b, c");
        assert_eq!(some_of(&["a", "b", "c", "d"], 3), "a, b, c and 1 more");
    }
}
