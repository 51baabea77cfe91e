//! How long frames are: all the same, or a mix.

use std::fmt;
use std::str::FromStr;

/// The shortest frame: what carries a number in IPv4 and UDP.
pub const MIN: u16 = 64;
/// The longest frame.
pub const MAX: u16 = 9600;
/// The frame check sequence, which is counted and not seen.
pub const CHECK_SEQUENCE: u16 = 4;

/// How often which length stands in a mix (a usual "IMIX"): 28, 16 and 4 of 48.
const IMIX: [(u16, usize); 3] = [(64, 28), (570, 16), (1518, 4)];

/// The lengths of a stream's frames. A length counts as RFC 2544 does: untagged, outside of any tunnel, with the frame
/// check sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// As it was given.
    text: Box<str>,
    /// The lengths in use, none twice.
    distinct: Vec<u16>,
    /// Indices into `distinct`, in the order of the frames, and from the beginning again.
    cycle: Vec<u8>,
}

/// A text that names no length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected `imix`, or {MIN} to {MAX} octets")]
pub struct SizesError;

impl Sizes {
    /// The lengths in use, none twice.
    #[must_use]
    pub fn distinct(&self) -> &[u16] {
        &self.distinct
    }

    /// The index in [`Self::distinct`] of the length of a frame.
    #[inline]
    #[must_use]
    pub fn index(&self, sequence: u64) -> usize {
        match self.cycle.as_slice() {
            [] | [_] => 0,
            cycle => usize::from(cycle[(sequence % cycle.len() as u64) as usize]),
        }
    }

    /// The longest.
    #[must_use]
    pub fn longest(&self) -> u16 {
        self.distinct.iter().copied().max().unwrap_or(MIN)
    }

    /// The mean over a whole cycle, in octets.
    #[must_use]
    pub fn mean(&self) -> f64 {
        let octets: f64 = (0..self.cycle.len() as u64).map(|n| f64::from(self.distinct[self.index(n)])).sum();
        octets / self.cycle.len() as f64
    }

    fn one(size: u16) -> Self {
        Self { text: size.to_string().into(), distinct: vec![size], cycle: vec![0] }
    }

    /// Each length as evenly spread over the cycle as its number allows.
    fn mix(text: &str, parts: &[(u16, usize)]) -> Self {
        let total: usize = parts.iter().map(|part| part.1).sum();
        let place = |(kind, count): (usize, usize)| {
            (0..count).map(move |n| ((2 * n + 1) * total * 1000 / (2 * count), kind as u8))
        };
        let mut places: Vec<_> = parts.iter().map(|part| part.1).enumerate().flat_map(place).collect();
        places.sort_unstable();
        Self {
            text: text.into(),
            distinct: parts.iter().map(|part| part.0).collect(),
            cycle: places.into_iter().map(|(_, kind)| kind).collect(),
        }
    }
}

impl FromStr for Sizes {
    type Err = SizesError;

    fn from_str(text: &str) -> Result<Self, SizesError> {
        if text == "imix" {
            return Ok(Self::mix(text, &IMIX));
        }
        let size = text.parse().map_err(|_| SizesError)?;
        if (MIN..=MAX).contains(&size) { Ok(Self::one(size)) } else { Err(SizesError) }
    }
}

impl fmt::Display for Sizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mix_has_each_length_so_often_and_spread() {
        let sizes: Sizes = "imix".parse().expect("a name");
        let lengths: Vec<u16> = (0..48).map(|n| sizes.distinct()[sizes.index(n)]).collect();
        for (size, count) in IMIX {
            assert_eq!(lengths.iter().filter(|length| **length == size).count(), count);
        }
        let quarters = lengths.chunks(12).map(|quarter| quarter.iter().filter(|length| **length == 1518).count());
        assert!(quarters.into_iter().all(|count| count == 1), "{lengths:?}");
        assert!((sizes.mean() - 353.83).abs() < 0.01, "{}", sizes.mean());
        assert_eq!((sizes.longest(), sizes.index(48)), (1518, sizes.index(0)));
    }

    #[test]
    fn lengths_out_of_range_are_refused() {
        for text in ["63", "9601", "", "-64", "IMIX", "64b"] {
            assert_eq!(text.parse::<Sizes>(), Err(SizesError), "{text}");
        }
        assert_eq!("9000".parse::<Sizes>().expect("in range").longest(), 9000);
    }
}
