//! Capture files in the classic pcap format, for tools that others wrote.

use std::io::Write;
use std::path::Path;

/// Link type Ethernet.
const ETHERNET: u32 = 1;

/// Writes frames, a microsecond apart.
pub fn write<'f>(path: &Path, frames: impl IntoIterator<Item = &'f [u8]>) -> std::io::Result<()> {
    let mut file = std::io::BufWriter::new(std::fs::File::create(path)?);
    let words = |words: [u32; 4]| words.map(u32::to_le_bytes).concat();
    file.write_all(&[0xa1b2_c3d4, 0x0004_0002, 0, 0].map(u32::to_le_bytes).concat())?;
    file.write_all(&[65_535, ETHERNET].map(u32::to_le_bytes).concat())?;
    for (microseconds, frame) in (0u32..).zip(frames) {
        let octets = frame.len() as u32;
        file.write_all(&words([microseconds / 1_000_000, microseconds % 1_000_000, octets, octets]))?;
        file.write_all(frame)?;
    }
    file.flush()
}
