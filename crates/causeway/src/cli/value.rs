//! Values that can be typed.

use std::time::{Duration, SystemTime};

use api::Timestamp;

const INTERVAL_MIN: Duration = Duration::from_millis(100);
const INTERVAL_MAX: Duration = Duration::from_secs(3600);

/// A time with its unit: `500ms`, `2s`, `1.5s`, `1m`.
pub(super) fn interval(text: &str) -> Result<Duration, String> {
    let units = [("ms", 0.001), ("s", 1.0), ("m", 60.0)];
    let seconds = units.iter().find_map(|(unit, seconds)| {
        let number = text.strip_suffix(unit)?;
        let plain = number.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        number.parse::<f64>().ok().filter(|_| plain).map(|number| number * seconds)
    });
    let duration = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    duration
        .filter(|duration| (INTERVAL_MIN..=INTERVAL_MAX).contains(duration))
        .ok_or_else(|| "expected a time from 100ms to 60m with its unit: 500ms, 2s, 1m".to_owned())
}

/// A moment, or how long ago it was: `2026-11-22T18:33:00Z`, `30s`, `5m`, `2h`, `3d`.
pub(super) fn since(text: &str) -> Result<Timestamp, String> {
    let units = [("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400)];
    let ago = units.iter().find_map(|(unit, seconds)| {
        let number = text.strip_suffix(unit).filter(|number| number.bytes().all(|b| b.is_ascii_digit()))?;
        number.parse::<u64>().ok()?.checked_mul(*seconds)
    });
    let moment = ago.and_then(|seconds| SystemTime::now().checked_sub(Duration::from_secs(seconds)));
    let moment = moment.map(Timestamp::from).or_else(|| text.parse().ok());
    moment.ok_or_else(|| "expected a time as 2026-11-22T18:33:00Z, or so long ago as 30s, 5m, 2h, 3d".to_owned())
}

/// A MAC address, in the form in which it is shown.
pub(super) fn mac(text: &str) -> Result<String, String> {
    let expected = || "expected six octets, as in 02:00:00:00:10:64".to_owned();
    let octets: Vec<u8> = text
        .split([':', '-'])
        .map(|octet| {
            u8::from_str_radix(octet, 16).ok().filter(|_| matches!(octet.len(), 1 | 2) && !octet.contains('+'))
        })
        .collect::<Option<_>>()
        .filter(|octets: &Vec<u8>| octets.len() == 6)
        .ok_or_else(expected)?;
    Ok(octets.iter().map(|octet| format!("{octet:02x}")).collect::<Vec<_>>().join(":"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_a_number_with_its_unit() {
        for (text, milliseconds) in [("500ms", 500), ("2s", 2_000), ("1.5s", 1_500), ("1m", 60_000), ("60m", 3_600_000)]
        {
            assert_eq!(interval(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in ["", "1", "s", "99ms", "0s", "61m", "-1s", "1h", "1e3s", "infs", "NaNs", "1 s"] {
            assert!(interval(text).is_err_and(|message| message.contains("500ms")), "{text}");
        }
    }

    #[test]
    fn a_moment_is_a_time_or_so_long_ago() {
        let time = "2026-11-22T18:33:00Z";
        assert_eq!(since(time).map(|moment| moment.to_string()), Ok(time.to_owned()));
        let (now, hour_ago) = (Timestamp::now(), since("1h").expect("a time"));
        assert!((3_600..3_605).contains(&hour_ago.age_at(now).as_secs()));
        assert!(since("2d").expect("a time") < hour_ago && since("30s").expect("a time") > hour_ago);
        for text in ["", "h", "-1h", "1.5h", "1w", "yesterday", "2026-11-22", "99999999999999999999s"] {
            assert!(since(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_mac_address_is_six_octets_however_written() {
        for text in ["02:00:5E:0:10:64", "02-00-5e-00-10-64"] {
            assert_eq!(mac(text), Ok("02:00:5e:00:10:64".to_owned()), "{text}");
        }
        for text in
            ["", "02:00:5e:00:10", "02:00:5e:00:10:64:65", "02:00:5e:00:10:6g", "02:00:5e:00:10:+6", "0200.5e00.1064"]
        {
            assert!(mac(text).is_err(), "{text}");
        }
    }
}
