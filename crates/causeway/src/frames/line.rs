//! Frames as text, and as a JSON object a line.

use std::io::{self, Write};

use api::{LastDropsDocument, SeenDirection, SeenFrame, SeenTotals, WatchDocument, WatchQuery};

use super::{Sink, pcapng::comment};
use crate::table::printable;

/// Octets in a line of a dump.
const DUMP_OCTETS: usize = 16;

/// Writes frames to standard output.
pub(super) struct Lines {
    json: bool,
    stages: bool,
    written: u64,
}

impl Lines {
    /// With what each stage made of them, if `stages`.
    pub(super) fn new(json: bool, stages: bool) -> Self {
        Self { json, stages, written: 0 }
    }

    fn text(&mut self, frame: &SeenFrame) -> io::Result<String> {
        self.written += 1;
        if self.json {
            return Ok(serde_json::to_string(frame)? + "\n");
        }
        Ok(if self.stages { story(self.written, frame) } else { line(frame) + "\n" })
    }
}

impl Sink for Lines {
    fn begin(&mut self, _query: &WatchQuery, _document: &WatchDocument) -> io::Result<()> {
        Ok(())
    }

    fn frames(&mut self, frames: &[SeenFrame]) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        for frame in frames {
            stdout.write_all(self.text(frame)?.as_bytes())?;
        }
        stdout.flush()
    }

    fn end(&mut self, _totals: SeenTotals) -> io::Result<()> {
        Ok(())
    }
}

/// `12:00:00.123456789 in trunk, 98 octets, 02:.. > 02:.., verdict: ...`
fn line(frame: &SeenFrame) -> String {
    let way = match frame.direction {
        SeenDirection::In => "in",
        SeenDirection::Out => "out",
    };
    let port = frame.port.as_deref().unwrap_or("-");
    let octets = frame.data_octets().unwrap_or_default();
    let addresses = octets.first_chunk::<12>().map(|macs| format!(", {} > {}", mac(&macs[6..]), mac(&macs[..6])));
    printable(&format!(
        "{} {way} {port}, {} octets{}; {}",
        time(frame),
        frame.octets,
        addresses.unwrap_or_default(),
        comment(frame)
    ))
    .to_string()
}

/// To the nanosecond.
fn time(frame: &SeenFrame) -> String {
    let text = frame.at.to_string();
    let second = text.trim_end_matches('Z');
    format!("{second}.{:09}Z", frame.at_ns % 1_000_000_000)
}

fn mac(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect::<Vec<_>>().join(":")
}

fn story(number: u64, frame: &SeenFrame) -> String {
    let mut text = format!("{number}: {}\n", line(frame));
    let width = frame.stages.iter().map(|stage| stage.stage.len()).max().unwrap_or(0);
    for stage in &frame.stages {
        let place = stage.place.as_ref().map(|place| format!("  ({place})")).unwrap_or_default();
        text += &format!("  {:width$}  {}{place}\n", stage.stage, printable(&stage.said));
    }
    if !frame.left_as.is_empty() {
        text += &format!("  left as\n{}", dump(&api::octets_of(&frame.left_as).unwrap_or_default()));
    }
    text
}

fn dump(octets: &[u8]) -> String {
    let line = |(n, octets): (usize, &[u8])| {
        let digits: Vec<String> = octets.iter().map(|octet| format!("{octet:02x}")).collect();
        format!("    {:04x}  {}\n", n * DUMP_OCTETS, digits.join(" "))
    };
    octets.chunks(DUMP_OCTETS).enumerate().map(line).collect()
}

/// The latest dropped frames, each with its octets.
pub(crate) fn last_drops(document: &LastDropsDocument, narrowed: bool) -> String {
    let mut text = String::new();
    for frame in &document.frames {
        text += &format!("{}\n{}", line(frame), dump(&frame.data_octets().unwrap_or_default()));
    }
    if document.frames.is_empty() {
        text += if narrowed { "no such frame was dropped and kept\n" } else { "no dropped frame was kept\n" };
    }
    if document.lost > 0 {
        text += &format!("{} more were to be kept and came too many at once\n", document.lost);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame() -> SeenFrame {
        serde_json::from_value(serde_json::json!({
            "at": "2026-11-25T03:20:01Z", "at_ns": 1_795_576_801_000_000_042u64, "worker": 0, "port": "trunk",
            "direction": "in", "octets": 98, "data": "020000002064020000001064810000640800",
            "verdict": "dropped: unknown_source_mac", "drop": "unknown_source_mac", "vmi": "blue-1", "network": "blue",
            "place": {"file": "network.yaml", "line": 42, "column": 5},
            "stages": [{"stage": "parse", "said": "98 octets by trunk"}, {"stage": "classify", "said": "dropped"}]
        }))
        .expect("a frame")
    }

    #[test]
    fn a_frame_is_a_line_with_what_became_of_it() {
        assert_eq!(
            line(&frame()),
            "2026-11-25T03:20:01.000000042Z in trunk, 98 octets, 02:00:00:00:10:64 > 02:00:00:00:20:64; verdict: dropped: \
             unknown_source_mac; VMI: blue-1; network: blue; configuration: network.yaml:42"
        );
    }

    #[test]
    fn a_traced_frame_is_told_stage_by_stage() {
        let told = story(3, &frame());
        let lines: Vec<&str> = told.lines().collect();
        assert!(lines[0].starts_with("3: 2026-11-25T03:20:01.000000042Z in trunk"));
        assert_eq!(lines[1..], ["  parse     98 octets by trunk", "  classify  dropped"]);
    }

    #[test]
    fn dropped_frames_are_shown_with_their_octets() {
        let document = LastDropsDocument { frames: vec![frame()], lost: 2 };
        let text = last_drops(&document, false);
        let dumped: Vec<&str> = text.lines().skip(1).collect();
        assert_eq!(dumped[0], "    0000  02 00 00 00 20 64 02 00 00 00 10 64 81 00 00 64");
        assert_eq!(dumped[1], "    0010  08 00");
        assert_eq!(dumped[2], "2 more were to be kept and came too many at once");
        assert_eq!(last_drops(&LastDropsDocument::default(), true), "no such frame was dropped and kept\n");
    }
}
