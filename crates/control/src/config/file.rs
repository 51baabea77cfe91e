//! A configuration file into memory, within a limit.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use super::place::Place;
use super::problem::{Diagnostic, Problem};

/// Reads a whole text file of at most `limit` octets.
///
/// What is not a regular file is refused unopened: a pipe could block for ever, a device never end. The limit holds
/// against the size that the file claims and, since it may grow, against what is read.
pub(super) fn read(path: &Path, name: &Arc<str>, limit: u64) -> Result<String, Diagnostic> {
    let fail = |problem| Diagnostic { place: Place::start_of(name), problem };
    let unreadable = |error: std::io::Error| fail(Problem::Unreadable { reason: error.kind() });
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(fail(Problem::NotRegular));
    }
    if metadata.len() > limit {
        return Err(fail(Problem::TooLarge { limit }));
    }
    let mut octets = Vec::new();
    File::open(path).and_then(|file| file.take(limit + 1).read_to_end(&mut octets)).map_err(unreadable)?;
    if octets.len() as u64 > limit {
        return Err(fail(Problem::TooLarge { limit }));
    }
    String::from_utf8(octets).map_err(|_| fail(Problem::NotUtf8))
}
