//! The two ports, opened and connected.

use dpdk::{
    Device, Eal, Offloads, Pool, PoolConfig, PoolError, Port, PortConfig, PortError, Problem, RxQueue, RxQueues,
    TxQueue,
};
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How often a port is asked whether its link is up.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How long a memif's server may take to let a client in.
const LET_IN: Duration = Duration::from_millis(500);

/// An open port with its queues and its buffers.
#[derive(Debug)]
pub struct End {
    /// `access` or `fabric`.
    pub name: &'static str,
    /// As it was given.
    pub device: Device,
    /// The control side.
    pub port: Port,
    /// Its only receive queue.
    pub rx: RxQueue,
    /// Its only transmit queue.
    pub tx: TxQueue,
    /// Buffers to send with: those to receive with are others.
    pub pool: Pool,
}

/// Why a port cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EndError {
    /// It does not open.
    #[error(transparent)]
    Port(#[from] PortError),
    /// There is no memory for its buffers.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// The driver gave it no queue.
    #[error("port {name} ({device}) has no queue")]
    NoQueue {
        /// Which.
        name: &'static str,
        /// As it was given.
        device: Device,
    },
    /// Nobody is at the other end.
    #[error("port {name} ({device}) has no link after {seconds} s: expected somebody at the other end")]
    NoLink {
        /// Which.
        name: &'static str,
        /// As it was given.
        device: Device,
        /// How long it was waited for.
        seconds: f64,
    },
    /// A signal came first.
    #[error("interrupted while port {name} ({device}) waited for its link")]
    Interrupted {
        /// Which.
        name: &'static str,
        /// As it was given.
        device: Device,
    },
}

/// How long to wait for the other ends, and what ends the waiting before.
#[derive(Clone, Copy)]
pub struct Patience<'s> {
    /// When to give up.
    pub until: Instant,
    /// How long that was at first.
    pub time: Duration,
    /// Whether the user has had enough.
    pub stop: &'s dyn Fn() -> bool,
}

impl End {
    /// Opens the port for frames of `longest` octets, check sequence not counted, as soon as the socket that it connects to is
    /// there. A memif client knocks once, when it is opened, and a server that is not ready sends it away: so it is opened again
    /// until it is let in.
    ///
    /// # Errors
    /// See [`EndError`].
    pub fn open(
        eal: &Eal,
        name: &'static str,
        device: &Device,
        longest: usize,
        patience: Patience<'_>,
    ) -> Result<Self, EndError> {
        let mtu = u16::try_from(longest.saturating_sub(14)).unwrap_or(u16::MAX).max(1500);
        let room = mtu.saturating_add(64).max(2048);
        let mbufs = if room > 4096 { 2047 } else { 4095 };
        let pool = |purpose: &str| {
            let config = PoolConfig::new(format!("{name}-{purpose}"), mbufs);
            Pool::new(eal, &PoolConfig { data_room_octets: room, ..config })
        };
        let config = PortConfig {
            rx_queues: RxQueues::Exactly(1),
            mtu,
            promiscuous: true,
            offloads: Offloads::NONE,
            ..PortConfig::new(name, device.clone())
        };
        let pools = [pool("rx")?];
        while server_of(device).is_some_and(|server| !server.is_there()) && patience.is_left() {
            std::thread::sleep(LOOK_EVERY);
        }
        let (port, rx, tx) = loop {
            let opened = Port::open(eal, &config, &pools);
            let refused = match &opened {
                Ok((port, ..)) => is_memif_client(device) && !comes_up(port, patience)?,
                Err(error) => matches!(error.problem, Problem::Step { step: "start", .. }),
            };
            if !refused || !patience.is_left() {
                break opened?;
            }
        };
        let (Some(rx), Some(tx)) = (rx.into_iter().next(), tx.into_iter().next()) else {
            return Err(EndError::NoQueue { name, device: device.clone() });
        };
        Ok(Self { name, device: device.clone(), port, rx, tx, pool: pool("tx")? })
    }

