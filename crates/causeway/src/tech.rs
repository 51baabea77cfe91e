//! `causeway show tech`: one archive for a bug report.
//!
//! Whatever cannot be had is left out and named in the archive's `missing.txt`; only an archive that cannot be written is
//! a failure. Everything is bounded: a node with a million MACs and routes gives an archive of some megabytes.

mod sources;

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use api::{ErrorCode, ErrorDocument, Timestamp};
use flate2::{Compression, write::GzEncoder};
use serde::Serialize;

use crate::{
    cli::Tech,
    outcome::{Answer, Failure},
    table::Table,
};

const ABOUT: &str = "\
What is in this archive

documents/  what causewayd says of itself, as JSON; long lists are cut off, `total` says how long they are
config/     the configuration files that it runs with, as they are now
kernel/     what Linux says: interfaces, routes, neighbours, memory, processors
log.txt     the end of the log
missing.txt what could not be had, and why

Values of keys that sound like a secret (password, secret, token and the like) are left out. Packets are not in it. Names,
addresses and the network's structure are: look into it before you pass it on.
";

/// One file of the archive.
struct Piece {
    name: String,
    content: Vec<u8>,
}

/// What is collected, and what could not be.
#[derive(Default)]
struct Collected {
    pieces: Vec<Piece>,
    missing: Vec<String>,
}

impl Collected {
    fn add(&mut self, name: impl Into<String>, content: Result<Vec<u8>, String>) {
        let name = name.into();
        match content {
            Ok(content) => self.pieces.push(Piece { name, content }),
            Err(why) => self.missing.push(format!("{name}: {why}\n")),
        }
    }
}

#[derive(Serialize)]
struct Written {
    path: PathBuf,
    size_octets: u64,
    files: Vec<WrittenFile>,
    missing: Vec<String>,
}

#[derive(Serialize)]
struct WrittenFile {
    name: String,
    size_octets: u64,
}

/// Collects and writes the archive.
pub(crate) fn write(socket: &Path, arguments: &Tech) -> Result<Answer, Failure> {
    let now = Timestamp::now();
    let stem = format!("causeway-tech-{}", now.to_string().replace([':', '-'], ""));
    let path = arguments.output.clone().unwrap_or_else(|| PathBuf::from(format!("{stem}.tar.gz")));
    let refused = |error: io::Error| {
        let advice = match error.kind() {
            io::ErrorKind::AlreadyExists => "it exists already: expected a new file".to_owned(),
            _ => format!("{error}: give another place with --output"),
        };
        let message = format!("cannot write `{}`: {advice}", path.display());
        Failure::failed(ErrorDocument::new(ErrorCode::Other, message))
    };
    // Only for whoever wrote it: the configuration is in it.
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(refused)?;
    let mut all = Collected::default();
    all.add("README.txt", Ok(format!("{ABOUT}\nWritten {now}\n").into_bytes()));
    sources::collect(socket, arguments.log.as_deref(), &mut all);
    if !all.missing.is_empty() {
        let missing = all.missing.concat();
        all.add("missing.txt", Ok(missing.into_bytes()));
    }
    archive(file, &stem, &all.pieces, now).map_err(|error| {
        // Half an archive helps nobody.
        drop(fs::remove_file(&path));
        refused(error)
    })?;
    let size_octets = fs::metadata(&path).map_or(0, |file| file.len());
    let files = all
        .pieces
        .iter()
        .map(|piece| WrittenFile { name: piece.name.clone(), size_octets: piece.content.len() as u64 });
    let written = Written { path, size_octets, files: files.collect(), missing: all.missing };
    let text = text(&written);
    Answer::new(&written, text, &[])
}

fn archive(file: fs::File, stem: &str, pieces: &[Piece], now: Timestamp) -> io::Result<()> {
    let mut archive = tar::Builder::new(GzEncoder::new(file, Compression::default()));
    for piece in pieces {
        let mut header = tar::Header::new_gnu();
        header.set_size(piece.content.len() as u64);
        header.set_mode(0o600);
        header.set_mtime(Timestamp::from(std::time::UNIX_EPOCH).age_at(now).as_secs());
        header.set_cksum();
        archive.append_data(&mut header, format!("{stem}/{}", piece.name), piece.content.as_slice())?;
    }
    archive.into_inner()?.finish()?.flush()
}

fn text(written: &Written) -> String {
    let mut table = Table::new(&["FILE", ">OCTETS"]);
    for file in &written.files {
        table.row([file.name.clone(), file.size_octets.to_string()]);
    }
    let mut text = format!("{table}\n");
    for missing in &written.missing {
        text += &format!("missing {missing}");
    }
    text + &format!(
        "{} written, {} octets; look into it before you pass it on\n",
        written.path.display(),
        written.size_octets
    )
}
