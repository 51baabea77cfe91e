//! What the service manager is told, by datagrams to the socket that `NOTIFY_SOCKET` names (sd_notify(3)): that we serve, read
//! the configuration again, stop, how we are, and that we are alive. Without that variable nobody listens, and nothing is sent.
//!
//! By hand, since the crate for it does not send to abstract sockets, which container managers use.

use parking_lot::Mutex;
use rustix::time::{ClockId, clock_gettime};
use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// A manager that does not read must not hold us up for longer; what it would have been told is lost.
const SEND_WITHIN: Duration = Duration::from_secs(1);

/// Tells the service manager, if there is one. Used from several threads.
#[derive(Debug, Default)]
pub struct Notifier {
    manager: Option<(UnixDatagram, SocketAddr)>,
    watchdog: Option<Duration>,
    told: Mutex<Told>,
}

#[derive(Debug, Default)]
struct Told {
    status: String,
    reloads: usize,
    stopping: bool,
}

impl Notifier {
    /// For the manager that started this process, by the environment. A socket that cannot be used is logged.
    #[must_use]
    pub fn from_environment() -> Self {
        let read = |name| std::env::var_os(name);
        let manager = read("NOTIFY_SOCKET").and_then(|name| match Self::socket(&name) {
            Ok(manager) => Some(manager),
            Err(error) => {
                tracing::warn!("NOTIFY_SOCKET={}: {error}; the service manager is told nothing", name.display());
                None
            }
        });
        let number = |name| read(name)?.to_str()?.parse::<u64>().ok();
        let is_ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
        let watchdog = number("WATCHDOG_USEC").filter(|usec| is_ours && *usec > 0).map(Duration::from_micros);
        Self { manager, watchdog, told: Mutex::default() }
    }

    fn socket(name: &OsStr) -> io::Result<(UnixDatagram, SocketAddr)> {
        let address = match name.as_bytes() {
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
            [b'/', ..] => SocketAddr::from_pathname(name)?,
            _ => return Err(io::Error::other("expected a path, or @ and an abstract name")),
        };
        let socket = UnixDatagram::unbound()?;
        socket.set_write_timeout(Some(SEND_WITHIN))?;
        Ok((socket, address))
    }

    /// How long the manager waits for [`alive`](Self::alive) before it takes us for dead, if it wants to be told at all.
    #[must_use]
    pub fn watchdog(&self) -> Option<Duration> {
        self.watchdog.filter(|_| self.manager.is_some())
    }

    /// The gateway serves.
    pub fn ready(&self) {
        self.send("READY=1\n");
    }

    /// The configuration is about to be read again. [`reloaded`](Self::reloaded) follows, once for each call.
    pub fn reloading(&self) {
        let mut told = self.told.lock();
        told.reloads += 1;
        if told.reloads == 1 && !told.stopping {
            // The manager pairs this with its own order by the time, which has to be in the same message.
            let now = clock_gettime(ClockId::Monotonic);
            let usec = now.tv_sec * 1_000_000 + now.tv_nsec / 1000;
            self.send(&format!("RELOADING=1\nMONOTONIC_USEC={usec}\nSTATUS=reads the configuration\n"));
        }
    }

    /// The configuration was read again; `refused` says why it is not in force.
    pub fn reloaded(&self, refused: Option<&str>) {
        let mut told = self.told.lock();
        told.reloads = told.reloads.saturating_sub(1);
        if told.reloads == 0 && !told.stopping {
            let refused = refused.map(|why| format!("; reload refused: {}", one_line(why))).unwrap_or_default();
            self.send(&format!("READY=1\nSTATUS={}{refused}\n", told.status));
        }
    }

    /// How we are, in a line; sent if it is not what was said last.
    pub fn status(&self, status: &str) {
        let mut told = self.told.lock();
        let status = one_line(status);
        if told.status != status {
            self.send(&format!("STATUS={status}\n"));
            told.status = status;
        }
    }

    /// All that has to move moves.
    pub fn alive(&self) {
        self.send("WATCHDOG=1\n");
    }

    /// We end; nothing but the status is told afterwards.
    pub fn stopping(&self) {
        self.told.lock().stopping = true;
        self.send("STOPPING=1\nSTATUS=stopping\n");
    }

    fn send(&self, message: &str) {
        let Some((socket, address)) = &self.manager else { return };
        if let Err(error) = socket.send_to_addr(message.as_bytes(), address) {
            tracing::debug!(%error, message, "the service manager was not told");
        }
    }
}

/// A message is lines of its own.
fn one_line(text: &str) -> String {
    text.split(['\n', '\r']).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A manager on an abstract socket, which is this network namespace's, and what it tells.
    fn manager(test: &str) -> (UnixDatagram, Notifier) {
        let name = format!("cwtest-{test}-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).expect("short enough");
        let socket = UnixDatagram::bind_addr(&address).expect("a new name");
        socket.set_nonblocking(true).expect("a socket");
        let manager = Notifier::socket(OsStr::new(&format!("@{name}"))).expect("an abstract name");
        (socket, Notifier { manager: Some(manager), ..Notifier::default() })
    }

    fn heard(socket: &UnixDatagram) -> Vec<String> {
        let mut message = [0; 4096];
        let next = || socket.recv(&mut message).ok().map(|octets| String::from_utf8_lossy(&message[..octets]).into());
        std::iter::from_fn(next).collect()
    }

    #[test]
    fn an_abstract_socket_is_told_and_a_status_is_one_line_said_once() {
        let (socket, notifier) = manager("abstract");
        notifier.status("first\nREADY=1");
        notifier.status("first\nREADY=1");
        notifier.ready();
        assert_eq!(heard(&socket), ["STATUS=first READY=1\n", "READY=1\n"]);
    }

    #[test]
    fn reloads_that_overlap_are_one_to_the_manager_and_the_end_comes_last() {
        let (socket, notifier) = manager("overlap");
        notifier.reloading();
        notifier.reloading();
        notifier.reloaded(Some("busy"));
        let first = heard(&socket);
        assert!(first.len() == 1 && first[0].starts_with("RELOADING=1\nMONOTONIC_USEC="), "{first:?}");
        notifier.reloaded(None);
        assert_eq!(heard(&socket), ["READY=1\nSTATUS=\n"]);
        notifier.reloading();
        notifier.stopping();
        notifier.reloaded(None);
        assert_eq!(heard(&socket)[1..], ["STOPPING=1\nSTATUS=stopping\n"]);
    }

    #[test]
    fn what_is_no_socket_is_refused() {
        for name in ["vsock:2:1234", "", "relative"] {
            assert!(Notifier::socket(OsStr::new(name)).is_err(), "{name}");
        }
    }
}
