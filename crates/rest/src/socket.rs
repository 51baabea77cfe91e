//! The socket file: made so that it never exists with wrong rights, and never taken from a daemon that is alive.

use std::{
    fs::{self, DirBuilder, Permissions},
    io::{self, ErrorKind},
    os::unix::{
        fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt, chown},
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
};

use nix::unistd::Gid;

use crate::RestError;

/// Owner and group may connect, nobody else.
const SOCKET_MODE: u32 = 0o660;
const DIRECTORY_MODE: u32 = 0o755;

/// A listening socket file; removed when dropped, if it is still the one that was made.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    device_and_inode: (u64, u64),
}

impl SocketFile {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let ours = fs::symlink_metadata(&self.path).is_ok_and(|m| (m.dev(), m.ino()) == self.device_and_inode);
        if ours && let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!(socket = %self.path.display(), %error, "cannot remove the management socket");
        }
    }
}

/// Listens on `path`. The socket is made under a name of its own, given its mode and group, and only then moved to `path`:
/// at no moment can anybody connect who may not.
pub(crate) fn listen(path: &Path, group: Option<Gid>) -> Result<(UnixListener, SocketFile), RestError> {
    let (directory, name) = match (path.parent(), path.file_name()) {
        (Some(directory), Some(name)) if path.is_absolute() => (directory, name),
        _ => return Err(RestError::SocketPath { socket: path.to_owned() }),
    };
    DirBuilder::new()
        .recursive(true)
        .mode(DIRECTORY_MODE)
        .create(directory)
        .map_err(|source| RestError::Directory { directory: directory.to_owned(), source })?;
    refuse_to_replace(path)?;

    let private = directory.join(format!(".{}.{}", name.to_string_lossy(), std::process::id()));
    let failed =
        |step: &'static str| move |source: io::Error| RestError::Socket { step, socket: path.to_owned(), source };
    remove_if_there(&private).map_err(failed("clear the way for"))?;
    let listener = UnixListener::bind(&private).map_err(failed("bind"))?;
    let moved = give_rights_and_move(&private, path, group).map_err(|(step, source)| failed(step)(source));
    if moved.is_err() {
        // The first error is the one to report; a leftover socket that nobody listens on does no harm.
        let _ = fs::remove_file(&private);
    }
    Ok((listener, moved?))
}

fn give_rights_and_move(
    private: &Path,
    path: &Path,
    group: Option<Gid>,
) -> Result<SocketFile, (&'static str, io::Error)> {
    let failed = |step: &'static str| move |source: io::Error| (step, source);
    if let Some(group) = group {
        chown(private, None, Some(group.as_raw())).map_err(failed("set the group of"))?;
    }
    fs::set_permissions(private, Permissions::from_mode(SOCKET_MODE)).map_err(failed("set the mode of"))?;
    let metadata = fs::symlink_metadata(private).map_err(failed("look at"))?;
    fs::rename(private, path).map_err(failed("put in place"))?;
    Ok(SocketFile { path: path.to_owned(), device_and_inode: (metadata.dev(), metadata.ino()) })
}

/// What is at `path` may be replaced if it is a socket that nobody listens on, left by a daemon that was killed.
fn refuse_to_replace(path: &Path) -> Result<(), RestError> {
    let socket = || path.to_owned();
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(RestError::Socket { step: "look at", socket: socket(), source }),
        Ok(metadata) if !metadata.file_type().is_socket() => {
            return Err(RestError::NotASocket { socket: socket() });
        }
        Ok(_) => {}
    }
    match UnixStream::connect(path) {
        Ok(_) => Err(RestError::InUse { socket: socket() }),
        Err(error) if matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::NotFound) => Ok(()),
        Err(source) => Err(RestError::Socket { step: "try", socket: socket(), source }),
    }
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
