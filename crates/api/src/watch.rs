use serde::{Deserialize, Serialize};

use crate::{Place, Timestamp};

/// What is to be seen: the query of `POST /v1/watches`. Exactly one of `vif` and `port` is named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WatchQuery {
    /// Frames as they are on the wire, or what the stages make of them.
    pub kind: WatchKind,
    /// The frames of this VMI.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vif: Option<String>,
    /// The frames of this port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<String>,
    /// Those of the VMI that cross the fabric, in their tunnel; else as they are on its VLAN.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub outside: bool,
    /// Only those that come to the gateway, or only those that leave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<SeenDirection>,
    /// Only those that fit this, in tcpdump's syntax (pcap-filter(7)), as they are on the wire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// At most so many octets of each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snaplen: Option<u32>,
    /// It ends after so many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// It ends after so long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
}

/// What kind of look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WatchKind {
    /// Frames, as they are on a wire.
    Capture,
    /// Frames as they come, with what each stage made of them.
    Trace,
}

/// `POST /v1/watches`: a look that has begun. It ends by itself unless [`SeenDocument`]s are fetched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchDocument {
    /// Its number.
    pub id: u64,
    /// At most so many octets of each frame are seen.
    pub snaplen: u32,
    /// It ends if nothing is fetched for so long.
    pub fetch_within_ms: u64,
}

/// `POST /v1/watches/next?id=ID`: what was seen since the last time. It waits for about half a second if there is nothing.
/// `POST /v1/watches/end?id=ID` ends the look and answers the same.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SeenDocument {
    /// The frames, oldest first.
    pub frames: Vec<SeenFrame>,
    /// Sums since the beginning.
    pub totals: SeenTotals,
    /// Why it is over, once it is: there is nothing more to fetch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
}

/// What became of the frames that were to be seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenTotals {
    /// Delivered, in this document or earlier ones.
    pub delivered: u64,
    /// Seen, and not wanted by the filter.
    pub filtered_out: u64,
    /// To be seen, but more than could be taken in: nobody knows whether the filter wanted them.
    pub lost: u64,
}

/// Whether a frame came to the gateway or left it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeenDirection {
    /// It came in by a port.
    In,
    /// A port was to send it.
    Out,
}

/// A frame that was seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SeenFrame {
    /// When, to the length of a worker's round.
    pub at: Timestamp,
    /// The same in nanoseconds since 1970.
    pub at_ns: u64,
    /// The worker that had it.
    pub worker: u16,
    /// The port, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<String>,
    /// Whether it came in there or went out.
    pub direction: SeenDirection,
    /// Its length.
    pub octets: u32,
    /// Its first octets, as hexadecimal digits.
    pub data: String,
    /// What became of it, in words.
    pub verdict: String,
    /// The reason, if it was dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drop: Option<String>,
    /// The VMI that it came from; of one that left, or came from the fabric, the VMI that it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vmi: Option<String>,
    /// Its virtual network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// The configuration that made it so: the VMI's, else the network's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// What each stage made of it; of a trace only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<SeenStage>,
    /// Its first octets as it left, as hexadecimal digits; of a trace only.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub left_as: String,
}

/// What a stage made of a frame.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenStage {
    /// The stage, by the word that `causeway show drops` uses.
    pub stage: String,
    /// What it found or decided.
    pub said: String,
    /// The configuration behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
}

/// `GET /v1/drops/last`, narrowed down by [`LastDropsQuery`]: the latest frames that were dropped, newest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LastDropsDocument {
    /// The latest of each reason, and the latest of each of the VMIs that had some last.
    pub frames: Vec<SeenFrame>,
    /// Frames that should have been kept and were not, because there were too many at once. Most frames are not kept on
    /// purpose: `GET /v1/drops` counts all.
    pub lost: u64,
}

/// Which dropped frames.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LastDropsQuery {
    /// Only those dropped for this reason; one that does not exist is
    /// [`ErrorCode::NotFound`](crate::ErrorCode::NotFound).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Only those of this VMI; one that does not exist is [`ErrorCode::NotFound`](crate::ErrorCode::NotFound).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vif: Option<String>,
}

impl SeenFrame {
    /// The octets of [`data`](Self::data); `None` if those are no hexadecimal digits.
    pub fn data_octets(&self) -> Option<Vec<u8>> {
        octets_of(&self.data)
    }
}

/// Octets as hexadecimal digits.
pub fn hexadecimal(octets: &[u8]) -> String {
    const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    octets.iter().flat_map(|octet| [DIGITS[usize::from(octet >> 4)], DIGITS[usize::from(octet & 15)]]).collect()
}

/// The octets that hexadecimal digits stand for.
pub fn octets_of(digits: &str) -> Option<Vec<u8>> {
    let (pairs, []) = digits.as_bytes().as_chunks::<2>() else { return None };
    let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    pairs.iter().map(|&[high, low]| Some(digit(high)? << 4 | digit(low)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_survive_as_digits_and_nothing_else_is_taken_for_digits() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(octets_of(&hexadecimal(&all)), Some(all));
        assert_eq!(hexadecimal(&[0, 0x9a]), "009a");
        assert_eq!(octets_of(""), Some(vec![]));
        for wrong in ["0", "0g", "-1", "\u{e4}"] {
            assert_eq!(octets_of(wrong), None, "{wrong}");
        }
    }
}
