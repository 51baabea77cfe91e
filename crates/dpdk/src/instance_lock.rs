//! One instance per file prefix: a lock file that the kernel unlocks when its holder ends, however it ends.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Why the lock of a file prefix was not got.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process serves this prefix.
    #[error("{path} is locked by process {holder}: stop that instance, or give this one another file prefix")]
    Held {
        /// The lock file.
        path: PathBuf,
        /// The process id that the holder wrote into the file, `?` where it could not be read.
        holder: Box<str>,
    },
    /// The run directory or the lock file cannot be made.
    #[error("cannot lock {path}: {source}: the run directory must be writable for this user")]
    Io {
        /// The lock file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Holds `<run_dir>/<prefix>.lock`; dropping it removes the file.
#[derive(Debug)]
pub(crate) struct InstanceLock {
    path: PathBuf,
    _file: File,
}

impl InstanceLock {
    /// Takes the lock, making the run directory where it is missing.
    pub(crate) fn acquire(run_dir: &Path, prefix: &str) -> Result<Self, LockError> {
        let path = run_dir.join(format!("{prefix}.lock"));
        let io = |source| LockError::Io { path: path.clone(), source };
        fs::create_dir_all(run_dir).map_err(io)?;
        loop {
            let mut file =
                OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(io)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(LockError::Held { holder: holder(&mut file), path }),
                Err(TryLockError::Error(source)) => return Err(io(source)),
            }
            // A holder that ended between our open and our lock has removed the name: then lock the new file instead.
            if !is_named(&file, &path) {
                continue;
            }
            file.set_len(0).map_err(io)?;
            write!(file, "{}", std::process::id()).map_err(io)?;
            return Ok(Self { path, _file: file });
        }
    }
}

impl Drop for InstanceLock {
    fn drop(&mut self) {
        // Still locked here, so nobody else can have made this name theirs. Failure only leaves an unlocked file behind.
        let _ = fs::remove_file(&self.path);
    }
}

fn is_named(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::metadata(path)) {
        (Ok(ours), Ok(named)) => (ours.dev(), ours.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}

fn holder(file: &mut File) -> Box<str> {
    let mut text = String::new();
    match file.take(20).read_to_string(&mut text) {
        Ok(octets) if octets > 0 => text.trim().into(),
        _ => "?".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run_dir() -> PathBuf {
        std::env::temp_dir().join(format!("cwtest-dpdk-lock-{}", std::process::id()))
    }

    #[test]
    fn a_second_holder_is_refused_by_name_and_the_file_goes_with_the_first() {
        let dir = run_dir();
        let first = InstanceLock::acquire(&dir, "one").expect("nobody else uses this directory");
        let refused = InstanceLock::acquire(&dir, "one").expect_err("the lock is held");
        assert!(refused.to_string().contains(&format!("locked by process {}", std::process::id())), "{refused}");
        InstanceLock::acquire(&dir, "two").expect("another prefix is free");
        drop(first);
        assert!(!dir.join("one.lock").exists());
        fs::remove_dir(&dir).expect("both lock files are gone");
    }

    #[test]
    fn a_run_directory_that_cannot_be_made_is_named() {
        let error = InstanceLock::acquire(Path::new("/proc/no-such-place"), "x").expect_err("/proc takes no files");
        assert!(error.to_string().contains("/proc/no-such-place/x.lock"), "{error}");
    }
}
