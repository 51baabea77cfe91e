use std::{
    fmt,
    str::FromStr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};

const SECONDS_PER_DAY: u64 = 86_400;

/// A moment, to the second, in UTC. Text and JSON are RFC 3339: `2026-11-22T18:33:00Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Timestamp {
    unix_seconds: u64,
}

/// Text that is no [`Timestamp`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no time of the form 2026-11-22T18:33:00Z")]
pub struct ParseTimestampError(String);

impl Timestamp {
    /// 9999-12-31T23:59:59Z: later ones have no RFC 3339 text.
    pub const MAX: Self = Self { unix_seconds: 253_402_300_799 };

    /// This moment.
    pub fn now() -> Self {
        Self::from(SystemTime::now())
    }

    /// How long ago `self` was at `now`; zero if it is still to come.
    pub fn age_at(self, now: Self) -> Duration {
        Duration::from_secs(now.unix_seconds.saturating_sub(self.unix_seconds))
    }
}

impl From<SystemTime> for Timestamp {
    /// Cuts off below the second. Moments before 1970 become 1970, moments after [`Timestamp::MAX`] become that.
    fn from(time: SystemTime) -> Self {
        let unix_seconds = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Self { unix_seconds }.min(Self::MAX)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut days, second) = (self.unix_seconds / SECONDS_PER_DAY, self.unix_seconds % SECONDS_PER_DAY);
        let mut year = 1970;
        while days >= days_in_year(year) {
            days -= days_in_year(year);
            year += 1;
        }
        let mut month = 1;
        while days >= days_in_month(year, month) {
            days -= days_in_month(year, month);
            month += 1;
        }
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z", days + 1)
    }
}

impl FromStr for Timestamp {
    type Err = ParseTimestampError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).ok_or_else(|| ParseTimestampError(text.to_owned()))
    }
}

impl TryFrom<String> for Timestamp {
    type Error = ParseTimestampError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Timestamp> for String {
    fn from(timestamp: Timestamp) -> Self {
        timestamp.to_string()
    }
}

fn parse(text: &str) -> Option<Timestamp> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
    let legal = year >= 1970
        && (1..=12).contains(&month)
        && (1..=days_in_month(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    if !legal {
        return None;
    }
    let years: u64 = (1970..year).map(days_in_year).sum();
    let months: u64 = (1..month).map(|month| days_in_month(year, month)).sum();
    let unix_seconds = (years + months + day - 1) * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second;
    Some(Timestamp { unix_seconds })
}

/// Three decimal numbers of exactly so many digits, separated by `separator`.
fn numbers(text: &str, separator: char, widths: [usize; 3]) -> Option<[u64; 3]> {
    let mut parts = text.split(separator);
    let mut found = [0; 3];
    for (number, width) in found.iter_mut().zip(widths) {
        let digits = parts.next().filter(|part| part.len() == width && part.bytes().all(|b| b.is_ascii_digit()))?;
        *number = digits.parse().ok()?;
    }
    parts.next().is_none().then_some(found)
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_in_year(year: u64) -> u64 {
    if is_leap(year) { 366 } else { 365 }
}

fn days_in_month(year: u64, month: u64) -> u64 {
    match month {
        2 => 28 + u64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_moments_read_as_rfc_3339() {
        for (unix_seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_700_000_000, "2023-11-14T22:13:20Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (Timestamp::MAX.unix_seconds, "9999-12-31T23:59:59Z"),
        ] {
            let timestamp = Timestamp { unix_seconds };
            assert_eq!(timestamp.to_string(), text);
            assert_eq!(text.parse(), Ok(timestamp));
        }
    }

    #[test]
    fn every_day_of_four_centuries_survives_text() {
        for day in 0..146_097 {
            let timestamp = Timestamp { unix_seconds: day * SECONDS_PER_DAY + day % SECONDS_PER_DAY };
            assert_eq!(timestamp.to_string().parse(), Ok(timestamp));
        }
    }

    #[test]
    fn other_text_is_refused() {
        for text in [
            "",
            "Z",
            "2026-11-22",
            "2026-11-22T18:33:00",
            "2026-11-22 18:33:00Z",
            "2026-13-01T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-00-10T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:60:00Z",
            "2026-01-01T00:00:60Z",
            "1969-12-31T23:59:59Z",
            "+026-01-01T00:00:00Z",
            "2026-01-01-01T00:00:00Z",
            "2026-1-01T00:00:00Z",
        ] {
            assert_eq!(text.parse::<Timestamp>(), Err(ParseTimestampError(text.to_owned())), "{text}");
        }
    }
}
