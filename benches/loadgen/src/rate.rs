//! How many frames a second, as users say it.

use std::fmt;
use std::str::FromStr;

/// Preamble and gap between frames: what a frame takes on a wire beside its octets.
const WIRE_OCTETS: f64 = 20.0;

/// A rate of one direction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rate {
    /// Frames a second.
    Frames(f64),
    /// Bits of frames a second, check sequence included.
    Bits(f64),
    /// Percent of what the link carries, preamble and gap included.
    Percent(f64),
    /// As fast as the port takes frames.
    Max,
}

/// A text that is no rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected frames a second (1000000, 1.5M, 200k), Mbit or Gbit (500Mbit), percent of the link (50%), or `max`")]
pub struct RateError;

/// A rate in percent for a link of unknown speed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the port does not tell the speed of its link: expected frames a second or Mbit")]
pub struct NoSpeed;

impl Rate {
    /// Frames a second of `octets` each, check sequence included; `None` for [`Self::Max`].
    ///
    /// # Errors
    /// A percentage of a link whose speed, in megabits a second, is not known.
    pub fn frames_per_second(self, octets: f64, link_mbps: Option<u32>) -> Result<Option<f64>, NoSpeed> {
        Ok(match self {
            Self::Frames(rate) => Some(rate),
            Self::Bits(bits) => Some(bits / 8.0 / octets),
            Self::Percent(percent) => {
                let bits = f64::from(link_mbps.ok_or(NoSpeed)?) * 1e6 * percent / 100.0;
                Some(bits / 8.0 / (octets + WIRE_OCTETS))
            }
            Self::Max => None,
        })
    }
}

impl FromStr for Rate {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, RateError> {
        if text == "max" {
            return Ok(Self::Max);
        }
        let units = ["Mbit", "Gbit", "%", "M", "k"];
        let unit = units.into_iter().find_map(|unit| Some((text.strip_suffix(unit)?, unit)));
        let (number, unit) = unit.unwrap_or((text, ""));
        let plain = number.bytes().all(|octet| octet.is_ascii_digit() || octet == b'.');
        let value: f64 = number.parse().ok().filter(|_| plain).ok_or(RateError)?;
        let rate = match unit {
            "Mbit" => Self::Bits(value * 1e6),
            "Gbit" => Self::Bits(value * 1e9),
            "%" => Self::Percent(value),
            "M" => Self::Frames(value * 1e6),
            "k" => Self::Frames(value * 1e3),
            _ => Self::Frames(value),
        };
        let legal = match rate {
            Self::Percent(percent) => percent <= 100.0,
            Self::Frames(frames) => (1.0..=1e9).contains(&frames),
            Self::Bits(bits) => bits <= 1e12,
            Self::Max => true,
        };
        if value > 0.0 && legal { Ok(rate) } else { Err(RateError) }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frames(rate) => write!(f, "{rate}"),
            Self::Bits(bits) => write!(f, "{}Mbit", bits / 1e6),
            Self::Percent(percent) => write!(f, "{percent}%"),
            Self::Max => f.write_str("max"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_understood_and_comes_back() {
        let texts = [("1000000", 1e6), ("1.5M", 1.5e6), ("200k", 2e5)];
        for (text, frames) in texts {
            assert_eq!(text.parse(), Ok(Rate::Frames(frames)), "{text}");
        }
        assert_eq!("1Gbit".parse(), Ok(Rate::Bits(1e9)));
        for text in ["12.5%", "500Mbit", "max", "7"] {
            assert_eq!(text.parse::<Rate>().map(|rate| rate.to_string()), Ok(text.to_owned()));
        }
        for text in ["", "-1", "0", "101%", "1e6", "M", "10GBit", "inf", "nan", "0.5", "2000M"] {
            assert_eq!(text.parse::<Rate>(), Err(RateError), "{text}");
        }
    }

    #[test]
    fn a_gigabit_carries_1_488_095_of_the_shortest_frames() {
        let rate = Rate::Percent(100.0).frames_per_second(64.0, Some(1000)).expect("the speed is known");
        assert_eq!(rate.map(f64::floor), Some(1_488_095.0));
        assert_eq!(Rate::Percent(1.0).frames_per_second(64.0, None), Err(NoSpeed));
        assert_eq!(Rate::Bits(512e6).frames_per_second(64.0, None), Ok(Some(1e6)));
        assert_eq!(Rate::Max.frames_per_second(64.0, None), Ok(None));
    }
}