    /// Waits until somebody is at the other end.
    ///
    /// # Errors
    /// Nobody came in time, the user had enough, or the driver does not know.
    pub fn wait_for_link(&self, patience: Patience<'_>) -> Result<(), EndError> {
        while !self.port.link()?.up {
            let (name, device) = (self.name, self.device.clone());
            if (patience.stop)() {
                return Err(EndError::Interrupted { name, device });
            }
            if !patience.is_left() {
                return Err(EndError::NoLink { name, device, seconds: patience.time.as_secs_f64() });
            }
            std::thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }
}

impl<'s> Patience<'s> {
    /// So long from now on, or until `stop`.
    #[must_use]
    pub fn new(time: Duration, stop: &'s dyn Fn() -> bool) -> Self {
        Self { until: Instant::now() + time, time, stop }
    }

    /// Neither time nor the user's patience is over.
    #[must_use]
    pub fn is_left(&self) -> bool {
        Instant::now() < self.until && !(self.stop)()
    }
}

/// Whether the port's link comes up soon.
fn comes_up(port: &Port, patience: Patience<'_>) -> Result<bool, PortError> {
    let until = Instant::now() + LET_IN;
    while !port.link()?.up {
        if Instant::now() > until || !patience.is_left() {
            return Ok(false);
        }
        std::thread::sleep(LOOK_EVERY);
    }
    Ok(true)
}

fn is_memif_client(device: &Device) -> bool {
    device.name().starts_with("net_memif") && server_of(device).is_some()
}

/// A socket of somebody else's that a device connects to.
#[derive(Debug, PartialEq, Eq)]
enum Server {
    /// In the file system.
    File(PathBuf),
    /// In the abstract name space of Linux.
    Abstract(String),
}

impl Server {
    fn is_there(&self) -> bool {
        match self {
            Self::File(path) => path.exists(),
            Self::Abstract(name) => {
                let sockets = fs::read_to_string("/proc/net/unix").unwrap_or_default();
                let name = format!("@{name}");
                // Its length is the socket address's, so zeros may stand behind it, which the kernel shows as `@`.
                sockets
                    .lines()
                    .filter_map(|line| line.split(' ').next_back())
                    .any(|found| found.strip_prefix(&name).is_some_and(|rest| rest.bytes().all(|octet| octet == b'@')))
            }
        }
    }
}

/// The socket that a memif or virtio-user port connects to; nothing for one that others connect to.
fn server_of(device: &Device) -> Option<Server> {
    let Device::Virtual { name, arguments } = device else { return None };
    let argument = |key: &str| {
        let pairs = arguments.split(',').filter_map(|pair| pair.split_once('='));
        pairs.rev().find(|(name, _)| *name == key).map(|(_, value)| value)
    };
    if name.starts_with("net_memif") && !matches!(argument("role"), Some("server" | "master")) {
        let socket = argument("socket").unwrap_or("/run/memif.sock");
        let is_file = argument("socket-abstract") == Some("no");
        return Some(if is_file { Server::File(socket.into()) } else { Server::Abstract(socket.into()) });
    }
    let virtio = name.starts_with("virtio_user") || name.starts_with("net_virtio_user");
    let serves = argument("server") == Some("1");
    argument("path").filter(|_| virtio && !serves).map(|path| Server::File(path.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_device_that_connects_to_a_socket_has_a_server() {
        let server = |text: &str| server_of(&text.parse().expect("a device"));
        let file = |path: &str| Some(Server::File(path.into()));
        assert_eq!(server("net_memif0,role=client,socket=/a,socket-abstract=no"), file("/a"));
        assert_eq!(server("net_memif0,socket=/a"), Some(Server::Abstract("/a".into())));
        assert_eq!(server("net_memif0,role=server,socket=/a,socket-abstract=no"), None);
        assert_eq!(server("virtio_user0,path=/b,queues=1"), file("/b"));
        assert_eq!(server("virtio_user0,path=/b,server=1"), None);
        assert_eq!(server("net_tap0,iface=x"), None);
    }

    #[test]
    fn a_socket_is_there_once_somebody_listens() {
        use std::os::linux::net::SocketAddrExt;
        use std::os::unix::net::{SocketAddr, UnixListener};
        let name = format!("cwtest-loadgen-{}", std::process::id());
        assert!(!Server::Abstract(name.clone()).is_there());
        let address = SocketAddr::from_abstract_name(&name).expect("a short name");
        let _listener = UnixListener::bind_addr(&address).expect("nobody has it");
        assert!(Server::Abstract(name).is_there() && !Server::File("/nonexistent".into()).is_there());
    }
}
